//! The data to show: the daemon is asked again and again, on a thread of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::vrrpd::control::stats::{self, Statistics};
use crate::vrrpd::control::status::{self, Status};
use crate::vrrpd::control::{self, AskError};

/// Something new.
#[derive(Debug)]
pub(super) enum News {
    /// The present state of everything.
    Seen(Box<Seen>),
    /// Nobody answers, and why.
    Gone(String),
    /// A signal asks for the end.
    Signal(i32),
}

/// The state of everything.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) status: Status,
    pub(super) statistics: Statistics,
}

/// Asks once.
pub(super) fn ask(socket: &Path, patience: Duration) -> Result<Seen, AskError> {
    let status = control::ask(socket, status::Request::default(), patience)?;
    let statistics = control::ask(socket, stats::Request::default(), patience)?;
    Ok(Seen { at: Instant::now(), status, statistics })
}

/// Asks every so often, until nobody listens any more.
pub(super) fn start(socket: PathBuf, every: Duration, patience: Duration, news: Sender<News>) -> io::Result<()> {
    let ask_on = move || {
        loop {
            thread::sleep(every);
            let seen = match ask(&socket, patience) {
                Ok(seen) => News::Seen(Box::new(seen)),
                Err(why) => News::Gone(why.to_string()),
            };
            if news.send(seen).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("ask".to_owned()).spawn(ask_on).map(drop)
}

/// Catches the signals that would end the process with the terminal as it is.
pub(super) fn catch_signals(news: Sender<News>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let [mut hang_up, mut interrupt, mut quit, mut terminate] = {
        let _entered = runtime.enter();
        let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()];
        let [a, b, c, d] = kinds.map(signal);
        [a?, b?, c?, d?]
    };
    let wait = async move {
        tokio::select! {
            _ = hang_up.recv() => libc::SIGHUP,
            _ = interrupt.recv() => libc::SIGINT,
            _ = quit.recv() => libc::SIGQUIT,
            _ = terminate.recv() => libc::SIGTERM,
        }
    };
    let tell = move || drop(news.send(News::Signal(runtime.block_on(wait))));
    thread::Builder::new().name("signals".to_owned()).spawn(tell).map(drop)
}
