//! The metrics of the process.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{SysconfVar, sysconf};

/// Returns a moment as seconds since 1970.
pub(super) fn unix(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Returns when the process started; the next program of an upgrade is still the same process.
pub(super) fn start() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may have anything in it. Field 22 is the start in ticks since the boot (proc(5)).
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + ticks / sysconf(SysconfVar::CLK_TCK).ok()?? as f64)
}

/// Returns how many octets of memory the process has in use.
pub(super) fn memory() -> Option<f64> {
    let pages: f64 = fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * sysconf(SysconfVar::PAGE_SIZE).ok()?? as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_age_and_its_memory() {
        let age = unix(SystemTime::now()) - start().unwrap();
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!(memory().unwrap() > 100_000.0);
    }
}
