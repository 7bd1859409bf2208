//! What must hold in a world.

use alloc::string::String;

use super::world::{Step, World};
use crate::time::Instant;

/// Something that must hold. Every closure of the same shape is one.
pub trait Check {
    /// Looks at the world after a step: every host that is awake has carried out all that it had to.
    ///
    /// # Errors
    /// What is wrong, in words; the simulation ends there.
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String>;

    /// When to look even if nothing happens.
    fn next_look(&self) -> Option<Instant> {
        None
    }
}

impl<F: FnMut(&World, &Step) -> Result<(), String>> Check for F {
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String> {
        self(world, step)
    }
}
