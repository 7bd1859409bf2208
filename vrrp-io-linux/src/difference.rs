//! The differences between two routers, in words.

use std::fmt::{Debug, Display};
use std::net::IpAddr;

use vrrp_core::{Config, Peers, Tracker, TrackerId, UnicastPeer, Weight};

use crate::router::Router;
use crate::virtual_ip::VirtualIp;
use crate::vmac::Macvlan;

/// Returns what makes them two virtual routers: interface, address family, id. `interface eth0 -> eth1`.
pub(crate) fn identity(from: &Router, to: &Router) -> Vec<String> {
    let mut words = Words::default();
    words.value("interface", &from.interface, &to.interface);
    words.value("address family", from.config.family(), to.config.family());
    words.value("virtual router id", from.config.vrid(), to.config.vrid());
    words.0
}

/// Returns everything in which they differ, one phrase for each; none: they are equal.
pub(crate) fn differences(from: &Router, to: &Router) -> Vec<String> {
    // Whoever adds a field must say here how it is told.
    let Router {
        name,
        interface: _,
        config,
        addresses,
        source,
        unicast_ttl,
        accept,
        macvlan,
        own_interface_tracked,
        tracked_interfaces,
        interface_delays,
        sync_group,
        rank,
        announcement_gap,
        // The driver sets these.
        least_lifetime: _,
        real: _,
    } = to;
    let mut words = Words(identity(from, to));
    words.value("name", &from.name, name);
    configuration(&mut words, &from.config, config);
    installations(&mut words, &from.addresses, addresses);
    words.option("source", from.source.as_ref(), source.as_ref());
    words.value("unicast TTL", from.unicast_ttl, *unicast_ttl);
    words.switch("accept mode", from.accept, *accept);
    words.option("virtual MAC address on", macvlan_name(from.macvlan.as_ref()), macvlan_name(macvlan.as_ref()));
    if let (Some(from), Some(to)) = (&from.macvlan, macvlan) {
        words.value("virtual MAC address", from.mac, to.mac);
    }
    let transmit_base = |macvlan: &Option<Macvlan>| macvlan.as_ref().is_some_and(|macvlan| macvlan.transmit_base);
    words.switch(
        "advertisements from the interface's MAC address",
        transmit_base(&from.macvlan),
        transmit_base(macvlan),
    );
    words.switch("own interface tracked", from.own_interface_tracked, *own_interface_tracked);
    words.list("delays of", &from.interface_delays, interface_delays, |delays| delays.interface.clone());
    words.debug("gap between announcements", &from.announcement_gap, announcement_gap);
    words.list("tracked interface", &from.tracked_interfaces, tracked_interfaces, |(_, name): &(TrackerId, String)| {
        name.clone()
    });
    words.option("sync group", from.sync_group.as_ref(), sync_group.as_ref());
    if from.sync_group == *sync_group {
        words.value("place in the sync group", from.rank + 1, rank + 1);
    }
    words.0
}

/// All of a configuration but its family and id.
fn configuration(words: &mut Words, from: &Config, to: &Config) {
    words.value("profile", from.profile(), to.profile());
    words.value("priority", from.priority(), to.priority());
    words.value("interval", from.interval(), to.interval());
    words.switch("preemption", from.preempt(), to.preempt());
    words.debug("preemption delay", &from.preempt_hold(), &to.preempt_hold());
    if from.password() != to.password() {
        words.say("password changed");
    }
    peers(words, from.peers(), to.peers());
    words.switch("answers to lower advertisements", from.answer_lower(), to.answer_lower());
    words.switch("listening as the owner", from.owner_listens(), to.owner_listens());
    words.switch("yield advertisement", from.yield_advertisement(), to.yield_advertisement());
    words.switch("strict address list", from.strict_list(), to.strict_list());
    words.debug("checksum", &from.checksum(), &to.checksum());
    words.switch("exact checksum", from.exact_checksum(), to.exact_checksum());
    words.option("longest interval learned", from.learned_interval_cap().as_ref(), to.learned_interval_cap().as_ref());
    words.switch("version 2 too", from.also_version2(), to.also_version2());
    words.switch("lease", from.lease().is_some(), to.lease().is_some());
    if from.announce() != to.announce() {
        words.say("announcements changed");
    }
    trackers(words, from.trackers(), to.trackers());
    // Addresses that came or went are told with how they are installed.
    let kept = |address: &IpAddr| from.addresses().contains(address) && to.addresses().contains(address);
    let order = |config: &Config| config.addresses().iter().copied().filter(kept).collect::<Vec<_>>();
    for address in order(to) {
        match (from.excluded().contains(&address), to.excluded().contains(&address)) {
            (false, true) => words.say(format!("address {address} not advertised any more")),
            (true, false) => words.say(format!("address {address} advertised")),
            _ => {}
        }
    }
    if order(from) != order(to) {
        words.say("order of addresses changed");
    }
}

