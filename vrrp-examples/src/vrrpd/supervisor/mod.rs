//! The loop: events of the protocol, verdicts of checks, questions and orders on the control socket, and signals.

mod lines;
mod orders;
mod reloading;
mod requests;
mod starting;
mod telling;

use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use vrrp_core::{Cause, Reading, Role, RouterId, TrackerId, Transition};
use vrrp_io_linux::{Event, EventKind, Events, Router, Stopped, Vrrp};

use crate::vrrpd::by_hand::Table;
use crate::vrrpd::checks::{self, Checks, Verdict};
use crate::vrrpd::config::{self, Daemon, Instance, Notify, Probe};
use crate::vrrpd::control::order::{DrainEnded, Order, Reply, Upgraded};
use crate::vrrpd::control::refused::Refused;
use crate::vrrpd::control::snapshot::{CheckState, Reasons, Snapshot};
use crate::vrrpd::control::status::dump;
use crate::vrrpd::control::{self, ControlSocket};
use crate::vrrpd::groups::Groups;
use crate::vrrpd::http::{self, Listener, Site};
use crate::vrrpd::inherited;
use crate::vrrpd::log::{self, Lines, log};
use crate::vrrpd::notify::{self, Fifos, Limits, Notifier, NotifyState, Subject};
use crate::vrrpd::reading::Source;
use crate::vrrpd::reaper;
use crate::vrrpd::recordings::Recordings;
use crate::vrrpd::reload::Reloads;
use crate::vrrpd::routers::{Prepared, STARTUP, ScriptUser, ScriptUsers};
use crate::vrrpd::routes::{self, Routing};
use crate::vrrpd::service_manager::ServiceManager;
use crate::vrrpd::signals::{Late, Request, Signals};
use crate::vrrpd::upgrade::{self, Check, Document, Program};
use requests::Requests;

/// The time that the kernel may take to remove routes and rules at the end.
const STOP_ROUTES: Duration = Duration::from_secs(1);

/// The time that an answer takes to reach the client.
const LAST_ANSWER: Duration = Duration::from_millis(20);

/// The shortest time from one snapshot of the routers to the next, however many clients ask: all that wait get the same one.
const SNAPSHOTS_APART: Duration = Duration::from_millis(10);

/// The time that the last lines may take to reach the readers. A reader that is slower is not waited for.
const LAST_LINES: Duration = Duration::from_millis(100);

/// The priority that scripts of a group are told: it has none, and keepalived says so too.
const GROUP_PRIORITY: u8 = 0;

/// The settings of a start that are not in the configuration.
pub(super) struct Setting<'a> {
    pub(super) source: Source,
    /// The program that goes on if this one is upgraded.
    pub(super) program: Option<Program>,
    pub(super) control: Option<&'a Path>,
    pub(super) http: &'a [SocketAddr],
    pub(super) limits: Limits,
    /// The lines for the readers of the log.
    pub(super) lines: Lines,
    /// The folder for recordings of unexpected takeovers.
    pub(super) recordings: Option<PathBuf>,
}

/// The way in which it ended.
pub(super) enum Ended {
    /// Everything is released.
    Stopped,
    /// Everything is as it was, and written down.
    Suspended(Suspended),
}

/// The state that the next program, or this one again, continues from.
pub(super) struct Suspended {
    pub(super) document: Box<Document>,
    pub(super) daemon: Box<Daemon>,
    /// True if a service manager is to keep it.
    stored: bool,
    /// Signals that came too late for this program.
    late: Vec<Signal>,
}

impl Suspended {
    /// Hands it over. Returns where that is done and this process is to end, or why it cannot be.
    pub(super) fn hand_over(&self, program: Option<&Program>) -> Result<(), upgrade::Failed> {
        match program.filter(|_| !self.stored) {
            Some(program) => match upgrade::become_program(program, &self.document, &self.late)? {},
            None => upgrade::store(&self.document),
        }
    }
}

