//! Notices that somebody removed or changed the table, as each `nft flush ruleset` does, and has it made anew.
//!
//! It also makes the changes that are wanted, so that it knows them from those of others.
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
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

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

/// Something that stays as it was made until it is asked to change.
pub(super) trait Guarded: Send + 'static {
    type Wanted: Send + 'static;
    /// Every change of it has this in its message. `None`: there is nothing to guard.
    fn name(&self) -> Option<&str>;
    /// Tells whether it is as it was made.
    fn is_whole(&mut self) -> bool;
    /// Makes it, whatever is left of it.
    fn make(&mut self) -> io::Result<()>;
    /// Takes note of how it looks, just made.
    fn confirm(&mut self) -> io::Result<()>;
    /// Makes what is wanted of it, which may be nothing, or leaves all as it is. What is not whole is made from the beginning.
    fn change(&mut self, wanted: Self::Wanted, is_whole: bool) -> io::Result<()>;
}

/// A change of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The outcome of a change of the table.
#[derive(Debug)]
pub(crate) enum News {
    /// It has what was asked for.
    Changed(Generation),
    /// It has what it had before.
    NotChanged(Generation, io::Error),
    /// Somebody had removed or changed it.
    Restored,
    /// The same, and it is tried again after this time.
    Failed(io::Error, Duration),
}

/// A message from the thread.
#[derive(Debug)]
pub(super) enum Said {
    /// The result of a change.
    Answer(Generation, io::Result<()>),
    News(News),
}

/// Keeps a table as it is to be. Ends when dropped, and waits for that; the table stays.
#[derive(Debug)]
pub(super) struct Watch<W> {
    jobs: Option<mpsc::UnboundedSender<(Generation, W)>>,
    answers: mpsc::UnboundedReceiver<(Generation, io::Result<()>)>,
    news: mpsc::Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

impl<W: Send + 'static> Watch<W> {
    /// Starts the thread, in the network namespace of the caller. The table, if there is one, has just been made.
    pub(super) fn start(mut guarded: impl Guarded<Wanted = W>) -> io::Result<Self> {
        let changes = Changes::new(guarded.name())?;
        // Somebody may have removed it before there was anybody to notice.
        if guarded.confirm().is_err() {
            guarded.make()?;
            guarded.confirm()?;
        }
        let (begin, begun) = std::sync::mpsc::channel::<(Runtime, Watched)>();
        let (sender, news) = mpsc::channel(NEWS);
        let (answering, answers) = mpsc::unbounded_channel();
        let (jobs, todo) = mpsc::unbounded_channel();
        let work = move || {
            if let Ok((runtime, changes)) = begun.recv() {
                let state = State::Watching;
                let keeper = Keeper { guarded, changes, state, next: Instant::now(), answers: answering, news: sender };
                // Ends with its jobs, or when the runtime does.
                let _ = runtime.block_on(keeper.keep(todo));
            }
        };
        let thread = thread::Builder::new().name("vrrp-filter".to_owned()).spawn(work)?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let watched = {
            let _entered = runtime.enter();
            changes.watched()
        };
        match watched {
            // The thread waits for nothing else.
            Ok(changes) => drop(begin.send((runtime, changes))),
            Err(error) => {
                // The caller may be in a runtime, where none is dropped that would wait.
                runtime.shutdown_background();
                return Err(error);
            }
        }
        Ok(Self { jobs: Some(jobs), answers, news, thread: Some(thread) })
    }

    /// Asks for a change. It is [answered](Self::poll).
    pub(super) fn change(&self, generation: Generation, wanted: W) {
        // A thread that is gone answers by the end of its answers.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send((generation, wanted)));
    }

