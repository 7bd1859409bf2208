//! The loop: packets, deadlines, news of the host and commands in; actions out. It decides nothing of the protocol. What
//! it owns is in `state`.

mod ability;
mod actions;
mod asks;
mod change;
mod changing;
pub(crate) mod command;
mod delays;
mod host;
mod interfaces;
mod lineup;
mod notes;
mod noting;
mod now;
mod obey;
mod open;
mod owed;
mod punctuality;
mod reasons;
mod rehearsal;
mod resume;
mod rivals;
mod roster;
pub(crate) mod state;
mod status;
mod strays;
mod suspend;
mod vmac;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use vrrp_core::{Discard, Family, Input, Instant, InterfaceId, Rejected, Role, RouterId, RxPacket, VirtualRouter};

use self::command::{Command, Reply};
use self::state::Driver;
use self::suspend::Suspension;
use crate::clock;
use crate::event::EventKind;
use crate::events::Events;
use crate::kernel::filter;
use crate::kernel::netlink::mirror::HostChange;
use crate::packets::ports::{Arrival, Port};
use crate::packets::socket::datagram::Datagram;
use crate::packets::socket::membership;
use crate::report::Kind;
use crate::scheduling::Pauses;
use crate::suspended::Suspended;
use crate::warning::Warning;

/// A Down deadline is met by waking this much earlier and spinning the rest: timers wake late. It comes only in a
/// failure, so it costs nothing while all is well.
const SPIN: Duration = Duration::from_micros(300);
/// The time that one message of requests to the kernel takes: a longer wait leaves room for it.
const INSTALLATION: Duration = Duration::from_micros(200);
/// A rehearsal takes less.
const REHEARSAL: Duration = Duration::from_micros(120);
/// Packets read before a Down deadline is acted on; a flood must not put it off for ever.
const DRAIN_LIMIT: usize = 4096;
/// A driver that wakes so much later than a deadline was not running: others may have taken over.
const GAP: Duration = Duration::from_millis(50);
/// Packets that come one after the other so fast are let gather for a while: waking up for each costs more than the packet.
const COALESCE: Duration = Duration::from_micros(100);
const GATHER: Duration = Duration::from_micros(200);
/// Nothing is to be done so soon while packets gather. Nor does the shortest Skew_Time end so soon where they may.
const GATHER_BEFORE: Duration = Duration::from_millis(1);
/// From one confirmation of an address to the next at least: a kernel that is busy with somebody else's interface takes some
/// 20 ms.
const PATIENCE: Duration = Duration::from_millis(100);
/// The most that is taken in before the runtime looks what else is ready.
const AT_ONCE: u32 = 32;
/// The time between two tries to take over what another process has.
const CLAIM_PAUSE: Duration = Duration::from_secs(5);

enum Wake {
    Alarm,
    Packet(usize, io::Result<Arrival>),
    Host(HostChange),
    Command(Option<Command>),
    Filter(filter::News),
    /// There is time for what is left to do.
    Idle,
}

impl Driver {
    /// The ids of the routers, in the order in which these were given.
    pub(crate) fn ids(&self) -> impl Iterator<Item = RouterId> {
        self.routers.ids().iter().copied()
    }

    /// Makes a queue for one more who wants to know what happens.
    pub(crate) fn subscribe(&mut self) -> Events {
        self.reporter.subscribe()
    }

    /// Warns of what concerns all routers, in the name of the first.
    pub(crate) fn warn(&mut self, warning: Warning) {
        if let Some(id) = self.routers.ids().first().copied() {
            self.reporter.report(id, EventKind::Warning(warning));
        }
    }

