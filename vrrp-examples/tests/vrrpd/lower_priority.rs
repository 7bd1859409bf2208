//! What a Master says, and tells, when it hears a lower one.

use vrrp_core::Version;

use crate::beside::Beside;
use crate::common::{Forged, Host, Lan, in_namespace, until};
use crate::instance;

/// An advertisement of somebody at `priority`.
fn other(source: &str, vrid: u8, priority: u8) -> Forged {
    let address = format!("192.0.2.{}", 100 + vrid);
    Forged { version: Version::V2, vrid, priority, interval: 100, ..Forged::new(source, &[&address]) }
}

#[test]
fn a_lower_one_is_answered_and_told_as_by_keepalived() {
    // keepalived tells the FIFO what it tells the script. It runs none in a user namespace, where it may not set their groups.
    let script = "notify_master_rx_lower_pri /bin/true";
    let configuration = "global_defs {\nvrrp_notify_fifo $D/fifo\nscript_user root\n}\n".to_owned()
        + &instance("VI_1", 1, 254, script)
        + &instance("VI_2", 2, 254, &format!("{script}\nlower_prio_no_advert on"));
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let third = lan.host(3);
        beside.both(|host| {
            let folder = host.path("").display().to_string();
            // It ends with the daemon.
            host.sh(&format!("cd {folder} && mkfifo fifo && {{ cat fifo >told 2>errors & }}"));
        });
        let _daemons = beside.start(&configuration, &[]);
        beside.until_both_say(1, 254);
        beside.until_both_say(2, 254);

        let release = other("192.0.2.3", 1, 0);
        let lower = other("192.0.2.3", 1, 253);
        let equal = other("10.0.0.1", 1, 254);
        third.forge(&[release, lower.clone(), lower.clone(), lower, equal, other("192.0.2.3", 2, 90)]);
        let told = |host: &Host| {
            let lines = host.lines("told").into_iter();
            let mut told: Vec<String> = lines.filter(|line| line.contains("RX_LOWER_PRI")).collect();
            told.sort();
            told
        };
        let line = |name: &str| format!("INSTANCE \"{name}\" MASTER_RX_LOWER_PRI 254");
        let all = [line("VI_1"), line("VI_1"), line("VI_1"), line("VI_1"), line("VI_2")];
        beside.both(|host| until(&format!("host {} tells all: {:?}", host.number(), told(host)), || told(host) == all));
        // Each restarts the timer, and so at most one more is due.
        let said = |host: &Host, vrid: u8| {
            let adverts = lan.wire().adverts(host.number()).into_iter();
            adverts.filter(|advert| advert.vrid == vrid).count()
        };
        beside.both(|host| until("four answers", || said(host, 1) >= said(host, 2) + 3));
        beside.both(|host| assert_eq!(told(host), all, "none of the release"));
        beside.until_both_say(1, 254);
    });
}
