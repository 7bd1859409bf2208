//! The virtual addresses of this host: which are wanted, which are ours, and what is being asked of the kernel.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

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
    /// The core's request, while it wants the address.
    wanted: Option<Vip>,
    /// The kernel confirmed the request.
    confirmed: bool,
    /// We installed it, and have not removed it since. What was there before us is not ours to remove.
    ours: bool,
    /// Removals of ours that the monitor has yet to see.
    removals_unseen: u32,
}

#[derive(Clone, Copy, Debug)]
enum Flight {
    Install { router: RouterId, index: usize, request: Vip, ifindex: u32 },
    Remove { router: RouterId, index: usize },
    Sweep,
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
            all.routers.push(router.addresses.iter().map(|vip| Holding::new(vip, router.device(vip))).collect());
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

    /// Every interface that carries virtual addresses, once for each of them.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &str> {
        self.routers.iter().flatten().map(|holding| holding.device.as_str())
    }

    /// A router with an address on `device`.
    pub(crate) fn first_on(&self, device: &str) -> Option<RouterId> {
        let on_device = |(router, index): &&(RouterId, usize)| {
            self.get(*router, *index).is_some_and(|holding| holding.device == device)
        };
        self.places.values().flatten().find(on_device).map(|(router, _)| *router)
    }

    /// Whether the kernel still owes answers.
    pub(crate) fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Asks for an address on `ifindex`.
    pub(crate) fn install(&mut self, requests: &mut Requests, router: RouterId, request: Vip, ifindex: u32) {
        let ticket = self.next_ticket;
        let Some(holding) = self.get_mut(router, request.index()) else { return };
        (holding.wanted, holding.confirmed) = (Some(request), false);
        requests.install(ifindex, &holding.vip, ticket);
        self.take_off(Flight::Install { router, index: request.index(), request, ifindex });
    }

    /// Asks for an address to go, unless it is none of ours. What is still being installed goes when that is done.
    pub(crate) fn remove(&mut self, requests: &mut Requests, router: RouterId, index: usize, ifindex: Option<u32>) {
        let ticket = self.next_ticket;
        let Some(holding) = self.get_mut(router, index) else { return };
        (holding.wanted, holding.confirmed) = (None, false);
        match ifindex {
            Some(ifindex) if holding.ours => {
                holding.removals_unseen += 1;
                requests.remove(ifindex, &holding.vip, ticket);
                self.take_off(Flight::Remove { router, index });
            }
            Some(_) => {}
            // It went with its interface.
            None => holding.ours = false,
        }
    }

    /// Asks for an address of a dead run to go.
    pub(crate) fn sweep(&mut self, requests: &mut Requests, vip: &VirtualIp, ifindex: u32) {
        requests.remove(ifindex, vip, self.next_ticket);
        self.take_off(Flight::Sweep);
    }

    /// Takes the kernel's answer; says for which address of which router, and what it means.
    pub(crate) fn answer(&mut self, requests: &mut Requests, done: Done) -> Option<(RouterId, usize, Answer)> {
        match self.in_flight.remove(&done.ticket)? {
            Flight::Install { router, index, request, ifindex } => {
                let holding = self.get_mut(router, index)?;
                let current = holding.wanted == Some(request);
                let foreign = match done.result {
                    Ok(Outcome::Installed) => {
                        holding.ours = true;
                        false
                    }
                    Ok(_) => !holding.ours,
                    // The answer was lost, not the request: ask again.
                    Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) && current => {
                        holding.ours = true;
                        self.install(requests, router, request, ifindex);
                        return None;
                    }
                    Err(error) => return current.then_some((router, index, Answer::Failed { request, error })),
                };
                if current {
                    holding.confirmed = true;
                    return Some((router, index, Answer::Installed { request, foreign }));
                }
                if holding.wanted.is_none() {
                    self.remove(requests, router, index, Some(ifindex));
                }
                None
            }
            Flight::Remove { router, index } => {
                let holding = self.get_mut(router, index)?;
                match done.result {
                    Ok(outcome) => {
                        holding.ours = false;
                        if outcome == Outcome::NotThere {
                            holding.removals_unseen = holding.removals_unseen.saturating_sub(1);
                        }
                        Some((router, index, Answer::Removed))
                    }
                    Err(error) => Some((router, index, Answer::Stuck(error))),
                }
            }
            Flight::Sweep => None,
        }
    }

    /// The monitor saw an address go. Returns the router's request when somebody else removed what is wanted.
    pub(crate) fn vanished(&mut self, address: IpAddr, device: &str) -> Option<(RouterId, Vip)> {
        let places = self.places.get(&address)?;
        let on_device = |(router, index): &&(RouterId, usize)| {
            self.get(*router, *index).is_some_and(|holding| holding.device == device)
        };
        let (router, index) = *places.iter().find(on_device)?;
        let holding = self.get_mut(router, index)?;
        if holding.removals_unseen > 0 {
            holding.removals_unseen -= 1;
            return None;
        }
        let request = holding.wanted.filter(|_| holding.confirmed)?;
        Some((router, request))
    }

    fn take_off(&mut self, flight: Flight) {
        self.in_flight.insert(self.next_ticket, flight);
        self.next_ticket += 1;
    }
}

impl Holding {
    fn new(vip: &VirtualIp, device: &str) -> Self {
        Self {
            vip: vip.clone(),
            device: device.to_owned(),
            wanted: None,
            confirmed: false,
            ours: false,
            removals_unseen: 0,
        }
    }
}
