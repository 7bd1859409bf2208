//! The virtual addresses of this host: which are wanted, which are ours, and what is being asked of the kernel.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use vrrp_core::{RouterId, Vip};

use crate::netlink::{Done, Outcome, Requests};
use crate::{Router, VirtualIp};

/// Every address of every router.
#[derive(Debug)]
pub(crate) struct Holdings {
    /// By router and by position in its configuration.
    routers: Vec<Vec<Holding>>,
    /// Which of them have an address: several may, on different interfaces.
    places: HashMap<IpAddr, Vec<(RouterId, usize)>>,
    in_flight: HashMap<u64, Flight>,
    next_ticket: u64,
}

/// One address.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) vip: VirtualIp,
    pub(crate) device: String,
    /// How long it lasts unless it is renewed.
    lifetime: Option<Duration>,
    /// The core's request, while it wants the address.
    wanted: Option<Vip>,
    /// The request that the kernel fulfilled in name, until it says that the address is in use.
    awaited: Option<Vip>,
    /// The link on which we installed it, until we have removed it there. What was there before us is not ours.
    ours: Option<u32>,
    /// Removals of ours that the monitor has yet to see.
    removals_unseen: u32,
}

#[derive(Clone, Copy, Debug)]
enum Flight {
    Install { router: RouterId, request: Vip, ifindex: u32, repeated: bool },
    Remove { router: RouterId, index: usize },
    Sweep { router: RouterId, index: usize },
}

/// What an answer of the kernel means.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The router's request is fulfilled.
    Installed { request: Vip, foreign: bool },
    /// It is not, and why.
    Failed { request: Vip, error: io::Error },
    /// The address is gone.
    Removed,
    /// It could not be removed.
    Stuck(io::Error),
}

