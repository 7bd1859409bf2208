//! Follows the host's links and addresses.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use netlink_packet_core::{DoneBuffer, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NetlinkHeader};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::Socket;
use socket2::SockRef;
use tokio::io::unix::AsyncFd;
use vrrp_core::Instant;

use super::decode::{News, decode};
use super::mirror::{Change, HostAddress, Key, Link, Mirror};
use super::{DATAGRAM_MAX, messages, open, request};
use crate::clock::{self, Alarm};
use crate::sys;

/// Enough for thousands of changes at once.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The kernel answers a dump within milliseconds. One that it does not answer must not hang the start.
const FIRST_DUMP_LIMIT: Duration = Duration::from_secs(2);
/// From one dump to the next at least: where changes come faster than they are read, each dump ends in an overrun.
const DUMP_PAUSE: Duration = Duration::from_millis(100);

/// Keeps a mirror of the links and addresses, and tells what changes.
#[derive(Debug)]
pub(crate) struct Monitor {
    socket: AsyncFd<Socket>,
    port: u32,
    buffer: Vec<u8>,
    mirror: Mirror,
    changes: VecDeque<Change>,
    state: State,
    dumped: Instant,
    sequence: u32,
    pause: Alarm,
    malformed: u64,
}

#[derive(Debug)]
enum State {
    /// The mirror follows the news.
    Following,
    /// News were lost. A dump has to wait until the socket is empty: before that the kernel drops what comes next.
    Lost { empty: bool },
    /// A dump is under way.
    Dumping(Dump),
}

/// A new mirror in the making.
#[derive(Debug)]
struct Dump {
    fresh: Mirror,
    /// News during the dump are later than what the dump says about the same thing.
    told: HashSet<Key>,
    addresses: bool,
    interrupted: bool,
}

