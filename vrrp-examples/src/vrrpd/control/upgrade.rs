//! The verb `upgrade`: go on as the program that is on disk now.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Order, Reply, Upgraded};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"upgrade"}`, and `vrrpctl upgrade`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(about = "Go on as the program that is on disk now, without a failover", long_about = None)]
pub struct Request {}

impl Verb for Request {
    type Answer = Upgraded;

    fn text(&self, Upgraded { from, to }: &Upgraded) -> String {
        format!("vrrpd {to} goes on, was {from}\n")
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Upgraded>) -> Result<Order, Refused> {
        Ok(Order::Upgrade(reply))
    }
}
