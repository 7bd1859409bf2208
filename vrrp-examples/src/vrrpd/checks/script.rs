//! A program whose exit status is the result of the check.

use std::time::Duration;

use vrrp_io_linux::checks::{Outcome, Reading, Remains};

use crate::vrrpd::config::Command;
use crate::vrrpd::exec;

/// Runs it. What takes longer is killed with all its children; what of it is still there after that remains.
pub(super) async fn look(command: &Command, timeout: Duration) -> (Outcome, Remains) {
    let (outcome, remains) = exec::run(command, &[], timeout).await;
    let reading = if outcome.success() { Reading::Passing } else { Reading::Failing };
    (Outcome { reading, reason: outcome.to_string() }, Remains::until(remains.gone()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::sync::mpsc::{Receiver, channel};
    use tokio::time::timeout;
    use vrrp_io_linux::checks::{Check, Ran, Verdict, spawn, spawn_from};

    use super::*;
    use crate::vrrpd::config::Probe;
    use crate::vrrpd::exec::testing::{Dir, SOON, command, runs, until};

    fn script(command: Command, interval: Duration) -> Check<Probe> {
        let one = NonZeroU32::MIN;
        let name = "chk".to_owned();
        Check { name, target: Probe::Script(command), interval, timeout: SOON, rise: one, fall: one }
    }

    async fn next(verdicts: &mut Receiver<Verdict>) -> (String, bool, String) {
        let verdict = timeout(SOON, verdicts.recv()).await.unwrap().unwrap();
        (verdict.check.clone(), verdict.passed(), verdict.reason)
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
        let known = |_: &Check<Probe>| Some((Reading::Passing, "it did".to_owned()));
        let (tracks, told) = spawn_from(vec![check], known, results);
        assert!(told.len() == 1 && told[0].passed() && told[0].reason == "it did" && tracks.is_current(&told[0]));
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
        checks.replace(vec![changed, Check { target: Probe::Script(command(&["true", "again"])), ..quick }]).await;
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
