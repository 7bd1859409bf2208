//! The virtual addresses of this host: which are wanted, where we put them, and what is being asked of the kernel.
//!
//! A ledger: it decides by what it is told, and returns what the kernel is to be [asked](Ask). Here a link is its index, as it is
//! for the kernel; a name may go to another link.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::time::Duration;

use vrrp_core::{AddressRequest, Instant, RouterId};

use crate::address_error::AddressError;
use crate::burst::Burst;
use crate::by_router::ByRouter;
use crate::kernel::netlink::mirror::{HostAddress, Use};
use crate::kernel::netlink::requests::{Done, RequestOutcome};
use crate::router::Router;
use crate::status::OnHost;
use crate::suspended::SuspendedAddress;
use crate::virtual_ip::VirtualIp;

/// Every address of every router.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    routers: ByRouter<Account>,
    /// The routers that have an address, and its position in their account: several may, on one interface or on
    /// different ones.
    holders: HashMap<IpAddr, Vec<(RouterId, usize)>>,
    /// Facts about an address on a link, besides those that the host shows; most addresses have none.
    records: HashMap<Place, Record>,
    /// Addresses that stay on a link though their router is not Master; mostly none.
    left: BTreeMap<(RouterId, IpAddr), (u32, Left)>,
    in_flight: HashMap<u64, Flight>,
    next_ticket: u64,
}

/// The addresses of one router.
#[derive(Debug)]
struct Account {
    /// In the order of its configuration; behind these what was configured away, until it is [closed](Holdings::close).
    holdings: Vec<Holding>,
    configured: usize,
    /// True if it runs at priority 255.
    is_owner: bool,
    /// Answers that the kernel owes.
    in_flight: usize,
}

/// One address of one router.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) virtual_ip: VirtualIp,
    pub(crate) device: String,
    /// Counts how often prefix, device or what else the kernel is told of it changed.
    edition: u32,
    /// True if the address is its router's own: when somebody else has set it, it stays (priority 255).
    owned: bool,
    /// The time that it lasts unless it is renewed.
    lifetime: Option<Duration>,
    wanted: Option<WantedAddress>,
    /// The links on which it was asked for since it was last withdrawn.
    asked_on: BTreeSet<u32>,
    /// The times at which it was put back.
    put_back: Burst,
}

/// The core's request for an address, while it stands.
#[derive(Clone, Copy, Debug)]
struct WantedAddress {
    request: AddressRequest,
    ifindex: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The kernel has yet to answer.
    Asked,
    /// It has the address, and has yet to say that it is in use.
    Awaited,
    /// It serves.
    Here,
    /// It is gone again.
    Lost,
}

/// The place of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    ifindex: u32,
    address: IpAddr,
}

#[derive(Debug, Default)]
struct Record {
    /// The prefix lengths with which it is there and ours to remove: by us, or taken over.
    ours: BTreeSet<u8>,
    /// Removals of ours that the monitor has yet to see.
    removals_unseen: u32,
    /// The times at which it was removed as a stray.
    removed: Burst,
}

#[derive(Clone, Copy, Debug)]
enum Flight {
    Install(Installation),
    /// One that is `told` is a router's own word.
    Remove {
        router: RouterId,
        place: Place,
        prefix_len: u8,
        told: bool,
    },
}

/// One that was asked for.
#[derive(Clone, Copy, Debug)]
struct Installation {
    router: RouterId,
    request: AddressRequest,
    place: Place,
    prefix_len: u8,
    edition: u32,
    repeated: bool,
}

/// The meaning of an answer, or of news of the kernel, for an address.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The router's request is fulfilled. `foreign`: by what was there before, and will stay.
    Installed { request: AddressRequest, foreign: bool, prefix_len: u8 },
    /// It is not, and why.
    Failed { request: AddressRequest, error: AddressError },
    /// It is there as it was configured before: it has to be removed, and installed anew.
    Outdated { request: AddressRequest },
    /// The address is gone from this link.
    Removed { ifindex: u32, prefix_len: u8 },
    /// It could not be removed.
    Stuck(io::Error),
}

/// An address that is on the host though its router is not Master, and is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stray {
    pub(crate) prefix_len: u8,
    /// An earlier run left it.
    pub(crate) marked: bool,
}

/// The reason why an address stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is the only one that its interface can send from.
    Needed,
    /// It comes back again and again.
    Contested,
}

/// A request to the kernel. Several are sent in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ask {
    /// To have an address, for so long. The answer goes to [`Holdings::answer`].
    Install { ifindex: u32, virtual_ip: VirtualIp, lifetime: Option<Duration>, ticket: u64 },
    /// To have it last for so long from now. There is no answer.
    Renew { ifindex: u32, virtual_ip: VirtualIp, lifetime: Duration },
    /// To have it no more, whatever its label: the kernel renames that with its link. The answer goes to
    /// [`Holdings::answer`].
    Remove { ifindex: u32, address: IpAddr, prefix_len: u8, ticket: u64 },
}

