//! A picture of what happened in a world.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::attack::STRANGER;
use super::disturbance::Disturbance;
use super::host::Key;
use super::journal::{Happened, JournalEntry};
use super::network::{HostId, LanId};
use super::recorder;
use super::world::World;
use crate::action::AdvertKind;
use crate::cause::Cause;
use crate::fsm::Role;
use crate::time::Instant;
use crate::timeline::{Advertisement, AdvertisementKind, Fate, LaneId, LaneState, MarkKind, Timeline};
use crate::types::RouterId;

impl World {
    /// Returns what happened lately, as a picture: the last 400 things, and the last thousand advertisements with what became
    /// of each.
    #[must_use]
    pub fn picture(&self, title: &str) -> Timeline {
        let mut painter = Painter::new(self, title);
        painter.timeline.leaves_out(self.journal.dropped + self.recorder.dropped());
        painter.lanes();
        self.journal.iter().for_each(|entry| painter.entry(entry));
        painter.advertisements();
        let first = self.recorder.advertisements().next().map(|(_, sent)| sent.at);
        let from = first.filter(|_| self.recorder.dropped() > 0).unwrap_or(Instant::ZERO);
        painter.timeline.shows(from, self.now);
        painter.timeline
    }
}

struct Painter<'a> {
    world: &'a World,
    timeline: Timeline,
    lanes: BTreeMap<(HostId, Key), LaneId>,
    cuts: BTreeSet<(LanId, HostId, HostId)>,
    apart: BTreeMap<LanId, BTreeSet<HostId>>,
    /// Ways that are cut: the LAN, the sender, and the receiver that does not hear it.
    deaf: BTreeSet<(LanId, HostId, HostId)>,
    held: BTreeMap<LaneId, BTreeSet<IpAddr>>,
    /// State and cause of each, as its process has them.
    states: BTreeMap<LaneId, (LaneState, String)>,
}

