//! Disturbances, as plain values: a schedule of them is a list that can be stored, printed and shrunk.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::attack::Attack;
use super::network::{HostId, LanId, Link};
use crate::config::Config;
use crate::drain::Drain;
use crate::time::Instant;
use crate::types::{Priority, RouterId, TrackerId};

/// One thing that happens to a host or a LAN, at a time.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Planned {
    /// The moment.
    pub at: Instant,
    /// The disturbance.
    pub what: Disturbance,
}

/// One thing that happens to a host or a LAN. Each is harmless where it makes no sense: a host that is off cannot stall.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Disturbance {
    /// The host loses power: its process and its addresses are gone.
    PowerOff(HostId),
    /// The process dies and leaves its addresses where they are.
    Kill(HostId),
    /// The process stops in order: it releases, and removes its addresses.
    Stop(HostId),
    /// The host, or its process, starts; it removes what a killed one left behind.
    Start(HostId),
    /// The process does nothing for so long. What arrives meanwhile waits.
    Stall(HostId, Duration),
    /// The host's clock runs this many parts per million fast from now on.
    Drift(HostId, i32),
    /// Stamps of arrival are wrong by so many nanoseconds from now on: a packet seems that much older. 0: right again.
    FalseStamps(HostId, i64),
    /// Every way of a LAN is like this from now on, or only that from one host to another.
    Link(LanId, Option<(HostId, HostId)>, Link),
    /// The second host hears nothing of the first any more.
    Cut(LanId, HostId, HostId),
    /// It hears it again.
    Mend(LanId, HostId, HostId),
    /// These hosts hear each other and nobody else of the LAN. None of them: all hear each other again.
    Partition(LanId, Vec<HostId>),
    /// The host's interface goes down, or comes up.
    Interface(HostId, LanId, bool),
    /// The interface loses its own addresses, or gets them back.
    Addresses(HostId, LanId, bool),
    /// A tracker's verdict.
    Tracker(HostId, RouterId, TrackerId, bool),
    /// The host treats requests for addresses like this from now on.
    Installs(HostId, Installs),
    /// The host cannot set this address, or can again.
    Refuses {
        /// The host.
        host: HostId,
        /// The address, of whatever router.
        address: IpAddr,
        /// It cannot.
        refuses: bool,
        /// It knows; then the address goes at once where it is. Otherwise it finds out when it is asked.
        known: bool,
    },
    /// Another configuration, in place, for this process and for the next.
    Reconfigure(HostId, RouterId, Box<Config>),
    /// One more router, which is started where the process runs.
    Add(HostId, LanId, Box<Config>),
    /// A router goes; others of its sync group stay together. When one of the same VRID comes in its place, that is from then on
    /// what its id means in a plan.
    Remove {
        /// The host.
        host: HostId,
        /// The router.
        router: RouterId,
        /// True if it is told to stop first, and so releases. Otherwise it sends nothing more.
        releases: bool,
    },
    /// These routers are a sync group from now on, and nobody else with them; one alone: nobody.
    Group(HostId, Vec<RouterId>),
    /// Another priority, for this process and for the next.
    SetPriority(HostId, RouterId, Priority),
    /// A router, and its sync group with it, is to serve only where nobody else does. The next process knows nothing of it.
    Drain(HostId, RouterId, Drain),
    /// It is so no more.
    Undrain(HostId, RouterId),
    /// Somebody on the LAN forges advertisements.
    Attack(LanId, Attack),
    /// One packet is sent on a LAN: any octets, with any TTL. A valid advertisement may unsettle routers for as long as the
    /// interval that it says.
    Inject {
        /// The LAN.
        lan: LanId,
        /// The host that it comes from; `None`: a stranger.
        from: Option<HostId>,
        /// Source address of its IP header.
        source: IpAddr,
        /// Destination address: the group, or an address of a host.
        destination: IpAddr,
        /// TTL or hop limit of its IP header.
        ttl: u8,
        /// The octets after the IP header.
        payload: Vec<u8>,
    },
    /// Links are as they were made, nobody is cut off, nobody forges, nobody stalls, clocks and stamps are right, addresses
    /// can be installed. Who is off stays off, who is at fault stays at fault, who refuses an address goes on to, and who is
    /// slow stays slow.
    Calm,
}

/// The treatment of requests for addresses by a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Installs {
    /// Confirmed before the request returns.
    #[default]
    AtOnce,
    /// Confirmed after so long.
    After(Duration),
    /// One after the other, whoever asks; each takes so long. While one waits the driver says that the host is at work.
    OneByOne(Duration),
    /// Refused.
    Refused,
    /// Never answered, and never done.
    Ignored,
}
