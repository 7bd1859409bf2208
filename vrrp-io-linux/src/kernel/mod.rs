//! What the kernel is told and asked besides packets: links and addresses, macvlans, the packet filter, settings.

pub(crate) mod filter;
pub(crate) mod macvlans;
pub(crate) mod netlink;
pub(crate) mod sysctl;
