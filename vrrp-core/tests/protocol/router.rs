//! One router: what it asks its host for, in which order, and what it makes of the answers.

use std::net::IpAddr;
use std::num::NonZeroI16;
use std::time::Duration;

use crate::common::{
    Bench, INTERVAL, OWN, Raw, centis, config, host, installs, millis, priority, secs, show_all, virtual_addresses,
    without_counters,
};
use vrrp_core::wire::{Endpoints, Packet};
use vrrp_core::{
    Action, AdvertKind, AnnouncePolicy, Cause, Config, Family, Fault, Input, Priority, PriorityCause, Profile, Reading,
    Role, Tracker, TrackerId, Transition, Version, Weight,
};

fn v4(profile: Profile) -> Config {
    config(profile, Family::Ipv4)
}

/// Master whose install requests are out and unanswered.
fn unconfirmed(config: Config) -> (Bench, Vec<Action>) {
    let mut bench = Bench::started(config);
    bench.next_deadline();
    let actions = bench.actions();
    (bench, actions)
}

#[test]
fn a_takeover_advertises_installs_and_announces_what_is_confirmed() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let takeover = ["advertise", "install 192.0.2.101", "install 192.0.2.102", "Backup > Master"];
    assert_eq!(show_all(&actions), takeover, "FSM-A-11, AMB-25");

    // ARP-03
    let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
    assert_eq!((first.index(), second.index()), (0, 1));
    bench.input(Input::AddressInstalled(second));
    assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.102 x1"]);
    assert_eq!((bench.router.is_installed(first.address), bench.router.is_installed(second.address)), (false, true));
    assert_eq!(bench.router.installed(), 1);
    bench.input(Input::AddressInstalled(first));
    assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.101 x1"]);
    bench.input(Input::AddressInstalled(first));
    assert_eq!(bench.actions(), [], "once");

    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), ["advertise"]);
    let stats = bench.router.stats();
    assert_eq!((stats.advert_sent, stats.master_transitions, stats.prio_zero_sent), (2, 1, 0));
}

#[test]
fn an_owner_takes_over_at_startup() {
    let mut bench = Bench::idle(v4(Profile::Rfc3768).with_priority(Priority::OWNER));
    bench.input(Input::Startup);
    let startup = ["advertise", "install 192.0.2.101", "install 192.0.2.102", "Initialize > Master"];
    assert_eq!(show_all(&bench.actions()), startup);
    assert_eq!(bench.router.status().cause, Cause::OwnerStartup);
}

#[test]
fn leaving_the_election_releases_then_removes() {
    for input in [Input::Shutdown, Input::Stray(Some(host(Family::Ipv4, 99))), Input::PrimaryAddress(None)] {
        let mut bench = Bench::master(v4(Profile::Rfc9568));
        bench.input(input);
        let left = ["release", "remove 192.0.2.101", "remove 192.0.2.102", "Master > Initialize"];
        assert_eq!(show_all(&bench.actions()), left, "FSM-A-01");
        assert_eq!((bench.router.deadline(), bench.router.stats().prio_zero_sent), (None, 1));
        let release = bench.router.message(AdvertKind::Release);
        assert_eq!(
            (release.priority, bench.router.source()),
            (None, Some(host(Family::Ipv4, OWN))),
            "still the old one"
        );

        let mut bench = Bench::started(v4(Profile::Rfc9568));
        bench.input(input);
        assert_eq!(show_all(&bench.actions()), ["Backup > Initialize"], "FSM-B-05");
    }
}

#[test]
fn yielding_removes_and_sends_a_yield_advertisement_only_where_configured() {
    for (yield_advertisement, yielded) in [
        (false, vec!["remove 192.0.2.101", "remove 192.0.2.102", "Master > Backup"]),
        (true, vec!["remove 192.0.2.101", "remove 192.0.2.102", "yield advertisement", "Master > Backup"]),
    ] {
        let mut bench = Bench::master(v4(Profile::Rfc3768).with_yield_advertisement(yield_advertisement));
        bench.hear(OWN + 1, 200).unwrap();
        assert_eq!(show_all(&bench.actions()), yielded);
        let status = bench.router.status();
        assert_eq!((status.master, status.master_priority), (Some(host(Family::Ipv4, OWN + 1)), Some(priority(200))));
    }
}

