//! The virtual MAC address: it moves with the virtual address, and nobody ever says another.

use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use vrrp_core::{Config, Role};
use vrrp_io_linux::{Event, EventKind, Router, VirtualMac, Warning};

use crate::common::*;

const VIP: &str = "192.0.2.100";
const VMAC: &str = "00:00:5e:00:01:33";

fn with_vmac(config: Config) -> Router {
    router(config).with_virtual_mac(VirtualMac::new())
}

/// A host that would rather be Master than the other, at its priority.
fn start(host: &Host, priority: u8) -> Node {
    host.start(vec![with_vmac(fast(priority, &[address(VIP)]))])
}

/// The port behind which the switch knows the virtual MAC address.
fn port_of_vmac() -> Option<String> {
    let output = Command::new("bridge").args(["fdb", "show", "br", "lan"]).output().expect("bridge (package iproute2)");
    let table = String::from_utf8(output.stdout).unwrap();
    let line = table.lines().find(|line| line.starts_with(VMAC))?;
    Some(line.split(' ').nth(2)?.to_owned())
}

/// Returns what the client takes for the MAC address of the virtual address.
fn known_to(client: &Host) -> Option<String> {
    let neighbours = client.ip(&format!("neighbour show {VIP} dev eth0"));
    neighbours.split_once("lladdr ").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned())
}

/// The client takes this for the MAC address of the virtual address: as soon as the kernel has handled the last answer.
fn knows(client: &Host, mac: &str) {
    eventually("the client knows the MAC address", || known_to(client).as_deref() == Some(mac));
}

/// The client asks who has the address, some times over.
fn ask(client: &Host) {
    for _ in 0..5 {
        client.ip("neighbour flush dev eth0");
        client.run(|| UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"who has?", (VIP, 9)))).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
}

/// Nobody gave the virtual address another MAC than the virtual one, or that one to another address; returns the number
/// of answers.
fn answers(frames: &[Frame]) -> usize {
    let vmac = tap::mac(VMAC);
    let mut answers = 0;
    for frame in frames {
        let Frame::Arp(arp) = frame else { continue };
        assert_eq!(arp.sender == address(VIP), arp.sender_mac == vmac, "{arp:?}");
        assert_eq!(arp.sender_mac, arp.source_mac, "{arp:?}");
        answers += usize::from(arp.sender == address(VIP) && arp.target != address(VIP));
    }
    answers
}

/// A datagram to `to` and back. The host that answers asks for the client first.
fn talk(client: &Host, host: &Host, to: IpAddr) -> bool {
    host.ip("neighbour flush dev eth0");
    let server = host.run(move || UdpSocket::bind((to, 7))).unwrap();
    let client = client.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    server.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(b"hello", (to, 7)).unwrap();
    let mut buffer = [0; 100];
    let Ok((_, from)) = server.recv_from(&mut buffer) else { return false };
    server.send_to(b"hello", from).unwrap();
    client.recv(&mut buffer).is_ok()
}

fn is_up(host: &Host) -> bool {
    host.ip("-oneline link show dev vrrp.51").contains(",UP")
}

#[test]
fn the_clients_know_one_mac_address_whoever_is_master() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, client) = (lan.host(1), lan.host(2), lan.host(9));
        let mut tap = client.tap();
        let mut first = start(&one, 200);
        first.until_announced();
        let mut second = start(&two, 100);
        second.until_role(Role::Backup);

        let check = |master: &Host, port: &str, tap: &mut Tap| {
            ask(&client);
            knows(&client, VMAC);
            assert!(talk(&client, master, address(VIP)));
            assert_eq!(port_of_vmac().as_deref(), Some(port));
            let frames = tap.so_far();
            assert!(answers(&frames) >= 5, "{frames:?}");
            let adverts: Vec<_> = frames.iter().filter_map(Frame::advert).collect();
            assert!(!adverts.is_empty() && adverts.iter().all(|advert| advert.source_mac == tap::mac(VMAC)));
        };
        check(&one, "port1", &mut tap);
        // The cable is pulled, and put back.
        lan.carrier(&one, false);
        second.until_announced();
        knows(&client, VMAC);
        check(&two, "port2", &mut tap);
        lan.carrier(&one, true);
        first.until_announced();
        second.until_role(Role::Backup);
        check(&one, "port1", &mut tap);
        // It is stopped in good order.
        first.stop();
        second.until_announced();
        check(&two, "port2", &mut tap);
        assert!(!one.ip("link show").contains("vrrp.51"));
        assert_eq!(one.ip("-oneline link show type macvlan"), "");

        // Nobody is left.
        second.stop();
        ask(&client);
        assert_eq!(answers(&tap.so_far()), 0);
    });
}

