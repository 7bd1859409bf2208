//! The verb `check`: run a check at once.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{Checked, Order, Reply};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"check","check":"chk_squid"}`, and `vrrpctl check chk_squid`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Run a check at once, and show its result",
    long_about = "Run a check at once, and show its result. It counts as every run of the check does. The exit status is 1 where \
                  it failed."
)]
pub struct Request {
    /// Name of the check (vrrp_script, or another kind)
    #[arg(value_name = "CHECK")]
    pub check: String,
}

impl Verb for Request {
    type Answer = Checked;

    fn text(&self, Checked { check, passed, result, verdict }: &Checked) -> String {
        let run = if *passed { "passed" } else { "failed" };
        let counts = match verdict {
            Some(verdict) if verdict == passed => "",
            Some(true) => "; the check still counts as passing (fall)",
            Some(false) => "; the check still counts as failed (rise)",
            None => "; the check has no verdict yet",
        };
        format!("{check}: {run}: {result}{counts}\n")
    }

    fn succeeded(&self, answer: &Checked) -> bool {
        answer.passed
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Checked>) -> Result<Order, Refused> {
        Ok(Order::Check(self.check.clone(), reply))
    }
}