#[test]
fn yielding_with_requests_out_removes_them_and_suppresses_nothing() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    bench.input(Input::AddressInstalled(installs(&actions)[0]));
    bench.hear(OWN + 1, 200).unwrap();
    let yielded = ["remove 192.0.2.101", "remove 192.0.2.102", "yield advertisement", "Master > Backup"];
    assert_eq!(show_all(&bench.actions()), yielded);
    assert_eq!(bench.router.stats().unconfirmed_suppressed, 0, "the yield advertisement was said");
}

#[test]
fn before_every_address_is_confirmed_nothing_more_is_advertised() {
    // 9568 answers a lower Master, every profile a release.
    for rx in [0, 50] {
        let (mut bench, actions) = unconfirmed(v4(Profile::Rfc9568));
        let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
        bench.input(Input::AddressInstalled(first));
        bench.after(millis(500));
        bench.hear(OWN + 1, rx).unwrap();
        let mut actions = show_all(&bench.actions());
        actions.retain(|action| !action.starts_with("heard lower"));
        assert_eq!(actions, ["announce 192.0.2.101 x1"], "FSM-A-03, FSM-A-07");
        assert_eq!(bench.router.stats().unconfirmed_suppressed, 1);
        bench.input(Input::AddressInstalled(second));
        bench.hear(OWN + 1, rx).unwrap();
        assert!(show_all(&bench.actions()).contains(&"advertise".to_string()));
    }
}

#[test]
fn a_master_serves_what_it_has_and_asks_for_the_rest_again() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
    bench.input(Input::AddressInstalled(first));
    bench.actions();

    let takeover = bench.now;
    bench.next_deadline();
    assert_eq!(bench.now, takeover + INTERVAL);
    // 100 is handicapped.
    let status = bench.router.status();
    assert_eq!((status.role, status.priority, status.installed), (Role::Master, priority(13), 1));
    assert!(bench.router.missing().eq([second.address]) && bench.router.faults().next().is_none());
    let [advertise, handicap] = bench.actions()[..] else { panic!("what to do, and what to know") };
    let by = PriorityCause::Addresses;
    assert_eq!(handicap, Action::PriorityChanged { from: priority(100), to: priority(13), by });
    assert_eq!(show_all(&[advertise]), ["advertise"], "the address that is there");

    // 30 s, 1, 2, 4, 8, 15, 15 minutes: nothing but this address is touched, and every advertisement leaves in time.
    let mut last = bench.now;
    for wait in [30, 60, 120, 240, 480, 900, 900] {
        let asked = loop {
            bench.next_deadline();
            let actions = bench.actions();
            if let [request] = installs(&actions)[..] {
                break request;
            }
            assert_eq!(show_all(&actions), ["advertise"]);
        };
        assert_eq!((asked.address, bench.now), (second.address, last + secs(wait)));
        last = bench.now;
        bench.input(Input::AddressFailed(asked));
        bench.carry_out_all();
    }
    // The end of the reason counts at once, and so does success.
    bench.input(Input::AddressAvailable(1, true));
    let [asked] = installs(&bench.actions())[..] else { panic!("not asked for") };
    assert_eq!(bench.router.priority(), priority(13));
    bench.input(Input::AddressInstalled(asked));
    assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.102 x1", "priority 13 > 100"]);
    assert_eq!((bench.router.priority(), bench.router.missing().count()), (priority(100), 0));
}

#[test]
fn what_cannot_be_set_is_known_before_and_not_tried() {
    let mut bench = Bench::idle(v4(Profile::Rfc9568));
    bench.input(Input::AddressAvailable(0, false));
    bench.input(Input::Startup);
    bench.carry_out_all();
    assert_eq!(bench.router.priority(), priority(13));
    bench.next_deadline();
    let served = ["advertise", "install 192.0.2.102", "announce 192.0.2.102 x1", "Backup > Master"];
    assert_eq!(bench.carry_out_all(), served);
    bench.next_deadline();
    assert_eq!(bench.carry_out_all(), ["advertise"]);
    // A Backup has its priority back as soon as it could.
    bench.hear(OWN + 1, 50).unwrap();
    assert_eq!(bench.router.role(), Role::Backup);
    bench.carry_out_all();
    bench.input(Input::AddressAvailable(0, true));
    assert_eq!(bench.router.priority(), priority(100));
}

