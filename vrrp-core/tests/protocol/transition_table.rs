//! The whole transition table as a file that a review reads, `../data/transitions.txt`, and the state diagram of the
//! documentation, `src/guide/states.txt`, which is drawn from the same rows.
//!
//! A change of behaviour is a change of these files. `VRRP_BLESS=1 cargo test -p vrrp-core --test protocol transition_table`
//! writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::common::{OWN, PROFILES, centis, host, millis, priority, secs};
use vrrp_core::fsm::{self, Advert, Backup, Coordinate, Effects, Event, Params, State};
use vrrp_core::{Family, Instant, Priority, Profile, Role};

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);
const LOCAL: u8 = 100;

const HEAD: &str = "\
# Every state and event of every profile: what follows, when the timer then fires, and what is to be done.
#
# Priority 100, interval 1 s, Preempt_Mode on and no yield advertisement, unless the state says otherwise. The peer advertises
# every 2 s. Before the event Master_Down_Timer has 2.5 s to go and was set 1 s ago, Adver_Timer has 0.5 s to go. A timer
# that runs on is `runs`; a Backup that is due has none, and waits for its sync group. A lower address is compared at
# equal priority. A Master that was silent for so long is beyond its lease. Written by tests/protocol/transition_table.rs.
";

/// A kind of router, with the state that it is in.
struct Situation {
    name: &'static str,
    state: State,
    params: fn(&mut Params),
}

fn situations() -> Vec<Situation> {
    let backup = |hold_until| {
        State::Backup(Backup {
            master_down: NOW + secs(5) / 2,
            armed_at: NOW.before(secs(1)),
            heard: Some(centis(100)),
            hold_until,
            due: false,
        })
    };
    let master = State::Master { next_advert: NOW + secs(1) / 2 };
    let due = State::Backup(Backup {
        master_down: NOW.before(secs(1)),
        armed_at: NOW.before(secs(4)),
        heard: Some(centis(100)),
        hold_until: None,
        due: true,
    });
    let own = |params: &mut Params| params.priority = Priority::OWNER;
    let grouped = |params: &mut Params| params.coordinated = true;
    let own_grouped = |params: &mut Params| (params.priority, params.coordinated) = (Priority::OWNER, true);
    vec![
        Situation { name: "Initialize", state: State::Initialize, params: |_| {} },
        Situation { name: "Initialize, owner", state: State::Initialize, params: own },
        Situation { name: "Backup", state: backup(None), params: |_| {} },
        Situation { name: "Backup, no preempt", state: backup(None), params: |params| params.preempt = false },
        Situation { name: "Backup, hold 9 s", state: backup(None), params: |params| params.preempt_hold = secs(9) },
        Situation {
            name: "Backup, held 9 s",
            state: backup(Some(NOW)),
            params: |params| params.preempt_hold = secs(9),
        },
        Situation { name: "Backup, owner", state: backup(None), params: own },
        Situation { name: "Master", state: master, params: |_| {} },
        Situation {
            name: "Master, yield advertisement",
            state: master,
            params: |params| params.yield_advertisement = true,
        },
        Situation { name: "Master, owner", state: master, params: own },
        Situation { name: "In a group: owner", state: State::Initialize, params: own_grouped },
        Situation { name: "In a group: Backup", state: backup(None), params: grouped },
        Situation { name: "In a group: due", state: due, params: grouped },
        Situation { name: "In a group: Master", state: master, params: grouped },
        Situation { name: "In a group: owner's", state: master, params: own_grouped },
    ]
}

/// An event, and how long after the situation it happens.
fn events(params: &Params, state: &State) -> Vec<(&'static str, Instant, Event)> {
    let own = params.priority.get();
    let advert = |priority, sender| {
        Event::Advert(Advert {
            source: host(Family::Ipv4, sender),
            priority: Priority::from_wire(priority),
            interval: centis(200),
        })
    };
    let mut events = vec![
        ("startup", NOW, Event::Startup),
        ("resume", NOW, Event::Resume),
        ("shutdown", NOW, Event::Shutdown),
        ("timer, early", NOW, Event::Timer),
        ("timer", state.deadline().unwrap_or(NOW), Event::Timer),
        ("timer, 3 s late", state.deadline().unwrap_or(NOW) + secs(3), Event::Timer),
        ("parameters", NOW, Event::ParamsChanged),
        ("silent for 2.9 s", NOW, Event::Lapsed { silence: millis(2_900) }),
        ("silent for 3 s", NOW, Event::Lapsed { silence: secs(3) }),
        ("handed over", NOW, Event::HandedOver { interval: centis(200) }),
        ("group promotes", NOW, Event::Coordinate(Coordinate::Promote)),
        ("group demotes", NOW, Event::Coordinate(Coordinate::Demote)),
        ("hears release", NOW, advert(0, OWN + 1)),
        ("hears lower", NOW, advert(own - 1, OWN + 1)),
        ("hears equal, address <", NOW, advert(own, OWN - 1)),
        ("hears equal, address =", NOW, advert(own, OWN)),
        ("hears equal, address >", NOW, advert(own, OWN + 1)),
    ];
    if own < 255 {
        events.push(("hears higher", NOW, advert(own + 1, OWN - 1)));
    }
    events
}

/// One row: what follows from an event in a situation.
struct Row {
    profile: Profile,
    situation: &'static str,
    event: &'static str,
    from: Role,
    to: Role,
    next: String,
    effects: Effects,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for profile in PROFILES {
        for Situation { name, state, params: adjust } in situations() {
            let mut params = Params::new(profile, priority(LOCAL), centis(100), host(Family::Ipv4, OWN));
            adjust(&mut params);
            for (event, now, what) in events(&params, &state) {
                let (after, effects) = fsm::step(&params, state, now, what);
                let (from, to, next) = (state.role(), after.role(), describe(&state, &after, now));
                rows.push(Row { profile, situation: name, event, from, to, next, effects });
            }
        }
    }
    rows
}

