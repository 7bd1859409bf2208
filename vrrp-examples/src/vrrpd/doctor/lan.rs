//! Findings from a look at this host and its links, from listening, or from a probe.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{Family, Role};
use vrrp_io_linux::{DriverStatus, RouterStatus, Stranger};

use super::filter::Rule;
use super::finding::{Finding, Id};
use super::heard::{is_now, speaks_multicast};
use super::host::{Claim, Host, Mac, Overheard, mac_text};
use super::probe::probed;
use super::state::device;
use crate::vrrpd::config::{Daemon, Instance};

/// Finds what is wrong with this host for all routers.
pub(super) fn of_host(config: &Daemon, host: &Host) -> Vec<Finding> {
    let lacks = host.lacks.iter().map(|(capability, what)| {
        Finding::new(
            Id::CapabilityMissing,
            format!("vrrpd runs without {capability}, which it needs {what}"),
            format!("Give it {capability}: AmbientCapabilities and CapabilityBoundingSet of its systemd unit, or run it as root."),
        )
        .because("CapEff in /proc/self/status of vrrpd")
    });
    let rules = host.rules.iter().filter(|rule| rule.concerns(config)).map(|rule| {
        let what = if rule.hook == "ingress" {
            "keeps advertisements from being heard"
        } else {
            "keeps advertisements from leaving"
        };
        Finding::new(
            Id::FirewallDropsVrrp,
            format!("a rule of this host's packet filter {what}: {}", rule.text),
            format!("Remove the rule from `{}`, or let protocol 112 pass before it.", rule.chain),
        )
        .because(format!("`nft list ruleset` has it in `{}`, hook {}", rule.chain, rule.hook))
    });
    lacks.chain(rules).collect()
}

/// Returns what is to be known of the packet filter besides.
pub(super) fn notes(config: &Daemon, host: &Host) -> Vec<String> {
    let harmless = host.rules.iter().filter(|rule| !rule.concerns(config));
    let rules = harmless.map(|rule| {
        let Rule { chain, hook, text, .. } = rule;
        format!("a rule of the packet filter drops some advertisements, perhaps none of ours: {text} (`{chain}`, hook {hook})")
    });
    let unknown = host.rules_unknown.iter().map(|why| format!("could not look at the packet filter: {why}"));
    rules.chain(unknown).collect()
}

/// Finds what is wrong around one router.
pub(super) fn of_router(
    router: &RouterStatus,
    instance: &Instance,
    driver: &DriverStatus,
    host: &Host,
) -> Vec<Finding> {
    let mut found = settings(router, instance, host);
    found.extend(strangers(router, instance, driver));
    found.extend(overheard(router, instance, driver, host));
    found.extend(unreachable(router, instance, host));
    found
}

fn settings(router: &RouterStatus, instance: &Instance, host: &Host) -> Vec<Finding> {
    let name = &router.name;
    if router.family != Family::Ipv4 {
        return Vec::new();
    }
    let virtual_ips =
        instance.addresses.iter().chain(&instance.excluded).filter(|virtual_ip| virtual_ip.address.is_ipv4());
    let devices: BTreeSet<String> =
        virtual_ips.map(|virtual_ip| device(instance, virtual_ip.device.as_deref())).collect();
    let promote = devices.iter().filter(|device| host.setting(device, "promote_secondaries") == Some(0)).map(|device| {
        Finding::new(
            Id::PromoteSecondariesOff,
            format!("promote_secondaries of {device} is off: when {name} removes an address, the kernel may remove others of its network too"),
            format!("`sysctl -w net.ipv4.conf.{device}.promote_secondaries=1`, and find what sets it to 0 (/etc/sysctl.d)."),
        )
        .of(name)
        .because(format!("/proc/sys/net/ipv4/conf/{device}/promote_secondaries is 0, and so is that of `all`"))
    });
    let macvlan = instance.virtual_mac.as_ref().map(|it| it.interface.as_str());
    let strict = macvlan.filter(|macvlan| host.setting(macvlan, "rp_filter") == Some(1)).map(|macvlan| {
        Finding::new(
            Id::RpFilterStrict,
            format!("rp_filter of {macvlan} is strict: the kernel drops what clients send to the virtual addresses of {name}"),
            format!("`sysctl -w net.ipv4.conf.{macvlan}.rp_filter=2`, and find what sets it to 1 (/etc/sysctl.d)."),
        )
        .of(name)
        .because(format!("the larger of net.ipv4.conf.{macvlan}.rp_filter and net.ipv4.conf.all.rp_filter is 1; packets come in on {macvlan}, and the way back is {}", instance.interface))
    });
    promote.chain(strict).collect()
}