#[test]
fn a_backup_neither_answers_nor_takes_what_is_sent_to_the_virtual_mac() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, client) = (lan.host(1), lan.host(2), lan.host(9));
        let mut first = start(&one, 200);
        first.until_announced();
        let mut second = start(&two, 100);
        second.until_role(Role::Backup);

        // The Master does not hear the client, the Backup alone does.
        lan.split(&[&one, &client], true);
        let mut tap = client.tap();
        ask(&client);
        assert_eq!(answers(&tap.so_far()), 0);
        lan.split(&[&one, &client], false);

        // A frame to the virtual MAC address, at the port of the Backup, with a packet to the address of its host.
        let send_to = |host: &Host| {
            let port = format!("port{}", if host.address() == one.address() { 1 } else { 2 });
            let fdb = ["fdb", "replace", VMAC, "dev", &port, "master", "static"];
            assert!(Command::new("bridge").args(fdb).status().unwrap().success());
            client.ip(&format!("neighbour replace {} lladdr {VMAC} nud permanent dev eth0", host.address()));
            talk(&client, host, host.address())
        };
        assert!(!send_to(&two));
        assert!(send_to(&one), "the Master takes it: the test would see it");
        assert!(!is_up(&two) && is_up(&one));

        // One that was Master drops it again.
        lan.carrier(&one, false);
        second.until_announced();
        assert!(send_to(&two));
        lan.carrier(&one, true);
        second.until_role(Role::Backup);
        eventually("the macvlan is down", || !is_up(&two));
        assert!(!send_to(&two));
    });
}

#[test]
fn two_masters_hear_each_other_though_they_have_the_same_mac() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, client) = (lan.host(1), lan.host(2), lan.host(9));
        lan.split(&[&one, &two], true);
        let (mut first, mut second) = (start(&one, 200), start(&two, 100));
        first.until_announced();
        second.until_announced();
        first.forget();
        let mut tap = two.tap();
        lan.split(&[&one, &two], false);
        second.until_role(Role::Backup);
        assert_eq!(first.status().role, Role::Master);
        // The one that yields sends no yield advertisement: from that MAC address it would lead the switch astray.
        thread::sleep(Duration::from_millis(100));
        let frames = tap.so_far();
        let adverts: Vec<IpAddr> = frames.iter().filter_map(Frame::advert).map(|advert| advert.source).collect();
        let better = adverts.iter().position(|source| *source == one.address()).unwrap();
        assert!(!adverts[better..].contains(&two.address()), "{adverts:?}");
        eventually("the switch knows the Master's port", || port_of_vmac().as_deref() == Some("port1"));
        assert!(talk(&client, &one, address(VIP)));
    });
}

/// Container networks: the kernel makes a macvlan of a macvlan beside it, on the card.
#[test]
fn on_an_interface_that_is_a_macvlan_itself_one_is_master_and_nothing_stays_behind() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, client) = (lan.container(1), lan.container(2), lan.host(9));
        let mut first = start(&one, 200);
        first.until_announced();
        let mut second = start(&two, 100);
        second.until_role(Role::Backup);
        ask(&client);
        knows(&client, VMAC);
        assert!(talk(&client, &one, address(VIP)), "{}", first.story());
        first.stop();
        assert!(!one.ip("link show").contains("vrrp.51"), "{}", one.ip("link show"));
        second.until_announced();
        assert!(talk(&client, &two, address(VIP)), "{}", second.story());

        // They hear each other again after a split, though both send from one MAC address.
        lan.split(&[&one, &two], true);
        let mut first = start(&one, 200);
        first.until_announced();
        lan.split(&[&one, &two], false);
        second.until_role(Role::Backup);
        assert!(talk(&client, &one, address(VIP)), "{}", first.story());
        second.stop();
        assert!(!two.ip("link show").contains("vrrp.51"), "{}", two.ip("link show"));
        first.stop();
    });
}

