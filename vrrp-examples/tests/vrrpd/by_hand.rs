//! What an administrator changes by hand, on living daemons.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::common::{Host, Lan, Vrrpd, in_namespace, program, throughout, until};
use crate::instance;

/// The exit status of `vrrpctl`, what it printed, and what it complained about.
fn ctl(host: &Host, words: &str) -> (i32, String, String) {
    read(host.vrrpctl(&words.split(' ').collect::<Vec<_>>()))
}

fn read(output: Output) -> (i32, String, String) {
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn done(text: &str) -> (i32, String, String) {
    (0, text.to_owned(), String::new())
}

fn refused(why: &str) -> (i32, String, String) {
    (1, String::new(), format!("vrrpctl: vrrpd says: {why}\n"))
}

/// Starts `vrrpctl` and does not wait for it.
fn begin(host: &Host, words: &str) -> std::process::Child {
    let mut command = Command::new(program("vrrpctl", env!("CARGO_BIN_EXE_vrrpctl")));
    command.args(words.split(' ')).arg("--control").arg(host.path("control"));
    host.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

fn by_hand(daemon: &Vrrpd, name: &str) -> Value {
    daemon.json(name)["by_hand"].clone()
}

fn two(priority: u8) -> String {
    instance("VI_1", 1, priority, "") + &instance("VI_2", 2, priority, "")
}

#[test]
fn a_drain_ends_when_the_other_host_has_the_addresses_and_undrain_brings_them_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let (better, worse) = (first.vrrpd(&two(200)), second.vrrpd(&two(100)));
        for name in ["VI_1", "VI_2"] {
            better.until_is(name, "Master");
            worse.until_is(name, "Backup");
        }
        assert_eq!(ctl(&first, "drain VI_1"), done("VI_1: 192.0.2.2 has taken over\n"));
        assert!(second.has("192.0.2.101") && !first.has("192.0.2.101") && worse.is("VI_1", "Master"));
        assert!(better.is("VI_1", "Backup") && better.is("VI_2", "Master"));
        assert_eq!(by_hand(&better, "VI_1"), json!([{"change": "drained", "priority": 1}]));
        assert_eq!(by_hand(&better, "VI_2"), Value::Null);
        let (_, status, _) = ctl(&first, "status");
        assert!(status.contains("  by hand    drained, priority 1, until the next reload\n"), "{status}");
        assert!(status.contains("  drain      in reserve: "), "{status}");
        better.until_logged("VI_1: drained by hand");

        assert_eq!(
            ctl(&first, "drain --all").1,
            "VI_1: not Master, nothing to hand over\nVI_2: 192.0.2.2 has taken over\n"
        );
        assert_eq!(ctl(&first, "undrain VI_1"), done("VI_1: no longer drained\n"));
        better.until_is("VI_1", "Master");
        assert!(better.is("VI_2", "Backup"), "the other one stays drained");
        assert_eq!(by_hand(&better, "VI_1"), Value::Null);
        assert_eq!(ctl(&first, "undrain --all"), done("VI_1: was not drained\nVI_2: no longer drained\n"));
        better.until_is("VI_2", "Master");
    });
}

#[test]
fn where_nobody_takes_over_the_addresses_stay_and_the_exit_status_says_so() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&two(200));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        let waiting = begin(&host, "drain --all --seconds 1 --json");
        throughout(Duration::from_millis(800), "the addresses stay", || {
            host.has("192.0.2.101") && host.has("192.0.2.102")
        });
        let (status, answer, complaint) = read(waiting.wait_with_output().unwrap());
        let routers = ["VI_1", "VI_2"].map(|name| json!({"router": name, "outcome": "nobody-took-over"}));
        assert_eq!((status, complaint.as_str()), (1, ""));
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), json!({"routers": routers}));
        assert!(host.has("192.0.2.101") && daemon.is("VI_1", "Master"));
        let router = daemon.json("VI_1");
        assert_eq!((&router["priority"], &router["drain"]), (&json!(1), &json!("last-resort")));
    });
}

