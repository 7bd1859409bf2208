//! Another configuration while the router runs: what stays goes on, what differs is asked for, deadlines never move later.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::common::{
    Bench, OWN, Raw, centis, config, host, installs, millis, priority, secs, show_all, virtual_addresses,
};
use vrrp_core::wire::{Endpoints, Packet};
use vrrp_core::{
    Action, AdvertKind, AnnouncePolicy, Cause, Config, Family, Fault, Input, Instant, InterfaceId, Password, Priority,
    PriorityCause, Profile, Reading, ReconfigureError, Role, RouterSet, Tracker, Transition, Version, VirtualRouter,
    Vrid, Weight,
};

fn v4(profile: Profile) -> Config {
    config(profile, Family::Ipv4)
}

fn addresses(last: &[u8]) -> Config {
    let list: Vec<IpAddr> = last.iter().map(|n| Ipv4Addr::new(192, 0, 2, *n).into()).collect();
    Config::new(Profile::Rfc3768, Vrid::new(crate::common::VRID).unwrap(), &list).unwrap()
}

fn fault_tracker(name: &str) -> Tracker {
    Tracker { name: name.into(), weight: Weight::Fault, reverse: false }
}

fn reconfigure(bench: &mut Bench, config: Config) {
    bench.router.reconfigure(bench.now, config).unwrap();
}

#[test]
fn what_would_be_another_router_is_refused_and_changes_nothing() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    let before = format!("{:?}", bench.router);
    let other = Config::new(Profile::Rfc9568, Vrid::new(8).unwrap(), &virtual_addresses(Family::Ipv4)).unwrap();
    let error = bench.router.reconfigure(bench.now + secs(9), other).unwrap_err();
    assert_eq!(error.to_string(), "virtual router 7 cannot become 8: stop it, and start one with the new id");
    let error = bench.router.reconfigure(bench.now, config(Profile::Rfc9568, Family::Ipv6)).unwrap_err();
    assert_eq!(error, ReconfigureError::Family { from: Family::Ipv4, to: Family::Ipv6 });
    assert_eq!(format!("{:?}", bench.router), before);
}

#[test]
fn the_same_configuration_changes_nothing() {
    for mut bench in [Bench::master(v4(Profile::Rfc9568)), Bench::started(v4(Profile::Rfc3768))] {
        bench.after(millis(700));
        bench.input(Input::Timeout);
        let before = format!("{:?}", bench.router);
        let same = bench.router.config().clone();
        reconfigure(&mut bench, same);
        let actions = bench.actions();
        assert_eq!((show_all(&actions), format!("{:?}", bench.router)), (vec![], before));
    }
}

/// ARP-05.
#[test]
fn a_master_removes_what_is_gone_and_installs_and_announces_what_is_new() {
    let mut bench = Bench::master(addresses(&[101, 102, 103]));
    reconfigure(&mut bench, addresses(&[104, 103, 101]));
    let done = bench.carry_out_all();
    assert_eq!(done, ["remove 192.0.2.102", "install 192.0.2.104", "announce 192.0.2.104 x1"]);
    assert_eq!(bench.router.installed(), 3);
    bench.next_deadline();
    assert_eq!(bench.carry_out_all(), ["advertise"]);
    let said: Vec<IpAddr> = bench.router.message(vrrp_core::AdvertKind::Regular).addresses.as_slice().to_vec();
    assert_eq!(said, bench.router.config().addresses());
    bench.input(Input::Shutdown);
    let mut done = bench.carry_out_all();
    done.sort();
    assert_eq!(
        done,
        ["Master > Initialize", "release", "remove 192.0.2.101", "remove 192.0.2.103", "remove 192.0.2.104"]
    );
}

#[test]
fn an_address_that_comes_back_before_it_was_fetched_never_left() {
    let mut bench = Bench::master(addresses(&[101, 102]));
    reconfigure(&mut bench, addresses(&[101]));
    reconfigure(&mut bench, addresses(&[102, 101]));
    assert_eq!(bench.carry_out_all(), [""; 0]);
    assert_eq!(bench.router.installed(), 2);
}

