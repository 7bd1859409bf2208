//! Virtual routers on Linux: the thin adapter around [`vrrp-core`](vrrp_core), which decides everything.
//!
//! The smallest program, `examples/one_router.rs` of this crate:
//!
//! ```no_run
#![doc = include_str!("../examples/one_router.rs")]
//! ```
//!
//! [`Router`] says what runs where, [`start`] runs it, [`Event`] is what an operator would ask for afterwards, and
//! [`Vrrp`] stops it, [changes](#change-while-running) it, asks for its status and hands in what trackers say. The program
//! needs tokio, with the features `macros`, `rt` and `signal`; the library needs none of its caller: its functions work on every
//! executor, and in their [blocking form](Vrrp::blocking) without one.
//!
//! However the program ends, its addresses do not stay: a stop and a [drop](Vrrp) wait until they are gone, and where neither
//! happens the [lease](guide::leases) ends them, unless the configuration has none.
//!
//! Whatever is said is a type first, and a sentence for people beside it: [`EventKind`], [`Warning`], [`AddressError`],
//! [`FaultStatus`]. With the feature `serde` (off by default) events, warnings, statuses and errors are written down, and, but
//! for [`StartError`] and [`ChangeError`], read back. Identifiers such as `ACC-02` name the
//! [requirements](vrrp_core::guide::requirements) of the RFCs. Routers are told apart by the [`RouterId`](vrrp_core::RouterId) that [`Vrrp::router`] gives.
//!
//! The [guide] has a chapter on each of: [a first program](guide::start_here), [a drain](guide::drain) before maintenance,
//! [virtual MAC addresses](guide::virtual_mac), [what remains of a process that is killed](guide::leases), and [the way from
//! keepalived](guide::from_keepalived).
//!
//! # What it needs
//!
//! `CAP_NET_RAW` for its raw and packet sockets, `CAP_NET_ADMIN` for addresses, and nothing else; in a network namespace of
//! its own user namespace it needs no root. Without a virtual MAC address it writes one setting: `promote_secondaries` of
//! each interface that carries a virtual IPv4 address, where it is off. A packet filter must let protocol 112 out to
//! 224.0.0.18 and ff02::12, and in where advertisements come in fragments. Accept mode off needs the program `nft`, and one id
//! of an interface for one process `/proc`. Each interface takes three open files for either family; where that is more than the
//! process may have open, [`start`] raises its limit, as far as it can. [`preflight`] says, without privileges, whether the
//! interfaces can carry the protocol; [`start`] refuses those that never can, and a process without the capabilities.
//!
//! # Threads
//!
//! [`start`] makes one thread, in the network namespace of its caller, and everything happens there: packets, deadlines,
//! addresses. A second one only lowers and removes the interfaces of virtual MAC addresses, where there are any; a third keeps the packet
//! filter of accept mode off, where there is one. Nobody is waited for. [`Events`] go out in queues of 4096 events, one for each who wants to know; what finds one full is lost, told
//! in its place as [`EventKind::Lost`], and counted in [`DriverStatus::events_lost`]. [`Event`]s that anybody on the LAN could cause
//! without end are reported every ten seconds, with a count. A change has a thread of its own for as long as it takes.
//!
//! On a busy host the thread waits for its turn like every other; [`start_with`] lets it run before them, by real-time
//! [`Scheduling`]. It then pauses for some 50 us after each 50 ms of work, so that no flood makes the kernel end the process.
//!
//! A deadline of the protocol is met within some tenths of a millisecond; the end of a Master's silence more exactly.
//! Before that one is acted on the socket is read once more: a host that was suspended does not take over on waking.
//!
//! # Change while running
//!
//! A [`Vrrp`] is a handle: a clone of it can be given to every part of a program. What its calls change, they change in place, and
//! **what they do not name is not touched**: no advertisement comes earlier or later, no address is removed and set again,
//! nothing is announced anew.
//!
//! * [`add`](Vrrp::add), [`remove`](Vrrp::remove) and [`reconfigure`](Vrrp::reconfigure) change one router. A Master that gets one
//!   more address sets and announces that one; it stays Master.
//! * [`apply`](Vrrp::apply) takes the whole list that is wanted, finds out by the routers' names what differs, and does that in one
//!   step. [`plan`](Vrrp::plan) shows it before, one line for each change; [`carry_out`](Vrrp::carry_out) does what was shown, and
//!   nothing where what runs has changed since. Another interface, address family or virtual router id is another router: it
//!   is removed, and added anew.
//! * Everything that can be checked is checked before anything is changed, for all changes of a call together; on an error
//!   nothing was changed. The result comes when the host has it: the kernel has answered for every address. Changes are carried
//!   out one after the other; all other calls are answered meanwhile.
//! * [`set_priority`](Vrrp::set_priority) is for what changes all the time, as load does. It lasts until the
//!   router is reconfigured. [`stop`](Vrrp::stop) and [`start`](Vrrp::start) are for one router. To a plan none of these is a
//!   difference.
//! * The members of a sync group are in the order of [`start`] or of the last `apply`; one that is added alone is the last.
//! * [`subscribe`](Vrrp::subscribe) gives one more reader its own [`Events`]; [`watch`](Vrrp::watch) gives a [`RouterWatch`], the
//!   newest state of one router, for gauges.
//!
//! `examples/change.rs` of this crate does all of this, without an executor.
//!
//! # How do I replace my program without a failover?
//!
//! [`Vrrp::suspend`] ends the routers and leaves everything on the host as it is; [`start_from`] goes on with them, in the next
//! process as well, to which what it returns is carried with the feature `serde`: peers see no difference as long as that takes less
//! than the next advertisement has time. Whoever cannot go on calls [`start`], which is a failover and no more.
//!
//! # What happened
//!
//! The last calls and decisions of each router are kept: with an interval of one second the last six minutes at least. That takes
//! some 16 KiB for a router with one address: the [8 KiB](vrrp_core::record::RecordedSet::DEFAULT_SIZE) for what happens, a little
//! for what is rare, and two to three times the 2 KiB that a router takes by itself. [`Vrrp::record`] returns them as a
//! [`Recording`](vrrp_core::record::Recording), which tells what came in and what came out, when, and can be replayed: the core
//! does it all again, and every octet must be the same. With the feature `serde` it is
//! [text](vrrp_core::record::Recording::to_text) to be kept in a file; a password of RFC 2338 is in it.
//! [`Vrrp::set_recorder_size`] keeps more, or with 0 nothing.
//!
//! # What is heard
//!
//! Advertisements are taken from the interface itself, in front of the kernel's IP layer. So one counts that the IP layer would
//! drop: from an owner that comes back while this host holds its address, or from a Master to which this host's routes lead
//! another way. What the IP layer would have checked is checked here. Advertisements larger than the link's MTU are the exception:
//! their fragments are put together by the IP layer, after its checks.
//!
//! A firewall's rules for the *input* of the IP layer (`iptables -A INPUT`, nftables `hook input`, `prerouting`) therefore no
//! longer keep an advertisement from being heard; rules at the interface do (nftables `table netdev`, `hook ingress`; `tc`). Rules
//! for the *output* still stop what this host sends, and that is told as [`EventKind::SendFailed`]; not so what has a virtual MAC
//! address, and the yield advertisement to the router that won, for these leave as frames.
//!
//! The interface is also a member of the group for the IP layer, for switches that ask who is. What the kernel drops of that, as
//! it does for IPv6 while the MTU is below 1280, is joined again.
//!
//! # One process for a router
//!
//! An interface, family and id belong to one process of a network namespace, and to one start in that process:
//! [`StartError::Claimed`] names who has it. Where the interface appears later, the routers of the second one are at fault, and a
//! warning says why, until the first ends. A claim goes with its process. Programs that are no `vrrp-io-linux` know nothing of it.
//!
//! # What it does with addresses
//!
//! * A new Master advertises, then installs its addresses, then announces each by gratuitous ARP or an unsolicited
//!   neighbour advertisement, with the MAC address of the interface that carries it, as soon as the kernel confirmed it.
//!   When the kernel refuses one, the router serves the others, at a priority that every host that can set all of them
//!   beats; when it can set none, it is at fault. It tries again after 30 s, 1 min and so on to 15 min.
//! * Installing what is there and removing what is gone are no errors.
//! * What others remove from a Master is put back, at most three times within ten seconds: then it counts as one that
//!   cannot be set.
//! * An owner's real address (priority 255) stays, before and after. What another router has among its addresses is removed
//!   while it is not Master, whoever put it there and whenever, with a warning; but neither the only address that its
//!   interface can send from, which is the host's own, nor what comes back three times within ten seconds: then the router
//!   is at fault.
//! * An address that two routers have stays as long as one of them is Master.
//! * With [`with_announcement_gap`](Router::with_announcement_gap) announcements of one interface keep a distance from each other,
//!   gratuitous ARP and neighbour advertisements each on their own. The first goes at once, and nothing else waits for them.
//! * A router [without addresses](vrrp_core::Config::without_addresses) sets none: it decides which host is Master, and the program
//!   acts on its events. It hears only those that advertise none either.
//! * An IPv6 address that failed the detection of duplicates serves nobody: it is made anew without that, unless it is the
//!   owner's.
//! * Each address it installs carries a mark (`IFA_PROTO` 112). By that it finds, at the next start and before anything
//!   else, what a run that was killed left behind, of the addresses in its configuration. Kernels before 5.18 keep no
//!   marks: there each of these is removed at the start, unless the router is the owner.
//!
//! # Interfaces that are down
//!
//! While its interface is down, has no carrier or is not there, a router is at fault: it releases and removes its addresses, and is
//! back at once when the interface is. A tracked interface that is not up counts as one that fails.
//!
//! * [`with_interface_delays`](Router::with_interface_delays) says how long either must be up, or down, before that counts. The status
//!   tells what does not count yet. That an interface is not there counts at once.
//! * With [`with_own_interface_tracked`](Router::with_own_interface_tracked) off only an interface that is not there is a fault.
//!
//! A Master whose interface is down all the same stays Master, and may be one of two. What the kernel takes from the interface
//! meanwhile is set again when that is back, and announced; where the lease has run out, after the next advertisement only.
//! Somebody who sets the interface down takes its link-local IPv6 address too, so an IPv6 router is at fault then for having nothing
//! to send from.
//!
//! # IPv6
//!
//! A router is of one family; one for IPv4 and one for IPv6 may share an interface and an id. Either may have excluded
//! addresses of the other family. Advertisements to the group come from the interface's own link-local address, once it is
//! known to be unique: not from a virtual one, nor from one whose detection of duplicates still runs.
//!
//! Virtual IPv6 addresses are installed without duplicate address detection, and with preferred lifetime 0, whatever their
//! prefix: they serve what comes in, but the kernel chooses them as the source of something new only where the host has no
//! other. Connections from a virtual address would break when it moves.
//!
//! A neighbour corrects the entry it has by the announcement. Whether it makes one where it has none is its own choice: a
//! Linux router does with `accept_untracked_na` (RFC 9568 section 8.2.4); others ask when they need it.
//!
//! # Accept mode
//!
//! A Master that is not the owner forwards, but takes no packets to its addresses, unless
//! [`with_accept_mode`](Router::with_accept_mode) is on. A table of nftables, named after the first such router
//! (`vrrp_eth0_51_ipv4`), drops them for all, but for neighbour discovery. It is made before anything else happens, and
//! removed when the addresses are gone; when the process is killed it stays, as the addresses do. When somebody removes or
//! changes it, as `nft flush ruleset` does, it is made anew within a second, and a warning says so. Where `nft` is installed
//! [`start`] removes what an earlier run left: each table that is named after one of its routers, or drops one of their
//! addresses.
//!
//! # After a split
//!
//! When a LAN was cut in two and heals, there are two Masters for a moment. The lower one yields, after one last
//! advertisement; the other, which so learns of it, announces its addresses again, and once more when it has heard nothing
//! of the kind for three intervals. The neighbours are back at the right host within one interval.
#![deny(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[cfg(not(target_os = "linux"))]
compile_error!("vrrp-io-linux is for Linux; elsewhere write a driver around vrrp-core, as its documentation shows");

