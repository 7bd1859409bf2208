//! One router among others: hold times, contests, answers to lower Masters, and the evidence of each change.

use std::time::Duration;

use crate::common::{
    Bench, OWN, PROFILES, Raw, centis, config, host, millis, priority, secs, show_all, without_counters,
};
use vrrp_core::fsm::State;
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, AdvertKind, Cause, Config, Discard, Drain, Family, Input, NewMasterReason, Priority, Profile, Role,
    RxPacket,
};

fn v4(profile: Profile) -> Config {
    config(profile, Family::Ipv4)
}

/// PRE-02: the first lower advertisement starts the hold; afterwards Master_Down_Timer runs out.
#[test]
fn a_lower_master_is_preempted_after_the_hold() {
    let mut bench = Bench::started(v4(Profile::Rfc3768).with_preempt(true, secs(10)));
    let first = bench.now + secs(1);
    for _ in 0..60 {
        if bench.router.role() == Role::Master {
            break;
        }
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
            announced += bench.carry_out_all().iter().filter(|done| done.starts_with("announce 192.0.2.101")).count();
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
    for interval in [100, 300] {
        // Without a lease: it is asked only where something comes in.
        let mut bench = Bench::master(v4(Profile::Rfc9568).with_lease(false));
        let lower = Raw { interval, ..bench.raw(OWN + 1, 50) };
        let start = bench.now;
        for n in 1..=1000 {
            let at = start + millis(10 * u64::from(interval)) * n;
            bench.run_until(at);
            bench.actions();
            bench.receive(&lower).unwrap();
            assert!(show_all(&bench.actions()).contains(&"advertise".into()), "advertisement {n} every {interval} cs");
        }
        assert_eq!(bench.router.stats().answers_suppressed, 0);
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
    assert_eq!(answers, 3, "a burst of two, and the next one after half an interval");
    assert_eq!(bench.router.stats().answers_suppressed, 897);
    assert_eq!(*bench.router.state(), adver_timer, "AMB-03");
}

#[test]
fn one_sender_gets_two_answers_an_interval_whatever_its_own_interval() {
    // Without a lease: it is asked only where something comes in.
    let mut bench = Bench::master(v4(Profile::Rfc9568).with_lease(false));
    let lower = Raw { interval: 1, ..bench.raw(OWN + 1, 50) };
    for (wait, granted) in [(0, 2), (499, 0), (1, 1), (750, 1), (250, 1), (999, 1), (1, 1), (60_000, 2)] {
        bench.run_until(bench.now + millis(wait));
        bench.actions();
        let before = bench.router.stats().answers_suppressed;
        for _ in 0..6 {
            bench.receive(&lower).unwrap();
        }
        assert_eq!(6 - (bench.router.stats().answers_suppressed - before), granted, "{wait} ms later");
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
    assert_eq!(takeover(&mut bench), (Cause::MasterReleased { master: peer }, NewMasterReason::Priority));

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
    bench.carry_out_all();
    bench.input(Input::Shutdown);
    bench.after(secs(600));
    bench.input(Input::Startup);
    assert_eq!((bench.router.status().master, bench.router.status().master_priority), (None, None));
    bench.next_deadline();
    let silence = Duration::from_nanos(3_609_375_000);
    assert_eq!(bench.router.status().cause, Cause::MasterDown { master: None, silence });
}

/// FSM-A-03, FSM-A-02, TMR-11: a release is answered and restarts Adver_Timer, which else keeps its phase. It is no
/// reason to announce (AMB-27).
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
    bench.after(secs(2));
    bench.input(Input::Timeout);
    assert_eq!(bench.router.deadline(), Some(bench.now + secs(1)), "late by exactly one: not due again at once");
    bench.actions();
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

/// SEC-03: the answers to releases are bounded in our own interval, for each sender and for all.
#[test]
fn forged_releases_cost_no_more_than_eight_advertisements_an_interval() {
    for senders in [1, 5, 200] {
        let mut bench = Bench::master(v4(Profile::Rfc3768).with_lease(false));
        bench.after(secs(100));
        bench.input(Input::Timeout);
        bench.actions();
        let (mut sent, mut longest, mut last) = (0, Duration::ZERO, bench.now);
        let end = bench.now + secs(20);
        for n in 0..20_000_u32 {
            bench.after(millis(1));
            if bench.router.deadline() <= Some(bench.now) {
                bench.input(Input::Timeout);
            }
            for k in 0..3 {
                bench.hear(11 + ((n * 3 + k) % senders) as u8, 0).unwrap();
            }
            let now = bench.actions().iter().filter(|action| matches!(action, Action::SendAdvertisement(_))).count();
            if now > 0 {
                longest = longest.max(bench.now.since(last));
                last = bench.now;
            }
            sent += now;
        }
        assert!(bench.now >= end && sent <= 4 + 8 * 20, "{sent} from {senders}");
        assert!(longest <= millis(251), "{longest:?}: after a release the next advertisement comes soon");
        assert_eq!(bench.router.role(), Role::Master);
    }
}

/// Nothing that a lower Master says of itself raises how often the addresses are announced.
#[test]
fn forged_lower_advertisements_cost_no_more_than_a_round_each_holdoff() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    let lower = Raw { interval: 1, ..bench.raw(OWN + 1, 1) };
    let (mut rounds, mut adverts) = (0, 0);
    for n in 0..1_000_u64 {
        // Each contest is over before the next one begins, by the sender's interval.
        bench.run_until(bench.now + millis(36));
        bench.receive(&Raw { source: host(Family::Ipv4, OWN + 1 + (n % 7) as u8), ..lower.clone() }).unwrap();
        for done in bench.carry_out_all() {
            rounds += usize::from(done.starts_with("announce 192.0.2.101"));
            adverts += usize::from(done == "advertise");
        }
    }
    assert!(rounds <= 2 + 36 / 5, "{rounds} rounds in 36 s");
    assert!(adverts <= 4 + 36 * 5, "{adverts} advertisements in 36 s");
}

/// The yield advertisement teaches nobody anything false: it has the winner's interval, and is for the winner alone.
#[test]
fn the_yield_advertisement_says_the_winners_interval() {
    for (profile, theirs) in [(Profile::Rfc5798, 1_000), (Profile::Rfc9568, 4_095), (Profile::Rfc9568Errata, 7)] {
        let mut bench = Bench::master(v4(profile).with_interval(crate::common::centis(10)).unwrap());
        bench.receive(&Raw { interval: theirs, ..bench.raw(OWN + 1, 200) }).unwrap();
        assert!(show_all(&bench.actions()).contains(&"yield advertisement".into()));
        let message = bench.router.message(AdvertKind::Yield);
        assert_eq!((message.interval, message.priority), (crate::common::centis(theirs), Some(Priority::LOWEST)));
        assert_eq!(bench.router.winner(), Some(host(Family::Ipv4, OWN + 1)));
        // Who hears it all the same is timed by the winner.
        let patient = v4(profile).with_priority(crate::common::priority(90)).with_preempt(false, Duration::ZERO);
        let mut other = Bench::started(patient);
        let endpoints = Endpoints::new(host(Family::Ipv4, OWN + 2), Family::Ipv4.group()).unwrap();
        let mut octets = [0; 100];
        let len = bench.router.encode(AdvertKind::Yield, endpoints, &mut octets).unwrap();
        let rx = RxPacket { endpoints, ttl: 255, payload: &octets[..len] };
        other.router.handle_packet(other.now, rx).unwrap();
        assert!(other.router.deadline() >= Some(other.now + millis(30 * u64::from(theirs))));
    }
}

/// Nor does a better one: whatever its interval, a router takes over once in an interval of its own, after a few times.
#[test]
fn forged_better_advertisements_cost_no_more_than_a_takeover_an_interval() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    let better = Raw { interval: 1, ..bench.raw(OWN + 1, 254) };
    let (mut takeovers, mut actions) = (0, 0);
    for _ in 0..1_000 {
        bench.run_until(bench.now + millis(40));
        let mut all = bench.carry_out_all();
        bench.receive(&better).unwrap();
        all.extend(bench.carry_out_all());
        for done in all {
            takeovers += usize::from(done.ends_with("> Master"));
            actions += 1;
        }
    }
    assert!((30..=8 + 40).contains(&takeovers), "{takeovers} in 40 s");
    assert!(actions < 12 * takeovers, "{actions}");
    // Left alone it is Master again, an interval later at most.
    bench.run_until(bench.now + secs(2));
    bench.carry_out_all();
    assert_eq!(bench.router.role(), Role::Master);
}

fn lower_heard(bench: &mut Bench) -> Vec<String> {
    let mut told = show_all(&bench.actions());
    told.retain(|action| action.starts_with("heard lower"));
    told
}

/// EXT-13.
#[test]
fn a_master_that_hears_a_lower_one_says_so() {
    for profile in PROFILES {
        let mut bench = Bench::master(config(profile, Family::Ipv4));
        // The same priority and a lower address; a lower priority and a greater address.
        bench.hear(OWN - 1, 100).unwrap();
        assert_eq!(lower_heard(&mut bench), ["heard lower 192.0.2.9 100"], "{profile:?}");
        bench.hear(OWN + 1, 99).unwrap();
        assert_eq!(lower_heard(&mut bench), ["heard lower 192.0.2.11 99"]);
        // A release is none, and nobody lower is heard by a Backup or by a Master that calls for another one.
        bench.hear(OWN + 1, 0).unwrap();
        assert_eq!(lower_heard(&mut bench), [""; 0]);
        let mut drained = bench.clone();
        drained.input(Input::Drain(Drain::default()));
        drained.hear(OWN + 1, 99).unwrap();
        assert_eq!(lower_heard(&mut drained), [""; 0]);
        bench.hear(OWN + 1, 200).unwrap();
        assert_eq!(bench.router.role(), Role::Backup);
        bench.hear(OWN + 2, 50).unwrap();
        assert_eq!(lower_heard(&mut bench), [""; 0]);
    }
}

#[test]
fn fetched_late_it_tells_of_the_last_one_and_of_none_after_the_end() {
    let mut bench = Bench::master(config(Profile::Rfc3768, Family::Ipv4));
    bench.hear(OWN + 1, 50).unwrap();
    bench.hear(OWN + 2, 60).unwrap();
    let mut ended = bench.clone();
    assert_eq!(lower_heard(&mut bench), ["heard lower 192.0.2.12 60"]);
    ended.hear(OWN + 1, 200).unwrap();
    assert_eq!(lower_heard(&mut ended), [""; 0]);
}

/// Anybody on the link can send it: four times in a row, then once in a second, or once an interval that is longer.
#[test]
fn a_flood_of_lower_advertisements_is_told_of_once_an_interval() {
    for (interval, each) in [(100, 1_000), (10, 1_000), (500, 5_000)] {
        let config = config(Profile::Rfc9568, Family::Ipv4).with_interval(centis(interval)).unwrap();
        let mut bench = Bench::master(config);
        // One after the other, from different hosts.
        let flood = |bench: &mut Bench, span: u64| {
            let mut told = 0;
            for n in 0..span / 10 {
                bench.after(millis(10));
                let raw = Raw { interval, ..bench.raw(100 + (n % 100) as u8, 50) };
                bench.receive(&raw).unwrap();
                told += lower_heard(bench).len() as u64;
            }
            told
        };
        assert_eq!(flood(&mut bench, 100), 4, "{interval}");
        let told = flood(&mut bench, 20 * each);
        assert!((19..=21).contains(&told), "{interval}: {told}");
    }
}
