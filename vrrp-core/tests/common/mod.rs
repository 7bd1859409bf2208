//! What the suites share: addresses, advertisements built without the crate's encoder, and a bench for one router.
#![allow(dead_code, unreachable_pub)] // every suite takes a part of it

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use etherparse::checksum::Sum16BitWords;
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, AddressRequest, AdvertInterval, AdvertKind, Config, Discard, Family, Input, Instant, Priority, Profile,
    Role, RxPacket, Stats, Transition, Version, VirtualRouter, Vrid,
};

pub const PROFILES: [Profile; 5] =
    [Profile::Rfc2338, Profile::Rfc3768, Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata];

pub const VRID: u8 = 7;
pub const INTERVAL: Duration = Duration::from_secs(1);

/// The families that a profile's version serves.
pub fn families(profile: Profile) -> &'static [Family] {
    match profile.version() {
        Version::V2 => &[Family::Ipv4],
        Version::V3 => &[Family::Ipv4, Family::Ipv6],
    }
}

/// Host `n` of the link: 10 is the router under test, lower and higher ones its peers.
pub fn host(family: Family, n: u8) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, n).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()).into(),
    }
}

pub const OWN: u8 = 10;

/// The virtual addresses: link-local first over IPv6.
pub fn virtual_addresses(family: Family) -> [IpAddr; 2] {
    match family {
        Family::Ipv4 => [Ipv4Addr::new(192, 0, 2, 101).into(), Ipv4Addr::new(192, 0, 2, 102).into()],
        Family::Ipv6 => [
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x101).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x102).into(),
        ],
    }
}

pub fn priority(n: u8) -> Priority {
    Priority::new(n).unwrap()
}

pub fn centis(n: u16) -> AdvertInterval {
    AdvertInterval::from_centis(n).unwrap()
}

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn config(profile: Profile, family: Family) -> Config {
    Config::new(profile, Vrid::new(VRID).unwrap(), &virtual_addresses(family)).unwrap()
}

/// The fields of an advertisement, each free to be wrong. The checksum is another library's.
#[derive(Clone, Debug)]
pub struct Raw {
    pub version: u8,
    pub kind: u8,
    pub vrid: u8,
    pub priority: u8,
    pub count: u8,
    pub reserved_or_auth: u8,
    /// Centiseconds.
    pub interval: u16,
    pub addresses: Vec<IpAddr>,
    pub auth: Option<[u8; 8]>,
    /// The deprecated checksum form of version 3 over IPv4.
    pub pseudo_header: bool,
    pub source: IpAddr,
    pub destination: IpAddr,
}

impl Raw {
    /// Returns what a faultless peer `host` with the same configuration as [`config`] sends.
    pub fn new(profile: Profile, family: Family, host_number: u8, priority: u8) -> Self {
        let v2 = profile.version() == Version::V2;
        Self {
            version: if v2 { 2 } else { 3 },
            kind: 1,
            vrid: VRID,
            priority,
            count: 2,
            reserved_or_auth: 0,
            interval: 100,
            addresses: virtual_addresses(family).to_vec(),
            auth: v2.then_some([0; 8]),
            pseudo_header: false,
            source: host(family, host_number),
            destination: family.group(),
        }
    }

    pub fn endpoints(&self) -> Endpoints {
        Endpoints::new(self.source, self.destination).unwrap()
    }

    pub fn octets(&self) -> Vec<u8> {
        let (high, low) = match self.auth {
            Some(_) => (self.reserved_or_auth, (self.interval / 100) as u8),
            None => (self.reserved_or_auth << 4 | (self.interval >> 8) as u8, self.interval as u8),
        };
        let mut octets = vec![self.version << 4 | self.kind, self.vrid, self.priority, self.count, high, low, 0, 0];
        for address in &self.addresses {
            match address {
                IpAddr::V4(v4) => octets.extend(v4.octets()),
                IpAddr::V6(v6) => octets.extend(v6.octets()),
            }
        }
        octets.extend(self.auth.iter().flatten());
        let checksum = self.checksum(&octets);
        octets[6..8].copy_from_slice(&checksum);
        octets
    }

    fn checksum(&self, octets: &[u8]) -> [u8; 2] {
        let mut sum = Sum16BitWords::new().add_slice(octets);
        let sum = match self.endpoints() {
            Endpoints::V4 { source, destination } if self.pseudo_header => sum
                .add_4bytes(source.octets())
                .add_4bytes(destination.octets())
                .add_2bytes([0, 112])
                .add_2bytes((octets.len() as u16).to_be_bytes()),
            Endpoints::V4 { .. } => sum,
            Endpoints::V6 { source, destination } => sum
                .add_16bytes(source.octets())
                .add_16bytes(destination.octets())
                .add_4bytes((octets.len() as u32).to_be_bytes())
                .add_4bytes([0, 0, 0, 112]),
        };
        sum.ones_complement().to_ne_bytes()
    }
}

/// One router, the time, and a host that carries out its actions at once.
#[derive(Clone, Debug)]
pub struct Bench {
    pub router: VirtualRouter,
    pub now: Instant,
}

impl Bench {
    /// A router with a primary address, not started.
    pub fn idle(config: Config) -> Self {
        let own = host(config.family(), OWN);
        let mut bench = Self { router: VirtualRouter::new(config), now: Instant::from_nanos(1_000_000_000_000) };
        bench.input(Input::PrimaryAddress(Some(own)));
        bench
    }

    /// Started: Backup, or Master for an owner, with nothing left to do.
    pub fn started(config: Config) -> Self {
        let mut bench = Self::idle(config);
        bench.input(Input::Startup);
        bench.carry_out_all();
        bench
    }

