//! Real tiny scripts for the tests of every room that runs some.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::vrrpd::config::Command;

/// Long enough for anything that should happen at once, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A directory that goes away with the test. Everybody may enter and write: scripts run as other users, too.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vrrpd-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns an executable shell script; `$D` is this directory.
    pub(crate) fn script(&self, name: &str, body: &str) -> Command {
        self.executable(name, &format!("#!/bin/sh\nD={}\n{body}\n", self.0.display()))
    }

    pub(crate) fn executable(&self, name: &str, text: &str) -> Command {
        let path = self.path(name);
        // Written by a process of its own: were it open for writing here, a fork of a test beside this one would
        // inherit that, and running it would fail with "Text file busy".
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", text])
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        command(&[path.to_str().unwrap()])
    }

    /// Returns the lines that scripts have written to a file so far.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Returns the process id that a script has written to a file, waited for.
    pub(crate) async fn pid(&self, name: &str) -> i32 {
        let mut pid = None;
        until("a script writes its process id", || {
            pid = fs::read_to_string(self.path(name)).ok().filter(|text| text.ends_with('\n'));
            pid.is_some()
        })
        .await;
        pid.unwrap().trim().parse().unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn command(words: &[&str]) -> Command {
    Command { words: words.iter().map(|&word| word.to_owned()).collect(), user: None, secure: false }
}

/// Waits for a condition that must come true.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited {SOON:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns true if a process runs. A dead one that nobody has reaped yet does not.
pub(crate) fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    !matches!(stat.rsplit(") ").next().and_then(|rest| rest.chars().next()), None | Some('Z' | 'X'))
}
