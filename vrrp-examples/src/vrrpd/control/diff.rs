//! The verb `diff`: what a reload would change.

use std::path::Path;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::changes;
use super::order::{Changes, Order, Reply};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"diff","file":"/etc/vrrpd/new.conf"}`, and `vrrpctl diff new.conf`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Show what a reload would change if FILE were the configuration",
    long_about = "Show what a reload would change if FILE were the configuration. Nothing is changed. \
                  The exit status is 0 whether there are changes or not, and 1 where FILE would not run."
)]
pub struct Request {
    /// Configuration, in the native format if its name ends in .toml, else in the language of keepalived.conf; vrrpd reads it
    #[arg(value_parser = absolute)]
    pub file: String,
}

impl Verb for Request {
    type Answer = Changes;

    fn text(&self, answer: &Changes) -> String {
        changes::render(answer)
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<Changes>) -> Result<Order, Refused> {
        let file = Path::new(&self.file);
        if !file.is_absolute() {
            let why = format!("{:?} is not an absolute path; vrrpd may have another working directory", self.file);
            return Err(Refused::NotARequest { why });
        }
        Ok(Order::Diff(file.to_owned(), reply))
    }
}

/// Returns an absolute path: the daemon has a working directory of its own.
fn absolute(file: &str) -> Result<String, String> {
    let path = std::path::absolute(file).map_err(|error| error.to_string())?;
    path.into_os_string().into_string().map_err(|path| format!("{path:?} is not UTF-8"))
}
