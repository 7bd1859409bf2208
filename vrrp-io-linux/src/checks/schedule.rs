//! Looking on a schedule. What the results mean is the core's arithmetic.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use vrrp_core::{Hysteresis, Reading};

use super::outcome::Outcome;
use super::target::Target;
use super::watchers::Watchers;

/// The number of callers that may wait for a look that was asked for.
const ASKED: usize = 16;

/// No interval is shorter, and none longer.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Time between two looks of which the second follows from news.
const NEWS: Duration = Duration::from_millis(10);

/// The second look comes earlier than an interval after the first, by no more than this.
const SPREAD: Duration = Duration::from_secs(1);

/// Something that is looked at on a schedule.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Check<T> {
    /// The name for operators. No other check of the same [`Checks`] has it.
    pub name: String,
    /// The target.
    pub target: T,
    /// Time from one start to the next.
    pub interval: Duration,
    /// A look that takes longer has failed.
    pub timeout: Duration,
    /// Successes in a row until it passes again.
    pub rise: NonZeroU32,
    /// Failures in a row until it fails.
    pub fall: NonZeroU32,
}

/// A check passes or fails, or has another value, from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Name of the check.
    pub check: String,
    /// The number of this check among those that had its name one after the other.
    serial: u64,
    /// The current reading.
    pub reading: Reading,
    /// The result that decided it, for people.
    pub reason: String,
}

impl Verdict {
    /// Returns whether it does not fail.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.reading != Reading::Failing
    }
}

/// One look that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "is compared with a literal")]
pub struct Ran {
    /// True for a success.
    pub success: bool,
    /// The outcome, for people.
    pub outcome: String,
    /// True where the check passes after it: single results may not change that.
    pub passes: bool,
}

/// Starts all checks on the current tokio runtime, each at once and then at its interval, counted from start to start.
///
/// The first result of each is a verdict, then each change. A start that finds the last look still going is left out. So that
/// checks with one interval do not all begin together for ever, the second look of each is earlier, by a part of the interval that
/// its name gives. Checks wait for room in `results` and end when its receiver is gone.
#[must_use = "dropping it stops the checks"]
pub fn spawn<T: Target>(checks: Vec<Check<T>>, results: Sender<Verdict>) -> Checks<T> {
    spawn_from(checks, |_| None, results).0
}

/// Does the same where some have a verdict already, and a reason for it: of these only changes are told. Returns their
/// verdicts too.
#[must_use = "dropping it stops the checks"]
pub fn spawn_from<T: Target>(
    checks: Vec<Check<T>>,
    known: impl Fn(&Check<T>) -> Option<(Reading, String)>,
    results: Sender<Verdict>,
) -> (Checks<T>, Vec<Verdict>) {
    let watchers = Watchers::watching();
    let mut running = Checks { running: BTreeMap::new(), watchers, results, started: 0 };
    let mut verdicts = Vec::new();
    for check in checks {
        let (name, known) = (check.name.clone(), known(&check));
        let serial = running.start(check, known.as_ref().map(|(reading, _)| *reading));
        verdicts.extend(known.map(|(reading, reason)| Verdict { check: name, serial, reading, reason }));
    }
    (running, verdicts)
}

/// The running checks. Dropping it stops them and ends what runs.
#[derive(Debug)]
pub struct Checks<T> {
    /// The running checks, by name.
    running: BTreeMap<String, Running<T>>,
    watchers: Watchers,
    results: Sender<Verdict>,
    /// The number that was started so far.
    started: u64,
}

#[derive(Debug)]
struct Running<T> {
    serial: u64,
    definition: watch::Sender<Check<T>>,
    asked: mpsc::Sender<oneshot::Sender<Ran>>,
    last: watch::Receiver<Option<Outcome>>,
    /// The one that it is.
    task: JoinSet<()>,
}