/// Another id for our addresses, or of our peers.
fn strangers(router: &RouterStatus, instance: &Instance, driver: &DriverStatus) -> Vec<Finding> {
    let found = driver.strangers.iter().filter(|it| it.interface == router.interface && it.family == router.family);
    let found = found.filter(|it| is_now(it.ago, instance)).filter_map(|it| {
        let ours = it
            .addresses
            .iter()
            .find(|address| instance.addresses.iter().any(|virtual_ip| virtual_ip.address == **address));
        let is_peer = instance.unicast.iter().flat_map(|it| &it.peers).any(|peer| peer.address == it.source);
        let said = match ours {
            Some(address) => format!(
                "{} serves {address} with virtual router id {}, {} has id {}",
                it.source, it.vrid, router.name, router.vrid
            ),
            None if is_peer => {
                format!(
                    "{} is a unicast peer of {}, and has virtual router id {} in place of {}",
                    it.source, router.name, it.vrid, router.vrid
                )
            }
            None => return None,
        };
        let fix = format!("Set the same virtual_router_id on {} and here.", it.source);
        Some(Finding::new(Id::ForeignVrid, said, fix).of(&router.name).peer(it.source).because(stranger(it)))
    });
    found.collect()
}

/// Says what was heard of a virtual router that is not ours.
pub(super) fn stranger(it: &Stranger) -> String {
    let addresses: Vec<String> = it.addresses.iter().map(ToString::to_string).collect();
    let addresses = if addresses.is_empty() { String::new() } else { format!(" for {}", addresses.join(", ")) };
    format!(
        "{} advertisements of virtual router id {} came from {} on {}{addresses}, the last one {} ago",
        it.count,
        it.vrid,
        it.source,
        it.interface,
        super::heard::seconds(it.ago)
    )
}

/// Advertisements of our virtual router that came another way than it listens.
fn overheard(router: &RouterStatus, instance: &Instance, driver: &DriverStatus, host: &Host) -> Vec<Finding> {
    let name = &router.name;
    let is_ours = |it: &&Overheard| {
        let family = if it.source.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        it.vrid == router.vrid.get()
            && family == router.family
            && it
                .addresses
                .iter()
                .any(|address| instance.addresses.iter().any(|virtual_ip| virtual_ip.address == *address))
    };
    let is_known = |source: IpAddr| {
        router.heard.iter().any(|it| it.source == source && is_now(it.ago, instance))
            || router.ignored.iter().any(|it| it.source == source && is_now(it.ago, instance))
    };
    let others = host.overheard.iter().filter(is_ours).filter(|it| !is_known(it.source) && !is_own(it.source, host));
    let finding = |it: &Overheard| {
        let evidence = format!(
            "one came in on {} from {} to {} while this was looked at",
            it.interface, it.source, it.destination
        );
        let has_router = driver
            .routers
            .iter()
            .any(|other| (&other.interface, other.vrid, other.family) == (&it.interface, router.vrid, router.family));
        if it.interface == instance.interface {
            let one_sided = instance.unicast.is_some() && it.destination.is_multicast();
            one_sided.then(|| speaks_multicast(it.source, name).because(evidence))
        } else if has_router {
            None
        } else {
            Some(
                Finding::new(
                    Id::WrongInterface,
                    format!(
                        "advertisements for {name} come in on {}, and it runs on {}",
                        it.interface, instance.interface
                    ),
                    format!(
                        "Set `interface` of {name} to {}, or connect {} to the LAN of {}.",
                        it.interface, instance.interface, it.source
                    ),
                )
                .of(name)
                .peer(it.source)
                .because(evidence),
            )
        }
    };
    others.filter_map(finding).collect()
}

fn is_own(address: IpAddr, host: &Host) -> bool {
    host.addresses.iter().any(|(_, own)| *own == address)
}

/// Unicast peers that are not on the link.
fn unreachable(router: &RouterStatus, instance: &Instance, host: &Host) -> Vec<Finding> {
    let peers = instance.unicast.iter().flat_map(|unicast| &unicast.peers);
    let silent = peers.filter(|peer| {
        host.neighbours
            .iter()
            .any(|it| it.address == peer.address && it.interface == instance.interface && it.mac.is_none())
    });
    let finding = |peer: IpAddr| {
        Finding::new(
            Id::UnicastPeerUnreachable,
            format!("the unicast peer {peer} of {} does not answer on the link", router.name),
            format!("See whether {peer} is up, whether the address is right, and whether {} is on its LAN (`arping -I {} {peer}`).", instance.interface, instance.interface),
        )
        .of(&router.name)
        .peer(peer)
        .because(format!("the kernel's neighbour table has no MAC address of {peer} on {}, though it asked for it", instance.interface))
    };
    silent.map(|peer| finding(peer.address)).collect()
}

