//! Causes and faults in the words of this host: the core knows trackers, but neither interfaces nor other routers.

use std::sync::Arc;

use vrrp_core::{Cause, Fault, RouterId, TrackerId};

use crate::Router;

/// Why a state was entered, as a sentence; with the names of all routers, for those of a sync group.
pub(crate) fn cause(router: &Router, names: &[Arc<str>], cause: &Cause) -> String {
    match cause {
        Cause::Fault(reason) => fault(router, names, reason),
        Cause::Recovered(last) => format!("no fault any more, the last was: {}", fault(router, names, last)),
        Cause::GroupYielded(id) => format!("{} yielded to a better Master", member(router, names, *id)),
        other => other.describe(&router.config).to_string(),
    }
}

/// What keeps a router out, as a phrase.
pub(crate) fn fault(router: &Router, names: &[Arc<str>], fault: &Fault) -> String {
    let interface = &router.interface;
    match (fault, router.source) {
        (Fault::InterfaceDown, _) => format!("interface {interface} is down"),
        (Fault::NoPrimaryAddress, None) => format!("interface {interface} has no address to send from"),
        (Fault::NoPrimaryAddress, Some(source)) => format!("the source address {source} is not on this host"),
        // What is turned round is at fault while it passes.
        (Fault::Tracker(id), _) => {
            verdict(router, *id, router.config.tracker(*id).is_some_and(|tracker| tracker.reverse))
        }
        (Fault::Stray(address), _) if router.real == Some(*address) => format!(
            "{address} is this host's own address: give the router priority 255, or take it out of its addresses"
        ),
        (Fault::Stray(address), _) => {
            format!("{address} is on this host though the router is not Master: somebody sets it again and again")
        }
        (Fault::GroupMember(id), _) => format!("{} is at fault", member(router, names, *id)),
        (Fault::GroupPending(id), _) => format!("{} is not started or unchecked", member(router, names, *id)),
        _ => fault.describe(&router.config).to_string(),
    }
}

fn member(router: &Router, names: &[Arc<str>], id: RouterId) -> String {
    let (name, group) = (names.get(id.index()), router.sync_group.as_deref());
    format!("{} of the sync group {}", name.map_or("?", |name| name), group.unwrap_or("?"))
}

/// What a tracker says.
pub(crate) fn verdict(router: &Router, tracker: TrackerId, passing: bool) -> String {
    if let Some((_, name)) = router.tracked_interfaces.iter().find(|(id, _)| *id == tracker) {
        return format!("interface {name} is {}", if passing { "up" } else { "down" });
    }
    let name = router.config.tracker(tracker).map_or("?", |tracker| &tracker.name);
    format!("{name} {}", if passing { "passes" } else { "failed" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, Profile, RouterSet, Tracker, Vrid, Weight};

    #[test]
    fn every_fault_names_what_it_is_about() {
        let vip = "192.0.2.1".parse().unwrap();
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[vip]).unwrap();
        let mut tracker = |name: &str, reverse| {
            config.add_tracker(Tracker { name: name.to_owned(), weight: Weight::Fault, reverse }).unwrap()
        };
        let (outside, backdoor) = (tracker("outside", false), tracker("backdoor", true));
        let (check, maintenance) = (tracker("check squid", false), tracker("check maintenance", true));
        let router = Router::new("eth0", config)
            .with_tracked_interface(outside, "eth1")
            .with_tracked_interface(backdoor, "eth2")
            .with_sync_group("both");
        let other = RouterSet::new().insert(0, router.config.clone()).unwrap();
        let names = ["vr7".into()];
        for (reason, text) in [
            (Fault::InterfaceDown, "interface eth0 is down"),
            (Fault::NoPrimaryAddress, "interface eth0 has no address to send from"),
            (Fault::Tracker(outside), "interface eth1 is down"),
            (Fault::Tracker(backdoor), "interface eth2 is up"),
            (Fault::Tracker(check), "check squid failed"),
            (Fault::Tracker(maintenance), "check maintenance passes"),
            (Fault::NotInstalled(vip), "192.0.2.1 could not be installed"),
            (
                Fault::Stray(vip),
                "192.0.2.1 is on this host though the router is not Master: somebody sets it again and again",
            ),
            (Fault::GroupMember(other), "vr7 of the sync group both is at fault"),
            (Fault::GroupPending(other), "vr7 of the sync group both is not started or unchecked"),
        ] {
            assert_eq!(fault(&router, &names, &reason), text);
            assert_eq!(cause(&router, &names, &Cause::Fault(reason)), text);
            assert_eq!(
                cause(&router, &names, &Cause::Recovered(reason)),
                format!("no fault any more, the last was: {text}")
            );
        }
        let own = Router { real: Some(vip), ..router.clone() };
        assert_eq!(
            fault(&own, &names, &Fault::Stray(vip)),
            "192.0.2.1 is this host's own address: give the router priority 255, or take it out of its addresses"
        );
        assert_eq!(cause(&router, &names, &Cause::Startup), "started");
        let yielded = "vr7 of the sync group both yielded to a better Master";
        assert_eq!(cause(&router, &names, &Cause::GroupYielded(other)), yielded);
        let routed = router.with_source("192.0.2.9".parse().unwrap());
        assert_eq!(
            fault(&routed, &names, &Fault::NoPrimaryAddress),
            "the source address 192.0.2.9 is not on this host"
        );
    }
}