/// The consequences of news or of an answer: requests to the kernel, and an answer for a router.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Consequences {
    pub(crate) asks: Vec<Ask>,
    /// The answer for an address of a router, and what it means.
    pub(crate) answer: Option<(RouterId, IpAddr, Answer)>,
}

/// The links and addresses of the host, as the news so far show them.
pub(crate) trait Host {
    /// Everything that a link has of an address.
    fn at(&self, ifindex: u32, address: IpAddr) -> impl Iterator<Item = &HostAddress>;
    /// Returns an address if a link has it. A link may have an IPv4 address more than once, and each of them serves.
    fn shown(&self, ifindex: u32, address: IpAddr) -> Option<&HostAddress> {
        self.at(ifindex, address).next()
    }
    /// The link of this name.
    fn index(&self, name: &str) -> Option<u32>;
    /// Tells whether a link can carry anything.
    fn is_up(&self, ifindex: u32) -> bool;
}

impl Holdings {
    /// Takes in a router, of which nothing is on the host yet.
    pub(crate) fn add(&mut self, id: RouterId, router: &Router) {
        let holdings: Vec<Holding> =
            router.addresses.iter().map(|virtual_ip| Holding::new(virtual_ip, router)).collect();
        let (configured, is_owner) = (holdings.len(), router.config.priority().is_owner());
        self.routers.insert(id, Account { holdings, configured, is_owner, in_flight: 0 });
        self.list(id);
    }

    /// Returns everything that is on the host by us, or was taken over.
    pub(crate) fn all_ours(&self) -> Vec<SuspendedAddress> {
        let all = self.records.iter().flat_map(|(place, record)| record.ours.iter().map(move |len| (place, *len)));
        all.map(|(Place { ifindex, address }, prefix_len)| SuspendedAddress {
            ifindex: *ifindex,
            address: *address,
            prefix_len,
        })
        .collect()
    }

    /// Takes over what another process had on the host. What it had that no router has any more is not booked.
    pub(crate) fn resume_ours(&mut self, ours: &[SuspendedAddress]) {
        for SuspendedAddress { ifindex, address, prefix_len } in ours.iter().copied() {
            if self.is_virtual(address) {
                self.records.entry(Place { ifindex, address }).or_default().ours.insert(prefix_len);
            }
        }
    }

    /// A Master serves an address on a link as in another process before.
    pub(crate) fn resume(&mut self, router: RouterId, request: AddressRequest, ifindex: u32) {
        if let Some(holding) = self.get_mut(router, request.address) {
            holding.want(WantedAddress { request, ifindex, stage: Stage::Here });
        }
    }

    /// Forgets a router. It must be [settled](Self::is_settled_for), and have been asked to remove every address.
    pub(crate) fn remove_router(&mut self, id: RouterId) {
        let addresses = self.unlist(id);
        self.routers.remove(id);
        self.forget(id, &addresses);
    }

    /// Returns the addresses that a running router has otherwise than `router` says: with another prefix, or on another device.
    /// Each has to be [removed](Self::remove) before it is [readdressed](Self::readdress), and is installed again after that. One
    /// that is still being installed follows with its [answer](Answer::Outdated).
    pub(crate) fn changed(&self, id: RouterId, router: &Router) -> Vec<AddressRequest> {
        let changed = |virtual_ip: &VirtualIp| {
            let holding = self.get(id, virtual_ip.address)?;
            let wanted = holding.wanted.filter(|wanted| wanted.stage != Stage::Asked)?;
            (!holding.is_like(virtual_ip, router)).then_some(wanted.request)
        };
        router.addresses.iter().filter_map(changed).collect()
    }

    /// From now on a router has the addresses of `router`. What stays keeps its record, wherever it stands now. What goes
    /// keeps its own, and an owner that is none any more what it owns, until that is [closed](Self::close). Returns what the
    /// kernel is to be asked where an address has no lifetime any more: another one comes with the next renewal.
    pub(crate) fn readdress(&mut self, id: RouterId, router: &Router) -> Vec<Ask> {
        self.unlist(id);
        let Some(account) = self.routers.get_mut(id) else { return Vec::new() };
        let before = account.holdings.drain(..).map(|holding| (holding.virtual_ip.address, holding));
        let mut before: BTreeMap<IpAddr, Holding> = before.collect();
        let mut endless = Vec::new();
        for virtual_ip in &router.addresses {
            let mut holding = Holding::new(virtual_ip, router);
            if let Some(known) = before.remove(&virtual_ip.address) {
                if known.lifetime.is_some() && holding.lifetime.is_none() {
                    endless.extend(known.wanted.map(|wanted| (wanted, virtual_ip)));
                }
                let edition = known.edition.wrapping_add(u32::from(!known.is_like(virtual_ip, router)));
                let owned = known.owned || holding.owned;
                let Holding { virtual_ip, device, lifetime, .. } = holding;
                holding = Holding { virtual_ip, device, edition, lifetime, owned, ..known };
            }
            account.holdings.push(holding);
        }
        account.configured = account.holdings.len();
        account.is_owner = router.config.priority().is_owner();
        account.holdings.extend(before.into_values());
        self.list(id);
        let endless = endless.into_iter().filter(|(wanted, virtual_ip)| {
            wanted.stage != Stage::Lost && self.is_ours(wanted.ifindex, virtual_ip.address, virtual_ip.prefix_len)
        });
        let renew = |(wanted, virtual_ip): (WantedAddress, &VirtualIp)| Ask::Renew {
            ifindex: wanted.ifindex,
            virtual_ip: virtual_ip.clone(),
            lifetime: FOR_EVER,
        };
        endless.map(renew).collect()
    }

