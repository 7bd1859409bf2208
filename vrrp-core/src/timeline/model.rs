//! The contents of a timeline, and how it is filled.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::fsm::Role;
use crate::time::Instant;

/// The events of some routers, in any order. Filling it never fails: an event that names a lane of another timeline is in no
/// picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub(super) title: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) passed: Option<bool>,
    pub(super) unix: Option<(Instant, u64)>,
    pub(super) span: Option<(Instant, Instant)>,
    pub(super) lanes: Vec<Lane>,
    pub(super) states: Vec<Change>,
    pub(super) held: Vec<Held>,
    pub(super) advertisements: Vec<Advertisement>,
    pub(super) cuts: Vec<Cut>,
    pub(super) marks: Vec<Mark>,
    pub(super) clients: Vec<String>,
    pub(super) outages: Vec<Outage>,
    pub(super) missing: u64,
}

/// Names a lane of a [`Timeline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(u32);

impl LaneId {
    /// Returns the position in the order in which lanes were added, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One router of one host. Lanes of the same virtual router stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lane {
    /// The host's name.
    pub host: String,
    /// The virtual router's name, the same on every host.
    pub router: String,
}

/// The state of a router in a picture: one of the three states of the RFCs, or why it is in none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LaneState {
    /// Nobody knows.
    Unknown,
    /// No process runs it.
    Down,
    /// Its process hangs.
    Hung,
    /// Initialize.
    Initialize,
    /// Initialize because of a fault.
    Fault,
    /// Backup.
    Backup,
    /// Master.
    Master,
}

impl From<Role> for LaneState {
    fn from(role: Role) -> Self {
        match role {
            Role::Initialize => Self::Initialize,
            Role::Backup => Self::Backup,
            Role::Master => Self::Master,
        }
    }
}

/// From `at` on a lane is in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: Instant,
    pub(super) lane: LaneId,
    pub(super) state: LaneState,
    pub(super) cause: String,
}

/// From `at` on a lane holds an address, or does so no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) at: Instant,
    pub(super) lane: LaneId,
    pub(super) address: String,
    pub(super) holds: bool,
}

/// From `at` on nothing gets from one lane to another, or does so again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) at: Instant,
    pub(super) from: LaneId,
    pub(super) to: LaneId,
    pub(super) cut: bool,
}

/// One advertisement, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advertisement {
    /// The moment at which it was sent.
    pub at: Instant,
    /// The lane of the sender.
    pub from: LaneId,
    /// The priority that it says; 0 is a release.
    pub priority: u8,
    /// Its meaning for the sender.
    pub kind: AdvertisementKind,
    /// The routers that it was for, and what became of it there.
    pub to: Vec<(LaneId, Fate)>,
}

impl Advertisement {
    /// Makes a regular one, or at priority 0 a release; as yet for nobody.
    #[must_use]
    pub const fn new(at: Instant, from: LaneId, priority: u8) -> Self {
        let kind = if priority == 0 { AdvertisementKind::Release } else { AdvertisementKind::Regular };
        Self { at, from, priority, kind, to: Vec::new() }
    }

    /// Returns the same of another kind.
    #[must_use]
    pub const fn with_kind(mut self, kind: AdvertisementKind) -> Self {
        self.kind = kind;
        self
    }

    /// Returns the same for one more router.
    #[must_use]
    pub fn to(mut self, lane: LaneId, fate: Fate) -> Self {
        self.to.push((lane, fate));
        self
    }
}

/// The meaning of an advertisement for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdvertisementKind {
    /// It is Master.
    Regular,
    /// It is Master no more.
    Release,
    /// It is Master until another one is there.
    HandOver,
    /// It yields to a better router.
    Yield,
    /// Nothing: somebody else sent it in its name.
    Forged,
}

/// The outcome of an advertisement on its way to one router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It arrived, and counted.
    Heard(Instant),
    /// It arrived, and was rejected for this reason.
    Rejected(Instant, String),
    /// It arrived where nobody listens.
    Unheard(Instant),
    /// It was lost.
    Lost,
    /// There was no way.
    Cut,
}

/// A moment with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The moment.
    pub at: Instant,
    /// The lane; `None`: all lanes.
    pub lane: Option<LaneId>,
    /// The sort of news.
    pub kind: MarkKind,
    /// The text.
    pub text: String,
}

/// The sort of news in a [`Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MarkKind {
    /// Something was broken from outside.
    Broken,
    /// It was mended.
    Mended,
    /// Anything else.
    Note,
    /// Something that must not be.
    Failure,
}

