//! The thin Linux adapter of [`vrrp-core`](core).
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod clock;
mod driver;
mod event;
mod handle;
mod holdings;
mod link_layer;
mod netlink;
mod ports;
mod report;
mod router;
mod socket;
mod status;
#[expect(unsafe_code, reason = "system calls that no safe crate wraps")]
mod sys;
mod sysctl;
#[cfg(test)]
mod testing;
mod virtual_ip;
mod words;

pub use event::{Event, EventKind};
pub use handle::{StartError, Vrrp, start};
pub use router::{Router, RouterError};
pub use status::{AddressStatus, RouterStatus};
pub use virtual_ip::{Scope, VirtualIp, VirtualIpError};
pub use vrrp_core as core;
