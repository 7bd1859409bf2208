//! `embed-minimal` and `vrrpd` stand in for each other.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Lan, in_namespace, until};

const CONFIGURATION: &str = "
vrrp_instance VI_51 {
    interface eth0
    virtual_router_id 51
    priority 255
    virtual_ipaddress {
        192.0.2.100/24
    }
}";

#[test]
fn it_takes_over_from_vrrpd_yields_to_it_and_ends_in_order() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let vrrpd = first.vrrpd(CONFIGURATION);
        let mut command = Command::new(env!("CARGO_BIN_EXE_embed-minimal"));
        command.args(["eth0", "51", "192.0.2.100/24", "254"]).stdout(Stdio::null());
        let mut minimal = second.spawn(&mut command);
        until("vrrpd advertises", || lan.wire().adverts(1).len() > 4);
        assert!(first.has("192.0.2.100") && !second.has("192.0.2.100"));

        // Silence, and then a release.
        vrrpd.kill();
        until("it takes over", || second.has("192.0.2.100"));
        until("it tells the neighbours", || !lan.wire().announcements(2, "192.0.2.100").is_empty());
        let vrrpd = first.vrrpd(CONFIGURATION);
        until("it yields", || !second.has("192.0.2.100") && first.has("192.0.2.100"));
        assert!(vrrpd.terminate().success());
        until("it takes over again", || second.has("192.0.2.100"));

        kill(Pid::from_raw(minimal.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(minimal.wait().unwrap().success());
        assert!(!second.has("192.0.2.100"));
        until("the release", || lan.wire().adverts(2).last().is_some_and(|advert| advert.priority == 0));
    });
}