impl<'a> Painter<'a> {
    fn new(world: &'a World, title: &str) -> Self {
        Self {
            world,
            timeline: Timeline::new(title),
            lanes: BTreeMap::new(),
            cuts: BTreeSet::new(),
            apart: BTreeMap::new(),
            deaf: BTreeSet::new(),
            held: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    /// A lane for each router that there is, in the order of the hosts.
    fn lanes(&mut self) {
        for (index, host) in self.world.hosts.iter().enumerate() {
            for key in host.keys() {
                self.lane(HostId(index as u16), key);
            }
        }
    }

    fn lane(&mut self, host: HostId, key: Key) -> LaneId {
        let (lan, family, vrid) = key;
        let host_name = if host == STRANGER { "stranger".to_string() } else { format!("host {}", host.index()) };
        let several = self.world.network.lans().count() > 1;
        let on_lan = if several { format!(", LAN {}", lan.index()) } else { String::new() };
        let lane = self.timeline.lane(&host_name, &format!("router {vrid}, {family}{on_lan}"));
        self.lanes.insert((host, key), lane);
        lane
    }

    fn lane_of(&self, (host, router): (HostId, RouterId)) -> Option<LaneId> {
        let key = self.world.hosts.get(host.index())?.key_of(router)?;
        self.lanes.get(&(host, key)).copied()
    }

    fn lanes_of(&self, host: HostId) -> Vec<LaneId> {
        self.lanes.iter().filter(|((of, _), _)| *of == host).map(|(_, lane)| *lane).collect()
    }

    fn entry(&mut self, entry: &JournalEntry) {
        let at = entry.at;
        let lane = entry.who.and_then(|who| self.lane_of(who));
        match (&entry.what, lane) {
            (Happened::Disturbed(disturbance) | Happened::Ordered(disturbance), _) => self.disturbed(at, disturbance),
            (Happened::Resumed(host), _) => {
                for lane in self.lanes_of(*host) {
                    let (state, why) = self.states.get(&lane).cloned().unwrap_or((LaneState::Unknown, String::new()));
                    self.timeline.state(at, lane, state, &why);
                }
                self.timeline.mark(at, None, MarkKind::Mended, &format!("{} goes on", name(*host)));
            }
            (Happened::State { change, why, .. }, Some(lane)) => {
                let at_fault = change.to == Role::Initialize && matches!(change.cause, Cause::Fault(_));
                self.state(at, lane, if at_fault { LaneState::Fault } else { change.to.into() }, why);
            }
            (Happened::Installed(address), Some(lane)) => self.holds(at, lane, *address, true),
            (Happened::Removed(address) | Happened::Expired(address), Some(lane)) => {
                self.holds(at, lane, *address, false);
            }
            (Happened::Refused(address), Some(lane)) => {
                self.timeline.mark(at, Some(lane), MarkKind::Note, &format!("cannot have {address}"));
            }
            _ => {}
        }
    }

    fn state(&mut self, at: Instant, lane: LaneId, state: LaneState, why: &str) {
        self.states.insert(lane, (state, why.to_string()));
        self.timeline.state(at, lane, state, why);
    }

    fn holds(&mut self, at: Instant, lane: LaneId, address: IpAddr, holds: bool) {
        let held = self.held.entry(lane).or_default();
        if holds {
            held.insert(address)
        } else {
            held.remove(&address)
        };
        self.timeline.holds(at, lane, &address.to_string(), holds);
    }

    fn disturbed(&mut self, at: Instant, disturbance: &Disturbance) {
        let (kind, text) = in_words(disturbance);
        self.timeline.mark(at, None, kind, &text);
        match disturbance {
            Disturbance::PowerOff(host) => {
                self.end(at, *host, "no power");
                self.lanes_of(*host).into_iter().for_each(|lane| self.loses_all(at, lane));
            }
            Disturbance::Kill(host) => self.end(at, *host, "killed"),
            Disturbance::Stop(host) => self.end(at, *host, "stopped"),
            Disturbance::Stall(host, _) => {
                for lane in self.lanes_of(*host) {
                    if self.states.get(&lane).is_some_and(|(state, _)| *state != LaneState::Down) {
                        self.timeline.state(at, lane, LaneState::Hung, "");
                    }
                }
            }
            Disturbance::Start(host) => {
                for lane in self.lanes_of(*host) {
                    self.loses_all(at, lane);
                    self.state(at, lane, LaneState::Initialize, "started");
                }
            }
            Disturbance::Remove { host, router, .. } => {
                if let Some(lane) = self.lane_of((*host, *router)) {
                    self.loses_all(at, lane);
                    self.state(at, lane, LaneState::Down, "removed");
                }
            }
            Disturbance::Cut(lan, from, to) => {
                self.cuts.insert((*lan, *from, *to));
                self.tell_cuts(at);
            }
            Disturbance::Mend(lan, from, to) => {
                self.cuts.remove(&(*lan, *from, *to));
                self.tell_cuts(at);
            }
            Disturbance::Partition(lan, hosts) => {
                self.apart.insert(*lan, hosts.iter().copied().collect());
                self.tell_cuts(at);
            }
            Disturbance::Calm => {
                self.cuts.clear();
                self.apart.clear();
                self.tell_cuts(at);
            }
            _ => {}
        }
    }

    fn end(&mut self, at: Instant, host: HostId, why: &str) {
        self.lanes_of(host).into_iter().for_each(|lane| self.state(at, lane, LaneState::Down, why));
    }

    fn loses_all(&mut self, at: Instant, lane: LaneId) {
        for address in self.held.remove(&lane).unwrap_or_default() {
            self.timeline.holds(at, lane, &address.to_string(), false);
        }
    }

    /// Tells which ways are cut now, or cut no more.
    fn tell_cuts(&mut self, at: Instant) {
        let endpoints: Vec<_> = self.lanes.iter().map(|((host, key), lane)| (*host, *key, *lane)).collect();
        let mut told = BTreeSet::new();
        for (from, key, from_lane) in &endpoints {
            for (to, other, to_lane) in &endpoints {
                let lan = key.0;
                if key != other || from == to {
                    continue;
                }
                let apart = self.apart.get(&lan).filter(|apart| !apart.is_empty());
                let parted = apart.is_some_and(|apart| apart.contains(from) != apart.contains(to));
                let way = (lan, *from, *to);
                let cut = parted || self.cuts.contains(&way);
                if cut != self.deaf.contains(&way) {
                    self.timeline.cut(at, *from_lane, *to_lane, cut);
                    told.insert((way, cut));
                }
            }
        }
        for (way, cut) in told {
            if cut {
                self.deaf.insert(way)
            } else {
                self.deaf.remove(&way)
            };
        }
    }

    fn advertisements(&mut self) {
        let mut fates: BTreeMap<u64, Vec<(HostId, recorder::Fate)>> = BTreeMap::new();
        for (number, host, fate) in self.world.recorder.fates() {
            fates.entry(*number).or_default().push((*host, *fate));
        }
        for (number, sent) in self.world.recorder.advertisements() {
            let known = self.lanes.get(&(sent.host, sent.key)).copied();
            let from = known.unwrap_or_else(|| self.lane(sent.host, sent.key));
            let mut advertisement = Advertisement::new(sent.at, from, sent.priority).with_kind(match sent.kind {
                None => AdvertisementKind::Forged,
                Some(AdvertKind::Regular | AdvertKind::RegularVersion2) => AdvertisementKind::Regular,
                Some(AdvertKind::Release | AdvertKind::ReleaseVersion2) => AdvertisementKind::Release,
                Some(AdvertKind::Yield | AdvertKind::YieldVersion2) => AdvertisementKind::Yield,
                Some(AdvertKind::HandOver | AdvertKind::HandOverVersion2) => AdvertisementKind::HandOver,
            });
            for (host, fate) in fates.remove(&number).unwrap_or_default() {
                let Some(to) = self.lanes.get(&(host, sent.key)) else { continue };
                let fate = match fate {
                    recorder::Fate::Heard(at) => Fate::Heard(at),
                    recorder::Fate::Rejected(at, why) => Fate::Rejected(at, why.to_string()),
                    recorder::Fate::Unheard(at) => Fate::Unheard(at),
                    recorder::Fate::Lost => Fate::Lost,
                    recorder::Fate::Cut => Fate::Cut,
                };
                advertisement = advertisement.to(*to, fate);
            }
            self.timeline.advertisement(advertisement);
        }
    }
}

fn name(host: HostId) -> String {
    format!("host {}", host.index())
}

/// Describes a disturbance in few words.
fn in_words(disturbance: &Disturbance) -> (MarkKind, String) {
    let pair = |from: &HostId, to: &HostId| format!("from host {} to host {}", from.index(), to.index());
    match disturbance {
        Disturbance::PowerOff(host) => (MarkKind::Broken, format!("{} loses power", name(*host))),
        Disturbance::Kill(host) => (MarkKind::Broken, format!("{}: killed", name(*host))),
        Disturbance::Stop(host) => (MarkKind::Broken, format!("{}: stopped", name(*host))),
        Disturbance::Start(host) => (MarkKind::Mended, format!("{} starts", name(*host))),
        Disturbance::Stall(host, span) => (MarkKind::Broken, format!("{} hangs for {span:?}", name(*host))),
        Disturbance::Drift(host, parts) => (MarkKind::Note, format!("clock of {}: {parts} ppm fast", name(*host))),
        Disturbance::FalseStamps(host, nanos) => {
            (MarkKind::Note, format!("time stamps of {} are off by {nanos} ns", name(*host)))
        }
        Disturbance::Link(_, way, link) => {
            let way = way.map_or_else(|| "every way".to_string(), |(from, to)| format!("the way {}", pair(&from, &to)));
            let change = match (link.is_faithful(), link.loss) {
                (true, _) => "is good".to_string(),
                (false, 0) => "flips bits".to_string(),
                (false, loss) => format!("loses {} %", loss.div_ceil(10_000)),
            };
            (MarkKind::Note, format!("{way} {change}"))
        }
        Disturbance::Cut(_, from, to) => (MarkKind::Broken, format!("cut {}", pair(from, to))),
        Disturbance::Mend(_, from, to) => (MarkKind::Mended, format!("mended {}", pair(from, to))),
        Disturbance::Partition(_, hosts) if hosts.is_empty() => (MarkKind::Mended, "one part again".to_string()),
        Disturbance::Partition(_, hosts) => {
            let hosts: Vec<String> = hosts.iter().map(|host| host.index().to_string()).collect();
            (MarkKind::Broken, format!("hosts {} parted from the others", hosts.join(", ")))
        }
        Disturbance::Interface(host, _, true) => (MarkKind::Mended, format!("{}: interface up", name(*host))),
        Disturbance::Interface(host, _, false) => (MarkKind::Broken, format!("{}: interface down", name(*host))),
        Disturbance::Addresses(host, _, true) => (MarkKind::Mended, format!("{}: own address is back", name(*host))),
        Disturbance::Addresses(host, _, false) => (MarkKind::Broken, format!("{}: own address gone", name(*host))),
        Disturbance::Tracker(host, _, tracker, passing) => {
            let (kind, verdict) = if *passing { (MarkKind::Mended, "passes") } else { (MarkKind::Broken, "fails") };
            (kind, format!("{}: tracker {} {verdict}", name(*host), tracker.0))
        }
        Disturbance::Installs(host, installs) => (MarkKind::Note, format!("{} installs {installs:?}", name(*host))),
        Disturbance::Refuses { host, address, refuses, .. } => {
            let can = if *refuses { "can not" } else { "can" };
            (MarkKind::Note, format!("{} {can} set {address}", name(*host)))
        }
        Disturbance::Reconfigure(host, ..) => (MarkKind::Note, format!("{}: another configuration", name(*host))),
        Disturbance::Add(host, ..) => (MarkKind::Note, format!("{}: one more router", name(*host))),
        Disturbance::Remove { host, .. } => (MarkKind::Note, format!("{}: a router goes", name(*host))),
        Disturbance::Group(host, members) => (MarkKind::Note, format!("{}: {} in a group", name(*host), members.len())),
        Disturbance::SetPriority(host, _, priority) => {
            (MarkKind::Note, format!("{}: priority {priority}", name(*host)))
        }
        Disturbance::Drain(host, ..) => (MarkKind::Broken, format!("{}: drained", name(*host))),
        Disturbance::Undrain(host, _) => (MarkKind::Mended, format!("{}: drained no more", name(*host))),
        Disturbance::Attack(..) => (MarkKind::Broken, "somebody forges advertisements".to_string()),
        Disturbance::Inject { payload, .. } => {
            (MarkKind::Broken, format!("somebody sends a packet of {} octets", payload.len()))
        }
        Disturbance::Calm => (MarkKind::Mended, "all is calm".to_string()),
    }
}
