//! Stopping, dying, coming back, and a log that nobody reads.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Lan, in_namespace, until};

fn configuration(priority: u8) -> String {
    format!(
        "vrrp_script chk {{
             script \"/usr/bin/test ! -e $D/broken\"
             interval 1
         }}
         vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
             track_script {{
                 chk
             }}
         }}"
    )
}

#[test]
fn sigterm_releases_the_addresses_and_leaves_nothing_behind() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&configuration(255));
        until("the address is there", || host.has("192.0.2.100"));
        daemon.hang_up();
        daemon.until_logged("no change");
        assert!(host.has("192.0.2.100"), "it goes on");
        assert_eq!(daemon.terminate().code(), Some(0));
        assert!(!host.has("192.0.2.100") && !host.path("control").exists());
        until("the release", || lan.wire().adverts(1).last().is_some_and(|advert| advert.priority == 0));
        assert_eq!(daemon.log().last().unwrap(), "stopped");
        assert_eq!(daemon.logged("VI_1: removed 192.0.2.100/24 from eth0"), 1);
    });
}

#[test]
fn what_a_killed_daemon_left_is_swept_by_the_next_one() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let first = host.vrrpd_with(&configuration(255), &["--no-lease"]);
        until("the address is there", || host.has("192.0.2.100"));
        let line = host.line_of("192.0.2.100").unwrap();
        assert!(!line.contains("dynamic"), "{line}");
        first.kill();
        assert!(host.has("192.0.2.100") && host.path("control").exists());

        let second = host.vrrpd(&configuration(254));
        second.until_logged("VI_1: an earlier run left 192.0.2.100/24 on eth0, removing it");
        second.until_is("VI_1", "Backup");
        assert!(!host.has("192.0.2.100"), "a Backup has no address");
        second.until_is("VI_1", "Master");
        until("the address is back", || host.has("192.0.2.100"));
        assert_eq!(second.terminate().code(), Some(0));
    });
}

#[test]
fn the_address_of_a_killed_daemon_expires() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&configuration(254));
        until("the address is there", || host.has("192.0.2.100"));
        thread::sleep(Duration::from_secs(4));
        assert!(host.has("192.0.2.100"), "it is renewed");
        daemon.kill();
        until("the address is gone", || !host.has("192.0.2.100"));
    });
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let (daemon, _stderr) = host.vrrpd_unread(&configuration(255));
        let adverts = || lan.wire().adverts(1);
        until("five advertisements", || adverts().len() >= 5);
        let gaps: Vec<Duration> = adverts().windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        // What blocks on the log blocks for ever.
        assert!(gaps[1..].iter().all(|gap| *gap < Duration::from_secs(3)), "{gaps:?}");
        assert!(daemon.is("VI_1", "Master"));

        // A check that fails now must still be heard.
        fs::write(host.path("broken"), "").unwrap();
        daemon.until_is("VI_1", "Fault");
        let asked = Instant::now();
        assert_eq!(daemon.terminate().code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(10));
        assert!(!host.has("192.0.2.100") && !host.path("control").exists());
    });
}
