//! Makes, raises, lowers and removes macvlans. Each call waits for the kernel.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};
use netlink_sys::Socket;

use super::message::{DATAGRAM_MAX, answers, open, request};

const RECEIVE_BUFFER: usize = 1 << 16;

/// Requests about links, one at a time.
#[derive(Debug)]
pub(crate) struct Links {
    socket: Socket,
    sequence: u32,
}

impl Links {
    pub(crate) fn new() -> io::Result<Self> {
        let (socket, _port) = open(RECEIVE_BUFFER)?;
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Makes a macvlan above the link `parent`; it is down.
    ///
    /// Another Master sends from the same MAC address, and must be heard on the parent. In private mode the macvlan takes
    /// that away. In bridge mode the parent has it too, unless it `is_macvlan` itself: the kernel then makes the new one beside
    /// it, and what comes from the MAC address of one in bridge mode goes only to those in VEPA mode; what comes from that of
    /// one in VEPA mode goes to all others. The price: other macvlans of the same card reach this one only by a switch that
    /// sends frames back where they came from.
    pub(crate) fn make_macvlan(&mut self, name: &str, parent: u32, is_macvlan: bool, mac: [u8; 6]) -> io::Result<()> {
        let mode = if is_macvlan { MacVlanMode::Vepa } else { MacVlanMode::Bridge };
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Link(parent),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::MacVlan),
                LinkInfo::Data(InfoData::MacVlan(vec![InfoMacVlan::Mode(mode)])),
            ]),
        ];
        self.ask(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Sets a link up, which takes a tenth of a millisecond, or down, which for a macvlan takes more than ten.
    pub(crate) fn set_up(&mut self, ifindex: u32, up: bool) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        self.ask(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Sets the largest packet that a link carries, in octets.
    pub(crate) fn set_mtu(&mut self, ifindex: u32, mtu: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.attributes = vec![LinkAttribute::Mtu(mtu)];
        self.ask(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Removes a link, which takes some twenty milliseconds.
    pub(crate) fn remove(&mut self, ifindex: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        self.ask(RouteNetlinkMessage::DelLink(message), 0)
    }

    /// Removes a link that is known by its name alone.
    pub(crate) fn remove_by_name(&mut self, name: &str) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
        self.ask(RouteNetlinkMessage::DelLink(message), 0)
    }

    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&request(message, NLM_F_ACK | flags, self.sequence), 0)?;
        let mut buffer = Vec::with_capacity(DATAGRAM_MAX);
        loop {
            buffer.clear();
            // The kernel has carried it out by now: an answer that is not here will never come.
            self.socket.recv(&mut buffer, libc::MSG_DONTWAIT)?;
            if let Some((_, errno)) = answers(&buffer).find(|(sequence, _)| *sequence == self.sequence) {
                return if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ifindex, in_namespace, ip, wire};

    #[test]
    fn a_macvlan_is_made_down_then_raised_lowered_and_removed() {
        in_namespace(|| {
            wire("v0", "v1");
            let mut links = Links::new().unwrap();
            let make = |links: &mut Links| links.make_macvlan("vrrp.51", ifindex("v0"), false, [0, 0, 0x5e, 0, 1, 51]);
            make(&mut links).unwrap();
            let shown = ip("-details -oneline link show dev vrrp.51");
            assert!(shown.contains("vrrp.51@v0") && shown.contains("00:00:5e:00:01:33"), "{shown}");
            assert!(shown.contains("macvlan mode bridge") && !shown.contains(",UP"), "{shown}");
            assert_eq!(make(&mut links).unwrap_err().raw_os_error(), Some(libc::EEXIST));

            let index = ifindex("vrrp.51");
            for up in [true, true, false, false] {
                links.set_up(index, up).unwrap();
                assert_eq!(ip("-oneline link show dev vrrp.51").contains(",UP"), up);
            }
            links.remove(index).unwrap();
            make(&mut links).unwrap();
            links.remove_by_name("vrrp.51").unwrap();
            assert_eq!(links.remove_by_name("vrrp.51").unwrap_err().raw_os_error(), Some(libc::ENODEV));
            assert_eq!(links.remove(index).unwrap_err().raw_os_error(), Some(libc::ENODEV));
            assert_eq!(links.set_up(index, true).unwrap_err().raw_os_error(), Some(libc::ENODEV));
        });
    }
}
