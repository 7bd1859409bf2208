//! What happens to two routers, and what the wire must show of it.

use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use crate::case::Case;
use crate::common::{Lan, eventually};
use crate::seat::{Make, Seat, Speaker};
use crate::watch::Watch;

/// How late a takeover may be: what the machine, not the protocol, may take.
const LATE: Duration = Duration::from_millis(250);
/// How early: FRR counts in whole centiseconds, and drops what is left of them; the wire takes some time too.
const EARLY: Duration = Duration::from_millis(15);
/// Two routers may both be Master for Skew_Time, or this long if that is longer.
const CONTEST: Duration = Duration::from_millis(50);

const BETTER: u8 = 200;
const WORSE: u8 = 100;

#[derive(Clone, Copy)]
enum Story {
    /// The better router fails, returns and stops, or, if it does not preempt, the other one stops.
    Failover { better: Make, worse: Make, preempt: bool },
    /// A split makes two Masters of one priority; the second one has the higher address.
    Tie { lower: Make, higher: Make },
}

/// Every story of a case, each on a LAN of its own, at once if the machine can bear that.
pub(crate) fn play(case: &'static Case) {
    let play = |story: Story| {
        let play = move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace for a story");
            let name = story.name();
            let files = name.replace([' ', ','], "-");
            let found = match story {
                Story::Failover { better, worse, preempt } => failover(case, &files, better, worse, preempt),
                Story::Tie { lower, higher } => tie(case, &files, lower, higher),
            };
            println!("{case}: {name}: {found}");
        };
        thread::Builder::new().name(format!("{} {}", case.name, story.name())).spawn(play).unwrap()
    };
    let stories = stories(case);
    let failed = if case.is_hasty() {
        stories.into_iter().filter(|story| play(*story).join().is_err()).count()
    } else {
        let playing: Vec<_> = stories.into_iter().map(play).collect();
        playing.into_iter().filter_map(|story| story.join().err()).count()
    };
    assert_eq!(failed, 0, "stories of {} failed, see above", case.name);
}

fn stories(case: &Case) -> Vec<Story> {
    let pairs = [(Make::Ours, case.peer), (case.peer, Make::Ours)];
    // With ourselves both orders are one.
    let pairs = if case.peer == Make::Ours { &pairs[..1] } else { &pairs };
    let mut stories = Vec::new();
    for &(one, other) in pairs {
        for preempt in [true, false] {
            // Until we have heard the peer we do not speak as it does; as Master from the start we would never hear it.
            if preempt || !(case.learns() && one == Make::Ours) {
                stories.push(Story::Failover { better: one, worse: other, preempt });
            }
        }
        stories.push(Story::Tie { lower: one, higher: other });
    }
    stories
}

impl Story {
    fn name(self) -> String {
        match self {
            Self::Failover { better, worse, preempt: true } => format!("{better:?} over {worse:?}, preempting"),
            Self::Failover { better, worse, preempt: false } => format!("{better:?} over {worse:?}, not preempting"),
            Self::Tie { lower, higher } => format!("{lower:?} below {higher:?} at one priority"),
        }
    }
}

fn failover(case: &'static Case, files: &str, better: Make, worse: Make, preempt: bool) -> String {
    let lan = Lan::new();
    let watch = Watch::new(&format!("{}-{files}", case.name));
    let mut better = Seat::new(case, files, &lan, 11, better, BETTER);
    let worse = Seat::new(case, files, &lan, 12, worse, WORSE);
    better.preempt = preempt;

    // The better one is Master, the other stays Backup.
    let start = Instant::now();
    let (mut first, mut second);
    if case.learns() && better.make == Make::Ours {
        second = worse.start();
        watch.master(worse.source(), start);
        first = better.start();
        watch.master(better.source(), start);
    } else {
        first = better.start();
        watch.master(better.source(), start);
        second = worse.start();
        second.until_backup();
    }
    let settled = Instant::now() + CONTEST;
    thread::sleep(CONTEST + some_intervals(case));
    stays_backup(&watch, &worse, &better, settled);

    // It dies.
    satisfied(&better, &mut first);
    first.kill();
    let taken_over = watch.master(worse.source(), Instant::now());
    let last = watch.last(better.source(), taken_over);
    let after_death = lateness(&worse, "the death of a Master", taken_over, last + case.down(WORSE));

    // It returns.
    let returned = Instant::now();
    first = better.start();
    let (master, backup) = if preempt {
        watch.master(better.source(), returned);
        (&better, &worse)
    } else {
        first.until_backup();
        thread::sleep(case.down(BETTER));
        (&worse, &better)
    };
    let settled = Instant::now() + CONTEST;
    thread::sleep(CONTEST + some_intervals(case));
    stays_backup(&watch, backup, master, settled);
    if !preempt {
        stays_backup(&watch, &better, &worse, returned);
    }

    // The Master stops.
    satisfied(&better, &mut first);
    satisfied(&worse, &mut second);
    let (leaving, mut staying) = if preempt { (first, second) } else { (second, first) };
    let stopped = Instant::now();
    leaving.stop();
    let released = watch.release(master.source(), stopped);
    let taken_over = watch.master(backup.source(), released);
    let after_release = lateness(backup, "a release", taken_over, released + case.skew(backup.priority));
    satisfied(backup, &mut staying);
    staying.stop();

    never_two_masters(&watch, case);
    format!("past the floor {after_death} ms after a death, {after_release} ms after a release")
}

