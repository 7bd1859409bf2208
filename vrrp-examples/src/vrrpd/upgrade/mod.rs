//! Going on as the program that is on disk now, without a failover: everything that runs is written down and handed to the
//! program that takes this one's place. Whatever is wrong with that ends in an ordinary start.

mod document;
mod handing_over;
mod inherited;
mod names;
mod program;

pub(super) use document::{Check, Document};
pub(super) use handing_over::{Failed, become_program, store};
pub(super) use inherited::Inherited;
pub(super) use program::Program;
