//! A stranger who forges advertisements.

use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::time::Duration;

use super::network::{HostId, LanId};
use super::random::Random;
use crate::config::Config;
use crate::types::{AdvertInterval, Family, Priority, RouterId};
use crate::wire::{ChecksumForm, Message};

/// An id that no host has.
pub(super) const STRANGER: HostId = HostId(u16::MAX);

/// Forged advertisements of one virtual router. Whoever sends them knows its list and its password; each packet says
/// something else.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Attack {
    /// A router of the virtual router in question.
    pub about: (HostId, RouterId),
    /// Time from one packet to the next.
    pub pace: Duration,
    /// The time for which it lasts.
    pub span: Duration,
    /// The priorities that they advertise; 0 is a release.
    pub priorities: RangeInclusive<u8>,
    /// The intervals that they advertise, in centiseconds.
    pub intervals: RangeInclusive<u16>,
    /// Number of addresses that they come from.
    pub senders: u8,
    /// They come from the addresses of the hosts instead.
    pub spoofs: bool,
}

impl Attack {
    /// The next packet against a router of `config`.
    pub(super) fn message<'a>(&self, config: &'a Config, random: &mut Random) -> Message<'a> {
        let mut within = |first: u64, last: u64| first + random.below(last.saturating_sub(first) + 1);
        let priority = within(u64::from(*self.priorities.start()), u64::from(*self.priorities.end()));
        let interval = within(u64::from(*self.intervals.start()), u64::from(*self.intervals.end()));
        let version = config.profile().version();
        let interval = AdvertInterval::from_centis(interval as u16).unwrap_or(config.interval());
        Message {
            version,
            vrid: config.vrid(),
            priority: Priority::new(priority as u8).ok(),
            interval: if version == crate::types::Version::V2 { config.interval() } else { interval },
            password: config.password(),
            addresses: config.advertised(),
            checksum: ChecksumForm::Message,
        }
    }

    /// Returns where the next packet comes from, among hosts that have `own` addresses.
    pub(super) fn source(&self, lan: LanId, family: Family, own: &[IpAddr], random: &mut Random) -> IpAddr {
        let number = random.below(u64::from(self.senders.max(1))) as u16;
        match (random.pick(own), family) {
            (Some(own), _) if self.spoofs => own,
            (_, Family::Ipv4) => [10, lan.0 as u8, 250, number as u8].into(),
            (_, Family::Ipv6) => [0xfe80, 0, 0, 0, 0, 0xbad, lan.0, number].into(),
        }
    }
}
