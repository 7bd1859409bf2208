//! Asks a running `vrrpd`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use vrrp_examples::top;
use vrrp_examples::vrrpd::control::refused::Refused;
use vrrp_examples::vrrpd::control::{self, AskError, Printed, record};

/// The longest time without a sign of life of the daemon.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a running vrrpd over its control socket, or gives it an order.
#[derive(Parser)]
#[command(name = "vrrpctl", version, after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// Socket that vrrpd listens on.
    #[arg(long, global = true, value_name = "SOCKET", default_value = control::DEFAULT_SOCKET)]
    control: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    #[command(flatten)]
    Ask(control::Request),
    Top(top::Options),
}

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  refused; nobody answers; a check that failed; a drain after which addresses are still here; doctor found something
  2  a command line that makes no sense

What is changed by hand (drain, priority, stop) shows in `vrrpctl status` and ends with the next reload.
To take a host down: `vrrpctl drain --all && poweroff`.";

fn main() -> ExitCode {
    let Arguments { control, json, command } = Arguments::parse();
    match command {
        Command::Ask(control::Request::Record(record::Request { to: Some(_), .. })) if json => {
            let why = "the argument '--json' cannot be used with '--to <FILE>': vrrp-replay reads the file as it is";
            Arguments::command().error(ErrorKind::ArgumentConflict, why).exit()
        }
        Command::Ask(request) => ask(&control, json, &request),
        Command::Top(options) => show(&control, &options),
    }
}

fn show(control: &Path, options: &top::Options) -> ExitCode {
    match top::run(control, options, PATIENCE) {
        Ok(top::Ended::Quit) => ExitCode::SUCCESS,
        // The status that a shell gives to the end by a signal.
        Ok(top::Ended::Signal(number)) => ExitCode::from(u8::try_from(128 + number).unwrap_or(1)),
        Err(why) => {
            say(&format!("vrrpctl: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn ask(control: &Path, json: bool, request: &control::Request) -> ExitCode {
    let mut unprintable = None;
    let mut print = |text: &str| {
        let printed = print(text);
        unprintable = unprintable.take().or(printed.as_ref().err().cloned().flatten());
        printed.is_ok()
    };
    let answered = match request {
        control::Request::Stats(stats) if stats.every.is_some() => {
            let every = (stats.every.unwrap_or(PATIENCE), json);
            let nothing = Printed { text: String::new(), succeeded: true };
            control::every(control, stats, every, PATIENCE, &mut print).map(|()| nothing)
        }
        request => control::print(control, request, json, PATIENCE, &mut print),
    };
    let succeeded = match answered {
        Ok(Printed { text, succeeded }) => {
            match request {
                control::Request::Record(record::Request { to: Some(path), .. }) if succeeded => {
                    let why = |error| format!("vrrpctl: cannot write {}: {error}", path.display());
                    unprintable = record::write(path, [text]).map_err(why).err();
                }
                _ => drop(print(&text)),
            }
            succeeded
        }
        Err(error) => {
            say(&words(&error));
            print(&if json { error.json(request) } else { String::new() });
            false
        }
    };
    if let Some(why) = &unprintable {
        say(why);
    }
    if succeeded && unprintable.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a complaint. If even that fails, there is nobody to tell.
fn say(complaint: &str) {
    let _ = writeln!(io::stderr(), "{complaint}");
}

/// Returns the message of an error. A finding in a file begins with its place: an editor goes there.
fn words(error: &AskError) -> String {
    match error {
        AskError::Refused { text, why: Some(why) } if matches!(**why, Refused::InvalidConfiguration { .. }) => {
            text.clone()
        }
        error => format!("vrrpctl: {error}"),
    }
}

/// Prints a text. An error without words means that the reader has gone early (`vrrpctl status | head -1`), which is not a failure.
fn print(text: &str) -> Result<(), Option<String>> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        let broken = error.kind() == io::ErrorKind::BrokenPipe;
        (!broken).then(|| format!("vrrpctl: cannot write the answer: {error}"))
    })
}
