//! Variables and descriptors that scripts do not inherit.

use caps::errors::CapsError;
use caps::{CapSet, runtime};

/// The variables in which systemd, or another supervisor, speaks to vrrpd alone.
const OURS: [&str; 17] = [
    "VRRPD_STATE_FD",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
    "CREDENTIALS_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "MAINPID",
    "MANAGERPID",
    "MANAGERPIDFDID",
    "FDSTORE",
    "PIDFILE",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "SERVICE_RESULT",
];
const OURS_BEGIN: [&str; 4] = ["WATCHDOG_", "LISTEN_", "MEMORY_PRESSURE_", "RUST_"];

/// Returns true if a variable of the environment is for vrrpd itself.
pub(super) fn is_ours(variable: &str) -> bool {
    OURS.contains(&variable) || OURS_BEGIN.iter().any(|begin| variable.starts_with(begin))
}

/// Leaves a program that the calling thread starts none of our capabilities, unless it runs as root.
///
/// Only the calling thread: programs that other threads start (nft) need them.
pub(super) fn keep_capabilities() -> Result<(), String> {
    let kept = |why: CapsError| format!("cannot keep vrrpd's own capabilities from it: {why}");
    if runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient).map_err(kept)?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supervisors_words_are_ours_and_the_administrators_are_not() {
        for variable in ["NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "RUST_LOG", "RUST_BACKTRACE"] {
            assert!(is_ours(variable), "{variable}");
        }
        for variable in ["PATH", "HOME", "LANG", "SQUID_CONF", "LISTENER", "WATCHDOG"] {
            assert!(!is_ours(variable), "{variable}");
        }
    }
}
