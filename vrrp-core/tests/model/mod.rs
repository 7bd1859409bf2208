//! The product beside a [reference](reference) over any history that octets can spell.
//!
//! It stands on `vrrp-core` and `std` alone, so that fuzz targets can include it with `#[path]`. The entry is
//! [`compare`].
#![allow(dead_code, unreachable_pub)] // not every user takes all of it

pub mod packet;
pub mod reference;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroI16;
use std::time::Duration;

use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, AddressRequest, AdvertInterval, AdvertKind, Config, Drain, Family, Input, Instant, Password, Priority,
    PriorityCause, Profile, Reading, RxPacket, Tracker, TrackerId, VirtualRouter, Vrid, Weight,
};

use packet::Fields;
use reference::{Reference, Setup};

const START: u64 = 1_000_000_000_000;
const VRID: u8 = 7;
const PASSWORD: [u8; 8] = *b"secret\0\0";
const PRIORITIES: [u8; 8] = [1, 50, 100, 101, 200, 253, 254, 255];

/// Reads a configuration and a history from `bytes`, lets both live it, and panics where they differ, with the history
/// so far.
pub fn compare(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let setup = setup(&mut bytes);
    let mut pair = Pair::new(&setup);
    let mut history = Vec::new();
    while !bytes.0.is_empty() && history.len() < 1_000 {
        let operation = Operation::read(&mut bytes);
        history.push(operation.clone());
        let told = pair.perform(&operation).and_then(|()| pair.agree());
        if let Err(difference) = told {
            let history: Vec<String> = history.iter().map(|operation| format!("  {operation:?}")).collect();
            panic!("{difference}\nafter\n{}\nof a router with\n{setup:#?}", history.join("\n"));
        }
    }
}

/// Octets that never end; beyond the last there are zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.next() % 2 == 1
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.next()) % choices.len()]
    }
}

fn setup(bytes: &mut Bytes<'_>) -> Setup {
    use Family::{Ipv4, Ipv6};
    let (profile, family) = bytes.one_of(&[
        (Profile::Rfc2338, Ipv4),
        (Profile::Rfc3768, Ipv4),
        (Profile::Rfc5798, Ipv4),
        (Profile::Rfc5798, Ipv6),
        (Profile::Rfc9568, Ipv4),
        (Profile::Rfc9568, Ipv6),
        (Profile::Rfc9568Errata, Ipv4),
        (Profile::Rfc9568Errata, Ipv6),
    ]);
    let version2 = matches!(profile, Profile::Rfc2338 | Profile::Rfc3768);
    let intervals: &[u32] = if version2 { &[100, 300, 25_500] } else { &[100, 1, 10, 250, 4_095] };
    let addresses: [IpAddr; 2] = match family {
        Ipv4 => [Ipv4Addr::new(192, 0, 2, 101).into(), Ipv4Addr::new(192, 0, 2, 102).into()],
        Ipv6 => [
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x101).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x102).into(),
        ],
    };
    let either = [None, None, Some(true), Some(false)];
    Setup {
        profile,
        family,
        vrid: VRID,
        addresses: addresses[..bytes.one_of(&[2, 1, 2, 0])].to_vec(),
        advertises: bytes.next() % 4 != 1,
        priority: bytes.one_of(&PRIORITIES),
        interval: bytes.one_of(intervals),
        preempt: !bytes.flag(),
        hold: bytes.one_of(&[0, 0, 2_000, 10_000]),
        yield_advertisement: !bytes.flag(),
        answer_lower: bytes.one_of(&either),
        owner_listens: bytes.one_of(&either),
        strict_list: bytes.flag(),
        cap: bytes.one_of(&[None, None, Some(50), Some(400)]),
        lease: bytes.flag(),
        password: bytes.one_of(&[None, Some(PASSWORD)]).filter(|_| profile == Profile::Rfc2338),
        weight: bytes.one_of(&[20, -20, 300, -300]),
    }
}

/// Of IPv4, from 128 up, with the highest bit set: where a signed comparison goes wrong.
fn host(family: Family, n: u8) -> IpAddr {
    match family {
        Family::Ipv4 if n < 128 => Ipv4Addr::new(10, 0, 2, n).into(),
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, n).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()).into(),
    }
}

/// Hosts of the link: the first two are the router's own, at one time or the other; the rest are below and above.
const HOSTS: [u8; 6] = [10, 130, 9, 11, 129, 200];

