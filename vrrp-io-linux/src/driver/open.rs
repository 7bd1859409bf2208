//! What a start opens, and what makes it fail.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vrrp_core::{Instant, InterfaceId, Peers, RouterId, RouterSet};

use super::interfaces::Interfaces;
use super::state::{Command, Driver, Hosted};
use crate::addresses::holdings::Holdings;
use crate::addresses::lease::{Leases, least_lifetime};
use crate::addresses::obstacles::Obstacles;
use crate::claims::{self, Refusal, Wanted};
use crate::clock::Alarm;
use crate::error::StartError;
use crate::event::{Event, EventKind};
use crate::kernel::filter::Filter;
use crate::kernel::macvlans::Macvlans;
use crate::kernel::netlink::monitor::Monitor;
use crate::kernel::netlink::requests::Requests;
use crate::packets::link_layer::LinkLayer;
use crate::packets::ports::Port;
use crate::preflight::{Concern, Preflight};
use crate::report::Reporter;
use crate::router::Router;
use crate::scheduling::Pauses;
use crate::sys;

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
    /// Opens everything. Needs a running tokio runtime.
    pub(crate) fn new(
        routers: Vec<Router>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, StartError> {
        let mut set = RouterSet::new();
        let mut ports: Vec<Port> = Vec::new();
        let mut hosted = Vec::new();
        let mut ids = Vec::new();
        let mut interfaces = Interfaces::default();
        let crowds = crowds(&routers);
        for mut router in routers {
            router.check()?;
            let crowd = router.addresses.iter().filter_map(|vip| crowds.get(router.device(vip))).max();
            router.least_lifetime = least_lifetime(crowd.copied().unwrap_or_default());
            router.widen_link_local();
            if router.virtual_source().is_some() {
                // From the virtual MAC address it would teach the switches a way to a router that has just yielded; and no
                // neighbour has anything to learn.
                router.config = router.config.with_last_word(false);
            }
            check_macvlan(&router, &hosted)?;
            let family = router.config.family();
            let there = interfaces.get(&router.interface).map_or(&[][..], |concerned| &concerned.ports);
            let known = there.iter().find(|port| ports.get(**port).is_some_and(|port: &Port| port.family == family));
            let port = known.copied().unwrap_or(ports.len());
            if known.is_none() {
                ports.push(Port::new(router.interface.clone(), family));
            }
            if let Some(port) = ports.get_mut(port) {
                port.multicast |= matches!(router.config.peers(), Peers::Multicast);
                port.vrids.insert(router.config.vrid());
            }
            let id = set.insert(InterfaceId(port as u32), router.config.clone()).map_err(|taken| {
                StartError::Taken { name: router.name.clone(), interface: router.interface.clone(), vrid: taken.vrid }
            })?;
            ids.push(id);
            interfaces.add(id, &router, port);
            let devices: BTreeSet<&str> = router.addresses.iter().map(|vip| router.device(vip)).collect();
            let devices = devices.into_iter().map(str::to_owned).collect();
            hosted.push(Hosted {
                router,
                port,
                heard_on: Arc::new([port]),
                devices,
                winner_mac: None,
                address_list_errors: 0,
                said: Vec::new(),
                told: Vec::new(),
                rival: None,
            });
        }
        let os = |what| move |error| StartError::Os { what, error };
        let with_ids = || ids.iter().copied().zip(hosted.iter().map(|hosted| &hosted.router));
        let holdings = Holdings::new(with_ids());
        let leases = Leases::new(hosted.iter().map(|hosted| &hosted.router));
        let groups: Vec<Vec<RouterId>> = sync_groups(with_ids()).into_values().collect();
        for members in &groups {
            set.group(members)?;
        }
        let macvlans = Macvlans::new(with_ids()).map_err(os("cannot prepare virtual MAC addresses"))?;
        for members in groups {
            let ports = members.iter().filter_map(|id| hosted.get(id.index())).map(|hosted: &Hosted| hosted.port);
            let ports: Arc<[usize]> = ports.collect::<BTreeSet<_>>().into_iter().collect();
            for id in members {
                if let Some(hosted) = hosted.get_mut(id.index()) {
                    hosted.heard_on = Arc::clone(&ports);
                }
            }
        }
        let gathers = hosted.iter().all(|hosted| hosted.router.config.interval().duration() >= GATHER_AT);
        let names = hosted.iter().map(|hosted| Arc::from(hosted.router.name.as_str())).collect();
        let monitor = Monitor::new().map_err(os("cannot watch links and addresses (netlink)"))?;
        for link in monitor.links() {
            interfaces.follow(link.index, Some(&link.name));
        }
        Ok(Self {
            set,
            routers: hosted,
            ports,
            next_port: 0,
            interfaces,
            holdings,
            leases,
            obstacles: Obstacles::default(),
            confirmed_at: Instant::ZERO,
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
            reporter: Reporter::new(events, names),
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
        let there = self.ports.iter().enumerate().filter_map(|(number, port)| {
            let link = self.monitor.link_by_name(&port.name)?;
            Some((number, port.wanted(link.index), link))
        });
        let there: Vec<_> = there.collect();
        let wanted: Vec<Wanted> = there.iter().map(|(_, wanted, _)| *wanted).collect();
        let claims = claims::claim(&wanted, CLAIM_PATIENCE).map_err(|refusal| {
            let os = |error| StartError::Os { what: "cannot claim routers for this process (needs /proc)", error };
            let (position, vrid, by) = match refusal {
                Refusal::Taken { position, vrid, by } => (position, vrid, by),
                Refusal::Os(error) => return os(error),
            };
            let port = there.get(position).map(|(port, ..)| *port);
            let is_it = |hosted: &&Hosted| Some(hosted.port) == port && hosted.router.config.vrid() == vrid;
            match self.routers.iter().find(is_it).map(|hosted| &hosted.router) {
                Some(Router { name, interface, .. }) => {
                    StartError::Claimed { name: name.clone(), interface: interface.clone(), vrid, by }
                }
                None => os(io::ErrorKind::AddrInUse.into()),
            }
        })?;
        for ((number, _, link), claim) in there.into_iter().zip(claims) {
            let Some(port) = self.ports.get_mut(number) else { continue };
            port.open(link, claim).map_err(|error| {
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

    /// Closes the virtual addresses of routers that must not accept anything. The last step of a start that can fail.
    pub(crate) fn filter(&mut self) -> Result<(), StartError> {
        let what = "cannot make the packet filter that accept mode off needs";
        let filter = Filter::install(self.routers.iter().map(|hosted| &hosted.router));
        self.filter = Some(filter.map_err(|error| StartError::Os { what, error })?);
        Ok(())
    }

    /// Warns of what was found out before the start. An interface that is not there is told as a fault.
    pub(crate) fn warn_of_concerns(&mut self, found: &[Preflight]) {
        for ((id, _), found) in self.set.iter().zip(found) {
            for concern in found.concerns.iter().filter(|concern| !matches!(concern, Concern::Missing { .. })) {
                self.reporter.report(id, EventKind::Warning(concern.to_string()));
            }
        }
    }
}

/// The members of each sync group.
fn sync_groups<'a>(routers: impl Iterator<Item = (RouterId, &'a Router)>) -> BTreeMap<&'a str, Vec<RouterId>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (id, router) in routers {
        if let Some(name) = &router.sync_group {
            groups.entry(name.as_str()).or_default().push(id);
        }
    }
    groups
}

/// How many virtual addresses each interface may have to carry.
fn crowds(routers: &[Router]) -> HashMap<String, usize> {
    let mut crowds = HashMap::new();
    for device in routers.iter().flat_map(|router| router.addresses.iter().map(|vip| router.device(vip))) {
        *crowds.entry(device.to_owned()).or_default() += 1;
    }
    crowds
}

/// Two routers cannot share a macvlan.
fn check_macvlan(router: &Router, others: &[Hosted]) -> Result<(), StartError> {
    let Some(macvlan) = &router.macvlan else { return Ok(()) };
    let theirs = others.iter().filter_map(|other| other.router.macvlan.as_ref());
    if theirs.into_iter().any(|other| other.name == macvlan.name) {
        return Err(StartError::MacvlanTaken { name: router.name.clone(), interface: macvlan.name.clone() });
    }
    Ok(())
}