fn peers(words: &mut Words, from: &Peers, to: &Peers) {
    match (from, to) {
        (Peers::Multicast, Peers::Multicast) => {}
        (Peers::Unicast(from), Peers::Unicast(to)) => {
            words.list("unicast peer", from, to, |peer: &UnicastPeer| peer.address.to_string());
        }
        (Peers::Multicast, Peers::Unicast(_)) => words.say("multicast -> unicast"),
        (Peers::Unicast(_), Peers::Multicast) => words.say("unicast -> multicast"),
    }
}

fn trackers(words: &mut Words, from: &[Tracker], to: &[Tracker]) {
    let weight = |tracker: &Tracker| match tracker.weight {
        Weight::Fault => "fault".to_owned(),
        Weight::Adjust(weight) => weight.to_string(),
    };
    words.list("tracker", from, to, |tracker: &Tracker| tracker.name.clone());
    for to in to {
        let Some(from) = from.iter().find(|from| from.name == to.name) else { continue };
        words.value(&format!("weight of {}", to.name), weight(from), weight(to));
        words.switch(&format!("reverse of {}", to.name), from.reverse, to.reverse);
    }
}

fn installations(words: &mut Words, from: &[VirtualIp], to: &[VirtualIp]) {
    let known =
        |virtual_ip: &VirtualIp, list: &[VirtualIp]| list.iter().any(|other| other.address == virtual_ip.address);
    for gone in from.iter().filter(|virtual_ip| !known(virtual_ip, to)) {
        words.say(format!("address {gone} removed"));
    }
    for virtual_ip in to {
        let Some(before) = from.iter().find(|before| before.address == virtual_ip.address) else {
            words.say(format!("address {virtual_ip} added"));
            continue;
        };
        let of = |what| format!("{what} of {}", virtual_ip.address);
        words.value("address", before, virtual_ip);
        words.option(&of("device"), before.device.as_ref(), virtual_ip.device.as_ref());
        words.option(&of("label"), before.label.as_ref(), virtual_ip.label.as_ref());
        words.debug(&of("scope"), &before.scope, &virtual_ip.scope);
        words.option(&of("broadcast address"), before.broadcast.as_ref(), virtual_ip.broadcast.as_ref());
        words.switch(&of("route to the network"), !before.no_prefix_route, !virtual_ip.no_prefix_route);
    }
}

