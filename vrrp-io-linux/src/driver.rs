//! The loop: packets, deadlines, news of the host and commands in; actions out. It decides nothing.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use vrrp_core::wire::{Endpoints, Packet, TTL};
use vrrp_core::{
    Action, AdvertKind, Cause, Discard, Fault, Input, Instant, Peers, Role, RouterId, RouterSet, RxPacket, TrackerId,
    Vip, VirtualRouter,
};

use crate::clock::{self, Alarm};
use crate::event::{Event, EventKind};
use crate::holdings::{Answer, Holding, Holdings};
use crate::link_layer::LinkLayer;
use crate::netlink::{Change, Done, Monitor, Requests};
use crate::ports::{Arrival, Port};
use crate::report::{Kind, Reporter};
use crate::status::{AddressStatus, RouterStatus};
use crate::{Router, StartError, VirtualIp, sysctl, words};

/// A Down deadline is met by waking this much earlier and spinning the rest: timers wake late. It comes only in a
/// failure, so it costs nothing while all is well.
const SPIN: Duration = Duration::from_micros(300);
/// Packets read before a Down deadline is acted on; a flood must not put it off for ever.
const DRAIN_LIMIT: usize = 4096;
/// How long a stop waits for the kernel to confirm that the addresses are gone.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// Holds any IP packet.
const PACKET_MAX: usize = 1 << 16;
/// Holds every advertisement: 255 IPv6 addresses.
const MESSAGE_MAX: usize = 4096;

/// What the outside asks of a running driver.
#[derive(Debug)]
pub(crate) enum Command {
    Track(usize, TrackerId, bool),
    Status(oneshot::Sender<Vec<RouterStatus>>),
    Stop,
}

/// Everything that one thread owns.
#[derive(Debug)]
pub(crate) struct Driver {
    set: RouterSet,
    routers: Vec<Hosted>,
    ports: Vec<Port>,
    holdings: Holdings,
    monitor: Monitor,
    requests: Requests,
    link_layer: LinkLayer,
    alarm: Alarm,
    commands: mpsc::Receiver<Command>,
    reporter: Reporter,
    packet: Box<[u8]>,
    message: Box<[u8]>,
}

#[derive(Debug)]
struct Hosted {
    router: Router,
    port: usize,
    /// The counter of that name, as it was after the last packet.
    address_list_errors: u64,
}

