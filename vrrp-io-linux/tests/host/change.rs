//! Routers that come, go and change while others run, which see nothing of it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use vrrp_core::{Drain, Priority, Profile, Role};
use vrrp_io_linux::{ChangeError, Drained, EventKind, NoSuchRouter, Router, StartError, VirtualIp, VirtualMac};

use crate::common::*;

const STILL: &str = "192.0.2.100";

/// What the kernel says of the addresses of a host.
struct Monitor {
    ip: Child,
    lines: mpsc::Receiver<String>,
}

impl Monitor {
    fn new(host: &Host) -> Self {
        let start = || {
            let mut ip = Command::new("ip");
            ip.args(["-oneline", "monitor", "address"]).stdout(Stdio::piped()).spawn().expect("ip (package iproute2)")
        };
        let mut ip = host.run(start);
        let (said, lines) = (BufReader::new(ip.stdout.take().unwrap()), mpsc::channel());
        std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| lines.0.send(line)));
        let mut monitor = Self { ip, lines: lines.1 };
        monitor.until_marked(host, "198.51.100.8");
        monitor
    }

    /// The lines so far.
    fn lines(mut self, host: &Host) -> Vec<String> {
        let lines = self.until_marked(host, "198.51.100.9");
        self.ip.kill().unwrap();
        self.ip.wait().unwrap();
        lines
    }

    /// Makes and removes an address until the kernel says so: then everything before that was said too. Returns what was
    /// said.
    fn until_marked(&mut self, host: &Host, mark: &str) -> Vec<String> {
        let mut lines = Vec::new();
        eventually("the monitor says something", || {
            host.ip(&format!("address add {mark}/32 dev lo"));
            host.ip(&format!("address delete {mark}/32 dev lo"));
            lines.extend(self.lines.try_iter());
            lines.iter().any(|line: &String| line.contains(mark))
        });
        lines
    }
}

/// Another router at the same pace.
fn other(vrid: u8, priority: u8, addresses: &[&str]) -> Router {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| address(text)).collect();
    let config = vrrp_core::Config::new(Profile::Rfc9568Errata, crate::common::vrid(vrid), &addresses).unwrap();
    let interval = vrrp_core::AdvertInterval::from_centis(20).unwrap();
    let config = config.with_interval(interval).unwrap().with_lease(false);
    router(config.with_priority(Priority::new(priority).unwrap()))
}

/// Waits for a peer on a busy machine too.
fn patient() -> Drain {
    Drain { limit: Some(LIMIT), ..Drain::default() }
}

fn still() -> Router {
    router(fast(200, &[address(STILL)]))
}

fn role(node: &Node, id: vrrp_core::RouterId) -> Option<Role> {
    Some(node.driver_status().router(id)?.role)
}

/// Nothing was said of the router that nobody changed but its advertisements, every 0.2 s, for `span`.
fn assert_still(frames: &[Frame], lines: &[String], span: Duration) {
    let adverts: Vec<_> = frames.iter().filter_map(Frame::advert).filter(|advert| advert.vrid == 51).collect();
    let expected = span.as_millis() / 200;
    let count = adverts.len() as u128;
    assert!(count + 3 + expected / 5 >= expected && count <= expected + 2, "{count} of {expected} in {span:?}");
    assert!(adverts.iter().all(|advert| advert.priority == Some(Priority::new(200).unwrap())), "{adverts:?}");
    let announced: Vec<_> = frames.iter().filter_map(Frame::announced).collect();
    assert!(announced.iter().all(|(of, _)| *of != address(STILL)), "{announced:?}");
    assert!(lines.iter().all(|line| !line.contains(&format!(" {STILL}/"))), "{lines:#?}");
}

