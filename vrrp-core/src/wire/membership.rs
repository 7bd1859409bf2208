//! Frames that tell the switches of a link that a host wants to hear a group: IGMP and MLD.
//!
//! A switch that looks into IGMP forwards what is sent to 224.0.0.18 all the same, for that is the rule for all of 224.0.0.0/24
//! (RFC 4541 section 2.1.2). Some do not, and ff02::12 has no such rule. A driver whose host has no IP stack sends the report once
//! when it begins to listen, once more a second later, and in answer to a query.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::{self, ICMPV6};
use super::headers::{self, ETHERNET_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_LEN, IPV6_LEN, join};

/// Length of a frame with a report of IGMPv2, without padding and frame check sequence.
pub const IGMP_V2_FRAME_LEN: usize = IGMP_HEADERS_LEN + 8;
/// Length of a frame with a report of IGMPv3, without padding and frame check sequence.
pub const IGMP_V3_FRAME_LEN: usize = IGMP_HEADERS_LEN + 16;
/// Length of a frame with a report of MLDv2, without frame check sequence.
pub const MLD_FRAME_LEN: usize = ETHERNET_LEN + IPV6_LEN + HOP_BY_HOP.len() + 28;

const IGMP_HEADERS_LEN: usize = ETHERNET_LEN + IPV4_LEN + ROUTER_ALERT_V4.len();
const IGMP: u8 = 2;
/// The option that makes switches and routers look (RFC 2113).
const ROUTER_ALERT_V4: [u8; 4] = [0x94, 4, 0, 0];
/// The header of hop-by-hop options with the same option (RFC 2711), padded.
const HOP_BY_HOP: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];
/// Every router that speaks IGMPv3 (RFC 3376 section 4.2.14).
const ALL_IGMPV3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Every router that speaks MLDv2 (RFC 3810 section 5.2.14).
const ALL_MLDV2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// The record of a host that now hears every source of a group: CHANGE_TO_EXCLUDE_MODE, of no source.
const HEARS_ALL: u8 = 4;

/// Returns the frame by which the host `source` at `mac` tells in IGMPv2 that it listens to `group` (RFC 2236 section 2).
#[must_use]
pub fn igmp_v2_report(mac: [u8; 6], source: Ipv4Addr, group: Ipv4Addr) -> [u8; IGMP_V2_FRAME_LEN] {
    let mut message: [u8; 8] = join(&[&[0x16, 0, 0, 0], &group.octets()]);
    let sum = checksum::plain(&message);
    headers::set_checksum(&mut message, 2, sum);
    join(&[&igmp_headers(mac, source, group, message.len()), &message])
}

/// Returns the frame by which the host `source` at `mac` tells in IGMPv3 that it listens to `group` (RFC 3376 section 4.2).
#[must_use]
pub fn igmp_v3_report(mac: [u8; 6], source: Ipv4Addr, group: Ipv4Addr) -> [u8; IGMP_V3_FRAME_LEN] {
    let mut message: [u8; 16] = join(&[&[0x22, 0, 0, 0, 0, 0, 0, 1, HEARS_ALL, 0, 0, 0], &group.octets()]);
    let sum = checksum::plain(&message);
    headers::set_checksum(&mut message, 2, sum);
    join(&[&igmp_headers(mac, source, ALL_IGMPV3_ROUTERS, message.len()), &message])
}

/// Returns the frame by which the host with the link-local address `source` at `mac` tells in MLDv2 that it listens to `group`
/// (RFC 3810 section 5.2). MLDv1 is not supported; routers that know only that are rare.
#[must_use]
pub fn mld_report(mac: [u8; 6], source: Ipv6Addr, group: Ipv6Addr) -> [u8; MLD_FRAME_LEN] {
    const HOP_BY_HOP_OPTIONS: u8 = 0;
    let mut message: [u8; 28] = join(&[&[143, 0, 0, 0, 0, 0, 0, 1, HEARS_ALL, 0, 0, 0], &group.octets()]);
    let sum = checksum::icmpv6(&message, source, ALL_MLDV2_ROUTERS);
    headers::set_checksum(&mut message, 2, sum);
    let len = (HOP_BY_HOP.len() + message.len()) as u16;
    let ethernet = headers::ethernet(mac, headers::group_mac_v6(ALL_MLDV2_ROUTERS), ETHERTYPE_IPV6);
    let ip = headers::ipv6(0, (source, ALL_MLDV2_ROUTERS), 1, HOP_BY_HOP_OPTIONS, len);
    join(&[&ethernet, &ip, &HOP_BY_HOP, &message])
}

fn igmp_headers(mac: [u8; 6], source: Ipv4Addr, destination: Ipv4Addr, len: usize) -> [u8; IGMP_HEADERS_LEN] {
    let ethernet = headers::ethernet(mac, headers::group_mac_v4(destination), ETHERTYPE_IPV4);
    let ip = headers::Ipv4 { source, destination, ttl: 1, protocol: IGMP };
    let ip: [u8; IGMP_HEADERS_LEN - ETHERNET_LEN] = ip.header(&ROUTER_ALERT_V4, len as u16);
    join(&[&ethernet, &ip])
}
