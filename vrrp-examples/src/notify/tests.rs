use super::*;
use crate::exec::testing::{Dir, SOON, runs, until};
use NotifyState::{Backup, Fault, Master, Stop};

fn for_any(script: Command) -> Notify {
    Notify { any: Some(script), ..Notify::default() }
}

#[tokio::test]
async fn the_script_of_the_state_comes_first_then_the_one_for_all_with_its_arguments() {
    let dir = Dir::new();
    let script = |name: &str| Some(dir.script(name, &format!("echo {name} \"$@\" >>$D/log")));
    let scripts = Notify {
        master: script("master"),
        backup: script("backup"),
        fault: script("fault"),
        stop: script("stop"),
        any: script("any"),
    };
    let notifier = spawn([(Subject::Instance("proxy ip1".to_owned()), scripts)]);
    for (state, priority) in [(Backup, 100), (Master, 255), (Fault, 0), (Stop, 1)] {
        notifier.changed(0, state, priority);
    }
    notifier.shutdown(SOON).await;
    let expected = [
        "backup",
        "any INSTANCE proxy ip1 BACKUP 100",
        "master",
        "any INSTANCE proxy ip1 MASTER 255",
        "fault",
        "any INSTANCE proxy ip1 FAULT 0",
        "stop",
        "any INSTANCE proxy ip1 STOP 1",
    ];
    assert_eq!(dir.lines("log"), expected);
}

#[tokio::test]
async fn fast_flapping_is_told_in_order_and_never_at_once() {
    let dir = Dir::new();
    // Later runs are faster: any that did not wait would overtake.
    let body = "mkdir $D/lock || echo overlap >>$D/log; sleep 0.$((9 - $4)); echo $3 $4 >>$D/log; rmdir $D/lock";
    let notifier = spawn([(Subject::Instance("VI_1".to_owned()), for_any(dir.script("any", body)))]);
    let changes: Vec<_> = (0..10).map(|n| (if n % 2 == 0 { Master } else { Backup }, n)).collect();
    changes.iter().for_each(|&(state, n)| notifier.changed(0, state, n));
    notifier.shutdown(SOON).await;
    let expected: Vec<_> = changes.iter().map(|(state, n)| format!("{state} {n}")).collect();
    assert_eq!(dir.lines("log"), expected);
}

#[tokio::test]
async fn scripts_left_behind_skip_to_the_newest_state() {
    let dir = Dir::new();
    let body = "echo $4 >>$D/log; until [ -e $D/go ]; do sleep 0.01; done";
    let notifier = spawn([(Subject::Instance("VI_1".to_owned()), for_any(dir.script("any", body)))]);
    notifier.changed(0, Master, 0);
    until("the first script runs", || dir.lines("log") == ["0"]).await;
    (1..=17).for_each(|n| notifier.changed(0, Backup, n));
    std::fs::write(dir.path("go"), "").unwrap();
    notifier.shutdown(SOON).await;
    assert_eq!(dir.lines("log"), ["0", "17"]);
}

#[tokio::test]
async fn instances_do_not_wait_for_each_other_and_a_failing_script_stops_nothing() {
    let dir = Dir::new();
    let slow = dir.script("slow", "until [ -e $D/go ]; do sleep 0.01; done; echo slow >>$D/log");
    let fails = dir.script("fails", "echo fails >>$D/log; exit 1");
    let missing = crate::exec::testing::command(&["/no/such/script"]);
    let notifier = spawn([
        (Subject::Instance("slow".to_owned()), for_any(slow)),
        (
            Subject::Instance("fails".to_owned()),
            Notify { master: Some(missing), any: Some(fails), ..Notify::default() },
        ),
    ]);
    notifier.changed(0, Master, 1);
    notifier.changed(1, Master, 1);
    notifier.changed(1, Backup, 1);
    notifier.changed(2, Master, 1); // No such instance: nothing happens.
    until("the second instance is done", || dir.lines("log") == ["fails", "fails"]).await;
    std::fs::write(dir.path("go"), "").unwrap();
    notifier.shutdown(SOON).await;
    assert_eq!(dir.lines("log"), ["fails", "fails", "slow"]);
}

#[tokio::test]
async fn shutdown_kills_what_takes_longer() {
    let dir = Dir::new();
    let script = dir.script("any", "echo $3 >>$D/log; sleep 300 & echo $! >$D/child; wait");
    let notifier = spawn([(Subject::Instance("VI_1".to_owned()), for_any(script))]);
    notifier.changed(0, Master, 1);
    notifier.changed(0, Stop, 1);
    let child = dir.pid("child").await;
    notifier.shutdown(Duration::from_millis(50)).await;
    until("the child is dead", || !runs(child)).await;
    assert_eq!(dir.lines("log"), ["MASTER"]);
}
