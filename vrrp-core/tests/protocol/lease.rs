//! A Master holds its addresses while it advertises: one that was silent for longer begins anew.

use std::time::Duration;

use crate::common::{Bench, OWN, PROFILES, centis, config, families, host, millis, secs, show_all, without_counters};
use vrrp_core::{
    Cause, Config, Family, Input, Instant, InterfaceId, Priority, Profile, Role, RouterId, RouterSet, Transition,
};

const LEASE: Duration = Duration::from_secs(2);
const REMOVED: [&str; 2] = ["remove 192.0.2.101", "remove 192.0.2.102"];

fn v2() -> Config {
    config(Profile::Rfc3768, Family::Ipv4).with_lease(true)
}

/// A Master that advertised just now, and was then silent for `silence`.
fn hung(config: Config, silence: Duration) -> Bench {
    let mut bench = Bench::master(config);
    bench.next_deadline();
    bench.carry_out_all();
    bench.after(silence);
    bench
}

fn cause(bench: &Bench) -> Cause {
    bench.router.status().cause
}

#[test]
fn until_its_lease_is_over_a_late_master_is_late_and_no_more() {
    assert_eq!(v2().lease(), Some(LEASE));
    let mut bench = hung(v2(), LEASE);
    bench.input(Input::Timeout);
    assert_eq!(show_all(&bench.actions()), ["advertise"]);
}

#[test]
fn without_a_word_a_router_has_one() {
    for profile in PROFILES {
        for family in families(profile) {
            assert_eq!(config(profile, *family).lease(), Some(LEASE), "{profile:?}");
        }
    }
}

#[test]
fn without_a_lease_nothing_ends_one() {
    let config = v2().with_lease(false);
    assert_eq!(config.lease(), None);
    let mut bench = hung(config, secs(86_400));
    bench.input(Input::Timeout);
    assert_eq!(show_all(&bench.actions()), ["advertise"]);
}

#[test]
fn when_nobody_can_have_taken_over_it_is_master_again_at_once() {
    for profile in PROFILES {
        for silence in [LEASE + Duration::from_nanos(1), millis(2_999)] {
            let mut bench = hung(config(profile, Family::Ipv4).with_lease(true), silence);
            bench.input(Input::Timeout);
            let actions = bench.carry_out_all();
            let anew = [
                "remove 192.0.2.101",
                "remove 192.0.2.102",
                "advertise",
                "install 192.0.2.101",
                "install 192.0.2.102",
                "announce 192.0.2.101 x1",
                "announce 192.0.2.102 x1",
                "Master > Master",
            ];
            // Each is announced as soon as it is confirmed.
            let sorted = |mut list: Vec<String>| {
                list.sort_by_key(|entry| anew.iter().position(|of| of == entry));
                list
            };
            assert_eq!(actions[..4], anew[..4], "{profile:?}");
            assert_eq!(sorted(actions), anew, "{profile:?}");
            assert_eq!(cause(&bench), Cause::Lapsed { silence });
            assert_eq!(bench.router.deadline(), Some(bench.now + secs(1)));
        }
    }
}

#[test]
fn when_another_may_be_master_it_removes_in_silence_and_listens() {
    for profile in PROFILES {
        for family in families(profile) {
            let mut bench = hung(config(profile, *family).with_lease(true), secs(3));
            bench.input(Input::Timeout);
            let actions = show_all(&bench.actions());
            assert!(actions[..2].iter().all(|action| action.starts_with("remove")), "{actions:?}");
            assert_eq!(actions[2..], ["Master > Backup"], "no release and no yield advertisement");
            assert_eq!(cause(&bench), Cause::Lapsed { silence: secs(3) });
            let down = bench.router.status().master_down_interval;
            assert_eq!(bench.router.deadline(), Some(bench.now + down), "it watches for as long as after Startup");
        }
    }
}

#[test]
fn an_owner_is_master_again_at_once() {
    let mut bench = hung(v2().with_priority(Priority::OWNER), secs(60));
    bench.input(Input::Timeout);
    let actions = show_all(&bench.actions());
    let anew = ["advertise", "install 192.0.2.101", "install 192.0.2.102", "Master > Master"];
    assert_eq!(actions, [&REMOVED[..], &anew[..]].concat());
}

/// Whatever wakes it: what it was told first came while it was none any more.
#[test]
fn a_lapsed_master_releases_nothing() {
    let told: [(&str, &[Input]); 3] = [
        ("Master > Initialize", &[Input::Shutdown]),
        ("Master > Initialize", &[Input::InterfaceUp(false)]),
        ("Master > Initialize", &[Input::PrimaryAddress(None)]),
    ];
    for (transition, inputs) in told {
        let mut bench = hung(v2(), secs(10));
        inputs.iter().for_each(|input| bench.input(*input));
        assert_eq!(show_all(&bench.actions()), [&REMOVED[..], &[transition]].concat());
    }
}

