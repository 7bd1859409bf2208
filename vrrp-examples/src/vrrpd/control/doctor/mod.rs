//! The verb `doctor`: what is wrong between the hosts, how that is known, and what to do.

mod answer;
pub(super) mod text;

use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use vrrp_io_linux::{RouterStatus, TrackerStatus};

use super::daemon::Daemon;
use super::refused::{Refused, find};
use super::snapshot::Snapshot;
use super::verb::{Look, Verb};
use crate::vrrpd::config::Instance;
use crate::vrrpd::doctor::{self, Diagnosis, Host};

pub use answer::Report;

/// `{"verb":"doctor","router":"VI_1","probe":true}`, and `vrrpctl doctor VI_1 --probe`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Look for problems between the hosts, and tell how to repair them",
    long_about = "Look for problems between the hosts, and tell how to repair them: from what vrrpd heard, from a look at this host, \
                  and from listening to its links for two intervals, at most 3 s. Nothing is sent without --probe, and nothing is \
                  changed. The exit status is 0 where nothing was found and 1 where something was."
)]
pub struct Request {
    /// Name of a virtual router (vrrp_instance); all of them without it
    #[arg(value_name = "ROUTER")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// Ask on the links who has the addresses (ARP probes, neighbour solicitations), and say what was sent
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
}

impl Verb for Request {
    type Answer = Report;

    fn text(&self, answer: &Report) -> String {
        text::render(answer)
    }

    fn succeeded(&self, answer: &Report) -> bool {
        answer.findings.is_empty()
    }
}

impl Look for Request {
    async fn look(&self, daemon: &Daemon) -> Result<Report, Refused> {
        let before = daemon.snapshot().await?;
        let routers = chosen(&before, self.router.as_deref())?;
        if routers.is_empty() {
            return Ok(Report::default());
        }
        let probed = if self.probe { routers.as_slice() } else { &[] };
        let begun = Instant::now();
        let (mut host, sent) = doctor::look_around(before.config.clone(), probed).await.map_err(died)?;
        // What was seen is compared with the roles of now: looking takes its time.
        let now = daemon.snapshot().await?;
        host.took = begun.elapsed();
        let routers = chosen(&now, self.router.as_deref())?;
        let Diagnosis { findings, notes } = examine(&now, &routers, &host);
        let routers = routers.iter().map(|(router, _)| router.name.clone()).collect();
        Ok(Report { routers, findings, notes, sent })
    }
}

pub(super) fn died(why: tokio::task::JoinError) -> Refused {
    Refused::Failed { why: why.to_string() }
}

/// Returns the router that is meant, or all, each with its configuration.
pub(super) fn chosen<'a>(
    daemon: &'a Snapshot,
    name: Option<&str>,
) -> Result<Vec<(&'a RouterStatus, &'a Instance)>, Refused> {
    let routers = &daemon.driver.routers;
    if let Some(name) = name {
        let names: Vec<&str> = routers.iter().map(|router| router.name.as_str()).collect();
        find(name, &names).map_err(|known| Refused::NoSuchRouter { name: name.to_owned(), known })?;
    }
    let meant = routers.iter().filter(|router| name.is_none_or(|name| router.name == name));
    // While routers change one of them may be configured no more.
    let configured = |router: &RouterStatus| daemon.config.instances.iter().find(|it| it.name == router.name);
    Ok(meant.filter_map(|router| Some((router, configured(router)?))).collect())
}

/// Examines routers, with what the daemon knows of their checks.
pub(super) fn examine(daemon: &Snapshot, routers: &[(&RouterStatus, &Instance)], host: &Host) -> Diagnosis {
    let why = |router: &RouterStatus, it: &TrackerStatus| daemon.reasons.explain(router.id, it.id, &it.says);
    doctor::examine(&daemon.config, routers, &daemon.driver, host, &why)
}

#[cfg(test)]
mod tests;
