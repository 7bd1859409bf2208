//! The checks of the configuration on the schedule of `vrrp_io_linux::checks`. Its own kinds run there, the others here.

mod script;

use std::time::Duration;

use tokio::sync::mpsc::Sender;
use vrrp_io_linux::checks::{self, Memory, Outcome, Reading, Remains, Target, ValueFile, Watchers};

use crate::vrrpd::config::{self, Probe};

pub use vrrp_io_linux::checks::{Ran, Verdict};

/// The running checks.
pub type Checks = checks::Checks<Probe>;

/// Starts all checks. Some have a verdict already, and a reason for it: of these only changes are told. Returns their verdicts
/// too.
#[must_use = "dropping it stops the checks"]
pub fn spawn_from(
    checks: &[config::Check],
    known: impl Fn(&str, &Probe) -> Option<(Reading, String)>,
    results: Sender<Verdict>,
) -> (Checks, Vec<Verdict>) {
    checks::spawn_from(scheduled(checks), |check| known(&check.name, &check.target), results)
}

/// Returns the checks of the configuration, as the schedule needs them.
#[must_use]
pub fn scheduled(checks: &[config::Check]) -> Vec<checks::Check<Probe>> {
    let scheduled = |check: &config::Check| checks::Check {
        name: check.name.clone(),
        target: check.probe.clone(),
        interval: check.interval,
        timeout: check.timeout,
        rise: check.rise,
        fall: check.fall,
    };
    checks.iter().map(scheduled).collect()
}

impl Target for Probe {
    /// Scripts have none.
    type Memory = Memory;

    fn memory(&self, watchers: &Watchers) -> Memory {
        match self {
            Self::Script(_) => Memory::default(),
            Self::Native(probe) => probe.memory(watchers),
            Self::Value(path) => value(path).memory(watchers),
        }
    }

    async fn look(&self, memory: &mut Memory, timeout: Duration) -> (Outcome, Remains) {
        match self {
            Self::Script(command) => script::look(command, timeout).await,
            Self::Native(probe) => probe.look(memory, timeout).await,
            Self::Value(path) => value(path).look(memory, timeout).await,
        }
    }

    async fn woken(&self, memory: &mut Memory) {
        match self {
            Self::Script(_) => std::future::pending().await,
            Self::Native(probe) => probe.woken(memory).await,
            Self::Value(path) => value(path).woken(memory).await,
        }
    }

    fn delays(&self) -> (Duration, Duration) {
        match self {
            Self::Native(probe) => probe.delays(),
            Self::Script(_) | Self::Value(_) => (Duration::ZERO, Duration::ZERO),
        }
    }
}

fn value(path: &std::path::Path) -> ValueFile {
    ValueFile { path: path.to_owned() }
}
