//! Checks that run on their schedule: one file a kind.

pub mod script;
