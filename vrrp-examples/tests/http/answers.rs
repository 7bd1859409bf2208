//! What it serves.

use serde_json::{Value, json};

use crate::client::{Follower, connect_to, get, send};
use crate::common::{Lan, in_namespace, until};
use crate::{HTTP, configuration, file, start};

#[test]
fn a_failover_is_seen_as_it_happens_and_who_connects_again_misses_nothing() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let master = start(&first, 200);
        master.until_is("VI_1", "Master");
        let backup = start(&second, 100);
        backup.until("the Master is heard", || backup.router("VI_1").master.is_some());

        let peers = get(&second, "/metrics", "").body;
        let heard = "{router=\"VI_1\",peer=\"192.0.2.1\"} ";
        assert!(peers.contains(&format!("\nvrrp_peer_priority{heard}200.0\n")), "{peers}");
        let count = peers.split_once(&format!("\nvrrp_peer_advertisements_received_total{heard}")).unwrap().1;
        assert!(count.lines().next().unwrap().parse::<u64>().unwrap() > 0, "{count}");

        let mut events = Follower::new(&second, "/events", "");
        let begin = events.next();
        assert_eq!((begin.name.as_str(), &begin.data["routers"][0]["state"]), ("snapshot", &json!("Backup")));
        master.kill();
        let entered = events.until(|message| message.name == "event" && message.data["fields"]["to"] == "Master");
        assert_eq!(entered.data["router"], "VI_1");
        assert_eq!((&entered.data["id"], &entered.data["level"]), (&json!("state-changed"), &json!("info")));
        assert!(entered.data["message"].as_str().unwrap().contains("Backup -> Master at priority 100"), "{entered:?}");
        let set = events.until(|message| message.data["id"] == "address-set");
        assert_eq!(set.data["fields"]["address"], "192.0.2.101/24");
        let after = events.until(|message| message.name == "snapshot");
        assert_eq!(after.data["routers"][0]["state"], "Master");

        // As a browser connects again; the last event has the number before this one.
        let mut again = Follower::new(&second, "/events", &format!("Last-Event-ID: {}\r\n", entered.id));
        assert_eq!(again.next().name, "snapshot");
        let next = again.next();
        assert_eq!((next.name.as_str(), next.id, next.data), ("event", set.id, set.data));
        let mut other = Follower::new(&second, "/events", "Last-Event-ID: 1-5\r\n");
        other.next();
        let gap = other.next();
        assert_eq!((gap.name.as_str(), gap.data), ("gap", json!({"missed": null})), "of another run");
        let mut last = Follower::new(&second, "/events?last=1000", "");
        last.next();
        let first = last.next();
        assert!(
            first.data["message"].as_str().unwrap().contains("Initialize -> Backup"),
            "all that is kept: {first:?}"
        );
    });
}

#[test]
fn the_status_is_as_its_schema_says_whatever_happens() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let more = "vrrp_script good {\n script \"/bin/true\"\n interval 1\n}
             vrrp_script slow {\n script \"/bin/sleep 60\"\n interval 100\n timeout 90\n}
             vrrp_track_file load {\n file \"$D/load\"\n}
             vrrp_instance broken {
                 interface eth0\n virtual_router_id 2\n virtual_ipaddress {\n 192.0.2.102/24 dev eth7\n }
                 track_interface {\n eth9\n }\n track_script {\n slow\n }
             }
             vrrp_instance six {
                 interface eth0\n virtual_router_id 3\n priority 255\n virtual_ipaddress {\n fe80::3/64\n }
             }
             vrrp_instance owned {
                 interface eth0\n virtual_router_id 4\n priority 90\n virtual_ipaddress {\n 192.0.2.104/24\n }
                 track_script {\n good weight 5\n }\n track_file {\n load weight 1\n }
             }";
        std::fs::write(first.path("load"), "3\n").unwrap();
        let daemon = first.vrrpd_with(&configuration(100, more), &HTTP);
        daemon.until_is("VI_1", "Master");
        let _other = start(&second, 200);
        daemon.until_is("VI_1", "Backup");
        first.vrrpctl(&["priority", "owned", "77"]);
        first.vrrpctl(&["drain", "owned", "--seconds", "0.1"]);
        first.vrrpctl(&["stop", "VI_1"]);

        let schema = get(&first, "/status.schema.json", "");
        assert_eq!(schema.body, std::fs::read_to_string(file("docs/status.schema.json")).unwrap());
        let mut schema = schema.json();
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
        close(&mut schema);
        let schema = jsonschema::validator_for(&schema).unwrap();
        let valid = |status: &Value| {
            let wrong: Vec<String> =
                schema.iter_errors(status).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert_eq!(wrong, [""; 0], "{status:#}");
        };
        let status = || get(&first, "/status.json", "").json();
        until("all of it is there", || {
            let status = status();
            valid(&status);
            let text = status.to_string();
            ["by_hand", "\"drain\"", "\"value\"", "obstacle", "Fault"].iter().all(|word| text.contains(word))
        });
        let mut wrong = status();
        wrong["routers"][0]["vrid"] = json!(0);
        wrong["routers"][0]["more"] = json!(0);
        assert_eq!(schema.iter_errors(&wrong).count(), 2);
    });
}

/// Every property that is there is to be described.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") && fields.contains_key("type") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn an_upgrade_and_a_reload_keep_it_going_and_an_address_that_is_taken_is_said_at_the_start() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let both = ["--http", "127.0.0.1:9112", "--http", "192.0.2.1:80"];
        let daemon = host.vrrpd_with(&configuration(200, ""), &both);
        daemon.until_is("VI_1", "Master");
        let page = || get(&host, "/", "").body;
        assert!(page().contains("page.js"));
        let elsewhere = send(connect_to(&host, ([192, 0, 2, 1], 80).into()), b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!((elsewhere.status, elsewhere.body), (200, page()));

        daemon.hang_up();
        daemon.until_logged("no change");
        let mut events = Follower::new(&host, "/events", "");
        events.next();
        assert!(host.vrrpctl(&["upgrade"]).status.success());
        daemon.until("the next program answers", || daemon.logged("goes on with") > 0 && daemon.ask().is_some());
        assert_eq!(get(&host, "/status.json", "").json()["routers"][0]["state"], "Master");
        assert_eq!(daemon.logged("Master -> "), 0);

        let other = host.again();
        let ended = other.vrrpd_ends(&configuration(100, ""), &[], &HTTP).expect("it ends");
        let why = "something listens on 127.0.0.1:9112 already; stop it, or name another address or port with --http";
        assert!(!ended.success && ended.said.contains(why), "{}", ended.said);
        assert!(daemon.is("VI_1", "Master"));
    });
}
