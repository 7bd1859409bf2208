use std::time::Instant;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::feed::Seen;
use super::keys::{Then, press};
use super::*;

/// Returns a router with these `fields`, and with counters.
fn router(name: &str, fields: Value) -> (Value, Value) {
    let mut router = json!({
        "name": name, "interface": "eth0", "family": "IPv4", "vrid": 1, "state": "Backup", "priority": 100,
        "configured_priority": 100, "addresses": [], "faults": [], "trackers": [],
        "master": {"address": "192.0.2.9", "priority": 200, "us": false}, "other_master": null,
        "since": {"seconds": 75.0, "at": "2026-03-01T03:00:05Z"}, "cause": "a better router is Master", "counters": {},
    });
    let counters = json!({"advertisement-rcvd": 10, "advertisement-sent": 0});
    let mut statistics = json!({
        "router": name, "interface": "eth0", "family": "IPv4", "vrid": 1, "state": "Backup", "priority": 100,
        "up-datetime": null, "last-event": "vrrp-event-startup", "new-master-reason": "not-master",
        "master-down-interval": 3.61, "skew-time": 0.61, "counters": counters,
        "peers": [{"address": "192.0.2.9", "priority": 200, "master": true, "other-master": false, "last-adv-source": true}],
    });
    for (field, value) in fields.as_object().unwrap() {
        match field.as_str() {
            "counters" => statistics["counters"] = value.clone(),
            field => router[field] = value.clone(),
        }
    }
    (router, statistics)
}

fn seen(at: Instant, routers: &[(Value, Value)]) -> News {
    let (routers, statistics): (Vec<&Value>, Vec<&Value>) = routers.iter().map(|(it, its)| (it, its)).unzip();
    let status = json!({"version": "0.1.0", "routers": routers});
    let statistics = json!({"version": "0.1.0", "time": "", "global": {}, "routers": statistics});
    let (status, statistics) = (serde_json::from_value(status).unwrap(), serde_json::from_value(statistics).unwrap());
    News::Seen(Box::new(Seen { at, status, statistics }))
}

/// Three routers, seen twice within two seconds.
fn three() -> (View, Instant) {
    let counted = |name: &str, sent: u64, received: u64| {
        let counters = json!({"advertisement-rcvd": received, "advertisement-sent": sent, "ip-ttl-errors": 2});
        match name {
            "proxy_ip1" => router(
                name,
                json!({
                    "state": "Master", "vrid": 51, "priority": 200, "counters": counters,
                    "master": {"address": "192.0.2.1", "priority": 200, "us": true},
                    "since": {"seconds": 5.0, "at": "2026-03-01T03:00:05Z"}, "cause": "no Master was heard for 3.610 s",
                    "addresses": [{"address": "192.0.2.100/24", "installed": true, "host": "ours"}],
                }),
            ),
            "proxy_ip2" => router(name, json!({"vrid": 52, "counters": counters})),
            name => router(
                name,
                json!({
                    "state": "Fault", "vrid": 53, "interface": "eth1", "master": null, "counters": counters,
                    "since": {"seconds": 90_000.0, "at": "2026-03-01T03:00:05Z"}, "cause": "interface eth1 is down",
                    "faults": ["interface eth1 is down", "check squid failed: exit status 1\u{1b}[2J"],
                    "trackers": [{"name": "check squid", "passing": false, "says": "check squid failed", "fault": true,
                                  "priority": 0, "weight": null}],
                    "addresses": [{"address": "192.0.2.102/24", "installed": false, "host": "absent"}],
                }),
            ),
        }
    };
    let all =
        |n: u64| [counted("proxy_ip1", 10 + 2 * n, 0), counted("proxy_ip2", 0, 10 + 20 * n), counted("mail", 0, 0)];
    let (mut view, begun) = (View::new(Duration::from_secs(1)), Instant::now());
    view.take(seen(begun, &all(0)));
    let later = begun + Duration::from_secs(2);
    view.take(seen(later, &all(1)));
    (view, later)
}

/// Returns the text in a terminal of this size.
fn screen(view: &mut View, (width, height): (u16, u16), now: Instant) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw_at(frame, view, now)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

