//! Problems of the host that a router can live with, and that an operator should know of.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::Vrid;

use crate::os_error::OsError;
use crate::suitability::Concern;
use crate::vmac::Colons;

/// Something about the host that a router can live with. Its text says what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Warning {
    /// The kernel refused [real-time scheduling](crate::Scheduling::with_real_time).
    RealTime(OsError),
    /// The kernel refused the [nice value](crate::Scheduling::with_nice).
    Nice(OsError),
    /// The kernel refused to [lock memory](crate::Scheduling::with_locked_memory).
    LockedMemory(OsError),
    /// A problem that [`preflight`](crate::preflight()) found.
    Concern(Concern),
    /// Priority 255 is for the owner of the addresses, and this one is not on the host (OWN-06).
    NotOwner {
        /// The first address that is missing.
        address: IpAddr,
    },
    /// The interface of an owner's macvlan has the real address too, and answers for it with its own MAC address
    /// (ARP-02, V6-11).
    RealAddress {
        /// The address.
        address: IpAddr,
        /// The interface.
        interface: String,
    },
    /// Another process runs a virtual router of this interface: none of this process's runs there.
    Claimed {
        /// The interface.
        interface: String,
        /// The id.
        vrid: Vrid,
        /// The process that runs it, as a phrase: `process 4711 (vrrpd)`.
        by: String,
    },
    /// A socket for an interface could not be opened, be joined to the group, or be read.
    Socket {
        /// The interface.
        interface: String,
        /// The error: what could not be done, and why.
        error: OsError,
    },
    /// An interface that is to carry addresses is not there.
    NoInterface {
        /// The interface.
        interface: String,
    },
    /// `promote_secondaries` could not be set: removing an address may remove others of its network.
    Secondaries {
        /// The interface.
        interface: String,
        /// The kernel's error.
        error: OsError,
    },
    /// The first announcement of an address to the neighbours was refused. It is tried again for two seconds;
    /// [`Announced`](crate::EventKind::Announced) tells when it went out.
    NotAnnounced {
        /// The address.
        address: IpAddr,
        /// The interface that has it.
        device: String,
        /// The kernel's error.
        error: OsError,
    },
    /// The macvlan of a virtual MAC address could not be made.
    MacvlanNotMade {
        /// Its name.
        macvlan: String,
        /// The interface below.
        interface: String,
        /// The kernel's error.
        error: OsError,
    },
    /// The macvlan of a virtual MAC address could not be set up.
    MacvlanNotPrepared {
        /// Its name.
        macvlan: String,
        /// The kernel's error.
        error: OsError,
    },
    /// Another interface has the name of a router's macvlan.
    MacvlanForeign {
        /// Its name.
        macvlan: String,
        /// The interface below the macvlan that is wanted.
        interface: String,
        /// The MAC address that is wanted.
        mac: [u8; 6],
    },
    /// Somebody removed or changed the packet filter of accept mode off, and it was made anew. Reported at most every ten
    /// seconds.
    FilterRestored {
        /// Its table.
        table: String,
        /// The number of times that this went unreported since the last report.
        unreported: u64,
    },
    /// Somebody removed or changed the packet filter of accept mode off, and it could not be made anew.
    FilterLost {
        /// Its table.
        table: String,
        /// The error.
        error: OsError,
        /// The time until it is tried again.
        again_in: Duration,
    },
    /// The packet filter of accept mode off could not be changed with the routers: it is as it was, until the next change.
    FilterNotChanged(OsError),
    /// The packet filter of accept mode off could not be removed at the end.
    FilterNotRemoved(OsError),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RealTime(error) => write!(f, "cannot set real-time scheduling (needs CAP_SYS_NICE): {error}"),
            Self::Nice(error) => write!(f, "cannot set the nice value (needs CAP_SYS_NICE): {error}"),
            Self::LockedMemory(error) => write!(f, "cannot lock memory (needs CAP_IPC_LOCK): {error}"),
            Self::Concern(concern) => concern.fmt(f),
            Self::NotOwner { address } => write!(
                f,
                "priority 255 is for the owner of the addresses, but {address} is not on this host: tracked weights \
                 and preemption settings have no effect on this router; with 254 or less they have"
            ),
            Self::RealAddress { address, interface } => write!(
                f,
                "{address} is on {interface} too, which answers for it with its own MAC address; remove it there"
            ),
            Self::Claimed { interface, vrid, by } => write!(
                f,
                "{interface}: virtual router {vrid} is already run by {by}: stop that one, or take another id"
            ),
            Self::Socket { interface, error } => write!(f, "{interface}: {error}"),
            Self::NoInterface { interface } => write!(f, "there is no interface {interface}; waiting for it"),
            Self::Secondaries { interface, error } => {
                write!(f, "removing an address of {interface} may remove others with it: {error}")
            }
            Self::NotAnnounced { address, device, error } => {
                write!(f, "cannot announce {address} on {device}: {error}")
            }
            Self::MacvlanNotMade { macvlan, interface, error } => {
                write!(f, "cannot make the macvlan {macvlan} on {interface}: {error}")
            }
            Self::MacvlanNotPrepared { macvlan, error } => write!(f, "cannot set up {macvlan}: {error}"),
            Self::MacvlanForeign { macvlan, interface, mac } => {
                let mac = Colons(mac);
                write!(
                    f,
                    "{macvlan} is there, but is no macvlan on {interface} with {mac}; remove it, or choose another name"
                )
            }
            Self::FilterRestored { table, unreported } => {
                write!(f, "{}; it is made again{}", FilterGone(table), Unreported(*unreported))
            }
            Self::FilterLost { table, error, again_in } => write!(
                f,
                "{}, and it cannot be made again: {error}; until it is, Masters accept packets to their addresses; trying \
                 again in {} s",
                FilterGone(table),
                again_in.as_secs()
            ),
            Self::FilterNotChanged(error) => write!(f, "cannot change the packet filter: {error}"),
            Self::FilterNotRemoved(error) => write!(f, "cannot remove the packet filter: {error}"),
        }
    }
}

