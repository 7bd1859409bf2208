//! The settings of this router. An appliance would read it from its flash.

use core::net::Ipv4Addr;

use vrrp_core::{AdvertInterval, Priority, Profile, Vrid};

/// The document it follows.
pub const PROFILE: Profile = Profile::Rfc9568;
/// Virtual router id.
pub const VRID: Vrid = match Vrid::new(51) {
    Ok(vrid) => vrid,
    Err(_) => panic!("no id of a virtual router"),
};
/// Priority.
pub const PRIORITY: Priority = match Priority::new(100) {
    Ok(priority) => priority,
    Err(_) => panic!("no priority"),
};
/// Advertisement_Interval.
pub const INTERVAL: AdvertInterval = match AdvertInterval::from_centis(20) {
    Ok(interval) => interval,
    Err(_) => panic!("no interval"),
};
/// The board's own address.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
/// The virtual addresses.
pub const VIRTUAL_ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 100), Ipv4Addr::new(192, 0, 2, 101)];
