//! The program on disk that is to take this one's place.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Reading a configuration takes some hundredths of a second.
const LIMIT: Duration = Duration::from_secs(10);

/// Where this program came from, and with which words.
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

    /// Has the program say its version, and whether it takes the configuration. Returns the version.
    ///
    /// # Errors
    /// Why it is not to be run, as a sentence.
    pub(in crate::vrrpd) async fn ask(self) -> Result<String, String> {
        let (version, _) = self.run(&["--version".into()]).await?;
        let version = version.split_whitespace().last().unwrap_or_default().to_owned();
        let mut arguments = self.arguments.clone();
        arguments.push("--check".into());
        self.run(&arguments).await?;
        Ok(version)
    }

    async fn run(&self, arguments: &[OsString]) -> Result<(String, String), String> {
        let path = self.path.display();
        let mut command = Command::new(&self.path);
        command.arg0(&self.called).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output =
            timeout(LIMIT, command.output()).await.map_err(|_| format!("{path} does not answer within {LIMIT:?}"))?;
        let output = output.map_err(|why| format!("cannot run {path}: {why}"))?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim_end().to_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        if !output.status.success() {
            let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
            return Err(format!("{path} {} ends with {}:\n{err}", words.join(" "), output.status));
        }
        Ok((out, err))
    }
}
