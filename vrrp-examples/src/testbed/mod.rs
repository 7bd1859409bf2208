//! Hosts and networks for a test: network namespaces, and the kernel's answers in them.

pub mod error;
pub mod namespace;
pub mod netlink;
pub mod tap;
