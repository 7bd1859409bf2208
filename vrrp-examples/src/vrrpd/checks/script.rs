//! Running the configured checks on their schedule. What their results mean is the core's arithmetic.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use vrrp_core::Hysteresis;

use crate::vrrpd::checks::Verdict;
use crate::vrrpd::config::Script;
use crate::vrrpd::exec;

/// Starts all checks on the current tokio runtime, each at once and then at its interval, counted from start to start.
///
/// The first result of each is a verdict, then each change. A start that finds the last run still going is left out.
/// Checks wait for room in `results` and end when its receiver is gone.
#[must_use = "dropping it stops the checks"]
pub fn spawn(scripts: Vec<Script>, results: Sender<Verdict>) -> Tracks {
    let mut tasks = JoinSet::new();
    for (index, script) in scripts.into_iter().enumerate() {
        tasks.spawn(check(index, script, results.clone()));
    }
    Tracks { tasks }
}

/// The running checks. Dropping it stops them and kills what runs, children included.
#[derive(Debug)]
pub struct Tracks {
    tasks: JoinSet<()>,
}

impl Tracks {
    /// Stops the checks; on return everything that ran has been killed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn check(index: usize, script: Script, results: Sender<Verdict>) {
    let period = script.interval.max(Duration::from_millis(1));
    let mut starts = interval(period);
    starts.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut series = Hysteresis::new(script.rise, script.fall);
    loop {
        starts.tick().await;
        let (outcome, remains) = exec::run(&script.command, &[], script.timeout).await;
        tracing::debug!("check {}: {outcome}", script.name);
        let mut gone = pin!(remains.gone());
        // A run that not even SIGKILL ends (stuck on a dead file server) must not save the check from failing:
        // it counts once more for every interval that it blocks.
        loop {
            if let Some(passed) = series.record(outcome.success()) {
                let verdict = Verdict { script: index, passed, reason: outcome.to_string() };
                if results.send(verdict).await.is_err() {
                    return;
                }
            }
            if timeout(period, &mut gone).await.is_ok() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::vrrpd::config::{Command, TrackWeight};
    use crate::vrrpd::exec::testing::{Dir, SOON, command, runs, until};

    fn script(command: Command, interval: Duration) -> Script {
        let one = NonZeroU32::MIN;
        let name = "chk".to_owned();
        Script { name, command, interval, timeout: SOON, rise: one, fall: one, weight: TrackWeight::default() }
    }

    async fn next(verdicts: &mut Receiver<Verdict>) -> (usize, bool, String) {
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
        assert_eq!(next(&mut verdicts).await, (0, false, "exit status 1".to_owned()));
    }

    #[tokio::test]
    async fn each_script_has_its_index_and_a_missing_one_fails() {
        let (results, mut verdicts) = channel(4);
        let scripts = [&["true"][..], &["/no/such/check"]].map(|words| script(command(words), NEVER));
        let _tracks = spawn(scripts.into(), results);
        let mut seen = [next(&mut verdicts).await, next(&mut verdicts).await];
        seen.sort();
        assert_eq!(
            seen,
            [
                (0, true, "exit status 0".to_owned()),
                (1, false, "cannot run /no/such/check: No such file or directory".to_owned())
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
}
