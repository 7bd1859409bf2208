//! Events that a driver reports: everything that an operator would ask for afterwards.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use vrrp_core::{Cause, Discard, Priority, PriorityCause, Role, RouterId, Transition};

use crate::address_error::AddressError;
use crate::disagreement::ListDifference;
use crate::os_error::OsError;
use crate::status::FaultStatus;
use crate::virtual_ip::VirtualIp;
use crate::warning::{Unreported, Warning};

/// Something that happened to one router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Event {
    /// The router.
    pub router: RouterId,
    /// The router's name.
    pub name: Arc<str>,
    /// The kind of event, with its details.
    pub kind: EventKind,
}

/// A kind of event, with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum EventKind {
    /// The state changed, or a start was refused.
    StateChanged {
        /// The states before and after, and the cause.
        transition: Transition,
        /// The reason, as a sentence.
        why: String,
        /// Priority in use.
        priority: Priority,
    },
    /// The priority in use changed: by a tracker, or because an address cannot be set, or can be set again.
    PriorityChanged {
        /// The priority before the change.
        from: Priority,
        /// The priority after the change.
        to: Priority,
        /// The cause of the change.
        by: PriorityCause,
        /// The tracker's result, or the missing addresses, as a phrase.
        why: String,
    },
    /// The router stays out of the election, for other reasons than before. The first is told by `StateChanged`.
    FaultsChanged {
        /// Everything that keeps it out now.
        faults: Vec<FaultStatus>,
    },
    /// The kernel confirmed an address.
    AddressInstalled {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it is on.
        device: String,
        /// It was there before and is nothing of ours: it will not be removed.
        foreign: bool,
    },
    /// An address was removed.
    AddressRemoved {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it was on.
        device: String,
    },
    /// Somebody else removed an address of a Master; it is put back.
    AddressLost {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it was on.
        device: String,
    },
    /// An address of a Master [expired](vrrp_core::Config::with_lease): its process hung, or was not heard.
    AddressExpired {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it was on.
        device: String,
        /// True if it is put back now; otherwise it is after the next advertisement that can be sent.
        put_back: bool,
    },
    /// An address could not be installed or removed.
    AddressFailed {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it is on.
        device: String,
        /// The error.
        error: AddressError,
    },
    /// An address that an earlier run left behind was found, and is removed.
    Leftover {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it is on.
        device: String,
    },
    /// An address is on this host though its router is not Master.
    Stray {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        virtual_ip: VirtualIp,
        /// The interface that it is on.
        device: String,
        /// True if it is removed. If it comes back again and again, it stays, and the router is at fault.
        removing: bool,
    },
    /// Gratuitous ARP, or for IPv6 unsolicited neighbour advertisements, went out.
    Announced {
        /// The address.
        address: IpAddr,
        /// The interface that it is on.
        device: String,
        /// The number of times.
        count: u8,
    },
    /// An advertisement was ignored. Of a kind that repeats, one is reported every ten seconds.
    Ignored {
        /// The address of its sender.
        source: IpAddr,
        /// The reason why it was ignored.
        discard: Discard,
        /// This router is Master, and the sender says that it is Master of the same virtual router.
        other_master: bool,
        /// The number of this kind that went unreported since the last report.
        unreported: u64,
    },
    /// An advertisement behind an IP authentication header (RFC 2338, type 2) was ignored. Reported as `Ignored` is.
    Authenticated {
        /// The address of its sender.
        source: IpAddr,
        /// The number of this kind that went unreported since the last report.
        unreported: u64,
    },
    /// A Backup accepted an advertisement although its list of addresses is not ours. Reported as `Ignored` is.
    OtherAddresses {
        /// The address of its sender.
        source: IpAddr,
        /// The difference between its list and ours.
        difference: ListDifference,
        /// The number of this kind that went unreported since the last report.
        unreported: u64,
    },
    /// A Master heard another one that must yield to it, and announces its addresses again. Reported as `Ignored` is.
    OtherMaster {
        /// The other Master.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
        /// The difference between its list of addresses and ours, if there is one.
        difference: Option<ListDifference>,
        /// The number of this kind that went unreported since the last report.
        unreported: u64,
    },
    /// A Master heard one that is to yield to it: of lower priority, or of the same and with a lower address. For programs that act
    /// on it. It comes at most four times in a row, then once per second or interval. [`OtherMaster`](Self::OtherMaster) tells it to
    /// people.
    LowerPriorityHeard {
        /// The other Master.
        from: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// A Master heard another router release the addresses: that was Master too, or the packet is forged. Reported as
    /// `Ignored` is.
    Released {
        /// The address of its sender.
        source: IpAddr,
        /// The number of this kind that went unreported since the last report.
        unreported: u64,
    },
    /// An advertisement could not be sent. Reported as `Ignored` is.
    SendFailed {
        /// The address that it was for.
        destination: IpAddr,
        /// The kernel's error.
        error: OsError,
        /// The number of this kind that went unreported since the last report.
        unreported: u64,
    },
    /// A Master that was drained called for another one, and none came within the limit: it serves on, at the lower priority.
    NobodyTookOver,
    /// The reader was too slow, and events of this and other routers were lost here. What they told is in the
    /// [status](crate::Vrrp::status).
    Lost {
        /// The number of lost events.
        count: u64,
    },
    /// Something about the host that the router can live with.
    Warning(Warning),
}

