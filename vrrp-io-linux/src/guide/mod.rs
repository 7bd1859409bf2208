//! The guide, from a first program to a cluster of one's own. It is documentation alone: there is nothing in these modules to use.
//! How the protocol works is in the [guide of `vrrp-core`](vrrp_core::guide).

#[doc = include_str!("start_here.md")]
///
/// ```no_run
#[doc = include_str!("../../examples/one_router.rs")]
/// ```
pub mod start_here {}

#[doc = include_str!("drain.md")]
pub mod drain {}

#[doc = include_str!("virtual_mac.md")]
pub mod virtual_mac {}

#[doc = include_str!("leases.md")]
pub mod leases {}

#[doc = include_str!("from_keepalived.md")]
pub mod from_keepalived {}
