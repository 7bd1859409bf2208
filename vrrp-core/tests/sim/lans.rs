//! Worlds that the tests share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp_core::sim::{HostId, Invariants, LanId, Link, Random, Sim};
use vrrp_core::{
    AdvertInterval, AnnouncePolicy, Config, Family, Instant, Password, Priority, Profile, RouterId, Tracker, TrackerId,
    UnicastPeer, Version, Vrid, Weight,
};

pub const PROFILES: [Profile; 5] =
    [Profile::Rfc2338, Profile::Rfc3768, Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata];

pub fn at(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn priority(n: u8) -> Priority {
    Priority::new(n).unwrap()
}

pub fn virtual_addresses(family: Family) -> [IpAddr; 2] {
    match family {
        Family::Ipv4 => [Ipv4Addr::new(192, 0, 2, 101).into(), Ipv4Addr::new(192, 0, 2, 102).into()],
        Family::Ipv6 => [
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xffff, 0x101).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xffff, 0x102).into(),
        ],
    }
}

pub fn config(profile: Profile, family: Family, own: u8) -> Config {
    Config::new(profile, Vrid::new(7).unwrap(), &virtual_addresses(family)).unwrap().with_priority(priority(own))
}

/// One LAN, a router on each host.
pub fn lan(seed: u64, link: Link, configs: impl IntoIterator<Item = Config>) -> (Sim, Vec<(HostId, RouterId)>) {
    let mut sim = Sim::new(seed);
    let lan = sim.add_lan(link);
    let routers = configs.into_iter().map(|config| {
        let host = sim.add_host();
        (host, sim.add_router(host, lan, config).unwrap())
    });
    let routers = routers.collect();
    (sim, routers)
}

/// A world of 3 to 8 routers, compatible with each other, that checks itself: every profile, family and setting in turn.
pub fn any_world(seed: u64) -> Sim {
    let mut random = Random::new(seed);
    let profile = random.pick(&PROFILES).unwrap();
    let v3 = profile.version() == Version::V3;
    let family = if v3 && random.below(2) == 0 { Family::Ipv6 } else { Family::Ipv4 };
    let both = v3 && family == Family::Ipv4 && random.below(4) == 0;
    // Routers of version 2 alone beside those of both.
    let mixed = both && random.below(2) == 0;
    let interval = if v3 && !both { random.pick(&[10, 20, 100, 250]) } else { random.pick(&[100, 200]) };
    let differ = v3 && !both && random.below(2) == 0;
    let password = profile == Profile::Rfc2338 && random.below(2) == 0;
    let owner = random.below(4) == 0;
    let groups = random.below(4) == 0;
    let unicast = random.below(6) == 0;
    let strict = random.below(6) == 0;
    let all_virtual = random.below(4) == 0;
    let none = random.below(6) == 0;
    // Of them some have addresses that they do not advertise.
    let excluded = none && random.below(2) == 0;
    // Routers that have nothing to do with each other on one host.
    let several = !groups && random.below(4) == 0;
    let hosts = if groups || several { 2 + random.below(2) } else { 3 + random.below(6) };
    let mut sim = Sim::new(seed);
    let latency = Duration::from_micros(random.below(1_000));
    let lans: Vec<_> = (0..if groups || several { 2 } else { 1 })
        .map(|_| sim.add_lan(Link { latency, jitter: latency, ..Link::GOOD }))
        .collect();
    for number in 0..hosts {
        let own = match random.below(3) {
            // Some are equal.
            0 => 100,
            _ => 1 + random.below(254) as u8,
        };
        let own = if owner && number == 0 { 255 } else { own };
        let hold = if random.below(4) == 0 { random.below(5_000) } else { 0 };
        let preempt = random.below(4) > 0;
        let tracked = random.below(3);
        let weight = Weight::Adjust((random.below(60) as i16 - 70).try_into().unwrap());
        let yield_advertisement = random.below(4) > 0;
        let lease = random.below(2) == 0;
        let refresh = (random.below(4) == 0).then_some(millis(1_700));
        let delay = (random.below(4) == 0).then_some(millis(900));
        let contest_repeat = random.pick(&[0, 1, 1, 1, 3]).unwrap();
        let interval = if differ { random.pick(&[10, 20, 50, 100, 250]) } else { interval };
        let interval = AdvertInterval::from_centis(interval.unwrap()).unwrap();
        let old = mixed && random.below(2) == 0;
        let profile = if old { Profile::Rfc3768 } else { profile };
        let virtual_mac = all_virtual || random.below(16) == 0;
        let host = sim.add_host();
        let mut members = Vec::new();
        for lan in &lans {
            let mut config = config(profile, family, own)
                .with_interval(interval)
                .unwrap()
                .with_preempt(preempt, millis(hold))
                .with_yield_advertisement(yield_advertisement && !virtual_mac)
                .with_strict_list(strict)
                .with_lease(lease)
                .with_also_version2(both && !old)
                .unwrap()
                .with_announce(AnnouncePolicy { refresh, delay, contest_repeat, ..AnnouncePolicy::default() });
            if none {
                config = config.with_no_addresses();
            }
            if excluded {
                config = config.with_excluded(&virtual_addresses(family)).unwrap();
            }
            if password {
                config = config.with_password(Password::new(b"secret").unwrap()).unwrap();
            }
            if unicast {
                let others = (0..hosts).filter(|other| *other != number);
                let peers: Vec<UnicastPeer> =
                    others.map(|other| UnicastPeer { address: address(*lan, other, family), min_ttl: 255 }).collect();
                config = config.with_unicast_peers(&peers).unwrap();
            }
            if tracked > 0 {
                let weight = if tracked == 1 { Weight::Fault } else { weight };
                let _: TrackerId =
                    config.add_tracker(Tracker { name: "squid".into(), weight, reverse: false }).unwrap();
            }
            let router = sim.add_router(host, *lan, config).unwrap();
            if virtual_mac {
                sim.use_virtual_mac(host, router);
            }
            members.push(router);
        }
        if random.below(4) == 0 {
            sim.hide_macs(host);
        }
        if groups {
            sim.group(host, &members).unwrap();
        }
    }
    sim.add_check(Invariants::new());
    sim
}

/// Own address of a host.
pub fn address(lan: LanId, host: u64, family: Family) -> IpAddr {
    let (lan, number) = (lan.index() as u16, host as u16 + 1);
    match family {
        Family::Ipv4 => Ipv4Addr::new(10, lan as u8, 0, number as u8).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, lan, number).into(),
    }
}
