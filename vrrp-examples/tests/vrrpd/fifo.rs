//! FIFOs that take a line for each change, beside keepalived's.

use std::collections::BTreeMap;

use crate::common::{Host, Lan, in_namespace, until};
use crate::instance;

fn configuration(fifo: &str) -> String {
    let tracked = "track_file { value }\nnotify_priority_changes on";
    format!(
        "global_defs {{\nvrrp_notify_fifo {fifo}\nscript_user root\n}}\n\
         track_file value {{\nfile $D/value\nweight 1\n}}\n"
    ) + &instance("\"one and two\"", 1, 100, tracked)
        + &instance("VI_2", 2, 100, "")
        + "vrrp_sync_group G {\ngroup { VI_2 }\n}\n"
}

/// The lines about each instance and group, in their order.
fn by_subject(lines: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut by_subject: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let (subject, told) = line.rsplit_once("\" ").unwrap_or((line, ""));
        by_subject.entry(subject.to_owned()).or_default().push(told.to_owned());
    }
    by_subject
}

/// Reads what a daemon writes while it becomes Master, changes its priority and stops.
fn listen(host: &Host, name: &str, run: impl FnOnce()) -> BTreeMap<String, Vec<String>> {
    host.sh(&format!(
        "mkfifo {0} && {{ cat <> {0} > {0}.lines 2>{0}.errors & echo $! > {0}.pid; }}",
        host.path(name).display()
    ));
    run();
    host.sh(&format!("kill $(cat {}.pid)", host.path(name).display()));
    by_subject(&host.lines(&format!("{name}.lines")))
}

#[test]
fn a_fifo_gets_the_lines_that_keepalived_writes() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(2));
        let count =
            |host: &Host, text: &str| host.lines("fifo.lines").iter().filter(|line| line.contains(text)).count();
        let story = |host: &Host, stop: &dyn Fn()| {
            until("all are Master", || count(host, " MASTER ") == 3);
            std::fs::write(host.path("value"), "20\n").unwrap();
            until("the priority is told", || count(host, "MASTER_PRIORITY 120") == 1);
            stop();
            until("the stop is told", || count(host, " STOP ") == 3);
        };
        std::fs::write(host.path("value"), "0\n").unwrap();
        let ours = listen(&host, "fifo", || {
            let daemon = host.vrrpd(&configuration("$D/fifo"));
            story(&host, &|| assert!(daemon.terminate().success()));
        });
        std::fs::write(other.path("value"), "0\n").unwrap();
        let theirs = listen(&other, "fifo", || {
            let keepalived = other.keepalived(&configuration("$D/fifo"));
            story(&other, &|| keepalived.terminate());
        });
        assert_eq!(ours, theirs);
        assert_eq!(ours["INSTANCE \"one and two"], ["BACKUP 100", "MASTER 100", "MASTER_PRIORITY 120", "STOP 120"]);
        assert!(host.path("fifo").exists(), "it was there before");
    });
}

#[test]
fn a_fifo_that_nobody_reads_holds_nothing_up_and_goes_with_the_daemon() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let reader = host.script("reader", "exec cat \"$1\" >>$D/read");
        let globals = |more: &str| format!("global_defs {{\nvrrp_notify_fifo $D/fifo\n{more}\n}}\n");
        let router = instance("VI_1", 1, 255, "");
        let daemon = host.vrrpd(&(globals("fifo_write_vrrp_states_on_reload") + &router));
        daemon.until_is("VI_1", "Master");
        assert!(host.path("fifo").exists());
        // The reader comes with a reload, and is told all that is.
        let script = format!("vrrp_notify_fifo_script {reader}\nfifo_write_vrrp_states_on_reload");
        host.reconfigure(&(globals(&script) + &router));
        daemon.hang_up();
        daemon.until_logged("vrrp_notify_fifo_script");
        host.set_carrier(false);
        until("the reader reads", || host.lines("read").iter().any(|line| line == "INSTANCE \"VI_1\" FAULT 255"));
        assert!(daemon.terminate().success());
        assert_eq!(host.lines("read").last().map(String::as_str), Some("INSTANCE \"VI_1\" STOP 255"));
        assert!(!host.path("fifo").exists());
    });
}
