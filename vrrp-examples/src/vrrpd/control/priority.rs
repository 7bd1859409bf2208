//! The verb `priority`: another priority than the configured one.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{NewPriority, Order, PriorityChanged, Reply};
use super::refused::Refused;
use super::verb::{Act, Verb};

/// `{"verb":"priority","router":"a","priority":120}`, and `vrrpctl priority a 120`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(
    about = "Give a virtual router another priority than the configured one",
    long_about = "Give a virtual router another priority than the configured one; what it tracks counts from there. The priority lasts \
                  until `reload` or the end of the daemon."
)]
pub struct Request {
    /// Name of a virtual router (vrrp_instance)
    pub router: String,
    /// Priority, 1 to 255; 255 is an address owner's
    #[arg(value_parser = priority)]
    pub priority: vrrp_core::Priority,
}

impl Verb for Request {
    type Answer = PriorityChanged;

    fn text(&self, PriorityChanged { router, priority, configured }: &PriorityChanged) -> String {
        if priority == configured {
            format!("{router}: priority {priority}, as configured\n")
        } else {
            format!("{router}: priority {priority} until the next reload, configured {configured}\n")
        }
    }
}

impl Act for Request {
    fn order(&self, reply: Reply<PriorityChanged>) -> Result<Order, Refused> {
        Ok(Order::Priority(NewPriority { router: self.router.clone(), priority: self.priority }, reply))
    }
}

fn priority(text: &str) -> Result<vrrp_core::Priority, &'static str> {
    text.parse().ok().and_then(vrrp_core::Priority::from_wire).ok_or("expected a priority, 1 to 255")
}
