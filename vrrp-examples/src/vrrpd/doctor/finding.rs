//! The findings, each with its id.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($id:ident = $name:literal,)*) => {
        /// The kind of a finding (`docs/doctor.md` explains each).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the page tells of each")]
        pub enum Id {
            $($id,)*
        }

        impl Id {
            /// Every one, what is worst first.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// Returns the word for it, which stays the same when the sentences change.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

// The order is that of the report: a cause stands before what follows from it.
ids! {
    CapabilityMissing = "capability-missing",
    AtFault = "at-fault",
    CannotSend = "cannot-send",
    FirewallDropsVrrp = "firewall-drops-vrrp",
    WrongInterface = "wrong-interface",
    VersionMismatch = "version-mismatch",
    PasswordMismatch = "password-mismatch",
    AuthenticationUnsupported = "authentication-unsupported",
    IntervalMismatch = "interval-mismatch",
    AddressListMismatch = "address-list-mismatch",
    VridClash = "vrid-clash",
    ForeignVrid = "foreign-vrid",
    ChecksumForm = "checksum-form",
    ChecksumWrong = "checksum-wrong",
    TtlTooLow = "ttl-too-low",
    TwoOwners = "two-owners",
    EqualPriorities = "equal-priorities",
    UnicastPeerMissing = "unicast-peer-missing",
    UnicastOneSided = "unicast-one-sided",
    UnicastPeerUnreachable = "unicast-peer-unreachable",
    Ipv6Source = "ipv6-source",
    Ipv6FirstAddress = "ipv6-first-address",
    OwnAddressElsewhere = "own-address-elsewhere",
    NotAnAdvertisement = "not-an-advertisement",
    PeerDoesNotYield = "peer-does-not-yield",
    NoAdvertisementHeard = "no-advertisement-heard",
    DuplicateAddress = "duplicate-address",
    AddressNotExpectedHere = "address-not-expected-here",
    AddressCannotBeSet = "address-cannot-be-set",
    PromoteSecondariesOff = "promote-secondaries-off",
    RpFilterStrict = "rp-filter-strict",
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The kind of the finding: a word that stays the same when the sentences change (`docs/doctor.md`).
    pub id: String,
    /// The router that it is about; none where it is about the whole daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// The other host, by its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The problem, in a sentence.
    pub problem: String,
    /// The evidence for it.
    pub evidence: Vec<String>,
    /// Advice how to correct it.
    pub fix: String,
}

impl Finding {
    pub(super) fn new(id: Id, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        let (problem, fix) = (problem.into(), fix.into());
        Self { id: id.name().to_owned(), router: None, peer: None, problem, evidence: Vec::new(), fix }
    }

    pub(super) fn of(self, router: &str) -> Self {
        Self { router: Some(router.to_owned()), ..self }
    }

    pub(super) fn peer(self, peer: impl ToString) -> Self {
        Self { peer: Some(peer.to_string()), ..self }
    }

    pub(super) fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Tells whether it is of this kind.
    #[must_use]
    pub fn is(&self, id: Id) -> bool {
        self.id == id.name()
    }

    /// Returns its place in a report.
    pub(super) fn place(&self) -> usize {
        Id::ALL.iter().position(|id| self.is(*id)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Checks that the page names every kind once, in the order of a report, with its meaning, its evidence and its repair.
    #[test]
    fn the_page_tells_of_each_kind() {
        let page = include_str!("../../../../docs/doctor.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = rows.map(cells).collect();
        let told: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        assert_eq!(told, Id::ALL.iter().map(|id| id.name()).collect::<Vec<_>>());
        for row in &rows {
            assert!(row.len() == 4 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        }
        let distinct: BTreeSet<&str> = told.iter().copied().collect();
        assert_eq!(distinct.len(), told.len());
        let shapes: BTreeMap<&str, bool> = told
            .iter()
            .map(|id| (*id, id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')))
            .collect();
        assert!(shapes.values().all(|good| *good), "{shapes:?}");
    }
}
