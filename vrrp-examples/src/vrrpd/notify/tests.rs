use super::*;
use crate::vrrpd::exec::testing::{Dir, SOON, runs, until};
use NotifyState::{Backup, Fault, Master, Stop};

const LIMITS: Limits = Limits { script: Some(SOON), stop: Some(SOON) };

fn instance(name: &str) -> Subject {
    Subject::Instance(name.to_owned())
}

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
        ..Notify::default()
    };
    let notifier = spawn([(instance("proxy ip1"), scripts)], LIMITS);
    for (state, priority) in [(Backup, 100), (Master, 255), (Fault, 0)] {
        notifier.changed(&instance("proxy ip1"), state, priority);
    }
    until("six scripts have run", || dir.lines("log").len() == 6).await;
    notifier.changed(&instance("proxy ip1"), Stop, 1);
    notifier.shutdown().await;
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
    let body = "mkdir $D/lock || echo overlap >>$D/log; sleep 0.0$((9 - $4)); echo $3 $4 >>$D/log; rmdir $D/lock";
    let notifier = spawn([(instance("VI_1"), for_any(dir.script("any", body)))], LIMITS);
    let changes: Vec<_> = (0..10).map(|n| (if n % 2 == 0 { Master } else { Backup }, n)).collect();
    changes.iter().for_each(|&(state, n)| notifier.changed(&instance("VI_1"), state, n));
    notifier.shutdown().await;
    let expected: Vec<_> = changes.iter().map(|(state, n)| format!("{state} {n}")).collect();
    assert_eq!(dir.lines("log"), expected);
}

#[tokio::test]
async fn scripts_left_behind_skip_to_the_newest_state() {
    let dir = Dir::new();
    let body = "echo $4 >>$D/log; until [ -e $D/go ]; do sleep 0.01; done";
    let notifier = spawn([(instance("VI_1"), for_any(dir.script("any", body)))], LIMITS);
    notifier.changed(&instance("VI_1"), Master, 0);
    until("the first script runs", || dir.lines("log") == ["0"]).await;
    (1..=17).for_each(|n| notifier.changed(&instance("VI_1"), Backup, n));
    std::fs::write(dir.path("go"), "").unwrap();
    notifier.shutdown().await;
    assert_eq!(dir.lines("log"), ["0", "17"]);
}

#[tokio::test]
async fn instances_do_not_wait_for_each_other_and_a_failing_script_stops_nothing() {
    let dir = Dir::new();
    let slow = dir.script("slow", "until [ -e $D/go ]; do sleep 0.01; done; echo slow >>$D/log");
    let fails = dir.script("fails", "echo fails >>$D/log; exit 1");
    let missing = crate::vrrpd::exec::testing::command(&["/no/such/script"]);
    let notifier = spawn(
        [
            (instance("slow"), for_any(slow)),
            (instance("fails"), Notify { master: Some(missing), any: Some(fails), ..Notify::default() }),
        ],
        LIMITS,
    );
    notifier.changed(&instance("slow"), Master, 1);
    notifier.changed(&instance("fails"), Master, 1);
    notifier.changed(&instance("fails"), Backup, 1);
    notifier.changed(&instance("nobody"), Master, 1); // No such instance: nothing happens.
    until("the second instance is done", || dir.lines("log") == ["fails", "fails"]).await;
    std::fs::write(dir.path("go"), "").unwrap();
    notifier.shutdown().await;
    assert_eq!(dir.lines("log"), ["fails", "fails", "slow"]);
}

/// Whatever a script starts at the end of this line is killed together with it.
const FOR_EVER: &str = "sleep 300 & echo $! >$D/child; wait";

#[tokio::test]
async fn a_stop_cuts_off_what_runs_and_its_own_script_completes() {
    let dir = Dir::new();
    let any = dir.script("any", &format!("[ $3 = STOP ] || {{ {FOR_EVER}; }}; sleep 2; echo $3 >>$D/log"));
    let own = dir.script("own", "echo own >>$D/log");
    let scripts = Notify { any: Some(any), stop: Some(own), ..Notify::default() };
    let notifier = spawn([(instance("VI_1"), scripts)], Limits { script: None, ..LIMITS });
    notifier.changed(&instance("VI_1"), Master, 1);
    let child = dir.pid("child").await;
    notifier.changed(&instance("VI_1"), Backup, 1);
    notifier.changed(&instance("VI_1"), Stop, 1);
    notifier.shutdown().await;
    until("the child is dead", || !runs(child)).await;
    assert_eq!(dir.lines("log"), ["own", "STOP"], "what waited is left out");
}

