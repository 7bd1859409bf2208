//! The steps on the path of a packet: measured in time by `core`, in instructions by `instructions`.
//!
//! None of them allocates; both benches see to that.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp_core::fsm::{self, Advert, Event, Params, State};
use vrrp_core::record::RecordedSet;
use vrrp_core::wire::{Endpoints, Packet};
use vrrp_core::{
    Action, AdvertInterval, AdvertKind, Config, Family, Input, Instant, InterfaceId, Password, Priority, Profile,
    RouterSet, RxPacket, SendChecksum, Version, VirtualRouter, Vrid,
};

use crate::floor;

/// Takes a step so many times, and tells how long that took; what prepares it does not count. The first call prepares
/// it for all.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Box<dyn FnMut(u64) -> Duration>,
}

/// Numbers of routers in a set.
pub(crate) const SIZES: [u32; 4] = [1, 255, 4096, 65_000];

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for form in Form::ALL {
        for addresses in [1, 20] {
            let name = |what: &str| format!("{what}/{}, {addresses}", form.name());
            cases.push(case(name("parse floor"), parse_floor(form, addresses)));
            cases.push(case(name("parse"), parse(form, addresses)));
            cases.push(case(name("encode floor"), encode_floor(form, addresses)));
            cases.push(case(name("encode"), encode(form, addresses)));
        }
    }
    cases.push(case("fsm/step", step()));
    for form in Form::ALL {
        cases.push(case(format!("router/advert to deadline/{}, 1", form.name()), router_hears(form)));
    }
    for routers in SIZES {
        cases.push(case(format!("set/advert, one router/{routers}"), set_hears(routers, 0)));
        // Prime to every size: each router in turn, none beside the last one.
        cases.push(case(format!("set/advert, each router/{routers}"), set_hears(routers, 7919)));
        cases.push(case(format!("set/timer due/{routers}"), set_sends(routers)));
    }
    // With so much room that none has to be made while it is measured: that allocates, once in a thousand advertisements.
    for (recorder, octets) in [("off", 0), ("on", 1 << 20)] {
        cases.push(case(format!("recorded set/advert/{recorder}"), recorded_hears(octets)));
        cases.push(case(format!("recorded set/timer due and sent/{recorder}"), recorded_sends(octets)));
    }
    cases
}

/// `routers`, 255 on each interface, started one after the other within an interval.
pub(crate) fn set_of(routers: u32, priority: u8) -> RouterSet {
    let mut set = RouterSet::new();
    for n in 0..routers {
        let config = Form::V2.config((n % 255) as u8 + 1, priority, 1);
        let id = set.insert(InterfaceId(n / 255), config).unwrap();
        let now = Instant::from_nanos(u64::from(n) * (INTERVAL / u64::from(routers)));
        set.handle(now, id, Input::PrimaryAddress(Some(ours(Family::Ipv4))));
        set.handle(now, id, Input::Startup);
        carry_out(&mut set, now);
    }
    set
}

/// Fetches every action, and confirms addresses as a host would.
pub(crate) fn carry_out(set: &mut RouterSet, now: Instant) {
    while let Some((id, action)) = set.poll_action() {
        if let Action::InstallAddress(request) = black_box(action) {
            set.handle(now, id, Input::AddressInstalled(request));
        }
    }
}

/// What packets there are.
#[derive(Clone, Copy)]
enum Form {
    V2,
    V2Password,
    V3Message,
    V3PseudoHeader,
    V3Ipv6,
}

/// Advertisement_Interval in nanoseconds.
const INTERVAL: u64 = 1_000_000_000;

impl Form {
    const ALL: [Self; 5] = [Self::V2, Self::V2Password, Self::V3Message, Self::V3PseudoHeader, Self::V3Ipv6];

    const fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V2Password => "v2 password",
            Self::V3Message => "v3",
            Self::V3PseudoHeader => "v3 pseudo-header",
            Self::V3Ipv6 => "v3 IPv6",
        }
    }

    const fn family(self) -> Family {
        match self {
            Self::V3Ipv6 => Family::Ipv6,
            _ => Family::Ipv4,
        }
    }

    const fn version(self) -> Version {
        match self {
            Self::V2 | Self::V2Password => Version::V2,
            _ => Version::V3,
        }
    }

    fn endpoints(self) -> Endpoints {
        Endpoints::new(host(self.family(), 252), self.family().group()).unwrap()
    }

    fn config(self, vrid: u8, priority: u8, addresses: u8) -> Config {
        let profile = match self {
            Self::V2 => Profile::Rfc3768,
            Self::V2Password => Profile::Rfc2338,
            _ => Profile::Rfc9568,
        };
        let addresses: Vec<IpAddr> = (1..=addresses).map(|n| host(self.family(), n)).collect();
        let config = Config::new(profile, Vrid::new(vrid).unwrap(), &addresses).unwrap();
        let config = config.with_priority(Priority::new(priority).unwrap());
        match self {
            Self::V2Password => config.with_password(Password::new(b"secret").unwrap()).unwrap(),
            Self::V3PseudoHeader => config.with_checksum(SendChecksum::PseudoHeader),
            _ => config,
        }
    }

    /// Returns what a Master at priority 200 sends.
    fn advert(self, addresses: u8) -> Vec<u8> {
        let mut octets = vec![0; 1500];
        let master = backup(self.config(1, 200, addresses), self.family());
        let len = master.encode(AdvertKind::Regular, self.endpoints(), &mut octets).unwrap();
        octets.truncate(len);
        octets
    }
}

