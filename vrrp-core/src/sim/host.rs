//! One host: a process with routers, a clock, and a kernel that outlives the process.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use super::clock::Clock;
use super::disturbance::Installs;
use super::network::{Arrival, LanId};
use crate::action::{AddressRequest, Input};
use crate::config::Config;
use crate::dialect::Profile;
use crate::router::VirtualRouter;
use crate::set::{DuplicateRouter, RouterSet};
use crate::sync_group::GroupError;
use crate::time::Instant;
use crate::types::{Family, InterfaceId, Priority, RouterId, TrackerId, Vrid};

/// The state of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Dead,
    Running,
    Stalled,
}

#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) life: Life,
    pub(super) never_started: bool,
    pub(super) clock: Clock,
    pub(super) kernel: Kernel,
    pub(super) set: RouterSet,
    /// Number of the process.
    pub(super) process: u32,
    /// Its driver sees whose frame made a Master yield.
    pub(super) knows_macs: bool,
    pub(super) stalled_until: Instant,
    /// The nanoseconds by which a packet seems older than it is.
    pub(super) stamps_off: i64,
    /// Packets that wait, and when each arrived.
    pub(super) socket: VecDeque<(Arrival, Instant)>,
    /// The moment at which the process last saw that no packet waits.
    pub(super) socket_empty_at: Instant,
    /// The kernel's answers that wait.
    pub(super) answers: VecDeque<(RouterId, AddressRequest, bool)>,
    pub(super) installs: Installs,
    /// The moment at which the kernel has done all that it does one after the other.
    pub(super) busy_until: Instant,
    /// Addresses that it cannot set, and whether it knows.
    pub(super) refused: Vec<(IpAddr, bool)>,
    /// By place in the set; places are used again.
    routers: Vec<Option<RunningRouter>>,
    /// Every router that there ever was: which one a plan means by an id whose router is gone.
    known: Vec<(RouterId, Key)>,
    groups: Vec<Vec<RouterId>>,
    /// The routers that send from their virtual MAC addresses.
    virtual_macs: Vec<Key>,
    interfaces: Vec<(LanId, Interface)>,
}

/// A router as its host knows it, whether its process lives or not.
#[derive(Clone, Debug)]
pub(super) struct RunningRouter {
    pub(super) id: RouterId,
    pub(super) lan: LanId,
    pub(super) config: Config,
    pub(super) verdicts: Vec<(TrackerId, bool)>,
    /// It sends from its virtual MAC address.
    pub(super) virtual_mac: bool,
}

/// The key of a router on its host: unique at any time, and the same for a router that comes back.
pub(super) type Key = (LanId, Family, Vrid);

impl RunningRouter {
    pub(super) fn key(&self) -> Key {
        (self.lan, self.config.family(), self.config.vrid())
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) up: bool,
    pub(super) has_address: bool,
}

impl Host {
    /// Off. Its clock shows `epoch` when it is first started.
    pub(super) fn new(now: Instant, epoch: u64) -> Self {
        Self {
            life: Life::Dead,
            never_started: true,
            clock: Clock::new(now, epoch),
            kernel: Kernel::default(),
            set: RouterSet::new(),
            process: 0,
            knows_macs: true,
            stalled_until: Instant::ZERO,
            stamps_off: 0,
            socket: VecDeque::new(),
            socket_empty_at: Instant::ZERO,
            answers: VecDeque::new(),
            installs: Installs::AtOnce,
            busy_until: Instant::ZERO,
            refused: Vec::new(),
            routers: Vec::new(),
            known: Vec::new(),
            groups: Vec::new(),
            virtual_macs: Vec::new(),
            interfaces: Vec::new(),
        }
    }

    pub(super) fn add_router(&mut self, lan: LanId, config: Config) -> Result<RouterId, DuplicateRouter> {
        let id = self.set.insert(lan.interface(), config.clone())?;
        let verdicts = (0..config.trackers().len() as u16).map(|id| (TrackerId(id), true)).collect();
        let virtual_mac = self.virtual_macs.contains(&(lan, config.family(), config.vrid()));
        let running = RunningRouter { id, lan, config, verdicts, virtual_mac };
        self.known.push((id, running.key()));
        match self.routers.get_mut(id.index()) {
            Some(place) => *place = Some(running),
            None => self.routers.push(Some(running)),
        }
        self.kernel.make_room(self.routers.len());
        self.add_interface(lan);
        Ok(id)
    }

    /// Adds an interface on a LAN, where there is none.
    pub(super) fn add_interface(&mut self, lan: LanId) {
        if !self.interfaces.iter().any(|(known, _)| *known == lan) {
            self.interfaces.push((lan, Interface { up: true, has_address: true }));
        }
    }

