//! The verb `record`: what happened.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Order, Recorded, Reply, Routers};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"record","routers":["a"]}`, and `vrrpctl record a`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Record the latest history: all that routers heard, decided and sent",
    long_about = "Record the latest history: all that routers heard, decided and sent, for vrrp-replay. A password of a router \
                  is in it."
)]
pub struct Request {
    /// Name of a virtual router (vrrp_instance), or several; without one, of all. Those of its sync group come with it
    #[arg(value_name = "ROUTER")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<String>,
    /// Write it to this file, which only its owner may read, instead of standard output
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub to: Option<PathBuf>,
}

impl Verb for Request {
    type Answer = Recorded;

    fn text(&self, answer: &Recorded) -> String {
        answer.recording.clone()
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Recorded>) -> Result<Order, Refused> {
        let routers = if self.routers.is_empty() { Routers::All } else { Routers::Named(self.routers.clone()) };
        Ok(Order::Record(routers, reply))
    }
}
