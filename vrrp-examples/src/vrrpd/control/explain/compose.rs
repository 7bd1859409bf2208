//! The explanation, from what the daemon knows.

use std::time::Duration;

use vrrp_core::{Priority, Role, Version, Weight};
use vrrp_io_linux::{HeardFrom, IgnoredFrom, RouterStatus, TrackerStatus};

use super::answer::{Explanation, HeardView, IgnoredView, TimerView};
use crate::vrrpd::config::Instance;
use crate::vrrpd::control::snapshot::{Hand, Snapshot};
use crate::vrrpd::control::status::Since;
use crate::vrrpd::doctor::{Finding, seconds};

/// Explains one router.
pub(super) fn explanation(
    router: &RouterStatus,
    instance: &Instance,
    daemon: &Snapshot,
    findings: Vec<Finding>,
) -> Explanation {
    let subject = Subject { router, instance, daemon };
    let since = |ago: Duration| Since::new(ago, daemon.taken_at);
    let heard = |it: &HeardFrom| HeardView {
        source: it.source.to_string(),
        priority: it.priority.map_or(0, Priority::get),
        interval: it.interval.duration().as_secs_f64(),
        version: if it.version == Version::V2 { 2 } else { 3 },
        last: since(it.ago),
        count: it.count,
    };
    let ignored = |it: &IgnoredFrom| IgnoredView {
        source: it.source.to_string(),
        why: if it.authenticated {
            "sent behind an IP Authentication Header".to_owned()
        } else {
            it.reason.to_string()
        },
        last: since(it.ago),
        count: it.count,
    };
    Explanation {
        router: router.name.clone(),
        interface: router.interface.clone(),
        family: router.family.to_string(),
        vrid: router.vrid.get(),
        state: subject.state(),
        since: router.in_state_for.map(since),
        cause: router.why.clone(),
        source: router.source.map(|source| source.to_string()),
        priority: router.priority.get(),
        configured_priority: instance.priority.get(),
        priority_because: subject.priority_because(),
        findings,
        heard: router.heard.iter().map(heard).collect(),
        ignored: router.ignored.iter().map(ignored).collect(),
        not_sent: router
            .not_sent
            .as_ref()
            .map(|it| format!("to {}, {} ago: {}", it.destination, seconds(it.ago), it.error)),
        trackers: router.trackers.iter().map(|it| subject.tracker(it)).collect(),
        timers: subject.timers(),
        next: subject.next(),
        becomes_master: subject.becomes_master(),
        loses_master: subject.loses_master(),
    }
}

struct Subject<'a> {
    router: &'a RouterStatus,
    instance: &'a Instance,
    daemon: &'a Snapshot,
}

