//! A drain: the addresses are handed over without a gap, and the router stays a reserve (`docs/drain.md`).

use crate::common::{Bench, OWN, PROFILES, Raw, config, families, host, millis, priority, secs};
use vrrp_core::{
    AnnouncePolicy, Cause, Config, Drain, DrainStatus, Family, Input, Priority, PriorityCause, Profile, Role,
};

const DRAIN: Input = Input::Drain(Drain { priority: Priority::LOWEST, limit: None });

fn v4(profile: Profile) -> Config {
    config(profile, Family::Ipv4)
}

fn draining(profile: Profile) -> Bench {
    let mut bench = Bench::master(v4(profile));
    bench.after(millis(300));
    bench.input(DRAIN);
    bench
}

#[test]
fn a_master_calls_with_priority_0_and_serves_on_until_somebody_is_there() {
    for profile in PROFILES {
        for family in families(profile) {
            let mut bench = Bench::master(config(profile, *family));
            bench.after(millis(300));
            let asked_at = bench.now;
            bench.input(DRAIN);
            assert_eq!(bench.carry_out_all(), ["hand over", "priority 100 > 1"]);
            assert_eq!(bench.router.drain_status(), Some(DrainStatus::HandingOver { until: asked_at + secs(3) }));

            // Somebody who never preempts, too, is Master within its Skew_Time.
            bench.after(millis(500));
            let heard_at = bench.now;
            bench.hear(OWN + 1, 50).unwrap();
            assert_eq!(
                (bench.carry_out_all(), bench.router.role()),
                (vec![], Role::Master),
                "until the other one has them"
            );
            // Its timer runs on, but it says nothing.
            bench.run_until(heard_at + millis(49));
            assert_eq!(bench.carry_out_all(), [""; 0]);
            bench.next_deadline();
            assert_eq!(bench.now, heard_at + millis(50));
            let removed: Vec<String> = crate::common::virtual_addresses(*family)
                .iter()
                .map(|address| format!("remove {address}"))
                .chain(["Master > Backup".into()])
                .collect();
            assert_eq!(bench.carry_out_all(), removed, "neither a release nor a yield advertisement");
            let to = host(*family, OWN + 1);
            assert_eq!(*bench.router.cause(), Cause::HandedOver { to });
            assert_eq!(bench.router.drain_status(), Some(DrainStatus::Reserve));
        }
    }
}

#[test]
fn whoever_comes_is_good_enough_and_goes_again_only_by_its_own_word() {
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    bench.hear(OWN - 1, 1).unwrap();
    // It could not set its addresses.
    bench.after(millis(20));
    bench.hear(OWN - 1, 0).unwrap();
    let announced = crate::common::virtual_addresses(Family::Ipv4).map(|address| format!("announce {address} x1"));
    assert_eq!(bench.carry_out_all(), announced, "no argument, but the neighbours may have believed the other one");
    bench.next_deadline();
    assert_eq!(bench.carry_out_all(), ["hand over"], "and called again with the next interval");
    bench.hear(OWN + 2, 1).unwrap();
    let heard_at = bench.now;
    bench.after(millis(20));
    bench.hear(OWN + 3, 1).unwrap();
    bench.hear(OWN + 2, 0).unwrap();
    bench.next_deadline();
    assert_eq!(bench.now, heard_at + millis(50), "however many come, it is silent for no longer");
    assert_eq!(*bench.router.cause(), Cause::HandedOver { to: host(Family::Ipv4, OWN + 3) });
}

#[test]
fn where_nobody_comes_it_says_so_and_serves_on_at_the_lower_priority() {
    let mut bench = draining(Profile::Rfc3768);
    let asked_at = bench.now;
    let mut said = bench.carry_out_all();
    while bench.now < asked_at + secs(3) {
        bench.next_deadline();
        said.extend(bench.carry_out_all());
    }
    let calls_and_the_end =
        ["hand over", "priority 100 > 1", "hand over", "hand over", "advertise", "nobody took over"];
    assert_eq!(said, calls_and_the_end, "the first call at once, then one an interval");
    assert_eq!(bench.router.drain_status(), Some(DrainStatus::LastResort));
    // One who comes later has to be better, as always; and may be called once more.
    bench.hear(OWN - 1, 1).unwrap();
    assert_eq!(bench.router.role(), Role::Master);
    bench.carry_out_all();
    bench.input(Input::Drain(Drain { limit: Some(millis(1)), ..Drain::default() }));
    assert_eq!(bench.carry_out_all(), ["hand over"]);
    bench.next_deadline();
    assert_eq!(bench.carry_out_all(), ["nobody took over"]);
}

