//! Asks the links who has an address: only where somebody asked for that.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_io_linux::RouterStatus;
use vrrp_io_linux::checks::who_has;

use super::host::{Claim, Host};
use crate::vrrpd::config::Instance;

/// The time to wait for answers.
const PATIENCE: Duration = Duration::from_millis(500);
/// Addresses of one router that are asked for at most.
const MOST: usize = 32;

/// Returns the virtual addresses that are asked for: those on the link that the router runs on.
pub(super) fn probed(instance: &Instance) -> impl Iterator<Item = IpAddr> + '_ {
    let is_here = |device: Option<&str>| device.is_none_or(|device| device == instance.interface);
    let here = instance.addresses.iter().filter(move |virtual_ip| is_here(virtual_ip.device.as_deref()));
    here.map(|virtual_ip| virtual_ip.address).take(MOST)
}

/// Asks who has the addresses of these routers, and the ones that they send from. Returns what was sent.
pub(super) async fn probe(host: &mut Host, routers: &[(&RouterStatus, &Instance)]) -> Vec<String> {
    let mut sent = Vec::new();
    for (router, instance) in routers {
        let own = router.source.filter(|_| !instance.priority.is_owner());
        let addresses: Vec<IpAddr> = probed(instance).chain(own).collect();
        let (interface, count) = (&instance.interface, addresses.len());
        if count == 0 {
            continue;
        }
        let what = if addresses.iter().all(IpAddr::is_ipv4) { "ARP probe" } else { "neighbour solicitation" };
        let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        match who_has(interface, &addresses, PATIENCE).await {
            Ok(answers) => {
                sent.push(format!(
                    "{count} {what}{} on {interface}, for {}",
                    if count == 1 { "" } else { "s" },
                    listed.join(", ")
                ));
                let claim = |(address, mac)| Claim { interface: interface.clone(), address, mac };
                host.answers.extend(answers.into_iter().map(claim));
            }
            Err(why) => sent.push(format!("nothing on {interface}, the probe failed: {why}")),
        }
    }
    sent
}
