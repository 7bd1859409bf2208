//! A check as a picture: what the lab measured, for the page of `--report`.

use std::time::{Duration, Instant, SystemTime};

use vrrp_core::timeline::{Advertisement, AdvertisementKind, Fate, LaneId, LaneState, MarkKind, Timeline, page};

use super::checks::{Check, Fault};
use super::measure::{Moments, Service};
use super::report::Outcome;
use super::timeline::{Asker, Event, Request, Timeline as Record};
use super::topology::{HostId, Interface};

/// The time before the failure that is shown: the lab was steady for as long.
const BEFORE: Duration = Duration::from_millis(1_400);
/// The most by which the first advertisement of a Master may be earlier than its daemon's report of it.
const TOLD_LATE: Duration = Duration::from_secs(1);

/// Returns the page with every check.
pub(super) fn report(about: &str, checks: &[Timeline]) -> String {
    page("squid-failover: two proxies, one failure after the other", about, checks)
}

/// Returns what happened in one check.
pub(super) fn draw(check: Check, outcome: &Outcome, record: &Record) -> Timeline {
    let from = outcome.moments.broken.checked_sub(BEFORE).unwrap_or(outcome.moments.broken);
    let mut picture = Timeline::new(&format!("({}) {}", check.id, check.title));
    let lanes = HostId::ALL.map(|owner| {
        let router = format!("virtual router {}", owner.vrid());
        HostId::ALL.map(|host| picture.lane(host.name(), &router))
    });
    let mut painter = Painter { check, moments: outcome.moments, from, picture, lanes };
    painter.say(outcome);
    let events = record.all_events();
    painter.states(&events);
    painter.seen(&events);
    painter.failure();
    painter.clients(&record.requests(from));
    painter.picture
}

struct Painter {
    check: Check,
    moments: Moments,
    /// The zero of the picture.
    from: Instant,
    picture: Timeline,
    /// By the owner of the address, and by host.
    lanes: [[LaneId; 2]; 2],
}

impl Painter {
    fn at(&self, at: Instant) -> vrrp_core::Instant {
        vrrp_core::Instant::ZERO + at.saturating_duration_since(self.from)
    }

    fn lane(&self, host: HostId, vrid: u8) -> Option<LaneId> {
        let owner = HostId::ALL.into_iter().position(|owner| owner.vrid() == vrid)?;
        let host = HostId::ALL.into_iter().position(|known| known == host)?;
        self.lanes.get(owner)?.get(host).copied()
    }

    /// Writes the figures of the table beside the picture.
    fn say(&mut self, outcome: &Outcome) {
        let Outcome { minimum_ms, past_minimum_ms, lost, lost_on_return, lost_by_name, .. } = outcome;
        if let Some(past) = past_minimum_ms {
            self.picture.fact(&format!("Past the protocol's {minimum_ms:.1} ms"), &format!("{past:.2} ms"));
        }
        if let Some(returned) = outcome.returned_ms {
            self.picture.fact("Back after the mending", &format!("{returned:.0} ms"));
        }
        let lost = format!("{lost} / {lost_on_return} / {lost_by_name}");
        self.picture.fact("Lost: takeover / back / by name", &lost);
        let both = outcome.both_after_failure_ms.max(outcome.both_on_return_ms);
        self.picture.fact("An address on both hosts", &format!("{both:.1} ms"));
        outcome.findings.iter().for_each(|finding| self.picture.fact("Finding", finding));
        outcome.failures.iter().for_each(|failure| self.picture.fact("FAILED", failure));
        self.picture.verdict(outcome.passed());
        let (wall, now) = (SystemTime::now().duration_since(SystemTime::UNIX_EPOCH), Instant::now());
        let nanos = wall.unwrap_or_default().saturating_sub(now.saturating_duration_since(self.from)).as_nanos();
        self.picture.wall_clock(vrrp_core::Instant::ZERO, u64::try_from(nanos).unwrap_or_default());
        self.picture.shows(vrrp_core::Instant::ZERO, self.at(self.moments.end));
    }

    /// Draws the states that the daemons reported. A Master's time begins with its first advertisement, if that was sooner.
    fn states(&mut self, events: &[(Instant, Event)]) {
        let told = |until: Instant| {
            let before = events.iter().filter(move |(at, _)| *at <= until);
            before.filter_map(|(at, event)| match *event {
                Event::State { host, vrid, state } => Some((*at, host, vrid, state)),
                _ => None,
            })
        };
        for (host, vrid) in HostId::ALL.into_iter().flat_map(|host| HostId::ALL.map(|owner| (host, owner.vrid()))) {
            let Some(lane) = self.lane(host, vrid) else { continue };
            let last = told(self.from).rfind(|(_, of, router, _)| (*of, *router) == (host, vrid));
            last.into_iter().for_each(|(at, .., state)| self.picture.state(self.at(at), lane, state, ""));
        }
        for (at, host, vrid, state) in told(self.moments.end).filter(|(at, ..)| *at > self.from) {
            let Some(lane) = self.lane(host, vrid) else { continue };
            let first = (state == LaneState::Master).then(|| first_word(events, host, vrid, at)).flatten();
            self.picture.state(self.at(first.unwrap_or(at)), lane, state, "");
        }
        let Check { victim, fault, .. } = self.check;
        let (state, cause) = match fault {
            Fault::Killed => (LaneState::Down, "killed"),
            Fault::Hung => (LaneState::Hung, "stopped where it stands"),
            _ => return,
        };
        for vrid in HostId::ALL.map(HostId::vrid) {
            let Some(lane) = self.lane(victim, vrid) else { continue };
            let before =
                self.picture.states(lane).into_iter().rev().find(|(at, ..)| *at < self.at(self.moments.broken));
            let before = before.map(|(_, state, _)| state);
            self.picture.state(self.at(self.moments.broken), lane, state, cause);
            if let (Fault::Hung, Some(before)) = (fault, before) {
                // Until it says otherwise.
                self.picture.state(self.at(self.moments.mended), lane, before, "goes on");
            }
        }
    }

