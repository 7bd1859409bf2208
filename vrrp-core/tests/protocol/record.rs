//! Recordings of a set of routers, and their replay: the same comes out, and every change in a recording is found.

use std::num::NonZeroI16;
use std::sync::Arc;

use crate::common::{OWN, PROFILES, Raw, families, host, millis, priority, virtual_addresses};
use proptest::prelude::*;
use vrrp_core::record::{Event, ReadErrorKind, RecordedSet, Recording, Replay};
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, AddressRequest, AdvertKind, Config, Drain, Family, Input, Instant, InterfaceId, Peers, PriorityCause,
    Profile, Reading, RouterId, RxPacket, Tracker, TrackerId, UnicastPeer, Vrid, Weight,
};

/// The smallest size there is: parts come and go.
const SMALL: usize = 64;

#[derive(Clone, Debug)]
enum Happening {
    Insert {
        interface: u32,
        profile: Profile,
        family: Family,
        vrid: u8,
        priority: u8,
        unicast: bool,
    },
    Remove(usize),
    Group(Vec<usize>),
    Ungroup(usize),
    Handle(usize, Input),
    Tracker(usize, bool),
    All(bool),
    SetPriority(usize, u8),
    Reconfigure(usize, u8, bool),
    TxError(usize),
    Hear {
        interface: u32,
        profile: Profile,
        family: Family,
        vrid: u8,
        sender: u8,
        priority: u8,
        ttl: u8,
        times: u16,
    },
    /// The host answers its open requests, the oldest first.
    Answer(bool),
    Carry,
    Pass(u64),
    Deadline,
}

fn kind() -> impl Strategy<Value = (Profile, Family)> {
    let kinds = PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |family| (profile, *family)));
    prop::sample::select(kinds.collect::<Vec<_>>())
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let one = || 0..4_usize;
    let priorities = || prop::sample::select(vec![1, 90, 100, 110, 254, 255_u8]);
    let input = prop_oneof![
        6 => Just(Input::Startup),
        1 => Just(Input::Shutdown),
        1 => Just(Input::Timeout),
        2 => any::<bool>().prop_map(Input::InterfaceUp),
        1 => (0..2_usize, any::<bool>()).prop_map(|(index, there)| Input::AddressAvailable(index, there)),
        1 => Just(Input::LinkAddressChanged),
        1 => Just(Input::Installing),
        1 => any::<bool>().prop_map(|there| Input::Stray(there.then(|| virtual_addresses(Family::Ipv4)[0]))),
        1 => (1..=255_u8).prop_map(|n| Input::Drain(Drain { priority: priority(n), limit: None })),
        1 => Just(Input::Undrain),
    ];
    let senders = prop::sample::select(vec![OWN - 1, OWN, OWN + 1]);
    let heard = (kind(), 0..2_u32, 1..3_u8, senders, prop::sample::select(vec![0, 1, 90, 110, 254, 255_u8]));
    prop_oneof![
        4 => (kind(), 0..2_u32, 1..3_u8, priorities(), any::<bool>()).prop_map(
            |((profile, family), interface, vrid, priority, unicast)| Insert {
                interface, profile, family, vrid, priority, unicast: unicast && vrid == 2,
            }
        ),
        1 => one().prop_map(Remove),
        2 => prop::collection::vec(one(), 0..4).prop_map(Group),
        1 => one().prop_map(Ungroup),
        8 => (one(), input).prop_map(|(which, input)| Handle(which, input)),
        2 => (one(), prop::bool::weighted(0.8)).prop_map(|(which, passes)| Tracker(which, passes)),
        1 => any::<bool>().prop_map(All),
        1 => (one(), priorities()).prop_map(|(which, priority)| SetPriority(which, priority)),
        1 => (one(), priorities(), any::<bool>()).prop_map(|(which, n, other)| Reconfigure(which, n, other)),
        1 => one().prop_map(TxError),
        6 => (heard, prop::sample::select(vec![255, 255, 255, 254_u8]), prop::sample::select(vec![1, 1, 1, 2, 20, 400]))
            .prop_map(|(((profile, family), interface, vrid, sender, priority), ttl, times)| Hear {
                interface, profile, family, vrid, sender, priority, ttl, times,
            }),
        6 => prop::bool::weighted(0.9).prop_map(Answer),
        6 => Just(Carry),
        3 => (0..3_000_u64).prop_map(Pass),
        8 => Just(Deadline),
    ]
}

