//! Acceptance: RFC 3768 and RFC 9568 section 7.1, one check after the other, the first failure decides (RX-27).

use core::net::IpAddr;

use crate::config::{Config, Peers};
use crate::dialect::Mismatch;
use crate::learned::Learned;
use crate::stats::Stats;
use crate::time::Instant;
use crate::types::{AdvertInterval, Priority, Version, Vrid};
use crate::wire::{self, AUTH_TYPE_MD5, ChecksumForm, Endpoints, Packet, ParseError, Prepared, TTL};

/// One received IP datagram of protocol 112. Whose frame it came in is not asked (AMB-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal by every driver")]
pub struct RxPacket<'a> {
    /// Addresses of its IP header.
    pub ends: Endpoints,
    /// TTL or hop limit of its IP header.
    pub ttl: u8,
    /// What follows the IP header and its options, as long as the header says: no padding of the frame.
    pub payload: &'a [u8],
}

/// Why an advertisement was ignored. State, timers and everything learned are untouched then (RX-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Discard {
    /// The router is in Initialize (FSM-I-04).
    #[error("the router is not started")]
    NotStarted,
    /// RX-01: not to the group in multicast mode, not to an own address in unicast mode.
    #[error("sent to {0}, which is not where this router listens")]
    Destination(IpAddr),
    /// RX-01, SEC-09: unicast from a router that is not a configured peer.
    #[error("sent by {0}, which is no configured peer")]
    NotAPeer(IpAddr),
    /// RX-02.
    #[error("TTL {found}, at least {min} expected: sent from beyond this link?")]
    Ttl {
        /// TTL of the packet.
        found: u8,
        /// Least TTL that is accepted.
        min: u8,
    },
    /// RX-03 to RX-07.
    #[error(transparent)]
    Parse(ParseError),
    /// RX-07, where the configuration insists on one form: a right checksum of the other form (PKT-24).
    #[error("checksum {found}, {expected} expected: configure the same form on every router")]
    ChecksumForm {
        /// The packet's form.
        found: ChecksumForm,
        /// The only one accepted.
        expected: ChecksumForm,
    },
    /// RX-08: no router here has this id; `None` for 0.
    #[error("no virtual router {} here", .0.map_or(0, Vrid::get))]
    Vrid(Option<Vrid>),
    /// RX-09: this router is the address owner and its profile ignores everybody else.
    #[error("this router owns the addresses (priority 255), yet {by} advertises them at {}", .priority.map_or(0, Priority::get))]
    Owner {
        /// The other router.
        by: IpAddr,
        /// Its priority; `None` for the release.
        priority: Option<Priority>,
    },
    /// RX-10: no such authentication type.
    #[error("authentication type {} {}", .0, of_unknown_auth_type(*.0))]
    AuthTypeUnknown(u8),
    /// RX-10: another authentication type than ours.
    #[error("authentication type {found}, {expected} expected: {}", of_auth_type(*.found))]
    AuthTypeMismatch {
        /// The packet's type.
        found: u8,
        /// Ours.
        expected: u8,
    },
    /// RX-10: wrong password.
    #[error("wrong password: configure the same one on every router")]
    AuthFailure,
    /// RX-11.
    #[error("no address in the list")]
    NoAddress,
    /// RX-12.
    #[error("the first IPv6 address {0} is not link-local")]
    NotLinkLocal(IpAddr),
    /// RX-13, SEC-05.
    #[error("advertisement interval 0: Junos sends it for fast-interval: set advertise-interval there")]
    ZeroInterval,
    /// RX-14, in strict configurations.
    #[error("another list of addresses: configure the same on every router")]
    AddressList,
    /// RX-14: not one address of the list is ours, so the sender serves something else under our id. To yield to it would
    /// leave our addresses with nobody.
    #[error(
        "advertises none of our addresses: another cluster on this link uses the same virtual router id, give one of the two another"
    )]
    OtherCluster,
    /// RX-15.
    #[error("advertisement interval {found}, ours is {expected}: configure the same on every router")]
    Interval {
        /// The packet's.
        found: AdvertInterval,
        /// Ours.
        expected: AdvertInterval,
    },
    /// RX-16, IP-12: our own packet came back, or a host has our address.
    #[error("sent by our own address {0}: a loop, or an address conflict")]
    OwnSource(IpAddr),
    /// RX-16: no host's address.
    #[error("source {0} is no host's address")]
    Source(IpAddr),
    /// Sound, and no error: its sender says the same in version 3, and that counts (INT-04).
    #[error("version 2 of {0}, which is heard in version 3")]
    Version2Shadowed(IpAddr),
}

impl From<ParseError> for Discard {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Md5 => Self::AuthTypeUnknown(AUTH_TYPE_MD5),
            other => Self::Parse(other),
        }
    }
}

