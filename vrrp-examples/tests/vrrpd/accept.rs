//! `no_accept`: a Master that does not answer for the addresses it does not own.

use std::process::{Command, Stdio};

use crate::common::{Host, Lan, in_namespace, until};

fn configuration(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             {lines}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
         }}"
    )
}

fn answers(client: &Host, address: &str) -> bool {
    let mut ping = Command::new("ping");
    ping.args(["-n", "-c", "1", "-W", "1", address]).stdout(Stdio::null());
    client.spawn(&mut ping).wait().unwrap().success()
}

#[test]
fn no_accept_and_strict_mode_are_silent_at_the_virtual_address_alone() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(2));
        for (priority, lines, accepts) in [
            (254, "", true),
            (254, "no_accept", false),
            (254, "strict_mode", false),
            (254, "accept\nversion 3\nstrict_mode", true),
            (255, "no_accept", true),
        ] {
            let daemon = host.vrrpd(&configuration(priority, lines));
            until("the address is there", || host.has("192.0.2.100"));
            assert_eq!(answers(&client, "192.0.2.100"), accepts, "{lines}");
            assert!(answers(&client, "192.0.2.1"), "its own address: {lines}");
            daemon.terminate();
        }
    });
}
