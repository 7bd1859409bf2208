//! The cause of a change of state, with the evidence.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use crate::config::Config;
use crate::fsm::Role;
use crate::health::Fault;
use crate::types::{Priority, RouterId, TrackerId};

/// One change of state.
///
/// From Initialize to Initialize it says that a start was refused, and by which fault; from Master to Master that it began
/// anew ([`Cause::Lapsed`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Transition {
    /// State before. Several changes that are fetched as one show the first of them here, and the last in the other fields.
    pub from: Role,
    /// State after.
    pub to: Role,
    /// The cause.
    pub cause: Cause,
}

impl Transition {
    /// Makes a change of state, for tests of a program that acts on one.
    #[must_use]
    pub const fn new(from: Role, to: Role, cause: Cause) -> Self {
        Self { from, to, cause }
    }
}

/// The cause of entering a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// Nothing has happened yet.
    New,
    /// Started, not as owner: watch first.
    Startup,
    /// Started as owner of the addresses: Master at once.
    OwnerStartup,
    /// The last fault is gone.
    Recovered(Fault),
    /// The Master fell silent for Master_Down_Interval. If this happens again and again, its advertisements are late
    /// (TMR-13).
    MasterDown {
        /// The Master that fell silent; `None` if nobody was ever heard.
        master: Option<IpAddr>,
        /// The time in which nothing was accepted from it.
        silence: Duration,
    },
    /// The Master released the addresses and nobody better took them within Skew_Time.
    MasterReleased {
        /// The Master that released.
        master: IpAddr,
    },
    /// A lower Master was preempted, after the [hold time](crate::Config::with_preempt) and Master_Down_Interval.
    Preempted {
        /// The lower Master.
        master: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// A router of higher priority is Master.
    HigherPriority {
        /// The new Master.
        master: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// A router of equal priority and a greater address is Master.
    HigherAddress {
        /// The new Master.
        master: IpAddr,
    },
    /// It was Master, but silent for longer than its [lease](crate::Config::with_lease), because its process or its
    /// host hung. It removed its addresses and began anew.
    Lapsed {
        /// The time of silence.
        silence: Duration,
    },
    /// Another member of the sync group yielded to a better Master.
    GroupYielded(RouterId),
    /// It was [drained](crate::Input::Drain), and another Master is there.
    HandedOver {
        /// The other Master.
        to: IpAddr,
    },
    /// A new configuration has another priority than the 255 that made this Master the owner of the addresses.
    OwnerNoMore,
    /// Told to stop.
    Shutdown,
    /// A fault.
    Fault(Fault),
}

/// Reason of a new priority in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a driver names each when it tells of a priority")]
pub enum PriorityCause {
    /// A tracker's verdict.
    Tracker(TrackerId),
    /// The host cannot set one of the addresses, or can set all of them again ([`VirtualRouter::missing`](crate::VirtualRouter::missing)).
    Addresses,
    /// The same of another member of the sync group.
    Group,
    /// Another configuration.
    Configuration,
    /// [`VirtualRouter::set_priority`](crate::VirtualRouter::set_priority).
    Command,
    /// A [drain](crate::Input::Drain), or its end.
    Drain,
}

impl Cause {
    /// The same where the id of a member of the sync group is another now.
    pub(crate) fn with_routers(self, new: impl FnOnce(RouterId) -> RouterId) -> Self {
        match self {
            Self::Recovered(fault) => Self::Recovered(fault.with_routers(new)),
            Self::Fault(fault) => Self::Fault(fault.with_routers(new)),
            Self::GroupYielded(id) => Self::GroupYielded(new(id)),
            other => other,
        }
    }

    /// The same where a tracker's id is another now.
    pub(crate) fn with_trackers(self, new: impl FnOnce(TrackerId) -> TrackerId) -> Self {
        match self {
            Self::Recovered(fault) => Self::Recovered(fault.with_trackers(new)),
            Self::Fault(fault) => Self::Fault(fault.with_trackers(new)),
            other => other,
        }
    }

    /// Returns a sentence for people, with the names that `config` gives to its trackers.
    #[must_use]
    pub const fn describe<'a>(&'a self, config: &'a Config) -> impl fmt::Display + use<'a> {
        DescribedCause { cause: self, config }
    }
}

impl Fault {
    /// Returns a phrase for people, with the names that `config` gives to its trackers.
    #[must_use]
    pub const fn describe<'a>(&'a self, config: &'a Config) -> impl fmt::Display + use<'a> {
        DescribedFault { fault: self, config }
    }
}

struct DescribedCause<'a> {
    cause: &'a Cause,
    config: &'a Config,
}

