//! VRRP as a pure function.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "alloc")]
mod health;
mod time;
mod types;

#[cfg(feature = "alloc")]
pub use health::{Hysteresis, Weight};
pub use time::Instant;
pub use types::{AdvertInterval, Family, OutOfRange, Password, Priority, Version, Vrid};

/// Placeholder until `config` stands.
pub struct Config;
