//! Starting and stopping: the driver gets a thread of its own, which touches nothing that can block.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use vrrp_core::record::Recording;
use vrrp_core::{Drain, Priority, Reading, RouterId, TrackerId};

use crate::changes::{Changes, owned};
use crate::clock;
use crate::driver::command::Command;
use crate::driver::state::Driver;
use crate::error::{ChangeError, DrainError, Gone, StartError, Stopped, TrackError};
use crate::events::Events;
use crate::line::{Fate, Line};
use crate::plan::{self, Plan};
use crate::preflight::{Examiner, may_set_addresses};
use crate::router::Router;
use crate::router_watch::RouterWatch;
use crate::scheduling::Scheduling;
use crate::status::{Drained, DriverStatus};
use crate::suspended::Suspended;
use crate::wait::block_on_for;

const COMMANDS: usize = 64;
/// The longest time that a drop waits. A release takes some milliseconds; thousands of addresses take seconds.
const DROP_PATIENCE: Duration = Duration::from_secs(10);

/// Running virtual routers.
///
/// A clone is a handle of the same routers. [`stop_all`](Self::stop_all) releases them and returns when the kernel confirmed
/// that their addresses are gone; so does the drop of the last handle, which **blocks its thread** meanwhile, for some
/// milliseconds as a rule and for 10 seconds at most: so a program that returns from `main`, or panics, leaves no address
/// behind. In asynchronous code prefer `stop_all`. A program that is killed, that calls [`std::process::exit`], or that aborts on a
/// panic drops nothing: there the [lease](vrrp_core::Config::with_lease) ends its addresses.
///
/// # Every call
///
/// Each asynchronous function works on every executor: none needs a tokio runtime, none panics, and the thread of the routers
/// waits for none of their callers. [`blocking`](Self::blocking) has the same calls for a program without an executor. A call that
/// changes something returns when it has been carried out on the host. To drop its future before that cancels nothing that was
/// begun, but then nobody learns how it ended.
///
/// Calls about one router take its [`RouterId`], which [`add`](Self::add), [`apply`](Self::apply) and [`router`](Self::router)
/// return. It is never given to another router of the same start; an id of another start cannot be told from the same one of this
/// start.
#[derive(Clone, Debug)]
pub struct Vrrp {
    shared: Arc<Shared>,
}

/// The part that all handles of one start share.
#[derive(Debug)]
struct Shared {
    /// The driver ends when this is dropped, which comes before `running` is.
    line: Line,
    changes: Changes,
    _running: Running,
}

/// The driver's thread, as seen by those who wait for its end.
#[derive(Debug)]
struct Running(Fate);

/// Starts routers on a thread of their own, in the network namespace of the calling thread. There may be none of them yet.
///
/// An interface that does not exist is a fault of its routers until it appears, not an error. The call blocks for some
/// milliseconds: it opens sockets, and runs `nft` where accept mode is off.
///
/// # Errors
/// [`StartError`]; nothing runs then, and nothing was changed on the host.
pub fn start(routers: impl IntoIterator<Item = Router>) -> Result<(Vrrp, Events), StartError> {
    start_with(Scheduling::new(), routers)
}

/// Starts routers as [`start`] does, on a thread that the kernel treats as `scheduling` says.
///
/// # Errors
/// [`StartError`]; nothing runs then, and nothing was changed on the host.
pub fn start_with(
    scheduling: Scheduling,
    routers: impl IntoIterator<Item = Router>,
) -> Result<(Vrrp, Events), StartError> {
    run(scheduling, routers.into_iter().collect(), None)
}

/// Starts routers as [`start_with`] does, from where other routers were [suspended](Vrrp::suspend), in this process or the one
/// before it. A router that has the same interface, address family and id goes on as if nothing had happened: nothing is set,
/// announced or told again. Other settings that have changed are applied as by [`Vrrp::apply`]; addresses of routers that are no
/// longer wanted are removed.
///
/// # Errors
/// [`StartError`]; nothing runs then. What was left on the host stays until its lease is over, or an ordinary start removes it.
pub fn start_from(
    scheduling: Scheduling,
    routers: impl IntoIterator<Item = Router>,
    suspended: Suspended,
) -> Result<(Vrrp, Events), StartError> {
    run(scheduling, routers.into_iter().collect(), Some(suspended))
}

