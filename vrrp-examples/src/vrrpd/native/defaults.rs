//! The defaults of the file: those of keepalived.

use vrrp_core::{Family, Priority, Version, Vrid};

use crate::vrrpd::config::{self, Announce, Protocol};

/// Version 2 for IPv4; IPv6 has version 3 only.
pub(crate) const fn version(family: Family) -> Version {
    match family {
        Family::Ipv4 => Version::V2,
        Family::Ipv6 => Version::V3,
    }
}

/// Returns everything that follows from the version and from strictness.
pub(crate) fn protocol(version: Version, strict: bool, priority: Priority) -> Protocol {
    Protocol {
        profile: config::profile(version, strict),
        accept: priority.is_owner() || !strict,
        answer_lower: !strict,
        yield_advertisement: !strict,
        owner_listens: !(strict && priority.is_owner()),
        strict_list: strict,
        pseudo_header: true,
    }
}

/// Strict mode repeats nothing when it hears a lower Master.
pub(crate) fn announce(strict: bool) -> Announce {
    match strict {
        true => Announce { lower_prio_repeat: 0, lower_prio_delay: None, ..Announce::default() },
        false => Announce::default(),
    }
}

/// TTL or hop limit of unicast. For IPv6 it is the kernel's default.
pub(crate) const fn ttl(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 255,
        Family::Ipv6 => 64,
    }
}

/// Returns the name of the interface of a virtual MAC address.
pub(crate) fn mac_interface(family: Family, vrid: Vrid) -> String {
    match family {
        Family::Ipv4 => format!("vrrp.{}", vrid.get()),
        Family::Ipv6 => format!("vrrp6.{}", vrid.get()),
    }
}
