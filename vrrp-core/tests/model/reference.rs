//! One virtual router, written from the pseudo-code of RFC 3768 and RFC 9568 section 6.4 and from what this library
//! documents beyond it; in other words than the product, slowly, and with nothing of its code.
//!
//! Timers are nanoseconds left, below zero where one is overdue. What the RFCs differ in is asked where it matters.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vrrp_core::{Family, Profile};

use super::packet::Fields;

const SECOND: i128 = 1_000_000_000;
const CENTISECOND: i128 = SECOND / 100;

/// What a router is configured to be. `None`: as its RFC has it.
#[derive(Clone, Debug)]
pub struct Setup {
    pub profile: Profile,
    pub family: Family,
    pub vrid: u8,
    pub addresses: Vec<IpAddr>,
    pub priority: u8,
    /// Centiseconds.
    pub interval: u32,
    pub preempt: bool,
    /// Milliseconds.
    pub hold: u32,
    pub last_word: bool,
    pub answer_lower: Option<bool>,
    pub owner_listens: Option<bool>,
    pub strict_list: bool,
    /// Centiseconds.
    pub cap: Option<u32>,
    pub lease: bool,
    pub password: Option<[u8; 8]>,
    /// Of the second tracker; the first one faults.
    pub weight: i16,
}

impl Setup {
    pub fn version(&self) -> u8 {
        match self.profile {
            Profile::Rfc2338 | Profile::Rfc3768 => 2,
            Profile::Rfc5798 | Profile::Rfc9568 | Profile::Rfc9568Errata => 3,
        }
    }

    pub fn group(&self) -> IpAddr {
        match self.family {
            Family::Ipv4 => "224.0.0.18",
            Family::Ipv6 => "ff02::12",
        }
        .parse()
        .unwrap()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Initialize,
    Backup,
    Master,
}

/// The router. Its log is what a driver would be told to do, in order.
#[derive(Clone, Debug)]
pub struct Reference {
    pub setup: Setup,
    pub log: Vec<String>,

    // Section 6.1
    pub state: State,
    pub priority: u8,
    /// Centiseconds.
    master_adver_interval: u32,

    // Section 6.2
    adver_timer: i128,
    master_down_timer: i128,
    /// Since Master_Down_Timer was set (AMB-12).
    watching_for: i128,

    // What keeps it out of the election
    started: bool,
    interface_up: bool,
    own_address: Option<IpAddr>,
    last_own_address: Option<IpAddr>,
    trackers: [Option<bool>; 2],
    /// After an address could not be installed: until the next attempt.
    retry: Option<i128>,
    refusal_told: bool,

    // The addresses, by position: what the host was asked for, under which number, and what it confirmed
    asked: BTreeMap<usize, u32>,
    confirmed: BTreeSet<usize>,
    requests: u32,
    confirm_timer: i128,

    // Extensions
    /// Since it last advertised or became Master.
    silent_for: i128,
    hold: Option<i128>,
    answers: u32,
    since_answer: i128,
    contest_silence: Option<i128>,
    contest_holdoff: i128,

    // What management asks
    pub master: Option<IpAddr>,
    pub reason: &'static str,
    heard_lower: bool,
    heard_release: bool,
}

impl Reference {
    /// At `now` nanoseconds on the caller's clock.
    pub fn new(setup: Setup, now: u64) -> Self {
        Self {
            log: Vec::new(),
            state: State::Initialize,
            priority: setup.priority,
            master_adver_interval: setup.interval,
            adver_timer: 0,
            master_down_timer: 0,
            watching_for: 0,
            started: false,
            interface_up: true,
            own_address: None,
            last_own_address: None,
            trackers: [None; 2],
            retry: None,
            refusal_told: false,
            asked: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            requests: 0,
            confirm_timer: 0,
            silent_for: 0,
            hold: None,
            answers: 4,
            since_answer: now.into(),
            contest_silence: None,
            contest_holdoff: 0,
            master: None,
            reason: "not-master",
            heard_lower: false,
            heard_release: false,
            setup,
        }
    }

    // Section 6.1: Skew_Time and Master_Down_Interval, in nanoseconds, rounded up (AMB-05).

    fn skew_time(&self) -> i128 {
        let span = match self.setup.version() {
            2 => SECOND,
            _ => i128::from(self.master_adver_interval) * CENTISECOND,
        };
        let parts = (256 - i128::from(self.priority)) * span;
        parts / 256 + i128::from(parts % 256 > 0)
    }

    fn master_down_interval(&self) -> i128 {
        3 * i128::from(self.master_adver_interval) * CENTISECOND + self.skew_time()
    }