/// Runs all that is configured until a signal asks for the end, from where `before` was suspended. `what`: how much it is, for
/// the log.
pub(super) async fn run(
    prepared: Prepared,
    before: Option<Document>,
    what: &str,
    Setting { source, program, control, http, limits, lines, recordings }: Setting<'_>,
) -> Result<Ended, Box<dyn std::error::Error>> {
    let manager = ServiceManager::from_environment();
    // Signals first: from here on a stop is orderly.
    let mut signals = Signals::catch().map_err(|why| format!("cannot catch signals: {why}"))?;
    inherited::unblock();
    tokio::spawn(reaper::reap(signal(SignalKind::child())?));

    // What cannot be is said before anything runs.
    let control = control.map(ControlSocket::bind).transpose()?;
    let listeners = listen(http, before.is_some())?;
    let Prepared { daemon, routers, script_users } = prepared;
    let Begun { vrrp, events, routing, checked, by_hand, goes_on } = begin(&daemon, routers, before, what).await?;
    if !goes_on {
        starting::write_initial_values(&daemon);
    }
    let (verdict_sender, verdicts) = mpsc::channel(64);
    let (snapshots, asked) = mpsc::channel(64);
    let (orders, ordered) = mpsc::channel(64);
    let requests = Requests::default();
    let known = |name: &str, probe: &Probe| {
        checked.iter().find(|check| check.is(name, probe)).map(|check| (check.reading(), check.reason.clone()))
    };
    let (checks, known) = checks::spawn_from(&daemon.checks, known, verdict_sender);
    let notifier = notify::spawn(subjects(&daemon), limits);
    let mut fifos = Fifos::default();
    fifos.replace(&daemon.fifos).await;
    let (mut servers, reachable) = (JoinSet::new(), control::Daemon { snapshots, orders, lines: lines.clone() });
    if !listeners.is_empty() {
        servers.spawn(http::serve(listeners, Site::new(reachable.clone())));
    }
    if let Some(socket) = control {
        servers.spawn(control::serve(socket, reachable));
    }

    let delay = if goes_on { Duration::ZERO } else { daemon.startup_delay };
    let running = vrrp.routers().await?;
    let ids = by_name(&daemon, running.into_iter().map(|(id, _)| id));
    let mut supervisor = Supervisor {
        users: users(script_users, &ids),
        ids,
        groups: Groups::new(&daemon),
        daemon: Arc::new(daemon),
        verdicts: known.into_iter().map(|verdict| (verdict.check.clone(), verdict)).collect(),
        checks,
        vrrp,
        events,
        early: Vec::new(),
        unsettled: BTreeMap::new(),
        notifier,
        fifos,
        told: BTreeMap::new(),
        next_snapshot: Instant::now(),
        taking_part: starting::moment(delay),
        routing,
        by_hand,
        reloads: Reloads::new(source.clone()),
        source,
        tasks: JoinSet::new(),
        manager,
        program,
        asking: None,
        recordings: Recordings::new(recordings),
    };
    if goes_on {
        supervisor.take_in_roles().await;
    }
    let mut ended = tokio::select! {
        end = supervisor.serve(verdicts, asked, ordered, &requests) => Ok(end),
        why = stop(&mut signals, &requests) => Err(why),
    };
    if let Ok(End::Upgrade { stored }) = ended {
        supervisor.recordings.finish(&supervisor.vrrp).await;
        // Who asked is told.
        sleep(LAST_ANSWER).await;
        take_leave(&lines, log::End::Upgraded).await;
        // Their sockets go with them.
        servers.shutdown().await;
        match supervisor.suspend(stored).await {
            Ok(suspended) => {
                let Late { signals, hand_over } = signals.take_late().await;
                let stored = stored || hand_over || requests.take(Request::HandOver);
                return Ok(Ended::Suspended(Suspended { late: signals, stored, ..suspended }));
            }
            Err(died) => {
                supervisor = died;
                ended = Ok(End::Died);
            }
        }
    }
    if let Err(why) = ended {
        log!(Stopping, why = why, "{why}: stopping");
    }
    supervisor.stop().await;
    take_leave(&lines, log::End::Stopped).await;
    // Until here clients are told that it stops.
    drop(servers);
    match ended {
        Err(_) => Ok(Ended::Stopped),
        Ok(_) => Err("the protocol driver has died".into()),
    }
}

