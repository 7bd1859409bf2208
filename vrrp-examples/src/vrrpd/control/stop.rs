//! The verb `stop`: release a virtual router, and leave it stopped.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Order, Reply, Touched};
use super::refused::Refused;
use super::touched;
use super::verb::{Act, Verb};
use super::which::Which;

/// `{"verb":"stop","routers":["a"]}`, and `vrrpctl stop a`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Release virtual routers, and leave them stopped",
    long_about = "Release virtual routers, and leave them stopped. Another host takes over within its Skew_Time; `drain` leaves no such gap. The stop lasts until `start`, `reload` or the end of the daemon."
)]
pub struct Request {
    #[allow(missing_docs)]
    #[command(flatten)]
    #[serde(flatten)]
    pub which: Which,
}

impl Verb for Request {
    type Answer = Touched;

    fn text(&self, answer: &Touched) -> String {
        touched::render(answer, "stopped", "was stopped already")
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Touched>) -> Result<Order, Refused> {
        Ok(Order::Stop(self.which.routers()?, reply))
    }
}