#[test]
fn another_configuration_finds_a_lapsed_owner_a_backup() {
    let owner = v2().with_priority(Priority::OWNER);
    let mut bench = hung(owner.clone(), secs(2));
    bench.router.reconfigure(bench.now, owner.clone().with_priority(crate::common::priority(200))).unwrap();
    assert_eq!(show_all(&bench.actions())[0], "release", "it was Master until now");
    let mut bench = hung(v2(), secs(10));
    bench.router.reconfigure(bench.now, v2().with_priority(crate::common::priority(200))).unwrap();
    assert_eq!(show_all(&bench.actions()), [&REMOVED[..], &["priority 100 > 200", "Master > Backup"]].concat());
    assert_eq!(cause(&bench), Cause::Lapsed { silence: secs(10) });
}

#[test]
fn what_it_hears_first_it_hears_as_what_it_became() {
    for (rx, master) in [(50, None), (100, Some(OWN + 1)), (200, Some(OWN + 1))] {
        let mut bench = hung(v2(), secs(10));
        bench.hear(OWN + 1, rx).unwrap();
        assert_eq!(
            show_all(&bench.actions()),
            [&REMOVED[..], &["Master > Backup"]].concat(),
            "{rx}: no answer, no yield advertisement"
        );
        assert_eq!(bench.router.status().master, master.map(|n| host(Family::Ipv4, n)));
    }
    // Here it is Master anew, until it hears the better one; what it wanted to say first is void.
    let mut bench = hung(v2(), millis(2_500));
    bench.input(Input::Timeout);
    bench.hear(OWN + 1, 200).unwrap();
    let actions = show_all(&bench.actions());
    assert_eq!(actions, [&REMOVED[..], &["yield advertisement", "Master > Backup"]].concat());
}

/// RX-20.
#[test]
fn a_rejected_packet_wakes_nobody() {
    let mut bench = hung(v2(), secs(10));
    let before = without_counters(&bench.router);
    let mut raw = bench.raw(OWN + 1, 200);
    raw.kind = 2;
    bench.receive(&raw).unwrap_err();
    assert_eq!(without_counters(&bench.router), before);
}

#[test]
fn a_lease_is_that_of_the_interval_last_advertised() {
    let slow = v2().with_interval(centis(1_000)).unwrap();
    let mut bench = hung(slow, secs(29));
    bench.input(Input::Timeout);
    assert_eq!(show_all(&bench.actions()), ["advertise"]);
    bench.after(millis(29_001));
    bench.input(Input::Timeout);
    assert_eq!(cause(&bench), Cause::Lapsed { silence: millis(29_001) });
}

#[test]
fn a_group_that_hung_is_silent_in_every_member() {
    let mut set = RouterSet::new();
    let ids = [0, 1].map(|interface| set.insert(InterfaceId(interface), v2()).unwrap());
    set.group(Instant::ZERO, &ids).unwrap();
    let mut now = Instant::from_nanos(1_000_000_000);
    for id in ids {
        set.handle(now, id, Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
        set.handle(now, id, Input::Startup);
    }
    let carry_out_all = |set: &mut RouterSet, now: Instant| -> Vec<(RouterId, String)> {
        let mut done = Vec::new();
        while let Some((id, action)) = set.poll_action() {
            done.push((id, crate::common::show(&action)));
            if let vrrp_core::Action::InstallAddress(request) = action {
                set.handle(now, id, Input::AddressInstalled(request));
            }
        }
        done
    };
    now = now + secs(5);
    set.handle_timeout(now);
    carry_out_all(&mut set, now);
    assert!(set.iter().all(|(_, router)| router.role() == Role::Master));
    now = now + secs(10);
    set.handle_timeout(now);
    let done = carry_out_all(&mut set, now);
    for id in ids {
        let of_one: Vec<&str> = done.iter().filter(|(of, _)| *of == id).map(|(_, what)| &**what).collect();
        assert_eq!(of_one, [&REMOVED[..], &["Master > Backup"]].concat());
        assert_eq!(set.get(id).unwrap().status().cause, Cause::Lapsed { silence: secs(10) });
    }
}

#[test]
fn the_log_says_how_long_it_hung() {
    let lapsed = Cause::Lapsed { silence: millis(10_023) };
    assert_eq!(
        lapsed.describe(&v2()).to_string(),
        "this router hung: as Master it sent nothing for 10.023 s, so it begins anew"
    );
    let mut bench = hung(v2(), secs(10));
    bench.input(Input::Timeout);
    let transitions: Vec<_> = bench
        .actions()
        .into_iter()
        .filter_map(|action| match action {
            vrrp_core::Action::StateChanged(transition) => Some(transition),
            _ => None,
        })
        .collect();
    let expected = Transition::new(Role::Master, Role::Backup, Cause::Lapsed { silence: secs(10) });
    assert_eq!(transitions, [expected]);
}
