//! The routers that take part, and what is remembered of each.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::config::Config;
use crate::sim::network::{HostId, LanId};
use crate::sim::rate_limit::RateLimit;
use crate::sim::relations::{are_compatible, is_grouped};
use crate::sim::world::World;
use crate::time::Instant;
use crate::types::{Family, Priority, RouterId, Vrid};

/// Answers that are remembered of each router: as many as may leave in one go.
pub(super) const ANSWERS_BURST: i64 = 8;

/// Every virtual router there is, and what holds of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub(super) instances: Vec<Instance>,
    pub(super) facts: Facts,
}

/// One virtual router: all that speak of it on a LAN.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) lan: LanId,
    pub(super) family: Family,
    pub(super) vrid: Vrid,
    pub(super) members: Vec<Member>,
    pub(super) compatible: bool,
    pub(super) grouped: bool,
    /// Two Masters must have become one by then.
    pub(super) one_by: Option<Instant>,
    /// The last change of state of any of them.
    pub(super) changed_at: Instant,
    /// The end of the calls for another Master, as of the last disturbance.
    pub(super) calls_until: Instant,
    pub(super) call: Option<Call>,
}

/// A Master that calls for another one, and stand-ins that are in order.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) host: HostId,
    pub(super) router: RouterId,
    /// Somebody has each of them all the time.
    pub(super) addresses: Vec<IpAddr>,
    /// By then it has yielded, where that can be told.
    pub(super) over_by: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) host: HostId,
    pub(super) router: RouterId,
    /// Limits of the regular sends, of the answers, and of the announcements.
    pub(super) regular: RateLimit,
    pub(super) answers: RateLimit,
    pub(super) announcements: RateLimit,
    pub(super) takeovers: RateLimit,
    /// Priority in use, as of the last step of its host.
    pub(super) priority: Option<Priority>,
    pub(super) setbacks: Setbacks,
    /// The moment until which Backups wait for less, because they heard a release.
    pub(super) pressed_until: Instant,
    /// The moment at which it last sent a regular advertisement.
    pub(super) regular_at: Option<Instant>,
    /// Sends of this step beside the rate: what changes of state ask for.
    pub(super) allowed: i64,
    /// Senders that it answered last, and when.
    pub(super) answered: [Option<(IpAddr, Instant)>; ANSWERS_BURST as usize],
    /// The last advertisement that started its Master_Down_Timer.
    pub(super) heard: Option<Timed>,
    /// Senders that said they are Master, to this router in its present state.
    pub(super) masters: Vec<IpAddr>,
    /// Three intervals after the last advertisement of a Master, while that is known.
    pub(super) patient_until: Option<Instant>,
}

/// The advertisement that started a Master_Down_Timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) at: Instant,
    pub(super) released: bool,
    /// The interval that counts, where it is known.
    pub(super) interval: Option<Duration>,
}

/// A router's failures to set addresses that nothing from outside explains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setbacks {
    pub(super) since: Instant,
    pub(super) count: u32,
}

/// The extremes that there ever were: what was learned from a configuration outlives it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) longest_interval: Duration,
    pub(super) shortest_interval: Duration,
    pub(super) longest_hold: Duration,
    /// The longest time that a Master that was drained called for another one.
    pub(super) longest_call: Duration,
    pub(super) drift: u32,
}

impl Records {
    /// Updates the list of the routers that are there, on hosts that run or not.
    fn take_stock(&mut self, world: &World) {
        for instance in &mut self.instances {
            instance.members.retain(|member| world.config(member.host, member.router).is_some());
        }
        for host in world.hosts() {
            for (router, lan) in world.routers(host) {
                let Some(config) = world.config(host, router) else { continue };
                let (family, vrid) = (config.family(), config.vrid());
                let known =
                    |instance: &&mut Instance| (instance.lan, instance.family, instance.vrid) == (lan, family, vrid);
                let is_it = |member: &Member| (member.host, member.router) == (host, router);
                match self.instances.iter_mut().find(known) {
                    Some(instance) if instance.members.iter().any(is_it) => {}
                    Some(instance) => instance.members.push(Member::new(host, router)),
                    None => self.instances.push(Instance {
                        lan,
                        family,
                        vrid,
                        members: alloc::vec![Member::new(host, router)],
                        compatible: true,
                        grouped: false,
                        one_by: None,
                        changed_at: Instant::ZERO,
                        calls_until: Instant::ZERO,
                        call: None,
                    }),
                }
            }
        }
    }

    /// Takes routers and configurations anew.
    pub(super) fn learn(&mut self, world: &World) {
        self.take_stock(world);
        let mut facts = self.facts;
        facts.longest_interval = facts.longest_interval.max(world.longest_forged);
        for instance in &mut self.instances {
            instance.learn(world);
            for config in instance.members.iter().filter_map(|member| world.config(member.host, member.router)) {
                let interval = config.interval().duration();
                facts.longest_interval = facts.longest_interval.max(interval);
                let shortest = facts.shortest_interval;
                facts.shortest_interval = if shortest.is_zero() { interval } else { shortest.min(interval) };
                facts.longest_hold = facts.longest_hold.max(config.preempt_hold());
            }
        }
        facts.longest_call = facts.longest_call.max(world.longest_call);
        facts.drift = facts.drift.max(world.largest_drift());
        self.facts = facts;
    }

    pub(super) fn member(
        &mut self,
        world: &World,
        host: HostId,
        router: RouterId,
    ) -> Option<(&Facts, &mut Instance, usize)> {
        let (lan, config) = (world.hosts.get(host.index())?.running(router)?.lan, world.config(host, router)?);
        let key = (lan, config.family(), config.vrid());
        let instance =
            self.instances.iter_mut().find(|instance| (instance.lan, instance.family, instance.vrid) == key)?;
        let position = instance.members.iter().position(|member| (member.host, member.router) == (host, router))?;
        Some((&self.facts, instance, position))
    }
}

impl Instance {
    fn learn(&mut self, world: &World) {
        let config_of = |member: &Member| {
            let address = world.network.address(self.lan, member.host, self.family)?;
            Some((world.config(member.host, member.router)?, address))
        };
        let configs: Vec<(&Config, IpAddr)> = self.members.iter().filter_map(config_of).collect();
        let mut pairs = configs
            .iter()
            .enumerate()
            .flat_map(|(index, one)| configs.iter().skip(index + 1).map(move |two| (*one, *two)));
        self.compatible = pairs.all(|(one, two)| are_compatible(one, two));
        self.grouped = self.members.iter().any(|member| is_grouped(world, member.host, member.router));
    }
}

impl Member {
    fn new(host: HostId, router: RouterId) -> Self {
        let never = RateLimit::default();
        Self {
            host,
            router,
            regular: never,
            answers: never,
            announcements: never,
            takeovers: never,
            priority: None,
            setbacks: Setbacks::default(),
            pressed_until: Instant::ZERO,
            regular_at: None,
            allowed: 0,
            answered: [None; ANSWERS_BURST as usize],
            heard: None,
            masters: Vec::new(),
            patient_until: None,
        }
    }
}

pub(super) fn name(host: HostId, router: RouterId) -> String {
    format!("host {} router {}", host.index(), router.index())
}
