//! The configuration of one virtual router.

mod error;
#[cfg(feature = "serde")]
mod form;

pub use error::ConfigError;

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::announce::AnnouncePolicy;
use crate::dialect::{Mismatch, Profile};
use crate::fsm::Params;
use crate::health::Tracker;
use crate::learned::Learned;
use crate::receive::Criteria;
use crate::time::Instant;
use crate::timers;
use crate::types::{AdvertInterval, Family, Password, Priority, TrackerId, UnicastPeer, Version, Vrid};
use crate::wire::{self, AddressList, ChecksumForm, MAX_IPV6_ADDRESSES};

/// Configuration of one virtual router. Every value is valid by construction; defaults are the profile's.
///
/// | setting | default | source |
/// |---|---|---|
/// | priority | 100 | RFC 3768 section 6.1 |
/// | interval | 1 s | RFC 3768 section 6.1 |
/// | preempt | on, no hold time | RFC 3768 section 6.1, RFC 8347 |
/// | password | none | RFC 2338 section 5.3.6 |
/// | peers | the multicast group | RFC 3768 section 5.2.2 |
/// | answer to a lower Master | at once in RFC 9568, none before | RFC 9568 section 6.4.3 |
/// | yield advertisement when yielding | on | see [`with_yield_advertisement`](Self::with_yield_advertisement) |
/// | owner listens | on in RFC 2338 and with the errata of RFC 9568, else off | OWN-04 |
/// | list mismatch | counted, not dropped | AMB-06 |
/// | checksum of version 3 over IPv4 | with a pseudo-header in RFC 5798, else the message only; either is accepted | RFC 5798, RFC 9568 section 5.2.8 |
/// | longest interval learned | no limit | SEC-06 |
/// | version 2 besides version 3 | off | RFC 9568 section 8.4 |
/// | lease on the addresses | on | see [`with_lease`](Self::with_lease) |
///
/// Its advertisement fits an Ethernet frame: it has at most 90 IPv6 addresses (PKT-14), or all 255 of IPv4.
///
/// # Beyond the RFCs
///
/// A router does more than they ask for. A test that counts packets should know of it:
///
/// | more | turned off by |
/// |---|---|
/// | a Master that yields sends one advertisement of priority 1, and the winner may answer and announces its addresses again | [`with_yield_advertisement(false)`](Self::with_yield_advertisement) |
/// | addresses have a lifetime, which the driver renews | [`with_lease(false)`](Self::with_lease) |
/// | a Master announces its addresses again when it has heard a lower Master | [`AnnouncePolicy::contest_repeat`] of 0 |
/// | a Master whose addresses are not confirmed is silent, and then [out of service](crate::guide::the_loop#if-you-forget) | always on |
/// | answers, announcements and takeovers are bounded under a flood | always on |
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "form::Form", try_from = "form::Form")
)]
pub struct Config {
    profile: Profile,
    vrid: Vrid,
    family: Family,
    priority: Priority,
    interval: AdvertInterval,
    preempt: bool,
    preempt_hold: Duration,
    /// The advertised addresses, then the excluded ones.
    addresses: Vec<IpAddr>,
    advertised: u8,
    /// The advertised ones in ascending order: a forged list must not cost a comparison of each with each.
    sorted: Vec<IpAddr>,
    password: Option<Password>,
    peers: Peers,
    answer_lower: bool,
    owner_listens: bool,
    yield_advertisement: bool,
    strict_list: bool,
    checksum: SendChecksum,
    exact_checksum: bool,
    learned_interval_cap: Option<AdvertInterval>,
    also_version2: bool,
    lease: bool,
    announce: AnnouncePolicy,
    trackers: Vec<Tracker>,
}

/// The peers that a router speaks and listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a driver must know whom to send to")]
pub enum Peers {
    /// The multicast group: every router on the link, TTL 255 only (SEC-01).
    Multicast,
    /// These routers and nobody else, never the group (EXT-01).
    Unicast(Vec<UnicastPeer>),
}

