//! The page of a timeline in a real browser: what it shows, what its tools do, and that it complains of nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod browser;
#[path = "../../../vrrp-io-linux/src/testing.rs"]
mod testing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use vrrp_core::sim::{Disturbance, Link, Sim, random_plan};
use vrrp_core::timeline::{Advertisement, Before, Fate, LaneState, MarkKind, Timeline, page};
use vrrp_core::{Config, Instant, Priority, Profile, Vrid};

use browser::{Browser, PROGRAMS};
use testing::{missing, skip};

/// Runs a test with a browser, which is closed whatever comes of it.
fn in_browser<F: AsyncFnOnce(&Browser)>(test: &str, body: F) {
    if let Some(program) = missing(&PROGRAMS) {
        return skip(test, &format!("{program} is not installed (packages chromium and chromium-driver)"));
    }
    // One browser at a time keeps a small machine busy enough.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let browser = Browser::start().await;
        body(&browser).await;
        let complaints = browser.complaints().await;
        browser.end().await;
        assert_eq!(complaints, [""; 0]);
    });
}

fn write(name: &str, html: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, html).unwrap();
    path
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// Three hosts; the first loses its power and comes back, and before that the LAN loses a packet in three.
fn failover() -> Timeline {
    let mut sim = Sim::new(3);
    let lan = sim.add_lan(Link::GOOD);
    let mut hosts = Vec::new();
    for priority in [200, 150, 100] {
        let config = Config::new(Profile::Rfc3768, Vrid::new(51).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let host = sim.add_host();
        sim.add_router(host, lan, config.with_priority(Priority::new(priority).unwrap())).unwrap();
        hosts.push(host);
    }
    sim.plan(at(5_000), Disturbance::Link(lan, None, Link { loss: 300_000, ..Link::GOOD }));
    sim.plan(at(9_000), Disturbance::Link(lan, None, Link::GOOD));
    sim.plan(at(9_500), Disturbance::PowerOff(hosts[0]));
    sim.plan(at(14_000), Disturbance::Cut(lan, hosts[1], hosts[2]));
    sim.plan(at(16_500), Disturbance::Mend(lan, hosts[1], hosts[2]));
    sim.plan(at(17_300), Disturbance::Start(hosts[0]));
    sim.run_until(at(24_000)).unwrap();
    let mut timeline = sim.timeline();
    timeline.outage("the client of 192.0.2.1", at(9_480), Some(at(13_300)), 76, "timed out");
    timeline.client("the client of the name");
    timeline.verdict(true);
    timeline
}

async fn number(browser: &Browser, script: &str) -> u64 {
    browser.run(script).await.as_u64().unwrap_or_else(|| panic!("{script} gives no number"))
}

const ARROWS: &str = "return document.querySelectorAll('.figure .arrow').length";
/// Names of texts that lie over each other in the picture.
const OVERLAPS: &str = "
    const texts = [...document.querySelectorAll('.figure text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;
    return texts.flatMap(([one, a], index) => texts.slice(index + 1).filter(([, b]) => meet(a, b)).map(([other]) => `${one} | ${other}`));";

#[test]
fn the_page_shows_the_takeover_and_its_tools_work() {
    let timeline = failover();
    in_browser("the_page_shows_the_takeover_and_its_tools_work", async |browser| {
        browser.screen(1280, 900, "light").await;
        browser.open(&write("failover.html", &timeline.to_html())).await;

        // At a glance: the figure is the one that the core has.
        let card = browser.run("return document.querySelector('.card.main dd').textContent").await;
        let took = timeline.takeovers().iter().find(|takeover| takeover.before == Before::Gone).unwrap().took();
        assert!(card.as_str().unwrap().starts_with(&format!("{:.3} s", took.as_secs_f64())), "{card} and {took:?}");
        let label = browser.run("return document.querySelector('.figure .takeover').textContent").await;
        assert_eq!(label, json!(format!("takeover {:.3} s", took.as_secs_f64())));
        for (width, theme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
            browser.screen(width, 900, theme).await;
            browser.settle().await;
            let overlaps = browser.run(OVERLAPS).await;
            assert_eq!(overlaps, json!([]), "texts over each other at {width}");
            let too_wide = number(browser, "return document.documentElement.scrollWidth - innerWidth").await;
            assert_eq!(too_wide, 0, "at {width} nothing is beyond the edge");
            browser.screenshot(&format!("failover-{width}-{theme}.png")).await;
        }
        browser.screen(1280, 900, "light").await;

        // Two fingers that part, on a phone.
        browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true, "maxTouchPoints": 2 })).await;
        browser.screen(390, 900, "light").await;
        let size = async || browser.run("return page.view.t1 - page.view.t0").await.as_f64().unwrap();
        let before = size().await;
        let top = number(
            browser,
            "scrollTo(0, 200); return Math.round(document.querySelector('.figure').getBoundingClientRect().top)",
        )
        .await
            + 120;
        for (kind, apart) in
            [("touchStart", 40), ("touchMove", 60), ("touchMove", 90), ("touchMove", 120), ("touchEnd", 0)]
        {
            let points = [(1, 200 - apart), (2, 200 + apart)].map(|(id, x)| json!({ "id": id, "x": x, "y": top }));
            let points = if kind == "touchEnd" { json!([]) } else { json!(points) };
            browser.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await;
        }
        browser.settle().await;
        assert!(size().await < before / 2.0, "{} of {before}", size().await);
        browser.run("page.view.all()").await;
        browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": false })).await;
        browser.screen(1280, 900, "light").await;

        // Filters: a layer, a host, a text.
        let all = number(browser, ARROWS).await;
        assert!(all > 20, "{all} arrows");
        assert!(number(browser, "return document.querySelectorAll('.figure .arrow.lost').length").await > 0);
        assert!(number(browser, "return document.querySelectorAll('.figure .arrow.cut').length").await > 0);
        click(browser, "[data-filter=\"advertisements\"]").await;
        assert_eq!(number(browser, ARROWS).await, 0);
        click(browser, "[data-filter=\"advertisements\"]").await;
        click(browser, "[data-filter=\"host host 2\"]").await;
        let fewer = number(browser, ARROWS).await;
        assert!(fewer > 0 && fewer < all, "{fewer} of {all}");
        click(browser, "[data-filter=\"host host 2\"]").await;
        let find = browser.client.find(fantoccini::Locator::Css("input[type=search]")).await.unwrap();
        find.send_keys("no power").await.unwrap();
        browser.settle().await;
        let status = status(browser).await;
        assert!(status.contains("1 match “no power”"), "{status}");
        assert!(number(browser, "return document.querySelectorAll('.figure .faded').length").await > 20);
        browser.run("const f = document.querySelector('input[type=search]'); f.value = ''; f.dispatchEvent(new Event('input'))").await;

        // Zoom: buttons, keys, the wheel; and back.
        click(browser, "[aria-label=\"Zoom in\"]").await;
        click(browser, "[aria-label=\"Zoom in\"]").await;
        assert!(number(browser, ARROWS).await < all);
        click(browser, "[aria-label=\"Show all\"]").await;
        assert_eq!(number(browser, ARROWS).await, all);
        let before = size().await;
        browser.client.find(fantoccini::Locator::Css(".figure")).await.unwrap().send_keys("+").await.unwrap();
        assert!((size().await - before / 2.0).abs() < 10.0);
        let wheel = json!({ "type": "mouseWheel", "x": 700, "y": 420, "deltaX": 0, "deltaY": -300 });
        browser.devtools("Input.dispatchMouseEvent", wheel).await;
        browser.settle().await;
        assert!(size().await < before / 2.2, "the wheel zooms");
        click(browser, "[aria-label=\"Show the takeover\"]").await;
        let first = browser.run("return document.querySelector('.figure .takeover').textContent").await;
        assert_eq!(first, label);
        click(browser, "[aria-label=\"Show all\"]").await;

        // What is pointed at is told; so are events one after the other, by key.
        let arrow = browser.run("const b = document.querySelector('.figure .arrow.lost .end').getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]").await;
        browser
            .devtools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": arrow[0], "y": arrow[1] }))
            .await;
        let told = tip(browser).await;
        assert!(told.contains("advertisement at priority 200") && told.contains("lost"), "{told}");
        browser.client.find(fantoccini::Locator::Css(".figure")).await.unwrap().send_keys("\u{e015}").await.unwrap();
        assert!(!tip(browser).await.is_empty());
        click(browser, ".events summary").await;
        browser.settle().await;
        let rows = browser
            .run("return [...document.querySelectorAll('tbody tr')].map((row) => row.textContent).join('\\n')")
            .await;
        assert!(rows.as_str().unwrap().contains("host 1 took over from host 0"), "{rows}");

        // On paper there is the picture, without tools.
        browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
        browser.run("dispatchEvent(new Event('beforeprint'))").await;
        browser.settle().await;
        browser.screenshot("failover-print.png").await;
        let heights =
            "return ['.tools', '.sheets svg'].map((css) => document.querySelector(css).getBoundingClientRect().height)";
        let heights = browser.run(heights).await;
        assert!(heights[0] == 0 && heights[1].as_f64().unwrap() > 200.0, "{heights}");
        browser.run("dispatchEvent(new Event('afterprint'))").await;
        browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;

        // More comes in, as on a page that is live.
        let more = r#"{"lanes":[{"host":"host 9","router":"router 51, IPv4"}],"states":[[25000000000,0,"master","came late"]],"span":[0,26000000000]}"#;
        browser.run(&format!("page.add({more})")).await;
        browser.settle().await;
        let text = browser.run("return document.querySelector('.figure svg').textContent").await;
        assert!(text.as_str().unwrap().contains("host 9"), "{text}");
    });
}

