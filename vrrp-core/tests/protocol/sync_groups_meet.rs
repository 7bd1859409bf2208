//! Hosts with sync groups on shared LANs, in virtual time: the clean cases, and groups that disagree on who is better.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::common::{PROFILES, millis, priority, secs};
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, Config, Family, Input, Instant, InterfaceId, Profile, Role, RouterId, RouterSet, RxPacket, Vrid,
};

const START: Instant = Instant::from_nanos(1_000_000_000_000);
/// The time for which a packet is on its way.
const FLIGHT: Duration = Duration::from_micros(100);

/// A router of every host: its LAN, and each host's priority.
type Plan<'a> = &'a [(u32, &'a [u8])];

struct Lans {
    now: Instant,
    hosts: Vec<RouterSet>,
    /// Cut LANs.
    cut: Vec<u32>,
    in_flight: BTreeMap<(Instant, usize), Packet>,
    sent: usize,
    log: Vec<(Instant, usize, RouterId, Role)>,
}

struct Packet {
    to: usize,
    lan: u32,
    endpoints: Endpoints,
    octets: Vec<u8>,
}

impl Lans {
    /// Every host has all routers of the plan in one group. `number` is the last octet of a host on a LAN.
    fn new(
        profile: Profile,
        plan: Plan<'_>,
        hosts: usize,
        yield_advertisement: bool,
        number: fn(usize, u32) -> u8,
    ) -> Self {
        let mut lans = Self {
            now: START,
            hosts: Vec::new(),
            cut: Vec::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            log: Vec::new(),
        };
        for host in 0..hosts {
            let mut set = RouterSet::new();
            let mut members = Vec::new();
            for (index, (lan, priorities)) in plan.iter().enumerate() {
                let Some(own) = priorities.get(host).filter(|own| **own > 0) else { continue };
                let address = Ipv4Addr::new(192, 0, *lan as u8, 200 + index as u8);
                let vrid = Vrid::new(index as u8 + 1).unwrap();
                let config = Config::new(profile, vrid, &[address.into()]).unwrap().with_priority(priority(*own));
                let id = set.insert(InterfaceId(*lan), config.with_yield_advertisement(yield_advertisement)).unwrap();
                let source = Ipv4Addr::new(192, 0, *lan as u8, number(host, *lan));
                set.handle(START, id, Input::PrimaryAddress(Some(source.into())));
                members.push(id);
            }
            set.group(Instant::ZERO, &members).unwrap();
            lans.hosts.push(set);
        }
        lans
    }

    fn start(&mut self) {
        (0..self.hosts.len()).for_each(|host| self.all(host, Input::Startup));
    }

    fn all(&mut self, host: usize, input: Input) {
        self.hosts[host].handle_all(self.now, input);
        self.carry_out(host);
    }

    /// To every router of a host on one LAN.
    fn on_lan(&mut self, host: usize, lan: u32, plan: Plan<'_>, input: Input) {
        let ids: Vec<_> =
            self.hosts[host].iter().zip(plan).filter(|(_, (of, _))| *of == lan).map(|((id, _), _)| id).collect();
        ids.into_iter().for_each(|id| self.hosts[host].handle(self.now, id, input));
        self.carry_out(host);
    }

    fn carry_out(&mut self, host: usize) {
        while let Some((id, action)) = self.hosts[host].poll_action() {
            match action {
                Action::InstallAddress(request) => {
                    self.hosts[host].handle(self.now, id, Input::AddressInstalled(request))
                }
                Action::StateChanged(change) => self.log.push((self.now, host, id, change.to)),
                Action::SendAdvertisement(kind) => {
                    let router = self.hosts[host].get(id).unwrap();
                    let IpAddr::V4(source) = router.source().unwrap() else { panic!() };
                    let lan = u32::from(source.octets()[2]);
                    let endpoints = Endpoints::new(source.into(), Family::Ipv4.group()).unwrap();
                    let mut octets = vec![0; 1500];
                    let len = router.encode(kind, endpoints, &mut octets).unwrap();
                    octets.truncate(len);
                    self.sent += 1;
                    for to in (0..self.hosts.len()).filter(|to| *to != host && !self.cut.contains(&lan)) {
                        let packet = Packet { to, lan, endpoints, octets: octets.clone() };
                        self.in_flight.insert((self.now + FLIGHT, self.sent * 8 + to), packet);
                    }
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let deadline = self.hosts.iter().filter_map(|set| Some(set.deadline()?.0)).min();
            let arrival = self.in_flight.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = deadline.into_iter().chain(arrival).min().filter(|at| *at <= end) else { break };
            assert!(next >= self.now, "a deadline in the past");
            self.now = next;
            if arrival == Some(next) {
                let (_, Packet { to, lan, endpoints, octets }) = self.in_flight.pop_first().unwrap();
                let _ = self.hosts[to].handle_packet(
                    next,
                    InterfaceId(lan),
                    RxPacket { endpoints, ttl: 255, payload: &octets },
                );
                self.carry_out(to);
            } else {
                // All before any of what they send arrives.
                for host in 0..self.hosts.len() {
                    self.hosts[host].handle_timeout(next);
                    self.carry_out(host);
                }
            }
            for set in &self.hosts {
                let masters = set.iter().filter(|(_, router)| router.role() == Role::Master).count();
                assert!(masters == 0 || masters == set.len());
            }
        }
        self.now = end;
    }

    fn role(&self, host: usize) -> Role {
        self.hosts[host].iter().next().unwrap().1.role()
    }

    /// Returns what became of whom since this was asked last, sorted.
    fn changes(&mut self) -> Vec<(usize, usize, Role)> {
        let mut changes: Vec<_> = self.log.drain(..).map(|(_, host, id, to)| (host, id.index(), to)).collect();
        changes.sort_by_key(|(host, index, _)| (*host, *index));
        changes
    }

    /// Returns when a host's group became Master.
    fn takeovers(&self, host: usize) -> impl Iterator<Item = Instant> {
        let taken = move |(_, whose, id, to): &&(Instant, usize, RouterId, Role)| {
            *whose == host && id.index() == 0 && *to == Role::Master
        };
        self.log.iter().filter(taken).map(|(at, ..)| *at)
    }
}

/// The same order of hosts on every LAN, or the reverse one on every second.
fn in_order(host: usize, _: u32) -> u8 {
    host as u8 + 1
}

fn crossed(host: usize, lan: u32) -> u8 {
    if lan % 2 == 0 { host as u8 + 1 } else { 9 - host as u8 }
}

const PLAN: Plan<'static> = &[(0, &[200, 100]), (0, &[200, 100]), (1, &[200, 100])];

fn three(host: usize, to: Role) -> [(usize, usize, Role); 3] {
    [0, 1, 2].map(|index| (host, index, to))
}

#[test]
fn one_fault_moves_the_whole_group_once_and_its_end_moves_it_back_once() {
    for profile in PROFILES {
        let mut lans = Lans::new(profile, PLAN, 2, true, in_order);
        lans.start();
        lans.run(secs(10));
        assert_eq!((lans.role(0), lans.role(1)), (Role::Master, Role::Backup), "{profile:?}");
        lans.changes();

        lans.on_lan(0, 1, PLAN, Input::Stray(Some(crate::common::host(Family::Ipv4, 99))));
        let at = lans.now;
        lans.run(secs(1));
        let last = lans.log.iter().map(|(at, ..)| *at).max().unwrap();
        assert!(last.since(at) < millis(700), "within Skew_Time, {profile:?}");
        assert_eq!(lans.changes(), [three(0, Role::Initialize), three(1, Role::Master)].concat(), "{profile:?}");
        lans.run(secs(30));
        assert_eq!(lans.changes(), []);

        lans.on_lan(0, 1, PLAN, Input::Stray(None));
        lans.run(secs(30));
        let mut expected: Vec<_> = three(0, Role::Backup).into_iter().chain(three(0, Role::Master)).collect();
        expected.sort_by_key(|(host, index, _)| (*host, *index));
        expected.extend(three(1, Role::Backup));
        assert_eq!(lans.changes(), expected, "{profile:?}");
        lans.run(secs(30));
        assert_eq!(lans.changes(), []);
    }
}

/// The other host still works; taking half of its addresses would break that.
#[test]
fn a_group_that_lost_some_of_its_masters_stays_backup() {
    let mut lans = Lans::new(Profile::Rfc3768, PLAN, 2, true, in_order);
    lans.start();
    lans.run(secs(10));
    lans.changes();
    lans.cut = vec![1];
    lans.run(secs(60));
    assert_eq!(lans.changes(), []);
    lans.cut.clear();
    lans.run(secs(60));
    assert_eq!(lans.changes(), []);
    lans.cut = vec![0, 1];
    lans.run(secs(5));
    assert_eq!(lans.changes(), three(1, Role::Master), "nobody is there");
    lans.cut.clear();
    lans.run(secs(60));
    assert_eq!(lans.changes(), three(1, Role::Backup));
}

const OPPOSITE: Plan<'static> = &[(0, &[200, 100]), (1, &[100, 200])];
const SKEWED: Plan<'static> = &[(0, &[254, 1]), (1, &[2, 3])];
const EQUAL: Plan<'static> = &[(0, &[100, 100]), (1, &[100, 100])];

/// Each better in one member. Both start, or heal, at the same time, so that their advertisements cross.
#[test]
fn two_groups_that_disagree_settle() {
    for plan in [OPPOSITE, SKEWED, EQUAL] {
        for number in [in_order as fn(usize, u32) -> u8, crossed] {
            for profile in PROFILES {
                for yield_advertisement in [false, true] {
                    let mut lans = Lans::new(profile, plan, 2, yield_advertisement, number);
                    lans.start();
                    lans.run(secs(60));
                    settled(&mut lans, 3);

                    lans.cut = vec![0, 1];
                    lans.run(secs(20));
                    assert_eq!((lans.role(0), lans.role(1)), (Role::Master, Role::Master));
                    lans.changes();
                    lans.cut.clear();
                    lans.run(secs(60));
                    settled(&mut lans, 3);
                }
            }
        }
    }
}

/// As above, with one host behind the other by every tenth of a millisecond about the time of flight, and some more.
#[test]
fn two_groups_that_disagree_settle_however_far_apart_they_begin() {
    for plan in [OPPOSITE, EQUAL] {
        for behind in (0..40).map(|n| Duration::from_micros(n * 10)).chain((0..40).map(|n| millis(n * 100))) {
            for number in [in_order as fn(usize, u32) -> u8, crossed] {
                let mut lans = Lans::new(Profile::Rfc3768, plan, 2, true, number);
                lans.all(0, Input::Startup);
                lans.run(behind);
                lans.all(1, Input::Startup);
                lans.run(secs(60));
                settled(&mut lans, 3);
            }
        }
    }
}

/// One Master, after a few takeovers, and peace since.
fn settled(lans: &mut Lans, most: usize) {
    let masters = (0..2).filter(|host| lans.role(*host) == Role::Master).count();
    assert_eq!(masters, 1, "{:?}", lans.log);
    let takeovers = [0, 1].map(|host| lans.takeovers(host).count());
    assert!(takeovers.iter().all(|count| *count <= most), "{takeovers:?}: {:?}", lans.log);
    lans.changes();
    let before = lans.sent;
    lans.run(secs(60));
    assert_eq!(lans.changes(), []);
    assert!(lans.sent - before <= 2 * 61, "{} advertisements in a minute", lans.sent - before);
}

/// Three groups, each better than the next: there is no order that holds. No group takes over twice within three intervals.
#[test]
fn groups_that_can_never_settle_take_turns_slowly() {
    let plan: Plan<'_> = &[(0, &[200, 100, 0]), (1, &[0, 200, 100]), (2, &[100, 0, 200])];
    let mut lans = Lans::new(Profile::Rfc3768, plan, 3, true, in_order);
    lans.start();
    lans.run(secs(300));
    for host in 0..3 {
        let taken: Vec<_> = lans.takeovers(host).collect();
        assert!(taken.len() > 3 && taken.windows(2).all(|pair| pair[1].since(pair[0]) > secs(3)), "{taken:?}");
    }
    assert!(lans.sent <= 300 * 2 * 3 * 2, "{} advertisements in five minutes", lans.sent);
}
