//! Everything that a start opens, and the errors that make it fail.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use vrrp_core::record::RecordedSet;
use vrrp_core::{Instant, RouterId};

use super::changing::Changing;
use super::command::Command;
use super::delays::Delays;
use super::interfaces::Interfaces;
use super::lineup::{self, Crowds};
use super::owed::Owed;
use super::punctuality::Punctuality;
use super::state::{Driver, Routers};
use crate::addresses::announcements::Announcements;
use crate::addresses::holdings::Holdings;
use crate::addresses::lease::Leases;
use crate::addresses::obstacles::Obstacles;
use crate::claims::Refusal;
use crate::clock::Alarm;
use crate::error::StartError;
use crate::event::EventKind;
use crate::kernel::filter::Filter;
use crate::kernel::macvlans::Macvlans;
use crate::kernel::netlink::monitor::Monitor;
use crate::kernel::netlink::requests::Requests;
use crate::packets::link_layer::LinkLayer;
use crate::packets::needs::Needs;
use crate::packets::ports::{Port, Ports};
use crate::preflight::Preflight;
use crate::report::Reporter;
use crate::router::Router;
use crate::scheduling::Pauses;
use crate::suitability::Concern;
use crate::suspended::SuspendedFilter;
use crate::sys;
use crate::warning::Warning;

/// Its claim, a packet socket, a raw socket; and one that takes the place of another.
const FILES_OF_A_PORT: usize = 4;
/// The files that the driver and the rest of the process have open, with a reserve.
const OTHER_FILES: usize = 256;
/// The time for which a start waits for a process to go that was just killed.
const CLAIM_PATIENCE: Duration = Duration::from_millis(500);
/// Holds any IP packet.
const PACKET_MAX: usize = 1 << 16;
/// Holds every advertisement: 255 IPv6 addresses.
const MESSAGE_MAX: usize = 4096;
/// Packets may gather where every interval is at least as long.
const GATHER_AT: Duration = Duration::from_millis(100);

impl Driver {
    /// Takes in the routers of a start, and opens everything but the sockets of ports. Needs a running tokio runtime.
    pub(crate) fn new(routers: Vec<Router>, commands: mpsc::Receiver<Command>) -> Result<Self, StartError> {
        let mut driver = Self::without_routers(&routers, commands)?;
        let (crowds, groups) = (Crowds::of(&routers), lineup::groups(&routers));
        for router in routers {
            driver.enlist(router, &crowds)?;
        }
        driver.regroup(&groups);
        driver.make_room_for_macvlans()?;
        Ok(driver)
    }

    /// Gives every router that needs one its macvlan, which is not made yet.
    pub(super) fn make_room_for_macvlans(&mut self) -> Result<(), StartError> {
        let all = self.routers.iter().map(|running| (running.id, &running.router));
        self.macvlans = Macvlans::new(all).map_err(macvlans_failed)?;
        Ok(())
    }

    /// Checks the routers, and opens everything that is not theirs.
    pub(super) fn without_routers(routers: &[Router], commands: mpsc::Receiver<Command>) -> Result<Self, StartError> {
        let os = |what| move |error| StartError::Os { what, error };
        lineup::check(routers)?;
        Ok(Self {
            set: RecordedSet::default(),
            routers: Routers::default(),
            ports: Ports::default(),
            interfaces: Interfaces::default(),
            delays: Delays::default(),
            holdings: Holdings::default(),
            leases: Leases::default(),
            obstacles: Obstacles::default(),
            confirmed_at: Instant::ZERO,
            untold: BTreeSet::new(),
            strays: BTreeMap::new(),
            renew_after: None,
            monitor: Monitor::new().map_err(os("cannot watch links and addresses (netlink)"))?,
            requests: Requests::new().map_err(os("cannot open a netlink socket"))?,
            link_layer: LinkLayer::open().map_err(os("cannot open a packet socket (needs CAP_NET_RAW)"))?,
            announcements: Announcements::default(),
            macvlans: Macvlans::new(std::iter::empty()).map_err(macvlans_failed)?,
            macvlans_going: BTreeSet::new(),
            filter: None,
            alarm: Alarm::new().map_err(os("cannot make a timer"))?,
            commands,
            changing: Changing::default(),
            owed: Owed::default(),
            reporter: Reporter::default(),
            memberships_doubtful: false,
            refused: BTreeSet::new(),
            claim_at: None,
            gathers: may_gather(routers),
            strangers: BTreeMap::new(),
            pauses: Pauses::default(),
            punctuality: Punctuality::default(),
            idle_at: Instant::ZERO,
            packet: vec![0; PACKET_MAX].into(),
            message: vec![0; MESSAGE_MAX].into(),
            resumed: Vec::new(),
            left: Vec::new(),
            unwanted: Vec::new(),
        })
    }