#[test]
fn each_interval_it_calls_again() {
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    let mut called = Vec::new();
    for _ in 0..2 {
        bench.next_deadline();
        called.extend(bench.carry_out_all());
    }
    assert_eq!(called, ["hand over"; 2]);
}

#[test]
fn a_reserve_preempts_nobody_and_takes_over_when_nobody_is_left() {
    let mut bench = Bench::started(v4(Profile::Rfc9568).with_priority(priority(200)));
    bench.input(Input::Drain(Drain { priority: priority(90), limit: None }));
    assert_eq!(bench.carry_out_all(), ["priority 200 > 90"]);
    let started = bench.now;
    for _ in 0..10 {
        bench.after(secs(1));
        bench.hear(OWN + 1, 10).unwrap();
        assert_eq!(bench.router.role(), Role::Backup);
    }
    assert!(bench.now > started + secs(9));
    bench.next_deadline();
    assert_eq!((bench.router.role(), bench.router.drain_status()), (Role::Master, Some(DrainStatus::LastResort)));
    assert!(matches!(bench.router.cause(), Cause::MasterDown { .. }));
    // Who drains it once more lowers it no more, but has it call.
    bench.carry_out_all();
    bench.input(Input::Drain(Drain { priority: priority(250), limit: None }));
    assert_eq!(bench.carry_out_all(), ["hand over", "priority 90 > 200"], "its own is lower than what is allowed");
}

#[test]
fn undone_it_is_what_it_was() {
    // While it calls: whoever was called hears that it is there.
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    bench.hear(OWN + 1, 50).unwrap();
    bench.input(Input::Undrain);
    assert_eq!(bench.carry_out_all(), ["advertise", "priority 1 > 100"]);
    assert_eq!((bench.router.role(), bench.router.drain_status()), (Role::Master, None));

    // As a reserve it preempts again, or does not.
    for preempts in [true, false] {
        let config = v4(Profile::Rfc9568).with_preempt(preempts, secs(0));
        let mut bench = Bench::master(config);
        bench.input(DRAIN);
        bench.hear(OWN + 1, 50).unwrap();
        bench.next_deadline();
        bench.carry_out_all();
        assert_eq!(bench.router.role(), Role::Backup);
        bench.input(Input::Undrain);
        assert_eq!(bench.carry_out_all(), ["priority 1 > 100"]);
        for _ in 0..4 {
            bench.run_until(bench.now + secs(1));
            bench.hear(OWN + 1, 50).unwrap();
        }
        assert_eq!(bench.router.role(), if preempts { Role::Master } else { Role::Backup });
    }
    // Where there is nothing to undo nothing happens.
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    let before = bench.router.deadline();
    bench.input(Input::Undrain);
    assert_eq!((bench.carry_out_all(), bench.router.deadline()), (vec![], before));
}

/// OWN-01: drained it is owner no more, without a release; afterwards it is so again.
#[test]
fn an_owner_hands_over_too_and_is_master_at_once_when_it_comes_back() {
    let mut bench = Bench::master(v4(Profile::Rfc9568).with_priority(Priority::OWNER));
    bench.input(DRAIN);
    assert_eq!(bench.carry_out_all(), ["hand over", "priority 255 > 1"]);
    bench.hear(OWN + 1, 50).unwrap();
    bench.next_deadline();
    bench.carry_out_all();
    assert_eq!(bench.router.role(), Role::Backup);
    bench.input(Input::Undrain);
    let done = bench.carry_out_all();
    assert_eq!((done.first().map(String::as_str), bench.router.role()), (Some("advertise"), Role::Master), "{done:?}");
    assert_eq!(*bench.router.cause(), Cause::OwnerStartup);
}

#[test]
fn one_that_is_not_started_is_drained_when_it_is() {
    let mut bench = Bench::idle(v4(Profile::Rfc9568).with_priority(Priority::OWNER));
    bench.input(DRAIN);
    bench.input(Input::Startup);
    bench.carry_out_all();
    assert_eq!((bench.router.role(), bench.router.priority()), (Role::Backup, Priority::LOWEST));
}

