//! The supervisor, as the control socket reaches it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::order::{Order, Orders, Reply};
use super::refused::Refused;
use super::snapshot::Snapshot;
use crate::vrrpd::log::Lines;

/// Asks the daemon for all that it knows. The answer may take its time, and be one answer to all that ask meanwhile. A dropped
/// sender tells a client that the daemon is about to stop.
pub type Snapshots = mpsc::Sender<oneshot::Sender<Arc<Snapshot>>>;

/// The daemon's two ears and its mouth.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// The snapshots for clients that ask.
    pub snapshots: Snapshots,
    /// The channel for clients that give an order.
    pub orders: Orders,
    /// The lines for clients that watch.
    pub lines: Lines,
}

impl Daemon {
    /// Asks for all that it knows.
    pub(in crate::vrrpd) async fn snapshot(&self) -> Result<Arc<Snapshot>, Refused> {
        let (reply, snapshot) = oneshot::channel();
        self.snapshots.send(reply).await.map_err(|_| Refused::Stopping)?;
        snapshot.await.map_err(|_| Refused::Stopping)
    }

    /// Gives an order and waits for what becomes of it. To wait no longer does not cancel an order that was given.
    pub(super) async fn carry_out<T>(
        &self,
        order: impl FnOnce(Reply<T>) -> Result<Order, Refused>,
    ) -> Result<T, Refused> {
        let (reply, done) = oneshot::channel();
        self.orders.send(order(reply)?).await.map_err(|_| Refused::Stopping)?;
        done.await.map_err(|_| Refused::Stopping)?
    }
}
