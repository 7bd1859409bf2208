//! How the next program finds what was written down.

/// By this variable it knows the descriptor.
pub(super) const VARIABLE: &str = "VRRPD_STATE_FD";
/// What the descriptor is called, as a file in memory and by a service manager.
pub(super) const NAME: &str = "vrrpd-state";
