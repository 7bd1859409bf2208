//! The values that a router learns from accepted packets, besides the interval of the Master.

use core::net::IpAddr;

use crate::time::Instant;
use crate::wire::ChecksumForm;

/// Sources in version 3 that are remembered: the Master, and others while who is Master is contested.
const SOURCES: usize = 4;

/// Learned from packets that passed every check of section 7.1, and from no other (RX-20).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct Learned {
    /// Form of the last advertisement of version 3.
    pub(crate) checksum: ChecksumForm,
    /// Sources that spoke version 3, and until when that counts (INT-04).
    version3: [Option<(IpAddr, Instant)>; SOURCES],
}

impl Learned {
    pub(crate) const fn new() -> Self {
        Self { checksum: ChecksumForm::Message, version3: [None; SOURCES] }
    }

    /// `source` speaks version 3, which makes its version 2 void until `until`.
    pub(crate) fn heard_version3(&mut self, source: IpAddr, until: Instant) {
        let same = self.version3.iter().position(|entry| entry.is_some_and(|(known, _)| known == source));
        // Else the one that ends first gives way; an empty one is less than all.
        let ends_first =
            || (0..SOURCES).min_by_key(|index| self.version3.get(*index).copied().flatten().map(|entry| entry.1));
        if let Some(entry) = same.or_else(ends_first).and_then(|index| self.version3.get_mut(index)) {
            *entry = Some((source, until));
        }
    }

    /// Tells whether `source` was heard in version 3 within its Master_Down_Interval.
    pub(crate) fn speaks_version3(&self, source: IpAddr, now: Instant) -> bool {
        self.version3.iter().flatten().any(|(known, until)| *known == source && now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn the_source_that_ends_first_gives_way() {
        let at = Instant::from_nanos;
        let mut learned = Learned::new();
        for n in [3, 1, 2, 4] {
            learned.heard_version3(host(n), at(10 + u64::from(n)));
        }
        assert!((1..=4).all(|n| learned.speaks_version3(host(n), at(10))));
        assert!(!learned.speaks_version3(host(1), at(11)) && !learned.speaks_version3(host(5), at(0)));
        learned.heard_version3(host(1), at(20));
        learned.heard_version3(host(5), at(20));
        let known: std::vec::Vec<u8> = (0..=9).filter(|n| learned.speaks_version3(host(*n), at(0))).collect();
        assert_eq!(known, [1, 3, 4, 5]);
    }
}
