//! A stretch of what happened, in little memory. It is written entry by entry, without an allocation, and read later.
//!
//! An entry is a tag of one octet, the place of its router unless that is the one of the entry before, for a call the time since the
//! last one, and what the tag says. What is rare, and large in memory, stands in a list beside the octets. A message that
//! is one of the last four of its router is named by its number.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::size_of;
use core::net::IpAddr;

use super::entry::{Encoded, Entry, Event, Heard, Snapshot};
use crate::action::{Action, AddressRequest, AdvertKind, Input};
use crate::config::Config;
use crate::record::shared::Arc;
use crate::router::VirtualRouter;
use crate::sync_group::SyncGroup;
use crate::time::Instant;
use crate::types::{InterfaceId, Priority, RouterId};
use crate::wire::Endpoints;

/// In a tag: the router is another one than that of the entry before.
const OTHER_ROUTER: u8 = 0x80;
/// In a tag: the entry stands in the list beside.
const BESIDE: u8 = 0;
const TIMEOUT: u8 = 1;
const DRAINED: u8 = 2;
const TX_ERROR: u8 = 3;
/// The low two bits of these say which of the last messages it is.
const ACCEPTED: u8 = 4;
const REJECTED: u8 = 8;
const ENCODED: u8 = 12;
/// The message itself follows.
const NEW: u8 = 16;
/// Plus the number of the kind.
const SEND: u8 = 40;
const INSTALL: u8 = 50;
const REMOVE: u8 = 51;
const ANNOUNCE: u8 = 52;
const INSTALLED: u8 = 53;
const FAILED: u8 = 54;
const INSTALLING: u8 = 55;

/// The first octet of a message.
const CAME: u8 = 0;
const WENT: u8 = 1;
const IPV6: u8 = 2;

/// Messages of a router that are remembered.
const RECENT: usize = 4;
/// Stands for all routers.
const NOBODY: u32 = 0xff_ffff;
/// The span of time that an entry has room for, as it is written.
const SPAN_BITS: u32 = 40;
/// An entry takes no more, but for a message.
const ENTRY_MAX: usize = 48;
/// Room for the octets in front of a message.
const HEADER_MAX: usize = 36;
const IPV4_HEADER: usize = 12;
/// A message that is longer is left out.
pub(super) const MESSAGE_MAX: usize = 2048;
/// A part has at least room for this many octets: for the longest of messages.
const LEAST: usize = 2 * MESSAGE_MAX;
/// The list beside has room for this many at least.
const BESIDE_LEAST: usize = 64;
/// Each router has room for this many there, whatever the size: that it is there, and as what.
const BESIDE_OF_ROUTER: usize = 4;

const KINDS: [AdvertKind; 8] = [
    AdvertKind::Regular,
    AdvertKind::Release,
    AdvertKind::RegularVersion2,
    AdvertKind::ReleaseVersion2,
    AdvertKind::Yield,
    AdvertKind::YieldVersion2,
    AdvertKind::HandOver,
    AdvertKind::HandOverVersion2,
];

/// A rare item, which stands in the list beside the octets.
#[derive(Clone, Debug)]
pub(super) enum Beside {
    There(RouterId, InterfaceId),
    Inserted(RouterId, InterfaceId),
    Snapshot(Box<VirtualRouter>),
    Group(Box<SyncGroup>),
    Cut,
    Removed,
    Grouped(Box<[RouterId]>),
    Ungrouped,
    Input(Input),
    InputToAll(Input),
    Priority(Priority),
    Reconfigured(Box<Config>),
    Action(Action),
    /// The time is this, and not one that follows from the entry before.
    Time(Instant),
}

/// The router in a place, and where its recent messages are written.
#[derive(Clone, Debug)]
struct Place {
    id: Option<RouterId>,
    snapped: bool,
    /// The position of the recent message that is forgotten next.
    next: u8,
    /// The octet at which each begins.
    recent: [u32; RECENT],
}

/// No message begins there.
const NOWHERE: u32 = u32::MAX;

impl Default for Place {
    fn default() -> Self {
        Self { id: None, snapped: false, next: 0, recent: [NOWHERE; RECENT] }
    }
}

