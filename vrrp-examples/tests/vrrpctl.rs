//! `vrrpctl` as a shell sees it.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use vrrp_examples::vrrpd::control::status::Status;

/// The answer of a daemon with one router, as JSON on one line.
const STATUS: &str = r#"{"version":"0.1.0","routers":[{"name":"VI_1","interface":"eth0","family":"IPv4","vrid":1,"state":"Backup","priority":100,"configured_priority":100,"addresses":[],"faults":[],"trackers":[],"master":null,"other_master":null,"since":{"seconds":1.5,"at":"2026-03-01T03:00:05Z"},"cause":"startup","counters":{}}]}"#;

/// A path for the socket of the test with this name.
fn socket(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("vrrpctl-test-{}-{test}", std::process::id()))
}

/// A daemon of any release that answers on `path` as long as the test runs.
fn daemon(path: &Path) -> JoinSet<()> {
    let socket = UnixListener::bind(path).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((client, _)) = socket.accept().await {
            let (reader, mut writer) = client.into_split();
            let mut lines = BufReader::new(reader).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                assert_eq!(line, r#"{"v":1,"verb":"status"}"#);
                writer.write_all(format!("{{\"v\":1,\"ok\":{STATUS}}}\n").as_bytes()).await.unwrap();
            }
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
    let _daemon = daemon(&path);
    let output = vrrpctl(&path, &["status"], Stdio::piped()).await;
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("VI_1: Backup on eth0, IPv4, VRID 1\n"), "{text}");

    let output = vrrpctl(&path, &["status", "--json"], Stdio::piped()).await;
    assert_eq!(output.status.code(), Some(0));
    let expected: Status = serde_json::from_str(STATUS).unwrap();
    assert_eq!(serde_json::from_slice::<Status>(&output.stdout).unwrap(), expected);
    fs::remove_file(&path).unwrap();
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
    fs::remove_file(&path).unwrap();
}