    /// Forgets what was configured away from a router. It must be [settled](Self::is_settled_for).
    pub(crate) fn close(&mut self, id: RouterId) {
        self.unlist(id);
        let Some(account) = self.routers.get_mut(id) else { return };
        let gone = account.holdings.split_off(account.configured);
        account.holdings.iter_mut().for_each(|holding| holding.owned = account.is_owner);
        self.list(id);
        let gone: Vec<IpAddr> = gone.iter().map(|holding| holding.virtual_ip.address).collect();
        self.forget(id, &gone);
    }

    /// Tells whether the kernel owes a router no answers.
    pub(crate) fn is_settled_for(&self, id: RouterId) -> bool {
        self.routers.get(id).is_none_or(|account| account.in_flight == 0)
    }

    /// Notes where the addresses of a router are found.
    fn list(&mut self, id: RouterId) {
        let holdings = self.routers.get(id).map_or(&[][..], |account| &account.holdings);
        for (position, holding) in holdings.iter().enumerate() {
            self.holders.entry(holding.virtual_ip.address).or_default().push((id, position));
        }
    }

    /// Returns what was listed.
    fn unlist(&mut self, id: RouterId) -> Vec<IpAddr> {
        let holdings = self.routers.get(id).map_or(&[][..], |account| &account.holdings);
        for holding in holdings {
            let Some(holders) = self.holders.get_mut(&holding.virtual_ip.address) else { continue };
            holders.retain(|(whose, _)| *whose != id);
            if holders.is_empty() {
                self.holders.remove(&holding.virtual_ip.address);
            }
        }
        holdings.iter().map(|holding| holding.virtual_ip.address).collect()
    }

    /// A router has these no more. Of what nobody has only those removals are still known whose news are to come.
    fn forget(&mut self, id: RouterId, addresses: &[IpAddr]) {
        self.left.retain(|(whose, address), _| *whose != id || !addresses.contains(address));
        let gone: BTreeSet<IpAddr> = addresses.iter().copied().filter(|address| !self.is_virtual(*address)).collect();
        if gone.is_empty() {
            return;
        }
        self.records.retain(|place, record| {
            if gone.contains(&place.address) {
                (record.ours, record.removed) = (BTreeSet::new(), Burst::default());
            }
            !record.is_empty()
        });
    }

    pub(crate) fn get(&self, router: RouterId, address: IpAddr) -> Option<&Holding> {
        let position = self.position(router, address)?;
        self.routers.get(router)?.holdings.get(position)
    }

    fn get_mut(&mut self, router: RouterId, address: IpAddr) -> Option<&mut Holding> {
        let position = self.position(router, address)?;
        self.routers.get_mut(router)?.holdings.get_mut(position)
    }

    fn position(&self, router: RouterId, address: IpAddr) -> Option<usize> {
        self.holders.get(&address)?.iter().find(|(id, _)| *id == router).map(|(_, position)| *position)
    }

    /// Tells whether any router here has this address.
    pub(crate) fn is_virtual(&self, address: IpAddr) -> bool {
        self.holders.contains_key(&address)
    }

    /// Tells whether a router here that runs at priority 255 has this address.
    pub(crate) fn is_owned(&self, address: IpAddr) -> bool {
        self.holders_of(address).any(|(_, holding)| holding.owned)
    }

    /// Tells whether an address with this prefix is on a link by us.
    pub(crate) fn is_ours(&self, ifindex: u32, address: IpAddr, prefix_len: u8) -> bool {
        self.records.get(&Place { ifindex, address }).is_some_and(|record| record.ours.contains(&prefix_len))
    }

    /// Tells whether an address is on a link by us, with any prefix.
    pub(crate) fn is_any_ours(&self, ifindex: u32, address: IpAddr) -> bool {
        self.records.get(&Place { ifindex, address }).is_some_and(|record| !record.ours.is_empty())
    }

    /// Tells whether the monitor has yet to see a removal of ours.
    fn is_going(&self, place: Place) -> bool {
        self.records.get(&place).is_some_and(|record| record.removals_unseen > 0)
    }

