//! The names of routers in a request.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::Routers;
use super::refused::Refused;

/// `"routers":["a","b"]` or `"all":true`, and `a b` or `--all`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct Which {
    /// Name of a virtual router (vrrp_instance), or several
    #[arg(value_name = "ROUTER", required_unless_present = "all", conflicts_with = "all")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<String>,
    /// Every virtual router
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl Which {
    /// Returns which are meant.
    pub(super) fn routers(&self) -> Result<Routers, Refused> {
        match (self.all, self.routers.is_empty()) {
            (true, true) => Ok(Routers::All),
            (false, false) => Ok(Routers::Named(self.routers.clone())),
            _ => Err(Refused::NotARequest {
                why: r#"which routers? expected either "routers" with their names, or "all":true"#.to_owned(),
            }),
        }
    }
}
