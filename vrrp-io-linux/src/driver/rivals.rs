//! Other Masters of the same virtual router, and lists of addresses that are not ours: told, and kept for the status. What
//! is ignored has changed no state by then, and changes none here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::wire::{Endpoints, Packet, ParseError};
use vrrp_core::{Config, Discard, Instant, Priority, Role, RouterId, Version};

use super::state::{Driver, Rival};
use crate::event::EventKind;
use crate::report::Kind;
use crate::status::OtherMaster;

/// Who was silent for longer is no Master any more, as far as is known.
const HEARD_WITHIN: Duration = Duration::from_secs(10);
/// Addresses that are named at most: a packet may hold 255.
const NAMED: usize = 3;
/// Where the priority is, in every version.
const PRIORITY_OCTET: usize = 2;

impl Driver {
    /// After an advertisement that was accepted. No packet makes a Master: who is one after it was one before, and does not
    /// yield.
    pub(super) fn hear_rival(&mut self, id: RouterId, ends: Endpoints, at: Instant, payload: &[u8]) {
        let other_list = self.address_list_errors_grew(id);
        let is_master = self.role(id) == Some(Role::Master);
        if !is_master && !other_list {
            return;
        }
        let source = ends.source();
        let packet =
            [Version::V2, Version::V3].into_iter().find_map(|version| Packet::parse(version, payload, ends).ok());
        let (Some(packet), Some(router)) = (packet, self.set.get(id)) else { return };
        let config = router.config();
        // Only where it is told: a forged list may be long.
        let mut said = None;
        let mut difference = || {
            let text = difference(config, &packet);
            said = Some(text.clone());
            text
        };
        match packet.priority() {
            _ if !is_master => self.reporter.report_repeating(id, at, Kind::OtherAddresses, |unreported| {
                EventKind::OtherAddresses { source, difference: difference(), unreported }
            }),
            None => self
                .reporter
                .report_repeating(id, at, Kind::Released, |unreported| EventKind::Released { source, unreported }),
            Some(priority) => {
                let kind = if other_list { Kind::OtherAddresses } else { Kind::OtherMaster };
                self.reporter.report_repeating(id, at, kind, |unreported| EventKind::OtherMaster {
                    source,
                    priority,
                    difference: other_list.then(&mut difference),
                    unreported,
                });
                let Some(hosted) = self.routers.get_mut(id.index()) else { return };
                let known = hosted.rival.take().filter(|rival| rival.address == source && other_list);
                let why =
                    said.map(|said| format!("it advertises {said}")).or_else(|| known.and_then(|rival| rival.why));
                hosted.rival = Some(Rival { address: source, priority: Some(priority), why, heard_at: at });
            }
        }
    }

    /// After an advertisement that was ignored.
    pub(super) fn ignore(&mut self, id: RouterId, source: IpAddr, discard: Discard, at: Instant, payload: &[u8]) {
        self.address_list_errors_grew(id);
        let priority = payload.get(PRIORITY_OCTET).and_then(|octet| Priority::new(*octet).ok());
        let is_master = self.role(id) == Some(Role::Master);
        let other_master = is_master && priority.is_some() && speaks_for_the_same(&discard);
        let event = |unreported| EventKind::Ignored { source, discard, other_master, unreported };
        self.reporter.report_repeating(id, at, Kind::from(&discard), event);
        if let (true, Some(hosted)) = (other_master, self.routers.get_mut(id.index())) {
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
        is_news.then(|| OtherMaster { address: *address, priority: *priority, why: why.clone() })
    }

    fn address_list_errors_grew(&mut self, id: RouterId) -> bool {
        let (Some(router), Some(hosted)) = (self.set.get(id), self.routers.get_mut(id.index())) else { return false };
        let errors = router.stats().address_list_errors;
        std::mem::replace(&mut hosted.address_list_errors, errors) != errors
    }
}

/// Whether who sends what is ignored for this reason is Master of the same virtual router, if it says the truth.
fn speaks_for_the_same(discard: &Discard) -> bool {
    matches!(
        discard,
        Discard::AddressList
            | Discard::AuthFailure
            | Discard::AuthTypeMismatch { .. }
            | Discard::AuthTypeUnknown(_)
            | Discard::ChecksumForm { .. }
            | Discard::Interval { .. }
            | Discard::NoAddress
            | Discard::NotLinkLocal(_)
            | Discard::Parse(ParseError::Version { .. })
            | Discard::ZeroInterval
    )
}

/// How a list of addresses differs from ours, as a phrase.
fn difference(config: &Config, packet: &Packet<'_>) -> String {
    let ours: BTreeSet<IpAddr> = config.advertised().as_slice().iter().copied().collect();
    let theirs: BTreeSet<IpAddr> = packet.addresses().collect();
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
    match (differences.is_empty(), packet.addresses().len() == ours.len()) {
        (false, _) => format!("another list of addresses ({})", differences.join("; ")),
        (true, false) => "an address twice in its list".to_owned(),
        (true, true) => "a first IPv6 address that is not link-local".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::wire::{AddressList, ChecksumForm, Message};
    use vrrp_core::{AdvertInterval, Profile, Vrid};

    #[test]
    fn a_list_is_told_by_what_differs() {
        let addresses = |last: &[u8]| last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect::<Vec<_>>();
        let config = Config::new(Profile::Rfc9568, Vrid::new(1).unwrap(), &addresses(&[100, 101])).unwrap();
        let ends = Endpoints::new([192, 0, 2, 2].into(), [224, 0, 0, 18].into()).unwrap();
        for (theirs, expected) in [
            (&[100, 102][..], "another list of addresses (192.0.2.102 only there; 192.0.2.101 only here)"),
            (&[100], "another list of addresses (192.0.2.101 only here)"),
            (
                &[100, 101, 102, 103, 104, 105],
                "another list of addresses (192.0.2.102, 192.0.2.103, 192.0.2.104 and 1 more only there)",
            ),
        ] {
            let theirs = addresses(theirs);
            let mut octets = [0; 128];
            let message = Message {
                version: Version::V3,
                vrid: config.vrid(),
                priority: Some(Priority::DEFAULT),
                interval: AdvertInterval::DEFAULT,
                password: None,
                addresses: AddressList::new(&theirs).unwrap(),
                checksum: ChecksumForm::PseudoHeader,
            };
            let len = message.write(ends, &mut octets).unwrap();
            let packet = Packet::parse(Version::V3, &octets[..len], ends).unwrap();
            assert_eq!(difference(&config, &packet), expected);
        }
    }
}
