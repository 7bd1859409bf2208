//! Installs and removes addresses.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, ready};

use netlink_packet_core::{ErrorBuffer, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLMSG_ERROR};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol, AddressScope};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::Socket;
use tokio::io::unix::AsyncFd;

use super::{DATAGRAM_MAX, MARK, messages, open, request};
use crate::{Scope, VirtualIp, sys};

/// Sent together and answered together. The answers to more could overrun the socket.
const CHUNK: usize = 64;
const RECEIVE_BUFFER: usize = 1 << 20;

/// A queue of requests to the kernel, carried out in order.
#[derive(Debug)]
pub(crate) struct Requests {
    socket: AsyncFd<Socket>,
    buffer: Vec<u8>,
    queued: VecDeque<Request>,
    unanswered: VecDeque<Request>,
    done: VecDeque<Done>,
    sequence: u32,
    lost: Option<io::Error>,
    malformed: u64,
}

/// A request that has been carried out, or not.
#[derive(Debug)]
pub(crate) struct Done {
    /// As the caller numbered it.
    pub(crate) ticket: u64,
    /// What came of it. `ENOBUFS` means that the answer was lost, not what it was: ask again, that does no harm.
    pub(crate) result: io::Result<Outcome>,
}

/// What a request has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The address is there, by this request.
    Installed,
    /// The address was there before; it has been left as it is.
    AlreadyThere,
    /// The address is gone, by this request.
    Removed,
    /// There was no such address, or no such link any more.
    NotThere,
}

#[derive(Debug)]
struct Request {
    sequence: u32,
    ticket: u64,
    kind: Kind,
    message: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Install,
    Remove,
}

impl Requests {
    /// Opens the socket. Needs a running tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_receive_buffer(RECEIVE_BUFFER)
    }

    fn with_receive_buffer(bytes: usize) -> io::Result<Self> {
        let (socket, _port) = open(bytes)?;
        // A refusal then does not carry the request back.
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket: sys::watch(socket)?,
            buffer: Vec::with_capacity(DATAGRAM_MAX),
            queued: VecDeque::new(),
            unanswered: VecDeque::new(),
            done: VecDeque::new(),
            sequence: 0,
            lost: None,
            malformed: 0,
        })
    }

    /// Queues the installation of `vip`, with the mark.
    pub(crate) fn install(&mut self, ifindex: u32, vip: &VirtualIp, ticket: u64) {
        let mut message = address_message(ifindex, vip);
        message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(MARK)));
        message.attributes.extend(vip.broadcast.map(AddressAttribute::Broadcast));
        self.queue(ticket, Kind::Install, RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL);
    }

    /// Queues the removal of `vip`: of the address with this prefix and label, whoever installed it.
    pub(crate) fn remove(&mut self, ifindex: u32, vip: &VirtualIp, ticket: u64) {
        self.queue(ticket, Kind::Remove, RouteNetlinkMessage::DelAddress(address_message(ifindex, vip)), 0);
    }

    /// Sends what is queued. What does not go out in one message follows when [`poll_done`](Self::poll_done) has seen
    /// the answers to it.
    pub(crate) fn flush(&mut self) {
        if !self.unanswered.is_empty() || self.queued.is_empty() {
            return;
        }
        let chunk = self.queued.drain(..self.queued.len().min(CHUNK));
        self.unanswered.extend(chunk);
        let message: Vec<u8> = self.unanswered.iter().flat_map(|request| &request.message).copied().collect();
        if let Err(error) = self.socket.get_ref().send(&message, libc::MSG_DONTWAIT) {
            self.give_up(&error);
        }
    }

    /// The next request that is done; each is reported exactly once.
    pub(crate) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        loop {
            self.flush();
            if let Some(done) = self.done.pop_front() {
                return Poll::Ready(done);
            }
            let mut guard = match ready!(self.socket.poll_read_ready(cx)) {
                Ok(guard) => guard,
                // The runtime is going down.
                Err(_) => return Poll::Pending,
            };
            self.buffer.clear();
            match guard.try_io(|socket| socket.get_ref().recv(&mut self.buffer, libc::MSG_DONTWAIT)) {
                Ok(Ok(_)) => self.read(),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // Some answers were dropped. Which is known when those that were not have been read.
                Ok(Err(error)) => self.lost = Some(error),
                Err(_would_block) => {
                    if let Some(error) = self.lost.take() {
                        self.give_up(&error);
                    }
                }
            }
        }
    }

    /// How many messages of the kernel were not understood.
    pub(crate) fn malformed(&self) -> u64 {
        self.malformed
    }

    fn queue(&mut self, ticket: u64, kind: Kind, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let message = request(message, NLM_F_ACK | flags, self.sequence);
        self.queued.push_back(Request { sequence: self.sequence, ticket, kind, message });
    }

    /// Takes in the datagram in the buffer.
    fn read(&mut self) {
        for message in messages(&self.buffer) {
            let answer = message.and_then(|(header, payload)| {
                let refusal = ErrorBuffer::new_checked(payload)?.code();
                Ok((header, refusal.map_or(0, |code| code.get().saturating_neg())))
            });
            let Ok((header, errno)) = answer else {
                self.malformed += 1;
                continue;
            };
            let at = self.unanswered.iter().position(|request| request.sequence == header.sequence_number);
            if header.message_type != NLMSG_ERROR {
                continue;
            }
            if let Some(Request { ticket, kind, .. }) = at.and_then(|at| self.unanswered.remove(at)) {
                self.done.push_back(Done { ticket, result: kind.outcome(errno) });
            }
        }
    }

    /// Reports every request that waits for an answer as failed.
    fn give_up(&mut self, error: &io::Error) {
        for Request { ticket, .. } in self.unanswered.drain(..) {
            let error = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.done.push_back(Done { ticket, result: Err(error) });
        }
    }
}

impl Kind {
    fn outcome(self, errno: i32) -> io::Result<Outcome> {
        match (self, errno) {
            (Self::Install, 0) => Ok(Outcome::Installed),
            (Self::Install, libc::EEXIST) => Ok(Outcome::AlreadyThere),
            (Self::Remove, 0) => Ok(Outcome::Removed),
            (Self::Remove, libc::EADDRNOTAVAIL | libc::ENODEV) => Ok(Outcome::NotThere),
            _ => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// What tells `vip` from other addresses.
fn address_message(ifindex: u32, vip: &VirtualIp) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if vip.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = vip.prefix_len;
    message.header.scope = scope(vip.scope);
    message.header.index = ifindex;
    message.attributes = vec![AddressAttribute::Local(vip.address), AddressAttribute::Address(vip.address)];
    message.attributes.extend(vip.label.clone().map(AddressAttribute::Label));
    message
}

fn scope(scope: Scope) -> AddressScope {
    match scope {
        Scope::Global => AddressScope::Universe,
        Scope::Site => AddressScope::Site,
        Scope::Link => AddressScope::Link,
        Scope::Host => AddressScope::Host,
        Scope::Other(number) => AddressScope::from(number),
    }
}
