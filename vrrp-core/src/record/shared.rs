//! The sharing of octets of a recording, also on targets without atomic operations (Cortex-M0): a router stays on one
//! core there.

#[cfg(not(target_has_atomic = "ptr"))]
pub(super) use alloc::rc::Rc as Arc;
#[cfg(target_has_atomic = "ptr")]
pub(super) use alloc::sync::Arc;