#[test]
fn a_router_comes_changes_and_goes_beside_one_that_nothing_touches() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let node = host.start(vec![still()]);
        eventually("the first", || host.has(address(STILL)));
        let mut tap = client.tap();
        std::thread::sleep(Duration::from_millis(500));
        tap.so_far();
        let monitor = Monitor::new(&host);
        let (mut frames, start) = (tap.so_far(), std::time::Instant::now());
        let id = run(node.vrrp().add(other(52, 100, &["192.0.2.101"]))).unwrap();
        eventually("the new one", || host.has(address("192.0.2.101")));
        assert_eq!(role(&node, id), Some(Role::Master));
        run(node.vrrp().reconfigure(id, other(52, 100, &["192.0.2.102", "192.0.2.101"]))).unwrap();
        assert!(
            host.has(address("192.0.2.101")) && host.has(address("192.0.2.102")),
            "when it says so, they are there"
        );
        run(node.vrrp().reconfigure(id, other(52, 100, &["192.0.2.102"]))).unwrap();
        assert!(!host.has(address("192.0.2.101")) && host.has(address("192.0.2.102")), "and gone");
        run(node.vrrp().remove(id)).unwrap();
        assert!(!host.has(address("192.0.2.102")), "when it says so, it is gone");
        assert_eq!(run(node.vrrp().remove(id)).unwrap_err().to_string(), NoSuchRouter(id).to_string());
        assert_eq!(node.driver_status().routers.len(), 1);
        let lines = monitor.lines(&host);
        let span = start.elapsed();
        frames.extend(tap.so_far());
        assert_still(&frames, &lines, span);
        let releases = frames.iter().filter_map(Frame::advert).filter(|advert| advert.priority.is_none());
        assert_eq!(releases.map(|advert| advert.vrid).collect::<Vec<_>>(), [52]);
        // Of the one that changed only what came and went.
        let of = |text: &str| lines.iter().filter(|line| line.contains(&format!(" {text}/"))).count();
        assert_eq!((of("192.0.2.101"), of("192.0.2.102")), (2, 2), "{lines:#?}");
        node.stop();
    });
}

#[test]
fn a_master_that_changes_stays_master_and_says_only_what_is_new() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![other(51, 200, &[STILL, "192.0.2.101", "192.0.2.102"])]);
        node.until_announced();
        eventually("all of them", || host.has(address("192.0.2.102")));
        let (id, _) = run(node.vrrp().routers()).unwrap()[0];
        let mut tap = client.tap();
        std::thread::sleep(Duration::from_millis(500));
        tap.so_far();
        let monitor = Monitor::new(&host);
        node.forget();
        tap.so_far();
        // One goes, one is new, one has another prefix, one stands elsewhere.
        let wider: VirtualIp = virtual_ip("192.0.2.101/25");
        let wanted = other(51, 200, &["192.0.2.103", "192.0.2.101", STILL]).with_address(wider).unwrap();
        let start = std::time::Instant::now();
        run(node.vrrp().reconfigure(id, wanted.clone())).unwrap();
        let addresses = host.ip("-oneline address show dev eth0");
        for (text, there) in [
            ("192.0.2.100/32", true),
            ("192.0.2.101/25", true),
            ("192.0.2.101/32", false),
            ("192.0.2.102/", false),
            ("192.0.2.103/32", true),
        ] {
            assert_eq!(addresses.contains(&format!(" {text}")), there, "{text}: {addresses}");
        }
        std::thread::sleep(Duration::from_millis(600));
        let lines = monitor.lines(&host);
        let frames = tap.so_far();
        assert_still(&frames, &lines, start.elapsed());
        let mut announced: Vec<IpAddr> = frames.iter().filter_map(Frame::announced).map(|(of, _)| of).collect();
        announced.sort();
        announced.dedup();
        assert_eq!(announced, [address("192.0.2.101"), address("192.0.2.103")]);
        let story = node.story();
        assert!(!story.contains("->"), "no state, no priority: {story}");
        // What is wanted already is asked of nobody.
        let monitor = Monitor::new(&host);
        run(node.vrrp().reconfigure(id, wanted)).unwrap();
        let lines = monitor.lines(&host);
        assert!(lines.iter().all(|line| !line.contains("192.0.2.1")), "{lines:#?}");
        node.stop();
    });
}

