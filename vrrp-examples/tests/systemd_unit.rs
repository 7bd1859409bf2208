//! The unit file, as systemd reads it.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../vrrp-io-linux/src/testing.rs"]
mod testing;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use testing::{missing, skip};

const UNIT: &str = include_str!("../systemd/vrrpd.service");

/// What older versions say to lines that they do not know, and the first version that knows each.
const UNKNOWN_BEFORE: [(u32, &str); 3] = [
    (253, "Failed to parse service type, ignoring: notify-reload"),
    (253, "Unknown key 'ReloadSignal' in section [Service], ignoring."),
    (254, "Unknown key 'FileDescriptorStorePreserve' in section [Service], ignoring."),
];

/// What systemd-analyze calls the exposure, times ten. Scripts run inside the unit as root, and must be able to do what root
/// can; this only notices what is lost.
const EXPOSURE: &str = "--threshold=85";

/// The unit with programs that are there, in a directory that goes with the test.
struct Installed(PathBuf);

impl Installed {
    fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("vrrpd-unit-{}-{test}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let unit =
            UNIT.replace("/usr/local/sbin/vrrpd ", "/bin/true ").replace("/usr/local/bin/vrrpctl ", "/bin/true ");
        assert!(!unit.contains("=/usr/local"), "no other program than these");
        fs::write(dir.join("vrrpd.service"), unit).unwrap();
        Self(dir)
    }

    fn analyze(&self, words: &[&str]) -> Output {
        Command::new("systemd-analyze").args(words).arg(self.0.join("vrrpd.service")).output().unwrap()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn version() -> u32 {
    let output = Command::new("systemd-analyze").arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().nth(1).and_then(|version| version.split('.').next()?.parse().ok()).unwrap()
}

#[test]
fn systemd_understands_every_line() {
    if missing(&["systemd-analyze"]).is_some() {
        return skip("systemd_understands_every_line", "systemd-analyze (package systemd) is not installed");
    }
    let output = Installed::new("verify").analyze(&["verify", "--man=no"]);
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{complaints}");
    let version = version();
    let known = |line: &&str| UNKNOWN_BEFORE.iter().any(|(first, unknown)| version < *first && line.ends_with(unknown));
    let others: Vec<&str> = complaints.lines().filter(|line| line.contains("vrrpd.service") && !known(line)).collect();
    assert_eq!(others, [""; 0]);
}

#[test]
fn the_unit_is_no_more_exposed_than_scripts_need() {
    if missing(&["systemd-analyze"]).is_some() {
        return skip(
            "the_unit_is_no_more_exposed_than_scripts_need",
            "systemd-analyze (package systemd) is not installed",
        );
    }
    let output = Installed::new("security").analyze(&["security", "--offline=true", "--no-pager", EXPOSURE]);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("Overall exposure level for vrrpd.service"), "{text}");
    assert!(output.status.success(), "{text}");
}

/// What a notify script mounts must be there for the host.
#[test]
fn the_unit_has_no_view_of_the_file_system_of_its_own() {
    let settings = UNIT.lines().filter(|line| !line.starts_with(['#', '[']));
    let own =
        ["Private", "Protect", "ReadOnly", "ReadWrite", "Inaccessible", "Bind", "Root", "TemporaryFileSystem", "Mount"];
    let found: Vec<&str> = settings.filter(|line| own.iter().any(|own| line.starts_with(own))).collect();
    assert_eq!(found, [""; 0]);
}