/// A set, and a driver that does what it likes when it likes.
struct World {
    set: RecordedSet,
    now: Instant,
    ids: Vec<RouterId>,
    requests: Vec<(RouterId, AddressRequest)>,
}

impl World {
    fn new(octets: usize) -> Self {
        let now = Instant::from_nanos(1_000_000_000_000);
        Self { set: RecordedSet::new(octets), now, ids: Vec::new(), requests: Vec::new() }
    }

    fn id(&self, which: usize) -> Option<RouterId> {
        self.ids.get(self.ids.len().checked_sub(1 + which)?).copied()
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Insert { interface, profile, family, vrid, priority: own, unicast } => {
                let mut config = config(*profile, *family, *vrid).with_priority(priority(*own));
                if *unicast {
                    let peer = |n| UnicastPeer { address: host(*family, n), min_ttl: 255 };
                    config = config.with_unicast_peers(&[OWN - 1, OWN + 1].map(peer)).unwrap();
                }
                let Ok(id) = self.set.insert(InterfaceId(*interface), config) else { return };
                self.ids.push(id);
                self.set.handle(self.now, id, Input::PrimaryAddress(Some(host(*family, OWN))));
            }
            Happening::Remove(which) => {
                let Some(id) = self.id(*which) else { return };
                self.set.remove(self.now, id);
                self.requests.retain(|(other, _)| *other != id);
            }
            Happening::Group(which) => {
                let ids: Vec<RouterId> = which.iter().filter_map(|which| self.id(*which)).collect();
                let _ = self.set.group(self.now, &ids);
            }
            Happening::Ungroup(which) => self.each(*which, |set, now, id| set.ungroup(now, id)),
            Happening::Handle(which, input) => self.each(*which, |set, now, id| set.handle(now, id, *input)),
            Happening::Tracker(which, passes) => self.each(*which, |set, now, id| {
                let trackers = set.get(id).map(|router| router.trackers().map(|(id, ..)| id).collect::<Vec<_>>());
                for tracker in trackers.unwrap_or_default() {
                    set.handle(now, id, Input::Tracker(tracker, Reading::from(*passes)));
                }
            }),
            Happening::All(starts) => {
                self.set.handle_all(self.now, if *starts { Input::Startup } else { Input::Shutdown });
            }
            Happening::SetPriority(which, n) => {
                self.each(*which, |set, now, id| set.set_priority(now, id, priority(*n)));
            }
            Happening::Reconfigure(which, n, other) => self.each(*which, |set, now, id| {
                let Some(old) = set.get(id).map(|router| router.config().clone()) else { return };
                let list = virtual_addresses(old.family());
                let list = if *other { &list[..1] } else { &list[..] };
                let config = old.with_priority(priority(*n)).with_addresses(list).unwrap();
                set.reconfigure(now, id, config).unwrap();
            }),
            Happening::TxError(which) => self.each(*which, |set, _, id| set.count_tx_error(id)),
            Happening::Hear { interface, profile, family, vrid, sender, priority, ttl, times } => {
                let raw = Raw { vrid: *vrid, ..Raw::new(*profile, *family, *sender, *priority) };
                let octets = raw.octets();
                for n in 0..*times {
                    // The kernel's stamps are not in the order of the calls.
                    let at = if n % 3 == 2 { self.now.before(millis(1)) } else { self.now };
                    let rx = RxPacket { endpoints: raw.endpoints(), ttl: *ttl, payload: &octets };
                    let _ = self.set.handle_packet(at, InterfaceId(*interface), rx);
                    self.now = self.now + std::time::Duration::from_micros(10);
                }
            }
            Happening::Answer(worked) => {
                if self.requests.is_empty() {
                    return;
                }
                let (id, request) = self.requests.remove(0);
                let input = if *worked { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
                self.set.handle(self.now, id, input);
            }
            Happening::Carry => self.carry_out(),
            Happening::Pass(span) => self.now = self.now + millis(*span),
            Happening::Deadline => {
                let Some((at, _)) = self.set.deadline() else { return };
                self.now = self.now.max(at);
                self.set.handle_timeout(self.now);
                self.carry_out();
            }
        }
    }

