//! The thin Linux adapter of `vrrp-core`.
#![warn(missing_docs)]

mod virtual_ip;

pub use virtual_ip::{Scope, VirtualIp, VirtualIpError};
pub use vrrp_core as core;
