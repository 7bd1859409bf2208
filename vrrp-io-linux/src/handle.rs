//! Starting and stopping: the driver gets a thread of its own, which touches nothing that can block.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use vrrp_core::{GroupError, TrackerId, Vrid};

use crate::driver::{Command, Driver};
use crate::preflight::{may_set_addresses, preflight};
use crate::{Event, Router, RouterError, RouterStatus, Scheduling, Unsuitable};

/// Events that may wait for their reader; more are lost, and counted.
const EVENTS: usize = 4096;
const COMMANDS: usize = 64;

/// Running virtual routers. Dropping it stops them too, but waits for nothing; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Vrrp {
    commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// Why routers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// One of them cannot run here.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// Two with one id on one interface.
    #[error("{name}: there is already a virtual router {vrid} on {interface}")]
    Taken {
        /// The second one's name.
        name: String,
        /// The interface.
        interface: String,
        /// The id.
        vrid: Vrid,
    },
    /// Another process of this network namespace, or another start in this one, runs a router with that id there.
    #[error("{name}: virtual router {vrid} on {interface} is run by {by} already: stop that one, or take another id")]
    Claimed {
        /// The router's name.
        name: String,
        /// The interface.
        interface: String,
        /// The id.
        vrid: Vrid,
        /// Who runs it, as a phrase: `process 4711 (vrrpd)`.
        by: String,
    },
    /// Two with one name for the interface of their virtual MAC addresses.
    #[error("{name}: another router's virtual MAC address is on {interface}; give one of them a name of its own")]
    MacvlanTaken {
        /// The second router's name.
        name: String,
        /// The name that both want.
        interface: String,
    },
    /// Routers that cannot be a sync group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// One whose interface cannot carry the protocol.
    #[error("{name}: {why}; expected {}", .why.remedy())]
    Unsuitable {
        /// The router.
        name: String,
        /// Why.
        why: Unsuitable,
    },
    /// The kernel refused something.
    #[error("{what}: {error}")]
    Os {
        /// What was tried, and what it needs.
        what: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

/// Starts routers on a thread of their own, in the network namespace of the calling thread.
///
/// An interface that does not exist is a fault of its routers until it appears, not an error.
///
/// # Errors
/// [`StartError`]; nothing runs then, and nothing was changed on the host.
pub fn start(routers: impl IntoIterator<Item = Router>) -> Result<(Vrrp, mpsc::Receiver<Event>), StartError> {
    start_with(Scheduling::new(), routers)
}

/// As [`start`], on a thread that the kernel treats in another way.
///
/// # Errors
/// [`StartError`]; nothing runs then, and nothing was changed on the host.
pub fn start_with(
    scheduling: Scheduling,
    routers: impl IntoIterator<Item = Router>,
) -> Result<(Vrrp, mpsc::Receiver<Event>), StartError> {
    let os = |what| move |error| StartError::Os { what, error };
    let (opened, to_run) = std::sync::mpsc::sync_channel::<(Runtime, Driver)>(1);
    let run = move || {
        // Otherwise the start has failed.
        if let Ok((runtime, mut driver)) = to_run.recv() {
            // Threads that the driver needs are there: they stay what they are.
            scheduling.apply().iter().for_each(|refused| driver.warn(refused));
            // Alone on this runtime: there is nobody to yield to, and Pending shall mean that nothing waits.
            runtime.block_on(tokio::task::unconstrained(driver.run()));
        }
    };
    let thread = thread::Builder::new().name("vrrp".to_owned()).spawn(run).map_err(os("cannot start a thread"))?;
    let (commands, command_receiver) = mpsc::channel(COMMANDS);
    let (event_sender, events) = mpsc::channel(EVENTS);
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(os("cannot make an event loop"))?;
    match open(&runtime, routers.into_iter().collect(), command_receiver, event_sender) {
        // The thread waits for nothing else.
        Ok(driver) => drop(opened.send((runtime, driver))),
        Err(error) => {
            // The caller may be in a runtime, where none is dropped that would wait.
            runtime.shutdown_background();
            return Err(error);
        }
    }
    Ok((Vrrp { commands, thread: Some(thread) }, events))
}

/// On the caller's thread: memory that reading a configuration has left there serves again.
fn open(
    runtime: &Runtime,
    routers: Vec<Router>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
) -> Result<Driver, StartError> {
    let _entered = runtime.enter();
    let os = |what| move |error| StartError::Os { what, error };
    let found = preflight(&routers).map_err(os("cannot ask for interfaces (netlink)"))?;
    for (router, found) in routers.iter().zip(&found) {
        if let Some(why) = &found.unsuitable {
            return Err(StartError::Unsuitable { name: router.name.clone(), why: why.clone() });
        }
    }
    let mut driver = Driver::new(routers, commands, events)?;
    may_set_addresses().map_err(os("cannot set addresses (needs CAP_NET_ADMIN)"))?;
    driver.open_ports()?;
    driver.filter()?;
    driver.warn_of_concerns(&found);
    Ok(driver)
}

impl Vrrp {
    /// Hands in a tracker's verdict for the router at a position in the list given to [`start`].
    pub async fn track(&self, router: usize, tracker: TrackerId, passing: bool) {
        // Fails only when the driver has stopped: then no verdict matters.
        let _ = self.commands.send(Command::Track(router, tracker, passing)).await;
    }

    /// Asks for the state of every router; empty when the driver has stopped.
    pub async fn status(&self) -> Vec<RouterStatus> {
        let (reply, status) = oneshot::channel();
        if self.commands.send(Command::Status(reply)).await.is_err() {
            return Vec::new();
        }
        status.await.unwrap_or_default()
    }

    /// Releases every router, and returns when the kernel confirmed that their addresses are gone. The event channel then
    /// ends.
    pub async fn stop(mut self) {
        let _ = self.commands.send(Command::Stop).await;
        if let Some(thread) = self.thread.take() {
            // A panic of the driver was printed where it happened.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;
    use vrrp_core::{Config, Profile};

    #[test]
    fn a_start_that_fails_is_an_error_wherever_it_is_called() {
        let vrid = Vrid::new(51).unwrap();
        let config = Config::new(Profile::Rfc3768, vrid, &["192.0.2.1".parse().unwrap()]).unwrap();
        let router = Router::new("v0", config);
        let start = || start([router.clone(), router.clone()]).unwrap_err();
        let within = run(async { start() });
        for error in [start(), within] {
            assert_eq!(error.to_string(), "v0/51: there is already a virtual router 51 on v0");
        }
    }
}