    /// Runs until it is told to stop, or nobody is left who could tell it.
    pub(crate) async fn run(mut self) -> Option<(Reply<Suspended>, Suspended)> {
        self.pauses = Pauses::new();
        self.begin_start();
        let (mut at_once, mut told, mut suspension) = (0, None, None::<Suspension>);
        loop {
            self.act();
            self.answer_owed();
            self.advance();
            self.renew();
            if let Some(asked) = suspension.take_if(|asked| self.may_suspend(asked)) {
                match self.suspend(asked) {
                    Ok(suspended) => return Some(suspended),
                    Err(not_yet) => (self, suspension) = (not_yet.0, Some(not_yet.1)),
                }
            }
            self.breathe();
            // The runtime learns what else is ready only while this waits, and under a flood it never would.
            at_once += 1;
            if at_once >= AT_ONCE {
                at_once = 0;
                self.reporter.deliver();
                tokio::task::yield_now().await;
            }
            match self.next(suspension.as_ref().map(Suspension::latest)).await {
                Wake::Alarm => {
                    self.expire();
                    self.follow_delays();
                    self.claim_again();
                }
                Wake::Packet(port, Ok(arrival)) => self.receive(port, &arrival),
                Wake::Packet(port, Err(error)) => self.warn_socket(port, error),
                Wake::Host(change) => {
                    self.memberships_doubtful = true;
                    self.on_host_change(&change);
                }
                Wake::Command(Some(Command::StopAll(reply))) => {
                    told = Some(reply);
                    break;
                }
                Wake::Command(Some(Command::Suspend(reply))) => suspension = Some(Suspension::new(reply)),
                Wake::Command(Some(command)) => self.obey(command),
                Wake::Command(None) => break,
                Wake::Filter(news) => self.report_filter(news),
                Wake::Idle => self.verify_memberships(),
            }
        }
        self.stop();
        // Nobody waits where the last handle was dropped.
        let _ = told.map(|reply| reply.send(()));
        None
    }

    /// Releases everything, and has the addresses removed.
    fn stop(&mut self) {
        self.set.handle_all(clock::now(), Input::Shutdown);
        self.follow_orders();
        self.carry_out_requests();
        self.answer_owed();
        self.macvlans.remove(&self.monitor);
        self.unfilter();
        self.reporter.deliver();
    }

    /// In every loop that packets, addresses or routers can make long.
    fn breathe(&mut self) {
        self.pauses.take(|now| self.set.deadline().is_some_and(|(at, _)| at < now + SPIN));
    }

    async fn next(&mut self, also_at: Option<Instant>) -> Wake {
        let deadline = self.set.deadline();
        let wake_at = deadline.map(|(at, id)| if self.role(id) == Some(Role::Backup) { at.before(SPIN) } else { at });
        let wake_at = wake_at
            .into_iter()
            .chain(self.strays_over_at())
            .chain(self.claim_at)
            .chain(self.change_limit())
            .chain(self.delays.next())
            .chain(also_at)
            .min();
        // What is due of these already waits for nothing but that all else is done.
        let announce_at = self.announcements.next().filter(|at| *at > clock::now());
        // Arming fails for no instant there is; a driver without deadlines would be worse than one that spins.
        let armed = self.alarm.arm_by(wake_at.into_iter().chain(announce_at).min()).is_ok();
        poll_fn(|cx| {
            if !armed || wake_at.is_some_and(|at| at <= clock::now()) {
                return Poll::Ready(Wake::Alarm);
            }
            self.poll(cx)
        })
        .await
    }

