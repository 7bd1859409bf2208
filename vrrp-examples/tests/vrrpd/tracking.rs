//! Scripts and interfaces that decide whether, and how readily, a router serves.

use std::fs;
use std::time::{Duration, Instant};

use crate::common::{Lan, in_namespace, throughout, until};
use crate::instance;

/// An owner, who would be Master at once, with one check.
fn checked(name: &str, vrid: u8, script: &str) -> String {
    format!("vrrp_script {name} {{\n script \"{script}\"\n interval 1\n }}\n")
        + &instance(&format!("VI_{vrid}"), vrid, 255, &format!("track_script {{\n {name}\n }}"))
}

#[test]
fn a_check_that_cannot_succeed_keeps_the_router_out_until_it_does() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        fs::write(host.path("plain"), "#!/bin/sh\n").unwrap();
        let slow = host.script("slow", "sleep 60 & echo $! >>$D/children; wait");
        let killed = host.script("killed", "kill -SEGV $$");
        let fails = host.script("fails", "echo 'squid: no running copy' >&2; exit 1");
        let daemon = host.vrrpd(
            &(checked("missing", 1, "$D/missing")
                + &checked("plain", 2, "$D/plain")
                + &checked("slow", 3, &slow)
                + &checked("killed", 4, &killed)
                + &checked("fails", 5, &format!("{fails} with arguments"))),
        );
        let directory = host.path("");
        let directory = directory.display();
        let reasons = [
            ("VI_1", "missing", format!("cannot run {directory}missing: No such file or directory")),
            ("VI_2", "plain", format!("cannot run {directory}plain: Permission denied")),
            ("VI_3", "slow", "timed out after 1 s, killed with its children".to_owned()),
            ("VI_4", "killed", "killed by signal 11 (SIGSEGV)".to_owned()),
            ("VI_5", "fails", "exit status 1: squid: no running copy".to_owned()),
        ];
        for (router, check, reason) in &reasons {
            daemon.until_logged(&format!("check {check} failed: {reason}"));
            daemon.until_logged(&format!("{router}: Initialize -> Fault: check {check} failed"));
            daemon.until_is(router, "Fault");
            assert_eq!(daemon.router(router).faults, [format!("check {check} failed: {reason}")]);
        }
        throughout(Duration::from_secs(2), "nobody is Master", || {
            daemon.status().routers.iter().all(|router| router.state == "Fault")
        });
        assert_eq!(lan.wire().adverts(1), []);
        assert_eq!(host.ip("-4 -oneline address show").lines().count(), 2, "lo and eth0 have their own address only");
        let child: i32 = host.lines("children")[0].parse().unwrap();
        assert!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), None).is_err(), "the child lives");

        // All recover, each as soon as its check passes.
        for check in ["missing", "plain", "slow", "killed", "fails"] {
            host.script(check, "exit 0");
        }
        for (router, check, _) in &reasons {
            daemon.until_is(router, "Master");
            let text = format!(
                "{router}: Fault -> Master at priority 255: no fault any more, the last was: check {check} failed"
            );
            daemon.until_logged(&text);
            assert_eq!(daemon.router(router).faults, [""; 0]);
        }
    });
}

/// The base priorities and what is tracked; `$D/well` is the check of `script`.
fn weighted(priorities: [u8; 3], tracked: bool) -> String {
    let routers = [
        ("script", "track_script {\n chk_well\n }"),
        ("interface", "track_interface {\n eth1 weight -100\n }"),
        ("reverse", "track_interface {\n eth1 weight 100 reverse\n }"),
    ];
    let script = "vrrp_script chk_well {\n script \"/usr/bin/test -e $D/well\"\n interval 1\n weight -100\n }\n";
    let instances = routers
        .iter()
        .zip(priorities)
        .zip(1..)
        .map(|(((name, track), priority), vrid)| instance(name, vrid, priority, if tracked { track } else { "" }));
    script.to_owned() + &instances.collect::<String>()
}

#[test]
fn a_weight_changes_the_very_next_advertisement_and_the_other_host_takes_over() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        first.add_eth1();
        fs::write(first.path("well"), "").unwrap();
        let ours = first.vrrpd(&weighted([254, 254, 254], true));
        // With eth1 up the reversed weight lowers it to 154.
        for (name, priority) in [("script", 254), ("interface", 254), ("reverse", 154)] {
            ours.until_is(name, "Master");
            assert_eq!(ours.router(name).priority, priority);
            assert_eq!(ours.router(name).configured_priority, 254);
        }
        let other = second.vrrpd(&weighted([200, 200, 200], false));
        other.until_is("reverse", "Master");
        other.until_logged(
            "reverse: Backup -> Master at priority 200: preempts the Master 192.0.2.1 of lower priority 154",
        );
        assert!(other.is("script", "Backup") && other.is("interface", "Backup"));

        fs::remove_file(first.path("well")).unwrap();
        first.ip("link set eth1 down");
        let advertised = |vrid: u8, after: Instant| {
            let adverts = lan.wire().adverts(1).into_iter();
            adverts.filter(|advert| advert.vrid == vrid && advert.at > after).map(|advert| advert.priority).next()
        };
        for (name, vrid, priority) in [("interface", 2, 154), ("script", 1, 154)] {
            until("the priority in use changes", || ours.router(name).priority == priority);
            let changed = Instant::now();
            until("the next advertisement", || advertised(vrid, changed).is_some());
            assert_eq!(advertised(vrid, changed), Some(priority), "{name}");
            assert!(ours.is(name, "Master"), "a weight is no fault");
        }
        assert_eq!(ours.router("reverse").priority, 254);
        for line in [
            "reverse: priority 254 -> 154: interface eth1 is up",
            "interface: priority 254 -> 154: interface eth1 is down",
            "reverse: priority 154 -> 254: interface eth1 is down",
            "script: priority 254 -> 154: check chk_well failed",
        ] {
            ours.until_logged(line);
        }

        for name in ["script", "interface"] {
            other.until_is(name, "Master");
            ours.until_is(name, "Backup");
            let text = format!(
                "{name}: Backup -> Master at priority 200: preempts the Master 192.0.2.1 of lower priority 154"
            );
            other.until_logged(&text);
        }
        ours.until_is("reverse", "Master");
    });
}
