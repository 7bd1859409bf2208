//! `vrrpctl` as a shell sees it.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
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

/// A daemon that says `answer`, which may be several lines, to whatever is asked.
fn says(path: &Path, answer: &str) -> JoinSet<()> {
    let (socket, answer) = (UnixListener::bind(path).unwrap(), format!("{answer}\n"));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((client, _)) = socket.accept().await {
            let (reader, mut writer) = client.into_split();
            BufReader::new(reader).lines().next_line().await.unwrap();
            writer.write_all(answer.as_bytes()).await.unwrap();
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

#[tokio::test]
async fn a_broken_file_is_told_with_its_places_and_status_1() {
    let path = socket("broken");
    let text =
        "a.conf:2:3: error: unknown keyword `prority`\n2 |   prority 100\n\na.conf would not run: nothing was changed";
    let finding =
        json!({"severity": "error", "file": "a.conf", "line": 2, "column": 3, "message": "unknown keyword `prority`"});
    let refused =
        json!({"kind": "invalid-configuration", "file": "a.conf", "diagnostics": [finding], "text": "excerpt"});
    let answer = json!({"v": 1, "error": text, "refused": refused}).to_string();
    let _daemon = says(&path, &format!("{{\"v\":1,\"pending\":\"reload\"}}\n{answer}"));
    for words in [&["reload"][..], &["diff", "a.conf"]] {
        let output = vrrpctl(&path, words, Stdio::piped()).await;
        assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("{text}\n"));

        let output = vrrpctl(&path, &[words, &["--json"]].concat(), Stdio::piped()).await;
        assert_eq!(output.status.code(), Some(1));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed, json!({"error": text, "refused": refused}));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("{text}\n"));
    }
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn the_exit_status_says_whether_it_was_done() {
    for (test, words, answer, status, stdout, stderr) in [
        (
            "changed",
            &["reload"][..],
            r#"{"v":1,"ok":{"file":"/a","changes":[{"what":"router","name":"a","how":"added"}],"undisturbed":1}}"#,
            0,
            "/a: 1 change; 1 virtual router goes on undisturbed\n  new       router a\n",
            "",
        ),
        (
            "away",
            &["drain", "--all"],
            r#"{"v":1,"ok":{"routers":[{"router":"a","outcome":"handed-over","to":"192.0.2.2"}]}}"#,
            0,
            "a: 192.0.2.2 has taken over\n",
            "",
        ),
        (
            "here",
            &["drain", "a"],
            r#"{"v":1,"ok":{"routers":[{"router":"a","outcome":"nobody-took-over"}]}}"#,
            1,
            "a: nobody took over; still Master here, at the lowered priority\n",
            "",
        ),
        (
            "check",
            &["check", "c"],
            r#"{"v":1,"ok":{"check":"c","passed":false,"result":"exit status 1","verdict":false}}"#,
            1,
            "c: failed: exit status 1\n",
            "",
        ),
        (
            "unknown",
            &["stop", "b"],
            r#"{"v":1,"error":"no virtual router is called \"b\"; there is only a","refused":{"kind":"no-such-router","name":"b","known":["a"]}}"#,
            1,
            "",
            "vrrpctl: vrrpd says: no virtual router is called \"b\"; there is only a\n",
        ),
    ] {
        let path = socket(test);
        let _daemon = says(&path, answer);
        let output = vrrpctl(&path, words, Stdio::piped()).await;
        let said = (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert_eq!(said, (Some(status), stdout.to_owned(), stderr.to_owned()));
        fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn a_recording_goes_to_a_file_for_its_owner_alone() {
    let (path, folder) = (socket("recorded"), socket("recordings"));
    let _daemon = says(&path, r#"{"v":1,"ok":{"recording":"first\nlast\n"}}"#);
    fs::create_dir(&folder).unwrap();
    let (file, link) = (folder.join("file"), folder.join("link"));
    fs::write(&file, "everybody reads this").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    symlink(&file, &link).unwrap();
    let to = |path: &Path| ["record", "--to", path.to_str().unwrap()].map(str::to_owned);
    let record = async |words: &[String]| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = vrrpctl(&path, &words, Stdio::piped()).await;
        assert!(output.stdout.is_empty());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(record(&to(&file)).await, (Some(0), String::new()));
    assert_eq!(fs::read_to_string(&file).unwrap(), "first\nlast\n");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // What is no ordinary file stays as it is.
    let why = format!("vrrpctl: cannot write {}: this is no ordinary file\n", link.display());
    assert_eq!(record(&to(&link)).await, (Some(1), why));
    assert!(link.is_symlink());

    // vrrp-replay reads no JSON around it.
    let (status, why) = record(&[&to(&file)[..], &["--json".to_owned()]].concat()).await;
    assert!(status == Some(2) && why.contains("'--json' cannot be used with '--to <FILE>'"), "{why}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing is left over");
    fs::remove_dir_all(&folder).unwrap();
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_status_2() {
    let path = socket("senseless");
    for words in [&["explode"][..], &["drain"], &["priority", "a", "256"], &[]] {
        let output = vrrpctl(&path, words, Stdio::piped()).await;
        assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]), "{words:?}");
    }
}
