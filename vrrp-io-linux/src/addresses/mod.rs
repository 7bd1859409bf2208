//! The virtual addresses: which are wanted and which are ours, how long they last, what stands in their way, and what is still
//! to be announced. No input or output.

pub(crate) mod announcements;
pub(crate) mod holdings;
pub(crate) mod lease;
pub(crate) mod obstacles;