/// The word of the tracker whose failing is a fault: more often that it passes.
const OF_THE_FIRST: [Reading; 6] = {
    use Reading::{Failing, Passing, Value};
    [Passing, Failing, Passing, Value(0), Passing, Value(-1)]
};

/// The word of the tracker that weighs: about as often what is a fault with one of its weights.
const OF_THE_SECOND: [Reading; 10] = {
    use Reading::{Failing, Passing, Value};
    [Failing, Passing, Failing, Passing, Value(0), Value(1), Value(-3), Value(12), Value(-13), Value(i32::MIN)]
};

/// One thing that happens to both.
#[derive(Clone, Debug)]
enum Operation {
    Startup,
    Shutdown,
    /// To the deadline exactly; the driver wakes up.
    Deadline,
    /// A part of the time that is left passes; the driver wakes up for nothing, or does not.
    Short {
        of_256: u8,
        wakes: bool,
    },
    /// Past the deadline by milliseconds; the driver wakes up.
    Late(u32),
    /// What a router of this configuration sends, but for these.
    Hear {
        sender: u8,
        priority: u8,
        interval: u32,
        /// It lists no address where this router does, and one where this router does not.
        other_list: bool,
    },
    /// The same with octets changed, and the checksum right again or not.
    HearChanged {
        sender: u8,
        priority: u8,
        changes: Vec<(u8, u8)>,
        len: i8,
        right_sum: bool,
        ttl: u8,
        to_group: bool,
    },
    Interface(bool),
    OwnAddress(Option<u8>),
    Tracker {
        which: usize,
        reading: Reading,
    },
    /// The host answers the oldest request.
    Answer(bool),
    AnswerAll,
    /// The host takes an address away for good, or says no twice.
    Lose(u8),
    /// The host knows that it can or cannot set an address.
    Available(usize, bool),
    /// The host is still at work.
    Installing,
    SetPriority(u8),
    Reconfigure(u8),
    Drain {
        priority: u8,
        millis: Option<u32>,
    },
    Undrain,
}

impl Operation {
    fn read(bytes: &mut Bytes<'_>) -> Self {
        match bytes.next() % 28 {
            0 => Self::Startup,
            1 => Self::Shutdown,
            2..=4 => Self::Deadline,
            5 => Self::Short { of_256: bytes.next(), wakes: bytes.flag() },
            6 => Self::Late(bytes.one_of(&[1, 7, 300, 2_000, 40_000])),
            7..=10 => Self::Hear {
                sender: bytes.one_of(&HOSTS),
                priority: bytes.one_of(&[0, 1, 50, 99, 100, 101, 200, 254, 255]),
                interval: bytes.one_of(&[0, 0, 0, 0, 1, 100, 300, 4_095]),
                other_list: bytes.next() % 8 == 1,
            },
            11 => Self::HearChanged {
                sender: bytes.one_of(&HOSTS),
                priority: bytes.next(),
                changes: (0..bytes.next() % 4).map(|_| (bytes.next(), bytes.next())).collect(),
                len: bytes.one_of(&[0, 0, 0, 0, -1, -4, 4, 64, 65, i8::MIN]),
                right_sum: !bytes.flag(),
                ttl: bytes.one_of(&[255, 255, 255, 254]),
                to_group: bytes.next() % 8 != 1,
            },
            12 => Self::Interface(!bytes.flag()),
            13 => Self::OwnAddress(bytes.one_of(&[Some(10), Some(10), Some(130), None])),
            14 => Self::Tracker { which: 0, reading: bytes.one_of(&OF_THE_FIRST) },
            15 => Self::Tracker { which: 1, reading: bytes.one_of(&OF_THE_SECOND) },
            16 => Self::Answer(bytes.next() % 8 != 1),
            17 | 18 => Self::AnswerAll,
            19 => Self::Lose(bytes.next()),
            20 | 21 => Self::Available(bytes.one_of(&[0, 1, 2]), bytes.next() % 3 != 1),
            22 => Self::SetPriority(bytes.one_of(&PRIORITIES)),
            23 => Self::Reconfigure(bytes.one_of(&PRIORITIES)),
            24 | 25 => Self::Drain {
                priority: bytes.one_of(&[1, 1, 90, 255]),
                millis: bytes.one_of(&[None, None, Some(0), Some(40), Some(20_000)]),
            },
            26 => Self::Undrain,
            _ => Self::Installing,
        }
    }
}