#[test]
fn who_has_no_advertised_address_at_all_releases_and_takes_nothing_from_anybody() {
    let excluded = IpAddr::from([198, 51, 100, 1]);
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768).with_excluded(&[excluded]).unwrap());
    let [first, second, third] = installs(&actions)[..] else { panic!("three addresses") };
    bench.input(Input::AddressInstalled(third));
    bench.input(Input::AddressFailed(first));
    assert_eq!(bench.router.role(), Role::Master, "one is still to be answered");
    bench.input(Input::AddressFailed(second));
    let fault = Fault::NotInstalled(first.address);
    assert_eq!(bench.router.status().cause, Cause::Fault(fault));
    assert_eq!(show_all(&bench.actions())[0], "release");
    assert_eq!(bench.router.deadline(), Some(bench.now + secs(30)));
    bench.after(secs(29));
    bench.input(Input::Timeout);
    assert_eq!(bench.router.role(), Role::Initialize);
    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), ["Initialize > Backup"]);
    assert_eq!((bench.router.status().cause, bench.router.priority()), (Cause::Recovered(fault), priority(13)));
    // Somebody worse serves, and goes on.
    for _ in 0..100 {
        bench.hear(OWN + 1, 50).unwrap();
        bench.after(millis(900));
        bench.input(Input::Timeout);
        assert_eq!(bench.actions(), []);
    }
    bench.next_deadline();
    assert!(bench.carry_out_all().contains(&"install 192.0.2.102".into()), "asked for again");
    assert_eq!((bench.router.installed(), bench.router.priority()), (3, priority(100)));
}

#[test]
fn an_address_that_is_not_advertised_faults_nobody() {
    let excluded: IpAddr = "2001:db8::1".parse().unwrap();
    let mut bench = Bench::master(v4(Profile::Rfc3768).with_excluded(&[excluded]).unwrap());
    bench.input(Input::AddressAvailable(2, false));
    assert_eq!((bench.router.role(), bench.router.priority()), (Role::Master, priority(13)));
    assert_eq!(bench.carry_out_all(), ["priority 100 > 13"]);
    bench.next_deadline();
    assert_eq!(bench.carry_out_all(), ["advertise"]);
}

/// OWN-01: nobody may be better than the owner, so it is not worse.
#[test]
fn an_owner_is_never_handicapped() {
    let mut bench = Bench::master(v4(Profile::Rfc3768).with_priority(Priority::OWNER));
    bench.input(Input::AddressAvailable(1, false));
    assert_eq!(bench.router.priority(), Priority::OWNER);
}

#[test]
fn a_host_that_makes_progress_has_time() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
    for _ in 0..100 {
        bench.after(millis(900));
        bench.input(Input::Installing);
        bench.input(Input::Timeout);
        assert_eq!(bench.actions(), []);
    }
    bench.after(millis(900));
    bench.input(Input::AddressInstalled(first));
    bench.after(millis(900));
    bench.input(Input::Timeout);
    bench.input(Input::AddressInstalled(second));
    assert_eq!((bench.router.role(), bench.router.missing().count()), (Role::Master, 0));
}

