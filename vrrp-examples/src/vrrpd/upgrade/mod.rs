//! Going on as the program that is on disk now, without a failover: everything that runs is written down and handed to the
//! program that takes this one's place. Whatever is wrong with that ends in an ordinary start.

mod document;
mod handing_over;
mod inherited;
mod program;

pub(super) use document::{Check, Document};
pub(super) use handing_over::{Failed, become_program, store};
pub(super) use inherited::Inherited;
pub(super) use program::Program;

/// By this variable the next program finds the descriptor of what was written down.
pub(super) const VARIABLE: &str = "VRRPD_STATE_FD";
/// What the descriptor is called, as a file in memory and by a service manager.
pub(super) const NAME: &str = "vrrpd-state";
