//! A virtual world for routers: LANs, hosts, and everything that can go wrong with them, in virtual time.
//!
//! Routers here are the real ones, [`RouterSet`](crate::RouterSet)s driven as `vrrp-io-linux` drives them; packets are real
//! octets, encoded and parsed. Time goes exactly to what comes next and never past it, so a wake-up that is missing is
//! found. All chance follows from one seed: the same seed gives the same history, bit for bit.
//!
//! A test builds a world, plans what is to happen, and says what must always hold:
//!
//! ```
//! use core::time::Duration;
//! use vrrp_core::sim::{Disturbance, Invariants, Link, Sim, Step, World};
//! use vrrp_core::{Config, Instant, Priority, Profile, Role, Vrid};
//!
//! let mut sim = Sim::new(7);
//! let lan = sim.add_lan(Link { jitter: Duration::from_millis(2), ..Link::GOOD });
//! let mut routers = Vec::new();
//! for priority in [200, 150, 100] {
//!     let config = Config::new(Profile::Rfc9568, Vrid::new(1)?, &["192.0.2.1".parse()?])?;
//!     let host = sim.add_host();
//!     routers.push((host, sim.add_router(host, lan, config.with_priority(Priority::new(priority)?))?));
//! }
//! // What every router must keep, and something of our own.
//! sim.add_check(Invariants::new());
//! let (spare, its_router) = routers[2];
//! sim.add_check(move |world: &World, _: &Step| match world.role(spare, its_router) {
//!     Role::Master => Err("the spare took over".into()),
//!     _ => Ok(()),
//! });
//!
//! let at = |secs| Instant::ZERO + Duration::from_secs(secs);
//! sim.plan(at(10), Disturbance::PowerOff(routers[0].0));
//! sim.plan(at(20), Disturbance::Start(routers[0].0));
//! sim.run_until(at(14))?;
//! assert_eq!(sim.world().role(routers[1].0, routers[1].1), Role::Master);
//! assert_eq!(sim.world().held(routers[1].0, routers[1].1).len(), 1);
//! sim.run_until(at(60))?;
//! assert_eq!(sim.world().role(routers[0].0, routers[0].1), Role::Master, "preempted");
//! println!("{}", sim.world().timeline());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | you want | take |
//! |---|---|
//! | one world, and to look into it | [`Sim`], [`World`] |
//! | what goes wrong, planned | [`Disturbance`], [`Sim::plan`] |
//! | what goes wrong, by chance | [`random_plan`] |
//! | somebody who forges packets | [`Attack`] |
//! | what must hold | [`Check`], any closure, [`Invariants`] |
//! | the shortest plan that still fails | [`run_plan`], [`shrink`] |
//! | hosts of your own make on the same LANs | [`Network`] |
//!
//! A plan is a list of values, so a property-testing library can make and shrink it as well.
//!
//! # Hosts
//!
//! A host has a process with its routers, a clock of its own epoch and rate, interfaces, and a kernel that holds addresses
//! and outlives the process. Its address on LAN `l` is 10.`l`.0.`h`+1 and fe80::`l`:`h`+1, unless
//! [set](Sim::set_addresses). While a process [stalls](Disturbance::Stall) packets and answers of the kernel wait for it;
//! when it goes on it takes the answers first, and drains its sockets before it acts on a Down deadline.
//!
//! Beside each host stands a neighbour that sends to the virtual addresses: what it learned from announcements, and its
//! switch from the frames that came by, says [where that ends up](World::delivers_to).

mod attack;
mod chaos;
mod clock;
mod disturbance;
mod host;
mod invariants;
mod ledger;
mod neighbours;
mod network;
mod random;
mod relations;
mod timeline;
mod world;

pub use attack::Attack;
pub use chaos::{random_plan, run_plan, shrink};
pub use disturbance::{Disturbance, Installs, Planned};
pub use invariants::Invariants;
pub use network::{Arrival, HostId, LanId, Link, Network};
pub use random::Random;
pub use timeline::{Entry, Happened, Timeline};
pub use world::{Heard, Step, StepKind, World};

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::config::Config;
use crate::set::Taken;
use crate::sync_group::GroupError;
use crate::time::Instant;
use crate::types::RouterId;

/// A world, what is planned for it, and what must hold in it.
pub struct Sim {
    seed: u64,
    world: World,
    checks: Vec<Box<dyn Check>>,
}

/// Something that must hold. Every closure of the same shape is one.
pub trait Check {
    /// Looks at the world after a step: every host that is awake has carried out all that it had to.
    ///
    /// # Errors
    /// What is wrong, in words; the simulation ends there.
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String>;

