//! The keepalived.conf of an experiment: both daemons get the same.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// One virtual router.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) interface: String,
    pub(crate) vrid: u8,
    pub(crate) addresses: Vec<IpAddr>,
    /// What no advertisement lists: it holds 255 addresses at most.
    pub(crate) excluded: Vec<IpAddr>,
}

impl Router {
    /// One with one address, on the `n`th interface.
    pub(crate) fn new(interface: u8, vrid: u8) -> Self {
        let addresses = vec![Ipv4Addr::new(10, interface, vrid, 1).into()];
        Self { interface: format!("eth{interface}"), vrid, addresses, excluded: Vec::new() }
    }
}

/// Virtual routers, alike but for their addresses.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) routers: Vec<Router>,
    pub(crate) interval: Duration,
    pub(crate) real_time: bool,
}

impl Configuration {
    /// Returns what a host of this priority gets.
    pub(crate) fn text(&self, priority: u8) -> String {
        let mut text = String::from("global_defs {\n    vrrp_version 3\n    vrrp_higher_prio_send_advert no\n");
        if self.real_time {
            text.push_str("    vrrp_rt_priority 50\n    vrrp_no_swap\n");
        }
        text.push_str("}\n");
        let interval = self.interval.as_secs_f64();
        for Router { interface, vrid, addresses, excluded } in &self.routers {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "vrrp_instance {interface}-{vrid} {{\n    interface {interface}\n    virtual_router_id {vrid}\n    \
                 priority {priority}\n    advert_int {interval}\n"
            );
            for (block, addresses) in [("virtual_ipaddress", addresses), ("virtual_ipaddress_excluded", excluded)] {
                if !addresses.is_empty() {
                    let list: String = addresses.iter().map(|address| format!("        {address}\n")).collect();
                    let _ = write!(text, "    {block} {{\n{list}    }}\n");
                }
            }
            text.push_str("}\n");
        }
        text
    }

    /// Skew_Time (RFC 9568 section 6.1).
    pub(crate) fn skew(&self, priority: u8) -> Duration {
        self.interval * (256 - u32::from(priority)) / 256
    }

    /// Master_Down_Interval (RFC 9568 section 6.1).
    pub(crate) fn master_down_interval(&self, priority: u8) -> Duration {
        self.interval * 3 + self.skew(priority)
    }
}