/// Shorter than three intervals since its last advertisement nobody can have taken over, and nobody was told anything.
#[test]
fn a_master_whose_interface_is_back_in_time_goes_on() {
    for (gone, goes_on) in [(200, true), (2_999, true), (3_000, false), (60_000, false)] {
        let mut bench = Bench::master(v4(Profile::Rfc3768));
        bench.next_deadline();
        assert_eq!(bench.carry_out_all(), ["advertise"]);
        bench.input(Input::InterfaceUp(false));
        let broke_off = ["remove 192.0.2.101", "remove 192.0.2.102", "Master > Initialize"];
        assert_eq!(bench.carry_out_all(), broke_off);
        // The source may follow a little later.
        bench.input(Input::PrimaryAddress(None));
        bench.after(millis(gone));
        bench.input(Input::InterfaceUp(true));
        bench.input(Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
        assert_eq!(bench.router.role() == Role::Master, goes_on, "{gone} ms");
        assert_eq!(bench.carry_out_all()[0], if goes_on { "advertise" } else { "Initialize > Backup" });
    }
    // What could not be sent was heard by nobody.
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    for _ in 0..2 {
        bench.next_deadline();
        bench.carry_out_all();
        bench.router.count_tx_error();
    }
    bench.input(Input::InterfaceUp(false));
    bench.after(millis(1_500));
    bench.input(Input::InterfaceUp(true));
    assert_eq!(bench.router.role(), Role::Backup);
    // Who released has told everybody.
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    bench.input(Input::PrimaryAddress(None));
    bench.input(Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
    assert_eq!(bench.router.role(), Role::Backup);
}

#[test]
fn a_host_has_a_tenth_of_a_second_to_confirm_however_short_the_interval() {
    for answered in [true, false] {
        let (mut bench, actions) = unconfirmed(v4(Profile::Rfc9568).with_interval(centis(1)).unwrap());
        let takeover = bench.now;
        while bench.router.deadline() < Some(takeover + millis(100)) {
            bench.next_deadline();
            assert_eq!(show_all(&bench.actions()), [""; 0]);
        }
        assert_eq!(bench.router.stats().unconfirmed_suppressed, 9, "one each interval");
        if answered {
            installs(&actions).into_iter().for_each(|request| bench.input(Input::AddressInstalled(request)));
        }
        bench.next_deadline();
        assert_eq!(bench.now, takeover + millis(100));
        assert_eq!(bench.router.role(), if answered { Role::Master } else { Role::Initialize });
        assert_eq!(show_all(&bench.actions()).contains(&"advertise".to_string()), answered);
    }
}

#[test]
fn a_release_postpones_the_next_advertisement_not_the_confirmation() {
    let (mut bench, _) = unconfirmed(v4(Profile::Rfc3768));
    let by = bench.now + INTERVAL;
    bench.after(millis(500));
    bench.hear(OWN + 1, 0).unwrap();
    assert_eq!(bench.router.deadline(), Some(by));
    bench.next_deadline();
    assert_eq!(bench.router.role(), Role::Initialize);
}

/// GARP-03: rounds of their own wake the driver, between two advertisements.
#[test]
fn later_rounds_of_announcements_have_deadlines() {
    let policy = AnnouncePolicy { repeat: 3, delay: Some(millis(500)), ..AnnouncePolicy::default() };
    let mut bench = Bench::master(v4(Profile::Rfc3768).with_announce(policy));
    let takeover = bench.now;
    assert_eq!(bench.router.deadline(), Some(takeover + millis(500)));
    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.101 x3", "announce 192.0.2.102 x3"]);
    assert_eq!(bench.router.deadline(), Some(takeover + INTERVAL));
    bench.next_deadline();
    bench.hear(OWN + 1, 0).unwrap();
    assert_eq!(bench.router.deadline(), Some(takeover + 2 * INTERVAL), "no confirmation is waited for any more");
}

#[test]
fn a_master_is_its_own_master_and_encodes_what_it_says() {
    let bench = Bench::master(v4(Profile::Rfc3768).with_priority(priority(200)));
    let (status, own) = (bench.router.status(), host(Family::Ipv4, OWN));
    assert_eq!((status.master, status.master_priority), (Some(own), Some(priority(200))));
    let endpoints = Endpoints::new(own, Family::Ipv4.group()).unwrap();
    for (kind, said) in [(AdvertKind::Regular, Some(priority(200))), (AdvertKind::Release, None)] {
        let mut octets = [0; 100];
        let len = bench.router.encode(kind, endpoints, &mut octets).unwrap();
        let packet = Packet::parse(Version::V2, &octets[..len], endpoints).unwrap();
        assert_eq!((packet.priority(), packet.trailing()), (said, 0));
        assert!(packet.addresses().eq(virtual_addresses(Family::Ipv4)));
    }
}

#[test]
fn when_the_last_address_is_refused_or_lost_it_is_a_fault() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
    let mut lost = bench.clone();
    bench.input(Input::AddressFailed(first));
    bench.input(Input::AddressFailed(second));
    assert_eq!(bench.router.status().cause, Cause::Fault(Fault::NotInstalled(first.address)));

    lost.input(Input::AddressInstalled(first));
    lost.input(Input::AddressInstalled(second));
    lost.actions();
    lost.input(Input::AddressFailed(second));
    assert_eq!(lost.router.role(), Role::Master);
    lost.input(Input::AddressFailed(first));
    assert_eq!(lost.router.status().cause, Cause::Fault(Fault::NotInstalled(first.address)));
    assert_eq!(show_all(&lost.actions())[0], "release");
}

#[test]
fn answers_to_a_cancelled_request_are_ignored() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let stale = installs(&actions);
    bench.hear(OWN + 1, 200).unwrap();
    stale.iter().for_each(|request| bench.input(Input::AddressFailed(*request)));
    assert_eq!(bench.router.role(), Role::Backup, "cancelled, though the removal was not fetched yet");
    bench.actions();
    let before = without_counters(&bench.router);
    for request in &stale {
        bench.input(Input::AddressInstalled(*request));
        bench.input(Input::AddressFailed(*request));
    }
    assert_eq!(without_counters(&bench.router), before, "as Backup");

    bench.next_deadline();
    let fresh = installs(&bench.actions());
    for request in &stale {
        bench.input(Input::AddressInstalled(*request));
        bench.input(Input::AddressFailed(*request));
    }
    assert_eq!((bench.router.role(), bench.router.installed()), (Role::Master, 0), "as Master again");
    fresh.into_iter().for_each(|request| bench.input(Input::AddressInstalled(request)));
    assert_eq!(bench.router.installed(), 2);
}

