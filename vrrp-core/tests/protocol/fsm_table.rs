//! The complete table of states and events, `../data/fsm_table.csv`, against `fsm::step`.
//!
//! The rows that the state machine decides are evaluated for every combination of profile, family, state, event,
//! priorities, address order, Preempt_Mode and hold time: exactly one row has to apply, and the step has to do what the
//! row says. Rows for the layers around the state machine are named, so that a new row cannot be overlooked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::common::{
    Bench, INTERVAL, OWN, PROFILES, centis, config, families, host, millis, priority, secs, without_counters,
};
use vrrp_core::fsm::{self, Advert, Backup, Effects, Event, Params, State};
use vrrp_core::{Cause, Discard, Family, Fault, Input, Instant, Priority, Profile, Role, Version};

const TABLE: &str = include_str!("../data/fsm_table.csv");
const NOW: Instant = Instant::from_nanos(1_000_000_000_000);
const LOCAL_CENTIS: u16 = 200;
const RX_CENTIS: u16 = 300;
const LEARNED_CENTIS: u16 = 500;

/// Master is called Active there, as in RFC 9568.
#[derive(Debug)]
struct Row {
    line: usize,
    version: &'static str,
    states: &'static str,
    event: &'static str,
    condition: &'static str,
    actions: &'static str,
    next: &'static str,
}

fn rows() -> Vec<Row> {
    let parse = |(index, line): (usize, &'static str)| {
        let [version, states, event, condition, actions, next] = fields(line);
        Row { line: index + 1, version, states, event, condition, actions, next }
    };
    TABLE.lines().enumerate().skip(1).map(parse).collect()
}