#[test]
fn what_cannot_be_is_refused_and_leaves_everything_as_it_was() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let node = host.start(vec![still(), other(52, 100, &["192.0.2.101"])]);
        let theirs = host.start(vec![other(53, 100, &["192.0.2.103"])]);
        host.ip("link add eth1 type veth peer name eth2");
        eventually("all", || ["192.0.2.101", "192.0.2.103", STILL].iter().all(|it| host.has(address(it))));
        let files = fs::read_dir("/proc/self/fd").unwrap().count();
        let ids: Vec<_> = run(node.vrrp().routers()).unwrap().into_iter().map(|(id, _)| id).collect();
        let monitor = Monitor::new(&host);
        let refused = |error: ChangeError, told: &str| assert!(error.to_string().contains(told), "{told}: {error}");
        refused(run(node.vrrp().add(still())).unwrap_err(), "there is already a virtual router 51 on eth0");
        let elsewhere = Router::new("eth7", still().config().clone());
        refused(run(node.vrrp().reconfigure(ids[0], elsewhere)).unwrap_err(), "interface eth0 -> eth7");
        let error = run(node.vrrp().add(other(53, 100, &["192.0.2.104"]))).unwrap_err();
        assert!(matches!(error, ChangeError::Start(StartError::Claimed { .. })), "{error}");
        // All or nothing: one that would go stays, and one that would come does not.
        let new = Router::new("eth1", fast(100, &[address("192.0.2.105")]));
        let wanted = [still().with_name("still"), other(53, 100, &["192.0.2.104"]), new];
        let error = run(node.vrrp().apply(wanted)).unwrap_err();
        refused(error, "virtual router 53 on eth0 is already run by this process");
        let lines = monitor.lines(&host);
        assert!(lines.iter().all(|line| !line.contains("192.0.2.")), "nothing of all that: {lines:#?}");
        let status = node.driver_status();
        assert_eq!(status.routers.iter().map(|it| it.id).collect::<Vec<_>>(), ids);
        assert!(status.routers.iter().all(|router| router.role == Role::Master));
        // Nobody follows an interface for what was refused.
        host.ip("link set eth1 up");
        host.ip("link set eth2 up");
        std::thread::sleep(Duration::from_millis(200));
        eventually("no file is left open", || fs::read_dir("/proc/self/fd").unwrap().count() <= files);
        theirs.stop();
        run(node.vrrp().add(other(53, 100, &["192.0.2.104"]))).unwrap();
        node.stop();
    });
}

#[test]
fn what_is_wanted_is_applied_in_one_step_and_what_stays_is_not_touched() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let node = host.start(vec![still(), other(52, 100, &["192.0.2.101"]), other(53, 100, &["192.0.2.103"])]);
        eventually("all", || ["192.0.2.101", "192.0.2.103", STILL].iter().all(|it| host.has(address(it))));
        let before = run(node.vrrp().routers()).unwrap();
        let mut tap = client.tap();
        std::thread::sleep(Duration::from_millis(500));
        let monitor = Monitor::new(&host);
        tap.so_far();
        let start = std::time::Instant::now();
        // One of another id takes the address of the one that goes.
        let wanted = [other(54, 100, &["192.0.2.103"]), other(52, 100, &["192.0.2.102"]), still()];
        let ids = run(node.vrrp().apply(wanted.clone())).unwrap();
        assert_eq!((ids[1], ids[2]), (before[1].0, before[0].0));
        assert!(!host.has(address("192.0.2.101")) && host.has(address("192.0.2.102")));
        eventually("the new one", || host.has(address("192.0.2.103")));
        assert_eq!(role(&node, before[2].0), None);
        assert!(run(node.vrrp().plan(wanted)).unwrap().is_empty());
        let lines = monitor.lines(&host);
        assert_still(&tap.so_far(), &lines, start.elapsed());
        node.stop();
        assert!(["192.0.2.102", "192.0.2.103", STILL].iter().all(|it| !host.has(address(it))));
    });
}

