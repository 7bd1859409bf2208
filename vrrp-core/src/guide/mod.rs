//! The guide, from a first driver to a whole one. It is documentation alone: there is nothing in these modules to use.

#[doc = include_str!("start_here.md")]
///
/// ```
#[doc = include_str!("../../examples/two_routers.rs")]
/// ```
pub mod start_here {}

#[doc = include_str!("the_loop.md")]
pub mod the_loop {}

#[doc = include_str!("bare_metal.md")]
pub mod bare_metal {}

#[doc = include_str!("timers.md")]
pub mod timers {}

#[doc = include_str!("discards.md")]
pub mod discards {}

#[doc = include_str!("drain.md")]
pub mod drain {}

#[doc = include_str!("leases.md")]
pub mod leases {}

#[doc = include_str!("version_2_to_3.md")]
pub mod version_2_to_3 {}

#[doc = include_str!("requirements.md")]
pub mod requirements {}

#[cfg(feature = "sim")]
#[doc = include_str!("simulator.md")]
pub mod simulator {}