    fn advertisement_interval(&self) -> i128 {
        i128::from(self.setup.interval) * CENTISECOND
    }

    /// Version 3, with the bound of SEC-06; version 2 has but one interval.
    fn set_master_adver_interval(&mut self, heard: u32) {
        self.master_adver_interval = match (self.setup.version(), self.setup.cap) {
            (2, _) => self.setup.interval,
            (_, Some(cap)) if heard > cap && heard > self.setup.interval => cap.max(self.setup.interval),
            _ => heard,
        };
    }

    fn set_master_down_timer(&mut self, span: i128) {
        self.master_down_timer = span;
        self.watching_for = 0;
    }

    // Time

    pub fn pass(&mut self, nanos: u64) {
        let nanos = i128::from(nanos);
        self.adver_timer -= nanos;
        self.master_down_timer -= nanos;
        self.watching_for += nanos;
        self.confirm_timer -= nanos;
        self.since_answer += nanos;
        self.silent_for += nanos;
        self.contest_holdoff -= nanos;
        for timer in [&mut self.retry, &mut self.hold, &mut self.contest_silence] {
            *timer = timer.map(|left| left - nanos);
        }
    }

    /// Whether it has been silent for longer than its lease: three intervals less a second, but at least one second, and
    /// at least five quarters of an interval; in whole seconds.
    pub fn is_lapsed(&self) -> bool {
        let three_less_one = 3 * self.advertisement_interval() / SECOND - 1;
        let five_quarters = (5 * self.advertisement_interval() + 4 * SECOND - 1) / (4 * SECOND);
        let lease = three_less_one.max(five_quarters).max(1) * SECOND;
        self.setup.lease && self.state == State::Master && self.silent_for > lease
    }

    /// Its process hung. Within three intervals nobody can have taken over: it is Master again at once, as an owner always.
    fn lapse(&mut self) {
        let at_once = self.priority == 255 || self.silent_for < 3 * self.advertisement_interval();
        self.remove_all();
        if at_once {
            self.reason = "priority";
            self.become_master();
        } else {
            self.become_backup(self.setup.interval);
        }
    }

    /// Until something happens by itself.
    pub fn left(&self) -> Option<i128> {
        match self.state {
            State::Initialize => self.retry,
            State::Backup => Some(self.master_down_timer),
            State::Master => {
                let confirm = (!self.has_all()).then_some(self.confirm_timer);
                [Some(self.adver_timer), confirm, self.contest_silence].into_iter().flatten().min()
            }
        }
    }

    /// The driver looks whether something has.
    pub fn wake(&mut self) {
        if self.is_lapsed() {
            self.lapse();
        }
        // An address that is not confirmed in an interval, at least 100 ms, is a fault for 30 s.
        if self.state == State::Master && !self.has_all() && self.confirm_timer <= 0 {
            return self.fail_install();
        }
        if self.retry.is_some_and(|left| left <= 0) {
            self.retry = None;
            self.reconsider();
        }
        match self.state {
            State::Initialize => {}
            State::Backup if self.master_down_timer <= 0 => {
                self.reason = match (self.heard_lower, self.heard_release) {
                    (true, _) => "preempted",
                    (_, true) => "priority",
                    _ => "no-response",
                };
                self.become_master();
            }
            State::Master if self.adver_timer <= 0 => {
                self.send_advertisement();
                // TMR-11: in phase, but never a burst.
                self.adver_timer += self.advertisement_interval();
                if self.adver_timer <= 0 {
                    self.adver_timer = self.advertisement_interval();
                }
            }
            State::Backup | State::Master => {}
        }
        if self.state == State::Master && self.contest_silence.is_some_and(|left| left <= 0) {
            self.contest_silence = None;
            self.announce_all();
        }
    }

    // Section 6.4.1

    pub fn startup(&mut self) {
        self.started = true;
        self.reconsider();
    }

    pub fn shutdown(&mut self) {
        self.started = false;
        self.reconsider();
    }

    fn leave_initialize(&mut self) {
        if self.priority == 255 {
            self.reason = "priority";
            self.become_master();
        } else {
            self.become_backup(self.setup.interval);
        }
    }

    // Section 6.4.2 and 6.4.3

    fn become_master(&mut self) {
        let from = self.state;
        self.say();
        for position in 0..self.setup.addresses.len() {
            self.requests += 1;
            self.asked.insert(position, self.requests);
            self.log.push(format!("install {}", self.setup.addresses[position]));
        }
        self.confirm_timer = self.advertisement_interval().max(SECOND / 10);
        self.adver_timer = self.advertisement_interval();
        self.contest_silence = None;
        self.contest_holdoff = 0;
        self.enter(from, State::Master);
        self.master = self.last_own_address;
    }

