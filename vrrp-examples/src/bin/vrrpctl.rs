//! Asks a running `vrrpd`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
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
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    request: control::Request,
}

fn main() -> ExitCode {
    let Arguments { control, json, request } = Arguments::parse();
    let answer = control::print(&control, &request, json, PATIENCE).map_err(|error| error.to_string());
    match answer.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "vrrpctl: {why}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that goes early (`vrrpctl status | head -1`) is no error.
fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot write the answer: {error}")),
        _ => Ok(()),
    }
}
