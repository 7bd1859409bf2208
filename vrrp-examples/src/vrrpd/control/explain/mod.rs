//! The verb `explain`: why a router is in its state, what will happen next, and what would change it.

mod answer;
mod compose;
mod text;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::daemon::Daemon;
use super::doctor::{chosen, died, examine};
use super::refused::Refused;
use super::verb::{Look, Verb};
use crate::vrrpd::doctor;

pub use answer::{Explanation, HeardView, IgnoredView, TimerView};

/// `{"verb":"explain","router":"VI_1"}`, and `vrrpctl explain VI_1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Explain why a virtual router is in its state, and what would change that",
    long_about = "Explain why a virtual router is in its state and since when, with what vrrpd knows: whom it heard, what it ignored and \
                  why, which timer runs out when, and what each tracker says. Then what will happen next, what would make the router \
                  Master, and what would make it stop being Master. Problems come first."
)]
pub struct Request {
    /// Name of a virtual router (vrrp_instance)
    #[arg(value_name = "ROUTER")]
    pub router: String,
}

impl Verb for Request {
    type Answer = Explanation;

    fn text(&self, answer: &Explanation) -> String {
        text::render(answer)
    }
}

impl Look for Request {
    async fn look(&self, daemon: &Daemon) -> Result<Explanation, Refused> {
        let before = daemon.snapshot().await?;
        chosen(&before, Some(&self.router))?;
        let host = doctor::look(before.config.clone()).await.map_err(died)?;
        let now = daemon.snapshot().await?;
        let routers = chosen(&now, Some(&self.router))?;
        let diagnosis = examine(&now, &routers, &host);
        let changing = || Refused::Busy { with: format!("{} is being changed", self.router) };
        let (router, instance) = routers.first().ok_or_else(changing)?;
        Ok(compose::explanation(router, instance, &now, diagnosis.findings))
    }
}

#[cfg(test)]
mod tests;
