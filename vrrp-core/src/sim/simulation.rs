//! A world that is driven through its plan, and looked at after every step.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::actor::{Actor, BoxedActor};
use super::check::{BoxedCheck, Check};
use super::code::plan_to_rust;
use super::disturbance::{Disturbance, Planned};
use super::network::{HostId, LanId, Link};
use super::node::Node;
use super::world::{Step, StepKind, World};
use crate::config::Config;
use crate::set::DuplicateRouter;
use crate::sync_group::GroupError;
use crate::time::Instant;
use crate::timeline::{MarkKind, Timeline};
use crate::types::RouterId;

/// Orders of actors that are carried out at one moment. More of them never end.
const ORDERS_AT_ONCE: u32 = 10_000;

/// A world, what is planned for it, who acts in it, and what must hold in it.
///
/// A clone goes on from the same state on its own, with copies of the checks and actors: given the same, it does the same. What
/// these share by pointers, such as an `Arc`, they go on sharing.
#[derive(Clone)]
pub struct Sim {
    seed: u64,
    world: World,
    checks: Vec<Box<dyn BoxedCheck>>,
    actors: Vec<Box<dyn BoxedActor>>,
    /// Some of the actors have not seen the world yet.
    new_actors: bool,
    /// The moment at which the actors last ordered something, and the number of orders that they gave then.
    orders: (Instant, u32),
}

/// A check that failed, with all that it takes to see that again.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The seed of the world.
    pub seed: u64,
    /// The moment.
    pub at: Instant,
    /// The fault, in words.
    pub what: String,
    /// The plan, if [`run_plan`](super::run_plan) found the failure.
    pub plan: Vec<Planned>,
    /// The events before it, in words.
    pub journal: String,
    /// The same as a picture.
    pub picture: Box<Timeline>,
}

impl Failure {
    /// Returns the plan as a function in Rust that compiles: see [`plan_to_rust`]. A comment above it says what failed.
    #[must_use]
    pub fn to_rust(&self) -> String {
        let mut text = alloc::format!("// Seed {}, at {:?}:\n", self.seed, self.at);
        self.what.lines().for_each(|line| text.extend(["// ", line, "\n"]));
        text + &plan_to_rust(&self.plan)
    }

    /// Returns a page of HTML that shows what happened: write it to a file and open it.
    #[must_use]
    pub fn to_html(&self) -> String {
        self.picture.to_html()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, at {:?}: {}", self.seed, self.at, self.what)?;
        if !self.plan.is_empty() {
            writeln!(f, "planned:")?;
            self.plan.iter().try_for_each(|planned| writeln!(f, "  {:?}: {:?}", planned.at, planned.what))?;
        }
        write!(f, "happened:\n{}", self.journal)
    }
}

impl core::error::Error for Failure {}