    /// The routers that have an address.
    pub(crate) fn routers_with(&self, address: IpAddr) -> impl Iterator<Item = RouterId> {
        self.holders.get(&address).into_iter().flatten().map(|(id, _)| *id)
    }

    fn holders_of(&self, address: IpAddr) -> impl Iterator<Item = (RouterId, &Holding)> {
        let holders = self.holders.get(&address).into_iter().flatten();
        holders.filter_map(|(id, position)| Some((*id, self.routers.get(*id)?.holdings.get(*position)?)))
    }

    fn holdings(&self, router: RouterId) -> &[Holding] {
        self.routers.get(router).map_or(&[], |account| &account.holdings)
    }

    /// Tells whether the kernel owes no more answers.
    pub(crate) fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Tells whether this request still asks for an address.
    pub(crate) fn wants(&self, router: RouterId, request: AddressRequest) -> bool {
        self.get(router, request.address).is_some_and(|holding| holding.wanted.is_some_and(|it| it.request.is(request)))
    }

    /// The link on which an address serves, if it does.
    pub(crate) fn serves_on(&self, router: RouterId, address: IpAddr) -> Option<u32> {
        let wanted = self.get(router, address)?.wanted.filter(|wanted| wanted.stage == Stage::Here)?;
        Some(wanted.ifindex)
    }

    /// Returns the addresses of a router that serve now.
    pub(crate) fn served(&self, router: RouterId) -> Vec<AddressRequest> {
        let here = |holding: &Holding| holding.wanted.filter(|it| it.stage == Stage::Here).map(|it| it.request);
        self.holdings(router).iter().filter_map(here).collect()
    }

    /// Returns the state of an address on a link, as the status shows it.
    pub(crate) fn on_host(&self, host: &impl Host, ifindex: u32, address: IpAddr) -> OnHost {
        // What nobody wants there any more was removed, so what is there is another's.
        let mut holders = self.holders_of(address);
        let wanted = holders.any(|(_, holding)| holding.wanted.is_some_and(|wanted| wanted.ifindex == ifindex));
        let Some(there) = host.shown(ifindex, address) else { return OnHost::Absent };
        match there.usage {
            Use::Usable => OnHost::Here { ours: wanted && self.is_ours(ifindex, address, there.prefix_len) },
            Use::Tentative => OnHost::Tentative,
            Use::Duplicate => OnHost::Duplicate,
        }
    }

    /// Asks for an address on a link. The answer comes without asking the kernel where the owner's own address is there already.
    ///
    /// An address that is there with another prefix, or does not serve, is removed first, unless it is its owner's.
    pub(crate) fn install(
        &mut self,
        host: &impl Host,
        router: RouterId,
        request: AddressRequest,
        ifindex: u32,
    ) -> Consequences {
        let place = Place { ifindex, address: request.address };
        let Some(holding) = self.get_mut(router, place.address) else { return Consequences::default() };
        holding.want(WantedAddress { request, ifindex, stage: Stage::Asked });
        let (owned, wanted_len) = (holding.owned, holding.virtual_ip.prefix_len);
        // While removals of ours are unseen the host shows what is gone.
        let going = self.is_going(place);
        let other = |there: &&HostAddress| !going && (there.prefix_len != wanted_len || !there.is_usable());
        let others: Vec<HostAddress> = host.at(ifindex, place.address).filter(other).cloned().collect();
        if owned {
            if let Some(real) = others.iter().find(|there| !there.marked) {
                // The owner's real address has the prefix of its network, which need not be the one configured.
                let answer = self.judge(router, place.address, real.usage, Some(real.prefix_len));
                return Consequences::of(router, place.address, answer);
            }
        }
        let mut asks = Vec::new();
        if !self.is_shared(router, place) {
            for there in &others {
                asks.push(self.ask_removal(router, place, there.prefix_len, false));
            }
        }
        asks.extend(self.ask(router, request, place, false));
        Consequences { asks, answer: None }
    }

    /// Decides what an address that is there means for the router that wants it: it serves, or fails, or is waited for. `foreign`:
    /// the prefix with which others have set it.
    fn judge(&mut self, router: RouterId, address: IpAddr, usage: Use, foreign: Option<u8>) -> Option<Answer> {
        let holding = self.get_mut(router, address)?;
        let wanted = holding.wanted.as_mut()?;
        let request = wanted.request;
        match usage {
            Use::Usable => {
                wanted.stage = Stage::Here;
                let prefix_len = foreign.unwrap_or(holding.virtual_ip.prefix_len);
                Some(Answer::Installed { request, foreign: foreign.is_some(), prefix_len })
            }
            Use::Tentative => {
                wanted.stage = Stage::Awaited;
                None
            }
            Use::Duplicate => {
                holding.wanted = None;
                Some(Answer::Failed { request, error: AddressError::Duplicate })
            }
        }
    }

