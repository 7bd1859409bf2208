//! The daemon: starts the routers, runs their checks and scripts, answers who asks, and says all that happens.

pub mod checks;
pub mod config;
pub mod control;
pub mod exec;
mod groups;
mod inherited;
mod journal;
pub mod keepalived;
mod log;
pub mod notify;
mod preflight;
mod reaper;
pub mod report;
mod routers;
pub mod routes;
mod signals;
mod status;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{Level, error, info, warn};
use vrrp_core::Role;
use vrrp_io_linux::{Event, EventKind, Stopped, Vrrp};

use self::log::Log;
use crate::vrrpd::checks::script::{self, Verdict};
use crate::vrrpd::config::Daemon;
use crate::vrrpd::control::{ControlSocket, Request, Status};
use crate::vrrpd::exec::Outcome;
use crate::vrrpd::keepalived::Places;
use crate::vrrpd::notify::{Limits, Notifier, NotifyState, Subject};
use crate::vrrpd::routes::Routing;
use groups::Groups;
use routers::Lowered;
use signals::Signals;

/// The exit status where the configuration would not run: `EX_CONFIG` of sysexits.h. To start once more is no use.
const WRONG_CONFIGURATION: u8 = 78;

/// How long the kernel may take to remove routes and rules at the end.
const STOP_ROUTES: Duration = Duration::from_secs(1);

/// How long the end waits for scripts that are being started just then, so that these are killed.
const LAST_STARTS: Duration = Duration::from_millis(200);

/// The priority that scripts of a group are told: it has none, and keepalived says so too.
const GROUP_PRIORITY: u8 = 0;

/// VRRP daemon for Linux that reads keepalived.conf.
#[derive(Debug, Parser)]
#[command(name = "vrrpd", version)]
struct Arguments {
    /// Configuration, in the language of keepalived.conf
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only say whether the configuration would run on this host; needs no interface and no privilege
    #[arg(long)]
    check: bool,
    /// Only print the configuration as it is understood: every default written out, passwords left out
    #[arg(long, conflicts_with = "check")]
    print: bool,
    /// Leave the addresses on the host when this process is killed or hangs, as keepalived does
    ///
    /// Without it each address expires some seconds after the last advertisement: before another host takes it over.
    #[arg(long)]
    no_lease: bool,
    /// Answer vrrpctl on this Unix socket
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// How long a notify script may take while no newer state waits; 0: as long as it likes
    ///
    /// A newer state waits at most 2 seconds for the script of an older one.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    notify_timeout: Duration,
    /// How long the scripts of a stop may take for each router and group; 0: as long as they like
    ///
    /// A service manager has to wait some seconds longer (TimeoutStopSec of systemd).
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    stop_timeout: Duration,
}

/// A day is longer than anybody waits.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0 to 86400".to_owned())
}

impl Arguments {
    fn limits(&self) -> Limits {
        let limit = |duration: Duration| Some(duration).filter(|duration| !duration.is_zero());
        Limits { script: limit(self.notify_timeout), stop: limit(self.stop_timeout) }
    }
}

