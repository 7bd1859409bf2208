//! The daemon: its command line, and its start. What runs then is the supervisor's.

mod by_hand;
pub mod checks;
pub mod config;
pub mod control;
mod convert;
mod difference;
pub mod doctor;
pub mod exec;
mod groups;
pub mod http;
mod inherited;
pub mod keepalived;
pub mod log;
pub mod native;
pub mod notify;
mod preflight;
mod reading;
mod reaper;
mod recordings;
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
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use crate::vrrpd::config::Options;
use crate::vrrpd::log::{Choice, Level, Log, line, log};
use crate::vrrpd::notify::Limits;
use crate::vrrpd::reading::{Loaded, Source};
use crate::vrrpd::report::diagnostics::Diagnostic;
use crate::vrrpd::routers::Prepared;
use crate::vrrpd::supervisor::Ended;
use crate::vrrpd::upgrade::{Document, Inherited, Program};
use crate::vrrpd::verdict::Summary;

/// The exit status for a configuration that would not run: `EX_CONFIG` of sysexits.h. A second start would fail too.
const WRONG_CONFIGURATION: u8 = 78;

/// The time that a notify script may take, and the scripts of a stop, if nobody says otherwise.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The time for which the end waits for scripts that are being started just then, so that these are killed.
const LAST_STARTS: Duration = Duration::from_millis(200);

/// The time that the last lines may take to be written if another program goes on: nobody advertises meanwhile.
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

/// A task to do instead of running.
#[derive(Debug, clap::Subcommand)]
enum Instead {
    /// Print a keepalived.conf in the native format, passwords too; lists all that was changed or left out
    Convert {
        /// The keepalived.conf
        file: PathBuf,
        /// The name of this host in lines for some hosts only (@ID) [default: the host name up to the first dot]
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
    /// The name of this host in lines of the configuration for some hosts only (@ID) [default: the host name up to the first dot]
    #[arg(short = 'i', long, value_name = "ID")]
    id: Option<String>,
    /// Only check if the configuration would run on this host; needs no interface and no privilege
    #[arg(long)]
    check: bool,
    /// Print the result as one JSON object, for editors and other programs
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
    /// Format of the lines on standard error; with syslog each begins with a level like `<4>` [default: syslog if that is
    /// the journal of systemd, else text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Choice>,
    /// Answer vrrpctl on this Unix socket
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Serve a page for browsers, /metrics for Prometheus and /status.json on this address; may be given several times
    ///
    /// Everybody who can connect can see everything. Nobody can change anything. 127.0.0.1:9112 is for this host only.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = http::address)]
    http: Vec<SocketAddr>,
    /// Time that a notify script may take while no newer state waits; 0: no limit
    ///
    /// A newer state waits at most 2 seconds for the script of an older one.
    ///
    /// The default is 60, unless the configuration sets it.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    notify_timeout: Option<Duration>,
    /// Time that the scripts of a stop may take for each router and group; 0: no limit
    ///
    /// A service manager has to wait some seconds longer (TimeoutStopSec of systemd).
    ///
    /// The default is 5, unless the configuration sets it.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stop_timeout: Option<Duration>,
    /// Directory for a recording of each unexpected takeover or loss, for vrrp-replay; keeps the newest 32, at most 64 MiB
    ///
    /// The default is STATE_DIRECTORY, which a systemd unit sets with StateDirectory=. If that is not set, or DIR is
    /// empty, no recordings are kept.
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
}

/// Returns the command line of vrrpd, for its manual page and for shells that complete it.
#[must_use]
pub fn command_line() -> clap::Command {
    CommandLine::command()
}

/// Reads a number of seconds. The longest is a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0 to 86400".to_owned())
}

impl Arguments {
    /// Returns where recordings go.
    fn recordings(&self) -> Option<PathBuf> {
        let of_unit = || {
            let directories = std::env::var("STATE_DIRECTORY").ok()?;
            directories.split(':').next().map(PathBuf::from)
        };
        self.recordings.clone().or_else(of_unit).filter(|path| !path.as_os_str().is_empty())
    }

    /// Returns the limits: from the command line, else from the configuration.
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
    log::choose(arguments.log_format);
    log::tell_panics();
    let id = arguments.id.clone().unwrap_or_else(keepalived::host_id);
    let source = Source { path: arguments.config.clone(), id, lease: !arguments.no_lease };
    let Loaded { prepared, notices, places } = match source.load() {
        Ok(loaded) => loaded,
        Err(diagnostics) => return tell(&diagnostics.0, &Summary::new(None, &diagnostics.0), &arguments),
    };
    if arguments.print {
        verdict::say(&notices);
        let print = if reading::is_native(&source.path) { native::print_in_full } else { keepalived::print };
        log::answer(&print(&prepared.daemon));
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
            notices.iter().for_each(|notice| log::say(verdict::line(notice, &notice.to_string())));
            log::answer(&converted);
            ExitCode::SUCCESS
        }
        Err(diagnostics) => {
            log::say(line!(Configuration, "{diagnostics}").at(Level::Error));
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
            (false, _) => log::say(line!(Configuration, "{}", summary.line(config)).at(Level::Error)),
        }
    }
    if runs { ExitCode::SUCCESS } else { ExitCode::from(WRONG_CONFIGURATION) }
}

/// Says why a command line is none. Help and version come this way too.
fn refuse(error: &clap::Error) -> ExitCode {
    // Where even this cannot be printed there is nobody to tell.
    if error.use_stderr() && !log::is_for_people() {
        log::say(line!(CommandLine, "{error}"));
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
            log::say(line!(Fatal, "vrrpd: cannot start a thread for the log: {why}"));
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            log!(Fatal, "cannot make an event loop: {why}");
            return ExitCode::FAILURE;
        }
    };
    let mut document = inherited.and_then(|inherited| read(inherited, arguments));
    let ended = loop {
        let setting = supervisor::Setting {
            source: source.clone(),
            program: program.clone(),
            control: arguments.control.as_deref(),
            http: &arguments.http,
            limits: arguments.limits(&prepared.daemon.options),
            lines: log.lines(),
            recordings: arguments.recordings(),
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
                log!(UpgradeFailed, why = failed.to_string(), "{failed}: this process goes on");
                let lease = source.lease && !suspended.daemon.options.no_lease;
                match Prepared::new(*suspended.daemon, lease) {
                    Ok(same) => (prepared, document) = (same, Some(*suspended.document)),
                    Err(why) => break Err(why.into()),
                }
            }
            Err(why) => break Err(why),
        }
    };
    // A script whose start hangs (on a dead file server) blocks its thread for as long.
    runtime.shutdown_timeout(LAST_STARTS);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log!(Fatal, "{}", log::with_sources(&*why));
            ExitCode::FAILURE
        }
    }
}

/// Reads what the program before has left.
fn read(inherited: Inherited, arguments: &Arguments) -> Option<Document> {
    let read = inherited.read();
    let complain = |why| {
        let config = arguments.config.display();
        log!(
            DoesNotGoOn,
            error = why,
            "{config}: cannot go on from the process before, so this is an ordinary start: {why}"
        );
    };
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
