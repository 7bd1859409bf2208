//! A driver that runs before everything else on its host, and what comes of it under a flood.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::IP_PROTOCOL;
use vrrp_core::{AdvertKind, Config, Role, VirtualRouter};
use vrrp_io_linux::{EventKind, Scheduling, Warning};

use crate::alone_in_namespace;
use crate::common::*;

const ADDRESSES: u8 = 200;

/// Returns what a router with this configuration says at its end, sent as fast as the machine can until it is told to
/// stop.
fn flood(from: &Host, config: Config, stop: &Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    let (to, stop) = (Ipv4Addr::new(224, 0, 0, 18), Arc::clone(stop));
    let ends = vrrp_core::wire::Endpoints::new(from.address(), to.into()).unwrap();
    let mut octets = [0; 1500];
    let len = VirtualRouter::new(config).encode(AdvertKind::Release, ends, &mut octets).unwrap();
    let socket = from.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(IP_PROTOCOL)))).unwrap();
        socket.set_multicast_ttl_v4(255).unwrap();
        socket.set_multicast_if_v4(&Ipv4Addr::new(192, 0, 2, 9)).unwrap();
        socket
    });
    thread::spawn(move || {
        schedule(&["--other", "--pid", "0"]);
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            // A queue that is full is a flood too.
            let _ = socket.send_to(&octets[..len], &SocketAddrV4::new(to, 0).into());
            sent += 1;
        }
        sent
    })
}

/// Changes how the calling thread is scheduled, if it may.
fn schedule(how: &[&str]) {
    let _ = Command::new("chrt").args(how).arg(nix::unistd::gettid().to_string()).output();
}

/// The kernel would end this whole process.
#[test]
fn a_real_time_master_outlives_a_flood_of_releases() {
    // In a user namespace nobody may become real-time; but who is stays it.
    schedule(&["--rr", "--pid", "1"]);
    alone_in_namespace(|| {
        let lan = Lan::new();
        let (host, attacker) = (lan.host(1), lan.host(9));
        let scheduling = Scheduling::new().with_real_time(1).with_real_time_limit(Duration::from_millis(200));
        // To compare the lists takes longer than to send them: so the driver never finds its socket empty.
        let mut addresses: Vec<IpAddr> = (1..=ADDRESSES).map(|n| Ipv4Addr::new(198, 51, 100, n).into()).collect();
        let mut node = host.start_with(scheduling, vec![router(fast(254, &addresses))]);
        addresses.reverse();
        let config = fast(254, &addresses);
        node.until_announced();
        if node.log().iter().any(|event| matches!(&event.kind, EventKind::Warning(Warning::RealTime(_)))) {
            return skip("a_real_time_master_outlives_a_flood_of_releases", "real-time scheduling is refused");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let floods: Vec<_> = (0..3).map(|_| flood(&attacker, config.clone(), &stop)).collect();
        thread::sleep(Duration::from_secs(5));
        stop.store(true, Ordering::Relaxed);
        let sent: u64 = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
        let status = node.status();
        println!("{sent} releases, {} heard", status.stats.prio_zero_rcvd);
        assert!(status.stats.prio_zero_rcvd > 10_000, "{}", status.stats.prio_zero_rcvd);
        assert_eq!(status.role, Role::Master, "{}", node.story());
        node.stop();
    });
    schedule(&["--other", "--pid", "0"]);
}
