//! The findings of the daemon.

use serde::{Deserialize, Serialize};

use crate::vrrpd::doctor::Finding;

/// The answer to `doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The routers that were examined.
    pub routers: Vec<String>,
    /// All that is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// Facts that are not wrong but may be of use.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The packets that were sent; none without a probe.
    #[serde(default)]
    pub sent: Vec<String>,
}
