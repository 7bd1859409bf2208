//! A real Prometheus, and its tool.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use vrrp_examples::vrrpd::http::metrics;

use crate::client::{connect_to, get, send};
use crate::common::testing::{missing, skip};
use crate::common::{Host, Lan, in_namespace, until};
use crate::{file, start};

/// Returns whether Prometheus can be run here; says so where it cannot.
fn is_here(test: &str) -> bool {
    match missing(&["prometheus", "promtool"]) {
        Some(program) => {
            skip(test, &format!("{program} is not installed (Debian's package prometheus)"));
            false
        }
        None => true,
    }
}

/// It is killed when dropped.
struct Prometheus(Child);

impl Prometheus {
    fn start(host: &Host) -> Self {
        let (config, data) = (host.path("prometheus.yml"), host.path("prometheus"));
        let rules = file("docs/alerts.yml").canonicalize().unwrap();
        let text = format!(
            "global:\n  scrape_interval: 250ms\n  evaluation_interval: 250ms\nrule_files: [{}]\n\
             scrape_configs:\n  - job_name: vrrpd\n    static_configs:\n      - targets: [\"127.0.0.1:9112\"]\n",
            rules.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.args(["--web.listen-address=127.0.0.1:9090", "--log.level=error"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(host.spawn(&mut command))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns what it answers at its API; nothing before it listens.
fn api(host: &Host, path: &str) -> Value {
    let listens = host.run(|| std::net::TcpStream::connect(("127.0.0.1", 9090)).is_ok());
    if !listens {
        return Value::Null;
    }
    let request = format!("GET /api/v1/{path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let answer = send(connect_to(host, ([127, 0, 0, 1], 9090).into()), request.as_bytes());
    answer.filter(|answer| answer.status == 200).map_or(Value::Null, |answer| answer.json()["data"].clone())
}

/// The value of a query that finds one series.
fn value(host: &Host, query: &str) -> Option<f64> {
    api(host, &format!("query?query={query}"))["result"][0]["value"][1].as_str()?.parse().ok()
}

#[test]
fn a_real_prometheus_reads_it_and_its_tool_finds_nothing_to_complain_about() {
    if !is_here("prometheus") {
        return;
    }
    in_namespace(|| {
        let host = Lan::new().host(1);
        let prometheus = Prometheus::start(&host);
        let daemon = start(&host, 200);
        daemon.until_is("VI_1", "Master");

        let plain = get(&host, "/metrics", "");
        assert!(plain.has("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{}", plain.head);
        fs::write(host.path("metrics"), &plain.body).unwrap();
        let said = host.output(&format!("promtool check metrics < {} 2>&1", host.path("metrics").display()));
        assert!(said.status.success() && said.stdout.is_empty(), "{}", String::from_utf8_lossy(&said.stdout));
        let open = get(&host, "/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n");
        assert!(open.has("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{}", open.head);
        assert!(open.body.ends_with("# EOF\n"));
        for histogram in ["vrrp_advertisement_lateness", "vrrp_takeover"] {
            assert!(open.body.contains(&format!("\n{histogram}_seconds_bucket{{le=\"+Inf\"}} ")), "{}", open.body);
        }
        for name in metrics::names() {
            let known = plain.body.contains(&format!("\n{name}")) || plain.body.contains(&format!("# TYPE {name} "));
            assert!(known, "{name}");
        }

        // It asks for the form of OpenMetrics first.
        until("Prometheus has read it", || value(&host, "vrrp_router_state").is_some());
        until("it says so", || {
            let target = &api(&host, "targets")["activeTargets"][0];
            (&target["health"], &target["lastError"]) == (&"up".into(), &"".into())
        });
        until("it is Master", || value(&host, "vrrp_router_state%7Brouter=%22VI_1%22%7D") == Some(3.0));
        until("advertisements are counted", || {
            value(&host, "vrrp_advertisements_sent_total").is_some_and(|count| count > 5.0)
                && value(&host, "vrrp_advertisement_lateness_seconds_count").is_some_and(|count| count > 5.0)
        });
        // A scrape that was late takes all series away until the next one.
        let eventually =
            |query: &str, is_right: fn(Option<f64>) -> bool| until(query, || is_right(value(&host, query)));
        eventually("vrrp_takeover_seconds_count", |count| count == Some(1.0));
        eventually("vrrp_router_lease_left_seconds%20/%20vrrp_router_lease_seconds", |left| left.is_some());
        eventually("vrrp_become_master_total", |count| count == Some(1.0));
        eventually("vrrp_router_info%7Binterface=%22eth0%22,vrid=%221%22%7D", |info| info == Some(1.0));
        until("no alert", || api(&host, "alerts")["alerts"].as_array().map(Vec::len) == Some(0));
        drop(prometheus);
    });
}

#[test]
fn every_alert_is_sound_and_tested() {
    if !is_here("alerts") {
        return;
    }
    let tool = |words: &[&str], path: &str| {
        let output = Command::new("promtool").args(words).arg(file(path)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        said
    };
    let tests = fs::read_to_string(file("vrrp-examples/tests/http/alerts.yml")).unwrap();
    let rules = fs::read_to_string(file("docs/alerts.yml")).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(tool(&["check", "rules"], "docs/alerts.yml").contains(&format!("{} rules found", alerts.len())));
    for alert in alerts {
        let silent = tests.contains(&format!("{{eval_time: 10m, alertname: {alert}}}"));
        let fires = tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n          - "));
        assert!(silent && fires, "{alert} has a test that it fires, and one that it does not");
    }
    tool(&["test", "rules"], "vrrp-examples/tests/http/alerts.yml");
}
