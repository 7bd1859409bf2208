//! The verb `watch`: the state of every router, and then every event as it comes.

mod answer;
mod text;

use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::daemon::Daemon;
use super::order;
use super::refused::Refused;
use super::verb::{Nexts, Streaming, Verb};
use crate::vrrpd::log::{End, READERS, Read, Record};

pub use answer::{Ended, Event, Snapshot, Standing, Watched, Why};

/// `{"verb":"watch"}`, and `vrrpctl watch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Show the state of every router, and then every event as it comes",
    long_about = "Show the state of every router, and then every event as it comes, until vrrpd ends. The events are the lines of its \
                  log, with the same numbers; `docs/log.md` says what each id means. One may come that the first lines show \
                  already, and none is left out between them. A reader that does not keep up loses events and is told how many. \
                  With a ROUTER the numbers of other events are left out.\n\n\
                  With --json each line is an object, of the kind `snapshot`, `event`, `lost` or `end`.\n\n\
                  The exit status is 0 if vrrpd said that it ends or that another one goes on, and 1 if the request was refused or \
                  vrrpd ended without an answer."
)]
pub struct Request {
    /// Only events of this virtual router (vrrp_instance)
    #[arg(value_name = "ROUTER")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
}

impl Verb for Request {
    type Answer = Ended;

    fn text(&self, Ended { why, .. }: &Ended) -> String {
        text::end(*why)
    }

    fn next(&self, next: &Value) -> Result<String, serde_json::Error> {
        Ok(text::watched(&Watched::deserialize(next)?))
    }

    fn is_stream(&self) -> bool {
        true
    }
}

impl Streaming for Request {
    async fn answer(&self, daemon: &Daemon, nexts: &Nexts) -> Result<Ended, Refused> {
        // First of all: what happens while the snapshot is made is not missed.
        let mut reader = daemon.lines.read_along().ok_or_else(|| {
            let with = format!("{READERS} clients watch already, and there is no room for more");
            Refused::Busy { with }
        })?;
        let snapshot = daemon.snapshot().await?;
        let mut snapshot = answer::snapshot(&snapshot);
        if let Some(name) = &self.router {
            let known: Vec<&str> = snapshot.routers.iter().map(|router| router.router.as_str()).collect();
            order::router(name, &known)?;
            snapshot.routers.retain(|router| router.router == *name);
        }
        nexts.give(&Watched::Snapshot(snapshot)).await?;
        loop {
            match reader.next().await {
                Read::Line(record) if self.is_meant(&record) => nexts.give(&answer::event(&record)).await?,
                Read::Line(_) => {}
                Read::Lost(count) => nexts.give(&Watched::Lost { count }).await?,
                Read::End(End::Stopped) => return Ok(Ended::new(Why::Stopped)),
                Read::End(End::Upgraded) => return Ok(Ended::new(Why::Upgraded)),
            }
        }
    }
}

impl Request {
    fn is_meant(&self, record: &Arc<Record>) -> bool {
        self.router.is_none() || record.router() == self.router.as_deref()
    }
}

#[cfg(test)]
mod tests;