    fn become_backup(&mut self, heard_interval: u32) {
        let from = self.state;
        self.set_master_adver_interval(heard_interval);
        self.set_master_down_timer(self.master_down_interval());
        self.hold = None;
        self.enter(from, State::Backup);
    }

    /// From Master with a release (FSM-A-01), from Backup without a word.
    fn become_initialize(&mut self) {
        let from = self.state;
        if from == State::Master {
            self.log.push("release".into());
            self.remove_all();
        }
        self.enter(from, State::Initialize);
    }

    fn enter(&mut self, from: State, to: State) {
        self.state = to;
        self.log.push(format!("{from:?} > {to:?}"));
        (self.heard_lower, self.heard_release, self.master) = (false, false, None);
    }

    /// Returns whether the packet passes section 7.1; one that does not leaves no trace.
    pub fn receive(&mut self, octets: &[u8], source: IpAddr, destination: IpAddr, ttl: u8) -> bool {
        let Some(advertisement) = self.acceptable(octets, source, destination, ttl) else { return false };
        match self.state {
            State::Initialize => return false,
            State::Backup => self.backup_hears(&advertisement, source),
            State::Master => self.master_hears(&advertisement, source),
        }
        true
    }

    fn backup_hears(&mut self, advertisement: &Fields, source: IpAddr) {
        let theirs = advertisement.priority;
        if theirs == 0 {
            self.set_master_down_timer(self.skew_time());
            (self.master, self.heard_lower, self.heard_release) = (None, false, true);
            return;
        }
        // The owner preempts whatever its Preempt_Mode (FSM-B-11).
        let owner = self.priority == 255;
        let as_good = theirs >= self.priority || !(self.setup.preempt || owner);
        // RFC 8347: a lower Master is tolerated for the hold time, which its first advertisement starts.
        let mut tolerated = false;
        if as_good {
            self.hold = None;
        } else if !owner {
            let left = self.hold.unwrap_or(i128::from(self.setup.hold) * SECOND / 1000);
            tolerated = left > 0;
            self.hold = if tolerated { Some(left) } else { self.hold };
        }
        if as_good || tolerated {
            self.set_master_adver_interval(advertisement.interval);
            self.set_master_down_timer(self.master_down_interval());
            (self.master, self.heard_lower, self.heard_release) = (Some(source), false, false);
        } else {
            self.heard_lower = true;
        }
    }

    fn master_hears(&mut self, advertisement: &Fields, source: IpAddr) {
        let theirs = advertisement.priority;
        if theirs == 0 {
            self.send_advertisement();
            self.adver_timer = self.advertisement_interval();
        } else if theirs > self.priority || (theirs == self.priority && Some(source) > self.last_own_address) {
            self.remove_all();
            if self.setup.last_word {
                self.say();
            }
            self.become_backup(advertisement.interval);
            self.master = Some(source);
        } else {
            let by_default = matches!(self.setup.profile, Profile::Rfc9568 | Profile::Rfc9568Errata);
            if self.setup.answer_lower.unwrap_or(by_default) {
                self.answer(advertisement.interval);
            }
            // The neighbours may have believed the other one: announced anew at the beginning of a contest, once in 5 s while it
            // lasts, and when the other one has been silent for three of its intervals.
            let begins = self.contest_silence.is_none();
            self.contest_silence = Some(3 * i128::from(advertisement.interval) * CENTISECOND);
            if begins || self.contest_holdoff <= 0 {
                self.contest_holdoff = 5 * SECOND;
                self.announce_all();
            }
        }
    }

    /// FSM-A-10: four in a burst, and one more for each interval of the faster of the two.
    fn answer(&mut self, their_interval: u32) {
        let period = i128::from(their_interval.min(self.setup.interval)) * CENTISECOND;
        let mut earned = 0;
        while self.since_answer >= period && earned < 4 {
            self.since_answer -= period;
            earned += 1;
        }
        if earned == 4 {
            self.since_answer = 0;
        }
        self.answers = (self.answers + earned).min(4);
        if self.answers > 0 {
            self.answers -= 1;
            self.send_advertisement();
        }
    }

    fn say(&mut self) {
        self.log.push(format!("advertise {}", self.priority));
        self.silent_for = 0;
    }

    /// No second advertisement before every address is confirmed.
    fn send_advertisement(&mut self) {
        if self.has_all() {
            self.say();
        }
    }

    // Section 7.1

