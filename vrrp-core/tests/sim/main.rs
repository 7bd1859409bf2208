//! Routers in a virtual world: random histories, conflicts, stories, and how fast it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod actors;
mod addresses;
mod attacks;
mod conflicts;
mod histories;
mod lans;
mod neighbours;
mod nodes;
mod pictures;
mod plans;
mod speed;
mod stories;