#[test]
fn one_router_is_stopped_and_started_and_has_another_priority() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let mut node = host.start(vec![other(52, 100, &["192.0.2.101"]), still()]);
        node.until_announced();
        eventually("both", || host.has(address("192.0.2.101")) && host.has(address(STILL)));
        let (id, _) = run(node.vrrp().routers()).unwrap()[0];
        let mut watch = run(node.vrrp().watch(id)).unwrap();
        run(node.vrrp().stop(id)).unwrap();
        assert!(!host.has(address("192.0.2.101")) && host.has(address(STILL)));
        assert_eq!((watch.get().role, role(&node, id)), (Role::Initialize, Some(Role::Initialize)));
        // A reconfiguration starts nobody.
        run(node.vrrp().reconfigure(id, other(52, 120, &["192.0.2.101"]))).unwrap();
        assert_eq!(role(&node, id), Some(Role::Initialize));
        run(node.vrrp().start(id)).unwrap();
        eventually("it is back", || host.has(address("192.0.2.101")));

        let standby = peer.start(vec![other(52, 110, &["192.0.2.101"])]);
        std::thread::sleep(Duration::from_millis(500));
        assert!(host.has(address("192.0.2.101")));
        run(node.vrrp().set_priority(id, Priority::new(90).unwrap())).unwrap();
        eventually("the peer is better", || peer.has(address("192.0.2.101")) && !host.has(address("192.0.2.101")));
        run(node.vrrp().set_priority(id, Priority::new(120).unwrap())).unwrap();
        eventually("it is worse", || !peer.has(address("192.0.2.101")) && host.has(address("192.0.2.101")));
        let state = run(async {
            loop {
                let state = watch.changed().await.unwrap();
                if state.role == Role::Master && state.priority.get() == 120 {
                    break state;
                }
            }
        });
        assert!(state.since.is_some());
        assert!(host.has(address(STILL)));
        assert_eq!(run(node.vrrp().routers()).unwrap()[0].1.config().priority().get(), 120, "as it was asked for");
        standby.stop();
        node.stop();
    });
}

#[test]
fn a_drained_master_hands_over_and_without_anybody_serves_on() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let addresses = ["192.0.2.101"];
        let mut node = host.start(vec![other(52, 200, &addresses)]);
        node.until_announced();
        let (id, _) = run(node.vrrp().routers()).unwrap()[0];
        let drained = run(node.vrrp().drain(id, Drain::default())).unwrap();
        assert_eq!(drained, Drained::NobodyTookOver);
        node.until("nobody", |kind| matches!(kind, EventKind::NobodyTookOver));
        assert!(host.has(address("192.0.2.101")) && node.status().priority.get() == 1);
        run(node.vrrp().undrain(id)).unwrap();
        assert_eq!(node.status().priority.get(), 200);

        let mut standby = peer.start(vec![other(52, 100, &addresses)]);
        standby.until_role(Role::Backup);
        // Undone before anybody came: the peer takes no less than its Skew_Time.
        let vrrp = node.vrrp().clone();
        let drained = run(node.vrrp().drain(id, patient())).unwrap();
        assert_eq!(drained, Drained::HandedOver { to: peer.address() });
        assert!(!host.has(address("192.0.2.101")), "when it says so, they are gone");
        eventually("the peer has them", || peer.has(address("192.0.2.101")));
        assert_eq!(run(vrrp.drain(id, Drain::default())).unwrap(), Drained::NotMaster);
        let story = node.story();
        assert!(story.contains("Master -> Backup") && !node.log().last().unwrap().kind.is_warning(), "{story}");
        run(node.vrrp().undrain(id)).unwrap();
        eventually("it comes back", || host.has(address("192.0.2.101")) && !peer.has(address("192.0.2.101")));
        standby.stop();

        let (first, second) = run(async {
            let slow = Drain { limit: Some(Duration::from_secs(60)), ..Drain::default() };
            let drain = vrrp.drain(id, slow);
            let undrain = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                vrrp.undrain(id).await
            };
            tokio::join!(drain, undrain)
        });
        assert_eq!((first.unwrap(), second.is_ok()), (Drained::Undone, true));
        node.stop();
    });
}