    /// Claims the routers of the interfaces that are there, and opens their sockets: what a start must not get wrong.
    pub(crate) fn open_ports(&mut self) -> Result<(), StartError> {
        allow_files(self.ports.len());
        let mut needs: BTreeMap<usize, Needs> = BTreeMap::new();
        for running in self.routers.iter() {
            needs.entry(running.port).or_default().add(&running.router);
        }
        let plan = self.ports.plan(needs, |name| self.monitor.link_by_name(name));
        let routers = || self.routers.iter().map(|running| &running.router);
        let ready = plan.claim(CLAIM_PATIENCE).map_err(|refusal| self.refused_claim(refusal, routers()))?;
        self.open(ready)
    }

    /// Says which of these routers another process has.
    pub(super) fn refused_claim<'a>(
        &self,
        refusal: Refusal,
        mut routers: impl Iterator<Item = &'a Router>,
    ) -> StartError {
        let os = |error| StartError::Os { what: "cannot claim routers for this process (needs /proc)", error };
        let (port, vrid, by) = match refusal {
            Refusal::Taken { position, vrid, by } => (self.ports.get(position), vrid, by),
            Refusal::Os(error) => return os(error),
        };
        let is_it = |router: &&Router| {
            let is_there = |port: &Port| port.name == router.interface && port.family == router.config.family();
            port.is_some_and(is_there) && router.config.vrid() == vrid
        };
        match routers.find(is_it) {
            Some(Router { name, interface, .. }) => {
                StartError::Claimed { name: name.clone(), interface: interface.clone(), vrid, by }
            }
            None => os(io::ErrorKind::AddrInUse.into()),
        }
    }

    /// Closes the virtual addresses of routers that must not accept anything, by the table that another process has left where
    /// there is one. The last step of a start that can fail.
    pub(crate) fn filter(&mut self, left: Option<SuspendedFilter>) -> Result<(), StartError> {
        let routers = self.routers.iter().map(|running| (running.id, &running.router));
        let filter = match left {
            None => Filter::install(routers),
            Some(left) => Filter::resume(routers, left),
        };
        self.filter = Some(filter.map_err(filtering_failed)?);
        Ok(())
    }

    /// Warns of what was found out before routers were started or changed. An interface that is not there is told as a fault.
    pub(crate) fn warn_of_concerns(&mut self, found: impl IntoIterator<Item = (RouterId, Preflight)>) {
        for (id, found) in found {
            for concern in found.concerns.into_iter().filter(|concern| !matches!(concern, Concern::Missing { .. })) {
                self.reporter.report(id, EventKind::Warning(Warning::Concern(concern)));
            }
        }
    }
}

/// Interfaces by the hundred have more sockets than the usual 1024 files. What that costs is told when one is refused.
pub(super) fn allow_files(ports: usize) {
    let _ = sys::allow_open_files(ports * FILES_OF_A_PORT + OTHER_FILES);
}

/// Tells whether all intervals are long enough to let packets gather.
pub(super) fn may_gather<'a>(routers: impl IntoIterator<Item = &'a Router>) -> bool {
    routers.into_iter().all(|router| router.config.interval().duration() >= GATHER_AT)
}

pub(super) fn macvlans_failed(error: io::Error) -> StartError {
    StartError::Os { what: "cannot prepare virtual MAC addresses", error }
}

pub(super) fn filtering_failed(error: io::Error) -> StartError {
    StartError::Os { what: "cannot make the packet filter that accept mode off needs", error }
}

/// A port could not be opened. Other errors than this one are not cured by a privilege.
pub(super) fn opening_failed(error: io::Error) -> StartError {
    let what = match error.kind() {
        io::ErrorKind::PermissionDenied => "cannot open a raw socket (needs CAP_NET_RAW)",
        _ => "cannot open a socket for VRRP",
    };
    StartError::Os { what, error }
}