#[test]
fn a_late_answer_finds_its_address_in_its_new_place() {
    let mut bench = Bench::started(addresses(&[101, 102]));
    bench.next_deadline();
    let asked = installs(&bench.actions());
    reconfigure(&mut bench, addresses(&[103, 102]));
    assert_eq!(show_all(&bench.actions()), ["remove 192.0.2.101", "install 192.0.2.103"]);
    bench.input(Input::AddressInstalled(asked[0]));
    bench.input(Input::AddressInstalled(asked[1]));
    assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.102 x1"]);
    assert_eq!(bench.router.installed(), 1, "what was cancelled does not count, nor another in its place");
}

#[test]
fn no_advertisement_until_a_new_address_is_confirmed_or_missing() {
    let mut bench = Bench::master(addresses(&[101]));
    bench.after(millis(900));
    reconfigure(&mut bench, addresses(&[101, 102]));
    let asked = bench.now;
    assert_eq!(show_all(&bench.actions()), ["install 192.0.2.102"]);
    bench.after(millis(100));
    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), [""; 0], "its turn, but not confirmed");
    bench.next_deadline();
    assert_eq!(bench.now, asked + secs(1), "an interval to confirm it");
    let missing = Ipv4Addr::new(192, 0, 2, 102);
    assert!(bench.router.missing().eq([IpAddr::from(missing)]));
    assert_eq!((bench.router.role(), bench.router.priority()), (Role::Master, priority(13)));
    // Configured away it is missing no more, and nothing waits for another try.
    bench.carry_out_all();
    reconfigure(&mut bench, addresses(&[101]));
    assert_eq!(show_all(&bench.actions()), ["remove 192.0.2.102", "priority 13 > 100"]);
    assert_eq!((bench.router.missing().count(), bench.router.priority()), (0, Priority::DEFAULT));
    assert!(bench.router.deadline() <= Some(bench.now + secs(1)));
    // With another one instead of the only one that failed a router leaves its fault.
    let mut bench = Bench::master(addresses(&[101]));
    reconfigure(&mut bench, addresses(&[102]));
    let [request] = installs(&bench.actions())[..] else { panic!("one address") };
    bench.input(Input::AddressFailed(request));
    let fault = Fault::NotInstalled(request.address);
    assert_eq!(bench.router.status().cause, Cause::Fault(fault));
    bench.carry_out_all();
    reconfigure(&mut bench, addresses(&[101]));
    assert_eq!((bench.router.role(), bench.router.status().cause), (Role::Backup, Cause::Recovered(fault)));
}

#[test]
fn a_backup_asks_for_nothing() {
    let mut bench = Bench::started(addresses(&[101]));
    reconfigure(&mut bench, addresses(&[102, 103]));
    assert_eq!(bench.carry_out_all(), [""; 0]);
    bench.next_deadline();
    let asked = show_all(&bench.actions());
    assert_eq!(asked[..3], ["advertise", "install 192.0.2.102", "install 192.0.2.103"]);
}

/// AMB-12.
#[test]
fn deadlines_move_only_with_their_inputs_and_never_later() {
    let down = |priority: u64, interval: Duration| 3 * interval + Duration::from_nanos((256 - priority) * 3_906_250);
    let mut bench = Bench::started(v4(Profile::Rfc3768));
    let armed = bench.now;
    bench.after(secs(1));
    let plain = || v4(Profile::Rfc3768);
    reconfigure(&mut bench, plain().with_preempt(false, secs(9)));
    assert_eq!(bench.router.deadline(), Some(armed + down(100, secs(1))), "nothing that it follows from");
    reconfigure(&mut bench, plain().with_priority(priority(200)));
    assert_eq!(bench.router.deadline(), Some(armed + down(200, secs(1))));
    reconfigure(&mut bench, plain().with_interval(centis(500)).unwrap());
    assert_eq!(bench.router.deadline(), Some(armed + down(200, secs(1))), "later it does not move");

    let mut bench = Bench::master(plain().with_interval(centis(500)).unwrap());
    let due = bench.router.deadline().unwrap();
    reconfigure(&mut bench, plain().with_interval(centis(900)).unwrap());
    assert_eq!(bench.router.deadline(), Some(due));
    reconfigure(&mut bench, plain());
    assert_eq!(bench.router.deadline(), Some(bench.now + secs(1)));
}

