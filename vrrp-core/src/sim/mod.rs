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
//! println!("{}", sim.world().journal());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The guide has a [chapter](crate::guide::simulator) on how to test a program that acts on routers.
//!
//! # What is where
//!
//! | you want | take |
//! |---|---|
//! | one world, and to look into it | [`Sim`], [`World`] |
//! | what goes wrong, planned | [`Disturbance`], [`Sim::plan`] |
//! | what goes wrong, by chance | [`random_plan`]; of chosen kinds, on chosen hosts: [`Mix`] |
//! | somebody who forges packets | [`Attack`] |
//! | a program that acts on what it sees, such as a controller | [`Actor`] |
//! | what must hold | [`Check`], any closure, [`Invariants`] |
//! | a state to go on from twice | [`Sim`] and [`World`] can be cloned, and sent to threads |
//! | the shortest plan that still fails | [`run_plan`], [`shrink`] |
//! | hosts of another make on the same LANs | [`Node`], [`Sim::add_node`] |
//! | one packet of any octets and any TTL | [`Disturbance::Inject`] |
//! | the LANs alone, for hosts that you drive | [`Network`] |
//!
//! A plan is a list of values. With the feature `serde` it can be saved and read; [`plan_to_rust`] and
//! [`Failure::to_rust`] print it as Rust.
//!
//! # Hosts
//!
//! A host has a process with its routers, a clock of its own epoch and rate, interfaces, and a kernel that holds addresses
//! and outlives the process. Its address on LAN `l` is 10.`l`.0.`h`+1 and fe80::`l`:`h`+1, unless
//! [set](Sim::set_addresses). While a process [stalls](Disturbance::Stall) packets and answers of the kernel wait for it;
//! when it goes on it takes the answers first, and drains its sockets before it acts on a Down deadline.
//!
//! [`Sim::timeline`] and [`Failure::to_html`] draw what happened.
//!
//! Beside each host stands a neighbour that sends to the virtual addresses: what it learned from announcements, and its
//! switch from the frames that came by, says [where that ends up](World::delivers_to).

mod actor;
mod attack;
mod chaos;
mod check;
mod clock;
mod code;
mod disturbance;
mod host;
mod invariants;
mod journal;
mod neighbours;
mod network;
mod node;
mod picture;
mod random;
mod rate_limit;
mod recorder;
mod relations;
mod simulation;
mod world;

pub use actor::Actor;
pub use attack::Attack;
pub use chaos::{DisturbanceKind, Mix, random_plan, run_plan, shrink};
pub use check::Check;
pub use code::plan_to_rust;
pub use disturbance::{Disturbance, Installs, Planned};
pub use invariants::Invariants;
pub use journal::{Happened, Journal, JournalEntry};
pub use network::{Arrival, HostId, LanId, Link, Network};
pub use node::{Node, Transmission};
pub use random::Random;
pub use simulation::{Failure, Sim};
pub use world::{Heard, Step, StepKind, World};