    /// Polls for the next thing to do. Packets, with which anybody on the LAN can flood, come after all other news.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Poll::Ready(Ok(())) = self.alarm.poll_fired(cx) {
            return Poll::Ready(Wake::Alarm);
        }
        if let Poll::Ready(change) = self.monitor.poll_change(cx) {
            return Poll::Ready(Wake::Host(change));
        }
        if let Poll::Ready(command) = self.commands.poll_recv(cx) {
            return Poll::Ready(Wake::Command(command));
        }
        if let Some(Poll::Ready(news)) = self.filter.as_mut().map(|filter| filter.poll_news(cx)) {
            return Poll::Ready(Wake::Filter(news));
        }
        // When all news has been taken in: it comes in bursts.
        if self.memberships_doubtful || self.poll_change(cx) || self.poll_macvlans(cx) {
            return Poll::Ready(Wake::Idle);
        }
        if let Poll::Ready((port, arrival)) = self.ports.poll_recv(cx, &mut self.packet, clock::now()) {
            return Poll::Ready(Wake::Packet(port, arrival));
        }
        let announces = self.announcements.next().is_some_and(|at| at <= clock::now());
        if announces || self.has_work() || (self.leases.is_due() && self.renew_after.is_none()) {
            return Poll::Ready(Wake::Idle);
        }
        self.reporter.deliver();
        self.coalesce();
        Poll::Pending
    }

    /// About to wait: where packets follow each other closely, not for the next one alone. Their stamps say when each came.
    fn coalesce(&mut self) {
        let now = clock::now();
        let soon = self.set.deadline().is_some_and(|(at, _)| at < now + GATHER_BEFORE);
        let crowded = now.since(self.idle_at) < COALESCE;
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
            let Some(running) = self.routers.get(id) else { break };
            let sockets = Arc::clone(&running.sockets);
            let drained_at = sockets.iter().filter_map(|port| self.ports.get(*port)).map(|port| port.drained_at).min();
            let drained_at = drained_at.unwrap_or(now);
            // What lies in the socket may move the deadline: it is read first.
            if down && drained_at >= woken && !rehearsed && at > now + REHEARSAL {
                self.rehearse(id);
                rehearsed = true;
            } else if down && drained_at < at {
                sockets.iter().for_each(|port| self.drain(*port, now));
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
            self.punctuality.is_settled();
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
        if let Some(at) = self.set.get(id).and_then(VirtualRouter::deadline).filter(|at| *at <= now) {
            self.punctuality.due(id, at);
        }
        self.set.handle(now, id, Input::Timeout);
    }

    /// After a gap every Master learns first how late it is, and then what it missed, before any of them says a word.
    fn catch_up(&mut self, now: Instant) {
        let masters: Vec<RouterId> = self.ids().filter(|id| self.role(*id) == Some(Role::Master)).collect();
        masters.into_iter().for_each(|id| self.time_out(id, now));
        self.ports.numbers().into_iter().for_each(|port| self.drain(port, now));
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
            self.ports.iter().filter(|(_, port)| port.refused.is_some()).map(|(number, _)| number).collect();
        self.claim_at = (!refused.is_empty()).then(|| self.claim_at.unwrap_or_else(|| clock::now() + CLAIM_PAUSE));
        let before = std::mem::replace(&mut self.refused, refused);
        if before.is_empty() {
            return;
        }
        let is_free = |port: usize| before.contains(&port) && !self.refused.contains(&port);
        let freed = self.routers.iter().filter(|running| is_free(running.port));
        let freed: Vec<RouterId> = freed.map(|running| running.id).collect();
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
                self.ports.iter().filter(|(_, port)| is_doubtful(port)).map(|(number, _)| number).collect();
            // Not even asked for where there is none, as in a kernel without IPv6.
            let Some(members) = (!doubtful.is_empty()).then(|| membership::interfaces(family).ok()).flatten() else {
                continue;
            };
            for index in doubtful {
                let verified = self.ports.get_mut(index).map_or(Ok(()), |port| port.verify(&members));
                if let Err(error) = verified {
                    self.warn_socket(index, error);
                }
            }
        }
    }

    fn receive(&mut self, port: usize, arrival: &Arrival) {
        let Arrival::At(at, datagram) = arrival else { return };
        let packet = std::mem::take(&mut self.packet);
        if let Some(payload) = packet.get(datagram.payload.clone()) {
            self.hear(port, *at, datagram, RxPacket { endpoints: datagram.endpoints, ttl: datagram.ttl, payload });
        }
        self.packet = packet;
    }

    /// Hands in a packet, and reports what the routers say of it.
    fn hear(&mut self, port: usize, at: Instant, datagram: &Datagram, rx: RxPacket<'_>) {
        let source = datagram.endpoints.source();
        match self.set.handle_packet(at, InterfaceId(port as u32), rx) {
            Ok((id, accepted)) => {
                if let Some(role) = self.role(id) {
                    self.punctuality.heard(id, role, accepted.priority.is_none(), at);
                }
                if let (Some(router), Some(running)) = (self.set.get(id), self.routers.get_mut(id)) {
                    if router.winner() == Some(source) {
                        running.winner_mac = datagram.mac;
                    }
                }
                self.hear_rival(id, source, &accepted, at);
                self.note_accepted(id, &rx, &accepted, at);
            }
            Err(Rejected { router: Some(id), other_master, reason }) => match reason {
                // Ours that are at fault wait: no news.
                Discard::NotStarted | Discard::Version2Shadowed(_) => {}
                _ if datagram.authenticated => {
                    self.note_ignored(id, &rx, reason, true, at);
                    let event = |unreported| EventKind::Authenticated { source, unreported };
                    self.reporter.report_repeating(id, at, Kind::Authenticated, event);
                }
                Discard::Destination(to) if self.is_for_another(to) => {}
                _ => {
                    self.note_ignored(id, &rx, reason, false, at);
                    self.ignore(id, source, other_master, reason, at);
                }
            },
            // Other people's virtual routers are none of our business, but who looks for what is wrong asks for them.
            Err(Rejected { router: None, .. }) if self.is_for_another(rx.endpoints.destination()) => {}
            Err(Rejected { router: None, reason, .. }) => self.note_stranger(port, &rx, reason, at),
        }
    }

    /// Tells whether a packet to this address is on its way through this host to another.
    fn is_for_another(&self, to: IpAddr) -> bool {
        !to.is_multicast() && !self.monitor.has_address(to)
    }

    fn role(&self, id: RouterId) -> Option<Role> {
        self.set.get(id).map(VirtualRouter::role)
    }
}
