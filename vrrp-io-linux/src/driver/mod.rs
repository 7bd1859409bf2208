//! The loop: packets, deadlines, news of the host and commands in; actions out. It decides nothing.

mod ability;
mod actions;
mod host;
mod interfaces;
mod reasons;
mod rehearsal;
mod rivals;
mod strays;
mod vmac;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Cause, Discard, Family, Fault, Input, Instant, Peers, Role, RouterId, RouterSet, RxPacket, TrackerId, Vip,
    VirtualRouter,
};

use crate::addresses::holdings::Holdings;
use crate::addresses::lease::{Leases, least_lifetime};
use crate::addresses::obstacles::Obstacles;
use crate::claims::{self, Refusal, Wanted};
use crate::clock::{self, Alarm};
use crate::driver::interfaces::Interfaces;
use crate::error::StartError;
use crate::event::{Event, EventKind};
use crate::kernel::filter::{self, Filter};
use crate::kernel::macvlans::Macvlans;
use crate::kernel::netlink::{Change, Monitor, Requests};
use crate::packets::link_layer::{LinkLayer, Mac};
use crate::packets::ports::{Arrival, Port};
use crate::packets::socket::membership;
use crate::preflight::{Concern, Preflight};
use crate::report::{Kind, Reporter};
use crate::router::Router;
use crate::scheduling::Pauses;
use crate::status::{AddressStatus, RouterStatus};
use crate::sys;

/// A Down deadline is met by waking this much earlier and spinning the rest: timers wake late. It comes only in a
/// failure, so it costs nothing while all is well.
const SPIN: Duration = Duration::from_micros(300);
/// What one message of requests to the kernel takes: there is time for it within a longer wait.
const INSTALLATION: Duration = Duration::from_micros(200);
/// A rehearsal takes less.
const REHEARSAL: Duration = Duration::from_micros(120);
/// Packets read before a Down deadline is acted on; a flood must not put it off for ever.
const DRAIN_LIMIT: usize = 4096;
/// Who wakes so much later than a deadline was not running: others may have taken over.
const GAP: Duration = Duration::from_millis(50);
/// Packets that come one after the other so fast are let gather for a while: waking up for each costs more than the packet.
const CROWD: Duration = Duration::from_micros(100);
const GATHER: Duration = Duration::from_micros(200);
/// Nothing is to be done so soon while packets gather. Nor does the shortest Skew_Time at this interval end so soon.
const GATHER_BEFORE: Duration = Duration::from_millis(1);
const GATHER_AT: Duration = Duration::from_millis(100);
/// From one confirmation of an address to the next at least: a kernel that is busy with somebody else's interface takes some
/// 20 ms.
const PATIENCE: Duration = Duration::from_millis(100);
/// How much is taken in at most before the runtime looks what else is ready.
const AT_ONCE: u32 = 32;
/// Holds any IP packet.
const PACKET_MAX: usize = 1 << 16;
/// Holds every advertisement: 255 IPv6 addresses.
const MESSAGE_MAX: usize = 4096;

/// What the outside asks of a running driver.
#[derive(Debug)]
pub(crate) enum Command {
    Track(usize, TrackerId, bool),
    Status(oneshot::Sender<Vec<RouterStatus>>),
}

/// How long a start waits for a process to go that was just killed.
const CLAIM_PATIENCE: Duration = Duration::from_millis(500);
/// Between two tries to take over what another process has.
const CLAIM_PAUSE: Duration = Duration::from_secs(5);

/// Its claim, a packet socket, a raw socket; and one that takes the place of another.
const FILES_OF_A_PORT: usize = 4;
/// What the driver and the rest of the process have open, with a reserve.
const OTHER_FILES: usize = 256;

