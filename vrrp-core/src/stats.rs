//! Counters with the meanings of RFC 2787, RFC 6527 and RFC 8347; each moves by its trigger only.
//!
//! They start at 0 with their router or set, are always current, and never jump back or restart: the time of a
//! discontinuity (STAT-17) is when the router or set was made, the refresh rate (STAT-18) is 0 ms. They wrap at 2^64.

/// Counters of one virtual router.
///
/// A packet that is refused moves one of the counters of errors at most (RX-27). One that is processed in spite of several
/// mismatches moves the counter of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Stats {
    /// Entries into Master (STAT-05).
    pub master_transitions: u64,
    /// Advertisements that passed the checks of the packet itself, RX-02 to RX-07 (STAT-06, AMB-16).
    pub advert_rcvd: u64,
    /// Advertisements asked to be sent, releases included (STAT-07).
    pub advert_sent: u64,
    /// Intervals other than ours, dropped or not (STAT-08; RX-13, RX-15).
    pub interval_errors: u64,
    /// Valid releases received (STAT-09).
    pub prio_zero_rcvd: u64,
    /// Releases asked to be sent (STAT-10).
    pub prio_zero_sent: u64,
    /// Packet types that do not exist (STAT-11; RX-05).
    pub invalid_type_rcvd: u64,
    /// Address lists other than ours, dropped or not (STAT-12; RX-11, RX-12, RX-14).
    pub address_list_errors: u64,
    /// Messages of a wrong length (STAT-13; RX-03, RX-06).
    pub packet_length_errors: u64,
    /// Wrong passwords (STAT-14).
    pub auth_failures: u64,
    /// Authentication types that do not exist (STAT-15).
    pub invalid_auth_type: u64,
    /// Authentication types that exist but are not ours (STAT-16).
    pub auth_type_mismatch: u64,
    /// Wrong checksums (STAT-01 of this router; RX-07).
    pub checksum_errors: u64,
    /// Wrong versions (STAT-02 of this router; RX-04).
    pub version_errors: u64,
    /// TTL or hop limit too low (STAT-04; RX-02).
    pub ttl_errors: u64,
    /// Advertisements for the wrong group, from unlisted peers or from no host's address (RX-01, RX-16).
    pub source_errors: u64,
    /// Advertisements heard while our priority is 255 (RX-09, OWN-04).
    pub owner_conflict: u64,
    /// Advertisements from our own address: a loop, or another host has it (RX-16, FSM-A-09).
    pub duplicate_address: u64,
    /// Accepted advertisements of our own priority (RX-26).
    pub equal_priority: u64,
    /// Adverts in the message-only checksum form (PKT-24).
    pub checksum_message: u64,
    /// Adverts in the pseudo-header checksum form (PKT-24).
    pub checksum_pseudo_header: u64,
    /// Answers to a lower Master that the rate limit held back (FSM-A-10).
    pub answers_suppressed: u64,
    /// Advertisements held back because an address was not yet confirmed.
    pub unconfirmed_suppressed: u64,
    /// Advertisements that could not be sent, as reported by the driver.
    pub tx_errors: u64,
}

/// Counters over all routers, and of packets that no router could be found for: those that RFC 8347 keeps globally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct GlobalStats {
    /// Wrong checksums, for whichever router (STAT-01).
    pub checksum_errors: u64,
    /// Wrong versions, for whichever router (STAT-02).
    pub version_errors: u64,
    /// Virtual router ids that nobody here has (STAT-03).
    pub vrid_errors: u64,
    /// TTL or hop limit too low, for whichever router (STAT-04).
    pub ttl_errors: u64,
    /// Wrong lengths, for whichever router (STAT-13).
    pub packet_length_errors: u64,
}

/// Moves a counter by one. Counters wrap at 2^64.
pub(crate) const fn increment(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}
