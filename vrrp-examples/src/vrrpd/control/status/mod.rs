//! The verb `status`: where is each address, and why.

mod answer;
mod compose;
pub mod dump;
mod text;

use clap::Args;
use serde::{Deserialize, Serialize};
use vrrp_io_linux::RouterStatus;

use super::verb::{Question, Verb};
use crate::vrrpd::control::snapshot::Snapshot;

pub use answer::{
    AddressView, CheckView, DrainView, LookView, MasterView, OtherMasterView, Place, RouterView, Since, Status,
    TrackerView,
};

/// `{"verb":"status"}`, and `vrrpctl status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(about = "Show where each virtual address is, and why", long_about = None)]
pub struct Request {}

impl Verb for Request {
    type Answer = Status;

    fn text(&self, answer: &Status) -> String {
        text::render(answer)
    }
}

/// Returns what operators call the state of a router.
pub(super) fn state(router: &RouterStatus) -> String {
    compose::state(router)
}

/// Returns the state of everything.
pub(super) fn of(daemon: &Snapshot) -> Status {
    compose::status(daemon)
}

impl Question for Request {
    fn answer(&self, daemon: &Snapshot) -> Status {
        of(daemon)
    }
}