#[tokio::test]
async fn a_stop_script_has_its_own_limit() {
    let dir = Dir::new();
    let script = dir.script("any", &format!("echo $3 >>$D/log; {FOR_EVER}"));
    let limits = Limits { script: None, stop: Some(Duration::from_millis(100)) };
    let notifier = spawn([(instance("VI_1"), for_any(script))], limits);
    notifier.changed(&instance("VI_1"), Stop, 1);
    let begun = Instant::now();
    notifier.shutdown().await;
    assert!(begun.elapsed() < SOON);
    // The shell may not have come to its child.
    until("no child runs", || dir.lines("child").iter().all(|child| !runs(child.parse().unwrap()))).await;
}

#[tokio::test]
async fn a_newer_state_does_not_wait_for_an_older_ones_script() {
    let dir = Dir::new();
    // Whoever leaves SIGTERM alone is killed.
    let body = format!("echo $3 $4 >>$D/log; [ $3 != MASTER ] || {{ trap '' TERM; {FOR_EVER}; }}");
    let notifier = spawn([(instance("VI_1"), for_any(dir.script("any", &body)))], LIMITS);
    notifier.changed(&instance("VI_1"), Master, 1);
    let child = dir.pid("child").await;
    (2..5).for_each(|n| notifier.changed(&instance("VI_1"), Backup, n));
    notifier.changed(&instance("VI_1"), Fault, 5);
    until("the newest is told", || dir.lines("log").len() == 2).await;
    assert_eq!(dir.lines("log"), ["MASTER 1", "FAULT 5"], "what nobody was told in between is left out");
    until("the child is dead", || !runs(child)).await;
    notifier.shutdown().await;
}

#[tokio::test]
async fn without_a_newer_state_the_limit_ends_a_script_or_nothing_does() {
    let dir = Dir::new();
    let script = |name: &str| for_any(dir.script(name, &format!("trap 'echo {name} >>$D/log; exit' TERM; {FOR_EVER}")));
    let limited = Limits { script: Some(Duration::from_millis(300)), stop: None };
    let limited = spawn([(instance("limited"), script("limited"))], limited);
    limited.changed(&instance("limited"), Master, 1);
    until("it is cut off", || dir.lines("log") == ["limited"]).await;
    limited.shutdown().await;

    let free = Limits { script: None, stop: None };
    let free = spawn([(instance("free"), script("free"))], free);
    std::fs::remove_file(dir.path("child")).unwrap();
    free.changed(&instance("free"), Master, 1);
    let child = dir.pid("child").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(runs(child));
    drop(free);
    until("dropping kills it", || !runs(child)).await;
}

/// Tests a directory service that does not answer, for one router of fifty.
#[tokio::test]
async fn one_slow_script_of_fifty_holds_nobody_up() {
    let dir = Dir::new();
    let body = "echo $3 >>\"$D/$2\"; [ $2 != 7 ] || sleep 75";
    let script = dir.script("any", body);
    let all = (0..50).map(|n| (instance(&n.to_string()), for_any(script.clone())));
    let notifier = spawn(all, LIMITS);
    for state in [Backup, Master, Fault] {
        (0..50).for_each(|n| notifier.changed(&instance(&n.to_string()), state, 1));
        let newest = |n: &i32| dir.lines(&n.to_string()).last() == Some(&state.to_string());
        until("all others are told", || (0..50).filter(|n| *n != 7).all(|n| newest(&n))).await;
        until("and so is the slow one", || newest(&7)).await;
    }
    (0..50).for_each(|n| notifier.changed(&instance(&n.to_string()), Stop, 1));
    let begun = Instant::now();
    drop(script);
    until("all are told of the stop", || (0..50).all(|n| dir.lines(&n.to_string()).last().unwrap() == "STOP")).await;
    assert!(begun.elapsed() < SOON);
    drop(notifier);
}