    fn ask(&mut self, router: RouterId, request: AddressRequest, place: Place, repeated: bool) -> Option<Ask> {
        let holding = self.get(router, place.address)?;
        let (virtual_ip, lifetime, edition) = (holding.virtual_ip.clone(), holding.lifetime, holding.edition);
        let prefix_len = virtual_ip.prefix_len;
        let installation = Installation { router, request, place, prefix_len, edition, repeated };
        let ticket = self.take_off(router, Flight::Install(installation));
        Some(Ask::Install { ifindex: place.ifindex, virtual_ip, lifetime, ticket })
    }

    fn ask_removal(&mut self, router: RouterId, place: Place, prefix_len: u8, told: bool) -> Ask {
        let record = self.records.entry(place).or_default();
        record.ours.remove(&prefix_len);
        record.removals_unseen += 1;
        let ticket = self.take_off(router, Flight::Remove { router, place, prefix_len, told });
        Ask::Remove { ifindex: place.ifindex, address: place.address, prefix_len, ticket }
    }

    /// Returns the addresses to renew among these parts of routers' addresses, and for how long: those that are wanted and ours.
    pub(crate) fn renewals(
        &self,
        parts: impl Iterator<Item = (RouterId, Range<usize>)>,
    ) -> impl Iterator<Item = (u32, &VirtualIp, Duration)> {
        let part = |(router, indices): (RouterId, _)| self.routers.get(router)?.holdings.get(indices);
        parts.filter_map(part).flatten().filter_map(|holding| {
            let wanted = holding.wanted.filter(|wanted| wanted.stage != Stage::Lost)?;
            let ours = self.is_ours(wanted.ifindex, holding.virtual_ip.address, holding.virtual_ip.prefix_len);
            Some((wanted.ifindex, &holding.virtual_ip, holding.lifetime?)).filter(|_| ours)
        })
    }

    /// Asks for an address to go where it is ours; where nobody owns it, also what else there is of it. It stays where
    /// another router wants it. What is still being installed goes when that is done.
    pub(crate) fn remove(&mut self, host: &impl Host, router: RouterId, address: IpAddr) -> Vec<Ask> {
        let mut asks = Vec::new();
        let Some(holding) = self.get_mut(router, address) else { return asks };
        holding.wanted = None;
        let mut links = std::mem::take(&mut holding.asked_on);
        let own_link = host.index(&holding.device);
        links.extend(own_link);
        for ifindex in links {
            let place = Place { ifindex, address };
            if self.is_shared(router, place) {
                asks.extend(self.hand_over(place));
                continue;
            }
            let record = self.records.get(&place);
            let mut prefixes = record.map_or_else(BTreeSet::new, |record| record.ours.clone());
            let stays = self.left.contains_key(&(router, address)) || self.is_owned(address);
            if own_link == Some(ifindex) && !stays && !self.is_going(place) {
                prefixes.extend(host.at(ifindex, address).map(|there| there.prefix_len));
            }
            for prefix_len in prefixes {
                asks.push(self.ask_removal(router, place, prefix_len, true));
            }
        }
        asks
    }

    /// Tells whether another router needs an address to stay on a link, because it wants it there.
    fn is_shared(&self, router: RouterId, place: Place) -> bool {
        let others = self.holders_of(place.address).filter(|(id, _)| *id != router);
        others.into_iter().any(|(_, holding)| holding.wanted.is_some_and(|it| it.ifindex == place.ifindex))
    }

    /// An address stays for others than the one that has it by its own lifetime.
    fn hand_over(&self, place: Place) -> impl Iterator<Item = Ask> {
        self.holders_of(place.address).filter_map(move |(_, holding)| {
            let ifindex = holding.wanted.filter(|it| it.ifindex == place.ifindex)?.ifindex;
            let ours = self.is_ours(ifindex, place.address, holding.virtual_ip.prefix_len);
            let lifetime = holding.lifetime.unwrap_or(FOR_EVER);
            ours.then(|| Ask::Renew { ifindex, virtual_ip: holding.virtual_ip.clone(), lifetime })
        })
    }

    /// Returns what a link has of an address though its router does not want it, and nobody owns it. `only_marked`: addresses
    /// without our mark do not count.
    pub(crate) fn strays(
        &self,
        host: &impl Host,
        (router, address): (RouterId, IpAddr),
        (ifindex, only_marked): (u32, bool),
    ) -> Vec<Stray> {
        let Some(holding) = self.get(router, address) else { return Vec::new() };
        let place = Place { ifindex, address };
        let wanted = holding.wanted.is_some() || self.is_shared(router, place) || self.is_owned(place.address);
        if wanted || self.is_going(place) || self.left.contains_key(&(router, address)) {
            return Vec::new();
        }
        let stray = |there: &HostAddress| Stray { prefix_len: there.prefix_len, marked: there.marked };
        host.at(ifindex, place.address).map(stray).filter(|stray| stray.marked || !only_marked).collect()
    }