fn type_keys(view: &mut View, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{8}' => KeyCode::Backspace,
            '\u{1b}' => KeyCode::Esc,
            key => KeyCode::Char(key),
        };
        assert_eq!(press(view, KeyEvent::new(code, KeyModifiers::NONE)), Then::GoOn, "{key:?}");
    }
}

fn names(view: &View) -> Vec<&str> {
    view.rows.iter().map(|row| row.router.name.as_str()).collect()
}

#[test]
fn every_router_is_a_row_with_its_rates() {
    let (mut view, now) = three();
    let expected = [
        "vrrpd 0.1.0  3 routers: 1 Master, 1 Backup, 1 Fault  rx 10.0/s tx 1.0/s",
        "sorted by configuration  every 1 s",
        "  ROUTER         STATE      INTERFACE VRID PRIO MASTER          FOR  RX/s  TX/s",
        "  proxy_ip1      Master     eth0        51  200 this router       5s   0.0   1.0",
        "  proxy_ip2      Backup     eth0        52  100 192.0.2.9         1m  10.0   0.0",
        "! mail           Fault      eth1        53  100 -                 1d   0.0   0.0",
        "",
        "q end   Up/Down choose   Enter detail   s sort   r reverse   / filter   ? help",
    ];
    assert_eq!(screen(&mut view, (80, 8), now), expected);
}

#[test]
fn the_detail_tells_why_and_is_scrolled_in_80_columns_and_24_lines() {
    let (mut view, now) = three();
    type_keys(&mut view, "G\n");
    let shown = screen(&mut view, (80, 24), now);
    let expected = [
        &format!(" mail {}", "─".repeat(74)),
        "because   interface eth1 is down",
        "faults    interface eth1 is down",
        "          check squid failed: exit status 1?[2J",
        "timers    a Master is silent for 3.610 s at most; skew time 0.610 s",
        "peers     192.0.2.9, priority 200, Master, sent the last advertisement",
        "last      event vrrp-event-startup; became Master because: not-master",
        "addresses 192.0.2.102/24 not here",
        "checks    check squid failed",
        "counters  2 ip-ttl-errors",
    ];
    assert_eq!(shown[12..22], expected);
    assert!(shown[5].starts_with("! mail"), "the table is there too: {shown:#?}");

    let small = screen(&mut view, (80, 16), now);
    assert!(small[8].ends_with(" ] for more"), "{small:#?}");
    type_keys(&mut view, &"]".repeat(50));
    let end = screen(&mut view, (80, 16), now);
    assert_eq!(end[14], "counters  2 ip-ttl-errors");
    type_keys(&mut view, "[");
    assert_ne!(screen(&mut view, (80, 16), now), end, "no scrolling back through what was never there");
    // There is no room for both.
    let tiny = screen(&mut view, (80, 10), now);
    assert!(tiny[2].starts_with(" mail ───"), "{tiny:#?}");
    for size in [(1, 1), (10, 3), (0, 0), (400, 100)] {
        screen(&mut view, size, now);
    }
}

#[test]
fn keys_sort_and_turn_round_and_the_chosen_router_stays_chosen() {
    let (mut view, _) = three();
    type_keys(&mut view, "j");
    let chosen = |view: &View| view.row().unwrap().router.name.clone();
    assert_eq!(chosen(&view), "proxy_ip2");
    for (order, sorted) in [
        ("name", ["mail", "proxy_ip1", "proxy_ip2"]),
        ("state", ["mail", "proxy_ip1", "proxy_ip2"]),
        ("last change", ["proxy_ip1", "proxy_ip2", "mail"]),
        ("rate", ["proxy_ip2", "proxy_ip1", "mail"]),
        ("configuration", ["proxy_ip1", "proxy_ip2", "mail"]),
    ] {
        type_keys(&mut view, "s");
        assert_eq!((view.order.name(), &names(&view)[..]), (order, &sorted[..]));
        assert_eq!(chosen(&view), "proxy_ip2");
    }
    type_keys(&mut view, "r");
    assert_eq!(names(&view), ["mail", "proxy_ip2", "proxy_ip1"]);
    type_keys(&mut view, "g");
    assert_eq!(chosen(&view), "mail");
    type_keys(&mut view, "kkk");
    assert_eq!(chosen(&view), "mail");
    press(&mut view, KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE));
    assert_eq!(chosen(&view), "proxy_ip1");
    let gone = [router("other", json!({}))];
    view.take(seen(Instant::now(), &gone));
    assert_eq!(chosen(&view), "other");
    view.take(seen(Instant::now(), &[]));
    assert!(view.row().is_none());
    type_keys(&mut view, "jkG\n[]");
}