#[test]
fn a_shorter_preempt_hold_ends_sooner_a_longer_one_is_for_the_next() {
    let hold = |span| v4(Profile::Rfc3768).with_preempt(true, span);
    for (new, tolerated_for) in [(secs(2), secs(2)), (secs(60), secs(20))] {
        let mut bench = Bench::started(hold(secs(20)));
        bench.hear(OWN + 1, 90).unwrap();
        let began = bench.now;
        reconfigure(&mut bench, hold(new));
        // The last advertisement that still counts starts the timer for the last time.
        while bench.router.role() == Role::Backup && bench.now < began + secs(100) {
            bench.run_until(bench.now + secs(1));
            let _ = bench.hear(OWN + 1, 90);
        }
        let took = bench.now.since(began);
        assert!(took >= tolerated_for && took < tolerated_for + secs(5), "{took:?} of {tolerated_for:?}");
    }
}

#[test]
fn who_becomes_owner_is_master_at_once_and_who_is_it_no_more_watches() {
    let owner = || v4(Profile::Rfc9568).with_priority(Priority::OWNER);
    let mut bench = Bench::started(v4(Profile::Rfc9568));
    bench.hear(OWN + 1, 200).unwrap();
    reconfigure(&mut bench, owner());
    assert_eq!(bench.carry_out_all()[0], "advertise");
    assert_eq!((bench.router.role(), bench.router.status().cause), (Role::Master, Cause::OwnerStartup));

    bench.after(millis(500));
    reconfigure(&mut bench, v4(Profile::Rfc9568));
    let actions = bench.actions();
    assert_eq!(show_all(&actions)[0], "release");
    let transition = Transition::new(Role::Master, Role::Backup, Cause::OwnerNoMore);
    assert_eq!(actions.last(), Some(&Action::StateChanged(transition)));

    // A Master stays what it is, and says it next time.
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    reconfigure(&mut bench, owner());
    let (from, to) = (Priority::DEFAULT, Priority::OWNER);
    let change = Action::PriorityChanged { from, to, by: PriorityCause::Configuration };
    assert_eq!(bench.actions(), [change]);
    assert_eq!((bench.router.role(), bench.router.priority()), (Role::Master, Priority::OWNER));
}

#[test]
fn trackers_keep_their_verdicts_by_name() {
    let with = |names: &[&str]| {
        let mut config = v4(Profile::Rfc3768);
        let ids: Vec<_> = names.iter().map(|name| config.add_tracker(fault_tracker(name)).unwrap()).collect();
        (config, ids)
    };
    let (two, ids) = with(&["squid", "dns"]);
    let mut bench = Bench::started(two);
    bench.input(Input::Tracker(ids[0], Reading::Passing));
    bench.input(Input::Tracker(ids[1], Reading::Failing));
    let failing = |bench: &Bench| bench.router.faults().collect::<Vec<_>>();
    assert_eq!(failing(&bench), [Fault::Tracker(ids[1])]);
    let (turned, turned_ids) = with(&["dns", "new", "squid"]);
    reconfigure(&mut bench, turned);
    assert_eq!(failing(&bench), [Fault::Tracker(turned_ids[0]), Fault::Unchecked(turned_ids[1])]);
    let cause = bench.router.status().cause;
    assert_eq!(cause.describe(bench.router.config()).to_string(), "dns failed");
    bench.input(Input::Tracker(turned_ids[0], Reading::Passing));
    assert_eq!(bench.router.role(), Role::Initialize, "the new one has no result yet");

    let (none, _) = with(&[]);
    reconfigure(&mut bench, none);
    assert_eq!(bench.router.role(), Role::Backup, "nothing is tracked any more");
}

#[test]
fn a_new_tracker_takes_nobody_out_before_it_failed() {
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    let mut tracked = v4(Profile::Rfc3768);
    let id = tracked.add_tracker(fault_tracker("squid")).unwrap();
    reconfigure(&mut bench, tracked);
    assert_eq!((bench.router.role(), bench.router.faults().count()), (Role::Master, 0));
    bench.input(Input::Tracker(id, Reading::Failing));
    assert_eq!(bench.router.status().cause, Cause::Fault(Fault::Tracker(id)));
}

