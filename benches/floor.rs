//! The least that parsing and encoding could cost: straight-line functions written for nothing but their figure.
//!
//! They know every form of a packet that the library knows, and answer what it answers. They have no types that keep
//! values in range, no errors that say what was wrong, no router around them. What the library takes past them is the
//! price of those.

use vrrp_core::wire::Endpoints;

/// Version (2 or 3), type, length for version, family and count, at most 64 octets behind it, and the checksum in the
/// forms that the version knows. The virtual router id and the count are not 0.
///
/// Returns id, priority, count, whether the checksum covers a pseudo-header, and the octets behind the message.
pub(crate) fn parse(version: u8, octets: &[u8], endpoints: &Endpoints) -> Option<(u8, u8, u8, bool, usize)> {
    let [kind, vrid, priority, count, ..] = *octets else { return None };
    let (address, auth) = match (version, endpoints) {
        (2, Endpoints::V4 { .. }) => (4, 8),
        (3, Endpoints::V4 { .. }) => (4, 0),
        (3, Endpoints::V6 { .. }) => (16, 0),
        _ => return None,
    };
    let len = 8 + usize::from(count) * address + auth;
    let message = octets.get(..len)?;
    let trailing = octets.len() - len;
    if kind != version << 4 | 1 || vrid == 0 || count == 0 || trailing > 64 {
        return None;
    }
    // 0xffff when folded, which it is if it is a multiple of that: the first octet is not 0.
    let right = |sum| sum % 0xffff == 0;
    let sum = words(message);
    let alone = address == 4 && right(sum);
    if !alone && (version == 2 || !right(sum + pseudo_header(len, endpoints))) {
        return None;
    }
    Some((vrid, priority, count, !alone, trailing))
}

/// What an advertisement is made of.
pub(crate) struct Spoken {
    pub(crate) version: u8,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    /// Authentication type, or high octet of the interval; second octet of the interval.
    pub(crate) interval: [u8; 2],
    pub(crate) count: u8,
    /// Of all addresses.
    pub(crate) list: Vec<u8>,
    pub(crate) auth_data: Option<[u8; 8]>,
    pub(crate) pseudo_header: bool,
}

/// Writes header, addresses and authentication data with their checksum, and returns the length.
pub(crate) fn encode(spoken: &Spoken, endpoints: &Endpoints, out: &mut [u8]) -> Option<usize> {
    let list_end = 8 + spoken.list.len();
    let len = list_end + if spoken.auth_data.is_some() { 8 } else { 0 };
    let out = out.get_mut(..len)?;
    let [first, second] = spoken.interval;
    let header = [spoken.version << 4 | 1, spoken.vrid, spoken.priority, spoken.count, first, second, 0, 0];
    let header = u64::from_be_bytes(header);
    let mut sum = (header >> 32) + (header & 0xffff_ffff) + words(&spoken.list);
    out[8..list_end].copy_from_slice(&spoken.list);
    if let Some(data) = spoken.auth_data {
        sum += words(&data);
        out[list_end..].copy_from_slice(&data);
    }
    if spoken.pseudo_header {
        sum += pseudo_header(len, endpoints);
    }
    out[..8].copy_from_slice(&(header | u64::from(!fold(sum))).to_be_bytes());
    Some(len)
}

/// Every message is a multiple of 4 octets.
fn words(octets: &[u8]) -> u64 {
    octets.chunks_exact(4).map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]))).sum()
}

fn pseudo_header(len: usize, endpoints: &Endpoints) -> u64 {
    let addresses = match endpoints {
        Endpoints::V4 { source, destination } => words(&source.octets()) + words(&destination.octets()),
        Endpoints::V6 { source, destination } => words(&source.octets()) + words(&destination.octets()),
    };
    addresses + 112 + len as u64
}

fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}