/// Tells the readers of the log that this was all, and waits a little for those that keep up.
async fn take_leave(lines: &Lines, end: log::End) {
    let begun = Instant::now();
    while lines.is_read() && begun.elapsed() < LAST_LINES {
        // Again for readers that come just now.
        lines.end(end);
        sleep(LAST_ANSWER / 10).await;
    }
}

/// Listens for browsers and Prometheus. If the routers run already, a failure is only logged.
fn listen(addresses: &[SocketAddr], goes_on: bool) -> Result<Vec<Listener>, http::BindError> {
    let mut listeners = Vec::new();
    for address in addresses {
        match Listener::bind(*address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if goes_on => log!(HttpFailed, error = error.to_string(), "{error}"),
            Err(error) => return Err(error),
        }
    }
    for listener in &listeners {
        let url = format!("http://{}/", listener.address);
        log!(HttpServes, url = url, "serves {url}");
    }
    Ok(listeners)
}

/// The parts that run first.
struct Begun {
    vrrp: Vrrp,
    events: Events,
    routing: Routing,
    /// The checks that have a verdict already.
    checked: Vec<Check>,
    by_hand: Table,
    /// True if the routers ran before.
    goes_on: bool,
}

/// Starts the routers, or has them go on.
async fn begin(
    daemon: &Daemon,
    routers: Vec<Router>,
    before: Option<Document>,
    what: &str,
) -> Result<Begun, Box<dyn std::error::Error>> {
    if let Some(Document { version, routers: suspended, checks: checked, by_hand, .. }) = before {
        let by_hand = Table::of(by_hand);
        let with_hands = |(router, instance): (&Router, &Instance)| match by_hand.priority(&instance.name) {
            Some(priority) => router.clone().with_priority(priority),
            None => router.clone(),
        };
        let going_on = routers.iter().zip(&daemon.instances).map(with_hands);
        match vrrp_io_linux::start_from(daemon.scheduling, going_on, suspended) {
            Ok((vrrp, events)) => {
                let routing = routes::spawn_from(&daemon.instances, &daemon.fixed, &masters(&vrrp).await?).await?;
                log!(GoesOn, from = version, "goes on with {what}, from vrrpd {version}");
                return Ok(Begun { vrrp, events, routing, checked, by_hand, goes_on: true });
            }
            Err(why) => {
                let why = log::with_sources(&why);
                log!(
                    DoesNotGoOn,
                    error = why,
                    "cannot go on from the process before, so this is an ordinary start: {why}"
                );
            }
        }
    }
    let routing = routes::spawn(&daemon.instances, &daemon.fixed).await?;
    let (vrrp, events) = vrrp_io_linux::start_with(daemon.scheduling, routers)?;
    log!(Started, "started with {what}");
    Ok(Begun { vrrp, events, routing, checked: Vec::new(), by_hand: Table::default(), goes_on: false })
}

/// Returns the routers that are Master, by name, with their addresses: those that are there, and those that cannot be.
async fn masters(vrrp: &Vrrp) -> Result<BTreeMap<String, Vec<(IpAddr, bool)>>, Stopped> {
    let status = vrrp.status().await?;
    let masters = status.routers.into_iter().filter(|router| router.role == Role::Master);
    Ok(masters
        .map(|router| {
            let known = router.addresses.iter().filter(|it| it.installed || it.obstacle.is_some());
            (router.name, known.map(|it| (it.virtual_ip.address, it.installed)).collect())
        })
        .collect())
}

