//! The virtual addresses: which are wanted and which are ours, how long they last, and what stands in their way. No input or
//! output.

pub(crate) mod holdings;
pub(crate) mod lease;
pub(crate) mod obstacles;
