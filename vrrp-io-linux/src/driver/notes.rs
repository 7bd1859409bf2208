//! Notes of what was heard, for operators who ask. Nothing is decided by them, so an advertisement that is ignored may be
//! among them. They are bounded, and a packet makes room for itself in place of an older one.

use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::wire::{ChecksumForm, Packet, ParseError};
use vrrp_core::{Accepted, AdvertInterval, Discard, Family, Instant, Priority, RxPacket, Version, Vrid};

use super::now::Now;
use crate::disagreement::ListDifference;
use crate::heard::{HeardFrom, IgnoredFrom, NotSent, Stranger};
use crate::os_error::OsError;

/// Sources that a router keeps: its peers, and others while who is Master is contested.
const SOURCES: usize = 8;
/// Reasons and sources of what a router ignored.
const IGNORED: usize = 16;
/// Sources of one reason: a flood for one reason leaves room for the others.
const OF_ONE_REASON: usize = 4;
/// Virtual routers of other ids that an interface keeps.
const STRANGERS: usize = 16;
/// Addresses of a list that are kept.
const LISTED: usize = 4;
/// The shortest time between two reads of the list of one source, and of two sources that others made room for.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// A source that was silent for so many of its intervals begins anew.
const BREAK: u32 = 3;

/// A summary of what one router heard.
#[derive(Debug, Default)]
pub(super) struct Notes {
    sources: Vec<Source>,
    ignored: Vec<Ignored>,
    not_sent: Option<(IpAddr, OsError, Instant)>,
    /// The last read of the list of a source that another one made room for.
    newcomer_read_at: Option<Instant>,
}

/// The virtual routers that one interface heard and that are not ours.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    all: Vec<Unknown>,
    newcomer_read_at: Option<Instant>,
}

#[derive(Debug)]
struct Source {
    address: IpAddr,
    priority: Option<Priority>,
    interval: AdvertInterval,
    version: Version,
    checksum: ChecksumForm,
    ttl: u8,
    at: Instant,
    /// The moment at which it began to advertise without a break.
    since: Instant,
    count: u64,
    difference: Option<ListDifference>,
    read_at: Option<Instant>,
}

#[derive(Debug)]
struct Ignored {
    source: IpAddr,
    reason: Discard,
    authenticated: bool,
    priority: Option<Priority>,
    addresses: Vec<IpAddr>,
    at: Instant,
    count: u64,
    read_at: Option<Instant>,
}

#[derive(Debug)]
struct Unknown {
    vrid: Vrid,
    source: IpAddr,
    priority: Option<Priority>,
    version: Version,
    addresses: Vec<IpAddr>,
    at: Instant,
    count: u64,
    read_at: Option<Instant>,
}

impl Notes {
    /// Notes an advertisement that passed every check. `difference` reads its list of addresses, where that is another one.
    pub(super) fn accept(
        &mut self,
        rx: &RxPacket<'_>,
        accepted: &Accepted<'_>,
        at: Instant,
        difference: impl FnOnce() -> ListDifference,
    ) {
        let address = rx.endpoints.source();
        let Accepted { priority, interval, .. } = *accepted;
        let known = self.sources.iter_mut().find(|source| source.address == address);
        let known = match known {
            Some(source) => {
                if at.since(source.at) > source.interval.duration() * BREAK {
                    source.since = at;
                }
                source.count += 1;
                (source.priority, source.interval, source.version) = (priority, interval, accepted.version());
                (source.checksum, source.ttl, source.at) = (accepted.checksum(), rx.ttl, at);
                source
            }
            None => {
                let (version, checksum, ttl) = (accepted.version(), accepted.checksum(), rx.ttl);
                let new = Source {
                    address,
                    priority,
                    interval,
                    version,
                    checksum,
                    ttl,
                    at,
                    since: at,
                    count: 1,
                    difference: None,
                    read_at: None,
                };
                let makes_room = self.sources.len() >= SOURCES;
                let Some(source) = make_room(&mut self.sources, SOURCES, |source| source.at, new) else { return };
                if makes_room && !(accepted.other_addresses && may_read(&mut self.newcomer_read_at, at)) {
                    // Not before it has been here for a while: this may be a flood from ever other sources.
                    source.read_at = Some(at);
                }
                source
            }
        };
        if !accepted.other_addresses {
            known.difference = None;
        } else if may_read(&mut known.read_at, at) {
            known.difference = Some(difference().shortened(LISTED));
        }
    }