#[test]
fn neighbour_solicitations_are_answered_with_the_virtual_mac() {
    const VIPS: [&str; 2] = ["fe80::100", "2001:db8::100"];
    const VMAC: &str = "00:00:5e:00:02:33";
    in_namespace(|| {
        let lan = Lan::new();
        let hosts = [1, 2, 9].map(|number| {
            let host = lan.host(number);
            host.ip(&format!("address add 2001:db8::{number}/64 dev eth0 nodad"));
            host
        });
        let [one, two, client] = &hosts;
        let virtual_ips = VIPS.map(address);
        let start = |host: &Host, priority| host.start(vec![with_vmac(fast(priority, &virtual_ips))]);
        let until_announced = |node: &mut Node| {
            let last =
                |kind: &EventKind| matches!(kind, EventKind::Announced { address, .. } if *address == virtual_ips[1]);
            node.until("the last announcement", last);
        };
        let mut tap = client.tap();
        let mut first = start(one, 200);
        until_announced(&mut first);
        let mut second = start(two, 100);
        second.until_role(Role::Backup);

        let check = |tap: &mut Tap| {
            let vmac = tap::mac(VMAC);
            for virtual_ip in VIPS {
                client.ip("-6 neighbour flush dev eth0");
                let ping = client.run(move || {
                    let mut ping = Command::new("ping");
                    ping.args(["-6", "-n", "-c", "1", "-W", "5", "-I", "eth0", virtual_ip]).output().unwrap()
                });
                assert!(ping.status.success(), "{virtual_ip}: {ping:?}");
                let neighbour = client.ip(&format!("-6 neighbour show {virtual_ip} dev eth0"));
                assert!(neighbour.contains(VMAC), "{neighbour}");
            }
            let frames = tap.so_far();
            let solicited = |frame: &Frame| {
                let Frame::Neighbour(na) = frame else { return false };
                if na.mac == Some(vmac) || virtual_ips.contains(&na.target) && na.flags.is_some() {
                    // It says so of the virtual addresses alone, and of them nothing else.
                    assert!(
                        na.mac == Some(vmac) && na.source_mac == vmac && virtual_ips.contains(&na.target),
                        "{na:?}"
                    );
                }
                virtual_ips.contains(&na.target) && na.flags.is_some() && frame.announced().is_none()
            };
            assert!(frames.iter().filter(|frame| solicited(frame)).count() >= 2, "{frames:?}");
            let mut adverts = frames.iter().filter_map(Frame::advert);
            assert!(adverts.all(|advert| advert.source_mac == vmac && !virtual_ips.contains(&advert.source)));
        };
        check(&mut tap);
        lan.carrier(one, false);
        until_announced(&mut second);
        check(&mut tap);
        lan.carrier(one, true);
        until_announced(&mut first);
        second.until_role(Role::Backup);
        check(&mut tap);
        let shown = one.ip("-oneline -6 address show dev vrrp6.51");
        assert_eq!(shown.lines().count(), 2, "no address of its own (IP-10): {shown}");
        // Who lowers the macvlan takes its IPv6 addresses away.
        one.ip("link set vrrp6.51 down");
        until_announced(&mut first);
        check(&mut tap);
        first.stop();
        until_announced(&mut second);
        check(&mut tap);
    });
}

