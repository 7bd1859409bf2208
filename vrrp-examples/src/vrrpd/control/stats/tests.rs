use std::time::SystemTime;

use serde_json::json;
use tokio::task::spawn_blocking;

use super::*;
use crate::vrrpd::control::snapshot::{Reasons, Snapshot};
use crate::vrrpd::control::testing::{driver, router};
use crate::vrrpd::control::tests::Server;
use crate::vrrpd::control::{AskError, every, print};
use crate::vrrpd::exec::testing::SOON;

fn snapshot(sent: u64) -> Snapshot {
    let a = router(
        "a",
        json!({
            "role": "Master", "master": "192.0.2.1", "master_priority": 100, "last_advertisement_from": "192.0.2.9",
            "other_master": {"address": "192.0.2.9", "priority": 90, "why": null},
            "up_since": {"secs_since_epoch": 0, "nanos_since_epoch": 0}, "up_for": {"secs": 5, "nanos": 0},
            "stats": {"advert_sent": sent, "master_transitions": 1, "ttl_errors": 2},
        }),
    );
    let b = router(
        "b",
        json!({
            "master": "192.0.2.3", "master_priority": 200, "last_advertisement_from": "192.0.2.3",
            "stats": {"advert_rcvd": sent},
        }),
    );
    let (driver, taken_at) = (driver(&[a, b]), SystemTime::UNIX_EPOCH + Duration::from_secs(10));
    Snapshot {
        taken_at,
        driver,
        config: std::sync::Arc::default(),
        checks: vec![],
        reasons: Reasons::default(),
        by_hand: vec![],
    }
}

#[test]
fn it_reads_as_the_models_name_it_and_leaves_out_what_is_0() {
    let text = text::statistics(&answer::statistics(&snapshot(7)));
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "\
vrrpd {version}, at 1970-01-01T00:00:10.000000Z

all virtual routers
  events-lost                   3
  news-not-understood           2

a: Master on eth0, IPv4, VRID 1, priority 100
  up-datetime                   1970-01-01T00:00:05Z
  last-event                    vrrp-event-shutdown
  new-master-reason             not-master
  master-down-interval          1.000 s
  skew-time                     1.000 s
  peer                          192.0.2.9, priority 90, Master too, sent the last advertisement
  advertisement-sent            7
  ip-ttl-errors                 2
  master-transitions            1

b: Backup on eth0, IPv4, VRID 1, priority 100
  up-datetime                   not up
  last-event                    vrrp-event-shutdown
  new-master-reason             not-master
  master-down-interval          1.000 s
  skew-time                     1.000 s
  peer                          192.0.2.3, priority 200, Master, sent the last advertisement
  advertisement-rcvd            7
"
    );
    assert_eq!(text, expected);
}

#[test]
fn a_rate_is_what_has_grown_and_what_began_anew_began_at_0() {
    let at = |sent| answer::statistics(&snapshot(sent));
    let rates = Rates::new(&at(10), &at(30), Duration::from_secs(2));
    let (a, b) = (&rates.routers[0], &rates.routers[1]);
    assert_eq!((a.rates["advertisement-sent"], a.rates["master-transitions"]), (10.0, 0.0));
    assert_eq!((b.rates["advertisement-rcvd"], b.state.as_str()), (10.0, "Backup"));
    assert_eq!(
        rates.text(),
        "1970-01-01T00:00:10.000000Z, over 2.0 s\n  a (Master): 10.0/s advertisement-sent\n  b (Backup): 10.0/s advertisement-rcvd\n"
    );
    let still = Rates::new(&at(10), &at(10), Duration::from_secs(2)).text();
    assert!(still.ends_with("a (Master): nothing\n  b (Backup): nothing\n"), "{still}");

    // After a restart.
    let anew = Rates::new(&at(30), &at(4), Duration::from_secs(2));
    assert_eq!(anew.routers[0].rates["advertisement-sent"], 2.0);
    assert_eq!(anew.routers[0].rates["master-transitions"], 0.5);
    let mut before = at(30);
    before.routers.remove(0);
    assert_eq!(Rates::new(&before, &at(30), Duration::from_secs(2)).routers[0].rates["advertisement-sent"], 15.0);
}

#[tokio::test]
async fn one_router_or_all_and_rates_as_long_as_they_are_wanted() {
    let server = Server::with(snapshot(7), SOON);
    let ask = |words: &str, json| {
        let (path, request) = (server.path.clone(), crate::vrrpd::control::tests::request(words));
        spawn_blocking(move || print(&path, &request, json, SOON, |_| panic!("no part")))
    };
    let json = ask("stats b", true).await.unwrap().unwrap().text;
    let all: Statistics = serde_json::from_str(&json).unwrap();
    assert_eq!((all.routers.len(), all.routers[0].router.as_str()), (1, "b"));
    assert_eq!(all.routers[0].counters["advertisement-rcvd"], 7);
    assert_eq!(all.routers[0].counters.len(), 24, "zeros are there for programs");
    let error = ask("stats c", false).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, AskError::Refused { why: Some(why), .. } if matches!(**why, Refused::NoSuchRouter { .. })),
        "{error}"
    );

    let path = server.path.clone();
    let mut texts = Vec::new();
    let request = Request::default();
    let rates = spawn_blocking(move || {
        let often = (Duration::from_millis(1), true);
        every(&path, &request, often, SOON, |text| {
            texts.push(serde_json::from_str::<serde_json::Value>(text).unwrap());
            texts.len() < 3
        })
        .unwrap();
        texts
    });
    let rates = rates.await.unwrap();
    assert_eq!(rates.len(), 3);
    assert_eq!(rates[2]["routers"][1]["rates"]["advertisement-rcvd"], 0.0);
    assert!(rates.iter().all(|it| it["seconds"].as_f64().unwrap() > 0.0));
}
