//! A world that is driven through its plan, and looked at after every step.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::check::Check;
use super::disturbance::{Disturbance, Planned};
use super::network::{HostId, LanId, Link};
use super::world::{Step, StepKind, World};
use crate::config::Config;
use crate::set::DuplicateRouter;
use crate::sync_group::GroupError;
use crate::time::Instant;
use crate::types::RouterId;

/// A world, what is planned for it, and what must hold in it.
pub struct Sim {
    seed: u64,
    world: World,
    checks: Vec<Box<dyn Check>>,
}

/// What did not hold, with all that it takes to see it again.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The seed of the world.
    pub seed: u64,
    /// When.
    pub at: Instant,
    /// What was wrong.
    pub what: String,
    /// What was planned, where [`run_plan`](super::run_plan) found the failure.
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
    /// [`DuplicateRouter`], also where there is no such host.
    pub fn add_router(&mut self, host: HostId, lan: LanId, config: Config) -> Result<RouterId, DuplicateRouter> {
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