    /// Draws the events seen by the switch and the hosts' kernels.
    fn seen(&mut self, events: &[(Instant, Event)]) {
        for (at, event) in events.iter().filter(|(at, _)| *at <= self.moments.end) {
            let is_shown = *at >= self.from;
            match *event {
                Event::Advert { host, vrid, priority } if is_shown => {
                    let lanes = self.lane(host, vrid).zip(self.lane(host.other(), vrid));
                    let Some((from, to)) = lanes else { continue };
                    let sent = Advertisement::new(self.at(*at), from, priority).to(to, self.fate(host, to, *at));
                    // Nobody here is configured so low: whoever yields says it at priority 1.
                    let sent = if priority == 1 { sent.with_kind(AdvertisementKind::Yield) } else { sent };
                    self.picture.advertisement(sent);
                }
                Event::Address { host, address, present } => {
                    let vrid =
                        HostId::ALL.into_iter().find(|owner| owner.virtual_address() == address).map(HostId::vrid);
                    if let Some(lane) = vrid.and_then(|vrid| self.lane(host, vrid)) {
                        self.picture.holds(self.at(*at), lane, &address.to_string(), present);
                    }
                }
                Event::Announcement { host, address } if is_shown => {
                    let vrid =
                        HostId::ALL.into_iter().find(|owner| owner.virtual_address() == address).map(HostId::vrid);
                    if let Some(lane) = vrid.and_then(|vrid| self.lane(host, vrid)) {
                        self.picture.mark(self.at(*at), Some(lane), MarkKind::Note, "gratuitous ARP");
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns the fate of an advertisement that came in at the switch from `host`, on the lane of the other host. The lab does not
    /// see who hears it: it knows what it broke itself, and that a daemon at fault or gone takes no part.
    fn fate(&self, host: HostId, to: LaneId, at: Instant) -> Fate {
        let Moments { broken, mended, .. } = self.moments;
        let is_broken = at >= broken && at < mended;
        let hears = host.other() != self.check.victim;
        let arrived = self.at(at);
        let states = self.picture.states(to);
        let state = states.iter().rev().find(|(since, ..)| *since <= arrived).map(|(_, state, _)| *state);
        match self.check.fault {
            Fault::Cut if is_broken => Fate::Cut,
            Fault::Unplugged(Interface::Lan) if is_broken && !hears => Fate::Cut,
            Fault::Down(Interface::Lan) if is_broken && !hears => Fate::Unheard(arrived),
            _ if matches!(state, Some(LaneState::Fault | LaneState::Down | LaneState::Hung)) => Fate::Unheard(arrived),
            _ => Fate::Heard(arrived),
        }
    }

    fn failure(&mut self) {
        let Moments { broken, mended, .. } = self.moments;
        let (broken, mended) = (self.at(broken), self.at(mended));
        self.picture.mark(broken, None, MarkKind::Broken, self.check.title);
        self.picture.mark(mended, None, MarkKind::Mended, "mended");
        if matches!(self.check.fault, Fault::Cut) {
            for [first, second] in self.lanes {
                for (from, to) in [(first, second), (second, first)] {
                    self.picture.cut(broken, from, to, true);
                    self.picture.cut(mended, from, to, false);
                }
            }
        }
    }

    fn clients(&mut self, requests: &[Request]) {
        let addresses = HostId::ALL.map(|owner| Asker::Address(owner.virtual_address()));
        for asker in addresses.into_iter().chain([Asker::Name]) {
            let name = match asker {
                Asker::Address(address) => format!("asks {address}"),
                Asker::Name => "asks by name".to_owned(),
            };
            self.picture.client(&name);
            let service = Service::of(asker, requests, self.from, self.moments.end);
            let reasons = service.reasons.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
            for outage in &service.outages {
                let within = |request: &&Request| {
                    request.asker == asker
                        && request.outcome.is_err()
                        && request.ended >= outage.from
                        && outage.to.is_none_or(|to| request.began <= to)
                };
                let lost = requests.iter().filter(within).count() as u64;
                let (from, to) = (self.at(outage.from), outage.to.map(|to| self.at(to)));
                self.picture.outage(&name, from, to, lost, &reasons);
            }
        }
    }
}

/// Finds the first advertisement of a Master that reports at `at` that it is one.
fn first_word(events: &[(Instant, Event)], host: HostId, vrid: u8, at: Instant) -> Option<Instant> {
    let since = at.checked_sub(TOLD_LATE)?;
    let before = |event: &Event| matches!(event, Event::State { host: of, vrid: router, state } if (*of, *router) == (host, vrid) && *state != LaneState::Master);
    let ended = events.iter().rev().find(|(moment, event)| *moment < at && before(event)).map(|(moment, _)| *moment);
    let own = |event: &Event| matches!(event, Event::Advert { host: by, vrid: of, priority } if (*by, *of) == (host, vrid) && *priority > 0);
    let mut words = events.iter().filter(|(moment, event)| *moment >= since && *moment <= at && own(event));
    words.find(|(moment, _)| ended.is_none_or(|ended| *moment > ended)).map(|(moment, _)| *moment)
}
