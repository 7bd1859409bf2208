//! Accept mode: a Master that is not the owner forwards, and is silent itself.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use vrrp_core::{Config, Profile};
use vrrp_io_linux::{EventKind, Router, VirtualMac, Warning};

use crate::common::*;

const VIP: &str = "192.0.2.100";
const PAUSE: Duration = Duration::from_millis(300);

/// Returns whether anything comes back from `to`, a refusal too: to UDP, to TCP, to a ping.
fn answers(client: &Host, to: IpAddr) -> [bool; 3] {
    client.run(move || {
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        udp.set_read_timeout(Some(PAUSE)).unwrap();
        udp.connect((to, 9)).unwrap();
        udp.send(b"hello").unwrap();
        let silent = |error: std::io::Error| !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let udp = udp.recv(&mut [0; 100]).map_or_else(silent, |_| true);
        let tcp = TcpStream::connect_timeout(&SocketAddr::new(to, 9), PAUSE).map_or_else(silent, |_| true);
        let ping = Command::new("ping").args(["-n", "-c", "1", "-W", "0.3", &to.to_string()]).output().unwrap();
        [udp, tcp, ping.status.success()]
    })
}

fn is_resolved(client: &Host) -> bool {
    client.ip(&format!("neighbour show {VIP} dev eth0")).contains("lladdr")
}