fn macvlan_name(macvlan: Option<&Macvlan>) -> Option<&String> {
    macvlan.map(|macvlan| &macvlan.name)
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn say(&mut self, phrase: impl Into<String>) {
        self.0.push(phrase.into());
    }

    fn value<T: PartialEq + Display>(&mut self, what: &str, from: T, to: T) {
        let (from, to) = (from.to_string(), to.to_string());
        if from != to {
            self.say(format!("{what} {from} -> {to}"));
        }
    }

    fn debug<T: PartialEq + Debug>(&mut self, what: &str, from: &T, to: &T) {
        if from != to {
            self.say(format!("{what} {from:?} -> {to:?}"));
        }
    }

    fn switch(&mut self, what: &str, from: bool, to: bool) {
        let word = |on| if on { "on" } else { "off" };
        self.value(what, word(from), word(to));
    }

    fn option<T: PartialEq + Display>(&mut self, what: &str, from: Option<&T>, to: Option<&T>) {
        let word = |value: Option<&T>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
        self.value(what, word(from), word(to));
    }

    /// Says which entries of a list were added, removed or changed, and whether their order changed.
    fn list<T: PartialEq>(&mut self, what: &str, from: &[T], to: &[T], name: impl Fn(&T) -> String) {
        let names = |list: &[T]| list.iter().map(&name).collect::<Vec<_>>();
        let (before, after) = (names(from), names(to));
        for gone in before.iter().filter(|name| !after.contains(name)) {
            self.say(format!("{what} {gone} removed"));
        }
        for new in after.iter().filter(|name| !before.contains(name)) {
            self.say(format!("{what} {new} added"));
        }
        for (name, value) in after.iter().zip(to) {
            let was = before.iter().zip(from).find(|(before, _)| *before == name);
            if was.is_some_and(|(_, was)| was != value) {
                self.say(format!("{what} {name} changed"));
            }
        }
        let of_both = |list: &[String]| {
            list.iter().filter(|name| before.contains(name) && after.contains(name)).cloned().collect::<Vec<_>>()
        };
        if of_both(&before) != of_both(&after) {
            self.say(format!("order of {what}s changed"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use vrrp_core::{AdvertInterval, AnnouncePolicy, Password, Priority, Profile, SendChecksum, Vrid};

    use crate::vmac::VirtualMac;

    fn config(profile: Profile) -> Config {
        Config::new(profile, Vrid::new(51).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap()
    }

    #[test]
    fn every_setting_is_told_and_what_is_equal_is_not() {
        let v3 = || config(Profile::Rfc9568);
        let centis = |centis| AdvertInterval::from_centis(centis).unwrap();
        let peer = |last, min_ttl| UnicastPeer { address: [192, 0, 2, last].into(), min_ttl };
        let tracker = |name: &str, weight| Tracker { name: name.to_owned(), weight, reverse: false };
        let tracking = |trackers: &[Tracker]| {
            let mut config = v3();
            for tracker in trackers {
                config.add_tracker(tracker.clone()).unwrap();
            }
            config
        };
        let on = |config: Config| Router::new("eth0", config);
        let plain = || on(v3());
        let virtual_ip = |virtual_ip: VirtualIp| plain().with_address(virtual_ip).unwrap();
        let of_24: VirtualIp = "192.0.2.1/24".parse().unwrap();
        let mut two = tracking(&[tracker("uplink", Weight::Fault)]);
        let uplink = two.add_tracker(tracker("other", Weight::Fault)).unwrap();
        let addresses = |last: &[u8]| {
            v3().with_addresses(&last.iter().map(|last| [192, 0, 2, *last].into()).collect::<Vec<IpAddr>>()).unwrap()
        };
        for (from, to, told) in [
            (plain(), Router::new("eth1", v3()).with_name("eth0/51"), "interface eth0 -> eth1"),
            (plain(), plain().with_name("VI_1"), "name eth0/51 -> VI_1"),
            (
                plain(),
                on(config(Profile::Rfc3768)),
                "profile RFC 9568 -> RFC 3768, answers to lower advertisements on -> off",
            ),
            (plain(), on(v3().with_priority(Priority::new(150).unwrap())), "priority 100 -> 150"),
            (plain(), on(v3().with_interval(centis(20)).unwrap()), "interval 1 s -> 0.20 s"),
            (plain(), on(v3().with_preempt(false, Duration::ZERO)), "preemption on -> off"),
            (plain(), on(v3().with_preempt(true, Duration::from_secs(3))), "preemption delay 0ns -> 3s"),
            (
                on(config(Profile::Rfc2338)),
                on(config(Profile::Rfc2338).with_password(Password::new(b"secret").unwrap()).unwrap()),
                "password changed",
            ),
            (plain(), on(v3().with_unicast_peers(&[peer(2, 255)]).unwrap()), "multicast -> unicast"),
            (
                on(v3().with_unicast_peers(&[peer(2, 255)]).unwrap()),
                on(v3().with_unicast_peers(&[peer(3, 255)]).unwrap()),
                "unicast peer 192.0.2.2 removed, unicast peer 192.0.2.3 added",
            ),
            (
                on(v3().with_unicast_peers(&[peer(2, 255)]).unwrap()),
                on(v3().with_unicast_peers(&[peer(2, 1)]).unwrap()),
                "unicast peer 192.0.2.2 changed",
            ),
            (plain(), on(v3().with_answer_lower(false)), "answers to lower advertisements on -> off"),
            (plain(), on(v3().with_owner_listens(true)), "listening as the owner off -> on"),
            (plain(), on(v3().with_yield_advertisement(false)), "yield advertisement on -> off"),
            (plain(), on(v3().with_strict_list(true)), "strict address list off -> on"),
            (plain(), on(v3().with_checksum(SendChecksum::AsHeard)), "checksum Message -> AsHeard"),
            (plain(), on(v3().with_exact_checksum(true)), "exact checksum off -> on"),
            (plain(), on(v3().with_learned_interval_cap(Some(centis(200)))), "longest interval learned none -> 2 s"),
            (plain(), on(v3().with_also_version2(true).unwrap()), "version 2 too off -> on"),
            (plain(), on(v3().with_lease(false)), "lease on -> off"),
            (
                plain(),
                on(v3().with_announce(AnnouncePolicy { repeat: 5, ..AnnouncePolicy::default() })),
                "announcements changed",
            ),
            (plain(), on(tracking(&[tracker("squid", Weight::Fault)])), "tracker squid added"),
            (
                on(tracking(&[tracker("squid", Weight::Fault)])),
                on(tracking(&[tracker("squid", Weight::Adjust((-20).try_into().unwrap()))])),
                "tracker squid changed, weight of squid fault -> -20",
            ),
            (
                on(tracking(&[tracker("a", Weight::Fault), tracker("b", Weight::Fault)])),
                on(tracking(&[tracker("b", Weight::Fault), tracker("a", Weight::Fault)])),
                "order of trackers changed",
            ),
            (
                on(addresses(&[1, 2])),
                on(addresses(&[1, 5])),
                "address 192.0.2.2/32 removed, address 192.0.2.5/32 added",
            ),
            (on(addresses(&[1, 2])), on(addresses(&[2, 1])), "order of addresses changed"),
            (
                on(addresses(&[1]).with_excluded(&[[192, 0, 2, 2].into()]).unwrap()),
                on(addresses(&[1, 2])),
                "address 192.0.2.2 advertised",
            ),
            (plain(), virtual_ip(of_24.clone()), "address 192.0.2.1/32 -> 192.0.2.1/24"),
            (
                virtual_ip(of_24.clone()),
                virtual_ip(VirtualIp { device: Some("eth1".to_owned()), ..of_24.clone() }),
                "device of 192.0.2.1 none -> eth1",
            ),
            (
                virtual_ip(of_24.clone()),
                virtual_ip(VirtualIp { no_prefix_route: true, ..of_24.clone() }),
                "route to the network of 192.0.2.1 on -> off",
            ),
            (plain(), plain().with_source([192, 0, 2, 9].into()), "source none -> 192.0.2.9"),
            (plain(), plain().with_unicast_ttl(64), "unicast TTL 255 -> 64"),
            (plain(), plain().with_accept_mode(true), "accept mode off -> on"),
            (plain(), plain().with_virtual_mac(VirtualMac::new()), "virtual MAC address on none -> vrrp.51"),
            (
                plain().with_virtual_mac(VirtualMac::new()),
                plain().with_virtual_mac(VirtualMac::new().with_address("02:00:00:00:00:01".parse().unwrap())),
                "virtual MAC address 00:00:5e:00:01:33 -> 02:00:00:00:00:01",
            ),
            (
                plain().with_virtual_mac(VirtualMac::new()),
                plain().with_virtual_mac(VirtualMac::new().with_transmit_base(true)),
                "advertisements from the interface's MAC address off -> on",
            ),
            (on(two.clone()), on(two.clone()).with_tracked_interface(uplink, "eth7"), "tracked interface eth7 added"),
            (plain(), plain().with_announcement_gap(Duration::from_millis(5)), "gap between announcements 0ns -> 5ms"),
            (plain(), plain().with_own_interface_tracked(false), "own interface tracked on -> off"),
            (plain(), plain().with_interface_delays("eth0", Duration::ZERO, Duration::ZERO), "delays of eth0 added"),
            (
                plain().with_interface_delays("eth0", Duration::ZERO, Duration::ZERO),
                plain().with_interface_delays("eth0", Duration::ZERO, Duration::from_secs(1)),
                "delays of eth0 changed",
            ),
            (plain(), plain().with_sync_group("both"), "sync group none -> both"),
            (
                plain().with_sync_group("both"),
                Router { rank: 1, ..plain().with_sync_group("both") },
                "place in the sync group 1 -> 2",
            ),
        ] {
            assert_eq!(differences(&from, &to).join(", "), told);
            assert!(from != to, "{told}");
            assert!(differences(&from, &from).is_empty() && differences(&to, &to).is_empty(), "{told}");
        }
    }
}
