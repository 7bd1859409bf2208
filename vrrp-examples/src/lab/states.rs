//! Reads what a VRRP daemon tells of its states, from its notify FIFO: the same words from vrrpd and from keepalived.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use vrrp_core::timeline::LaneState;

use super::timeline::{Event, Timeline};
use super::topology::HostId;
use crate::testbed::error::Error;
use crate::testbed::namespace::Namespace;

const FIFO: &str = "/run/states.fifo";

/// The setting with which a daemon writes there.
pub(super) const CONFIGURATION: &str = "global_defs {\n    vrrp_notify_fifo /run/states.fifo\n}\n\n";

/// Records what the daemon of a host tells, on a thread of its own that ends with the process.
pub(super) fn record_states(host: HostId, namespace: &Namespace, timeline: &Arc<Timeline>) -> Result<(), Error> {
    let open = || {
        mkfifo(Path::new(FIFO), Mode::from_bits_truncate(0o600))?;
        // Open at both ends: it outlives every daemon, and there is always a reader.
        OpenOptions::new().read(true).write(true).open(FIFO)
    };
    let failed = |error| Error::new(format!("making a FIFO for the states of {host}"), error);
    let fifo: File = namespace.run(open).map_err(failed)?;
    let timeline = Arc::clone(timeline);
    let read = move || {
        for line in BufReader::new(fifo).lines().map_while(Result::ok) {
            if let Some((vrid, state)) = parse(&line) {
                timeline.record(Instant::now(), Event::State { host, vrid, state });
            }
        }
    };
    thread::Builder::new().name("states".to_owned()).spawn(read).map_err(failed)?;
    Ok(())
}

/// Parses a line such as `INSTANCE "proxy_ip1" MASTER 255`.
fn parse(line: &str) -> Option<(u8, LaneState)> {
    let rest = line.strip_prefix("INSTANCE \"proxy_ip")?;
    let (vrid, rest) = rest.split_once('"')?;
    let state = match rest.split_whitespace().next()? {
        "MASTER" => LaneState::Master,
        "BACKUP" => LaneState::Backup,
        "FAULT" => LaneState::Fault,
        "STOP" | "DELETED" => LaneState::Down,
        _ => return None,
    };
    Some((vrid.parse().ok()?, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_router_and_state() {
        assert_eq!(parse("INSTANCE \"proxy_ip1\" MASTER 255"), Some((1, LaneState::Master)));
        assert_eq!(parse("INSTANCE \"proxy_ip2\" STOP 100"), Some((2, LaneState::Down)));
        for other in
            ["", "GROUP \"all\" MASTER 1", "INSTANCE \"proxy_ip1\" MASTER_RX_LOWER_PRI 1", "INSTANCE \"proxy_ip"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
