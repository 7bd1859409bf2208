//! `[router.NAME]`.

use std::collections::BTreeSet;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Family, Password, Priority, Profile, Version};

use crate::vrrpd::config::{Announce, Daemon, Instance, Peer, Protocol, Unicast, VirtualMac};
use crate::vrrpd::native::defaults;
use crate::vrrpd::native::write::command::Scripts;
use crate::vrrpd::native::write::out::{Out, inline, text, time};
use crate::vrrpd::native::write::routing::{address, family_name, route, rule};
use crate::vrrpd::native::write::track::{self, Devices};

/// Writes a router; `mac_interfaces` are those of all virtual MAC addresses.
pub(super) fn write(
    instance: &Instance,
    daemon: &Daemon,
    (scripts, mac_interfaces): (&Scripts<'_>, &BTreeSet<&str>),
    out: &mut Out,
) {
    let Instance { name, interface, track_own_interface, family, vrid, protocol, priority, interval, .. } = instance;
    let Instance { preempt, preempt_delay, password, source, unicast, virtual_mac, .. } = instance;
    let Instance { addresses, excluded, routes, rules, track_interfaces: _, track_checks, notify, announce, .. } =
        instance;
    let devices = Devices::new(instance, mac_interfaces);
    out.table(&["router", name]);
    out.line("interface", &text(interface));
    out.line("vrid", &vrid.get().to_string());
    out.unless("priority", priority, &Priority::DEFAULT, |priority| priority.get().to_string());
    out.unless("interval", interval, &AdvertInterval::DEFAULT, |interval| time(&interval.duration()));
    let told = addresses.first().map_or(Family::Ipv4, |first| Family::of(first.address));
    out.unless("family", family, &told, |family| text(family_name(*family)));
    let strict = write_protocol(protocol, instance, out);
    out.unless("preempt", preempt, &true, bool::to_string);
    // Elsewhere the key has no effect, or is refused.
    if *preempt && !strict {
        out.unless("preempt_delay", preempt_delay, &Duration::ZERO, time);
    }
    match password {
        Some(_) if out.in_full => out.comment("password: there is one, which is not printed"),
        _ => out.some("password", password.as_ref().map(self::password)),
    }
    out.some("source", source.map(|source| text(&source.to_string())));
    let untracked = |device: &Option<String>| devices.is_untracked(device.as_deref());
    for (key, virtual_ips) in [("addresses", addresses), ("excluded", excluded)] {
        out.list(
            key,
            virtual_ips.iter().map(|virtual_ip| address(virtual_ip, untracked(&virtual_ip.device))).collect(),
        );
    }
    out.list("routes", routes.iter().map(|item| route(item, untracked(&item.device))).collect());
    out.list("rules", rules.iter().map(rule).collect());
    out.unless("track_own_interface", track_own_interface, &true, bool::to_string);
    out.list("track_interfaces", track::interfaces(devices.named()));
    out.list("track_checks", track::checks(track_checks, daemon));
    if let Some(Unicast { peers, ttl }) = unicast {
        out.table(&["router", name, "unicast"]);
        out.list("peers", peers.iter().map(peer).collect());
        out.unless("ttl", ttl, &defaults::ttl(*family), u8::to_string);
    }
    if let Some(VirtualMac { interface, address, transmit_base }) = virtual_mac {
        out.table(&["router", name, "virtual_mac"]);
        out.unless("interface", interface, &defaults::mac_interface(*family, *vrid), |name| text(name));
        out.some("address", address.map(mac));
        out.unless("transmit_base", transmit_base, &unicast.is_some(), bool::to_string);
    }
    scripts.notify(&["router", name, "notify"], notify, out);
    write_announce(name, announce, strict, out);
}

/// Returns whether it is strict.
fn write_protocol(protocol: &Protocol, instance: &Instance, out: &mut Out) -> bool {
    let version = protocol.profile.version();
    out.unless("version", &version, &defaults::version(instance.family), |version| match version {
        Version::V2 => "2".to_owned(),
        Version::V3 => "3".to_owned(),
    });
    let strict = matches!(protocol.profile, Profile::Rfc3768 | Profile::Rfc9568Errata);
    out.flag("strict", strict);
    let default = defaults::protocol(version, strict, instance.priority);
    let Protocol { profile: _, accept, answer_lower, yield_advertisement, owner_listens, strict_list, pseudo_header } =
        protocol;
    for (key, value, default) in [
        ("accept", accept, default.accept),
        ("answer_lower", answer_lower, default.answer_lower),
        ("yield_advertisement", yield_advertisement, default.yield_advertisement),
        ("owner_listens", owner_listens, default.owner_listens),
        ("strict_list", strict_list, default.strict_list),
        ("pseudo_header", pseudo_header, default.pseudo_header),
    ] {
        out.unless(key, value, &default, bool::to_string);
    }
    strict
}

/// Returns a password as text, or as a list of octets if it is not text.
fn password(password: &Password) -> String {
    let octets = password.octets();
    let len = octets.iter().rposition(|octet| *octet != 0).map_or(1, |last| last + 1);
    let octets = octets.get(..len).unwrap_or(octets);
    match std::str::from_utf8(octets) {
        Ok(password) => text(password),
        Err(_) => format!("{octets:?}"),
    }
}

fn peer(Peer { address, min_ttl }: &Peer) -> String {
    let address = text(&address.to_string());
    match min_ttl {
        0 => address,
        min_ttl => inline([("address", Some(address)), ("min_ttl", Some(min_ttl.to_string()))]),
    }
}

fn mac(octets: [u8; 6]) -> String {
    let octets = octets.map(|octet| format!("{octet:02x}"));
    text(&octets.join(":"))
}

fn write_announce(name: &str, announce: &Announce, strict: bool, out: &mut Out) {
    let default = defaults::announce(strict);
    if *announce == default && !out.in_full {
        return;
    }
    out.table(&["router", name, "announce"]);
    let or_never = |written: &Option<Duration>| time(&written.unwrap_or_default());
    let Announce { repeat, delay, refresh, refresh_repeat, lower_prio_repeat, lower_prio_delay, gap } = announce;
    out.unless("repeat", repeat, &default.repeat, u8::to_string);
    out.unless("delay", delay, &default.delay, or_never);
    out.unless("refresh", refresh, &default.refresh, or_never);
    out.unless("refresh_repeat", refresh_repeat, &default.refresh_repeat, u8::to_string);
    out.unless("lower_prio_repeat", lower_prio_repeat, &default.lower_prio_repeat, u8::to_string);
    out.unless("lower_prio_delay", lower_prio_delay, &default.lower_prio_delay, or_never);
    out.unless("gap", gap, &default.gap, time);
}
