//! The data of the routers' thread.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use vrrp_core::record::RecordedSet;
use vrrp_core::{Fault, Instant, Priority, RouterId};

use super::changing::Changing;
use super::command::Command;
use super::delays::Delays;
use super::interfaces::Interfaces;
use super::notes::{Notes, Strangers};
use super::owed::Owed;
use super::punctuality::Punctuality;
use crate::addresses::announcements::Announcements;
use crate::addresses::holdings::{Holdings, Left};
use crate::addresses::lease::Leases;
use crate::addresses::obstacles::Obstacles;
use crate::by_router::ByRouter;
use crate::clock::Alarm;
use crate::disagreement::Disagreement;
use crate::kernel::filter::Filter;
use crate::kernel::macvlans::Macvlans;
use crate::kernel::netlink::monitor::Monitor;
use crate::kernel::netlink::requests::Requests;
use crate::packets::link_layer::{LinkLayer, Mac};
use crate::packets::ports::Ports;
use crate::report::Reporter;
use crate::router::Router;
use crate::scheduling::Pauses;
use crate::status::RouterState;
use crate::suspended::SuspendedAddress;
use crate::virtual_ip::VirtualIp;

/// Everything that one thread owns.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(super) set: RecordedSet,
    pub(super) routers: Routers,
    pub(super) ports: Ports,
    pub(super) interfaces: Interfaces,
    pub(super) delays: Delays,
    pub(super) holdings: Holdings,
    pub(super) leases: Leases,
    pub(super) obstacles: Obstacles,
    /// The moment at which the kernel last confirmed an address.
    pub(super) confirmed_at: Instant,
    /// The routers that stay at fault for other reasons than were told: other faults, or the same ones with another text.
    pub(super) untold: BTreeSet<RouterId>,
    /// The routers that are kept out by an address that is on this host.
    pub(super) strays: BTreeMap<RouterId, Told>,
    /// The deadline that renewals wait for.
    pub(super) renew_after: Option<Instant>,
    pub(super) monitor: Monitor,
    pub(super) requests: Requests,
    pub(super) link_layer: LinkLayer,
    /// Announcements that are still to be made.
    pub(super) announcements: Announcements,
    pub(super) macvlans: Macvlans,
    /// The routers whose macvlan the kernel has yet to remove.
    pub(super) macvlans_going: BTreeSet<RouterId>,
    pub(super) filter: Option<Filter>,
    pub(super) alarm: Alarm,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) changing: Changing,
    pub(super) owed: Owed,
    pub(super) reporter: Reporter,
    /// Something happened to the host that may have cost an interface its membership.
    pub(super) memberships_doubtful: bool,
    /// The ports whose routers another process has.
    pub(super) refused: BTreeSet<usize>,
    /// The moment of the next try, if another process runs one of the routers.
    pub(super) claim_at: Option<Instant>,
    /// True if all intervals are long enough to let packets gather.
    pub(super) gathers: bool,
    /// The virtual routers of others that each port heard, for operators.
    pub(super) strangers: BTreeMap<usize, Strangers>,
    pub(super) pauses: Pauses,
    pub(super) punctuality: Punctuality,
    /// The last moment at which there was nothing to do.
    pub(super) idle_at: Instant,
    pub(super) packet: Box<[u8]>,
    pub(super) message: Box<[u8]>,
    /// The routers that go on from another process, until they do.
    pub(super) resumed: Vec<Resumed>,
    /// Left on the host by that process: addresses, and links of macvlans.
    pub(super) left: Vec<SuspendedAddress>,
    pub(super) unwanted: Vec<u32>,
}

/// Every router of the set.
#[derive(Debug, Default)]
pub(super) struct Routers {
    running: ByRouter<RunningRouter>,
    /// Their ids, in the order in which they were added.
    order: Vec<RouterId>,
}

impl Routers {
    pub(super) fn push(&mut self, running: RunningRouter) {
        self.order.push(running.id);
        self.running.insert(running.id, running);
    }

    pub(super) fn remove(&mut self, id: RouterId) -> Option<RunningRouter> {
        self.order.retain(|other| *other != id);
        self.running.remove(id)
    }

    pub(super) fn get(&self, id: RouterId) -> Option<&RunningRouter> {
        self.running.get(id)
    }

    pub(super) fn get_mut(&mut self, id: RouterId) -> Option<&mut RunningRouter> {
        self.running.get_mut(id)
    }

    /// Every id, in the order in which the routers were added.
    pub(super) fn ids(&self) -> &[RouterId] {
        &self.order
    }

    /// Every router, in this order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &RunningRouter> {
        self.order.iter().filter_map(|id| self.get(*id))
    }

    /// Returns one of a router's addresses, by its position in the configuration.
    pub(super) fn address(&self, id: RouterId, index: usize) -> Option<IpAddr> {
        Some(self.get(id)?.router.addresses.get(index)?.address)
    }

    /// Returns how many addresses a router has.
    pub(super) fn address_count(&self, id: RouterId) -> usize {
        self.get(id).map_or(0, |running| running.router.addresses.len())
    }
}

/// One router, with what only this host needs to know of it.
#[derive(Debug)]
pub(super) struct RunningRouter {
    pub(super) id: RouterId,
    /// The configuration that was asked for.
    pub(super) asked: Arc<Router>,
    /// The same with what follows from this host and from the other routers.
    pub(super) router: Router,
    pub(super) port: usize,
    /// The ports of packets that bear on its takeover: its own port, and those of its sync group.
    pub(super) sockets: Arc<[usize]>,
    /// The interfaces of its addresses.
    pub(super) devices: Box<[String]>,
    /// The MAC address of the better Master that it yielded to last, as of the frame that said so.
    pub(super) winner_mac: Option<Mac>,
    /// The last text for each of its faults.
    pub(super) said: Vec<(Fault, String)>,
    /// The last other Master that it heard.
    pub(super) rival: Option<Rival>,
    /// Its notes on what it heard, for operators.
    pub(super) notes: Notes,
    /// The channel that shows its state, if anybody has asked for it.
    pub(super) watched: Option<watch::Sender<RouterState>>,
}

impl RunningRouter {
    pub(super) fn new(id: RouterId, asked: Arc<Router>, router: Router, port: usize) -> Self {
        let devices = Self::devices_of(&router);
        let (sockets, said, notes) = (Arc::new([port]), Vec::new(), Notes::default());
        Self { id, asked, router, port, sockets, devices, winner_mac: None, said, rival: None, notes, watched: None }
    }

    /// Returns where the addresses of a router are.
    pub(super) fn devices_of(router: &Router) -> Box<[String]> {
        let devices: BTreeSet<&str> = router.addresses.iter().map(|virtual_ip| router.device(virtual_ip)).collect();
        devices.into_iter().map(str::to_owned).collect()
    }
}

/// A router that goes on.
#[derive(Clone, Debug)]
pub(super) struct Resumed {
    pub(super) id: RouterId,
    /// Its addresses that are there, as they were to be set, and on which link each.
    pub(super) serves: Vec<(VirtualIp, u32)>,
    /// The addresses that are still to be announced, and how often.
    pub(super) unannounced: Vec<(IpAddr, u8)>,
    pub(super) started: bool,
}

/// Another Master, as it was last heard.
#[derive(Debug)]
pub(super) struct Rival {
    pub(super) address: IpAddr,
    pub(super) priority: Priority,
    pub(super) why: Option<Disagreement>,
    pub(super) heard_at: Instant,
}

/// The stray address that a router was told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) address: IpAddr,
    pub(super) left: Left,
    /// The moment at which it was last there.
    pub(super) seen: Instant,
    pub(super) there: bool,
}