/// GARP-01: also where a whole reign of another went by between two polls.
#[test]
fn a_takeover_announces_addresses_that_never_left() {
    let mut bench = Bench::master(v4(Profile::Rfc3768).with_yield_advertisement(false));
    bench.hear(OWN + 1, 200).unwrap();
    bench.next_deadline();
    let undrained = ["advertise", "announce 192.0.2.101 x1", "announce 192.0.2.102 x1", "Master > Master"];
    assert_eq!(show_all(&bench.actions()), undrained);
}

fn tracked(weight: i16) -> (Config, TrackerId) {
    let mut config = v4(Profile::Rfc3768);
    let weight = Weight::Adjust(NonZeroI16::new(weight).unwrap());
    let id = config.add_tracker(Tracker { name: "squid".into(), weight, reverse: false }).unwrap();
    (config, id)
}

/// AMB-12, never later.
#[test]
fn a_tracker_moves_the_down_timer_of_a_backup_towards_now_only() {
    let (config, id) = tracked(50);
    let mut bench = Bench::started(config);
    let armed = bench.now;
    let down = |priority: u64| secs(3) + Duration::from_nanos((256 - priority) * 3_906_250);
    assert_eq!(bench.router.deadline(), Some(armed + down(100)));
    bench.after(secs(1));
    bench.input(Input::Tracker(id, Reading::Passing));
    assert_eq!(bench.router.priority(), priority(150));
    assert_eq!(bench.router.deadline(), Some(armed + down(150)));
    bench.input(Input::Tracker(id, Reading::Failing));
    assert_eq!(bench.router.priority(), priority(100));
    assert_eq!(bench.router.deadline(), Some(armed + down(150)), "what was promised stays");

    bench.hear(OWN + 1, 200).unwrap();
    bench.after(secs(3) + millis(500));
    bench.input(Input::Tracker(id, Reading::Passing));
    assert!(bench.router.deadline().unwrap() < bench.now, "overdue at the new priority");
    bench.next_deadline();
    assert_eq!(bench.router.role(), Role::Master);
    assert!(bench.router.deadline().unwrap() > bench.now);
}

