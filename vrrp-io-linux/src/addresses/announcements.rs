//! Announcements that are still to be made: of which address, how often, and not before when.
//!
//! Without a gap the first one of an address never waits, and is none of this file's business. With one there is a lane for each
//! family on each link; its first announcement goes at once, and each further one when the gap behind the one before it is over. An
//! address waits in its lane once at most, however often it is to be announced. Those without a gap that the kernel refused wait in a
//! lane of their own.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{AddressRequest, Family, Instant, RouterId};

use crate::agenda::Agenda;

/// The time until the next try on a link whose queue was full.
const PAUSE: Duration = Duration::from_millis(4);
/// Refused for longer, each further refusal counts as one that went out.
const PATIENCE: Duration = Duration::from_secs(2);

/// An address that is to be announced, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) router: RouterId,
    pub(crate) request: AddressRequest,
    pub(crate) count: u8,
    /// Behind any other of its family on its link; zero: it neither waits for others nor do these for it.
    pub(crate) gap: Duration,
    /// True until the first of it has gone out.
    pub(crate) is_first: bool,
    /// The first of the refusals since it was asked for, or one of it last went out.
    pub(crate) refused_since: Option<Instant>,
}

/// All that wait.
#[derive(Debug, Default)]
pub(crate) struct Announcements {
    /// Without a gap, when nothing else is to do.
    repeats: VecDeque<Announcement>,
    lanes: BTreeMap<Course, Lane>,
    /// The moment at which the next one of each lane may go.
    agenda: Agenda<Course>,
    next_number: u64,
}

/// The announcements that wait for each other: gratuitous ARP of a link, or its neighbour advertisements. Those without a gap were
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Course {
    link: u32,
    family: Family,
    has_gap: bool,
}

/// The announcements of one family on one link.
#[derive(Debug)]
struct Lane {
    /// The moment at which one last went out there, or the end of the pause behind one that was refused.
    last: Instant,
    waiting: BTreeMap<Position, Announcement>,
    places: HashMap<(RouterId, IpAddr), Position>,
}

/// First what has not been announced at all; then as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    is_repeat: bool,
    number: u64,
}

impl Announcements {
    /// An address is to be announced on a link. Returns whether that may be done at once: then it is to be
    /// [noted](Self::sent).
    pub(crate) fn begin(&mut self, link: u32, announcement: Announcement, now: Instant) -> bool {
        let is_free = |lane: &Lane| lane.waiting.is_empty() && lane.last + announcement.gap <= now;
        let course = Course::of(link, &announcement);
        if announcement.gap.is_zero() || self.lanes.get(&course).is_none_or(is_free) {
            return true;
        }
        self.wait(course, announcement);
        false
    }

    /// One went out on a link. What is left of it waits.
    pub(crate) fn sent(&mut self, link: u32, announcement: Announcement, now: Instant) {
        let count = announcement.count.saturating_sub(1);
        let left = Announcement { count, is_first: false, refused_since: None, ..announcement };
        match announcement.gap.is_zero() {
            true => self.repeats.extend((count > 0).then_some(left)),
            false => self.wait_behind(now, Course::of(link, &announcement), left),
        }
    }

    /// The kernel refused one on a link: as a rule its queue is full. It is tried again after a pause, behind the others there.
    pub(crate) fn refused(&mut self, link: u32, announcement: Announcement, now: Instant) {
        let since = announcement.refused_since.unwrap_or(now);
        let given_up = u8::from(now.since(since) >= PATIENCE);
        let count = announcement.count.saturating_sub(given_up);
        let left = Announcement { count, refused_since: Some(since), ..announcement };
        self.wait_behind(now + PAUSE, Course::of(link, &announcement), left);
    }

    /// The rest of an announcement, if there is any, waits for the gap behind this moment.
    fn wait_behind(&mut self, last: Instant, course: Course, left: Announcement) {
        self.lanes.entry(course).or_default().last = last;
        match left.count {
            0 => self.plan(course),
            _ => self.wait(course, left),
        }
    }

