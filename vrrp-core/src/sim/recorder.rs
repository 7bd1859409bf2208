//! The last advertisements, and what became of each: for pictures.

use alloc::collections::VecDeque;

use super::host::Key;
use super::network::HostId;
use crate::action::AdvertKind;
use crate::receive::Discard;
use crate::time::Instant;

/// Advertisements that are kept.
const ADVERTISEMENTS: usize = 1024;
/// Arrivals and losses that are kept.
const FATES: usize = 4096;

/// One advertisement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) host: HostId,
    /// The virtual router that it speaks of.
    pub(super) key: Key,
    /// `None`: forged.
    pub(super) kind: Option<AdvertKind>,
    pub(super) priority: u8,
}

/// The outcome of an advertisement at one host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Heard(Instant),
    Rejected(Instant, Discard),
    Unheard(Instant),
    Lost,
    Cut,
}

/// Both, for the last while.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    sent: VecDeque<Sent>,
    /// Number of the first of them.
    first: u64,
    fates: VecDeque<(u64, HostId, Fate)>,
    /// Advertisements from this number on have all their fates.
    complete_from: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        // Room for all from the start, so that a world that runs allocates nothing.
        let (sent, fates) = (VecDeque::with_capacity(ADVERTISEMENTS), VecDeque::with_capacity(FATES));
        Self { sent, first: 0, fates, complete_from: 0 }
    }
}

impl Recorder {
    /// Returns the number of the advertisement.
    pub(super) fn sent(&mut self, sent: Sent) -> u64 {
        if self.sent.len() >= ADVERTISEMENTS {
            self.sent.pop_front();
            self.first += 1;
        }
        self.sent.push_back(sent);
        self.first + self.sent.len() as u64 - 1
    }

    pub(super) fn fate(&mut self, number: u64, host: HostId, fate: Fate) {
        if self.fates.len() >= FATES {
            let oldest = self.fates.pop_front();
            self.complete_from = self.complete_from.max(oldest.map_or(0, |(number, ..)| number + 1));
        }
        self.fates.push_back((number, host, fate));
    }

    /// Whole advertisements that are not here any more.
    pub(super) fn dropped(&self) -> u64 {
        self.first.max(self.complete_from)
    }

    /// Every advertisement of which all is known, by number.
    pub(super) fn advertisements(&self) -> impl Iterator<Item = (u64, &Sent)> {
        let numbered = self.sent.iter().enumerate().map(|(index, sent)| (self.first + index as u64, sent));
        numbered.filter(|(number, _)| *number >= self.complete_from)
    }

    pub(super) fn fates(&self) -> impl Iterator<Item = &(u64, HostId, Fate)> {
        self.fates.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::network::LanId;
    use crate::types::{Family, Vrid};

    #[test]
    fn what_is_kept_is_whole_and_bounded() {
        let mut recorder = Recorder::default();
        let key = (LanId(0), Family::Ipv4, Vrid::MIN);
        for nanos in 0..5_000 {
            let sent = Sent { at: Instant::from_nanos(nanos), host: HostId(0), key, kind: None, priority: 1 };
            let number = recorder.sent(sent);
            assert_eq!(number, nanos);
            (1..=8).for_each(|host| recorder.fate(number, HostId(host), Fate::Lost));
        }
        let kept: alloc::vec::Vec<u64> = recorder.advertisements().map(|(number, _)| number).collect();
        assert_eq!((kept.first(), kept.last()), (Some(&4_488), Some(&4_999)), "8 fates each are whole");
        assert_eq!(recorder.dropped(), 4_488);
        let whole = |number: &u64| recorder.fates().filter(|(of, ..)| of == number).count() == 8;
        assert!(kept.iter().all(whole));
    }
}
