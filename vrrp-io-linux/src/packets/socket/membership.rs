//! The interfaces that the kernel has in the VRRP groups. It drops a membership without a word (IPv6, while the MTU is
//! below 1280), and the socket that joined still lists it.

use std::collections::BTreeSet;
use std::{fs, io};

use vrrp_core::Family;

use super::{ipv4, ipv6};

/// The indexes of the interfaces of this network namespace that are in the group.
pub(crate) fn interfaces(family: Family) -> io::Result<BTreeSet<u32>> {
    Ok(match family {
        Family::Ipv4 => read_ipv4(&fs::read_to_string("/proc/thread-self/net/igmp")?),
        Family::Ipv6 => read_ipv6(&fs::read_to_string("/proc/thread-self/net/igmp6")?),
    })
}

/// A line for each interface, and below it one for each group, which begins with the group as this host has it in memory.
fn read_ipv4(text: &str) -> BTreeSet<u32> {
    let group = format!("{:08X}", u32::from_ne_bytes(ipv4::GROUP.octets()));
    let (mut ifindex, mut found) = (None::<u32>, BTreeSet::new());
    for line in text.lines() {
        let Some(first) = line.split_whitespace().next() else { continue };
        if !line.starts_with(char::is_whitespace) {
            ifindex = first.parse().ok();
        } else if first == group {
            found.extend(ifindex);
        }
    }
    found
}

/// A line for each interface and group: the index, the name, the group.
fn read_ipv6(text: &str) -> BTreeSet<u32> {
    let group = format!("{:032x}", ipv6::GROUP.to_bits());
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let ifindex = words.next()?.parse().ok()?;
        (words.nth(1)? == group).then_some(ifindex)
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_in_the_group_are_found() {
        let group = format!("{:08X}", u32::from_ne_bytes([224, 0, 0, 18]));
        let text = format!(
            "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n\
             \t\t\t\t010000E0     1 0:00000000\t\t0\n12\teth0      :     2      V3\n\
             \t\t\t\t{group}     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
        );
        assert_eq!(read_ipv4(&text), BTreeSet::from([12]));
        let text = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n\
                    12   eth0            ff020000000000000000000000000012     1 00000004 0\n\
                    13   eth1            ff020000000000000000000000000001     1 0000000C 0\n";
        assert_eq!(read_ipv6(text), BTreeSet::from([12]));
        for text in ["", "\n", "x", "\t\t\t", "12", "12 eth0", "eth0 12 ff020000000000000000000000000012"] {
            assert_eq!((read_ipv4(text), read_ipv6(text)), (BTreeSet::new(), BTreeSet::new()), "{text:?}");
        }
    }
}
