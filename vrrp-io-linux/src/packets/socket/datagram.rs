//! An advertisement that was taken from a socket, and code that both families share.

use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vrrp_core::wire::Endpoints;

/// One received advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// The sender and the destination: the multicast group, or an address of this host or of one that it forwards to.
    pub(crate) endpoints: Endpoints,
    /// Time to live, or hop limit, on arrival.
    pub(crate) ttl: u8,
    /// The part of the buffer with the advertisement.
    pub(crate) payload: Range<usize>,
    /// The time for which it has lain in the socket. From the wall clock: a step of that makes it too long.
    pub(crate) age: Duration,
    /// The MAC address that the frame came from, where that is known.
    pub(crate) mac: Option<[u8; 6]>,
    /// Came behind an IP authentication header, which nobody has checked.
    pub(crate) authenticated: bool,
}

/// Returns for how long a packet has lain in the socket, when the wall clock says `now` and its stamp `stamp`.
pub(crate) fn age(now: Duration, stamp: Option<Duration>) -> Duration {
    stamp.map_or(Duration::ZERO, |stamp| now.saturating_sub(stamp))
}

/// The wall clock, as the kernel's stamps have it.
pub(super) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The length of a payload, as a header has it.
pub(super) fn length(payload_len: usize) -> io::Result<u16> {
    let too_long =
        |_| io::Error::new(io::ErrorKind::InvalidInput, format!("{payload_len} octets do not fit in a packet"));
    u16::try_from(payload_len).map_err(too_long)
}