#[test]
fn a_sync_group_is_handed_over_as_one() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let group = |priority| {
            let member = |vrid, address| other(vrid, priority, &[address]).with_sync_group("both");
            vec![member(52, "192.0.2.101"), member(53, "192.0.2.102")]
        };
        let has_both = |host: &Host| ["192.0.2.101", "192.0.2.102"].iter().all(|it| host.has(address(it)));
        let node = host.start(group(200));
        eventually("both", || has_both(&host));
        let standby = peer.start(group(100));
        std::thread::sleep(Duration::from_millis(700));
        let (id, _) = run(node.vrrp().routers()).unwrap()[1];
        let drained = run(node.vrrp().drain(id, patient())).unwrap();
        assert_eq!(drained, Drained::HandedOver { to: peer.address() });
        eventually("the peer has both", || has_both(&peer) && !host.has(address("192.0.2.101")));
        assert!(!host.has(address("192.0.2.102")));
        run(node.vrrp().undrain(id)).unwrap();
        eventually("both are back", || has_both(&host) && !peer.has(address("192.0.2.101")));
        standby.stop();
        node.stop();
    });
}

#[test]
fn what_is_the_hosts_own_is_not_handed_over() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let own = router(fast(255, &[host.address()]));
        let mut node = host.start(vec![own]);
        node.until_role(Role::Master);
        let (id, _) = run(node.vrrp().routers()).unwrap()[0];
        let error = run(node.vrrp().drain(id, Drain::default())).unwrap_err().to_string();
        assert!(error.contains("192.0.2.1 is this host's own address"), "{error}");
        assert_eq!(node.status().priority.get(), 255);
        // It becomes one router among others: the address stays, for there is nothing else to send from.
        run(node.vrrp().set_priority(id, Priority::new(100).unwrap())).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(host.has(host.address()));
        node.stop();
        assert!(host.has(host.address()));
    });
}

#[test]
fn sync_groups_change_under_masters_that_stay_what_they_are() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![still()]);
        node.until_announced();
        let (id, _) = run(node.vrrp().routers()).unwrap()[0];
        let (mut tap, start) = (client.tap(), std::time::Instant::now());
        let second = run(node.vrrp().add(other(52, 100, &["192.0.2.101"]).with_sync_group("both"))).unwrap();
        run(node.vrrp().reconfigure(id, still().with_sync_group("both"))).unwrap();
        eventually("both", || host.has(address("192.0.2.101")));
        let third = run(node.vrrp().add(other(53, 100, &["192.0.2.102"]).with_sync_group("both"))).unwrap();
        eventually("all three", || host.has(address("192.0.2.102")));
        run(node.vrrp().remove(second)).unwrap();
        assert!(!host.has(address("192.0.2.101")));
        let frames = tap.so_far();
        assert!(host.has(address(STILL)) && host.has(address("192.0.2.102")));
        let of_first: Vec<_> = frames.iter().filter_map(Frame::advert).filter(|advert| advert.vrid == 51).collect();
        assert!(of_first.iter().all(|advert| advert.priority.is_some()), "no release");
        assert!(of_first.len() as u128 + 3 >= start.elapsed().as_millis() / 250);
        // What is left is a group: one that is stopped takes the other along.
        run(node.vrrp().stop(third)).unwrap();
        eventually("neither", || !host.has(address(STILL)));
        run(node.vrrp().start(third)).unwrap();
        eventually("both again", || host.has(address(STILL)) && host.has(address("192.0.2.102")));
        run(node.vrrp().reconfigure(id, still())).unwrap();
        run(node.vrrp().stop(third)).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(host.has(address(STILL)), "no group any more");
        node.stop();
    });
}