/// The number of events of a kind that were held back, behind the text of the next.
pub(crate) struct Unreported(pub(crate) u64);

impl fmt::Display for Unreported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            n => write!(f, " ({n} more like this since the last report)"),
        }
    }
}

/// The text for what happened to the packet filter, whatever follows.
struct FilterGone<'a>(&'a str);

impl fmt::Display for FilterGone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.0;
        write!(f, "somebody removed or changed the packet filter of accept mode off (nftables, table inet {table})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn every_warning_says_what_is_wrong_and_where() {
        let interface = || "eth0".to_owned();
        let macvlan = || "vrrp.51".to_owned();
        let table = || "vrrp_eth0_51_ipv4".to_owned();
        let error = || OsError::from(io::Error::from_raw_os_error(libc::EPERM));
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for (warning, text) in [
            (
                Warning::RealTime(error()),
                "cannot set real-time scheduling (needs CAP_SYS_NICE): Operation not permitted (os error 1)",
            ),
            (
                Warning::Nice(error()),
                "cannot set the nice value (needs CAP_SYS_NICE): Operation not permitted (os error 1)",
            ),
            (
                Warning::LockedMemory(error()),
                "cannot lock memory (needs CAP_IPC_LOCK): Operation not permitted (os error 1)",
            ),
            (
                Warning::Concern(Concern::Ipv6Disabled { interface: interface() }),
                "IPv6 is disabled on eth0: see net.ipv6.conf.eth0.disable_ipv6 of sysctl",
            ),
            (
                Warning::NotOwner { address },
                "priority 255 is for the owner of the addresses, but 192.0.2.1 is not on this host: tracked weights \
                 and preemption settings have no effect on this router; with 254 or less they have",
            ),
            (
                Warning::RealAddress { address, interface: interface() },
                "192.0.2.1 is on eth0 too, which answers for it with its own MAC address; remove it there",
            ),
            (
                Warning::Claimed {
                    interface: interface(),
                    vrid: Vrid::new(51).unwrap(),
                    by: "process 7 (vrrpd)".into(),
                },
                "eth0: virtual router 51 is already run by process 7 (vrrpd): stop that one, or take another id",
            ),
            (Warning::Socket { interface: interface(), error: error() }, "eth0: Operation not permitted (os error 1)"),
            (Warning::NoInterface { interface: interface() }, "there is no interface eth0; waiting for it"),
            (
                Warning::Secondaries { interface: interface(), error: error() },
                "removing an address of eth0 may remove others with it: Operation not permitted (os error 1)",
            ),
            (
                Warning::NotAnnounced { address, device: interface(), error: error() },
                "cannot announce 192.0.2.1 on eth0: Operation not permitted (os error 1)",
            ),
            (
                Warning::MacvlanNotMade { macvlan: macvlan(), interface: interface(), error: error() },
                "cannot make the macvlan vrrp.51 on eth0: Operation not permitted (os error 1)",
            ),
            (
                Warning::MacvlanNotPrepared { macvlan: macvlan(), error: error() },
                "cannot set up vrrp.51: Operation not permitted (os error 1)",
            ),
            (
                Warning::MacvlanForeign { macvlan: macvlan(), interface: interface(), mac: [0, 0, 0x5e, 0, 1, 51] },
                "vrrp.51 is there, but is no macvlan on eth0 with 00:00:5e:00:01:33; remove it, or choose another name",
            ),
            (
                Warning::FilterRestored { table: table(), unreported: 0 },
                "somebody removed or changed the packet filter of accept mode off (nftables, table inet \
                 vrrp_eth0_51_ipv4); it is made again",
            ),
            (
                Warning::FilterLost { table: table(), error: error(), again_in: Duration::from_secs(2) },
                "somebody removed or changed the packet filter of accept mode off (nftables, table inet \
                 vrrp_eth0_51_ipv4), and it cannot be made again: Operation not permitted (os error 1); until it is, \
                 Masters accept packets to their addresses; trying again in 2 s",
            ),
            (
                Warning::FilterNotChanged(error()),
                "cannot change the packet filter: Operation not permitted (os error 1)",
            ),
            (
                Warning::FilterNotRemoved(error()),
                "cannot remove the packet filter: Operation not permitted (os error 1)",
            ),
        ] {
            assert_eq!(warning.to_string(), text);
        }
    }
}