    /// Forgets a router, with all that the host has of it. Whoever is in a group with it goes on in it.
    pub(super) fn forget(&mut self, router: RouterId) {
        if self.running(router).is_some() {
            self.kernel.forget(router);
            self.leave_groups(&[router]);
            if let Some(place) = self.routers.get_mut(router.index()) {
                *place = None;
            }
        }
    }

    pub(super) fn use_virtual_mac(&mut self, router: RouterId) {
        if let Some(running) = self.hosted_mut(router) {
            running.virtual_mac = true;
            let key = running.key();
            self.virtual_macs.push(key);
        }
    }

    /// From now on these are together.
    pub(super) fn group(&mut self, now: Instant, members: &[RouterId]) -> Result<(), GroupError> {
        self.set.group(now, members)?;
        self.note_group(members);
        Ok(())
    }

    /// Notes the group for the next process.
    pub(super) fn note_group(&mut self, members: &[RouterId]) {
        // Whoever was with one of them and is named no more is alone.
        self.groups.retain(|group| !group.iter().any(|member| members.contains(member)));
        self.groups.extend((members.len() > 1).then(|| members.to_vec()));
    }

    /// The others of each group stay together.
    pub(super) fn leave_groups(&mut self, leaving: &[RouterId]) {
        self.groups.iter_mut().for_each(|group| group.retain(|member| !leaving.contains(member)));
        self.groups.retain(|group| group.len() > 1);
    }

    /// Every router, in the order of the places.
    pub(super) fn routers(&self) -> impl Iterator<Item = &RunningRouter> {
        self.routers.iter().flatten()
    }

    pub(super) fn ids(&self) -> Vec<RouterId> {
        self.routers().map(|running| running.id).collect()
    }

    pub(super) fn running(&self, router: RouterId) -> Option<&RunningRouter> {
        self.routers.get(router.index())?.as_ref().filter(|running| running.id == router)
    }

    fn hosted_mut(&mut self, router: RouterId) -> Option<&mut RunningRouter> {
        self.routers.get_mut(router.index())?.as_mut().filter(|running| running.id == router)
    }

    /// The router that a plan means: if the one of this id is gone, the one that came for it.
    pub(super) fn meant(&self, router: RouterId) -> Option<RouterId> {
        let (_, key) = self.known.iter().find(|(id, _)| *id == router)?;
        self.routers().find(|running| running.key() == *key).map(|running| running.id)
    }

    /// The virtual router of any router that there ever was.
    pub(super) fn key_of(&self, router: RouterId) -> Option<Key> {
        self.known.iter().find(|(id, _)| *id == router).map(|(_, key)| *key)
    }

    /// Every virtual router that there ever was, each once.
    pub(super) fn keys(&self) -> BTreeSet<Key> {
        self.known.iter().map(|(_, key)| *key).collect()
    }

    pub(super) fn groups(&self) -> &[Vec<RouterId>] {
        &self.groups
    }

    pub(super) fn interface(&self, lan: LanId) -> Interface {
        let known = self.interfaces.iter().find(|(known, _)| *known == lan);
        known.map_or(Interface { up: false, has_address: false }, |(_, interface)| *interface)
    }

    pub(super) fn set_interface(&mut self, lan: LanId, change: impl FnOnce(&mut Interface)) {
        if let Some((_, interface)) = self.interfaces.iter_mut().find(|(known, _)| *known == lan) {
            change(interface);
        }
    }

    pub(super) fn set_verdict(&mut self, router: RouterId, tracker: TrackerId, passing: bool) {
        let verdicts = self.hosted_mut(router).map(|router| &mut router.verdicts);
        if let Some(verdict) = verdicts.into_iter().flatten().find(|(id, _)| *id == tracker) {
            verdict.1 = passing;
        }
    }

    /// Another configuration, for this process and for the next. Returns whether there is one now that has to be told of its
    /// trackers.
    pub(super) fn reconfigure(&mut self, now: Instant, router: RouterId, config: &Config) -> bool {
        let is_stalled = self.life == Life::Stalled;
        let Some(running) = self.hosted_mut(router) else { return false };
        let same_key = (running.config.vrid(), running.config.family()) == (config.vrid(), config.family());
        if !same_key || is_stalled {
            return false;
        }
        running.config = config.clone();
        running.verdicts = (0..config.trackers().len() as u16).map(|id| (TrackerId(id), true)).collect();
        self.life == Life::Running && self.set.reconfigure(now, router, config.clone()).is_ok()
    }

    /// Another priority, for this process and for the next.
    pub(super) fn set_priority(&mut self, now: Instant, router: RouterId, priority: Priority) {
        let is_running = self.life == Life::Running;
        if let Some(running) = self.hosted_mut(router) {
            running.config = running.config.clone().with_priority(priority);
            if is_running {
                self.set.set_priority(now, router, priority);
            }
        }
    }

