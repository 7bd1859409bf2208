//! `squid-failover` itself, with the built-in proxy: by itself, and beside Debian's keepalived, both ways round.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "report_page/browser.rs"]
#[allow(dead_code, reason = "this test needs little of it")]
mod browser;
#[path = "../../vrrp-io-linux/src/testing.rs"]
mod testing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};
use testing::{missing, skip};
use vrrp_core::record::{Entry, Event, Recording};

fn squid_failover(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_squid-failover")).args(arguments).output()
}

/// The outcomes of a run in which every check passed, and what each vrrpd recorded in each came out of the core again; `None` where
/// the kernel refuses namespaces.
fn passed(test: &str, arguments: &[&str]) -> Option<(Vec<Value>, Recordings)> {
    let recordings = Recordings::new(test);
    let directory = recordings.directory.to_str().unwrap();
    let output = squid_failover(&[&["--proxy", "builtin", "--json", "--recordings", directory], arguments].concat());
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("squid-failover: {error}"));
    let progress = String::from_utf8_lossy(&stderr);
    if progress.contains("the kernel refuses") {
        skip(test, &progress);
        return None;
    }
    let result: Value = serde_json::from_slice(&stdout).unwrap_or_else(|_| panic!("{progress}"));
    assert!(status.success() && result["passed"] == true, "{progress}{result:#}");
    let files: Vec<PathBuf> = fs::read_dir(&recordings.directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        let (status, story, said) = replay(&file, &["--quiet"]);
        assert!(status == Some(0) && story.starts_with("agrees: "), "{}: {story}{said}", file.display());
    }
    Some((result["outcomes"].as_array().cloned()?, recordings))
}

/// The directory for the recordings of a lab, which goes with the test.
struct Recordings {
    directory: PathBuf,
}

impl Recordings {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("vrrp-lab-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        Self { directory }
    }
}

