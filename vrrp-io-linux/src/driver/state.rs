//! What the thread of the routers owns.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use vrrp_core::{Fault, Instant, Priority, RouterId, RouterSet};

use super::changing::Changing;
use super::command::Command;
use super::delays::Delays;
use super::interfaces::Interfaces;
use super::owed::Owed;
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
use crate::suspended::Ours;

/// Everything that one thread owns.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(super) set: RouterSet,
    pub(super) routers: Routers,
    pub(super) ports: Ports,
    pub(super) interfaces: Interfaces,
    pub(super) delays: Delays,
    pub(super) holdings: Holdings,
    pub(super) leases: Leases,
    pub(super) obstacles: Obstacles,
    /// When the kernel last confirmed an address.
    pub(super) confirmed_at: Instant,
    /// Who stays at fault, for other reasons than were told: others, or called otherwise.
    pub(super) untold: BTreeSet<RouterId>,
    /// Who is kept out by an address that is here.
    pub(super) strays: BTreeMap<RouterId, Told>,
    /// The deadline that renewals wait for.
    pub(super) renew_after: Option<Instant>,
    pub(super) monitor: Monitor,
    pub(super) requests: Requests,
    pub(super) link_layer: LinkLayer,
    /// Announcements that are still to be made.
    pub(super) announcements: Announcements,
    pub(super) macvlans: Macvlans,
    /// Whose macvlan the kernel has yet to remove.
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
    /// When to try again where another process runs one of the routers.
    pub(super) claim_at: Option<Instant>,
    /// Whether all intervals are long enough to let packets gather.
    pub(super) gathers: bool,
    pub(super) pauses: Pauses,
    /// When there was last nothing to do.
    pub(super) idle_at: Instant,
    pub(super) packet: Box<[u8]>,
    pub(super) message: Box<[u8]>,
    /// The routers that go on from another process, until they do.
    pub(super) resumed: Vec<Resumed>,
    /// What that process has left on the host, addresses and links of macvlans.
    pub(super) left: Vec<Ours>,
    pub(super) unwanted: Vec<u32>,
}

/// Every router of the set.
#[derive(Debug, Default)]
pub(super) struct Routers {
    hosted: ByRouter<Hosted>,
    /// As they were added.
    order: Vec<RouterId>,
}

impl Routers {
    pub(super) fn push(&mut self, hosted: Hosted) {
        self.order.push(hosted.id);
        self.hosted.insert(hosted.id, hosted);
    }

    pub(super) fn remove(&mut self, id: RouterId) -> Option<Hosted> {
        self.order.retain(|other| *other != id);
        self.hosted.remove(id)
    }

    pub(super) fn get(&self, id: RouterId) -> Option<&Hosted> {
        self.hosted.get(id)
    }

    pub(super) fn get_mut(&mut self, id: RouterId) -> Option<&mut Hosted> {
        self.hosted.get_mut(id)
    }

    /// Every id, in the order in which the routers were added.
    pub(super) fn ids(&self) -> &[RouterId] {
        &self.order
    }

    /// Every router, in this order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Hosted> {
        self.order.iter().filter_map(|id| self.get(*id))
    }

    /// Returns one of a router's addresses, by its position in the configuration.
    pub(super) fn address(&self, id: RouterId, index: usize) -> Option<IpAddr> {
        Some(self.get(id)?.router.addresses.get(index)?.address)
    }

    /// Returns how many addresses a router has.
    pub(super) fn address_count(&self, id: RouterId) -> usize {
        self.get(id).map_or(0, |hosted| hosted.router.addresses.len())
    }
}

/// One router, with what only this host needs to know of it.
#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) id: RouterId,
    /// As it was asked for.
    pub(super) asked: Arc<Router>,
    /// With what follows from this host and from the other routers.
    pub(super) router: Router,
    pub(super) port: usize,
    /// Where packets come in that bear on its takeover: its own port, and those of its sync group.
    pub(super) heard_on: Arc<[usize]>,
    /// Where its addresses are.
    pub(super) devices: Box<[String]>,
    /// The MAC address of the better Master that it yielded to last, as of the frame that said so.
    pub(super) winner_mac: Option<Mac>,
    /// What its faults were last called.
    pub(super) said: Vec<(Fault, String)>,
    /// The last other Master that it heard.
    pub(super) rival: Option<Rival>,
    /// Where its state is shown, if anybody has asked for it.
    pub(super) watched: Option<watch::Sender<RouterState>>,
}

impl Hosted {
    pub(super) fn new(id: RouterId, asked: Arc<Router>, router: Router, port: usize) -> Self {
        let devices = Self::devices_of(&router);
        let (heard_on, said) = (Arc::new([port]), Vec::new());
        Self { id, asked, router, port, heard_on, devices, winner_mac: None, said, rival: None, watched: None }
    }

    /// Returns where the addresses of a router are.
    pub(super) fn devices_of(router: &Router) -> Box<[String]> {
        let devices: BTreeSet<&str> = router.addresses.iter().map(|vip| router.device(vip)).collect();
        devices.into_iter().map(str::to_owned).collect()
    }
}

/// A router that goes on.
#[derive(Clone, Debug)]
pub(super) struct Resumed {
    pub(super) id: RouterId,
    /// Its addresses that are there, and on which link each.
    pub(super) serves: Vec<(IpAddr, u32)>,
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

/// What a router was told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) address: IpAddr,
    pub(super) left: Left,
    /// When it was last there.
    pub(super) seen: Instant,
    pub(super) there: bool,
}
