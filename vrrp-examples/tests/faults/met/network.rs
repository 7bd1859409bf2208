//! Real networks: owners, packet filters, other interfaces than plain ones, neighbours.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Host, Lan, Vrrpd, throughout, until, until_within};
use crate::{Pair, instance, on_hosts, router, router_v6};

/// How the two hosts of RFC 9568 section 4.2 are set up.
#[derive(Clone, Copy)]
struct Sample {
    v6: bool,
    lines: &'static str,
    /// `rp_filter` of every interface of every host.
    reverse_path: u8,
}

impl Sample {
    fn new(v6: bool, lines: &'static str, reverse_path: u8) -> Self {
        Self { v6, lines, reverse_path }
    }

    /// The own address of a host, which is virtual too.
    fn address(self, host: u8) -> String {
        if self.v6 { format!("fe80::{host}") } else { format!("192.0.2.{host}") }
    }

    /// Each host owns the address of one router and stands in for that of the other.
    fn configuration(self, host: u8) -> String {
        let one = |vrid: u8| {
            let address = self.address(vrid);
            let length = if self.v6 { 64 } else { 24 };
            let interval = if self.v6 { 0.2 } else { 1.0 };
            let more = if self.v6 { format!("2001:db8::{vrid}/64\n") } else { String::new() };
            let priority = if vrid == host { 255 } else { 100 };
            let lines = format!(
                "advert_int {interval}\n{}\nvirtual_ipaddress {{\n{address}/{length}\n{more}}}",
                self.lines.replace("$PEER", &self.address(3 - host)),
            );
            instance(&format!("VI_{vrid}"), vrid, priority, &lines)
        };
        one(1) + &one(2)
    }

    fn prepare(self, host: &Host) {
        let number = host.number();
        for interface in ["all", "default", "eth0"] {
            host.set(&format!("ipv4/conf/{interface}/rp_filter"), &self.reverse_path.to_string());
        }
        if self.v6 {
            host.ip("-6 address flush dev eth0");
            host.ip(&format!("address add fe80::{number}/64 dev eth0 nodad"));
            host.ip(&format!("address add 2001:db8::{number}/64 dev eth0 nodad"));
        }
    }

    /// Returns whether a client reaches the address of a router.
    fn served(self, client: &Host, router: u8) -> bool {
        if self.v6 {
            client.reaches(&format!("2001:db8::{router}")) && client.reaches(&format!("fe80::{router}%eth0"))
        } else {
            client.reaches(&self.address(router))
        }
    }

    /// Both addresses are served, each by its owner alone.
    fn in_order(self, daemons: &[Vrrpd; 2]) {
        for router in [1_u8, 2] {
            let name = format!("VI_{router}");
            let (owner, other) = if router == 1 { (0, 1) } else { (1, 0) };
            daemons[owner].until_is(&name, "Master");
            daemons[other].until_is(&name, "Backup");
        }
    }

    /// The two hosts; each of them fails and comes back.
    fn fails_and_returns(self) {
        let lan = Lan::new();
        let (hosts, client) = ([lan.host(1), lan.host(2)], lan.host(3));
        if self.v6 {
            client.ip("address add 2001:db8::3/64 dev eth0 nodad");
        }
        hosts.iter().for_each(|host| self.prepare(host));
        let mut daemons = [hosts[0].vrrpd(&self.configuration(1)), hosts[1].vrrpd(&self.configuration(2))];
        self.in_order(&daemons);
        let both = || self.served(&client, 1) && self.served(&client, 2);
        until("both addresses are served", both);

        for (at, host) in hosts.iter().enumerate() {
            let survivor = &hosts[1 - at];
            let (own, others) = (format!("VI_{}", survivor.number()), format!("VI_{}", host.number()));
            // The host dies: its daemon, and its cable.
            host.set_carrier(false);
            daemons[at].kill();
            daemons[1 - at].until_is(&others, "Master");
            assert!(daemons[1 - at].is(&own, "Master"));
            until("the survivor serves both", both);

            host.set_carrier(true);
            daemons[at] = host.vrrpd(&self.configuration(host.number()));
            self.in_order(&daemons);
            until("both addresses are served again", both);
            assert!(hosts.iter().all(|host| host.has(&self.address(host.number()))), "each has its own address");
            until("the survivor has its own address alone", || !survivor.has(&self.address(host.number())));
            let start = Instant::now();
            thread::sleep(Duration::from_secs(2));
            self.in_order(&daemons);
            for host in [1_u8, 2] {
                let others =
                    lan.wire().adverts(host).iter().filter(|advert| advert.at >= start && advert.vrid != host).count();
                assert_eq!(others, 0, "host {host} advertises the router of the other");
            }
        }
    }
}