#[test]
fn virtual_mac_addresses_come_change_and_go_while_others_run() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![still()]);
        node.until_announced();
        let mut tap = client.tap();
        std::thread::sleep(Duration::from_millis(500));
        let monitor = Monitor::new(&host);
        tap.so_far();
        let start = std::time::Instant::now();
        let plain = || other(52, 100, &["192.0.2.101"]);
        let with = |name: &str| plain().with_virtual_mac(VirtualMac::new().with_name(name));
        let id = run(node.vrrp().add(with("one"))).unwrap();
        let on = |device: &str| {
            host.ip("-oneline address show").lines().any(|line| line.contains(device) && line.contains("192.0.2.101/"))
        };
        let links = || host.ip("-oneline link show type macvlan");
        eventually("on its macvlan", || on("one"));
        node.forget();
        for (to, device) in [(plain(), "eth0"), (with("two"), "two"), (with("three"), "three"), (plain(), "eth0")] {
            run(node.vrrp().reconfigure(id, to)).unwrap();
            assert!(on(device), "{device}: {}", host.ip("address show"));
            assert_eq!(links().lines().count(), usize::from(device != "eth0"), "{}", links());
            assert_eq!(role(&node, id), Some(Role::Master));
        }
        run(node.vrrp().reconfigure(id, with("one"))).unwrap();
        run(node.vrrp().remove(id)).unwrap();
        assert!(!host.has(address("192.0.2.101")) && links().is_empty());
        let arp_ignore = host.run(|| fs::read_to_string("/proc/sys/net/ipv4/conf/eth0/arp_ignore").unwrap());
        assert_eq!(arp_ignore.trim(), "0");
        let lines = monitor.lines(&host);
        let frames = tap.so_far();
        assert_still(&frames, &lines, start.elapsed());
        let releases = frames.iter().filter(|frame| frame.is_release()).count();
        assert_eq!(releases, 1, "of the one that was removed");
        let story = node.story();
        assert!(!story.contains("warning") && !story.contains("cannot"), "{story}");
        node.stop();
    });
}

#[test]
fn where_nobody_was_somebody_comes_and_what_is_there_has_a_lease_when_it_is_to_have_one() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let node = host.start(Vec::new());
        let leased = |lease: bool| router(other(52, 100, &["192.0.2.101"]).config().clone().with_lease(lease));
        let id = run(node.vrrp().add(leased(false))).unwrap();
        eventually("there", || host.has(address("192.0.2.101")));
        let is_forever = || {
            let addresses = host.ip("-oneline address show dev eth0");
            addresses.lines().find(|line| line.contains("192.0.2.101/")).unwrap().contains("valid_lft forever")
        };
        let monitor = Monitor::new(&host);
        assert!(is_forever());
        run(node.vrrp().reconfigure(id, leased(true))).unwrap();
        eventually("an end", || !is_forever());
        run(node.vrrp().reconfigure(id, leased(false))).unwrap();
        assert!(is_forever());
        let lines = monitor.lines(&host);
        let removed = lines.iter().filter(|line| line.contains("Deleted") && line.contains("192.0.2.101/"));
        assert_eq!(removed.count(), 0, "{lines:#?}");
        run(node.vrrp().remove(id)).unwrap();
        assert!(node.driver_status().routers.is_empty() && !host.has(address("192.0.2.101")));
        node.stop();
    });
}

