//! The contents of keepalived's dumps, as lines for the log.

use super::answer::{RouterView, Status};
use super::compose::status;
use super::text;
use crate::vrrpd::control::snapshot::Snapshot;

const MORE: &str = "`vrrpctl status` shows more, with --json for programs";

/// Reports the state of everything: a line for each router, with its state and last change, its priority and its addresses.
#[must_use]
pub fn data(daemon: &Snapshot) -> Vec<String> {
    lines(&status(daemon), text::sentence)
}

/// Says what was counted: a line for each router.
#[must_use]
pub fn statistics(daemon: &Snapshot) -> Vec<String> {
    lines(&status(daemon), |router| {
        let counters = text::counters(router).collect::<Vec<_>>().join(", ");
        let counters = if counters.is_empty() { "nothing yet".to_owned() } else { counters };
        format!("{}: {counters}", router.name)
    })
}

fn lines(status: &Status, line: impl Fn(&RouterView) -> String) -> Vec<String> {
    let routers = status.routers.iter().map(line);
    routers.chain([MORE.to_owned()]).collect()
}
