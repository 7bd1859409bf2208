//! One virtual router, written from the pseudo-code of RFC 3768 and RFC 9568 section 6.4 and from what this library
//! documents beyond it; in other words than the product, slowly, and with nothing of its code.
//!
//! Timers are nanoseconds left, below zero where one is overdue. What the RFCs differ in is asked where it matters.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vrrp_core::{Family, Profile, Reading};

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
    /// True where it advertises them: one that does not says that it has none.
    pub advertises: bool,
    pub priority: u8,
    /// Centiseconds.
    pub interval: u32,
    pub preempt: bool,
    /// Milliseconds.
    pub hold: u32,
    pub yield_advertisement: bool,
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
            other => panic!("{other} is not in the reference"),
        }
    }

    /// The list of its advertisements.
    pub fn list(&self) -> Vec<IpAddr> {
        if self.advertises { self.addresses.clone() } else { Vec::new() }
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

/// Where an address is, with the number of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Asked(u32),
    There(u32),
    Refused(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Failed,
    ToBeTriedAgain,
    Unavailable,
}

/// So many at once, and then one each period.
#[derive(Clone, Copy, Debug)]
struct Budget {
    most: i128,
    left: i128,
    since: i128,
}

impl Budget {
    /// Untouched for ever.
    fn new(most: i128) -> Self {
        Self { most, left: most, since: i128::MAX / 2 }
    }

    fn earn(&mut self, period: i128) -> bool {
        let earned = self.since / period;
        if earned >= self.most {
            (self.left, self.since) = (self.most, 0);
        } else {
            self.left = (self.left + earned).min(self.most);
            self.since -= earned * period;
        }
        self.left > 0
    }

    fn spend(&mut self, period: i128) -> bool {
        let can = self.earn(period);
        self.left -= i128::from(can);
        can
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
    log: Vec<String>,
    /// From where, since it was last asked.
    entered_from: Option<State>,

    // Section 6.1
    pub state: State,
    pub priority: u8,
    priority_told: u8,
    weighed_by: &'static str,
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
    trackers: [Option<Reading>; 2],
    refusal_told: bool,
    /// What was wrong when that was last told.
    wrong_told: [bool; 5],
    /// It went from Master to Initialize because its interface did.
    interrupted: bool,

    // The addresses, by position (docs/partial-service.md)
    places: Vec<Place>,
    flaws: Vec<Option<Flaw>>,
    to_announce: BTreeSet<usize>,
    requests: u32,
    confirm_timer: i128,
    /// Until what failed is asked for again.
    retry: Option<i128>,
    failures: usize,
    /// Nothing advertised could be set.
    empty_handed: bool,
    unusable: bool,

    // Extensions
    /// Since it last advertised, became Master or would have advertised.
    silent_for: i128,
    /// Since it last advertised.
    unheard_for: i128,
    hold: Option<i128>,
    answers: Budget,
    answers_to: Vec<(IpAddr, Budget)>,
    contest_silence: Option<i128>,
    contest_holdoff: i128,
    rounds: Budget,
    takeovers: Budget,
    lower_told: Budget,
    /// A lower Master that was heard, to be told.
    lower: Option<(IpAddr, u8)>,

    // What management asks
    pub master: Option<IpAddr>,
    pub reason: &'static str,
    heard_lower: Option<(IpAddr, u32)>,
    heard_release: bool,

    // Drained (docs/drain.md): at this priority at most
    drain: Option<u8>,
    call: Option<Call>,
    nobody_came: bool,
}

/// A Master that calls for another one.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Until it has called for long enough.
    left: i128,
    successor: Option<Successor>,
}

/// Who came.
#[derive(Clone, Copy, Debug)]
struct Successor {
    address: IpAddr,
    priority: u8,
    interval: u32,
    /// Until it may have the addresses for itself.
    left: i128,
}

impl Reference {
    /// At `now` nanoseconds on the caller's clock.
    pub fn new(setup: Setup, now: u64) -> Self {
        Self {
            log: Vec::new(),
            entered_from: None,
            state: State::Initialize,
            priority: setup.priority,
            priority_told: setup.priority,
            weighed_by: "",
            master_adver_interval: setup.interval,
            adver_timer: 0,
            master_down_timer: 0,
            watching_for: 0,
            started: false,
            interface_up: true,
            own_address: None,
            last_own_address: None,
            trackers: [None; 2],
            refusal_told: false,
            wrong_told: [false; 5],
            interrupted: false,
            places: vec![Place::Nowhere; setup.addresses.len()],
            flaws: vec![None; setup.addresses.len()],
            to_announce: BTreeSet::new(),
            requests: 0,
            confirm_timer: 0,
            retry: None,
            failures: 0,
            empty_handed: false,
            unusable: false,
            silent_for: now.into(),
            unheard_for: now.into(),
            hold: None,
            answers: Budget::new(4),
            answers_to: Vec::new(),
            contest_silence: None,
            contest_holdoff: 0,
            rounds: Budget::new(2),
            takeovers: Budget::new(8),
            lower_told: Budget::new(4),
            lower: None,
            master: None,
            reason: "not-master",
            heard_lower: None,
            heard_release: false,
            drain: None,
            call: None,
            nobody_came: false,
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

    /// Everything since it was last asked: what is to be done, and then what is to be known.
    pub fn told(&mut self) -> Vec<String> {
        let mut told = std::mem::take(&mut self.log);
        let before = std::mem::replace(&mut self.priority_told, self.priority);
        if before != self.priority {
            told.push(format!("priority {before} > {} by {}", self.priority, self.weighed_by));
        }
        let wrong = self.wrong();
        let is_out = self.state == State::Initialize && self.refusal_told;
        let from = self.entered_from.take();
        told.extend(from.map(|from| format!("{from:?} > {:?}", self.state)));
        told.extend(std::mem::take(&mut self.nobody_came).then(|| "NobodyTookOver".into()));
        told.extend(self.lower.take().map(|(from, priority)| format!("lower {priority} of {from}")));
        match from {
            Some(_) => {}
            None if is_out && wrong.contains(&true) && wrong != self.wrong_told => told.push("faults".into()),
            None => return told,
        }
        if is_out {
            self.wrong_told = wrong;
        }
        told
    }

    // Time

    pub fn pass(&mut self, nanos: u64) {
        let nanos = i128::from(nanos);
        self.adver_timer -= nanos;
        self.master_down_timer -= nanos;
        self.watching_for += nanos;
        self.confirm_timer -= nanos;
        self.answers.since += nanos;
        self.answers_to.iter_mut().for_each(|(_, budget)| budget.since += nanos);
        self.rounds.since += nanos;
        self.takeovers.since += nanos;
        self.lower_told.since += nanos;
        self.silent_for += nanos;
        self.unheard_for += nanos;
        self.contest_holdoff -= nanos;
        if let Some(call) = &mut self.call {
            call.left -= nanos;
            call.successor.iter_mut().for_each(|successor| successor.left -= nanos);
        }
        for timer in [&mut self.retry, &mut self.hold, &mut self.contest_silence] {
            *timer = timer.map(|left| left - nanos);
        }
    }

    /// Returns whether it has been silent for longer than its lease: three intervals less a second, but at least one
    /// second, and at least five quarters of an interval; in whole seconds.
    pub fn is_lapsed(&self) -> bool {
        let three_less_one = 3 * self.advertisement_interval() / SECOND - 1;
        let five_quarters = (5 * self.advertisement_interval() + 4 * SECOND - 1) / (4 * SECOND);
        let lease = three_less_one.max(five_quarters).max(1) * SECOND;
        self.setup.lease && self.state == State::Master && self.silent_for > lease
    }

    /// Its process hung. Within three intervals nobody can have taken over, but who was called: it is Master again at once, as
    /// an owner always.
    fn lapse(&mut self) {
        let nobody = self.call.is_none() && self.silent_for < 3 * self.advertisement_interval();
        let at_once = self.priority == 255 || nobody;
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
                let waits = self.places.iter().any(|place| matches!(place, Place::Asked(_)));
                let confirm = waits.then_some(self.confirm_timer);
                let call = self.call.map(|call| call.successor.map_or(call.left, |successor| successor.left));
                [Some(self.adver_timer), confirm, self.retry, self.contest_silence, call].into_iter().flatten().min()
            }
        }
    }

    /// The driver looks whether something has.
    pub fn wake(&mut self) {
        if self.is_lapsed() {
            self.lapse();
        }
        // What is not confirmed in an interval, at least 100 ms, counts as refused.
        let late: Vec<usize> = (0..self.places.len()).filter(|n| matches!(self.places[*n], Place::Asked(_))).collect();
        if self.state == State::Master && self.confirm_timer <= 0 && !late.is_empty() {
            late.into_iter().for_each(|position| self.fail(position));
            self.retry_later();
            self.assess();
        }
        if self.retry.is_some_and(|left| left <= 0) {
            self.retry = None;
            match self.state {
                State::Initialize => {
                    self.empty_handed = false;
                    self.assess();
                }
                State::Backup => {}
                State::Master => self.try_again(),
            }
        }
        if self.answered_call() {
            return self.see_to_addresses();
        }
        match self.state {
            State::Initialize => {}
            // Eight takeovers at once, and then one an interval.
            State::Backup if self.master_down_timer <= 0 && !self.takeovers.spend(self.advertisement_interval()) => {
                self.master_down_timer = self.advertisement_interval();
            }
            State::Backup if self.master_down_timer <= 0 => {
                self.reason = match (self.heard_lower.is_some(), self.heard_release) {
                    (true, _) => "preempted",
                    (_, true) => "priority",
                    _ => "no-response",
                };
                self.become_master();
            }
            State::Master if self.adver_timer <= 0 => {
                self.send_advertisement();
                self.restart_adver_timer();
            }
            State::Backup | State::Master => {}
        }
        if self.state == State::Master && self.contest_silence.is_some_and(|left| left <= 0) {
            // The last round is put off, but not left out.
            let holdoff = self.contest_period();
            let allowed = self.rounds.spend(holdoff);
            self.contest_silence = (!allowed).then_some(holdoff);
            if allowed {
                self.announce_all();
            }
        }
        self.see_to_addresses();
    }

    /// TMR-11: in phase, but never a burst.
    fn restart_adver_timer(&mut self) {
        self.adver_timer += self.advertisement_interval();
        if self.adver_timer <= 0 {
            self.adver_timer = self.advertisement_interval();
        }
    }

    /// Returns whether somebody came whom this Master called for: it says nothing more, and goes in a moment. When it
    /// called for long enough it goes on as before.
    fn answered_call(&mut self) -> bool {
        let Some(call) = self.call else { return false };
        match call.successor {
            Some(Successor { interval, left: ..=0, .. }) => {
                self.remove_all();
                self.become_backup(interval);
            }
            Some(_) => {
                if self.adver_timer <= 0 {
                    self.restart_adver_timer();
                }
                if self.contest_silence.is_some_and(|left| left <= 0) {
                    let holdoff = self.contest_period();
                    self.contest_silence = (!self.rounds.spend(holdoff)).then_some(holdoff);
                }
            }
            None if call.left <= 0 => (self.call, self.nobody_came) = (None, true),
            None => {}
        }
        call.successor.is_some()
    }

    // Commands (docs/drain.md)

    /// Serve only where nobody else does: at no higher priority than this, without preempting, never as owner.
    pub fn drain(&mut self, priority: u8, limit: Option<i128>) {
        self.drain = Some(priority.min(254));
        self.change_priority("drain");
        match (self.state, self.heard_lower) {
            (State::Master, _) => {
                let left = limit.unwrap_or(3 * self.advertisement_interval());
                self.call = Some(Call { left, successor: None });
                if self.send_advertisement() {
                    self.adver_timer = self.advertisement_interval();
                }
            }
            // It was about to preempt that one.
            (State::Backup, Some((source, interval))) => {
                self.set_master_adver_interval(interval);
                self.set_master_down_timer(self.master_down_interval());
                (self.hold, self.master, self.heard_lower, self.heard_release) = (None, Some(source), None, false);
            }
            _ => {}
        }
    }

    pub fn undrain(&mut self) {
        if self.drain.take().is_none() {
            return;
        }
        let called = self.call.take().is_some();
        self.change_priority("drain");
        if called && self.state == State::Master {
            self.send_advertisement();
        }
    }

    pub fn set_priority(&mut self, priority: u8) {
        self.setup.priority = priority;
        self.change_priority("command");
    }

    /// A configuration with another priority.
    pub fn reconfigure(&mut self, priority: u8) {
        self.setup.priority = priority;
        self.change_priority("configuration");
        self.assess();
        self.see_to_addresses();
    }

    /// Who becomes owner is Master at once; who is owner no more releases and watches, but when it was drained.
    fn change_priority(&mut self, by: &'static str) {
        let (before, priority) = (self.priority, self.weighed());
        self.priority = priority;
        if self.priority != before {
            self.weighed_by = by;
        }
        match (self.state, before == 255, self.priority == 255) {
            (State::Backup, false, true) => {
                self.reason = "priority";
                self.become_master();
            }
            (State::Master, true, false) if self.drain.is_none() => {
                self.log.push("release".into());
                self.remove_all();
                self.become_backup(self.setup.interval);
            }
            _ => self.retime(),
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
        // Nobody was told, and nobody can have taken over. One that is drained waits for the others.
        let undisturbed = self.unheard_for < 3 * self.advertisement_interval();
        let goes_on = self.interrupted && undisturbed && self.drain.is_none();
        self.interrupted = false;
        if self.priority == 255 || goes_on {
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
        // A Master that has nothing has to find that out.
        let hopeless = self.flaws.iter().all(|flaw| matches!(flaw, Some(Flaw::Failed | Flaw::Unavailable)))
            && !self.flaws.is_empty();
        if self.retry.is_none_or(|left| left <= 0) || hopeless {
            self.retry = None;
            self.try_again();
        }
        self.adver_timer = self.advertisement_interval();
        self.contest_silence = None;
        self.contest_holdoff = 0;
        self.rounds = Budget::new(2);
        self.state = State::Master;
        self.see_to_addresses();
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

    /// From Master with a release (FSM-A-01), where something can be sent; from Backup without a word.
    fn become_initialize(&mut self) {
        let from = self.state;
        self.interrupted = from == State::Master && self.started && !self.interface_up;
        if from == State::Master {
            if !self.interrupted {
                self.log.push("release".into());
            }
            self.remove_all();
        }
        self.enter(from, State::Initialize);
    }

    fn enter(&mut self, from: State, to: State) {
        self.state = to;
        self.entered_from.get_or_insert(from);
        (self.heard_lower, self.heard_release, self.master, self.call) = (None, false, None, None);
        self.lower = None;
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
            (self.master, self.heard_lower, self.heard_release) = (None, None, true);
            return;
        }
        // The owner preempts whatever its Preempt_Mode (FSM-B-11).
        let owner = self.priority == 255;
        let preempts = self.setup.preempt && self.drain.is_none();
        let as_good = theirs >= self.priority || !(preempts || owner);
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
            (self.master, self.heard_lower, self.heard_release) = (Some(source), None, false);
        } else {
            self.heard_lower = Some((source, advertisement.interval));
        }
    }

    fn master_hears(&mut self, advertisement: &Fields, source: IpAddr) {
        let theirs = advertisement.priority;
        if self.call.is_some() {
            self.caller_hears(advertisement, source);
        } else if theirs == 0 {
            if self.may_answer(source) {
                self.send_advertisement();
                self.adver_timer = self.advertisement_interval();
            } else {
                self.adver_timer = self.adver_timer.min(self.advertisement_interval() / 4);
            }
        } else if theirs > self.priority || (theirs == self.priority && Some(source) > self.last_own_address) {
            self.remove_all();
            if self.setup.yield_advertisement {
                self.log.push(format!("yield advertisement 1 to {source} at {}", advertisement.interval));
            }
            self.become_backup(advertisement.interval);
            self.master = Some(source);
        } else {
            let by_default = matches!(self.setup.profile, Profile::Rfc9568 | Profile::Rfc9568Errata);
            if self.setup.answer_lower.unwrap_or(by_default) && self.may_answer(source) {
                self.send_advertisement();
            }
            self.contest();
            // Told four times at once, and then once an interval, at most once in a second.
            let duplicate = theirs == self.priority && Some(source) == self.last_own_address;
            if !duplicate && self.lower_told.spend(self.advertisement_interval().max(SECOND)) {
                self.lower = Some((source, theirs));
            }
        }
    }

    /// The neighbours may have believed another one: announced anew at the beginning of a contest, once in 5 s while it lasts, and
    /// when the other one has been silent for three intervals; two rounds, and one more each 5 s.
    fn contest(&mut self) {
        let begins = self.contest_silence.is_none();
        self.contest_silence = Some(3 * self.advertisement_interval());
        let holdoff = self.contest_period();
        if (begins || self.contest_holdoff <= 0) && self.rounds.spend(holdoff) {
            self.contest_holdoff = holdoff;
            self.announce_all();
        }
        self.see_to_addresses();
    }

    /// Whoever comes is good enough, the best of several the one to watch; it goes by its own word only.
    fn caller_hears(&mut self, advertisement: &Fields, source: IpAddr) {
        let half = self.advertisement_interval() / 2;
        let Some(call) = &mut self.call else { return };
        let Fields { priority, interval, .. } = *advertisement;
        match (call.successor, priority) {
            // It went, or it yielded and says so.
            (Some(known), 0 | 1) if known.address == source && known.priority > priority => {
                call.successor = None;
                self.contest();
            }
            (_, 0) => {}
            (Some(known), _) if known.address == source => {}
            (Some(known), _) if (known.priority, known.address) > (priority, source) => {}
            (before, _) => {
                let left = before.map_or(half.min(SECOND / 20), |before| before.left);
                call.successor = Some(Successor { address: source, priority, interval, left });
            }
        }
    }

    /// 5 s, and at least an interval.
    fn contest_period(&self) -> i128 {
        self.advertisement_interval().max(5 * SECOND)
    }

    /// FSM-A-10: in an interval two answers to one sender, of whom four are remembered, and four to all.
    fn may_answer(&mut self, sender: IpAddr) -> bool {
        let (half, quarter) = (self.advertisement_interval() / 2, self.advertisement_interval() / 4);
        if !self.answers.earn(quarter) {
            return false;
        }
        let fresh = (sender, Budget::new(2));
        let known = self.answers_to.iter().position(|(known, _)| *known == sender);
        let position = known.unwrap_or_else(|| {
            if self.answers_to.len() < 4 {
                self.answers_to.push(fresh);
                return self.answers_to.len() - 1;
            }
            let longest = self.answers_to.iter().map(|(_, budget)| budget.since).max().unwrap();
            let position = self.answers_to.iter().position(|(_, budget)| budget.since == longest).unwrap();
            self.answers_to[position] = fresh;
            position
        });
        self.answers_to[position].1.spend(half) && self.answers.spend(quarter)
    }

    fn say(&mut self) {
        self.log.push(format!("advertise {}", self.priority));
        (self.silent_for, self.unheard_for) = (0, 0);
    }

    /// No second advertisement before every address has its first answer, and none for nothing. Whether it said anything.
    fn send_advertisement(&mut self) -> bool {
        let call = self.call;
        if call.is_some_and(|call| call.successor.is_some()) {
            return false;
        }
        // A router that has nothing to serve counts as serving.
        let serves = self.is_settled() && (self.installed() > 0 || self.places.is_empty());
        match call {
            Some(_) if serves => {
                self.log.push("hand over".into());
                // Nobody who heard that waits for it.
                (self.silent_for, self.unheard_for) = (0, i128::MAX / 2);
            }
            None if serves => self.say(),
            // It waits, and does not hang.
            _ => self.silent_for = 0,
        }
        serves
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
        let mut ours = setup.list();
        theirs.sort();
        ours.sort();
        let other_list = theirs != ours && setup.version() == 2 && setup.strict_list && fields.priority != 255;
        // A router that lists none hears only those that list none, and only it hears them.
        let stranger = match ours.is_empty() {
            true => !theirs.is_empty(),
            false => !theirs.iter().any(|address| ours.contains(address)),
        };
        let link_local = match fields.addresses.first() {
            Some(IpAddr::V6(first)) => first.segments()[0] & 0xffc0 == 0xfe80,
            Some(IpAddr::V4(_)) | None => true,
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
            && !stranger
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

    pub fn set_tracker(&mut self, which: usize, reading: Reading) {
        self.trackers[which] = Some(reading);
        self.weigh("tracker");
        self.reconsider();
    }

    fn weigh(&mut self, by: &'static str) {
        let (before, priority) = (self.priority, self.weighed());
        self.priority = priority;
        if self.priority != before {
            self.weighed_by = by;
            self.retime();
        }
    }

    fn weighed(&self) -> u8 {
        let weight = match self.trackers[1] {
            Some(Reading::Passing) => i64::from(self.setup.weight.max(0)),
            Some(Reading::Failing) => i64::from(self.setup.weight.min(0)),
            // Once for each of what it says, as far as any priority from any other.
            Some(Reading::Value(_)) => self.product().clamp(-253, 253),
            None => 0,
        };
        let mut priority = if self.drain.is_some() { self.setup.priority.min(254) } else { self.setup.priority };
        if priority != 255 {
            priority = (i64::from(priority) + weight).clamp(1, 254) as u8;
            // An eighth, rounded up, for who cannot have all addresses.
            if self.flaws.iter().any(Option::is_some) {
                priority = priority / 8 + u8::from(priority % 8 > 0);
            }
        }
        self.drain.map_or(priority, |most| priority.min(most))
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

    /// Returns what the second tracker says, times its weight.
    fn product(&self) -> i64 {
        match self.trackers[1] {
            Some(Reading::Value(value)) => i64::from(value) * i64::from(self.setup.weight),
            _ => 0,
        }
    }

    /// Returns what is wrong, each of five things.
    fn wrong(&self) -> [bool; 5] {
        let fails = match self.trackers[0] {
            Some(Reading::Value(value)) => value != 0,
            other => other == Some(Reading::Failing),
        };
        [!self.interface_up, self.own_address.is_none(), self.unusable, fails, self.product() < -253]
    }

    fn reconsider(&mut self) {
        let wrong = self.wrong().contains(&true);
        let unchecked = self.trackers[0].is_none();
        let running = self.state != State::Initialize;
        if !self.started {
            (self.refusal_told, self.interrupted) = (false, false);
            if running {
                self.become_initialize();
            }
        } else if wrong || unchecked {
            if running {
                self.become_initialize();
                self.refusal_told = true;
            } else if wrong && !self.refusal_told {
                self.refusal_told = true;
                self.entered_from.get_or_insert(State::Initialize);
            }
        } else if !running {
            self.leave_initialize();
        }
    }

    // The addresses

    fn is_settled(&self) -> bool {
        let there = |place: &Place| matches!(place, Place::There(_));
        self.places.iter().zip(&self.flaws).all(|(place, flaw)| there(place) || flaw.is_some())
    }

    pub fn installed(&self) -> usize {
        self.places.iter().filter(|place| matches!(place, Place::There(_))).count()
    }

    /// The host answers request number `number`, for the address at `position`.
    pub fn confirm(&mut self, position: usize, number: u32) {
        let asked = [Place::Asked(number), Place::Refused(number)].contains(&self.places[position]);
        if !asked || self.flaws[position] == Some(Flaw::Unavailable) {
            return;
        }
        self.places[position] = Place::There(number);
        // While a successor is there the neighbours are to believe that one.
        if self.call.is_none_or(|call| call.successor.is_none()) {
            self.to_announce.insert(position);
        }
        self.wait_for_confirmation();
        if self.flaws[position].take().is_some() {
            self.failures = 0;
            self.assess();
        }
        self.see_to_addresses();
    }

    /// The host could not, or lost the address for good.
    pub fn refuse(&mut self, position: usize, number: u32) {
        let concerned = [Place::Asked(number), Place::There(number), Place::Refused(number)];
        if self.state == State::Master && concerned.contains(&self.places[position]) {
            self.fail(position);
            self.retry_later();
            self.assess();
            self.see_to_addresses();
        }
    }

    /// The host knows whether it can set an address.
    pub fn set_available(&mut self, position: usize, available: bool) {
        let Some(before) = self.flaws.get(position).copied() else { return };
        self.flaws[position] = match (available, before) {
            (false, _) => Some(Flaw::Unavailable),
            (true, Some(_)) if self.state == State::Master => Some(Flaw::ToBeTriedAgain),
            (true, _) => None,
        };
        if let (false, Place::Asked(number) | Place::There(number)) = (available, self.places[position]) {
            self.places[position] = Place::Refused(number);
        }
        if self.flaws[position] != before {
            if available {
                (self.failures, self.empty_handed) = (0, false);
            }
            self.assess();
        }
        self.see_to_addresses();
    }

    /// The host still works.
    pub fn wait_for_confirmation(&mut self) {
        self.confirm_timer = self.advertisement_interval().max(SECOND / 10);
    }

    fn fail(&mut self, position: usize) {
        if let Place::Asked(number) | Place::There(number) | Place::Refused(number) = self.places[position] {
            self.places[position] = Place::Refused(number);
            self.to_announce.remove(&position);
            self.flaws[position] =
                self.flaws[position].filter(|flaw| *flaw == Flaw::Unavailable).or(Some(Flaw::Failed));
        }
    }

    /// 30 s, 1, 2, 4, 8, 15, 15 ... minutes.
    fn retry_later(&mut self) {
        if self.retry.is_none_or(|left| left <= 0) {
            self.retry = Some([30, 60, 120, 240, 480, 900][self.failures.min(5)] * SECOND);
            self.failures += 1;
        }
    }

    fn try_again(&mut self) {
        self.flaws.iter_mut().filter(|flaw| **flaw == Some(Flaw::Failed)).for_each(|flaw| {
            *flaw = Some(Flaw::ToBeTriedAgain);
        });
    }

    fn assess(&mut self) {
        let lost = |(place, flaw): (&Place, &Option<Flaw>)| {
            matches!(place, Place::Nowhere | Place::Refused(_))
                && matches!(flaw, Some(Flaw::Failed | Flaw::Unavailable))
        };
        let has_any = !self.places.is_empty();
        self.empty_handed |= has_any && self.state == State::Master && self.places.iter().zip(&self.flaws).all(lost);
        let nothing_available = has_any && self.flaws.iter().all(|flaw| *flaw == Some(Flaw::Unavailable));
        self.unusable = self.empty_handed || nothing_available;
        if self.empty_handed {
            self.retry_later();
        }
        self.weigh("addresses");
        self.reconsider();
    }

    /// A Master asks for what it lacks, and announces what is due, in the order of the addresses.
    fn see_to_addresses(&mut self) {
        if self.state != State::Master {
            return;
        }
        for position in 0..self.places.len() {
            let lacks = matches!(self.places[position], Place::Nowhere | Place::Refused(_));
            let address = self.setup.addresses[position];
            if lacks && matches!(self.flaws[position], None | Some(Flaw::ToBeTriedAgain)) {
                self.requests += 1;
                self.places[position] = Place::Asked(self.requests);
                self.flaws[position] = self.flaws[position].map(|_| Flaw::Failed);
                self.wait_for_confirmation();
                self.log.push(format!("install {address}"));
            } else if self.to_announce.remove(&position) {
                self.log.push(format!("announce {address}"));
            }
        }
    }

    fn remove_all(&mut self) {
        for position in 0..self.places.len() {
            if self.places[position] != Place::Nowhere {
                self.log.push(format!("remove {}", self.setup.addresses[position]));
            }
            self.places[position] = Place::Nowhere;
        }
        self.to_announce.clear();
    }

    fn announce_all(&mut self) {
        let there = |position: &usize| matches!(self.places[*position], Place::There(_));
        self.to_announce.extend((0..self.places.len()).filter(there));
    }
}