/// The product, the reference, and the host of both.
struct Pair {
    now: Instant,
    product: VirtualRouter,
    reference: Reference,
    trackers: [TrackerId; 2],
    /// Install requests without an answer, each with its number.
    requests: VecDeque<(AddressRequest, u32)>,
    /// The last request for each address.
    last: [Option<(AddressRequest, u32)>; 2],
    numbered: u32,
}

impl Pair {
    /// Both have an address, their first tracker passes, and both are started.
    fn new(setup: &Setup) -> Self {
        let mut config = config(setup);
        let weight = Weight::Adjust(NonZeroI16::new(setup.weight).unwrap());
        let trackers = [Weight::Fault, weight]
            .map(|weight| config.add_tracker(Tracker { name: String::new(), weight, reverse: false }).unwrap());
        let mut pair = Self {
            now: Instant::from_nanos(START),
            product: VirtualRouter::new(config),
            reference: Reference::new(setup.clone(), START),
            trackers,
            requests: VecDeque::new(),
            last: [None; 2],
            numbered: 0,
        };
        let beginning = [
            Operation::OwnAddress(Some(10)),
            Operation::Tracker { which: 0, reading: Reading::Passing },
            Operation::Startup,
        ];
        beginning.iter().for_each(|operation| pair.perform(operation).and_then(|()| pair.agree()).unwrap());
        pair
    }

    fn perform(&mut self, operation: &Operation) -> Result<(), String> {
        let left = self.reference.left().map(|left| u64::try_from(left).unwrap_or(0));
        match operation {
            Operation::Startup => {
                self.reference.startup();
                self.input(Input::Startup);
            }
            Operation::Shutdown => {
                self.reference.shutdown();
                self.input(Input::Shutdown);
            }
            Operation::Deadline => {
                self.pass(left.unwrap_or(1_000_000))?;
                self.wake();
            }
            Operation::Short { of_256, wakes } => {
                let left = left.unwrap_or(1_000_000_000);
                self.pass((left / 256 * u64::from(*of_256)).min(left.saturating_sub(1)))?;
                if *wakes {
                    self.wake();
                }
            }
            Operation::Late(millis) => {
                self.pass(left.unwrap_or(0) + u64::from(*millis) * 1_000_000)?;
                self.wake();
            }
            Operation::Hear { sender, priority, interval, other_list } => {
                let interval = if *interval == 0 { self.reference.setup.interval } else { *interval };
                let source = host(self.reference.setup.family, *sender);
                let destination = self.reference.setup.group();
                let mut fields = self.fields(*priority, interval);
                if *other_list {
                    let some = [host(self.reference.setup.family, 101)];
                    fields.addresses = if fields.addresses.is_empty() { some.to_vec() } else { Vec::new() };
                }
                let octets = fields.write(source, destination);
                self.receive(&octets, source, destination, 255)?;
            }
            Operation::HearChanged { sender, priority, changes, len, right_sum, ttl, to_group } => {
                let family = self.reference.setup.family;
                let source = host(family, *sender);
                let destination = if *to_group { self.reference.setup.group() } else { host(family, 10) };
                let mut octets = self.fields(*priority, self.reference.setup.interval).write(source, destination);
                let mut message_len = octets.len();
                for (position, octet) in changes {
                    let position = usize::from(*position) % octets.len();
                    octets[position] = *octet;
                    if position == 3 {
                        let width = if family == Family::Ipv6 { 16 } else { 4 };
                        let tail = if self.reference.setup.version() == 2 { 8 } else { 0 };
                        message_len = 8 + usize::from(*octet) * width + tail;
                    }
                }
                if *right_sum && message_len <= octets.len() {
                    octets[6..8].fill(0);
                    let sum = packet::checksum_for(&octets[..message_len], source, destination);
                    octets[6..8].copy_from_slice(&sum.to_be_bytes());
                }
                octets.resize(octets.len().saturating_add_signed(isize::from(*len)), 0x5a);
                self.receive(&octets, source, destination, *ttl)?;
            }
            Operation::Interface(up) => {
                self.reference.set_interface(*up);
                self.input(Input::InterfaceUp(*up));
            }
            Operation::OwnAddress(n) => {
                let address = n.map(|n| host(self.reference.setup.family, n));
                self.reference.set_own_address(address);
                self.input(Input::PrimaryAddress(address));
            }
            Operation::Tracker { which, reading } => {
                self.reference.set_tracker(*which, *reading);
                self.input(Input::Tracker(self.trackers[*which], *reading));
            }
            Operation::Answer(worked) => self.answer(*worked),
            Operation::AnswerAll => {
                while !self.requests.is_empty() {
                    self.answer(true);
                    self.agree()?;
                }
            }
            Operation::Available(position, available) => {
                self.reference.set_available(*position, *available);
                self.input(Input::AddressAvailable(*position, *available));
            }
            Operation::Installing => {
                self.reference.wait_for_confirmation();
                self.input(Input::Installing);
            }
            Operation::SetPriority(priority) => {
                self.reference.set_priority(*priority);
                self.product.set_priority(self.now, Priority::new(*priority).unwrap());
            }
            Operation::Reconfigure(priority) => {
                self.reference.reconfigure(*priority);
                let config = self.product.config().clone().with_priority(Priority::new(*priority).unwrap());
                self.product.reconfigure(self.now, config).unwrap();
            }
            Operation::Drain { priority, millis } => {
                self.reference.drain(*priority, millis.map(|millis| i128::from(millis) * 1_000_000));
                let limit = millis.map(|millis| Duration::from_millis(millis.into()));
                self.input(Input::Drain(Drain { priority: Priority::new(*priority).unwrap(), limit }));
            }
            Operation::Undrain => {
                self.reference.undrain();
                self.input(Input::Undrain);
            }
            Operation::Lose(which) => {
                if let Some((request, number)) = self.last[usize::from(*which) % 2] {
                    self.reference.refuse(request.index(), number);
                    self.input(Input::AddressFailed(request));
                }
            }
        }
        Ok(())
    }