/// A stretch of what happened.
#[derive(Debug)]
pub(super) struct Part {
    /// The time of the last call before it.
    began: Instant,
    octets: Vec<u8>,
    used: usize,
    /// The most octets that may be used while any entry without a message still finds room, here and beside.
    roomy: usize,
    beside: Vec<Beside>,
    beside_limit: usize,
    places: Vec<Place>,
    router: u32,
    at: Instant,
}

/// The front of a message: as much as is compared at once.
struct Header {
    octets: [u8; HEADER_MAX],
    len: usize,
}

impl Header {
    /// The second octet is the TTL of one that came, or the number of the kind of one that goes.
    #[inline(always)]
    fn new(direction: u8, second: u8, endpoints: &Endpoints, len: usize) -> Self {
        let mut octets = [0; HEADER_MAX];
        (octets[0], octets[1]) = (direction, second);
        let [low, high] = (len as u16).to_le_bytes();
        (octets[2], octets[3]) = (low, high);
        let len = match endpoints {
            Endpoints::V4 { source, destination } => {
                octets[4..8].copy_from_slice(&source.octets());
                octets[8..12].copy_from_slice(&destination.octets());
                IPV4_HEADER
            }
            Endpoints::V6 { source, destination } => {
                octets[0] |= IPV6;
                octets[4..20].copy_from_slice(&source.octets());
                octets[20..36].copy_from_slice(&destination.octets());
                36
            }
        };
        Self { octets, len }
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    /// Returns what follows it, if it is the beginning.
    #[inline]
    fn strip_from<'a>(&self, octets: &'a [u8]) -> Option<&'a [u8]> {
        // Of a known length, as most are, that is two comparisons.
        match (self.len, self.octets.first_chunk::<IPV4_HEADER>()) {
            (IPV4_HEADER, Some(own)) => octets.split_first_chunk().filter(|(first, _)| *first == own).map(|(_, it)| it),
            _ => octets.strip_prefix(self.as_slice()),
        }
    }
}

impl Part {
    /// Room for `routers` that each have `octets` for themselves. The last call before it was at `began`.
    pub(super) fn new(began: Instant, octets: usize, routers: usize) -> Self {
        let mut part = Self {
            began,
            octets: vec![0; Self::octets_for(octets, routers)],
            used: 0,
            roomy: 0,
            beside: Vec::new(),
            beside_limit: Self::beside_for(octets, routers),
            places: Vec::new(),
            router: NOBODY,
            at: began,
        };
        part.beside.reserve(part.beside_limit);
        part.places.resize(routers, Place::default());
        part.measure();
        part
    }

    /// Finds out anew how much may be used.
    fn measure(&mut self) {
        self.roomy = match self.beside.len() + BESIDE_OF_ROUTER <= self.beside_limit {
            true => self.octets.len().saturating_sub(4 * ENTRY_MAX),
            false => 0,
        };
    }

    /// Three quarters are for the octets.
    fn octets_for(octets: usize, routers: usize) -> usize {
        (octets / 4 * 3).saturating_mul(routers).max(LEAST)
    }

    fn beside_for(octets: usize, routers: usize) -> usize {
        let each = octets / 4 / size_of::<Beside>() + BESIDE_OF_ROUTER;
        each.saturating_mul(routers).max(BESIDE_LEAST)
    }

    /// One router more has room.
    pub(super) fn grow(&mut self, octets: usize, routers: usize) {
        let wanted = Self::octets_for(octets, routers);
        if wanted > self.octets.len() {
            self.octets.resize(wanted, 0);
        }
        let limit = Self::beside_for(octets, routers);
        if limit > self.beside_limit {
            self.beside_limit = limit;
            self.beside.reserve(limit.saturating_sub(self.beside.len()));
        }
        if self.places.len() < routers {
            self.places.resize(routers, Place::default());
        }
        self.measure();
    }

