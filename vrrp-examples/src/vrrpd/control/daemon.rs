//! The supervisor, as the control socket reaches it.

use tokio::sync::{mpsc, oneshot};

use super::order::{Order, Orders, Reply};
use super::refused::Refused;
use super::snapshot::Snapshot;

/// How the daemon is asked for all that it knows. Dropping one of the senders tells a client that the daemon is about to
/// stop.
pub type Snapshots = mpsc::Sender<oneshot::Sender<Snapshot>>;

/// The daemon's two ears.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// For who wants to know.
    pub snapshots: Snapshots,
    /// For who wants something done.
    pub orders: Orders,
}

impl Daemon {
    /// Asks for all that it knows.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Refused> {
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