/// The first six fields of a line of CSV; quotes keep commas, and none is escaped.
fn fields(line: &'static str) -> [&'static str; 6] {
    let mut rest = line;
    std::array::from_fn(|_| {
        let (field, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once("\",").unwrap(),
            None => rest.split_once(',').unwrap(),
        };
        rest = tail;
        field
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Duty {
    /// `fsm::step`.
    StateMachine,
    /// `VirtualRouter::handle_packet`: who is heard at priority 255.
    OwnerCheck,
    /// `VirtualRouter`: interface, addresses, transmit errors.
    Router,
    /// `VirtualRouter` asks for it, the adapter does it: what entering and leaving Master brings.
    Adapter,
    /// The kernel, with the addresses that the adapter gives it.
    Kernel,
    /// Extension that is not offered.
    OutOfScope,
}

fn duty(row: &Row) -> Duty {
    match (row.version, row.event) {
        ("2-2338" | "2-3768", "advert_rx") => Duty::OwnerCheck,
        (_, "advert_rx") if row.states == "Backup|Active" => Duty::OwnerCheck,
        (_, "startup" | "shutdown" | "timer_adver" | "timer_down" | "timer_adver|timer_down" | "advert_rx") => {
            Duty::StateMachine
        }
        ("all", "priority_changed" | "preempt_hold") => Duty::StateMachine,
        ("all", "interface_up" | "interface_down" | "primary_address_lost" | "primary_address_added") => Duty::Router,
        ("all", "advert_send_failed") => Duty::Router,
        (_, "entry" | "exit") => Duty::Adapter,
        (_, "arp_request_rx" | "frame_rx" | "ip_packet_rx" | "ns_rx" | "ra_due") => Duty::Kernel,
        ("all", "bfd_down") => Duty::OutOfScope,
        _ => panic!("nobody's duty: {row:?}"),
    }
}

#[test]
fn every_row_is_somebodys_duty() {
    let mut counts = BTreeMap::new();
    rows().iter().for_each(|row| *counts.entry(duty(row)).or_insert(0) += 1);
    let expected = [
        (Duty::StateMachine, 79),
        (Duty::OwnerCheck, 5),
        (Duty::Router, 5),
        (Duty::Adapter, 6),
        (Duty::Kernel, 31),
        (Duty::OutOfScope, 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

/// One combination of everything that a condition can ask for.
#[derive(Clone, Copy, Debug)]
struct Case {
    profile: Profile,
    family: Family,
    state: &'static str,
    event: &'static str,
    local: u8,
    rx: u8,
    /// Host number of the sender; the router itself is `OWN`.
    sender: u8,
    preempt: bool,
    hold: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Off,
    /// This advertisement starts it.
    Begins,
    Running,
    Over,
}

const HOLD: Duration = Duration::from_secs(10);

impl Case {
    fn labels(&self) -> [&'static str; 2] {
        match self.profile {
            Profile::Rfc2338 | Profile::Rfc3768 => ["2", "all"],
            Profile::Rfc5798 => ["3-5798", "all"],
            Profile::Rfc9568 | Profile::Rfc9568Errata => ["3-9568", "all"],
            other => panic!("{other} is not in the table"),
        }
    }

    fn params(&self) -> Params {
        let hold = if self.hold == Hold::Off { Duration::ZERO } else { HOLD };
        Params::new(self.profile, priority(self.local), centis(LOCAL_CENTIS), self.address(OWN))
            .with_preempt(self.preempt, hold)
    }

    fn address(&self, number: u8) -> IpAddr {
        host(self.family, number)
    }

    /// Interval by which a Backup times its Master before the event.
    fn learned(&self) -> u16 {
        match self.profile.version() {
            Version::V2 => LOCAL_CENTIS,
            Version::V3 => LEARNED_CENTIS,
        }
    }

    /// The state before, its timer due exactly where the event is that timer's, else a while ahead.
    fn before(&self) -> State {
        let due = |timer| if self.event == timer { NOW } else { NOW + millis(1700) };
        match self.state {
            "Initialize" => State::Initialize,
            "Backup" => State::Backup(Backup {
                master_down: due("timer_down"),
                armed_at: NOW.before(secs(4)),
                heard: Some(centis(self.learned())),
                hold_until: match self.hold {
                    Hold::Off | Hold::Begins => None,
                    Hold::Running => Some(NOW + millis(1)),
                    Hold::Over => Some(NOW),
                },
                due: false,
            }),
            _ => State::Master { next_advert: due("timer_adver") },
        }
    }

    fn event(&self) -> Event {
        match self.event {
            "startup" => Event::Startup,
            "shutdown" => Event::Shutdown,
            "timer_adver" | "timer_down" => Event::Timer,
            "advert_rx" => Event::Advert(Advert {
                source: self.address(self.sender),
                priority: Priority::from_wire(self.rx),
                interval: centis(RX_CENTIS),
            }),
            other => panic!("no event {other}"),
        }
    }

    fn applies(&self, row: &Row) -> bool {
        self.labels().contains(&row.version)
            && row.states.split('|').any(|state| state == self.state)
            && row.event.split('|').any(|event| event == self.event)
            && row.condition.split("&&").all(|term| self.holds(term.trim()))
    }

    fn holds(&self, term: &str) -> bool {
        match term {
            "always" | "stale" | "already started" => true,
            "af==ipv4" => self.family == Family::Ipv4,
            "af==ipv6" => self.family == Family::Ipv6,
            "local.priority==255" => self.local == 255,
            "local.priority!=255" => self.local != 255,
            "local.priority in 1..254" => (1..=254).contains(&self.local),
            "rx.priority==0" => self.rx == 0,
            "rx.priority!=0" => self.rx != 0,
            "rx.priority==local.priority" => self.rx == self.local,
            "rx.priority>local.priority" => self.rx > self.local,
            "rx.priority>=local.priority" => self.rx >= self.local,
            "0<rx.priority<local.priority" => 0 < self.rx && self.rx < self.local,
            "0<rx.priority<255" => 0 < self.rx && self.rx < 255,
            "rx.src>local.primary (unsigned; network order)" => self.sender > OWN,
            "rx.src<local.primary" => self.sender < OWN,
            "rx.src==local.primary" => self.sender == OWN,
            "preempt==true" => self.preempt,
            "preempt==false" => !self.preempt,
            "hold running" => matches!(self.hold, Hold::Begins | Hold::Running),
            other => panic!("no condition {other}"),
        }
    }

    /// Returns what the row's actions make of the state, and what they ask for.
    fn expected(&self, row: &Row) -> (State, Effects) {
        let before = self.before();
        let (mut interval, mut timer, mut effects) = (None, None, Effects::NONE);
        let discards = row.actions.split(';').any(|action| action == "discard");
        for action in row.actions.split(';') {
            match action {
                // In Initialize nothing is even compared.
                "discard" if self.state == "Initialize" => {}
                "discard" => effects |= Effects::DISCARD,
                "none" | "ignore" => {}
                "log(duplicate_address_or_loop)" => effects |= Effects::DUPLICATE,
                // An answer is bounded (FSM-A-10), every other advertisement is not.
                "send_advert(local)" if discards => effects |= Effects::ANSWER_LOWER,
                "send_advert(local)" => effects |= Effects::ADVERTISE,
                "send_advert(0)" => effects |= Effects::RELEASE,
                "garp_all" | "na_all" => effects |= Effects::INSTALL,
                "learn_interval(local Advertisement_Interval)" => interval = Some(LOCAL_CENTIS),
                "learn_interval(rx.max_adver_int)" => interval = Some(RX_CENTIS),
                "set_timer(adver,Advertisement_Interval)"
                | "set_timer(down,down_interval)"
                | "set_timer(down,skew_time)" => timer = Some(action),
                // The adapter's, with the address. And values that are derived, never stored.
                "join_solicited_node_all" | "derived:join_solicited_node_all" => {}
                "recompute(skew_time)" | "recompute(down_interval)" => {}
                "cancel_timer(adver)" => assert!(matches!(before, State::Master { .. })),
                "cancel_timer(down)" => assert!(matches!(before, State::Backup(_))),
                other => panic!("no action {other}: {row:?}"),
            }
        }
        let interval = interval.unwrap_or(if self.state == "Backup" { self.learned() } else { LOCAL_CENTIS });
        let watching = |span, hold_until| {
            State::Backup(Backup {
                master_down: NOW + span,
                armed_at: NOW,
                heard: Some(centis(interval)),
                hold_until,
                due: false,
            })
        };
        let state = match timer {
            None if row.next == "Initialize" => State::Initialize,
            None => before,
            Some("set_timer(adver,Advertisement_Interval)") => {
                State::Master { next_advert: NOW + millis(10 * u64::from(LOCAL_CENTIS)) }
            }
            Some("set_timer(down,skew_time)") => {
                let State::Backup(Backup { hold_until, .. }) = before else { panic!("{row:?}") };
                watching(self.skew(interval), hold_until)
            }
            Some(_) => watching(self.skew(interval) + millis(30 * u64::from(interval)), None),
        };
        // The table's `exit` rows.
        if self.state == "Active" && row.next != "Active" {
            effects |= Effects::REMOVE;
        }
        assert_eq!(name(&state), row.next, "{row:?}");
        (state, effects)
    }

    /// TMR-01, TMR-02, in exact fractions.
    fn skew(&self, interval: u16) -> Duration {
        let span = match self.profile.version() {
            Version::V2 => 1_000_000_000,
            Version::V3 => u64::from(interval) * 10_000_000,
        };
        Duration::from_nanos(((256 - u64::from(self.local)) * span).div_ceil(256))
    }
}

fn name(state: &State) -> &'static str {
    match state {
        State::Initialize => "Initialize",
        State::Backup(_) => "Backup",
        State::Master { .. } => "Active",
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for profile in PROFILES {
        for &family in families(profile) {
            for state in ["Initialize", "Backup", "Active"] {
                for local in [1, 100, 254, 255] {
                    for preempt in [false, true] {
                        let case = Case {
                            profile,
                            family,
                            state,
                            event: "",
                            local,
                            rx: 0,
                            sender: 0,
                            preempt,
                            hold: Hold::Off,
                        };
                        for event in ["startup", "shutdown", "timer_adver", "timer_down"] {
                            cases.push(Case { event, ..case });
                        }
                        cases.extend(adverts(Case { event: "advert_rx", ..case }));
                    }
                }
            }
        }
    }
    cases
}

fn adverts(case: Case) -> impl Iterator<Item = Case> {
    let local = case.local;
    let classes = BTreeSet::from([0, 1, 254, 255, local, local.saturating_sub(1), local.saturating_add(1)]);
    classes.into_iter().flat_map(move |rx| {
        [OWN - 1, OWN, OWN + 1].into_iter().flat_map(move |sender| {
            [Hold::Off, Hold::Begins, Hold::Running, Hold::Over].into_iter().map(move |hold| Case {
                rx,
                sender,
                hold,
                ..case
            })
        })
    })
}

#[test]
fn the_state_machine_does_what_its_one_row_says() {
    let rows = rows();
    let decided: Vec<&Row> = rows.iter().filter(|row| duty(row) == Duty::StateMachine).collect();
    let mut used = BTreeSet::new();
    let cases = cases();
    for case in &cases {
        // PRE-02: the row says "as with Preempt_Mode off".
        let hold = decided.iter().find(|row| row.event == "preempt_hold").unwrap();
        let held = case.event == "advert_rx" && Case { event: "preempt_hold", ..*case }.applies(hold);
        let seen = Case { preempt: case.preempt && !held, ..*case };

        let mut matching = decided.iter().filter(|row| seen.applies(row));
        let (Some(row), None) = (matching.next(), matching.next()) else { panic!("not exactly one row: {case:?}") };
        used.insert(row.line);

        let (mut state, effects) = seen.expected(row);
        if held && !effects.contains(Effects::DISCARD) {
            used.insert(hold.line);
            let (State::Backup(before), State::Backup(after)) = (case.before(), &mut state) else { panic!("{case:?}") };
            after.hold_until = before.hold_until.or(Some(NOW + HOLD));
        }
        let stepped = step(&case.params(), case.before(), NOW, case.event());
        assert_eq!(stepped, (state, effects), "\n{case:?}\n{row:?}");
    }
    assert_eq!(cases.len(), 12_864, "combinations");
    let unused: Vec<_> =
        decided.iter().filter(|row| row.event != "priority_changed" && !used.contains(&row.line)).collect();
    assert!(unused.is_empty(), "rows that no combination reaches: {unused:?}");
}

#[test]
fn effects_are_a_set() {
    let both = Effects::ADVERTISE | Effects::INSTALL;
    let mut again = both | Effects::INSTALL;
    again |= Effects::ADVERTISE;
    assert_eq!(again, both);
    assert!(both.contains(Effects::INSTALL) && both.contains(Effects::NONE) && !both.contains(Effects::REMOVE));
    assert!(!Effects::INSTALL.contains(both) && Effects::default() == Effects::NONE);
}

/// One step, with the interval by which a Backup then times its Master instead of the one that it heard.
fn step(params: &Params, state: State, now: Instant, event: Event) -> (State, Effects) {
    match fsm::step(params, state, now, event) {
        (State::Backup(backup), effects) => {
            (State::Backup(Backup { heard: Some(backup.interval(params)), ..backup }), effects)
        }
        other => other,
    }
}

/// The extension adds one word to the rows that yield, and touches no other.
#[test]
fn the_yield_advertisement_is_sent_exactly_by_those_that_yield() {
    for case in cases() {
        let stepped = |yield_advertisement| {
            step(&case.params().with_yield_advertisement(yield_advertisement), case.before(), NOW, case.event())
        };
        let ((plain, silent), (state, speaking)) = (stepped(false), stepped(true));
        let yields = case.state == "Active" && matches!(plain, State::Backup(_));
        let added = if yields { Effects::YIELD } else { Effects::NONE };
        assert_eq!((state, speaking), (plain, silent | added), "{case:?}");
    }
}

/// FSM-A-07 is a setting: only discards of a Master that no duplicate sent are answered.
#[test]
fn answers_follow_the_setting_not_the_profile() {
    for case in cases() {
        let stepped =
            |answer_lower| step(&case.params().with_answer_lower(answer_lower), case.before(), NOW, case.event());
        let ((plain, silent), (state, speaking)) = (stepped(false), stepped(true));
        let lower = case.state == "Active" && silent == Effects::DISCARD;
        let added = if lower { Effects::ANSWER_LOWER } else { Effects::NONE };
        assert_eq!((state, speaking), (plain, silent | added), "{case:?}");
    }
}

/// SEC-06: a cap makes of an interval what its smaller one would be, and changes nothing else.
#[test]
fn a_cap_bounds_what_is_learned_but_not_below_the_local_interval() {
    let stepped = |case: &Case, cap: Option<u16>, event| {
        let params = case.params().with_learned_interval_cap(cap.map(centis));
        step(&params, case.before(), NOW, event)
    };
    // Where nothing is learned, the cap bounds what was learned before.
    let learns = |case: &Case| {
        case.event == "advert_rx" && case.rx > 0 && !stepped(case, None, case.event()).1.contains(Effects::DISCARD)
    };
    for case in cases().into_iter().filter(learns) {
        let Event::Advert(heard) = case.event() else { panic!("{case:?}") };
        for (cap, learned) in
            [(1, LOCAL_CENTIS), (LOCAL_CENTIS, LOCAL_CENTIS), (250, 250), (RX_CENTIS, RX_CENTIS), (25_500, RX_CENTIS)]
        {
            let smaller = Event::Advert(Advert { interval: centis(learned), ..heard });
            let expected = stepped(&case, None, smaller);
            assert_eq!(stepped(&case, Some(cap), Event::Advert(heard)), expected, "{cap} {case:?}");
        }
    }
}

/// Rows `priority_changed`: AMB-12.
#[test]
fn a_changed_priority_moves_the_down_timer_never_later_and_the_adver_timer_not_at_all() {
    for case in cases().into_iter().filter(|case| case.event == "startup" && case.local != 255) {
        let (state, effects) = step(&case.params(), case.before(), NOW, Event::ParamsChanged);
        assert_eq!(effects, Effects::NONE);
        match (case.before(), state) {
            (State::Backup(before), State::Backup(after)) => {
                let down = case.skew(case.learned()) + millis(30 * u64::from(case.learned()));
                assert_eq!(after.master_down, before.master_down.min(before.armed_at + down), "{case:?}");
                assert_eq!(Backup { master_down: before.master_down, ..after }, before);
            }
            (before, after) => assert_eq!(after, before),
        }
    }
    // A changed interval is one's own in version 2 and the Master's, learned, in version 3.
    for profile in PROFILES {
        let case = Case { profile, state: "Backup", local: 100, ..cases()[0] };
        let before = Backup {
            master_down: NOW + secs(60),
            armed_at: NOW,
            heard: Some(centis(LEARNED_CENTIS)),
            hold_until: None,
            due: false,
        };
        let (after, _) = step(&case.params(), State::Backup(before), NOW, Event::ParamsChanged);
        let interval = if profile.version() == Version::V2 { LOCAL_CENTIS } else { LEARNED_CENTIS };
        let master_down = NOW + case.skew(interval) + millis(30 * u64::from(interval));
        assert_eq!(after, State::Backup(Backup { master_down, heard: Some(centis(interval)), ..before }));
    }
    let master = State::Master { next_advert: NOW + secs(60) };
    let case = Case { state: "Active", ..cases()[0] };
    let (state, _) = step(&case.params(), master, NOW, Event::ParamsChanged);
    assert_eq!(state, State::Master { next_advert: NOW + secs(2) }, "a shorter interval counts at once");
}

/// Rows of the owner check of section 7.1, and erratum 8298: who listens at priority 255 (RX-09, OWN-04).
#[test]
fn an_owner_listens_where_its_profile_says_so() {
    let row = |version, condition: &str| {
        rows()
            .into_iter()
            .find(|row| duty(row) == Duty::OwnerCheck && row.version == version && row.condition.starts_with(condition))
            .unwrap()
    };
    let dropped = [
        (Profile::Rfc3768, row("2-3768", "local.priority==255 (any rx.priority)")),
        (Profile::Rfc5798, row("3-5798", "local.priority==255 (any rx.priority)")),
        (Profile::Rfc9568, row("3-9568", "local.priority==255 (any rx.priority); erratum 8298 NOT applied")),
    ];
    for (profile, row) in dropped {
        assert_eq!((row.actions, row.next), ("drop_before_fsm;log", "unchanged"));
        for rx in [0, 1, 254, 255] {
            let mut bench = Bench::master(config(profile, Family::Ipv4).with_priority(Priority::OWNER));
            let before = without_counters(&bench.router);
            let discard = Discard::Owner { by: host(Family::Ipv4, OWN + 1), priority: Priority::from_wire(rx) };
            assert_eq!(bench.hear(OWN + 1, rx), Err(discard), "{profile:?}");
            assert_eq!(without_counters(&bench.router), before);
            assert_eq!(bench.router.stats().owner_conflict, 1);
        }
    }
    let heard = [
        (Profile::Rfc2338, row("2-2338", "local.priority==255 && rx.priority==255 && rx.src>local.primary").next),
        (Profile::Rfc9568Errata, row("3-9568", "local.priority==255; erratum 8298 applied").next),
    ];
    for (profile, next) in heard {
        assert!(["Backup", "per generic row"].contains(&next));
        for (rx, sender, role) in
            [(254, OWN + 1, Role::Master), (255, OWN - 1, Role::Master), (255, OWN + 1, Role::Backup)]
        {
            let mut bench = Bench::master(config(profile, Family::Ipv4).with_priority(Priority::OWNER));
            assert_eq!(bench.hear(sender, rx), Ok(()), "{profile:?}");
            assert_eq!((bench.router.role(), bench.router.stats().owner_conflict), (role, 1), "{profile:?} {rx}");
        }
    }
}

/// Rows `interface_*` and `primary_address_*`.
#[test]
fn a_router_runs_while_its_interface_is_up_and_has_an_address() {
    type News = fn(bool) -> Input;
    let news: [(News, Fault); 2] = [
        (Input::InterfaceUp, Fault::InterfaceDown),
        (|there| Input::PrimaryAddress(there.then(|| host(Family::Ipv4, OWN))), Fault::NoPrimaryAddress),
    ];
    for (news, fault) in news {
        for (local, role, done) in [
            (100, Role::Backup, vec!["Backup > Initialize"]),
            (255, Role::Master, vec!["release", "remove 192.0.2.101", "remove 192.0.2.102", "Master > Initialize"]),
        ] {
            // Nothing can be sent where the interface is down.
            let done: Vec<&str> = match fault {
                Fault::InterfaceDown => done.into_iter().filter(|done| *done != "release").collect(),
                _ => done,
            };
            let mut bench = Bench::started(config(Profile::Rfc3768, Family::Ipv4).with_priority(priority(local)));
            assert_eq!(bench.router.role(), role);
            bench.input(news(false));
            assert_eq!(
                (bench.carry_out_all(), bench.router.deadline()),
                (done.iter().map(|s| s.to_string()).collect(), None)
            );
            assert_eq!(bench.router.faults().collect::<Vec<_>>(), [fault]);
            bench.input(news(true));
            assert_eq!(bench.router.status().cause, Cause::Recovered(fault));
            assert_eq!(bench.router.role(), role, "as after Startup");
        }
    }
}

/// Row `advert_send_failed`: STAT-19.
#[test]
fn a_failed_transmission_is_counted_and_moves_no_timer() {
    let mut bench = Bench::master(config(Profile::Rfc9568, Family::Ipv6));
    let before = *bench.router.state();
    bench.router.count_tx_error();
    assert_eq!((*bench.router.state(), bench.router.stats().tx_errors), (before, 1));
    assert_eq!(bench.router.deadline(), Some(bench.now + INTERVAL));
}
