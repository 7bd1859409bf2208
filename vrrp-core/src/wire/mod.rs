//! Octets: advertisements in and out, and the frames that announce addresses.
//!
//! Parsing is a pure function of the payload and the addresses of its IP header. No input makes it panic, and it
//! allocates nothing.

mod advertisement;
mod announce;
mod checksum;
mod dump;
mod endpoints;
#[cfg(feature = "alloc")]
mod prepared;

pub use advertisement::{
    AddressList, AddressListError, Auth, BufferTooSmall, MAX_IPV6_ADDRESSES, Message, Packet, ParseError,
};
pub use announce::{GRATUITOUS_ARP_LEN, UNSOLICITED_NA_LEN, gratuitous_arp, unsolicited_na};
pub use checksum::ChecksumForm;
pub use dump::Dump;
pub use endpoints::{Endpoints, IP_PROTOCOL, TTL};
#[cfg(feature = "alloc")]
pub(crate) use {
    advertisement::{AUTH_TYPE_MD5, addresses, peek_priority, peek_version, peek_vrid},
    prepared::Prepared,
};