/// Returns true if the router and its Master have been the same for so long.
fn is_settled(router: &RouterStatus, period: Duration) -> bool {
    let mut masters = router.heard.iter().filter(|it| Some(it.source) == router.master);
    router.in_state_for.is_none_or(|it| it >= period) && masters.all(|it| it.ago + it.for_now >= period)
}

/// Finds other hosts that have an address of this one.
pub(super) fn holders(router: &RouterStatus, instance: &Instance, host: &Host) -> Vec<Finding> {
    let name = &router.name;
    let addresses: Vec<IpAddr> = probed(instance).collect();
    let is_ours = |address| addresses.contains(&address);
    // This host hears no answer of its own, so what answers with the virtual MAC address is another Master.
    let of_others = |claim: &&Claim| {
        let is_virtual = claim.mac == router.vrid.virtual_mac(router.family) && host.answers.contains(claim);
        is_virtual || !host.macs.iter().any(|(_, mac)| *mac == claim.mac)
    };
    let claims = host.answers.iter().chain(&host.claims).filter(|it| it.interface == instance.interface);
    let here: Vec<&Claim> = claims.filter(of_others).collect();
    let holders = |address: IpAddr| -> BTreeSet<Mac> {
        here.iter().filter(|it| it.address == address).map(|it| it.mac).collect()
    };
    let evidence = |address: IpAddr, mac: Mac| {
        let asked = host.answers.iter().any(|it| it.address == address && it.mac == mac);
        let how = if asked { "answered the probe for" } else { "said by ARP that it has" };
        format!("{} {how} {address} on {}", mac_text(mac), instance.interface)
    };
    let mut found = Vec::new();
    if let Some(own) = router.source.filter(|own| !is_ours(*own)) {
        for mac in holders(own) {
            found.push(
                Finding::new(
                    Id::DuplicateAddress,
                    format!("another host has this host's own address {own}: {}", mac_text(mac)),
                    "Give one of the two hosts another address. The MAC address tells which machine it is.".to_owned(),
                )
                .of(name)
                .peer(mac_text(mac))
                .because(evidence(own, mac)),
            );
        }
    }
    // While this was looked at the addresses may have gone from one host to another.
    if !is_settled(router, host.took) {
        return found;
    }
    let held: Vec<(IpAddr, BTreeSet<Mac>)> = addresses.iter().map(|address| (*address, holders(*address))).collect();
    let is_master = router.role == Role::Master;
    let has_heard = router.heard.iter().any(|it| is_now(it.ago, instance))
        || router.ignored.iter().any(|it| is_now(it.ago, instance));
    let everywhere =
        held.iter().map(|(_, macs)| macs).reduce(|all, _| all).filter(|first| {
            is_master && !has_heard && !first.is_empty() && held.iter().all(|(_, macs)| macs == *first)
        });
    if let Some(macs) = everywhere {
        for mac in macs {
            let who = host.who_is(*mac, is_ours);
            let peer = who.map_or_else(|| mac_text(*mac), |who| who.to_string());
            let mut finding = Finding::new(
                Id::NoAdvertisementHeard,
                format!("{peer} has the addresses of {name} too, and not one advertisement of it comes here: two Masters that do not hear each other"),
                format!(
                    "Let protocol 112 pass between this host and {peer}: the firewall on {peer} and in between, multicast to {} on the \
                     switch (IGMP snooping without a querier drops it), the same VLAN on both. Or use unicast_peer. If {peer} runs no \
                     VRRP, remove the address there.",
                    router.family.group()
                ),
            )
            .of(name)
            .peer(&peer);
            finding = addresses.iter().fold(finding, |finding, address| finding.because(evidence(*address, *mac)));
            found.push(finding.because(format!(
                "no advertisement of virtual router id {} came to {}",
                router.vrid, instance.interface
            )));
        }
        return found;
    }
    for (address, macs) in held {
        // The Master may have it.
        if macs.len() <= usize::from(!is_master) {
            continue;
        }
        // Who is not the Master is to blame.
        let who = |mac: Mac| host.who_is(mac, is_ours);
        let is_to_blame = |mac: &Mac| is_master || router.master.is_none() || who(*mac) != router.master;
        let Some(first) = macs.iter().find(|mac| is_to_blame(mac)).or_else(|| macs.first()) else { continue };
        let peer = who(*first).map_or_else(|| mac_text(*first), |who| who.to_string());
        let named: Vec<String> = macs.iter().map(|mac| mac_text(*mac)).collect();
        let here = if is_master { " besides this Master" } else { "" };
        let finding = Finding::new(
            Id::DuplicateAddress,
            format!("more than one host has {address} of {name}: {}{here}", named.join(" and ")),
            format!("On {peer}: remove {address} (`ip address del`), unless it is the Master."),
        );
        let finding = finding.of(name).peer(&peer);
        found.push(macs.iter().fold(finding, |finding, mac| finding.because(evidence(address, *mac))));
    }
    found
}
