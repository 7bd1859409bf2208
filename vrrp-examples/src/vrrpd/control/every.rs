//! `vrrpctl stats --every`: rates, again and again.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::client::{AskError, ask};
use super::stats::{Rates, Request};

/// Asks the daemon on `socket` every so often and gives the rates since the last time to `out`, which returns whether it wants
/// more. Blocks.
///
/// # Errors
/// Where nobody answers, or not so that it could be understood.
pub fn every(
    socket: &Path,
    request: &Request,
    (every, json): (Duration, bool),
    patience: Duration,
    mut out: impl FnMut(&str) -> bool,
) -> Result<(), AskError> {
    let mut before = ask(socket, request.clone(), patience)?;
    let mut asked = Instant::now();
    loop {
        sleep(every.saturating_sub(asked.elapsed()));
        let after = ask(socket, request.clone(), patience)?;
        let apart = asked.elapsed();
        asked += apart;
        let rates = Rates::new(&before, &after, apart);
        before = after;
        // These always serialise.
        let text = if json { serde_json::to_string(&rates).unwrap_or_default() + "\n" } else { rates.text() };
        if !out(&text) {
            return Ok(());
        }
    }
}