#[test]
fn a_stop_while_it_calls_is_a_release() {
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    bench.input(Input::Shutdown);
    assert_eq!(bench.carry_out_all().first().map(String::as_str), Some("release"));
    assert_eq!(bench.router.drain_status(), Some(DrainStatus::Reserve));
}

/// Whoever was called is Master by now: a hang while calling is no short break.
#[test]
fn who_hung_while_it_called_begins_as_backup() {
    let mut bench = Bench::master(v4(Profile::Rfc9568).with_lease(true));
    bench.input(DRAIN);
    bench.carry_out_all();
    bench.after(bench.router.config().lease().unwrap() + millis(1));
    bench.input(Input::Timeout);
    assert_eq!(bench.router.role(), Role::Backup);
    // As a link that was down for a moment is.
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    bench.input(Input::InterfaceUp(false));
    bench.carry_out_all();
    bench.after(millis(1));
    bench.input(Input::InterfaceUp(true));
    assert_eq!(bench.router.role(), Role::Backup);
}

/// It serves only where nobody else does, and has to hear first that nobody does.
#[test]
fn no_drained_router_goes_on_as_master_when_its_link_is_back() {
    for drained_without_link in [true, false] {
        let mut bench = if drained_without_link {
            Bench::master(v4(Profile::Rfc9568))
        } else {
            let mut bench = draining(Profile::Rfc9568);
            while bench.router.drain_status() != Some(DrainStatus::LastResort) {
                bench.carry_out_all();
                bench.next_deadline();
            }
            bench
        };
        bench.carry_out_all();
        bench.input(Input::InterfaceUp(false));
        bench.carry_out_all();
        if drained_without_link {
            bench.input(DRAIN);
        }
        bench.after(millis(1));
        bench.input(Input::InterfaceUp(true));
        assert_eq!((bench.router.role(), bench.router.drain_status()), (Role::Backup, Some(DrainStatus::Reserve)));
    }
}

#[test]
fn a_priority_by_command_is_one_as_configured() {
    let mut bench = Bench::master(v4(Profile::Rfc9568));
    let deadline = bench.router.deadline();
    bench.router.set_priority(bench.now, priority(150));
    assert_eq!(bench.carry_out_all(), ["priority 100 > 150"]);
    assert_eq!((bench.router.deadline(), bench.router.config().priority()), (deadline, priority(150)));
    bench.router.set_priority(bench.now, priority(150));
    assert_eq!(bench.carry_out_all(), [""; 0]);

    let mut bench = Bench::started(v4(Profile::Rfc9568));
    bench.router.set_priority(bench.now, Priority::OWNER);
    assert_eq!(bench.router.role(), Role::Master, "at once");
    bench.carry_out_all();
    bench.router.set_priority(bench.now, priority(100));
    assert_eq!(bench.carry_out_all().first().map(String::as_str), Some("release"));
    assert_eq!((bench.router.role(), *bench.router.cause()), (Role::Backup, Cause::OwnerNoMore));

    let mut bench = Bench::started(v4(Profile::Rfc9568));
    bench.router.set_priority(bench.now, priority(101));
    let told = bench.actions();
    let by = |action: &vrrp_core::Action| match action {
        vrrp_core::Action::PriorityChanged { by, .. } => Some(*by),
        _ => None,
    };
    assert_eq!(told.iter().find_map(by), Some(PriorityCause::Command));
}

/// OWN-02: at whatever priority, one that is drained is no owner, which would listen to nobody and preempt everybody.
#[test]
fn nobody_who_is_drained_is_the_owner() {
    let mut bench = Bench::master(v4(Profile::Rfc9568).with_priority(Priority::OWNER));
    bench.input(Input::Drain(Drain { priority: Priority::OWNER, limit: None }));
    assert_eq!(bench.carry_out_all(), ["hand over", "priority 255 > 254"]);
    bench.hear(OWN + 1, 50).unwrap();
    bench.next_deadline();
    for _ in 0..5 {
        bench.run_until(bench.now + secs(1));
        bench.hear(OWN + 1, 50).unwrap();
        assert_eq!(bench.router.role(), Role::Backup);
    }
}

/// Backups wait for their Skew_Time anew with each call: a second one soon after the first would be in their way.
#[test]
fn the_second_call_comes_an_interval_after_the_first() {
    for after in [1, 500, 999] {
        let mut bench = Bench::master(v4(Profile::Rfc3768));
        bench.after(millis(after));
        let asked_at = bench.now;
        bench.input(DRAIN);
        bench.carry_out_all();
        bench.next_deadline();
        assert_eq!((bench.carry_out_all(), bench.now), (vec!["hand over".into()], asked_at + secs(1)));
    }
}