    fn acceptable(&self, octets: &[u8], source: IpAddr, destination: IpAddr, ttl: u8) -> Option<Fields> {
        let setup = &self.setup;
        if destination != setup.group() || ttl != 255 {
            return None;
        }
        let fields = Fields::read(setup.version(), octets, source, destination)?;
        let owner_by_default = matches!(setup.profile, Profile::Rfc2338 | Profile::Rfc9568Errata);
        let owner_listens = setup.owner_listens.unwrap_or(owner_by_default);
        let authentic = match (fields.auth, setup.password) {
            (None | Some((0, _)), None) => true,
            (Some((1, theirs)), Some(ours)) => theirs == ours,
            _ => false,
        };
        let mut theirs = fields.addresses.clone();
        let mut ours = setup.addresses.clone();
        theirs.sort();
        ours.sort();
        let other_list = theirs != ours && setup.version() == 2 && setup.strict_list && fields.priority != 255;
        let link_local = match fields.addresses.first()? {
            IpAddr::V4(_) => true,
            IpAddr::V6(first) => first.segments()[0] & 0xffc0 == 0xfe80,
        };
        let no_host = match source {
            IpAddr::V4(v4) => v4.is_multicast() || v4.is_unspecified() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified(),
        };
        let good = fields.vrid == setup.vrid
            && (self.priority != 255 || owner_listens)
            && authentic
            && (link_local || setup.profile != Profile::Rfc9568Errata)
            && fields.interval != 0
            && !other_list
            && (setup.version() != 2 || fields.interval == setup.interval)
            && self.last_own_address != Some(source)
            && !no_host;
        good.then_some(fields)
    }

    // Health

    pub fn set_interface(&mut self, up: bool) {
        self.interface_up = up;
        self.reconsider();
    }

    pub fn set_own_address(&mut self, address: Option<IpAddr>) {
        self.own_address = address;
        self.last_own_address = address.or(self.last_own_address);
        if self.state == State::Master {
            self.master = self.last_own_address;
        }
        self.reconsider();
    }

    pub fn set_tracker(&mut self, which: usize, passing: bool) {
        self.trackers[which] = Some(passing);
        let in_force = self.trackers[1] == Some(self.setup.weight > 0);
        let weight = if in_force { i32::from(self.setup.weight) } else { 0 };
        if self.setup.priority != 255 {
            let before = self.priority;
            self.priority = (i32::from(self.setup.priority) + weight).clamp(1, 254) as u8;
            if self.priority != before {
                self.retime();
            }
        }
        self.reconsider();
    }

    /// AMB-12: to where the timers would be had it always been so, but never later.
    fn retime(&mut self) {
        match self.state {
            State::Initialize => {}
            State::Backup => {
                self.set_master_adver_interval(self.master_adver_interval);
                let anew = self.master_down_interval() - self.watching_for;
                self.master_down_timer = self.master_down_timer.min(anew);
            }
            State::Master => self.adver_timer = self.adver_timer.min(self.advertisement_interval()),
        }
    }

    fn reconsider(&mut self) {
        let wrong =
            !self.interface_up || self.own_address.is_none() || self.retry.is_some() || self.trackers[0] == Some(false);
        let unchecked = self.trackers[0].is_none();
        let running = self.state != State::Initialize;
        if !self.started {
            self.refusal_told = false;
            if running {
                self.become_initialize();
            }
        } else if wrong || unchecked {
            if running {
                self.become_initialize();
                self.refusal_told = true;
            } else if wrong && !self.refusal_told {
                self.refusal_told = true;
                self.log.push("Initialize > Initialize".into());
            }
        } else if !running {
            self.leave_initialize();
        }
    }

    // The addresses

    fn has_all(&self) -> bool {
        self.confirmed.len() == self.setup.addresses.len()
    }

    pub fn installed(&self) -> usize {
        self.confirmed.len()
    }

    /// The host answers request number `number`, for the address at `position`.
    pub fn confirm(&mut self, position: usize, number: u32) {
        if self.asked.get(&position) == Some(&number) && self.confirmed.insert(position) {
            self.log.push(format!("announce {}", self.setup.addresses[position]));
        }
    }

    /// The host could not, or lost the address for good.
    pub fn refuse(&mut self, position: usize, number: u32) {
        if self.asked.get(&position) == Some(&number) {
            self.fail_install();
        }
    }

    fn fail_install(&mut self) {
        self.retry = Some(30 * SECOND);
        self.reconsider();
    }

    fn remove_all(&mut self) {
        self.asked.keys().for_each(|position| self.log.push(format!("remove {}", self.setup.addresses[*position])));
        self.asked.clear();
        self.confirmed.clear();
    }

    fn announce_all(&mut self) {
        self.confirmed
            .iter()
            .for_each(|position| self.log.push(format!("announce {}", self.setup.addresses[*position])));
    }
}
