//! Other Masters of the same virtual router, and lists of addresses that are not ours: told, and kept for the status. What
//! is ignored has changed no state by then, and changes none here.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{Accepted, Discard, Instant, Priority, Role, RouterId, VirtualRouter};

use super::state::{Driver, Rival};
use crate::disagreement::{Disagreement, ListDifference};
use crate::event::EventKind;
use crate::report::Kind;
use crate::status::OtherMaster;

/// A Master that was silent for longer no longer counts as one.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

impl Driver {
    /// After an advertisement that was accepted.
    pub(super) fn hear_rival(&mut self, id: RouterId, source: IpAddr, accepted: &Accepted<'_>, at: Instant) {
        let Accepted { priority, contest, other_addresses, .. } = *accepted;
        let Some(config) = self.set.get(id).map(VirtualRouter::config) else { return };
        // Only where it is told: a forged list may be long.
        let mut said = None;
        let mut difference = || said.insert(ListDifference::new(config, accepted.addresses())).clone();
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
                let Some(running) = self.routers.get_mut(id) else { return };
                let known = running.rival.take().filter(|rival| rival.address == source && other_addresses);
                let why = said.map(Disagreement::Addresses).or_else(|| known.and_then(|rival| rival.why));
                running.rival = Some(Rival { address: source, priority, why, heard_at: at });
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
        if let (Some(priority), Some(running)) = (other_master, self.routers.get_mut(id)) {
            let known = running.rival.as_mut().filter(|rival| rival.address == source && rival.priority == priority);
            match known {
                Some(rival) => rival.heard_at = at,
                None => {
                    let why = Some(Disagreement::Ignored(discard));
                    running.rival = Some(Rival { address: source, priority, why, heard_at: at });
                }
            }
        }
    }

    /// The other Master that a Master has heard lately.
    pub(super) fn other_master(&self, id: RouterId, now: Instant) -> Option<OtherMaster> {
        let rival = self.routers.get(id)?.rival.as_ref()?;
        let is_news = self.role(id) == Some(Role::Master) && now.since(rival.heard_at) < HEARD_WITHIN;
        let Rival { address, priority, why, .. } = rival;
        is_news.then(|| OtherMaster { address: *address, priority: *priority, why: why.clone() })
    }
}