#[test]
fn a_takeover_is_hardly_slower_with_a_macvlan() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, client) = (lan.host(1), lan.host(2), lan.host(9));
        for vmac in [false, true] {
            let start = |host: &Host, priority| {
                let router = router(fast(priority, &[address(VIP)]));
                host.start(vec![if vmac { router.with_virtual_mac(VirtualMac::new()) } else { router }])
            };
            let mut first = start(&one, 254);
            first.until_announced();
            let mut second = start(&two, 253);
            second.until_role(Role::Backup);
            let mut tap = client.tap();
            let watch = thread::spawn(move || tap.during(Duration::from_secs(1)));
            first.stop();
            second.until_announced();
            let frames = watch.join().unwrap();
            let when = |wanted: &dyn Fn(&Frame) -> bool| frames.iter().find(|(_, frame)| wanted(frame)).unwrap().0;
            let released = when(&|frame| frame.is_release());
            let advertised = when(&|frame| frame.advert().is_some_and(|advert| advert.source == two.address()));
            let announced = when(&|frame| frame.announced().is_some());
            println!(
                "virtual MAC {vmac}: release to advertisement {:?}, to announcement {:?} more",
                advertised.duration_since(released),
                announced.duration_since(advertised)
            );
            assert!(announced.duration_since(advertised) < Duration::from_millis(500));
            second.stop();
        }
    });
}

#[test]
fn the_interface_below_comes_and_goes() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        lan.unplug(&host);
        let mut node = start(&host, 200);
        node.until_role(Role::Initialize);
        for _ in 0..2 {
            node.forget();
            lan.plug(&host);
            host.ip("address add 192.0.2.1/24 dev eth0");
            node.until_announced();
            ask(&client);
            knows(&client, VMAC);
            // Somebody removes it.
            node.forget();
            host.ip("link delete vrrp.51");
            node.until_role(Role::Initialize);
            node.until_announced();
            // Somebody lowers it.
            host.ip("link set vrrp.51 down");
            eventually("it is up again", || is_up(&host));
            lan.unplug(&host);
            node.until_role(Role::Initialize);
        }
    });
}

#[test]
fn a_macvlan_that_somebody_keeps_lowering_is_given_up_and_told_once() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut node = start(&host, 200);
        node.until_announced();
        let failed = |event: &Event| matches!(&event.kind, EventKind::AddressFailed { .. });
        let given_up = |event: &Event| failed(event) && event.to_string().contains("keeps lowering vrrp.51");
        eventually("it is given up", || {
            if is_up(&host) {
                host.ip("link set vrrp.51 down");
            }
            node.log().iter().any(given_up)
        });
        eventually("another host may have the address", || node.status().role == Role::Initialize);
        eventually("it is not here", || !host.has(address(VIP)));
        assert!(!is_up(&host));
        assert_eq!(node.log().iter().filter(|event| given_up(event)).count(), 1);
    });
}

#[test]
fn what_a_dead_run_left_is_taken_over_and_what_others_made_is_not() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        host.ip(&format!("link add link eth0 name vrrp.51 address {VMAC} type macvlan mode bridge"));
        host.ip("link set vrrp.51 up");
        let mut node = start(&host, 200);
        node.until_announced();
        let mut tap = client.tap();
        ask(&client);
        assert!(answers(&tap.so_far()) >= 5);
        node.stop();

        host.ip("link add vrrp.51 type veth peer name other");
        let mut node = start(&host, 200);
        node.until("a warning", |kind| matches!(kind, EventKind::Warning(Warning::MacvlanForeign { .. })));
        node.until_role(Role::Initialize);
        assert_eq!(node.faults(), ["192.0.2.100 could not be installed: there is no usable interface vrrp.51"]);
        host.ip("link delete vrrp.51");
        node.until_announced();
    });
}

