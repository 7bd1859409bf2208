//! The possible problems of a frame.

use std::net::IpAddr;

/// The reason why a frame that carries VRRP, or may, says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("cut after {had} octets, before it can be told what this carries")]
    Early { had: usize },
    #[error("cut: {had} of the {needed} octets of the IP packet are there")]
    Cut { had: usize, needed: usize },
    #[error("the IP packet is {total} octets long, and its headers {header}")]
    Lengths { header: usize, total: usize },
    #[error("a fragment of an IP packet, not the whole")]
    Fragment,
    #[error("{had} octets where the message needs {needed}")]
    Message { had: usize, needed: usize },
    #[error("version {0}: only 2 and 3 exist")]
    Version(u8),
    #[error("this is CARP, not VRRP: VHID {vhid}, advskew {skew}, from {sender}")]
    Carp { sender: IpAddr, vhid: u8, skew: u8 },
    #[error("more tunnels inside each other than this program opens")]
    Depth,
    #[error("link type {0} is not known: its frames are skipped")]
    Link(u16),
    #[error("an obsolete packet block, which is not read; enhanced and simple packet blocks are")]
    OldPacket,
}