    /// Asks for strays to go, unless they are `needed` there, or come back again and again: then nothing is asked. What an
    /// earlier run has marked is never needed.
    pub(crate) fn remove_strays(
        &mut self,
        (router, address): (RouterId, IpAddr),
        ifindex: u32,
        strays: &[Stray],
        now: Instant,
        needed: bool,
    ) -> Vec<Ask> {
        let place = Place { ifindex, address };
        let left = match needed && strays.iter().any(|stray| !stray.marked) {
            true => Some(Left::Needed),
            false if self.records.entry(place).or_default().removed.take(now) => None,
            false => Some(Left::Contested),
        };
        if let Some(left) = left {
            self.left.insert((router, address), (ifindex, left));
            return Vec::new();
        }
        strays.iter().map(|stray| self.ask_removal(router, place, stray.prefix_len, false)).collect()
    }

    /// Tells whether any address stays that should not be there.
    pub(crate) fn any_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Forgets that addresses stay on a link because they are needed there: they may not be needed any more.
    pub(crate) fn reconsider_needed(&mut self, ifindex: u32) {
        self.left.retain(|_, (there, left)| (*there, *left) != (ifindex, Left::Needed));
    }

    /// An address of a router that stays on a link though the router is not Master, and why.
    pub(crate) fn left(&self, router: RouterId) -> Option<(VirtualIp, u32, Left)> {
        let (first, last) = ((router, Ipv4Addr::UNSPECIFIED.into()), (router, Ipv6Addr::from(u128::MAX).into()));
        let ((_, address), (ifindex, left)) = self.left.range(first..=last).next()?;
        Some((self.get(router, *address)?.virtual_ip.clone(), *ifindex, *left))
    }

    /// Takes the kernel's answer to what was asked with this ticket.
    pub(crate) fn answer(&mut self, host: &impl Host, Done { ticket, result }: Done) -> Consequences {
        let Some(flight) = self.in_flight.remove(&ticket) else { return Consequences::default() };
        let (Flight::Install(Installation { router, .. }) | Flight::Remove { router, .. }) = flight;
        if let Some(account) = self.routers.get_mut(router) {
            account.in_flight = account.in_flight.saturating_sub(1);
        }
        match flight {
            Flight::Install(installation) => self.installation_done(host, installation, result),
            Flight::Remove { router, place, prefix_len, told } => {
                let answer = self.removal_done(host, place, prefix_len, result);
                let is_told = told || matches!(answer, Answer::Stuck(_));
                Consequences::of(router, place.address, is_told.then_some(answer))
            }
        }
    }

    fn installation_done(
        &mut self,
        host: &impl Host,
        Installation { router, request, place, prefix_len, edition, repeated }: Installation,
        result: io::Result<RequestOutcome>,
    ) -> Consequences {
        let address = place.address;
        let Some(holding) = self.get(router, address) else { return Consequences::default() };
        let (wanted, owned) = (holding.wanted, holding.owned);
        let (current, outdated) = (wanted.is_some_and(|it| it.request.is(request)), holding.edition != edition);
        let is_in_place =
            wanted.is_some_and(|it| it.ifindex == place.ifindex) && holding.virtual_ip.prefix_len == prefix_len;
        let unknown = result.as_ref().is_err_and(is_unknown);
        // An address that may be there is ours to remove. So is one that was there, unless its owner has it.
        let ours = match &result {
            Ok(RequestOutcome::Installed) => true,
            Ok(_) => !owned,
            Err(_) => unknown,
        };
        if ours {
            self.records.entry(place).or_default().ours.insert(prefix_len);
        }
        let foreign = (!self.is_ours(place.ifindex, place.address, prefix_len)).then_some(prefix_len);
        let answer = match result {
            _ if !current => {
                let stray = !is_in_place && foreign.is_none() && !self.is_shared(router, place);
                let asks = match wanted {
                    None => {
                        // It may have been asked for on another device than it has now.
                        self.get_mut(router, address).into_iter().for_each(|it| it.asked_on.extend([place.ifindex]));
                        self.remove(host, router, address)
                    }
                    Some(_) if stray => vec![self.ask_removal(router, place, prefix_len, false)],
                    Some(_) => Vec::new(),
                };
                return Consequences { asks, answer: None };
            }
            _ if outdated || !is_in_place => Some(Answer::Outdated { request }),
            // The kernel itself gives this error too, and then for ever: once is enough.
            Err(_) if unknown && !repeated => {
                return Consequences {
                    asks: self.ask(router, request, place, true).into_iter().collect(),
                    answer: None,
                };
            }
            Err(error) => {
                self.give_up(router, address);
                Some(Answer::Failed { request, error: AddressError::NotInstalled(error.into()) })
            }
            Ok(_) if address.is_ipv4() => self.judge(router, address, Use::Usable, foreign),
            // The kernel takes an IPv6 address first; a moment later it joins the group by which neighbours ask for it, and
            // receives what is sent to it. Before that there is nothing to announce, for an owner neither (V6-02, V6-07,
            // FSM-I-03, AMB-17).
            Ok(RequestOutcome::Installed) => self.judge(router, address, Use::Tentative, foreign),
            Ok(_) => {
                let shown = host.shown(place.ifindex, place.address);
                if shown.is_some_and(|there| !there.is_usable()) && foreign.is_none() && !repeated {
                    // Nobody can reach it: it is made anew, without detection of duplicates.
                    let mut asks = vec![self.ask_removal(router, place, prefix_len, false)];
                    asks.extend(self.ask(router, request, place, true));
                    return Consequences { asks, answer: None };
                }
                self.judge(router, address, shown.map_or(Use::Tentative, |there| there.usage), foreign)
            }
        };
        Consequences::of(router, address, answer)
    }

