//! Health checks in the process: what is looked at, how often, and what follows.
//!
//! A router should serve only where the service behind it works. A [`Probe`] says what is looked at, a [`Check`] how often and how
//! many results make a verdict, and [`spawn`] runs them all. Each [`Verdict`] is for [`Vrrp::track`](crate::Vrrp::track), which
//! takes its `reading` as it is; what follows from it, a fault or another priority, is arithmetic of `vrrp-core`.
//!
//! ```no_run
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//!
//! use vrrp_io_linux::checks::{Check, Expect, Origin, Probe, Proxy, ProxyRequest, spawn};
//! use vrrp_io_linux::vrrp_core::{RouterId, TrackerId};
//!
//! # async fn follow(vrrp: vrrp_io_linux::Vrrp, router: RouterId, tracker: TrackerId) -> Result<(), Box<dyn std::error::Error>> {
//! let squid = Check {
//!     name: "squid".to_owned(),
//!     target: Probe::Proxy(Proxy {
//!         proxy: "127.0.0.1:3128".parse()?,
//!         origin: Origin::default(),
//!         request: ProxyRequest::Get("http://www.example/".to_owned()),
//!         expect: Expect::default(),
//!     }),
//!     interval: Duration::from_secs(1),
//!     timeout: Duration::from_secs(1),
//!     rise: NonZeroU32::MIN,
//!     fall: NonZeroU32::MIN.saturating_add(1),
//! };
//! let (results, mut verdicts) = tokio::sync::mpsc::channel(16);
//! let checks = spawn(vec![squid], results);
//! while let Some(verdict) = verdicts.recv().await {
//!     println!("{}: {}", verdict.check, verdict.reason);
//!     vrrp.track(router, tracker, verdict.reading).await?;
//! }
//! # drop(checks);
//! # Ok(())
//! # }
//! ```
//!
//! # Which check for which service
//!
//! The nearer a check is to what clients do, the more it sees. A process that was stopped (SIGSTOP), or waits for ever, still
//! accepts connections, since the kernel does that: [`Tcp`] and [`Process`] see nothing of it.
//!
//! | service | check | what it sees besides the one above it |
//! |---|---|---|
//! | any daemon | [`Process`] | it has ended, or was restarted |
//! | any TCP server | [`Tcp`] | nobody listens, a firewall, an address that is missing |
//! | a web server | [`Http`] | it hangs, it says an error, a page that is wrong |
//! | a proxy | [`Proxy`] | it cannot reach others, or may not: with `Get` the page is the proxy's word, with `Connect` a connection is |
//! | anything with TLS | [`Tls`], or [`Http`] with `tls` | a certificate that has expired, soon will, or is somebody else's |
//! | a name server | [`Dns`] | it answers, but knows nothing |
//! | a gateway | [`Neighbour`] | the link is there, and the gateway is not |
//! | a network behind it | [`Ping`] | the gateway is there, and leads nowhere |
//! | what another program finds out | [`File`], [`ValueFile`] | whatever that one does; a number changes the priority by degrees |
//!
//! Check what this host alone is to blame for. A page of the Internet that cannot be had on any host takes every router out of
//! service, where `Weight::Fault` is its weight.
//!
//! # What fails
//!
//! Whatever is not as expected, and whatever cannot be found out: a refused or silent connection, a wrong status, garbage, a file
//! that cannot be read, too many open files, an interface that is gone. The reason names the target, the step, and what was
//! expected and found there, or the error of the system. A look that takes longer than its `timeout` has failed, at
//! whichever step it was. Before its first result a check passes to nobody: a tracker without one keeps its router out.
//!
//! * A check of a process fails once, too, where the process was replaced between two looks: clients were not served meanwhile.
//! * Names are not looked up: hosts are named by their addresses.
//! * A redirection is an answer, and is not followed.
//! * The authorities of a certificate are read at the first look, after a failed one, and once a minute.
//! * Of a body the first 256 KiB are looked at, of a file the first MiB.
//!
//! # When a check looks
//!
//! At once, then once an interval, counted from start to start; never twice at a time. So that checks with one interval do not
//! all look at once for ever, the second look of each comes earlier, by a part of the interval (a second at most) that its name
//! gives. Some news are looked at as they come, at most a hundred times a second: changes of files (inotify), the end of a
//! process (a pidfd), and the begin of one (the kernel's process connector: it takes CAP_NET_ADMIN and the first network
//! namespace of the host; otherwise the next look sees it).
//!
//! # What it costs
//!
//! No thread for a check. Everything is asynchronous on the caller's tokio runtime; only files and the table of processes are read
//! on its threads for what may block, one at a time for each check, so that a file server that is gone holds up only who looks
//! there. The routers have a thread of their own, which no check reaches. A look at a TCP port costs three packets and one
//! port of the host for a minute: at 100 ms that is 600 ports of some 28,000 for each target. [`Ping`] needs
//! `net.ipv4.ping_group_range` or CAP_NET_RAW, [`Neighbour`] CAP_NET_RAW. The experiment `checks` of `benches/` measures 200 of
//! them at 100 ms beside a Master at 100 ms.
//!
//! TLS is in the feature `checks-tls`. Without it a check that needs it fails, and says so.

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
mod who_has;

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
pub use who_has::who_has;
