//! The differences between the documents of the protocol: one row each, and nowhere else.

use core::fmt;

use crate::types::Version;

/// The document that a router follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Profile {
    /// RFC 2338: version 2 with simple text passwords; an owner listens to other routers.
    Rfc2338,
    /// RFC 3768: version 2 without authentication; an owner ignores other routers. The usual choice for version 2.
    Rfc3768,
    /// RFC 5798: version 3.
    Rfc5798,
    /// RFC 9568 as published: version 3, and a Master answers a lower advertisement at once. Some defaults of a configuration
    /// go [beyond it](crate::Config#beyond-the-rfcs).
    Rfc9568,
    /// RFC 9568 with its verified errata: an owner listens, zero intervals and non-link-local lists are refused.
    Rfc9568Errata,
}

/// The formula for Skew_Time from the interval (TMR-01, TMR-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skew {
    /// `(256 - priority) / 256` seconds, whatever the interval.
    OfOneSecond,
    /// `(256 - priority) / 256` of the interval in use.
    OfInterval,
}

/// The reaction of a receiver when an optional comparison fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The packet is dropped.
    Drop,
    /// It is counted and processed.
    Count,
    /// It is ordinary.
    Ignore,
}

/// One document's answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) version: Version,
    pub(crate) skew: Skew,
    /// A Backup times the Master by the interval that the Master advertises (TMR-04).
    pub(crate) learns_interval: bool,
    /// A Master answers a lower advertisement at once (FSM-A-07).
    pub(crate) answers_lower: bool,
    /// A router at 255 processes what other routers advertise (RX-09, OWN-04, AMB-02).
    pub(crate) owner_listens: bool,
    /// An interval other than the configured one (RX-15).
    pub(crate) interval_mismatch: Mismatch,
    /// Simple text passwords exist (AUTH-03).
    pub(crate) passwords: bool,
    /// A first IPv6 address that is not link-local (RX-12).
    pub(crate) link_local_mismatch: Mismatch,
    /// Version 3 over IPv4 sends the checksum with a pseudo-header (PKT-23, AMB-01).
    pub(crate) pseudo_header: bool,
}

impl Profile {
    pub(crate) const fn dialect(self) -> &'static Dialect {
        const RFC3768: Dialect = Dialect {
            version: Version::V2,
            skew: Skew::OfOneSecond,
            learns_interval: false,
            answers_lower: false,
            owner_listens: false,
            interval_mismatch: Mismatch::Drop,
            passwords: false,
            link_local_mismatch: Mismatch::Ignore,
            pseudo_header: false,
        };
        const RFC5798: Dialect = Dialect {
            version: Version::V3,
            skew: Skew::OfInterval,
            learns_interval: true,
            answers_lower: false,
            owner_listens: false,
            interval_mismatch: Mismatch::Ignore,
            passwords: false,
            link_local_mismatch: Mismatch::Count,
            pseudo_header: true,
        };
        const RFC2338: Dialect = Dialect { owner_listens: true, passwords: true, ..RFC3768 };
        const RFC9568: Dialect =
            Dialect { answers_lower: true, interval_mismatch: Mismatch::Count, pseudo_header: false, ..RFC5798 };
        const RFC9568_ERRATA: Dialect = Dialect { owner_listens: true, link_local_mismatch: Mismatch::Drop, ..RFC9568 };
        match self {
            Self::Rfc2338 => &RFC2338,
            Self::Rfc3768 => &RFC3768,
            Self::Rfc5798 => &RFC5798,
            Self::Rfc9568 => &RFC9568,
            Self::Rfc9568Errata => &RFC9568_ERRATA,
        }
    }

    /// Returns the version on the wire.
    #[must_use]
    pub const fn version(self) -> Version {
        self.dialect().version
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rfc2338 => "RFC 2338",
            Self::Rfc3768 => "RFC 3768",
            Self::Rfc5798 => "RFC 5798",
            Self::Rfc9568 => "RFC 9568",
            Self::Rfc9568Errata => "RFC 9568 with errata",
        })
    }
}