fn table(rows: &[Row]) -> String {
    let mut table = HEAD.to_string();
    for block in rows.chunk_by(|one, other| one.situation == other.situation && one.profile == other.profile) {
        writeln!(table).unwrap();
        for Row { profile, situation, event, next, effects, .. } in block {
            let profile = format!("{profile:?}");
            let line = format!("{profile:<14}{situation:<28}{event:<24}{next:<36}{}", words(*effects));
            writeln!(table, "{}", line.trim_end()).unwrap();
        }
    }
    table
}

/// The arrows of the drawing, by their numbers there.
const ARROWS: [(Role, Role); 6] = [
    (Role::Initialize, Role::Backup),
    (Role::Initialize, Role::Master),
    (Role::Backup, Role::Master),
    (Role::Backup, Role::Initialize),
    (Role::Master, Role::Backup),
    (Role::Master, Role::Initialize),
];

const DRAWING: &str = "
             +----------------------------------------+
      +----->|               Initialize               |<-----+
      |      +----------------------------------------+      |
      |           |                              |           |
    4 |           | 1                          2 |           | 6
      |           v                              v           |
    +------------------+        3         +------------------+
    |                  |----------------->|                  |
    |      Backup      |                  |      Master      |
    |                  |<-----------------|                  |
    +------------------+        5         +------------------+
";

/// Draws the states, and names for each arrow the events that lead along it, what is to be done then, and in which
/// situations. An event that leads there in every situation of a state names none.
fn diagram(rows: &[Row]) -> String {
    let drawn: BTreeSet<_> = rows.iter().map(|row| (row.from as u8, row.to as u8)).filter(|(a, b)| a != b).collect();
    assert_eq!(drawn, ARROWS.map(|(from, to)| (from as u8, to as u8)).into(), "the drawing has these arrows");
    let mut text = format!("```text{DRAWING}");
    for (number, (from, to)) in (1..).zip(ARROWS) {
        writeln!(text, "\n{number}  {from} to {to}").unwrap();
        let along: Vec<&Row> = rows.iter().filter(|row| (row.from, row.to) == (from, to)).collect();
        let mut told = BTreeSet::new();
        for row in &along {
            if !told.insert((row.event, words(row.effects))) {
                continue;
            }
            let alike = |other: &&&Row| (other.event, other.effects) == (row.event, row.effects);
            let situations = names(along.iter().filter(alike).map(|row| row.situation));
            let possible = names(
                rows.iter().filter(|other| (other.event, other.from) == (row.event, from)).map(|row| row.situation),
            );
            let profiles: BTreeSet<_> = along.iter().filter(alike).map(|row| row.profile).collect();
            assert_eq!(profiles.len(), PROFILES.len(), "{}: the diagram has no word for a profile", row.event);
            let others: Vec<&str> = possible.into_iter().filter(|name| !situations.contains(name)).collect();
            let situations = match others[..] {
                [] => String::new(),
                _ if others.len() < situations.len() => format!("not in: {}", others.join("; ")),
                _ => format!("in: {}", situations.join("; ")),
            };
            let line = format!("   {:<24}{:<29}{situations}", row.event, words(row.effects));
            writeln!(text, "{}", line.trim_end()).unwrap();
        }
    }
    text + "```\n"
}

/// Each name once, in the order in which they come.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    all.filter(|name| seen.insert(*name)).collect()
}

fn describe(before: &State, after: &State, now: Instant) -> String {
    let timer = match after.deadline() {
        None if after != &State::Initialize => "due".into(),
        _ if before == after => "runs".into(),
        deadline if deadline == before.deadline() => "runs".into(),
        Some(deadline) => format!("{:?}", deadline.since(now)),
        None => String::new(),
    };
    match after {
        State::Initialize => "Initialize".into(),
        State::Master { .. } => format!("Master {timer}"),
        State::Backup(Backup { hold_until: Some(hold), .. }) if *hold > now => {
            format!("Backup {timer}, hold {:?}", hold.since(now))
        }
        State::Backup(_) => format!("Backup {timer}"),
    }
}

fn words(effects: Effects) -> String {
    let all = [
        (Effects::ADVERTISE, "advertise"),
        (Effects::ANSWER_LOWER, "answer"),
        (Effects::RELEASE, "release"),
        (Effects::INSTALL, "install"),
        (Effects::REMOVE, "remove"),
        (Effects::DISCARD, "discard"),
        (Effects::DUPLICATE, "duplicate"),
        (Effects::YIELD, "yield advertisement"),
    ];
    let asked: Vec<_> = all.into_iter().filter(|(effect, _)| effects.contains(*effect)).map(|(_, word)| word).collect();
    asked.join(" ")
}

#[test]
fn the_table_is_the_reviewed_one() {
    compare("/tests/data/transitions.txt", &table(&rows()));
}

#[test]
fn the_state_diagram_is_drawn_from_the_table() {
    compare("/src/guide/states.txt", &diagram(&rows()));
}

/// Compares with a reviewed file, line by line.
fn compare(file: &str, text: &str) {
    let path = format!("{}{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("VRRP_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let reviewed = std::fs::read_to_string(path).unwrap();
    for (number, (line, expected)) in text.lines().zip(reviewed.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of {file}: if the change is meant, run with VRRP_BLESS=1", number + 1);
    }
    assert_eq!(text.lines().count(), reviewed.lines().count(), "if the change is meant, run with VRRP_BLESS=1");
}
