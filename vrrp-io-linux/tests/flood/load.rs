//! What others do, or leave undone, does not hold up the protocol.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::IP_PROTOCOL;
use vrrp_core::{Config, Priority, Profile, Role, Tracker, Weight};
use vrrp_io_linux::{EventKind, Router};

use crate::alone_in_namespace;
use crate::common::*;

/// The times of the advertisements from `source` in the time to come.
fn adverts(tap: &mut Tap, source: IpAddr, vrid: u8, span: Duration) -> Vec<Instant> {
    let frames = tap.during(span);
    let ours = |frame: &Frame| frame.advert().is_some_and(|advert| advert.source == source && advert.vrid == vrid);
    frames.into_iter().filter(|(_, frame)| ours(frame)).map(|(at, _)| at).collect()
}

/// Every 200 ms, give or take what a busy machine takes.
fn assert_periodic(times: &[Instant], span: Duration) {
    let expected = (span.as_millis() / 200) as usize;
    assert!(times.len() + 2 >= expected && times.len() <= expected + 2, "{} in {span:?}", times.len());
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < Duration::from_millis(500), "{longest:?} between two");
}

#[test]
fn events_that_nobody_reads_hold_nothing_up() {
    alone_in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        // An owner whose tracker goes up and down makes five events each time.
        let mut noisy = Config::new(Profile::Rfc3768, vrid(52), &[address("192.0.2.101")]).unwrap();
        noisy = noisy.with_priority(Priority::OWNER);
        let tracker = Tracker { name: "switch".into(), weight: Weight::Fault, reverse: false };
        let tracker = noisy.add_tracker(tracker).unwrap();
        let node = host.start(vec![router(fast(254, &[address("192.0.2.100")])), Router::new("eth0", noisy)]);
        eventually("the first", || host.has(address("192.0.2.100")));

        let (mut tap, span) = (client.tap(), Duration::from_secs(3));
        let times = thread::scope(|scope| {
            let times = scope.spawn(|| adverts(&mut tap, host.address(), 51, span));
            let id = run(node.vrrp().router("eth0/52")).unwrap().unwrap();
            run(async {
                for round in 0..4000 {
                    node.vrrp().track(id, tracker, round % 2 == 0).await.unwrap();
                }
            });
            times.join().unwrap()
        });
        let lost = node.driver_status().events_lost;
        assert!(lost > 1000, "{lost}");
        assert_periodic(&times, span);
        assert_eq!(node.status().role, Role::Master);
        node.stop();
        assert!(!host.has(address("192.0.2.100")));
    });
}

/// 50,000 a second, where the machine can.
const BURST: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// A thread on `host` that sends packets which every router must reject: `burst` of them each millisecond.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<u64>>,
}

impl Flood {
    fn start(host: &Host, burst: NonZeroU32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (socket, stopped) = (host.run(socket), Arc::clone(&stop));
        // Version 3, this router's id, and a checksum that is wrong.
        let mut message = [0x31, 51, 254, 1, 0, 20, 0xde, 0xad, 192, 0, 2, 100];
        let to = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 18), 0).into();
        let thread = thread::spawn(move || {
            let (start, mut sent) = (Instant::now(), 0);
            while !stopped.load(Ordering::Relaxed) {
                if sent >= start.elapsed().as_millis() as u64 * u64::from(burst.get()) {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                message[2] = sent as u8;
                // A queue that is full is a flood too.
                let _ = socket.send_to(&message, &to);
                sent += 1;
            }
            sent
        });
        Self { stop, thread: Some(thread) }
    }

    /// Returns how many were sent.
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// Each has three sockets: more than the usual limit of open files, which is 1024, allows.
#[test]
fn interfaces_by_the_hundred_have_room_for_their_sockets() {
    const WIRES: u16 = 60;
    alone_in_namespace(|| {
        let host = Lan::new().host(1);
        host.run(|| {
            let limit =
                Command::new("prlimit").arg(format!("--pid={}", std::process::id())).arg("--nofile=200:").output();
            assert!(limit.unwrap().status.success());
        });
        let routers = (0..WIRES).flat_map(|n| [format!("a{n}"), format!("b{n}")]).map(|name| {
            let config = fast(100, &[address("192.0.2.100")]);
            Router::new(name, config).with_accept_mode(true).with_source(host.address())
        });
        let wires: String = (0..WIRES).map(|n| format!("link add a{n} type veth peer name b{n}\n")).collect();
        host.run(move || {
            let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
            std::io::Write::write_all(&mut ip.stdin.take().unwrap(), wires.as_bytes()).unwrap();
            assert!(ip.wait().unwrap().success());
        });
        host.start(routers.collect()).stop();
    });
}