/// Two hosts, each of which owns an address and stands in for the other's: RFC 9568 section 4.2, with IPv4 and IPv6, with and
/// without a virtual MAC, whatever the kernel's reverse-path filter says.
#[test]
fn n1_owners_that_stand_in_for_each_other() {
    on_hosts(|| Sample::new(false, "", 0).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_with_a_strict_reverse_path_filter() {
    on_hosts(|| Sample::new(false, "", 1).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_with_a_loose_reverse_path_filter() {
    on_hosts(|| Sample::new(false, "", 2).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_with_virtual_macs() {
    on_hosts(|| Sample::new(false, "use_vmac", 0).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_with_virtual_macs_and_a_strict_reverse_path_filter() {
    on_hosts(|| Sample::new(false, "use_vmac", 1).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_with_virtual_macs_and_a_loose_reverse_path_filter() {
    on_hosts(|| Sample::new(false, "use_vmac", 2).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_over_ipv6() {
    on_hosts(|| Sample::new(true, "", 0).fails_and_returns());
}

#[test]
fn n1_owners_that_stand_in_for_each_other_over_ipv6_with_virtual_macs() {
    on_hosts(|| Sample::new(true, "use_vmac", 0).fails_and_returns());
}

/// An owner whose own address is the virtual one is heard when it comes back, although the stand-in has that address by now.
fn the_owner_is_heard(lines: &'static str, reverse_path: u8) {
    let lan = Lan::new();
    let (first, second, client) = (lan.host(1), lan.host(2), lan.host(3));
    let sample = Sample::new(false, lines, reverse_path);
    [&first, &second].iter().for_each(|host| sample.prepare(host));
    let of = |priority: u8, peer: u8| {
        let lines = lines.replace("$PEER", &format!("192.0.2.{peer}"));
        router(priority, &format!("{lines}\nvirtual_ipaddress {{\n192.0.2.1/24\n}}"))
    };
    let stand_in = second.vrrpd(&of(100, 1));
    first.set_carrier(false);
    stand_in.until_is("VI_1", "Master");
    until("the stand-in serves", || second.has("192.0.2.1") && client.reaches("192.0.2.1"));

    first.set_carrier(true);
    let owner = first.vrrpd(&of(255, 2));
    owner.until_is("VI_1", "Master");
    stand_in.until_is("VI_1", "Backup");
    until("the owner alone has it", || first.has("192.0.2.1") && !second.has("192.0.2.1"));
    until("it serves", || client.reaches("192.0.2.1"));
    throughout(Duration::from_secs(3), "one Master", || {
        owner.is("VI_1", "Master") && stand_in.is("VI_1", "Backup") && first.has("192.0.2.1")
    });
}

#[test]
fn n2_an_owner_that_comes_back_is_heard() {
    on_hosts(|| the_owner_is_heard("", 0));
}

#[test]
fn n2_an_owner_that_comes_back_is_heard_by_unicast() {
    on_hosts(|| the_owner_is_heard("unicast_peer {\n$PEER\n}", 0));
}

#[test]
fn n2_an_owner_that_comes_back_is_heard_with_a_virtual_mac() {
    on_hosts(|| the_owner_is_heard("use_vmac", 0));
}

#[test]
fn n2_an_owner_that_comes_back_is_heard_through_a_strict_reverse_path_filter() {
    on_hosts(|| the_owner_is_heard("use_vmac", 1));
}

/// A virtual MAC, a strict reverse-path filter and a route to the LAN with a metric, as DHCP clients set it: the Master is
/// heard all the same.
#[test]
fn n2_the_master_is_heard_beside_a_route_with_a_metric() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second, client) = (lan.host(1), lan.host(2), lan.host(3));
        for host in [&first, &second] {
            for interface in ["all", "default", "eth0"] {
                host.set(&format!("ipv4/conf/{interface}/rp_filter"), "1");
            }
            host.ip("address flush dev eth0 scope global");
            host.ip(&format!("address add {}/24 dev eth0 noprefixroute", host.address()));
            host.ip(&format!("route add 192.0.2.0/24 dev eth0 metric 100 src {}", host.address()));
        }
        let worse = second.vrrpd(&router(100, "use_vmac"));
        worse.until_is("VI_1", "Master");
        let better = first.vrrpd(&router(200, "use_vmac"));
        better.until_is("VI_1", "Master");
        worse.until_is("VI_1", "Backup");
        until("the Backup has let go", || !second.has("192.0.2.100"));
        throughout(Duration::from_secs(5), "one Master", || {
            better.is("VI_1", "Master") && worse.is("VI_1", "Backup") && first.has("192.0.2.100")
        });
        until("it serves", || client.reaches("192.0.2.100"));
    });
}

/// A router whose advertisements a filter holds back claims nothing any more: the clients stay with the host that serves.
fn who_cannot_send_claims_nothing(configuration: impl Fn(u8) -> String, address: &str, rule: &str) {
    let pair = Pair::new(configuration);
    let client = pair.lan.host(3);
    client.ip("address add 2001:db8::3/64 dev eth0 nodad");
    until("the first serves", || client.reaches(address));
    pair.first.sh(&format!("nft 'add table inet t; add chain inet t out {{ type filter hook output priority 0; }}; add rule inet t out {rule} drop'"));
    pair.worse.until_is("VI_1", "Master");
    until("the second serves", || pair.second.has(address));
    until("the first has let go", || !pair.first.has(address));
    let start = Instant::now();
    let mut lost = 0_u32;
    while start.elapsed() < Duration::from_secs(8) {
        lost += u32::from(!client.reaches(address));
        thread::sleep(Duration::from_millis(100));
    }
    let claims = pair.lan.wire().claims(1, address).iter().filter(|claim| claim.at >= start).count();
    assert_eq!(claims, 0, "the first claims {address}, which it does not have");
    assert!(lost <= 1, "{lost} of the client's packets got no answer");
    let status = String::from_utf8(pair.first.vrrpctl(&["status"]).stdout).unwrap();
    assert!(
        !status.contains(&format!("{address}/24 here\n")) && !status.contains(&format!("{address}/64 here\n")),
        "{status}"
    );

    // When it can send again, it serves again.
    pair.first.sh("nft flush ruleset");
    pair.better.until_is("VI_1", "Master");
    pair.worse.until_is("VI_1", "Backup");
    until("the first serves again", || pair.first.has(address) && client.reaches(address));
}

#[test]
fn n3_a_router_that_cannot_send_claims_no_address() {
    on_hosts(|| who_cannot_send_claims_nothing(|priority| router(priority, ""), "192.0.2.100", "ip protocol vrrp"));
}

#[test]
fn n3_a_router_that_cannot_send_over_ipv6_claims_no_address() {
    on_hosts(|| {
        let nexthdr = "meta l4proto 112";
        who_cannot_send_claims_nothing(|priority| router_v6(priority, ""), "2001:db8::100", nexthdr);
    });
}

/// A virtual MAC on an interface that is itself a macvlan, as containers have it: what it is on belongs to somebody else.
#[test]
fn n4_a_virtual_mac_works_on_a_macvlan() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, around, client) = (lan.host(1), lan.host(2), lan.host(3));
        host.ip("link delete eth0");
        around.ip("link add link eth0 name eth5 type macvlan mode bridge");
        around.ip(&format!("link set eth5 netns {}", host.namespace()));
        virtual_mac_on("eth5", &host, &client);
    });
}

/// The same where the host has what the macvlan is on too.
#[test]
fn n4_a_virtual_mac_works_on_a_macvlan_of_the_same_host() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(3));
        host.ip("address flush dev eth0 scope global");
        // It would answer for every address of the host otherwise, as any interface does.
        host.set("ipv4/conf/eth0/arp_ignore", "1");
        host.ip("link add link eth0 name eth5 type macvlan mode bridge");
        virtual_mac_on("eth5", &host, &client);
    });
}