    fn fields(&self, priority: u8, interval: u32) -> Fields {
        let setup = &self.reference.setup;
        let auth =
            (setup.version() == 2).then(|| (u8::from(setup.password.is_some()), setup.password.unwrap_or([0; 8])));
        let addresses = setup.list();
        Fields { version: setup.version(), vrid: setup.vrid, priority, interval, addresses, auth }
    }

    fn input(&mut self, input: Input) {
        self.product.handle(self.now, input);
    }

    /// Wakes a router that was silent for too long before anything else happens, so that what follows is a step of its
    /// own.
    fn pass(&mut self, nanos: u64) -> Result<(), String> {
        self.now = self.now + Duration::from_nanos(nanos);
        self.reference.pass(nanos);
        if self.reference.is_lapsed() {
            self.wake();
            self.agree()?;
        }
        Ok(())
    }

    fn wake(&mut self) {
        self.reference.wake();
        self.input(Input::Timeout);
    }

    fn answer(&mut self, worked: bool) {
        let Some((request, number)) = self.requests.pop_front() else { return };
        if worked {
            self.reference.confirm(request.index(), number);
            self.input(Input::AddressInstalled(request));
        } else {
            self.reference.refuse(request.index(), number);
            self.input(Input::AddressFailed(request));
        }
    }

    fn receive(&mut self, octets: &[u8], source: IpAddr, destination: IpAddr, ttl: u8) -> Result<(), String> {
        let endpoints = Endpoints::new(source, destination).unwrap();
        let verdict = self.product.handle_packet(self.now, RxPacket { endpoints, ttl, payload: octets });
        let passes = self.reference.receive(octets, source, destination, ttl);
        if verdict.is_ok() == passes {
            return Ok(());
        }
        Err(format!(
            "of {octets:02x?} from {source} the router says {verdict:?}, the reference that it passes: {passes}"
        ))
    }

    /// Everything that can be seen of either, after all that is due has been done.
    fn agree(&mut self) -> Result<(), String> {
        let done = self.carry_out();
        let expected = self.reference.told();
        let differs = |what: &str, router: String, reference: String| {
            if router == reference {
                return Ok(());
            }
            Err(format!("{what} of the router and of the reference:\n  {router}\n  {reference}"))
        };
        let status = self.product.status();
        let deadline = self.product.deadline().map(|at| i128::from(at.as_nanos()) - i128::from(self.now.as_nanos()));
        differs("actions", format!("{done:?}"), format!("{expected:?}"))?;
        differs("state", format!("{:?}", status.role), format!("{:?}", self.reference.state))?;
        differs("nanoseconds to the deadline", format!("{deadline:?}"), format!("{:?}", self.reference.left()))?;
        differs("priority", status.priority.to_string(), self.reference.priority.to_string())?;
        differs("addresses confirmed", status.installed.to_string(), self.reference.installed().to_string())?;
        differs("the Master", format!("{:?}", status.master), format!("{:?}", self.reference.master))?;
        differs("reason", status.new_master_reason.as_str().into(), self.reference.reason.into())
    }