    /// Goes on with what was to be announced on a link by another process, whose last announcement was a moment ago.
    pub(crate) fn resume(&mut self, link: u32, announcement: Announcement, now: Instant) {
        let count = announcement.count.saturating_add(1);
        self.sent(link, Announcement { count, ..announcement }, now);
    }

    /// Takes out one without a gap.
    pub(crate) fn take_repeat(&mut self) -> Option<Announcement> {
        self.repeats.pop_front()
    }

    /// True where there is one without a gap.
    pub(crate) fn are_repeated(&self) -> bool {
        !self.repeats.is_empty()
    }

    /// Takes out one that waited in a lane and may go now, and its link.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(u32, Announcement)> {
        let course = self.agenda.take_due(now)?;
        let taken = self.lanes.get_mut(&course).and_then(Lane::pop);
        self.plan(course);
        taken.map(|announcement| (course.link, announcement))
    }

    /// Returns when the next one in a lane may go.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// Returns what is still to be announced of a router, and how often.
    pub(crate) fn left(&self, router: RouterId) -> Vec<(IpAddr, u8)> {
        let all = self.repeats.iter().chain(self.lanes.values().flat_map(|lane| lane.waiting.values()));
        all.filter(|it| it.router == router).map(|it| (it.request.address, it.count)).collect()
    }

    /// Has another gap for what a router announces.
    pub(crate) fn set_gap(&mut self, router: RouterId, gap: Duration) {
        for lane in self.lanes.values_mut() {
            lane.waiting.values_mut().filter(|it| it.router == router).for_each(|it| it.gap = gap);
        }
        let courses: Vec<Course> = self.lanes.keys().copied().collect();
        courses.into_iter().for_each(|course| self.plan(course));
    }

    /// Forgets a router.
    pub(crate) fn remove(&mut self, router: RouterId) {
        self.repeats.retain(|it| it.router != router);
        for lane in self.lanes.values_mut() {
            lane.waiting.retain(|_, it| it.router != router);
            lane.places.retain(|(whose, _), _| *whose != router);
        }
        let courses: Vec<Course> = self.lanes.keys().copied().collect();
        courses.into_iter().for_each(|course| self.plan(course));
    }

    /// Forgets a link.
    pub(crate) fn remove_link(&mut self, link: u32) {
        let there: Vec<Course> = self.lanes.keys().copied().filter(|course| course.link == link).collect();
        for course in there {
            self.lanes.remove(&course);
            self.plan(course);
        }
    }

    fn wait(&mut self, course: Course, announcement: Announcement) {
        self.next_number += 1;
        self.lanes.entry(course).or_default().push(self.next_number, announcement);
        self.plan(course);
    }

    /// Notes when a lane goes on.
    fn plan(&mut self, course: Course) {
        let next = self.lanes.get(&course).and_then(|lane| {
            let (_, first) = lane.waiting.first_key_value()?;
            Some(lane.last + first.gap)
        });
        self.agenda.set(course, next);
    }
}

impl Course {
    const fn of(link: u32, announcement: &Announcement) -> Self {
        Self { link, family: Family::of(announcement.request.address), has_gap: !announcement.gap.is_zero() }
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self { last: Instant::ZERO, waiting: BTreeMap::new(), places: HashMap::new() }
    }
}

impl Lane {
    /// Adds one, or joins it to the one of its address that waits.
    fn push(&mut self, number: u64, announcement: Announcement) {
        let Announcement { router, request, .. } = announcement;
        let known = self.places.remove(&(router, request.address)).and_then(|place| {
            let known = self.waiting.remove(&place)?;
            Some((place, known))
        });
        let count = known.map_or(0, |(_, known)| known.count).max(announcement.count);
        let is_first = announcement.is_first || known.is_some_and(|(_, known)| known.is_first);
        let kept = known.map(|(place, _)| place).filter(|place| place.is_repeat != is_first);
        let place = kept.unwrap_or(Position { is_repeat: !is_first, number });
        self.waiting.insert(place, Announcement { count, is_first, ..announcement });
        self.places.insert((router, request.address), place);
    }