#[test]
fn a_sync_group_is_drained_with_its_member() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let group = "vrrp_sync_group VG {\n group {\n VI_1\n VI_2\n}\n}\n";
        let better = first.vrrpd(&(two(200) + &instance("VI_3", 3, 200, "") + group));
        let worse = second.vrrpd(&(two(100) + &instance("VI_3", 3, 100, "") + group));
        for name in ["VI_1", "VI_2", "VI_3"] {
            better.until_is(name, "Master");
            worse.until_is(name, "Backup");
        }
        let away = "VI_1: 192.0.2.2 has taken over\nVI_2: 192.0.2.2 has taken over\n";
        assert_eq!(ctl(&first, "drain VI_2"), done(away));
        assert!(worse.is("VI_1", "Master") && worse.is("VI_2", "Master") && better.is("VI_3", "Master"));
        assert_eq!(ctl(&first, "undrain VI_1"), done("VI_1: no longer drained\nVI_2: no longer drained\n"));
        until("both are back", || better.is("VI_1", "Master") && better.is("VI_2", "Master"));
    });
}

#[test]
fn a_drain_that_waits_holds_up_nobody_and_outlives_its_client() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&two(200));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        let waiting = begin(&host, "drain VI_1 --seconds 600");
        until("the drain has begun", || by_hand(&daemon, "VI_1") != Value::Null);
        assert_eq!(daemon.json("VI_1")["drain"], "handing-over");
        assert_eq!(ctl(&host, "priority VI_2 150"), done("VI_2: priority 150 until the next reload, configured 200\n"));
        assert_eq!(ctl(&host, "priority VI_2 200"), done("VI_2: priority 200, as configured\n"));
        assert_eq!(ctl(&host, "undrain VI_1"), done("VI_1: no longer drained\n"));
        let (status, answer, _) = read(waiting.wait_with_output().unwrap());
        assert_eq!((status, answer.as_str()), (1, "VI_1: something else ended the drain; see vrrpctl status\n"));
        assert!(daemon.is("VI_1", "Master") && daemon.json("VI_1")["priority"] == 200);

        let mut interrupted = begin(&host, "drain VI_1 --seconds 600");
        until("the drain has begun", || by_hand(&daemon, "VI_1") != Value::Null);
        interrupted.kill().unwrap();
        interrupted.wait().unwrap();
        assert!(ctl(&host, "status").0 == 0 && by_hand(&daemon, "VI_1") != Value::Null);

        // The end of the daemon is an answer too.
        let waiting = begin(&host, "drain VI_2 --seconds 600");
        until("the drain has begun", || by_hand(&daemon, "VI_2") != Value::Null);
        assert!(daemon.terminate().success());
        assert_eq!(read(waiting.wait_with_output().unwrap()), refused("vrrpd is about to stop"));
        assert!(!host.has("192.0.2.102"));
    });
}

#[test]
fn a_stopped_router_stays_stopped_until_it_is_started() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&two(255));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        assert_eq!(ctl(&host, "stop VI_1"), done("VI_1: stopped\n"));
        assert!(!host.has("192.0.2.101") && host.has("192.0.2.102"));
        assert_eq!(by_hand(&daemon, "VI_1"), json!([{"change": "stopped"}]));
        assert_eq!(ctl(&host, "stop --all"), done("VI_1: was stopped already\nVI_2: stopped\n"));
        assert!(!host.has("192.0.2.102"));
        throughout(Duration::from_millis(500), "they stay stopped", || {
            !daemon.is("VI_1", "Master") && !daemon.is("VI_2", "Master")
        });
        assert_eq!(ctl(&host, "start VI_1"), done("VI_1: started\n"));
        daemon.until_is("VI_1", "Master");
        assert_eq!(ctl(&host, "start --all"), done("VI_1: was not stopped\nVI_2: started\n"));
        daemon.until_is("VI_2", "Master");
        assert_eq!(by_hand(&daemon, "VI_2"), Value::Null);
    });
}