fn case(name: impl Into<String>, run: impl FnMut(u64) -> Duration + 'static) -> Case {
    Case { name: name.into(), run: Box::new(run) }
}

fn timed<T>(rounds: u64, mut step: impl FnMut() -> T) -> Duration {
    let start = std::time::Instant::now();
    (0..rounds).for_each(|_| drop(black_box(step())));
    start.elapsed()
}

fn host(family: Family, n: u8) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, n).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()).into(),
    }
}

fn ours(family: Family) -> IpAddr {
    host(family, 251)
}

fn backup(config: Config, family: Family) -> VirtualRouter {
    let mut router = VirtualRouter::new(config);
    router.handle(Instant::ZERO, Input::PrimaryAddress(Some(ours(family))));
    router.handle(Instant::ZERO, Input::Startup);
    drain(&mut router);
    router
}

fn drain(router: &mut VirtualRouter) {
    while let Some(action) = router.poll_action() {
        black_box(action);
    }
}

fn number(version: Version) -> u8 {
    match version {
        Version::V2 => 2,
        Version::V3 => 3,
    }
}

fn parse(form: Form, addresses: u8) -> impl FnMut(u64) -> Duration {
    let (octets, endpoints) = (form.advert(addresses), form.endpoints());
    move |rounds| {
        timed(rounds, || {
            let packet = Packet::parse(black_box(form.version()), black_box(&octets), *black_box(&endpoints)).unwrap();
            let count = packet.address_count();
            assert!(count > 0);
            (packet.vrid().unwrap(), packet.priority(), count, packet.checksum(), packet.trailing())
        })
    }
}

fn parse_floor(form: Form, addresses: u8) -> impl FnMut(u64) -> Duration {
    let (octets, endpoints) = (form.advert(addresses), form.endpoints());
    let version = number(form.version());
    move |rounds| timed(rounds, || floor::parse(black_box(version), black_box(&octets), black_box(&endpoints)).unwrap())
}

fn encode(form: Form, addresses: u8) -> impl FnMut(u64) -> Duration {
    let (router, endpoints) = (backup(form.config(1, 200, addresses), form.family()), form.endpoints());
    let mut out = [0; 1500];
    move |rounds| {
        timed(rounds, || router.encode(AdvertKind::Regular, *black_box(&endpoints), black_box(&mut out[..])).unwrap())
    }
}

fn encode_floor(form: Form, addresses: u8) -> impl FnMut(u64) -> Duration {
    let (octets, endpoints) = (form.advert(addresses), form.endpoints());
    let list = addresses as usize * form.family().address_len();
    let spoken = floor::Spoken {
        version: number(form.version()),
        vrid: octets[1],
        priority: octets[2],
        count: octets[3],
        interval: [octets[4], octets[5]],
        list: octets[8..8 + list].to_vec(),
        auth_data: octets[8 + list..].try_into().ok(),
        pseudo_header: matches!(form, Form::V3PseudoHeader | Form::V3Ipv6),
    };
    let mut out = [0; 1500];
    floor::encode(&spoken, &endpoints, &mut out).unwrap();
    assert_eq!(&out[..octets.len()], &octets[..]);
    move |rounds| {
        timed(rounds, || floor::encode(black_box(&spoken), black_box(&endpoints), black_box(&mut out[..])).unwrap())
    }
}

fn step() -> impl FnMut(u64) -> Duration {
    let params = Params::new(Profile::Rfc3768, Priority::DEFAULT, AdvertInterval::DEFAULT, ours(Family::Ipv4));
    let (state, _) = fsm::step(&params, State::Initialize, Instant::ZERO, Event::Startup);
    let advert = Advert {
        source: host(Family::Ipv4, 252),
        priority: Priority::new(200).ok(),
        interval: AdvertInterval::DEFAULT,
    };
    move |rounds| timed(rounds, || fsm::step(black_box(&params), state, Instant::ZERO, Event::Advert(advert)))
}