/// Form of the checksum that version 3 over IPv4 sends (PKT-24, AMB-01). Everything else has but one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the two forms that the wire has, or the one that was heard")]
pub enum SendChecksum {
    /// The checksum is over the message alone, as in RFC 9568.
    #[default]
    Message,
    /// The checksum is over a pseudo-header and the message, as RFC 5798 is deployed.
    PseudoHeader,
    /// The form is that of the last accepted advertisement; until there was one, it is over the message alone.
    AsHeard,
}

impl Config {
    /// Makes a router for `addresses`, of any subnet (AMB-31), which it advertises in this order (PKT-13).
    ///
    /// # Errors
    /// No address, more than 255, more than 90 of IPv6, two families, one twice, IPv6 in version 2, or a first IPv6
    /// address that every other router of the profile would drop.
    pub fn new(profile: Profile, vrid: Vrid, addresses: &[IpAddr]) -> Result<Self, ConfigError> {
        let list = checked(profile, addresses)?;
        Ok(Self::of(profile, vrid, list))
    }

    /// Makes a router that advertises no address (EXT-11): it decides which host is Master, and something else acts on that. It may
    /// have [excluded](Self::with_excluded) addresses all the same. It listens to routers that advertise none either, and
    /// to no other.
    ///
    /// ```
    /// use vrrp_core::{Config, Family, Profile, Vrid};
    ///
    /// let config = Config::without_addresses(Profile::Rfc3768, Family::Ipv4, Vrid::new(51)?)?;
    /// assert!(config.advertised().is_empty() && config.family() == Family::Ipv4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::FamilyNeedsVersion3`]: IPv6 in version 2.
    pub fn without_addresses(profile: Profile, family: Family, vrid: Vrid) -> Result<Self, ConfigError> {
        family_of_version(profile, family)?;
        Ok(Self::of(profile, vrid, AddressList::none(family)))
    }

    fn of(profile: Profile, vrid: Vrid, list: AddressList<'_>) -> Self {
        Self {
            sorted: sorted(list.as_slice()),
            profile,
            vrid,
            family: list.family(),
            priority: Priority::DEFAULT,
            interval: AdvertInterval::DEFAULT,
            preempt: true,
            preempt_hold: Duration::ZERO,
            addresses: list.as_slice().to_vec(),
            advertised: list.count(),
            password: None,
            peers: Peers::Multicast,
            answer_lower: profile.dialect().answers_lower,
            owner_listens: profile.dialect().owner_listens,
            yield_advertisement: true,
            strict_list: false,
            checksum: match profile.dialect().pseudo_header {
                true => SendChecksum::PseudoHeader,
                false => SendChecksum::Message,
            },
            exact_checksum: false,
            learned_interval_cap: None,
            also_version2: false,
            lease: true,
            announce: AnnouncePolicy::default(),
            trackers: Vec::new(),
        }
    }

    /// Sets another list of advertised addresses; whatever else is configured stays, and so do the addresses that are not
    /// advertised.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new); also where one of them is an [excluded](Self::with_excluded) one, and where the other family
    /// does not go with the [peers](Self::with_unicast_peers) or with [version 2](Self::with_also_version2).
    pub fn with_addresses(mut self, addresses: &[IpAddr]) -> Result<Self, ConfigError> {
        let list = checked(self.profile, addresses)?;
        (self.family, self.sorted) = (list.family(), sorted(addresses));
        self.addresses = addresses.iter().chain(self.excluded()).copied().collect();
        self.advertised = list.count();
        no_duplicates(&self.addresses)?;
        self.peers_are_of_our_family()?;
        let also_version2 = self.also_version2;
        self.with_also_version2(also_version2)
    }

    /// Takes the advertised addresses away, as [`without_addresses`](Self::without_addresses); whatever else is configured stays.
    #[must_use]
    pub fn with_no_addresses(mut self) -> Self {
        self.addresses.drain(..usize::from(self.advertised));
        (self.advertised, self.sorted) = (0, Vec::new());
        self
    }