/// What the checks need to know of the router besides its configuration.
pub(crate) struct Local<'a> {
    pub(crate) now: Instant,
    pub(crate) priority: Priority,
    pub(crate) primary: &'a Option<IpAddr>,
    /// Lists the addresses in our order.
    pub(crate) advertisement: &'a Prepared,
    pub(crate) learned: &'a Learned,
}

/// What passed every check; where it came from is known already.
pub(crate) struct Accepted {
    pub(crate) priority: Option<Priority>,
    pub(crate) interval: AdvertInterval,
    /// Form of the checksum, in version 3.
    pub(crate) checksum: Option<ChecksumForm>,
}

/// The checks, in order. Counts; changes nothing else.
#[inline]
pub(crate) fn accept(
    config: &Config,
    local: &Local<'_>,
    rx: &RxPacket<'_>,
    stats: &mut Stats,
) -> Result<Accepted, Discard> {
    let result = check(config, local, rx, stats);
    if let Err(discard) = result {
        if let Some(counter) = counter(discard, stats) {
            *counter = counter.wrapping_add(1);
        }
    }
    result
}

#[inline]
fn check(config: &Config, local: &Local<'_>, rx: &RxPacket<'_>, stats: &mut Stats) -> Result<Accepted, Discard> {
    let dialect = config.profile().dialect();
    let min_ttl = listening(config, local, &rx.ends)?;
    if rx.ttl < min_ttl {
        return Err(Discard::Ttl { found: rx.ttl, min: min_ttl });
    }
    let version = config.version_of(rx.payload);
    let packet = Packet::read(version, rx.payload, &rx.ends).map_err(|error| match wire::peek_vrid(rx.payload) {
        // RX-08 comes before RX-10.
        other if error == ParseError::Md5 && other != Some(config.vrid()) => Discard::Vrid(other),
        _ => error.into(),
    })?;
    checksum_form(config, &packet, rx)?;
    if packet.vrid() != Some(config.vrid()) {
        return Err(Discard::Vrid(packet.vrid()));
    }
    // STAT-06, AMB-16
    stats.advert_rcvd = stats.advert_rcvd.wrapping_add(1);
    let form = match packet.checksum() {
        ChecksumForm::Message => &mut stats.checksum_message,
        ChecksumForm::PseudoHeader => &mut stats.checksum_pseudo_header,
    };
    *form = form.wrapping_add(1);
    if local.priority.is_owner() && !config.owner_listens() {
        return Err(Discard::Owner { by: rx.ends.source(), priority: packet.priority() });
    }
    authenticate(config, &packet)?;
    if packet.address_count() == 0 {
        return Err(Discard::NoAddress);
    }
    let not_link_local = match (dialect.link_local_mismatch, packet.addresses().next()) {
        (Mismatch::Drop | Mismatch::Count, Some(IpAddr::V6(first))) if !first.is_unicast_link_local() => Some(first),
        _ => None,
    };
    if let (Mismatch::Drop, Some(first)) = (dialect.link_local_mismatch, not_link_local) {
        return Err(Discard::NotLinkLocal(first.into()));
    }
    let interval = packet.interval().ok_or(Discard::ZeroInterval)?;
    let list_differs = packet.address_list() != local.advertisement.address_list()
        && !same_addresses(config.advertised().as_slice(), &packet);
    if list_differs && !packet.addresses().any(|theirs| config.advertises(theirs)) {
        return Err(Discard::OtherCluster);
    }
    let drops_other_lists = config.strict_list() && version == Version::V2;
    if list_differs && drops_other_lists && packet.priority() != Some(Priority::OWNER) {
        return Err(Discard::AddressList);
    }
    let (expected, on_mismatch) = match version {
        // INT-05: what the octet can carry of our interval, and even then only counted.
        Version::V2 if config.version2_too() => (config.interval().rounded_up(), Mismatch::Count),
        _ => (config.interval(), dialect.interval_mismatch),
    };
    let interval_differs = interval != expected && on_mismatch != Mismatch::Ignore;
    if interval_differs && on_mismatch == Mismatch::Drop {
        return Err(Discard::Interval { found: interval, expected });
    }
    if *local.primary == Some(rx.ends.source()) {
        return Err(Discard::OwnSource(rx.ends.source()));
    }
    let no_host = match rx.ends {
        Endpoints::V4 { source, .. } => source.is_multicast() || source.is_unspecified() || source.is_broadcast(),
        Endpoints::V6 { source, .. } => source.is_multicast() || source.is_unspecified(),
    };
    if no_host {
        return Err(Discard::Source(rx.ends.source()));
    }
    if config.version2_too() && version == Version::V2 && local.learned.speaks_version3(rx.ends.source(), local.now) {
        return Err(Discard::Version2Shadowed(rx.ends.source()));
    }
    let list_suspect = list_differs || not_link_local.is_some();
    let equal = packet.priority() == Some(local.priority);
    for (seen, counter) in [
        (local.priority.is_owner(), &mut stats.owner_conflict),
        (equal, &mut stats.equal_priority),
        (list_suspect, &mut stats.address_list_errors),
        (interval_differs, &mut stats.interval_errors),
        (packet.priority().is_none(), &mut stats.prio_zero_rcvd),
    ] {
        if seen {
            *counter = counter.wrapping_add(1);
        }
    }
    let checksum = (version == Version::V3).then_some(packet.checksum());
    Ok(Accepted { priority: packet.priority(), interval, checksum })
}