    /// A new process, which removes what another one left.
    pub(super) fn start(&mut self, now: Instant) {
        self.fill_set();
        for members in &self.groups {
            let _ = self.set.group(Instant::ZERO, members);
        }
        self.kernel.sweep();
        self.process += 1;
        self.life = Life::Running;
        self.socket_empty_at = self.clock.at(now);
    }

    /// A new set with every router under the id that it had before, so that whoever looks at this host need not care for
    /// processes; and no id of another one.
    fn fill_set(&mut self) {
        self.set = RouterSet::new();
        let Ok(nobody) = Config::new(Profile::Rfc9568, Vrid::MIN, &[Ipv4Addr::LOCALHOST.into()]) else { return };
        let mut gone = Vec::new();
        for place in 0..self.routers.len() {
            let last = self.known.iter().rev().map(|(id, _)| *id).find(|id| id.index() == place);
            let running = self.routers.get(place).and_then(Option::as_ref);
            let (interface, config) = running.map_or_else(
                || (InterfaceId(u32::MAX - place as u32), &nobody),
                |running| (running.lan.interface(), &running.config),
            );
            while let Ok(id) = self.set.insert(interface, config.clone()) {
                if Some(id) == last {
                    gone.extend(running.is_none().then_some(id));
                    break;
                }
                self.set.remove(Instant::ZERO, id);
            }
        }
        for id in gone {
            self.set.remove(Instant::ZERO, id);
        }
    }

    /// The process is gone, with what waits for it; without power the addresses are gone too.
    pub(super) fn end(&mut self, power_off: bool) {
        self.life = Life::Dead;
        self.never_started = false;
        self.stalled_until = Instant::ZERO;
        self.process += 1;
        self.answers.clear();
        if power_off {
            self.kernel.sweep();
        }
    }

    /// Returns when a packet that arrived at the true time `arrived` seems to have arrived. Only its age is taken from
    /// the stamp, and nothing is older than the last look into the empty socket.
    pub(super) fn stamp(&self, now: Instant, arrived: Instant) -> Instant {
        let (now, arrived) = (self.clock.at(now), self.clock.at(arrived));
        let age = now.since(arrived).as_nanos() as i64;
        let age = Duration::from_nanos(age.saturating_add(self.stamps_off).max(0) as u64);
        now.before(age.min(now.since(self.socket_empty_at)))
    }

    /// Tells each router that waits for an address that the kernel is still at work.
    pub(super) fn tell_at_work(&mut self, local: Instant) {
        for router in self.ids() {
            if self.kernel.is_busy(router) {
                self.set.handle(local, router, Input::Installing);
            }
        }
    }

    /// Tells whether it cannot set an address, even if it does not know that.
    pub(super) fn refuses(&self, address: IpAddr) -> bool {
        self.refused.iter().any(|(refused, _)| *refused == address)
    }

    /// Tells whether it can set every address of a router.
    pub(super) fn can_set_all(&self, router: RouterId) -> bool {
        let config = self.running(router).map(|router| &router.config);
        config.is_some_and(|config| !config.addresses().iter().any(|address| self.refuses(*address)))
    }

    /// Addresses that its routers may ask for one after the other: each may have to go first.
    fn requests_at_most(&self) -> u32 {
        2 * self.routers().map(|router| router.config.addresses().len() as u32).sum::<u32>()
    }

    /// Longest time that it takes to confirm an address.
    pub(super) fn slowest_install(&self) -> Duration {
        match self.installs {
            Installs::After(span) => span,
            Installs::OneByOne(each) => each * self.requests_at_most(),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn is_calm(&self) -> bool {
        let installs = matches!(self.installs, Installs::AtOnce | Installs::After(_) | Installs::OneByOne(_));
        self.life != Life::Stalled && self.stamps_off == 0 && installs
    }

    /// Everything of each router but its counters, in the order of the set.
    pub(super) fn trace_each(&mut self) -> Vec<u64> {
        let trace = |router: &mut VirtualRouter| {
            let mut hash = Fnv::NEW;
            // Writing to it cannot fail.
            let _ = router.write_down(&mut hash);
            hash.0
        };
        self.set.routers_mut().map(trace).collect()
    }

    /// Everything of the routers but their counters.
    pub(super) fn fingerprint(&mut self) -> u64 {
        let mut hash = Fnv::NEW;
        for router in self.set.routers_mut() {
            // Writing to it cannot fail.
            let _ = router.write_down(&mut hash);
        }
        let _ = write!(hash, "{:?}", self.set.deadline());
        hash.0
    }
}

struct Fnv(u64);

impl Fnv {
    const NEW: Self = Self(0xcbf2_9ce4_8422_2325);
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3));
        Ok(())
    }
}