    /// Sets the priority. 255 says that the addresses are the host's own (OWN-01).
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.set_priority(priority);
        self
    }

    pub(crate) fn set_priority(&mut self, priority: Priority) {
        self.priority = priority;
    }

    /// Sets Advertisement_Interval.
    ///
    /// # Errors
    /// [`ConfigError::Interval`] where the version's field cannot carry it.
    pub fn with_interval(mut self, interval: AdvertInterval) -> Result<Self, ConfigError> {
        let (version, centis) = (self.profile.version(), interval.centis());
        let fits = match version {
            Version::V2 => centis % 100 == 0,
            Version::V3 => centis <= 4095,
        };
        if !fits {
            return Err(ConfigError::Interval { interval, version });
        }
        self.interval = interval;
        Ok(self)
    }

    /// Sets Preempt_Mode, and how long a lower Master is watched before it is preempted (PRE-01, PRE-02).
    #[must_use]
    pub fn with_preempt(mut self, preempt: bool, hold: Duration) -> Self {
        (self.preempt, self.preempt_hold) = (preempt, hold);
        self
    }

    /// Sets the simple text password (AUTH-03).
    ///
    /// # Errors
    /// [`ConfigError::PasswordNeedsRfc2338`] in every later profile.
    pub fn with_password(mut self, password: Password) -> Result<Self, ConfigError> {
        if !self.profile.dialect().passwords {
            return Err(ConfigError::PasswordNeedsRfc2338(self.profile));
        }
        self.password = Some(password);
        Ok(self)
    }

    /// Adds addresses that come and go with the others but are not advertised; of either family.
    ///
    /// # Errors
    /// [`ConfigError::DuplicateAddress`].
    pub fn with_excluded(mut self, excluded: &[IpAddr]) -> Result<Self, ConfigError> {
        self.addresses.truncate(usize::from(self.advertised));
        self.addresses.extend_from_slice(excluded);
        no_duplicates(&self.addresses)?;
        Ok(self)
    }

    /// Chooses unicast instead of multicast (EXT-01).
    ///
    /// # Errors
    /// No peer, or one of the other family.
    pub fn with_unicast_peers(mut self, peers: &[UnicastPeer]) -> Result<Self, ConfigError> {
        if peers.is_empty() {
            return Err(ConfigError::NoPeers);
        }
        self.peers = Peers::Unicast(peers.to_vec());
        self.peers_are_of_our_family()?;
        Ok(self)
    }

    fn peers_are_of_our_family(&self) -> Result<(), ConfigError> {
        let Peers::Unicast(peers) = &self.peers else { return Ok(()) };
        match peers.iter().find(|peer| Family::of(peer.address) != self.family) {
            Some(peer) => Err(ConfigError::PeerFamily(peer.address)),
            None => Ok(()),
        }
    }

    /// Sets whether a Master answers a lower one at once (FSM-A-07).
    #[must_use]
    pub fn with_answer_lower(mut self, answer: bool) -> Self {
        self.answer_lower = answer;
        self
    }

    /// Sets whether a router at priority 255 processes the advertisements of other routers (OWN-04).
    #[must_use]
    pub fn with_owner_listens(mut self, listens: bool) -> Self {
        self.owner_listens = listens;
        self
    }

    /// Sets whether a Master that yields sends one [yield advertisement](crate::AdvertKind::Yield) to the better one, after removing its
    /// addresses.
    ///
    /// No RFC asks for it. It heals a split: the better Master, whose first packet ended the other's reign, would
    /// otherwise never learn that there was another, and the neighbours would go on sending to the wrong host. It
    /// teaches nobody anything else: it is for the better Master alone, has the lowest priority, and that Master's interval.
    #[must_use]
    pub fn with_yield_advertisement(mut self, yield_advertisement: bool) -> Self {
        self.yield_advertisement = yield_advertisement;
        self
    }

    /// Sets whether an advertisement whose addresses are not ours is dropped, unless its sender is at 255 (RX-23). Version 2 only, alone or
    /// [besides version 3](Self::with_also_version2).
    #[must_use]
    pub fn with_strict_list(mut self, strict: bool) -> Self {
        self.strict_list = strict;
        self
    }

    /// Sets the checksum form that version 3 over IPv4 sends (PKT-24).
    #[must_use]
    pub fn with_checksum(mut self, form: SendChecksum) -> Self {
        self.checksum = form;
        self
    }

    /// Sets whether only the checksum form is accepted that is sent (PKT-24). Version 3 over IPv4 only.
    ///
    /// [`SendChecksum::AsHeard`] has no form of its own to insist on; with it either is accepted whatever this says.
    #[must_use]
    pub fn with_exact_checksum(mut self, exact: bool) -> Self {
        self.exact_checksum = exact;
        self
    }

    /// Sets the longest interval that is learned from another router, in version 3. The router's own is learned in any case (SEC-06).
    ///
    /// A single forged advertisement can promise the next one in 41 s, and silence a Backup for as much as 164 s. A cap
    /// bounds that; an honest Master that is slower than the cap is then taken for dead between two advertisements.
    #[must_use]
    pub fn with_learned_interval_cap(mut self, cap: Option<AdvertInterval>) -> Self {
        self.learned_interval_cap = cap;
        self
    }

    /// Sets whether it speaks version 2 besides version 3, to migrate from one to the other (RFC 9568 section 8.4; INT-01).
    ///
    /// Every advertisement is sent in both. What a source says in version 2 is ignored while it is heard in version 3.
    /// Version 2 carries whole seconds: routers of version 2 alone accept what is sent only where their interval is
    /// this one, rounded up, so begin with a whole second (INT-06, INT-09).
    ///
    /// # Errors
    /// [`ConfigError::Version2Too`] over IPv6 and in profiles of version 2.
    pub fn with_also_version2(mut self, also_version2: bool) -> Result<Self, ConfigError> {
        let (profile, family) = (self.profile, self.family);
        if also_version2 && (profile.version(), family) != (Version::V3, Family::Ipv4) {
            return Err(ConfigError::Version2Too { profile, family });
        }
        self.also_version2 = also_version2;
        Ok(self)
    }

    /// Sets whether a Master holds its addresses on a lease: while it advertises, and no longer. It does, unless this says otherwise.
    ///
    /// No RFC asks for it. A Master whose process is killed or hangs keeps its addresses otherwise, and they are in two
    /// places when a Backup takes over. With a lease two things end them:
    ///
    /// - The driver gives each address to its host with a [lifetime](Self::lease), and renews it after advertisements.
    ///   (`vrrp-io-linux` does. A driver whose host knows no lifetimes may leave that out: then only the second ends them.)
    /// - A Master that was silent for longer than that begins anew when it runs again ([`Cause::Lapsed`](crate::Cause)):
    ///   it removes its addresses and sends nothing. After less than three intervals, in which nobody can have taken
    ///   over, or as owner, it is Master again at once; otherwise it is a Backup first.
    ///
    /// The lifetime is a whole number of seconds, as kernels count it: three intervals less one second, rounded down,
    /// for a kernel takes up to a second to notice; at least 1 s, and at least five quarters of an interval, so that an
    /// advertisement may be late.
    ///
    /// | interval | lifetime | gone after, at most | a Backup takes over after more than | in two places, at most |
    /// |---|---|---|---|---|
    /// | below 0.67 s | 1 s | 2 s | 3 intervals | 2 s less 3 intervals |
    /// | 0.67 to 0.8 s | 1 s | 2 s | 2.01 to 2.4 s | never |
    /// | 0.81 to 0.99 s | 2 s | 3 s | 2.43 to 2.97 s | 0.57 to 0.03 s |
    /// | 1 s | 2 s | 3 s | 3 s | never |
    /// | 2 s | 5 s | 6 s | 6 s | never |
    /// | 10 s | 29 s | 30 s | 30 s | never |
    ///
    /// That holds where a Backup takes over after silence. A better router that is about to preempt a lower Master does not
    /// wait for silence: if that Master dies just then, its addresses are in two places until its lease is over.
    ///
    /// A host with thousands of addresses on one interface cannot renew them so often; the driver gives them more time then
    /// (`vrrp-io-linux`: from 1,001 addresses on a hundredth of a second for each, 100 s for 10,000).
    ///
    /// The price: a Master that hangs for longer than the lifetime loses its addresses even where no other router is
    /// there to take them, until it runs again.
    #[must_use]
    pub fn with_lease(mut self, lease: bool) -> Self {
        self.lease = lease;
        self
    }

    /// Sets when and how often addresses are announced.
    #[must_use]
    pub fn with_announce(mut self, policy: AnnouncePolicy) -> Self {
        self.announce = policy;
        self
    }

    /// Adds a tracker. Until its first result a tracker of [`Weight::Fault`](crate::Weight::Fault) keeps the router out of the election.
    ///
    /// # Errors
    /// [`ConfigError::TooManyTrackers`].
    pub fn add_tracker(&mut self, tracker: Tracker) -> Result<TrackerId, ConfigError> {
        let id = u16::try_from(self.trackers.len()).map_err(|_| ConfigError::TooManyTrackers)?;
        self.trackers.push(tracker);
        Ok(TrackerId(id))
    }

    /// Returns the document that it follows.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Returns the virtual router id.
    #[must_use]
    pub const fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Returns the MAC address of the virtual router (IP-08). Whether the host answers with it is the driver's choice.
    #[must_use]
    pub const fn virtual_mac(&self) -> [u8; 6] {
        self.vrid.virtual_mac(self.family)
    }

    /// Returns the family of the advertised addresses.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns the configured priority, before tracking.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Returns Advertisement_Interval.
    #[must_use]
    pub const fn interval(&self) -> AdvertInterval {
        self.interval
    }

    /// Returns Preempt_Mode.
    #[must_use]
    pub const fn preempt(&self) -> bool {
        self.preempt
    }

    /// Returns how long a lower Master is watched before it is preempted.
    #[must_use]
    pub const fn preempt_hold(&self) -> Duration {
        self.preempt_hold
    }

    /// Returns every address that a Master holds: the advertised ones first, then the excluded.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns the advertised addresses; none of a router [without](Self::without_addresses).
    #[must_use]
    pub fn advertised(&self) -> AddressList<'_> {
        AddressList::proven(self.addresses.get(..usize::from(self.advertised)).unwrap_or_default(), self.family)
    }

    /// Returns the addresses that come and go with the others but are not advertised.
    #[must_use]
    pub fn excluded(&self) -> &[IpAddr] {
        self.addresses.get(usize::from(self.advertised)..).unwrap_or_default()
    }

    /// Returns the simple text password.
    #[must_use]
    pub const fn password(&self) -> Option<Password> {
        self.password
    }

    /// Returns to whom it speaks and listens.
    #[must_use]
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Returns the trackers in the order of their ids.
    #[must_use]
    pub fn trackers(&self) -> &[Tracker] {
        &self.trackers
    }

    /// Returns the tracker that `id` names.
    #[must_use]
    pub fn tracker(&self, id: TrackerId) -> Option<&Tracker> {
        self.trackers.get(usize::from(id.0))
    }

    /// Returns whether a Master answers a lower one at once.
    #[must_use]
    pub const fn answer_lower(&self) -> bool {
        self.answer_lower
    }

    /// Tells whether it speaks version 2 besides version 3.
    #[must_use]
    pub const fn also_version2(&self) -> bool {
        self.also_version2
    }

    /// Returns how long an address lasts after an advertisement: whole seconds. `None`: until it is removed.
    #[must_use]
    pub const fn lease(&self) -> Option<Duration> {
        if self.lease { Some(timers::lease(self.interval)) } else { None }
    }

    /// Returns how many of the first addresses count when there are none that the host can set: the advertised, or if
    /// none is advertised the excluded.
    pub(crate) fn essential(&self) -> usize {
        match self.advertised {
            0 => self.addresses.len(),
            advertised => advertised.into(),
        }
    }

    /// Returns what a router of this configuration compares advertisements with. `as_sent` are the advertised addresses as they
    /// stand in a packet.
    #[inline(always)]
    pub(crate) fn criteria<'a>(
        &'a self,
        params: &'a Params,
        as_sent: &'a [u8],
        (learned, now): (&'a Learned, Instant),
    ) -> Criteria<'a> {
        Criteria {
            params,
            vrid: self.vrid,
            addresses: self.advertised(),
            sorted: Some(&self.sorted),
            as_sent: Some(as_sent),
            password: self.password,
            peers: match &self.peers {
                Peers::Multicast => None,
                Peers::Unicast(peers) => Some(peers),
            },
            owner_listens: self.owner_listens,
            strict_list: self.strict_list,
            only_checksum: self.accepted_checksum(),
            version3: self.also_version2.then_some((learned, now)),
        }
    }

    /// The version that a received message has to be of; without the flag the other one is an error (INT-10).
    pub(crate) fn version_of(&self, message: &[u8]) -> Version {
        if self.also_version2 { wire::peek_version(message) } else { self.profile.version() }
    }

    /// Returns whether a router at priority 255 processes what other routers advertise.
    #[must_use]
    pub const fn owner_listens(&self) -> bool {
        self.owner_listens
    }

    /// Returns whether a Master that yields sends one yield advertisement.
    #[must_use]
    pub const fn yield_advertisement(&self) -> bool {
        self.yield_advertisement
    }

    /// Returns whether an advertisement of version 2 whose addresses are not ours is dropped.
    #[must_use]
    pub const fn strict_list(&self) -> bool {
        self.strict_list
    }

    /// Returns the checksum form that version 3 over IPv4 sends.
    #[must_use]
    pub const fn checksum(&self) -> SendChecksum {
        self.checksum
    }

    /// Returns whether only the checksum form is accepted that is sent.
    #[must_use]
    pub const fn exact_checksum(&self) -> bool {
        self.exact_checksum
    }

    /// Returns the longest interval that is learned from another router; `None`: no limit.
    #[must_use]
    pub const fn learned_interval_cap(&self) -> Option<AdvertInterval> {
        self.learned_interval_cap
    }

    /// Returns when and how often addresses are announced.
    #[must_use]
    pub const fn announce(&self) -> &AnnouncePolicy {
        &self.announce
    }

    /// The checksum form to send, when `heard` was the last one received.
    pub(crate) const fn checksum_after(&self, heard: ChecksumForm) -> ChecksumForm {
        match self.checksum {
            SendChecksum::Message => ChecksumForm::Message,
            SendChecksum::PseudoHeader => ChecksumForm::PseudoHeader,
            SendChecksum::AsHeard => heard,
        }
    }

    /// The one checksum form to accept; `None`: either.
    pub(crate) const fn accepted_checksum(&self) -> Option<ChecksumForm> {
        match (self.exact_checksum, self.checksum) {
            (true, SendChecksum::Message) => Some(ChecksumForm::Message),
            (true, SendChecksum::PseudoHeader) => Some(ChecksumForm::PseudoHeader),
            _ => None,
        }
    }
}

