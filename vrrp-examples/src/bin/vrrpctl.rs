//! Asks a running `vrrpd`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use vrrp_examples::vrrpd::control::refused::Refused;
use vrrp_examples::vrrpd::control::{self, AskError, Printed};

/// How long the daemon may give no sign of life.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a running vrrpd over its control socket, and has it do something.
#[derive(Parser)]
#[command(version, after_help = EXIT_STATUS)]
struct Arguments {
    /// Socket that vrrpd listens on.
    #[arg(long, global = true, value_name = "SOCKET", default_value = control::DEFAULT_SOCKET)]
    control: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    request: control::Request,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  refused; nobody answers; a check that failed; a drain after which addresses are still here
  2  a command line that makes no sense

What is changed by hand (drain, priority, stop) shows in `vrrpctl status` and ends with the next reload.
To take a host down: `vrrpctl drain --all && poweroff`.";

fn main() -> ExitCode {
    let Arguments { control, json, request } = Arguments::parse();
    let (text, succeeded) = match control::print(&control, &request, json, PATIENCE) {
        Ok(Printed { text, succeeded }) => (text, succeeded),
        Err(error) => {
            say(&words(&error));
            (if json { error.json() } else { String::new() }, false)
        }
    };
    let printed = print(&text);
    if let Err(why) = &printed {
        say(why);
    }
    if succeeded && printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Where even this cannot be written there is nobody to tell.
fn say(complaint: &str) {
    let _ = writeln!(io::stderr(), "{complaint}");
}

/// What is found in a file begins with its place: an editor goes there.
fn words(error: &AskError) -> String {
    match error {
        AskError::Refused { text, why: Some(why) } if matches!(**why, Refused::InvalidConfiguration { .. }) => {
            text.clone()
        }
        error => format!("vrrpctl: {error}"),
    }
}

/// A reader that goes early (`vrrpctl status | head -1`) is no error.
fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("vrrpctl: cannot write the answer: {error}"))
        }
        _ => Ok(()),
    }
}
