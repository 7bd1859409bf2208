//! The daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    vrrp_examples::vrrpd::main(std::env::args_os())
}
