//! The loop: events of the protocol, verdicts of checks, questions on the control socket, and signals.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};
use vrrp_core::{Role, RouterId, TrackerId};
use vrrp_io_linux::{Event, EventKind, Events, Stopped, Vrrp};

use crate::vrrpd::checks::{Verdict, script};
use crate::vrrpd::config::Daemon;
use crate::vrrpd::control::order::Order;
use crate::vrrpd::control::refused::Refused;
use crate::vrrpd::control::snapshot::{Reasons, Snapshot};
use crate::vrrpd::control::{self, ControlSocket};
use crate::vrrpd::groups::Groups;
use crate::vrrpd::notify::{self, Limits, Notifier, NotifyState, Subject};
use crate::vrrpd::reaper;
use crate::vrrpd::routers::{Prepared, ScriptUser};
use crate::vrrpd::routes::{self, Routing};
use crate::vrrpd::signals::{Request, Signals};

/// How long the kernel may take to remove routes and rules at the end.
const STOP_ROUTES: Duration = Duration::from_secs(1);

/// The priority that scripts of a group are told: it has none, and keepalived says so too.
const GROUP_PRIORITY: u8 = 0;

/// Runs all that is configured until a signal asks for the end. `what`: how much it is, for the log.
pub(super) async fn run(
    configuration: Prepared,
    what: &str,
    control: Option<&Path>,
    limits: Limits,
) -> Result<(), Box<dyn std::error::Error>> {
    // Signals first: from here on a stop is orderly.
    let mut signals = Signals::catch().map_err(|why| format!("cannot catch signals: {why}"))?;
    tokio::spawn(reaper::reap(signal(SignalKind::child())?));
    let control = control.map(ControlSocket::bind).transpose()?;

    let Prepared { daemon, routers, script_users } = configuration;
    let routing = routes::spawn(&daemon.instances).await?;
    let (vrrp, events) = vrrp_io_linux::start_with(daemon.scheduling, routers)?;
    info!("started with {what}");
    let (verdict_sender, verdicts) = mpsc::channel(64);
    let (snapshots, asked) = mpsc::channel(64);
    let tracks = script::spawn(daemon.scripts.clone(), verdict_sender);
    let instances = daemon.instances.iter().map(|i| (Subject::Instance(i.name.clone()), i.notify.clone()));
    let groups = daemon.sync_groups.iter().map(|group| (Subject::Group(group.name.clone()), group.notify.clone()));
    let notifier = notify::spawn(instances.chain(groups), limits);
    let (orders, ordered) = mpsc::channel(64);
    let ears = control::Daemon { snapshots, orders };
    let server = control.map(|socket| tokio::spawn(control::serve(socket, ears)));

    let ids: Vec<RouterId> = vrrp.routers().await?.into_iter().map(|(id, _)| id).collect();
    let with_id = |user: ScriptUser| Some((*ids.get(user.router)?, user.tracker));
    let script_users = script_users.into_iter().map(|users| users.into_iter().filter_map(with_id).collect()).collect();
    let failures = vec![None; daemon.scripts.len()];
    let groups = Groups::new(&daemon);
    let mut supervisor = Supervisor { daemon, script_users, failures, vrrp, events, groups, notifier, routing };
    let ended = tokio::select! {
        () = supervisor.serve(verdicts, asked, ordered) => Err("the protocol driver has died".into()),
        why = stop(&mut signals) => Ok(why),
    };
    if let Ok(why) = ended {
        info!("{why}: stopping");
    }
    tracks.stop().await;
    if let Some(server) = server {
        server.abort();
    }
    supervisor.stop().await;
    ended.map(drop)
}

/// Waits for a signal to stop.
async fn stop(signals: &mut Signals) -> &'static str {
    loop {
        match signals.next().await {
            Request::Stop(why) => return why,
            Request::Reload => warn!("SIGHUP: restart vrrpd to have the configuration read again"),
            Request::DumpData => warn!("SIGUSR1: has no effect in vrrpd; `vrrpctl status` tells state and counters"),
            Request::DumpStatistics => {
                warn!("SIGUSR2: has no effect in vrrpd; `vrrpctl status` tells state and counters");
            }
        }
    }
}

