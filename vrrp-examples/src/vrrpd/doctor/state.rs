//! Findings from the state of a router and its addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vrrp_core::{Fault, Role};
use vrrp_io_linux::{FaultStatus, OnHost, RouterStatus, TrackerStatus};

use super::finding::{Finding, Id};
use super::heard::{is_now, seconds};
use super::host::Host;
use crate::vrrpd::config::{Daemon, Instance};

/// A change that is on its way needs no finding.
const SETTLED: f64 = 2.0;

/// Finds what is wrong with a router by itself. `why` tells more of a check that fails.
pub(super) fn findings(
    router: &RouterStatus,
    instance: &Instance,
    managed: &Managed,
    host: &Host,
    why: &dyn Fn(&TrackerStatus) -> String,
) -> Vec<Finding> {
    let name = &router.name;
    let faults = router.faults.iter().filter(|it| !it.fault.is_pending()).map(|it| fault(it, router, why));
    let mut found: Vec<Finding> = faults.map(|finding| finding.of(name)).collect();
    if let Some(not_sent) = router.not_sent.as_ref().filter(|it| is_now(it.ago, instance)) {
        let finding = Finding::new(
            Id::CannotSend,
            format!("{name} cannot send its advertisements: {}", not_sent.error),
            "`Operation not permitted` comes from a packet filter of this host: let protocol 112 out (`nft list ruleset`, \
             `iptables -L OUTPUT`). `Network is unreachable` is a missing route to the peer.",
        );
        let (ago, to) = (seconds(not_sent.ago), not_sent.destination);
        let finding = if to.is_multicast() { finding } else { finding.peer(to) };
        let why = &not_sent.error;
        found.push(
            finding.of(name).because(format!("the last one that could not be sent, {ago} ago, was for {to}: {why}")),
        );
    }
    found.extend(addresses(router, instance, managed, host));
    found
}

fn fault(
    FaultStatus { fault, text, .. }: &FaultStatus,
    router: &RouterStatus,
    why: &dyn Fn(&TrackerStatus) -> String,
) -> Finding {
    let (name, interface) = (&router.name, &router.interface);
    let tracker = |id| router.trackers.iter().find(|it| it.id == id);
    let of = |text: &str, fix: String| Finding::new(Id::AtFault, format!("{name} takes no part: {text}"), fix);
    match fault {
        Fault::Stray(address) => Finding::new(
            Id::AddressNotExpectedHere,
            format!("{address} is on this host although {name} is not Master, and it comes back when it is removed"),
            format!("Find who sets {address} here (`ip monitor address`, the network configuration of this host), and stop that."),
        )
        .because(text.clone()),
        Fault::InterfaceDown => of(
            text,
            format!(
                "Raise {interface} (`ip link set dev {interface} up`) and look at its cable, or correct `interface` in the configuration \
                 (`ip link` shows the names)."
            ),
        ),
        Fault::NoPrimaryAddress => of(
            text,
            format!("Give {interface} an address of its own (`ip address show dev {interface}`), or correct the source address in the configuration."),
        ),
        Fault::NotInstalled(address) => {
            of(text, format!("See why the kernel refuses {address}: another host may have it, or the interface cannot carry it."))
        }
        Fault::Tracker(id) => {
            let said = tracker(*id).map_or_else(|| text.clone(), why);
            of(&said, "Repair what is checked, or correct the check; `vrrpctl check NAME` runs it at once.".to_owned())
        }
        Fault::GroupMember(_) => of(text, "See what is found of the other router of its sync group.".to_owned()),
        _ => of(text, "See the log of vrrpd.".to_owned()),
    }
    .because(format!("state {}, since {}", router.role, router.in_state_for.map_or_else(|| "the start".to_owned(), |it| format!("{} ago", seconds(it)))))
}

fn addresses(router: &RouterStatus, instance: &Instance, managed: &Managed, host: &Host) -> Vec<Finding> {
    let (name, is_owner) = (&router.name, instance.priority.is_owner());
    let is_settled = router.in_state_for.is_none_or(|it| it.as_secs_f64() > SETTLED);
    let mut found = Vec::new();
    for it in &router.addresses {
        let address = it.virtual_ip.address;
        let device = device(instance, it.virtual_ip.device.as_deref());
        match it.host {
            OnHost::Duplicate => found.push(
                Finding::new(
                    Id::DuplicateAddress,
                    format!("another host of the link has {address} too, so it serves nobody here"),
                    format!("Find the other host (`ndisc6 {address} {device}`) and remove the address there."),
                )
                .of(name)
                .because("the kernel says `dadfailed` of it"),
            ),
            OnHost::Here { .. } if router.role != Role::Master && !is_owner && is_settled => found.push(
                Finding::new(
                    Id::AddressNotExpectedHere,
                    format!("{address} is on this host although {name} is not Master"),
                    format!("Remove it (`ip address del {} dev {device}`) and find who has set it.", it.virtual_ip),
                )
                .of(name)
                .because(format!("the kernel shows it, and {name} is {}", router.role)),
            ),
            _ => {}
        }
        if let Some(obstacle) = &it.obstacle {
            found.push(
                Finding::new(
                    Id::AddressCannotBeSet,
                    format!("{name} cannot set {address} on this host: {obstacle}"),
                    "Remove what is in the way. Meanwhile a host that can set every address is better.",
                )
                .of(name)
                .because(format!("{obstacle}; it is tried again from time to time")),
            );
        }
        let elsewhere = host.addresses.iter().filter(|(interface, found)| {
            // On a loopback it is there for a load balancer (LVS).
            *found == address && *interface != device && interface != "lo" && *interface != instance.interface
        });
        let elsewhere = elsewhere.filter(|there| !is_link_local(address) && !managed.0.contains(*there));
        found.extend(elsewhere.map(|(interface, _)| {
            Finding::new(
                Id::AddressNotExpectedHere,
                format!("{address} is on {interface} of this host, and {name} manages it on {device}"),
                format!("Remove it there: `ip address del {} dev {interface}`, and take it out of the network configuration.", it.virtual_ip),
            )
            .of(name)
            .because(format!("`ip address show dev {interface}` has it"))
        }));
    }
    found
}

/// The addresses that the daemon sets, each with its interface.
pub(super) struct Managed(BTreeSet<(String, IpAddr)>);

impl Managed {
    pub(super) fn by(daemon: &Daemon) -> Self {
        let of_routers = daemon.instances.iter().flat_map(|instance| {
            let virtual_ips = instance.addresses.iter().chain(&instance.excluded);
            virtual_ips.map(|it| (device(instance, it.device.as_deref()), it.address))
        });
        let fixed = daemon.fixed.addresses.iter().filter_map(|it| Some((it.device.clone()?, it.address)));
        Self(of_routers.chain(fixed).collect())
    }
}

/// Returns true if an address may be on several interfaces, each time as another one.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Returns where an address of an instance is to be.
pub(super) fn device(instance: &Instance, own: Option<&str>) -> String {
    let virtual_mac = instance.virtual_mac.as_ref().map(|it| it.interface.as_str());
    own.or(virtual_mac).unwrap_or(&instance.interface).to_owned()
}
