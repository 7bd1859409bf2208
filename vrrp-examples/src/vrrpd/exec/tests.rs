use std::time::Duration;

use super::testing::{Dir, SOON, command, runs, until};
use super::*;
use crate::vrrpd::config::User;

async fn outcome(command: &Command) -> Outcome {
    let (outcome, remains) = run(command, &[], SOON).await;
    remains.gone().await;
    outcome
}

async fn says(command: &Command) -> String {
    outcome(command).await.to_string()
}

#[tokio::test]
async fn the_end_of_a_command_is_told() {
    let dir = Dir::new();
    assert_eq!(says(&dir.script("ok", "exit 0")).await, "exit status 0");
    assert_eq!(says(&dir.script("bad", "exit 3")).await, "exit status 3");
    assert_eq!(
        says(&dir.script("talks", "echo starting >&2; echo 'no running copy' >&2; exit 1")).await,
        "exit status 1: no running copy"
    );
    assert_eq!(says(&dir.script("signal", "kill -SEGV $$")).await, "killed by signal 11 (SIGSEGV)");
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    let dir = Dir::new();
    let missing = dir.path("missing");
    let missing = missing.to_str().unwrap();
    assert_eq!(says(&command(&[missing])).await, format!("cannot run {missing}: No such file or directory"));

    let plain = dir.path("plain");
    std::fs::write(&plain, "#!/bin/sh\n").unwrap();
    let plain = plain.to_str().unwrap();
    assert_eq!(says(&command(&[plain])).await, format!("cannot run {plain}: Permission denied"));

    let script = dir.executable("script", "#!/no/such/interpreter\n");
    let path = &script.words[0];
    let expected = format!(
        "cannot run {path}: No such file or directory; the file is there, but the interpreter on its #! line is not"
    );
    assert_eq!(says(&script).await, expected);
    assert_eq!(says(&command(&[])).await, "cannot run a command without words");
}

#[tokio::test]
async fn a_program_without_a_slash_is_looked_for_in_the_path() {
    assert_eq!(says(&command(&["true"])).await, "exit status 0");
    // Which error it is depends on whether every directory of the path may be searched.
    let text = says(&command(&["no-such-program"])).await;
    assert!(text.starts_with("cannot run no-such-program: "), "{text}");
}

#[tokio::test]
async fn further_arguments_follow_the_configured_ones() {
    let dir = Dir::new();
    let mut script = dir.script("arguments", "printf '%s\\n' \"$@\" >$D/arguments.out");
    script.words.push("own word".to_owned());
    let (outcome, _) = run(&script, &["more".to_owned(), "INSTANCE".to_owned()], SOON).await;
    assert!(outcome.success(), "{outcome}");
    assert_eq!(dir.lines("arguments.out"), ["own word", "more", "INSTANCE"]);
}

#[tokio::test]
async fn too_long_a_run_is_killed_with_its_children() {
    let dir = Dir::new();
    let script = dir.script("slow", "sleep 300 & echo $! >$D/child; echo waiting >&2; echo $$ >$D/self; wait");
    // Long enough that the script has come to its wait, however busy the machine.
    let limit = Duration::from_secs(3);
    let (outcome, remains) = run(&script, &[], limit).await;
    assert_eq!(outcome.to_string(), "timed out after 3 s, killed with its children: waiting");
    remains.gone().await;
    let (child, itself) = (dir.pid("child").await, dir.pid("self").await);
    until("both are dead", || !runs(child) && !runs(itself)).await;
}

#[tokio::test]
async fn what_a_command_leaves_running_is_killed() {
    let dir = Dir::new();
    // The child has closed stderr: nothing but the group leads to it.
    let script = dir.script("leaves", "sleep 300 >/dev/null 2>&1 & echo $! >$D/child; exit 0");
    assert_eq!(says(&script).await, "exit status 0");
    let child = dir.pid("child").await;
    until("the child is dead", || !runs(child)).await;
}

#[tokio::test]
async fn a_descendant_that_left_the_group_holds_nothing_up() {
    let dir = Dir::new();
    let body = "export D; setsid sh -c 'echo $$ >$D/child; exec sleep 300' & \
                until [ -s $D/child ]; do sleep 0.01; done; echo no >&2; exit 1";
    let script = dir.script("leaves", body);
    assert_eq!(says(&script).await, "exit status 1: no");
    let escaped = nix::unistd::Pid::from_raw(dir.pid("child").await);
    nix::sys::signal::kill(escaped, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_talkative_command_never_waits_for_a_reader() {
    let dir = Dir::new();
    let script = dir.script("talks", "head -c 1000000 /dev/zero >&2; echo; echo done >&2; exit 4");
    let text = says(&script).await;
    assert!(text.starts_with("exit status 4: ") && text.ends_with("done"), "{text}");
}

#[tokio::test]
async fn dropping_the_run_kills_it() {
    let dir = Dir::new();
    let script = dir.script("long", "sleep 300 & echo $! >$D/child; wait");
    let task = tokio::spawn(async move { run(&script, &[], SOON).await });
    let child = dir.pid("child").await;
    assert!(runs(child));
    task.abort();
    until("the child is dead", || !runs(child)).await;
}

#[tokio::test]
async fn another_user_runs_it_or_it_fails() {
    let dir = Dir::new();
    let mut script = dir.script("whoami", "id -u >$D/uid; id -G >$D/groups");
    // A number that no system's users have, so that it is nobody's own.
    script.user = Some(User { user: "54321".to_owned(), group: Some("54322".to_owned()) });
    let text = says(&script).await;
    // Root of a user namespace can switch only to users that are mapped into it.
    let root_of_all = std::fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295");
    if nix::unistd::geteuid().is_root() && root_of_all {
        assert_eq!(text, "exit status 0");
        assert_eq!((dir.lines("uid"), dir.lines("groups")), (vec!["54321".to_owned()], vec!["54322".to_owned()]));
    } else {
        assert!(text.starts_with("cannot switch to user 54321, group 54322: "), "{text}");
    }
}

#[tokio::test]
async fn our_own_user_needs_no_switch() {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let mut command = command(&["true"]);
    command.user = Some(User { user: uid.to_string(), group: Some(gid.to_string()) });
    assert_eq!(says(&command).await, "exit status 0");
}

/// Tests a service with its own user and ambient capabilities. Only root can play that part.
#[test]
fn another_user_gets_no_capability_from_one_that_is_not_root() {
    const INSIDE: &str = "VRRPD_TEST_AS_ANOTHER_USER";
    let test = "vrrpd::exec::tests::another_user_gets_no_capability_from_one_that_is_not_root";
    let Some(directory) = std::env::var_os(INSIDE) else { return again_as_another_user(INSIDE, test) };
    assert!(!nix::unistd::geteuid().is_root());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for user in [None, Some(User { user: "54321".to_owned(), group: Some("54321".to_owned()) })] {
        let path = std::path::Path::new(&directory).join("check");
        let mut command = command(&[path.to_str().unwrap()]);
        command.user = user;
        assert_eq!(runtime.block_on(says(&command)), "exit status 0");
    }
}

fn again_as_another_user(inside: &str, test: &str) {
    let root_of_all = std::fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295");
    if !nix::unistd::geteuid().is_root() || !root_of_all {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let dir = Dir::new();
    // Fails, with the last of them as its message, where there is one.
    dir.script("check", "! grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | grep -v '0000000000000000$' >&2");
    let capabilities = "+setuid,+setgid,+kill,+net_admin";
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=54320", "--regid=54320", "--clear-groups", "--inh-caps", capabilities])
        .args(["--ambient-caps", capabilities])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(inside, dir.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
