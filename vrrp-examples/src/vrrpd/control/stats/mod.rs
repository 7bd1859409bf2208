//! The verb `stats`: what was counted, under the names of the management models.

mod answer;
mod rates;
mod text;

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::daemon::Daemon;
use super::order;
use super::refused::Refused;
use super::verb::{Nexts, Streaming, Verb};

pub use answer::{Peer, RouterStatistics, Statistics};
pub use rates::{Rates, RouterRates};

/// `{"verb":"stats"}`, and `vrrpctl stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Show the counters, under the names of RFC 8347 and RFC 6527",
    long_about = "Show the counters, under the names of RFC 8347 and, where that has none, of RFC 2787 or of vrrpd. Counters \
                  start at 0 with their router and never jump back.\n\n\
                  With --every: how much per second each has grown, again and again until it is interrupted; with --json one \
                  object a line."
)]
pub struct Request {
    /// Only this virtual router (vrrp_instance)
    #[arg(value_name = "ROUTER")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// Show rates, each time over so many seconds, 0.1 to 86400
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    #[serde(skip)]
    pub every: Option<Duration>,
}

impl Verb for Request {
    type Answer = Statistics;

    fn text(&self, answer: &Statistics) -> String {
        text::statistics(answer)
    }
}

// It has one part only, and may be refused.
impl Streaming for Request {
    async fn answer(&self, daemon: &Daemon, _: &Nexts) -> Result<Statistics, Refused> {
        let snapshot = daemon.snapshot().await?;
        let mut statistics = answer::statistics(&snapshot);
        if let Some(name) = &self.router {
            let known: Vec<&str> = statistics.routers.iter().map(|router| router.router.as_str()).collect();
            order::router(name, &known)?;
            statistics.routers.retain(|router| router.router == *name);
        }
        Ok(statistics)
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("expected seconds, from 0.1 to 86400")
}

#[cfg(test)]
mod tests;
