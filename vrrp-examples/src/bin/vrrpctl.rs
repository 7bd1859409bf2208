//! Asks a running `vrrpd`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use vrrp_examples::vrrpd::control;

/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a running vrrpd over its control socket.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Socket that vrrpd listens on.
    #[arg(long, global = true, value_name = "SOCKET", default_value = control::DEFAULT_SOCKET)]
    control: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Tell where each virtual address is, and why.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "vrrpctl: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, String> {
    let Verb::Status { json } = arguments.verb;
    let status = control::status(&arguments.control, PATIENCE).map_err(|error| error.to_string())?;
    if !json {
        return Ok(control::render(&status));
    }
    serde_json::to_string_pretty(&status).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// A reader that goes early (`vrrpctl status | head -1`) is no error.
fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot write the answer: {error}")),
        _ => Ok(()),
    }
}