    /// Begins anew in the same memory, after a call at `began`. Returns what stood beside.
    pub(super) fn clear(&mut self, began: Instant) -> Vec<Beside> {
        (self.began, self.used, self.router, self.at) = (began, 0, NOBODY, began);
        self.places.iter_mut().for_each(|place| *place = Place::default());
        let fresh = Vec::with_capacity(self.beside_limit);
        let left = core::mem::replace(&mut self.beside, fresh);
        self.measure();
        left
    }

    /// Returns the time of the last call.
    pub(super) const fn at(&self) -> Instant {
        self.at
    }

    /// Returns how full it is, of 256.
    pub(super) fn fill(&self) -> usize {
        let of = |used: usize, limit: usize| used.saturating_mul(256) / limit.max(1);
        of(self.used, self.octets.len()).max(of(self.beside.len(), self.beside_limit))
    }

    /// Returns what is written so far, to be read.
    pub(super) fn copy(&self) -> Self {
        let octets = self.octets.get(..self.used).unwrap_or_default().to_vec();
        Self { octets, beside: self.beside.clone(), places: Vec::new(), ..*self }
    }

    /// Returns how many octets of memory it takes, but for what is behind its boxes.
    pub(super) fn size(&self) -> usize {
        let beside = self.beside.capacity() * size_of::<Beside>();
        self.octets.capacity() + beside + self.places.capacity() * size_of::<Place>()
    }

    /// Tells whether there is room for an entry with a message of this length, and what comes with it.
    #[inline]
    pub(super) fn has_room(&self, message: usize) -> bool {
        self.used + message <= self.roomy
    }

    /// Tells whether there is room for what is written down of this many routers, and of their sync group.
    pub(super) fn has_room_for(&self, routers: usize) -> bool {
        self.used + (routers + 1) * 2 * ENTRY_MAX <= self.octets.len()
            && self.beside.len() + 2 * routers + BESIDE_OF_ROUTER <= self.beside_limit
    }

    #[inline]
    pub(super) fn knows(&self, id: RouterId) -> bool {
        // The router of the entry before is known.
        self.router == place_of(Some(id)) || self.places.get(id.index()).is_some_and(|place| place.id == Some(id))
    }

    #[inline]
    pub(super) fn is_snapped(&self, id: RouterId) -> bool {
        self.places.get(id.index()).is_some_and(|place| place.snapped)
    }

    pub(super) fn set_snapped(&mut self, id: RouterId, snapped: bool) {
        if let Some(place) = self.places.get_mut(id.index()) {
            place.snapped = snapped;
        }
    }

    /// Writes tag, place and, where there is one, time.
    #[inline]
    fn begin(&mut self, tag: u8, place: u32, at: Option<Instant>) -> Option<()> {
        let span = match at {
            None => None,
            Some(at) => {
                let forth = at.as_nanos().wrapping_sub(self.at.as_nanos()) as i64;
                let zigzag = (forth << 1 ^ forth >> 63) as u64;
                if zigzag >> SPAN_BITS != 0 {
                    self.jump(at)?;
                    Some(0)
                } else {
                    Some(zigzag)
                }
            }
        };
        let space = self.octets.get_mut(self.used..)?.first_chunk_mut::<16>()?;
        let mut n = 1;
        space[0] = tag;
        if place != self.router {
            space[0] = tag | OTHER_ROUTER;
            let [a, b, c, _] = place.to_le_bytes();
            (space[1], space[2], space[3]) = (a, b, c);
            self.router = place;
            n = 4;
        }
        if let (Some(span), Some(at)) = (span, at) {
            let span = span.to_le_bytes();
            match n {
                1 => space[1..9].copy_from_slice(&span),
                _ => space[4..12].copy_from_slice(&span),
            }
            n += SPAN_BITS as usize / 8;
            self.at = at;
        }
        self.used += n;
        Some(())
    }

    /// An entry long after, or long before, the last.
    #[cold]
    fn jump(&mut self, at: Instant) -> Option<()> {
        self.beside.push(Beside::Time(at));
        self.measure();
        *self.octets.get_mut(self.used)? = BESIDE;
        self.used += 1;
        self.at = at;
        Some(())
    }

