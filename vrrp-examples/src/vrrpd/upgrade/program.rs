//! The program on disk that is to take this one's place.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::names::VARIABLE;

/// Reading a configuration takes some hundredths of a second.
const LIMIT: Duration = Duration::from_secs(10);

/// The file of this program, and its arguments.
#[derive(Clone, Debug)]
pub(in crate::vrrpd) struct Program {
    pub(super) path: PathBuf,
    pub(super) called: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl Program {
    /// Finds out what is to be run. Call it at the start: later the file may have another name.
    pub(in crate::vrrpd) fn of(arguments: &[OsString]) -> Option<Self> {
        let [called, arguments @ ..] = arguments else { return None };
        let by_path = Path::new(called).components().count() > 1;
        // As it was called, for that may be a link that leads elsewhere soon.
        let path = if by_path { std::path::absolute(called) } else { env::current_exe() };
        Some(Self { path: path.ok()?, called: called.clone(), arguments: arguments.to_vec() })
    }

    /// Runs the program to ask for its version, and to have it check the configuration. Returns the version. Blocks. Do not call
    /// it on the first thread of the process, whose children [are reaped](crate::vrrpd::reaper).
    ///
    /// # Errors
    /// The reason why it cannot be run, as a sentence.
    pub(in crate::vrrpd) fn ask(&self) -> Result<String, String> {
        let version = self.run(&["--version".into()])?;
        let version = version.split_whitespace().last().unwrap_or_default().to_owned();
        let mut arguments = self.arguments.clone();
        arguments.push("--check".into());
        self.run(&arguments)?;
        Ok(version)
    }

    fn run(&self, arguments: &[OsString]) -> Result<String, String> {
        let path = self.path.display();
        let mut command = Command::new(&self.path);
        command.arg0(&self.called).args(arguments).env_remove(VARIABLE).env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let cannot = |why| format!("cannot run {path}: {why}");
        let child = command.spawn().map_err(cannot)?;
        let (done, is_done) = mpsc::channel::<()>();
        let pid = i32::try_from(child.id()).map(Pid::from_raw);
        let watch = thread::spawn(move || {
            // It is not reaped before it is done.
            if let (Err(RecvTimeoutError::Timeout), Ok(pid)) = (is_done.recv_timeout(LIMIT), pid) {
                let _ = kill(pid, Signal::SIGKILL);
            }
        });
        let output = child.wait_with_output();
        drop(done);
        let _ = watch.join();
        let output = output.map_err(cannot)?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim_end().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
        Err(format!("{path} {}: {}\n{}", words.join(" "), output.status, text(&output.stderr)))
    }
}
