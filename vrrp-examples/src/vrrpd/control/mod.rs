//! The control socket: how `vrrpctl` asks a running `vrrpd`.
//!
//! A Unix stream socket that speaks one JSON object a line. A request is `{"v":1,"verb":"status"}`, its answer
//! `{"v":1,"ok":...}` or `{"v":1,"error":"..."}`; after an error the daemon closes the connection.

mod client;
mod protocol;
mod server;
mod socket;
pub(super) mod status;

#[doc(hidden)]
pub use client::read_answer;
pub use client::{AskError, status};
#[doc(hidden)]
pub use server::converse;
pub use server::{Request, serve};
pub use socket::{BindError, ControlSocket};
pub use status::{
    AddressStatus, MasterStatus, OnHost, OtherMasterStatus, RouterStatus, Since, Status, TrackerStatus, render,
};

/// Where `vrrpd` listens and `vrrpctl` asks unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/vrrpd.sock";

#[cfg(test)]
mod tests;