#[tokio::test]
async fn what_a_script_starts_in_the_background_lives_on_and_may_speak() {
    let dir = Dir::new();
    // It is in the script's group and holds its stderr.
    let body = "(until [ -e $D/go ]; do sleep 0.01; done; echo word >&2 && echo lives >>$D/log) & echo $! >$D/child";
    let notifier = spawn([(instance("VI_1"), for_any(dir.script("any", body)))], LIMITS);
    notifier.changed(&instance("VI_1"), Master, 1);
    let child = dir.pid("child").await;
    notifier.changed(&instance("VI_1"), Backup, 1);
    until("the next script has begun", || dir.lines("child") != [child.to_string()]).await;
    assert!(runs(child));
    std::fs::write(dir.path("go"), "").unwrap();
    until("both have spoken", || dir.lines("log") == ["lives", "lives"]).await;
    notifier.shutdown().await;
}

#[tokio::test]
async fn another_list_of_subjects_tells_nobody_that_stays_and_those_that_are_gone_that_they_stop() {
    let dir = Dir::new();
    let script = |name: &str| {
        for_any(dir.script(
            name,
            &format!("echo {name} $2 $3 $4 >>$D/log; [ $3 != FAULT ] || until [ -e $D/go ]; do sleep 0.01; done"),
        ))
    };
    let names = |names: &[&str], scripts: &Notify| -> Vec<(Subject, Notify)> {
        names.iter().map(|name| (instance(name), scripts.clone())).collect()
    };
    let (old, new) = (script("old"), script("new"));
    let mut notifier = spawn(names(&["stays", "goes"], &old), LIMITS);
    notifier.changed(&instance("goes"), Master, 1);
    until("it is told", || dir.lines("log") == ["old goes MASTER 1"]).await;
    notifier.changed(&instance("stays"), Fault, 2);
    until("it is told", || dir.lines("log").len() == 2).await;
    notifier.changed(&instance("stays"), Backup, 3);
    notifier.replace(names(&["new", "stays"], &new), |_| 9);
    until("the stop is told", || dir.lines("log").len() == 3).await;
    notifier.changed(&instance("goes"), Master, 4);
    std::fs::write(dir.path("go"), "").unwrap();
    until("what waited is told", || dir.lines("log").len() == 4).await;
    let so_far = ["old goes MASTER 1", "old stays FAULT 2", "old goes STOP 9", "new stays BACKUP 3"];
    assert_eq!(dir.lines("log"), so_far, "a script that ran goes on, and the next change has the new one");

    // It comes back, whether its worker has ended or not; then a stop is told once.
    notifier.replace(names(&["goes"], &new), |_| 5);
    until("the two others stop", || dir.lines("log").len() == 6).await;
    notifier.replace(names(&["goes", "stays"], &new), |_| 5);
    notifier.changed(&instance("goes"), Stop, 6);
    notifier.changed(&instance("goes"), Stop, 6);
    notifier.changed(&instance("stays"), Master, 7);
    notifier.shutdown().await;
    let mut rest = dir.lines("log").split_off(4);
    rest.sort();
    assert_eq!(rest, ["new goes STOP 6", "new new STOP 5", "new stays MASTER 7", "new stays STOP 5"]);
}

#[tokio::test]
async fn scripts_that_are_taken_away_and_given_back_are_told_of_what_comes_then() {
    let dir = Dir::new();
    let script = for_any(dir.script("any", "echo $3 >>$D/log"));
    let mut notifier = spawn([(instance("a"), script.clone())], LIMITS);
    notifier.replace([(instance("a"), Notify::default())], |_| 1);
    notifier.changed(&instance("a"), Master, 1);
    tokio::task::yield_now().await;
    notifier.replace([(instance("a"), script)], |_| 1);
    notifier.changed(&instance("a"), Backup, 1);
    notifier.shutdown().await;
    assert_eq!(dir.lines("log"), ["BACKUP"]);
}