impl Monitor {
    /// Subscribes, then reads everything: the mirror is complete. Blocks for that, two seconds at most. Needs a running
    /// tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_receive_buffer(RECEIVE_BUFFER)
    }

    fn with_receive_buffer(bytes: usize) -> io::Result<Self> {
        let (socket, port) = open(bytes)?;
        for group in [libc::RTNLGRP_LINK, libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR] {
            socket.add_membership(group)?;
        }
        SockRef::from(&socket).set_read_timeout(Some(FIRST_DUMP_LIMIT))?;
        let mut monitor = Self {
            socket: sys::watch(socket)?,
            port,
            buffer: Vec::with_capacity(DATAGRAM_MAX),
            mirror: Mirror::default(),
            changes: VecDeque::new(),
            state: State::Lost { empty: false },
            dumped: Instant::ZERO,
            sequence: 0,
            pause: Alarm::new()?,
            malformed: 0,
        };
        monitor.first_dump()?;
        Ok(monitor)
    }

    /// The link of this name.
    pub(crate) fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.mirror.link_by_name(name)
    }

    /// The link of this index.
    pub(crate) fn link(&self, ifindex: u32) -> Option<&Link> {
        self.mirror.link(ifindex)
    }

    /// The addresses of a link, in the kernel's order; none for a link that is not there.
    pub(crate) fn addresses(&self, ifindex: u32) -> impl Iterator<Item = &HostAddress> {
        self.mirror.addresses(ifindex)
    }

    /// How many messages of the kernel were not understood.
    pub(crate) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// The next change. Losing news is no error: everything is read again, and the differences are the changes.
    pub(crate) fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Change> {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return Poll::Ready(change);
            }
            if let State::Lost { empty: true } = self.state {
                ready!(self.poll_dump(cx));
            }
            let mut guard = match self.socket.poll_read_ready(cx) {
                Poll::Ready(Ok(guard)) => guard,
                // The runtime is going down.
                Poll::Ready(Err(_)) | Poll::Pending => return Poll::Pending,
            };
            self.buffer.clear();
            match guard.try_io(|socket| socket.get_ref().recv(&mut self.buffer, libc::MSG_DONTWAIT)) {
                Ok(Ok(_)) => self.read(),
                Ok(Err(error)) => self.lose(&error),
                Err(_would_block) => self.drained(),
            }
        }
    }

    fn first_dump(&mut self) -> io::Result<()> {
        let end = clock::now() + FIRST_DUMP_LIMIT;
        while !matches!(self.state, State::Following) {
            if clock::now() > end {
                let text = format!("the kernel did not finish a dump of links and addresses in {FIRST_DUMP_LIMIT:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            let wait = match self.state {
                State::Lost { empty: true } => {
                    self.dump()?;
                    0
                }
                State::Lost { empty: false } => libc::MSG_DONTWAIT,
                _ => 0,
            };
            self.buffer.clear();
            match self.socket.get_ref().recv(&mut self.buffer, wait) {
                Ok(_) => self.read(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained(),
                Err(error) => self.lose(&error),
            }
        }
        self.changes.clear();
        Ok(())
    }

    /// Starts a dump, if need be after a pause.
    fn poll_dump(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.dumped + DUMP_PAUSE;
        if clock::now() < due && self.pause.arm(Some(due)).is_ok() {
            // An alarm that fails is no reason to stay blind.
            let _ = ready!(self.pause.poll_fired(cx));
        }
        if let Err(error) = self.dump() {
            self.lose(&error);
        }
        Poll::Ready(())
    }

    fn dump(&mut self) -> io::Result<()> {
        self.dumped = clock::now();
        self.ask(RouteNetlinkMessage::GetLink(Default::default()))?;
        let (fresh, told) = Default::default();
        self.state = State::Dumping(Dump { fresh, told, addresses: false, interrupted: false });
        Ok(())
    }

    fn ask(&mut self, message: RouteNetlinkMessage) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.get_ref().send(&request(message, NLM_F_DUMP, self.sequence), 0).map(drop)
    }

    /// The socket is empty.
    fn drained(&mut self) {
        if let State::Lost { empty } = &mut self.state {
            *empty = true;
        }
    }

    /// News were lost, or a dump failed.
    fn lose(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::Interrupted {
            tracing::warn!(%error, "lost track of links and addresses; reading all of them again");
            self.state = State::Lost { empty: false };
        }
    }

    /// Takes in the datagram in the buffer.
    fn read(&mut self) {
        let datagram = std::mem::take(&mut self.buffer);
        for message in messages(&datagram) {
            match message {
                Ok((header, payload)) if header.port_number == self.port => self.dumped_message(&header, payload),
                Ok((header, payload)) => self.news(&header, payload),
                Err(_) => self.malformed += 1,
            }
        }
        self.buffer = datagram;
    }

    fn news(&mut self, header: &NetlinkHeader, payload: &[u8]) {
        let Some(news) = self.decoded(header, payload) else { return };
        match &mut self.state {
            State::Following => self.mirror.apply(news, &mut self.changes),
            // The dump to come is newer.
            State::Lost { .. } => {}
            State::Dumping(dump) => {
                dump.told.insert(news.key());
                dump.fresh.apply(news, &mut VecDeque::new());
            }
        }
    }

    fn dumped_message(&mut self, header: &NetlinkHeader, payload: &[u8]) {
        if header.sequence_number != self.sequence {
            return;
        }
        if header.message_type == NLMSG_ERROR {
            return self.lose(&io::Error::other("the kernel refused a dump"));
        }
        let news = if header.message_type == NLMSG_DONE { None } else { self.decoded(header, payload) };
        let State::Dumping(dump) = &mut self.state else { return };
        dump.interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
        if let Some(news) = news {
            if !dump.told.contains(&news.key()) {
                dump.fresh.apply(news, &mut VecDeque::new());
            }
        }
        if header.message_type == NLMSG_DONE {
            dump.interrupted |= DoneBuffer::new_checked(payload).is_ok_and(|done| done.code() < 0);
            self.dump_ended();
        }
    }

    fn dump_ended(&mut self) {
        let State::Dumping(dump) = &mut self.state else { return };
        if dump.interrupted {
            return self.lose(&io::Error::other("a change interrupted a dump"));
        }
        if !dump.addresses {
            dump.addresses = true;
            if let Err(error) = self.ask(RouteNetlinkMessage::GetAddress(Default::default())) {
                self.lose(&error);
            }
            return;
        }
        let fresh = std::mem::take(&mut dump.fresh);
        self.mirror.replace(fresh, &mut self.changes);
        self.changes.push_back(Change::Resynced);
        self.state = State::Following;
    }

    fn decoded(&mut self, header: &NetlinkHeader, payload: &[u8]) -> Option<News> {
        decode(header.message_type, payload).unwrap_or_else(|_| {
            self.malformed += 1;
            None
        })
    }
}
