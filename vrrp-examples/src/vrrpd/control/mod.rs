//! The control socket: how `vrrpctl` asks a running `vrrpd`.
//!
//! A Unix stream socket that speaks one JSON object a line. A request is `{"v":1,"verb":"status"}`, its answer
//! `{"v":1,"ok":...}` or `{"v":1,"error":"...","refused":{"kind":"..."}}`; after an error the daemon closes the connection.
//! An answer that takes its time has `{"v":1,"pending":"drain"}` in front of it once a second. The answer of `watch` is a stream:
//! `{"v":1,"next":{"kind":"event",...}}` for each part, and `ok` or an error at its end. It waits for no reader: what a reader
//! does not take in time is lost, and the next part says how much that was.
//!
//! A verb is one file or folder, and one line in [`verbs`]. It is answered from a [`snapshot`], or by the supervisor, which
//! gets it as an [`order`], or part by part from the lines of the log.

mod changes;
pub mod check;
mod client;
mod daemon;
pub mod diff;
pub mod doctor;
pub mod drain;
mod every;
pub mod explain;
pub mod order;
pub(crate) mod pace;
pub mod priority;
mod protocol;
pub mod record;
pub mod refused;
pub mod reload;
mod server;
pub mod snapshot;
mod socket;
pub mod start;
pub mod stats;
pub mod status;
pub mod stop;
mod touched;
pub mod undrain;
pub mod upgrade;
pub mod verb;
pub mod verbs;
pub mod watch;
mod which;

pub use crate::vrrpd::log::Lines;
#[doc(hidden)]
pub use client::read_answer;
pub use client::{AskError, ask, print};
pub use daemon::{Daemon, Snapshots};
pub use every::every;
#[doc(hidden)]
pub use server::converse;
pub use server::serve;
pub use socket::{BindError, ControlSocket};
pub use verbs::{Printed, Request};
pub use which::Which;

/// The socket on which `vrrpd` listens and `vrrpctl` asks unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/vrrpd.sock";

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