#[test]
fn a_tracker_changes_what_a_master_says_next_and_not_when() {
    let (config, id) = tracked(-50);
    let mut bench = Bench::master(config);
    let deadline = bench.router.deadline();
    bench.input(Input::Tracker(id, Reading::Failing));
    let change = Action::PriorityChanged { from: priority(100), to: priority(50), by: PriorityCause::Tracker(id) };
    assert_eq!((bench.actions(), bench.router.deadline()), (vec![change], deadline));
    assert_eq!(bench.router.message(AdvertKind::Regular).priority, Some(priority(50)));
    bench.hear(OWN - 1, 60).unwrap();
    assert_eq!(bench.router.role(), Role::Backup, "now 60 is higher");
}

#[test]
fn no_weight_moves_an_owner() {
    for passing in [false, true] {
        let (config, id) = tracked(-50);
        let mut bench = Bench::started(config.with_priority(Priority::OWNER));
        let before = (*bench.router.state(), bench.router.status());
        bench.input(Input::Tracker(id, passing.into()));
        assert_eq!((*bench.router.state(), bench.router.status(), bench.actions()), (before.0, before.1, vec![]));
    }
}

/// EXT-12.
#[test]
fn a_value_weighs_as_often_as_it_says_and_keeps_out_below_what_a_priority_holds() {
    let (config, id) = tracked(2);
    let mut bench = Bench::master(config);
    let mut say = |value| {
        bench.input(Input::Tracker(id, Reading::Value(value)));
        let told = show_all(&bench.actions());
        let (_, _, reading) = bench.router.trackers().next().unwrap();
        assert_eq!(reading, Some(Reading::Value(value)));
        (told, bench.router.faults().collect::<Vec<_>>())
    };
    assert_eq!(say(7), (vec!["priority 100 > 114".into()], vec![]));
    assert_eq!(say(1_000), (vec!["priority 114 > 254".into()], vec![]));
    assert_eq!(say(-126), (vec!["priority 254 > 1".into()], vec![]));
    let (told, faults) = say(-127);
    assert_eq!(told, ["release", "remove 192.0.2.101", "remove 192.0.2.102", "Master > Initialize"]);
    assert_eq!(faults, [Fault::Tracker(id)]);
    assert_eq!(say(0), (vec!["priority 1 > 100".into(), "Initialize > Backup".into()], vec![]));
    assert_eq!(*bench.router.cause(), Cause::Recovered(Fault::Tracker(id)));
}

#[test]
fn no_value_weighs_on_an_owner_but_one_that_is_a_fault() {
    let (config, id) = tracked(1);
    let mut bench = Bench::master(config.with_priority(Priority::OWNER));
    bench.input(Input::Tracker(id, Reading::Value(-253)));
    assert_eq!((bench.router.role(), bench.router.priority()), (Role::Master, Priority::OWNER));
    bench.input(Input::Tracker(id, Reading::Value(-254)));
    assert_eq!((bench.router.role(), bench.router.priority()), (Role::Initialize, Priority::OWNER));
}

#[test]
fn a_value_but_0_fails_where_failing_is_a_fault() {
    let mut config = v4(Profile::Rfc3768);
    let tracker = Tracker { name: "file".into(), weight: Weight::Fault, reverse: false };
    let id = config.add_tracker(tracker).unwrap();
    let mut bench = Bench::started(config);
    for (value, role) in [(0, Role::Backup), (1, Role::Initialize), (0, Role::Backup), (i32::MIN, Role::Initialize)] {
        bench.input(Input::Tracker(id, Reading::Value(value)));
        assert_eq!(bench.router.role(), role, "{value}");
    }
}

