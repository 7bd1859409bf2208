//! Starting and stopping: the driver gets a thread of its own, which touches nothing that can block.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use vrrp_core::{RouterId, TrackerId};

use crate::driver::state::{Command, Driver};
use crate::error::{StartError, Stopped, TrackError};
use crate::event::Event;
use crate::preflight::{may_set_addresses, preflight};
use crate::router::Router;
use crate::scheduling::Scheduling;
use crate::status::DriverStatus;

/// Events that may wait for their reader; more are lost, and counted.
const EVENTS: usize = 4096;
const COMMANDS: usize = 64;
/// How long a drop waits at most. A release takes some milliseconds; thousands of addresses take seconds.
const DROP_PATIENCE: Duration = Duration::from_secs(10);

/// Running virtual routers.
///
/// [`stop`](Self::stop) releases them and returns when the kernel confirmed that their addresses are gone. Dropping this does
/// the same and **blocks its thread** meanwhile, for some milliseconds as a rule and for 10 seconds at most: so a program that
/// returns from `main`, or panics, leaves no address behind. In asynchronous code prefer `stop`. A program that is killed, that calls
/// [`std::process::exit`], or that aborts on a panic drops nothing: there the [lease](vrrp_core::Config::with_lease) ends its
/// addresses.
///
/// Its asynchronous functions work on every executor, and so does the receiver of events: none of them needs a tokio runtime.
/// Without any executor there are `blocking_recv` of that receiver, and the drop.
#[derive(Debug)]
pub struct Vrrp {
    /// The driver ends when this is dropped, which comes before `driver` is.
    commands: mpsc::Sender<Command>,
    /// By their ids.
    routers: Box<[Known]>,
    driver: Running,
}

/// What is to be known of a router without asking the driver.
#[derive(Debug)]
struct Known {
    id: RouterId,
    name: String,
    /// How many it has.
    trackers: usize,
}

/// The driver's thread, as seen by those who wait for its end.
#[derive(Debug)]
struct Running {
    /// Comes when everything is released; fails when the driver panicked.
    released: oneshot::Receiver<()>,
    over: Arc<Over>,
}

/// Whether the driver's thread is over, for who waits for it without an executor. A condition variable: who parks its thread
/// could take away what wakes the executor around it.
#[derive(Debug, Default)]
struct Over {
    is_over: Mutex<bool>,
    changed: Condvar,
}

/// On the driver's thread: says at its end, even by a panic, that it is over.
struct Ending(Arc<Over>);

/// Starts routers on a thread of their own, in the network namespace of the calling thread.
///
/// An interface that does not exist is a fault of its routers until it appears, not an error. The call blocks for some
/// milliseconds: it opens sockets, and runs `nft` where accept mode is off.
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
    let (release, released) = oneshot::channel();
    let over = Arc::new(Over::default());
    let ending = Ending(Arc::clone(&over));
    let run = move || {
        let _ending = ending;
        // Otherwise the start has failed.
        if let Ok((runtime, mut driver)) = to_run.recv() {
            // Threads that the driver needs are there: they stay what they are.
            scheduling.apply().into_iter().for_each(|refused| driver.warn(refused));
            // Alone on this runtime: there is nobody to yield to, and Pending shall mean that nothing waits.
            runtime.block_on(tokio::task::unconstrained(driver.run()));
            drop(runtime);
            // Nobody waits where the handle was leaked.
            let _ = release.send(());
        }
    };
    thread::Builder::new().name("vrrp".to_owned()).spawn(run).map_err(os("cannot start a thread"))?;
    let (commands, command_receiver) = mpsc::channel(COMMANDS);
    let (event_sender, events) = mpsc::channel(EVENTS);
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(os("cannot make an event loop"))?;
    let routers: Vec<Router> = routers.into_iter().collect();
    let known: Vec<_> = routers.iter().map(|it| (it.name.clone(), it.config.trackers().len())).collect();
    let ids = match open(&runtime, routers, command_receiver, event_sender) {
        Ok(driver) => {
            let ids: Vec<RouterId> = driver.ids().collect();
            // The thread waits for nothing else.
            drop(opened.send((runtime, driver)));
            ids
        }
        Err(error) => {
            // The caller may be in a runtime, where none is dropped that would wait.
            runtime.shutdown_background();
            return Err(error);
        }
    };
    let routers = ids.into_iter().zip(known).map(|(id, (name, trackers))| Known { id, name, trackers }).collect();
    Ok((Vrrp { commands, routers, driver: Running { released, over } }, events))
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
    /// Returns the routers by id and name, in the order in which [`start`] got them.
    pub fn routers(&self) -> impl ExactSizeIterator<Item = (RouterId, &str)> {
        self.routers.iter().map(|router| (router.id, router.name.as_str()))
    }

    /// Returns the id of the router of this name, of the first where several have it.
    #[must_use]
    pub fn router(&self, name: &str) -> Option<RouterId> {
        self.routers().find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// Hands in a tracker's verdict for a router.
    ///
    /// # Errors
    /// [`TrackError`]: there is no such router, it has no such tracker, or the routers do not run any more. An id that another
    /// router's configuration, or another start, gave is not told from the same id of this one.
    pub async fn track(&self, router: RouterId, tracker: TrackerId, passing: bool) -> Result<(), TrackError> {
        let known = self.routers.get(router.index()).ok_or(TrackError::UnknownRouter(router))?;
        if tracker.index() >= known.trackers {
            return Err(TrackError::UnknownTracker { name: known.name.clone(), tracker });
        }
        self.commands.send(Command::Track(router, tracker, passing)).await.map_err(|_| Stopped)?;
        Ok(())
    }

    /// Asks for the state of everything.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could answer.
    pub async fn status(&self) -> Result<DriverStatus, Stopped> {
        let (reply, status) = oneshot::channel();
        self.commands.send(Command::Status(reply)).await.map_err(|_| Stopped)?;
        status.await.map_err(|_| Stopped)
    }

    /// Releases every router, and returns when the kernel confirmed that their addresses are gone. The event channel then
    /// ends. Who drops the future before its end waits as for a [drop](Self) of this.
    ///
    /// # Errors
    /// [`Stopped`]: the routers ran no more, so nothing was released.
    pub async fn stop(self) -> Result<(), Stopped> {
        let Self { commands, mut driver, .. } = self;
        drop(commands);
        (&mut driver.released).await.map_err(|_| Stopped)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.over.wait(DROP_PATIENCE);
    }
}

