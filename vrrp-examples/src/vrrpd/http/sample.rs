//! One look at the daemon for all clients: the routers are asked at most twice in a second.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::metrics::{self, Format};
use super::status;
use crate::vrrpd::control::Daemon;
use crate::vrrpd::control::snapshot::Snapshot;

/// The greatest age of a look.
const FRESH: Duration = Duration::from_millis(500);
/// The time that the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the daemon.
#[derive(Debug)]
pub(super) struct Sampler {
    daemon: Daemon,
    /// A client that needs a look waits for the look of the first one.
    last: Mutex<Option<(Instant, Arc<Sample>)>>,
}

/// The daemon's knowledge at one moment, and the texts made of it.
#[derive(Debug)]
pub(super) struct Sample {
    snapshot: Arc<Snapshot>,
    status: OnceLock<Bytes>,
    open_metrics: OnceLock<Bytes>,
    plain: OnceLock<Bytes>,
}

impl Sampler {
    pub(super) fn new(daemon: Daemon) -> Self {
        Self { daemon, last: Mutex::default() }
    }

    /// Returns a look that is as good as of now; `None`: the daemon is about to stop, or too busy.
    pub(super) async fn recent(&self) -> Option<Arc<Sample>> {
        let mut last = self.last.lock().await;
        match &*last {
            Some((at, sample)) if at.elapsed() < FRESH => Some(Arc::clone(sample)),
            _ => {
                // As old as the question: what happens while it is answered may be in it or not.
                let asked = Instant::now();
                let snapshot = timeout(PATIENCE, self.daemon.snapshot()).await.ok()?.ok()?;
                let sample = Arc::new(Sample::new(snapshot));
                *last = Some((asked, Arc::clone(&sample)));
                Some(sample)
            }
        }
    }

    /// Returns when something that has happened until `moment` is in a look.
    pub(super) fn shows(moment: Instant) -> Instant {
        moment + FRESH
    }
}

impl Sample {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, status: OnceLock::new(), open_metrics: OnceLock::new(), plain: OnceLock::new() }
    }

    /// Returns the status as one line of JSON.
    pub(super) fn status(&self) -> Bytes {
        self.status.get_or_init(|| status::json(&self.snapshot)).clone()
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
