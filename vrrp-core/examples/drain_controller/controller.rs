//! A controller that takes three hosts out of service one after the other, for maintenance, and a world to test it in.

use std::time::Duration;

use vrrp_core::sim::{
    Actor, Disturbance, DisturbanceKind, Happened, HostId, Invariants, Link, Mix, Planned, Sim, Step, StepKind, World,
    run_plan,
};
use vrrp_core::{Config, Drain, Instant, Priority, Profile, Role, RouterId, Vrid};

/// The time that connections have to end, once another host serves.
const GRACE: Duration = Duration::from_secs(3);
/// The time that the maintenance of a host takes.
const MAINTENANCE: Duration = Duration::from_secs(5);
/// The time at which the first maintenance begins.
const BEGINS: Duration = Duration::from_secs(10);

/// The care that a controller takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// It looks at the other hosts before it drains a host, and once more before it stops it.
    Full,
    /// It looks before it drains a host, and takes the rest for granted. This is the bug.
    Little,
}

/// The phase of the host whose turn it is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Waiting,
    Draining,
    Grace { until: Instant },
    Stopped { until: Instant },
}

/// The controller. It drains the router of a host, waits until another host serves, stops the host, and starts it again.
#[derive(Clone, Debug)]
pub(crate) struct Controller {
    care: Care,
    routers: Vec<(HostId, RouterId)>,
    turn: usize,
    phase: Phase,
}

impl Controller {
    fn new(care: Care, routers: Vec<(HostId, RouterId)>) -> Self {
        Self { care, routers, turn: 0, phase: Phase::Waiting }
    }

    /// Counts the hosts other than `host` that serve, or could.
    fn others_in_service(&self, world: &World, host: HostId) -> usize {
        let others = self.routers.iter().filter(|(other, _)| *other != host);
        others.filter(|(other, router)| is_in_service(world, *other, *router)).count()
    }
}

fn is_in_service(world: &World, host: HostId, router: RouterId) -> bool {
    world.role(host, router) != Role::Initialize
}

impl Actor for Controller {
    fn act(&mut self, world: &World, _: &Step) -> Vec<Planned> {
        let now = world.now();
        let Some((host, router)) = self.routers.get(self.turn).copied() else { return vec![] };
        let order = |what| vec![Planned { at: now, what }];
        match self.phase {
            Phase::Waiting if now < Instant::ZERO + BEGINS => vec![],
            Phase::Waiting => {
                // Everybody must be there before anybody is taken away.
                let ready = is_in_service(world, host, router) && self.others_in_service(world, host) == 2;
                if !ready {
                    return vec![];
                }
                self.phase = Phase::Draining;
                order(Disturbance::Drain(host, router, Drain::default()))
            }
            Phase::Draining => {
                if world.role(host, router) != Role::Master {
                    self.phase = Phase::Grace { until: now + GRACE };
                }
                vec![]
            }
            Phase::Grace { until } if now < until => vec![],
            Phase::Grace { .. } => {
                if self.care == Care::Full && self.others_in_service(world, host) == 0 {
                    self.phase = Phase::Waiting;
                    return order(Disturbance::Undrain(host, router));
                }
                self.phase = Phase::Stopped { until: now + MAINTENANCE };
                order(Disturbance::Stop(host))
            }
            Phase::Stopped { until } if now < until => vec![],
            Phase::Stopped { .. } => {
                (self.turn, self.phase) = (self.turn + 1, Phase::Waiting);
                order(Disturbance::Start(host))
            }
        }
    }

    fn next_act(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting => Some(Instant::ZERO + BEGINS),
            Phase::Draining => None,
            Phase::Grace { until } | Phase::Stopped { until } => Some(until),
        }
    }
}

/// Three hosts on a LAN, the controller, and what must hold.
pub(crate) fn world(care: Care) -> Sim {
    let mut sim = Sim::new(17);
    let lan = sim.add_lan(Link { jitter: Duration::from_millis(1), ..Link::GOOD });
    let mut routers = Vec::new();
    for priority in [200, 150, 100] {
        let address = [192, 0, 2, 1].into();
        let vrid = Vrid::new(1).unwrap_or(Vrid::MIN);
        let config = Config::new(Profile::Rfc9568, vrid, &[address]).expect("one address of IPv4 is a list");
        let host = sim.add_host();
        let config = config.with_priority(Priority::new(priority).unwrap_or_default());
        routers.push((host, sim.add_router(host, lan, config).expect("the only router of its host")));
    }
    sim.add_check(Invariants::new());
    let all = routers.clone();
    sim.add_check(move |world: &World, step: &Step| {
        let stops = |what: &Happened| matches!(what, Happened::Ordered(Disturbance::Stop(_)));
        let stopped = step.kind == StepKind::Disturbance
            && world.journal().iter().any(|entry| entry.at == world.now() && stops(&entry.what));
        match stopped && !all.iter().any(|(host, router)| is_in_service(world, *host, *router)) {
            true => Err("the controller stopped the last host that was in service".to_owned()),
            false => Ok(()),
        }
    });
    sim.add_actor(Controller::new(care, routers));
    sim
}

/// The time that a plan has: all three hosts have had their turn long before.
const SPAN: Duration = Duration::from_secs(50);

/// Makes a plan of numbers, one for each thing that goes wrong.
pub(crate) fn plan(choices: &[u64]) -> Vec<Planned> {
    let mix = Mix::none()
        .with(DisturbanceKind::PowerOff, 3)
        .with(DisturbanceKind::Kill, 1)
        .with(DisturbanceKind::Start, 2)
        .with(DisturbanceKind::Stall, 1)
        .with(DisturbanceKind::Way, 1);
    mix.plan(world(Care::Full).world(), choices, SPAN)
}

/// Runs a plan, and shrinks it if it fails.
pub(crate) fn run(care: Care, plan: &[Planned]) -> Result<Sim, Box<vrrp_core::sim::Failure>> {
    run_plan(|| world(care), plan, Instant::ZERO + SPAN + Duration::from_secs(40)).map_err(Box::new)
}

/// Runs the plan that a fuzzer's octets are: eight for each thing that goes wrong.
#[allow(dead_code, unreachable_pub, reason = "the fuzz target is another program")]
pub fn fuzz(input: &[u8]) {
    let number = |octets: &[u8]| octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
    let choices: Vec<u64> = input.chunks_exact(8).take(16).map(number).collect();
    if let Err(failure) = run(Care::Full, &plan(&choices)) {
        panic!("{failure}\n{}", failure.to_rust());
    }
}
