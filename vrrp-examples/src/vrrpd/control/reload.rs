//! The verb `reload`: have the configuration read again.

use std::fmt::Write as _;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::changes;
use super::order::{Order, Reloaded, Reply};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"reload"}`, and `vrrpctl reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Read the configuration again, and change what it changes",
    long_about = "Read the configuration again, and change what it changes: all of it or, where the file would not run, nothing. \
                  What is the same goes on undisturbed. What was changed by hand (drain, priority, stop) ends."
)]
pub struct Request {}

impl Verb for Request {
    type Answer = Reloaded;

    fn text(&self, Reloaded { changes, ended }: &Reloaded) -> String {
        let mut text = changes::render(changes);
        if !ended.is_empty() {
            text += "changes made by hand that ended:\n";
        }
        for by_hand in ended {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {by_hand}");
        }
        text
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Reloaded>) -> Result<Order, Refused> {
        Ok(Order::Reload(reply))
    }
}
