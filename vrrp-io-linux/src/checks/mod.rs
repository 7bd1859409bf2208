//! Health checks in the process: what is looked at, how often, and what follows.

mod births;
mod deadline;
mod dial;
mod dns;
mod file;
mod files;
mod http;
mod neighbour;
mod nonce;
mod outcome;
mod ping;
mod probe;
mod process;
mod processes;
mod run;
mod schedule;
mod target;
#[cfg(feature = "checks-tls")]
mod tls;
mod watchers;

pub use outcome::Outcome;
pub use probe::{
    Arguments, Dns, Expect, File, FileExpect, Http, Neighbour, Origin, Ping, Probe, Process, Proxy, ProxyRequest,
    Record, Tcp, Tls, TlsOptions,
};
pub use run::{Memory, ValueFile};
pub use schedule::{Check, Checks, Ran, Verdict, spawn, spawn_from};
pub use target::{Remains, Target};
pub use vrrp_core::Reading;
pub use watchers::Watchers;
