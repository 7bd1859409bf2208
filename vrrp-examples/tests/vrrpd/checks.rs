//! Checks that vrrpd makes itself, without a script.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{Host, Lan, in_namespace};

/// A proxy on port 3128 of the host, which accepts every connection, and answers while it is told to.
fn proxy(host: &Host) -> Arc<AtomicBool> {
    let answers = Arc::new(AtomicBool::new(false));
    let listener = host.run(|| TcpListener::bind("127.0.0.1:3128").unwrap());
    let answering = Arc::clone(&answers);
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if !answering.load(Ordering::Relaxed) {
                silent.push(stream);
                continue;
            }
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            assert_eq!(lines.next().as_deref(), Some("GET http://www.example/ HTTP/1.1"));
            lines.find(String::is_empty);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    answers
}

/// Owners, who would be Master at once.
const CONFIGURATION: &str = r#"
[check.squid]
kind = "proxy"
target = "127.0.0.1:3128"
get = "http://www.example/"
interval = "200ms"
timeout = "500ms"
fall = 2

[check.slow]
kind = "tcp"
target = "127.0.0.1:3129"
interface = "eth1"
timeout = "1h"
interval = "1h"

[check.load]
kind = "value"
path = "$D/load"
weight = -1

[router.web]
interface = "eth0"
vrid = 1
priority = 255
addresses = ["192.0.2.101/24"]
track_checks = ["squid"]

[router.waiting]
interface = "eth0"
vrid = 2
priority = 255
addresses = ["192.0.2.102/24"]
track_checks = ["slow"]

[router.load]
interface = "eth0"
vrid = 3
priority = 100
addresses = ["192.0.2.103/24"]
track_checks = ["load"]
"#;

#[test]
fn a_proxy_that_accepts_and_does_not_answer_is_out_of_service() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // Nobody there answers a SYN, nor says that nobody is there.
        host.add_eth1();
        host.ip("address add 198.51.100.1/24 dev eth1");
        host.ip("neighbour add 198.51.100.9 lladdr 02:00:00:00:00:09 dev eth1");
        let answers = proxy(&host);
        fs::write(host.path("load"), "7\n").unwrap();
        let configuration = CONFIGURATION.replace("127.0.0.1:3129", "198.51.100.9:80");
        let daemon = host.vrrpd(configuration.trim_start());

        let reason = "http://www.example/ by the proxy 127.0.0.1:3128: answer: nothing within 0.5 s";
        daemon.until_logged(&format!("check squid failed: {reason}"));
        daemon.until_is("web", "Fault");
        assert_eq!(daemon.router("web").faults, [format!("check squid failed: {reason}")]);
        daemon.until("it waits", || !daemon.router("waiting").faults.is_empty());
        assert_eq!(daemon.router("waiting").faults, ["check slow has no result yet"]);

        answers.store(true, Ordering::Relaxed);
        daemon.until_is("web", "Master");
        daemon.until_logged("check squid passes: http://www.example/ by the proxy 127.0.0.1:3128: status 200");

        daemon.until("the number is read", || daemon.status().checks.iter().any(|check| check.value == Some(7)));
        let checks = daemon.status().checks;
        let kinds: Vec<_> =
            checks.iter().map(|check| (check.name.as_str(), check.kind.as_str(), check.passing)).collect();
        assert_eq!(kinds, [("squid", "proxy", Some(true)), ("slow", "tcp", None), ("load", "value", Some(true))]);
        daemon.until("the number counts", || daemon.router("load").priority == 93);
        fs::write(host.path("load"), "-3\n").unwrap();
        daemon.until("another one counts", || daemon.router("load").priority == 103);

        answers.store(false, Ordering::Relaxed);
        daemon.until_is("web", "Fault");

        let ran = host.vrrpctl(&["check", "squid"]);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert_eq!((ran.status.code(), said), (Some(1), format!("squid: failed: {reason}\n")));
        let status = String::from_utf8(host.vrrpctl(&["status"]).stdout).unwrap();
        let load = host.path("load");
        let checks = format!(
            "\nchecks\n  squid (proxy) failed: {reason}\n  slow (tcp) has no result yet\n  load (value) says -3: {}: -3\n",
            load.display()
        );
        assert!(status.ends_with(&checks), "{status}");
    });
}