/// Waits for a signal to stop, and hands on what others ask for.
async fn stop(signals: &mut Signals, requests: &Requests) -> &'static str {
    loop {
        match signals.next().await {
            Request::Stop(why) => return why,
            request => requests.put(request),
        }
    }
}

/// A tracker of a router, which a script feeds.
type Fed = (RouterId, TrackerId);

/// Returns the ids of instances by their names; `ids` are in the order of the configuration.
fn by_name(daemon: &Daemon, ids: impl IntoIterator<Item = RouterId>) -> BTreeMap<String, RouterId> {
    daemon.instances.iter().map(|instance| instance.name.clone()).zip(ids).collect()
}

/// Finds the routers that track scripts.
fn users(users: ScriptUsers, ids: &BTreeMap<String, RouterId>) -> BTreeMap<String, Vec<Fed>> {
    let with_ids = |(script, users): (String, Vec<ScriptUser>)| {
        let users = users.into_iter().filter_map(|user| Some((*ids.get(&user.instance)?, user.tracker)));
        (script, users.collect())
    };
    users.into_iter().map(with_ids).collect()
}

/// Returns the trackers of each router among these.
fn by_router<'a>(fed: impl Iterator<Item = &'a Fed>) -> BTreeMap<RouterId, Vec<TrackerId>> {
    let mut by_router: BTreeMap<RouterId, Vec<TrackerId>> = BTreeMap::new();
    fed.for_each(|(router, tracker)| by_router.entry(*router).or_default().push(*tracker));
    by_router
}

/// Returns the subjects whose changes are told, with their scripts.
fn subjects(daemon: &Daemon) -> impl Iterator<Item = (Subject, Notify)> {
    let instances = daemon.instances.iter().map(|it| (Subject::Instance(it.name.clone()), it.notify.clone()));
    let groups = daemon.sync_groups.iter().map(|group| (Subject::Group(group.name.clone()), group.notify.clone()));
    instances.chain(groups)
}

/// Returns the priority that the scripts of a subject are told when it stops.
fn last_priority(daemon: &Daemon, subject: &Subject) -> u8 {
    let priority = |name: &str| daemon.instances.iter().find(|it| it.name == name).map(|it| it.priority.get());
    match subject {
        Subject::Instance(name) => priority(name).unwrap_or_default(),
        Subject::Group(_) => GROUP_PRIORITY,
    }
}

/// Returns the state to report to scripts; `None` if nothing has changed for them.
fn told(transition: &Transition) -> Option<NotifyState> {
    match (transition.from, transition.to, transition.cause) {
        // A Master that began anew.
        (Role::Master, Role::Master, _) => None,
        (_, Role::Master, _) => Some(NotifyState::Master),
        (_, Role::Backup, _) => Some(NotifyState::Backup),
        (_, Role::Initialize, Cause::Shutdown) => Some(NotifyState::Stop),
        (_, Role::Initialize, _) => Some(NotifyState::Fault),
    }
}

/// The end of a drain, and the client that waits for it.
type DrainOver = (Reply<DrainEnded>, Result<DrainEnded, Refused>);

/// All that runs, by name or by the id of a router. Places change with a reload.
struct Supervisor {
    /// The configuration that runs.
    daemon: Arc<Daemon>,
    ids: BTreeMap<String, RouterId>,
    /// The trackers that each script feeds.
    users: BTreeMap<String, Vec<Fed>>,
    /// The last one of each script that has any.
    verdicts: BTreeMap<String, Verdict>,
    checks: Checks,
    vrrp: Vrrp,
    events: Events,
    /// The events of routers that a reload has added, until it is over.
    early: Vec<Event>,
    /// The changes of routers during a reload, when their groups may change.
    unsettled: BTreeMap<RouterId, (String, NotifyState)>,
    groups: Groups,
    notifier: Notifier,
    fifos: Fifos,
    /// The last state that each was told, and the priority since.
    told: BTreeMap<Subject, (NotifyState, u8)>,
    /// The earliest time of the next snapshot.
    next_snapshot: Instant,
    /// The moment at which the routers begin to take part; `None`: they do.
    taking_part: Option<Instant>,
    routing: Routing,
    by_hand: Table,
    reloads: Reloads,
    source: Source,
    /// Orders that take their time.
    tasks: JoinSet<Option<DrainOver>>,
    /// The service manager, which waits for the daemon to be ready, and to live.
    manager: ServiceManager,
    /// The program that goes on if this one is upgraded.
    program: Option<Program>,
    /// The program on disk, while it is asked, and the client that waits for that.
    asking: Option<Asking>,
    recordings: Recordings,
}