/// What runs, and what it reports.
struct Supervisor {
    daemon: Daemon,
    /// For each script, the trackers that it feeds.
    script_users: Vec<Vec<(RouterId, TrackerId)>>,
    /// For each script that fails, how.
    failures: Vec<Option<String>>,
    vrrp: Vrrp,
    events: Events,
    groups: Groups,
    /// Told about the instances, and after these the groups.
    notifier: Notifier,
    routing: Routing,
}

impl Supervisor {
    /// Ends with the protocol's driver.
    async fn serve(
        &mut self,
        mut verdicts: mpsc::Receiver<Verdict>,
        mut asked: mpsc::Receiver<oneshot::Sender<Snapshot>>,
        mut ordered: mpsc::Receiver<Order>,
    ) {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.follow(&event),
                    None => return,
                },
                Some(verdict) = verdicts.recv() => self.judge(verdict).await,
                Some(reply) = asked.recv() => {
                    // The client may have gone. Where there is no answer it learns so by the end of `reply`.
                    if let Ok(snapshot) = self.snapshot().await {
                        let _ = reply.send(snapshot);
                    }
                }
                Some(order) = ordered.recv() => {
                    order.refuse(Refused::Impossible { why: "this release cannot do that yet".to_owned() });
                }
            }
        }
    }

    /// Releases everything, tells the rest of the story, lets the stop scripts run.
    async fn stop(self) {
        let Self { daemon, vrrp, mut events, notifier, routing, .. } = self;
        // Whoever called this knows when the routers had ended before.
        let _ = vrrp.stop_all().await;
        while let Ok(event) = events.try_recv() {
            tell(&event);
        }
        for (index, instance) in daemon.instances.iter().enumerate() {
            notifier.changed(index, NotifyState::Stop, instance.priority.get());
        }
        for group in 0..daemon.sync_groups.len() {
            notifier.changed(daemon.instances.len() + group, NotifyState::Stop, GROUP_PRIORITY);
        }
        routing.stop(STOP_ROUTES).await;
        notifier.shutdown().await;
        info!("stopped");
    }

    fn follow(&mut self, event: &Event) {
        tell(event);
        self.routing.follow(event);
        if let EventKind::StateChanged { transition, priority, .. } = &event.kind {
            // A Master that began anew: for scripts nothing has changed.
            if (transition.from, transition.to) == (Role::Master, Role::Master) {
                return;
            }
            let state = match transition.to {
                Role::Master => NotifyState::Master,
                Role::Backup => NotifyState::Backup,
                Role::Initialize => NotifyState::Fault,
            };
            self.notifier.changed(event.router.index(), state, priority.get());
            if let Some((group, state)) = self.groups.changed(event.router.index(), transition.to) {
                self.notifier.changed(self.daemon.instances.len() + group, state, GROUP_PRIORITY);
            }
        }
    }

    async fn snapshot(&self) -> Result<Snapshot, Stopped> {
        let driver = self.vrrp.status().await?;
        Ok(Snapshot { taken_at: SystemTime::now(), driver, reasons: self.reasons(), by_hand: Vec::new() })
    }

    /// Why checks fail, for each tracker that one of them feeds.
    fn reasons(&self) -> Reasons {
        let failing = self.script_users.iter().zip(&self.failures);
        let failing = failing.filter_map(|(users, failure)| Some((users, failure.as_ref()?)));
        failing.flat_map(|(users, reason)| users.iter().map(|user| (*user, reason.clone()))).collect()
    }

    async fn judge(&mut self, verdict: Verdict) {
        let Verdict { script, passed, reason } = verdict;
        let name = self.daemon.scripts.get(script).map_or("?", |script| script.name.as_str());
        if passed {
            info!("check {name} passes: {reason}");
        } else {
            warn!("check {name} failed: {reason}");
        }
        if let Some(failure) = self.failures.get_mut(script) {
            *failure = (!passed).then_some(reason);
        }
        for (router, tracker) in self.script_users.get(script).into_iter().flatten() {
            if let Err(why) = self.vrrp.track(*router, *tracker, passed).await {
                error!("check {name}: {why}");
            }
        }
    }
}

fn tell(event: &Event) {
    if event.kind.is_warning() {
        warn!("{event}");
    } else {
        info!("{event}");
    }
}
