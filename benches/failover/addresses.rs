//! Which addresses a host has, and what happens to them.

use std::collections::HashSet;
use std::io;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::libc;
use vrrp_core::Family;
use vrrp_examples::testbed::netlink::Station;

use crate::Result;
use crate::daemon::now;

/// The multicast group of news of IPv4 addresses, as in linux/rtnetlink.h.
const RTNLGRP_IPV4_IFADDR: u32 = 5;
/// From one look to the next, at least.
const POLL: Duration = Duration::from_millis(10);
/// The kernel gives as much in one datagram.
const DATAGRAM: usize = 1 << 15;
/// Of a netlink message, and of what it says about an address.
const HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// The addresses of one family that a host has.
pub(crate) struct Addresses {
    socket: Socket,
    request: Vec<u8>,
}

impl Addresses {
    pub(crate) fn of(host: &Station, family: Family) -> Result<Self> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            Ok(socket)
        };
        let socket = host.namespace.run(open).map_err(|error| format!("opening netlink: {error}"))?;
        let mut message = AddressMessage::default();
        message.header.family = match family {
            Family::Ipv4 => AddressFamily::Inet,
            Family::Ipv6 => AddressFamily::Inet6,
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut message = NetlinkMessage::new(header, RouteNetlinkMessage::GetAddress(message).into());
        message.finalize();
        let mut request = vec![0; message.buffer_len()];
        message.serialize(&mut request);
        Ok(Self { socket, request })
    }

    /// Waits until the host has `wanted` addresses, and tells when; does `meanwhile` between two looks.
    pub(crate) fn wait(
        &self,
        wanted: usize,
        patience: Duration,
        mut meanwhile: impl FnMut() -> Result<()>,
    ) -> Result<Duration> {
        let deadline = Instant::now() + patience;
        loop {
            let began = Instant::now();
            let there = self.count()?;
            if there >= wanted {
                return Ok(now());
            }
            if began > deadline {
                return Err(format!("{there} of {wanted} addresses are there after {patience:?}").into());
            }
            // A look at many takes the host's time: a tenth at most.
            let look = began.elapsed();
            meanwhile()?;
            sleep(POLL.max(look * 9));
        }
    }

    /// Returns how many are there and answer: not those that the kernel still looks for elsewhere, or has found there.
    fn count(&self) -> io::Result<usize> {
        self.socket.send(&self.request, 0)?;
        // The kernel may tell one twice that moves in its list meanwhile.
        let (mut addresses, mut datagram) = (HashSet::new(), Vec::with_capacity(DATAGRAM));
        loop {
            datagram.clear();
            self.socket.recv(&mut datagram, 0)?;
            let mut rest = datagram.as_slice();
            while let Some((kind, message)) = first_message(rest) {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(addresses.len()),
                    libc::NLMSG_ERROR => return Err(io::Error::other("the kernel does not list addresses")),
                    _ => addresses.extend(address(message).map(<[u8]>::to_vec)),
                }
                rest = rest.get(message.len().next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// News of a host's IPv4 addresses since this was opened: one came, changed or went.
pub(crate) struct AddressNews(Socket);

impl AddressNews {
    pub(crate) fn of(host: &Station) -> Result<Self> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.add_membership(RTNLGRP_IPV4_IFADDR)?;
            Ok(socket)
        };
        Ok(Self(host.namespace.run(open).map_err(|error| format!("opening netlink: {error}"))?))
    }

    /// Takes what was said, as the addresses that it was said of.
    pub(crate) fn take(&self) -> Result<Vec<Ipv4Addr>> {
        let (mut said, mut datagram) = (Vec::new(), Vec::with_capacity(DATAGRAM));
        loop {
            datagram.clear();
            match self.0.recv(&mut datagram, libc::MSG_DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(said),
                received => received?,
            };
            let mut rest = datagram.as_slice();
            while let Some((_, message)) = first_message(rest) {
                let octets = address(message).and_then(|attribute| <[u8; 4]>::try_from(attribute.get(4..)?).ok());
                said.extend(octets.map(Ipv4Addr::from));
                rest = rest.get(message.len().next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// The first message and its type.
fn first_message(messages: &[u8]) -> Option<(u16, &[u8])> {
    let length = u32::from_ne_bytes(messages.get(..4)?.try_into().ok()?);
    let kind = u16::from_ne_bytes(messages.get(4..6)?.try_into().ok()?);
    let message = messages.get(..length.try_into().ok()?).filter(|message| message.len() >= HEADER)?;
    Some((kind, message))
}

/// The interface and the first attribute, which is the address, of one that answers.
fn address(message: &[u8]) -> Option<&[u8]> {
    let flags = u32::from(*message.get(HEADER + 2)?);
    let attribute = message.get(HEADER + ADDRESS_HEADER..)?;
    let length = u16::from_ne_bytes(attribute.get(..2)?.try_into().ok()?);
    let octets = attribute.get(..length.into())?;
    (flags & (libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED) == 0).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_still_tentative_does_not_count() {
        let message = |flags: u32| {
            let header =
                [&28_u32.to_ne_bytes()[..], &20_u16.to_ne_bytes(), &[0; 10], &[2, 32, flags as u8, 0, 2, 0, 0, 0]];
            let attribute = [&8_u16.to_ne_bytes()[..], &1_u16.to_ne_bytes(), &[10, 0, 0, 1]].concat();
            let mut message = [header.concat(), attribute].concat();
            message[0] = message.len() as u8;
            message
        };
        let two = [message(0), message(libc::IFA_F_TENTATIVE)].concat();
        let (kind, first) = first_message(&two).unwrap();
        assert_eq!((kind, first.len(), address(first).map(|octets| &octets[4..])), (20, 32, Some(&[10, 0, 0, 1][..])));
        assert_eq!(address(first_message(&two[first.len()..]).unwrap().1), None);
        assert!((0..first.len()).all(|length| first_message(&first[..length]).is_none()));
    }
}