    /// Notes an advertisement that was ignored.
    pub(super) fn ignore(&mut self, rx: &RxPacket<'_>, reason: Discard, authenticated: bool, at: Instant) {
        let (source, kind) = (rx.endpoints.source(), kind(&reason));
        let same = |it: &&mut Ignored| it.source == source && self::kind(&it.reason) == kind;
        if let Some(known) = self.ignored.iter_mut().find(same) {
            known.count += 1;
            (known.reason, known.at, known.authenticated) = (reason, at, authenticated);
            if may_read(&mut known.read_at, at) {
                (known.priority, known.addresses) = read(rx);
            }
            return;
        }
        let of_this = |it: &Ignored| self::kind(&it.reason) == kind;
        let is_one_of_few = self.ignored.iter().filter(|it| of_this(it)).count() < OF_ONE_REASON;
        let makes_room = !is_one_of_few || self.ignored.len() >= IGNORED;
        let may_read = !makes_room || may_read(&mut self.newcomer_read_at, at);
        let (priority, addresses) = if may_read { read(rx) } else { (None, Vec::new()) };
        let new = Ignored { source, reason, authenticated, priority, addresses, at, count: 1, read_at: Some(at) };
        if is_one_of_few {
            make_room(&mut self.ignored, IGNORED, |it| it.at, new);
        } else if let Some(oldest) = self.ignored.iter_mut().filter(|it| of_this(it)).min_by_key(|it| it.at) {
            *oldest = new;
        }
    }

    /// Notes an advertisement that could not be sent.
    pub(super) fn not_sent(&mut self, destination: IpAddr, error: OsError, at: Instant) {
        self.not_sent = Some((destination, error, at));
    }

    /// Forgets what was ignored by another configuration.
    pub(super) fn reconfigured(&mut self) {
        self.ignored.clear();
        self.sources.iter_mut().for_each(|source| (source.difference, source.read_at) = (None, None));
        self.newcomer_read_at = None;
    }

    /// Returns the sources, who was heard last first.
    pub(super) fn heard(&self, now: &Now) -> Vec<HeardFrom> {
        let shown = |it: &Source| HeardFrom {
            source: it.address,
            priority: it.priority,
            interval: it.interval,
            version: it.version,
            checksum: it.checksum,
            ttl: it.ttl,
            at: now.wall(it.at),
            ago: now.ago(it.at),
            count: it.count,
            for_now: it.at.since(it.since),
            difference: it.difference.clone(),
        };
        let mut all: Vec<_> = self.sources.iter().map(shown).collect();
        all.sort_by_key(|it| it.ago);
        all
    }

    /// Returns what was ignored, the last first.
    pub(super) fn ignored(&self, now: &Now) -> Vec<IgnoredFrom> {
        let shown = |it: &Ignored| IgnoredFrom {
            source: it.source,
            reason: it.reason,
            authenticated: it.authenticated,
            priority: it.priority,
            addresses: it.addresses.clone(),
            at: now.wall(it.at),
            ago: now.ago(it.at),
            count: it.count,
        };
        let mut all: Vec<_> = self.ignored.iter().map(shown).collect();
        all.sort_by_key(|it| it.ago);
        all
    }

    /// Returns the last advertisement that could not be sent.
    pub(super) fn last_not_sent(&self, now: &Now) -> Option<NotSent> {
        let (destination, error, at) = self.not_sent.as_ref()?;
        Some(NotSent { destination: *destination, error: error.clone(), ago: now.ago(*at) })
    }
}

