//! The thin Linux adapter of `vrrp-core`.
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod clock;
#[allow(dead_code, reason = "for the driver")]
mod link_layer;
#[allow(dead_code, unused_imports, reason = "for the driver")]
mod netlink;
#[allow(dead_code, reason = "for the driver")]
mod socket;
#[expect(unsafe_code, reason = "system calls that no safe crate wraps")]
mod sys;
#[allow(dead_code, reason = "for the driver")]
mod sysctl;
#[cfg(test)]
mod testing;
mod virtual_ip;

pub use virtual_ip::{Scope, VirtualIp, VirtualIpError};
pub use vrrp_core as core;
