//! Acceptance: RFC 3768 and RFC 9568 section 7.1, one check after the other, the first failure decides (RX-27).

use core::net::IpAddr;

use crate::dialect::Mismatch;
use crate::fsm::{Advert, Params};
use crate::learned::Learned;
use crate::stats::{Stats, increment};
use crate::time::Instant;
use crate::types::{AdvertInterval, Family, Password, Priority, UnicastPeer, Version, Vrid};
use crate::wire::{self, AUTH_TYPE_MD5, AddressList, ChecksumForm, Endpoints, Packet, ParseError, RxPacket, TTL};

/// The reason why an advertisement was ignored. State, timers and everything learned are untouched then (RX-20).
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
    /// RX-11: and this router has some.
    #[error("no address in the list")]
    NoAddress,
    /// RX-12.
    #[error("the first IPv6 address {0} is not link-local")]
    NotLinkLocal(IpAddr),
    /// RX-13, SEC-05.
    #[error("advertisement interval 0: Junos sends it for fast-interval: set advertise-interval there")]
    ZeroInterval,
    /// RX-14, in strict configurations, and where this router advertises no address and the other one does (EXT-11).
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

impl Discard {
    /// Tells whether the sender of what is ignored for this reason is Master of the same virtual router, if it says the
    /// truth: the packet is one of a router of that id, which is configured otherwise.
    #[cfg(feature = "alloc")]
    pub(crate) const fn is_of_the_same_router(&self) -> bool {
        matches!(
            self,
            Self::AddressList
                | Self::AuthFailure
                | Self::AuthTypeMismatch { .. }
                | Self::AuthTypeUnknown(_)
                | Self::ChecksumForm { .. }
                | Self::Interval { .. }
                | Self::NoAddress
                | Self::NotLinkLocal(_)
                | Self::Parse(ParseError::Version { .. })
                | Self::ZeroInterval
        )
    }
}

impl From<ParseError> for Discard {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Md5 => Self::AuthTypeUnknown(AUTH_TYPE_MD5),
            other => Self::Parse(other),
        }
    }
}

/// The things that a router compares advertisements with, borrowed: its settings of the state machine, and those of the packets.
///
/// A driver without a heap checks what it hears by this, as `VirtualRouter` does, and hands [`Accepted::advert`] to
/// [`Contest::step`](crate::Contest::step) or [`fsm::step`](crate::fsm::step):
///
/// ```
/// use vrrp_core::fsm::Params;
/// use vrrp_core::wire::{AddressList, Endpoints};
/// use vrrp_core::{AdvertInterval, Criteria, Discard, Priority, Profile, RxPacket, Vrid};
///
/// let own = "192.0.2.251".parse()?;
/// let addresses = ["192.0.2.1".parse()?];
/// let params = Params::new(Profile::Rfc3768, Priority::new(150)?, AdvertInterval::DEFAULT, own);
/// let criteria = Criteria::new(&params, Vrid::new(7)?, AddressList::new(&addresses)?);
///
/// let octets = [0x21, 7, 100, 1, 0, 1, 0xb8, 0xf4, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0];
/// let endpoints = Endpoints::to_group("192.0.2.252".parse()?);
/// let accepted = criteria.check(&RxPacket { endpoints, ttl: 255, payload: &octets })?;
/// assert_eq!(accepted.advert().priority, Priority::new(100).ok());
///
/// let from_afar = RxPacket { endpoints, ttl: 254, payload: &octets };
/// assert_eq!(criteria.check(&from_afar), Err(Discard::Ttl { found: 254, min: 255 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Criteria<'a> {
    pub(crate) params: &'a Params,
    pub(crate) vrid: Vrid,
    pub(crate) addresses: AddressList<'a>,
    /// The addresses in ascending order, where they are known so: a forged list must not cost a comparison of each with each.
    pub(crate) sorted: Option<&'a [IpAddr]>,
    /// The addresses as they stand in every packet that lists the same in the same order, where they are known so.
    pub(crate) as_sent: Option<&'a [u8]>,
    pub(crate) password: Option<Password>,
    /// `None`: the multicast group.
    pub(crate) peers: Option<&'a [UnicastPeer]>,
    pub(crate) owner_listens: bool,
    pub(crate) strict_list: bool,
    pub(crate) only_checksum: Option<ChecksumForm>,
    /// Set if the router also speaks version 2: who was heard in version 3, and the time.
    pub(crate) version3: Option<(&'a Learned, Instant)>,
}