    fn pop(&mut self) -> Option<Announcement> {
        let (_, announcement) = self.waiting.pop_first()?;
        self.places.remove(&(announcement.router, announcement.request.address));
        Some(announcement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Action, Config, Input, InterfaceId, Profile, Role, RouterSet, Vrid};

    const GAP: Duration = Duration::from_millis(100);
    const LINK: u32 = 7;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(1_000_000_000_000 + millis * 1_000_000)
    }

    /// Two routers, and what a Master of three addresses asks for.
    fn requests() -> ([RouterId; 2], Vec<AddressRequest>) {
        requests_for([1, 2, 3].map(|n| IpAddr::from([192, 0, 2, n])))
    }

    fn requests_for(addresses: [IpAddr; 3]) -> ([RouterId; 2], Vec<AddressRequest>) {
        let config = Config::new(Profile::Rfc9568Errata, Vrid::new(1).unwrap(), &addresses).unwrap();
        let mut set = RouterSet::new();
        let ids = [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap());
        let primary = match Family::of(addresses[0]) {
            Family::Ipv4 => [192, 0, 2, 9].into(),
            Family::Ipv6 => "fe80::9".parse().unwrap(),
        };
        for input in [Input::PrimaryAddress(Some(primary)), Input::Startup] {
            set.handle(at(0), ids[0], input);
        }
        while set.get(ids[0]).unwrap().role() != Role::Master {
            let (now, id) = set.deadline().unwrap();
            set.handle(now, id, Input::Timeout);
        }
        let actions = std::iter::from_fn(|| set.poll_action()).map(|(_, action)| action);
        let requests = actions.filter_map(|action| match action {
            Action::InstallAddress(request) => Some(request),
            _ => None,
        });
        (ids, requests.collect())
    }

    fn announcement(router: RouterId, request: AddressRequest, count: u8, gap: Duration) -> Announcement {
        Announcement { router, request, count, gap, is_first: true, refused_since: None }
    }

    /// Announces, or has it wait.
    fn announce(announcements: &mut Announcements, announcement: Announcement, now: Instant) -> bool {
        let at_once = announcements.begin(LINK, announcement, now);
        if at_once {
            announcements.sent(LINK, announcement, now);
        }
        at_once
    }

    /// Goes from one moment to the next, as a driver does, until nothing waits: when each goes out, and of which address.
    fn play(announcements: &mut Announcements) -> Vec<(Instant, u8)> {
        let mut played = Vec::new();
        while let Some(now) = announcements.next() {
            if let Some((link, announcement)) = announcements.take_due(now) {
                assert_eq!(link, LINK);
                announcements.sent(link, announcement, now);
                let IpAddr::V4(address) = announcement.request.address else { panic!("{announcement:?}") };
                played.push((now, address.octets()[3]));
            }
        }
        played
    }

    #[test]
    fn without_a_gap_the_first_never_waits_and_each_is_repeated_behind_the_others() {
        let ([id, _], requests) = requests();
        let mut announcements = Announcements::default();
        for request in &requests {
            assert!(announce(&mut announcements, announcement(id, *request, 3, Duration::ZERO), at(0)));
        }
        assert_eq!(announcements.next(), None);
        let mut repeats = Vec::new();
        while let Some(repeat) = announcements.take_repeat() {
            repeats.push((repeat.request.address, repeat.count, repeat.is_first));
            announcements.sent(LINK, repeat, at(0));
        }
        let round = |count| requests.iter().map(move |request| (request.address, count, false));
        assert_eq!(repeats, round(2).chain(round(1)).collect::<Vec<_>>());
        assert!(!announcements.are_repeated());
    }