#[test]
fn nothing_unchecked_takes_part() {
    let mut config = v4(Profile::Rfc3768);
    let tracker = Tracker { name: "squid".into(), weight: Weight::Fault, reverse: false };
    let id = config.add_tracker(tracker).unwrap();
    let mut bench = Bench::started(config);
    assert_eq!((bench.router.role(), bench.actions()), (Role::Initialize, vec![]), "waits in silence");
    bench.input(Input::Tracker(id, Reading::Passing));
    assert_eq!((bench.router.role(), bench.router.status().cause), (Role::Backup, Cause::Startup));
    bench.actions();
    bench.input(Input::Tracker(id, Reading::Failing));
    let fault = Cause::Fault(Fault::Tracker(id));
    let change = Transition::new(Role::Backup, Role::Initialize, fault);
    assert_eq!(bench.actions(), [Action::StateChanged(change)]);
    assert_eq!(fault.describe(bench.router.config()).to_string(), "squid failed");
    bench.input(Input::Tracker(id, Reading::Passing));
    assert_eq!(bench.router.status().cause, Cause::Recovered(Fault::Tracker(id)));
}

#[test]
fn a_refused_start_is_reported_once() {
    let mut bench = Bench::idle(v4(Profile::Rfc3768));
    bench.input(Input::InterfaceUp(false));
    bench.input(Input::Startup);
    let refused = Cause::Fault(Fault::InterfaceDown);
    let change = Transition::new(Role::Initialize, Role::Initialize, refused);
    assert_eq!(bench.actions(), [Action::StateChanged(change)]);
    bench.input(Input::PrimaryAddress(None));
    assert_eq!(bench.actions(), [Action::FaultsChanged]);
    bench.input(Input::Startup);
    assert_eq!(bench.actions(), []);
    bench.input(Input::Shutdown);
    bench.input(Input::Startup);
    assert_eq!(bench.actions(), [Action::StateChanged(change)], "but every command is answered");
}

/// Fetched late, changes are one, and there and back is none.
#[test]
fn changes_of_the_priority_are_told_from_the_first_to_the_last() {
    let (mut config, first) = tracked(-50);
    let weight = Weight::Adjust(NonZeroI16::new(-20).unwrap());
    let second = config.add_tracker(Tracker { name: String::new(), weight, reverse: false }).unwrap();
    let mut bench = Bench::master(config);
    let told = |from, to, id| {
        [Action::PriorityChanged { from: priority(from), to: priority(to), by: PriorityCause::Tracker(id) }]
    };
    bench.input(Input::Tracker(first, Reading::Failing));
    bench.input(Input::Tracker(second, Reading::Failing));
    assert_eq!(bench.actions(), told(100, 30, second));
    bench.input(Input::Tracker(second, Reading::Passing));
    bench.input(Input::Tracker(second, Reading::Failing));
    assert_eq!(bench.actions(), []);
    // Before the state that it leads to, and behind all that has to go out.
    bench.input(Input::Tracker(second, Reading::Passing));
    bench.hear(OWN - 1, 60).unwrap();
    let yields =
        ["remove 192.0.2.101", "remove 192.0.2.102", "yield advertisement", "priority 30 > 50", "Master > Backup"];
    assert_eq!(show_all(&bench.actions()), yields);
    bench.input(Input::Tracker(first, Reading::Passing));
    bench.next_deadline();
    let takes_over =
        ["advertise", "install 192.0.2.101", "install 192.0.2.102", "priority 50 > 100", "Backup > Master"];
    assert_eq!(show_all(&bench.actions()), takes_over);
}