/// Everything that one thread owns.
#[derive(Debug)]
pub(crate) struct Driver {
    set: RouterSet,
    routers: Vec<Hosted>,
    ports: Vec<Port>,
    /// The one that was last asked for a packet.
    next_port: usize,
    interfaces: Interfaces,
    holdings: Holdings,
    leases: Leases,
    obstacles: Obstacles,
    /// When the kernel last confirmed an address.
    confirmed_at: Instant,
    /// Who is kept out by an address that is here.
    strays: BTreeMap<RouterId, strays::Told>,
    /// The deadline that renewals wait for.
    renew_after: Option<Instant>,
    monitor: Monitor,
    requests: Requests,
    link_layer: LinkLayer,
    /// Announcements to be repeated, and how often.
    repeats: VecDeque<(RouterId, Vip, u8)>,
    macvlans: Macvlans,
    filter: Option<Filter>,
    alarm: Alarm,
    commands: mpsc::Receiver<Command>,
    reporter: Reporter,
    /// Something happened to the host that may have cost an interface its membership.
    memberships_doubtful: bool,
    /// The ports whose routers another process has.
    refused: BTreeSet<usize>,
    /// When to try again where another process runs one of the routers.
    claim_at: Option<Instant>,
    /// Whether all intervals are long enough to let packets gather.
    gathers: bool,
    pauses: Pauses,
    /// When there was last nothing to do.
    idle_at: Instant,
    packet: Box<[u8]>,
    message: Box<[u8]>,
}

#[derive(Debug)]
struct Hosted {
    router: Router,
    port: usize,
    /// Where packets come in that bear on its takeover: its own port, and those of its sync group.
    heard_on: Arc<[usize]>,
    /// Where its addresses are.
    devices: Box<[String]>,
    /// The MAC address of the better Master that it yielded to last, as of the frame that said so.
    winner_mac: Option<Mac>,
    /// The counter of that name, as it was after the last packet.
    address_list_errors: u64,
    /// What its faults were last called.
    said: Vec<(Fault, String)>,
    /// Those that were there when it was last looked.
    told: Vec<String>,
    /// The last other Master that it heard.
    rival: Option<rivals::Rival>,
}