impl Drop for Recordings {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The exit status, the story and the complaints of `vrrp-replay`.
fn replay(file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vrrp-replay")).arg(file).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_stopped_daemon_is_taken_over_from_and_takes_back() {
    let test = "a_stopped_daemon_is_taken_over_from_and_takes_back";
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("squid-failover.html");
    let Some((outcomes, _recordings)) = passed(test, &["--only", "4", "--report", report.to_str().unwrap()]) else {
        return;
    };
    let outcome = &outcomes[0];
    assert_eq!(outcome["check"], "4");
    assert_eq!(outcome["lost_by_name"], 0);
    assert_eq!(outcome["minimum_ms"], 609.375);
    assert!(outcome["lost"].as_u64().is_some_and(|lost| lost > 0), "a takeover costs requests: {outcome:#}");
    assert!(outcome["holders"][0].as_str().is_some_and(|holders| holders.ends_with("none > 02 > 01")), "{outcome:#}");
    assert_eq!(outcome["holders"][1], "02");
    is_shown(test, &report, outcome);
}

/// The report says of a takeover what the table says, and a browser draws it without a complaint.
fn is_shown(test: &str, report: &Path, outcome: &Value) {
    let page = fs::read_to_string(report).unwrap();
    let (_, data) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let check = &data[0];
    assert_eq!(
        (data.as_array().unwrap().len(), &check["title"], &check["passed"]),
        (1, &json!("(4) VRRP daemon of 01: SIGTERM"), &json!(true))
    );
    // Lanes 0 and 1: virtual router 1 on both hosts.
    let story: Vec<_> = check["states"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|state| state[1] == 0)
        .map(|state| state[2].as_str().unwrap())
        .collect();
    assert_eq!(story, ["master", "down", "master"], "{check:#}");
    let sent = check["advertisements"].as_array().unwrap();
    assert!(sent.iter().any(|sent| sent[1] == 0 && sent[3] == "release" && sent[4][0][1] == "heard"), "{check:#}");
    assert!(sent.iter().any(|sent| sent[1] == 1 && sent[3] == "regular" && sent[4][0][1] == "unheard"), "{check:#}");
    assert_eq!(check["outages"][0][0], 0, "the client of the first address waited");

    if let Some(program) = missing(&browser::PROGRAMS) {
        return skip(test, &format!("{program} is not installed (packages chromium and chromium-driver)"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (took, complaints) = runtime.block_on(async {
        let browser = browser::Browser::start().await;
        browser.open(report).await;
        let took = browser.run("return page.model.groups[0].takeovers.filter((one) => one.before === 'gone').map((one) => (one.at - one.lastWord) / 1e6)").await;
        browser.screenshot("squid-failover.png").await;
        let complaints = browser.complaints().await;
        browser.end().await;
        (took, complaints)
    });
    assert_eq!(complaints, [""; 0]);
    let table = outcome["takeover_ms"].as_f64().unwrap();
    assert!((took[0].as_f64().unwrap() - table).abs() < 0.001, "{took} and {table}");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_made() {
    let output = squid_failover(&["--report", "/nowhere/report.html"]).unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("--report /nowhere/report.html: it cannot be written: No such file"), "{message}");
}

#[test]
fn no_address_outlives_its_daemon_on_two_hosts() {
    let test = "no_address_outlives_its_daemon_on_two_hosts";
    let Some((outcomes, Recordings { directory })) = &passed(test, &["--only", "5,7"]) else { return };
    for check in ["5", "7"] {
        for host in ["01", "02"] {
            replays(directory, &format!("{check}-proxy-serv{host}.vrrp-recording"), host == "02");
        }
    }
    for outcome in outcomes {
        assert_eq!(outcome["both_after_failure_ms"], 0.0, "{outcome:#}");
        let holders = outcome["holders"][0].as_str().unwrap_or_default();
        assert!(holders.starts_with("01 > none > 02"), "{outcome:#}");
    }
}

/// What a host recorded comes out of the core again to the last octet, and one octet that is another is found.
fn replays(directory: &Path, file: &str, takes_over: bool) {
    let file = directory.join(file);
    let text = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (status, story, said) = replay(&file, &[]);
    assert_eq!((status, &*said), (Some(0), ""), "{story}");
    assert!(story.lines().last().unwrap().starts_with("agrees: ") && !story.contains("not replayed"), "{story}");
    assert!(story.contains(" -> Master: "), "{story}");
    assert!(!takes_over || story.contains(" was silent for "), "{story}");

    let flipped = text.iter().position(|octet| *octet == b'\n').unwrap() * 3;
    let mut other = text.clone();
    other[flipped] ^= 1;
    fs::write(&file, other).unwrap();
    let (status, story, said) = replay(&file, &[]);
    let line = text[..flipped].iter().filter(|octet| **octet == b'\n').count() + 1;
    assert_eq!((status, &*story), (Some(2), ""));
    assert!(said.contains(&format!(": line {line}: damaged: ")), "{said}");

    // With a checksum that fits it is the core that finds it.
    let mut recording = Recording::from_text(&text).unwrap();
    let is_sent = |entry: &Entry| matches!(entry.event, Event::Encoded(_));
    let place = recording.entries().iter().rposition(is_sent).unwrap();
    let Event::Encoded(message) = &mut recording.entries_mut()[place].event else { unreachable!() };
    *Arc::make_mut(message).octets.last_mut().unwrap() ^= 1;
    fs::write(&file, recording.to_text()).unwrap();
    let (status, story, _) = replay(&file, &["--quiet"]);
    assert_eq!(status, Some(1), "{story}");
    assert!(story.contains(&format!("differs in entry {}", place + 1)), "{story}");
}

/// The three failures of the article and a stop, each with the way back; an address on both hosts fails a check. Each direction has
/// one of the two ways in which an interface fails.
#[test]
fn keepalived_takes_over_from_vrrpd_and_yields_to_it() {
    let test = "keepalived_takes_over_from_vrrpd_and_yields_to_it";
    beside_keepalived(test, "vrrpd", "keepalived", &["1a", "2b", "3", "4"]);
}

#[test]
fn vrrpd_takes_over_from_keepalived_and_yields_to_it() {
    let test = "vrrpd_takes_over_from_keepalived_and_yields_to_it";
    let mut failures = vec!["1b", "2a", "3", "4"];
    // Without root keepalived cannot switch to the user of its checks, and then runs without them.
    if !nix::unistd::geteuid().is_root() {
        skip(test, "keepalived runs no checks without root: leaving out check 3");
        failures.retain(|check| *check != "3");
    }
    beside_keepalived(test, "keepalived", "vrrpd", &failures);
}

fn beside_keepalived(test: &str, first: &str, second: &str, checks: &[&str]) {
    if let Some(program) = missing(&["keepalived"]) {
        return skip(test, &format!("{program} is not installed"));
    }
    let Some((outcomes, _)) = passed(test, &["--daemon", first, "--peer", second, "--only", &checks.join(",")]) else {
        return;
    };
    let seen: Vec<_> = outcomes.iter().filter_map(|outcome| outcome["check"].as_str()).collect();
    assert_eq!(seen, checks);
}

#[test]
fn an_unknown_check_is_refused_before_anything_is_made() {
    let output = squid_failover(&["--only", "4,9"]).unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("--only 9: there is no such check; there are 1a, 1b, 1c, 2a"), "{message}");
}