/// The part of a kernel that matters: which virtual addresses it answers for.
#[derive(Clone, Debug, Default)]
pub(super) struct Kernel {
    /// By router.
    held: Vec<Vec<IpAddr>>,
    /// The moment at which each expires, in true time.
    lifetimes: Vec<Vec<Instant>>,
    /// The moment of the next look for what has expired.
    pub(super) sweeps_at: Option<Instant>,
    /// Requests under way.
    requests: Vec<(RouterId, AddressRequest)>,
}

impl Kernel {
    pub(super) fn held(&self, router: RouterId) -> &[IpAddr] {
        self.held.get(router.index()).map_or(&[], Vec::as_slice)
    }

    /// There are so many places.
    fn make_room(&mut self, places: usize) {
        self.held.resize(places, Vec::new());
        self.lifetimes.resize(places, Vec::new());
    }

    /// Takes away all that a router has, and whatever it asked for.
    fn forget(&mut self, router: RouterId) {
        self.requests.retain(|(owner, _)| *owner != router);
        if let Some((held, lifetimes)) = self.of(router) {
            (*held, *lifetimes) = (Vec::new(), Vec::new());
        }
    }

    /// Addresses in a place where no router is.
    pub(super) fn left_behind(&self, routers: &[RouterId]) -> impl Iterator<Item = IpAddr> {
        let nobody = |place: &usize| !routers.iter().any(|router| router.index() == *place);
        let places = (0..self.held.len()).filter(nobody);
        places.filter_map(|place| self.held.get(place)).flatten().copied()
    }

    pub(super) fn install(&mut self, router: RouterId, address: IpAddr, until: Instant) {
        let Some((held, lifetimes)) = self.of(router) else { return };
        match held.iter().position(|there| *there == address).and_then(|index| lifetimes.get_mut(index)) {
            Some(lifetime) => *lifetime = until,
            None => {
                held.push(address);
                lifetimes.push(until);
            }
        }
    }

    pub(super) fn request(&mut self, router: RouterId, request: AddressRequest) {
        self.requests.push((router, request));
    }

    /// Takes a request whose time has come. False: it was cancelled.
    pub(super) fn take_request(&mut self, router: RouterId, request: AddressRequest) -> bool {
        let Some(index) = self.requests.iter().position(|pending| *pending == (router, request)) else { return false };
        self.requests.swap_remove(index);
        true
    }

    /// Returns whether there was anything to remove.
    pub(super) fn remove(&mut self, router: RouterId, address: IpAddr) -> bool {
        self.requests.retain(|(owner, request)| !(*owner == router && request.address == address));
        self.remove_at(router.index(), address)
    }

    /// Whoever is in that place, or was.
    pub(super) fn remove_at(&mut self, place: usize, address: IpAddr) -> bool {
        let Some((held, lifetimes)) = self.held.get_mut(place).zip(self.lifetimes.get_mut(place)) else { return false };
        let Some(index) = held.iter().position(|there| *there == address) else { return false };
        held.swap_remove(index);
        lifetimes.swap_remove(index);
        true
    }

    /// Every address of a router lasts until then.
    pub(super) fn renew(&mut self, router: RouterId, until: Instant) {
        self.of(router).into_iter().flat_map(|(_, lifetimes)| lifetimes).for_each(|lifetime| *lifetime = until);
    }

    /// Returns when the first address expires; `None` if none does.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.lifetimes.iter().flatten().copied().filter(|at| *at < Instant::MAX).min()
    }

    /// An address whose time is over, and in whose place.
    pub(super) fn expired(&self, now: Instant) -> Option<(usize, IpAddr)> {
        let routers = self.held.iter().zip(&self.lifetimes).enumerate();
        let mut all = routers.flat_map(|(router, (held, lifetimes))| {
            held.iter().zip(lifetimes).map(move |(address, until)| (router, *address, *until))
        });
        all.find(|(.., until)| *until <= now).map(|(place, address, _)| (place, address))
    }

    fn of(&mut self, router: RouterId) -> Option<(&mut Vec<IpAddr>, &mut Vec<Instant>)> {
        Some((self.held.get_mut(router.index())?, self.lifetimes.get_mut(router.index())?))
    }

    /// Tells whether a router waits for an answer.
    pub(super) fn is_busy(&self, router: RouterId) -> bool {
        self.requests.iter().any(|(owner, _)| *owner == router)
    }

    fn sweep(&mut self) {
        self.held.iter_mut().for_each(Vec::clear);
        self.lifetimes.iter_mut().for_each(Vec::clear);
        self.requests.clear();
    }
}
