//! Hosts of another make, and packets that nobody's router sent.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vrrp_core::sim::{
    Disturbance, HostId, LanId, Link, Node, Planned, Random, Sim, Step, Transmission, World, random_plan, run_plan,
};
use vrrp_core::wire::{ChecksumForm, Endpoints, Message};
use vrrp_core::{
    AdvertInterval, Config, Discard, Family, Instant, Priority, Profile, Role, RouterId, RxPacket, UnicastPeer,
};

use crate::lans::{any_world, at, config, lan, millis, priority};

const PROFILE: Profile = Profile::Rfc9568;

fn advertisement(config: &Config, priority: Option<Priority>, source: IpAddr, destination: IpAddr) -> Vec<u8> {
    let message = Message {
        version: config.profile().version(),
        vrid: config.vrid(),
        priority,
        interval: AdvertInterval::DEFAULT,
        password: config.password(),
        addresses: config.advertised(),
        checksum: ChecksumForm::Message,
    };
    let mut octets = vec![0; 1500];
    let len = message.write(Endpoints::new(source, destination).unwrap(), &mut octets).unwrap();
    octets.truncate(len);
    octets
}

fn injected(lan: LanId, config: &Config, own: u8, ttl: u8) -> Disturbance {
    let (source, destination) = (IpAddr::from([10, 0, 250, 1]), Family::Ipv4.group());
    let payload = advertisement(config, Some(priority(own)), source, destination);
    Disturbance::Inject { lan, from: None, source, destination, ttl, payload }
}

/// Returns why packets were dropped, in a run to 20 s.
fn discards(sim: &mut Sim) -> Vec<Discard> {
    let discards = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&discards);
    sim.add_check(move |_: &World, step: &Step| {
        noted.lock().unwrap().extend(step.discarded.iter().map(|(.., why)| *why));
        Ok(())
    });
    sim.run_until(at(20)).unwrap_or_else(|failure| panic!("{failure}"));
    let discards = discards.lock().unwrap();
    discards.clone()
}

#[test]
fn an_injected_packet_counts_as_one_of_its_ttl() {
    let configs = [config(PROFILE, Family::Ipv4, 100)];
    let (mut sim, routers) = lan(1, Link::GOOD, configs.clone());
    let (host, router) = routers[0];
    let lan_id = sim.world().network().lans().next().unwrap();
    sim.plan(at(10), injected(lan_id, &configs[0], 200, 254));
    let mut heard = sim.clone();
    assert_eq!(discards(&mut sim), [Discard::Ttl { found: 254, min: 255 }]);
    assert_eq!(sim.world().role(host, router), Role::Master);
    heard.plan(at(15), injected(lan_id, &configs[0], 200, 255));
    heard.run_until(at(16)).unwrap();
    assert_eq!(heard.world().role(host, router), Role::Backup, "it hears a better one");
}

/// A routed peer: what comes with too small a TTL is dropped, and the rest counts.
#[test]
fn a_peer_counts_down_to_its_own_least_ttl() {
    let peer = UnicastPeer { address: IpAddr::from([10, 0, 250, 1]), min_ttl: 250 };
    let unicast = config(PROFILE, Family::Ipv4, 100).with_unicast_peers(&[peer]).unwrap();
    let (mut sim, _) = lan(1, Link::GOOD, [unicast.clone()]);
    let lan_id = sim.world().network().lans().next().unwrap();
    let (source, destination) = (peer.address, IpAddr::from([10, 0, 0, 1]));
    for (secs, ttl) in [(10, 249), (11, 250)] {
        let payload = advertisement(&unicast, Some(priority(50)), source, destination);
        sim.plan(at(secs), Disturbance::Inject { lan: lan_id, from: None, source, destination, ttl, payload });
    }
    assert_eq!(discards(&mut sim), [Discard::Ttl { found: 249, min: 250 }]);
}

/// Whatever is injected, the rules hold, and all is well in the end.
#[test]
fn histories_with_injected_packets() {
    let (span, end) = (Duration::from_secs(20), at(20 + 60 + 45));
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let sim = any_world(seed);
        let world = sim.world();
        let mut plan = random_plan(world, seed, 4, span);
        for _ in 0..4 {
            let host = world.hosts().nth(random.below(world.hosts().len() as u64) as usize).unwrap();
            let (router, lan) = world.routers(host).next().unwrap();
            let config = world.config(host, router).unwrap();
            let family = config.family();
            let own = world.network().address(lan, host, family).unwrap();
            let stranger = match family {
                Family::Ipv4 => IpAddr::from([10, 0, 250, 9]),
                Family::Ipv6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0xbad, 0, 9]),
            };
            let (from, source) = if random.below(2) == 0 { (None, stranger) } else { (Some(host), own) };
            let destination = family.group();
            let mut payload = advertisement(config, Priority::from_wire(random.below(256) as u8), source, destination);
            if random.below(3) == 0 {
                let at = random.below(payload.len() as u64) as usize;
                payload[at] ^= 1 << random.below(8);
            }
            let ttl = if random.below(3) == 0 { random.below(256) as u8 } else { 255 };
            let what = Disturbance::Inject { lan, from, source, destination, ttl, payload };
            plan.insert(0, Planned { at: at(0) + Duration::from_nanos(random.below(20_000_000_000)), what });
        }
        run_plan(|| any_world(seed), &plan, end).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Advertises at a priority and an interval of its own, and counts what it hears.