fn virtual_mac_on(interface: &str, host: &Host, client: &Host) {
    host.ip(&format!("link set {interface} up"));
    host.ip(&format!("address add {}/24 dev {interface}", host.address()));
    let daemon = host.vrrpd(&router(254, &format!("interface {interface}\nuse_vmac")));
    daemon.until_is("VI_1", "Master");
    until("it serves", || client.reaches("192.0.2.100"));
    let neighbour = client.ip("neighbour show 192.0.2.100");
    assert!(neighbour.contains("00:00:5e:00:01:01"), "{neighbour}");
    assert!(daemon.terminate().success());
    assert!(!host.ip("-oneline link show").contains("vrrp.1"), "the macvlan goes with the daemon");
}

/// A source address that works is kept as long as it is there.
#[test]
fn n5_a_new_address_does_not_move_the_source_of_unicast() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        for host in [&first, &second] {
            host.ip(&format!("address add 2001:db8::{}/64 dev eth0 nodad", host.number()));
        }
        let of = |priority, peer: u8| router_v6(priority, &format!("unicast_peer {{\n2001:db8::{peer}\n}}"));
        let better = first.vrrpd(&of(200, 2));
        better.until_is("VI_1", "Master");
        let worse = second.vrrpd(&of(100, 1));
        until("the Master is heard", || worse.json("VI_1")["master"]["us"] == false);

        for new in ["2001:db8::2:1", "2001:db8::0:0", "2001:db8::ffff:1"] {
            first.ip(&format!("address add {new}/64 dev eth0 nodad"));
            throughout(Duration::from_secs(2), "one Master", || {
                better.is("VI_1", "Master") && worse.is("VI_1", "Backup") && !second.has("2001:db8::100")
            });
        }
    });
}

