//! Programs beside the routers that see what happens, and act on it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::disturbance::Planned;
use super::world::{Step, World};
use crate::time::Instant;

/// A program that acts between steps, such as a controller that drains hosts.
///
/// It sees the world after every step, and what it orders is planned. The same history must lead it to the same orders: it may
/// not read a clock, draw numbers of its own, or go by the order of a hash table.
///
/// ```
/// use core::time::Duration;
/// use vrrp_core::sim::{Actor, Disturbance, HostId, Link, Planned, Sim, Step, World};
/// use vrrp_core::{Config, Instant, Profile, Vrid};
///
/// /// Starts a host again, five seconds after it went.
/// #[derive(Clone)]
/// struct Watchdog {
///     host: HostId,
///     gone_since: Option<Instant>,
/// }
///
/// impl Actor for Watchdog {
///     fn act(&mut self, world: &World, _: &Step) -> Vec<Planned> {
///         if world.is_running(self.host) {
///             self.gone_since = None;
///             return vec![];
///         }
///         let gone_since = *self.gone_since.get_or_insert(world.now());
///         if world.now() < gone_since + Duration::from_secs(5) {
///             return vec![];
///         }
///         vec![Planned { at: world.now(), what: Disturbance::Start(self.host) }]
///     }
///
///     fn next_act(&self) -> Option<Instant> {
///         Some(self.gone_since? + Duration::from_secs(5))
///     }
/// }
///
/// let mut sim = Sim::new(1);
/// let (lan, host) = (sim.add_lan(Link::GOOD), sim.add_host());
/// sim.add_router(host, lan, Config::new(Profile::Rfc9568, Vrid::new(1)?, &["192.0.2.1".parse()?])?)?;
/// sim.add_actor(Watchdog { host, gone_since: None });
/// sim.plan(Instant::ZERO + Duration::from_secs(10), Disturbance::Kill(host));
/// sim.run_until(Instant::ZERO + Duration::from_millis(14_999))?;
/// assert!(!sim.world().is_running(host));
/// sim.run_until(Instant::ZERO + Duration::from_secs(15))?;
/// assert!(sim.world().is_running(host));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Actor {
    /// Looks at the world after a step, and returns what is to happen. What is planned for now, or for a moment that is over,
    /// happens next.
    fn act(&mut self, world: &World, step: &Step) -> Vec<Planned>;

    /// Returns when it must see the world even if nothing happens.
    fn next_act(&self) -> Option<Instant> {
        None
    }
}

/// An actor in a simulation, which can be copied with it.
pub(super) trait BoxedActor: Actor + Send {
    fn boxed_clone(&self) -> Box<dyn BoxedActor>;
}

impl<A: Actor + Clone + Send + 'static> BoxedActor for A {
    fn boxed_clone(&self) -> Box<dyn BoxedActor> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn BoxedActor> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}
