//! One router: what it asks its host for, in which order, and what it makes of the answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::num::NonZeroI16;
use std::time::Duration;

use common::{
    Bench, INTERVAL, OWN, Raw, config, host, installs, millis, priority, secs, show_all, vips, without_counters,
};
use vrrp_core::fsm::State;
use vrrp_core::{
    Action, AdvertKind, Cause, Config, Discard, Family, Fault, Input, NewMasterReason, Priority, Profile, Role,
    Tracker, TrackerId, Transition, Weight,
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
    bench.input(Input::AddressInstalled(second));
    assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.102 x1"]);
    assert_eq!((bench.router.is_installed(first.address), bench.router.is_installed(second.address)), (false, true));
    assert_eq!(bench.router.status().installed, 1);
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
    for input in [Input::Shutdown, Input::InterfaceUp(false), Input::PrimaryAddress(None)] {
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
fn yielding_removes_and_says_a_last_word_only_where_configured() {
    for (last_word, yielded) in [
        (false, vec!["remove 192.0.2.101", "remove 192.0.2.102", "Master > Backup"]),
        (true, vec!["remove 192.0.2.101", "remove 192.0.2.102", "advertise", "Master > Backup"]),
    ] {
        let mut bench = Bench::master(v4(Profile::Rfc3768).with_last_word(last_word));
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
    let yielded = ["remove 192.0.2.101", "remove 192.0.2.102", "advertise", "Master > Backup"];
    assert_eq!(show_all(&bench.actions()), yielded);
    assert_eq!(bench.router.stats().unconfirmed_suppressed, 0, "the last word was said");
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
        assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.101 x1"], "FSM-A-03, FSM-A-07");
        assert_eq!(bench.router.stats().unconfirmed_suppressed, 1);
        bench.input(Input::AddressInstalled(second));
        bench.hear(OWN + 1, rx).unwrap();
        assert!(show_all(&bench.actions()).contains(&"advertise".to_string()));
    }
}

#[test]
fn unconfirmed_after_one_interval_is_a_fault_retried_after_half_a_minute() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
    bench.input(Input::AddressInstalled(first));
    bench.actions();

    let takeover = bench.now;
    bench.next_deadline();
    assert_eq!(bench.now, takeover + INTERVAL);
    let left = ["release", "remove 192.0.2.101", "remove 192.0.2.102", "Master > Initialize"];
    assert_eq!(show_all(&bench.actions()), left);
    let fault = Fault::NotInstalled(second.address);
    assert_eq!(bench.router.faults().collect::<Vec<_>>(), [fault]);
    assert_eq!(bench.router.status().cause, Cause::Fault(fault));

    assert_eq!(bench.router.deadline(), Some(bench.now + secs(30)));
    bench.after(secs(29));
    bench.input(Input::Timeout);
    assert_eq!(bench.router.role(), Role::Initialize);
    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), ["Initialize > Backup"]);
    assert_eq!(bench.router.status().cause, Cause::Recovered(fault));
    bench.next_deadline();
    assert!(bench.settle().contains(&"install 192.0.2.102".into()), "asked for again");
    assert_eq!(bench.router.status().installed, 2);
}

#[test]
fn a_refused_or_lost_address_is_a_fault() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let [first, second] = installs(&actions)[..] else { panic!("two addresses") };
    let mut lost = bench.clone();
    bench.input(Input::AddressFailed(first));
    assert_eq!(bench.router.status().cause, Cause::Fault(Fault::NotInstalled(first.address)));

    lost.input(Input::AddressInstalled(first));
    lost.input(Input::AddressInstalled(second));
    lost.actions();
    lost.input(Input::AddressFailed(second));
    assert_eq!(lost.router.status().cause, Cause::Fault(Fault::NotInstalled(second.address)));
    assert_eq!(show_all(&lost.actions())[0], "release");
}

