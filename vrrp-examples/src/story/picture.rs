//! A recording as a picture: this host's routers, and the others as this host heard them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vrrp_core::record::{Encoded, Entry, Event, Heard, Recording, Replay, Step};
use vrrp_core::timeline::{Advertisement, AdvertisementKind, Fate, LaneId, LaneState, MarkKind, Timeline};
use vrrp_core::{AdvertKind, Cause, Instant, Role, RouterId, VirtualRouter};

/// The name of the host that recorded, where others have their addresses.
const HERE: &str = "this host";
/// The offset of the priority in an advertisement, in every version.
const PRIORITY: usize = 2;

/// Draws the history of the routers of these names, or of all without a name. It ends at the first difference of the
/// replay.
#[must_use]
pub fn draw(recording: &Recording, routers: &[String]) -> Timeline {
    let title = if recording.about.is_empty() { "A recording" } else { &recording.about };
    let mut picture = Timeline::new(title);
    if let Some(epoch) = recording.epoch {
        picture.wall_clock(Instant::ZERO, epoch);
    }
    let left_out = recording.left_out();
    picture.leaves_out(left_out.accepted.saturating_add(left_out.rejected));
    let named = recording.routers().into_iter().map(|id| (id, recording.name(id)));
    let wanted = named.filter(|(_, name)| routers.is_empty() || routers.contains(name));
    let mut drawn: BTreeMap<RouterId, Drawn> =
        wanted.map(|(id, name)| (id, Drawn::new(picture.lane(HERE, &name), name))).collect();
    let mut replay = Replay::new(recording);
    loop {
        match replay.step() {
            Ok(Some(Step { entry, .. })) => {
                let is_meant = |id: &RouterId| entry.router.is_none_or(|meant| meant == *id);
                for (id, drawn) in drawn.iter_mut().filter(|(id, _)| is_meant(id)) {
                    drawn.draw(&mut picture, entry, replay.router(*id));
                }
            }
            Ok(None) => break,
            Err(difference) => {
                let lane = difference.router.and_then(|id| drawn.get(&id)).map(|drawn| drawn.lane);
                picture.mark(difference.at, lane, MarkKind::Failure, &format!("here the replay differs: {difference}"));
                break;
            }
        }
    }
    picture
}

/// A router of this host, as far as it is drawn.
#[derive(Debug)]
struct Drawn {
    lane: LaneId,
    name: String,
    state: Option<LaneState>,
    holds: BTreeSet<IpAddr>,
    /// The routers that were heard, each with its lane, and true if it is Master.
    others: BTreeMap<IpAddr, (LaneId, bool)>,
}

impl Drawn {
    const fn new(lane: LaneId, name: String) -> Self {
        Self { lane, name, state: None, holds: BTreeSet::new(), others: BTreeMap::new() }
    }

    fn draw(&mut self, picture: &mut Timeline, Entry { at, event, .. }: &Entry, router: Option<&VirtualRouter>) {
        match event {
            Event::Heard { packet, accepted } => self.hear(picture, *at, packet, *accepted),
            Event::Encoded(message) => self.say(picture, *at, message),
            _ => {}
        }
        let state = router.map_or(LaneState::Unknown, state);
        // Before it is written down for the first time there is nothing to draw.
        let is_news = match self.state {
            Some(drawn) => drawn != state,
            None => router.is_some(),
        };
        if is_news {
            let why = router.map(|router| router.cause().describe(router.config()).to_string()).unwrap_or_default();
            picture.state(*at, self.lane, state, &why);
            self.state = Some(state);
            if let Some(Cause::MasterDown { master: Some(master), .. }) = router.map(VirtualRouter::cause) {
                self.is_master(picture, *at, *master, false);
            }
        }
        let holds: BTreeSet<IpAddr> = router.map(installed).unwrap_or_default();
        if holds != self.holds {
            for address in holds.symmetric_difference(&self.holds) {
                picture.holds(*at, self.lane, &address.to_string(), holds.contains(address));
            }
            self.holds = holds;
        }
    }

    fn hear(&mut self, picture: &mut Timeline, at: Instant, packet: &Heard, accepted: bool) {
        let Some(priority) = packet.octets.get(PRIORITY).copied() else { return };
        let from = packet.endpoints.source();
        let fate = if accepted { Fate::Heard(at) } else { Fate::Rejected(at, "ignored".to_owned()) };
        let lane = self.other(picture, at, from);
        picture.advertisement(Advertisement::new(at, lane, priority).to(self.lane, fate));
        if accepted {
            self.is_master(picture, at, from, priority > 0);
        }
    }

    fn say(&self, picture: &mut Timeline, at: Instant, message: &Encoded) {
        let kind = match message.kind {
            AdvertKind::Release | AdvertKind::ReleaseVersion2 => AdvertisementKind::Release,
            AdvertKind::HandOver | AdvertKind::HandOverVersion2 => AdvertisementKind::HandOver,
            AdvertKind::Yield | AdvertKind::YieldVersion2 => AdvertisementKind::Yield,
            AdvertKind::Regular | AdvertKind::RegularVersion2 => AdvertisementKind::Regular,
        };
        let priority = message.octets.get(PRIORITY).copied().unwrap_or_default();
        // A recording of one host does not tell who heard it.
        picture.advertisement(Advertisement::new(at, self.lane, priority).with_kind(kind));
    }

    fn other(&mut self, picture: &mut Timeline, at: Instant, address: IpAddr) -> LaneId {
        let name = &self.name;
        let (lane, _) = self.others.entry(address).or_insert_with(|| {
            let lane = picture.lane(&address.to_string(), name);
            picture.state(at, lane, LaneState::Unknown, "heard for the first time");
            (lane, false)
        });
        *lane
    }

    fn is_master(&mut self, picture: &mut Timeline, at: Instant, address: IpAddr, is: bool) {
        let lane = self.other(picture, at, address);
        if self.others.insert(address, (lane, is)) != Some((lane, is)) {
            let (state, why) =
                if is { (LaneState::Master, "advertises") } else { (LaneState::Unknown, "silent, or released") };
            picture.state(at, lane, state, why);
        }
    }
}

fn state(router: &VirtualRouter) -> LaneState {
    match (router.role(), router.cause()) {
        (Role::Initialize, Cause::Fault(_)) => LaneState::Fault,
        (role, _) => LaneState::from(role),
    }
}

fn installed(router: &VirtualRouter) -> BTreeSet<IpAddr> {
    router.config().addresses().iter().copied().filter(|address| router.is_installed(*address)).collect()
}