    fn each(&mut self, which: usize, act: impl Fn(&mut RecordedSet, Instant, RouterId)) {
        if let Some(id) = self.id(which) {
            act(&mut self.set, self.now, id);
        }
    }

    fn carry_out(&mut self) {
        while let Some((id, action)) = self.set.poll_action() {
            match action {
                Action::SendAdvertisement(kind) => self.send(id, kind),
                Action::InstallAddress(request) => self.requests.push((id, request)),
                _ => {}
            }
        }
    }

    fn send(&mut self, id: RouterId, kind: AdvertKind) {
        let router = self.set.get(id).unwrap();
        let Some(source) = router.source() else { return };
        let to: Vec<_> = match router.config_of(kind).peers() {
            Peers::Multicast => vec![router.config().family().group()],
            Peers::Unicast(peers) => peers.iter().map(|peer| peer.address).collect(),
        };
        for destination in to {
            let endpoints = Endpoints::new(source, destination).unwrap();
            self.set.encode(id, kind, endpoints, &mut [0; 1500]).unwrap().unwrap();
        }
    }

    fn recording(&self) -> Recording {
        self.set.recorded().unwrap().read()
    }
}

fn config(profile: Profile, family: Family, vrid: u8) -> Config {
    let mut config = Config::new(profile, Vrid::new(vrid).unwrap(), &virtual_addresses(family)).unwrap();
    for (name, weight) in [("a", Weight::Adjust(NonZeroI16::new(20).unwrap())), ("b", Weight::Fault)] {
        if vrid == 2 {
            config.add_tracker(Tracker { name: name.into(), weight, reverse: false }).unwrap();
        }
    }
    config
}

fn read_again(recording: &Recording) -> Recording {
    let text = recording.to_text();
    let read = Recording::from_text(text.as_bytes()).unwrap();
    assert_eq!(read.to_text(), text);
    read
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn whatever_happened_happens_again(
        history in prop::collection::vec(happening(), 0..150),
        octets in prop::sample::select(vec![SMALL, 4096, RecordedSet::DEFAULT_SIZE]),
        asks in prop::collection::vec(0..150_usize, 0..3),
    ) {
        let mut world = World::new(octets);
        for (n, happening) in history.iter().enumerate() {
            world.happen(happening);
            if asks.contains(&n) {
                world.recording().replay().unwrap();
            }
        }
        let recording = world.recording();
        let replayed = recording.replay().unwrap();
        prop_assert_eq!(replayed.agreed + replayed.skipped, recording.entries().len());
        // The same out of a file, and of each router alone.
        prop_assert_eq!(read_again(&recording).replay().unwrap(), replayed);
        for id in recording.routers() {
            recording.clone().only(&[id]).replay().unwrap();
        }
    }
}

const VERSION: Profile = Profile::Rfc9568;

