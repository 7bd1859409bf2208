//! Asking the driver, and knowing why it does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use crate::driver::command::{Command, Reply};
use crate::error::Stopped;
use crate::suspended::Suspended;

/// A line to the driver, which runs as long as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    commands: mpsc::Sender<Command>,
    fate: Fate,
}

/// A line to the driver that does not keep it running.
#[derive(Clone, Debug)]
pub(crate) struct WeakLine {
    commands: mpsc::WeakSender<Command>,
    fate: Fate,
}

/// The end of the driver: asked for, and done.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    /// It was told to release everything.
    told: Arc<AtomicBool>,
    /// True once it has; the sender is gone when its thread is over.
    released: watch::Receiver<bool>,
}

impl Line {
    pub(crate) fn new(commands: mpsc::Sender<Command>, fate: Fate) -> Self {
        Self { commands, fate }
    }

    pub(crate) fn weak(&self) -> WeakLine {
        WeakLine { commands: self.commands.downgrade(), fate: self.fate.clone() }
    }

    /// Hands a command in, and waits for its answer.
    pub(crate) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(command(reply)).await?;
        answer.await.map_err(|_| self.fate.why())
    }

    /// Has everything released, and waits until it is.
    pub(crate) async fn stop_all(&self) -> Result<(), Stopped> {
        // Its end is waited for, not the answer: then the sockets are closed too.
        if let (Ok(permit), (reply, _)) = (self.commands.reserve().await, oneshot::channel()) {
            self.fate.told.store(true, Ordering::Release);
            permit.send(Command::StopAll(reply));
        }
        self.fate.over().await
    }

    /// Has everything end as it is, and waits until it has.
    pub(crate) async fn suspend(&self) -> Result<Suspended, Stopped> {
        let suspended = self.ask(Command::Suspend).await?;
        self.fate.told.store(true, Ordering::Release);
        Ok(suspended)
    }

    async fn hand_in(&self, command: Command) -> Result<(), Stopped> {
        if self.fate.is_told() {
            return Err(self.fate.why());
        }
        self.commands.send(command).await.map_err(|_| self.fate.why())
    }
}

impl WeakLine {
    /// Does what [`Line::ask`] does, and lets go of the driver before it waits.
    pub(crate) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        // It was told to stop when the last handle was dropped.
        let commands = self.commands.upgrade().ok_or(Stopped::Told)?;
        let line = Line { commands, fate: self.fate.clone() };
        line.hand_in(command(reply)).await?;
        drop(line);
        answer.await.map_err(|_| self.fate.why())
    }
}

impl Fate {
    /// Makes the fate of a driver whose thread has the sender, and says by `true` that everything is released.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, released) = watch::channel(false);
        (sender, Self { told: Arc::default(), released })
    }

    /// Waits until the driver is over.
    pub(crate) async fn over(&self) -> Result<(), Stopped> {
        let mut released = self.released.clone();
        released.wait_for(|released| *released).await.map(drop).map_err(|_| Stopped::Died)
    }

    fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }

    /// Returns why nobody answers.
    fn why(&self) -> Stopped {
        let is_over = self.released.has_changed().is_err();
        let died = is_over && !*self.released.borrow();
        if self.is_told() && !died { Stopped::Told } else { Stopped::Died }
    }
}