    #[test]
    fn with_a_gap_the_first_goes_at_once_and_the_others_keep_their_distance_firsts_before_repeats() {
        let ([id, other], requests) = requests();
        let mut announcements = Announcements::default();
        assert!(announce(&mut announcements, announcement(id, requests[0], 2, GAP), at(0)));
        assert!(!announce(&mut announcements, announcement(id, requests[1], 2, GAP), at(1)));
        // Of another router on the same interface; one without a gap neither waits nor makes others wait.
        assert!(!announce(&mut announcements, announcement(other, requests[2], 1, GAP * 2), at(2)));
        assert!(announce(&mut announcements, announcement(other, requests[1], 1, Duration::ZERO), at(3)));
        assert!(announcements.begin(LINK + 1, announcement(id, requests[2], 1, GAP), at(3)), "another interface");
        assert_eq!(announcements.take_due(at(99)), None);
        assert_eq!(play(&mut announcements), [(at(100), 2), (at(300), 3), (at(400), 1), (at(500), 2)]);
        assert!(!announcements.begin(LINK, announcement(id, requests[0], 1, GAP), at(599)), "it was a moment ago");
        assert_eq!(play(&mut announcements), [(at(600), 1)]);
        assert!(announcements.begin(LINK, announcement(id, requests[0], 1, GAP), at(700)), "nobody is there");
    }

    #[test]
    fn an_address_waits_once_however_often_it_is_to_be_announced() {
        let ([id, _], requests) = requests();
        let mut announcements = Announcements::default();
        announce(&mut announcements, announcement(id, requests[0], 1, GAP), at(0));
        for _ in 0..1_000 {
            for request in &requests {
                announce(&mut announcements, announcement(id, *request, 2, GAP), at(1));
            }
        }
        let mut left = announcements.left(id);
        left.sort();
        assert_eq!(left, requests.iter().map(|request| (request.address, 2)).collect::<Vec<_>>());
        let order = |played: Vec<(Instant, u8)>| played.into_iter().map(|(_, last)| last).collect::<Vec<_>>();
        assert_eq!(order(play(&mut announcements)), [1, 2, 3, 1, 2, 3]);
        // One that waits for its repeat goes to the others whose first waits.
        announce(&mut announcements, announcement(id, requests[0], 2, GAP), at(10_000));
        announce(&mut announcements, announcement(id, requests[1], 1, GAP), at(10_000));
        announce(&mut announcements, announcement(id, requests[0], 1, GAP), at(10_000));
        announce(&mut announcements, announcement(id, requests[2], 1, GAP), at(10_000));
        assert_eq!(order(play(&mut announcements)), [2, 1, 3]);
        let lane = &announcements.lanes[&Course { link: LINK, family: Family::Ipv4, has_gap: true }];
        assert!(lane.waiting.is_empty() && lane.places.is_empty());
    }

    #[test]
    fn the_families_of_a_link_do_not_wait_for_each_other() {
        let (ids, requests) = requests();
        let (_, others) = requests_for(["fe80::1", "fe80::2", "fe80::3"].map(|text| text.parse().unwrap()));
        let mut announcements = Announcements::default();
        for request in [requests[0], others[0]] {
            assert!(announce(&mut announcements, announcement(ids[0], request, 1, GAP), at(0)), "{request:?}");
        }
        for request in [requests[1], others[1]] {
            assert!(!announce(&mut announcements, announcement(ids[0], request, 1, GAP), at(0)), "{request:?}");
        }
        let due: Vec<_> = std::iter::from_fn(|| announcements.take_due(at(100))).collect();
        assert_eq!(due.iter().map(|(_, it)| it.request).collect::<Vec<_>>(), [requests[1], others[1]]);
        announce(&mut announcements, announcement(ids[0], others[2], 2, GAP), at(200));
        announcements.remove_link(LINK);
        assert_eq!(announcements.next(), None);
    }

