//! Configurations that cannot work together: nobody storms, nobody flaps, and both sides are told.

use vrrp_core::sim::{HostId, Invariants, Link, Sim};
use vrrp_core::{AdvertInterval, Config, Family, Password, Profile, Role, RouterId, SendChecksum, Stats, Vrid};

use crate::lans::{PROFILES, at, config, lan, virtual_addresses};

fn v4(profile: Profile, own: u8) -> Config {
    config(profile, Family::Ipv4, own)
}

fn stats(sim: &Sim, (host, router): (HostId, RouterId)) -> Stats {
    *sim.world().router(host, router).unwrap().stats()
}

/// Lets two of them meet for 200 s; returns the counters of both, and how many are Master then.
fn meet(configs: [Config; 2], prepare: impl FnOnce(&mut Sim, &[(HostId, RouterId)])) -> ([Stats; 2], usize) {
    let (mut sim, routers) = lan(1, Link::GOOD, configs);
    prepare(&mut sim, &routers);
    sim.add_check(Invariants::new());
    sim.run_until(at(200)).unwrap_or_else(|failure| panic!("{failure}"));
    let transitions: u64 = routers.iter().map(|router| stats(&sim, *router).master_transitions).sum();
    assert!(transitions <= 3, "{transitions} takeovers\n{}", sim.world().journal());
    let masters = routers.iter().filter(|(host, router)| sim.world().role(*host, *router) == Role::Master).count();
    ([stats(&sim, routers[0]), stats(&sim, routers[1])], masters)
}

fn both(stats: [Stats; 2], counter: impl Fn(&Stats) -> u64) -> bool {
    stats.iter().all(|stats| counter(stats) > 0)
}

#[test]
fn two_owners() {
    for profile in PROFILES {
        let (stats, masters) = meet([v4(profile, 255), v4(profile, 255)], |_, _| {});
        assert!(both(stats, |stats| stats.owner_conflict), "{profile:?}");
        let listens = matches!(profile, Profile::Rfc2338 | Profile::Rfc9568Errata);
        assert_eq!(masters, if listens { 1 } else { 2 }, "{profile:?}: who listens yields to the greater address");
    }
}

#[test]
fn one_address_on_two_hosts() {
    for profile in PROFILES {
        for other in [100, 150, 255] {
            let (stats, masters) = meet([v4(profile, 100), v4(profile, other)], |sim, routers| {
                let lan = sim.world().network().lans().next().unwrap();
                let address = ["10.0.0.9".parse().unwrap(), "fe80::9".parse().unwrap()];
                routers.iter().for_each(|(host, _)| sim.set_addresses(*host, lan, address));
            });
            assert_eq!(masters, 2, "neither believes the other");
            let counted = |stats: &Stats| stats.duplicate_address + stats.owner_conflict;
            assert!(both(stats, counted), "{profile:?} {other}: {stats:?}");
        }
    }
}

#[test]
fn another_interval() {
    let other = AdvertInterval::from_secs(5).unwrap();
    for profile in PROFILES {
        let (stats, masters) = meet([v4(profile, 100), v4(profile, 150).with_interval(other).unwrap()], |_, _| {});
        match profile {
            Profile::Rfc2338 | Profile::Rfc3768 => {
                assert_eq!(masters, 2);
                assert!(both(stats, |stats| stats.interval_errors), "{profile:?}");
            }
            // Learned: no conflict.
            _ => assert_eq!(masters, 1),
        }
    }
}

#[test]
fn another_password_or_none() {
    let with = |text: &[u8]| v4(Profile::Rfc2338, 100).with_password(Password::new(text).unwrap()).unwrap();
    let (stats, masters) = meet([with(b"one"), with(b"two")], |_, _| {});
    assert!(both(stats, |stats| stats.auth_failures) && masters == 2);
    let (stats, masters) = meet([with(b"one"), v4(Profile::Rfc2338, 150)], |_, _| {});
    assert!(both(stats, |stats| stats.auth_type_mismatch) && masters == 2);
}

#[test]
fn another_list() {
    let other = |profile| Config::new(profile, Vrid::new(7).unwrap(), &virtual_addresses(Family::Ipv4)[..1]).unwrap();
    for profile in [Profile::Rfc2338, Profile::Rfc3768] {
        let configs = [v4(profile, 100), other(profile)].map(|config| config.with_strict_list(true));
        let (stats, masters) = meet(configs, |_, _| {});
        assert!(both(stats, |stats| stats.address_list_errors) && masters == 2, "{profile:?}");
    }
    // Counted only, where nobody insists: by whoever hears the other.
    let (stats, masters) = meet([v4(Profile::Rfc3768, 200), other(Profile::Rfc3768)], |_, _| {});
    assert!(stats[1].address_list_errors > 0 && masters == 1);
}

#[test]
fn another_version_or_checksum() {
    let (stats, masters) = meet([v4(Profile::Rfc3768, 100), v4(Profile::Rfc9568, 150)], |_, _| {});
    assert!(both(stats, |stats| stats.version_errors) && masters == 2);
    let exact = |form| v4(Profile::Rfc9568, 100).with_checksum(form).with_exact_checksum(true);
    let (stats, masters) = meet([exact(SendChecksum::Message), exact(SendChecksum::PseudoHeader)], |_, _| {});
    assert!(both(stats, |stats| stats.checksum_errors) && masters == 2);
}
