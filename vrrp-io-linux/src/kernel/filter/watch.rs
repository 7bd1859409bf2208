//! Notices that somebody removed or changed the table, as each `nft flush ruleset` does, and has it made anew.
//!
//! On a thread of its own: `nft` takes milliseconds, and other people's changes may come by the thousand. What the kernel says
//! of changes names the table that they are in, so those of other tables cost no look at ours.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use tokio::io::unix::AsyncFd;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use crate::kernel::netlink::message::DATAGRAM_MAX;
use crate::sys;

/// `NFNLGRP_NFTABLES` of linux/netfilter/nfnetlink.h: changes of tables and of what is in them.
const GROUP: u32 = 7;
const RECEIVE_BUFFER: usize = 1 << 20;
/// Changes come in bursts: a firewall that is loaded anew is many.
const SETTLE: Duration = Duration::from_millis(50);
/// From one look at the table to the next at least, and how soon it is tried again to make it.
const PAUSE: Duration = Duration::from_secs(1);
/// It is tried again in twice the time after each failure, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Messages that are read before something else is done: they may come faster than they are read.
const AT_ONCE: usize = 4096;
/// One comes in a second; who does not read them misses nothing by the rest.
const NEWS: usize = 16;

/// What is to stay as it was made.
pub(super) trait Guarded: Send + 'static {
    /// Every change of it has this in its message.
    fn name(&self) -> &str;
    /// Whether it is as it was made.
    fn is_whole(&mut self) -> bool;
    /// Makes it, whatever is left of it.
    fn make(&mut self) -> io::Result<()>;
    /// Takes note of how it looks, just made.
    fn confirm(&mut self) -> io::Result<()>;
}

/// What became of a table that somebody removed or changed.
#[derive(Debug)]
pub(crate) enum News {
    Restored,
    /// It is tried again after this time.
    Failed(io::Error, Duration),
}