#[test]
fn what_must_not_accept_anything_is_closed_before_it_is_there() {
    if let Some(program) = missing(&["nft"]) {
        return skip("what_must_not_accept_anything_is_closed_before_it_is_there", program);
    }
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let node = host.start(vec![still()]);
        let closed = || {
            let rules = host.run(|| Command::new("/usr/sbin/nft").args(["list", "ruleset"]).output().unwrap().stdout);
            String::from_utf8(rules).unwrap()
        };
        let filtered = |addresses: &[&str]| other(52, 100, addresses).with_accept_mode(false);
        let id = run(node.vrrp().add(filtered(&["192.0.2.101"]))).unwrap();
        assert!(closed().contains("192.0.2.101") && !host.has(address("192.0.2.101")), "at once");
        eventually("there", || host.has(address("192.0.2.101")));
        run(node.vrrp().reconfigure(id, filtered(&["192.0.2.102"]))).unwrap();
        let rules = closed();
        assert!(rules.contains("192.0.2.102") && !rules.contains("192.0.2.101") && host.has(address("192.0.2.102")));
        // What cannot be leaves it as it is.
        run(node.vrrp().add(Router::new("eth0", still().config().clone()).with_name("twice"))).unwrap_err();
        assert!(!closed().contains(STILL));
        // As soon as there is one more it is closed.
        let first_seen = std::thread::scope(|scope| {
            let seen = scope.spawn(|| {
                let is_there = || host.run(|| std::net::UdpSocket::bind("192.0.2.103:0").is_ok());
                within(LIMIT, is_there).then(closed)
            });
            // Many more follow it, which takes a while.
            let many: Vec<IpAddr> = (1..2000_u32).map(|n| std::net::Ipv4Addr::from(0x0a00_0000 + n).into()).collect();
            let config = filtered(&["192.0.2.102", "192.0.2.103"]).config().clone().with_excluded(&many).unwrap();
            run(node.vrrp().reconfigure(id, Router::new("eth0", config))).unwrap();
            seen.join().unwrap()
        });
        assert!(first_seen.expect("it comes").contains("192.0.2.103"));
        run(node.vrrp().reconfigure(id, other(52, 100, &["192.0.2.102"]))).unwrap();
        assert_eq!(closed(), "");
        run(node.vrrp().reconfigure(id, filtered(&["192.0.2.102"]))).unwrap();
        assert!(closed().contains("192.0.2.102"));
        // An owner accepts, and who is none any more does not.
        run(node.vrrp().set_priority(id, Priority::OWNER)).unwrap();
        eventually("the owner accepts", || closed().is_empty());
        run(node.vrrp().set_priority(id, Priority::new(90).unwrap())).unwrap();
        eventually("closed again", || closed().contains("192.0.2.102"));
        run(node.vrrp().remove(id)).unwrap();
        assert_eq!(closed(), "");
        node.stop();
    });
}

#[test]
fn an_ipv6_address_serves_when_the_change_is_done() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("address add fe80::1/64 dev eth0 nodad");
        let ipv6 = |addresses: &[&str]| {
            let config = other(52, 100, addresses).config().clone();
            Router::new("eth0", config).with_accept_mode(true)
        };
        let mut node = host.start(vec![ipv6(&["fe80::100"])]);
        node.until_announced();
        let (id, _) = run(node.vrrp().routers()).unwrap()[0];
        run(node.vrrp().reconfigure(id, ipv6(&["fe80::100", "2001:db8::7"]))).unwrap();
        let there = host.ip("-oneline address show dev eth0");
        let line = there.lines().find(|line| line.contains("2001:db8::7/")).expect("there");
        assert!(!line.contains("tentative"), "{line}");
        let bound = host.run(|| std::net::UdpSocket::bind("[2001:db8::7]:7").is_ok());
        assert!(bound, "it is of use");
        run(node.vrrp().reconfigure(id, ipv6(&["fe80::100"]))).unwrap();
        assert!(!host.has(address("2001:db8::7")) && host.has(address("fe80::100")));
        node.stop();
    });
}

/// Some of four routers, each with some of its four addresses, on its interface or on a macvlan.
fn some_routers(random: &mut impl FnMut(usize) -> usize) -> Vec<Router> {
    let mut routers = Vec::new();
    for number in 0..4_u8 {
        if random(3) == 0 {
            continue;
        }
        let (first, count) = (random(4), 1 + random(3));
        let addresses = (0..count).map(|n| format!("192.0.2.{}", 110 + 10 * number + ((first + n) % 4) as u8));
        let addresses: Vec<String> = addresses.collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let mut router = other(60 + number, [100, 150][random(2)], &addresses);
        if random(3) == 0 {
            router = router.with_address(virtual_ip(&format!("{}/28", addresses[0]))).unwrap();
        }
        if random(4) == 0 {
            let name = ["one", "two"][random(2)];
            router = router.with_virtual_mac(VirtualMac::new().with_name(format!("{name}{number}")));
        }
        if random(3) == 0 {
            router = router.with_sync_group(["a", "b"][random(2)]);
        }
        routers.push(router);
    }
    routers
}

