//! The macvlans that carry virtual MAC addresses: made once, raised for a Master, lowered behind it, removed with their router.
//!
//! One that is down drops what is sent to its MAC address (FSM-B-03, FWD-01), and answers nobody.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use vrrp_core::{Family, RouterId};

use crate::burst::Burst;
use crate::clock;
use crate::kernel::netlink::links::Links;
use crate::kernel::netlink::mirror::Link;
use crate::kernel::netlink::monitor::Monitor;
use crate::kernel::sysctl;
use crate::router::Router;
use crate::suspended::SuspendedMacvlan;
use crate::virtual_ip::IPV6_MTU;
use crate::vmac::{self, Macvlan};
use crate::warning::Warning;

/// The least settings that the interfaces below need, and the macvlans too.
const BELOW: [(&str, u32); 2] = [("arp_ignore", 1), ("arp_announce", 2)];

/// The macvlans of all routers.
#[derive(Debug)]
pub(crate) struct Macvlans {
    links: Links,
    /// Present for as long as there are any macvlans.
    helper: Option<Helper>,
    /// By router; most have none.
    devices: BTreeMap<RouterId, Device>,
    /// The macvlans of routers that are gone, which the kernel has yet to remove.
    going: BTreeMap<RouterId, Going>,
    /// The names of all of these.
    names: HashSet<String>,
    to_lower: Vec<RouterId>,
    /// Settings of the interfaces below, as they were before.
    before: BTreeMap<(String, &'static str), String>,
}

#[derive(Debug)]
struct Device {
    macvlan: Macvlan,
    parent: String,
    /// The link that is ours and set up as it must be.
    ready: Option<u32>,
    /// Has been made, and the monitor has yet to see it.
    asked: bool,
    /// The link that was made here, of use or not.
    made: Option<u32>,
    raised: Raised,
    /// It was seen up since it was raised, or raised again.
    seen_up: bool,
    /// The times at which it was raised again, because somebody had lowered it.
    raised_again: Burst,
    /// Somebody keeps lowering it.
    contested: bool,
    complaint: Option<Warning>,
}

/// A macvlan that is being removed.
#[derive(Debug)]
struct Going {
    name: String,
    parent: String,
    link: LinkId,
    /// By the kernel, that it is removed. The news of it may come later, or sooner.
    answered: bool,
}

/// The name of a link in a request to the kernel.
#[derive(Clone, Debug)]
enum LinkId {
    Index(u32),
    /// Made here, and not seen yet.
    Name(String),
}

/// True if a macvlan is to be up. Locked while it is being lowered.
type Raised = Arc<Mutex<bool>>;

/// A thread for what takes long: a macvlan is lowered or removed within ten to twenty milliseconds.
#[derive(Debug)]
struct Helper {
    jobs: mpsc::Sender<Job>,
    /// The routers whose macvlan has been removed.
    removed: UnboundedReceiver<RouterId>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Job {
    Lower(u32, Raised),
    Remove(LinkId, RouterId),
}

impl Macvlans {
    pub(crate) fn new<'a>(routers: impl Iterator<Item = (RouterId, &'a Router)>) -> io::Result<Self> {
        let mut macvlans = Self {
            links: Links::new()?,
            helper: None,
            devices: BTreeMap::new(),
            going: BTreeMap::new(),
            names: HashSet::new(),
            to_lower: Vec::new(),
            before: BTreeMap::new(),
        };
        for (id, router) in routers {
            macvlans.add(id, router)?;
        }
        Ok(macvlans)
    }

    /// Takes in the macvlan of a router, if that has one. It is made when it is [followed](Self::follow).
    ///
    /// # Errors
    /// There is no thread for the first one.
    pub(crate) fn add(&mut self, id: RouterId, router: &Router) -> io::Result<()> {
        let Some(device) = Device::new(router) else { return Ok(()) };
        if self.helper.is_none() {
            self.helper = Some(Helper::start()?);
        }
        self.names.insert(device.macvlan.name.clone());
        self.devices.insert(id, device);
        Ok(())
    }

