//! Causes and faults in the words of this host: the core knows trackers, but neither interfaces nor other routers.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{Cause, Fault, Reading, RouterId, TrackerId, Vrid};

use super::Names;
use crate::address_error::AddressError;
use crate::router::Router;

/// The condition of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Missing,
    Down,
    NoCarrier,
    Up,
    /// It is up, and counts as down until it has been up for so long.
    NotUpYet(Duration),
    /// It is down, and counts as up until it has been down for so long.
    NotDownYet(Duration),
}

impl Condition {
    /// Returns whether it counts as up.
    fn counts_as_up(self) -> bool {
        matches!(self, Self::Up | Self::NotDownYet(_))
    }
}

/// The kind of addresses that there are to send from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    None,
    /// IPv6: an address that is not known to be unique yet.
    Tentative(IpAddr),
    /// IPv6: an address that another host of the link has too.
    Duplicate(IpAddr),
    Usable,
}

/// The facts that the host shows.
pub(crate) struct HostFacts<'a> {
    /// The names of the routers.
    pub(crate) names: &'a Names,
    pub(crate) condition: &'a dyn Fn(&str) -> Condition,
    /// The last word of the tracker that is at fault.
    pub(crate) reading: Option<Reading>,
    /// The id of a virtual router on the interface that another process runs, and who that is.
    pub(crate) taken: Option<(Vrid, &'a str)>,
    pub(crate) sources: Sources,
}

/// Returns the condition of an interface, as a phrase.
pub(crate) fn interface(name: &str, condition: Condition) -> String {
    match condition {
        Condition::Missing => format!("there is no interface {name}"),
        Condition::Down => format!("interface {name} is down"),
        Condition::NoCarrier => format!("interface {name} has no carrier"),
        Condition::Up => format!("interface {name} is up"),
        Condition::NotUpYet(delay) => format!("interface {name} is up, which counts when it has been so for {delay:?}"),
        Condition::NotDownYet(delay) => {
            format!("interface {name} is down, which counts when it has been so for {delay:?}")
        }
    }
}

/// Returns why an interface that is not up carries no address.
pub(crate) fn unusable(interface: &str, condition: Condition) -> AddressError {
    let interface = interface.to_owned();
    match condition {
        Condition::Missing => AddressError::NoInterface { interface },
        Condition::NoCarrier => AddressError::NoCarrier { interface },
        Condition::Down | Condition::Up | Condition::NotUpYet(_) | Condition::NotDownYet(_) => {
            AddressError::InterfaceDown { interface }
        }
    }
}

/// Returns why a state was entered that is no fault, and follows none, as a sentence; with the names of all routers,
/// for those of a sync group.
pub(crate) fn cause(router: &Router, names: &Names, cause: &Cause) -> String {
    match cause {
        Cause::GroupYielded(id) => format!("{} yielded to a better Master", member(router, names, *id)),
        other => other.describe(&router.config).to_string(),
    }
}

/// Describes a fault that keeps a router out, as a phrase; `None` where the host does not show it.
pub(crate) fn fault(router: &Router, host: &HostFacts<'_>, fault: &Fault) -> Option<String> {
    let own = &router.interface;
    Some(match fault {
        Fault::InterfaceDown => match (host.taken, (host.condition)(own)) {
            (_, condition @ Condition::Missing) => interface(own, condition),
            (_, condition) if router.own_interface_tracked && !condition.counts_as_up() => interface(own, condition),
            (Some((vrid, by)), _) if vrid == router.config.vrid() => {
                format!("virtual router {vrid} on {own} is already run by {by}")
            }
            (Some((vrid, by)), _) => format!(
                "virtual router {vrid} on {own} is already run by {by}, so that this process runs none of its routers there"
            ),
            (None, _) => return None,
        },
        Fault::NoPrimaryAddress => source(router, host.sources)?,
        // A reversed tracker is at fault while it passes.
        Fault::Tracker(id) => {
            let passing = router.config.tracker(*id).is_some_and(|tracker| tracker.reverse);
            let tracked = router.tracked_interfaces.iter().find(|(tracker, _)| tracker == id);
            if tracked.is_some_and(|(_, name)| (host.condition)(name).counts_as_up() != passing) {
                return None;
            }
            let reading = host.reading.filter(|reading| matches!(reading, Reading::Value(_)));
            verdict(router, host.condition, *id, reading.unwrap_or(passing.into()))
        }
        Fault::Stray(address) if router.real == Some(*address) => {
            let (why, instead) = match router.source == Some(*address) {
                true => ("this router is configured to send from it", "configure another source".to_owned()),
                false => ("there is no other address to send from", format!("give {own} another address")),
            };
            format!(
                "{address} is on {own} though the router is not Master, and stays, since {why}: {instead}, or, where \
                 {address} belongs to this host, take it out of the router's addresses or give the router priority 255"
            )
        }
        Fault::Stray(address) => {
            format!("{address} is on this host though the router is not Master: somebody sets it again and again")
        }
        Fault::GroupMember(id) => format!("{} is at fault", member(router, host.names, *id)),
        Fault::GroupPending(id) => format!("{} is not started or unchecked", member(router, host.names, *id)),
        _ => fault.describe(&router.config).to_string(),
    })
}

