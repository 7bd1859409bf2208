//! `vrrpctl status` of a living daemon.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::{Lan, in_namespace, until};

const CONFIGURATION: &str = "
vrrp_script chk_service {
    script \"$D/check\"
    interval 1
    weight -10
}
vrrp_script chk_broken {
    script \"$D/missing\"
    interval 1
}
vrrp_instance ours {
    interface eth0
    virtual_router_id 1
    priority 255
    virtual_ipaddress {
        192.0.2.101/24
    }
}
vrrp_instance theirs {
    interface eth0
    virtual_router_id 2
    priority 100
    virtual_ipaddress {
        192.0.2.102/24
    }
    track_script {
        chk_service
    }
}
vrrp_instance broken {
    interface eth0
    virtual_router_id 3
    virtual_ipaddress {
        192.0.2.103/24
    }
    track_interface {
        eth1
    }
    track_script {
        chk_broken
    }
}";

const OTHER: &str = "
vrrp_instance theirs {
    interface eth0
    virtual_router_id 2
    priority 255
    virtual_ipaddress {
        192.0.2.102/24
    }
}";

#[test]
fn status_tells_where_each_address_is_who_is_master_since_when_and_why() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let nobody = first.vrrpctl(&["status"]);
        assert_eq!((nobody.status.code(), nobody.stdout.len()), (Some(1), 0));
        let words = String::from_utf8(nobody.stderr).unwrap();
        assert!(words.starts_with("vrrpctl: no vrrpd on ") && words.lines().count() == 1, "{words}");

        let _other = second.vrrpd(OTHER);
        let daemon = first.vrrpd(CONFIGURATION);
        until("the Master is heard and the check has failed", || {
            let theirs = daemon.router("theirs");
            theirs.master.is_some() && theirs.priority == 90
        });
        until("both faults are known", || daemon.router("broken").faults.len() == 2);

        daemon.until_logged("broken: Initialize -> Fault: there is no interface eth1");
        daemon.until_logged("broken: still in Fault, now because: there is no interface eth1; check chk_broken failed");

        let output = first.vrrpctl(&["status", "--json"]);
        assert!(output.status.success() && output.stderr.is_empty());
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let routers = status["routers"].as_array().unwrap();
        let fields: BTreeSet<&str> = routers[0].as_object().unwrap().keys().map(String::as_str).collect();
        let expected = "addresses cause configured_priority counters family faults interface master name other_master priority since state trackers vrid";
        assert_eq!(fields, expected.split(' ').collect());

        let part =
            |router: &Value, fields: &[&str]| -> Value { fields.iter().map(|field| router[field].clone()).collect() };
        let fields =
            ["name", "interface", "family", "vrid", "state", "priority", "configured_priority", "faults", "cause"];
        let missing = format!("cannot run {}: No such file or directory", first.path("missing").display());
        let expected = [
            json!([
                "ours",
                "eth0",
                "IPv4",
                1,
                "Master",
                255,
                255,
                [],
                "started as owner of the addresses (priority 255)"
            ]),
            json!(["theirs", "eth0", "IPv4", 2, "Backup", 90, 100, [], "started"]),
            json!([
                "broken",
                "eth0",
                "IPv4",
                3,
                "Fault",
                100,
                100,
                ["there is no interface eth1", format!("check chk_broken failed: {missing}")],
                "there is no interface eth1"
            ]),
        ];
        for (router, expected) in routers.iter().zip(expected) {
            assert_eq!(part(router, &fields), expected);
            assert!(router["since"]["seconds"].as_f64().is_some_and(|seconds| (0.0..60.0).contains(&seconds)));
        }
        assert_eq!(routers[0]["master"], json!({"address": "192.0.2.1", "priority": 255, "us": true}));
        assert_eq!(routers[1]["master"], json!({"address": "192.0.2.2", "priority": 255, "us": false}));
        assert_eq!(routers[2]["master"], Value::Null);
        let service = format!(
            "check chk_service failed: cannot run {}: No such file or directory",
            first.path("check").display()
        );
        let (weight, none) = (
            json!({"name": "check chk_service", "passing": false, "says": service, "fault": false, "priority": -10, "weight": -10}),
            Value::Null,
        );
        assert_eq!(routers[1]["trackers"], json!([weight]));
        assert_eq!(
            routers[2]["trackers"],
            json!([
                {"name": "interface eth1", "passing": false, "says": "there is no interface eth1", "fault": true, "priority": 0, "weight": none},
                {"name": "check chk_broken", "passing": false, "says": format!("check chk_broken failed: {missing}"), "fault": true, "priority": 0, "weight": none},
            ])
        );
        assert_eq!(routers[0]["addresses"], json!([{"address": "192.0.2.101/24", "installed": true, "host": "ours"}]));
        assert_eq!(
            routers[1]["addresses"],
            json!([{"address": "192.0.2.102/24", "installed": false, "host": "absent"}])
        );
        assert!(routers[0]["counters"]["advert_sent"].as_u64() > Some(0));

        let text = String::from_utf8(first.vrrpctl(&["status"]).stdout).unwrap();
        for line in [
            "ours: Master on eth0, IPv4, VRID 1",
            "  because    started as owner of the addresses (priority 255)",
            "  master     this router, 192.0.2.1, priority 255",
            "  addresses  192.0.2.101/24 here",
            "theirs: Backup on eth0, IPv4, VRID 2",
            "  master     192.0.2.2, priority 255",
            "  priority   90, configured 100",
            &format!("  tracking   {service}: -10 priority"),
            "  addresses  192.0.2.102/24 not here",
            "broken: Fault on eth0, IPv4, VRID 3",
            "  faults     there is no interface eth1",
            &format!("             check chk_broken failed: {missing}"),
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line:?} in:\n{text}");
        }
    });
}