/// What is there when a state is told is told with it. What is merely unchecked is waited for in silence.
#[test]
fn changes_of_the_faults_are_told_while_the_router_stays_at_fault() {
    let mut config = v4(Profile::Rfc3768);
    let [first, second] = ["first", "second"]
        .map(|name| config.add_tracker(Tracker { name: name.into(), weight: Weight::Fault, reverse: false }).unwrap());
    let mut bench = Bench::idle(config);
    bench.input(Input::Startup);
    assert_eq!(bench.actions(), [], "unchecked");
    bench.input(Input::Tracker(first, Reading::Failing));
    bench.input(Input::InterfaceUp(false));
    assert_eq!(show_all(&bench.actions()), ["Initialize > Initialize"]);
    bench.input(Input::Tracker(second, Reading::Passing));
    assert_eq!(bench.actions(), [], "what is unchecked no more was no fault");
    bench.input(Input::Tracker(second, Reading::Failing));
    bench.input(Input::Tracker(second, Reading::Passing));
    assert_eq!(bench.actions(), [], "there and back");
    bench.input(Input::Tracker(second, Reading::Failing));
    bench.input(Input::Tracker(first, Reading::Passing));
    assert_eq!(bench.actions(), [Action::FaultsChanged], "one for both");
    bench.input(Input::InterfaceUp(true));
    assert_eq!(bench.actions(), [Action::FaultsChanged], "one less");
    bench.input(Input::InterfaceUp(false));
    bench.input(Input::Tracker(second, Reading::Passing));
    bench.input(Input::InterfaceUp(true));
    assert_eq!(show_all(&bench.actions()), ["Initialize > Backup"], "the end of all is told by the state");
    // Another state is another story.
    bench.input(Input::Tracker(second, Reading::Failing));
    bench.input(Input::Tracker(first, Reading::Failing));
    assert_eq!(show_all(&bench.actions()), ["Backup > Initialize"]);
    bench.input(Input::Shutdown);
    bench.input(Input::Tracker(first, Reading::Passing));
    assert_eq!(bench.actions(), [], "nobody waits for a router that is stopped");
}

#[test]
fn an_address_of_the_other_family_is_none() {
    let mut bench = Bench::started(config(Profile::Rfc9568, Family::Ipv6));
    bench.input(Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
    assert_eq!(bench.router.faults().collect::<Vec<_>>(), [Fault::NoPrimaryAddress]);
    assert_eq!(bench.router.source(), Some(host(Family::Ipv6, OWN)));
}

/// Excluded addresses come and go with the others and stand in no advertisement.
#[test]
fn excluded_addresses_are_installed_but_not_advertised() {
    let excluded = host(Family::Ipv6, 0x77);
    let mut bench = Bench::started(v4(Profile::Rfc3768).with_excluded(&[excluded]).unwrap());
    bench.next_deadline();
    let done = bench.carry_out_all();
    assert!(done.contains(&format!("install {excluded}")) && done.contains(&format!("announce {excluded} x1")));
    assert_eq!(bench.router.message(AdvertKind::Regular).addresses.as_slice(), virtual_addresses(Family::Ipv4));
}

/// SEC-06: how long one forged advertisement silences a Backup.
#[test]
fn a_cap_bounds_the_silence_that_one_forged_advertisement_buys() {
    for (cap, centis_learned) in [(None, 4095), (Some(300), 300), (Some(1), 100), (Some(25_500), 4095)] {
        let config = v4(Profile::Rfc9568).with_learned_interval_cap(cap.map(centis));
        let mut bench = Bench::started(config);
        bench.receive(&Raw { interval: 4095, ..bench.raw(OWN + 1, 255) }).unwrap();
        let interval = millis(10 * centis_learned);
        let down = 3 * interval + interval * (256 - 100) / 256;
        let silence = bench.router.deadline().unwrap().since(bench.now);
        assert!(silence >= down && silence - down < Duration::from_nanos(2), "{cap:?}: {silence:?}, not {down:?}");
        bench.next_deadline();
        assert_eq!(bench.router.role(), Role::Master);
    }
}

/// One address failed not long ago, and the host knows by now that it cannot set the other: a takeover asks at once, for who
/// waited would be a Master that has nothing.
#[test]
fn a_takeover_that_would_ask_for_nothing_asks_again_at_once() {
    let mut bench = Bench::started(config(Profile::Rfc9568, Family::Ipv4));
    bench.next_deadline();
    let request = bench.actions().into_iter().find_map(|action| match action {
        Action::InstallAddress(request) => Some(request),
        _ => None,
    });
    bench.input(Input::AddressFailed(request.unwrap()));
    bench.hear(OWN + 1, 200).unwrap();
    bench.actions();
    bench.input(Input::AddressAvailable(1, false));
    bench.next_deadline();
    assert_eq!(bench.router.role(), Role::Master);
    let asks = |action: &Action| matches!(action, Action::InstallAddress(request) if request.index() == 0);
    assert!(bench.actions().iter().any(asks));
}