    fn removal_done(
        &mut self,
        host: &impl Host,
        place: Place,
        prefix_len: u8,
        result: io::Result<RequestOutcome>,
    ) -> Answer {
        let shown = || host.at(place.ifindex, place.address).any(|there| there.prefix_len == prefix_len);
        let record = self.records.entry(place).or_default();
        // It expired, or somebody was faster: of that there will be news, but of a removal that removed nothing there will
        // be none.
        let news = match &result {
            Ok(RequestOutcome::Removed) => true,
            Ok(_) => record.removals_unseen == 1 && shown(),
            Err(_) => false,
        };
        if !news {
            record.removals_unseen = record.removals_unseen.saturating_sub(1);
        }
        let answer = match result {
            Ok(_) => Answer::Removed { ifindex: place.ifindex, prefix_len },
            Err(error) => {
                record.ours.insert(prefix_len);
                Answer::Stuck(error)
            }
        };
        self.tidy(place);
        answer
    }

    /// The router is told that it cannot have an address: it will ask again.
    pub(crate) fn give_up(&mut self, router: RouterId, address: IpAddr) {
        if let Some(holding) = self.get_mut(router, address) {
            holding.wanted = None;
        }
    }

    /// Tells whether an address that somebody removed may be put back now, and counts that: it may not be done again and again.
    pub(crate) fn may_put_back(&mut self, router: RouterId, address: IpAddr, now: Instant) -> bool {
        self.get_mut(router, address).is_some_and(|holding| holding.put_back.take(now))
    }

    /// The monitor saw something about an address on a link. Returns what that means for those who wait for it.
    pub(crate) fn appeared(&mut self, host: &impl Host, ifindex: u32, address: IpAddr) -> Vec<(RouterId, Answer)> {
        let place = Place { ifindex, address };
        // The address that has come into use is the one that goes next.
        if self.is_going(place) {
            return Vec::new();
        }
        let waits = |wanted: &WantedAddress| wanted.ifindex == ifindex && wanted.stage == Stage::Awaited;
        let waiting: Vec<(RouterId, bool)> = self
            .holders_of(address)
            .filter(|(_, holding)| holding.wanted.as_ref().is_some_and(waits))
            .map(|(id, holding)| (id, holding.owned))
            .collect();
        let mut answers = Vec::new();
        for (id, owned) in waiting {
            let Some(HostAddress { usage, prefix_len, .. }) = host.shown(ifindex, address) else { continue };
            let (usage, prefix_len) = (*usage, *prefix_len);
            let foreign = (!self.is_ours(ifindex, address, prefix_len)).then_some(prefix_len);
            if usage == Use::Duplicate && !(owned && foreign.is_some()) {
                // It was there before, and is about to be made anew.
                continue;
            }
            answers.extend(self.judge(id, address, usage, foreign).map(|answer| (id, answer)));
        }
        answers
    }

    /// The monitor saw an address go from a link. Returns the requests of routers that want it there, when it went by
    /// somebody else.
    pub(crate) fn vanished(
        &mut self,
        host: &impl Host,
        ifindex: u32,
        address: IpAddr,
    ) -> Vec<(RouterId, AddressRequest)> {
        let place = Place { ifindex, address };
        if host.shown(ifindex, address).is_none() {
            for (id, _) in self.holders.get(&address).into_iter().flatten() {
                if self.left.get(&(*id, address)).is_some_and(|(link, _)| *link == ifindex) {
                    self.left.remove(&(*id, address));
                }
            }
        }
        if let Some(record) = self.records.get_mut(&place) {
            if record.removals_unseen > 0 {
                record.removals_unseen -= 1;
                self.tidy(place);
                return Vec::new();
            }
        }
        // With another prefix it is there still, or it is there again.
        if host.shown(ifindex, address).is_some_and(HostAddress::is_usable) {
            return Vec::new();
        }
        let mut lost = Vec::new();
        for id in self.routers_with(address).collect::<Vec<_>>() {
            let Some(wanted) = self.get_mut(id, address).and_then(|holding| holding.wanted.as_mut()) else { continue };
            // Its installation may still be unanswered: news and answers overtake each other.
            if wanted.ifindex == ifindex && wanted.stage != Stage::Lost {
                wanted.stage = Stage::Lost;
                lost.push((id, wanted.request));
            }
        }
        lost
    }

