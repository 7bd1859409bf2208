//! What can go wrong, as plain values: a schedule of them is a list that can be stored, printed and shrunk.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::network::{HostId, LanId, Link};
use crate::config::Config;
use crate::health::{RouterId, TrackerId};
use crate::time::Instant;

/// One thing that happens to a host or a LAN, at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// When.
    pub at: Instant,
    /// What.
    pub what: Disturbance,
}

/// One thing that happens to a host or a LAN. Each is harmless where it makes no sense: a host that is off cannot stall.
#[derive(Clone, Debug, PartialEq)]
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
    /// How the host treats requests for addresses from now on.
    Installs(HostId, Installs),
    /// Another configuration, in place.
    Reconfigure(HostId, RouterId, Box<Config>),
    /// Links are as they were made, nobody is cut off, nobody stalls, clocks and stamps are right, addresses can be installed. Who is off
    /// stays off, and who is at fault stays at fault.
    Calm,
}

/// How a host treats requests for addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Installs {
    /// Confirmed before the request returns.
    #[default]
    AtOnce,
    /// Confirmed after so long.
    After(Duration),
    /// Refused.
    Refused,
    /// Never answered, and never done.
    Ignored,
}
