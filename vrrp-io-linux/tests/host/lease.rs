//! Addresses that last while their Master advertises, and no longer.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use vrrp_core::{AdvertInterval, Config, Profile, Role};
use vrrp_io_linux::{EventKind, VirtualMac};

use crate::common::*;

const VIP: &str = "192.0.2.100";
/// The shortest interval that leaves a kernel time to remove what has expired: the lifetime is 1 s, and a Backup waits for
/// more than 2.1 s.
const CENTIS: u16 = 70;

fn leased(priority: u8, addresses: &[IpAddr]) -> Config {
    leased_every(CENTIS, priority, addresses)
}

fn leased_every(centis: u16, priority: u8, addresses: &[IpAddr]) -> Config {
    let interval = AdvertInterval::from_centis(centis).unwrap();
    config(Profile::Rfc9568Errata, priority, addresses).with_interval(interval).unwrap().with_lease(true)
}

/// `ip`'s lines about one address, with what is said of its lifetimes.
fn shown(host: &Host, address: &str) -> String {
    let all = host.ip("-details -oneline address show");
    all.lines().filter(|line| line.contains(&format!(" {address}/"))).collect()
}

/// The lifetime that is left of an address; `None`: for ever, or there is no such address.
fn left(host: &Host, address: &str) -> Option<u32> {
    shown(host, address).split_once("valid_lft ")?.1.split_once("sec")?.0.parse().ok()
}

/// Looks at `host` all the time for as long as `span`; how often it looked.
fn always(span: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> u32 {
    let (end, mut times) = (Instant::now() + span, 0);
    while Instant::now() < end {
        assert!(is_so(), "{what}: no more, the {times}th time");
        times += 1;
        thread::sleep(Duration::from_millis(10));
    }
    times
}

#[test]
fn addresses_are_renewed_as_they_are_and_nobody_hears_of_it() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let addresses = [VIP, "198.51.100.7"].map(address);
        let mut labelled = virtual_ip("192.0.2.100/24");
        labelled.label = Some("eth0:virtual_ip".into());
        labelled.broadcast = Some("192.0.2.255".parse().unwrap());
        let config = leased_every(100, 254, &addresses).with_excluded(&[address("2001:db8::7")]).unwrap();
        let mut node = host.start(vec![router(config).with_address(labelled).unwrap()]);
        for _all_three in 0..3 {
            node.until_announced();
        }
        node.forget();
        let before = ["192.0.2.100", "198.51.100.7", "2001:db8::7"].map(|address| shown(&host, address));
        for (line, expected) in before.iter().zip([
            "192.0.2.100/24 brd 192.0.2.255 scope global secondary dynamic eth0:virtual_ip",
            "198.51.100.7/32 scope global dynamic eth0",
            "2001:db8::7/128 scope global dynamic nodad deprecated preferred_lft 0sec",
        ]) {
            assert!(expected.split(' ').all(|word| line.contains(word)), "{line}\n{expected}");
        }

        // The lifetime is 2 s.
        always(Duration::from_secs(5), "leased and there", || {
            before.iter().zip([VIP, "198.51.100.7", "2001:db8::7"]).all(|(before, address)| {
                let now = shown(&host, address);
                let flags = |line: &str| line.split_once("valid_lft").map(|(flags, _)| flags.to_owned());
                flags(&now) == flags(before) && left(&host, address).is_some_and(|seconds| seconds <= 2)
            })
        });
        assert!(node.log().is_empty(), "{}", node.story());
        node.stop();
        assert!(!host.has(address(VIP)));
    });
}

#[test]
fn addresses_on_a_virtual_mac_are_leased_too() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let router = router(leased_every(100, 254, &[address(VIP)])).with_virtual_mac(VirtualMac::new());
        let mut node = host.start(vec![router]);
        node.until_announced();
        assert!(shown(&host, VIP).contains("vrrp.51"), "{}", shown(&host, VIP));
        always(Duration::from_secs(5), "there", || left(&host, VIP).is_some_and(|seconds| seconds <= 2));
        node.stop();
    });
}

#[test]
fn a_real_address_and_one_without_a_lease_stay_for_ever() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let own = host.address();
        let unleased = config(Profile::Rfc3768, 255, &[address(VIP)]);
        let mut owner = host.start(vec![router(leased(255, &[own]))]);
        owner.until("its own address", |kind| matches!(kind, EventKind::AddressInstalled { foreign: true, .. }));
        owner.stop();
        let owner = host.start(vec![router(leased(255, &[own]))]);
        thread::sleep(Duration::from_secs(2));
        assert!(shown(&host, "192.0.2.1").contains("valid_lft forever"), "{}", shown(&host, "192.0.2.1"));
        owner.stop();
        assert!(host.has(own));

        let mut node = host.start(vec![router(unleased)]);
        node.until_announced();
        assert!(shown(&host, VIP).contains("valid_lft forever"), "{}", shown(&host, VIP));
        node.stop();
    });
}