#[test]
fn a_filter_shows_what_has_the_text_and_esc_shows_all() {
    let (mut view, now) = three();
    type_keys(&mut view, "/ETH0x");
    assert!(names(&view).is_empty());
    assert!(screen(&mut view, (80, 8), now)[1].contains("/ETH0x_"));
    type_keys(&mut view, "\u{8}\n");
    assert_eq!(names(&view), ["proxy_ip1", "proxy_ip2"]);
    assert_eq!(screen(&mut view, (80, 8), now)[1], "sorted by configuration  only with \"ETH0\": 2 of 3  every 1 s");
    type_keys(&mut view, "\u{1b}");
    assert_eq!(names(&view).len(), 3);
    for (text, found) in [("53", "mail"), ("fault", "mail"), ("192.0.2.100", "proxy_ip1"), ("0.2.9", "proxy_ip2")] {
        type_keys(&mut view, &format!("/{text}\n"));
        assert_eq!(names(&view), [found], "{text}");
        type_keys(&mut view, "\u{1b}");
    }
    // While a text is typed, letters are letters.
    type_keys(&mut view, "/qs");
    assert_eq!((view.filter.as_str(), view.order), ("qs", table::Order::Place));
    type_keys(&mut view, &"x".repeat(1000));
    assert_eq!(view.filter.len(), 64);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(press(&mut view, control_c), Then::Quit);
    type_keys(&mut view, "\u{1b}");
    assert_eq!(press(&mut view, KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE)), Then::Quit);
}

#[test]
fn who_is_gone_is_told_with_the_age_of_what_is_shown_and_who_is_back_goes_on() {
    let (mut view, now) = three();
    view.take(News::Gone("no vrrpd on /run/vrrpd.sock".to_owned()));
    let shown = screen(&mut view, (80, 8), now + Duration::from_secs(61));
    assert_eq!(shown[1], "NO ANSWER, this is the state of 1m ago: no vrrpd on /run/vrrpd.sock");
    assert!(shown[3].contains("proxy_ip1") && shown[3].contains("1m"), "{shown:#?}");
    view.take(seen(now + Duration::from_secs(70), &[router("proxy_ip1", json!({}))]));
    let shown = screen(&mut view, (80, 8), now + Duration::from_secs(70));
    assert_eq!(shown[1], "sorted by configuration  every 1 s");
    assert_eq!(names(&view), ["proxy_ip1"]);
}

#[test]
fn the_help_names_every_key_and_any_key_closes_it() {
    let (mut view, now) = three();
    type_keys(&mut view, "?");
    let shown = screen(&mut view, (80, 24), now);
    assert!(shown.iter().any(|line| line.starts_with(" Esc ")) && shown[2].starts_with(" keys ───"), "{shown:#?}");
    type_keys(&mut view, "s");
    assert_eq!((view.help, view.order), (false, table::Order::Place));
}

#[test]
fn with_255_routers_the_chosen_one_is_always_seen() {
    let all: Vec<_> = (0..255).map(|n| router(&format!("VI_{n}"), json!({"vrid": n}))).collect();
    let (mut view, now) = (View::new(Duration::from_secs(1)), Instant::now());
    view.take(seen(now, &all));
    view.detail = true;
    for (keys, name) in [("G", "VI_254"), ("kk", "VI_252"), ("g", "VI_0"), ("jjjjjjjjjjjjjjj", "VI_15")] {
        type_keys(&mut view, keys);
        let shown = screen(&mut view, (80, 24), now);
        assert!(shown[..12].iter().any(|line| line.split_whitespace().next() == Some(name)), "{shown:#?}");
        assert!(shown[12].starts_with(&format!(" {name} ─")), "{shown:#?}");
        assert_eq!(shown[0], "vrrpd 0.1.0  255 routers: 255 Backup  rx 0.0/s tx 0.0/s");
    }
}