    /// When to look even if nothing happens.
    fn next_look(&self) -> Option<Instant> {
        None
    }
}

impl<F: FnMut(&World, &Step) -> Result<(), String>> Check for F {
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String> {
        self(world, step)
    }
}

/// What did not hold, with all that it takes to see it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The seed of the world.
    pub seed: u64,
    /// When.
    pub at: Instant,
    /// What was wrong.
    pub what: String,
    /// What was planned, where [`run_plan`] found the failure.
    pub plan: Vec<Planned>,
    /// What happened before.
    pub timeline: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, at {:?}: {}", self.seed, self.at, self.what)?;
        if !self.plan.is_empty() {
            writeln!(f, "planned:")?;
            self.plan.iter().try_for_each(|planned| writeln!(f, "  {:?}: {:?}", planned.at, planned.what))?;
        }
        write!(f, "happened:\n{}", self.timeline)
    }
}

impl core::error::Error for Failure {}

impl Sim {
    /// An empty world. All that happens by chance follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, world: World::new(seed), checks: Vec::new() }
    }

    /// Adds a LAN on which every way is like `link`.
    pub fn add_lan(&mut self, link: Link) -> LanId {
        self.world.add_lan(link)
    }

    /// Adds a host; at the first step it is started.
    pub fn add_host(&mut self) -> HostId {
        self.world.add_host()
    }

    /// Adds a router to a host, which thereby has an interface on the LAN.
    ///
    /// # Errors
    /// [`Taken`], also where there is no such host.
    pub fn add_router(&mut self, host: HostId, lan: LanId, config: Config) -> Result<RouterId, Taken> {
        self.world.add_router(host, lan, config)
    }

    /// From now on a router sends from its virtual MAC address. Configure it to say no
    /// [last word](Config::with_last_word), which would show the switch the wrong port.
    pub fn use_virtual_mac(&mut self, host: HostId, router: RouterId) {
        self.world.use_virtual_mac(host, router);
    }

    /// From now on a host does not see whose frame made a Master of it yield: its last word goes to everybody.
    pub fn hide_macs(&mut self, host: HostId) {
        if let Some(host) = self.world.hosts.get_mut(host.index()) {
            host.knows_macs = false;
        }
    }

    /// Makes routers of a host a sync group.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn group(&mut self, host: HostId, members: &[RouterId]) -> Result<(), GroupError> {
        self.world.group(host, members)
    }

    /// Addresses of a host on a LAN, of IPv4 and of IPv6. Two hosts may have the same: a conflict.
    pub fn set_addresses(&mut self, host: HostId, lan: LanId, addresses: [IpAddr; 2]) {
        self.world.network.attach(lan, host, addresses);
    }

    /// From now on this must hold too.
    pub fn add_check(&mut self, check: impl Check + 'static) {
        self.checks.push(Box::new(check));
    }

    /// Something will happen, at once if `at` is over.
    pub fn plan(&mut self, at: Instant, what: Disturbance) {
        self.world.plan(at, what);
    }

    /// All that happens in a world, but for what is changed here.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The next step, if there is one until `until`; else the time is `until`. Returns what was done.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn step(&mut self, until: Instant) -> Result<&Step, Failure> {
        self.world.boot();
        let now = self.world.now;
        let looks = self.checks.iter().filter_map(|check| check.next_look()).filter(|at| *at > now);
        let limit = looks.min().map_or(until, |at| at.min(until));
        if !self.world.advance(limit) {
            self.world.look(limit);
        }
        self.judge()?;
        Ok(&self.world.step)
    }

    /// Everything that happens until then, and at that moment.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run_until(&mut self, at: Instant) -> Result<(), Failure> {
        loop {
            let step = self.step(at)?;
            if step.kind == StepKind::Look && self.world.now >= at {
                return Ok(());
            }
        }
    }

    fn judge(&mut self) -> Result<(), Failure> {
        let Self { world, checks, .. } = self;
        let broken = match world.violation.take() {
            Some(violation) => Some(violation),
            None => checks.iter_mut().find_map(|check| check.check(world, &world.step).err()),
        };
        match broken {
            None => Ok(()),
            Some(what) => Err(Failure {
                seed: self.seed,
                at: self.world.now,
                what,
                plan: Vec::new(),
                timeline: self.world.timeline.to_string(),
            }),
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("seed", &self.seed).field("world", &self.world).finish_non_exhaustive()
    }
}
