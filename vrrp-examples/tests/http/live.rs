//! The live page in a real browser, while an address moves from one host to the other.

use std::time::Duration;

use serde_json::Value;

use crate::browser::{Browser, PROGRAMS};
use crate::common::testing::{ip, missing, skip};
use crate::common::{Lan, in_namespace, until};
use crate::configuration;

/// A name that would do harm where it was taken for more than text.
const NAME: &str = "<img/src=x/onerror=alert(1)>";

/// What a page shows of its first router, of the routers and of the events, and how it is connected.
const SHOWN: &str = "return {
    state: document.querySelector('.vr .state')?.textContent ?? '',
    cards: [...document.querySelectorAll('.vr:not([hidden]) h3')].map((name) => name.textContent),
    events: [...document.querySelectorAll('#events li')].map((line) => line.textContent).join('\\n'),
    link: document.getElementById('link').textContent,
    wide: document.documentElement.scrollWidth > innerWidth,
    images: document.images.length,
    urls: window.urls?.length > 0 ? window.urls : null,
    pictures: document.querySelectorAll('#timeline svg .state-master').length,
}";

/// Lets a minute pass in which nothing is heard, and notes where the page connects.
const SILENCE: &str = "
    window.urls = [];
    window.EventSource = class extends EventSource {
        constructor(url) {
            super(url);
            window.urls.push(url);
        }
    };
    const now = Date.now;
    Date.now = () => now() + 60_000;";

#[test]
fn the_live_page_shows_a_failover_as_it_happens() {
    if let Some(program) = missing(&PROGRAMS) {
        return skip("live page", &format!("{program} is not installed (packages chromium and chromium-driver)"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        ip("link set lo up");
        ip("address add 192.0.2.250/24 dev switch");
        let (first, second) = (lan.host(1), lan.host(2));
        let master = first.vrrpd(&configuration(200, ""));
        master.until_is("VI_1", "Master");
        let more = format!(
            "vrrp_script check {{\n script \"/bin/false\"\n interval 1\n}}
             vrrp_instance {NAME} {{\n interface eth0\n virtual_router_id 2\n virtual_ipaddress {{\n 192.0.2.102/24\n }}
                 track_script {{\n check\n }}\n}}"
        );
        let backup = second.vrrpd_with(&configuration(100, &more), &["--http", "192.0.2.2:9112"]);
        until("the Master is heard", || backup.router("VI_1").master.is_some());

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let browser = Browser::start().await;
            browser.screen(1280, 900, "light").await;
            browser.client.goto("http://192.0.2.2:9112/").await.unwrap();
            let shown = until_shown(&browser, |page| page["link"] == "live" && page["pictures"] != Value::Null).await;
            assert_eq!(shown["cards"], serde_json::json!([NAME, "VI_1"]), "{shown:#}");
            assert_eq!(shown["images"], 0, "text is text");
            browser.run("document.getElementById('filter').value = 'vi_1 backup'; document.getElementById('filter').dispatchEvent(new Event('input'));").await;
            until_shown(&browser, |page| page["cards"] == serde_json::json!(["VI_1"])).await;

            master.kill();
            let moved = |page: &Value| {
                let events = page["events"].as_str().unwrap_or_default();
                events.contains("Backup -> Master at priority 100") && events.contains("set 192.0.2.101/24 on eth0")
            };
            until_shown(&browser, moved).await;
            // The filter holds what is no Backup any more back.
            until_shown(&browser, |page| page["cards"] == serde_json::json!([])).await;
            browser.run("document.getElementById('filter').value = 'vi_1'; document.getElementById('filter').dispatchEvent(new Event('input'));").await;
            let shown = until_shown(&browser, |page| page["pictures"].as_u64() > Some(0)).await;
            assert_eq!(shown["cards"], serde_json::json!(["VI_1"]), "{shown:#}");
            browser.run("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'));").await;
            browser.screenshot("live-1280.png").await;
            browser.screen(390, 844, "dark").await;
            let narrow = until_shown(&browser, |page| page["cards"].as_array().map(Vec::len) == Some(2)).await;
            assert_eq!(narrow["wide"], false, "nothing is cut off at 390 pixels");
            browser.screenshot("live-390.png").await;

            // After a silence it connects anew, and shows nothing twice.
            browser.run(SILENCE).await;
            let shown = until_shown(&browser, |page| page["link"] == "live" && page["urls"] != Value::Null).await;
            assert!(shown["urls"][0].as_str().unwrap().starts_with("events?after="), "{shown:#}");
            browser.settle().await;
            let shown = browser.run(SHOWN).await;
            let times = shown["events"].as_str().unwrap().matches("Backup -> Master at priority 100").count();
            assert_eq!(times, 1, "{shown:#}");
            assert_eq!(browser.complaints().await, [""; 0]);

            // Another vrrpd in its place: the page finds it by itself.
            backup.terminate();
            until_shown(&browser, |page| page["link"] != "live").await;
            let _again = second.vrrpd_with(&configuration(100, &more), &["--http", "192.0.2.2:9112"]);
            let gap = |page: &Value| page["link"] == "live" && page["events"].to_string().contains("vrrpd began anew");
            until_shown(&browser, gap).await;
            browser.end().await;
        });
    });
}

/// Waits until a page shows something.
async fn until_shown(browser: &Browser, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut page = Value::Null;
    for _ in 0..200 {
        page = browser.run(SHOWN).await;
        if is_so(&page) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within 20 s, the page shows {page:#}");
}
