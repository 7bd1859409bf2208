//! The lines of `virtual_ipaddress`.

use std::net::{IpAddr, Ipv4Addr};

use crate::vrrpd::config::SCOPES;
use crate::vrrpd::keepalived::blocks::values::{host, interface, prefix_len};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::{Report, Span};
use vrrp_io_linux::{Scope, VirtualIp};

/// An address as written.
pub(crate) struct AddressDraft {
    pub(crate) virtual_ip: VirtualIp,
    pub(crate) span: Span,
    /// True if the interface that carries it is tracked.
    pub(crate) tracked: bool,
}

/// Reads the lines of a block.
pub(crate) fn read(entries: &[Statement], report: &mut Report) -> Vec<AddressDraft> {
    entries.iter().filter_map(|entry| address(entry, report)).collect()
}

const SYNTAX: &str =
    "IP[/LENGTH] [brd +|-|IP] [dev INTERFACE] [scope SCOPE] [label LABEL] [noprefixroute] [no_track], one on a line";

/// Words that may follow a virtual address.
const OPTIONS: [&str; 7] = ["brd", "broadcast", "dev", "label", "no_track", "noprefixroute", "scope"];

/// Words that keepalived knows and vrrpd does not.
const UNSUPPORTED: [&str; 7] = ["-nodad", "autojoin", "home", "mngtmpaddr", "peer", "preferred_lft", "use_vmac"];

fn address(entry: &Statement, report: &mut Report) -> Option<AddressDraft> {
    let word = &entry.keyword;
    let (address, prefix) = match word.text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (word.text.as_str(), None),
    };
    let mut virtual_ip = VirtualIp::from(host(word, address, report)?);
    if let Some(prefix) = prefix {
        virtual_ip.prefix_len = prefix_len(word, prefix, virtual_ip.prefix_len, report)?;
    }
    let mut draft = AddressDraft { virtual_ip, span: word.span, tracked: true };
    let mut values = entry.values.iter();
    while let Some(option) = values.next() {
        option_of(&mut draft, option, &mut values, report)?;
    }
    Some(draft)
}

fn option_of<'a>(
    draft: &mut AddressDraft,
    option: &Word,
    values: &mut impl Iterator<Item = &'a Word>,
    report: &mut Report,
) -> Option<()> {
    let name = option.text.as_str();
    if !OPTIONS.contains(&name) {
        if UNSUPPORTED.contains(&name) {
            report
                .error(option.span, format!("`{name}` is known to keepalived but not supported here"))
                .with_expected(SYNTAX)
                .with_help("without it the address would not be set as written");
        } else {
            report
                .error(option.span, format!("`{name}` is unexpected after an address"))
                .with_expected(SYNTAX)
                .with_nearest(name, OPTIONS.into_iter().chain(UNSUPPORTED));
        }
        return None;
    }
    if name == "no_track" {
        let message =
            "`no_track`: the interface is not tracked; the address is put back all the same if somebody removes it";
        report.notice_once("no_track on an address", option.span, message);
        draft.tracked = false;
        return Some(());
    }
    let virtual_ip = &mut draft.virtual_ip;
    if name == "noprefixroute" {
        virtual_ip.no_prefix_route = true;
        return Some(());
    }
    let Some(value) = values.next() else {
        report.error(option.span, format!("`{name}` has no value")).with_expected(SYNTAX);
        return None;
    };
    if virtual_ip.address.is_ipv6() && matches!(name, "label" | "brd" | "broadcast") {
        report
            .error(option.span, format!("an IPv6 address has no `{name}`"))
            .with_expected("IP[/LENGTH] [dev INTERFACE] [scope SCOPE]");
        return None;
    }
    match name {
        "dev" => virtual_ip.device = Some(interface(value, report)?),
        "scope" => virtual_ip.scope = scope(value, report)?,
        "label" => virtual_ip.label = Some(label(value, report)?),
        _ => virtual_ip.broadcast = Some(broadcast(virtual_ip, value, report)?),
    }
    Some(())
}

/// Reads a scope by its name or number.
pub(crate) fn scope(word: &Word, report: &mut Report) -> Option<Scope> {
    let text = word.text.as_str();
    let named = SCOPES.iter().find(|(name, _)| *name == text).map(|(_, scope)| *scope);
    let scope = named.or_else(|| Some(Scope::from(text.parse::<u8>().ok()?)));
    if scope.is_none() {
        report
            .error(word.span, format!("`{text}` is not a scope"))
            .with_expected("global, site, link, host, nowhere or a number from 0 to 255")
            .with_nearest(text, SCOPES.map(|(name, _)| name));
    }
    scope
}

fn label(word: &Word, report: &mut Report) -> Option<String> {
    if word.text.is_empty() || word.text.len() > 15 {
        report
            .error(word.span, format!("the label `{}` is {} octets long", word.text, word.text.len()))
            .with_expected("1 to 15 octets, as the kernel takes them");
        return None;
    }
    Some(word.text.clone())
}

/// `+` and `-` are the address with all host bits set or cleared.
fn broadcast(virtual_ip: &VirtualIp, word: &Word, report: &mut Report) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = virtual_ip.address else { return None };
    let host_bits = u32::MAX.checked_shr(u32::from(virtual_ip.prefix_len)).unwrap_or(0);
    match word.text.as_str() {
        "+" => Some(Ipv4Addr::from(u32::from(address) | host_bits)),
        "-" => Some(Ipv4Addr::from(u32::from(address) & !host_bits)),
        text => {
            let parsed = text.parse().ok();
            if parsed.is_none() {
                report
                    .error(word.span, format!("`{text}` is not a broadcast address"))
                    .with_expected("+, - or an IPv4 address");
            }
            parsed
        }
    }
}
