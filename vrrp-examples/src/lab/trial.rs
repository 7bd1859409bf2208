//! One run of one check, and the verdict on it.

use std::time::{Duration, Instant};

use super::checks::{Check, Fault};
use super::measure::{Moments, Service, describe_holders, holders_between, on_both};
use super::options::DaemonKind;
use super::report::{Outcome, ms, progress};
use super::rig::Rig;
use super::timeline::Asker;
use super::topology::HostId;
use crate::testbed::error::Error;

/// The most by which a takeover may be later than the protocol's minimum: ten times the figure that is aimed at.
const LATENESS: Duration = Duration::from_millis(50);
/// The same for another daemon, whose figures are not for us to promise.
const LATENESS_OF_PEERS: Duration = Duration::from_secs(1);
/// The most by which it may seem to be earlier than the minimum, for the granularity of the time stamps.
const EARLINESS: Duration = Duration::from_millis(1);
/// The time after a takeover within which the clients of the address must be served again.
const RESTORED: Duration = Duration::from_millis(250);
/// The same after the owner is back. It is Master at once (RFC 3768 section 6.4.1), while its kernel may still be
/// asking for the origin's Ethernet address, which it does once a second.
const RESTORED_ON_RETURN: Duration = Duration::from_millis(1_500);
/// The time after a heal within which there must be one Master, and the client's neighbour entry point to it.
const HEALED: Duration = Duration::from_secs(1);
/// Longest wait for a takeover: detection by a check every 3 s, and the longer of the protocol's intervals.
const PATIENCE: Duration = Duration::from_secs(12);
/// Longest wait for the lab to be as it was: a check every 3 s, a start, an election.
const RETURN_PATIENCE: Duration = Duration::from_secs(25);
/// The time within which a proxy that answers nobody is seen: interval x fall + timeout, of `page.conf`.
const SEEN: Duration = Duration::from_secs(3);
/// The time for which the survivor is watched holding both addresses.
const HOLD: Duration = Duration::from_millis(1_500);
/// A change of hands in good order leaves an address on both hosts, or on none, for less than this.
const BLINK: Duration = Duration::from_millis(100);
/// The same where another daemon is to let go.
const BLINK_OF_PEERS: Duration = Duration::from_secs(1);
/// The time for which an address may be on both hosts when one takes it back from the other: ten times the figure that
/// is aimed at.
const HANDOVER: Duration = Duration::from_millis(50);

/// Runs a check from a steady lab to a steady lab.
pub(super) async fn run(check: Check, rig: &mut Rig) -> Result<Outcome, Error> {
    rig.steady(RETURN_PATIENCE).await?;
    wait_between_adverts(&check, rig).await;
    let mut trial = Trial::new(check);
    progress(format_args!("({}) {}", check.id, check.title));
    trial.break_and_watch(rig).await?;
    trial.mend_and_watch(rig).await?;
    Ok(trial.judge(rig))
}

