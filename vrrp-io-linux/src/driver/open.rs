//! What a start opens, and what makes it fail.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vrrp_core::{Instant, InterfaceId, RouterId, RouterSet};

use super::interfaces::Interfaces;
use super::state::{Command, Driver, Hosted, Routers};
use crate::addresses::holdings::Holdings;
use crate::addresses::lease::{Leases, least_lifetime};
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
use crate::packets::needs::Ready;
use crate::packets::ports::{Port, Ports};
use crate::preflight::Preflight;
use crate::report::Reporter;
use crate::router::Router;
use crate::scheduling::Pauses;
use crate::suitability::Concern;
use crate::sys;
use crate::warning::Warning;

/// Its claim, a packet socket, a raw socket; and one that takes the place of another.
const FILES_OF_A_PORT: usize = 4;
/// What the driver and the rest of the process have open, with a reserve.
const OTHER_FILES: usize = 256;
/// How long a start waits for a process to go that was just killed.
const CLAIM_PATIENCE: Duration = Duration::from_millis(500);
/// Holds any IP packet.
const PACKET_MAX: usize = 1 << 16;
/// Holds every advertisement: 255 IPv6 addresses.
const MESSAGE_MAX: usize = 4096;
/// Packets may gather where every interval is at least as long.
const GATHER_AT: Duration = Duration::from_millis(100);

impl Driver {
    /// Opens everything but the sockets of ports. Needs a running tokio runtime.
    pub(crate) fn new(routers: Vec<Router>, commands: mpsc::Receiver<Command>) -> Result<Self, StartError> {
        let os = |what| move |error| StartError::Os { what, error };
        let mut roster = Roster::of(routers)?;
        roster.group()?;
        let (mut holdings, mut leases) = (Holdings::default(), Leases::default());
        for (id, router) in roster.routers() {
            holdings.add(id, router);
            leases.add(id, router);
        }
        let macvlans = Macvlans::new(roster.routers()).map_err(os("cannot prepare virtual MAC addresses"))?;
        let gathers = roster.routers().all(|(_, router)| router.config.interval().duration() >= GATHER_AT);
        let mut reporter = Reporter::default();
        roster.routers().for_each(|(id, router)| reporter.add(id, &router.name));
        let Roster { set, hosted: routers, ports, mut interfaces } = roster;
        let monitor = Monitor::new().map_err(os("cannot watch links and addresses (netlink)"))?;
        for link in monitor.links() {
            interfaces.follow(link.index, Some(&link.name));
        }
        Ok(Self {
            set,
            routers,
            ports,
            interfaces,
            holdings,
            leases,
            obstacles: Obstacles::default(),
            confirmed_at: Instant::ZERO,
            untold: BTreeSet::new(),
            strays: BTreeMap::new(),
            renew_after: None,
            monitor,
            requests: Requests::new().map_err(os("cannot open a netlink socket"))?,
            link_layer: LinkLayer::open().map_err(os("cannot open a packet socket (needs CAP_NET_RAW)"))?,
            repeats: VecDeque::new(),
            macvlans,
            filter: None,
            alarm: Alarm::new().map_err(os("cannot make a timer"))?,
            commands,
            reporter,
            memberships_doubtful: false,
            refused: BTreeSet::new(),
            claim_at: None,
            gathers,
            pauses: Pauses::default(),
            idle_at: Instant::ZERO,
            packet: vec![0; PACKET_MAX].into(),
            message: vec![0; MESSAGE_MAX].into(),
        })
    }

    /// Claims the routers of the interfaces that are there, and opens their sockets: what a start must not get wrong.
    pub(crate) fn open_ports(&mut self) -> Result<(), StartError> {
        // Interfaces by the hundred have more sockets than the usual 1024 files. What that costs is told when one is refused.
        let _ = sys::allow_open_files(self.ports.len() * FILES_OF_A_PORT + OTHER_FILES);
        for (number, needs, claim) in self.claim()? {
            let Some(port) = self.ports.get_mut(number) else { continue };
            let Some(link) = self.monitor.link_by_name(&port.name) else { continue };
            port.change(needs, claim).map_err(io::Error::from).and_then(|()| port.open(link)).map_err(|error| {
                // Others than these are not cured by a privilege.
                let what = match error.kind() {
                    io::ErrorKind::PermissionDenied => "cannot open a raw socket (needs CAP_NET_RAW)",
                    _ => "cannot open a socket for VRRP",
                };
                StartError::Os { what, error }
            })?;
        }
        Ok(())
    }

    /// Claims the routers of all ports at once.
    fn claim(&self) -> Result<Vec<Ready>, StartError> {
        let needs = self.ports.iter().map(|(number, port)| (number, port.needs));
        let plan = self.ports.plan(needs, |name| self.monitor.link_by_name(name));
        plan.claim(CLAIM_PATIENCE).map_err(|refusal| {
            let os = |error| StartError::Os { what: "cannot claim routers for this process (needs /proc)", error };
            let (port, vrid, by) = match refusal {
                Refusal::Taken { position, vrid, by } => (position, vrid, by),
                Refusal::Os(error) => return os(error),
            };
            let is_it = |hosted: &&Hosted| hosted.port == port && hosted.router.config.vrid() == vrid;
            match self.routers.iter().find(is_it).map(|hosted| &hosted.router) {
                Some(Router { name, interface, .. }) => {
                    StartError::Claimed { name: name.clone(), interface: interface.clone(), vrid, by }
                }
                None => os(io::ErrorKind::AddrInUse.into()),
            }
        })
    }