impl<T: Target> Checks<T> {
    /// Lets exactly these run from now on. One that looks at the same goes on, whatever else changed: with its verdict, and
    /// the look that may be under way. Any other begins anew, without a verdict. What runs of those that are gone has
    /// ended on return.
    pub async fn replace(&mut self, checks: Vec<Check<T>>) {
        let mut gone = std::mem::take(&mut self.running);
        for check in checks {
            match gone.remove(&check.name) {
                Some(running) if running.definition.borrow().target == check.target => {
                    running.definition.send_if_modified(|known| {
                        let differs = *known != check;
                        known.clone_from(&check);
                        differs
                    });
                    self.running.insert(check.name, running);
                }
                Some(running) => {
                    running.stop().await;
                    self.start(check, None);
                }
                None => drop(self.start(check, None)),
            }
        }
        for (_, running) in gone {
            running.stop().await;
        }
    }

    /// Has a check look at once, or as soon as its present look is over; the next one comes an interval later. Returns where
    /// the result comes; `None`: there is no such check, or too many wait already.
    pub fn run_now(&self, name: &str) -> Option<oneshot::Receiver<Ran>> {
        let (reply, ran) = oneshot::channel();
        self.running.get(name)?.asked.try_send(reply).ok().map(|()| ran)
    }

    /// Returns how the last look of a check ended, whatever its verdict is; `None`: there is none yet, or no such check.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<Outcome> {
        self.running.get(name)?.last.borrow().clone()
    }

    /// Returns whether a verdict comes from a check that still runs: that of one before it may come late.
    #[must_use]
    pub fn is_current(&self, verdict: &Verdict) -> bool {
        self.running.get(&verdict.check).is_some_and(|running| running.serial == verdict.serial)
    }

    /// Stops the checks; on return everything that ran has ended.
    pub async fn stop(mut self) {
        self.kill().await;
    }

    /// Does the same, and leaves none.
    pub async fn kill(&mut self) {
        for (_, running) in std::mem::take(&mut self.running) {
            running.stop().await;
        }
    }

    /// Returns its serial number.
    fn start(&mut self, check: Check<T>, verdict: Option<Reading>) -> u64 {
        self.started += 1;
        let (name, serial) = (check.name.clone(), self.started);
        let memory = check.target.memory(&self.watchers);
        let (definition, of_task) = watch::channel(check);
        let (asked, asks) = mpsc::channel(ASKED);
        let (ended, last) = watch::channel(None);
        let mut task = JoinSet::new();
        task.spawn(run_check((serial, verdict), of_task, memory, asks, ended, self.results.clone()));
        self.running.insert(name, Running { serial, definition, asked, last, task });
        serial
    }
}

impl<T> Running<T> {
    async fn stop(mut self) {
        self.task.shutdown().await;
    }
}

async fn run_check<T: Target>(
    (serial, verdict): (u64, Option<Reading>),
    mut definition: watch::Receiver<Check<T>>,
    mut memory: T::Memory,
    mut asks: mpsc::Receiver<oneshot::Sender<Ran>>,
    last: watch::Sender<Option<Outcome>>,
    results: Sender<Verdict>,
) {
    let mut check = definition.borrow_and_update().clone();
    let mut began = Instant::now();
    let mut starts = starts(began, period(&check));
    let mut spread = Some(spread(&check));
    let mut judge = Judge::new(&check, verdict);
    let mut askers = Vec::new();
    loop {
        tokio::select! {
            biased;
            Ok(()) = definition.changed() => {
                let new = definition.borrow_and_update().clone();
                if new.interval != check.interval {
                    starts = self::starts(began + period(&new), period(&new));
                }
                if (new.rise, new.fall) != (check.rise, check.fall) {
                    judge.series = continued(&judge.series, &new);
                }
                check = new;
                continue;
            }
            Some(asker) = asks.recv() => {
                askers.push(asker);
                while let Ok(asker) = asks.try_recv() {
                    askers.push(asker);
                }
                starts.reset();
            }
            () = judge.due() => {
                if !tell(&results, &check, serial, judge.take()).await {
                    return;
                }
                continue;
            }
            _ = starts.tick() => {
                if let Some(earlier) = spread.take() {
                    starts = self::starts(Instant::now() + period(&check) - earlier, period(&check));
                }
            }
            () = news(&check, &mut memory, began) => {}
        }
        began = Instant::now();
        let (outcome, remains) = check.target.look(&mut memory, check.timeout).await;
        tracing::debug!("check {}: {}", check.name, outcome.reason);
        last.send_replace(Some(outcome.clone()));
        let mut gone = pin!(remains.gone());
        // A look that does not even end when it is killed (stuck on a dead file server) must not save the check from failing:
        // it counts once more for every interval that it blocks.
        loop {
            let success = outcome.success();
            judge.record(&outcome, check.target.delays());
            if judge.is_due() && !tell(&results, &check, serial, judge.take()).await {
                return;
            }
            let passes = judge.series.verdict().unwrap_or(success);
            for asker in askers.drain(..) {
                // The caller may have gone.
                let _ = asker.send(Ran { success, outcome: outcome.reason.clone(), passes });
            }
            if timeout(period(&check), &mut gone).await.is_ok() {
                break;
            }
        }
    }
}

