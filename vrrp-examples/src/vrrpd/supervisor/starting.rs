//! Tasks of a start only: the delay before the routers take part, and the first values of files.

use std::fs::OpenOptions;
use std::future::pending;
use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::vrrpd::config::{Daemon, InitialValue, Probe};
use crate::vrrpd::log::log;

/// Returns when the routers take part.
pub(super) fn moment(delay: Duration) -> Option<Instant> {
    if !delay.is_zero() {
        let seconds = delay.as_secs_f64();
        log!(StartDelay, seconds = seconds, "the routers take part in {seconds} s (vrrp_startup_delay)");
    }
    Some(Instant::now() + delay)
}

/// Ends at a moment; without one, never.
pub(super) async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Writes what files are to say at the start. What cannot be written is said: the check of the file then fails.
pub(super) fn write_initial_values(daemon: &Daemon) {
    for (name, InitialValue { value, overwrite }) in &daemon.initial_values {
        let check = daemon.checks.iter().find(|check| check.name == *name);
        let Some(Probe::Value(path)) = check.map(|check| &check.probe) else { continue };
        let mut options = OpenOptions::new();
        match overwrite {
            true => options.write(true).create(true).truncate(true),
            false => options.write(true).create_new(true),
        };
        let written = options.open(path).and_then(|mut file| writeln!(file, "{value}"));
        match written {
            Err(why) if *overwrite || why.kind() != std::io::ErrorKind::AlreadyExists => {
                let path = path.display().to_string();
                log!(
                    TrackFileNotWritten,
                    check = name,
                    path = path,
                    error = why.to_string(),
                    "track_file {name}: cannot write {value} to {path}: {why}"
                );
            }
            _ => {}
        }
    }
}
