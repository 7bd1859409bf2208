//! Virtual addresses.

use std::net::{IpAddr, Ipv4Addr};

use vrrp_io_linux::{Scope, VirtualIp};

use crate::vrrpd::config::SCOPES;
use crate::vrrpd::native::section::{Section, mismatch, text};
use crate::vrrpd::native::shape::Kind;
use crate::vrrpd::native::tables::ADDRESS;
use crate::vrrpd::native::tree::{At, Node, Value};
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness::is_of_one;

/// An address as written.
pub(crate) struct Address {
    pub(crate) virtual_ip: At<VirtualIp>,
    /// True if its device is tracked.
    pub(crate) tracked: bool,
}

/// Reads a list of addresses.
pub(crate) fn list(section: &Section<'_>, name: &str, report: &mut Report) -> Vec<Address> {
    section.list(name, report).iter().filter_map(|node| address(node, report)).collect()
}

fn address(node: &Node, report: &mut Report) -> Option<Address> {
    if matches!(node.value, Value::Text(_)) {
        return Some(Address { virtual_ip: At { value: prefixed(node, report)?, span: node.span }, tracked: true });
    }
    if !matches!(node.value, Value::Table(_)) {
        mismatch(node, Kind::Short(&Kind::Prefixed, &ADDRESS).expected(), report);
        return None;
    }
    let section = Section::read(node, node.span, &[&ADDRESS], report)?;
    let virtual_ip = section.node("address").and_then(|node| prefixed(node, report));
    let device = section.interface("device", report).map(|device| device.value);
    let scope = section.node("scope").and_then(|node| scope(node, report)).unwrap_or_default();
    let tracked = section.flag("track", report).is_none_or(|track| track.value);
    let no_prefix_route = section.flag("prefix_route", report).is_some_and(|route| !route.value);
    let label = label(&section, virtual_ip.as_ref(), report);
    let broadcast = broadcast(&section, virtual_ip.as_ref(), report);
    let virtual_ip = VirtualIp { device, label, scope, broadcast, no_prefix_route, ..virtual_ip? };
    Some(Address { virtual_ip: At { value: virtual_ip, span: section.node("address")?.span }, tracked })
}

fn prefixed(node: &Node, report: &mut Report) -> Option<VirtualIp> {
    let text = text(node, &Kind::Prefixed.expected(), report)?;
    match text.value.parse::<VirtualIp>() {
        Ok(virtual_ip) if is_of_one(virtual_ip.address) => return Some(virtual_ip),
        Ok(virtual_ip) => report.error(text.span, format!("`{}` is not the address of one host", virtual_ip.address)),
        Err(_) => report.error(text.span, format!("`{}` is not an address with the length of its prefix", text.value)),
    }
    .with_expected(Kind::Prefixed.expected());
    None
}

fn label(section: &Section<'_>, virtual_ip: Option<&VirtualIp>, report: &mut Report) -> Option<String> {
    let label = section.text("label", report)?;
    if virtual_ip.is_some_and(|virtual_ip| virtual_ip.address.is_ipv6()) {
        report.error(label.span, "an IPv6 address has no label").with_expected("no `label`");
        return None;
    }
    if !(1..=15).contains(&label.value.len()) || label.value.contains('\0') {
        let message = format!("the label `{}` is {} octets long", label.value, label.value.len());
        report.error(label.span, message).with_expected("1 to 15 octets, as the kernel takes them");
        return None;
    }
    Some(label.value)
}

fn broadcast(section: &Section<'_>, virtual_ip: Option<&VirtualIp>, report: &mut Report) -> Option<Ipv4Addr> {
    let text = section.text("broadcast", report)?;
    let virtual_ip = virtual_ip?;
    let IpAddr::V4(address) = virtual_ip.address else {
        report.error(text.span, "an IPv6 address has no broadcast address").with_expected("no `broadcast`");
        return None;
    };
    if text.value == "+" {
        let host_bits = u32::MAX.checked_shr(u32::from(virtual_ip.prefix_len)).unwrap_or(0);
        return Some(Ipv4Addr::from(u32::from(address) | host_bits));
    }
    let broadcast = text.value.parse().ok();
    if broadcast.is_none() {
        let message = format!("`{}` is not a broadcast address", text.value);
        report.error(text.span, message).with_expected("an IPv4 address, or \"+\" for all host bits set");
    }
    broadcast
}

/// Reads a scope by its name or number.
pub(crate) fn scope(node: &Node, report: &mut Report) -> Option<Scope> {
    match &node.value {
        Value::Whole(Some(number)) => {
            if let Ok(number) = u8::try_from(*number) {
                return Some(Scope::from(number));
            }
            report.error(node.span, format!("`{number}` is not a scope"))
        }
        Value::Text(text) => {
            if let Some((_, scope)) = SCOPES.iter().find(|(name, _)| name == text) {
                return Some(*scope);
            }
            report.error(node.span, format!("`{text}` is not a scope")).with_nearest(text, SCOPES.map(|(name, _)| name))
        }
        _ => mismatch(node, String::new(), report),
    }
    .with_expected(Kind::Scope.expected());
    None
}
