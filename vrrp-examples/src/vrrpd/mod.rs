//! The daemon: its command line, and its start. What runs then is the supervisor's.

mod by_hand;
pub mod checks;
pub mod config;
pub mod control;
mod convert;
mod difference;
pub mod exec;
mod groups;
mod inherited;
mod journal;
pub mod keepalived;
mod log;
pub mod native;
pub mod notify;
mod preflight;
mod reading;
mod reaper;
mod reload;
pub mod report;
mod routers;
pub mod routes;
mod service_manager;
mod signals;
pub mod soundness;
mod supervisor;
mod upgrade;
mod verdict;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing::{Level, error};

use crate::vrrpd::config::Options;
use crate::vrrpd::log::Log;
use crate::vrrpd::notify::Limits;
use crate::vrrpd::reading::{Loaded, Source};
use crate::vrrpd::report::diagnostics::Diagnostic;
use crate::vrrpd::routers::Prepared;
use crate::vrrpd::supervisor::Ended;
use crate::vrrpd::upgrade::{Document, Inherited, Program};
use crate::vrrpd::verdict::Summary;

/// The exit status where the configuration would not run: `EX_CONFIG` of sysexits.h. To start once more is no use.
const WRONG_CONFIGURATION: u8 = 78;

/// How long a notify script may take, and the scripts of a stop, where nobody says otherwise.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end waits for scripts that are being started just then, so that these are killed.
const LAST_STARTS: Duration = Duration::from_millis(200);

/// How long the last lines may take to be written where another program goes on: nobody advertises meanwhile.
const LAST_LINES: Duration = Duration::from_millis(10);

/// VRRP daemon for Linux that reads keepalived.conf, or a format of its own.
#[derive(Debug, Parser)]
#[command(name = "vrrpd", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct CommandLine {
    #[command(subcommand)]
    instead: Option<Instead>,
    #[command(flatten)]
    run: Option<Arguments>,
}

/// What it does instead of running.
#[derive(Debug, clap::Subcommand)]
enum Instead {
    /// Print a keepalived.conf in the native format, passwords too; what changed or was left out is named
    Convert {
        /// The keepalived.conf
        file: PathBuf,
        /// What the host is called in lines for some hosts only (@ID) [default: the name of this one up to the first dot]
        #[arg(short = 'i', long, value_name = "ID")]
        id: Option<String>,
    },
    /// Print the JSON schema of the native format, for editors
    Schema,
}

#[derive(Debug, clap::Args)]
struct Arguments {
    /// Configuration: in the native format if its name ends in .toml, else in the language of keepalived.conf
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What this host is called in lines of the configuration for some hosts only (@ID) [default: its name up to the first dot]
    #[arg(short = 'i', long, value_name = "ID")]
    id: Option<String>,
    /// Only say whether the configuration would run on this host; needs no interface and no privilege
    #[arg(long)]
    check: bool,
    /// Say it as one JSON object, for editors and other programs
    #[arg(long, requires = "check")]
    json: bool,
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
    ///
    /// 60 where neither this nor the configuration says otherwise.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    notify_timeout: Option<Duration>,
    /// How long the scripts of a stop may take for each router and group; 0: as long as they like
    ///
    /// A service manager has to wait some seconds longer (TimeoutStopSec of systemd).
    ///
    /// 5 where neither this nor the configuration says otherwise.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stop_timeout: Option<Duration>,
}

/// A day is longer than anybody waits.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0 to 86400".to_owned())
}

impl Arguments {
    /// What the command line says counts first.
    fn limits(&self, options: &Options) -> Limits {
        let limit = |first: Option<Duration>, then: Option<Duration>, default| {
            Some(first.or(then).unwrap_or(default)).filter(|duration| !duration.is_zero())
        };
        Limits {
            script: limit(self.notify_timeout, options.notify_timeout, NOTIFY_TIMEOUT),
            stop: limit(self.stop_timeout, options.stop_timeout, STOP_TIMEOUT),
        }
    }
}

/// Runs the daemon with the arguments of a command line, the program's name first.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(failed) = exec::become_command(&arguments) {
        return failed;
    }
    let inherited = Inherited::take();
    inherited::give_up(inherited.is_some());
    if journal::is_stderr() {
        std::panic::set_hook(Box::new(|panic| log::say(Level::ERROR, &panic.to_string())));
    }
    exec::remember(arguments.first().map_or(OsStr::new("vrrpd"), OsString::as_os_str));
    let program = Program::of(&arguments);
    let arguments = match CommandLine::try_parse_from(arguments) {
        Ok(CommandLine { instead: Some(Instead::Convert { file, id }), .. }) => return convert(&file, id),
        Ok(CommandLine { instead: Some(Instead::Schema), .. }) => {
            log::answer(&format!("{:#}\n", native::schema()));
            return ExitCode::SUCCESS;
        }
        Ok(CommandLine { instead: None, run: Some(arguments) }) => arguments,
        // Without one of them clap has refused it.
        Ok(CommandLine { instead: None, run: None }) => return ExitCode::from(2),
        Err(error) => return refuse(&error),
    };
    let id = arguments.id.clone().unwrap_or_else(keepalived::host_id);
    let source = Source { path: arguments.config.clone(), id, lease: !arguments.no_lease };
    let Loaded { prepared, notices, places } = match source.load() {
        Ok(loaded) => loaded,
        Err(diagnostics) => return tell(&diagnostics.0, &Summary::new(None, &diagnostics.0), &arguments),
    };
    if arguments.print {
        verdict::say(&notices);
        log::answer(&keepalived::print(&prepared.daemon));
        return ExitCode::SUCCESS;
    }
    let mut found = notices;
    found.extend(preflight::findings(&prepared.daemon, &prepared.routers, &places, arguments.check));
    drop(places);
    let summary = Summary::new(Some(&prepared.daemon), &found);
    let told = tell(&found, &summary, &arguments);
    if arguments.check || !summary.runs() {
        return told;
    }
    let what = summary.what();
    start(prepared, source, (program, inherited), &what, &arguments)
}

