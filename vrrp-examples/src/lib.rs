//! The rooms behind the example programs.

pub mod config;
pub mod exec;
pub mod notify;
pub mod track;
