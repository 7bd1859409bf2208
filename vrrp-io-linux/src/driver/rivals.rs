//! Other Masters of the same virtual router, and lists of addresses that are not ours: told, and kept for the status. What
//! is ignored has changed no state by then, and changes none here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{Accepted, Config, Discard, Instant, Priority, Role, RouterId, VirtualRouter};

use super::state::{Driver, Rival};
use crate::event::EventKind;
use crate::report::Kind;
use crate::status::OtherMaster;

/// Who was silent for longer is no Master any more, as far as is known.
const HEARD_WITHIN: Duration = Duration::from_secs(10);
/// Addresses that are named at most: a packet may hold 255.
const NAMED: usize = 3;

impl Driver {
    /// After an advertisement that was accepted.
    pub(super) fn hear_rival(&mut self, id: RouterId, source: IpAddr, accepted: &Accepted<'_>, at: Instant) {
        let Accepted { priority, contest, other_addresses, .. } = *accepted;
        let Some(config) = self.set.get(id).map(VirtualRouter::config) else { return };
        // Only where it is told: a forged list may be long.
        let mut said = None;
        let mut difference = || said.insert(difference(config, accepted.addresses())).clone();
        match (contest, priority) {
            (false, _) if other_addresses => {
                self.reporter.report_repeating(id, at, Kind::OtherAddresses, |unreported| EventKind::OtherAddresses {
                    source,
                    difference: difference(),
                    unreported,
                });
            }
            (false, _) => {}
            (true, None) => self
                .reporter
                .report_repeating(id, at, Kind::Released, |unreported| EventKind::Released { source, unreported }),
            (true, Some(priority)) => {
                // That a Backup told the list before tells nobody of a second Master.
                let kind = Kind::OtherMaster { other_addresses };
                self.reporter.report_repeating(id, at, kind, |unreported| EventKind::OtherMaster {
                    source,
                    priority,
                    difference: other_addresses.then(&mut difference),
                    unreported,
                });
                let Some(hosted) = self.routers.get_mut(id.index()) else { return };
                let known = hosted.rival.take().filter(|rival| rival.address == source && other_addresses);
                let why =
                    said.map(|said| format!("it advertises {said}")).or_else(|| known.and_then(|rival| rival.why));
                hosted.rival = Some(Rival { address: source, priority, why, heard_at: at });
            }
        }
    }

    /// After an advertisement that was ignored; of another Master, where its priority is told.
    pub(super) fn ignore(
        &mut self,
        id: RouterId,
        source: IpAddr,
        other_master: Option<Priority>,
        discard: Discard,
        at: Instant,
    ) {
        let event =
            |unreported| EventKind::Ignored { source, discard, other_master: other_master.is_some(), unreported };
        self.reporter.report_repeating(id, at, Kind::from(&discard), event);
        if let (Some(priority), Some(hosted)) = (other_master, self.routers.get_mut(id.index())) {
            let known = hosted.rival.as_mut().filter(|rival| rival.address == source && rival.priority == priority);
            match known {
                Some(rival) => rival.heard_at = at,
                None => {
                    let why = Some(format!("it is ignored: {discard}"));
                    hosted.rival = Some(Rival { address: source, priority, why, heard_at: at });
                }
            }
        }
    }

    /// The other Master that a Master has heard lately.
    pub(super) fn other_master(&self, id: RouterId, now: Instant) -> Option<OtherMaster> {
        let rival = self.routers.get(id.index())?.rival.as_ref()?;
        let is_news = self.role(id) == Some(Role::Master) && now.since(rival.heard_at) < HEARD_WITHIN;
        let Rival { address, priority, why, .. } = rival;
        is_news.then(|| OtherMaster { address: *address, priority: Some(*priority), why: why.clone() })
    }
}

/// How a list of addresses differs from ours, as a phrase.
fn difference(config: &Config, listed: impl ExactSizeIterator<Item = IpAddr>) -> String {
    let ours: BTreeSet<IpAddr> = config.advertised().as_slice().iter().copied().collect();
    let (count, theirs) = (listed.len(), listed.collect::<BTreeSet<IpAddr>>());
    let named = |addresses: Vec<&IpAddr>| {
        let shown: Vec<String> = addresses.iter().take(NAMED).map(ToString::to_string).collect();
        match addresses.len().saturating_sub(NAMED) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    };
    let here: Vec<&IpAddr> = ours.difference(&theirs).collect();
    let there: Vec<&IpAddr> = theirs.difference(&ours).collect();
    let differences = [
        (!there.is_empty()).then(|| format!("{} only there", named(there))),
        (!here.is_empty()).then(|| format!("{} only here", named(here))),
    ];
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    match (differences.is_empty(), count == ours.len()) {
        (false, _) => format!("another list of addresses ({})", differences.join("; ")),
        (true, false) => "an address twice in its list".to_owned(),
        (true, true) => "a first IPv6 address that is not link-local".to_owned(),
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
        ] {
            assert_eq!(difference(&config, addresses(theirs).into_iter()), expected);
        }
    }
}