#[test]
fn answers_to_a_cancelled_request_are_ignored() {
    let (mut bench, actions) = unconfirmed(v4(Profile::Rfc3768));
    let stale = installs(&actions);
    bench.hear(OWN + 1, 200).unwrap();
    stale.iter().for_each(|vip| bench.input(Input::AddressFailed(*vip)));
    assert_eq!(bench.router.role(), Role::Backup, "cancelled, though the removal was not fetched yet");
    bench.actions();
    let before = without_counters(&bench.router);
    for vip in &stale {
        bench.input(Input::AddressInstalled(*vip));
        bench.input(Input::AddressFailed(*vip));
    }
    assert_eq!(without_counters(&bench.router), before, "as Backup");

    bench.next_deadline();
    let fresh = installs(&bench.actions());
    for vip in &stale {
        bench.input(Input::AddressInstalled(*vip));
        bench.input(Input::AddressFailed(*vip));
    }
    assert_eq!((bench.router.role(), bench.router.status().installed), (Role::Master, 0), "as Master again");
    fresh.into_iter().for_each(|vip| bench.input(Input::AddressInstalled(vip)));
    assert_eq!(bench.router.status().installed, 2);
}

/// GARP-01: also where a whole reign of another went by between two polls.
#[test]
fn a_takeover_announces_addresses_that_never_left() {
    let mut bench = Bench::master(v4(Profile::Rfc3768).with_last_word(false));
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
    bench.input(Input::Tracker(id, true));
    assert_eq!(bench.router.status().priority, priority(150));
    assert_eq!(bench.router.deadline(), Some(armed + down(150)));
    bench.input(Input::Tracker(id, false));
    assert_eq!(bench.router.status().priority, priority(100));
    assert_eq!(bench.router.deadline(), Some(armed + down(150)), "what was promised stays");

    bench.hear(OWN + 1, 200).unwrap();
    bench.after(secs(3) + millis(500));
    bench.input(Input::Tracker(id, true));
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
    bench.input(Input::Tracker(id, false));
    assert_eq!((bench.actions(), bench.router.deadline()), (vec![], deadline));
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
        bench.input(Input::Tracker(id, passing));
        assert_eq!((*bench.router.state(), bench.router.status(), bench.actions()), (before.0, before.1, vec![]));
    }
}

#[test]
fn nothing_unchecked_takes_part() {
    let mut config = v4(Profile::Rfc3768);
    let tracker = Tracker { name: "squid".into(), weight: Weight::Fault, reverse: false };
    let id = config.add_tracker(tracker).unwrap();
    let mut bench = Bench::started(config);
    assert_eq!((bench.router.role(), bench.actions()), (Role::Initialize, vec![]), "waits in silence");
    bench.input(Input::Tracker(id, true));
    assert_eq!((bench.router.role(), bench.router.status().cause), (Role::Backup, Cause::Startup));
    bench.actions();
    bench.input(Input::Tracker(id, false));
    let fault = Cause::Fault(Fault::Tracker(id));
    let change = Transition { from: Role::Backup, to: Role::Initialize, cause: fault };
    assert_eq!(bench.actions(), [Action::StateChanged(change)]);
    assert_eq!(fault.describe(bench.router.config()).to_string(), "fault: squid failed");
    bench.input(Input::Tracker(id, true));
    assert_eq!(bench.router.status().cause, Cause::Recovered(Fault::Tracker(id)));
}

#[test]
fn a_refused_start_is_reported_once() {
    let mut bench = Bench::idle(v4(Profile::Rfc3768));
    bench.input(Input::InterfaceUp(false));
    bench.input(Input::Startup);
    let refused = Cause::Fault(Fault::InterfaceDown);
    let change = Transition { from: Role::Initialize, to: Role::Initialize, cause: refused };
    assert_eq!(bench.actions(), [Action::StateChanged(change)]);
    bench.input(Input::PrimaryAddress(None));
    bench.input(Input::Startup);
    assert_eq!(bench.actions(), []);
    bench.input(Input::Shutdown);
    bench.input(Input::Startup);
    assert_eq!(bench.actions(), [Action::StateChanged(change)], "but every command is answered");
}