impl Strangers {
    /// Notes a sound advertisement of a virtual router that is not ours.
    pub(super) fn hear(&mut self, vrid: Vrid, rx: &RxPacket<'_>, at: Instant) {
        let source = rx.endpoints.source();
        let (version, priority) = (version(rx), priority(rx));
        if let Some(known) = self.all.iter_mut().find(|it| it.vrid == vrid && it.source == source) {
            (known.at, known.count, known.version, known.priority) = (at, known.count + 1, version, priority);
            if may_read(&mut known.read_at, at) {
                known.addresses = read(rx).1;
            }
            return;
        }
        let may_read = self.all.len() < STRANGERS || may_read(&mut self.newcomer_read_at, at);
        let addresses = if may_read { read(rx).1 } else { Vec::new() };
        let new = Unknown { vrid, source, priority, version, addresses, at, count: 1, read_at: Some(at) };
        make_room(&mut self.all, STRANGERS, |it| it.at, new);
    }

    /// Returns what was heard on an interface.
    pub(super) fn shown<'a>(
        &'a self,
        interface: &'a str,
        family: Family,
        now: &'a Now,
    ) -> impl Iterator<Item = Stranger> + 'a {
        self.all.iter().map(move |it| Stranger {
            interface: interface.to_owned(),
            family,
            vrid: it.vrid,
            source: it.source,
            priority: it.priority,
            version: it.version,
            addresses: it.addresses.clone(),
            ago: now.ago(it.at),
            count: it.count,
        })
    }
}

/// Tells whether a list of addresses may be read now, and counts that. It is read for information only, and anybody can send one.
fn may_read(read_at: &mut Option<Instant>, at: Instant) -> bool {
    let may = read_at.is_none_or(|read_at| at.since(read_at) >= READ_AGAIN);
    if may {
        *read_at = Some(at);
    }
    may
}

/// Puts something in, in place of the oldest where there is no more room.
fn make_room<T>(all: &mut Vec<T>, room: usize, at: impl Fn(&T) -> Instant, new: T) -> Option<&mut T> {
    if all.len() < room {
        all.push(new);
        return all.last_mut();
    }
    let oldest = all.iter_mut().min_by_key(|it| at(it))?;
    *oldest = new;
    Some(oldest)
}

/// The priority and the first addresses of an advertisement, where it is sound.
fn read(rx: &RxPacket<'_>) -> (Option<Priority>, Vec<IpAddr>) {
    match Packet::parse(version(rx), rx.payload, rx.endpoints) {
        Ok(packet) => (packet.priority(), packet.addresses().take(LISTED).collect()),
        Err(_) => (None, Vec::new()),
    }
}

/// The kind of a reason: each way in which a message can be damaged is one of its own.
fn kind(reason: &Discard) -> (Discriminant<Discard>, Option<Discriminant<ParseError>>) {
    let damage = match reason {
        Discard::Parse(error) => Some(discriminant(error)),
        _ => None,
    };
    (discriminant(reason), damage)
}

/// The priority octet, which stands at the same place in every version.
fn priority(rx: &RxPacket<'_>) -> Option<Priority> {
    rx.payload.get(2).and_then(|octet| Priority::from_wire(*octet))
}

