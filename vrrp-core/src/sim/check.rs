//! Conditions that must hold in a world.

use alloc::boxed::Box;
use alloc::string::String;

use super::world::{Step, World};
use crate::time::Instant;

/// Something that must hold. Every closure of the same shape is one.
pub trait Check {
    /// Looks at the world after a step: every host that is awake has carried out all that it had to.
    ///
    /// # Errors
    /// The fault that was found, in words; the simulation ends there.
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String>;

    /// Returns when to look even if nothing happens.
    fn next_look(&self) -> Option<Instant> {
        None
    }
}

impl<F: FnMut(&World, &Step) -> Result<(), String>> Check for F {
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String> {
        self(world, step)
    }
}

/// A check in a simulation, which can be copied with it.
pub(super) trait BoxedCheck: Check + Send {
    fn boxed_clone(&self) -> Box<dyn BoxedCheck>;
}

impl<C: Check + Clone + Send + 'static> BoxedCheck for C {
    fn boxed_clone(&self) -> Box<dyn BoxedCheck> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn BoxedCheck> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}
