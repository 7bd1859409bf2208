//! `vrrpctl` as a shell sees it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vrrp_examples::vrrpd::control::{ControlSocket, Request, RouterStatus, Since, Status, serve};

fn status() -> Status {
    let router = RouterStatus {
        name: "VI_1".to_owned(),
        interface: "eth0".to_owned(),
        family: "IPv4".to_owned(),
        vrid: 1,
        state: "Backup".to_owned(),
        priority: 100,
        configured_priority: 100,
        addresses: vec![],
        faults: vec![],
        trackers: vec![],
        master: None,
        other_master: None,
        since: Some(Since { seconds: 1.5, at: "2026-03-01T03:00:05Z".to_owned() }),
        cause: "startup".to_owned(),
        counters: BTreeMap::new(),
    };
    Status { version: "0.1.0".to_owned(), routers: vec![router] }
}

/// A path for the socket of the test with this name.
fn socket(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("vrrpctl-test-{}-{test}", std::process::id()))
}

/// A daemon that answers on `path` as long as the test runs.
fn daemon(path: &Path) -> JoinSet<()> {
    let (requests, mut queue) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(ControlSocket::bind(path).unwrap(), requests));
    tasks.spawn(async move {
        while let Some(Request::Status(reply)) = queue.recv().await {
            let _ = reply.send(status());
        }
    });
    tasks
}

async fn vrrpctl(path: &Path, words: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrrpctl"));
    command.args(words).arg("--control").arg(path).stdout(stdout).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().await.unwrap()
}

#[tokio::test]
async fn status_prints_text_or_json() {
    let path = socket("prints");
    let mut daemon = daemon(&path);

    let output = vrrpctl(&path, &["status"], Stdio::piped()).await;
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("VI_1: Backup on eth0, IPv4, VRID 1\n"), "{text}");

    let output = vrrpctl(&path, &["status", "--json"], Stdio::piped()).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(serde_json::from_slice::<Status>(&output.stdout).unwrap(), status());

    daemon.shutdown().await;
    assert!(!path.exists(), "the daemon removes its socket");
}

#[tokio::test]
async fn without_a_daemon_it_fails_and_says_so() {
    let path = socket("nobody");
    let output = vrrpctl(&path, &["status"], Stdio::piped()).await;
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "vrrpctl: no vrrpd on {}: there is no such socket; is vrrpd running, and with this --control?\n",
        path.display()
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

#[tokio::test]
async fn a_reader_that_goes_early_is_no_error_but_a_full_disk_is() {
    let path = socket("pipe");
    let _daemon = daemon(&path);
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    let output = vrrpctl(&path, &["status"], writer.into()).await;
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));

    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = vrrpctl(&path, &["status"], full.into()).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("vrrpctl: cannot write the answer: "));
}