fn run(
    scheduling: Scheduling,
    routers: Vec<Router>,
    suspended: Option<Suspended>,
) -> Result<(Vrrp, Events), StartError> {
    let os = |what| move |error| StartError::Os { what, error };
    let (opened, to_run) = std::sync::mpsc::sync_channel::<(Runtime, Driver)>(1);
    let (released, fate) = Fate::new();
    let run = move || {
        // Dropped at the end, even by a panic: then all know that the thread is over.
        let released = released;
        // Otherwise the start has failed.
        if let Ok((runtime, mut driver)) = to_run.recv() {
            // Threads that the driver needs are there: they stay what they are.
            scheduling.apply().into_iter().for_each(|refused| driver.warn(refused));
            // Alone on this runtime: there is nobody to yield to, and Pending shall mean that nothing waits.
            let suspended = runtime.block_on(tokio::task::unconstrained(driver.run()));
            drop(runtime);
            released.send_replace(true);
            // The caller may have gone: then the leases end the addresses.
            if let Some((reply, suspended)) = suspended {
                drop(reply.send(suspended));
            }
        }
    };
    thread::Builder::new().name("vrrp".to_owned()).spawn(run).map_err(os("cannot start a thread"))?;
    let (commands, command_receiver) = mpsc::channel(COMMANDS);
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(os("cannot make an event loop"))?;
    let (driver, events, examiner) = match open(&runtime, routers, suspended, command_receiver) {
        Ok(opened) => opened,
        Err(error) => {
            // The caller may be in a runtime, where none is dropped that would wait.
            runtime.shutdown_background();
            return Err(error);
        }
    };
    // The thread waits for nothing else.
    drop(opened.send((runtime, driver)));
    Ok((Vrrp::new(commands, fate, examiner), events))
}

/// On the caller's thread: memory that reading a configuration has left there serves again.
fn open(
    runtime: &Runtime,
    mut routers: Vec<Router>,
    suspended: Option<Suspended>,
    commands: mpsc::Receiver<Command>,
) -> Result<(Driver, Events, Examiner), StartError> {
    let _entered = runtime.enter();
    let os = |what| move |error| StartError::Os { what, error };
    let mut examiner = Examiner::new().map_err(os("cannot ask for interfaces (netlink)"))?;
    let found = examiner.examine_fit(&routers)?;
    plan::rank(&mut routers);
    let (mut driver, filter) = match suspended {
        None => (Driver::new(routers, commands)?, None),
        Some(suspended) => Driver::resume(routers, suspended, commands)?,
    };
    may_set_addresses().map_err(os("cannot set addresses (needs CAP_NET_ADMIN)"))?;
    driver.open_ports()?;
    driver.filter(filter)?;
    // Whoever starts is told everything.
    let events = driver.subscribe();
    let ids: Vec<RouterId> = driver.ids().collect();
    driver.warn_of_concerns(ids.into_iter().zip(found));
    Ok((driver, events, examiner))
}

impl Vrrp {
    fn new(commands: mpsc::Sender<Command>, fate: Fate, examiner: Examiner) -> Self {
        let line = Line::new(commands, fate.clone());
        let changes = Changes::new(line.weak(), examiner);
        Self { shared: Arc::new(Shared { line, changes, _running: Running(fate) }) }
    }