/// Returns whether anybody hears it.
async fn tell<T>(results: &Sender<Verdict>, check: &Check<T>, serial: u64, told: Option<(Reading, String)>) -> bool {
    let Some((reading, reason)) = told else { return true };
    results.send(Verdict { check: check.name.clone(), serial, reading, reason }).await.is_ok()
}

/// Waits for news of what is looked at, but not directly after a look.
async fn news<T: Target>(check: &Check<T>, memory: &mut T::Memory, began: Instant) {
    sleep_until(began + NEWS.min(period(check))).await;
    check.target.woken(memory).await;
}

/// The verdict that follows from the results of a check.
struct Judge {
    series: Hysteresis,
    /// The last verdict that was told.
    told: Option<Reading>,
    /// The next one, and when it is to be told.
    next: Option<(Instant, Reading, String)>,
}

impl Judge {
    fn new<T>(check: &Check<T>, told: Option<Reading>) -> Self {
        let mut series = Hysteresis::new(check.rise, check.fall);
        // The first result decides alone.
        let _ = told.map(|reading| series.record(reading != Reading::Failing));
        Self { series, told, next: None }
    }

    fn record(&mut self, Outcome { reading, reason }: &Outcome, (up, down): (Duration, Duration)) {
        let _ = self.series.record(*reading != Reading::Failing);
        let passes = self.series.verdict().unwrap_or_default();
        // A failure that is none yet changes nothing, nor does a success that is none yet.
        if passes != (*reading != Reading::Failing) {
            return;
        }
        if self.told == Some(*reading) {
            self.next = None;
            return;
        }
        let turns = self.told.is_some_and(|told| (told != Reading::Failing) != passes);
        let delay = match turns {
            // The first one, and another value, wait for nothing.
            false => Duration::ZERO,
            true if passes => up,
            true => down,
        };
        let since = self.next.take().filter(|next| (next.1 != Reading::Failing) == passes).map(|next| next.0);
        let at = since.unwrap_or_else(|| Instant::now() + delay.min(LONGEST));
        self.next = Some((at, *reading, reason.clone()));
    }

    fn is_due(&self) -> bool {
        self.next.as_ref().is_some_and(|(at, ..)| *at <= Instant::now())
    }