    #[inline]
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.used + octets.len();
        self.octets.get_mut(self.used..end)?.copy_from_slice(octets);
        self.used = end;
        Some(())
    }

    /// Writes what is rare. Of a call the time is given.
    pub(super) fn beside(&mut self, id: Option<RouterId>, at: Option<Instant>, beside: Beside) -> Option<()> {
        if let (Beside::There(id, _) | Beside::Inserted(id, _), Some(place)) =
            (&beside, id.and_then(|id| self.places.get_mut(id.index())))
        {
            *place = Place { id: Some(*id), ..Place::default() };
        }
        // Calls and what comes out are told apart when they are read, too.
        debug_assert_eq!(is_call(&beside), at.is_some());
        self.begin(BESIDE, place_of(id), at)?;
        self.beside.push(beside);
        self.measure();
        Some(())
    }

    #[inline]
    pub(super) fn input(&mut self, id: RouterId, at: Instant, input: &Input) -> Option<()> {
        let place = place_of(Some(id));
        match input {
            Input::Timeout => self.begin(TIMEOUT, place, Some(at)),
            Input::Installing => self.begin(INSTALLING, place, Some(at)),
            Input::AddressInstalled(request) => {
                self.begin(INSTALLED, place, Some(at))?;
                self.request(*request)
            }
            Input::AddressFailed(request) => {
                self.begin(FAILED, place, Some(at))?;
                self.request(*request)
            }
            other => self.beside(Some(id), Some(at), Beside::Input(*other)),
        }
    }

    #[inline]
    pub(super) fn action(&mut self, id: RouterId, action: Option<&Action>) -> Option<()> {
        let place = place_of(Some(id));
        match action {
            None => self.begin(DRAINED, place, None),
            Some(Action::SendAdvertisement(kind)) => self.begin(SEND + *kind as u8, place, None),
            Some(Action::InstallAddress(request)) => {
                self.begin(INSTALL, place, None)?;
                self.request(*request)
            }
            Some(Action::RemoveAddress(request)) => {
                self.begin(REMOVE, place, None)?;
                self.request(*request)
            }
            Some(Action::AnnounceAddress { request, count }) => {
                self.begin(ANNOUNCE, place, None)?;
                self.request(*request)?;
                self.put(&[*count])
            }
            Some(other) => self.beside(Some(id), None, Beside::Action(*other)),
        }
    }

    pub(super) fn tx_error(&mut self, id: RouterId) -> Option<()> {
        self.begin(TX_ERROR, place_of(Some(id)), None)
    }

    fn request(&mut self, request: AddressRequest) -> Option<()> {
        self.put(&(request.index as u32).to_le_bytes())?;
        self.put(&request.ticket.to_le_bytes())?;
        match request.address {
            IpAddr::V4(address) => {
                self.put(&[4])?;
                self.put(&address.octets())
            }
            IpAddr::V6(address) => {
                self.put(&[16])?;
                self.put(&address.octets())
            }
        }
    }

    #[inline]
    pub(super) fn heard(
        &mut self,
        id: RouterId,
        at: Instant,
        (endpoints, ttl, payload): (&Endpoints, u8, &[u8]),
        accepted: bool,
    ) -> Option<()> {
        let header = Header::new(CAME, ttl, endpoints, payload.len());
        self.message(if accepted { ACCEPTED } else { REJECTED }, id, Some(at), &header, payload)
    }

    #[inline]
    pub(super) fn encoded(
        &mut self,
        id: RouterId,
        kind: AdvertKind,
        endpoints: &Endpoints,
        payload: &[u8],
    ) -> Option<()> {
        self.message(ENCODED, id, None, &Header::new(WENT, kind as u8, endpoints, payload.len()), payload)
    }

    /// One that is known by its number, another one as it is.
    #[inline(always)]
    fn message(&mut self, tag: u8, id: RouterId, at: Option<Instant>, header: &Header, payload: &[u8]) -> Option<()> {
        let place = self.places.get(id.index())?;
        for (slot, begin) in (0_u8..).zip(&place.recent) {
            // Where there is none yet, nothing is as it should be.
            let Some(known) = self.octets.get(*begin as usize..) else { break };
            let rest = header.strip_from(known);
            if rest.is_some_and(|rest| rest.starts_with(payload)) {
                return self.begin(tag | slot, place_of(Some(id)), at);
            }
        }
        self.new_message(tag, id, at, header, payload)
    }

    #[cold]
    fn new_message(
        &mut self,
        tag: u8,
        id: RouterId,
        at: Option<Instant>,
        header: &Header,
        payload: &[u8],
    ) -> Option<()> {
        let slot = self.places.get(id.index())?.next;
        self.begin(tag | NEW | slot, place_of(Some(id)), at)?;
        let begin = self.used as u32;
        self.put(header.as_slice())?;
        self.put(payload)?;
        let place = self.places.get_mut(id.index())?;
        *place.recent.get_mut(usize::from(slot))? = begin;
        place.next = (slot + 1) % RECENT as u8;
        Some(())
    }

    /// Reads what was written.
    pub(super) fn read(&self) -> Vec<Entry> {
        let mut reader = Reader {
            octets: self.octets.get(..self.used).unwrap_or_default(),
            beside: self.beside.iter(),
            places: Vec::new(),
            router: NOBODY,
            at: self.began,
            entries: Vec::new(),
        };
        // It ends where the written octets end.
        while reader.entry().is_some() {}
        reader.entries
    }
}