    /// Polls for the next message of the thread; `None` when the thread is gone.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Said>> {
        match self.answers.poll_recv(cx) {
            Poll::Ready(Some((generation, changed))) => Poll::Ready(Some(Said::Answer(generation, changed))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.news.poll_recv(cx) {
                Poll::Ready(Some(news)) => Poll::Ready(Some(Said::News(news))),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl<W> Drop for Watch<W> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// The event that the thread waits for, besides jobs.
#[derive(Clone, Copy, Debug)]
enum State {
    /// It waits for changes of somebody else.
    Watching,
    /// It waits for the end of a burst of them.
    Settling(Instant),
    /// It waits for its time to look at the table.
    Looking(Instant),
    /// It waits for its time to make the table; the second value is the wait if that fails.
    Restoring(Instant, Duration),
}

/// The work of the thread. Nobody waits for what is done in here, so it may block.
struct Keeper<G> {
    guarded: G,
    changes: Watched,
    state: State,
    /// No sooner is the table looked at again.
    next: Instant,
    answers: mpsc::UnboundedSender<(Generation, io::Result<()>)>,
    news: mpsc::Sender<News>,
}

impl<G: Guarded> Keeper<G> {
    async fn keep(mut self, mut jobs: mpsc::UnboundedReceiver<(Generation, G::Wanted)>) -> io::Result<()> {
        loop {
            tokio::select! {
                biased;
                job = jobs.recv() => match job {
                    Some((generation, wanted)) => self.change(generation, wanted),
                    None => return Ok(()),
                },
                due = self.due() => {
                    due?;
                    self.step();
                }
            }
        }
    }

    async fn due(&mut self) -> io::Result<()> {
        match self.state {
            State::Watching => self.changes.next().await,
            State::Settling(at) | State::Looking(at) | State::Restoring(at, _) => {
                sleep_until(at).await;
                Ok(())
            }
        }
    }

    fn step(&mut self) {
        match self.state {
            State::Watching => self.state = State::Settling(Instant::now() + SETTLE),
            State::Settling(_) => {
                self.state = if self.changes.take() { State::Looking(self.next) } else { State::Watching };
            }
            State::Looking(_) => {
                // What came meanwhile is seen now, and what comes from here on is told.
                self.changes.take();
                if self.guarded.is_whole() { self.rest() } else { self.restore(PAUSE) }
            }
            State::Restoring(_, pause) => self.restore(pause),
        }
    }

    fn rest(&mut self) {
        (self.state, self.next) = (State::Watching, Instant::now() + PAUSE);
    }

    fn restore(&mut self, pause: Duration) {
        let made = self.guarded.make();
        // Our own changes are no news. Whatever else is among them shows in how the table looks.
        self.changes.take();
        // A caller that does not read news wants none.
        match made.and_then(|()| self.guarded.confirm()) {
            Ok(()) => {
                let _ = self.news.try_send(News::Restored);
                self.rest();
            }
            Err(error) => {
                let _ = self.news.try_send(News::Failed(error, pause));
                self.state = State::Restoring(Instant::now() + pause, (pause * 2).min(LONGEST_PAUSE));
            }
        }
    }

    /// Whatever somebody else did to the table until now is undone by the way.
    fn change(&mut self, generation: Generation, wanted: G::Wanted) {
        let is_whole = self.guarded.is_whole();
        let changed = self.guarded.change(wanted, is_whole);
        self.changes.watch_for(self.guarded.name());
        self.changes.take();
        let confirmed = changed.is_ok().then(|| self.guarded.confirm());
        // At the end nobody waits for it.
        let _ = self.answers.send((generation, changed));
        match confirmed {
            Some(Ok(())) if is_whole => self.state = State::Watching,
            Some(Ok(())) => {
                let _ = self.news.try_send(News::Restored);
                self.rest();
            }
            Some(Err(_)) => self.state = State::Restoring(Instant::now(), PAUSE),
            None if !is_whole && !matches!(self.state, State::Restoring(..)) => {
                self.state = State::Looking(self.next);
            }
            None => {}
        }
    }
}

/// The kernel's messages of changes.
struct Changes<S = Socket> {
    socket: S,
    /// The name as it is in a message.
    name: Option<Vec<u8>>,
    unread: bool,
}

type Watched = Changes<AsyncFd<Socket>>;

impl Changes {
    fn new(name: Option<&str>) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)?;
        socket.bind_auto()?;
        // Other processes cannot send to a connected socket.
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.add_membership(GROUP)?;
        let mut changes = Self { socket, name: None, unread: false };
        changes.watch_for(name);
        Ok(changes)
    }

    /// Needs a running runtime.
    fn watched(self) -> io::Result<Watched> {
        Ok(Changes { socket: sys::watch(self.socket)?, name: self.name, unread: self.unread })
    }
}

impl<S> Changes<S> {
    /// Watches another table from now on, or none.
    fn watch_for(&mut self, name: Option<&str>) {
        self.name = name.map(|name| [name.as_bytes(), &[0]].concat());
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
                Ok(_) => concerned |= self.name.as_ref().is_some_and(|name| has(&buffer, name)),
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

fn has(message: &[u8], name: &[u8]) -> bool {
    message.windows(name.len()).any(|part| part == name)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use super::super::table::nft;
    use super::*;
    use crate::testing::{in_namespace, missing, run, skip};

    #[derive(Clone, Default)]
    struct Fake {
        broken: Arc<AtomicBool>,
        failures: Arc<AtomicUsize>,
        looks: Arc<AtomicUsize>,
    }

    impl Guarded for Fake {
        /// True if it works.
        type Wanted = bool;

        fn name(&self) -> Option<&str> {
            Some("mine")
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

        fn change(&mut self, works: bool, _is_whole: bool) -> io::Result<()> {
            if !works {
                return Err(io::Error::other("not now"));
            }
            nft("add table inet mine\ndelete table inet mine\n")?;
            self.broken.store(false, SeqCst);
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

    fn said(watch: &mut Watch<bool>) -> Said {
        run(async { poll_fn(|cx| watch.poll(cx)).await.unwrap() })
    }

    fn news(watch: &mut Watch<bool>) -> News {
        match said(watch) {
            Said::News(news) => news,
            answer => panic!("{answer:?}"),
        }
    }

    #[test]
    fn a_change_waits_for_no_pause_and_what_fails_leaves_it_to_the_guard() {
        if missing(&["nft"]).is_some() {
            return skip("a_change_waits_for_no_pause_and_what_fails_leaves_it_to_the_guard", "nft is not installed");
        }
        in_namespace(|| {
            let fake = Fake::default();
            let mut watch = Watch::start(fake.clone()).unwrap();
            let [first, second, third] = [1, 2, 3].map(Generation);
            // Its own changes are no news: nobody looks because of them.
            watch.change(first, true);
            assert!(matches!(said(&mut watch), Said::Answer(generation, Ok(())) if generation == first));
            thread::sleep(SETTLE * 4);
            assert_eq!(fake.looks(), 1);
            // It cannot be made for a long time.
            fake.failures.store(usize::MAX, SeqCst);
            fake.broken.store(true, SeqCst);
            nft("table inet mine { }\n").unwrap();
            assert!(matches!(news(&mut watch), News::Failed(..)));
            let start = std::time::Instant::now();
            watch.change(second, false);
            match said(&mut watch) {
                Said::Answer(generation, Err(error)) => {
                    assert_eq!((generation, error.to_string().as_str()), (second, "not now"));
                }
                other => panic!("{other:?}"),
            }
            // Still broken, and tried again.
            assert!(matches!(news(&mut watch), News::Failed(_, pause) if pause > PAUSE));
            watch.change(third, true);
            assert!(matches!(said(&mut watch), Said::Answer(generation, Ok(())) if generation == third));
            assert!(matches!(news(&mut watch), News::Restored));
            assert!(start.elapsed() < PAUSE * 3, "{:?}", start.elapsed());
            fake.failures.store(0, SeqCst);
        });
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