/// A Backup that hears a Master, takes over when that is silent, and yields when it is back; its sync group goes with it.
fn story(octets: usize, rounds: u32) -> World {
    let mut world = World::new(octets);
    let family = Family::Ipv4;
    for interface in 0..2 {
        let insert = Happening::Insert { interface, profile: VERSION, family, vrid: 1, priority: 100, unicast: false };
        world.happen(&insert);
    }
    world.happen(&Happening::Group(vec![1, 0]));
    world.happen(&Happening::All(true));
    world.carry_out();
    for round in 0..rounds {
        let silent = round % 8 >= 4;
        if silent {
            world.now = world.now + millis(1_000);
        }
        while let Some((at, id)) = world.set.deadline().filter(|(at, _)| *at <= world.now) {
            world.set.handle(at, id, Input::Timeout);
            world.carry_out();
            while !world.requests.is_empty() {
                world.happen(&Happening::Answer(true));
            }
            world.carry_out();
        }
        if !silent {
            for interface in 0..2 {
                let heard = |ttl| Happening::Hear {
                    interface,
                    profile: VERSION,
                    family,
                    vrid: 1,
                    sender: 20,
                    priority: 200,
                    ttl,
                    times: 1,
                };
                world.happen(&heard(255));
                world.happen(&heard(254));
                world.carry_out();
            }
            world.now = world.now + millis(1_000);
        }
    }
    world
}

#[test]
fn a_story_is_told_again_to_the_last_octet() {
    let world = story(RecordedSet::DEFAULT_SIZE, 40);
    let recording = world.recording();
    let replayed = recording.replay().unwrap();
    assert_eq!((replayed.skipped, replayed.agreed), (0, recording.entries().len()));
    assert!(replayed.actions > 50 && replayed.advertisements > 20, "{replayed:?}");
    assert_eq!(world.set.iter().map(|(_, router)| router.stats().master_transitions).sum::<u64>(), 10);
    let changes = |recording: &Recording| {
        let is_change = |event: &Event| matches!(event, Event::Asked(Action::StateChanged(_)));
        recording.entries().iter().filter(|entry| is_change(&entry.event)).count()
    };
    assert_eq!(changes(&recording), 2 + 10 + 8, "started, each to Master, and back but for the last time");
    // In little memory the last part of it; but of both.
    let small = story(SMALL, 4_000);
    let recording = small.recording();
    let replayed = recording.replay().unwrap();
    assert!(recording.left_out().parts > 10 && recording.routers().len() == 2, "{:?}", recording.left_out());
    assert!(replayed.skipped < replayed.agreed / 4 && replayed.advertisements > 10, "{replayed:?}");
    assert!(small.set.recorder_size() < 64 * 1024, "{}", small.set.recorder_size());
}

#[test]
fn what_was_changed_in_a_recording_is_found() {
    let recording = story(RecordedSet::DEFAULT_SIZE, 12).recording();
    let differs = |number: usize, change: &dyn Fn(&mut Event)| {
        let mut other = recording.clone();
        change(&mut other.entries_mut()[number].event);
        let difference = other.replay().expect_err("it was changed");
        assert!(difference.entry >= number, "{difference}");
        difference
    };
    let mut found = [0; 3];
    for (number, entry) in recording.entries().iter().enumerate() {
        match &entry.event {
            Event::Encoded(message) => {
                for place in 0..message.octets.len() {
                    let difference = differs(number, &|event| {
                        let Event::Encoded(message) = event else { return };
                        Arc::make_mut(message).octets[place] ^= 1;
                    });
                    assert_eq!(difference.entry, number);
                    found[0] += 1;
                }
            }
            Event::Heard { packet, accepted: true } => {
                for place in 0..packet.octets.len() {
                    let difference = differs(number, &|event| {
                        let Event::Heard { packet, .. } = event else { return };
                        Arc::make_mut(packet).octets[place] ^= 0x10;
                    });
                    assert_eq!(difference.entry, number);
                    found[1] += 1;
                }
            }
            Event::Asked(action) => {
                let action = *action;
                differs(number, &|event| {
                    *event = Event::Asked(match action {
                        Action::SendAdvertisement(_) => Action::NobodyTookOver,
                        _ => Action::SendAdvertisement(AdvertKind::Regular),
                    });
                });
                let difference = differs(number, &|event| *event = Event::Drained);
                assert_eq!(difference.recorded, "nothing more to do");
                found[2] += 1;
            }
            _ => {}
        }
    }
    assert!(found.iter().all(|found| *found > 10), "{found:?}");
    // One that is missing is missed.
    let number = recording.entries().iter().position(|entry| matches!(entry.event, Event::Asked(_))).unwrap();
    let mut other = recording.clone();
    other.entries_mut().remove(number);
    assert!(other.replay().is_err());
}