    /// Closes the virtual addresses of routers that must not accept anything. The last step of a start that can fail.
    pub(crate) fn filter(&mut self) -> Result<(), StartError> {
        let what = "cannot make the packet filter that accept mode off needs";
        let filter = Filter::install(self.routers.iter().map(|hosted| &hosted.router));
        self.filter = Some(filter.map_err(|error| StartError::Os { what, error })?);
        Ok(())
    }

    /// Warns of what was found out before the start. An interface that is not there is told as a fault.
    pub(crate) fn warn_of_concerns(&mut self, found: &[Preflight]) {
        for (Hosted { id, .. }, found) in self.routers.iter().zip(found) {
            for concern in found.concerns.iter().filter(|concern| !matches!(concern, Concern::Missing { .. })) {
                self.reporter.report(*id, EventKind::Warning(Warning::Concern(concern.clone())));
            }
        }
    }
}

/// The routers of a start, and what they share.
#[derive(Default)]
struct Roster {
    set: RouterSet,
    hosted: Routers,
    ports: Ports,
    interfaces: Interfaces,
}

impl Roster {
    fn of(routers: Vec<Router>) -> Result<Self, StartError> {
        let crowds = crowds(&routers);
        let mut roster = Self::default();
        for router in routers {
            router.check()?;
            roster.add(adapt(router, &crowds))?;
        }
        Ok(roster)
    }

    fn add(&mut self, router: Router) -> Result<(), StartError> {
        self.check_macvlan(&router)?;
        let port = self.port_of(&router);
        let id = self.set.insert(InterfaceId(port as u32), router.config.clone()).map_err(|taken| {
            StartError::Taken { name: router.name.clone(), interface: router.interface.clone(), vrid: taken.vrid }
        })?;
        self.interfaces.add(id, &router, port);
        self.hosted.push(Hosted::new(id, router, port));
        Ok(())
    }

    /// Two routers cannot share a macvlan.
    fn check_macvlan(&self, router: &Router) -> Result<(), StartError> {
        let Some(macvlan) = &router.macvlan else { return Ok(()) };
        let mut others = self.hosted.iter().filter_map(|other| other.router.macvlan.as_ref());
        if others.any(|other| other.name == macvlan.name) {
            return Err(StartError::MacvlanTaken { name: router.name.clone(), interface: macvlan.name.clone() });
        }
        Ok(())
    }

    /// The port of its interface and family, which is made for the first router there.
    fn port_of(&mut self, router: &Router) -> usize {
        let family = router.config.family();
        let there = self.interfaces.get(&router.interface).map_or(&[][..], |concerned| &concerned.ports);
        let known = there.iter().find(|port| self.ports.get(**port).is_some_and(|port| port.family == family));
        let known = known.copied();
        let number = known.unwrap_or_else(|| self.ports.add(Port::new(router.interface.clone(), family)));
        if let Some(port) = self.ports.get_mut(number) {
            port.needs.add(router);
        }
        number
    }

    /// Puts the routers of each sync group together.
    fn group(&mut self) -> Result<(), StartError> {
        let mut groups = BTreeMap::<&str, Vec<RouterId>>::new();
        for (id, router) in self.routers() {
            if let Some(name) = &router.sync_group {
                groups.entry(name).or_default().push(id);
            }
        }
        for mut members in groups.into_values().collect::<Vec<_>>() {
            members.sort_by_key(|id| self.hosted.get(*id).map(|hosted| hosted.router.rank));
            self.set.group(Instant::ZERO, &members)?;
            let ports = members.iter().filter_map(|id| self.hosted.get(*id)).map(|hosted| hosted.port);
            let ports: Arc<[usize]> = ports.collect::<BTreeSet<_>>().into_iter().collect();
            for id in members {
                if let Some(hosted) = self.hosted.get_mut(id) {
                    hosted.heard_on = Arc::clone(&ports);
                }
            }
        }
        Ok(())
    }

    fn routers(&self) -> impl Iterator<Item = (RouterId, &Router)> {
        self.hosted.iter().map(|hosted| (hosted.id, &hosted.router))
    }
}

impl Hosted {
    fn new(id: RouterId, router: Router, port: usize) -> Self {
        let devices: BTreeSet<&str> = router.addresses.iter().map(|vip| router.device(vip)).collect();
        let devices = devices.into_iter().map(str::to_owned).collect();
        Self { id, router, port, heard_on: Arc::new([port]), devices, winner_mac: None, said: Vec::new(), rival: None }
    }
}

/// Gives a router what follows from this host and from the other routers.
fn adapt(mut router: Router, crowds: &HashMap<String, usize>) -> Router {
    let crowd = router.addresses.iter().filter_map(|vip| crowds.get(router.device(vip))).max();
    router.least_lifetime = least_lifetime(crowd.copied().unwrap_or_default());
    router.widen_link_local();
    if router.virtual_source().is_some() {
        // From the virtual MAC address it would teach the switches a way to a router that has just yielded; and no
        // neighbour has anything to learn.
        router.config = router.config.with_last_word(false);
    }
    router
}

/// How many virtual addresses each interface may have to carry.
fn crowds(routers: &[Router]) -> HashMap<String, usize> {
    let mut crowds = HashMap::new();
    for device in routers.iter().flat_map(|router| router.addresses.iter().map(|vip| router.device(vip))) {
        *crowds.entry(device.to_owned()).or_default() += 1;
    }
    crowds
}
