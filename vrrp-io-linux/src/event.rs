//! What a driver reports: everything that an operator would ask for afterwards.

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
    /// Which router.
    pub router: RouterId,
    /// The router's name.
    pub name: Arc<str>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum EventKind {
    /// The state changed, or a start was refused.
    StateChanged {
        /// From what to what, and why.
        transition: Transition,
        /// Why, as a sentence.
        why: String,
        /// Priority in use.
        priority: Priority,
    },
    /// A tracker changed the priority in use, or that an address cannot be set, or can again.
    PriorityChanged {
        /// Before.
        from: Priority,
        /// After.
        to: Priority,
        /// What changed it.
        by: PriorityCause,
        /// What the tracker says, or which addresses are missing, as a phrase.
        why: String,
    },
    /// The router stays out of the election, for other reasons than before. The first is told by `StateChanged`.
    FaultsChanged {
        /// Everything that keeps it out now.
        faults: Vec<FaultStatus>,
    },
    /// The kernel confirmed an address.
    AddressInstalled {
        /// Which.
        vip: VirtualIp,
        /// On which interface.
        device: String,
        /// It was there before and is nothing of ours: it will not be removed.
        foreign: bool,
    },
    /// An address was removed.
    AddressRemoved {
        /// Which.
        vip: VirtualIp,
        /// From which interface.
        device: String,
    },
    /// Somebody else removed an address of a Master; it is put back.
    AddressLost {
        /// Which.
        vip: VirtualIp,
        /// From which interface.
        device: String,
    },
    /// An address of a Master [expired](vrrp_core::Config::with_lease): its process hung, or was not heard.
    AddressExpired {
        /// Which.
        vip: VirtualIp,
        /// From which interface.
        device: String,
        /// Whether it is put back now, or after the next advertisement that can be sent.
        put_back: bool,
    },
    /// An address could not be installed or removed.
    AddressFailed {
        /// Which.
        vip: VirtualIp,
        /// On which interface.
        device: String,
        /// Why not.
        error: AddressError,
    },
    /// An address that an earlier run left behind was found, and is removed.
    Leftover {
        /// Which.
        vip: VirtualIp,
        /// On which interface.
        device: String,
    },
    /// An address is on this host though its router is not Master.
    Stray {
        /// Which.
        vip: VirtualIp,
        /// On which interface.
        device: String,
        /// Whether it is removed. It stays, and the router is at fault, when it comes back again and again.
        removing: bool,
    },
    /// Gratuitous ARP, or for IPv6 unsolicited neighbour advertisements, went out.
    Announced {
        /// For which address.
        address: IpAddr,
        /// On which interface.
        device: String,
        /// How many times.
        count: u8,
    },
    /// An advertisement was ignored. Of a kind that repeats, one is reported every ten seconds.
    Ignored {
        /// Who sent it.
        source: IpAddr,
        /// Why it was ignored.
        discard: Discard,
        /// This router is Master, and the sender says that it is Master of the same virtual router.
        other_master: bool,
        /// How many of this kind went unreported since the last report.
        unreported: u64,
    },
    /// An advertisement behind an IP authentication header (RFC 2338, type 2) was ignored. Reported as `Ignored` is.
    Authenticated {
        /// Who sent it.
        source: IpAddr,
        /// How many of this kind went unreported since the last report.
        unreported: u64,
    },
    /// A Backup accepted an advertisement although its list of addresses is not ours. Reported as `Ignored` is.
    OtherAddresses {
        /// Who sent it.
        source: IpAddr,
        /// What its list has instead.
        difference: ListDifference,
        /// How many of this kind went unreported since the last report.
        unreported: u64,
    },
    /// A Master heard another one that must yield to it, and announces its addresses again. Reported as `Ignored` is.
    OtherMaster {
        /// The other Master.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
        /// What its list of addresses has instead, where that is not ours.
        difference: Option<ListDifference>,
        /// How many of this kind went unreported since the last report.
        unreported: u64,
    },
    /// A Master heard one that is to yield to it: of lower priority, or of the same and with a lower address. For who acts on it:
    /// at most four in a row, and then one in a second or an interval. [`OtherMaster`](Self::OtherMaster) tells it to people.
    LowerPriorityHeard {
        /// The other Master.
        from: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// A Master heard another router release the addresses: that was Master too, or the packet is forged. Reported as
    /// `Ignored` is.
    Released {
        /// Who sent it.
        source: IpAddr,
        /// How many of this kind went unreported since the last report.
        unreported: u64,
    },
    /// An advertisement could not be sent. Reported as `Ignored` is.
    SendFailed {
        /// To whom.
        destination: IpAddr,
        /// What the kernel said.
        error: OsError,
        /// How many of this kind went unreported since the last report.
        unreported: u64,
    },
    /// A Master that was drained called for another one, and none came within the limit: it serves on, at the lower priority.
    NobodyTookOver,
    /// Here were more events, of this router and of others, that their reader lost: it did not read in time. What they told is
    /// in the [status](crate::Vrrp::status).
    Lost {
        /// How many.
        count: u64,
    },
    /// Something about the host that the router can live with.
    Warning(Warning),
}

impl EventKind {
    /// Whether an operator should be woken rather than informed.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::StateChanged { transition, .. } => matches!(transition.cause, Cause::Fault(_) | Cause::Lapsed { .. }),
            Self::PriorityChanged { from, to, by, .. } => {
                to < from && matches!(by, PriorityCause::Tracker(_) | PriorityCause::Addresses | PriorityCause::Group)
            }
            // One or two are the last words of a router that yields. One that goes on does not hear us.
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
            Self::AddressInstalled { vip, device, foreign: false } => write!(f, "set {vip} on {device}"),
            Self::AddressInstalled { vip, device, foreign: true } => {
                write!(f, "{vip} was already on {device} and stays there")
            }
            Self::AddressRemoved { vip, device } => write!(f, "removed {vip} from {device}"),
            Self::AddressLost { vip, device } => write!(f, "somebody removed {vip} from {device}, putting it back"),
            Self::AddressExpired { vip, device, put_back: true } => {
                write!(f, "{vip} expired on {device} before it was renewed, putting it back")
            }
            Self::AddressExpired { vip, device, put_back: false } => {
                write!(f, "{vip} expired on {device}: no advertisement could be sent; it comes back after the next one")
            }
            Self::AddressFailed { vip, device, error } => write!(f, "{vip} on {device}: {error}"),
            Self::Leftover { vip, device } => write!(f, "an earlier run left {vip} on {device}, removing it"),
            Self::Stray { vip, device, removing: true } => {
                write!(f, "{vip} is on {device} though this router is not Master, removing it")
            }
            Self::Stray { vip, device, removing: false } => {
                write!(
                    f,
                    "{vip} is on {device} though this router is not Master; somebody sets it again and again, so it stays, \
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

/// What operators call the states: a router that health keeps in Initialize is in Fault.
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
        let (vip, device): (VirtualIp, _) = ("192.0.2.1/24".parse().unwrap(), || "eth0".to_owned());
        let vip = || vip.clone();
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
                EventKind::AddressInstalled { vip: vip(), device: device(), foreign: false },
                "set 192.0.2.1/24 on eth0",
                false,
            ),
            (
                EventKind::AddressInstalled { vip: vip(), device: device(), foreign: true },
                "192.0.2.1/24 was already on eth0 and stays there",
                false,
            ),
            (EventKind::AddressRemoved { vip: vip(), device: device() }, "removed 192.0.2.1/24 from eth0", false),
            (
                EventKind::AddressLost { vip: vip(), device: device() },
                "somebody removed 192.0.2.1/24 from eth0, putting it back",
                true,
            ),
            (
                EventKind::AddressFailed { vip: vip(), device: device(), error: AddressError::NotInstalled(refused()) },
                "192.0.2.1/24 on eth0: cannot install it: Operation not permitted (os error 1)",
                true,
            ),
            (
                EventKind::Leftover { vip: vip(), device: device() },
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