    /// Master with all addresses confirmed.
    pub fn master(config: Config) -> Self {
        let mut bench = Self::started(config);
        if bench.router.role() == Role::Backup {
            bench.next_deadline();
            bench.carry_out_all();
        }
        assert_eq!(bench.router.role(), Role::Master);
        bench
    }

    pub fn input(&mut self, input: Input) {
        self.router.handle(self.now, input);
    }

    /// Jumps to the deadline and hands in the timeout.
    pub fn next_deadline(&mut self) {
        self.now = self.router.deadline().unwrap().max(self.now);
        self.input(Input::Timeout);
    }

    /// Jumps to every deadline up to `at`, and there. A router that spins is caught.
    pub fn run_until(&mut self, at: Instant) {
        for _ in 0..1_000 {
            if self.router.deadline().is_none_or(|deadline| deadline > at) {
                self.now = at;
                return;
            }
            self.next_deadline();
        }
        panic!("the deadline stays at {:?}", self.router.deadline());
    }

    pub fn after(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    pub fn raw(&self, host_number: u8, priority: u8) -> Raw {
        let config = self.router.config();
        let list = config.advertised();
        Raw {
            vrid: config.vrid().get(),
            count: list.count(),
            addresses: list.as_slice().to_vec(),
            ..Raw::new(config.profile(), config.family(), host_number, priority)
        }
    }

    /// A faultless peer's advertisement arrives.
    pub fn hear(&mut self, host_number: u8, priority: u8) -> Result<(), Discard> {
        self.receive(&self.raw(host_number, priority))
    }

    pub fn receive(&mut self, raw: &Raw) -> Result<(), Discard> {
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() };
        self.router.handle_packet(self.now, rx).map(drop)
    }

    /// Every action due now; nothing is confirmed.
    pub fn actions(&mut self) -> Vec<Action> {
        let actions: Vec<Action> = std::iter::from_fn(|| self.router.poll_action()).take(1_000).collect();
        assert!(actions.len() < 1_000, "actions without end: {:?}", &actions[..10]);
        actions
    }

    /// Carries out and confirms until there is nothing left; tells what was done.
    pub fn carry_out_all(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(action) = self.router.poll_action() {
            done.push(show(&action));
            assert!(done.len() < 1_000, "actions without end: {:?}", &done[..10]);
            if let Action::InstallAddress(request) = action {
                self.input(Input::AddressInstalled(request));
            }
        }
        done
    }
}

pub fn show(action: &Action) -> String {
    match action {
        Action::SendAdvertisement(AdvertKind::Regular) => "advertise".into(),
        Action::SendAdvertisement(AdvertKind::Release) => "release".into(),
        Action::SendAdvertisement(AdvertKind::RegularVersion2) => "advertise in version 2".into(),
        Action::SendAdvertisement(AdvertKind::ReleaseVersion2) => "release in version 2".into(),
        Action::SendAdvertisement(AdvertKind::Yield) => "yield advertisement".into(),
        Action::SendAdvertisement(AdvertKind::YieldVersion2) => "yield advertisement in version 2".into(),
        Action::SendAdvertisement(AdvertKind::HandOver) => "hand over".into(),
        Action::SendAdvertisement(AdvertKind::HandOverVersion2) => "hand over in version 2".into(),
        Action::InstallAddress(request) => format!("install {}", request.address),
        Action::RemoveAddress(request) => format!("remove {}", request.address),
        Action::AnnounceAddress { request, count } => format!("announce {} x{count}", request.address),
        Action::StateChanged(Transition { from, to, .. }) => format!("{from} > {to}"),
        Action::PriorityChanged { from, to, .. } => format!("priority {from} > {to}"),
        Action::FaultsChanged => "faults".into(),
        Action::NobodyTookOver => "nobody took over".into(),
        Action::LowerPriorityHeard { from, priority } => format!("heard lower {from} {priority}"),
    }
}

pub fn show_all(actions: &[Action]) -> Vec<String> {
    actions.iter().map(show).collect()
}

/// The install requests among actions.
pub fn installs(actions: &[Action]) -> Vec<AddressRequest> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::InstallAddress(request) => Some(*request),
            _ => None,
        })
        .collect()
}

/// Everything of a router but its counters.
pub fn without_counters(router: &VirtualRouter) -> String {
    format!("{router:?}").replace(&format!("{:?}", router.stats()), "")
}

/// Counters by name. A new one has to be added here.
pub fn counters(stats: &Stats) -> [(&'static str, u64); 24] {
    macro_rules! named {
        ($($name:ident)*) => {{
            let named = [$((stringify!($name), stats.$name)),*];
            assert_eq!(format!("{stats:?}").matches(": ").count(), named.len(), "a counter is missing here");
            named
        }};
    }
    named!(master_transitions advert_rcvd advert_sent interval_errors prio_zero_rcvd prio_zero_sent invalid_type_rcvd
        address_list_errors packet_length_errors auth_failures invalid_auth_type auth_type_mismatch checksum_errors
        version_errors ttl_errors source_errors owner_conflict duplicate_address equal_priority
        checksum_message checksum_pseudo_header answers_suppressed unconfirmed_suppressed tx_errors)
}

/// Names of the counters that moved, but for those that count what is no error.
pub fn errors_counted(before: &Stats, after: &Stats) -> Vec<&'static str> {
    let sound = ["advert_rcvd", "equal_priority", "checksum_message", "checksum_pseudo_header"];
    let moved = counters(before).into_iter().zip(counters(after)).filter(|(a, b)| a.1 != b.1);
    moved
        .inspect(|(a, b)| assert_eq!(b.1 - a.1, 1, "{} moved by more than one", a.0))
        .map(|(a, _)| a.0)
        .filter(|name| !sound.contains(name))
        .collect()
}

/// xorshift64*: the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    pub fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