    /// News were lost, among them perhaps those of our removals. Returns what is wanted and not there.
    pub(crate) fn missing(&mut self, host: &impl Host) -> Vec<(RouterId, AddressRequest)> {
        self.records.values_mut().for_each(|record| record.removals_unseen = 0);
        let mut lost = Vec::new();
        for (address, holders) in &self.holders {
            for (id, position) in holders {
                let holding = self.routers.get_mut(*id).and_then(|account| account.holdings.get_mut(*position));
                let Some(wanted) = holding.and_then(|holding| holding.wanted.as_mut()) else { continue };
                if host.shown(wanted.ifindex, *address).is_none() && host.is_up(wanted.ifindex) {
                    wanted.stage = Stage::Lost;
                    lost.push((*id, wanted.request));
                }
            }
        }
        lost
    }

    /// Returns the addresses that are waited for, and their links.
    pub(crate) fn awaited(&self) -> BTreeSet<(u32, IpAddr)> {
        let all = self.routers.values().flat_map(|account| &account.holdings);
        let all = all.filter_map(|holding| Some((holding.wanted?, holding.virtual_ip.address)));
        all.filter(|(wanted, _)| wanted.stage == Stage::Awaited).map(|(wanted, ip)| (wanted.ifindex, ip)).collect()
    }

    /// Returns the addresses that a router wants on a link that no longer has the name of their device, while another link has it.
    pub(crate) fn misplaced(&self, host: &impl Host, router: RouterId) -> Vec<AddressRequest> {
        let misplaced = |holding: &Holding| {
            let (wanted, now) = (holding.wanted?, host.index(&holding.device)?);
            (wanted.ifindex != now).then_some(wanted.request)
        };
        self.holdings(router).iter().filter_map(misplaced).collect()
    }

    /// Returns the addresses that a router wants and has lost, on links that can carry them.
    pub(crate) fn lost(&self, host: &impl Host, router: RouterId) -> Vec<AddressRequest> {
        let lost = |holding: &Holding| holding.wanted.filter(|it| it.stage == Stage::Lost && host.is_up(it.ifindex));
        self.holdings(router).iter().filter_map(lost).map(|wanted| wanted.request).collect()
    }

    /// Returns the addresses that a router wants on its device of this name.
    pub(crate) fn wanted_on(&self, router: RouterId, device: &str) -> Vec<AddressRequest> {
        let there = self.holdings(router).iter().filter(|it| it.device == device);
        there.filter_map(|it| Some(it.wanted?.request)).collect()
    }

    /// Remembers what is asked until its answer comes. Returns the ticket by which that finds it.
    fn take_off(&mut self, router: RouterId, flight: Flight) -> u64 {
        if let Some(account) = self.routers.get_mut(router) {
            account.in_flight += 1;
        }
        let ticket = self.next_ticket;
        self.in_flight.insert(ticket, flight);
        self.next_ticket += 1;
        ticket
    }

    /// Forgets what is as if it had never been.
    fn tidy(&mut self, place: Place) {
        if self.records.get(&place).is_some_and(Record::is_empty) {
            self.records.remove(&place);
        }
    }
}

/// The lifetime that the kernel takes as infinite.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

impl Holding {
    fn new(virtual_ip: &VirtualIp, router: &Router) -> Self {
        Self {
            virtual_ip: virtual_ip.clone(),
            device: router.device(virtual_ip).to_owned(),
            edition: 0,
            owned: router.config.priority().is_owner(),
            lifetime: router.lifetime(),
            wanted: None,
            asked_on: BTreeSet::new(),
            put_back: Burst::default(),
        }
    }

    /// Tells whether the kernel would be told the same of `virtual_ip` as of this one.
    fn is_like(&self, virtual_ip: &VirtualIp, router: &Router) -> bool {
        self.virtual_ip == *virtual_ip && self.device == router.device(virtual_ip)
    }

    fn want(&mut self, wanted: WantedAddress) {
        self.wanted = Some(wanted);
        self.asked_on.insert(wanted.ifindex);
    }
}

impl Record {
    fn is_empty(&self) -> bool {
        self.ours.is_empty() && self.removals_unseen == 0 && self.removed.is_empty()
    }
}

impl Consequences {
    fn of(router: RouterId, address: IpAddr, answer: Option<Answer>) -> Self {
        Self { asks: Vec::new(), answer: answer.map(|answer| (router, address, answer)) }
    }
}

/// Tells whether the answer was lost rather than the request.
fn is_unknown(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}