impl Holdings {
    pub(crate) fn new<'a>(routers: impl Iterator<Item = (RouterId, &'a Router)>) -> Self {
        let mut all = Self { routers: Vec::new(), places: HashMap::new(), in_flight: HashMap::new(), next_ticket: 0 };
        for (id, router) in routers {
            for (index, vip) in router.addresses.iter().enumerate() {
                all.places.entry(vip.address).or_default().push((id, index));
            }
            all.routers.push(router.addresses.iter().map(|vip| Holding::new(vip, router)).collect());
        }
        all
    }

    pub(crate) fn get(&self, router: RouterId, index: usize) -> Option<&Holding> {
        self.routers.get(router.index())?.get(index)
    }

    fn get_mut(&mut self, router: RouterId, index: usize) -> Option<&mut Holding> {
        self.routers.get_mut(router.index())?.get_mut(index)
    }

    /// Whether any router here has this address.
    pub(crate) fn is_virtual(&self, address: IpAddr) -> bool {
        self.places.contains_key(&address)
    }

    /// The routers that have this address.
    pub(crate) fn routers_of(&self, address: IpAddr) -> impl Iterator<Item = RouterId> {
        self.places.get(&address).into_iter().flatten().map(|(router, _)| *router)
    }

    /// Whether the kernel still owes answers.
    pub(crate) fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Asks for an address on `ifindex`. What is there already does no harm.
    pub(crate) fn install(&mut self, requests: &mut Requests, router: RouterId, request: Vip, ifindex: u32) {
        self.ask(requests, router, request, ifindex, false);
    }

    fn ask(&mut self, requests: &mut Requests, router: RouterId, request: Vip, ifindex: u32, repeated: bool) {
        let ticket = self.next_ticket;
        let Some(holding) = self.get_mut(router, request.index()) else { return };
        holding.wanted = Some(request);
        requests.install(ifindex, &holding.vip, holding.lifetime, ticket);
        self.take_off(Flight::Install { router, request, ifindex, repeated });
    }

    /// Renews some of a router's addresses: those that are wanted and ours.
    pub(crate) fn renew(&self, requests: &mut Requests, router: RouterId, indices: Range<usize>) {
        let holdings = self.routers.get(router.index()).and_then(|all| all.get(indices));
        let renewable = |holding: &'_ Holding| holding.wanted.and(holding.ours).zip(holding.lifetime);
        requests.renew(
            holdings
                .into_iter()
                .flatten()
                .filter_map(|holding| renewable(holding).map(|(ifindex, lifetime)| (ifindex, &holding.vip, lifetime))),
        );
    }

    /// Whether an address is still asked for by this request.
    pub(crate) fn wants(&self, router: RouterId, request: Vip) -> bool {
        self.get(router, request.index()).is_some_and(|holding| holding.wanted == Some(request))
    }

    /// An address is there already, as it is wanted or otherwise, and not by us.
    pub(crate) fn adopt(&mut self, router: RouterId, request: Vip) {
        if let Some(holding) = self.get_mut(router, request.index()) {
            holding.wanted = Some(request);
        }
    }

    /// Asks for an address to go, unless it is none of ours. What is still being installed goes when that is done.
    pub(crate) fn remove(&mut self, requests: &mut Requests, router: RouterId, index: usize) {
        let ticket = self.next_ticket;
        let Some(holding) = self.get_mut(router, index) else { return };
        holding.wanted = None;
        if let Some(ifindex) = holding.ours {
            holding.removals_unseen += 1;
            requests.remove(ifindex, &holding.vip, ticket);
            self.take_off(Flight::Remove { router, index });
        }
    }

    /// Asks for what a dead run left of an address to go: `leftover`, on `ifindex`.
    pub(crate) fn sweep(
        &mut self,
        requests: &mut Requests,
        router: RouterId,
        index: usize,
        leftover: &VirtualIp,
        ifindex: u32,
    ) {
        let ticket = self.next_ticket;
        let Some(holding) = self.get_mut(router, index) else { return };
        holding.removals_unseen += 1;
        requests.remove(ifindex, leftover, ticket);
        self.take_off(Flight::Sweep { router, index });
    }

    /// Takes the kernel's answer; says for which address of which router, and what it means. `shown`: the monitor has not
    /// yet seen an address go.
    pub(crate) fn answer(
        &mut self,
        requests: &mut Requests,
        done: Done,
        shown: impl Fn(&Holding) -> bool,
    ) -> Option<(RouterId, usize, Answer)> {
        match self.in_flight.remove(&done.ticket)? {
            Flight::Install { router, request, ifindex, repeated } => {
                let index = request.index();
                let holding = self.get_mut(router, index)?;
                let current = holding.wanted == Some(request);
                let unknown = done.result.as_ref().is_err_and(is_unknown);
                // What may be there is ours to remove.
                if unknown || matches!(done.result, Ok(Outcome::Installed)) {
                    holding.ours = Some(ifindex);
                }
                let foreign = holding.ours.is_none();
                match done.result {
                    // The kernel itself gives this error too, and then for ever: once is enough.
                    Err(_) if unknown && current && !repeated => {
                        self.ask(requests, router, request, ifindex, true);
                    }
                    Err(error) if current => return Some((router, index, Answer::Failed { request, error })),
                    Ok(_) if current => return Some((router, index, Answer::Installed { request, foreign })),
                    _ if holding.wanted.is_none() => self.remove(requests, router, index),
                    _ => {}
                }
                None
            }
            Flight::Remove { router, index } => {
                let holding = self.get_mut(router, index)?;
                let expired = matches!(done.result, Ok(Outcome::NotThere)) && shown(holding);
                if !expired {
                    holding.expect_news(&done.result);
                }
                match done.result {
                    Ok(_) => {
                        holding.ours = None;
                        Some((router, index, Answer::Removed))
                    }
                    Err(error) => Some((router, index, Answer::Stuck(error))),
                }
            }
            Flight::Sweep { router, index } => {
                self.get_mut(router, index)?.expect_news(&done.result);
                None
            }
        }
    }

    /// An address is there, but not yet in use.
    pub(crate) fn await_use(&mut self, router: RouterId, request: Vip) {
        if let Some(holding) = self.get_mut(router, request.index()) {
            holding.awaited = Some(request);
        }
    }

    /// The monitor saw an address come into use. Returns the router's request when that was waited for.
    pub(crate) fn appeared(&mut self, address: IpAddr, device: &str) -> Option<(RouterId, Vip)> {
        let (router, index) = self.place(address, device)?;
        let holding = self.get_mut(router, index)?;
        let request = holding.awaited.take()?;
        (holding.wanted == Some(request)).then_some((router, request))
    }

    /// The monitor saw an address go. Returns the router's request when somebody else removed what is wanted.
    pub(crate) fn vanished(&mut self, address: IpAddr, device: &str) -> Option<(RouterId, Vip)> {
        let (router, index) = self.place(address, device)?;
        let holding = self.get_mut(router, index)?;
        if holding.removals_unseen > 0 {
            holding.removals_unseen -= 1;
            return None;
        }
        // Its installation may still be unanswered: news and answers overtake each other.
        Some((router, holding.wanted?))
    }

    /// News were lost, among them perhaps those of our removals. Returns what is wanted and not `there`.
    pub(crate) fn missing(&mut self, there: impl Fn(&Holding) -> bool) -> Vec<(RouterId, Vip)> {
        self.routers.iter_mut().flatten().for_each(|holding| holding.removals_unseen = 0);
        let all = self.places.values().flatten().filter_map(|(id, index)| Some((*id, self.get(*id, *index)?)));
        all.filter(|(_, holding)| !there(holding)).filter_map(|(id, holding)| Some((id, holding.wanted?))).collect()
    }

    /// Which address of which router is `address` on `device`.
    fn place(&self, address: IpAddr, device: &str) -> Option<(RouterId, usize)> {
        let on_device = |(router, index): &&(RouterId, usize)| {
            self.get(*router, *index).is_some_and(|holding| holding.device == device)
        };
        self.places.get(&address)?.iter().find(on_device).copied()
    }

    fn take_off(&mut self, flight: Flight) {
        self.in_flight.insert(self.next_ticket, flight);
        self.next_ticket += 1;
    }
}

impl Holding {
    fn new(vip: &VirtualIp, router: &Router) -> Self {
        Self {
            vip: vip.clone(),
            device: router.device(vip).to_owned(),
            lifetime: router.config.lease(),
            wanted: None,
            awaited: None,
            ours: None,
            removals_unseen: 0,
        }
    }

    /// Of a removal that removed nothing there will be no news.
    fn expect_news(&mut self, removal: &io::Result<Outcome>) {
        if !matches!(removal, Ok(Outcome::Removed)) {
            self.removals_unseen = self.removals_unseen.saturating_sub(1);
        }
    }
}

/// Whether the answer was lost rather than the request.
fn is_unknown(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}