/// An advertisement that is larger than the link's MTU goes out in fragments.
#[test]
fn n6_an_advertisement_larger_than_the_mtu_is_sent_and_heard() {
    on_hosts(|| {
        let addresses: String = (1..=84).map(|number| format!("2001:db8::1:{number:x}/64\n")).collect();
        let lines = format!("advert_int 0.5\nvirtual_ipaddress {{\nfe80::100/64\n{addresses}}}");
        let small = |host: &Host| drop(host.ip("link set eth0 mtu 1280"));
        let pair = Pair::prepared(|priority| router(priority, &lines), small);
        until("the last address is there", || pair.first.has("2001:db8::1:54"));
        throughout(Duration::from_secs(4), "one Master", || {
            pair.better.is("VI_1", "Master") && pair.worse.is("VI_1", "Backup") && !pair.second.has("2001:db8::1:54")
        });
        pair.better.kill();
        pair.worse.until_is("VI_1", "Master");
        until("the second has all", || pair.second.has("2001:db8::1:54"));
    });
}

/// A new MAC address of the interface is announced with every virtual address.
#[test]
fn n7_a_new_mac_address_is_announced() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let v6 = instance("VI_6", 6, 254, "advert_int 0.2\nvirtual_ipaddress {\nfe80::100/64\n2001:db8::100/64\n}");
        let daemon = host.vrrpd(&(router(254, "") + &v6));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_6", "Master");
        let announced = |address| lan.wire().claims(1, address);
        for address in ["192.0.2.100", "2001:db8::100"] {
            until("the takeover is announced twice", || announced(address).len() >= 10);
        }
        host.ip("link set eth0 address 02:00:00:00:00:77");
        let new = [2, 0, 0, 0, 0, 0x77];
        for address in ["192.0.2.100", "2001:db8::100"] {
            until_within(Duration::from_secs(3), &format!("{address} is announced from the new address"), || {
                announced(address).iter().any(|claim| claim.mac == new)
            });
        }
        assert!(daemon.is("VI_1", "Master"));
    });
}

/// Two clusters with one VRID: nobody yields to a list that shares no address with its own, and the log says what is wrong.
#[test]
fn n8_two_clusters_with_one_vrid_both_serve() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let better = first.vrrpd(&router(200, "virtual_ipaddress {\n192.0.2.100/24\n}"));
        let worse = second.vrrpd(&router(100, "virtual_ipaddress {\n192.0.2.150/24\n}"));
        better.until_is("VI_1", "Master");
        worse.until_is("VI_1", "Master");
        until("both serve", || first.has("192.0.2.100") && second.has("192.0.2.150"));
        throughout(Duration::from_secs(5), "both serve", || first.has("192.0.2.100") && second.has("192.0.2.150"));
        better.until_logged("192.0.2.2");
        worse.until_logged("192.0.2.1");
    });
}

/// Where nobody can have taken over yet, the Master goes on when its link is back.
fn a_short_absence_costs_nothing(away: impl Fn(&Host), back: impl Fn(&Host)) {
    let pair = Pair::new(|priority| router(priority, ""));
    for _ in 0..3 {
        let heard = pair.lan.wire().adverts(1).len();
        until("an advertisement", || pair.lan.wire().adverts(1).len() > heard);
        away(&pair.first);
        thread::sleep(Duration::from_millis(200));
        back(&pair.first);
        until_within(Duration::from_millis(2400), "the Master goes on", || {
            pair.better.is("VI_1", "Master") && pair.first.has("192.0.2.100")
        });
        thread::sleep(Duration::from_secs(1));
    }
    assert!(pair.worse.is("VI_1", "Backup"));
    assert!(pair.lan.wire().adverts(2).is_empty(), "the other one never took over");
}

#[test]
fn n11_an_interface_down_for_a_moment_costs_no_takeover() {
    on_hosts(|| {
        let set = |state: &'static str| move |host: &Host| drop(host.ip(&format!("link set eth0 {state}")));
        a_short_absence_costs_nothing(set("down"), set("up"));
    });
}

#[test]
fn n11_a_cable_out_for_a_moment_costs_no_takeover() {
    on_hosts(|| a_short_absence_costs_nothing(|host| host.set_carrier(false), |host| host.set_carrier(true)));
}
