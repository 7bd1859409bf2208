//! The rooms behind the example programs.

pub mod decode;
pub mod lab;
pub mod story;
pub mod testbed;
pub mod top;
pub mod vrrpd;