#[test]
fn accept_mode_off_forwards_and_is_silent_itself() {
    if let Some(program) = missing(&["nft", "ping"]) {
        return skip("accept_mode_off_forwards_and_is_silent_itself", &format!("{program} is not installed"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (host, far, client) = (lan.host(1), lan.host(3), lan.host(9));
        // Each refusal is to be seen.
        [&host, &far].iter().for_each(|host| host.write("/proc/sys/net/ipv4/icmp_ratelimit", "0"));
        // Another network, which only the virtual router leads to.
        host.ip("address add 198.51.100.1/24 dev eth0");
        far.ip("address replace 198.51.100.3/24 dev eth0");
        far.ip("address delete 192.0.2.3/24 dev eth0");
        far.ip("route add default via 198.51.100.1");
        host.write("/proc/sys/net/ipv4/ip_forward", "1");
        host.write("/proc/sys/net/ipv4/conf/all/send_redirects", "0");
        client.ip(&format!("route add 198.51.100.0/24 via {VIP}"));
        let far = address("198.51.100.3");

        for vmac in [false, true] {
            for accept in [false, true] {
                let router = Router::new("eth0", fast(200, &[address(VIP)])).with_accept_mode(accept);
                let router = if vmac { router.with_virtual_mac(VirtualMac::new()) } else { router };
                let mut node = host.start(vec![router]);
                node.until_announced();
                client.ip("neighbour flush dev eth0");
                assert_eq!(answers(&client, address(VIP)), [accept; 3], "virtual MAC {vmac}");
                assert!(is_resolved(&client));
                assert_eq!(answers(&client, far), [true; 3]);
                assert_eq!(answers(&client, host.address()), [true; 3]);
                node.stop();
            }
        }
        assert_eq!(host.run(|| Command::new("/usr/sbin/nft").args(["list", "ruleset"]).output().unwrap().stdout), b"");
    });
}

/// Runs a command of `nft` on the host; returns what it printed.
pub(crate) fn nft(host: &Host, command: &str) -> String {
    let mut nft = Command::new("/usr/sbin/nft");
    nft.arg(command);
    let output = host.run(move || nft.output().unwrap());
    assert!(output.status.success(), "nft {command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_packet_filter_that_somebody_takes_away_is_made_anew() {
    if let Some(program) = missing(&["nft", "ping"]) {
        return skip("a_packet_filter_that_somebody_takes_away_is_made_anew", &format!("{program} is not installed"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        host.write("/proc/sys/net/ipv4/icmp_ratelimit", "0");
        let accepts = Router::new("eth0", Config::new(Profile::Rfc3768, vrid(52), &[address("192.0.2.101")]).unwrap());
        let closed = Router::new("eth0", fast(200, &[address(VIP)]));
        let mut node = host.start(vec![accepts.with_accept_mode(true), closed]);
        node.until(
            "the address",
            |kind| matches!(kind, EventKind::Announced { address: it, .. } if *it == address(VIP)),
        );
        let whole = nft(&host, "list ruleset");
        let table = "inet vrrp_eth0_51_ipv4";
        for change in [
            "flush ruleset".to_owned(),
            format!("delete table {table}"),
            format!("flush table {table}"),
            format!("flush set {table} ipv4"),
            format!("insert rule {table} input accept"),
            format!("add table {table} {{ flags dormant; }}"),
            // Somebody has a firewall of his own, and loads it.
            format!("flush ruleset; add table {table}; add chain {table} other"),
        ] {
            nft(&host, &change);
            eventually(&change, || nft(&host, "list ruleset") == whole);
            assert_eq!(answers(&client, address(VIP)), [false; 3], "{change}");
        }
        node.until("a warning", |kind| matches!(kind, EventKind::Warning(Warning::FilterRestored { .. })));
        let told =
            node.log().iter().filter(|event| event.to_string().contains("made anew")).cloned().collect::<Vec<_>>();
        assert!(told.iter().all(|event| event.router.index() == 1), "{told:?}");
        node.stop();
        // Nobody makes it anew any more.
        assert_eq!(nft(&host, "list ruleset"), "");
    });
}

#[test]
fn without_accept_mode_neighbours_still_find_an_ipv6_address() {
    if let Some(program) = missing(&["nft", "ping"]) {
        let test = "without_accept_mode_neighbours_still_find_an_ipv6_address";
        return skip(test, &format!("{program} is not installed"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let virtual_ips = ["fe80::100", "2001:db8::100"].map(address);
        for (host, address) in [(&host, "2001:db8::1/64"), (&client, "2001:db8::9/64")] {
            host.ip(&format!("address add {address} dev eth0 nodad"));
        }
        for accept in [false, true] {
            let router = Router::new("eth0", fast(200, &virtual_ips)).with_accept_mode(accept);
            let mut node = host.start(vec![router]);
            node.until(
                "the last address",
                |kind| matches!(kind, EventKind::Announced { address, .. } if *address == virtual_ips[1]),
            );
            for virtual_ip in virtual_ips {
                client.ip("-6 neighbour flush dev eth0");
                let mut ping = Command::new("ping");
                ping.args(["-6", "-n", "-c", "1", "-W", "0.5", "-I", "eth0", &virtual_ip.to_string()]);
                assert_eq!(client.run(move || ping.output().unwrap().status.success()), accept);
                // Asks the address itself: by then the entry is stale.
                let entry = || client.ip(&format!("-6 neighbour show {virtual_ip} dev eth0"));
                assert!(entry().contains("lladdr"), "{}", entry());
                let mac = client.ip(&format!("-6 neighbour show {virtual_ip} dev eth0"));
                let mac = mac.split_once("lladdr ").unwrap().1.split(' ').next().unwrap().to_owned();
                client.ip(&format!("-6 neighbour replace {virtual_ip} lladdr {mac} nud probe dev eth0"));
                eventually("an answer", || entry().contains("REACHABLE"));
            }
            node.stop();
        }
    });
}

#[test]
fn an_owner_accepts_whatever_the_mode_is() {
    if let Some(program) = missing(&["ping"]) {
        return skip("an_owner_accepts_whatever_the_mode_is", &format!("{program} is not installed"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (owner, client) = (lan.host(1), lan.host(9));
        owner.write("/proc/sys/net/ipv4/icmp_ratelimit", "0");
        let mut node = owner.start(vec![Router::new("eth0", config(Profile::Rfc3768, 255, &[owner.address()]))]);
        node.until_announced();
        assert_eq!(answers(&client, owner.address()), [true; 3]);
        node.stop();
    });
}