/// Waits for a certain distance from an advertisement. The same distance each time makes runs comparable.
async fn wait_between_adverts(check: &Check, rig: &Rig) {
    let (since, own) = (Instant::now(), (check.victim, check.victim.vrid()));
    rig.wait_for(Duration::from_secs(2), |timeline| timeline.first_advert(since, |by, of, _| (by, of) == own)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// A run, as far as it has come.
#[derive(Debug)]
struct Trial {
    check: Check,
    broken: Instant,
    /// The last advertisement of the old Master, from which the protocol's minimum counts.
    reference: Option<Instant>,
    takeover: Option<Instant>,
    mended: Instant,
    returned: Option<Instant>,
    findings: Vec<String>,
    failures: Vec<String>,
}

/// The service that each client got.
struct Services {
    /// The service of the victim's address, from the failure to the mending.
    takeover: Service,
    /// The same, from the mending on.
    way_back: Service,
    /// The service of the other address, all the time.
    other: Service,
    /// The service by the name.
    by_name: Service,
}

impl Trial {
    fn new(check: Check) -> Self {
        let now = Instant::now();
        let (findings, failures) = (Vec::new(), Vec::new());
        Self { check, broken: now, reference: None, takeover: None, mended: now, returned: None, findings, failures }
    }

    /// Breaks the victim and watches the survivor take over.
    async fn break_and_watch(&mut self, rig: &mut Rig) -> Result<(), Error> {
        let Check { victim, fault, .. } = self.check;
        let survivor = victim.other();
        self.broken = Instant::now();
        fault.inflict(rig, victim).await?;
        let takes_over = |by, of, priority| (by, of) == (survivor, victim.vrid()) && priority > 0;
        self.takeover = rig.wait_for(PATIENCE, |timeline| timeline.first_advert(self.broken, takes_over)).await;
        match self.takeover {
            Some(takeover) => self.find_reference(rig, takeover),
            None => self.failures.push(format!("{survivor} did not take over within {} s", PATIENCE.as_secs())),
        }
        if let (Fault::ProxyHung, Some(after)) =
            (fault, self.takeover.map(|at| at.saturating_duration_since(self.broken)))
        {
            self.findings.push(format!("out of service {:.0} ms after it was stopped", ms(after)));
            if after > SEEN + fault.minimum() + LATENESS {
                self.failures.push(format!("seen too late: expected within {:.0} ms", ms(SEEN)));
            }
        }
        if let Some((lateness, reference)) = self.lateness().zip(self.reference) {
            let since = self.takeover.map(|takeover| ms(takeover.saturating_duration_since(reference)));
            progress(format_args!(
                "      {survivor} took {} over after {:.2} ms, {lateness:.2} ms past the protocol's minimum",
                victim.virtual_address(),
                since.unwrap_or_default(),
            ));
        }
        tokio::time::sleep(HOLD).await;
        rig.show_addresses().await
    }

    /// Mends the victim and watches it take its address back.
    async fn mend_and_watch(&mut self, rig: &mut Rig) -> Result<(), Error> {
        let Check { victim, fault, .. } = self.check;
        if matches!(fault, Fault::Cut) {
            // The harder order of events: the better Master is the first to be heard, so it never hears the other.
            let (since, other) = (Instant::now(), (victim.other(), victim.vrid()));
            rig.wait_for(HEALED * 2, |timeline| timeline.first_advert(since, |by, of, _| (by, of) == other)).await;
        }
        self.mended = Instant::now();
        fault.mend(rig, victim).await?;
        if matches!(fault, Fault::Cut) {
            self.watch_heal(rig).await?;
        } else {
            let comes_back = |by, of, priority| (by, of) == (victim, victim.vrid()) && priority > 0;
            self.returned = rig.wait_for(PATIENCE, |timeline| timeline.first_advert(self.mended, comes_back)).await;
        }
        if let Err(error) = rig.steady(RETURN_PATIENCE).await {
            self.failures.push(format!("the way back: {error}"));
        }
        if let Some(returned) = self.returned {
            let after = ms(returned.saturating_duration_since(self.mended));
            progress(format_args!(
                "      mended; {victim} holds {} again after {after:.0} ms",
                victim.virtual_address()
            ));
        }
        rig.show_addresses().await
    }

    /// Judges the trial by the record.
    fn judge(mut self, rig: &Rig) -> Outcome {
        let Check { victim, fault, .. } = self.check;
        let end = Instant::now();
        self.judge_lateness(match rig.daemon_of(victim.other()) {
            DaemonKind::Vrrpd => LATENESS,
            DaemonKind::Keepalived => LATENESS_OF_PEERS,
        });
        let services = self.services(rig, end);
        self.judge_own_service(&services);
        self.judge_other_services(&services);
        let holders = HostId::ALL.map(|owner| self.judge_holders(rig, owner, end));
        let both = |since, until| {
            HostId::ALL
                .map(|owner| on_both(&rig.timeline.holders(owner.virtual_address()), since, until))
                .into_iter()
                .max()
        };
        let both_after_failure = both(self.broken, self.mended).unwrap_or_default();
        let both_on_return = both(self.mended, end).unwrap_or_default();
        if fault.leaves_nobody() {
            self.judge_lease(rig, both_after_failure, both_on_return);
        }
        let Services { takeover, way_back, by_name, .. } = services;
        Outcome {
            check: self.check.id,
            title: self.check.title,
            expected: self.expected(),
            takeover_ms: self.takeover.zip(self.reference).map(|(t, r)| ms(t.saturating_duration_since(r))),
            minimum_ms: ms(fault.minimum()),
            past_minimum_ms: self.lateness(),
            outage_ms: takeover.longest().map(ms),
            lost: takeover.lost,
            returned_ms: self.returned.map(|at| ms(at.saturating_duration_since(self.mended))),
            outage_on_return_ms: way_back.longest().map(ms),
            lost_on_return: way_back.lost,
            lost_by_name: by_name.lost,
            both_after_failure_ms: ms(both_after_failure),
            both_on_return_ms: ms(both_on_return),
            holders,
            moments: Moments { broken: self.broken, mended: self.mended, end },
            findings: self.findings,
            failures: self.failures,
        }
    }

    /// Returns the service that the clients got until `end`.
    fn services(&self, rig: &Rig, end: Instant) -> Services {
        let margin = Duration::from_secs(1);
        let requests = rig.timeline.requests(self.broken.checked_sub(margin).unwrap_or(self.broken));
        let of = |asker, since, until| Service::of(asker, &requests, since, until);
        let [own, other] =
            [self.check.victim, self.check.victim.other()].map(|host| Asker::Address(host.virtual_address()));
        Services {
            takeover: of(own, self.broken, self.mended),
            way_back: of(own, self.mended, end),
            other: of(other, self.broken, end),
            by_name: of(Asker::Name, self.broken, end),
        }
    }

    /// Checks that the clients of the victim's address are served again soon after it changed hands, and after it came back.
    fn judge_own_service(&mut self, Services { takeover, way_back, .. }: &Services) {
        let cut = matches!(self.check.fault, Fault::Cut);
        if cut {
            // The old Master serves on; but whenever one of the two announces itself, connections to the other break.
            if takeover.longest().is_none_or(|longest| longest > RESTORED) {
                self.fail_service("takeover", self.broken, takeover);
            }
        } else if let Some(at) = self.takeover.filter(|at| !takeover.restored_by(*at + RESTORED)) {
            self.fail_service("takeover", at, takeover);
        }
        let back = if cut { Some(self.mended) } else { self.returned };
        if let Some(at) = back.filter(|at| !way_back.restored_by(*at + RESTORED_ON_RETURN)) {
            self.fail_service("return", at, way_back);
        }
    }

    /// Checks that no other client loses a request, except clients of the other address behind a cut.
    fn judge_other_services(&mut self, Services { other, by_name, .. }: &Services) {
        let other_counts = !matches!(self.check.fault, Fault::Cut);
        let other_address = self.check.victim.other().virtual_address().to_string();
        for (who, service, counts) in [(other_address.as_str(), other, other_counts), ("proxy-serv", by_name, true)] {
            if counts && service.lost > 0 {
                let reasons = service.reasons.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
                self.failures.push(format!("{} requests to {who} lost: {reasons}", service.lost));
            }
        }
    }

    fn find_reference(&mut self, rig: &Rig, takeover: Instant) {
        let Check { victim, fault, .. } = self.check;
        let own = (victim, victim.vrid());
        if fault.is_announced() {
            let releases = |by, of, priority| (by, of) == own && priority == 0;
            self.reference = rig.timeline.last_advert(self.broken, takeover, releases);
            if self.reference.is_none() {
                self.failures.push(format!("{victim} left without an advertisement of priority 0"));
            }
        } else {
            // Behind a cut the old Master goes on unheard.
            let until = if matches!(fault, Fault::Cut) { self.broken } else { takeover };
            let since = self.broken.checked_sub(HEALED * 3).unwrap_or(self.broken);
            self.reference = rig.timeline.last_advert(since, until, |by, of, _| (by, of) == own);
        }
    }

    /// Waits for one Master of each address, and for the client's neighbour entry of it.
    async fn watch_heal(&mut self, rig: &Rig) -> Result<(), Error> {
        while self.returned.is_none() && self.mended.elapsed() < HEALED * 10 {
            let mut healed = true;
            for owner in HostId::ALL {
                let holders = rig.timeline.holders(owner.virtual_address()).pop().map(|(_, holders)| holders);
                let alone = holders.is_some_and(|holders| holders.iter().eq([&owner]));
                healed &= alone && rig.topology.neighbour_of_client(owner.virtual_address()).await? == Some(owner);
            }
            if healed {
                self.returned = Some(Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = self.returned.map_or(HEALED * 10, |at| at.saturating_duration_since(self.mended));
        if took > HEALED {
            let took = ms(took);
            self.failures
                .push(format!("{took:.0} ms from the heal to one Master and the client's neighbour entry at it"));
        }
        Ok(())
    }

    /// Milliseconds past the protocol's minimum; negative if before it.
    fn lateness(&self) -> Option<f64> {
        let took = self.takeover?.saturating_duration_since(self.reference?);
        Some(ms(took) - ms(self.check.fault.minimum()))
    }

    fn judge_lateness(&mut self, limit: Duration) {
        match self.lateness() {
            Some(late) if late > ms(limit) => {
                self.failures.push(format!("the takeover came {late:.2} ms past the protocol's minimum"));
            }
            Some(late) if late < -ms(EARLINESS) => {
                self.failures.push(format!("the takeover came {:.2} ms before the protocol's minimum", -late));
            }
            Some(_) | None => {}
        }
    }

    fn fail_service(&mut self, what: &str, at: Instant, service: &Service) {
        let reasons = service.reasons.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
        let late = service.outages.iter().filter_map(|outage| outage.to).max();
        self.failures.push(match late {
            Some(to) => {
                format!("served again only {:.0} ms after the {what} ({reasons})", ms(to.saturating_duration_since(at)))
            }
            None => format!("not served again after the {what} ({reasons})"),
        });
    }

    /// Checks the lease: an address that nobody is left to remove has to expire, and before another host has it. The result of
    /// another daemon is only reported.
    fn judge_lease(&mut self, rig: &Rig, after_failure: Duration, on_return: Duration) {
        let told =
            |what: &str, lasted: Duration| format!("an address was on both hosts for {:.1} ms {what}", ms(lasted));
        let victim = rig.daemon_of(self.check.victim);
        let ours = victim == DaemonKind::Vrrpd && rig.daemon_of(self.check.victim.other()) == victim;
        if after_failure > Duration::ZERO {
            let told = told("while the old Master's daemon was dead or stopped", after_failure);
            if victim == DaemonKind::Vrrpd { &mut self.failures } else { &mut self.findings }.push(told);
        }
        if on_return > HANDOVER {
            if ours { &mut self.failures } else { &mut self.findings }.push(told("on the way back", on_return));
        }
    }

    /// Checks the holders. An address may be on two hosts only behind a cut, and by another rule if nobody is left to remove it.
    fn judge_holders(&mut self, rig: &Rig, owner: HostId, end: Instant) -> String {
        let ours = HostId::ALL.into_iter().all(|host| rig.daemon_of(host) == DaemonKind::Vrrpd);
        let blink = if ours { BLINK } else { BLINK_OF_PEERS };
        let since = self.broken.checked_sub(BLINK * 2).unwrap_or(self.broken);
        let states = holders_between(&rig.timeline.holders(owner.virtual_address()), since, end, blink);
        let both = states.iter().filter(|(_, holders)| holders.len() > 1).map(|(lasted, _)| *lasted).sum::<Duration>();
        if both > Duration::ZERO {
            let told = format!("{} was on both hosts for {:.1} s", owner.virtual_address(), both.as_secs_f64());
            match self.check.fault {
                Fault::Cut | Fault::Killed | Fault::Hung => {}
                _ => self.failures.push(told),
            }
        }
        describe_holders(&states)
    }

    fn expected(&self) -> String {
        let fault = self.check.fault;
        let waits = if fault.is_announced() { "Skew_Time" } else { "Master_Down_Interval" };
        let back = if matches!(fault, Fault::Cut) { "one Master in 1 s of the heal" } else { "and back" };
        format!("takeover after {waits}, {back}")
    }
}