impl<'a> Criteria<'a> {
    /// Compares with a router that listens to the multicast group, has no password, and takes from its profile what it can. The
    /// defaults are those of a `Config`.
    #[must_use]
    pub const fn new(params: &'a Params, vrid: Vrid, addresses: AddressList<'a>) -> Self {
        Self {
            params,
            vrid,
            addresses,
            sorted: None,
            as_sent: None,
            password: None,
            peers: None,
            owner_listens: params.profile.dialect().owner_listens,
            strict_list: false,
            only_checksum: None,
            version3: None,
        }
    }

    /// Expects a simple text password, which only RFC 2338 has (RX-10).
    #[must_use]
    pub const fn with_password(self, password: Password) -> Self {
        Self { password: Some(password), ..self }
    }

    /// Listens to these routers alone, and not to the group (EXT-01).
    #[must_use]
    pub const fn with_unicast_peers(self, peers: &'a [UnicastPeer]) -> Self {
        Self { peers: Some(peers), ..self }
    }

    /// Sets whether a router at priority 255 listens to others (RX-09, OWN-04).
    #[must_use]
    pub const fn with_owner_listens(self, owner_listens: bool) -> Self {
        Self { owner_listens, ..self }
    }

    /// Sets whether an advertisement of version 2 with other addresses is dropped (RX-14).
    #[must_use]
    pub const fn with_strict_list(self, strict_list: bool) -> Self {
        Self { strict_list, ..self }
    }

    /// Accepts one form of the checksum of version 3 over IPv4 only (PKT-24).
    #[must_use]
    pub const fn with_checksum(self, only: ChecksumForm) -> Self {
        Self { only_checksum: Some(only), ..self }
    }

    /// Goes through the checks of RFC 3768 and RFC 9568 section 7.1. In Initialize nothing is to be heard at all (FSM-I-04): the
    /// state machine does nothing then.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check<'p>(&self, rx: &RxPacket<'p>) -> Result<Accepted<'p>, Discard> {
        self.accept(rx, &mut Stats::default())
    }

    /// Does the same, and counts what came of the checks (RX-27); changes nothing else.
    ///
    /// # Errors
    /// The first check that fails.
    #[inline(always)]
    pub fn accept<'p>(&self, rx: &RxPacket<'p>, stats: &mut Stats) -> Result<Accepted<'p>, Discard> {
        let packet = self.addressed(rx).map_err(|discard| discarded(discard, stats))?;
        count_addressed(&packet, stats);
        let accepted = self.judge(&rx.endpoints, &packet).map_err(|discard| discarded(discard, stats))?;
        count_accepted(&accepted, self.params.priority, stats);
        Ok(accepted)
    }
}

/// An advertisement that passed every check, and what it is to the router that took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// Its priority; `None`: the sender releases the addresses.
    pub priority: Option<Priority>,
    /// Its interval.
    pub interval: AdvertInterval,
    /// This router is Master and stays it, and the sender is Master too, or was until it released: two Masters on one link.
    ///
    /// It is always false from [`Criteria`], which knows no state: there [`Effects::DISCARD`](crate::fsm::Effects::DISCARD) of a
    /// Master is the sign of another one.
    pub contest: bool,
    /// Its list of addresses is not ours, or does not begin with a link-local one, and that is only counted.
    pub other_addresses: bool,
    /// Its interval is not ours, and that is only counted.
    pub other_interval: bool,
    source: IpAddr,
    version: Version,
    checksum: ChecksumForm,
    address_list: &'a [u8],
}

impl<'a> Accepted<'a> {
    /// Returns the addresses that it lists, in its order.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> + use<'a> {
        wire::addresses(Family::of(self.source), self.address_list)
    }

    /// Returns what the state machine takes of it.
    #[must_use]
    pub const fn advert(&self) -> Advert {
        Advert { source: self.source, priority: self.priority, interval: self.interval }
    }

    /// Returns its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the form of its checksum.
    #[must_use]
    pub const fn checksum(&self) -> ChecksumForm {
        self.checksum
    }

    /// Returns the form of its checksum, in version 3.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) const fn version3_form(&self) -> Option<ChecksumForm> {
        match self.version {
            Version::V3 => Some(self.checksum),
            Version::V2 => None,
        }
    }
}

/// An advertisement that a [`RouterSet`](crate::RouterSet) ignored. State, timers and everything learned are untouched then
/// (RX-20).
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[expect(clippy::exhaustive_structs, reason = "a router and a reason, and nothing else to say")]
pub struct Rejected {
    /// The router that it was for, if there is one.
    pub router: Option<crate::types::RouterId>,
    /// The priority at which the sender says that it is Master of the same virtual router, if the router here is Master
    /// too.
    pub other_master: Option<Priority>,
    /// The reason why it was ignored.
    pub reason: Discard,
}

