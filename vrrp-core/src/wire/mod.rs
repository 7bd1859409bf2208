//! Octets: advertisements in and out, whole frames around them, and the frames that announce addresses and answer for them.
//!
//! A driver whose host has no IP stack, or one that cannot send what this protocol needs, writes and reads frames:
//! [`Frame`] and [`RxPacket::from_frame`] for advertisements, [`gratuitous_arp`] and [`unsolicited_na`] to announce an address,
//! [`arp_reply`] and [`solicited_na`] to answer for it, [`igmp_v3_report`] and [`mld_report`] to join the group.
//!
//! Parsing is a pure function of the payload and the addresses of its IP header. No input makes it panic, and it
//! allocates nothing.
//!
//! # The formats
//!
//! An advertisement is the payload of an IP datagram of protocol [112](IP_PROTOCOL), sent with a TTL or hop limit of [255](TTL) to
//! 224.0.0.18 or ff02::12. The first eight octets are the header; numbers go with their high octet first.
//!
//! ```text
//! octet       0     1      2          3       4           5         6          8
//!           +-----+------+----------+-------+-----------+---------+----------+-----------+----------+
//! version 2 | 2 1 | VRID | priority | count | auth type | seconds | checksum | addresses | password |
//!           +-----+------+----------+-------+-----------+---------+----------+-----------+----------+
//! version 3 | 3 1 | VRID | priority | count | 0 | centiseconds    | checksum | addresses |
//!           +-----+------+----------+-------+---+-----------------+----------+-----------+
//! octets      1     1      1          1       1 and 1,              2          4 each, 16  8
//!                                             or 4 and 12 bits                 over IPv6
//! ```
//!
//! * The first octet is two numbers of four bits: the version, and the type, of which there is only 1.
//! * `count` is the number of addresses. Seconds and centiseconds are the interval of advertisements.
//! * Priority 255 is the owner's; 0 is a release: its sender is Master no more.
//! * The checksum is the one's complement sum of the message, with this field as 0. Over IPv6 a pseudo-header of source,
//!   destination, length and protocol is summed before it; over IPv4 in version 3 either form is in use ([`ChecksumForm`]).
//! * `auth type` is 1 where a password follows, which only the profile of RFC 2338 has. Otherwise it and the last eight octets
//!   are 0.
//!
//! # Write and read
//!
//! ```
//! use std::net::{IpAddr, Ipv4Addr};
//! use vrrp_core::wire::{AddressList, ChecksumForm, Endpoints, Message, Packet};
//! use vrrp_core::{AdvertInterval, Family, Priority, Version, Vrid};
//!
//! let addresses = [IpAddr::from([192, 0, 2, 1])];
//! let message = Message {
//!     version: Version::V3,
//!     vrid: Vrid::new(51)?,
//!     priority: Some(Priority::new(200)?),
//!     interval: AdvertInterval::from_centis(100)?,
//!     password: None,
//!     addresses: AddressList::new(&addresses)?,
//!     checksum: ChecksumForm::Message,
//! };
//! let endpoints = Endpoints::V4 { source: Ipv4Addr::new(192, 0, 2, 11), destination: Family::GROUP_V4 };
//! let mut octets = [0; 12];
//! assert_eq!(message.write(endpoints, &mut octets)?, 12);
//! assert_eq!(octets, [0x31, 51, 200, 1, 0, 100, CHECKSUM[0], CHECKSUM[1], 192, 0, 2, 1]);
//! # const CHECKSUM: [u8; 2] = [0x44, 0x65];
//!
//! let packet = Packet::parse(Version::V3, &octets, endpoints)?;
//! assert_eq!(packet.priority(), Some(Priority::new(200)?));
//! assert!(packet.addresses().eq(addresses));
//! // One wrong bit, and it is no advertisement.
//! octets[2] ^= 1;
//! assert!(Packet::parse(Version::V3, &octets, endpoints).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advertisement;
mod announce;
mod checksum;
mod dump;
mod endpoints;
mod frame;
mod headers;
mod membership;
#[cfg(feature = "alloc")]
mod prepared;

pub(crate) use advertisement::{AUTH_TYPE_MD5, addresses, peek_version, peek_vrid};
pub use advertisement::{
    AddressList, AddressListError, Auth, BufferTooSmall, MAX_IPV6_ADDRESSES, Message, Packet, ParseError,
};
pub use announce::{ARP_FRAME_LEN, NA_FRAME_LEN, arp_reply, gratuitous_arp, solicited_na, unsolicited_na};
pub use checksum::ChecksumForm;
pub use dump::Dump;
pub use endpoints::{Endpoints, IP_PROTOCOL, TTL};
pub use frame::{Frame, RxPacket};
pub use headers::{multicast_mac, solicited_node};
pub use membership::{IGMP_V2_FRAME_LEN, IGMP_V3_FRAME_LEN, MLD_FRAME_LEN, igmp_v2_report, igmp_v3_report, mld_report};
#[cfg(feature = "alloc")]
pub(crate) use {advertisement::peek_priority, prepared::Prepared};