impl EventKind {
    /// Tells whether an operator should be woken rather than informed.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::StateChanged { transition, .. } => matches!(transition.cause, Cause::Fault(_) | Cause::Lapsed { .. }),
            Self::PriorityChanged { from, to, by, .. } => {
                to < from && matches!(by, PriorityCause::Tracker(_) | PriorityCause::Addresses | PriorityCause::Group)
            }
            // One or two are the yield advertisements of a router that yields. One that goes on does not hear us.
            Self::OtherMaster { difference: None, unreported, .. } | Self::Released { unreported, .. } => {
                *unreported > 2
            }
            Self::AddressInstalled { .. }
            | Self::AddressRemoved { .. }
            | Self::Announced { .. }
            | Self::LowerPriorityHeard { .. } => false,
            _ => true,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.kind)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateChanged { transition, why, priority } => {
                let (from, to) = names(transition);
                match transition.to {
                    Role::Initialize => write!(f, "{from} -> {to}: {why}"),
                    Role::Backup | Role::Master => write!(f, "{from} -> {to} at priority {priority}: {why}"),
                }
            }
            Self::NobodyTookOver => f.write_str("drained, but nobody took over: serving on at the lower priority"),
            Self::PriorityChanged { from, to, why, .. } => write!(f, "priority {from} -> {to}: {why}"),
            Self::FaultsChanged { faults } => {
                let faults: Vec<&str> = faults.iter().map(|fault| fault.text.as_str()).collect();
                write!(f, "still in Fault, now because: {}", faults.join("; "))
            }
            Self::AddressInstalled { virtual_ip, device, foreign: false } => write!(f, "set {virtual_ip} on {device}"),
            Self::AddressInstalled { virtual_ip, device, foreign: true } => {
                write!(f, "{virtual_ip} was already on {device} and stays there")
            }
            Self::AddressRemoved { virtual_ip, device } => write!(f, "removed {virtual_ip} from {device}"),
            Self::AddressLost { virtual_ip, device } => {
                write!(f, "somebody removed {virtual_ip} from {device}, putting it back")
            }
            Self::AddressExpired { virtual_ip, device, put_back: true } => {
                write!(f, "{virtual_ip} expired on {device} before it was renewed, putting it back")
            }
            Self::AddressExpired { virtual_ip, device, put_back: false } => {
                write!(
                    f,
                    "{virtual_ip} expired on {device}: no advertisement could be sent; it comes back after the next one"
                )
            }
            Self::AddressFailed { virtual_ip, device, error } => write!(f, "{virtual_ip} on {device}: {error}"),
            Self::Leftover { virtual_ip, device } => {
                write!(f, "an earlier run left {virtual_ip} on {device}, removing it")
            }
            Self::Stray { virtual_ip, device, removing: true } => {
                write!(f, "{virtual_ip} is on {device} though this router is not Master, removing it")
            }
            Self::Stray { virtual_ip, device, removing: false } => {
                write!(
                    f,
                    "{virtual_ip} is on {device} though this router is not Master; somebody sets it again and again, so it stays, \
                     and the router stays out"
                )
            }
            Self::Announced { address, device, count } => {
                let what = if address.is_ipv4() { "gratuitous ARP" } else { "unsolicited neighbour advertisement" };
                write!(f, "sent {count} {what} for {address} on {device}")
            }
            Self::Ignored { source, discard, other_master: true, unreported } => {
                write!(f, "{source} says that it is Master too, and is ignored: {discard}{}", Unreported(*unreported))
            }
            Self::Ignored { source, discard, other_master: false, unreported } => {
                write!(f, "ignored an advertisement from {source}: {discard}{}", Unreported(*unreported))
            }
            Self::Authenticated { source, unreported } => write!(
                f,
                "ignored an advertisement from {source}: it has an IP authentication header (authentication type 2), \
                 which is not supported: configure {source} without it{}",
                Unreported(*unreported)
            ),
            Self::OtherAddresses { source, difference, unreported } => {
                let unreported = Unreported(*unreported);
                write!(f, "{source} advertises {difference}: configure the same on every router{unreported}")
            }
            Self::LowerPriorityHeard { from, priority } => {
                write!(f, "heard {from}, a Master at priority {priority} that must yield to this router")
            }
            Self::Released { source, unreported } => {
                let unreported = Unreported(*unreported);
                write!(f, "{source} releases the addresses (priority 0) though this router is Master{unreported}")
            }
            Self::OtherMaster { source, priority, difference, unreported } => {
                write!(f, "{source} is Master too, at priority {priority}, and must yield to this router")?;
                if let Some(difference) = difference {
                    write!(f, "; it advertises {difference}: configure the same on every router")?;
                }
                write!(f, "{}", Unreported(*unreported))
            }
            Self::SendFailed { destination, error, unreported } => {
                write!(f, "cannot send to {destination}: {error}{}", Unreported(*unreported))
            }
            Self::Lost { count } => {
                let events = if *count == 1 { "event" } else { "events" };
                write!(f, "{count} {events} of this and other routers lost, not read in time: ask for the status")
            }
            Self::Warning(warning) => warning.fmt(f),
        }
    }
}