    /// Adds a router to those that run. Returns its id when its sockets, its packet filter and the interface of its virtual MAC
    /// address are there and it is started; it then hears and waits, as every router does before it becomes Master.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn add(&self, router: Router) -> Result<RouterId, ChangeError> {
        self.shared.changes.add(router).await
    }

    /// Releases a router, and forgets it. Returns when the kernel confirmed that its addresses are gone. The others of its
    /// sync group go on undisturbed.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn remove(&self, router: RouterId) -> Result<(), ChangeError> {
        self.shared.changes.remove(router).await
    }

    /// Gives a router another configuration while it runs, of the same interface, address family and id. A Master stays Master;
    /// what is the same is not touched. Returns when the kernel has answered for every address that came or went.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn reconfigure(&self, router: RouterId, to: Router) -> Result<(), ChangeError> {
        self.shared.changes.reconfigure(router, to).await
    }

    /// Has exactly these routers run, by name: adds, removes and reconfigures what differs, in one step, and touches nothing
    /// else. What can be checked is checked before anything is changed. Returns their ids, in their order, which is also
    /// that of the members of sync groups.
    ///
    /// A change by [`set_priority`](Self::set_priority) or [`stop`](Self::stop) does not count as a difference.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn apply(&self, wanted: impl IntoIterator<Item = Router>) -> Result<Vec<RouterId>, ChangeError> {
        self.shared.changes.apply(wanted.into_iter().collect()).await
    }

    /// Returns what [`apply`](Self::apply) would do. Changes nothing.
    ///
    /// # Errors
    /// [`ChangeError::NameTaken`], or that the routers run no more. What else can be wrong is found when the plan is
    /// carried out.
    pub async fn plan(&self, wanted: impl IntoIterator<Item = Router>) -> Result<Plan, ChangeError> {
        Plan::new(self.routers().await?, wanted.into_iter().collect())
    }

    /// Carries out a plan. Returns the ids of the routers that it wants, in their order.
    ///
    /// # Errors
    /// [`ChangeError`], with [`ChangeError::Stale`] where what runs has changed since the plan was made; nothing was changed
    /// then.
    pub async fn carry_out(&self, plan: Plan) -> Result<Vec<RouterId>, ChangeError> {
        self.shared.changes.carry_out(plan).await
    }

    /// Gives a router another priority. Nothing else is touched: a Master with a lower one yields when a better router is
    /// heard, a Backup with a higher one preempts where it may. It lasts until the router is reconfigured.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn set_priority(&self, router: RouterId, priority: Priority) -> Result<(), Gone> {
        Ok(self.ask(|reply| Command::SetPriority(router, priority, reply)).await??)
    }

    /// Hands a router's addresses over to another host, without a gap, and keeps it as a reserve: before maintenance of this
    /// host. The guide says [how](crate::guide::drain). Returns how that ended, within the limit of `drain` as a
    /// rule; for a router that is no Master at once. A drain of one member of a sync group drains the whole group.
    ///
    /// It lasts until [`undrain`](Self::undrain); a reconfiguration does not end it.
    ///
    /// # Errors
    /// [`DrainError`]; nothing was changed then.
    pub async fn drain(&self, router: RouterId, drain: Drain) -> Result<Drained, DrainError> {
        self.ask(|reply| Command::Drain(router, drain, reply)).await?
    }

    /// Ends a drain: the router has its own priority again. It becomes Master at the next election that it wins, with preemption
    /// soon. For one that is not drained it does nothing.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn undrain(&self, router: RouterId) -> Result<(), Gone> {
        Ok(self.ask(|reply| Command::Undrain(router, reply)).await??)
    }

    /// Releases one router: another host takes over after its Skew_Time. Returns when its addresses are gone. It stays known, and
    /// [`start`](Self::start) starts it again. One of a sync group keeps the others out too. A stop without an outage is a
    /// [drain](Self::drain) before.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn stop(&self, router: RouterId) -> Result<(), Gone> {
        Ok(self.ask(|reply| Command::Stop(router, reply)).await??)
    }

    /// Starts a router that was [stopped](Self::stop); one that runs goes on.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn start(&self, router: RouterId) -> Result<(), Gone> {
        Ok(self.ask(|reply| Command::Start(router, reply)).await??)
    }

    /// Hands in what a tracker says for a router: a verdict (`true`: it passes), or a [number](Reading::Value).
    ///
    /// # Errors
    /// [`TrackError`]: there is no such router, it has no such tracker, or the routers do not run any more. An id that another
    /// router's configuration gave is not told from the same id of this one.
    pub async fn track(
        &self,
        router: RouterId,
        tracker: TrackerId,
        reading: impl Into<Reading>,
    ) -> Result<(), TrackError> {
        let reading = reading.into();
        self.ask(|reply| Command::Track(router, tracker, reading, reply)).await?
    }

    /// Asks for the state of everything.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could answer.
    pub async fn status(&self) -> Result<DriverStatus, Stopped> {
        self.ask(Command::Status).await
    }

    /// Returns the last of what was done to the routers and what they did, with their names: see
    /// [what happened](crate#what-happened). `None`: nothing is recorded. The thread of the routers hands over what it has in no time;
    /// another one puts it together, in some milliseconds for a hundred routers.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could answer.
    pub async fn record(&self) -> Result<Option<Recording>, Stopped> {
        let routers = self.ask(Command::Running).await?;
        let Some(recorded) = self.ask(Command::Record).await? else { return Ok(None) };
        let (reply, read) = oneshot::channel();
        let copy = recorded.clone();
        // If there is no thread, the end of the channel tells it.
        let _ = thread::Builder::new().name("vrrp-record".to_owned()).spawn(move || drop(reply.send(copy.read())));
        let mut recording = read.await.unwrap_or_else(|_| recorded.read());
        recording.names = routers.into_iter().map(|(id, router)| (id, router.name().to_owned())).collect();
        recording.epoch = clock::epoch();
        Ok(Some(recording))
    }

    /// Records as much of each router as fits in so many octets from now on, and forgets what was recorded so far; with 0 nothing.
    /// Before that it is [`RecordedSet::DEFAULT_SIZE`](vrrp_core::record::RecordedSet::DEFAULT_SIZE). More than 1 MiB counts as
    /// 1 MiB.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could answer.
    pub async fn set_recorder_size(&self, octets: usize) -> Result<(), Stopped> {
        self.ask(|reply| Command::SetRecorderSize(octets, reply)).await
    }

    /// Returns every router by its id, as it was asked for, in the order in which [`start`](crate::start) and later changes got
    /// them.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could answer.
    pub async fn routers(&self) -> Result<Vec<(RouterId, Router)>, Stopped> {
        Ok(owned(self.ask(Command::Running).await?))
    }

    /// Returns the id of the router of this name, of the first where several have it; `None`: there is none.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could answer.
    pub async fn router(&self, name: &str) -> Result<Option<RouterId>, Stopped> {
        Ok(self.routers().await?.into_iter().find(|(_, router)| router.name == name).map(|(id, _)| id))
    }

    /// Returns a queue of everything that happens from now on, besides those that there are.
    ///
    /// # Errors
    /// [`Stopped`]: nothing will happen.
    pub async fn subscribe(&self) -> Result<Events, Stopped> {
        self.ask(Command::Subscribe).await
    }

    /// Returns a view of one router's state that is always of now, for gauges.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn watch(&self, router: RouterId) -> Result<RouterWatch, Gone> {
        Ok(RouterWatch::new(self.ask(|reply| Command::Watch(router, reply)).await??))
    }

    /// Releases every router, and returns when the kernel confirmed that their addresses are gone and everything is closed;
    /// so it does on every handle that calls it, also afterwards. All other calls then fail with [`Stopped::Told`], and events end.
    ///
    /// # Errors
    /// [`Stopped::Died`]: the routers had ended without being told, so nothing was released.
    pub async fn stop_all(&self) -> Result<(), Stopped> {
        self.shared.line.stop_all().await
    }

    /// Ends all routers without releasing anything, for a process that follows and [goes on](start_from) with them: addresses,
    /// macvlans and the packet filter stay as they are. It waits for a moment in which nothing is to be done soon, half a second
    /// at most, and for changes that are being carried out. Returns when everything is closed; all other calls then fail with
    /// [`Stopped::Told`], and events end.
    ///
    /// Until somebody goes on nobody advertises or renews: without that the leases end the addresses, and another host takes over.
    ///
    /// # Errors
    /// [`Stopped`]: nobody is left who could.
    pub async fn suspend(&self) -> Result<Suspended, Stopped> {
        self.shared.line.suspend().await
    }

    async fn ask<T>(&self, command: impl FnOnce(crate::driver::command::Reply<T>) -> Command) -> Result<T, Stopped> {
        self.shared.line.ask(command).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either way nothing is left to do.
        block_on_for(DROP_PATIENCE, async {
            let _ = self.0.over().await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;
    use std::sync::mpsc as std_mpsc;
    use std::time::Instant;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Tracker, Vrid, Weight};

    fn config() -> Config {
        Config::new(Profile::Rfc3768, Vrid::new(51).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap()
    }

    #[test]
    fn a_start_that_fails_is_an_error_wherever_it_is_called() {
        let router = Router::new("v0", config());
        let start = || start([router.clone(), router.clone()]).unwrap_err();
        let within = run(async { start() });
        for error in [start(), within] {
            assert_eq!(error.to_string(), "v0/51: there is already a virtual router 51 on v0");
        }
    }

    #[test]
    fn an_interface_that_cannot_be_is_refused_and_not_waited_for() {
        for (interface, told) in [("a/b", "a/b/51: `a/b` cannot be"), ("", "/51: `` cannot be")] {
            let error = start([Router::new(interface, config())]).unwrap_err();
            assert!(error.to_string().starts_with(told), "{error}");
        }
    }

    /// A handle of a driver that somebody plays on a thread of its own.
    fn played(part: impl FnOnce(mpsc::Receiver<Command>) + Send + 'static) -> (Vrrp, thread::JoinHandle<()>) {
        let (commands, to_driver) = mpsc::channel(COMMANDS);
        let (released, fate) = Fate::new();
        let driver = thread::spawn(move || {
            let released = released;
            part(to_driver);
            released.send_replace(true);
        });
        (Vrrp::new(commands, fate, Examiner::new().unwrap()), driver)
    }

    /// A handle whose driver panics as soon as it is there.
    fn dead() -> Vrrp {
        let (vrrp, driver) = played(|_| panic!("on purpose"));
        assert!(driver.join().is_err());
        vrrp
    }

    fn ids() -> (RouterId, TrackerId) {
        let mut config = config();
        let tracker = Tracker { name: "service".to_owned(), weight: Weight::Fault, reverse: false };
        let tracker = config.add_tracker(tracker).unwrap();
        (RouterSet::new().insert(InterfaceId(0), config).unwrap(), tracker)
    }

    #[test]
    fn a_driver_that_died_is_an_error_and_nobody_waits_for_it() {
        let started = Instant::now();
        let (vrrp, (id, tracker)) = (dead(), ids());
        run(async {
            assert_eq!(vrrp.status().await.unwrap_err(), Stopped::Died);
            assert_eq!(vrrp.track(id, tracker, true).await, Err(TrackError::Stopped(Stopped::Died)));
            assert_eq!(vrrp.set_priority(id, Priority::DEFAULT).await, Err(Gone::All(Stopped::Died)));
            let error = vrrp.add(Router::new("v0", config())).await.unwrap_err();
            assert!(matches!(error, ChangeError::Stopped(Stopped::Died)), "{error}");
            assert_eq!(vrrp.stop_all().await, Err(Stopped::Died));
            assert_eq!(vrrp.status().await.unwrap_err(), Stopped::Died, "who asked for a stop did not kill it");
        });
        drop(dead());
        assert!(started.elapsed() < DROP_PATIENCE);
    }

    #[test]
    fn who_is_not_answered_because_all_is_stopped_is_told_so() {
        let (vrrp, driver) =
            played(|mut commands| while !matches!(commands.blocking_recv(), Some(Command::StopAll(_)) | None) {});
        assert_eq!(vrrp.blocking().status().unwrap_err(), Stopped::Died, "it throws questions away");
        assert_eq!(vrrp.blocking().stop_all(), Ok(()));
        let (id, _) = ids();
        assert_eq!(vrrp.blocking().stop(id), Err(Gone::All(Stopped::Told)));
        let error = vrrp.blocking().remove(id).unwrap_err();
        assert!(matches!(error, ChangeError::Stopped(Stopped::Told)), "{error}");
        driver.join().unwrap();
    }

    /// Plays a driver that runs one router and answers what is asked about it; what it is told to change goes to `told`.
    fn of_one_router(told: std_mpsc::Sender<String>) -> impl FnOnce(mpsc::Receiver<Command>) + Send {
        move |mut commands| {
            let (id, _) = ids();
            while let Some(command) = commands.blocking_recv() {
                match command {
                    Command::Running(reply) => drop(reply.send(vec![(id, Router::new("v0", config()).into())])),
                    Command::Apply { changes, reply } => {
                        // It takes its time.
                        thread::sleep(Duration::from_millis(20));
                        drop(told.send(format!("{} changes", changes.len())));
                        drop(reply.send(Ok(changes.iter().map(|_| id).collect())));
                    }
                    Command::StopAll(_) => return,
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_change_that_nobody_waits_for_is_carried_out_and_the_next_one_waits_its_turn() {
        let (told, tells) = std_mpsc::channel();
        let (vrrp, driver) = played(of_one_router(told));
        run(async {
            let mut add = Box::pin(vrrp.add(Router::new("v1", config())));
            let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(add.as_mut().poll(cx).is_ready())).await;
            assert!(!begun);
            drop(add);
            vrrp.apply([Router::new("v2", config())]).await.unwrap();
        });
        assert_eq!(tells.recv(), Ok("1 changes".to_owned()), "the addition");
        assert_eq!(tells.recv(), Ok("2 changes".to_owned()), "another router, and the one there goes");
        drop(vrrp);
        driver.join().unwrap();
    }

    #[test]
    fn a_plan_of_something_else_than_runs_is_not_carried_out() {
        let (told, tells) = std_mpsc::channel();
        let (vrrp, driver) = played(of_one_router(told));
        let vrrp = vrrp.blocking();
        let (id, _) = ids();
        let stale = Plan::new(vec![(id, Router::new("v7", config()))], Vec::new()).unwrap();
        let error = vrrp.carry_out(stale).unwrap_err();
        assert!(matches!(error, ChangeError::Stale), "{error}");
        assert_eq!(vrrp.carry_out(vrrp.plan([Router::new("v0", config())]).unwrap()).unwrap(), [id]);
        assert!(tells.try_recv().is_err(), "what is as it shall be is not even asked for");
        let plan = vrrp.plan([]).unwrap();
        assert_eq!(plan.to_string(), "remove v0/51");
        assert_eq!(vrrp.carry_out(plan).unwrap(), []);
        assert_eq!(tells.recv(), Ok("1 changes".to_owned()));
        vrrp.stop_all().unwrap();
        driver.join().unwrap();
    }

    #[test]
    fn the_last_drop_ends_a_change_that_is_not_done() {
        let (vrrp, driver) = played(|mut commands| {
            let mut unanswered = Vec::new();
            while let Some(command) = commands.blocking_recv() {
                match command {
                    Command::Running(reply) => drop(reply.send(Vec::new())),
                    command => unanswered.push(command),
                }
            }
            assert_eq!(unanswered.len(), 1, "it was asked for");
        });
        let (started, (answer, answered)) = (Instant::now(), std_mpsc::channel());
        let add = vrrp.clone();
        let adding = thread::spawn(move || {
            run(async {
                let change = add.add(Router::new("v0", config()));
                let limit = tokio::time::timeout(Duration::from_millis(200), change);
                answer.send(limit.await.is_err()).unwrap();
            });
        });
        assert_eq!(answered.recv(), Ok(true), "it was not answered");
        adding.join().unwrap();
        drop(vrrp);
        assert!(started.elapsed() < DROP_PATIENCE);
        driver.join().unwrap();
    }

    #[test]
    fn a_router_that_can_never_run_here_is_refused_before_anything_is_told() {
        let (told, tells) = std_mpsc::channel();
        let (vrrp, driver) = played(of_one_router(told));
        let error = vrrp.blocking().add(Router::new("lo", config())).unwrap_err();
        assert!(error.to_string().starts_with("lo/51: interface lo is a loopback interface"), "{error}");
        drop(vrrp);
        driver.join().unwrap();
        assert!(tells.recv().is_err());
    }

    #[test]
    fn the_handle_and_its_futures_may_be_on_any_thread() {
        fn may<T: Send>(value: T) -> T {
            value
        }
        fn is_shared<T: Sync>(_: &T) {}
        let (vrrp, (id, tracker)) = (may(dead()), ids());
        is_shared(&vrrp);
        drop((may(vrrp.status()), may(vrrp.track(id, tracker, true)), may(vrrp.add(Router::new("v0", config())))));
        drop((may(vrrp.apply([])), may(vrrp.watch(id)), may(vrrp.stop_all())));
    }

    #[test]
    fn a_drop_does_not_wait_for_ever() {
        let (_released, fate) = Fate::new();
        assert!(!block_on_for(Duration::from_millis(1), async {
            let _ = fate.over().await;
        }));
    }
}
