//! The verb `drain`: hand addresses over to another host, without a gap.

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use vrrp_core::Priority;

use super::order::{Drain, DrainEnded, DrainOutcome, DrainedRouter, Order, Reply};
use super::refused::Refused;
use super::verb::{Act, Verb};
use super::which::Which;

/// The longest that another Master is waited for: a day.
const LONGEST: f64 = 86_400.0;

/// The reason why an address owner cannot hand over.
const NO_OWNER: &str = "expected a drained router's priority, 1 to 254";

/// `{"verb":"drain","all":true}`, and `vrrpctl drain --all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Hand the addresses over to another host, and wait until it has them",
    long_about = "Hand the addresses over to another host, and wait until it has them. A Master serves on until another one is \
                  heard. A drained router takes its addresses only where nobody else has them. The drain lasts until \
                  `undrain`, `reload` or the end of the daemon; a drain of one member of a sync group drains the whole group.\n\n\
                  The exit status is 1 where addresses are still on this host: `vrrpctl drain --all && poweroff` is safe."
)]
pub struct Request {
    #[allow(missing_docs)]
    #[command(flatten)]
    #[serde(flatten)]
    pub which: Which,
    /// Priority of a drained router, 1 to 254, where it is lower than its own [default: 1]
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Seconds to wait for another host [default: three advertisement intervals]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Seconds>,
}

/// A span in seconds, from 0 to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(Duration);

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        let duration = Some(seconds).filter(|seconds| (0.0..=LONGEST).contains(seconds)).map(Duration::from_secs_f64);
        duration.map(Self).ok_or_else(|| format!("expected seconds, from 0 to {LONGEST}"))
    }
}

impl From<Seconds> for f64 {
    fn from(Seconds(duration): Seconds) -> Self {
        duration.as_secs_f64()
    }
}

impl Verb for Request {
    type Answer = DrainEnded;

    fn text(&self, DrainEnded { routers }: &DrainEnded) -> String {
        if routers.is_empty() { "there is no virtual router\n".to_owned() } else { routers.iter().map(line).collect() }
    }

    fn succeeded(&self, DrainEnded { routers }: &DrainEnded) -> bool {
        routers.iter().all(|router| router.outcome.is_away())
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<DrainEnded>) -> Result<Order, Refused> {
        if self.priority == Some(Priority::OWNER) {
            return Err(Refused::NotARequest { why: NO_OWNER.to_owned() });
        }
        let limit = self.seconds.map(|Seconds(limit)| limit);
        Ok(Order::Drain(Drain { routers: self.which.routers()?, priority: self.priority, limit }, reply))
    }
}

fn priority(text: &str) -> Result<Priority, &'static str> {
    let priority = text.parse().ok().and_then(Priority::from_wire);
    priority.filter(|priority| *priority != Priority::OWNER).ok_or(NO_OWNER)
}

fn seconds(text: &str) -> Result<Seconds, String> {
    // A text that is not a number is out of range too.
    Seconds::try_from(text.parse().unwrap_or(f64::NAN))
}

fn line(DrainedRouter { router, outcome }: &DrainedRouter) -> String {
    match outcome {
        DrainOutcome::HandedOver { to } => format!("{router}: {to} has taken over\n"),
        DrainOutcome::NotMaster => format!("{router}: not Master, nothing to hand over\n"),
        DrainOutcome::NobodyTookOver => {
            format!("{router}: nobody took over; still Master here, at the lowered priority\n")
        }
        DrainOutcome::Undone => format!("{router}: something else ended the drain; see vrrpctl status\n"),
        DrainOutcome::Impossible { why } => format!("{router}: cannot be drained: {why}\n"),
    }
}
