//! The same for people: what is 0 is left out.

use std::collections::BTreeMap;

use super::answer::{Counters, RouterStatistics, Statistics};
use super::rates::{Rates, RouterRates};

pub(super) fn statistics(Statistics { version, time, global, routers }: &Statistics) -> String {
    let mut text = format!("vrrpd {version}, at {time}\n\nall virtual routers\n") + &counters(global);
    for router in routers {
        text += "\n";
        text += &self::router(router);
    }
    text
}

fn router(router: &RouterStatistics) -> String {
    let RouterStatistics { router: name, interface, family, vrid, state, priority, .. } = router;
    let mut text = format!("{name}: {state} on {interface}, {family}, VRID {vrid}, priority {priority}\n");
    let up = router.up_datetime.as_ref().map_or("not up", |since| since.at.as_str());
    let mut field = |name: &str, value: &str| text += &format!("  {name:<28}  {value}\n");
    field("up-datetime", up);
    field("last-event", &router.last_event);
    field("new-master-reason", &router.new_master_reason);
    field("master-down-interval", &format!("{:.3} s", router.master_down_interval));
    field("skew-time", &format!("{:.3} s", router.skew_time));
    router.peers.iter().for_each(|peer| field("peer", &peer.to_string()));
    text + &counters(&router.counters)
}

fn counters(counters: &Counters) -> String {
    let counted: String = counters
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| format!("  {name:<28}  {count}\n"))
        .collect();
    if counted.is_empty() { "  nothing counted yet\n".to_owned() } else { counted }
}

impl Rates {
    /// Returns them as people read them.
    #[must_use]
    pub fn text(&self) -> String {
        rates(self)
    }
}

fn rates(Rates { time, seconds, global, routers }: &Rates) -> String {
    let mut text = format!("{time}, over {seconds:.1} s\n");
    let all = grown(global);
    if !all.is_empty() {
        text += &format!("  all virtual routers: {all}\n");
    }
    for RouterRates { router, state, rates } in routers {
        let grown = grown(rates);
        let grown = if grown.is_empty() { "nothing" } else { &grown };
        text += &format!("  {router} ({state}): {grown}\n");
    }
    text
}

fn grown(rates: &BTreeMap<String, f64>) -> String {
    let grown = rates.iter().filter(|(_, rate)| **rate > 0.0);
    grown.map(|(name, rate)| format!("{rate:.1}/s {name}")).collect::<Vec<_>>().join(", ")
}
