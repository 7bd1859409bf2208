//! The two-proxy Squid failover, end to end, in network namespaces that it makes itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    vrrp_examples::lab::main()
}
