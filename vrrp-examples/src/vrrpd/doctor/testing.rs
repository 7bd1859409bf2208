//! Views of hosts, for tests of the findings.

use std::time::Duration;

use super::filter::Rule;
use super::host::{Claim, Host, Mac, Neighbour, Overheard};

pub(crate) const fn mac(last: u8) -> Mac {
    [2, 0, 0, 0, 0, last]
}

pub(crate) fn claim(address: &str, by: u8) -> Claim {
    Claim { interface: "eth0".to_owned(), address: address.parse().unwrap(), mac: mac(by) }
}

pub(crate) fn lacking(capability: &str) -> Host {
    Host { lacks: vec![(capability.to_owned(), "to set addresses")], ..Host::default() }
}

pub(crate) fn neighbour(address: &str, mac: Option<Mac>) -> Host {
    let neighbour = Neighbour { address: address.parse().unwrap(), interface: "eth0".to_owned(), mac };
    Host { neighbours: vec![neighbour], ..Host::default() }
}

pub(crate) fn overheard(interface: &str, source: &str, vrid: u8, address: &str) -> Host {
    let heard = Overheard {
        interface: interface.to_owned(),
        source: source.parse().unwrap(),
        destination: "224.0.0.18".parse().unwrap(),
        vrid,
        addresses: vec![address.parse().unwrap()],
    };
    Host { overheard: vec![heard], ..Host::default() }
}

pub(crate) fn rule(hook: &str) -> Host {
    let rule = Rule {
        chain: "netdev t c".to_owned(),
        hook: hook.to_owned(),
        text: "ip protocol vrrp drop".to_owned(),
        interfaces: vec![],
        family: None,
        has_exceptions: false,
    };
    Host { rules: vec![rule], ..Host::default() }
}

pub(crate) fn with_took(milliseconds: u64, host: Host) -> Host {
    Host { took: Duration::from_millis(milliseconds), ..host }
}

pub(crate) fn without_filter(why: &str) -> Host {
    Host { rules_unknown: Some(why.to_owned()), ..Host::default() }
}