    async fn due(&self) {
        match &self.next {
            Some((at, ..)) => sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    fn take(&mut self) -> Option<(Reading, String)> {
        let (_, reading, reason) = self.next.take()?;
        self.told = Some(reading);
        Some((reading, reason))
    }
}

fn period<T>(check: &Check<T>) -> Duration {
    check.interval.clamp(SHORTEST, LONGEST)
}

fn starts(first: Instant, period: Duration) -> Interval {
    let mut starts = interval_at(first, period);
    starts.set_missed_tick_behavior(MissedTickBehavior::Skip);
    starts
}

/// By how much the second look of a check is earlier: less than an interval.
fn spread<T>(check: &Check<T>) -> Duration {
    // FNV-1a, and a last round that mixes it (of splitmix64): the same name, the same number, everywhere.
    let hash = |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    let hash = check.name.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let part = ((hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32;
    period(check).min(SPREAD).mul_f64(f64::from(part) / (f64::from(u32::MAX) + 1.0))
}

/// The same verdict, with other numbers until the next one.
fn continued<T>(series: &Hysteresis, check: &Check<T>) -> Hysteresis {
    let mut continued = Hysteresis::new(check.rise, check.fall);
    if let Some(verdict) = series.verdict() {
        // The first result decides alone.
        let _ = continued.record(verdict);
    }
    continued
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::Notify;
    use tokio::sync::mpsc::{Receiver, channel};
    use tokio::time::sleep;

    use super::*;
    use crate::checks::Remains;

    const INTERVAL: Duration = Duration::from_millis(100);

    /// Says at the n-th look what `says` returns for n, and when that was.
    #[derive(Clone)]
    struct Fake {
        says: fn(usize) -> Reading,
        takes: Duration,
        delays: (Duration, Duration),
        looks: Arc<Mutex<Vec<Instant>>>,
        news: Arc<Notify>,
    }

    impl PartialEq for Fake {
        fn eq(&self, other: &Self) -> bool {
            Arc::ptr_eq(&self.looks, &other.looks)
        }
    }

    impl Target for Fake {
        type Memory = ();

        fn memory(&self, _: &Watchers) {}

        async fn look(&self, (): &mut (), timeout: Duration) -> (Outcome, Remains) {
            let look = {
                let mut looks = self.looks.lock().unwrap();
                looks.push(Instant::now());
                looks.len()
            };
            let reading = match tokio::time::timeout(timeout, sleep(self.takes)).await {
                Ok(()) => (self.says)(look),
                Err(_) => Reading::Failing,
            };
            (Outcome { reading, reason: format!("look {look}") }, Remains::none())
        }

        async fn woken(&self, (): &mut ()) {
            self.news.notified().await;
        }

        fn delays(&self) -> (Duration, Duration) {
            self.delays
        }
    }

    fn fake(says: fn(usize) -> Reading) -> Fake {
        let delays = (Duration::ZERO, Duration::ZERO);
        Fake { says, takes: Duration::ZERO, delays, looks: Arc::default(), news: Arc::default() }
    }

    fn check(name: &str, target: Fake) -> Check<Fake> {
        let one = NonZeroU32::MIN;
        Check { name: name.to_owned(), target, interval: INTERVAL, timeout: INTERVAL, rise: one, fall: one }
    }

    fn looks(fake: &Fake) -> Vec<Instant> {
        fake.looks.lock().unwrap().clone()
    }

    async fn told(verdicts: &mut Receiver<Verdict>) -> (Reading, String) {
        let verdict = verdicts.recv().await.unwrap();
        (verdict.reading, verdict.reason)
    }

    #[tokio::test(start_paused = true)]
    async fn all_look_at_once_and_then_each_at_its_own_time() {
        let began = Instant::now();
        let fakes: Vec<_> = (0..200).map(|_| fake(|_| Reading::Passing)).collect();
        let named = fakes.iter().enumerate().map(|(number, fake)| check(&format!("chk_{number}"), fake.clone()));
        let (results, mut verdicts) = channel(500);
        let running = spawn(named.collect(), results);
        sleep(INTERVAL * 5).await;
        running.stop().await;
        while let Some(verdict) = verdicts.recv().await {
            assert!(verdict.passed());
        }
        let looks: Vec<_> = fakes.iter().map(looks).collect();
        assert!(
            looks.iter().all(|looks| looks[0].duration_since(began) < Duration::from_millis(1)),
            "the first is at once"
        );
        for looks in &looks {
            assert!(looks.len() >= 5 && looks[1] - looks[0] <= INTERVAL + Duration::from_millis(1));
            for pair in looks[1..].windows(2) {
                // tokio's clock has steps of a millisecond.
                let step = pair[1] - pair[0];
                assert!((99..=101).contains(&step.as_millis()), "{step:?}");
            }
        }
        let mut at = [0; 100];
        looks.iter().for_each(|looks| at[(looks[2] - began).as_millis() as usize % 100] += 1);
        assert!(at.iter().all(|count| *count <= 12), "spread over the interval: {at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_holds_up_nobody_and_fails() {
        let stuck = Fake { takes: Duration::from_secs(3600), ..fake(|_| Reading::Passing) };
        let quick = fake(|_| Reading::Passing);
        let (results, mut verdicts) = channel(500);
        let stuck = Check { timeout: Duration::from_secs(60), ..check("stuck", stuck) };
        let running = spawn(vec![stuck, check("quick", quick.clone())], results);
        sleep(Duration::from_secs(61)).await;
        assert!(looks(&quick).len() > 600);
        let last = |name: &str| running.last(name).map(|outcome| (outcome.reading, outcome.reason));
        assert_eq!(last("stuck"), Some((Reading::Failing, "look 1".to_owned())));
        assert!(last("quick").unwrap().0 == Reading::Passing && last("quick").unwrap().1 != "look 1");
        assert_eq!(last("other"), None);
        assert_eq!(verdicts.recv().await.map(|it| (it.check.clone(), it.passed())), Some(("quick".to_owned(), true)));
        assert_eq!(verdicts.recv().await.map(|it| (it.check.clone(), it.passed())), Some(("stuck".to_owned(), false)));
    }

    #[tokio::test(start_paused = true)]
    async fn every_new_number_is_told_and_a_failure_counts_as_any() {
        let says = |look| match look {
            1 | 2 => Reading::Value(3),
            3 | 5 => Reading::Failing,
            4 => Reading::Value(4),
            _ => Reading::Value(-1),
        };
        let (results, mut verdicts) = channel(500);
        let two = NonZeroU32::new(2).unwrap();
        let _running = spawn(vec![Check { fall: two, ..check("load", fake(says)) }], results);
        for (value, look) in [(3, 1), (4, 4), (-1, 6)] {
            assert_eq!(told(&mut verdicts).await, (Reading::Value(value), format!("look {look}")));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_before_its_delay_is_nothing() {
        // Fails for two looks, and later for good.
        let says = |look| if matches!(look, 3 | 4) || look > 9 { Reading::Failing } else { Reading::Passing };
        let fake = Fake { delays: (Duration::ZERO, Duration::from_millis(250)), ..fake(says) };
        let (results, mut verdicts) = channel(500);
        let _running = spawn(vec![check("chk", fake.clone())], results);
        assert_eq!(told(&mut verdicts).await, (Reading::Passing, "look 1".to_owned()));
        // Later failures have the last word on why.
        let (reading, _) = told(&mut verdicts).await;
        let late = Instant::now() - looks(&fake)[9];
        assert!(reading == Reading::Failing && (250..260).contains(&late.as_millis()), "{late:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn news_are_looked_at_at_once_but_never_in_a_storm() {
        let fake = fake(|look| if look == 1 { Reading::Passing } else { Reading::Failing });
        let (results, mut verdicts) = channel(500);
        let hourly = Check { interval: Duration::from_secs(3600), ..check("chk", fake.clone()) };
        let _running = spawn(vec![hourly], results);
        assert!(told(&mut verdicts).await.0 == Reading::Passing);
        sleep(Duration::from_secs(60)).await;
        let changed = Instant::now();
        fake.news.notify_one();
        assert!(told(&mut verdicts).await.0 == Reading::Failing);
        assert!(changed.elapsed() < Duration::from_millis(2));
        for _ in 0..1000 {
            fake.news.notify_one();
            sleep(Duration::from_millis(1)).await;
        }
        let looks = looks(&fake).len();
        assert!((50..=102).contains(&looks), "{looks} in a second");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_looks_at_the_same_goes_on_and_any_other_begins_anew() {
        let (kept, changed) = (fake(|_| Reading::Passing), fake(|_| Reading::Passing));
        let (results, mut verdicts) = channel(500);
        let checks = vec![check("kept", kept.clone()), check("changed", changed)];
        let known = |check: &Check<Fake>| (check.name == "kept").then(|| (Reading::Passing, "before".to_owned()));
        let (mut running, known) = spawn_from(checks, known, results);
        assert_eq!(
            known.iter().map(|it| (it.check.as_str(), it.reason.as_str())).collect::<Vec<_>>(),
            [("kept", "before")]
        );
        let first = verdicts.recv().await.unwrap();
        assert!(first.check == "changed" && running.is_current(&first) && running.is_current(&known[0]));
        running.replace(vec![check("kept", kept), check("changed", fake(|_| Reading::Failing))]).await;
        assert!(!running.is_current(&first) && running.is_current(&known[0]));
        let next = verdicts.recv().await.unwrap();
        assert!(next.check == "changed" && !next.passed() && running.is_current(&next));
    }
}
