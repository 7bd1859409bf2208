//! Snapshots of the daemon for all clients: the routers are asked at most twice in a second.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::metrics::{self, Format};
use super::status;
use crate::vrrpd::control::Daemon;
use crate::vrrpd::control::snapshot::Snapshot;

/// The greatest age of a snapshot.
const FRESH: Duration = Duration::from_millis(500);
/// The time that a client waits for the answer of the daemon.
const PATIENCE: Duration = Duration::from_secs(5);

/// The beginning and the end of the message of a status, which is one line.
const BEFORE: &[u8] = b"event: snapshot\ndata: ";
const AFTER: &[u8] = b"\n\n";

/// Asks the daemon.
#[derive(Debug)]
pub(super) struct Sampler {
    daemon: Daemon,
    /// Clients that ask at the same time share one snapshot.
    last: Mutex<Option<(Instant, Arc<Sample>)>>,
}

/// The daemon's knowledge at one moment, and the texts made of it.
#[derive(Debug)]
pub(super) struct Sample {
    snapshot: Arc<Snapshot>,
    message: OnceLock<Bytes>,
    open_metrics: OnceLock<Bytes>,
    plain: OnceLock<Bytes>,
}

impl Sampler {
    pub(super) fn new(daemon: Daemon) -> Self {
        Self { daemon, last: Mutex::default() }
    }

    /// Returns a snapshot that is as good as of now; `None`: the daemon is about to stop, or too busy.
    pub(super) async fn recent(&self) -> Option<Arc<Sample>> {
        timeout(PATIENCE, self.look()).await.ok().flatten()
    }

    async fn look(&self) -> Option<Arc<Sample>> {
        let mut last = self.last.lock().await;
        match &*last {
            Some((at, sample)) if at.elapsed() < FRESH => Some(Arc::clone(sample)),
            _ => {
                // As old as the question: what happens while it is answered may be in it or not.
                let asked = Instant::now();
                let sample = Arc::new(Sample::new(self.daemon.snapshot().await.ok()?));
                *last = Some((asked, Arc::clone(&sample)));
                Some(sample)
            }
        }
    }

    /// Returns when something that has happened until `moment` is in a snapshot.
    pub(super) fn shows(moment: Instant) -> Instant {
        moment + FRESH
    }
}

impl Sample {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, message: OnceLock::new(), open_metrics: OnceLock::new(), plain: OnceLock::new() }
    }

    /// Returns the status as one line of JSON.
    pub(super) fn status(&self) -> Bytes {
        let message = self.message();
        message.slice(BEFORE.len()..message.len() - AFTER.len())
    }

    /// Returns the status as a message of `/events`.
    pub(super) fn message(&self) -> Bytes {
        let make = || [BEFORE, &status::json(&self.snapshot), AFTER].concat().into();
        self.message.get_or_init(make).clone()
    }

    /// Returns the metrics.
    pub(super) fn metrics(&self, format: Format) -> Bytes {
        let of = match format {
            Format::OpenMetrics => &self.open_metrics,
            Format::Plain => &self.plain,
        };
        of.get_or_init(|| metrics::render(&self.snapshot, format).into()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::sync::mpsc;
    use tokio::task::JoinSet;

    use crate::vrrpd::log::Lines;

    #[tokio::test(start_paused = true)]
    async fn no_client_waits_longer_than_the_first_one() {
        // It takes every question, and answers none.
        let (snapshots, _asked) = mpsc::channel(100);
        let daemon = Daemon { snapshots, orders: mpsc::channel(1).0, lines: Lines::default() };
        let sampler = Arc::new(Sampler::new(daemon));
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..20 {
            let sampler = Arc::clone(&sampler);
            clients.spawn(async move { sampler.recent().await.is_none() });
        }
        assert_eq!(clients.join_all().await, [true; 20]);
        assert_eq!(begun.elapsed(), PATIENCE);
    }
}