#[test]
fn a_check_runs_at_once_and_says_its_result() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("check", "[ -e $D/good ] || { echo no $D/good >&2; exit 3; }");
        // Its own run would come in an hour.
        let check = "vrrp_script chk {\n script $D/check\n interval 3600\n fall 2\n}\n".to_owned();
        fs::write(host.path("good"), "").unwrap();
        let daemon = host.vrrpd(&(check + &instance("VI_1", 1, 200, "track_script {\n chk\n}")));
        daemon.until_is("VI_1", "Master");
        let (status, said, _) = ctl(&host, "check chk");
        assert!(status == 0 && said.starts_with("chk: passed: "), "{said}");
        fs::remove_file(host.path("good")).unwrap();
        let (status, said, complaint) = ctl(&host, "check chk");
        assert_eq!((status, complaint.as_str()), (1, ""));
        assert!(said.starts_with("chk: failed: exit status 3: no ") && said.ends_with("(fall)\n"), "{said}");
        assert!(daemon.is("VI_1", "Master"), "it takes two");
        let (status, said, _) = ctl(&host, "check chk");
        assert!(status == 1 && said.starts_with("chk: failed: ") && !said.contains("fall"), "{said}");
        daemon.until_is("VI_1", "Fault");
    });
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&two(200));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        let no_such = refused("no virtual router is called \"VI2\"; there are VI_2, VI_1");
        for words in ["drain VI_1 VI2", "undrain VI2", "stop VI_1 VI2", "start VI2", "priority VI2 1"] {
            assert_eq!(ctl(&host, words), no_such, "{words}");
        }
        assert_eq!(ctl(&host, "check chk"), refused("no check is called \"chk\"; there is none"));
        let (status, said, _) = ctl(&host, "stop VI2 --json");
        let known = json!(["VI_2", "VI_1"]);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["refused"], json!({"kind": "no-such-router", "name": "VI2", "known": known}));
        assert_eq!(status, 1);
        let none = host.path("none.conf");
        let (status, _, complaint) = ctl(&host, &format!("diff {}", none.display()));
        assert!(status == 1 && complaint.contains("none.conf") && complaint.contains("error: "), "{complaint}");
        assert!(daemon.is("VI_1", "Master") && daemon.is("VI_2", "Master"));
        assert!(lan.wire().adverts(1).iter().all(|advert| advert.priority == 200));
        assert_eq!(by_hand(&daemon, "VI_1"), Value::Null);
    });
}

#[test]
fn while_it_stops_every_verb_is_told_so() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("last", "touch $D/stopping; until [ -e $D/go ]; do sleep 0.05; done");
        let daemon = host.vrrpd_with(&instance("VI_1", 1, 200, "notify_stop $D/last"), &["--stop-timeout", "0"]);
        daemon.until_is("VI_1", "Master");
        kill(daemon.pid(), Signal::SIGTERM).unwrap();
        until("the last script runs", || host.path("stopping").exists());
        for words in ["status", "reload", "drain --all", "stop VI_1", "priority VI_1 1", "check x", "diff /x"] {
            assert_eq!(ctl(&host, words), refused("vrrpd is about to stop"), "{words}");
        }
        let (_, said, _) = ctl(&host, "reload --json");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said, json!({"error": "vrrpd is about to stop", "refused": {"kind": "stopping"}}));
        fs::write(host.path("go"), "").unwrap();
        assert!(daemon.wait().success() && !host.path("control").exists());
    });
}

#[test]
fn an_owner_of_its_own_address_cannot_be_drained() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let own = instance("VI_1", 1, 255, "").replace("192.0.2.101/24", "192.0.2.1/24");
        let daemon = host.vrrpd(&own);
        daemon.until_is("VI_1", "Master");
        let (status, said, complaint) = ctl(&host, "drain VI_1");
        assert_eq!((status, complaint.as_str()), (1, ""));
        assert!(said.starts_with("VI_1: cannot be drained: ") && said.contains("192.0.2.1"), "{said}");
        assert_eq!(by_hand(&daemon, "VI_1"), Value::Null);
        assert!(daemon.is("VI_1", "Master") && daemon.json("VI_1")["priority"] == 255);
    });
}

#[test]
fn signals_have_state_and_counters_logged() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&two(200));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        let more = "`vrrpctl status` shows more";
        let send = |signal| kill(daemon.pid(), signal).unwrap();
        send(Signal::SIGUSR1);
        daemon.until_logged(more);
        for (name, address) in [("VI_1", "192.0.2.101/24"), ("VI_2", "192.0.2.102/24")] {
            let line = format!("{name}: Master on eth0, IPv4, VRID {}; since ", &name[3..]);
            let found = daemon.log().into_iter().find(|it| it.starts_with(&line)).unwrap_or_else(|| panic!("{line}"));
            assert!(found.contains("; priority 200; ") && found.ends_with(&format!("{address} here")), "{found}");
        }
        send(Signal::SIGUSR2);
        daemon.until("the counters are logged", || daemon.logged(more) == 2);
        let counters = |line: &String| line.starts_with("VI_1: ") && line.contains(" advert_sent");
        assert!(daemon.log().iter().any(counters), "{:#?}", daemon.log());
    });
}
