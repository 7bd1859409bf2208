//! What kernels and administrators do to a Master in its bad hours. Interfaces that go and come are in `interface`,
//! addresses that somebody removes in `addresses`, floods in `load`, processes that hang in `lease`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Profile, Role};
use vrrp_io_linux::{EventKind, VirtualMac};

use crate::common::*;

const VIP: &str = "192.0.2.100";

/// Runs a program with the words of `arguments` on a host, and `input` as its standard input.
fn tool(host: &Host, program: &'static str, arguments: &str, input: String) {
    let arguments = arguments.to_owned();
    host.run(move || {
        let mut child = Command::new(program)
            .args(arguments.split(' '))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    });
}

/// News that the netlink sockets of the calling thread's namespace had no room for.
fn netlink_drops() -> u64 {
    let sockets = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let mut lines = sockets.lines();
    let column = lines.next().unwrap().split_whitespace().position(|name| name == "Drops").unwrap();
    lines.map(|line| line.split_whitespace().nth(column).unwrap().parse::<u64>().unwrap()).sum()
}

/// EPERM: a packet filter takes what the Master says. Nobody hears it, so it may not keep its address either.
#[test]
fn a_master_whose_advertisements_are_refused_loses_its_address_to_the_one_who_is_heard() {
    in_namespace(|| {
        if missing(&["nft"]).is_some() {
            return skip("a_master_whose_advertisements_are_refused", "nft is not installed");
        }
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let leased = |priority| {
            let interval = AdvertInterval::from_centis(70).unwrap();
            let config = config(Profile::Rfc9568Errata, priority, &[address(VIP)]).with_interval(interval).unwrap();
            router(config.with_lease(true))
        };
        let mut master = first.start(vec![leased(200)]);
        master.until_announced();
        let mut backup = second.start(vec![leased(100)]);
        backup.until_role(Role::Backup);

        let rule = "add table ip mute\nadd chain ip mute out { type filter hook output priority 0; }\n\
                    add rule ip mute out ip protocol 112 drop\n";
        tool(&first, "nft", "-f -", rule.to_owned());
        master.until("a refusal", |kind| matches!(kind, EventKind::SendFailed { .. }));
        assert!(master.story().contains("cannot send to 224.0.0.18: Operation not permitted"), "{}", master.story());
        master.until("the expiry", |kind| matches!(kind, EventKind::AddressExpired { put_back: false, .. }));
        assert!(!second.has(address(VIP)), "it expires before another host has it");
        backup.until_announced();
        thread::sleep(Duration::from_secs(3));
        assert!(second.has(address(VIP)) && !first.has(address(VIP)), "{}", master.story());
        assert_eq!(master.status().role, Role::Master);
        assert!(master.status().stats.tx_errors > 2);

        master.forget();
        tool(&first, "nft", "delete table ip mute", String::new());
        backup.until_role(Role::Backup);
        master.until_announced();
        eventually("one host has it", || first.has(address(VIP)) && !second.has(address(VIP)));
        assert!(!master.log().iter().any(|event| entered(&event.kind).is_some()), "{}", master.story());
        master.stop();
        backup.stop();
    });
}

/// ENOBUFS: the interface's own queue is full. The kernel says so to packet sockets only: raw ones never hear of it.
#[test]
fn a_full_queue_is_an_error_that_is_counted_and_passes() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut node = host.start(vec![router(fast(254, &[address(VIP)])).with_virtual_mac(VirtualMac::new())]);
        node.until_announced();
        if !Command::new("tc").arg("-V").output().is_ok_and(|output| output.status.success()) {
            return skip("a_full_queue_is_an_error_that_is_counted_and_passes", "tc is not installed");
        }
        tool(&host, "tc", "qdisc add dev eth0 root tbf rate 8bit burst 10 limit 1", String::new());
        node.until("a refusal", |kind| matches!(kind, EventKind::SendFailed { .. }));
        assert!(node.story().contains("No buffer space available"), "{}", node.story());
        thread::sleep(Duration::from_secs(1));
        assert_eq!(node.status().role, Role::Master);
        assert!(node.status().stats.tx_errors > 3);

        tool(&host, "tc", "qdisc delete dev eth0 root", String::new());
        let mut tap = lan.host(9).tap();
        for _ in 0..3 {
            tap.until("an advertisement", |frame| frame.advert().is_some());
        }
        assert!(host.has(address(VIP)));
        node.stop();
    });
}

/// ENOBUFS from netlink: a Master that slept through more news than its socket holds misses none of what matters.
#[test]
fn what_happened_while_news_were_lost_is_found_out_and_put_right() {
    in_namespace(|| {
        if Process::is_this() {
            return;
        }
        let lan = Lan::new();
        let host = lan.host(1);
        // Its lease lasts for 29 s: all that happens here.
        let mut master = Process::start(&host, 255, 1000, address(VIP));
        master.until("gratuitous ARP");
        master.stop();
        let churn: String = (0..20_000)
            .map(|n| {
                let (n, what) = (n / 2, if n % 2 == 0 { "add" } else { "delete" });
                format!("address {what} 10.{}.{}.{}/32 dev lo\n", n >> 16, n >> 8 & 255, n & 255)
            })
            .collect();
        tool(&host, "ip", "-batch -", format!("{churn}address delete {VIP}/32 dev eth0\n"));
        assert!(!host.has(address(VIP)));
        assert!(host.run(netlink_drops) > 0, "nothing was lost: the test proves nothing");
        master.go_on();
        master.until("gratuitous ARP");
        assert!(host.has(address(VIP)));
        // It follows what comes after, too.
        host.ip(&format!("address delete {VIP}/32 dev eth0"));
        eventually("the address again", || host.has(address(VIP)));
        assert!(!master.story().contains("-> Fault"), "{}", master.story());
    });
}
