//! VRRP, the protocol that moves a virtual address from a host that fails to one that does not, as a pure function.
//!
//! This crate decides; it does not do. It reads no clock, opens no socket, draws no random number, and allocates nothing
//! once a router is built. You hand in time and packets, and carry out what comes back. So it runs in a daemon, on an
//! appliance without an operating system, in a simulator and under a fuzzer alike.
//!
//! On Linux, `vrrp-io-linux` is the driver. Elsewhere you write one: the [guide] begins with a
//! [program to copy](guide::start_here). With every action in it, a driver is this:
//!
//! ```
//! use std::net::{IpAddr, Ipv4Addr};
//! use vrrp_core::wire::Endpoints;
//! use vrrp_core::{Action, Config, Input, Instant, Priority, Profile, RxPacket, VirtualRouter, Vrid};
//!
//! # /// Ten seconds of a LAN without other routers.
//! # #[derive(Default)]
//! # struct Host { now: u64, sent: Vec<Vec<u8>>, log: Vec<String> }
//! # impl Host {
//! #     fn now(&self) -> Instant { Instant::from_nanos(self.now) }
//! #     fn send(&mut self, _endpoints: Endpoints, octets: &[u8]) { self.sent.push(octets.to_vec()) }
//! #     fn add_address(&mut self, address: IpAddr) { self.log.push(format!("add {address}")) }
//! #     fn remove_address(&mut self, address: IpAddr) { self.log.push(format!("remove {address}")) }
//! #     fn gratuitous_arp(&mut self, address: IpAddr) { self.log.push(format!("announce {address}")) }
//! #     fn receive_until(&mut self, deadline: Option<Instant>) -> Option<(Endpoints, u8, Vec<u8>)> {
//! #         self.now = deadline.map_or(u64::MAX, Instant::as_nanos);
//! #         None
//! #     }
//! #     fn running(&self) -> bool { self.now < 10_000_000_000 }
//! # }
//! # let mut host = Host::default();
//! let address = IpAddr::from([192, 0, 2, 1]);
//! let own = IpAddr::from([192, 0, 2, 11]);
//! let config = Config::new(Profile::Rfc9568, Vrid::new(51)?, &[address])?.with_priority(Priority::new(200)?);
//! let mut router = VirtualRouter::new(config);
//! router.handle(host.now(), Input::PrimaryAddress(Some(own)));
//! router.handle(host.now(), Input::Startup);
//!
//! while host.running() {
//!     // Carry out what is due, in order.
//!     while let Some(action) = router.poll_action() {
//!         match action {
//!             Action::SendAdvertisement(kind) => {
//!                 let endpoints = Endpoints::to_group(own);
//!                 let mut octets = [0; 1500];
//!                 let len = router.encode(kind, endpoints, &mut octets)?;
//!                 host.send(endpoints, &octets[..len]);
//!             }
//!             Action::InstallAddress(request) => {
//!                 host.add_address(request.address);
//!                 router.handle(host.now(), Input::AddressInstalled(request));
//!             }
//!             Action::RemoveAddress(request) => host.remove_address(request.address),
//!             Action::AnnounceAddress { request, count } => (0..count).for_each(|_| host.gratuitous_arp(request.address)),
//!             Action::StateChanged(change) => println!("{}: {}", change.to, change.cause.describe(router.config())),
//!             Action::PriorityChanged { from, to, .. } => println!("priority {from} -> {to}"),
//!             Action::FaultsChanged => router.faults().for_each(|fault| println!("{}", fault.describe(router.config()))),
//!             Action::NobodyTookOver => println!("drained, but nobody took over"),
//!             Action::LowerPriorityHeard { from, priority } => println!("heard {from}, a Master at {priority}"),
//!         }
//!     }
//!     // Wait for a packet, at most until the deadline, and hand in what happened.
//!     match host.receive_until(router.deadline()) {
//!         Some((endpoints, ttl, payload)) => {
//!             if let Err(why) = router.handle_packet(host.now(), RxPacket { endpoints, ttl, payload: &payload }) {
//!                 println!("ignored: {why}");
//!             }
//!         }
//!         None => router.handle(host.now(), Input::Timeout),
//!     }
//! }
//! # assert_eq!(host.log, ["add 192.0.2.1", "announce 192.0.2.1"]);
//! # assert_eq!(host.sent.len(), 7, "one at the takeover after 3.22 s, then one a second");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | you want | take |
//! |---|---|
//! | one router | [`VirtualRouter`] |
//! | many routers on shared sockets | [`RouterSet`] |
//! | to know afterwards what they did, and why | [`record`] |
//! | to see many routers together, and everything go wrong | `sim`, with the feature of that name |
//! | to reason about, tabulate or model-check the protocol | [`fsm::step`] |
//! | a router without a heap | [`Contest`], [`Criteria`], [`wire`] |
//! | packets alone | [`wire::Packet`], [`wire::Message`] |
//! | to know how long a takeover takes | the chapter on [timers](guide::timers) |
//! | addresses that go when a driver is killed or hangs | a [lease](guide::leases) |
//! | to hand addresses over before maintenance | a [drain](guide::drain) |
//! | to migrate from version 2 to version 3 | [`Config::with_also_version2`], [step by step](guide::version_2_to_3) |
//!
//! # Words
//!
//! The states are called *Master*, *Backup* and *Initialize*, as in RFC 3768; RFC 9568 says *Active* for Master. What
//! operators call *fault* is a router that health keeps in Initialize. Identifiers such as `FSM-B-07` name the
//! [requirements](guide::requirements) of the RFCs, with the sections that they stand in.
//!
//! # Errors and panics
//!
//! A bad packet is neither a bug nor an error that stops anything: it is a [`Discard`], which says why, and nothing of
//! the router has changed ([what to do](guide::discards)). A value outside its range cannot be constructed. A panic is a bug.
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `std` | yes | nothing but `alloc` and the `std` of dependencies |
//! | `alloc` | by `std` | everything that keeps a list: [`Config`], [`VirtualRouter`], [`RouterSet`], tracking |
//! | `timeline` | no | `timeline`: what happened, as a picture and as a page |
//! | `sim` | no | `sim`, and `timeline` with it: a virtual world to test routers in, and what is built on them |
//! | `serde` | no | `Serialize` and `Deserialize` for values, configurations, inputs, actions, states, causes, discards, errors, counters and [`Status`] |
//! | `recording` | no | [recordings](record) as text, to be kept in files |
//!
//! Without `alloc` remain [`fsm`], [`wire`], the checks ([`Criteria`]), the bounds ([`Contest`]), [`Instant`] and the value types.
#![no_std]
// SEC-12
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod fsm;
#[cfg(feature = "alloc")]
pub mod guide;
pub mod wire;