#[test]
fn whatever_is_wanted_is_there_and_nothing_else() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![still()]);
        node.until_announced();
        let mut tap = client.tap();
        std::thread::sleep(Duration::from_millis(500));
        let monitor = Monitor::new(&host);
        tap.so_far();
        let start = std::time::Instant::now();
        let mut state = 14_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let there = || {
            let output = host.ip("-oneline address show");
            let virtual_ones =
                output.lines().filter_map(|line| line.split(' ').find(|word| word.starts_with("192.0.2.1")));
            let mut all: Vec<String> = virtual_ones.filter(|word| *word != "192.0.2.1/24").map(str::to_owned).collect();
            all.sort();
            all
        };
        for round in 0..40 {
            let mut wanted = some_routers(&mut random);
            wanted.insert(random(wanted.len() + 1), still());
            let mut expected: Vec<String> =
                wanted.iter().flat_map(Router::addresses).map(VirtualIp::to_string).collect();
            expected.sort();
            run(node.vrrp().apply(wanted.clone())).unwrap();
            let now = there();
            assert!(now.iter().all(|address| expected.contains(address)), "{round}: {now:?}\n{expected:?}");
            // Not always are they all there when the next change comes.
            if random(3) > 0 {
                assert!(
                    within(LIMIT, || there() == expected),
                    "{round}: {:?}\n{expected:?}\n{}",
                    there(),
                    node.story()
                );
                let macvlans = host.ip("-oneline link show type macvlan").lines().count();
                assert!(macvlans <= 4, "{round}");
            }
        }
        let lines = monitor.lines(&host);
        assert_still(&tap.so_far(), &lines, start.elapsed());
        let stuck: Vec<_> =
            node.log().iter().filter(|event| matches!(event.kind, EventKind::AddressFailed { .. })).collect();
        assert!(stuck.is_empty(), "{stuck:#?}");
        node.stop();
        assert_eq!((there().len(), host.ip("-oneline link show type macvlan").len()), (0, 0));
    });
}

#[test]
fn of_many_addresses_all_are_gone_when_the_router_is() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let node = host.start(vec![still()]);
        let many: Vec<IpAddr> = (0..2000_u32).map(|n| std::net::Ipv4Addr::from(0x0a00_0001 + n).into()).collect();
        let config = other(52, 100, &["192.0.2.101"]).config().clone().with_excluded(&many).unwrap();
        let count = || host.ip("-oneline address show dev eth0").lines().filter(|line| line.contains(" 10.0.")).count();
        let id = run(node.vrrp().add(router(config.clone()))).unwrap();
        eventually("all of them", || count() == many.len());
        let fewer = config.clone().with_excluded(&many[..1000]).unwrap();
        run(node.vrrp().reconfigure(id, router(fewer))).unwrap();
        assert_eq!(count(), 1000);
        run(node.vrrp().reconfigure(id, router(config))).unwrap();
        assert_eq!(count(), 2000);
        run(node.vrrp().remove(id)).unwrap();
        assert_eq!(count(), 0);
        assert!(host.has(address(STILL)));
        node.stop();
    });
}

#[test]
fn two_hundred_that_come_and_go_leave_nothing_behind() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("link add eth1 type veth peer name eth2");
        host.ip("link set eth1 up");
        host.ip("link set eth2 up");
        host.ip("address add 198.51.100.1/24 dev eth1");
        let mut node = host.start(vec![still()]);
        node.until_announced();
        let count = || {
            let entries = |path: &str| fs::read_dir(path).unwrap().count();
            (entries("/proc/self/fd"), entries("/proc/self/task"))
        };
        let cycle = |number: u8| {
            let here = other(1 + number % 50, 100, &["192.0.2.101"]);
            let there = Router::new("eth1", here.config().clone()).with_accept_mode(true);
            run(async {
                let vrrp = node.vrrp();
                for router in [here, there] {
                    let id = vrrp.add(router).await.unwrap();
                    vrrp.remove(id).await.unwrap();
                }
            });
        };
        (0..5).for_each(cycle);
        let before = count();
        (0..100).for_each(cycle);
        assert!(within(LIMIT, || count() <= before), "{before:?} {:?}", count());
        assert_eq!(node.driver_status().routers.len(), 1);
        node.stop();
    });
}