#[test]
fn the_settings_of_the_interface_below_are_put_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let settings = |host: &Host| {
            host.run(|| {
                let read = |key| std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/eth0/{key}")).unwrap();
                ["arp_ignore", "arp_announce"].map(|key| read(key).trim().to_owned())
            })
        };
        // Strict, as many hosts have it.
        host.write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
        host.write("/proc/sys/net/ipv4/conf/eth0/arp_announce", "1");
        let mut node = start(&host, 200);
        node.until_announced();
        assert_eq!(settings(&host), ["1", "2"]);
        assert!(talk(&client, &host, address(VIP)));
        // The rest of the host is as it was.
        assert!(talk(&client, &host, host.address()));
        // Another process needs them too.
        host.ip("link add link eth0 name other address 00:00:5e:00:01:34 type macvlan mode bridge");
        node.stop();
        assert_eq!(settings(&host), ["1", "2"]);
        host.ip("link delete other");
        assert_eq!(settings(&host), ["1", "2"]);

        // One with a MAC address that was chosen shows it by what it needs.
        for (setting, restored) in [("2", ["1", "2"]), ("0", ["0", "1"])] {
            host.write("/proc/sys/net/ipv4/conf/eth0/arp_ignore", "0");
            host.write("/proc/sys/net/ipv4/conf/eth0/arp_announce", "1");
            host.ip("link add link eth0 name other address 02:00:00:00:00:77 type macvlan mode bridge");
            host.write("/proc/sys/net/ipv4/conf/other/arp_ignore", "1");
            host.write("/proc/sys/net/ipv4/conf/other/arp_announce", setting);
            let mut node = start(&host, 200);
            node.until_announced();
            node.stop();
            assert_eq!(settings(&host), restored, "arp_announce of the other one is {setting}");
            host.ip("link delete other");
        }

        host.write("/proc/sys/net/ipv4/conf/eth0/arp_ignore", "0");
        host.write("/proc/sys/net/ipv4/conf/eth0/arp_announce", "1");
        let mut node = start(&host, 200);
        node.until_announced();
        assert_eq!(settings(&host), ["1", "2"]);
        node.stop();
        assert_eq!(settings(&host), ["0", "1"]);
    });
}

#[test]
fn an_owner_is_told_of_its_address_on_the_interface_below() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut node = host.start(vec![with_vmac(fast(255, &[host.address()]))]);
        node.until("a warning", |kind| matches!(kind, EventKind::Warning(Warning::RealAddress { .. })));
    });
}

#[test]
fn transmit_base_sends_from_the_interface_itself() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut tap = client.tap();
        let base = VirtualMac::new().with_name("virtual").with_transmit_base(true);
        let mut node = host.start(vec![router(fast(200, &[address(VIP)])).with_virtual_mac(base)]);
        node.until_announced();
        let frames = tap.during(Duration::from_millis(300));
        let mut adverts = frames.iter().filter_map(|(_, frame)| frame.advert()).peekable();
        assert!(adverts.peek().is_some() && adverts.all(|advert| advert.source_mac == host.mac()));
        ask(&client);
        knows(&client, VMAC);
        assert!(host.ip("-oneline address show dev virtual").contains(VIP));
    });
}

/// A MAC address of the operator's choice, and then another one, while it runs.
#[test]
fn a_chosen_mac_address_is_the_only_one_and_can_be_changed() {
    const CHOSEN: [&str; 2] = ["02:00:5e:10:00:01", "02:00:5e:10:00:02"];
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let wanted = |mac: &str| {
            let vmac = VirtualMac::new().with_name("chosen").with_address(mac.parse().unwrap());
            router(fast(200, &[address(VIP)])).with_virtual_mac(vmac)
        };
        let mut tap = client.tap();
        let mut node = host.start(vec![wanted(CHOSEN[0])]);
        for mac in CHOSEN {
            if mac == CHOSEN[1] {
                node.forget();
                run(node.vrrp().apply(vec![wanted(mac)])).unwrap();
                tap.so_far();
            }
            node.until_announced();
            ask(&client);
            knows(&client, mac);
            assert!(talk(&client, &host, address(VIP)));
            let frames = tap.during(Duration::from_millis(500));
            let adverts: Vec<&Advert> = frames.iter().filter_map(|(_, frame)| frame.advert()).collect();
            assert!(!adverts.is_empty(), "{}", node.story());
            assert!(adverts.iter().all(|advert| advert.source_mac == tap::mac(mac)), "{adverts:?}");
            assert_eq!(host.ip("-oneline link show type macvlan").lines().count(), 1);
        }
        assert_eq!(node.status().role, Role::Master);
        node.stop();
        assert_eq!(host.ip("-oneline link show type macvlan"), "");
    });
}
