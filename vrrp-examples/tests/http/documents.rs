//! The documents, held to the code.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use vrrp_examples::vrrpd::http::metrics;

use crate::file;

/// Words that begin as metrics do and are labels, jobs or keywords.
const OTHER: [&str; 4] = ["vrrp", "vrrp_rt_priority", "vrrpctl", "vrrpd"];

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let path = file("docs/metrics.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- table -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of the table -->\n").unwrap();
    let expected = format!("{before}<!-- table -->\n{}<!-- end of the table -->\n{after}", metrics::table());
    if std::env::var_os("VRRP_BLESS").is_some() {
        fs::write(&path, &expected).unwrap();
    } else {
        assert!(page == expected, "docs/metrics.md has another table; VRRP_BLESS=1 writes it anew:\n{expected}");
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let names: BTreeSet<String> = metrics::names().into_iter().collect();
    for document in ["docs/alerts.yml", "docs/grafana-dashboard.json", "vrrp-examples/tests/http/alerts.yml"] {
        let text = fs::read_to_string(file(document)).unwrap();
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("vrrp")).collect();
        let asked: Vec<_> = asked.into_iter().filter(|word| !OTHER.contains(word)).collect();
        assert!(asked.len() > 5, "{document}");
        for name in asked {
            assert!(names.contains(name), "{document} asks for {name}, which there is not");
        }
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_takes() {
    let text = fs::read_to_string(file("docs/grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        assert!(panel["gridPos"]["x"].as_u64().unwrap() + panel["gridPos"]["w"].as_u64().unwrap() <= 24, "{panel}");
        let described = panel["description"].as_str().is_some_and(|text| text.ends_with('.'));
        assert!(described && !panel["targets"].as_array().unwrap().is_empty(), "{panel}");
    }
}