    /// Tells what the driver does, in the reference's words.
    fn carry_out(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(action) = self.product.poll_action() {
            done.push(match action {
                Action::SendAdvertisement(kind) => self.sent(kind),
                Action::InstallAddress(request) => {
                    self.numbered += 1;
                    self.requests.push_back((request, self.numbered));
                    self.last[request.index()] = Some((request, self.numbered));
                    format!("install {}", request.address)
                }
                Action::RemoveAddress(request) => format!("remove {}", request.address),
                Action::AnnounceAddress { request, count: 1 } => format!("announce {}", request.address),
                Action::StateChanged(change) => format!("{:?} > {:?}", change.from, change.to),
                Action::PriorityChanged { from, to, by } => {
                    let by = match by {
                        PriorityCause::Tracker(id) if id == self.trackers[1] => "tracker",
                        PriorityCause::Addresses => "addresses",
                        PriorityCause::Command => "command",
                        PriorityCause::Configuration => "configuration",
                        PriorityCause::Drain => "drain",
                        _ => "?",
                    };
                    format!("priority {from} > {to} by {by}")
                }
                Action::FaultsChanged => "faults".into(),
                Action::LowerPriorityHeard { from, priority } => format!("lower {priority} of {from}"),
                other => format!("{other:?}"),
            });
            assert!(done.len() < 100, "actions without end: {done:?}");
        }
        done
    }

    /// Returns what goes out, read by other code than wrote it.
    fn sent(&self, kind: AdvertKind) -> String {
        let setup = &self.reference.setup;
        let (source, destination) = (self.product.source().unwrap(), setup.group());
        let mut octets = [0; 1500];
        let len = self.product.encode(kind, Endpoints::new(source, destination).unwrap(), &mut octets).unwrap();
        let fields = Fields::read(setup.version(), &octets[..len], source, destination);
        let yield_advertisement = matches!(kind, AdvertKind::Yield);
        match fields {
            Some(fields) if yield_advertisement && fields == self.fields(fields.priority, fields.interval) => {
                let winner = self.product.winner().unwrap();
                format!("yield advertisement {} to {winner} at {}", fields.priority, fields.interval)
            }
            Some(fields) if fields == self.fields(0, setup.interval) => match kind {
                AdvertKind::HandOver => "hand over".into(),
                _ => "release".into(),
            },
            Some(fields) if fields == self.fields(fields.priority, setup.interval) => {
                format!("advertise {}", fields.priority)
            }
            other => format!("{other:?} in {:02x?}", &octets[..len]),
        }
    }
}

fn config(setup: &Setup) -> Config {
    let interval = |centis: u32| AdvertInterval::from_centis(centis as u16).unwrap();
    let vrid = Vrid::new(setup.vrid).unwrap();
    let config = match setup.list().is_empty() {
        true => Config::without_addresses(setup.profile, setup.family, vrid).unwrap().with_excluded(&setup.addresses),
        false => Config::new(setup.profile, vrid, &setup.addresses),
    };
    let mut config = config
        .unwrap()
        .with_priority(Priority::new(setup.priority).unwrap())
        .with_interval(interval(setup.interval))
        .unwrap()
        .with_preempt(setup.preempt, Duration::from_millis(setup.hold.into()))
        .with_yield_advertisement(setup.yield_advertisement)
        .with_strict_list(setup.strict_list)
        .with_learned_interval_cap(setup.cap.map(interval))
        .with_lease(setup.lease);
    if let Some(answer) = setup.answer_lower {
        config = config.with_answer_lower(answer);
    }
    if let Some(listens) = setup.owner_listens {
        config = config.with_owner_listens(listens);
    }
    if let Some(password) = setup.password {
        config = config.with_password(Password::new(&password[..6]).unwrap()).unwrap();
    }
    config
}