const fn is_call(beside: &Beside) -> bool {
    matches!(
        beside,
        Beside::Removed
            | Beside::Grouped(_)
            | Beside::Ungrouped
            | Beside::Input(_)
            | Beside::InputToAll(_)
            | Beside::Priority(_)
            | Beside::Reconfigured(_)
    )
}

#[inline]
fn place_of(id: Option<RouterId>) -> u32 {
    id.map_or(NOBODY, |id| (id.index() as u32).min(NOBODY - 1))
}

/// The messages of one router while they are read.
#[derive(Clone, Default)]
struct Known {
    id: Option<RouterId>,
    recent: [Option<Message>; RECENT],
}

#[derive(Clone)]
enum Message {
    Heard(Arc<Heard>),
    Encoded(Arc<Encoded>),
}

struct Reader<'a> {
    octets: &'a [u8],
    beside: core::slice::Iter<'a, Beside>,
    places: Vec<Known>,
    router: u32,
    at: Instant,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.octets.split_first()?;
        self.octets = rest;
        Some(*first)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.octets.split_first_chunk::<N>()?;
        self.octets = rest;
        Some(*first)
    }

    /// The time of a call.
    fn time(&mut self) -> Option<()> {
        let [a, b, c, d, e] = self.take()?;
        let zigzag = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
        let forth = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        self.at = Instant::from_nanos(self.at.as_nanos().wrapping_add(forth as u64));
        Some(())
    }

    fn place(&mut self) -> Option<&mut Known> {
        let place = usize::try_from(self.router).ok().filter(|_| self.router != NOBODY)?;
        if self.places.len() <= place {
            self.places.resize(place + 1, Known::default());
        }
        self.places.get_mut(place)
    }

    fn push(&mut self, event: Event) {
        let router = self.place().and_then(|known| known.id);
        self.entries.push(Entry { at: self.at, router, event });
    }

    /// Reads one; `None` at the end.
    fn entry(&mut self) -> Option<()> {
        let octet = self.octet()?;
        let tag = octet & !OTHER_ROUTER;
        if octet & OTHER_ROUTER != 0 {
            let [a, b, c] = self.take()?;
            self.router = u32::from_le_bytes([a, b, c, 0]);
        }
        match tag {
            BESIDE => self.rare()?,
            TIMEOUT | INSTALLING => {
                self.time()?;
                let input = if tag == TIMEOUT { Input::Timeout } else { Input::Installing };
                self.push(Event::Input(input));
            }
            DRAINED => self.push(Event::Drained),
            TX_ERROR => self.push(Event::TxError),
            INSTALLED | FAILED => {
                self.time()?;
                let request = self.request()?;
                let input =
                    if tag == INSTALLED { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
                self.push(Event::Input(input));
            }
            INSTALL | REMOVE => {
                let request = self.request()?;
                let action =
                    if tag == INSTALL { Action::InstallAddress(request) } else { Action::RemoveAddress(request) };
                self.push(Event::Asked(action));
            }
            ANNOUNCE => {
                let (request, count) = (self.request()?, self.octet()?);
                self.push(Event::Asked(Action::AnnounceAddress { request, count }));
            }
            SEND..INSTALL => {
                let kind = *KINDS.get(usize::from(tag - SEND))?;
                self.push(Event::Asked(Action::SendAdvertisement(kind)));
            }
            _ => self.message(tag)?,
        }
        Some(())
    }

    fn message(&mut self, tag: u8) -> Option<()> {
        let slot = usize::from(tag % 4);
        let (kind, is_new) = match tag & !3 {
            kind @ (ACCEPTED | REJECTED | ENCODED) => (kind, false),
            kind => (kind.checked_sub(NEW)?, true),
        };
        if kind != ENCODED {
            self.time()?;
        }
        if is_new {
            let new = self.new_message()?;
            *self.place()?.recent.get_mut(slot)? = Some(new);
        }
        let event = match (kind, self.place()?.recent.get(slot)?.clone()?) {
            (ACCEPTED | REJECTED, Message::Heard(packet)) => Event::Heard { packet, accepted: kind == ACCEPTED },
            (ENCODED, Message::Encoded(message)) => Event::Encoded(message),
            _ => return None,
        };
        self.push(event);
        Some(())
    }

    fn new_message(&mut self) -> Option<Message> {
        let [first, second, low, high] = self.take()?;
        let len = usize::from(u16::from_le_bytes([low, high]));
        let endpoints = match first & IPV6 {
            0 => Endpoints::V4 { source: self.take::<4>()?.into(), destination: self.take::<4>()?.into() },
            _ => Endpoints::V6 { source: self.take::<16>()?.into(), destination: self.take::<16>()?.into() },
        };
        let (octets, rest) = self.octets.split_at_checked(len)?;
        self.octets = rest;
        let octets = octets.to_vec();
        Some(match first & WENT {
            0 => Message::Heard(Arc::new(Heard { endpoints, ttl: second, octets })),
            _ => Message::Encoded(Arc::new(Encoded { kind: *KINDS.get(usize::from(second))?, endpoints, octets })),
        })
    }

    fn request(&mut self) -> Option<AddressRequest> {
        let index = u32::from_le_bytes(self.take()?) as usize;
        let ticket = u32::from_le_bytes(self.take()?);
        let address = match self.octet()? {
            4 => IpAddr::from(self.take::<4>()?),
            _ => IpAddr::from(self.take::<16>()?),
        };
        Some(AddressRequest { address, index, ticket })
    }

    fn rare(&mut self) -> Option<()> {
        let beside = self.beside.next()?;
        if is_call(beside) {
            self.time()?;
        }
        let event = match beside {
            Beside::Time(at) => {
                self.at = *at;
                return Some(());
            }
            Beside::There(id, interface) | Beside::Inserted(id, interface) => {
                *self.place()? = Known { id: Some(*id), ..Known::default() };
                match beside {
                    Beside::There(..) => Event::There(*interface),
                    _ => Event::Inserted(*interface),
                }
            }
            Beside::Snapshot(router) => Event::Snapshot(Box::new(Snapshot::of(router)?)),
            Beside::Group(group) => Event::GroupSnapshot(Box::new(super::entry::GroupSnapshot(*group.clone()))),
            Beside::Cut => Event::Cut,
            Beside::Removed => Event::Removed,
            Beside::Grouped(members) => Event::Grouped(members.to_vec()),
            Beside::Ungrouped => Event::Ungrouped,
            Beside::Input(input) => Event::Input(*input),
            Beside::InputToAll(input) => Event::InputToAll(*input),
            Beside::Priority(priority) => Event::Priority(*priority),
            Beside::Reconfigured(config) => Event::Reconfigured(config.clone()),
            Beside::Action(action) => Event::Asked(*action),
        };
        self.push(event);
        Some(())
    }
}