#[test]
fn the_page_finds_the_takeovers_that_the_core_finds() {
    let timelines: Vec<Timeline> = (0..12).map(chaos).collect();
    in_browser("the_page_finds_the_takeovers_that_the_core_finds", async |browser| {
        browser.open(&write("chaos.html", &page("Chaos", "twelve worlds", &timelines))).await;
        let mut found = 0;
        for (position, timeline) in timelines.iter().enumerate() {
            browser.run(&format!("document.querySelectorAll('.runs button')[{position}].click()")).await;
            browser.settle().await;
            let script = "return page.model.groups.flatMap((group) => group.takeovers).sort((a, b) => a.at - b.at || a.to - b.to)
                .map(({ from, to, lastWord, at, before }) => [from, to, lastWord, at, before])";
            let mut takeovers = timeline.takeovers();
            takeovers.sort_by_key(|takeover| (takeover.at, takeover.to));
            let expected: Vec<Value> = takeovers
                .iter()
                .map(|one| {
                    json!([
                        one.from.index(),
                        one.to.index(),
                        one.yield_advertisement.as_nanos(),
                        one.at.as_nanos(),
                        format!("{:?}", one.before).to_lowercase()
                    ])
                })
                .collect();
            assert_eq!(browser.run(script).await, json!(expected), "world {position}");
            found += takeovers.len();
        }
        assert!(found > 20, "{found} takeovers");
    });
}

