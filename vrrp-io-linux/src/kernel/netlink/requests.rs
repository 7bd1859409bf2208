//! Installs and removes addresses.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::Socket;
use vrrp_core::Instant;

use super::message::{DATAGRAM_MAX, MARK, answers, open, request};
use crate::clock;
use crate::virtual_ip::VirtualIp;

/// Sent together and answered together. The answers to more could overrun the socket.
const CHUNK: usize = 64;
/// The time that a chunk may take; nothing else is done meanwhile.
const CHUNK_TAKES: Duration = Duration::from_millis(5);
/// The installations that a slow kernel can do: one that has thousands of IPv6 addresses on one link and is busy besides.
const INSTALLED_IN_A_SECOND: u32 = 50;
const RECEIVE_BUFFER: usize = 1 << 20;
/// The index that no link has.
const NO_LINK: u32 = 0;

/// A queue of requests to the kernel, carried out in order.
#[derive(Debug)]
pub(crate) struct Requests {
    socket: Socket,
    buffer: Vec<u8>,
    queued: VecDeque<Request>,
    /// The number of requests that are sent together now.
    chunk: usize,
    unanswered: VecDeque<Request>,
    done: VecDeque<Done>,
    sequence: u32,
}

/// A request that has been carried out, or not.
#[derive(Debug)]
pub(crate) struct Done {
    /// The number that the caller gave it.
    pub(crate) ticket: u64,
    /// Its result. `ENOBUFS` means that the answer was lost, and the result is not known: ask again, that does no harm.
    pub(crate) result: io::Result<RequestOutcome>,
}

/// The effect of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
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
    flags: u16,
    /// The message, until it is sent.
    message: Option<RouteNetlinkMessage>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Install,
    Remove,
}