/// Prints a file in the native format, and on stderr what that says in another way or not at all.
fn convert(file: &Path, id: Option<String>) -> ExitCode {
    match convert::convert(file, &id.unwrap_or_else(keepalived::host_id)) {
        Ok((converted, notices)) => {
            notices.iter().for_each(|notice| log::say(Level::WARN, &notice.to_string()));
            log::answer(&converted);
            ExitCode::SUCCESS
        }
        Err(diagnostics) => {
            log::say(Level::ERROR, &diagnostics.to_string());
            ExitCode::from(WRONG_CONFIGURATION)
        }
    }
}

/// Says what was found, and sums up where nothing is going to run.
fn tell(found: &[Diagnostic], summary: &Summary, arguments: &Arguments) -> ExitCode {
    let (config, runs) = (&arguments.config, summary.runs());
    if arguments.json {
        log::answer(&verdict::json(config, found, summary));
    } else {
        verdict::say(found);
        match (runs, arguments.check) {
            (true, true) => log::answer(&(summary.line(config) + "\n")),
            (true, false) => {}
            (false, _) => log::say(Level::ERROR, &summary.line(config)),
        }
    }
    if runs { ExitCode::SUCCESS } else { ExitCode::from(WRONG_CONFIGURATION) }
}

/// Says why a command line is none. Help and version come this way too.
fn refuse(error: &clap::Error) -> ExitCode {
    // Where even this cannot be printed there is nobody to tell.
    if error.use_stderr() && journal::is_stderr() {
        log::say(Level::ERROR, &error.to_string());
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Runs the daemon, from its log to its end.
fn start(
    mut prepared: Prepared,
    source: Source,
    (program, inherited): (Option<Program>, Option<Inherited>),
    what: &str,
    arguments: &Arguments,
) -> ExitCode {
    let log = match Log::to_stderr() {
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
    let mut document = inherited.and_then(|inherited| read(inherited, arguments));
    let ended = loop {
        let setting = supervisor::Setting {
            source: source.clone(),
            program: program.clone(),
            control: arguments.control.as_deref(),
            limits: arguments.limits(&prepared.daemon.options),
        };
        match runtime.block_on(supervisor::run(prepared, document.take(), what, setting)) {
            Ok(Ended::Stopped) => break Ok(()),
            Ok(Ended::Suspended(suspended)) => {
                // The log's thread goes with this program.
                log.flush(LAST_LINES);
                let failed = match suspended.hand_over(program.as_ref()) {
                    // The service manager has it.
                    Ok(()) => break Ok(()),
                    Err(failed) => failed,
                };
                error!("{failed}: this process goes on");
                let lease = source.lease && !suspended.daemon.options.no_lease;
                match Prepared::new(*suspended.daemon, lease) {
                    Ok(same) => (prepared, document) = (same, Some(*suspended.document)),
                    Err(why) => break Err(why.into()),
                }
            }
            Err(why) => break Err(why),
        }
    };
    // A script whose start hangs (on a dead file server) holds its thread for as long.
    runtime.shutdown_timeout(LAST_STARTS);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            error!("{}", log::with_sources(&*why));
            ExitCode::FAILURE
        }
    }
}

/// Reads what the program before has left.
fn read(inherited: Inherited, arguments: &Arguments) -> Option<Document> {
    let read = inherited.read();
    let complain =
        |why| error!("{}: cannot go on from what ran before, so this is a start: {why}", arguments.config.display());
    read.map_err(complain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_command_line_count_before_those_of_the_file() {
        let limits = |arguments: &[&str], options: Options| {
            let line = ["vrrpd", "--config", "x.toml"].iter().chain(arguments);
            let Ok(CommandLine { run: Some(arguments), .. }) = CommandLine::try_parse_from(line) else { panic!() };
            let Limits { script, stop } = arguments.limits(&options);
            (script.map(|limit| limit.as_secs()), stop.map(|limit| limit.as_secs()))
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let options = Options { notify_timeout: seconds(7), stop_timeout: seconds(0), ..Options::default() };
        assert_eq!(limits(&[], Options::default()), (Some(60), Some(5)));
        assert_eq!(limits(&[], options), (Some(7), None));
        assert_eq!(limits(&["--notify-timeout", "0", "--stop-timeout", "3"], options), (None, Some(3)));
    }

    #[test]
    fn what_it_does_instead_of_running_needs_no_configuration_and_running_does() {
        let parsed = |line: &[&str]| CommandLine::try_parse_from(line.iter().copied());
        assert!(matches!(parsed(&["vrrpd", "convert", "a"]), Ok(CommandLine { instead: Some(_), run: None })));
        assert!(matches!(parsed(&["vrrpd", "--config", "a"]), Ok(CommandLine { instead: None, run: Some(_) })));
        for wrong in
            [&["vrrpd"][..], &["vrrpd", "convert"], &["vrrpd", "--check"], &["vrrpd", "--config", "a", "schema"]]
        {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
