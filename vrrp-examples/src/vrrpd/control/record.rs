//! The verb `record`: what happened.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Order, Recorded, Reply, Routers};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"record","routers":["a"]}`, and `vrrpctl record a`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Record the latest history: all that routers heard, decided and sent",
    long_about = "Record the latest history: all that routers heard, decided and sent, for vrrp-replay. A password of a router \
                  is in it."
)]
pub struct Request {
    /// Name of a virtual router (vrrp_instance), or several; without one, of all. Those of its sync group come with it
    #[arg(value_name = "ROUTER")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<String>,
    /// Write it to this file, which only its owner may read, instead of standard output
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub to: Option<PathBuf>,
}

/// The extension of a file that is being written.
pub(in crate::vrrpd) const UNFINISHED: &str = "unfinished";

/// Writes a recording to a file for its owner alone: it may contain a password. Whoever looks finds all of it, or nothing.
///
/// # Errors
/// It cannot be written. Something that is no ordinary file (a device, a link) is left as it is.
pub fn write(path: &Path, lines: impl IntoIterator<Item = impl AsRef<str>>) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no ordinary file"));
    }
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.{UNFINISHED}", std::process::id()));
    let unfinished = path.with_file_name(name);
    // A file that is there already would keep its mode.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let mut out = BufWriter::new(file);
    let written = lines.into_iter().try_for_each(|line| out.write_all(line.as_ref().as_bytes()));
    written
        .and_then(|()| out.flush())
        .and_then(|()| fs::rename(&unfinished, path))
        .inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

impl Verb for Request {
    type Answer = Recorded;

    fn text(&self, answer: &Recorded) -> String {
        answer.recording.clone()
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Recorded>) -> Result<Order, Refused> {
        let routers = if self.routers.is_empty() { Routers::All } else { Routers::Named(self.routers.clone()) };
        Ok(Order::Record(routers, reply))
    }
}
