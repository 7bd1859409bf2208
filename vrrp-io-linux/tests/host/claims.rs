//! One interface, family and id belongs to one process of a network namespace.

use std::thread;
use std::time::Duration;

use vrrp_core::Role;
use vrrp_io_linux::{EventKind, Router, StartError, Warning, start};

use crate::common::*;

const VIP: &str = "192.0.2.100";

fn wanted(priority: u8) -> Vec<Router> {
    vec![router(fast(priority, &[address(VIP)])).with_name("second")]
}

fn refused(host: &Host, routers: Vec<Router>) -> StartError {
    host.run(move || start(routers).map(|_| ())).expect_err("somebody else runs it")
}

#[test]
fn a_second_start_is_refused_before_it_touches_what_the_first_has() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let mut first = host.start(vec![router(fast(200, &[address(VIP)]))]);
        first.until_announced();
        first.forget();
        let error = refused(&host, wanted(254));
        assert!(matches!(&error, StartError::Claimed { name, .. } if name == "second"), "{error}");
        let expected = "virtual router 51 on eth0 is already run by this process";
        assert!(error.to_string().contains(expected), "{error}");
        // Nothing was removed, not even as something that a dead run has left.
        thread::sleep(Duration::from_millis(300));
        assert!(host.has(address(VIP)));
        assert!(first.log().is_empty(), "{}", first.story());

        // Another id, and the same one on another host.
        let config = vrrp_core::Config::new(vrrp_core::Profile::Rfc3768, vrid(52), &[address("192.0.2.101")]).unwrap();
        let beside = host.start(vec![router(config)]);
        let elsewhere = peer.start(wanted(100));
        first.stop();
        let mut again = host.start(wanted(254));
        again.until_announced();
        [again, beside, elsewhere].into_iter().for_each(Node::stop);
    });
}

#[test]
fn another_process_is_named_and_when_it_is_dead_it_is_in_nobodys_way() {
    in_namespace(|| {
        if Process::is_this() {
            return;
        }
        let lan = Lan::new();
        let host = lan.host(1);
        let mut other = Process::start(&host, 200, 100, address(VIP));
        other.until("gratuitous ARP");
        let error = refused(&host, wanted(100)).to_string();
        let process = format!("is already run by process {} (", other.id());
        assert!(error.contains(&process), "{error}");
        // One that hangs is not gone.
        other.stop();
        assert!(matches!(refused(&host, wanted(100)), StartError::Claimed { .. }));
        other.kill();
        let mut node = host.start(wanted(100));
        node.until_role(Role::Master);
        node.stop();
    });
}

#[test]
fn an_interface_that_appears_goes_to_one_and_to_the_other_when_that_ends() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        lan.unplug(&host);
        let mut first = host.start(wanted(200));
        let mut second = host.start(wanted(200));
        lan.plug(&host);
        host.ip(&format!("address add {}/24 dev eth0", host.address()));
        eventually("one is Master", || [&first, &second].iter().any(|node| node.status().role == Role::Master));
        if second.status().role == Role::Master {
            std::mem::swap(&mut first, &mut second);
        }
        let warned = |kind: &EventKind| matches!(kind, EventKind::Warning(Warning::Claimed { interface, by, .. }) if interface == "eth0" && by.starts_with("this process"));
        second.until("a warning", warned);
        assert_eq!(second.status().role, Role::Initialize);
        first.stop();
        assert!(!host.has(address(VIP)));
        second.until_announced();
        assert!(host.has(address(VIP)));
        second.stop();
    });
}
