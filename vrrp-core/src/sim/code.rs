//! A plan as Rust, to be pasted into a test.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{Debug, Write};
use core::net::IpAddr;
use core::time::Duration;

use super::attack::Attack;
use super::disturbance::{Disturbance, Installs, Planned};
use super::network::{HostId, LanId, Link};
use crate::announce::AnnouncePolicy;
use crate::config::{Config, Peers, SendChecksum};
use crate::drain::Drain;
use crate::health::Weight;
use crate::types::{AdvertInterval, Priority, RouterId, TrackerId, UnicastPeer};

/// Returns a function `plan` in Rust that returns this plan. It needs nothing but this crate, and compiles wherever a function
/// may be written.
///
/// ```
/// use core::time::Duration;
/// use vrrp_core::Instant;
/// use vrrp_core::sim::{Disturbance, HostId, Planned, plan_to_rust};
///
/// let at = Instant::ZERO + Duration::from_millis(1_500);
/// let plan = [Planned { at, what: Disturbance::PowerOff(HostId::new(2)) }];
/// let text = "\
/// fn plan() -> Result<Vec<vrrp_core::sim::Planned>, Box<dyn std::error::Error>> {
///     use vrrp_core::Instant;
///     use vrrp_core::sim::{Disturbance, HostId, Planned};
///     Ok(vec![
///         // 1.5s
///         Planned { at: Instant::from_nanos(1_500_000_000), what: Disturbance::PowerOff(HostId::new(2)) },
///     ])
/// }
/// ";
/// assert_eq!(plan_to_rust(&plan), text);
/// ```
#[must_use]
pub fn plan_to_rust(plan: &[Planned]) -> String {
    let mut code = Code::default();
    let mut entries = String::new();
    for planned in plan {
        let entry = code.planned(planned);
        let _ = write!(entries, "        // {:?}\n        {entry},\n", planned.at);
    }
    let uses: String = code.uses().into_iter().map(|line| format!("    {line}\n")).collect();
    let list = if plan.is_empty() { "vec![]".to_owned() } else { format!("vec![\n{entries}    ]") };
    format!(
        "fn plan() -> Result<Vec<vrrp_core::sim::Planned>, Box<dyn std::error::Error>> {{\n{uses}    Ok({list})\n}}\n"
    )
}

/// Writes values as expressions, and remembers which names they use.
#[derive(Default)]
struct Code {
    /// Modules and the names of them.
    names: BTreeSet<(&'static str, &'static str)>,
}

/// Reads a setting that is on or off.
type Switch = fn(&Config) -> bool;

const CRATE: &str = "vrrp_core";
const SIM: &str = "vrrp_core::sim";

impl Code {
    fn uses(&self) -> Vec<String> {
        let modules: BTreeSet<&str> = self.names.iter().map(|(module, _)| *module).collect();
        let line = |module: &str| {
            let names: Vec<&str> = self.names.iter().filter(|(of, _)| *of == module).map(|(_, name)| *name).collect();
            match names.as_slice() {
                [name] => format!("use {module}::{name};"),
                names => format!("use {module}::{{{}}};", names.join(", ")),
            }
        };
        modules.into_iter().map(line).collect()
    }