/// Runs the daemon with the arguments of a command line, the program's name first.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(failed) = exec::become_command(&arguments) {
        return failed;
    }
    inherited::give_up();
    if journal::is_stderr() {
        std::panic::set_hook(Box::new(|panic| log::say(Level::ERROR, &panic.to_string())));
    }
    exec::remember(arguments.first().map_or(OsStr::new("vrrpd"), OsString::as_os_str));
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too. Where even this cannot be printed there is nobody to tell.
            if error.use_stderr() && journal::is_stderr() {
                log::say(Level::ERROR, &error.to_string());
            } else {
                let _ = error.print();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let wrong = ExitCode::from(WRONG_CONFIGURATION);
    let Some((configuration, places)) = load(&arguments.config, !arguments.no_lease) else { return wrong };
    if arguments.print {
        log::answer(&keepalived::print(&configuration.daemon));
        return ExitCode::SUCCESS;
    }
    let Lowered { daemon, routers, .. } = &configuration;
    let Some(warnings) = preflight::warnings(daemon, routers, &places, arguments.check) else { return wrong };
    drop(places);
    if arguments.check {
        let warned = if warnings == 0 { String::new() } else { format!(", with {}", plural(warnings, "warning")) };
        log::answer(&format!("{}: {} would run{warned}\n", arguments.config.display(), count(&configuration)));
        return ExitCode::SUCCESS;
    }
    let _log = match Log::to_stderr() {
        Ok(log) => log,
        Err(why) => {
            log::say(Level::ERROR, &format!("vrrpd: cannot start a thread for the log: {why}"));
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            error!("cannot make an event loop: {why}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(configuration, arguments.control.as_deref(), arguments.limits()));
    // A script whose start hangs (on a dead file server) holds its thread for as long.
    runtime.shutdown_timeout(LAST_STARTS);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            error!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the configuration and prints what there is to say about it. `None`: it would not run.
fn load(path: &Path, lease: bool) -> Option<(Lowered, Places)> {
    let (loaded, places) = match keepalived::load_with_places(path) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            log::say(Level::ERROR, &diagnostics.to_string());
            return None;
        }
    };
    for notice in &loaded.notices {
        log::say(Level::WARN, &notice.to_string());
    }
    match Lowered::new(loaded.daemon, lease) {
        Ok(lowered) => Some((lowered, places)),
        Err(why) => {
            log::say(Level::ERROR, &format!("{}: error: {why}", path.display()));
            None
        }
    }
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn count(configuration: &Lowered) -> String {
    let Daemon { instances, scripts, .. } = &configuration.daemon;
    format!("{} and {}", plural(instances.len(), "virtual router"), plural(scripts.len(), "script"))
}

async fn run(configuration: Lowered, control: Option<&Path>, limits: Limits) -> Result<(), Box<dyn std::error::Error>> {
    // Signals first: from here on a stop is orderly.
    let mut signals = Signals::catch()?;
    tokio::spawn(reaper::reap(signal(SignalKind::child())?));
    let control = control.map(ControlSocket::bind).transpose()?;

    let text = count(&configuration);
    let Lowered { daemon, routers, script_users } = configuration;
    let routing = routes::spawn(&daemon.instances).await?;
    let (vrrp, events) = vrrp_io_linux::start_with(daemon.scheduling, routers)?;
    info!("started with {text}");
    let (verdict_sender, verdicts) = mpsc::channel(64);
    let (request_sender, requests) = mpsc::channel(64);
    let tracks = script::spawn(daemon.scripts.clone(), verdict_sender);
    let instances = daemon.instances.iter().map(|i| (Subject::Instance(i.name.clone()), i.notify.clone()));
    let groups = daemon.sync_groups.iter().map(|group| (Subject::Group(group.name.clone()), group.notify.clone()));
    let notifier = notify::spawn(instances.chain(groups), limits);
    let server = control.map(|socket| tokio::spawn(control::serve(socket, request_sender)));

    let failures = vec![None; daemon.scripts.len()];
    let groups = Groups::new(&daemon);
    let mut supervisor = Supervisor { daemon, script_users, failures, vrrp, events, groups, notifier, routing };
    let ended = tokio::select! {
        () = supervisor.serve(verdicts, requests) => Err("the protocol driver has died".into()),
        why = signals.stop() => Ok(why),
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

/// What runs, and what it reports.
struct Supervisor {
    daemon: Daemon,
    /// For each script, the instances that track it.
    script_users: Vec<Vec<routers::ScriptUser>>,
    /// For each script that fails, how.
    failures: Vec<Option<Outcome>>,
    vrrp: Vrrp,
    events: mpsc::Receiver<Event>,
    groups: Groups,
    /// Told about the instances, and after these the groups.
    notifier: Notifier,
    routing: Routing,
}

impl Supervisor {
    /// Ends with the protocol's driver.
    async fn serve(&mut self, mut verdicts: mpsc::Receiver<Verdict>, mut requests: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.follow(&event),
                    None => return,
                },
                Some(verdict) = verdicts.recv() => self.judge(verdict).await,
                Some(Request::Status(reply)) = requests.recv() => {
                    // The client may have gone. Where there is no answer it learns so by the end of `reply`.
                    let _ = self.status().await.map(|status| reply.send(status));
                }
            }
        }
    }

    /// Releases everything, tells the rest of the story, lets the stop scripts run.
    async fn stop(self) {
        let Self { daemon, vrrp, mut events, notifier, routing, .. } = self;
        // Whoever called this knows when the routers had ended before.
        let _ = vrrp.stop().await;
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
            self.notifier.changed(event.router, state, priority.get());
            if let Some((group, state)) = self.groups.changed(event.router, transition.to) {
                self.notifier.changed(self.daemon.instances.len() + group, state, GROUP_PRIORITY);
            }
        }
    }

    async fn status(&self) -> Result<Status, Stopped> {
        let routers = self.vrrp.status().await?;
        let failing = self.daemon.scripts.iter().zip(&self.failures);
        let reasons = failing.filter_map(|(script, failure)| {
            let fault = format!("{} failed", routers::check_name(&script.name));
            failure.as_ref().map(|reason| (fault, reason.to_string()))
        });
        Ok(status::status(&routers, &reasons.collect()))
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
        for user in self.script_users.get(script).into_iter().flatten() {
            if let Err(why) = self.vrrp.track(user.router, user.tracker, passed).await {
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