#[test]
fn an_address_of_the_other_family_is_none() {
    let mut bench = Bench::started(config(Profile::Rfc9568, Family::Ipv6));
    bench.input(Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
    assert_eq!(bench.router.faults().collect::<Vec<_>>(), [Fault::NoPrimaryAddress]);
    assert_eq!(bench.router.source(), Some(host(Family::Ipv6, OWN)));
}

/// PRE-02: the first lower advertisement starts the hold; afterwards Master_Down_Timer runs out.
#[test]
fn a_lower_master_is_preempted_after_the_hold() {
    let mut bench = Bench::started(v4(Profile::Rfc3768).with_preempt(true, secs(10)));
    let first = bench.now + secs(1);
    while bench.router.role() == Role::Backup {
        bench.after(secs(1));
        match bench.router.deadline() {
            Some(deadline) if deadline <= bench.now => bench.next_deadline(),
            _ => bench.hear(OWN + 1, 50).unwrap(),
        }
    }
    // Accepted last at 9 s after the first; discarded from the tenth second on.
    let overdue = first + secs(9) + secs(3) + Duration::from_nanos(156 * 3_906_250);
    assert!(bench.now >= overdue && bench.now.since(overdue) < secs(1));
    let master = host(Family::Ipv4, OWN + 1);
    assert_eq!(bench.router.status().cause, Cause::Preempted { master, priority: priority(50) });
}

#[test]
fn contests_announce_at_the_beginning_the_end_and_once_each_holdoff() {
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    let mut announced = 0;
    let mut until = |bench: &mut Bench, span: Duration, hear: bool| {
        let end = bench.now + span;
        while bench.now < end {
            bench.after(millis(10));
            if hear {
                bench.hear(OWN + 1, 50).unwrap();
            }
            if bench.router.deadline().is_some_and(|at| at <= bench.now) {
                bench.input(Input::Timeout);
            }
            announced += bench.settle().iter().filter(|done| done.starts_with("announce 192.0.2.101")).count();
        }
        announced
    };
    assert_eq!(until(&mut bench, millis(4_990), true), 1, "500 packets");
    assert_eq!(until(&mut bench, secs(5), true), 2, "one more after the holdoff of 5 s");
    assert_eq!(until(&mut bench, secs(2), false), 2);
    assert_eq!(until(&mut bench, secs(30), false), 3, "silent for three intervals: once more, and never again");
}

/// FSM-A-10, SEC-07.
#[test]
fn a_sender_at_its_own_rate_is_always_answered_and_a_flood_is_not() {
    for interval in [10, 100, 300] {
        let mut bench = Bench::master(v4(Profile::Rfc9568));
        let lower = Raw { interval, ..bench.raw(OWN + 1, 50) };
        let start = bench.now;
        for n in 1..=1000 {
            let at = start + millis(10 * u64::from(interval)) * n;
            while bench.router.deadline().unwrap() <= at {
                bench.next_deadline();
                bench.actions();
            }
            bench.now = at;
            bench.receive(&lower).unwrap();
            assert!(show_all(&bench.actions()).contains(&"advertise".into()), "advertisement {n} every {interval} cs");
        }
        assert_eq!(bench.router.stats().assert_suppressed, 0);
    }

    let mut bench = Bench::master(v4(Profile::Rfc9568));
    bench.after(millis(1));
    let adver_timer = *bench.router.state();
    let mut answers = 0;
    for _ in 0..900 {
        bench.after(millis(1));
        bench.hear(OWN + 1, 50).unwrap();
        answers += bench.actions().iter().filter(|action| matches!(action, Action::SendAdvertisement(_))).count();
    }
    assert_eq!(answers, 4, "a burst of four, and the next token after one second");
    assert_eq!(bench.router.stats().assert_suppressed, 896);
    assert_eq!(*bench.router.state(), adver_timer, "AMB-03");
}

#[test]
fn a_burst_fills_up_one_token_an_interval_to_four_and_no_more() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    for (wait, granted) in [(0, 4), (999, 0), (1, 1), (2_500, 2), (500, 1), (3_999, 3), (60_000, 4)] {
        bench.after(millis(wait));
        while bench.router.deadline().unwrap() <= bench.now {
            bench.input(Input::Timeout);
        }
        bench.actions();
        let before = bench.router.stats().assert_suppressed;
        for _ in 0..6 {
            bench.hear(OWN + 1, 50).unwrap();
        }
        assert_eq!(6 - (bench.router.stats().assert_suppressed - before), granted, "{wait} ms later");
    }
}

