//! The control socket: how `vrrpctl` asks a running `vrrpd`.
//!
//! A Unix stream socket that speaks one JSON object a line. A request is `{"v":1,"verb":"status"}`, its answer
//! `{"v":1,"ok":...}` or `{"v":1,"error":"..."}`; after an error the daemon closes the connection.
//!
//! A verb is one file or folder, and one line in [`verbs`]. It is answered from a [`snapshot`].

mod client;
pub mod order;
mod protocol;
pub mod refused;
mod server;
pub mod snapshot;
mod socket;
pub mod status;
pub mod verb;
pub mod verbs;

#[doc(hidden)]
pub use client::read_answer;
pub use client::{AskError, ask, print};
#[doc(hidden)]
pub use server::converse;
pub use server::{Snapshots, serve};
pub use socket::{BindError, ControlSocket};
pub use verbs::Request;

/// Where `vrrpd` listens and `vrrpctl` asks unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/vrrpd.sock";

#[cfg(test)]
mod tests;
