//! The page and the metrics: what `vrrpd --http` serves to browsers and to Prometheus. It shows, and changes nothing.
//!
//! It runs on the thread of the control socket, never on that of the routers, which it asks for their status twice in a second at
//! most, however many clients there are. All answers together take a fifth of a processor at most. Everything that a client can make
//! grow has a limit.

mod answer;
mod events;
mod gate;
mod host;
mod listen;
pub mod metrics;
mod news;
mod patient;
mod sample;
mod server;
mod site;
mod status;

pub use listen::{BindError, Listener, address};
pub use server::serve;
pub use site::Site;