enum Wake {
    Alarm,
    Packet(usize, io::Result<Arrival>),
    Change(Change),
    Done(Done),
    Command(Option<Command>),
}

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
        for router in routers {
            router.check()?;
            let known = ports.iter().position(|port| port.name == router.interface);
            let port = known.unwrap_or(ports.len());
            if known.is_none() {
                ports.push(Port::new(router.interface.clone()));
            }
            if let Some(port) = ports.get_mut(port) {
                port.multicast |= matches!(router.config.peers(), Peers::Multicast);
            }
            let id = set.insert(port as u32, router.config.clone()).map_err(|taken| StartError::Taken {
                name: router.name.clone(),
                interface: router.interface.clone(),
                vrid: taken.vrid,
            })?;
            ids.push(id);
            hosted.push(Hosted { router, port, address_list_errors: 0 });
        }
        let os = |what| move |error| StartError::Os { what, error };
        let holdings = Holdings::new(ids.into_iter().zip(hosted.iter().map(|hosted| &hosted.router)));
        let names = hosted.iter().map(|hosted| Arc::from(hosted.router.name.as_str())).collect();
        Ok(Self {
            set,
            routers: hosted,
            ports,
            holdings,
            monitor: Monitor::new().map_err(os("cannot watch links and addresses (netlink)"))?,
            requests: Requests::new().map_err(os("cannot open a netlink socket"))?,
            link_layer: LinkLayer::open().map_err(os("cannot open a packet socket (needs CAP_NET_RAW)"))?,
            alarm: Alarm::new().map_err(os("cannot make a timer"))?,
            commands,
            reporter: Reporter::new(events, names),
            packet: vec![0; PACKET_MAX].into(),
            message: vec![0; MESSAGE_MAX].into(),
        })
    }

    /// Opens the sockets of the interfaces that are there: what a start must not get wrong.
    pub(crate) fn open_ports(&mut self) -> Result<(), StartError> {
        for port in &mut self.ports {
            let what = "cannot open a raw socket (needs CAP_NET_RAW)";
            port.follow(self.monitor.link_by_name(&port.name)).map_err(|error| StartError::Os { what, error })?;
        }
        Ok(())
    }

    /// Runs until it is told to stop, or nobody is left who could tell it.
    pub(crate) async fn run(mut self) {
        self.sweep().await;
        let ids: Vec<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        let devices: BTreeSet<String> = self.holdings.devices().map(str::to_owned).collect();
        devices.iter().for_each(|device| self.prepare_device(device));
        (0..self.ports.len()).for_each(|port| self.follow_port(port));
        for id in &ids {
            self.refresh(*id);
            self.set.handle(clock::now(), *id, Input::Startup);
        }
        loop {
            self.act();
            // The runtime learns what else is ready only while this waits, and under a flood it never would.
            tokio::task::yield_now().await;
            match self.next().await {
                Wake::Alarm => self.expire(),
                Wake::Packet(port, Ok(arrival)) => self.receive(port, &arrival),
                Wake::Packet(port, Err(error)) => self.warn_port(port, &error.to_string()),
                Wake::Change(change) => self.follow(&change),
                Wake::Done(done) => self.answered(done),
                Wake::Command(Some(Command::Track(router, tracker, passing))) => {
                    if let Some(id) = ids.get(router) {
                        self.consider(*id, [Input::Tracker(tracker, passing)]);
                    }
                }
                Wake::Command(Some(Command::Status(reply))) => {
                    // Nobody waits for it any more: nothing is lost.
                    let _ = reply.send(self.status());
                }
                Wake::Command(Some(Command::Stop) | None) => break,
            }
        }
        self.stop().await;
    }

    /// Releases everything, and waits until the addresses are gone.
    async fn stop(&mut self) {
        let ids: Vec<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.set.handle(clock::now(), id, Input::Shutdown);
        }
        self.act();
        let settled = async {
            while !self.holdings.is_settled() {
                let done = poll_fn(|cx| self.requests.poll_done(cx)).await;
                self.answered(done);
                self.requests.flush();
            }
        };
        // What is not confirmed by then is left to the next start, which sweeps.
        let _ = tokio::time::timeout(STOP_LIMIT, settled).await;
    }

    /// Removes what a run before this one left behind, before anything else.
    async fn sweep(&mut self) {
        let keeps_marks = sysctl::keeps_marks();
        for (id, router) in self.set.iter() {
            // Where there are no marks, an owner's real address looks like a leftover.
            let by_name = !keeps_marks && !router.config().priority().is_owner();
            for index in 0..router.config().addresses().len() {
                let Some(holding) = self.holdings.get(id, index) else { continue };
                let Some(link) = self.monitor.link_by_name(&holding.device) else { continue };
                let (vip, device, ifindex) = (holding.vip.clone(), holding.device.clone(), link.index);
                for there in self.monitor.addresses(ifindex) {
                    if there.address != vip.address || !(there.marked || by_name) {
                        continue;
                    }
                    // That run may have had another configuration: without a label every label matches.
                    let leftover = VirtualIp { prefix_len: there.prefix_len, label: None, ..vip.clone() };
                    self.holdings.sweep(&mut self.requests, id, index, &leftover, ifindex);
                    self.reporter.report(id, EventKind::Leftover { vip: leftover, device: device.clone() });
                }
            }
        }
        self.requests.flush();
        while !self.holdings.is_settled() {
            let done = poll_fn(|cx| self.requests.poll_done(cx)).await;
            self.answered(done);
        }
    }

    async fn next(&mut self) -> Wake {
        let deadline = self.set.deadline();
        let wake_at = deadline.map(|(at, id)| if self.role(id) == Some(Role::Backup) { at.before(SPIN) } else { at });
        // Arming fails for no instant there is; a driver without deadlines would be worse than one that spins.
        let armed = self.alarm.arm(wake_at).is_ok();
        poll_fn(|cx| {
            // An answer that is here already comes before the deadline that it was to meet.
            if let Poll::Ready(done) = self.requests.poll_done(cx) {
                return Poll::Ready(Wake::Done(done));
            }
            if !armed || deadline.is_some_and(|(at, _)| at <= clock::now()) {
                return Poll::Ready(Wake::Alarm);
            }
            self.poll(cx)
        })
        .await
    }

    /// What anybody on the LAN can flood comes last.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Poll::Ready(Ok(())) = self.alarm.poll_fired(cx) {
            return Poll::Ready(Wake::Alarm);
        }
        if let Poll::Ready(change) = self.monitor.poll_change(cx) {
            return Poll::Ready(Wake::Change(change));
        }
        if let Poll::Ready(command) = self.commands.poll_recv(cx) {
            return Poll::Ready(Wake::Command(command));
        }
        for (index, port) in self.ports.iter_mut().enumerate() {
            if let Poll::Ready(arrival) = port.poll_recv(cx, &mut self.packet) {
                return Poll::Ready(Wake::Packet(index, arrival));
            }
        }
        Poll::Pending
    }

    /// Acts on every deadline that has come. An advertisement that lies in a socket counts, however late we woke: so
    /// the sockets are drained before a Down deadline is acted on.
    fn expire(&mut self) {
        let mut drained_at = None;
        while let Some((at, id)) = self.set.deadline() {
            let now = clock::now();
            let down = self.role(id) == Some(Role::Backup);
            if at > now && !(down && at <= now + SPIN) {
                break;
            }
            if down && drained_at < Some(at) {
                self.drain();
                drained_at = Some(now);
            } else if at <= now {
                self.set.handle(now, id, Input::Timeout);
            } else {
                std::hint::spin_loop();
            }
            self.act();
        }
    }

    fn drain(&mut self) {
        for port in 0..self.ports.len() {
            for _ in 0..DRAIN_LIMIT {
                let Some(open) = self.ports.get_mut(port) else { break };
                match open.try_recv(&mut self.packet) {
                    Ok(Some(arrival)) => self.receive(port, &arrival),
                    Ok(None) | Err(_) => break,
                }
            }
        }
    }

    fn receive(&mut self, port: usize, arrival: &Arrival) {
        let Arrival { at, datagram } = arrival;
        let (Some(ends), Some(payload)) =
            (Endpoints::new(datagram.src, datagram.dst), self.packet.get(datagram.payload.clone()))
        else {
            return;
        };
        let rx = RxPacket { ends, ttl: datagram.ttl, payload };
        let source = datagram.src;
        match self.set.handle_packet(*at, port as u32, rx) {
            Ok(id) if self.address_list_errors_grew(id) => {
                self.reporter.report_repeating(id, *at, Kind::OtherAddresses, |unreported| EventKind::OtherAddresses {
                    source,
                    unreported,
                });
            }
            Ok(id) => self.hear_other_master(id, ends, arrival),
            // Other people's virtual routers are none of our business, and ours that are at fault wait: no news.
            Err((None, _) | (_, Discard::NotStarted)) => {}
            Err((Some(id), discard)) => {
                self.address_list_errors_grew(id);
                self.reporter.report_repeating(id, *at, Kind::from(&discard), |unreported| EventKind::Ignored {
                    source,
                    discard,
                    unreported,
                });
            }
        }
    }

    /// No packet makes a Master: who is one after an advertisement was one before, and does not yield.
    fn hear_other_master(&mut self, id: RouterId, ends: Endpoints, Arrival { at, datagram }: &Arrival) {
        let Some(router) = self.set.get(id).filter(|router| router.role() == Role::Master) else { return };
        let payload = self.packet.get(datagram.payload.clone()).unwrap_or_default();
        let packet = Packet::parse(router.config().profile().version(), payload, ends);
        // A release is no contest.
        let Some(priority) = packet.ok().and_then(|packet| packet.priority()) else { return };
        self.reporter.report_repeating(id, *at, Kind::OtherMaster, |unreported| EventKind::OtherMaster {
            source: ends.source(),
            priority,
            unreported,
        });
    }

    fn address_list_errors_grew(&mut self, id: RouterId) -> bool {
        let (Some(router), Some(hosted)) = (self.set.get(id), self.routers.get_mut(id.index())) else { return false };
        let errors = router.stats().address_list_errors;
        std::mem::replace(&mut hosted.address_list_errors, errors) != errors
    }

    /// Carries out what the routers ask for.
    fn act(&mut self) {
        while let Some((id, action)) = self.set.poll_action() {
            match action {
                Action::SendAdvertisement(kind) => self.advertise(id, kind),
                Action::InstallAddress(vip) => self.install(id, vip),
                Action::RemoveAddress(vip) => self.holdings.remove(&mut self.requests, id, vip.index()),
                Action::AnnounceAddress { vip, count } => self.announce(id, vip, count),
                Action::StateChanged(transition) => {
                    let Some(router) = self.set.get(id) else { continue };
                    let Some(hosted) = self.routers.get(id.index()) else { continue };
                    let why = words::cause(&hosted.router, &transition.cause);
                    let priority = router.status().priority;
                    self.reporter.report(id, EventKind::StateChanged { transition, why, priority });
                }
            }
        }
        self.requests.flush();
    }

    fn advertise(&mut self, id: RouterId, kind: AdvertKind) {
        let (Some(router), Some(hosted)) = (self.set.get(id), self.routers.get(id.index())) else { return };
        let (Some(port), Some(source)) = (self.ports.get_mut(hosted.port), router.source()) else { return };
        let group = vrrp_core::multicast_group(router.config().family());
        let destinations: &mut dyn Iterator<Item = IpAddr> = match router.config().peers() {
            Peers::Multicast => &mut std::iter::once(group),
            Peers::Unicast(peers) => &mut peers.iter().map(|peer| peer.address),
        };
        let mut failed = None;
        for destination in destinations {
            let Some(ends) = Endpoints::new(source, destination) else { continue };
            let Ok(len) = router.encode(kind, ends, &mut self.message) else { continue };
            let message = self.message.get(..len).unwrap_or_default();
            if let Err(error) = port.send(source, destination, TTL, message) {
                failed = Some((destination, error));
            }
        }
        if let Some((destination, error)) = failed {
            self.set.count_tx_error(id);
            // The release of a router whose link went is tried all the same; why it fails is told as its fault.
            if !self.monitor.link_by_name(&port.name).is_some_and(|link| link.up) {
                return;
            }
            self.reporter.report_repeating(id, clock::now(), Kind::SendFailed, |unreported| EventKind::SendFailed {
                destination,
                error: error.to_string(),
                unreported,
            });
        }
    }

    fn install(&mut self, id: RouterId, request: Vip) {
        let Some(holding) = self.holdings.get(id, request.index()) else { return };
        let (vip, device) = (holding.vip.clone(), holding.device.clone());
        let Some(ifindex) = self.monitor.link_by_name(&device).map(|link| link.index) else {
            let error = "there is no such interface".to_owned();
            self.reporter.report(id, EventKind::AddressFailed { vip, device, error });
            return self.set.handle(clock::now(), id, Input::AddressFailed(request));
        };
        // An owner's real address has the prefix of its network, which need not be the one configured here.
        let mut there = self.monitor.addresses(ifindex);
        let real =
            there.find(|there| there.address == vip.address && !there.marked && there.prefix_len != vip.prefix_len);
        match real.map(|real| real.prefix_len) {
            None => self.holdings.install(&mut self.requests, id, request, ifindex),
            Some(prefix_len) => {
                self.holdings.adopt(id, request);
                let vip = VirtualIp { prefix_len, ..vip };
                self.reporter.report(id, EventKind::AddressInstalled { vip, device, foreign: true });
                self.set.handle(clock::now(), id, Input::AddressInstalled(request));
            }
        }
    }

    fn announce(&mut self, id: RouterId, request: Vip, count: u8) {
        let Some(holding) = self.holdings.get(id, request.index()) else { return };
        let Some(link) = self.monitor.link_by_name(&holding.device) else { return };
        // Not Ethernet: there are no neighbours to tell.
        let Some(mac) = link.mac else { return };
        let (address, device) = (request.address, holding.device.clone());
        let sent = (0..count).try_for_each(|_| self.link_layer.announce(link.index, mac, address));
        let event = match sent {
            Ok(()) => EventKind::Announced { address, device, count },
            Err(error) => EventKind::Warning(format!("cannot announce {address} on {device}: {error}")),
        };
        self.reporter.report(id, event);
    }

    fn answered(&mut self, done: Done) {
        let Some((id, index, answer)) = self.holdings.answer(&mut self.requests, done) else { return };
        let Some(holding) = self.holdings.get(id, index) else { return };
        let (vip, device) = (holding.vip.clone(), holding.device.clone());
        let (event, input) = match answer {
            Answer::Installed { request, foreign } => {
                (EventKind::AddressInstalled { vip, device, foreign }, Some(Input::AddressInstalled(request)))
            }
            Answer::Failed { request, error } => {
                let error = format!("cannot install it: {error}");
                (EventKind::AddressFailed { vip, device, error }, Some(Input::AddressFailed(request)))
            }
            Answer::Removed => (EventKind::AddressRemoved { vip, device }, None),
            Answer::Stuck(error) => {
                let error = format!("cannot remove it: {error}");
                (EventKind::AddressFailed { vip, device, error }, None)
            }
        };
        self.reporter.report(id, event);
        if let Some(input) = input {
            self.set.handle(clock::now(), id, input);
        }
    }

    /// Takes over what the host reports.
    fn follow(&mut self, change: &Change) {
        match *change {
            Change::Link { index } => {
                if let Some(name) = self.monitor.link(index).map(|link| link.name.clone()) {
                    self.prepare_device(&name);
                }
                (0..self.ports.len()).for_each(|port| self.follow_port(port));
                self.refresh_all();
            }
            Change::AddressAdded { address, .. } => self.follow_address(address),
            Change::AddressRemoved { ifindex, address } => {
                self.put_back(ifindex, address);
                self.follow_address(address);
            }
            Change::Resynced => self.put_back_missing(),
        }
    }

    /// A real address may be anybody's source; a virtual one only its own router's. Both come by the hundred.
    fn follow_address(&mut self, address: IpAddr) {
        if self.holdings.is_virtual(address) {
            let owners: Vec<RouterId> = self.holdings.routers_of(address).collect();
            owners.into_iter().for_each(|id| self.refresh(id));
        } else {
            (0..self.ports.len()).for_each(|port| self.follow_port(port));
            self.refresh_all();
        }
    }

    /// Somebody else's removal of an address that a Master holds is undone. On a link that is down it may rest: its
    /// router is at fault anyway and starts afresh.
    fn put_back(&mut self, ifindex: u32, address: IpAddr) {
        let Some(link) = self.monitor.link(ifindex) else { return };
        let (up, lost) = (link.up, self.holdings.vanished(address, &link.name));
        if let Some((id, request)) = lost.filter(|_| up) {
            self.reinstall(id, request);
        }
    }

    /// The same after a gap in the news: what came and went in it was not reported.
    fn put_back_missing(&mut self) {
        let there = |holding: &Holding| {
            let link = self.monitor.link_by_name(&holding.device).filter(|link| link.up);
            let mut addresses = link.into_iter().flat_map(|link| self.monitor.addresses(link.index));
            link.is_none() || addresses.any(|there| there.address == holding.vip.address)
        };
        let missing = self.holdings.missing(there);
        missing.into_iter().for_each(|(id, request)| self.reinstall(id, request));
    }

    fn reinstall(&mut self, id: RouterId, request: Vip) {
        let Some(holding) = self.holdings.get(id, request.index()) else { return };
        let (vip, device) = (holding.vip.clone(), holding.device.clone());
        self.reporter.report(id, EventKind::AddressLost { vip, device });
        self.install(id, request);
    }

    fn follow_port(&mut self, index: usize) {
        let Some(port) = self.ports.get_mut(index) else { return };
        let link = self.monitor.link_by_name(&port.name);
        if let Err(error) = port.follow(link) {
            // A link without an IPv4 address has no groups; joining is tried again when it gets one.
            if link.is_some_and(|link| link.up) {
                self.warn_port(index, &error.to_string());
            }
        }
    }

    /// Sees to it that a virtual address may leave `device` without taking others along.
    fn prepare_device(&mut self, device: &str) {
        let Some(id) = self.holdings.first_on(device) else { return };
        if let Err(error) = sysctl::promote_secondaries(device) {
            let text = match error.kind() {
                io::ErrorKind::NotFound => format!("there is no interface {device}; waiting for it"),
                _ => format!("removing an address of {device} may remove others with it: {error}"),
            };
            self.reporter.report(id, EventKind::Warning(text));
        }
    }

    fn refresh_all(&mut self) {
        let ids: Vec<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        ids.into_iter().for_each(|id| self.refresh(id));
    }

    /// Tells a router what the mirror of the host says about it.
    fn refresh(&mut self, id: RouterId) {
        let Some(Hosted { router, .. }) = self.routers.get(id.index()) else { return };
        let is_up = |name: &str| self.monitor.link_by_name(name).is_some_and(|link| link.up);
        let up = is_up(&router.interface) && router.addresses.iter().all(|vip| is_up(router.device(vip)));
        let tracked = router.tracked_interfaces.iter().map(|(id, name)| Input::Tracker(*id, is_up(name)));
        let primary = Input::PrimaryAddress(self.primary_address(router));
        let news: Vec<Input> = std::iter::once(primary).chain(tracked).chain([Input::InterfaceUp(up)]).collect();
        self.consider(id, news);
    }

    /// Hands in news of a router's health, and reports what they changed besides its state.
    fn consider(&mut self, id: RouterId, news: impl IntoIterator<Item = Input>) {
        let Some(before) = self.set.get(id).map(condition) else { return };
        let now = clock::now();
        for input in news {
            let from = self.set.get(id).map(|router| router.status().priority);
            self.set.handle(now, id, input);
            let (Some(router), Some(from)) = (self.set.get(id), from) else { continue };
            let to = router.status().priority;
            if let (Input::Tracker(tracker, passing), true) = (input, from != to) {
                let Some(hosted) = self.routers.get(id.index()) else { continue };
                let why = words::verdict(&hosted.router, tracker, passing);
                self.reporter.report(id, EventKind::PriorityChanged { from, to, why });
            }
        }
        let (Some(router), Some(hosted)) = (self.set.get(id), self.routers.get(id.index())) else { return };
        let after = condition(router);
        // What put it there was told with its state.
        let still_at_fault = before.0 == after.0 && matches!(after.0, Cause::Fault(_)) && !after.1.is_empty();
        if still_at_fault && before.1 != after.1 {
            let faults = after.1.iter().map(|fault| words::fault(&hosted.router, fault)).collect();
            self.reporter.report(id, EventKind::FaultsChanged { faults });
        }
    }

    /// The configured source, if the host has it; else the interface's first address that is no virtual one; else, for
    /// an owner, a virtual one that is really its own (IP-05, OWN-06).
    fn primary_address(&self, router: &Router) -> Option<IpAddr> {
        if let Some(source) = router.source {
            return self.monitor.has_address(source).then_some(source);
        }
        let link = self.monitor.link_by_name(&router.interface)?;
        let real = |owned: bool| {
            self.monitor
                .addresses(link.index)
                .find(|there| {
                    there.address.is_ipv4() && !there.marked && (owned || !self.holdings.is_virtual(there.address))
                })
                .map(|there| there.address)
        };
        real(false).or_else(|| real(router.config.priority().is_owner()))
    }

    fn warn_port(&mut self, port: usize, text: &str) {
        let Some(name) = self.ports.get(port).map(|port| port.name.clone()) else { return };
        let concerned = self.routers.iter().position(|hosted| hosted.port == port);
        let id = self.set.iter().nth(concerned.unwrap_or_default()).map(|(id, _)| id);
        if let Some(id) = id {
            self.reporter.report(id, EventKind::Warning(format!("{name}: {text}")));
        }
    }

    fn role(&self, id: RouterId) -> Option<Role> {
        self.set.get(id).map(VirtualRouter::role)
    }

    fn status(&self) -> Vec<RouterStatus> {
        let (now, wall) = (clock::now(), SystemTime::now());
        let since = |at: Instant| wall.checked_sub(now.since(at)).unwrap_or(SystemTime::UNIX_EPOCH);
        let routers = self.set.iter().zip(&self.routers);
        routers
            .map(|((_, router), hosted)| {
                let status = router.status();
                RouterStatus {
                    name: hosted.router.name.clone(),
                    interface: hosted.router.interface.clone(),
                    family: router.config().family(),
                    vrid: router.config().vrid(),
                    role: status.role,
                    priority: status.priority,
                    configured_priority: router.config().priority(),
                    master: status.master,
                    master_priority: status.master_priority,
                    since: since(status.since),
                    in_state_for: now.since(status.since),
                    cause: words::cause(&hosted.router, &status.cause),
                    faults: router.faults().map(|fault| words::fault(&hosted.router, &fault)).collect(),
                    addresses: hosted
                        .router
                        .addresses
                        .iter()
                        .map(|vip| AddressStatus { vip: vip.clone(), installed: router.is_installed(vip.address) })
                        .collect(),
                    stats: *router.stats(),
                    events_lost: self.reporter.lost(),
                }
            })
            .collect()
    }
}

/// Why a router is in its state, and what keeps it out. What is merely unchecked is waited for in silence.
fn condition(router: &VirtualRouter) -> (Cause, Vec<Fault>) {
    (router.status().cause, router.faults().filter(|fault| !matches!(fault, Fault::Unchecked(_))).collect())
}