    /// Has the macvlan of a router removed. Returns whether there is one that the kernel has yet to
    /// [remove](Self::poll_removed). It belongs to no router any more; another one of its name is made when it is gone.
    pub(crate) fn remove_one(&mut self, id: RouterId, monitor: &Monitor) -> bool {
        let Some(device) = self.devices.remove(&id) else { return false };
        let (link, Device { macvlan: Macvlan { name, .. }, parent, .. }) = (device.link(), device);
        // Where there is none of ours, what has the name is somebody else's.
        let (Some(link), Some(helper)) = (link, &self.helper) else {
            self.end(&name, &parent, monitor);
            return false;
        };
        helper.take(Job::Remove(link.clone(), id));
        self.going.insert(id, Going { name, parent, link, answered: false });
        true
    }

    /// A router whose macvlan is gone, as the kernel and its news say; the interface below has its settings back, if that was
    /// the last one there. To be asked again after news of links.
    pub(crate) fn poll_removed(&mut self, cx: &mut Context<'_>, monitor: &Monitor) -> Poll<RouterId> {
        let Some(helper) = self.helper.as_mut() else { return Poll::Pending };
        while let Poll::Ready(answer) = helper.removed.poll_recv(cx) {
            // A thread that died answers nobody.
            let is_it = |id: &RouterId| answer.is_none_or(|answer| answer == *id);
            self.going.iter_mut().filter(|(id, _)| is_it(id)).for_each(|(_, going)| going.answered = true);
            if answer.is_none() {
                break;
            }
        }
        let is_gone = |going: &Going| going.answered && !going.is_seen(monitor);
        let Some(id) = self.going.iter().find(|(_, going)| is_gone(going)).map(|(id, _)| *id) else {
            return Poll::Pending;
        };
        if let Some(Going { name, parent, .. }) = self.going.remove(&id) {
            self.end(&name, &parent, monitor);
        }
        Poll::Ready(id)
    }

    /// After the end of a macvlan.
    fn end(&mut self, name: &str, parent: &str, monitor: &Monitor) {
        let (devices, going) = (self.devices.values(), self.going.values());
        let left = devices.map(|device| (&device.macvlan.name, &device.parent));
        let left: Vec<_> = left.chain(going.map(|going| (&going.name, &going.parent))).collect();
        let (name_is_left, parent_is_left) =
            (left.iter().any(|(other, _)| *other == name), left.iter().any(|(_, other)| *other == parent));
        if !parent_is_left {
            let (here, elsewhere) =
                std::mem::take(&mut self.before).into_iter().partition(|((interface, _), _)| interface == parent);
            self.before = elsewhere;
            self.restore(here, monitor);
        }
        if !name_is_left {
            self.names.remove(name);
        }
        if self.devices.is_empty() && self.going.is_empty() {
            if let Some(helper) = self.helper.take() {
                helper.finish();
            }
        }
    }

    /// The routers that have one.
    #[cfg(test)]
    pub(crate) fn routers(&self) -> Vec<RouterId> {
        self.devices.keys().copied().collect()
    }

    /// Returns how the router's macvlan stands, if it is ready.
    pub(crate) fn suspended(&self, id: RouterId) -> Option<SuspendedMacvlan> {
        let device = self.devices.get(&id)?;
        let ifindex = device.ready?;
        Some(SuspendedMacvlan { ifindex, made: device.made == Some(ifindex), raised: *locked(&device.raised) })
    }

    /// Takes over a link that another process has set up as the router's macvlan. Whether it still is that is seen when it is
    /// [followed](Self::follow).
    pub(crate) fn adopt(&mut self, id: RouterId, ifindex: u32, made: bool, raised: bool) {
        if let Some(device) = self.devices.get_mut(&id) {
            (device.ready, device.made) = (Some(ifindex), made.then_some(ifindex));
            *locked(&device.raised) = raised;
        }
    }

