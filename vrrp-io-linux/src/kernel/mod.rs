//! Requests to the kernel besides packets: links and addresses, macvlans, the packet filter, settings.

pub(crate) mod filter;
pub(crate) mod macvlans;
pub(crate) mod netlink;
pub(crate) mod sysctl;