impl Sim {
    /// Makes an empty world. All that happens by chance follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let orders = (Instant::ZERO, 0);
        Self { seed, world: World::new(seed), checks: Vec::new(), actors: Vec::new(), new_actors: false, orders }
    }

    /// Adds a LAN on which every way is like `link`.
    pub fn add_lan(&mut self, link: Link) -> LanId {
        self.world.add_lan(link)
    }

    /// Adds a host; at the first step it is started.
    pub fn add_host(&mut self) -> HostId {
        self.world.add_host()
    }

    /// Adds a host of another make, which has an interface on each of these LANs. It has the address that any
    /// [host](super#hosts) has there.
    pub fn add_node(&mut self, node: impl Node + Clone + Send + Sync + 'static, lans: &[LanId]) -> HostId {
        self.world.add_node(Box::new(node), lans)
    }

    /// Adds a router to a host, which thereby has an interface on the LAN.
    ///
    /// # Errors
    /// [`DuplicateRouter`], also where there is no such host.
    pub fn add_router(&mut self, host: HostId, lan: LanId, config: Config) -> Result<RouterId, DuplicateRouter> {
        self.world.add_router(host, lan, config)
    }

    /// Puts a host without routers on a LAN, under the addresses that any [host](super#hosts) has there: a neighbour is beside it
    /// too, so [`World::delivers_to`] says where a client there sends to. A host that is there stays as it is.
    pub fn attach(&mut self, host: HostId, lan: LanId) {
        self.world.attach(host, lan);
    }

    /// Lets a router send from its virtual MAC address from now on. Configure it to say no
    /// [yield advertisement](Config::with_yield_advertisement), which would show the switch the wrong port.
    pub fn use_virtual_mac(&mut self, host: HostId, router: RouterId) {
        self.world.use_virtual_mac(host, router);
    }

    /// Hides from a host whose frame made a Master of it yield: its yield advertisement goes to everybody.
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

    /// Sets the addresses of a host on a LAN, of IPv4 and of IPv6. Two hosts may have the same: a conflict.
    pub fn set_addresses(&mut self, host: HostId, lan: LanId, addresses: [IpAddr; 2]) {
        self.world.network.attach(lan, host, addresses);
    }

    /// Adds something that must hold from now on.
    pub fn add_check(&mut self, check: impl Check + Clone + Send + 'static) {
        self.checks.push(Box::new(check));
    }

    /// Adds a program that acts from now on, after those that were added before. It first sees the world as it is now.
    pub fn add_actor(&mut self, actor: impl Actor + Clone + Send + 'static) {
        self.new_actors = true;
        self.actors.push(Box::new(actor));
    }

    /// Plans something, for the next step if `at` is over.
    pub fn plan(&mut self, at: Instant, what: Disturbance) {
        self.world.plan(at, what);
    }

    /// Returns the world, to look into it.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Returns what happened lately, as a picture.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        self.world.picture(&alloc::format!("Events with seed {}", self.seed))
    }

    /// Takes the next step, if there is one until `until`; else the time is `until`. Returns what was done.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn step(&mut self, until: Instant) -> Result<&Step, Failure> {
        self.world.start_new_hosts();
        let now = self.world.now;
        let looks = self.checks.iter().filter_map(|check| check.next_look());
        let acts = self.actors.iter().filter_map(|actor| actor.next_act());
        let next = looks.chain(acts).filter(|at| *at > now).min().map_or(until, |at| at.min(until));
        let limit = if core::mem::take(&mut self.new_actors) { now } else { next };
        if !self.world.advance(limit) {
            self.world.pass_time_until(limit);
        }
        self.judge()?;
        self.let_actors_act()?;
        Ok(&self.world.step)
    }

    /// Runs everything that happens until then, and at that moment.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run_until(&mut self, at: Instant) -> Result<(), Failure> {
        loop {
            let step = self.step(at)?;
            if step.kind == StepKind::Look && self.world.now >= at && !self.world.is_due(at) {
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
        broken.map_or(Ok(()), |what| Err(self.failure(what)))
    }

    fn let_actors_act(&mut self) -> Result<(), Failure> {
        let Self { world, actors, .. } = self;
        let now = world.now;
        let mut count = 0;
        for actor in actors {
            for Planned { at, what } in actor.act(world, &world.step) {
                count += u32::from(at <= now);
                world.order(at, what);
            }
        }
        if count == 0 {
            return Ok(());
        }
        let before = if self.orders.0 == now { self.orders.1 } else { 0 };
        self.orders = (now, before.saturating_add(count));
        if self.orders.1 > ORDERS_AT_ONCE {
            return Err(self.failure("an actor gives orders for this moment without end".into()));
        }
        Ok(())
    }

    fn failure(&self, what: String) -> Failure {
        let mut picture = self.world.picture(&what);
        picture.verdict(false);
        picture.fact("seed", &self.seed.to_string());
        picture.mark(self.world.now, None, MarkKind::Failure, &what);
        Failure {
            seed: self.seed,
            at: self.world.now,
            what,
            plan: Vec::new(),
            journal: self.world.journal.to_string(),
            picture: Box::new(picture),
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("seed", &self.seed).field("now", &self.world.now).finish_non_exhaustive()
    }
}