/// The program on disk that is asked, and the client that waits for that.
type Asking = (JoinHandle<Result<String, String>>, Reply<Upgraded>);

/// A reason that ends the loop.
enum End {
    /// The protocol's driver has.
    Died,
    /// Another program is to go on. `stored`: it is started by a service manager.
    Upgrade { stored: bool },
}

impl Supervisor {
    /// Reads the states of routers that go on. Nobody is told of these.
    async fn take_in_roles(&mut self) {
        let Ok(driver) = self.vrrp.status().await else { return };
        for router in driver.routers.iter().filter(|router| router.cause != Cause::New) {
            let transition = Transition::new(Role::Initialize, router.role, router.cause);
            if let Some(state) = told(&transition) {
                let group = self.groups.changed(&router.name, state).map(|(group, state)| (group.to_owned(), state));
                self.told.insert(Subject::Instance(router.name.clone()), (state, router.priority.get()));
                self.told.extend(group.map(|(group, state)| (Subject::Group(group), (state, GROUP_PRIORITY))));
            }
        }
    }

    /// Ends with the protocol's driver, or for another program.
    async fn serve(
        &mut self,
        mut verdicts: mpsc::Receiver<Verdict>,
        mut asked: mpsc::Receiver<oneshot::Sender<Arc<Snapshot>>>,
        mut ordered: mpsc::Receiver<Order>,
        requests: &Requests,
    ) -> End {
        loop {
            // While routers change, nobody knows which of their trackers is which.
            let settled = !self.reloads.is_applying();
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.hear(event),
                    None => return End::Died,
                },
                Some(verdict) = verdicts.recv(), if settled => self.judge(verdict).await,
                Some(reply) = asked_from(&mut asked, self.next_snapshot) => {
                    let all: Vec<_> = std::iter::once(reply).chain(std::iter::from_fn(|| asked.try_recv().ok())).collect();
                    // Clients may have gone. Without an answer they learn it from the end of `all`.
                    if let Ok(snapshot) = self.snapshot().await.map(Arc::new) {
                        all.into_iter().for_each(|reply| drop(reply.send(Arc::clone(&snapshot))));
                    }
                    self.next_snapshot = Instant::now() + SNAPSHOTS_APART;
                }
                Some(order) = ordered.recv(), if settled => self.take(order).await,
                request = requests.next(), if settled => match request {
                    Request::HandOver => return End::Upgrade { stored: true },
                    request => self.heed(request).await,
                },
                answer = asked_program(&mut self.asking), if settled => {
                    if self.agree(answer) {
                        return End::Upgrade { stored: false };
                    }
                }
                outcome = self.reloads.outcome(&self.vrrp) => self.reloaded(outcome).await,
                Some(over) = self.tasks.join_next() => {
                    if let Ok(Some((reply, ended))) = over {
                        self.by_hand.drain_ended(&ended);
                        answer(reply, ended);
                    }
                }
                () = starting::reached(self.taking_part), if settled => self.take_part().await,
                () = self.recordings.due() => self.recordings.write(&self.vrrp),
                () = self.manager.look() => {
                    // A loop that answers is alive.
                    if let Ok(driver) = self.vrrp.status().await {
                        self.manager.report(&driver);
                    }
                }
            }
        }
    }

    /// Writes everything down and ends, and leaves everything on the host as it is. `Err`: the routers run no more.
    async fn suspend(mut self, stored: bool) -> Result<Suspended, Self> {
        match stored {
            true => self.manager.stopping(),
            false => self.manager.reloading(),
        }
        self.checks.kill().await;
        // Another reader starts with the program that goes on.
        std::mem::take(&mut self.fifos).close(false).await;
        let Ok(routers) = self.vrrp.suspend().await else { return Err(self) };
        while let Ok(event) = self.events.try_recv() {
            lines::tell(&event);
        }
        let check = |script: &config::Check| {
            let Verdict { reading, reason, .. } = self.verdicts.get(&script.name)?;
            Some(Check::new(script, *reading, reason.clone()))
        };
        let checks = self.daemon.checks.iter().filter_map(check).collect();
        let document = Box::new(Document::new(routers, checks, self.by_hand.list()));
        let Self { daemon, routing, notifier, .. } = self;
        // What they would do at their end is not to be done: routes and rules stay, and scripts that run come to their own end.
        std::mem::forget((routing, notifier));
        Ok(Suspended { document, daemon: Box::new(daemon.as_ref().clone()), stored, late: Vec::new() })
    }

    /// Releases everything, tells the rest of the story, lets the stop scripts run.
    async fn stop(self) {
        let Self { daemon, checks, vrrp, mut events, notifier, mut fifos, told, routing, tasks, .. } = self;
        let Self { mut manager, mut recordings, .. } = self;
        manager.stopping();
        // Who waits is told that it stops.
        drop(tasks);
        checks.stop().await;
        recordings.finish(&vrrp).await;
        // Whoever called this knows when the routers had ended before.
        let _ = vrrp.stop_all().await;
        while let Ok(event) = events.try_recv() {
            lines::tell(&event);
        }
        for (subject, _) in subjects(&daemon) {
            let priority = last_priority(&daemon, &subject);
            notifier.changed(&subject, NotifyState::Stop, priority);
            let known = told.get(&subject).copied();
            if known.is_none_or(|(state, _)| state != NotifyState::Stop) {
                fifos.tell(&subject, &NotifyState::Stop.to_string(), known.map_or(priority, |(_, priority)| priority));
            }
        }
        routing.stop(STOP_ROUTES).await;
        notifier.shutdown().await;
        fifos.close(true).await;
        log!(Stopped, "stopped");
    }

    fn hear(&mut self, event: Event) {
        lines::tell(&event);
        if self.is_ours(&event) {
            self.on_event(&event);
        } else if self.reloads.is_applying() {
            self.early.push(event);
        }
    }

    fn on_event(&mut self, event: &Event) {
        self.routing.on_event(event);
        self.recordings.on_event(event);
        if let EventKind::StateChanged { transition, priority, .. } = &event.kind {
            self.manager.changed();
            let Some(state) = told(transition) else { return };
            self.tell_state(&Subject::Instance(event.name.to_string()), state, priority.get());
            if self.reloads.is_applying() {
                self.unsettled.insert(event.router, (event.name.to_string(), state));
            } else {
                self.follow_group(&event.name, state);
            }
        }
        match &event.kind {
            EventKind::PriorityChanged { to, .. } => self.tell_priority(&event.name, *to),
            EventKind::LowerPriorityHeard { .. } => self.tell_of_lower_priority(&event.name),
            _ => {}
        }
    }

    /// Returns true if it is of a router that is configured, and not of an earlier one with the same name.
    fn is_ours(&self, event: &Event) -> bool {
        self.ids.get(&*event.name) == Some(&event.router)
    }

    fn follow_group(&mut self, instance: &str, state: NotifyState) {
        let changed = self.groups.changed(instance, state).map(|(group, state)| (group.to_owned(), state));
        if let Some((group, state)) = changed {
            self.tell_state(&Subject::Group(group), state, GROUP_PRIORITY);
        }
    }

    async fn snapshot(&self) -> Result<Snapshot, Stopped> {
        let driver = self.vrrp.status().await?;
        let (taken_at, reasons, by_hand) = (SystemTime::now(), self.reasons(), self.by_hand.list());
        let checks = self.daemon.checks.iter().map(|check| self.check_state(check)).collect();
        let config = Arc::clone(&self.daemon);
        Ok(Snapshot { taken_at, config, driver, checks, reasons, by_hand })
    }

    fn check_state(&self, config::Check { name, probe, .. }: &config::Check) -> CheckState {
        let verdict = self.verdicts.get(name).map(|verdict| verdict.reading);
        CheckState { name: name.clone(), kind: probe.kind(), verdict, last: self.checks.last(name) }
    }

    /// Returns the reasons of failing checks, or the numbers of checks, for each tracker that one of them feeds.
    fn reasons(&self) -> Reasons {
        let failing = self.verdicts.iter().filter(|(_, verdict)| verdict.reading != Reading::Passing);
        let failing = failing.filter_map(|(script, verdict)| Some((self.users.get(script)?, &verdict.reason)));
        failing.flat_map(|(users, reason)| users.iter().map(|user| (*user, reason.clone()))).collect()
    }

    async fn judge(&mut self, verdict: Verdict) {
        if !self.checks.is_current(&verdict) {
            return;
        }
        let Verdict { check: name, reading, reason, .. } = &verdict;
        match reading {
            Reading::Passing => log!(CheckPassed, check = name, reason = reason, "check {name} passes: {reason}"),
            Reading::Failing => log!(CheckFailed, check = name, reason = reason, "check {name} failed: {reason}"),
            Reading::Value(value) => log!(CheckSays, check = name, value = value, "check {name} says {value}"),
        }
        for user in self.users.get(name).into_iter().flatten() {
            self.track(user, &verdict).await;
        }
        self.verdicts.insert(name.clone(), verdict);
    }

    async fn track(&self, (router, tracker): &Fed, verdict: &Verdict) {
        if let Err(why) = self.vrrp.track(*router, *tracker, verdict.reading).await {
            let check = &verdict.check;
            log!(CheckNotCounted, check = check, error = why.to_string(), "check {check}: {why}");
        }
    }

    /// Lets the routers take part, also those of a later configuration.
    async fn take_part(&mut self) {
        self.taking_part = None;
        for (router, tracker) in self.users.get(STARTUP).into_iter().flatten() {
            if let Err(why) = self.vrrp.track(*router, *tracker, true).await {
                log!(StartDelayNotEnded, error = why.to_string(), "cannot end the delay after the start: {why}");
            }
        }
    }

    /// Does what a signal asks for.
    async fn heed(&mut self, request: Request) {
        let dump = match request {
            // These go to the tasks that wait for them.
            Request::Stop(_) | Request::HandOver => return,
            Request::Reload => return self.reload(None),
            Request::DumpData => dump::data,
            Request::DumpStatistics => dump::statistics,
        };
        // Without an answer the end is near.
        if let Ok(snapshot) = self.snapshot().await {
            dump(&snapshot).into_iter().for_each(|line| log!(Dump, "{line}"));
        }
    }
}

/// Waits for the answer of the program on disk; where it is not asked, for ever. Who drops the future loses nothing.
async fn asked_program(asking: &mut Option<Asking>) -> Result<String, String> {
    match asking {
        Some((asking, _)) => asking.await.unwrap_or_else(|why| Err(why.to_string())),
        None => pending().await,
    }
}

/// Waits for a client that asks for a snapshot, at least until `from`. A dropped future loses nothing.
async fn asked_from<T>(asked: &mut mpsc::Receiver<T>, from: Instant) -> Option<T> {
    sleep_until(from).await;
    asked.recv().await
}

fn answer<T>(reply: Reply<T>, result: Result<T, Refused>) {
    // Who asked may have gone.
    let _ = reply.send(result);
}