/// Returns what a Backup does all its life.
fn router_hears(form: Form) -> impl FnMut(u64) -> Duration {
    let (octets, endpoints) = (form.advert(1), form.endpoints());
    let mut router = backup(form.config(1, 100, 1), form.family());
    let mut now = 0;
    move |rounds| {
        timed(rounds, || {
            now += 1;
            let rx = RxPacket { endpoints: *black_box(&endpoints), ttl: 255, payload: black_box(&octets) };
            router.handle_packet(Instant::from_nanos(now), rx).unwrap();
            drain(&mut router);
            router.deadline()
        })
    }
}

/// Hears one router's Master, then that of the router `stride` further on; all of them within an interval.
fn set_hears(routers: u32, stride: u32) -> impl FnMut(u64) -> Duration {
    let endpoints = Form::V2.endpoints();
    let mut adverts: Vec<[u8; 20]> = Vec::new();
    let mut set = None;
    let (mut now, mut n) = (2 * INTERVAL, 0);
    move |rounds| {
        let set = set.get_or_insert_with(|| {
            adverts.extend((1..=255).map(|vrid| {
                let mut octets = [0; 20];
                let master = backup(Form::V2.config(vrid, 200, 1), Family::Ipv4);
                master.encode(AdvertKind::Regular, endpoints, &mut octets).unwrap();
                octets
            }));
            set_of(routers, 100)
        });
        timed(rounds, || {
            now += INTERVAL / u64::from(routers);
            n = (n + stride) % routers;
            let payload = black_box(&adverts[n as usize % 255]);
            let rx = RxPacket { endpoints: *black_box(&endpoints), ttl: 255, payload };
            set.handle_packet(Instant::from_nanos(now), InterfaceId(n / 255), rx).unwrap();
            while let Some(action) = set.poll_action() {
                black_box(action);
            }
            set.deadline()
        })
    }
}

/// Masters that send in turn.
fn set_sends(routers: u32) -> impl FnMut(u64) -> Duration {
    let mut set = None;
    move |rounds| {
        let set = set.get_or_insert_with(|| set_of(routers, 255));
        timed(rounds, || {
            let (at, _) = set.deadline().unwrap();
            set.handle_timeout(at);
            carry_out(set, at);
            set.deadline()
        })
    }
}

/// A router with a recorder of this size around it.
fn recorded(octets: usize, priority: u8) -> RecordedSet {
    let mut set = RecordedSet::new(octets);
    let id = set.insert(InterfaceId(0), Form::V2.config(1, priority, 1)).unwrap();
    set.handle(Instant::ZERO, id, Input::PrimaryAddress(Some(ours(Family::Ipv4))));
    set.handle(Instant::ZERO, id, Input::Startup);
    carry_out_recorded(&mut set, Instant::ZERO);
    set
}

fn carry_out_recorded(set: &mut RecordedSet, now: Instant) {
    let endpoints = Endpoints::new(ours(Family::Ipv4), Family::Ipv4.group()).unwrap();
    while let Some((id, action)) = set.poll_action() {
        match black_box(action) {
            Action::InstallAddress(request) => set.handle(now, id, Input::AddressInstalled(request)),
            Action::SendAdvertisement(kind) => {
                black_box(set.encode(id, kind, *black_box(&endpoints), &mut [0; 1500]).unwrap().unwrap());
            }
            _ => {}
        }
    }
}

fn recorded_hears(octets: usize) -> impl FnMut(u64) -> Duration {
    let (mut set, mut now) = (recorded(octets, 100), 2 * INTERVAL);
    let endpoints = Form::V2.endpoints();
    let mut payload = [0; 20];
    backup(Form::V2.config(1, 200, 1), Family::Ipv4).encode(AdvertKind::Regular, endpoints, &mut payload).unwrap();
    move |rounds| {
        timed(rounds, || {
            now += INTERVAL;
            let rx = RxPacket { endpoints, ttl: 255, payload: black_box(&payload) };
            set.handle_packet(Instant::from_nanos(now), InterfaceId(0), rx).unwrap();
            while let Some(action) = set.poll_action() {
                black_box(action);
            }
            set.deadline()
        })
    }
}

fn recorded_sends(octets: usize) -> impl FnMut(u64) -> Duration {
    let mut set = recorded(octets, 255);
    move |rounds| {
        timed(rounds, || {
            let (at, _) = set.deadline().unwrap();
            set.handle_timeout(at);
            carry_out_recorded(&mut set, at);
            set.deadline()
        })
    }
}