/// Two may come at the same moment, and the worse of them yields at once: it is the interval of the other that counts.
#[test]
fn of_several_that_come_the_best_is_the_one_to_watch() {
    for best_first in [true, false] {
        let mut bench = draining(Profile::Rfc9568);
        bench.carry_out_all();
        let mut both = [(OWN + 2, 100, 300), (OWN + 3, 90, 10)];
        if !best_first {
            both.reverse();
        }
        for (number, priority, interval) in both {
            bench.receive(&Raw { interval, ..bench.raw(number, priority) }).unwrap();
        }
        bench.next_deadline();
        assert_eq!(*bench.router.cause(), Cause::HandedOver { to: host(Family::Ipv4, OWN + 2) });
        let left = bench.router.deadline().unwrap().since(bench.now);
        assert!(left > secs(9), "three of its intervals, not {left:?}");
    }
}

#[test]
fn a_backup_about_to_preempt_puts_up_with_the_lower_master_when_it_is_drained() {
    let mut bench = Bench::started(v4(Profile::Rfc9568).with_priority(priority(200)));
    for _ in 0..3 {
        bench.after(secs(1));
        bench.hear(OWN + 1, 10).unwrap();
    }
    assert!(bench.router.deadline().unwrap().since(bench.now) < secs(1), "it is about to preempt");
    bench.input(DRAIN);
    for _ in 0..9 {
        bench.run_until(bench.now + secs(1));
        assert_eq!(bench.router.role(), Role::Backup);
        bench.hear(OWN + 1, 10).unwrap();
    }
}

/// What it would announce while another Master is there the neighbours would believe, and then it goes.
#[test]
fn who_is_silent_announces_nothing_and_who_is_left_alone_again_does() {
    let refresh = AnnouncePolicy { refresh: Some(millis(320)), ..AnnouncePolicy::default() };
    for stays in [true, false] {
        let mut bench = Bench::master(v4(Profile::Rfc9568).with_announce(refresh));
        bench.after(millis(300));
        bench.input(DRAIN);
        bench.carry_out_all();
        bench.hear(OWN + 1, 50).unwrap();
        assert_eq!(bench.carry_out_all(), [""; 0]);
        if stays {
            bench.run_until(bench.now + millis(49));
            assert_eq!(bench.carry_out_all(), [""; 0]);
        } else {
            bench.hear(OWN + 1, 0).unwrap();
            assert_eq!(bench.carry_out_all().len(), 2, "both addresses once");
        }
    }
}

#[test]
fn what_was_undone_is_not_told_any_more() {
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    while bench.router.drain_status() != Some(DrainStatus::LastResort) {
        bench.carry_out_all();
        bench.next_deadline();
    }
    bench.input(Input::Undrain);
    assert_eq!(bench.carry_out_all(), ["advertise", "priority 1 > 100"]);
}

/// It took over, and then heard what this one had said before the drain.
#[test]
fn one_that_yielded_is_nobody_to_hand_over_to() {
    let mut bench = draining(Profile::Rfc9568);
    bench.carry_out_all();
    bench.hear(OWN + 1, 50).unwrap();
    bench.after(millis(10));
    bench.hear(OWN + 1, 1).unwrap();
    bench.carry_out_all();
    bench.next_deadline();
    assert_eq!((bench.carry_out_all(), bench.router.role()), (vec!["hand over".into()], Role::Master));
    // At the lowest priority from the beginning it is Master.
    bench.hear(OWN + 1, 1).unwrap();
    bench.hear(OWN + 1, 1).unwrap();
    bench.next_deadline();
    assert_eq!(bench.router.role(), Role::Backup);
}

/// What weighs on others weighs on an owner that is drained, too: it is none.
#[test]
fn an_owner_that_is_drained_and_misses_an_address_is_handicapped() {
    let mut bench = Bench::started(v4(Profile::Rfc9568).with_priority(Priority::OWNER));
    bench.input(Input::AddressAvailable(1, false));
    assert_eq!(bench.router.priority(), Priority::OWNER);
    bench.input(Input::Drain(Drain { priority: priority(200), limit: None }));
    assert_eq!(bench.router.priority(), priority(32));
    bench.input(Input::Undrain);
    assert_eq!(bench.router.priority(), Priority::OWNER);
}
