//! The rooms behind the example programs.

pub mod config;
pub mod control;
pub mod daemon;
pub mod decode;
pub mod exec;
pub mod keepalived;
pub mod lab;
pub mod notify;
pub mod routes;
pub mod track;
