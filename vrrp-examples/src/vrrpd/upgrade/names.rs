//! The names by which the next program finds what was written down.

/// The variable by which it knows the descriptor.
pub(super) const VARIABLE: &str = "VRRPD_STATE_FD";
/// The name of the descriptor, as a file in memory and for a service manager.
pub(super) const NAME: &str = "vrrpd-state";
