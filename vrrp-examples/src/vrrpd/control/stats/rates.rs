//! The rates at which counters grow.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::answer::{Counters, RouterStatistics, Statistics};

/// The growth of each counter per second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// The end of the time that was counted: RFC 3339, UTC.
    pub time: String,
    /// Over how many seconds.
    pub seconds: f64,
    /// Over all virtual routers.
    pub global: BTreeMap<String, f64>,
    /// The rates of each virtual router.
    pub routers: Vec<RouterRates>,
}

/// The same of one virtual router.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouterRates {
    /// Its name.
    pub router: String,
    /// Its state.
    pub state: String,
    /// By the names of the counters.
    pub rates: BTreeMap<String, f64>,
}

impl Rates {
    /// Compares what was counted at two moments, that far apart.
    #[must_use]
    pub fn new(before: &Statistics, after: &Statistics, apart: Duration) -> Self {
        let nothing = Counters::new();
        let router = |router: &RouterStatistics| {
            let known = before.routers.iter().find(|known| known.router == router.router);
            RouterRates {
                router: router.router.clone(),
                state: router.state.clone(),
                // What is new has begun at 0.
                rates: grown(known.map_or(&nothing, |known| &known.counters), &router.counters, apart),
            }
        };
        Self {
            time: after.time.clone(),
            seconds: apart.as_secs_f64(),
            global: grown(&before.global, &after.global, apart),
            routers: after.routers.iter().map(router).collect(),
        }
    }
}

fn grown(before: &Counters, after: &Counters, apart: Duration) -> BTreeMap<String, f64> {
    // They never jump back: those that are less belong to a daemon or router that began anew.
    let before = |name: &String| before.get(name).copied().unwrap_or_default();
    let anew = after.iter().any(|(name, count)| *count < before(name));
    let seconds = apart.as_secs_f64().max(f64::MIN_POSITIVE);
    let rate = |(name, count): (&String, &u64)| {
        let grown = if anew { *count } else { count.saturating_sub(before(name)) };
        #[expect(clippy::cast_precision_loss, reason = "a rate is no count")]
        let rate = grown as f64 / seconds;
        (name.clone(), rate)
    };
    after.iter().map(rate).collect()
}
