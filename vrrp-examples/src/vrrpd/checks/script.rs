//! Running the configured checks on their schedule. What their results mean is the core's arithmetic.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use vrrp_core::Hysteresis;

use crate::vrrpd::checks::{Ran, Verdict};
use crate::vrrpd::config::{Check, Probe};
use crate::vrrpd::exec;

/// Who may wait for a run that was asked for.
const ASKED: usize = 16;

/// Starts all checks on the current tokio runtime, each at once and then at its interval, counted from start to start.
///
/// The first result of each is a verdict, then each change. A start that finds the last run still going is left out.
/// Checks wait for room in `results` and end when its receiver is gone.
#[must_use = "dropping it stops the checks"]
pub fn spawn(scripts: Vec<Check>, results: Sender<Verdict>) -> Checks {
    spawn_from(scripts, |_| None, results).0
}

/// Does the same where some have a verdict already, and a reason for it: of these only changes are told. Returns their
/// verdicts too.
#[must_use = "dropping it stops the checks"]
pub fn spawn_from(
    scripts: Vec<Check>,
    known: impl Fn(&Check) -> Option<(bool, String)>,
    results: Sender<Verdict>,
) -> (Checks, Vec<Verdict>) {
    let mut checks = Checks { running: BTreeMap::new(), results, started: 0 };
    let mut verdicts = Vec::new();
    for script in scripts {
        let (name, known) = (script.name.clone(), known(&script));
        let serial = checks.start(script, known.as_ref().map(|(passed, _)| *passed));
        verdicts.extend(known.map(|(passed, reason)| Verdict { script: name, serial, passed, reason }));
    }
    (checks, verdicts)
}

/// The running checks. Dropping it stops them and kills what runs, children included.
#[derive(Debug)]
pub struct Checks {
    /// By name.
    running: BTreeMap<String, Running>,
    results: Sender<Verdict>,
    /// How many were started so far.
    started: u64,
}

#[derive(Debug)]
struct Running {
    serial: u64,
    definition: watch::Sender<Check>,
    asked: mpsc::Sender<oneshot::Sender<Ran>>,
    /// The one that it is.
    task: JoinSet<()>,
}

impl Checks {
    /// From now on exactly these run. One whose command is the same goes on, whatever else changed: with its verdict, and
    /// the run that may be under way. Any other begins anew, without a verdict. What runs of those that are gone has been
    /// killed on return.
    pub async fn replace(&mut self, scripts: Vec<Check>) {
        let mut gone = std::mem::take(&mut self.running);
        for script in scripts {
            match gone.remove(&script.name) {
                Some(running) if running.definition.borrow().probe == script.probe => {
                    running.definition.send_if_modified(|known| {
                        let differs = *known != script;
                        known.clone_from(&script);
                        differs
                    });
                    self.running.insert(script.name, running);
                }
                Some(running) => {
                    running.stop().await;
                    self.start(script, None);
                }
                None => drop(self.start(script, None)),
            }
        }
        for (_, running) in gone {
            running.stop().await;
        }
    }

    /// Has a check run at once, or as soon as its present run is over; its next run comes an interval later. Returns where
    /// the result comes; `None`: there is no such check, or too many wait already.
    pub fn run_now(&self, name: &str) -> Option<oneshot::Receiver<Ran>> {
        let (reply, ran) = oneshot::channel();
        self.running.get(name)?.asked.try_send(reply).ok().map(|()| ran)
    }

    /// Whether a verdict comes from a check that still runs: that of one before it may come late.
    #[must_use]
    pub fn is_current(&self, verdict: &Verdict) -> bool {
        self.running.get(&verdict.script).is_some_and(|running| running.serial == verdict.serial)
    }

    /// Stops the checks; on return everything that ran has been killed.
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
    fn start(&mut self, script: Check, verdict: Option<bool>) -> u64 {
        self.started += 1;
        let (name, serial) = (script.name.clone(), self.started);
        let (definition, of_task) = watch::channel(script);
        let (asked, asks) = mpsc::channel(ASKED);
        let mut task = JoinSet::new();
        task.spawn(check((serial, verdict), of_task, asks, self.results.clone()));
        self.running.insert(name, Running { serial, definition, asked, task });
        serial
    }
}