    #[test]
    fn what_is_refused_is_tried_again_after_a_pause_and_the_others_of_its_link_wait_with_it() {
        let ([id, _], requests) = requests();
        for gap in [Duration::ZERO, GAP] {
            let mut announcements = Announcements::default();
            let [first, second, _] = [0, 1, 2].map(|n| announcement(id, requests[n], 2, gap));
            announcements.refused(LINK, first, at(0));
            let refused = Announcement { refused_since: Some(at(0)), ..first };
            assert_eq!(announcements.left(id), [(first.request.address, 2)], "none of it has gone");
            assert!(!announcements.are_repeated());
            let tried = at(0) + PAUSE + gap;
            assert_eq!(announcements.next(), Some(tried));
            announcements.refused(LINK, second, at(1));
            let tried = tried + Duration::from_millis(1);
            assert_eq!(announcements.take_due(tried.before(Duration::from_nanos(1))), None);
            assert_eq!(announcements.take_due(tried), Some((LINK, refused)));
            // The queue is full again: one is tried after each pause, and each in its turn.
            announcements.refused(LINK, refused, tried);
            assert_eq!(announcements.take_due(tried), None);
            let tried = tried + PAUSE + gap;
            let (_, due) = announcements.take_due(tried).unwrap();
            assert_eq!(due, Announcement { refused_since: Some(at(1)), ..second });
            // There is room: without a gap the others follow at once.
            announcements.sent(LINK, due, tried);
            let tried = tried + gap;
            assert_eq!(announcements.take_due(tried), Some((LINK, refused)));
            announcements.sent(LINK, refused, tried);
            let left = [0, 1].map(|n| (requests[n].address, 1));
            let mut waiting = announcements.left(id);
            waiting.sort();
            assert_eq!(waiting, left, "the repeats");
            announcements.remove_link(LINK);
            assert_eq!(announcements.next(), None);
        }
    }

    #[test]
    fn what_is_refused_for_ever_is_given_up() {
        let ([id, _], requests) = requests();
        let mut announcements = Announcements::default();
        announcements.refused(LINK, announcement(id, requests[0], 3, Duration::ZERO), at(0));
        let mut tried = Vec::new();
        while let Some(now) = announcements.next() {
            let (link, due) = announcements.take_due(now).unwrap();
            assert!(due.is_first, "none went out");
            tried.push(due.count);
            announcements.refused(link, due, now);
        }
        let often = (PATIENCE.as_millis() / PAUSE.as_millis()) as usize;
        assert_eq!((tried.len(), &tried[often - 1..]), (often + 2, &[3, 2, 1][..]));
        assert_eq!(announcements.left(id), []);
    }

    #[test]
    fn what_goes_is_forgotten_and_what_changes_or_goes_on_keeps_its_distance() {
        let ([id, other], requests) = requests();
        let mut announcements = Announcements::default();
        for (router, request) in [(id, requests[0]), (id, requests[1]), (other, requests[2])] {
            announce(&mut announcements, announcement(router, request, 2, GAP), at(0));
        }
        announcements.set_gap(id, GAP * 5);
        assert_eq!(announcements.next(), Some(at(500)));
        announcements.remove(id);
        assert_eq!((announcements.next(), announcements.left(id)), (Some(at(100)), vec![]));
        announcements.remove_link(LINK);
        assert_eq!((announcements.next(), announcements.left(other)), (None, vec![]));

        announcements.resume(LINK, announcement(id, requests[0], 2, GAP), at(1_000));
        announcements.resume(LINK, announcement(id, requests[1], 1, Duration::ZERO), at(1_000));
        assert_eq!(announcements.left(id), [(requests[1].address, 1), (requests[0].address, 2)]);
        assert_eq!(play(&mut announcements), [(at(1_100), 1), (at(1_200), 1)]);
    }
}