/// Returns why there is nothing to send from.
fn source(router: &Router, sources: Sources) -> Option<String> {
    let own = &router.interface;
    let which = match router.source {
        Some(_) => "the source address".to_owned(),
        None => format!("the only address of {own} to send from,"),
    };
    let comma = if router.source.is_some() { "" } else { "," };
    Some(match (sources, router.source) {
        (Sources::Usable, _) => return None,
        (Sources::Duplicate(address), _) => format!(
            "{which} {address}{comma} does not work: another host of the link has it too (duplicate address detection failed)"
        ),
        (Sources::Tentative(address), _) => {
            format!("{which} {address}{comma} does not work yet: duplicate address detection runs")
        }
        (Sources::None, Some(source)) => format!("the source address {source} is not on this host"),
        (Sources::None, None) => format!("interface {own} has no address to send from"),
    })
}

fn member(router: &Router, names: &Names, id: RouterId) -> String {
    let (name, group) = (names.get(&id), router.sync_group.as_deref());
    format!("{} of the sync group {}", name.map_or("?", |name| name), group.unwrap_or("?"))
}

/// Describes the result of a tracker.
pub(crate) fn verdict(
    router: &Router,
    condition: &dyn Fn(&str) -> Condition,
    tracker: TrackerId,
    reading: Reading,
) -> String {
    if let Some((_, name)) = router.tracked_interfaces.iter().find(|(id, _)| *id == tracker) {
        return interface(name, condition(name));
    }
    let name = router.config.tracker(tracker).map_or("?", |tracker| &tracker.name);
    match reading {
        Reading::Passing => format!("{name} passes"),
        Reading::Failing => format!("{name} failed"),
        Reading::Value(value) => format!("{name} says {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Tracker, Vrid, Weight};

    #[test]
    fn every_fault_names_what_it_is_about() {
        let address = "192.0.2.1".parse().unwrap();
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[address]).unwrap();
        let mut tracker = |name: &str, reverse| {
            config.add_tracker(Tracker { name: name.to_owned(), weight: Weight::Fault, reverse }).unwrap()
        };
        let (outside, backdoor) = (tracker("outside", false), tracker("backdoor", true));
        let (check, maintenance) = (tracker("check squid", false), tracker("check maintenance", true));
        let router = Router::new("eth0", config)
            .with_tracked_interface(outside, "eth1")
            .with_tracked_interface(backdoor, "eth2")
            .with_sync_group("both");
        let other = RouterSet::new().insert(InterfaceId(0), router.config.clone()).unwrap();
        let names = Names::from([(other, "vr7".into())]);
        let stands = |name: &str| match name {
            "eth0" => Condition::NoCarrier,
            "eth1" => Condition::Missing,
            _ => Condition::Up,
        };
        let host = HostFacts { names: &names, condition: &stands, reading: None, taken: None, sources: Sources::None };
        for (reason, text) in [
            (Fault::InterfaceDown, "interface eth0 has no carrier"),
            (Fault::NoPrimaryAddress, "interface eth0 has no address to send from"),
            (Fault::Tracker(outside), "there is no interface eth1"),
            (Fault::Tracker(backdoor), "interface eth2 is up"),
            (Fault::Tracker(check), "check squid failed"),
            (Fault::Tracker(maintenance), "check maintenance passes"),
            (Fault::NotInstalled(address), "192.0.2.1 could not be installed"),
            (
                Fault::Stray(address),
                "192.0.2.1 is on this host though the router is not Master: somebody sets it again and again",
            ),
            (Fault::GroupMember(other), "vr7 of the sync group both is at fault"),
            (Fault::GroupPending(other), "vr7 of the sync group both is not started or unchecked"),
        ] {
            assert_eq!(fault(&router, &host, &reason).as_deref(), Some(text));
        }
        let said = HostFacts { reading: Some(Reading::Value(-7)), ..host };
        assert_eq!(fault(&router, &said, &Fault::Tracker(check)).as_deref(), Some("check squid says -7"));
        let host = said;
        let own = Router { real: Some(address), ..router.clone() };
        let advice = fault(&own, &host, &Fault::Stray(address)).unwrap();
        assert!(advice.contains("give eth0 another address, or, where 192.0.2.1 belongs to this host,"), "{advice}");
        let advice = fault(&own.with_source(address), &host, &Fault::Stray(address)).unwrap();
        assert!(
            advice.contains("since this router is configured to send from it: configure another source"),
            "{advice}"
        );
        assert_eq!(cause(&router, &names, &Cause::Startup), "started");
        let yielded = "vr7 of the sync group both yielded to a better Master";
        assert_eq!(cause(&router, &names, &Cause::GroupYielded(other)), yielded);
    }

    #[test]
    fn an_interface_that_does_not_count_yet_is_told_so() {
        let address = "192.0.2.1".parse().unwrap();
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[address]).unwrap();
        let tracker = Tracker { name: "uplink".to_owned(), weight: Weight::Fault, reverse: false };
        let uplink = config.add_tracker(tracker).unwrap();
        let router = Router::new("eth0", config).with_tracked_interface(uplink, "eth1");
        let names = Names::new();
        let says = |router: &Router, condition, taken, reason| {
            let condition = |_: &str| condition;
            let host = HostFacts { names: &names, condition: &condition, reading: None, taken, sources: Sources::None };
            fault(router, &host, &reason)
        };
        let (up, down) =
            (Condition::NotUpYet(Duration::from_secs(5)), Condition::NotDownYet(Duration::from_millis(1500)));
        let told = "interface eth0 is up, which counts when it has been so for 5s";
        assert_eq!(says(&router, up, None, Fault::InterfaceDown).as_deref(), Some(told));
        assert_eq!(says(&router, down, None, Fault::InterfaceDown), None);
        let told = "interface eth1 is up, which counts when it has been so for 5s";
        assert_eq!(says(&router, up, None, Fault::Tracker(uplink)).as_deref(), Some(told));
        assert_eq!(says(&router, down, None, Fault::Tracker(uplink)), None);
        assert_eq!(
            verdict(&router, &|_: &str| down, uplink, Reading::Passing),
            "interface eth1 is down, which counts when it has been so for 1.5s"
        );
        // A router that does not track its interface is out for another reason.
        let taken = Some((Vrid::new(1).unwrap(), "process 7 (vrrpd)"));
        let untracked = router.with_own_interface_tracked(false);
        let told = says(&untracked, Condition::Down, taken, Fault::InterfaceDown).unwrap();
        assert!(told.ends_with("is already run by process 7 (vrrpd)"), "{told}");
        let told = says(&untracked, Condition::Missing, None, Fault::InterfaceDown).unwrap();
        assert_eq!(told, "there is no interface eth0");
    }

    #[test]
    fn what_the_host_shows_no_more_is_not_said() {
        let address = "192.0.2.1".parse().unwrap();
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[address]).unwrap();
        let tracker = Tracker { name: "outside".to_owned(), weight: Weight::Fault, reverse: false };
        let outside = config.add_tracker(tracker).unwrap();
        let router = Router::new("eth0", config).with_tracked_interface(outside, "eth1");
        let up = |_: &str| Condition::Up;
        let names = Names::new();
        let host = |taken, sources| HostFacts { names: &names, condition: &up, reading: None, taken, sources };
        for reason in [Fault::InterfaceDown, Fault::NoPrimaryAddress, Fault::Tracker(outside)] {
            assert_eq!(fault(&router, &host(None, Sources::Usable), &reason), None);
        }
        let taken = |vrid| host(Some((Vrid::new(vrid).unwrap(), "process 7 (vrrpd)")), Sources::Usable);
        let said = |host: &HostFacts<'_>, reason| fault(&router, host, reason).unwrap();
        assert_eq!(
            said(&taken(1), &Fault::InterfaceDown),
            "virtual router 1 on eth0 is already run by process 7 (vrrpd)"
        );
        assert!(
            said(&taken(2), &Fault::InterfaceDown)
                .contains("virtual router 2 on eth0 is already run by process 7 (vrrpd)")
        );

        let routed = router.clone().with_source("2001:db8::9".parse().unwrap());
        let says = |router: &Router, sources| fault(router, &host(None, sources), &Fault::NoPrimaryAddress).unwrap();
        let source = "2001:db8::9".parse().unwrap();
        assert_eq!(says(&routed, Sources::None), "the source address 2001:db8::9 is not on this host");
        assert!(says(&routed, Sources::Duplicate(source)).contains("2001:db8::9 does not work: another host"));
        assert!(says(&routed, Sources::Tentative(source)).contains("2001:db8::9 does not work yet"));
        assert!(says(&router, Sources::Duplicate(source)).starts_with("the only address of eth0 to send from, 2001:"));
    }
}
