//! The verb `undrain`: end what `drain` began.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Order, Reply, Touched};
use super::refused::Refused;
use super::touched;
use super::verb::{Act, Verb};
use super::which::Which;

/// `{"verb":"undrain","routers":["a"]}`, and `vrrpctl undrain a`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "End what `drain` began",
    long_about = "End what `drain` began. The router has its own priority again and, as the better one, its addresses. A member of a sync group brings the whole group back."
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
        touched::render(answer, "no longer drained", "was not drained")
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Touched>) -> Result<Order, Refused> {
        Ok(Order::Undrain(self.which.routers()?, reply))
    }
}