/// Keeps a table as it is. Ends when dropped, and waits for that; the table stays.
#[derive(Debug)]
pub(super) struct Watch {
    news: mpsc::Receiver<News>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts the thread, in the network namespace of the caller. The table has just been made.
    pub(super) fn start(mut guarded: impl Guarded) -> io::Result<Self> {
        let changes = Changes::new(guarded.name())?;
        // Somebody may have removed it before there was anybody to notice.
        if guarded.confirm().is_err() {
            guarded.make()?;
            guarded.confirm()?;
        }
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let changes = {
            let _entered = runtime.enter();
            changes.watched()?
        };
        let (sender, news) = mpsc::channel(NEWS);
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    // Ends only when the runtime does.
                    _ = keep(guarded, changes, &sender) => {}
                }
            });
        };
        let thread = thread::Builder::new().name("vrrp-filter".to_owned()).spawn(work)?;
        Ok(Self { news, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        match self.news.poll_recv(cx) {
            Poll::Ready(Some(news)) => Poll::Ready(news),
            // A thread that died said why where it happened.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// Nobody waits for what is done in here, so it may block.
async fn keep(mut guarded: impl Guarded, mut changes: Watched, news: &mpsc::Sender<News>) -> io::Result<()> {
    let mut next = Instant::now();
    loop {
        changes.next().await?;
        sleep(SETTLE).await;
        if !changes.take() {
            continue;
        }
        sleep_until(next).await;
        // What came meanwhile is seen now, and what comes from here on is told.
        changes.take();
        if !guarded.is_whole() {
            restore(&mut guarded, &mut changes, news).await;
        }
        next = Instant::now() + PAUSE;
    }
}

async fn restore<G: Guarded>(guarded: &mut G, changes: &mut Watched, news: &mpsc::Sender<News>) {
    let mut pause = PAUSE;
    loop {
        let made = guarded.make();
        // Our own changes are no news. Whatever else is among them shows in how the table looks.
        changes.take();
        // Who does not read news wants none.
        match made.and_then(|()| guarded.confirm()) {
            Ok(()) => {
                let _ = news.try_send(News::Restored);
                return;
            }
            Err(error) => drop(news.try_send(News::Failed(error, pause))),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The kernel's messages of changes.
struct Changes<S = Socket> {
    socket: S,
    /// As it is in a message.
    name: Vec<u8>,
    unread: bool,
}

type Watched = Changes<AsyncFd<Socket>>;

impl Changes {
    fn new(name: &str) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)?;
        socket.bind_auto()?;
        // Other processes cannot send to a connected socket.
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.add_membership(GROUP)?;
        Ok(Self { socket, name: [name.as_bytes(), &[0]].concat(), unread: false })
    }

    /// Needs a running runtime.
    fn watched(self) -> io::Result<Watched> {
        Ok(Changes { socket: sys::watch(self.socket)?, name: self.name, unread: self.unread })
    }
}

impl Watched {
    /// Waits until there may be something to [`take`](Self::take).
    async fn next(&mut self) -> io::Result<()> {
        if !self.unread {
            self.socket.readable().await?.clear_ready();
        }
        Ok(())
    }

    /// Reads what is there. Returns whether the table may have been changed: it is named, or something was lost.
    fn take(&mut self) -> bool {
        let mut concerned = false;
        let mut buffer = Vec::with_capacity(DATAGRAM_MAX);
        // The runtime may not know yet what is there.
        let socket = self.socket.get_ref();
        for _ in 0..AT_ONCE {
            buffer.clear();
            match socket.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => concerned |= buffer.windows(self.name.len()).any(|part| part == self.name),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unread = false;
                    return concerned;
                }
                // An overrun.
                Err(_) => concerned = true,
            }
        }
        self.unread = true;
        concerned
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use super::super::nft;
    use super::*;
    use crate::testing::{in_namespace, missing, run, skip};

    #[derive(Clone, Default)]
    struct Fake {
        broken: Arc<AtomicBool>,
        failures: Arc<AtomicUsize>,
        looks: Arc<AtomicUsize>,
    }

    impl Guarded for Fake {
        fn name(&self) -> &str {
            "mine"
        }

        fn is_whole(&mut self) -> bool {
            self.looks.fetch_add(1, SeqCst);
            !self.broken.load(SeqCst)
        }

        fn make(&mut self) -> io::Result<()> {
            // Changes that are its own.
            nft("add table inet mine\ndelete table inet mine\n")?;
            let fails = self.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            self.broken.store(fails, SeqCst);
            if fails { Err(io::Error::other("no room")) } else { Ok(()) }
        }

        fn confirm(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Fake {
        fn looks(&self) -> usize {
            self.looks.load(SeqCst)
        }

        /// Waits for the look at it that follows a change.
        fn until_looked_at(&self, times: usize) {
            while self.looks() < times {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn news(watch: &mut Watch) -> News {
        run(async { poll_fn(|cx| watch.poll_news(cx)).await })
    }

    #[test]
    fn changes_elsewhere_cost_no_look_and_many_here_one_a_second() {
        if missing(&["nft"]).is_some() {
            return skip("changes_elsewhere_cost_no_look_and_many_here_one_a_second", "nft is not installed");
        }
        in_namespace(|| {
            let fake = Fake::default();
            let mut watch = Watch::start(fake.clone()).unwrap();
            let start = std::time::Instant::now();
            while start.elapsed() < SETTLE * 10 {
                nft("table inet other { chain c { accept\n}\n}\ndelete table inet other\n").unwrap();
            }
            assert_eq!(fake.looks(), 0);
            nft("table inet mine { }\n").unwrap();
            fake.until_looked_at(1);

            let start = std::time::Instant::now();
            while fake.looks() < 4 {
                nft("table inet mine { chain c { accept\n}\n}\ndelete table inet mine\n").unwrap();
            }
            assert!(start.elapsed() > PAUSE * 2, "{:?}", start.elapsed());

            fake.broken.store(true, SeqCst);
            nft("table inet mine { }\n").unwrap();
            assert!(matches!(news(&mut watch), News::Restored));
        });
    }

    #[test]
    fn what_cannot_be_made_is_tried_again_and_its_own_changes_are_no_news() {
        if missing(&["nft"]).is_some() {
            return skip("what_cannot_be_made_is_tried_again_and_its_own_changes_are_no_news", "nft is not installed");
        }
        in_namespace(|| {
            let fake = Fake::default();
            let mut watch = Watch::start(fake.clone()).unwrap();
            fake.failures.store(2, SeqCst);
            fake.broken.store(true, SeqCst);
            nft("table inet mine { }\n").unwrap();
            for expected in [1, 2] {
                let news = news(&mut watch);
                let News::Failed(error, pause) = news else { panic!("{news:?}") };
                assert_eq!((error.to_string().as_str(), pause.as_secs()), ("no room", expected));
            }
            assert!(matches!(news(&mut watch), News::Restored));
            // Its own changes would be looked at by then.
            thread::sleep(PAUSE + SETTLE * 4);
            assert_eq!(fake.looks(), 1);
            nft("table inet mine { }\n").unwrap();
            fake.until_looked_at(2);
            drop(watch);
            assert_eq!(fake.looks(), 2);
        });
    }
}
