//! Pictures of a simulated world.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use vrrp_core::sim::{Disturbance, Link, Step, World};
use vrrp_core::timeline::{Before, Fate, Timeline};
use vrrp_core::{Config, Family, Profile, Role};

use crate::lans::{at, config, lan, millis};

#[path = "../../examples/failover_picture.rs"]
#[allow(dead_code, reason = "the example's main")]
mod failover_picture;

fn v2(own: u8) -> Config {
    config(Profile::Rfc3768, Family::Ipv4, own)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Fates of every advertisement in a picture that are like one.
fn fates(timeline: &Timeline, like: fn(&Fate) -> bool) -> usize {
    timeline.advertisements().iter().flat_map(|sent| &sent.to).filter(|(_, fate)| like(fate)).count()
}

#[test]
fn the_picture_of_the_readme_is_what_its_command_makes() {
    let (file, made) = (root().join("docs/failover.svg"), failover_picture::failover().unwrap().to_svg());
    if std::env::var_os("VRRP_BLESS").is_some() {
        fs::write(&file, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == made,
        "run the tests with VRRP_BLESS=1 and look at docs/failover.svg"
    );
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("(docs/failover.svg)"));
    assert!(readme.contains("cargo run -p vrrp-core --features sim --example failover_picture > docs/failover.svg"));
}

#[test]
fn what_became_of_each_advertisement_is_in_the_picture() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(150), v2(100)]);
    let (first, second, third) = (routers[0].0, routers[1].0, routers[2].0);
    let lan = sim.world().network().lans().next().unwrap();
    sim.plan(at(10), Disturbance::Cut(lan, first, second));
    sim.plan(at(12), Disturbance::Mend(lan, first, second));
    sim.plan(at(20), Disturbance::Link(lan, Some((first, third)), Link { loss: 1_000_000, ..Link::GOOD }));
    sim.plan(at(22), Disturbance::Link(lan, None, Link::GOOD));
    sim.plan(at(30), Disturbance::Kill(third));
    sim.run_until(at(40)).unwrap();
    let timeline = sim.timeline();
    assert_eq!(fates(&timeline, |fate| matches!(fate, Fate::Cut)), 2);
    assert_eq!(fates(&timeline, |fate| matches!(fate, Fate::Lost)), 2);
    assert_eq!(fates(&timeline, |fate| matches!(fate, Fate::Unheard(_))), 10);
    let sent = timeline.advertisements().len();
    assert_eq!(fates(&timeline, |fate| matches!(fate, Fate::Heard(_))), 2 * sent - 14);
    assert_eq!(timeline.takeovers(), [], "nobody noticed");
}

#[test]
fn the_takeovers_of_the_picture_are_those_of_the_world() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(100)]);
    sim.plan(at(10), Disturbance::PowerOff(routers[0].0));
    sim.plan(at(20), Disturbance::Start(routers[0].0));
    sim.plan(at(30), Disturbance::Stall(routers[0].0, Duration::from_secs(6)));
    sim.run_until(at(50)).unwrap();
    let takeovers = sim.timeline().takeovers();
    let before: Vec<Before> = takeovers.iter().map(|takeover| takeover.before).collect();
    // Away when the power fails, back in turn, away from the one that hangs, and back.
    assert_eq!(before, [Before::Gone, Before::Yielded, Before::Gone, Before::Yielded]);
    let down = Duration::from_nanos(3_000_000_000 + 156 * 3_906_250);
    assert_eq!([takeovers[0].took(), takeovers[2].took()], [down + Link::GOOD.latency; 2]);
}

#[test]
fn a_failure_shows_itself_with_one_call() {
    let run = || {
        let (mut sim, routers) = lan(7, Link { jitter: millis(1), ..Link::GOOD }, [v2(200), v2(100)]);
        let (second, router) = routers[1];
        sim.add_check(move |world: &World, _: &Step| match world.role(second, router) {
            Role::Master => Err("the <second> took over".into()),
            _ => Ok(()),
        });
        sim.plan(at(10), Disturbance::Kill(routers[0].0));
        sim.run_until(at(20)).unwrap_err()
    };
    let (failure, again) = (run(), run());
    let html = failure.to_html();
    assert_eq!(html, again.to_html(), "the same seed, the same page");
    assert!(html.contains("the &lt;second&gt; took over"));
    assert!(html.contains("\\u003csecond\\u003e"));
    assert!(!html.contains("<second>"));
    let marks: Vec<&str> = failure.picture.marks().iter().map(|mark| mark.text.as_str()).collect();
    assert_eq!(marks, ["host 0: killed", "the <second> took over"]);
}

#[test]
fn of_a_long_history_the_end_is_shown_and_the_rest_is_said_to_be_missing() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(100)]);
    sim.run_until(at(3_000)).unwrap();
    let timeline = sim.timeline();
    assert_eq!(timeline.advertisements().len(), 1024);
    let (from, until) = timeline.span();
    assert_eq!((from, until), (timeline.advertisements()[0].at, at(3_000)));
    assert!(timeline.to_json().contains("\"missing\":19"), "{}", &timeline.to_json()[..300]);
    assert_eq!(sim.world().role(routers[0].0, routers[0].1), Role::Master);
}