/// All of these are inlined or none: one call with `&self` has the whole value written to memory for each packet, which is 60
/// instructions of 550.
impl Criteria<'_> {
    /// RX-01 to RX-08: a sound message that is for this router.
    #[inline(always)]
    fn addressed<'p>(&self, rx: &RxPacket<'p>) -> Result<Packet<'p>, Discard> {
        let min_ttl = self.listening(&rx.endpoints)?;
        if rx.ttl < min_ttl {
            return Err(Discard::Ttl { found: rx.ttl, min: min_ttl });
        }
        // Without the flag the other version is an error (INT-10).
        let version =
            if self.version3.is_some() { wire::peek_version(rx.payload) } else { self.params.profile.version() };
        let packet =
            Packet::read(version, rx.payload, &rx.endpoints).map_err(|error| match wire::peek_vrid(rx.payload) {
                // RX-08 comes before RX-10.
                other if error == ParseError::Md5 && other != Some(self.vrid) => Discard::Vrid(other),
                _ => error.into(),
            })?;
        self.checksum_form(&packet, rx)?;
        if packet.vrid() != Some(self.vrid) {
            return Err(Discard::Vrid(packet.vrid()));
        }
        Ok(packet)
    }

    /// RX-09 to RX-16: a message that fits what is configured and known here.
    #[inline(always)]
    fn judge<'p>(&self, endpoints: &Endpoints, packet: &Packet<'p>) -> Result<Accepted<'p>, Discard> {
        let priority = packet.priority();
        if self.params.priority.is_owner() && !self.owner_listens {
            return Err(Discard::Owner { by: endpoints.source(), priority });
        }
        self.authenticate(packet)?;
        // EXT-11
        if packet.address_count() == 0 && !self.addresses.is_empty() {
            return Err(Discard::NoAddress);
        }
        let not_link_local = self.not_link_local(packet)?;
        let interval = packet.interval().ok_or(Discard::ZeroInterval)?;
        let list_differs = self.other_list(packet)?;
        let other_interval = self.other_interval(packet.version(), interval)?;
        self.sent_by_another_host(endpoints)?;
        // INT-04
        let says_it_twice = self.version3.is_some_and(|(learned, now)| {
            packet.version() == Version::V2 && learned.speaks_version3(endpoints.source(), now)
        });
        if says_it_twice {
            return Err(Discard::Version2Shadowed(endpoints.source()));
        }
        Ok(Accepted {
            priority,
            interval,
            // That is known when the router has heard it.
            contest: false,
            other_addresses: list_differs || not_link_local,
            other_interval,
            source: endpoints.source(),
            version: packet.version(),
            checksum: packet.checksum(),
            address_list: packet.address_list(),
        })
    }

    /// RX-07: the form, where there is a choice and the configuration has made it.
    #[inline(always)]
    fn checksum_form(&self, packet: &Packet<'_>, rx: &RxPacket<'_>) -> Result<(), Discard> {
        match (packet.version(), rx.endpoints, self.only_checksum) {
            (Version::V3, Endpoints::V4 { .. }, Some(expected)) if packet.checksum() != expected => {
                Err(Discard::ChecksumForm { found: packet.checksum(), expected })
            }
            _ => Ok(()),
        }
    }

    /// RX-01: whether the packet came the way that this router listens to. Returns the least TTL on that way.
    #[inline(always)]
    fn listening(&self, endpoints: &Endpoints) -> Result<u8, Discard> {
        match self.peers {
            None if endpoints.family() == self.addresses.family() && endpoints.are_to_group() => Ok(TTL),
            Some(peers) if self.params.primary == endpoints.destination() => peers
                .iter()
                .find(|peer| peer.address == endpoints.source())
                .map(|peer| peer.min_ttl)
                .ok_or(Discard::NotAPeer(endpoints.source())),
            _ => Err(Discard::Destination(endpoints.destination())),
        }
    }

    /// RX-10, AUTH-01 to AUTH-03, AMB-24. MD5 of another make does not come so far (EXT-08).
    #[inline(always)]
    fn authenticate(&self, packet: &Packet<'_>) -> Result<(), Discard> {
        let Some(auth) = packet.auth() else { return Ok(()) };
        match (auth.kind, self.password) {
            (0, None) => Ok(()),
            (1, Some(password)) if password.matches(auth.data) => Ok(()),
            (1, Some(_)) => Err(Discard::AuthFailure),
            (found @ 0..=2, password) => {
                Err(Discard::AuthTypeMismatch { found, expected: u8::from(password.is_some()) })
            }
            (unknown, _) => Err(Discard::AuthTypeUnknown(unknown)),
        }
    }

    /// RX-12. Returns whether the first address should be link-local, is not, and that is only counted.
    #[inline(always)]
    fn not_link_local(&self, packet: &Packet<'_>) -> Result<bool, Discard> {
        if self.addresses.family() == Family::Ipv4 {
            return Ok(false);
        }
        match packet.addresses().next() {
            Some(IpAddr::V6(first)) if !first.is_unicast_link_local() => {
                match self.params.profile.dialect().link_local_mismatch {
                    Mismatch::Drop => Err(Discard::NotLinkLocal(first.into())),
                    Mismatch::Count => Ok(true),
                    Mismatch::Ignore => Ok(false),
                }
            }
            _ => Ok(false),
        }
    }

    /// RX-14, RX-23. Returns whether the list of addresses is another than ours, and that is only counted.
    #[inline(always)]
    fn other_list(&self, packet: &Packet<'_>) -> Result<bool, Discard> {
        let differs = self.as_sent != Some(packet.address_list()) && !same_addresses(self.addresses.as_slice(), packet);
        if differs && !packet.addresses().any(|theirs| self.advertises(theirs)) {
            // EXT-11
            return Err(if self.addresses.is_empty() { Discard::AddressList } else { Discard::OtherCluster });
        }
        let dropped = self.strict_list && packet.version() == Version::V2;
        if differs && dropped && packet.priority() != Some(Priority::OWNER) {
            return Err(Discard::AddressList);
        }
        Ok(differs)
    }

    /// RX-15, RX-24. Returns whether the interval is another than ours, and that is only counted.
    #[inline(always)]
    fn other_interval(&self, version: Version, found: AdvertInterval) -> Result<bool, Discard> {
        let (expected, on_mismatch) = match version {
            // INT-05: what the octet can carry of our interval, and even then only counted.
            Version::V2 if self.version3.is_some() => (self.params.interval.rounded_up(), Mismatch::Count),
            _ => (self.params.interval, self.params.profile.dialect().interval_mismatch),
        };
        match on_mismatch {
            _ if found == expected => Ok(false),
            Mismatch::Drop => Err(Discard::Interval { found, expected }),
            Mismatch::Count => Ok(true),
            Mismatch::Ignore => Ok(false),
        }
    }

    /// RX-16.
    #[inline(always)]
    fn sent_by_another_host(&self, endpoints: &Endpoints) -> Result<(), Discard> {
        if self.params.primary == endpoints.source() {
            return Err(Discard::OwnSource(endpoints.source()));
        }
        let no_host = match endpoints {
            Endpoints::V4 { source, .. } => source.is_multicast() || source.is_unspecified() || source.is_broadcast(),
            Endpoints::V6 { source, .. } => source.is_multicast() || source.is_unspecified(),
        };
        if no_host { Err(Discard::Source(endpoints.source())) } else { Ok(()) }
    }

    /// Tells whether `address` is one of ours.
    #[inline(always)]
    fn advertises(&self, address: IpAddr) -> bool {
        match self.sorted {
            Some(sorted) => sorted.binary_search(&address).is_ok(),
            None => self.addresses.as_slice().contains(&address),
        }
    }
}

/// Counts a sound message that is for this router (STAT-06, AMB-16).
#[inline]
fn count_addressed(packet: &Packet<'_>, stats: &mut Stats) {
    increment(&mut stats.advert_rcvd);
    increment(match packet.checksum() {
        ChecksumForm::Message => &mut stats.checksum_message,
        ChecksumForm::PseudoHeader => &mut stats.checksum_pseudo_header,
    });
}

#[inline]
fn count_accepted(accepted: &Accepted<'_>, own_priority: Priority, stats: &mut Stats) {
    for (seen, counter) in [
        (own_priority.is_owner(), &mut stats.owner_conflict),
        (accepted.priority == Some(own_priority), &mut stats.equal_priority),
        (accepted.other_addresses, &mut stats.address_list_errors),
        (accepted.other_interval, &mut stats.interval_errors),
        (accepted.priority.is_none(), &mut stats.prio_zero_rcvd),
    ] {
        if seen {
            increment(counter);
        }
    }
}

/// Counts a packet that is ignored, for this reason.
#[cold]
fn discarded(discard: Discard, stats: &mut Stats) -> Discard {
    if let Some(counter) = counter(discard, stats) {
        increment(counter);
    }
    discard
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