/// AMB-15, STAT-30, and the evidence beside.
#[test]
fn causes_carry_what_was_heard() {
    let peer = host(Family::Ipv4, OWN + 1);
    let takeover = |bench: &mut Bench| {
        bench.next_deadline();
        assert_eq!(bench.router.role(), Role::Master);
        (bench.router.status().cause, bench.router.status().cause.new_master_reason())
    };
    let mut bench = Bench::started(v4(Profile::Rfc3768));
    let down = Duration::from_nanos(3_609_375_000);
    let nobody = Cause::MasterDown { master: None, silence: down };
    assert_eq!(takeover(&mut bench), (nobody, NewMasterReason::MasterNoResponse));

    let mut bench = Bench::started(v4(Profile::Rfc3768));
    bench.hear(OWN + 1, 200).unwrap();
    let silent = Cause::MasterDown { master: Some(peer), silence: down };
    assert_eq!(takeover(&mut bench), (silent, NewMasterReason::MasterNoResponse));

    let mut bench = Bench::started(v4(Profile::Rfc3768));
    bench.hear(OWN + 1, 0).unwrap();
    assert_eq!(takeover(&mut bench), (Cause::MasterResigned { master: peer }, NewMasterReason::Priority));

    let mut bench = Bench::started(v4(Profile::Rfc3768));
    bench.hear(OWN + 1, 50).unwrap();
    let preempted = Cause::Preempted { master: peer, priority: priority(50) };
    assert_eq!(takeover(&mut bench), (preempted, NewMasterReason::Preempted));

    bench.hear(OWN + 1, 100).unwrap();
    assert_eq!(bench.router.status().cause, Cause::HigherAddress { master: peer });
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    bench.hear(OWN - 1, 101).unwrap();
    let higher = Cause::HigherPriority { master: host(Family::Ipv4, OWN - 1), priority: priority(101) };
    assert_eq!(bench.router.status().cause, higher);
}

#[test]
fn what_was_heard_before_a_stop_is_no_evidence() {
    let mut bench = Bench::started(v4(Profile::Rfc3768));
    bench.hear(OWN + 1, 50).unwrap();
    bench.next_deadline();
    bench.settle();
    bench.input(Input::Shutdown);
    bench.after(secs(600));
    bench.input(Input::Startup);
    assert_eq!((bench.router.status().master, bench.router.status().master_priority), (None, None));
    bench.next_deadline();
    let silence = Duration::from_nanos(3_609_375_000);
    assert_eq!(bench.router.status().cause, Cause::MasterDown { master: None, silence });
}

/// FSM-A-03, FSM-A-02, TMR-11: a release is answered and restarts Adver_Timer, which else keeps its phase.
#[test]
fn a_master_keeps_its_phase_and_answers_a_release() {
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    let start = bench.now;
    bench.now = start + millis(1_300);
    bench.input(Input::Timeout);
    assert_eq!(
        (show_all(&bench.actions()), bench.router.deadline()),
        (vec!["advertise".into()], Some(start + secs(2)))
    );
    bench.now = start + millis(3_300);
    bench.input(Input::Timeout);
    assert_eq!(show_all(&bench.actions()), ["advertise"], "no burst for what was missed");
    assert_eq!(bench.router.deadline(), Some(bench.now + secs(1)));
    bench.after(millis(300));
    bench.hear(OWN + 1, 0).unwrap();
    assert_eq!(show_all(&bench.actions()), ["advertise"]);
    assert_eq!(bench.router.deadline(), Some(bench.now + secs(1)));
    assert_eq!(*bench.router.state(), State::Master { next_advert: bench.now + secs(1) });
}

/// RX-16, FSM-A-09, AMB-04.
#[test]
fn an_echo_of_our_own_is_counted_and_never_answered() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    let before = without_counters(&bench.router);
    assert_eq!(bench.hear(OWN, 100), Err(Discard::OwnSource(host(Family::Ipv4, OWN))));
    assert_eq!((without_counters(&bench.router), bench.router.stats().duplicate_address), (before, 1));
}

#[test]
fn time_never_goes_back() {
    let mut bench = Bench::master(v4(Profile::Rfc3768));
    let deadline = bench.router.deadline();
    bench.now = bench.now.before(secs(100));
    bench.input(Input::Timeout);
    assert_eq!((bench.actions(), bench.router.deadline()), (vec![], deadline));
    bench.hear(OWN + 1, 0).unwrap();
    assert_eq!(bench.router.deadline(), deadline, "counted from the latest time seen");
}

/// Excluded addresses come and go with the others and stand in no advertisement.
#[test]
fn excluded_addresses_are_installed_but_not_advertised() {
    let excluded = host(Family::Ipv6, 0x77);
    let mut bench = Bench::started(v4(Profile::Rfc3768).with_excluded(&[excluded]).unwrap());
    bench.next_deadline();
    let done = bench.settle();
    assert!(done.contains(&format!("install {excluded}")) && done.contains(&format!("announce {excluded} x1")));
    assert_eq!(bench.router.message(AdvertKind::Regular).addresses.as_slice(), vips(Family::Ipv4));
}