#[test]
fn what_expires_under_a_living_master_is_put_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // Its renewals are further apart than the lifetime that somebody else gives it.
        let slow = leased(255, &[address(VIP)]).with_interval(AdvertInterval::from_centis(1000).unwrap()).unwrap();
        let mut node = host.start(vec![router(slow)]);
        node.until_announced();
        assert!(left(&host, VIP).is_some_and(|seconds| (28..=29).contains(&seconds)), "{}", shown(&host, VIP));
        host.ip("address change 192.0.2.100/32 dev eth0 valid_lft 1 preferred_lft 1");
        node.until("the loss", |kind| matches!(kind, EventKind::AddressLost { .. }));
        node.until_announced();
        assert!(left(&host, VIP).is_some_and(|seconds| seconds > 20), "{}", shown(&host, VIP));
        node.stop();
    });
}

#[test]
fn the_address_of_a_process_that_is_killed_is_gone_before_another_host_has_it() {
    in_namespace(|| {
        if Process::is_this() {
            return;
        }
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let mut master = Process::start(&first, 200, CENTIS, address(VIP));
        master.until("gratuitous ARP");
        let mut backup = second.start(vec![router(leased(100, &[address(VIP)]))]);
        backup.until_role(Role::Backup);
        thread::sleep(Duration::from_secs(1));
        master.kill();
        eventually("the address is gone", || !first.has(address(VIP)));
        assert!(!second.has(address(VIP)), "the first host had it to the end of its lease");
        backup.until_role(Role::Master);
        backup.stop();
    });
}

#[test]
fn a_master_that_hangs_until_another_took_over_returns_in_silence() {
    in_namespace(|| {
        if Process::is_this() {
            return;
        }
        let lan = Lan::new();
        let (first, second, client) = (lan.host(1), lan.host(2), lan.host(9));
        let mut master = Process::start(&first, 200, CENTIS, address(VIP));
        master.until("gratuitous ARP");
        let mut backup = second.start(vec![router(leased(100, &[address(VIP)]))]);
        backup.until_role(Role::Backup);
        thread::sleep(Duration::from_secs(1));
        master.stop();
        eventually("the address is gone", || !first.has(address(VIP)));
        backup.until_role(Role::Master);
        backup.until_announced();
        thread::sleep(Duration::from_secs(2));
        assert!(!first.has(address(VIP)));

        let mut tap = client.tap();
        master.go_on();
        let line = master.until("Master -> Backup");
        assert!(line.contains("this router hung: as Master it sent nothing for "), "{line}");
        // It listens for as long as after a start, then preempts: no sooner, and nothing before.
        let frames = tap.during(Duration::from_millis(1_800));
        let from_first = |frame: &Frame| frame.advert().is_some_and(|advert| advert.source == first.address());
        assert!(!frames.iter().any(|(_, frame)| from_first(frame) || frame.is_release()), "{}", master.story());
        assert!(second.has(address(VIP)) && !first.has(address(VIP)));
        master.until("gratuitous ARP");
        backup.until_role(Role::Backup);
        eventually("one host has it", || first.has(address(VIP)) && !second.has(address(VIP)));
        backup.stop();
    });
}

#[test]
fn a_master_that_hangs_for_less_than_three_intervals_stays_it() {
    in_namespace(|| {
        if Process::is_this() {
            return;
        }
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        // Its addresses last for 5 s, and nobody can take over within 6 s.
        let mut master = Process::start(&first, 200, 200, address(VIP));
        master.until("gratuitous ARP");
        let slow = leased(100, &[address(VIP)]).with_interval(AdvertInterval::from_centis(200).unwrap()).unwrap();
        let mut backup = second.start(vec![router(slow)]);
        backup.until_role(Role::Backup);
        let mut tap = second.tap();
        tap.until("an advertisement", |frame| frame.advert().is_some());
        master.stop();
        thread::sleep(Duration::from_millis(5_300));
        master.go_on();
        let line = master.until("Master -> Master");
        assert!(line.contains("this router hung: as Master it sent nothing for 5."), "{line}");
        master.until("gratuitous ARP");
        thread::sleep(Duration::from_secs(3));
        assert!(first.has(address(VIP)) && !second.has(address(VIP)));
        assert!(!backup.story().contains("-> Master"), "{}", backup.story());
        assert!(!master.story().contains("putting it back"), "{}", master.story());
        backup.stop();
    });
}