#[test]
fn a_changed_weight_is_that_of_the_verdict_so_far() {
    let with = |weight: i16| {
        let weight = Weight::Adjust(weight.try_into().unwrap());
        let mut config = v4(Profile::Rfc3768);
        let id = config.add_tracker(Tracker { name: "squid".into(), weight, reverse: false }).unwrap();
        (config, id)
    };
    let mut bench = Bench::started(with(-20).0);
    bench.input(Input::Tracker(with(-20).1, Reading::Failing));
    reconfigure(&mut bench, with(-50).0);
    assert_eq!(bench.router.priority(), priority(50));
}

#[test]
fn what_is_spoken_changes_with_the_next_advertisement() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    reconfigure(&mut bench, v4(Profile::Rfc9568).with_also_version2(true).unwrap());
    bench.next_deadline();
    assert_eq!(bench.carry_out_all(), ["advertise", "advertise in version 2"]);
    bench.next_deadline();
    assert_eq!(show_all(&bench.router.poll_action().into_iter().collect::<Vec<_>>()), ["advertise"]);
    reconfigure(&mut bench, v4(Profile::Rfc3768));
    assert_eq!(bench.carry_out_all(), [""; 0], "no second version to say it in");
    assert_eq!(bench.router.message(vrrp_core::AdvertKind::Regular).version, Version::V2);
    // And heard: its peers still speak version 3.
    let raw = Raw::new(Profile::Rfc9568, Family::Ipv4, OWN + 1, 254);
    assert!(bench.receive(&raw).is_err());
    bench.hear(OWN + 1, 254).unwrap();
    assert_eq!(bench.router.role(), Role::Backup);
}

#[test]
fn rounds_of_announcements_follow_their_own_settings() {
    let policy = |delay, refresh| AnnouncePolicy { delay, refresh, ..AnnouncePolicy::default() };
    let with = |delay, refresh| v4(Profile::Rfc3768).with_announce(policy(delay, refresh));
    let mut bench = Bench::master(with(Some(millis(300)), None));
    let master_since = bench.now;
    bench.after(millis(100));
    reconfigure(&mut bench, with(Some(millis(200)), Some(secs(60))));
    bench.next_deadline();
    assert_eq!(bench.now, master_since + millis(200));
    assert_eq!(bench.carry_out_all().len(), 2, "both addresses");
    reconfigure(&mut bench, with(Some(millis(50)), None));
    assert_eq!(bench.router.deadline(), Some(master_since + secs(1)), "that one is over");
}

#[test]
fn a_set_is_asked_again_when_the_new_deadline_comes_and_its_groups_stay() {
    let mut set = RouterSet::new();
    let configs = [Family::Ipv4, Family::Ipv6].map(|family| config(Profile::Rfc9568, family));
    let ids = configs.clone().map(|config| set.insert(InterfaceId(1), config).unwrap());
    set.group(Instant::ZERO, &ids).unwrap();
    let now = Instant::from_nanos(1_000_000_000_000);
    for (id, family) in ids.iter().zip([Family::Ipv4, Family::Ipv6]) {
        set.handle(now, *id, Input::PrimaryAddress(Some(host(family, OWN))));
    }
    set.handle_all(now, Input::Startup);
    let (before, _) = set.deadline().unwrap();
    for (id, config) in ids.iter().zip(&configs) {
        set.reconfigure(now, *id, config.clone().with_priority(priority(200))).unwrap();
    }
    let (after, _) = set.deadline().unwrap();
    assert!(after < before);
    // One alone that becomes owner waits for the group.
    set.reconfigure(now, ids[0], configs[0].clone().with_priority(Priority::OWNER)).unwrap();
    assert_eq!(set.get(ids[0]).map(VirtualRouter::role), Some(Role::Backup));
    set.handle_timeout(after);
    assert!(set.iter().all(|(_, router)| router.role() == Role::Master));
    // And takes all along when it is owner no more.
    set.reconfigure(after, ids[0], configs[0].clone()).unwrap();
    assert!(set.iter().all(|(_, router)| router.role() == Role::Backup));
    let unknown = RouterSet::new().reconfigure(now, ids[1], configs[1].clone()).unwrap_err();
    assert_eq!(unknown, ReconfigureError::Unknown(ids[1]));
}