    /// Returns the settings of interfaces below, as they were before.
    pub(crate) fn settings(&self) -> Vec<(String, String, String)> {
        let all = self.before.iter();
        all.map(|((interface, key), value)| (interface.clone(), (*key).to_owned(), value.clone())).collect()
    }

    /// Takes over settings that another process has noted.
    pub(crate) fn restore_settings(&mut self, settings: Vec<(String, String, String)>) {
        for (interface, key, value) in settings {
            if let Some(key) = BELOW.iter().map(|(key, _)| *key).find(|known| *known == key) {
                self.before.insert((interface, key), value);
            }
        }
    }

    /// Removes a link that another process has made for a router that is no more.
    pub(crate) fn remove_link(&mut self, ifindex: u32) {
        // One that is gone is removed.
        let _ = self.links.remove(ifindex);
    }

    /// Waits for what is being lowered. Nothing is lowered after that.
    pub(crate) fn rest(&mut self) {
        self.helper.take().into_iter().for_each(Helper::finish);
    }

    /// Tells whether `name` is one of them.
    pub(crate) fn is_virtual_mac(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Tells whether the router's macvlan, if it has one, could be raised now.
    pub(crate) fn is_ready(&self, id: RouterId) -> bool {
        self.devices.get(&id).is_none_or(|device| device.ready.is_some())
    }

    /// Tells whether a macvlan has been made that the monitor has yet to see.
    pub(crate) fn any_pending(&self, monitor: &Monitor) -> bool {
        let awaited = |device: &Device| device.ready.is_none() && device.complaint.is_none();
        self.devices.values().any(|device| awaited(device) && monitor.link_by_name(&device.parent).is_some())
    }

    /// Makes the macvlan of the router if it is missing, and sets it up once it is there. One that a dead
    /// run left is taken over. Returns what is wrong, once.
    pub(crate) fn bring_up(&mut self, id: RouterId, monitor: &Monitor) -> Option<Warning> {
        let device = self.devices.get_mut(&id)?;
        // Of its end there will be news.
        if self.going.values().any(|going| going.name == device.macvlan.name && going.is_seen(monitor)) {
            return None;
        }
        let wrong = device.bring_up(&mut self.links, &mut self.before, monitor).err();
        if wrong.is_some() {
            device.ready = None;
        }
        let news = if wrong == device.complaint { None } else { wrong.clone() };
        device.complaint = wrong;
        news
    }

    /// Raises the router's macvlan, if `device` is that: an address is about to be installed there.
    pub(crate) fn raise(&mut self, id: RouterId, device: &str) -> io::Result<()> {
        let own = |own: &&mut Device| own.macvlan.name == device;
        let Some(device) = self.devices.get_mut(&id).filter(own) else { return Ok(()) };
        let Some(index) = device.ready else { return Err(io::ErrorKind::NotFound.into()) };
        let mut raised = locked(&device.raised);
        if !*raised {
            self.links.set_up(index, true)?;
            *raised = true;
            device.seen_up = false;
        }
        Ok(())
    }

    /// The name of the router's macvlan, when somebody has lowered it again and again. It is raised no more until an address is
    /// to be installed there. Said once.
    pub(crate) fn take_contested(&mut self, id: RouterId) -> Option<String> {
        let device = self.devices.get_mut(&id)?;
        std::mem::take(&mut device.contested).then(|| device.macvlan.name.clone())
    }

    /// An address is gone from the router's macvlan: somebody lowered it, perhaps. Whether it is up now.
    pub(crate) fn raise_again(&mut self, id: RouterId) -> bool {
        let device = self.devices.get(&id).filter(|device| *locked(&device.raised));
        let index = device.and_then(|device| device.ready);
        index.is_some_and(|index| self.links.set_up(index, true).is_ok())
    }

    /// The router's macvlan is needed no more.
    pub(crate) fn release(&mut self, id: RouterId) {
        if let Some(device) = self.devices.get(&id) {
            *locked(&device.raised) = false;
            self.to_lower.push(id);
        }
    }

    /// Has those that were released lowered. The kernel carries out nothing else meanwhile, so removals come first.
    pub(crate) fn lower(&mut self) {
        for id in self.to_lower.drain(..) {
            let Some(device) = self.devices.get(&id) else { continue };
            if let (Some(index), Some(helper)) = (device.ready, &self.helper) {
                helper.take(Job::Lower(index, Arc::clone(&device.raised)));
            }
        }
    }

    /// Removes them all, and waits for that; the interfaces below get back what they had, unless others need it.
    pub(crate) fn remove(&mut self, monitor: &Monitor) {
        let Some(helper) = self.helper.take() else { return };
        let ours = self.devices.iter().filter_map(|(id, device)| Some((*id, device.link()?)));
        ours.for_each(|(id, link)| helper.take(Job::Remove(link, id)));
        helper.finish();
        let before = std::mem::take(&mut self.before);
        self.restore(before, monitor);
    }

    /// Gives interfaces below back what they had, unless others need it.
    fn restore(&self, before: BTreeMap<(String, &'static str), String>, monitor: &Monitor) {
        for ((interface, key), value) in before {
            let Some(below) = monitor.link_by_name(&interface) else { continue };
            let others = |link: &Link| !self.is_virtual_mac(&link.name) && is_of_a_router(link);
            let mut places = [Some(below.index), below.macvlan_on].into_iter().flatten();
            if places.any(|below| monitor.macvlans(below).any(others)) {
                continue;
            }
            // The interface may just have gone.
            let _ = sysctl::set(Family::Ipv4, &interface, key, &value);
        }
    }
}

impl Going {
    fn is_seen(&self, monitor: &Monitor) -> bool {
        match &self.link {
            LinkId::Index(index) => monitor.link(*index).is_some(),
            LinkId::Name(name) => monitor.link_by_name(name).is_some(),
        }
    }
}

impl Device {
    fn new(router: &Router) -> Option<Self> {
        Some(Self {
            macvlan: router.macvlan.clone()?,
            parent: router.interface.clone(),
            ready: None,
            asked: false,
            made: None,
            raised: Raised::default(),
            seen_up: false,
            raised_again: Burst::default(),
            contested: false,
            complaint: None,
        })
    }

    /// The link that is ours, in use or not.
    fn link(&self) -> Option<LinkId> {
        let made = || self.asked.then(|| LinkId::Name(self.macvlan.name.clone()));
        self.ready.or(self.made).map(LinkId::Index).or_else(made)
    }

    fn bring_up(
        &mut self,
        links: &mut Links,
        before: &mut BTreeMap<(String, &'static str), String>,
        monitor: &Monitor,
    ) -> Result<(), Warning> {
        let Self { macvlan: Macvlan { name, mac, .. }, parent, .. } = self;
        let mac = mac.octets();
        let Some(below) = monitor.link_by_name(parent) else {
            self.ready = None;
            return Ok(());
        };
        let Some(link) = monitor.link_by_name(name) else {
            (self.ready, self.made) = (None, None);
            return match links.make_macvlan(name, below.index, below.macvlan_on.is_some(), mac) {
                // The monitor will see it.
                Ok(()) => {
                    self.asked = true;
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => {
                    let (macvlan, interface) = (name.clone(), parent.clone());
                    Err(Warning::MacvlanNotMade { macvlan, interface, error: error.into() })
                }
            };
        };
        if std::mem::take(&mut self.asked) {
            self.made = Some(link.index);
        }
        // Of a macvlan of a macvlan the kernel makes one beside it, on the link that is below both. That may be in another
        // namespace, whose numbers mean nothing here: but then both have the same.
        let is_on_it = link.macvlan_on.is_some() && [Some(below.index), below.macvlan_on].contains(&link.macvlan_on);
        if !is_on_it || link.mac != Some(mac) {
            return Err(Warning::MacvlanForeign { macvlan: name.clone(), interface: parent.clone(), mac });
        }
        if self.ready != Some(link.index) {
            *locked(&self.raised) = false;
            self.prepare(links, before, link)
                .map_err(|error| Warning::MacvlanNotPrepared { macvlan: link.name.clone(), error: error.into() })?;
            self.ready = Some(link.index);
        } else if link.mtu < below.mtu {
            // The kernel shrinks it with its parent, and leaves it so. What keeps it small is told when it is needed.
            let _ = self.widen(links, before, link, below.mtu);
            // Lowered by us, if at all.
            self.seen_up = false;
        } else if link.admin_up {
            self.seen_up = true;
        } else {
            self.raise_again(links, link.index);
        }
        Ok(())
    }

    /// Gives the macvlan its parent's MTU. Below that of IPv6 the kernel forgot what was set for IPv6.
    fn widen(
        &self,
        links: &mut Links,
        before: &mut BTreeMap<(String, &'static str), String>,
        link: &Link,
        mtu: u32,
    ) -> io::Result<()> {
        if link.mtu >= IPV6_MTU {
            return links.set_mtu(link.index, mtu);
        }
        // While it is down no address is derived from the virtual MAC (IP-10).
        links.set_up(link.index, false)?;
        links.set_mtu(link.index, mtu)?;
        self.prepare(links, before, link)?;
        if *locked(&self.raised) { links.set_up(link.index, true) } else { Ok(()) }
    }

    /// Somebody else lowered it, or these are old news.
    fn raise_again(&mut self, links: &mut Links, index: u32) {
        let mut raised = locked(&self.raised);
        if !*raised {
            return;
        }
        let (lowered, now) = (std::mem::take(&mut self.seen_up), clock::now());
        if lowered && self.raised_again.is_spent(now) {
            (*raised, self.contested) = (false, true);
            return;
        }
        // One that is removed is lowered first. What else keeps it from going up is told when it is needed.
        if links.set_up(index, true).is_ok() && lowered {
            self.raised_again.take(now);
        }
    }

    /// Sees to it that the macvlan answers for its own addresses alone, and its parent for none of them
    /// (ARP-01, V6-03, AMB-28).
    fn prepare(
        &self,
        links: &mut Links,
        before: &mut BTreeMap<(String, &'static str), String>,
        link: &Link,
    ) -> io::Result<()> {
        let (name, parent) = (link.name.as_str(), self.parent.as_str());
        links.set_up(link.index, false)?;
        // Each answers for the addresses it has itself, and asks in the name of these alone: an ARP request is an answer
        // to whoever hears it (ARP-01).
        for (key, value) in BELOW {
            sysctl::set(Family::Ipv4, name, key, &value.to_string())?;
            if let Some(was) = sysctl::raise(parent, key, value)? {
                before.insert((parent.to_owned(), key), was);
            }
        }
        // What comes in here goes out through the parent. Where the source of packets is checked, some route to it must do.
        let checked = sysctl::effective(parent, "rp_filter")? > 0;
        sysctl::set(Family::Ipv4, name, "rp_filter", if checked { "2" } else { "0" })?;
        // No address is derived from the virtual MAC (IP-10), nor given by another router.
        for (key, value) in [("addr_gen_mode", "1"), ("accept_ra", "0"), ("autoconf", "0")] {
            match sysctl::set(Family::Ipv6, name, key, value) {
                // A host without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                set => drop(set?),
            }
        }
        Ok(())
    }
}

impl Helper {
    fn start() -> io::Result<Self> {
        let mut links = Links::new()?;
        let (jobs, todo) = mpsc::channel();
        let (removals, removed) = unbounded_channel();
        let work = move || todo.into_iter().for_each(|job| Self::work(job, &mut links, &removals));
        let thread = thread::Builder::new().name("vrrp-macvlan".to_owned()).spawn(work)?;
        Ok(Self { jobs, removed, thread })
    }

    /// A link that is gone is down, and removed.
    fn work(job: Job, links: &mut Links, removals: &UnboundedSender<RouterId>) {
        match job {
            Job::Lower(index, raised) => {
                let raised = locked(&raised);
                if !*raised {
                    let _ = links.set_up(index, false);
                }
            }
            Job::Remove(link, id) => {
                let _ = match link {
                    LinkId::Index(index) => links.remove(index),
                    LinkId::Name(name) => links.remove_by_name(&name),
                };
                // At the end nobody waits for it.
                let _ = removals.send(id);
            }
        }
    }

    fn take(&self, job: Job) {
        // Fails only when the thread died: then the macvlan stays up.
        let _ = self.jobs.send(job);
    }

    fn finish(self) {
        drop(self.jobs);
        // A panic was printed where it happened.
        let _ = self.thread.join();
    }
}

/// Tells whether a macvlan carries the virtual MAC address of some router. A configured address can be any: then the settings that
/// such a router needs show it.
fn is_of_a_router(link: &Link) -> bool {
    let needs = |(key, least)| sysctl::effective(&link.name, key).is_ok_and(|value| value >= least);
    link.mac.is_some_and(vmac::is_virtual) || BELOW.into_iter().all(needs)
}

fn locked(raised: &Mutex<bool>) -> MutexGuard<'_, bool> {
    raised.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::path::Path;

    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    use super::*;
    use crate::testing::{in_namespace, ip, run, wire};
    use crate::vmac::VirtualMac;

    /// A router on an interface, with a macvlan that is called after its id.
    fn router(interface: &str, vrid: u8) -> Router {
        let address = "192.0.2.100".parse().unwrap();
        let config = Config::new(Profile::Rfc9568Errata, Vrid::new(vrid).unwrap(), &[address]).unwrap();
        Router::new(interface, config).with_virtual_mac(VirtualMac::new())
    }

    fn ids<const N: usize>() -> [RouterId; N] {
        let mut set = RouterSet::new();
        std::array::from_fn(|n| set.insert(InterfaceId(n as u32), router("v0", 1).config).unwrap())
    }

    fn is_there(link: &str) -> bool {
        Path::new("/proc/sys/net/ipv4/conf").join(link).exists()
    }

    fn arp_ignore(interface: &str) -> u32 {
        sysctl::effective(interface, "arp_ignore").unwrap()
    }

    /// Handles news as a driver does, until `there` is the case.
    async fn handle_news(
        macvlans: &mut Macvlans,
        monitor: &mut Monitor,
        removed: &mut Vec<RouterId>,
        there: impl Fn(&Macvlans, &[RouterId]) -> bool,
    ) {
        while !there(macvlans, removed) {
            poll_fn(|cx| {
                if monitor.poll_change(cx).is_ready() {
                    return Poll::Ready(());
                }
                macvlans.poll_removed(cx, monitor).map(|id| removed.push(id))
            })
            .await;
            for id in macvlans.routers() {
                assert_eq!(macvlans.bring_up(id, monitor), None);
            }
        }
    }

    #[test]
    fn macvlans_come_and_go_one_by_one() {
        in_namespace(|| {
            wire("v0", "v1");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                let mut macvlans = Macvlans::new(std::iter::empty()).unwrap();
                let ([first, second, elsewhere, plain], mut removed) = (ids(), Vec::new());
                let config = router("v0", 9).config;
                macvlans.add(plain, &Router::new("v0", config)).unwrap();
                assert!(macvlans.helper.is_none() && !macvlans.remove_one(plain, &monitor));
                for (id, interface, vrid) in [(first, "v0", 51), (second, "v0", 52), (elsewhere, "v1", 53)] {
                    macvlans.add(id, &router(interface, vrid)).unwrap();
                    assert_eq!(macvlans.bring_up(id, &monitor), None);
                }
                let ready = |macvlans: &Macvlans, _: &[RouterId]| {
                    [first, second, elsewhere].iter().all(|id| macvlans.is_ready(*id))
                };
                handle_news(&mut macvlans, &mut monitor, &mut removed, ready).await;
                assert_eq!((arp_ignore("v0"), arp_ignore("v1"), macvlans.helper.is_some()), (1, 1, true));

                assert!(macvlans.remove_one(first, &monitor) && !macvlans.remove_one(first, &monitor));
                handle_news(&mut macvlans, &mut monitor, &mut removed, |_, removed| removed == [first]).await;
                assert!(!is_there("vrrp.51") && is_there("vrrp.52") && is_there("vrrp.53"));
                assert!(
                    !macvlans.is_virtual_mac("vrrp.51")
                        && macvlans.is_virtual_mac("vrrp.52")
                        && monitor.link_by_name("vrrp.51").is_none()
                );
                // Others there need it.
                assert_eq!(arp_ignore("v0"), 1);
                assert!(macvlans.remove_one(second, &monitor));
                handle_news(&mut macvlans, &mut monitor, &mut removed, |_, removed| removed == [first, second]).await;
                assert_eq!((arp_ignore("v0"), arp_ignore("v1"), macvlans.helper.is_some()), (0, 1, true));
                assert!(macvlans.remove_one(elsewhere, &monitor));
                handle_news(&mut macvlans, &mut monitor, &mut removed, |_, removed| removed.len() == 3).await;
                assert_eq!((arp_ignore("v1"), macvlans.helper.is_some(), macvlans.names.len()), (0, false, 0));
                assert!(!is_there("vrrp.52") && !is_there("vrrp.53"));
            });
        });
    }

    #[test]
    fn one_of_the_same_name_waits_for_the_end_of_the_other() {
        in_namespace(|| {
            wire("v0", "v1");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                let ([first, second], mut removed) = (ids(), Vec::new());
                let (before, after) = (router("v0", 51), router("v1", 51));
                let mut macvlans = Macvlans::new([(first, &before)].into_iter()).unwrap();
                macvlans.bring_up(first, &monitor);
                handle_news(&mut macvlans, &mut monitor, &mut removed, |macvlans, _| macvlans.is_ready(first)).await;
                let old = monitor.link_by_name("vrrp.51").unwrap().index;
                assert!(macvlans.remove_one(first, &monitor));
                macvlans.add(second, &after).unwrap();
                assert_eq!(macvlans.bring_up(second, &monitor), None);
                assert!(!macvlans.is_ready(second) && macvlans.is_virtual_mac("vrrp.51"));
                let ready = |macvlans: &Macvlans, removed: &[RouterId]| macvlans.is_ready(second) && removed == [first];
                handle_news(&mut macvlans, &mut monitor, &mut removed, ready).await;
                let new = monitor.link_by_name("vrrp.51").unwrap();
                assert!(new.index != old && new.macvlan_on == monitor.link_by_name("v1").map(|link| link.index));
                assert!(macvlans.is_virtual_mac("vrrp.51"));
                assert_eq!((arp_ignore("v0"), arp_ignore("v1")), (0, 1));
            });
        });
    }

    #[test]
    fn one_that_was_just_made_is_removed_and_one_of_somebody_else_is_not() {
        in_namespace(|| {
            wire("v0", "v1");
            ip("link add vrrp.52 type veth peer name v2");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                let ([first, foreign], mut removed) = (ids(), Vec::new());
                let mut macvlans = Macvlans::new(std::iter::empty()).unwrap();
                macvlans.add(first, &router("v0", 51)).unwrap();
                macvlans.add(foreign, &router("v0", 52)).unwrap();
                assert_eq!(macvlans.bring_up(first, &monitor), None);
                assert!(matches!(macvlans.bring_up(foreign, &monitor), Some(Warning::MacvlanForeign { .. })));
                assert!(is_there("vrrp.51") && monitor.link_by_name("vrrp.51").is_none());
                assert!(!macvlans.remove_one(foreign, &monitor) && macvlans.remove_one(first, &monitor));
                handle_news(&mut macvlans, &mut monitor, &mut removed, |_, removed| removed == [first]).await;
                assert!(!is_there("vrrp.51") && is_there("vrrp.52"));
            });
        });
    }
}