/// RX-07: the form, where there is a choice and the configuration has made it.
fn checksum_form(config: &Config, packet: &Packet<'_>, rx: &RxPacket<'_>) -> Result<(), Discard> {
    match (packet.version(), rx.ends, config.accepted_checksum()) {
        (Version::V3, Endpoints::V4 { .. }, Some(expected)) if packet.checksum() != expected => {
            Err(Discard::ChecksumForm { found: packet.checksum(), expected })
        }
        _ => Ok(()),
    }
}

/// RX-01: whether the packet came the way that this router listens to. Returns the least TTL on that way.
#[inline]
fn listening(config: &Config, local: &Local<'_>, ends: &Endpoints) -> Result<u8, Discard> {
    match config.peers() {
        Peers::Multicast if ends.family() == config.family() && ends.are_to_group() => Ok(TTL),
        Peers::Unicast(peers) if *local.primary == Some(ends.destination()) => peers
            .iter()
            .find(|peer| peer.address == ends.source())
            .map(|peer| peer.min_ttl)
            .ok_or(Discard::NotAPeer(ends.source())),
        _ => Err(Discard::Destination(ends.destination())),
    }
}

/// RX-10, AUTH-01 to AUTH-03, AMB-24. MD5 of another make does not come so far (EXT-08).
#[inline]
fn authenticate(config: &Config, packet: &Packet<'_>) -> Result<(), Discard> {
    let Some(auth) = packet.auth() else { return Ok(()) };
    match (auth.kind, config.password()) {
        (0, None) => Ok(()),
        (1, Some(password)) if password.matches(auth.data) => Ok(()),
        (1, Some(_)) => Err(Discard::AuthFailure),
        (found @ 0..=2, password) => Err(Discard::AuthTypeMismatch { found, expected: u8::from(password.is_some()) }),
        (unknown, _) => Err(Discard::AuthTypeUnknown(unknown)),
    }
}

/// Returns what to do about an authentication type that does not exist.
const fn of_unknown_auth_type(found: u8) -> &'static str {
    match found {
        AUTH_TYPE_MD5 => "is the MD5 authentication of another make (Cisco), which is not supported: turn it off there",
        _ => "does not exist: turn it off on the other router",
    }
}

/// Returns what to do about an authentication type that exists.
const fn of_auth_type(found: u8) -> &'static str {
    match found {
        2 => "that is the IP Authentication Header (AH), which is not supported: turn it off on the other router",
        _ => "configure the same password on every router, or none",
    }
}

/// The same addresses in any order (RX-14, AMB-18). `ours` has none twice.
fn same_addresses(ours: &[IpAddr], packet: &Packet<'_>) -> bool {
    packet.addresses().len() == ours.len()
        && ours.iter().all(|address| packet.addresses().any(|theirs| theirs == *address))
}

fn counter(discard: Discard, stats: &mut Stats) -> Option<&mut u64> {
    Some(match discard {
        Discard::NotStarted | Discard::Vrid(_) | Discard::Version2Shadowed(_) => return None,
        Discard::Destination(_) | Discard::NotAPeer(_) | Discard::Source(_) => &mut stats.source_errors,
        Discard::OwnSource(_) => &mut stats.duplicate_address,
        Discard::Ttl { .. } => &mut stats.ttl_errors,
        Discard::Parse(
            ParseError::TooShort { .. } | ParseError::TooLong { .. } | ParseError::Carp { expected: Version::V2 },
        ) => &mut stats.packet_length_errors,
        Discard::Parse(ParseError::Version { .. } | ParseError::Carp { .. }) => &mut stats.version_errors,
        Discard::Parse(ParseError::Type { .. }) => &mut stats.invalid_type_rcvd,
        Discard::Parse(ParseError::Checksum { .. }) | Discard::ChecksumForm { .. } => &mut stats.checksum_errors,
        Discard::Owner { .. } => &mut stats.owner_conflict,
        Discard::AuthTypeUnknown(_) | Discard::Parse(ParseError::Md5) => &mut stats.invalid_auth_type,
        Discard::AuthTypeMismatch { .. } => &mut stats.auth_type_mismatch,
        Discard::AuthFailure => &mut stats.auth_failures,
        Discard::NoAddress | Discard::NotLinkLocal(_) | Discard::AddressList | Discard::OtherCluster => {
            &mut stats.address_list_errors
        }
        Discard::ZeroInterval | Discard::Interval { .. } => &mut stats.interval_errors,
    })
}