enum Wake {
    Alarm,
    Packet(usize, io::Result<Arrival>),
    Change(Change),
    Command(Option<Command>),
    Filter(filter::News),
    /// There is time for what is left to do.
    Idle,
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
            let id = set.insert(port as u32, router.config.clone()).map_err(|taken| StartError::Taken {
                name: router.name.clone(),
                interface: router.interface.clone(),
                vrid: taken.vrid,
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

    /// Warns of what concerns all routers, in the name of the first.
    pub(crate) fn warn(&mut self, text: &str) {
        if let Some((id, _)) = self.set.iter().next() {
            self.reporter.report(id, EventKind::Warning(text.to_owned()));
        }
    }

    /// Warns of what was found out before the start. An interface that is not there is told as a fault.
    pub(crate) fn warn_of_concerns(&mut self, found: &[Preflight]) {
        for ((id, _), found) in self.set.iter().zip(found) {
            for concern in found.concerns.iter().filter(|concern| !matches!(concern, Concern::Missing { .. })) {
                self.reporter.report(id, EventKind::Warning(concern.to_string()));
            }
        }
    }

    /// Runs until it is told to stop, or nobody is left who could tell it.
    pub(crate) async fn run(mut self) {
        self.pauses = Pauses::new();
        self.warn_of_owners();
        self.sweep();
        self.make_macvlans().await;
        let ids: Vec<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        let devices: BTreeSet<String> = self.interfaces.with_ipv4().cloned().collect();
        devices.iter().for_each(|device| self.prepare_device(device));
        for port in 0..self.ports.len() {
            self.follow_port(port);
            self.breathe();
        }
        self.memberships_doubtful = true;
        for id in &ids {
            self.refresh(*id);
            self.set.handle(clock::now(), *id, Input::Startup);
        }
        let mut at_once = 0;
        loop {
            self.act();
            self.renew();
            self.breathe();
            // The runtime learns what else is ready only while this waits, and under a flood it never would.
            at_once += 1;
            if at_once >= AT_ONCE {
                at_once = 0;
                self.reporter.deliver();
                tokio::task::yield_now().await;
            }
            match self.next().await {
                Wake::Alarm => {
                    self.expire();
                    self.claim_again();
                }
                Wake::Packet(port, Ok(arrival)) => self.receive(port, &arrival),
                Wake::Packet(port, Err(error)) => self.warn_port(port, &error.to_string()),
                Wake::Change(change) => {
                    self.memberships_doubtful = true;
                    self.follow(&change);
                }
                Wake::Command(Some(Command::Track(router, tracker, passing))) => {
                    if let Some(id) = ids.get(router) {
                        self.consider(*id, [Input::Tracker(tracker, passing)]);
                    }
                }
                Wake::Command(Some(Command::Status(reply))) => {
                    // Nobody waits for it any more: nothing is lost.
                    let _ = reply.send(self.status());
                }
                Wake::Command(None) => break,
                Wake::Filter(news) => self.report_filter(&news),
                Wake::Idle => self.verify_memberships(),
            }
        }
        self.stop();
    }

    /// Releases everything, and has the addresses removed.
    fn stop(&mut self) {
        self.set.handle_all(clock::now(), Input::Shutdown);
        self.follow_orders();
        self.settle();
        self.macvlans.remove(&self.monitor);
        self.unfilter();
        self.reporter.deliver();
    }

    /// In every loop that packets, addresses or routers can make long.
    fn breathe(&mut self) {
        self.pauses.take(|now| self.set.deadline().is_some_and(|(at, _)| at < now + SPIN));
    }

    async fn next(&mut self) -> Wake {
        let deadline = self.set.deadline();
        let wake_at = deadline.map(|(at, id)| if self.role(id) == Some(Role::Backup) { at.before(SPIN) } else { at });
        let wake_at = wake_at.into_iter().chain(self.strays_over_at()).chain(self.claim_at).min();
        // Arming fails for no instant there is; a driver without deadlines would be worse than one that spins.
        let armed = self.alarm.arm_by(wake_at).is_ok();
        poll_fn(|cx| {
            if !armed || wake_at.is_some_and(|at| at <= clock::now()) {
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
        if let Some(Poll::Ready(news)) = self.filter.as_mut().map(|filter| filter.poll_news(cx)) {
            return Poll::Ready(Wake::Filter(news));
        }
        // When all news has been taken in: it comes in bursts.
        if self.memberships_doubtful {
            return Poll::Ready(Wake::Idle);
        }
        // One after the other has its turn: a flood on one interface keeps nobody from hearing the others.
        let now = clock::now();
        for _ in 0..self.ports.len() {
            self.next_port = (self.next_port + 1) % self.ports.len();
            let Some(port) = self.ports.get_mut(self.next_port) else { break };
            if let Poll::Ready(arrival) = port.poll_recv(cx, &mut self.packet, now) {
                return Poll::Ready(Wake::Packet(self.next_port, arrival));
            }
        }
        if self.has_work() || (self.leases.is_due() && self.renew_after.is_none()) {
            return Poll::Ready(Wake::Idle);
        }
        self.reporter.deliver();
        self.gather();
        Poll::Pending
    }

    /// About to wait: where packets follow each other closely, not for the next one alone. Their stamps say when each came.
    fn gather(&mut self) {
        let now = clock::now();
        let soon = self.set.deadline().is_some_and(|(at, _)| at < now + GATHER_BEFORE);
        let crowded = now.since(self.idle_at) < CROWD;
        if self.gathers && crowded && !soon {
            std::thread::sleep(GATHER);
        }
        self.idle_at = clock::now();
    }

    /// Acts on every deadline that has come. An advertisement that lies in a socket counts, however late we woke: so it is
    /// drained before a Down deadline is acted on, and so are those of the sync group, which takes over as one.
    fn expire(&mut self) {
        let (woken, mut rehearsed) = (clock::now(), false);
        while let Some((at, id)) = self.set.deadline() {
            let now = clock::now();
            let down = self.role(id) == Some(Role::Backup);
            let wait = if self.requests.are_queued() { SPIN - INSTALLATION } else { SPIN };
            if at > now && !(down && at <= now + wait) {
                break;
            }
            let Some(hosted) = self.routers.get(id.index()) else { break };
            let heard_on = Arc::clone(&hosted.heard_on);
            let drained_at = heard_on.iter().filter_map(|port| self.ports.get(*port)).map(|port| port.drained_at).min();
            let drained_at = drained_at.unwrap_or(now);
            // What lies in the socket may move the deadline: it is read first.
            if down && drained_at >= woken && !rehearsed && at > now + REHEARSAL {
                self.rehearse(id);
                rehearsed = true;
            } else if down && drained_at < at {
                heard_on.iter().for_each(|port| self.drain(*port, now));
            } else if at <= now {
                self.time_out(id, now);
                if now.since(at) > GAP && drained_at < at {
                    self.catch_up(now);
                }
            } else {
                std::hint::spin_loop();
            }
            self.breathe();
            // Of many that take over together the last one advertises before the first one's addresses are installed.
            self.follow_orders();
        }
    }

    /// The deadline of a router has come. While the host still works on what Masters asked it for, and makes progress, it
    /// has time.
    fn time_out(&mut self, id: RouterId, now: Instant) {
        let installing = self.set.get(id).is_some_and(|router| {
            let patience = router.config().interval().duration().max(PATIENCE);
            let at_work = self.requests.are_queued() || now.since(self.confirmed_at) < patience;
            at_work && router.role() == Role::Master
        });
        if installing {
            self.set.handle(now, id, Input::Installing);
        }
        self.set.handle(now, id, Input::Timeout);
    }

    /// After a gap every Master learns first how late it is, and then what it missed, before any of them says a word.
    fn catch_up(&mut self, now: Instant) {
        let masters: Vec<RouterId> =
            self.set.iter().map(|(id, _)| id).filter(|id| self.role(*id) == Some(Role::Master)).collect();
        masters.into_iter().for_each(|id| self.time_out(id, now));
        (0..self.ports.len()).for_each(|port| self.drain(port, now));
    }

    fn drain(&mut self, port: usize, now: Instant) {
        for _ in 0..DRAIN_LIMIT {
            let Some(open) = self.ports.get_mut(port) else { break };
            open.drained_at = now;
            match open.try_recv(&mut self.packet) {
                Ok(Some(arrival)) => {
                    self.receive(port, &arrival);
                    self.breathe();
                }
                Ok(None) | Err(_) => break,
            }
        }
    }

    /// Opens ports whose routers another process had, when that has let go.
    fn claim_again(&mut self) {
        if self.claim_at.is_none_or(|at| at > clock::now()) {
            return;
        }
        self.claim_at = None;
        self.refused.clone().into_iter().for_each(|port| self.follow_port(port));
        self.look_after_claims();
    }

    /// Routers that another process had until now may run.
    fn look_after_claims(&mut self) {
        let refused: BTreeSet<usize> =
            (0..).zip(&self.ports).filter(|(_, port)| port.refused.is_some()).map(|(number, _)| number).collect();
        self.claim_at = (!refused.is_empty()).then(|| self.claim_at.unwrap_or_else(|| clock::now() + CLAIM_PAUSE));
        let before = std::mem::replace(&mut self.refused, refused);
        if before.is_empty() {
            return;
        }
        let is_free = |port: usize| before.contains(&port) && !self.refused.contains(&port);
        let ids = self.set.iter().map(|(id, _)| id);
        let freed: Vec<RouterId> =
            ids.filter(|id| self.routers.get(id.index()).is_some_and(|hosted| is_free(hosted.port))).collect();
        freed.into_iter().for_each(|id| self.refresh(id));
    }

    /// Sees to it that the kernel has the interfaces that news came of in the group, and not only in a socket's list.
    fn verify_memberships(&mut self) {
        if !std::mem::take(&mut self.memberships_doubtful) {
            return;
        }
        self.look_after_claims();
        for family in [Family::Ipv4, Family::Ipv6] {
            let is_doubtful = |port: &Port| port.doubtful && port.family == family;
            let doubtful: Vec<usize> =
                (0..).zip(&self.ports).filter(|(_, port)| is_doubtful(port)).map(|(n, _)| n).collect();
            // Not even asked for where there is none, as in a kernel without IPv6.
            let Some(members) = (!doubtful.is_empty()).then(|| membership::interfaces(family).ok()).flatten() else {
                continue;
            };
            for index in doubtful {
                let verified = self.ports.get_mut(index).map_or(Ok(()), |port| port.verify(&members));
                if let Err(error) = verified {
                    self.warn_port(index, &error.to_string());
                }
            }
        }
    }

    fn receive(&mut self, port: usize, arrival: &Arrival) {
        let Arrival::At(at, datagram) = arrival else { return };
        let (Some(ends), Some(payload)) =
            (Endpoints::new(datagram.src, datagram.dst), self.packet.get(datagram.payload.clone()))
        else {
            return;
        };
        let rx = RxPacket { ends, ttl: datagram.ttl, payload };
        let source = datagram.src;
        let taken = self.set.handle_packet(*at, port as u32, rx);
        let accepted = taken.as_ref().ok().map(|id| (self.set.get(*id), self.routers.get_mut(id.index())));
        if let Some((Some(router), Some(hosted))) = accepted {
            if router.winner() == Some(source) {
                hosted.winner_mac = datagram.mac;
            }
        }
        match taken {
            Ok(id) => {
                let packet = std::mem::take(&mut self.packet);
                self.hear_rival(id, ends, *at, packet.get(datagram.payload.clone()).unwrap_or_default());
                self.packet = packet;
            }
            // Other people's virtual routers are none of our business, and ours that are at fault wait: no news.
            Err((None, _) | (_, Discard::NotStarted | Discard::Version2Shadowed(_))) => {}
            Err((Some(id), _)) if datagram.authenticated => {
                let event = |unreported| EventKind::Authenticated { source, unreported };
                self.reporter.report_repeating(id, *at, Kind::Authenticated, event);
            }
            // On its way through this host to another.
            Err((Some(_), Discard::Destination(to))) if !to.is_multicast() && !self.monitor.has_address(to) => {}
            Err((Some(id), discard)) => {
                let packet = std::mem::take(&mut self.packet);
                self.ignore(id, source, discard, *at, packet.get(datagram.payload.clone()).unwrap_or_default());
                self.packet = packet;
            }
        }
    }

    fn status(&self) -> Vec<RouterStatus> {
        let (now, wall) = (clock::now(), SystemTime::now());
        let is_known = |cause: &Cause| *cause != Cause::New;
        let since = |at: Instant| wall.checked_sub(now.since(at)).unwrap_or(SystemTime::UNIX_EPOCH);
        let routers = self.set.iter().zip(&self.routers);
        routers
            .map(|((id, router), hosted)| {
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
                    // What is not started yet is in no state that it has entered.
                    since: is_known(&status.cause).then(|| since(status.since)),
                    in_state_for: is_known(&status.cause).then(|| now.since(status.since)),
                    cause: self.cause(id, &status.cause),
                    faults: self.faults(id, router.faults()),
                    trackers: self.trackers(id),
                    other_master: self.other_master(id, now),
                    addresses: hosted
                        .router
                        .addresses
                        .iter()
                        .enumerate()
                        .map(|(index, vip)| AddressStatus {
                            vip: vip.clone(),
                            installed: router.is_installed(vip.address),
                            host: self.on_host(id, index),
                            obstacle: self.why_not(id, index),
                        })
                        .collect(),
                    stats: *router.stats(),
                    events_lost: self.reporter.lost(),
                }
            })
            .collect()
    }

    fn role(&self, id: RouterId) -> Option<Role> {
        self.set.get(id).map(VirtualRouter::role)
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
