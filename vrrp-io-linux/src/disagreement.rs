//! Differences between this router and another router of the same virtual router.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use vrrp_core::{Config, Discard};

/// Addresses that are named at most: a packet may hold 255.
const NAMED: usize = 3;

/// A conflict between this router and another Master.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Disagreement {
    /// Its advertisements are ignored.
    Ignored(Discard),
    /// It advertises another list of addresses, and must yield all the same.
    Addresses(ListDifference),
}

/// The difference between the list of addresses in an advertisement and the one here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ListDifference {
    /// Either list has an address that the other has not.
    Addresses {
        /// The addresses that are only there, in ascending order.
        there: Vec<IpAddr>,
        /// The addresses that are only here, in ascending order.
        here: Vec<IpAddr>,
    },
    /// It has an address twice.
    Twice,
    /// Its first IPv6 address is not link-local.
    NotLinkLocal,
}

impl ListDifference {
    /// Compares what was `listed` with what `config` advertises.
    pub(crate) fn new(config: &Config, listed: impl ExactSizeIterator<Item = IpAddr>) -> Self {
        let ours: BTreeSet<IpAddr> = config.advertised().as_slice().iter().copied().collect();
        let (count, theirs) = (listed.len(), listed.collect::<BTreeSet<IpAddr>>());
        if ours != theirs {
            let (there, here) = (theirs.difference(&ours), ours.difference(&theirs));
            return Self::Addresses { there: there.copied().collect(), here: here.copied().collect() };
        }
        if count == ours.len() { Self::NotLinkLocal } else { Self::Twice }
    }

    /// The same with so many addresses of each side at most.
    pub(crate) fn shortened(mut self, most: usize) -> Self {
        if let Self::Addresses { there, here } = &mut self {
            [there, here].into_iter().for_each(|side| {
                side.truncate(most);
                side.shrink_to_fit();
            });
        }
        self
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored(discard) => write!(f, "it is ignored: {discard}"),
            Self::Addresses(difference) => write!(f, "it advertises {difference}"),
        }
    }
}

impl fmt::Display for ListDifference {
    /// Writes what the other one advertises, as a phrase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses { there, here } => {
                let sides = [(there, "only there"), (here, "only here")];
                let named = sides.iter().filter(|(addresses, _)| !addresses.is_empty());
                let named: Vec<String> = named.map(|(addresses, side)| format!("{} {side}", some(addresses))).collect();
                write!(f, "another list of addresses ({})", named.join("; "))
            }
            Self::Twice => f.write_str("an address twice in its list"),
            Self::NotLinkLocal => f.write_str("a first IPv6 address that is not link-local"),
        }
    }
}

/// Names the first of many.
fn some(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(NAMED).map(ToString::to_string).collect();
    match addresses.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Profile, Vrid};

    #[test]
    fn a_list_is_told_by_what_differs() {
        let addresses = |last: &[u8]| last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect::<Vec<_>>();
        let config = Config::new(Profile::Rfc9568, Vrid::new(1).unwrap(), &addresses(&[100, 101])).unwrap();
        for (theirs, expected) in [
            (&[100, 102][..], "another list of addresses (192.0.2.102 only there; 192.0.2.101 only here)"),
            (&[100], "another list of addresses (192.0.2.101 only here)"),
            (
                &[100, 101, 102, 103, 104, 105],
                "another list of addresses (192.0.2.102, 192.0.2.103, 192.0.2.104 and 1 more only there)",
            ),
            (&[100, 101, 100], "an address twice in its list"),
            (&[100, 101], "a first IPv6 address that is not link-local"),
        ] {
            let difference = ListDifference::new(&config, addresses(theirs).into_iter());
            assert_eq!(difference.to_string(), expected);
            assert_eq!(Disagreement::Addresses(difference).to_string(), format!("it advertises {expected}"));
        }
        let ignored = Disagreement::Ignored(Discard::NoAddress);
        assert_eq!(ignored.to_string(), format!("it is ignored: {}", Discard::NoAddress));
    }
}