mod announce;
mod answers;
mod contest;
mod dialect;
#[cfg_attr(not(feature = "alloc"), expect(dead_code, reason = "only a configuration with a heap speaks both versions"))]
mod learned;
mod receive;
mod stats;
mod time;
mod timers;
mod token_bucket;
mod types;

#[cfg(feature = "alloc")]
mod action;
#[cfg(feature = "alloc")]
mod cause;
#[cfg(feature = "alloc")]
mod config;
#[cfg(feature = "alloc")]
mod deadlines;
#[cfg(feature = "alloc")]
mod drain;
#[cfg(feature = "alloc")]
mod health;
#[cfg(feature = "alloc")]
mod management;
#[cfg(feature = "alloc")]
pub mod record;
#[cfg(feature = "alloc")]
mod roster;
#[cfg(feature = "alloc")]
mod router;
#[cfg(feature = "alloc")]
mod set;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "alloc")]
mod sync_group;
#[cfg(feature = "timeline")]
pub mod timeline;

pub use announce::AnnouncePolicy;
pub use contest::{Contest, Reaction};
pub use dialect::Profile;
pub use fsm::Role;
pub use receive::{Accepted, Criteria, Discard};
pub use stats::{GlobalStats, Stats};
pub use time::Instant;
pub use types::{
    AdvertInterval, Family, InterfaceId, InvalidValue, OutOfRange, Password, Priority, RouterId, TrackerId,
    UnicastPeer, Version, Vrid,
};
pub use wire::RxPacket;

#[cfg(feature = "alloc")]
pub use {
    action::{Action, AddressRequest, AdvertKind, Input},
    cause::{Cause, PriorityCause, Transition},
    config::{Config, ConfigError, Peers, SendChecksum},
    drain::{Drain, DrainStatus},
    health::{Fault, Hysteresis, Reading, Tracker, Weight},
    management::{AuthError, LastEvent, NewMasterReason, ProtocolError, VirtualRouterError},
    receive::Rejected,
    router::{
        VirtualRouter,
        reconfigure::ReconfigureError,
        status::{Status, Timers},
        suspended::Suspended,
    },
    set::{DuplicateRouter, RouterSet},
    sync_group::GroupError,
};

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