/// A world in which everything goes wrong for a while.
fn chaos(seed: u64) -> Timeline {
    let mut sim = Sim::new(seed);
    let lan = sim.add_lan(Link::GOOD);
    for priority in [200, 150, 100] {
        let host = sim.add_host();
        for vrid in [1, 2] {
            let address = [192, 0, 2, vrid].into();
            let config = Config::new(Profile::Rfc9568, Vrid::new(vrid).unwrap(), &[address]).unwrap();
            sim.add_router(host, lan, config.with_priority(Priority::new(priority).unwrap())).unwrap();
        }
    }
    let plan = random_plan(sim.world(), seed, 40, Duration::from_secs(60));
    plan.into_iter().for_each(|planned| sim.plan(planned.at, planned.what));
    // What a check would find is no matter here: the picture is drawn of whatever happens.
    let _ = sim.run_until(at(80_000));
    sim.timeline()
}

#[test]
fn a_live_page_goes_on_with_the_newest_and_keeps_no_more_than_it_may() {
    let page = Timeline::new("live").to_html().replace("JSON.parse(", "[]); //");
    assert!(page.contains("[]); //"));
    in_browser("a_live_page_goes_on_with_the_newest_and_keeps_no_more_than_it_may", async |browser| {
        browser.open(&write("live.html", &page)).await;
        browser.run("window.page = VrrpTimeline.mount(document.getElementById('timelines'), [], { window: 10e9, keep: 100 })").await;
        for piece in 0..30_u64 {
            let mut timeline = Timeline::new("live");
            // Each piece counts its lanes anew.
            let hosts = if piece % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
            for host in hosts {
                timeline.lane(host, "router 1");
            }
            let [a, b] = ["a", "b"].map(|host| timeline.lane(host, "router 1"));
            if piece == 0 {
                timeline.state(at(0), a, LaneState::Master, "");
                timeline.state(at(0), b, LaneState::Backup, "");
            }
            for number in 0..10 {
                let sent = at(piece * 1000 + number * 100);
                timeline.advertisement(Advertisement::new(sent, a, 200).to(b, Fate::Heard(sent)));
            }
            browser.run(&format!("page.add({})", timeline.to_json())).await;
        }
        browser.settle().await;
        let seen = browser
            .run("return [page.model.lanes.length, page.model.advertisements.length, page.model.missing, page.view.t0, page.view.t1]")
            .await;
        assert_eq!(
            seen,
            json!([2, 100, 200, 19_900_000_000_u64, 30_000_000_000_u64]),
            "lanes, kept, not kept, and what is shown"
        );
        assert!(status(browser).await.contains("200 older things were not kept"));
        // Who looks at something stays there, until he wants the newest again.
        browser.run("page.view.zoom(0.1, 25e9)").await;
        let more = r#"{"lanes":[],"marks":[[40000000000,null,"broken","late"]],"span":[40000000000,40000000000]}"#;
        browser.run(&format!("page.add({more})")).await;
        assert!(browser.run("return page.view.t1").await.as_f64().unwrap() < 27e9);
        click(browser, "[aria-label=\"Show the newest, and go on with it\"]").await;
        assert_eq!(browser.run("return page.view.t1").await, json!(40_100_000_000_u64));
    });
}

