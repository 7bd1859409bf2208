//! The command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use serde::Serialize;

use super::topology::HostId;
use crate::testbed::error::Error;

/// Two Squid proxies fail over on real VRRP packets, in network namespaces made for it.
///
/// Brings up two proxies, a LAN, an outside network with a web server, and clients that never stop asking; then breaks the
/// first proxy in every way in turn, mends it again, and says what the clients noticed. Exits 0 only if every check passed.
/// Needs no privileges where the kernel lets users make namespaces.
#[derive(Clone, Debug, Parser)]
#[command(name = "squid-failover", version)]
pub(super) struct Options {
    /// The forward proxy on both hosts [default: squid where /usr/sbin/squid is installed, else builtin]
    #[arg(long, value_enum)]
    pub(super) proxy: Option<ProxyKind>,
    /// The VRRP daemon on proxy-serv01
    #[arg(long, value_enum, default_value = "vrrpd")]
    pub(super) daemon: DaemonKind,
    /// The VRRP daemon on proxy-serv02 [default: the same]
    #[arg(long, value_enum)]
    pub(super) peer: Option<DaemonKind>,
    /// Run these checks only: 1 to 8 with all that belongs to it, or one alone as in 1a
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Run every check so many times; the table then shows medians
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) repeat: u32,
    /// Write a page that shows every check: states, advertisements, addresses, what the clients noticed
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Write what each vrrpd recorded into this directory, a file for each check and host, for vrrp-replay
    #[arg(long, value_name = "DIR")]
    pub(super) recordings: Option<PathBuf>,
    /// Print the result as JSON on standard output; progress goes to standard error
    #[arg(long)]
    pub(super) json: bool,
    /// Show the addresses of both proxies at each step, and the log of every program while it runs
    #[arg(long)]
    pub(super) verbose: bool,
}

impl Options {
    /// Checks that the report can be written, before the checks take their time.
    pub(super) fn check_report(&self) -> Result<(), Error> {
        self.report.as_deref().map_or(Ok(()), |file| write_report(file, ""))
    }

    pub(super) fn daemon_of(&self, host: HostId) -> DaemonKind {
        match host {
            HostId::Proxy1 => self.daemon,
            HostId::Proxy2 => self.peer.unwrap_or(self.daemon),
        }
    }
}

pub(super) fn write_report(file: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Usage(format!("--report {}: it cannot be written: {error}", file.display()));
    fs::write(file, text).map_err(failed)
}

/// The forward proxy that serves the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProxyKind {
    /// The host's own Squid.
    Squid,
    /// A small forward proxy of this program, at Squid's path.
    Builtin,
}

/// The VRRP daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DaemonKind {
    /// The daemon of this project.
    Vrrpd,
    /// The host's own keepalived, for comparison; without root it cannot run its check.
    Keepalived,
}