fn version(rx: &RxPacket<'_>) -> Version {
    match rx.payload.first().map(|octet| octet >> 4) {
        Some(2) => Version::V2,
        _ => Version::V3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;
    use vrrp_core::wire::Endpoints;
    use vrrp_core::{Config, Input, InterfaceId, Profile, RouterSet, VirtualRouter};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn now(millis: u64) -> Now {
        Now { monotonic: at(millis), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1000) }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// The datagram of an advertisement of `host`.
    fn sent_by(host: u8) -> Endpoints {
        Endpoints::new(address(host), Family::Ipv4.group()).unwrap()
    }

    /// Message of version 3 with these addresses.
    fn message(host: u8, vrid: u8, addresses: &[u8]) -> Vec<u8> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|last| address(*last)).collect();
        let config = Config::new(Profile::Rfc9568, Vrid::new(vrid).unwrap(), &addresses).unwrap();
        let router = VirtualRouter::new(config);
        let mut octets = vec![0; 1500];
        let len = router.encode(vrrp_core::AdvertKind::Regular, sent_by(host), &mut octets).unwrap();
        octets.truncate(len);
        octets
    }

    fn rx(host: u8, payload: &[u8]) -> RxPacket<'_> {
        RxPacket { endpoints: sent_by(host), ttl: 255, payload }
    }

    /// Has a Backup of the address .100 hear a message of `host`, and notes the result.
    fn hear(notes: &mut Notes, host: u8, payload: &[u8], millis: u64) {
        let config = Config::new(Profile::Rfc9568, Vrid::new(7).unwrap(), &[address(100)]).unwrap();
        let mut set = RouterSet::new();
        let id = set.insert(InterfaceId(0), config.clone()).unwrap();
        for input in [Input::InterfaceUp(true), Input::PrimaryAddress(Some(address(1))), Input::Startup] {
            set.handle(Instant::ZERO, id, input);
        }
        match set.handle_packet(Instant::ZERO, InterfaceId(0), rx(host, payload)) {
            Ok((_, accepted)) => notes.accept(&rx(host, payload), &accepted, at(millis), || {
                ListDifference::new(&config, accepted.addresses())
            }),
            Err(rejected) => notes.ignore(&rx(host, payload), rejected.reason, false, at(millis)),
        }
    }

    #[test]
    fn the_last_of_each_source_is_kept_with_how_long_it_goes_on() {
        let (mut notes, message) = (Notes::default(), message(2, 7, &[100]));
        for millis in [0, 1000, 2000, 9000, 10_000] {
            hear(&mut notes, 2, &message, millis);
        }
        let heard = notes.heard(&now(10_500));
        assert_eq!(heard.len(), 1);
        assert_eq!((heard[0].source, heard[0].count, heard[0].for_now), (address(2), 5, SECOND), "it paused at 2 s");
        assert_eq!((heard[0].ago, heard[0].interval.duration()), (Duration::from_millis(500), SECOND));
        assert_eq!((heard[0].version, heard[0].priority), (Version::V3, Priority::new(100).ok()));
    }

    #[test]
    fn who_was_heard_longest_ago_gives_way() {
        let (mut notes, message) = (Notes::default(), message(2, 7, &[100]));
        for host in 2..=20 {
            hear(&mut notes, host, &message, u64::from(host) * 10);
        }
        hear(&mut notes, 13, &message, 300);
        let heard = notes.heard(&now(300));
        let hosts: Vec<IpAddr> = heard.iter().map(|it| it.source).collect();
        assert_eq!(hosts, [13, 20, 19, 18, 17, 16, 15, 14].map(address));
    }

    #[test]
    fn another_list_of_each_source_is_read_once_a_second_and_forgotten_when_it_is_ours() {
        let mut notes = Notes::default();
        let only_there = |notes: &Notes| {
            let difference = |source: &Source| match source.difference.as_ref()? {
                ListDifference::Addresses { there, here } if here.is_empty() => Some(there.clone()),
                other => panic!("{other:?}"),
            };
            notes.sources.iter().map(difference).collect::<Vec<_>>()
        };
        hear(&mut notes, 2, &message(2, 7, &[100, 101]), 0);
        hear(&mut notes, 3, &message(3, 7, &[100, 102]), 0);
        assert_eq!(only_there(&notes), [Some(vec![address(101)]), Some(vec![address(102)])]);
        hear(&mut notes, 2, &message(2, 7, &[100, 103]), 999);
        assert_eq!(only_there(&notes)[0], Some(vec![address(101)]), "not yet");
        hear(&mut notes, 2, &message(2, 7, &[100, 103]), 1000);
        hear(&mut notes, 3, &message(3, 7, &[100]), 1000);
        assert_eq!(only_there(&notes), [Some(vec![address(103)]), None]);
        notes.reconfigured();
        assert_eq!(only_there(&notes), [None, None]);
        hear(&mut notes, 2, &message(2, 7, &[100, 103]), 1001);
        assert_eq!(only_there(&notes), [Some(vec![address(103)]), None], "it is compared with another configuration");
    }

    #[test]
    fn sources_that_others_make_room_for_are_read_once_a_second_together() {
        let mut notes = Notes::default();
        // Each comes twice, so that it is known the second time; some have our list at first.
        for host in 2..=201 {
            let first = if host % 2 == 0 { &[100, 101][..] } else { &[100] };
            hear(&mut notes, host, &message(host, 7, first), u64::from(host));
            hear(&mut notes, host, &message(host, 7, &[100, 101]), u64::from(host));
        }
        // The last eight are kept, and those that were read have gone by then.
        assert!(notes.sources.iter().all(|source| source.difference.is_none()));
        hear(&mut notes, 201, &message(201, 7, &[100, 101]), 1201);
        assert_eq!(notes.sources.iter().filter(|source| source.difference.is_some()).count(), 1);
    }

    #[test]
    fn damage_of_one_kind_leaves_room_for_the_others() {
        let mut notes = Notes::default();
        let mut of_another_version = message(2, 7, &[100]);
        of_another_version[0] = 0x41;
        hear(&mut notes, 2, &of_another_version, 0);
        let mut broken = message(3, 7, &[100]);
        broken[2] ^= 1;
        for host in 3..200 {
            hear(&mut notes, host, &broken, 1000 + u64::from(host));
        }
        let ignored = notes.ignored(&now(2000));
        assert_eq!(ignored.len(), OF_ONE_REASON + 1);
        let other = ignored.last().unwrap();
        assert_eq!((other.source, other.count), (address(2), 1));
        assert!(matches!(other.reason, Discard::Parse(ParseError::Version { found: 4, .. })), "{other:?}");
    }

    #[test]
    fn each_source_of_what_is_ignored_is_read() {
        let mut notes = Notes::default();
        for host in [2, 3] {
            hear(&mut notes, host, &message(host, 7, &[200]), 0);
        }
        let read = |notes: &Notes| notes.ignored.iter().map(|it| it.addresses.clone()).collect::<Vec<_>>();
        assert_eq!(read(&notes), [[address(200)], [address(200)]]);
        for host in [2, 3] {
            hear(&mut notes, host, &message(host, 7, &[201]), 1000);
        }
        assert_eq!(read(&notes), [[address(201)], [address(201)]]);
    }

    #[test]
    fn a_flood_for_one_reason_leaves_room_for_the_others() {
        let mut notes = Notes::default();
        hear(&mut notes, 2, &message(2, 7, &[200]), 0);
        let mut broken = message(3, 7, &[100]);
        broken[2] ^= 1;
        for host in 3..200 {
            hear(&mut notes, host, &broken, 1000 + u64::from(host));
        }
        let ignored = notes.ignored(&now(2000));
        assert_eq!(ignored.len(), OF_ONE_REASON + 1);
        let other = ignored.last().unwrap();
        assert_eq!((other.source, other.reason, other.count), (address(2), Discard::OtherCluster, 1));
        assert_eq!((other.addresses.as_slice(), other.priority), ([address(200)].as_slice(), Priority::new(100).ok()));
        assert_eq!(ignored[0].source, address(199), "the last first");
        notes.reconfigured();
        assert_eq!(notes.ignored(&now(2000)), []);
    }

    #[test]
    fn strangers_are_kept_by_id_and_source_and_only_so_many() {
        let mut strangers = Strangers::default();
        for vrid in 1..=20 {
            strangers.hear(Vrid::new(vrid).unwrap(), &rx(9, &message(9, vrid, &[150])), at(u64::from(vrid)));
        }
        strangers.hear(Vrid::new(20).unwrap(), &rx(9, &message(9, 20, &[150])), at(1500));
        assert_eq!(strangers.all.len(), STRANGERS);
        let last = strangers.all.iter().find(|it| it.vrid.get() == 20).unwrap();
        assert_eq!((last.count, last.addresses.as_slice()), (2, [address(150)].as_slice()));
        assert!(strangers.all.iter().all(|it| it.vrid.get() > 4));
    }

    #[test]
    fn strangers_that_come_at_the_same_time_are_all_read_and_their_priority_every_time() {
        let mut strangers = Strangers::default();
        for millis in [0, 1000] {
            for (host, address) in [(8, 150), (9, 151)] {
                strangers.hear(Vrid::new(host).unwrap(), &rx(host, &message(host, host, &[address])), at(millis));
            }
        }
        let listed: Vec<_> = strangers.all.iter().map(|it| it.addresses.clone()).collect();
        assert_eq!(listed, [[address(150)], [address(151)]]);
        let mut release = message(9, 9, &[151]);
        release[2] = 0;
        strangers.hear(Vrid::new(9).unwrap(), &rx(9, &release), at(1001));
        assert_eq!((strangers.all[0].priority, strangers.all[1].priority), (Priority::new(100).ok(), None));
    }
}