impl Requests {
    /// Opens the socket.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_receive_buffer(RECEIVE_BUFFER)
    }

    fn with_receive_buffer(bytes: usize) -> io::Result<Self> {
        let (socket, _port) = open(bytes)?;
        // A refusal then does not carry the request back.
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(DATAGRAM_MAX),
            queued: VecDeque::new(),
            chunk: CHUNK,
            unanswered: VecDeque::new(),
            done: VecDeque::new(),
            sequence: 0,
        })
    }

    /// Queues the installation of `virtual_ip`, with the mark. The kernel removes it when the `lifetime`, of whole seconds, is
    /// over.
    pub(crate) fn install(&mut self, ifindex: u32, virtual_ip: &VirtualIp, lifetime: Option<Duration>, ticket: u64) {
        self.queue(ticket, Kind::Install, installation(ifindex, virtual_ip, lifetime), NLM_F_CREATE | NLM_F_EXCL);
    }

    /// Has the lifetime of installed addresses begin anew, at once, whatever else is queued or unanswered; but not later
    /// than `until`: a process that hung just now must not bring back what expired meanwhile.
    ///
    /// No answer is waited for: what was not renewed expires, and of that the monitor tells. Where there is no such
    /// address any more the kernel installs it; so be sure that it is wanted.
    pub(crate) fn renew<'a>(
        &mut self,
        addresses: impl IntoIterator<Item = (u32, &'a VirtualIp, Duration)>,
        until: Instant,
    ) {
        self.buffer.clear();
        for (ifindex, virtual_ip, lifetime) in addresses {
            self.sequence = self.sequence.wrapping_add(1);
            let message = installation(ifindex, virtual_ip, Some(lifetime));
            self.buffer.extend(request(message, NLM_F_REPLACE, self.sequence));
        }
        if !self.buffer.is_empty() && clock::now() <= until {
            // As with a lost answer: what expires is told.
            let _ = self.socket.send(&self.buffer, libc::MSG_DONTWAIT);
        }
    }

    /// Queues the removal of `virtual_ip`: of the address with this prefix, whoever installed it and whatever its label. The
    /// kernel renames a label with its link.
    pub(crate) fn remove(&mut self, ifindex: u32, virtual_ip: &VirtualIp, ticket: u64) {
        self.queue(ticket, Kind::Remove, RouteNetlinkMessage::DelAddress(address_message(ifindex, virtual_ip)), 0);
    }

    /// Goes through an installation for nothing: on no link, which the kernel refuses. Does nothing while others are under
    /// way.
    pub(crate) fn rehearse(&mut self, virtual_ip: &VirtualIp, lifetime: Option<Duration>) {
        if self.queued.is_empty() && self.unanswered.is_empty() && self.done.is_empty() {
            self.install(NO_LINK, virtual_ip, lifetime, 0);
            self.flush();
            while self.next_done().is_some() {}
        }
    }

    /// Tells whether something waits to be sent.
    pub(crate) fn are_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Sends what is queued, as much as goes out in one message; the rest when it is called again. The kernel carries it
    /// out meanwhile, and answers: [`next_done`](Self::next_done).
    pub(crate) fn flush(&mut self) {
        if !self.unanswered.is_empty() || self.queued.is_empty() {
            return;
        }
        let chunk = self.queued.drain(..self.queued.len().min(self.chunk));
        self.unanswered.extend(chunk);
        // No address is renewed before the last one that waits is there.
        let wait = self.queued.len() as u32 / INSTALLED_IN_A_SECOND;
        self.buffer.clear();
        for Request { sequence, flags, message, .. } in &mut self.unanswered {
            if let Some(mut message) = message.take() {
                prolong(&mut message, wait);
                self.buffer.extend(request(message, NLM_F_ACK | *flags, *sequence));
            }
        }
        let begun = clock::now();
        if let Err(error) = self.socket.send(&self.buffer, libc::MSG_DONTWAIT) {
            self.give_up(&error);
        }
        // A kernel that has thousands of addresses, or is busy, takes milliseconds for each.
        let took = clock::now().since(begun);
        if took > CHUNK_TAKES {
            self.chunk = (self.chunk / 2).max(1);
        } else if took < CHUNK_TAKES / 4 {
            self.chunk = (self.chunk * 2).min(CHUNK);
        }
    }

    /// The next request that is done; each is reported exactly once.
    pub(crate) fn next_done(&mut self) -> Option<Done> {
        loop {
            if let Some(done) = self.done.pop_front() {
                return Some(done);
            }
            if self.unanswered.is_empty() {
                return None;
            }
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, libc::MSG_DONTWAIT) {
                Ok(_) => self.read(),
                // An answer that is not here will never come.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.give_up(&io::Error::from_raw_os_error(libc::ENOBUFS));
                }
                // An overrun. Which answers are lost is known when those that are not have been read.
                Err(_) => {}
            }
        }
    }

    fn queue(&mut self, ticket: u64, kind: Kind, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        self.queued.push_back(Request { sequence: self.sequence, ticket, kind, flags, message: Some(message) });
    }

    /// Takes in the datagram in the buffer.
    fn read(&mut self) {
        for (sequence, errno) in answers(&self.buffer) {
            let at = self.unanswered.iter().position(|request| request.sequence == sequence);
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
    fn outcome(self, errno: i32) -> io::Result<RequestOutcome> {
        match (self, errno) {
            (Self::Install, 0) => Ok(RequestOutcome::Installed),
            (Self::Install, libc::EEXIST) => Ok(RequestOutcome::AlreadyThere),
            (Self::Remove, 0) => Ok(RequestOutcome::Removed),
            (Self::Remove, libc::EADDRNOTAVAIL | libc::ENODEV) => Ok(RequestOutcome::NotThere),
            _ => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Has an address that has a lifetime last so many seconds longer.
fn prolong(message: &mut RouteNetlinkMessage, seconds: u32) {
    let RouteNetlinkMessage::NewAddress(message) = message else { return };
    for attribute in &mut message.attributes {
        if let AddressAttribute::CacheInfo(times) = attribute {
            for time in [&mut times.ifa_valid, &mut times.ifa_preferred] {
                *time = if *time == 0 { 0 } else { time.saturating_add(seconds) };
            }
        }
    }
}

/// Everything about `virtual_ip`, as it is to be there.
fn installation(ifindex: u32, virtual_ip: &VirtualIp, lifetime: Option<Duration>) -> RouteNetlinkMessage {
    let mut message = address_message(ifindex, virtual_ip);
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(MARK)));
    message.attributes.extend(virtual_ip.label.clone().map(AddressAttribute::Label));
    message.attributes.extend(virtual_ip.broadcast.map(AddressAttribute::Broadcast));
    let valid = lifetime.map_or(u32::MAX, |lifetime| u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX));
    let mut times = CacheInfo::default();
    (times.ifa_preferred, times.ifa_valid) = (valid, valid);
    if virtual_ip.address.is_ipv6() {
        // An owner that comes back would find its address in use by the Master that it is about to replace (V6-08).
        message.header.flags |= AddressHeaderFlags::Nodad;
        // Deprecated: the kernel does not choose it as the source of new connections while there is another one. They
        // would break when the address moves. What comes in it serves as any other address does.
        times.ifa_preferred = 0;
    }
    if virtual_ip.no_prefix_route {
        // Too large for the header; where the kernel finds the attribute it does not read that.
        let others = AddressFlags::from_bits_retain(message.header.flags.bits().into());
        message.attributes.push(AddressAttribute::Flags(others | AddressFlags::Noprefixroute));
    }
    message.attributes.push(AddressAttribute::CacheInfo(times));
    RouteNetlinkMessage::NewAddress(message)
}

/// Returns a message with everything that tells `virtual_ip` from other addresses.
fn address_message(ifindex: u32, virtual_ip: &VirtualIp) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if virtual_ip.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = virtual_ip.prefix_len;
    message.header.scope = AddressScope::from(virtual_ip.scope.number());
    message.header.index = ifindex;
    message.attributes =
        vec![AddressAttribute::Local(virtual_ip.address), AddressAttribute::Address(virtual_ip.address)];
    message
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::future::poll_fn;
    use std::net::IpAddr;

    use super::*;
    use crate::kernel::netlink::mirror::{HostAddress, HostChange, Use};
    use crate::kernel::netlink::monitor::Monitor;
    use crate::testing::{ifindex, in_namespace, ip, run, wire};
    use crate::virtual_ip::Scope;

    /// The solicited-node group of addresses that end in ::1.
    const SOLICITED_NODE: &str = "ff0200000000000000000001ff000001";

    fn done(requests: &mut Requests) -> Done {
        requests.flush();
        requests.next_done().unwrap()
    }

    /// Waits until nothing is outstanding; returns the results by ticket.
    async fn results(requests: &mut Requests, count: usize) -> HashMap<u64, io::Result<RequestOutcome>> {
        let mut results = HashMap::new();
        while results.len() < count {
            let Done { ticket, result } = done(requests);
            assert!(results.insert(ticket, result).is_none(), "ticket {ticket} reported twice");
        }
        results
    }

    async fn one(requests: &mut Requests) -> io::Result<RequestOutcome> {
        done(requests).result
    }

    fn virtual_ip(text: &str) -> VirtualIp {
        text.parse().unwrap()
    }

    fn many(count: u16) -> impl Iterator<Item = VirtualIp> {
        (0..count).map(|n| virtual_ip(&format!("10.0.{}.{}/16", n >> 8, n & 255)))
    }

    fn host_addresses(ifindex: u32) -> Vec<HostAddress> {
        Monitor::new().unwrap().addresses(ifindex).filter(|address| address.address.is_ipv4()).cloned().collect()
    }

    #[test]
    fn a_rehearsal_installs_nothing_and_lets_others_pass() {
        in_namespace(|| {
            wire("v0", "v1");
            run(async {
                let mut requests = Requests::new().unwrap();
                for text in ["192.0.2.1/24", "2001:db8::1/64"] {
                    let virtual_ip = virtual_ip(text);
                    requests.rehearse(&virtual_ip, Some(Duration::from_secs(2)));
                    assert!(!Monitor::new().unwrap().has_address(virtual_ip.address));
                    assert!(requests.next_done().is_none());
                    requests.install(ifindex("v0"), &virtual_ip, None, 1);
                    requests.rehearse(&virtual_ip, None);
                    assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Installed);
                }
            });
        });
    }

    #[test]
    fn install_and_remove_can_be_repeated() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut requests = Requests::new().unwrap();
                let virtual_ip = virtual_ip("192.0.2.1/24");
                for (install, outcome) in [
                    (true, RequestOutcome::Installed),
                    (true, RequestOutcome::AlreadyThere),
                    (false, RequestOutcome::Removed),
                    (false, RequestOutcome::NotThere),
                ] {
                    if install {
                        requests.install(index, &virtual_ip, None, 1)
                    } else {
                        requests.remove(index, &virtual_ip, 1)
                    }
                    assert_eq!(one(&mut requests).await.unwrap(), outcome);
                }
                requests.remove(index + 1000, &virtual_ip, 1);
                assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::NotThere);
                requests.install(index + 1000, &virtual_ip, None, 1);
                assert_eq!(one(&mut requests).await.unwrap_err().raw_os_error(), Some(libc::ENODEV));
            });
        });
    }

    #[test]
    fn an_address_is_installed_as_configured() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            ip("address add 198.51.100.1/24 dev v0");
            let full = VirtualIp {
                label: Some("v0:1".into()),
                scope: Scope::Link,
                broadcast: Some([192, 0, 2, 255].into()),
                ..virtual_ip("192.0.2.1/24")
            };
            run(async {
                let mut requests = Requests::new().unwrap();
                for virtual_ip in [&full, &virtual_ip("198.51.100.2/24"), &virtual_ip("203.0.113.1")] {
                    requests.install(index, virtual_ip, None, 1);
                    assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Installed);
                }
                let host = |text: &str, prefix_len, secondary, marked| HostAddress {
                    address: text.parse().unwrap(),
                    prefix_len,
                    peer: text.parse().unwrap(),
                    scope: 0,
                    label: Some("v0".into()),
                    broadcast: None,
                    secondary,
                    usage: Use::Usable,
                    marked,
                };
                let expected = [
                    HostAddress {
                        scope: 253,
                        label: full.label.clone(),
                        broadcast: full.broadcast,
                        ..host("192.0.2.1", 24, false, true)
                    },
                    host("198.51.100.1", 24, false, false),
                    host("203.0.113.1", 32, false, true),
                    host("198.51.100.2", 24, true, true),
                ];
                assert_eq!(host_addresses(index), expected);

                // The kernel changes a label with the name of its link.
                ip("link set v0 down");
                ip("link set v0 name v9");
                requests.remove(index, &full, 1);
                assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Removed);
                let left: Vec<IpAddr> = host_addresses(index).into_iter().map(|there| there.address).collect();
                assert!(left.iter().eq(expected[1..].iter().map(|there| &there.address)), "{left:?}");
            });
        });
    }

    #[test]
    fn an_ipv6_address_is_marked_and_in_use_when_the_kernel_tells_of_it() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            let there = |text: &str| {
                let monitor = Monitor::new().unwrap();
                monitor.addresses(index).find(|there| there.address == virtual_ip(text).address).cloned()
            };
            run(async {
                let (mut requests, mut monitor) = (Requests::new().unwrap(), Monitor::new().unwrap());
                for (text, scope) in [("2001:db8::1/128", 0), ("2001:db8:1::1/64", 0), ("fe80::1/64", 253)] {
                    requests.install(index, &virtual_ip(text), None, 1);
                    assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Installed);
                    let added = HostChange::AddressAdded { ifindex: index, address: virtual_ip(text).address };
                    while poll_fn(|cx| monitor.poll_change(cx)).await != added {}
                    // The group by which neighbours ask for it (V6-02).
                    let groups = fs::read_to_string("/proc/self/net/igmp6").unwrap();
                    assert!(
                        groups.lines().any(|line| line.contains("v0 ") && line.contains(SOLICITED_NODE)),
                        "{groups}"
                    );
                    let found = there(text).unwrap();
                    assert_eq!((found.prefix_len, found.scope), (virtual_ip(text).prefix_len, scope));
                    assert!(found.marked && found.is_usable(), "{found:?}");
                    let shown = ip("-oneline -6 address show dev v0");
                    let line = shown.lines().find(|line| line.contains(text)).unwrap();
                    assert!(line.contains("nodad deprecated") && line.contains("preferred_lft 0sec"), "{line}");

                    requests.install(index, &virtual_ip(text), None, 1);
                    assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::AlreadyThere);
                    for outcome in [RequestOutcome::Removed, RequestOutcome::NotThere] {
                        requests.remove(index, &virtual_ip(text), 1);
                        assert_eq!(one(&mut requests).await.unwrap(), outcome);
                    }
                    assert_eq!(there(text), None);
                }
            });
        });
    }

    #[test]
    fn a_renewal_changes_nothing_but_the_lifetime() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            ip("address add 198.51.100.1/24 dev v0");
            let labelled = VirtualIp {
                label: Some("v0:1".into()),
                broadcast: Some([192, 0, 2, 255].into()),
                ..virtual_ip("192.0.2.1/24")
            };
            let virtual_ips = [
                labelled,
                virtual_ip("198.51.100.2/24"),
                virtual_ip("2001:db8::1/128"),
                virtual_ip("2001:db8:1::1/64"),
            ];
            run(async {
                let (mut requests, mut monitor) = (Requests::new().unwrap(), Monitor::new().unwrap());
                for virtual_ip in &virtual_ips {
                    requests.install(index, virtual_ip, Some(Duration::from_secs(1000)), 1);
                    assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Installed);
                }
                let last = HostChange::AddressAdded { ifindex: index, address: virtual_ips[3].address };
                while poll_fn(|cx| monitor.poll_change(cx)).await != last {}
                let before: Vec<HostAddress> = monitor.addresses(index).cloned().collect();
                assert_eq!(before.iter().filter(|there| there.marked).count(), 4);
                assert_eq!(ip("address show dev v0").matches("valid_lft 1000sec").count(), 4);

                // Too late.
                requests.renew(
                    virtual_ips.iter().map(|virtual_ip| (index, virtual_ip, Duration::from_secs(3000))),
                    Instant::ZERO,
                );
                requests.renew(
                    virtual_ips.iter().map(|virtual_ip| (index, virtual_ip, Duration::from_secs(2000))),
                    Instant::MAX,
                );
                let shown = ip("-oneline address show dev v0");
                assert_eq!(shown.matches("valid_lft 2000sec").count(), 4, "{shown}");
                assert_eq!(shown.matches("nodad deprecated").count(), 2, "{shown}");
                // The news of it change nothing, and are followed by no answer.
                ip("address add 203.0.113.1/32 dev v0");
                let marker = HostChange::AddressAdded { ifindex: index, address: virtual_ip("203.0.113.1").address };
                assert_eq!(poll_fn(|cx| monitor.poll_change(cx)).await, marker);
                let after: Vec<HostAddress> = Monitor::new().unwrap().addresses(index).cloned().collect();
                assert!(before.iter().all(|there| after.contains(there)), "{before:?}\n{after:?}");
                requests.remove(index, &virtual_ips[0], 7);
                assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Removed);
                // A link that is gone is no error here.
                requests.renew([(index + 1000, &virtual_ips[1], Duration::from_secs(1))], Instant::MAX);
                requests.remove(index, &virtual_ips[1], 8);
                assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Removed);
            });
        });
    }

    #[test]
    fn an_address_without_a_prefix_route_has_none_after_a_renewal_either() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            let routes = || format!("{}{}", ip("route show dev v0"), ip("-6 route show dev v0"));
            let virtual_ips = ["192.0.2.1/24", "2001:db8::1/64"].map(virtual_ip);
            run(async {
                let mut requests = Requests::new().unwrap();
                for no_prefix_route in [true, false] {
                    let virtual_ips = virtual_ips.clone().map(|virtual_ip| VirtualIp { no_prefix_route, ..virtual_ip });
                    for virtual_ip in &virtual_ips {
                        requests.install(index, virtual_ip, Some(Duration::from_secs(1000)), 1);
                        assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Installed);
                    }
                    let check = |lifetime: &str| {
                        let (shown, routes) = (ip("-oneline address show dev v0"), routes());
                        assert_eq!(shown.matches("noprefixroute").count(), if no_prefix_route { 2 } else { 0 });
                        assert_eq!(shown.matches(lifetime).count(), 2, "{shown}");
                        assert_eq!(shown.matches("nodad deprecated").count(), 1, "{shown}");
                        assert_eq!(routes.contains("192.0.2.0/24"), !no_prefix_route, "{routes}");
                        assert_eq!(routes.contains("2001:db8::/64"), !no_prefix_route, "{routes}");
                    };
                    check("valid_lft 1000sec");
                    requests.renew(
                        virtual_ips.iter().map(|virtual_ip| (index, virtual_ip, Duration::from_secs(2000))),
                        Instant::MAX,
                    );
                    check("valid_lft 2000sec");
                    for virtual_ip in &virtual_ips {
                        requests.remove(index, virtual_ip, 1);
                        assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::Removed);
                    }
                }
            });
        });
    }

    #[test]
    fn five_hundred_in_one_go_are_all_answered_in_order() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut requests = Requests::new().unwrap();
                for (ticket, virtual_ip) in (0..).zip(many(500)) {
                    requests.install(index, &virtual_ip, None, ticket);
                }
                // The last one once more: it must find itself there.
                requests.install(index, &many(500).last().unwrap(), None, 500);
                let start = clock::now();
                for expected in 0..=500 {
                    let Done { ticket, result } = done(&mut requests);
                    let outcome = if ticket == 500 { RequestOutcome::AlreadyThere } else { RequestOutcome::Installed };
                    assert_eq!((ticket, result.unwrap()), (expected, outcome));
                }
                println!("500 addresses installed in {:?}", clock::now().since(start));
                assert_eq!(host_addresses(index).len(), 500);
            });
        });
    }

    #[test]
    fn an_answer_that_is_lost_is_reported() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut requests = Requests::with_receive_buffer(1).unwrap();
                for (ticket, virtual_ip) in (0..).zip(many(200)) {
                    requests.install(index, &virtual_ip, None, ticket);
                }
                let results = results(&mut requests, 200).await;
                let lost: Vec<_> = results.values().filter_map(|result| result.as_ref().err()).collect();
                assert!(!lost.is_empty(), "nothing was lost: the test proves nothing");
                assert!(lost.iter().all(|error| error.raw_os_error() == Some(libc::ENOBUFS)), "{lost:?}");
                assert_eq!(host_addresses(index).len(), 200);
                // Asking again says what is the case.
                for virtual_ip in many(200) {
                    requests.install(index, &virtual_ip, None, 1);
                    assert_eq!(one(&mut requests).await.unwrap(), RequestOutcome::AlreadyThere);
                }
            });
        });
    }
}