impl fmt::Display for DescribedCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::New => f.write_str("not started"),
            Cause::Startup => f.write_str("started"),
            Cause::OwnerStartup => f.write_str("started as owner of the addresses (priority 255)"),
            Cause::Recovered(fault) => write!(f, "no fault any more, the last was: {}", fault.describe(self.config)),
            Cause::MasterDown { master: None, silence } => {
                write!(f, "no Master was heard for {:.3} s", silence.as_secs_f64())
            }
            Cause::MasterDown { master: Some(master), silence } => {
                write!(f, "the Master {master} was silent for {:.3} s", silence.as_secs_f64())
            }
            Cause::MasterReleased { master } => write!(f, "the Master {master} released the addresses (priority 0)"),
            Cause::Preempted { master, priority } => {
                write!(f, "preempts the Master {master} of lower priority {priority}")
            }
            Cause::HigherPriority { master, priority } => {
                write!(f, "{master} is Master with higher priority {priority}")
            }
            Cause::HigherAddress { master } => write!(f, "{master} is Master with equal priority and a higher address"),
            Cause::Lapsed { silence } => {
                let silence = silence.as_secs_f64();
                write!(f, "this router hung: as Master it sent nothing for {silence:.3} s, so it begins anew")
            }
            Cause::GroupYielded(member) => {
                write!(f, "router {} of its sync group yielded to a better Master", member.index())
            }
            Cause::HandedOver { to } => write!(f, "drained: handed over to {to}"),
            Cause::OwnerNoMore => f.write_str("owner of the addresses (priority 255) no more"),
            Cause::Shutdown => f.write_str("told to stop"),
            Cause::Fault(fault) => write!(f, "{}", fault.describe(self.config)),
        }
    }
}

struct DescribedFault<'a> {
    fault: &'a Fault,
    config: &'a Config,
}

impl fmt::Display for DescribedFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id| self.config.tracker(id).map_or("?", |tracker| &*tracker.name);
        match self.fault {
            Fault::InterfaceDown => f.write_str("its interface is down or missing"),
            Fault::NoPrimaryAddress => f.write_str("its interface has no address to send from"),
            Fault::NotInstalled(address) => write!(f, "{address} could not be installed"),
            Fault::Stray(address) => write!(f, "{address} is on this host all the same, and cannot be removed"),
            Fault::Tracker(id) => write!(f, "{} failed", name(*id)),
            Fault::Unchecked(id) => write!(f, "{} has no result yet", name(*id)),
            Fault::GroupMember(id) => write!(f, "router {} of its sync group is at fault", id.index()),
            Fault::GroupPending(id) => write!(f, "router {} of its sync group is not started or unchecked", id.index()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Tracker;
    use crate::health::Weight;
    use crate::{Profile, Vrid};
    use std::string::ToString;

    #[test]
    fn every_cause_is_a_sentence_with_its_evidence() {
        let master = IpAddr::from([192, 0, 2, 2]);
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[IpAddr::from([192, 0, 2, 1])]).unwrap();
        let tracker = Tracker { name: "the proxy".into(), weight: Weight::Fault, reverse: false };
        let id = config.add_tracker(tracker).unwrap();
        let (priority, silence) = (Priority::new(50).unwrap(), Duration::from_micros(3_609_375));
        let member = RouterId::first(3);
        for (cause, sentence) in [
            (Cause::New, "not started"),
            (Cause::Startup, "started"),
            (Cause::OwnerStartup, "started as owner of the addresses (priority 255)"),
            (
                Cause::Recovered(Fault::InterfaceDown),
                "no fault any more, the last was: its interface is down or missing",
            ),
            (Cause::MasterDown { master: None, silence }, "no Master was heard for 3.609 s"),
            (Cause::MasterDown { master: Some(master), silence }, "the Master 192.0.2.2 was silent for 3.609 s"),
            (Cause::MasterReleased { master }, "the Master 192.0.2.2 released the addresses (priority 0)"),
            (Cause::Preempted { master, priority }, "preempts the Master 192.0.2.2 of lower priority 50"),
            (Cause::HigherPriority { master, priority }, "192.0.2.2 is Master with higher priority 50"),
            (Cause::HigherAddress { master }, "192.0.2.2 is Master with equal priority and a higher address"),
            (Cause::Lapsed { silence }, "this router hung: as Master it sent nothing for 3.609 s, so it begins anew"),
            (Cause::GroupYielded(member), "router 3 of its sync group yielded to a better Master"),
            (Cause::HandedOver { to: master }, "drained: handed over to 192.0.2.2"),
            (Cause::OwnerNoMore, "owner of the addresses (priority 255) no more"),
            (Cause::Shutdown, "told to stop"),
            (Cause::Fault(Fault::NoPrimaryAddress), "its interface has no address to send from"),
            (Cause::Fault(Fault::NotInstalled(master)), "192.0.2.2 could not be installed"),
            (Cause::Fault(Fault::Stray(master)), "192.0.2.2 is on this host all the same, and cannot be removed"),
            (Cause::Fault(Fault::Tracker(id)), "the proxy failed"),
            (Cause::Fault(Fault::Unchecked(id)), "the proxy has no result yet"),
            (Cause::Fault(Fault::Tracker(TrackerId(1))), "? failed"),
            (Cause::Fault(Fault::GroupMember(member)), "router 3 of its sync group is at fault"),
            (Cause::Fault(Fault::GroupPending(member)), "router 3 of its sync group is not started or unchecked"),
        ] {
            assert_eq!(cause.describe(&config).to_string(), sentence);
        }
        let roles = [Role::Initialize, Role::Backup, Role::Master].map(|role| std::format!("{role:>10}|"));
        assert_eq!(roles, ["Initialize|", "    Backup|", "    Master|"]);
    }
}
