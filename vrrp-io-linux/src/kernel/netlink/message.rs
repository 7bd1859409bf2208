//! Messages to the kernel and from it, and the sockets that carry them.

use std::io;
use std::os::fd::AsFd;

use netlink_packet_core::{
    DecodeError, ErrorBuffer, NLM_F_REQUEST, NLMSG_ERROR, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    Parseable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::sys;

/// The value of `IFA_PROTO` for each address that a virtual router has installed, so that the next run finds the leftovers of one
/// that was killed. It is the protocol number of VRRP. Kernels before 5.18 drop it.
pub(crate) const MARK: u8 = 112;

/// Larger than what the kernel puts into one datagram: it fills them to 32 KiB at most.
pub(crate) const DATAGRAM_MAX: usize = 1 << 16;

/// Opens a socket that exchanges messages with the kernel alone; returns its port too.
pub(crate) fn open(receive_buffer: usize) -> io::Result<(Socket, u32)> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    sys::set_receive_buffer(socket.as_fd(), receive_buffer)?;
    let port = socket.bind_auto()?.port_number();
    // Other processes cannot send to a connected socket.
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok((socket, port))
}

/// A request in wire form.
pub(crate) fn request(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len().next_multiple_of(4)];
    message.serialize(&mut bytes);
    bytes
}

/// The messages of one datagram: header and what follows it. Ends after one that does not fit.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<(NetlinkHeader, &[u8]), DecodeError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let here = std::mem::take(&mut rest);
        if here.is_empty() {
            return None;
        }
        Some(NetlinkBuffer::new_checked(here).and_then(|message| {
            let end = (message.length() as usize).next_multiple_of(4);
            rest = here.get(end..).unwrap_or_default();
            Ok((NetlinkHeader::parse(&message)?, message.payload()))
        }))
    })
}

/// Returns the kernel's answers to requests: the number of each request, and its `errno`, or 0. A message that is not understood
/// gives none.
pub(crate) fn answers(datagram: &[u8]) -> impl Iterator<Item = (u32, i32)> {
    messages(datagram).flatten().filter(|(header, _)| header.message_type == NLMSG_ERROR).filter_map(
        |(header, payload)| {
            let refusal = ErrorBuffer::new_checked(payload).ok()?.code();
            Some((header.sequence_number, refusal.map_or(0, |code| code.get().saturating_neg())))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_cut_into_its_messages() {
        let one = request(RouteNetlinkMessage::GetAddress(Default::default()), 0, 1);
        let two = request(RouteNetlinkMessage::GetLink(Default::default()), 0, 2);
        let mut both = [&one[..], &two[..]].concat();
        let sequences = |bytes: &[u8]| -> Vec<Option<u32>> {
            messages(bytes).map(|message| Some(message.ok()?.0.sequence_number)).collect()
        };
        assert_eq!(sequences(&both), [Some(1), Some(2)]);
        assert_eq!(sequences(&both[..both.len() - 1]), [Some(1), None]);
        assert_eq!(sequences(&both[..one.len() + 3]), [Some(1), None]);
        both[0] = 15; // A length below that of the header.
        assert_eq!(sequences(&both), [None]);
        both[..4].fill(0xff);
        assert_eq!(sequences(&both), [None]);
        assert_eq!(sequences(&[]), []);
    }
}
