//! The daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    vrrp_examples::daemon::main(std::env::args_os())
}