#[derive(Clone)]
struct Other {
    lan: LanId,
    config: Config,
    source: IpAddr,
    next: Option<Instant>,
    heard: Arc<Mutex<Vec<(Instant, u8)>>>,
}

impl Other {
    fn new(lan: LanId, own: u8) -> Self {
        let config = config(PROFILE, Family::Ipv4, own);
        Self { lan, config, source: [10, 0, 0, 3].into(), next: None, heard: Arc::default() }
    }
}

impl Node for Other {
    fn receive(&mut self, now: Instant, _: LanId, packet: RxPacket<'_>) -> Vec<Transmission> {
        self.heard.lock().unwrap().push((now, packet.payload[2]));
        vec![]
    }

    fn wake(&mut self, now: Instant) -> Vec<Transmission> {
        let first = self.next.is_none();
        self.next = Some(now + self.config.interval().duration());
        let endpoints = Endpoints::new(self.source, Family::Ipv4.group()).unwrap();
        let payload = advertisement(&self.config, Some(self.config.priority()), self.source, endpoints.destination());
        let address = self.config.addresses()[0];
        let mut all = vec![Transmission::Packet { lan: self.lan, endpoints, ttl: 255, payload }];
        all.extend(first.then_some(Transmission::Announcement { lan: self.lan, address }));
        all
    }

    fn next_wake(&self) -> Option<Instant> {
        self.next
    }
}

fn two_and_another(own: u8) -> (Sim, Vec<(HostId, RouterId)>, HostId, Other) {
    let (mut sim, routers) = lan(1, Link::GOOD, [200, 150].map(|own| config(PROFILE, Family::Ipv4, own)));
    sim.add_check(vrrp_core::sim::Invariants::new());
    let lan = sim.world().network().lans().next().unwrap();
    let other = Other::new(lan, own);
    let host = sim.add_node(other.clone(), &[lan]);
    (sim, routers, host, other)
}

#[test]
fn a_node_of_another_make_is_master_until_it_loses_power() {
    let (mut sim, routers, host, other) = two_and_another(250);
    assert_eq!(host, HostId::new(2));
    assert_eq!(sim.world().network().address(other.lan, host, Family::Ipv4), Some(other.source));
    sim.plan(at(10), Disturbance::PowerOff(host));
    sim.plan(at(30), Disturbance::Start(host));
    sim.run_until(at(9)).unwrap_or_else(|failure| panic!("{failure}"));
    let roles = |sim: &Sim| [0, 1].map(|n| sim.world().role(routers[n].0, routers[n].1));
    assert_eq!(roles(&sim), [Role::Backup, Role::Backup]);
    let reaches = |sim: &Sim, beside| sim.world().delivers_to(other.lan, beside, other.config.addresses()[0]);
    assert_eq!((reaches(&sim, routers[0].0), reaches(&sim, host)), (Some(host), Some(host)));
    assert!(!sim.world().is_calm());
    sim.run_until(at(25)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(roles(&sim), [Role::Master, Role::Backup]);
    assert_eq!(reaches(&sim, routers[1].0), Some(routers[0].0));
    assert!(sim.world().is_calm());
    sim.run_until(at(40)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(roles(&sim), [Role::Backup, Role::Backup], "it is on again, and better");
    let heard = other.heard.lock().unwrap();
    let way_and_back = 2 * Link::GOOD.latency;
    assert_eq!(*heard, [(at(30) + way_and_back, 1)], "nothing while it was off, then the yield advertisement");
}

#[test]
fn a_node_hears_the_others_and_only_over_an_interface_that_is_up() {
    let (mut sim, _, host, other) = two_and_another(50);
    sim.plan(at(10), Disturbance::Interface(host, other.lan, false));
    sim.plan(at(20), Disturbance::Stall(host, millis(10)));
    sim.run_until(at(30)).unwrap_or_else(|failure| panic!("{failure}"));
    let heard = other.heard.lock().unwrap();
    assert!(
        heard.len() > 5 && heard.iter().all(|(when, own)| *when <= at(10) && [200, 150].contains(own)),
        "{heard:?}"
    );
}

#[test]
fn a_node_that_wants_the_past_is_a_failure() {
    #[derive(Clone)]
    struct Stuck;
    impl Node for Stuck {
        fn receive(&mut self, _: Instant, _: LanId, _: RxPacket<'_>) -> Vec<Transmission> {
            vec![]
        }
        fn next_wake(&self) -> Option<Instant> {
            Some(Instant::ZERO)
        }
    }
    let mut sim = Sim::new(1);
    let lan = sim.add_lan(Link::GOOD);
    sim.add_node(Stuck, &[lan]);
    let failure = sim.run_until(at(1)).unwrap_err();
    assert_eq!(failure.what, "host 0 wants to be woken at a moment that is over");
}