    fn name(&mut self, module: &'static str, name: &'static str) -> &'static str {
        self.names.insert((module, name));
        name
    }

    fn planned(&mut self, planned: &Planned) -> String {
        let (name, instant) = (self.name(SIM, "Planned"), self.name(CRATE, "Instant"));
        let what = self.disturbance(&planned.what);
        format!("{name} {{ at: {instant}::from_nanos({}), what: {what} }}", grouped(planned.at.as_nanos()))
    }

    fn disturbance(&mut self, what: &Disturbance) -> String {
        let name = self.name(SIM, "Disturbance");
        let text = match what {
            Disturbance::PowerOff(host) => format!("PowerOff({})", self.host(*host)),
            Disturbance::Kill(host) => format!("Kill({})", self.host(*host)),
            Disturbance::Stop(host) => format!("Stop({})", self.host(*host)),
            Disturbance::Start(host) => format!("Start({})", self.host(*host)),
            Disturbance::Stall(host, span) => format!("Stall({}, {})", self.host(*host), self.span(*span)),
            Disturbance::Drift(host, by) => format!("Drift({}, {by})", self.host(*host)),
            Disturbance::FalseStamps(host, by) => format!("FalseStamps({}, {by})", self.host(*host)),
            Disturbance::Link(lan, way, link) => {
                let way = match way {
                    None => "None".to_owned(),
                    Some((from, to)) => format!("Some(({}, {}))", self.host(*from), self.host(*to)),
                };
                format!("Link({}, {way}, {})", self.lan(*lan), self.link(*link))
            }
            Disturbance::Cut(lan, from, to) => {
                format!("Cut({}, {}, {})", self.lan(*lan), self.host(*from), self.host(*to))
            }
            Disturbance::Mend(lan, from, to) => {
                format!("Mend({}, {}, {})", self.lan(*lan), self.host(*from), self.host(*to))
            }
            Disturbance::Partition(lan, hosts) => {
                let hosts: Vec<String> = hosts.iter().map(|host| self.host(*host)).collect();
                format!("Partition({}, vec![{}])", self.lan(*lan), hosts.join(", "))
            }
            Disturbance::Interface(host, lan, up) => {
                format!("Interface({}, {}, {up})", self.host(*host), self.lan(*lan))
            }
            Disturbance::Addresses(host, lan, there) => {
                format!("Addresses({}, {}, {there})", self.host(*host), self.lan(*lan))
            }
            Disturbance::Tracker(host, router, TrackerId(tracker), passing) => {
                let id = self.name(CRATE, "TrackerId");
                format!("Tracker({}, {}, {id}::new({tracker}), {passing})", self.host(*host), self.router(*router))
            }
            Disturbance::Installs(host, installs) => {
                format!("Installs({}, {})", self.host(*host), self.installs(*installs))
            }
            Disturbance::Refuses { host, address, refuses, known } => format!(
                "Refuses {{ host: {}, address: {}, refuses: {refuses}, known: {known} }}",
                self.host(*host),
                address_of(*address)
            ),
            Disturbance::Reconfigure(host, router, config) => {
                format!(
                    "Reconfigure({}, {}, Box::new({}))",
                    self.host(*host),
                    self.router(*router),
                    self.config(config)
                )
            }
            Disturbance::Add(host, lan, config) => {
                format!("Add({}, {}, Box::new({}))", self.host(*host), self.lan(*lan), self.config(config))
            }
            Disturbance::Remove { host, router, releases } => format!(
                "Remove {{ host: {}, router: {}, releases: {releases} }}",
                self.host(*host),
                self.router(*router)
            ),
            Disturbance::Group(host, members) => {
                let members: Vec<String> = members.iter().map(|member| self.router(*member)).collect();
                format!("Group({}, vec![{}])", self.host(*host), members.join(", "))
            }
            Disturbance::SetPriority(host, router, priority) => {
                format!("SetPriority({}, {}, {})", self.host(*host), self.router(*router), self.priority(*priority))
            }
            Disturbance::Drain(host, router, drain) => {
                format!("Drain({}, {}, {})", self.host(*host), self.router(*router), self.drain(*drain))
            }
            Disturbance::Undrain(host, router) => format!("Undrain({}, {})", self.host(*host), self.router(*router)),
            Disturbance::Attack(lan, attack) => format!("Attack({}, {})", self.lan(*lan), self.attack(attack)),
            Disturbance::Inject { lan, from, source, destination, ttl, payload } => {
                let from = self.option(*from, Self::host);
                format!(
                    "Inject {{ lan: {}, from: {from}, source: {}, destination: {}, ttl: {ttl}, payload: vec!{payload:?} }}",
                    self.lan(*lan),
                    address_of(*source),
                    address_of(*destination)
                )
            }
            Disturbance::Calm => "Calm".to_owned(),
        };
        format!("{name}::{text}")
    }

    fn host(&mut self, host: HostId) -> String {
        format!("{}::new({})", self.name(SIM, "HostId"), host.index())
    }

    fn lan(&mut self, lan: LanId) -> String {
        format!("{}::new({})", self.name(SIM, "LanId"), lan.index())
    }

    fn router(&mut self, router: RouterId) -> String {
        format!("{}::from({})", self.name(CRATE, "RouterId"), u64::from(router))
    }

    fn span(&mut self, span: Duration) -> String {
        let name = self.name("core::time", "Duration");
        match (span.as_secs(), span.subsec_nanos()) {
            (0, nanos) => format!("{name}::from_nanos({})", grouped(nanos.into())),
            (secs, 0) => format!("{name}::from_secs({})", grouped(secs)),
            (secs, nanos) => format!("{name}::new({}, {})", grouped(secs), grouped(nanos.into())),
        }
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> String) -> String {
        value.map_or_else(|| "None".to_owned(), |value| format!("Some({})", write(self, value)))
    }

    fn priority(&mut self, priority: Priority) -> String {
        format!("{}::new({priority})?", self.name(CRATE, "Priority"))
    }

    fn interval(&mut self, interval: AdvertInterval) -> String {
        format!("{}::from_centis({})?", self.name(CRATE, "AdvertInterval"), interval.centis())
    }

    fn drain(&mut self, drain: Drain) -> String {
        let name = self.name(CRATE, "Drain");
        let (priority, limit) = (self.priority(drain.priority), self.option(drain.limit, Self::span));
        format!("{name} {{ priority: {priority}, limit: {limit} }}")
    }

    fn link(&mut self, link: Link) -> String {
        let name = self.name(SIM, "Link");
        if link == Link::GOOD {
            return format!("{name}::GOOD");
        }
        let Link { latency, jitter, loss, duplication, reordering, held_up, corruption } = link;
        let (latency, jitter, held_up) = (self.span(latency), self.span(jitter), self.span(held_up));
        format!(
            "{name} {{ latency: {latency}, jitter: {jitter}, loss: {loss}, duplication: {duplication}, \
             reordering: {reordering}, held_up: {held_up}, corruption: {corruption} }}"
        )
    }

    fn installs(&mut self, installs: Installs) -> String {
        let name = self.name(SIM, "Installs");
        match installs {
            Installs::AtOnce => format!("{name}::AtOnce"),
            Installs::After(span) => format!("{name}::After({})", self.span(span)),
            Installs::OneByOne(span) => format!("{name}::OneByOne({})", self.span(span)),
            Installs::Refused => format!("{name}::Refused"),
            Installs::Ignored => format!("{name}::Ignored"),
        }
    }

    fn attack(&mut self, attack: &Attack) -> String {
        let name = self.name(SIM, "Attack");
        let Attack { about: (host, router), pace, span, priorities, intervals, senders, spoofs } = attack;
        let about = format!("({}, {})", self.host(*host), self.router(*router));
        let (pace, span) = (self.span(*pace), self.span(*span));
        format!(
            "{name} {{ about: {about}, pace: {pace}, span: {span}, priorities: {priorities:?}, intervals: {intervals:?}, \
             senders: {senders}, spoofs: {spoofs} }}"
        )
    }

    /// Writes every setting that is not the default of its profile.
    fn config(&mut self, config: &Config) -> String {
        let (name, profile) = (self.name(CRATE, "Config"), self.variant("Profile", config.profile()));
        let vrid = format!("{}::new({})?", self.name(CRATE, "Vrid"), config.vrid());
        let (plain, mut text) = match config.advertised().as_slice() {
            [] => {
                let family = self.variant("Family", config.family());
                let text = format!("{name}::without_addresses({profile}, {family}, {vrid})?");
                (Config::without_addresses(config.profile(), config.family(), config.vrid()), text)
            }
            addresses => {
                let text = format!("{name}::new({profile}, {vrid}, &{})?", addresses_of(addresses));
                (Config::new(config.profile(), config.vrid(), addresses), text)
            }
        };
        let plain = plain.ok();
        let differs = |read: Switch| plain.as_ref().is_none_or(|plain| read(plain) != read(config));
        if config.priority() != Priority::DEFAULT {
            let _ = write!(text, ".with_priority({})", self.priority(config.priority()));
        }
        if config.interval() != AdvertInterval::DEFAULT {
            let _ = write!(text, ".with_interval({})?", self.interval(config.interval()));
        }
        if !config.preempt() || !config.preempt_hold().is_zero() {
            let _ = write!(text, ".with_preempt({}, {})", config.preempt(), self.span(config.preempt_hold()));
        }
        if !config.excluded().is_empty() {
            let _ = write!(text, ".with_excluded(&{})?", addresses_of(config.excluded()));
        }
        let switches: [(&str, Switch); 6] = [
            ("answer_lower", Config::answer_lower),
            ("owner_listens", Config::owner_listens),
            ("yield_advertisement", Config::yield_advertisement),
            ("strict_list", Config::strict_list),
            ("exact_checksum", Config::exact_checksum),
            ("lease", |config: &Config| config.lease().is_some()),
        ];
        for (setting, read) in switches {
            if differs(read) {
                let _ = write!(text, ".with_{setting}({})", read(config));
            }
        }
        if plain.as_ref().is_none_or(|plain| plain.checksum() != config.checksum()) {
            let form: SendChecksum = config.checksum();
            let _ = write!(text, ".with_checksum({})", self.variant("SendChecksum", form));
        }
        if let Some(cap) = config.learned_interval_cap() {
            let _ = write!(text, ".with_learned_interval_cap(Some({}))", self.interval(cap));
        }
        if config.also_version2() {
            text.push_str(".with_also_version2(true)?");
        }
        if *config.announce() != AnnouncePolicy::default() {
            let _ = write!(text, ".with_announce({})", self.announce(config.announce()));
        }
        if let Some(password) = config.password() {
            let (name, octets) = (self.name(CRATE, "Password"), password.octets().escape_ascii());
            let _ = write!(text, ".with_password({name}::new(b\"{octets}\")?)?");
        }
        if let Peers::Unicast(peers) = config.peers() {
            let name = self.name(CRATE, "UnicastPeer");
            let peer = |peer: &UnicastPeer| {
                format!("{name} {{ address: {}, min_ttl: {} }}", address_of(peer.address), peer.min_ttl)
            };
            let peers: Vec<String> = peers.iter().map(peer).collect();
            let _ = write!(text, ".with_unicast_peers(&[{}])?", peers.join(", "));
        }
        if config.trackers().is_empty() {
            return text;
        }
        let mut block = format!("{{ let mut config = {text}; ");
        for tracker in config.trackers() {
            let (name, weight) = (self.name(CRATE, "Tracker"), self.name(CRATE, "Weight"));
            let weight = match tracker.weight {
                Weight::Fault => format!("{weight}::Fault"),
                Weight::Adjust(by) => {
                    format!("{weight}::Adjust({}::try_from({by}_i16)?)", self.name("core::num", "NonZeroI16"))
                }
            };
            let (of, reverse) = (&tracker.name, tracker.reverse);
            let _ = write!(
                block,
                "config.add_tracker({name} {{ name: {of:?}.into(), weight: {weight}, reverse: {reverse} }})?; "
            );
        }
        block + "config }"
    }

    fn announce(&mut self, policy: &AnnouncePolicy) -> String {
        let name = self.name(CRATE, "AnnouncePolicy");
        let AnnouncePolicy { repeat, delay, refresh, refresh_repeat, contest_repeat, contest_holdoff } = *policy;
        let (delay, refresh) = (self.option(delay, Self::span), self.option(refresh, Self::span));
        let contest_holdoff = self.span(contest_holdoff);
        format!(
            "{name} {{ repeat: {repeat}, delay: {delay}, refresh: {refresh}, refresh_repeat: {refresh_repeat}, \
             contest_repeat: {contest_repeat}, contest_holdoff: {contest_holdoff} }}"
        )
    }

    /// Writes a variant that has no fields.
    fn variant(&mut self, name: &'static str, variant: impl Debug) -> String {
        format!("{}::{variant:?}", self.name(CRATE, name))
    }
}

fn address_of(address: IpAddr) -> String {
    format!("\"{address}\".parse()?")
}

fn addresses_of(addresses: &[IpAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(|address| address_of(*address)).collect();
    format!("[{}]", addresses.join(", "))
}

/// Writes a number with a `_` between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