/// A list that a router of `profile` may advertise.
fn checked(profile: Profile, addresses: &[IpAddr]) -> Result<AddressList<'_>, ConfigError> {
    let list = AddressList::new(addresses)?;
    family_of_version(profile, list.family())?;
    if list.family() == Family::Ipv6 && list.count() > MAX_IPV6_ADDRESSES {
        return Err(ConfigError::TooManyForMtu(list.count()));
    }
    match addresses.first() {
        Some(IpAddr::V6(first))
            if profile.dialect().link_local_mismatch == Mismatch::Drop && !first.is_unicast_link_local() =>
        {
            return Err(ConfigError::FirstNotLinkLocal { first: (*first).into(), profile });
        }
        _ => {}
    }
    no_duplicates(addresses)?;
    Ok(list)
}

fn family_of_version(profile: Profile, family: Family) -> Result<(), ConfigError> {
    match (profile.version(), family) {
        (Version::V2, Family::Ipv6) => Err(ConfigError::FamilyNeedsVersion3),
        _ => Ok(()),
    }
}

fn sorted(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted
}

fn no_duplicates(addresses: &[IpAddr]) -> Result<(), ConfigError> {
    match sorted(addresses).windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(ConfigError::DuplicateAddress(pair.first().copied().unwrap_or(IpAddr::from([0; 4])))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::AddressListError;

    const VIP: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

    /// PKT-07, PKT-08, EXT-03, AUTH-05, AMB-20, AMB-21.
    #[test]
    fn what_a_version_cannot_carry_is_refused() {
        let vrid = Vrid::new(1).unwrap();
        let v2 = Config::new(Profile::Rfc3768, vrid, &[VIP]).unwrap();
        let interval = |cs| AdvertInterval::from_centis(cs).unwrap();
        assert!(matches!(v2.clone().with_interval(interval(150)), Err(ConfigError::Interval { .. })));
        assert!(v2.clone().with_interval(interval(25_500)).is_ok());
        let v3 = Config::new(Profile::Rfc9568Errata, vrid, &[VIP]).unwrap();
        assert!(v3.clone().with_interval(interval(4096)).is_err());
        assert!(v3.clone().with_interval(interval(1)).is_ok());

        let password = Password::new(b"secret").unwrap();
        assert!(v2.with_password(password).is_err());
        assert!(v3.with_password(password).is_err());
        assert!(Config::new(Profile::Rfc2338, vrid, &[VIP]).unwrap().with_password(password).is_ok());
    }

    #[test]
    fn both_versions_are_for_version_3_over_ipv4() {
        let vrid = Vrid::new(1).unwrap();
        let link_local: IpAddr = "fe80::1".parse().unwrap();
        for (profile, address, works) in [
            (Profile::Rfc2338, VIP, false),
            (Profile::Rfc3768, VIP, false),
            (Profile::Rfc5798, VIP, true),
            (Profile::Rfc9568, VIP, true),
            (Profile::Rfc9568Errata, VIP, true),
            (Profile::Rfc9568Errata, link_local, false),
        ] {
            let config = Config::new(profile, vrid, &[address]).unwrap();
            let family = config.family();
            let refused = Err(ConfigError::Version2Too { profile, family });
            let both = config.clone().with_also_version2(true);
            assert_eq!(
                both.as_ref().map(Config::also_version2),
                if works { Ok(true) } else { refused.as_ref().map(|()| true) }
            );
            assert_eq!(config.clone().with_also_version2(false), Ok(config));
        }
    }

    #[test]
    fn what_is_set_can_be_asked() {
        let vrid = Vrid::new(1).unwrap();
        let cap = Some(AdvertInterval::from_secs(3).unwrap());
        let policy = AnnouncePolicy { repeat: 3, ..AnnouncePolicy::default() };
        let config = Config::new(Profile::Rfc9568, vrid, &[VIP]).unwrap();
        let other = config
            .clone()
            .with_answer_lower(false)
            .with_owner_listens(true)
            .with_yield_advertisement(false)
            .with_strict_list(true)
            .with_checksum(SendChecksum::AsHeard)
            .with_exact_checksum(true)
            .with_learned_interval_cap(cap)
            .with_announce(policy)
            .with_excluded(&[IpAddr::from([192, 0, 2, 2])])
            .unwrap();
        let asked = |config: &Config| {
            let (checksum, exact) = (config.checksum(), config.exact_checksum());
            let flags =
                [config.answer_lower(), config.owner_listens(), config.yield_advertisement(), config.strict_list()];
            (flags, checksum, exact, config.learned_interval_cap(), *config.announce(), config.excluded().to_vec())
        };
        let default = AnnouncePolicy::default();
        assert_eq!(
            asked(&config),
            ([true, false, true, false], SendChecksum::Message, false, None, default, std::vec![])
        );
        let excluded = std::vec![IpAddr::from([192, 0, 2, 2])];
        assert_eq!(asked(&other), ([false, true, false, true], SendChecksum::AsHeard, true, cap, policy, excluded));
    }

    #[test]
    fn another_list_leaves_the_rest_as_it_is() {
        let vrid = Vrid::new(1).unwrap();
        let [other, excluded] = [IpAddr::from([192, 0, 2, 7]), IpAddr::from([198, 51, 100, 1])];
        let make = |list: &[IpAddr]| {
            let config = Config::new(Profile::Rfc9568, vrid, list).unwrap().with_priority(Priority::OWNER);
            config.with_strict_list(true).with_excluded(&[excluded]).unwrap()
        };
        let config = make(&[VIP]);
        assert_eq!(config.clone().with_addresses(&[other, VIP]), Ok(make(&[other, VIP])));
        assert_eq!(make(&[other, VIP]).with_addresses(&[VIP]), Ok(config.clone()));

        let v6: IpAddr = "fe80::1".parse().unwrap();
        assert_eq!(config.clone().with_addresses(&[v6]).unwrap().family(), Family::Ipv6);
        assert_eq!(config.clone().with_addresses(&[]), Err(AddressListError::Empty.into()));
        assert_eq!(config.clone().with_addresses(&[VIP, VIP]), Err(ConfigError::DuplicateAddress(VIP)));
        assert_eq!(config.clone().with_addresses(&[excluded]), Err(ConfigError::DuplicateAddress(excluded)));
        let peer = UnicastPeer { address: other, min_ttl: 255 };
        let unicast = config.clone().with_unicast_peers(&[peer]).unwrap();
        assert_eq!(unicast.with_addresses(&[v6]), Err(ConfigError::PeerFamily(other)));
        let both = config.with_also_version2(true).unwrap();
        assert!(matches!(both.with_addresses(&[v6]), Err(ConfigError::Version2Too { family: Family::Ipv6, .. })));
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_protocol() {
        use std::string::ToString;
        let vrid = Vrid::new(1).unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let v2 = Config::new(Profile::Rfc3768, vrid, &[VIP]).unwrap();
        let said = |result: Result<Config, ConfigError>| result.unwrap_err().to_string();
        assert_eq!(
            said(Config::new(Profile::Rfc9568Errata, vrid, &[v6])),
            "the first IPv6 address of RFC 9568 with errata must be link-local (fe80::/10), 2001:db8::1 is not"
        );
        assert!(
            said(v2.clone().with_interval(AdvertInterval::from_centis(150).unwrap()))
                .starts_with("an interval of 1.50 s does not fit VRRPv2: ")
        );
        assert!(said(v2.clone().with_also_version2(true)).ends_with("not in RFC 3768 over IPv4"));
        assert!(said(v2.with_password(Password::new(b"secret").unwrap())).ends_with("only, not in RFC 3768"));
        assert_eq!(
            [ChecksumForm::Message, ChecksumForm::PseudoHeader].map(|form| form.to_string()),
            ["over the message only", "with a pseudo-header"]
        );
    }

    /// PKT-14.
    #[test]
    fn an_advertisement_fits_an_ethernet_frame() {
        let vrid = Vrid::new(1).unwrap();
        let of_ipv6: std::vec::Vec<IpAddr> =
            (1..=91).map(|n| core::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n).into()).collect();
        let of_ipv4: std::vec::Vec<IpAddr> = (1..=255).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        for profile in [Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata] {
            assert_eq!(Config::new(profile, vrid, &of_ipv6), Err(ConfigError::TooManyForMtu(91)));
            assert!(Config::new(profile, vrid, &of_ipv6[..90]).unwrap().with_excluded(&of_ipv6[90..]).is_ok());
            assert!(Config::new(profile, vrid, &of_ipv4).is_ok());
        }
    }

    #[test]
    fn address_lists_are_refused_by_their_fault() {
        let vrid = Vrid::new(1).unwrap();
        let new = |addresses: &[IpAddr]| Config::new(Profile::Rfc3768, vrid, addresses).unwrap_err();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(new(&[]), ConfigError::Addresses(AddressListError::Empty));
        assert_eq!(new(&[VIP, v6]), ConfigError::Addresses(AddressListError::MixedFamilies(v6)));
        assert_eq!(new(&[VIP, VIP]), ConfigError::DuplicateAddress(VIP));
        assert_eq!(new(&[v6]), ConfigError::FamilyNeedsVersion3);
        assert_eq!(new(&[VIP; 256]), ConfigError::Addresses(AddressListError::TooMany(256)));
        let (profile, link_local) = (Profile::Rfc9568Errata, "fe80::1".parse().unwrap());
        assert_eq!(Config::new(profile, vrid, &[v6]), Err(ConfigError::FirstNotLinkLocal { first: v6, profile }));
        assert!(Config::new(profile, vrid, &[link_local, v6]).is_ok());
        assert!(Config::new(Profile::Rfc9568, vrid, &[v6]).is_ok(), "without the errata nobody looks");
        let config = Config::new(Profile::Rfc3768, vrid, &[VIP]).unwrap();
        assert_eq!(config.clone().with_excluded(&[VIP]), Err(ConfigError::DuplicateAddress(VIP)));
        assert_eq!(config.with_unicast_peers(&[]), Err(ConfigError::NoPeers));
    }
}