impl Running {
    async fn stop(mut self) {
        self.task.shutdown().await;
    }
}

async fn check(
    (serial, verdict): (u64, Option<bool>),
    mut definition: watch::Receiver<Check>,
    mut asks: mpsc::Receiver<oneshot::Sender<Ran>>,
    results: Sender<Verdict>,
) {
    let mut script = definition.borrow_and_update().clone();
    let mut began = Instant::now();
    let mut starts = starts(&script, began);
    let mut series = Hysteresis::new(script.rise, script.fall);
    // The first result decides alone.
    let _ = verdict.map(|verdict| series.record(verdict));
    let mut askers = Vec::new();
    loop {
        tokio::select! {
            biased;
            Ok(()) = definition.changed() => {
                let new = definition.borrow_and_update().clone();
                if new.interval != script.interval {
                    starts = self::starts(&new, began + period(&new));
                }
                if (new.rise, new.fall) != (script.rise, script.fall) {
                    series = continued(&series, &new);
                }
                script = new;
                continue;
            }
            Some(asker) = asks.recv() => {
                askers.push(asker);
                while let Ok(asker) = asks.try_recv() {
                    askers.push(asker);
                }
                starts.reset();
            }
            _ = starts.tick() => {}
        }
        began = Instant::now();
        let (outcome, remains) = {
            let Probe::Script(command) = &script.probe else { return };
            exec::run(command, &[], script.timeout).await
        };
        tracing::debug!("check {}: {outcome}", script.name);
        let mut gone = pin!(remains.gone());
        // A run that not even SIGKILL ends (stuck on a dead file server) must not save the check from failing:
        // it counts once more for every interval that it blocks.
        loop {
            let success = outcome.success();
            if let Some(passed) = series.record(success) {
                let verdict = Verdict { script: script.name.clone(), serial, passed, reason: outcome.to_string() };
                if results.send(verdict).await.is_err() {
                    return;
                }
            }
            let passes = series.verdict().unwrap_or(success);
            for asker in askers.drain(..) {
                // Who asked may have gone.
                let _ = asker.send(Ran { success, outcome: outcome.to_string(), passes });
            }
            if timeout(period(&script), &mut gone).await.is_ok() {
                break;
            }
        }
    }
}

fn period(script: &Check) -> Duration {
    script.interval.max(Duration::from_millis(1))
}

fn starts(script: &Check, first: Instant) -> Interval {
    let mut starts = interval_at(first, period(script));
    starts.set_missed_tick_behavior(MissedTickBehavior::Skip);
    starts
}