#[test]
fn one_flipped_octet_anywhere_is_found_with_its_line() {
    let mut recording = story(RecordedSet::DEFAULT_SIZE, 1).recording();
    recording.about = "a test".into();
    recording.epoch = Some(1_700_000_000_000_000_000);
    recording.names.extend(recording.routers().into_iter().map(|id| (id, format!("VI_{}", id.index()))));
    let text = recording.to_text();
    let read = Recording::from_text(text.as_bytes()).unwrap();
    assert_eq!((&read.about, read.epoch, &read.names), (&recording.about, recording.epoch, &recording.names));
    let mut octets = text.clone().into_bytes();
    let mut line = 1;
    for place in 0..octets.len() {
        // All of what is special, and some of what is not.
        let is_special = text[place..].find('\n').is_some_and(|rest| rest < 24) || text[..place].ends_with('\n');
        if !is_special && place % 7 != 0 {
            continue;
        }
        let bit = 1 << (place % 7);
        octets[place] ^= bit;
        let error = Recording::from_text(&octets).unwrap_err();
        // A line that lost its end is one with the next.
        assert_eq!(error.line, line, "{error}, octet {place}");
        octets[place] ^= bit;
        line += usize::from(octets[place] == b'\n');
    }
}

#[test]
fn what_is_cut_off_or_newer_or_something_else_is_said() {
    let text = story(RecordedSet::DEFAULT_SIZE, 1).recording().to_text();
    let error = |text: &[u8]| Recording::from_text(text).unwrap_err();
    for end in (1..text.len()).step_by(97) {
        let kind = error(&text.as_bytes()[..end]).kind;
        let expected = matches!(kind, ReadErrorKind::CutOff | ReadErrorKind::Damaged | ReadErrorKind::NotARecording);
        assert!(expected, "{kind}");
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for end in 1..lines.len() {
        let cut = error(lines[..end].concat().as_bytes());
        assert_eq!((cut.line, cut.kind), (end + 1, ReadErrorKind::CutOff));
    }
    let without_third = [&lines[..2], &lines[3..]].concat().concat();
    let missing = error(without_third.as_bytes());
    assert_eq!((missing.line, missing.kind), (3, ReadErrorKind::Damaged));
    let mut twice = text.clone();
    twice.push_str(lines[1]);
    assert_eq!(error(twice.as_bytes()).kind, ReadErrorKind::AfterEnd);
    for other in ["", "\n", "{}\n", "vrrp_instance A {\n}\n"] {
        assert_eq!(error(other.as_bytes()).kind, ReadErrorKind::NotARecording);
    }
    assert_eq!(
        error(b"# VRRP\n").to_string(),
        "line 1: this is no recording: a recording begins with {\"recording\":{\"version\":"
    );
}

#[test]
fn a_flood_does_not_push_out_what_matters() {
    for (priority, ttl) in [(200, 254), (200, 255)] {
        let mut world = story(RecordedSet::DEFAULT_SIZE, 12);
        let size = world.set.recorder_size();
        for round in 0..3 {
            let flood = Happening::Hear {
                interface: 0,
                profile: VERSION,
                family: Family::Ipv4,
                vrid: 1,
                sender: 30 + round,
                priority,
                ttl,
                times: 20_000,
            };
            world.happen(&flood);
        }
        world.now = world.now + millis(10_000);
        world.happen(&Happening::Deadline);
        let recording = world.recording();
        let left_out = recording.left_out();
        assert_eq!(left_out.parts, 0, "the beginning is still there");
        assert!(left_out.rejected + left_out.accepted > 59_000, "{left_out:?}");
        let replayed = recording.replay().unwrap();
        assert!(replayed.agreed > 100, "{replayed:?}");
        // When it is over the routers are followed again.
        let last = recording.entries().iter().rposition(|entry| matches!(entry.event, Event::Cut));
        let takes_over =
            |entry: &vrrp_core::record::Entry| matches!(entry.event, Event::Asked(Action::StateChanged(_)));
        let takeover = recording.entries().iter().rposition(takes_over).unwrap();
        assert!(last.is_none_or(|last| last < takeover));
        let mut replay = Replay::new(&recording);
        let steps: Vec<_> = std::iter::from_fn(|| replay.step().unwrap()).collect();
        assert!(steps[takeover].followed, "{replayed:?}");
        assert!(ttl == 254 || replayed.skipped < recording.entries().len() / 2, "{replayed:?}");
        assert!(world.set.recorder_size() <= size * 3, "{} > {size}", world.set.recorder_size());
    }
}

/// A Master that hears nobody.
fn alone(octets: usize, intervals: u32) -> World {
    let mut world = World::new(octets);
    let family = Family::Ipv4;
    world.happen(&Happening::Insert { interface: 0, profile: VERSION, family, vrid: 1, priority: 100, unicast: false });
    world.happen(&Happening::All(true));
    for _ in 0..intervals {
        world.happen(&Happening::Deadline);
        world.happen(&Happening::Answer(true));
    }
    world
}

#[test]
fn every_entry_has_the_time_of_the_last_call() {
    // The oldest part has come and gone, or is there.
    for intervals in [4_000, 600, 3] {
        let world = alone(SMALL, intervals);
        let recording = world.recording();
        assert_eq!(recording.left_out().parts > 0, intervals == 4_000);
        let times: Vec<Instant> = recording.entries().iter().map(|entry| entry.at).collect();
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
        assert!(times[0] >= Instant::from_nanos(1_000_000_000_000), "{:?}", times[0]);
    }
    // A recorder that begins in the midst of it knows no time before the next call.
    let mut world = alone(SMALL, 3);
    world.set.handle(world.now, world.ids[0], Input::Shutdown);
    world.set.set_recorder_size(SMALL);
    world.carry_out();
    world.happen(&Happening::Handle(0, Input::Startup));
    assert!(world.recording().entries().iter().all(|entry| entry.at == world.now));
}

#[test]
fn a_copy_takes_nothing_away() {
    let mut world = alone(RecordedSet::DEFAULT_SIZE, 5);
    let mut entries = world.recording().entries().len();
    for _ in 0..20 {
        let before = std::mem::replace(&mut entries, world.recording().entries().len());
        assert_eq!(entries, before, "nothing happened");
        world.happen(&Happening::Deadline);
        entries = world.recording().entries().len();
        assert!(entries > before && world.recording().left_out().parts == 0);
    }
}

/// However full the half is: the entry and what says of which router it is stand in the same one.
#[test]
fn every_rare_entry_has_its_router() {
    for fill in 0..150 {
        let mut world = alone(SMALL, 3);
        let other = world.set.insert(InterfaceId(1), config(VERSION, Family::Ipv4, 1)).unwrap();
        world.ids.push(other);
        for n in 0..fill {
            world.happen(&Happening::SetPriority(1, 100 + n % 2));
        }
        world.happen(&Happening::SetPriority(0, 90));
        let recording = world.recording();
        let last = recording.entries().last().unwrap();
        assert!(matches!(last.event, Event::Priority(_)) && last.router == Some(other), "{fill}: {last:?}");
        recording.replay().unwrap();
    }
}

/// A recorder of any size is one of the greatest size at most.
#[test]
fn no_size_is_too_large() {
    let mut world = alone(SMALL, 1);
    world.set.set_recorder_size(usize::MAX);
    let size = world.set.recorder_size();
    assert!(size > 0 && size <= RecordedSet::MAX_SIZE, "{size}");
}

#[test]
fn a_priority_is_told_with_the_name_of_the_tracker() {
    let config = config(VERSION, Family::Ipv4, 2);
    let (from, to, by) = (priority(100), priority(120), PriorityCause::Tracker(TrackerId::new(0)));
    let event = Event::Asked(Action::PriorityChanged { from, to, by });
    assert_eq!(event.describe(Some(&config)), "priority 100 -> 120: tracker a");
    assert_eq!(event.describe(None), "priority 100 -> 120: tracker 0");
}

/// A Master whose only advertisement did not go out does not go on when its interface is back.
#[test]
fn what_could_not_be_sent_is_part_of_the_story() {
    let mut world = World::new(RecordedSet::DEFAULT_SIZE);
    let family = Family::Ipv4;
    world.happen(&Happening::Insert { interface: 0, profile: VERSION, family, vrid: 1, priority: 100, unicast: false });
    world.happen(&Happening::All(true));
    for happening in [
        Happening::Deadline,
        Happening::Answer(true),
        Happening::Answer(true),
        Happening::Carry,
        Happening::TxError(0),
        Happening::Handle(0, Input::InterfaceUp(false)),
        Happening::Carry,
        Happening::Handle(0, Input::InterfaceUp(true)),
        Happening::Carry,
    ] {
        world.happen(&happening);
    }
    let recording = world.recording();
    assert_eq!(recording.replay().unwrap().skipped, 0);
    let mut without = recording.clone();
    without.entries_mut().retain(|entry| !matches!(entry.event, Event::TxError));
    assert!(without.replay().is_err());
}

#[test]
fn a_recorder_that_is_off_takes_nothing_and_says_nothing() {
    let world = story(0, 8);
    assert!(world.set.recorded().is_none() && world.set.recorder_size() == 0);
    assert_eq!(world.set.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_makes_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let text = story(RecordedSet::DEFAULT_SIZE, 4).recording().to_text();
        let mut octets = text.into_bytes();
        for (place, octet) in changes {
            let place = place.index(octets.len());
            octets[place] = octet;
        }
        prop_assert!(Recording::from_text(&octets).is_err());
    }

    /// Digits are other digits, and every line has the checksum that fits.
    #[test]
    fn what_a_stranger_wrote_makes_no_replay_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"0123456789".to_vec())), 1..40),
    ) {
        let text = story(RecordedSet::DEFAULT_SIZE, 4).recording().to_text();
        let mut octets = text.into_bytes();
        let digits: Vec<usize> = (0..octets.len()).filter(|place| octets[*place].is_ascii_digit()).skip(1).collect();
        for (place, digit) in changes {
            octets[digits[place.index(digits.len())]] = digit;
        }
        match Recording::from_text(sealed(&String::from_utf8(octets).unwrap()).as_bytes()) {
            Ok(recording) => drop(recording.replay()),
            Err(error) => prop_assert!(matches!(error.kind, ReadErrorKind::Malformed(_)), "{}", error),
        }
    }
}

/// Gives every line the checksum that fits.
fn sealed(text: &str) -> String {
    let mut crc = 0_u32;
    let mut sealed = String::new();
    for line in text.lines() {
        let line = line.rsplit_once(",\"crc\":").unwrap().0;
        crc = !line.bytes().fold(!crc, |crc, octet| {
            (0..8).fold(crc ^ u32::from(octet), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        });
        sealed.push_str(&format!("{line},\"crc\":\"{crc:08x}\"}}\n"));
    }
    sealed
}

#[test]
fn a_newer_version_says_so() {
    let text = story(RecordedSet::DEFAULT_SIZE, 1).recording().to_text();
    assert_eq!(sealed(&text), text);
    let newer = sealed(&text.replacen("\"version\":1", "\"version\":7", 1));
    let error = Recording::from_text(newer.as_bytes()).unwrap_err();
    assert_eq!((error.line, error.kind), (1, ReadErrorKind::Newer(7)));
}