impl Subject<'_> {
    fn state(&self) -> String {
        match self.router.role {
            Role::Initialize if !self.router.faults.is_empty() => "Fault".to_owned(),
            role => role.to_string(),
        }
    }

    /// Returns the Master that was heard last, with its advertisement, where another one is Master.
    fn master(&self) -> Option<&HeardFrom> {
        let master = self.router.master.filter(|_| self.router.role == Role::Backup)?;
        self.router.heard.iter().find(|it| it.source == master && it.priority.is_some())
    }

    fn by_hand(&self) -> impl Iterator<Item = &Hand> {
        let name = &self.router.name;
        self.daemon.by_hand.iter().filter(move |it| it.router == *name).map(|it| &it.change)
    }

    fn priority_because(&self) -> Vec<String> {
        let adjusts = |it: &&TrackerStatus| it.adjustment != 0 && !self.instance.priority.is_owner();
        let trackers = self.router.trackers.iter().filter(adjusts);
        let mut because: Vec<String> =
            trackers.map(|it| format!("{:+} because {}", it.adjustment, self.says(it))).collect();
        because.extend(self.router.addresses.iter().filter_map(|it| {
            let obstacle = it.obstacle.as_ref()?;
            Some(format!("lower because {} cannot be set here: {obstacle}", it.virtual_ip.address))
        }));
        because.extend(self.by_hand().map(|hand| format!("{hand} by hand, until the next reload")));
        because
    }

    fn says(&self, tracker: &TrackerStatus) -> String {
        self.daemon.reasons.explain(self.router.id, tracker.id, &tracker.says)
    }

    /// Returns the state of a tracker, with the last result of its check and the effect.
    fn tracker(&self, it: &TrackerStatus) -> String {
        let check = it.name.strip_prefix("check ");
        let check = check.and_then(|name| self.daemon.checks.iter().find(|check| check.name == name));
        let last = check.and_then(|check| check.last.as_ref()).filter(|_| it.passing != Some(false));
        let last = last.map(|last| format!(" (last result: {})", last.reason)).unwrap_or_default();
        let does = match (it.is_fault(), it.weight, it.adjustment) {
            (true, ..) => "it keeps the router out".to_owned(),
            (false, Weight::Fault, _) => "as it should be".to_owned(),
            (false, _, 0) => "no change of the priority".to_owned(),
            (false, _, adjustment) => format!("{adjustment:+} priority"),
        };
        format!("{}{last}: {does}", self.says(it))
    }

    fn timers(&self) -> Vec<TimerView> {
        let timers = &self.router.timers;
        let timer = |name: &str, ends_in: Option<Duration>, then: &str| {
            ends_in.map(|ends_in| TimerView {
                timer: name.to_owned(),
                ends_in: ends_in.as_secs_f64(),
                then: then.to_owned(),
            })
        };
        let all = [
            timer("master-down", timers.master_down_in, "this router becomes Master, unless a Master is heard before"),
            timer("preempt-delay", timers.preempt_hold_for, "this router no longer tolerates the lower Master"),
            timer("advertisement", timers.next_advertisement_in, "this Master advertises"),
            timer(
                "lease",
                timers.lease_ends_in,
                "this Master gives its addresses up, if it could not advertise before",
            ),
            timer("hand-over", timers.hand_over_ends_in, "the drain ends"),
            timer("retry", timers.retry_in, "the addresses that could not be set are tried again"),
        ];
        all.into_iter().flatten().collect()
    }

    fn next(&self) -> Vec<String> {
        let (router, timers, interval) = (self.router, &self.router.timers, self.instance.interval);
        let mut next = Vec::new();
        match router.role {
            Role::Master => {
                if let Some(until) = timers.hand_over_ends_in {
                    next.push(format!("It is drained: it waits {} more for another Master.", seconds(until)));
                }
                if let Some(at) = timers.next_advertisement_in {
                    next.push(format!("It advertises in {}, and then every {interval}.", seconds(at)));
                }
            }
            Role::Backup => {
                if timers.waits_for_group {
                    next.push("It would be Master, and waits for the other members of its sync group.".to_owned());
                }
                if let Some(master) = self.master() {
                    let due = master.interval.duration().saturating_sub(master.ago);
                    let source = master.source;
                    let due = if due.is_zero() { "now".to_owned() } else { format!("in {}", seconds(due)) };
                    next.push(format!("The next advertisement of the Master {source} is due {due}."));
                }
                if let Some(at) = timers.master_down_in {
                    next.push(format!("If no Master is heard for {}, this router becomes Master.", seconds(at)));
                }
                if let Some(left) = timers.preempt_hold_for {
                    next.push(format!(
                        "It is better than the Master, and takes over when preempt_delay ends, in {}.",
                        seconds(left)
                    ));
                }
            }
            Role::Initialize if router.faults.is_empty() => {
                next.push("Nothing, until it is started: `vrrpctl start`.".to_owned());
            }
            Role::Initialize => {
                next.push("It takes part again as soon as the last fault is gone. Nobody has to start it.".to_owned());
            }
        }
        if let Some(at) = timers.retry_in {
            next.push(format!("The addresses that could not be set are tried again in {}.", seconds(at)));
        }
        let delayed = router.interface_changes.iter().map(|change| format!("{change}."));
        next.extend(delayed);
        next
    }

    fn becomes_master(&self) -> Vec<String> {
        let (router, instance) = (self.router, self.instance);
        let mut ways = Vec::new();
        match router.role {
            Role::Master => return ways,
            Role::Initialize if router.faults.is_empty() => {
                ways.push(format!("It must be started first: `vrrpctl start {}`.", router.name));
            }
            Role::Initialize => {
                let faults = router.faults.iter().map(|fault| format!("This fault must end first: {fault}."));
                ways.extend(faults);
            }
            Role::Backup => {}
        }
        if router.drain.is_some() {
            ways.push(format!("It is drained. `vrrpctl undrain {}` ends that.", router.name));
        }
        let down = seconds(router.master_down_interval);
        let Some(master) = self.master() else {
            ways.push(format!("It hears no Master for {down}."));
            return ways;
        };
        let (source, priority) = (master.source, master.priority.map_or(0, Priority::get));
        ways.push(format!("The Master {source} falls silent for {down} (Master_Down_Interval)."));
        ways.push(format!(
            "The Master {source} releases the addresses (stop, fault or drain there): then {} later (Skew_Time), if nobody better is there.",
            seconds(router.skew_time)
        ));
        let is_better =
            router.priority.get() > priority || (router.priority.get() == priority && router.source > Some(source));
        ways.push(match (is_better, instance.preempt) {
            (true, true) if router.priority.get() > priority => {
                format!("Its priority {} is higher than the {priority} of {source}, so it preempts.", router.priority)
            }
            (true, false) => format!(
                "Its priority {} is not lower than the {priority} of {source}, but it does not preempt (nopreempt).",
                router.priority
            ),
            (_, true) => format!(
                "Its priority {} rises above the {priority} of {source}, or that one falls below it.",
                router.priority
            ),
            (false, false) => {
                format!("A higher priority alone does not make it Master while {source} is: it does not preempt (nopreempt).")
            }
        });
        ways
    }

    fn loses_master(&self) -> Vec<String> {
        let (router, instance) = (self.router, self.instance);
        if router.role != Role::Master {
            return Vec::new();
        }
        let mut ways = Vec::new();
        let own = router.source.map_or_else(|| "its own".to_owned(), |source| source.to_string());
        if instance.priority.is_owner() {
            ways.push("As owner of the addresses (priority 255) it yields to nobody with a lower priority.".to_owned());
        } else {
            ways.push(format!(
                "Another router with virtual router id {} advertises a priority above {}, or the same one from an address above {own}.",
                router.vrid, router.priority
            ));
        }
        if instance.track_own_interface {
            ways.push(format!("{} goes down or loses its address.", router.interface));
        }
        for it in &router.trackers {
            match it.weight {
                Weight::Fault if it.reverse => ways.push(format!("{} passes: that is a fault.", it.name)),
                Weight::Fault => ways.push(format!("{} fails: that is a fault.", it.name)),
                Weight::Adjust(_) if instance.priority.is_owner() => {}
                Weight::Adjust(weight) => {
                    let falls = if it.reverse { weight.get() > 0 } else { weight.get() < 0 };
                    let when = match (it.value, it.passing) {
                        (Some(_), _) if falls => "says a higher number",
                        (Some(_), _) => "says a lower number",
                        // That has happened already.
                        (None, passing) if passing == Some(it.reverse) => continue,
                        (None, _) if it.reverse => "passes",
                        (None, _) => "fails",
                    };
                    let each = if it.value.is_some() { " for each 1" } else { "" };
                    ways.push(format!(
                        "{} {when}: -{} priority{each}. Then any Backup with a higher one takes over.",
                        it.name,
                        weight.get().unsigned_abs()
                    ));
                }
            }
        }
        if let Some(lease) = router.timers.lease_ends_in {
            ways.push(format!(
                "It cannot advertise for {} (its process hangs, or the packet filter drops it).",
                seconds(lease)
            ));
        }
        ways.push(format!("Somebody hands it over: `vrrpctl drain {}`.", router.name));
        ways
    }
}