/// The same verdict, with other numbers until the next one.
fn continued(series: &Hysteresis, script: &Check) -> Hysteresis {
    let mut continued = Hysteresis::new(script.rise, script.fall);
    if let Some(verdict) = series.verdict() {
        // The first result decides alone.
        let _ = continued.record(verdict);
    }
    continued
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::vrrpd::config::{Command, TrackWeight};
    use crate::vrrpd::exec::testing::{Dir, SOON, command, runs, until};

    fn script(command: Command, interval: Duration) -> Check {
        let one = NonZeroU32::MIN;
        let name = "chk".to_owned();
        Check {
            name,
            probe: Probe::Script(command),
            interval,
            timeout: SOON,
            rise: one,
            fall: one,
            weight: TrackWeight::default(),
        }
    }

    async fn next(verdicts: &mut Receiver<Verdict>) -> (String, bool, String) {
        let verdict = timeout(SOON, verdicts.recv()).await.unwrap().unwrap();
        (verdict.script, verdict.passed, verdict.reason)
    }

    const FAST: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn the_first_run_is_at_once_and_decides_alone() {
        let (results, mut verdicts) = channel(4);
        let mut slow_to_fall = script(command(&["false"]), NEVER);
        slow_to_fall.fall = NonZeroU32::new(3).unwrap();
        let _tracks = spawn(vec![slow_to_fall], results);
        assert_eq!(next(&mut verdicts).await, ("chk".to_owned(), false, "exit status 1".to_owned()));
    }

    #[tokio::test]
    async fn one_that_has_a_verdict_tells_changes_only_and_one_failure_is_none() {
        let dir = Dir::new();
        let mut check = script(dir.script("check", "echo >>$D/runs; exit 1"), FAST);
        check.fall = NonZeroU32::new(3).unwrap();
        let (results, mut verdicts) = channel(4);
        let known = |_: &Check| Some((true, "it did".to_owned()));
        let (tracks, told) = spawn_from(vec![check], known, results);
        assert!(told.len() == 1 && told[0].passed && told[0].reason == "it did" && tracks.is_current(&told[0]));
        assert!(!next(&mut verdicts).await.1);
        assert!(dir.lines("runs").len() >= 3, "not by the first one");
        tracks.stop().await;
    }

    #[tokio::test]
    async fn each_script_has_its_name_and_a_missing_one_fails() {
        let (results, mut verdicts) = channel(4);
        let named = |name: &str, words: &[&str]| Check { name: name.to_owned(), ..script(command(words), NEVER) };
        let scripts = [named("good", &["true"]), named("missing", &["/no/such/check"])];
        let _tracks = spawn(scripts.into(), results);
        let mut seen = [next(&mut verdicts).await, next(&mut verdicts).await];
        seen.sort();
        assert_eq!(
            seen,
            [
                ("good".to_owned(), true, "exit status 0".to_owned()),
                ("missing".to_owned(), false, "cannot run /no/such/check: No such file or directory".to_owned())
            ]
        );
    }

    #[tokio::test]
    async fn only_changes_are_told_and_rise_and_fall_count() {
        let dir = Dir::new();
        // The second failure in a row is run 5, the third success in a row is run 8.
        let body = "echo run >>$D/runs; case $(wc -l <$D/runs) in 2|4|5) exit 1;; *) exit 0;; esac";
        let mut check = script(dir.script("check", body), FAST);
        check.fall = NonZeroU32::new(2).unwrap();
        check.rise = NonZeroU32::new(3).unwrap();
        let (results, mut verdicts) = channel(4);
        let tracks = spawn(vec![check], results);
        for (passed, at_run) in [(true, 1), (false, 5), (true, 8)] {
            assert_eq!(next(&mut verdicts).await.1, passed);
            assert!(dir.lines("runs").len() >= at_run);
        }
        until("some more runs", || dir.lines("runs").len() > 12).await;
        tracks.stop().await;
        assert_eq!(verdicts.recv().await, None);
    }

    #[tokio::test]
    async fn a_run_that_times_out_fails_and_the_next_one_is_not_held_up() {
        let dir = Dir::new();
        let body = "echo $$ >>$D/runs; [ $(wc -l <$D/runs) -gt 1 ] || sleep 300";
        let mut check = script(dir.script("check", body), FAST);
        check.timeout = Duration::from_secs(2);
        let (results, mut verdicts) = channel(4);
        let _tracks = spawn(vec![check], results);
        assert_eq!(next(&mut verdicts).await.2, "timed out after 2 s, killed with its children");
        assert_eq!(next(&mut verdicts).await.2, "exit status 0");
        let first = dir.lines("runs")[0].parse().unwrap();
        assert!(!runs(first));
    }

    #[tokio::test]
    async fn runs_of_one_check_never_overlap() {
        let dir = Dir::new();
        let body = "mkdir $D/lock 2>/dev/null || echo overlap >>$D/overlaps; sleep 0.1; rmdir $D/lock; echo >>$D/runs";
        let (results, _verdicts) = channel(4);
        let tracks = spawn(vec![script(dir.script("check", body), FAST)], results);
        until("five runs", || dir.lines("runs").len() >= 5).await;
        tracks.stop().await;
        assert_eq!(dir.lines("overlaps"), [""; 0]);
    }

    #[tokio::test]
    async fn stopping_or_dropping_kills_what_runs() {
        for stop in [true, false] {
            let dir = Dir::new();
            let check = dir.script("check", "sleep 300 & echo $! >$D/child; wait");
            let (results, mut verdicts) = channel(4);
            let tracks = spawn(vec![script(check, NEVER)], results);
            let child = dir.pid("child").await;
            if stop {
                tracks.stop().await;
            } else {
                drop(tracks);
            }
            until("the child is dead", || !runs(child)).await;
            assert_eq!(verdicts.recv().await, None);
        }
    }

    #[tokio::test]
    async fn what_keeps_its_command_goes_on_with_its_run_and_its_verdict() {
        let dir = Dir::new();
        // Only the run that is under way at the change takes long.
        let body = "echo $$ >>$D/runs; [ $(wc -l <$D/runs) != 2 ] || until [ -e $D/go ]; do sleep 0.01; done";
        let kept = script(dir.script("check", body), FAST);
        let (results, mut verdicts) = channel(4);
        let mut checks = spawn(vec![kept.clone()], results);
        assert!(next(&mut verdicts).await.1);
        until("a second run", || dir.lines("runs").len() == 2).await;
        let other = Check { name: "another".to_owned(), ..script(command(&["false"]), NEVER) };
        let slower = Check { interval: NEVER, fall: NonZeroU32::new(2).unwrap(), ..kept };
        checks.replace(vec![other, slower]).await;
        assert_eq!(next(&mut verdicts).await.0, "another", "only what is new has a first verdict");
        assert!(runs(dir.lines("runs")[1].parse().unwrap()), "its run goes on");
        std::fs::write(dir.path("go"), "").unwrap();
        until("the run is over", || !runs(dir.lines("runs")[1].parse().unwrap())).await;
        checks.stop().await;
        assert_eq!((verdicts.recv().await, dir.lines("runs").len()), (None, 2), "from now on once an hour");
    }

    #[tokio::test]
    async fn another_command_begins_anew_and_what_is_gone_is_killed() {
        let dir = Dir::new();
        let hangs = |name: &str| {
            let command = dir.script(name, &format!("sleep 300 & echo $! >$D/{name}.child; wait"));
            Check { name: name.to_owned(), timeout: NEVER, ..script(command, NEVER) }
        };
        let quick = Check { name: "quick".to_owned(), ..script(command(&["true"]), NEVER) };
        let (results, mut verdicts) = channel(4);
        let mut checks = spawn(vec![hangs("gone"), hangs("changed"), quick.clone()], results);
        let children = [dir.pid("gone.child").await, dir.pid("changed.child").await];
        let late = timeout(SOON, verdicts.recv()).await.unwrap().unwrap();
        assert!(checks.is_current(&late));
        let changed = Check { name: "changed".to_owned(), ..script(command(&["true"]), NEVER) };
        checks.replace(vec![changed, Check { probe: Probe::Script(command(&["true", "again"])), ..quick }]).await;
        assert!(!checks.is_current(&late), "it is the word of the command before");
        until("the children are dead", || !children.iter().any(|child| runs(*child))).await;
        let mut seen = [next(&mut verdicts).await, next(&mut verdicts).await].map(|verdict| (verdict.0, verdict.1));
        seen.sort();
        assert_eq!(seen, [("changed".to_owned(), true), ("quick".to_owned(), true)]);
        checks.stop().await;
        assert_eq!(verdicts.recv().await, None);
    }

    #[tokio::test]
    async fn a_run_that_is_asked_for_is_told_and_counts() {
        let dir = Dir::new();
        let mut check = script(dir.script("check", "echo >>$D/runs; [ $(wc -l <$D/runs) = 1 ]"), NEVER);
        check.fall = NonZeroU32::new(2).unwrap();
        let (results, mut verdicts) = channel(4);
        let checks = spawn(vec![check], results);
        assert!(next(&mut verdicts).await.1);
        let ran = |passes| Ran { success: false, outcome: "exit status 1".to_owned(), passes };
        let asked = || async { timeout(SOON, checks.run_now("chk").unwrap()).await.unwrap() };
        assert_eq!(asked().await, Ok(ran(true)), "the first failure of two");
        assert_eq!(asked().await, Ok(ran(false)));
        assert!(!next(&mut verdicts).await.1);
        assert!(checks.run_now("other").is_none());
        assert_eq!(dir.lines("runs").len(), 3);
    }
}