#[test]
fn text_from_outside_stays_text() {
    let evil =
        "</script><script>window.broken = 1</script><img src=x onerror=\"window.broken = 2\">'\"&<!--\u{2028}\u{0}";
    let mut timeline = Timeline::new(evil);
    let (a, b) = (timeline.lane(evil, evil), timeline.lane("host 2", evil));
    timeline.fact(evil, evil);
    timeline.state(at(0), a, LaneState::Master, evil);
    timeline.state(at(0), b, LaneState::Backup, evil);
    timeline.holds(at(0), a, evil, true);
    timeline.advertisement(Advertisement::new(at(500), a, 100).to(b, Fate::Rejected(at(501), evil.to_owned())));
    timeline.mark(at(600), Some(a), MarkKind::Broken, evil);
    timeline.outage(evil, at(600), Some(at(700)), 3, evil);
    timeline.shows(at(0), at(1000));
    in_browser("text_from_outside_stays_text", async |browser| {
        browser.open(&write("evil.html", &page(evil, evil, &[timeline.clone(), timeline.clone()]))).await;
        click(browser, ".events summary").await;
        browser.settle().await;
        assert_eq!(browser.run("return window.broken ?? null").await, Value::Null);
        assert_eq!(browser.run("return document.querySelectorAll('img').length").await, json!(0));
        assert_eq!(browser.run("return document.querySelector('h2').textContent").await, json!(evil));
        // The picture alone, as a file and without scripts.
        let svg = write("evil.svg", &timeline.to_svg());
        browser.open(&svg).await;
        assert_eq!(browser.run("return document.documentElement.localName").await, json!("svg"), "it is sound XML");
        assert_eq!(
            browser.run("return [window.broken ?? null, document.querySelectorAll('script, img').length]").await,
            json!([null, 0])
        );
    });
}

#[test]
fn a_hundred_thousand_advertisements_are_thinned_out_and_that_is_said() {
    let mut timeline = Timeline::new("A long day");
    let lanes = ["a", "b", "c"].map(|host| timeline.lane(host, "router 1"));
    timeline.state(at(0), lanes[0], LaneState::Master, "");
    for number in 0..100_000 {
        let sent = Advertisement::new(at(number * 10), lanes[0], 200);
        let fate = if number == 54_321 { Fate::Lost } else { Fate::Heard(at(number * 10 + 1)) };
        timeline.advertisement(sent.to(lanes[1], fate).to(lanes[2], Fate::Heard(at(number * 10 + 1))));
    }
    (0..20_000).for_each(|n| {
        timeline.state(at(n * 50), lanes[1], if n % 2 == 0 { LaneState::Backup } else { LaneState::Master }, "flaps");
    });
    timeline.shows(at(0), at(1_000_000));
    in_browser("a_hundred_thousand_advertisements_are_thinned_out_and_that_is_said", async |browser| {
        browser.screen(1280, 900, "light").await;
        browser.open(&write("many.html", &timeline.to_html())).await;
        let arrows = number(browser, ARROWS).await;
        assert!((100..=3_000).contains(&arrows), "{arrows} arrows");
        let elements = number(browser, "return document.querySelectorAll('.figure *').length").await;
        assert!(elements < 20_000, "{elements} elements");
        let told = status(browser).await;
        assert!(told.contains("100,000 advertisements") && told.contains("one arrow stands for several"), "{told}");
        assert_eq!(
            number(browser, "return document.querySelectorAll('.figure .arrow.lost').length").await,
            1,
            "a loss is never hidden"
        );
        // Generous: it is some fifty milliseconds on an idle machine.
        let drawn =
            browser.run("const began = performance.now(); page.view.render(); return performance.now() - began").await;
        assert!(drawn.as_f64().unwrap() < 5_000.0, "{drawn} ms");
        browser.screenshot("many-1280.png").await;
        browser.run("page.view.zoom(1 / 2000, 543210e6)").await;
        browser.settle().await;
        let told = status(browser).await;
        assert!(!told.contains("stands for several"), "{told}");
        let near = number(browser, ARROWS).await;
        assert!((50..300).contains(&near), "{near} arrows");
    });
}

async fn click(browser: &Browser, css: &str) {
    let found =
        browser.client.find(fantoccini::Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    found.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    browser.settle().await;
}

async fn status(browser: &Browser) -> String {
    browser.run("return page.view.status.textContent").await.as_str().unwrap_or_default().to_owned()
}

async fn tip(browser: &Browser) -> String {
    browser
        .run("return page.view.tooltip.hidden ? '' : page.view.tooltip.textContent")
        .await
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
