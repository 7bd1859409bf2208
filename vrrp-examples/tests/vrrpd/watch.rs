//! `vrrpctl watch`, and the log as JSON lines: the same events, with the same numbers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::common::{Host, Lan, in_namespace, until};
use crate::instance;

/// A `vrrpctl watch --json` and what it has printed.
struct Watcher {
    process: Child,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Watcher {
    fn start(host: &Host) -> Self {
        let mut process = host.vrrpctl_beside(&["watch", "--json"]);
        let out = BufReader::new(process.stdout.take().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&said);
        thread::spawn(move || {
            let lines = out.lines().map_while(Result::ok);
            lines.for_each(|line| to.lock().unwrap().push(serde_json::from_str(&line).unwrap()));
        });
        let watcher = Self { process, said };
        until("something comes", || watcher.has(|_| true));
        assert!(watcher.has(|it| it["kind"] == "snapshot"), "{:?}", watcher.said.lock().unwrap());
        watcher
    }

    fn has(&self, meant: impl Fn(&Value) -> bool) -> bool {
        self.said.lock().unwrap().iter().any(meant)
    }

    /// Waits for its end; what it had printed.
    fn end(mut self) -> (ExitStatus, Vec<Value>) {
        let status = self.process.wait().unwrap();
        until("its last word comes", || self.has(|it| it["kind"] == "end"));
        (status, std::mem::take(&mut self.said.lock().unwrap()))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn who_watches_sees_what_the_log_has_and_learns_of_an_upgrade_and_of_the_end() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd_with(&instance("VI_1", 1, 100, ""), &["--log-format", "json"]);
        daemon.until_is("VI_1", "Master");
        let watcher = Watcher::start(&host);
        assert!(host.vrrpctl(&["stop", "VI_1"]).status.success());
        let released = |it: &Value| it["id"] == "state-changed" && it["fields"]["to"] == "Initialize";
        until("it is told", || watcher.has(released));
        assert!(host.vrrpctl(&["upgrade"]).status.success());
        let (status, said) = watcher.end();
        assert_eq!((status.code(), &said.last().unwrap()["why"]), (Some(0), &"upgraded".into()));
        assert_eq!(said[0]["routers"][0]["state"], "Master");

        until("the next one answers", || daemon.logged("goes-on") == 1 && daemon.ask().is_some());
        let again = Watcher::start(&host);
        assert!(daemon.terminate().success());
        let (status, rest) = again.end();
        assert_eq!((status.code(), &rest.last().unwrap()["why"]), (Some(0), &"stopped".into()));
        assert!(rest.iter().any(|it| it["id"] == "stopped"), "{rest:?}");

        // Each line of the log is an object, and those that were watched are the same.
        let lines: Vec<Value> = daemon.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let same = |mut event: Value| {
            event.as_object_mut().unwrap().remove("kind");
            assert!(lines.contains(&event), "{event}");
        };
        let events = |said: Vec<Value>| said.into_iter().filter(|it| it["kind"] == "event").collect::<Vec<_>>();
        let (said, rest) = (events(said), events(rest));
        assert!(said.len() > 2 && rest.len() > 1);
        for (one, next) in said.iter().zip(&said[1..]).chain(rest.iter().zip(&rest[1..])) {
            assert_eq!(one["sequence"].as_u64().unwrap() + 1, next["sequence"].as_u64().unwrap());
        }
        said.into_iter().chain(rest).for_each(same);
        let mut ids = BTreeMap::<&str, usize>::new();
        lines.iter().for_each(|line| *ids.entry(line["id"].as_str().unwrap()).or_default() += 1);
        for id in ["started", "state-changed", "address-set", "announced", "router-stopped", "upgrading", "goes-on"] {
            assert!(ids.contains_key(id), "{id}: {ids:?}");
        }
    });
}

#[test]
fn the_levels_of_syslog_by_option_and_json_for_what_is_said_before_a_start() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let notice = "global_defs {\nsmtp_connect_timeout 30\n}\n";
        let configuration = format!("{notice}{}", instance("VI_1", 1, 255, ""));
        let daemon = host.vrrpd_with(&configuration, &["--log-format", "syslog"]);
        daemon.until_logged("<6>VI_1: Initialize -> Master");
        assert!(daemon.terminate().success());
        let log = daemon.log();
        assert!(log.iter().all(|line| ["<3>", "<4>", "<6>"].iter().any(|level| line.starts_with(level))), "{log:?}");

        let broken = configuration.replace("priority", "prority");
        let ended = host.vrrpd_ends(&broken, &[], &["--log-format", "json"]).unwrap();
        let said: Vec<Value> = ended.said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let error = said.iter().find(|it| it["level"] == "error").unwrap();
        let (id, line) = (&error["id"], &error["fields"]["line"]);
        assert!(!ended.success && id == "configuration" && line.as_u64().is_some_and(|line| line > 3), "{said:?}");
    });
}