/// The lanes that held an address, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holders<'a> {
    /// The address.
    pub address: &'a str,
    /// Its holders, and since when, by time.
    pub since: Vec<(Instant, Vec<LaneId>)>,
}

/// A client had no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outage {
    /// The client, by its position.
    pub(super) client: usize,
    /// Its last answer before.
    pub from: Instant,
    /// Its first answer after; `None` where none came.
    pub until: Option<Instant>,
    /// Requests without an answer.
    pub lost: u64,
    /// The reason, in words.
    pub reason: String,
}

impl Timeline {
    /// Returns an empty one.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// Says something in words beside the picture, such as a measured figure: a name and a value.
    pub fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), value.to_owned()));
    }

    /// Says whether all was as it should be.
    pub const fn verdict(&mut self, passed: bool) {
        self.passed = Some(passed);
    }

    /// Says that `at` was so many nanoseconds after 1970, so that the picture can show the time of day.
    pub const fn wall_clock(&mut self, at: Instant, unix_nanos: u64) {
        self.unix = Some((at, unix_nanos));
    }

    /// Says what the picture shows; otherwise it goes from the first moment to the last.
    pub fn shows(&mut self, from: Instant, until: Instant) {
        self.span = Some((from, until.max(from)));
    }

    /// Adds to the number of things that happened and are not in here, because there was no room.
    pub const fn leaves_out(&mut self, things: u64) {
        self.missing = self.missing.saturating_add(things);
    }

    /// Returns the lane of a virtual router on a host, which is added where there is none.
    pub fn lane(&mut self, host: &str, router: &str) -> LaneId {
        let known = self.lanes.iter().position(|lane| lane.host == host && lane.router == router);
        let index = known.unwrap_or_else(|| {
            self.lanes.push(Lane { host: host.to_owned(), router: router.to_owned() });
            self.lanes.len() - 1
        });
        LaneId(index as u32)
    }

    /// Says that a router is in a state from now on, and why.
    pub fn state(&mut self, at: Instant, lane: LaneId, state: LaneState, cause: &str) {
        self.states.push(Change { at, lane, state, cause: cause.to_owned() });
    }

    /// Says that the host of a lane holds an address from now on, or does so no more.
    pub fn holds(&mut self, at: Instant, lane: LaneId, address: &str, holds: bool) {
        self.held.push(Held { at, lane, address: address.to_owned(), holds });
    }

    /// Adds an advertisement.
    pub fn advertisement(&mut self, advertisement: Advertisement) {
        self.advertisements.push(advertisement);
    }

    /// Says that nothing gets from one lane to another from now on, or does so again.
    pub fn cut(&mut self, at: Instant, from: LaneId, to: LaneId, cut: bool) {
        self.cuts.push(Cut { at, from, to, cut });
    }

    /// Adds a moment with a text, on one lane or on all.
    pub fn mark(&mut self, at: Instant, lane: Option<LaneId>, kind: MarkKind, text: &str) {
        self.marks.push(Mark { at, lane, kind, text: text.to_owned() });
    }

    /// Says that a client asks all the time, so that its row is there even if it was always answered. Returns its position.
    pub fn client(&mut self, name: &str) -> usize {
        self.clients.iter().position(|known| known == name).unwrap_or_else(|| {
            self.clients.push(name.to_owned());
            self.clients.len() - 1
        })
    }

    /// Says that a client had no answer from `from` on; `until`: until then.
    pub fn outage(&mut self, client: &str, from: Instant, until: Option<Instant>, lost: u64, reason: &str) {
        let client = self.client(client);
        self.outages.push(Outage { client, from, until, lost, reason: reason.to_owned() });
    }

    /// Returns its title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the lanes, in the order of their ids.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Returns the advertisements, in the order in which they were added.
    #[must_use]
    pub fn advertisements(&self) -> &[Advertisement] {
        &self.advertisements
    }

    /// Returns the marks, in the order in which they were added.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Returns what clients noticed, and the name of each, in the order in which it was added.
    pub fn outages(&self) -> impl Iterator<Item = (&str, &Outage)> {
        self.outages.iter().filter_map(|outage| Some((self.clients.get(outage.client)?.as_str(), outage)))
    }

    /// Returns each state of a lane and since when it is in it, by time.
    #[must_use]
    pub fn states(&self, lane: LaneId) -> Vec<(Instant, LaneState, &str)> {
        let own = self.states.iter().filter(|change| change.lane == lane);
        let mut states: Vec<_> = own.map(|change| (change.at, change.state, change.cause.as_str())).collect();
        states.sort_by_key(|(at, ..)| *at);
        states
    }

    /// Returns each address by name, and who holds it since when, by time.
    #[must_use]
    pub fn holders(&self) -> Vec<Holders<'_>> {
        let mut changes: Vec<&Held> = self.held.iter().filter(|held| self.has(held.lane)).collect();
        changes.sort_by_key(|held| held.at);
        let mut addresses: Vec<Holders<'_>> = Vec::new();
        for Held { at, lane, address, holds } in changes {
            let known = addresses.iter().position(|known| known.address == address);
            let index = known.unwrap_or_else(|| {
                addresses.push(Holders { address, since: Vec::new() });
                addresses.len() - 1
            });
            let Some(Holders { since, .. }) = addresses.get_mut(index) else { continue };
            let mut holders = since.last().map(|(_, holders)| holders.clone()).unwrap_or_default();
            let position = holders.iter().position(|holder| holder == lane);
            match (holds, position) {
                (true, None) => holders.push(*lane),
                (false, Some(position)) => drop(holders.remove(position)),
                (false, None) if since.is_empty() => {}
                (false, None) | (true, Some(_)) => continue,
            }
            match since.last_mut().filter(|(last, _)| last == at) {
                Some((_, last)) => *last = holders,
                None => since.push((*at, holders)),
            }
        }
        addresses
    }

    /// Returns from when to when the picture goes.
    #[must_use]
    pub fn span(&self) -> (Instant, Instant) {
        if let Some(span) = self.span {
            return span;
        }
        let arrivals = self.advertisements.iter().flat_map(|sent| {
            let arrived = sent.to.iter().filter_map(|(_, fate)| fate.at());
            core::iter::once(sent.at).chain(arrived)
        });
        let outages = self.outages.iter().flat_map(|outage| [Some(outage.from), outage.until]).flatten();
        let moments = (self.states.iter().map(|change| change.at))
            .chain(self.held.iter().map(|held| held.at))
            .chain(self.cuts.iter().map(|cut| cut.at))
            .chain(self.marks.iter().map(|mark| mark.at))
            .chain(arrivals)
            .chain(outages);
        let around = |span: Option<(Instant, Instant)>, at: Instant| match span {
            Some((from, until)) => Some((from.min(at), until.max(at))),
            None => Some((at, at)),
        };
        moments.fold(None, around).unwrap_or((Instant::ZERO, Instant::ZERO))
    }

    /// The lanes' ids.
    pub(super) fn lane_ids(&self) -> impl Iterator<Item = LaneId> + use<> {
        (0..self.lanes.len() as u32).map(LaneId)
    }

    pub(super) fn has(&self, lane: LaneId) -> bool {
        lane.index() < self.lanes.len()
    }
}