impl Over {
    /// Waits until the thread is over, but no longer than `limit`.
    fn wait(&self, limit: Duration) {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        // Either way nothing is left to do.
        drop(self.changed.wait_timeout_while(is_over, limit, |is_over| !*is_over));
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;
    use std::time::Instant;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Tracker, Vrid, Weight};

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

    #[test]
    fn an_interface_that_cannot_be_is_refused_and_not_waited_for() {
        let config = Config::new(Profile::Rfc3768, Vrid::new(51).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        for (interface, told) in [("a/b", "a/b/51: `a/b` cannot be"), ("", "/51: `` cannot be")] {
            let error = start([Router::new(interface, config.clone())]).unwrap_err();
            assert!(error.to_string().starts_with(told), "{error}");
        }
    }

    /// A handle whose driver panics as soon as it is there.
    fn dead() -> (Vrrp, RouterId, TrackerId) {
        let mut config =
            Config::new(Profile::Rfc3768, Vrid::new(51).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let tracker = Tracker { name: "service".to_owned(), weight: Weight::Fault, reverse: false };
        let tracker = config.add_tracker(tracker).unwrap();
        let (commands, to_driver) = mpsc::channel(COMMANDS);
        let (release, released) = oneshot::channel();
        let over = Arc::new(Over::default());
        let ending = Ending(Arc::clone(&over));
        let driver = move || {
            let (_ending, _release, _to_driver) = (ending, release, to_driver);
            panic!("on purpose");
        };
        assert!(thread::spawn(driver).join().is_err());
        let id = RouterSet::new().insert(InterfaceId(0), config).unwrap();
        let routers = [Known { id, name: "v0/51".to_owned(), trackers: 1 }].into();
        (Vrrp { commands, routers, driver: Running { released, over } }, id, tracker)
    }

    #[test]
    fn a_driver_that_died_is_an_error_and_nobody_waits_for_it() {
        let started = Instant::now();
        let (vrrp, id, tracker) = dead();
        run(async {
            assert_eq!(vrrp.status().await.unwrap_err(), Stopped);
            assert_eq!(vrrp.track(id, tracker, true).await, Err(TrackError::Stopped(Stopped)));
            assert_eq!(vrrp.stop().await, Err(Stopped));
        });
        drop(dead());
        assert!(started.elapsed() < DROP_PATIENCE);
    }

    #[test]
    fn the_handle_and_its_futures_may_be_on_any_thread() {
        fn may<T: Send>(value: T) -> T {
            value
        }
        fn is_shared<T: Sync>(_: &T) {}
        let (vrrp, id, tracker) = may(dead());
        is_shared(&vrrp);
        drop((may(vrrp.status()), may(vrrp.track(id, tracker, true))));
        drop(may(vrrp.stop()));
    }

    #[test]
    fn a_drop_does_not_wait_for_ever() {
        let over = Over::default();
        over.wait(Duration::from_millis(1));
        assert!(!*over.is_over.lock().unwrap());
    }
}
