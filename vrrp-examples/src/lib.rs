//! The rooms behind the example programs.

pub mod decode;
pub mod lab;
pub mod testbed;
pub mod vrrpd;