fn tie(case: &'static Case, files: &str, lower: Make, higher: Make) -> String {
    let lan = Lan::new();
    let watch = Watch::new(&format!("{}-{files}", case.name));
    let lower = Seat::new(case, files, &lan, 11, lower, WORSE);
    let higher = Seat::new(case, files, &lan, 12, higher, WORSE);
    // Whom we may have to learn from comes first.
    let (first, second) = if lower.make == Make::Ours { (&higher, &lower) } else { (&lower, &higher) };

    // At one priority nobody preempts, whatever his address.
    let start = Instant::now();
    let mut speakers = [first.start(), {
        watch.master(first.source(), start);
        second.start()
    }];
    speakers[1].until_backup();
    let settled = Instant::now();
    thread::sleep(case.down(WORSE) + some_intervals(case));
    stays_backup(&watch, second, first, settled);

    // Two Masters are made; when they hear each other, the address decides.
    let split = Instant::now();
    lan.split(&[&lower.host, &higher.host], true);
    watch.master(second.source(), split);
    watch.master(first.source(), Instant::now());
    lan.split(&[&lower.host, &higher.host], false);
    let healed = Instant::now();
    let heard = watch.master(higher.source(), healed);
    let silence = CONTEST.max(2 * case.interval());
    eventually("the lower address yields", || watch.last(lower.source(), Instant::now()).elapsed() > silence);
    let yielded = watch.last(lower.source(), Instant::now()).saturating_duration_since(heard);
    assert!(yielded <= contest(case), "the lower address was Master for {yielded:?} beside the higher one");
    watch.master(higher.source(), heard + silence);

    for (seat, speaker) in [first, second].into_iter().zip(&mut speakers) {
        satisfied(seat, speaker);
    }
    speakers.into_iter().for_each(Speaker::stop);
    format!("two Masters for {} ms", millis(yielded))
}

/// Long enough that a router which does not hear the other one would show it.
fn some_intervals(case: &Case) -> Duration {
    (4 * case.interval()).max(Duration::from_millis(300))
}

/// Returns how long two routers may both be Master.
fn contest(case: &Case) -> Duration {
    case.skew(WORSE).max(CONTEST)
}

/// A Backup says nothing, unless the Master has really been silent for its Master_Down_Interval: a process that was not
/// given the processor for 30 ms is as good as dead to its neighbour.
fn stays_backup(watch: &Watch, backup: &Seat, master: &Seat, since: Instant) {
    let down = backup.case.down(backup.priority);
    for seen in watch.after(since).into_iter().filter(|seen| seen.source == backup.source() && !seen.release) {
        let silence = seen.at - watch.last(master.source(), seen.at);
        let (backup, master) = (backup.make, master.make);
        assert!(silence + EARLY >= down, "{backup:?} spoke {silence:?} after {master:?}, its Master, had");
    }
}

/// It found nothing wrong with what it heard.
fn satisfied(seat: &Seat, speaker: &mut Box<dyn Speaker>) {
    let complaints = speaker.complaints();
    assert!(complaints.is_empty(), "{:?} complains: {complaints:#?}", seat.make);
}

/// Returns how far past the protocol's floor a takeover was, in milliseconds.
fn lateness(seat: &Seat, after: &str, taken_over: Instant, floor: Instant) -> String {
    let (late, early) = (taken_over.saturating_duration_since(floor), floor.saturating_duration_since(taken_over));
    assert!(early <= EARLY, "taken over {early:?} too early after {after}");
    assert!(late <= LATE + seat.hesitation(), "taken over {late:?} too late after {after}");
    if early > Duration::ZERO { format!("-{}", millis(early)) } else { millis(late) }
}

fn millis(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64() * 1000.0)
}

/// No two routers were Master at once for longer than [`contest`]. A silence of as much, or of two intervals, does not
/// end a reign.
fn never_two_masters(watch: &Watch, case: &Case) {
    let bound = contest(case);
    let reigns = watch.reigns(bound.max(2 * case.interval()));
    for (n, one) in reigns.iter().enumerate() {
        for other in reigns[n + 1..].iter().filter(|other| other.source != one.source) {
            let both = one.to.min(other.to).saturating_duration_since(one.from.max(other.from));
            assert!(both <= bound, "two Masters for {both:?}: {one:?}, {other:?}");
        }
    }
}
