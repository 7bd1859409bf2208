//! The rooms behind the example programs.

pub mod config;
pub mod lab;