/// Returns the names that operators use for the states: a router that health keeps in Initialize is in Fault.
fn names(transition: &Transition) -> (&'static str, &'static str) {
    let name = |role, fault| match role {
        Role::Initialize if fault => "Fault",
        Role::Initialize => "Initialize",
        Role::Backup => "Backup",
        Role::Master => "Master",
    };
    let left_fault = matches!(transition.cause, Cause::Recovered(_));
    let entered_fault = matches!(transition.cause, Cause::Fault(_));
    (name(transition.from, left_fault), name(transition.to, entered_fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use vrrp_core::{Config, Fault, InterfaceId, Profile, RouterSet, Tracker, TrackerId, Vrid, Weight};

    fn ids() -> (RouterId, TrackerId) {
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let tracker = Tracker { name: "squid".to_owned(), weight: Weight::Fault, reverse: false };
        let tracker = config.add_tracker(tracker).unwrap();
        (RouterSet::new().insert(InterfaceId(0), config).unwrap(), tracker)
    }

    #[test]
    fn every_event_names_what_it_is_about_and_only_some_wake_people() {
        let (router, tracker) = ids();
        let (virtual_ip, device): (VirtualIp, _) = ("192.0.2.1/24".parse().unwrap(), || "eth0".to_owned());
        let virtual_ip = || virtual_ip.clone();
        let source: IpAddr = [192, 0, 2, 9].into();
        let priority = |priority| Priority::new(priority).unwrap();
        let refused = || OsError::from(io::Error::from_raw_os_error(libc::EPERM));
        let fault = |fault, text: &str| FaultStatus { fault, text: text.to_owned() };
        let list = || ListDifference::Addresses { there: vec![source], here: vec![] };
        for (kind, text, wakes) in [
            (
                EventKind::PriorityChanged {
                    from: priority(100),
                    to: priority(80),
                    by: PriorityCause::Tracker(tracker),
                    why: "squid failed".to_owned(),
                },
                "priority 100 -> 80: squid failed",
                true,
            ),
            (
                EventKind::FaultsChanged {
                    faults: vec![
                        fault(Fault::Tracker(tracker), "squid failed"),
                        fault(Fault::InterfaceDown, "eth0 is down"),
                    ],
                },
                "still in Fault, now because: squid failed; eth0 is down",
                true,
            ),
            (
                EventKind::AddressInstalled { virtual_ip: virtual_ip(), device: device(), foreign: false },
                "set 192.0.2.1/24 on eth0",
                false,
            ),
            (
                EventKind::AddressInstalled { virtual_ip: virtual_ip(), device: device(), foreign: true },
                "192.0.2.1/24 was already on eth0 and stays there",
                false,
            ),
            (
                EventKind::AddressRemoved { virtual_ip: virtual_ip(), device: device() },
                "removed 192.0.2.1/24 from eth0",
                false,
            ),
            (
                EventKind::AddressLost { virtual_ip: virtual_ip(), device: device() },
                "somebody removed 192.0.2.1/24 from eth0, putting it back",
                true,
            ),
            (
                EventKind::AddressFailed {
                    virtual_ip: virtual_ip(),
                    device: device(),
                    error: AddressError::NotInstalled(refused()),
                },
                "192.0.2.1/24 on eth0: cannot install it: Operation not permitted (os error 1)",
                true,
            ),
            (
                EventKind::Leftover { virtual_ip: virtual_ip(), device: device() },
                "an earlier run left 192.0.2.1/24 on eth0, removing it",
                true,
            ),
            (
                EventKind::OtherAddresses { source, difference: list(), unreported: 0 },
                "192.0.2.9 advertises another list of addresses (192.0.2.9 only there): configure the same on every router",
                true,
            ),
            (
                EventKind::OtherMaster { source, priority: priority(90), difference: None, unreported: 2 },
                "192.0.2.9 is Master too, at priority 90, and must yield to this router (2 more like this since the last \
                 report)",
                false,
            ),
            (
                EventKind::OtherMaster { source, priority: priority(90), difference: Some(list()), unreported: 0 },
                "192.0.2.9 is Master too, at priority 90, and must yield to this router; it advertises another list of \
                 addresses (192.0.2.9 only there): configure the same on every router",
                true,
            ),
            (
                EventKind::LowerPriorityHeard { from: source, priority: priority(90) },
                "heard 192.0.2.9, a Master at priority 90 that must yield to this router",
                false,
            ),
            (
                EventKind::SendFailed { destination: source, error: refused(), unreported: 0 },
                "cannot send to 192.0.2.9: Operation not permitted (os error 1)",
                true,
            ),
            (
                EventKind::Lost { count: 2 },
                "2 events of this and other routers lost, not read in time: ask for the status",
                true,
            ),
            (
                EventKind::Warning(Warning::NoInterface { interface: device() }),
                "there is no interface eth0; waiting for it",
                true,
            ),
        ] {
            assert_eq!(kind.is_warning(), wakes, "{text}");
            let event = Event { router, name: "vr1".into(), kind };
            assert_eq!(event.to_string(), format!("vr1: {text}"));
        }
    }
}
