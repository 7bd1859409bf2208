//! The verb `start`: start a stopped virtual router.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Order, Reply, Touched};
use super::refused::Refused;
use super::touched;
use super::verb::{Act, Verb};
use super::which::Which;

/// `{"verb":"start","routers":["a"]}`, and `vrrpctl start a`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Start virtual routers that `stop` has stopped",
    long_about = "Start virtual routers that `stop` has stopped. They begin anew, as at the start of the daemon."
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
        touched::render(answer, "started", "was not stopped")
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Touched>) -> Result<Order, Refused> {
        Ok(Order::Start(self.which.routers()?, reply))
    }
}