impl Fate {
    /// Returns when it arrived.
    #[must_use]
    pub const fn at(&self) -> Option<Instant> {
        match self {
            Self::Heard(at) | Self::Rejected(at, _) | Self::Unheard(at) => Some(*at),
            Self::Lost | Self::Cut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn at(second: u64) -> Instant {
        Instant::from_nanos(second * 1_000_000_000)
    }

    #[test]
    fn a_lane_is_named_by_host_and_router() {
        let mut timeline = Timeline::new("lanes");
        let first = timeline.lane("a", "1");
        assert_eq!([timeline.lane("b", "1").index(), timeline.lane("a", "2").index()], [1, 2]);
        assert_eq!(timeline.lane("a", "1"), first);
    }

    #[test]
    fn holders_follow_each_other_by_time_whatever_the_order_of_telling() {
        let mut timeline = Timeline::new("holders");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        timeline.holds(at(5), b, "x", true);
        timeline.holds(at(1), a, "x", true);
        timeline.holds(at(6), a, "x", false);
        timeline.holds(at(6), a, "x", false);
        let stranger = LaneId(7);
        timeline.holds(at(2), stranger, "x", true);
        let since = vec![(at(1), vec![a]), (at(5), vec![a, b]), (at(6), vec![b])];
        assert_eq!(timeline.holders(), [Holders { address: "x", since }]);
    }

    #[test]
    fn the_span_holds_every_moment_unless_it_is_said() {
        let mut timeline = Timeline::new("span");
        assert_eq!(timeline.span(), (Instant::ZERO, Instant::ZERO));
        let lane = timeline.lane("a", "1");
        timeline.advertisement(Advertisement::new(at(3), lane, 100).to(lane, Fate::Heard(at(4))));
        timeline.outage("c", at(2), Some(at(9)), 1, "");
        assert_eq!(timeline.span(), (at(2), at(9)));
        timeline.shows(at(8), at(7));
        assert_eq!(timeline.span(), (at(8), at(8)));
    }
}