/// TMR-03, AMB-12: who never heard anybody is timed by its own interval, the new one.
#[test]
fn a_backup_that_heard_nobody_follows_its_own_new_interval() {
    let slow = v4(Profile::Rfc9568).with_interval(centis(4_095)).unwrap();
    let mut bench = Bench::started(slow.clone());
    let started = bench.now;
    bench.after(secs(1));
    reconfigure(&mut bench, v4(Profile::Rfc9568));
    assert_eq!(bench.router.deadline(), Some(started + Duration::from_nanos(3_609_375_000)));
    // One that heard somebody is timed by that one's.
    let mut bench = Bench::started(slow);
    let fast = Raw { interval: 50, ..Raw::new(Profile::Rfc9568, Family::Ipv4, OWN + 1, 200) };
    bench.receive(&fast).unwrap();
    let deadline = bench.router.deadline();
    reconfigure(&mut bench, v4(Profile::Rfc9568));
    assert_eq!(bench.router.deadline(), deadline);
}

/// AMB-26: the others do not know the new configuration yet, and would drop a release in its words.
#[test]
fn what_ends_a_configuration_is_said_in_its_words() {
    let password = |text: &[u8]| Password::new(text).unwrap();
    let old = v4(Profile::Rfc2338).with_password(password(b"old")).unwrap();
    let new = v4(Profile::Rfc2338).with_password(password(b"new")).unwrap();
    let new = new.with_interval(centis(300)).unwrap();
    let said = |bench: &Bench, kind| {
        let mut octets = [0; 100];
        let own = host(Family::Ipv4, OWN);
        let endpoints = Endpoints::new(own, Family::Ipv4.group()).unwrap();
        let len = bench.router.encode(kind, endpoints, &mut octets).unwrap();
        let packet = Packet::parse(Version::V2, &octets[..len], endpoints).unwrap();
        assert_eq!(packet.interval(), Some(bench.router.message(kind).interval));
        (packet.interval(), packet.auth().unwrap().data[..3].to_vec())
    };
    let (of_old, of_new) = ((Some(centis(100)), b"old".to_vec()), (Some(centis(300)), b"new".to_vec()));
    // An owner that is none any more; one that was stopped just before; one that yielded just before.
    for case in 0..3 {
        let first = if case == 0 { old.clone().with_priority(Priority::OWNER) } else { old.clone() };
        let mut bench = Bench::master(first);
        match case {
            1 => bench.input(Input::Shutdown),
            2 => {
                let better = Raw {
                    reserved_or_auth: 1,
                    auth: Some(*b"old\0\0\0\0\0"),
                    ..Raw::new(Profile::Rfc2338, Family::Ipv4, OWN + 1, 200)
                };
                bench.receive(&better).unwrap();
            }
            _ => {}
        }
        reconfigure(&mut bench, new.clone());
        reconfigure(&mut bench, new.clone().with_priority(priority(90)));
        let actions = show_all(&bench.actions());
        let last = if case == 2 { AdvertKind::Yield } else { AdvertKind::Release };
        let word = if case == 2 { "yield advertisement" } else { "release" };
        assert!(actions.contains(&word.into()), "{actions:?}");
        assert_eq!(said(&bench, last), of_old, "{case}");
        assert_eq!(said(&bench, AdvertKind::Regular), of_new);
        assert_eq!(
            bench.router.config_of(last).priority(),
            if case == 0 { Priority::OWNER } else { Priority::DEFAULT }
        );
        // The next release is one of the new configuration, and so is a yield advertisement before one.
        bench.input(Input::Startup);
        bench.run_until(bench.now + secs(60));
        bench.carry_out_all();
        assert_eq!(bench.router.role(), Role::Master);
        let mut after = bench.router.clone();
        let better = Raw {
            reserved_or_auth: 1,
            interval: 300,
            auth: Some(*b"new\0\0\0\0\0"),
            ..Raw::new(Profile::Rfc2338, Family::Ipv4, OWN + 1, 200)
        };
        bench.receive(&better).unwrap();
        assert_eq!(bench.router.role(), Role::Backup);
        assert_eq!(said(&bench, AdvertKind::Yield), of_new, "{case}");
        std::mem::swap(&mut bench.router, &mut after);
        bench.input(Input::Shutdown);
        assert_eq!(said(&bench, AdvertKind::Release), of_new, "{case}");
    }
}
