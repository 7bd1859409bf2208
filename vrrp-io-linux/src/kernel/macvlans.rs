//! The macvlans that carry virtual MAC addresses: made once, raised for a Master, lowered behind it, removed at the end.
//!
//! One that is down drops what is sent to its MAC address (FSM-B-03, FWD-01), and answers nobody.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use vrrp_core::{Family, RouterId};

use crate::burst::Burst;
use crate::clock;
use crate::kernel::netlink::links::Links;
use crate::kernel::netlink::mirror::Link;
use crate::kernel::netlink::monitor::Monitor;
use crate::kernel::sysctl;
use crate::router::Router;
use crate::virtual_ip::IPV6_MTU;
use crate::vmac::{self, Macvlan};
use crate::warning::Warning;

/// The macvlans of all routers.
#[derive(Debug)]
pub(crate) struct Macvlans {
    links: Links,
    helper: Option<Helper>,
    /// By router; most have none.
    devices: BTreeMap<RouterId, Device>,
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
    /// Since it was raised, or raised again.
    seen_up: bool,
    /// When somebody lowered it, and it was raised again.
    raised_again: Burst,
    /// Somebody keeps lowering it.
    contested: bool,
    complaint: Option<Warning>,
}

/// Whether a macvlan is to be up. Locked while it is being lowered.
type Raised = Arc<Mutex<bool>>;

/// A thread for what takes long: a macvlan is lowered or removed within ten to twenty milliseconds.
#[derive(Debug)]
struct Helper {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Job {
    Lower(u32, Raised),
    Remove(u32),
}

impl Macvlans {
    pub(crate) fn new<'a>(routers: impl Iterator<Item = (RouterId, &'a Router)>) -> io::Result<Self> {
        let devices: BTreeMap<RouterId, Device> =
            routers.filter_map(|(id, router)| Some((id, Device::new(router)?))).collect();
        let names = devices.values().map(|device| device.macvlan.name.clone()).collect();
        let helper = if devices.is_empty() { None } else { Some(Helper::start()?) };
        Ok(Self { links: Links::new()?, helper, devices, names, to_lower: Vec::new(), before: BTreeMap::new() })
    }

    /// The routers that have one.
    pub(crate) fn routers(&self) -> Vec<RouterId> {
        self.devices.keys().copied().collect()
    }

    /// Whether `name` is one of them.
    pub(crate) fn is_one(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether the router's macvlan, if it has one, could be raised now.
    pub(crate) fn is_ready(&self, id: RouterId) -> bool {
        self.devices.get(&id).is_none_or(|device| device.ready.is_some())
    }

    /// Whether one has been made that the monitor has yet to see.
    pub(crate) fn are_awaited(&self, monitor: &Monitor) -> bool {
        let awaited = |device: &Device| device.ready.is_none() && device.complaint.is_none();
        self.devices.values().any(|device| awaited(device) && monitor.link_by_name(&device.parent).is_some())
    }

    /// Follows the links: makes the router's macvlan when it is missing, and sets it up when it appears. One that a dead
    /// run left is taken over. Returns what is wrong, once.
    pub(crate) fn follow(&mut self, id: RouterId, monitor: &Monitor) -> Option<Warning> {
        let device = self.devices.get_mut(&id)?;
        let wrong = device.follow(&mut self.links, &mut self.before, monitor).err();
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
        let ours = self.devices.values().filter_map(|device| device.ready.or(device.made));
        ours.for_each(|index| helper.take(Job::Remove(index)));
        helper.finish();
        for ((interface, key), value) in std::mem::take(&mut self.before) {
            let Some(below) = monitor.link_by_name(&interface) else { continue };
            let others = |link: &Link| !self.is_one(&link.name) && link.mac.is_some_and(vmac::is_virtual);
            let mut places = [Some(below.index), below.macvlan_on].into_iter().flatten();
            if places.any(|below| monitor.macvlans(below).any(others)) {
                continue;
            }
            // The interface may just have gone.
            let _ = sysctl::set(Family::Ipv4, &interface, key, &value);
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

    fn follow(
        &mut self,
        links: &mut Links,
        before: &mut BTreeMap<(String, &'static str), String>,
        monitor: &Monitor,
    ) -> Result<(), Warning> {
        let Self { macvlan: Macvlan { name, mac, .. }, parent, .. } = self;
        let Some(below) = monitor.link_by_name(parent) else {
            self.ready = None;
            return Ok(());
        };
        let Some(link) = monitor.link_by_name(name) else {
            (self.ready, self.made) = (None, None);
            return match links.make_macvlan(name, below.index, below.macvlan_on.is_some(), *mac) {
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
        if !is_on_it || link.mac != Some(*mac) {
            return Err(Warning::MacvlanForeign { macvlan: name.clone(), interface: parent.clone(), mac: *mac });
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
        for (key, value) in [("arp_ignore", 1), ("arp_announce", 2)] {
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
        let work = move || {
            for job in todo {
                // A link that is gone is down.
                let _ = match job {
                    Job::Lower(index, raised) => {
                        let raised = locked(&raised);
                        if *raised { Ok(()) } else { links.set_up(index, false) }
                    }
                    Job::Remove(index) => links.remove(index),
                };
            }
        };
        let thread = thread::Builder::new().name("vrrp-macvlan".to_owned()).spawn(work)?;
        Ok(Self { jobs, thread })
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

fn locked(raised: &Mutex<bool>) -> MutexGuard<'_, bool> {
    raised.lock().unwrap_or_else(PoisonError::into_inner)
}