fn socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(IP_PROTOCOL)))).unwrap();
    socket.set_multicast_ttl_v4(255).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::new(192, 0, 2, 9)).unwrap();
    socket.set_multicast_loop_v4(false).unwrap();
    socket
}

#[test]
fn a_flood_of_bad_packets_moves_nothing() {
    alone_in_namespace(|| {
        let lan = Lan::new();
        let (host, attacker) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![router(fast(254, &[address("192.0.2.100")]))]);
        node.until_announced();
        node.forget();
        // The host's own side: what it sends is there, whatever the attacker's queue does.
        let mut tap = host.tap();
        let flood = Flood::start(&attacker, BURST);
        let span = Duration::from_secs(3);
        let times = adverts(&mut tap, host.address(), 51, span);
        let sent = flood.stop();
        println!("{sent} bad packets in {span:?}");
        assert!(sent > 60_000, "{sent}");
        assert_periodic(&times, span);

        let status = node.status();
        assert!(status.stats.checksum_errors > 10_000, "{}", status.stats.checksum_errors);
        assert_eq!(status.role, Role::Master);
        let ignored = node.log().iter().filter(|event| matches!(event.kind, EventKind::Ignored { .. })).count();
        assert_eq!((ignored, node.log().len()), (1, 1), "{}", node.story());
    });
}

#[test]
fn under_a_flood_of_bad_packets_a_backup_hears_its_master() {
    alone_in_namespace(|| {
        let lan = Lan::new();
        let (host, better, attacker) = (lan.host(1), lan.host(2), lan.host(9));
        let mut master = better.start(vec![router(fast(254, &[address("192.0.2.100")]))]);
        master.until_announced();
        let mut node = host.start(vec![router(fast(200, &[address("192.0.2.100")]))]);
        eventually("the Master is heard", || node.status().master == Some(better.address()));
        node.forget();
        let flood = Flood::start(&attacker, BURST);
        thread::sleep(Duration::from_secs(3));
        let sent = flood.stop();
        println!("{sent} bad packets in 3 s");
        assert!(sent > 60_000, "{sent}");
        let status = node.status();
        assert!(status.stats.checksum_errors > 10_000, "{}", status.stats.checksum_errors);
        assert_eq!((status.role, status.master), (Role::Backup, Some(better.address())));
        assert!(!node.log().iter().any(|event| entered(&event.kind).is_some()), "{}", node.story());
    });
}

#[test]
fn under_more_than_it_can_read_it_still_installs_guards_and_stops() {
    alone_in_namespace(|| {
        let lan = Lan::new();
        let (host, attacker) = (lan.host(1), lan.host(9));
        // Whoever floods has more of the processor than the driver.
        host.run(|| {
            let thread = nix::unistd::gettid().to_string();
            assert!(Command::new("renice").args(["-n", "5", "-p", &thread]).output().unwrap().status.success());
        });
        let floods: Vec<_> = (0..4).map(|_| Flood::start(&attacker, NonZeroU32::MAX)).collect();
        let virtual_address = address("192.0.2.100");
        let mut node = host.start(vec![router(config(Profile::Rfc3768, 255, &[virtual_address]))]);
        node.until_announced();
        host.ip("address delete 192.0.2.100/32 dev eth0");
        node.until("the loss", |kind| matches!(kind, EventKind::AddressLost { .. }));
        eventually("the address again", || host.has(virtual_address));
        node.stop();
        assert!(!host.has(virtual_address));
        floods.into_iter().for_each(|flood| assert!(flood.stop() > 0));
    });
}