mod address_error;
mod addresses;
mod agenda;
mod blocking;
mod burst;
mod by_router;
mod changes;
#[cfg(feature = "checks")]
pub mod checks;
mod claims;
mod clock;
mod difference;
mod disagreement;
mod driver;
mod error;
mod event;
mod events;
#[cfg(feature = "_internal_test_exports")]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod handle;
mod heard;
mod histogram;
mod kernel;
mod line;
mod os_error;
mod packets;
mod plan;
mod preflight;
mod report;
mod router;
mod router_watch;
mod scheduling;
mod status;
mod suitability;
mod suspended;
#[expect(unsafe_code, reason = "system calls that no safe crate wraps")]
mod sys;
#[cfg(test)]
mod testing;
mod virtual_ip;
mod vmac;
mod wait;
mod warning;

pub use address_error::AddressError;
pub use blocking::Blocking;
pub use disagreement::{Disagreement, ListDifference};
pub use error::{ChangeError, DrainError, Gone, NoSuchRouter, StartError, Stopped, TrackError};
pub use event::{Event, EventKind};
pub use events::{Events, NoEvent};
pub use handle::{Vrrp, start, start_from, start_with};
pub use heard::{HeardFrom, IgnoredFrom, NotSent, Stranger, TimersStatus};
pub use histogram::Histogram;
pub use os_error::OsError;
pub use plan::{Plan, Step};
pub use preflight::{Preflight, preflight};
pub use router::{Router, RouterError, is_interface_name};
pub use router_watch::RouterWatch;
pub use scheduling::Scheduling;
pub use status::{
    AddressStatus, Drained, DriverStatus, FaultStatus, InterfaceChange, LeaseStatus, OnHost, OtherMaster, RouterState,
    RouterStatus, TrackerStatus,
};
pub use suitability::{Concern, Unsuitable};
pub use suspended::Suspended;
pub use virtual_ip::{Scope, VirtualIp, VirtualIpError};
pub use vmac::{MacAddress, MacAddressError, VirtualMac};
pub use vrrp_core;
pub use warning::Warning;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
