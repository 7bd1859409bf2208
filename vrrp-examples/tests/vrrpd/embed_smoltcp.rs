//! `embed-smoltcp` and `vrrpd` stand in for each other, and a client sees HTTP of both under one MAC address.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::common::{Host, Lan, Smoltcp, Vrrpd, in_namespace, throughout, until};

const VIRTUAL_MAC: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x01, 51];
const INTERVAL: Duration = Duration::from_millis(100);
/// Beyond the time of the protocol, for a machine that does other things as well.
const SLACK: Duration = Duration::from_millis(50);

/// Of a router on host 1.
fn configuration(priority: u8) -> String {
    format!(
        "vrrp_instance VI_51 {{
             interface eth0
             use_vmac
             virtual_router_id 51
             version 3
             priority {priority}
             advert_int 0.1
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
         }}"
    )
}

/// Answers HTTP on a host, whatever its addresses are, until the test ends.
fn serve_http(host: &Host) {
    let listener = host.run(|| TcpListener::bind("0.0.0.0:80").unwrap());
    let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nserved by {}\n", host.address());
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(answer.as_bytes());
        }
    });
}

/// Returns the host that answers HTTP at the virtual address; `None` if nobody does within half a second.
fn served_by(client: &Host) -> Option<String> {
    client.run(|| {
        let limit = Duration::from_millis(500);
        let address = SocketAddr::from(([192, 0, 2, 100], 80));
        let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 192.0.2.100\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.lines().last().map(str::to_owned)
    })
}

/// Waits until the client is served by a host.
#[track_caller]
fn until_served(client: &Host, host: u8) {
    let expected = format!("served by 192.0.2.{host}");
    until(&expected, || served_by(client).as_ref() == Some(&expected));
}

/// Returns how long the link was without a Master: from the last advertisement of `from` to the first one of `to` after
/// it.
fn gap(lan: &Lan, from: u8, to: u8, since: Instant) -> Option<Duration> {
    let taken = lan.wire().adverts(to).into_iter().find(|advert| advert.at > since)?.at;
    let last = lan.wire().adverts(from).into_iter().rfind(|advert| advert.at < taken)?.at;
    Some(taken - last)
}

/// Ends the Master, host `from`, and sees host `to` take over in time and serve the client. On a busy machine that may take three
/// attempts; `end` ends the Master and `again` makes it Master once more.
#[track_caller]
fn takes_over<T>(
    (lan, client): (&Lan, &Host),
    (from, to): (u8, u8),
    within: Duration,
    mut master: T,
    end: impl Fn(T),
    again: impl Fn() -> T,
) {
    let mut gaps = Vec::new();
    for _ in 0..3 {
        let since = Instant::now();
        end(master);
        until_served(client, to);
        gaps.extend(gap(lan, from, to, since));
        if gaps.iter().any(|gap| *gap <= within + SLACK) {
            return;
        }
        master = again();
        until_served(client, from);
    }
    panic!("host {to} took over from host {from} after {gaps:?}, not {within:?}");
}

/// Skew_Time of version 3.
fn skew(priority: u32) -> Duration {
    INTERVAL * (256 - priority) / 256
}

#[test]
fn it_and_vrrpd_take_over_from_each_other_and_a_client_is_served_by_both() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, client) = (lan.host(1), lan.host(9));
        lan.tap(3);
        serve_http(&first);
        let here = (&lan, &client);
        let start = || {
            let smoltcp = Smoltcp::start(3, 51, 200, INTERVAL, &["192.0.2.100"]);
            until_served(&client, 3);
            smoltcp
        };

        let worse = first.vrrpd(&configuration(100));
        until_served(&client, 1);
        let neighbours = client.ip("neighbour show 192.0.2.100");
        assert!(neighbours.contains("00:00:5e:00:01:33"), "{neighbours}");
        let terminate = |smoltcp: Smoltcp| assert!(smoltcp.end(Signal::SIGTERM).success());
        takes_over(here, (3, 1), skew(100), start(), terminate, start);
        let kill = |smoltcp: Smoltcp| assert!(!smoltcp.end(Signal::SIGKILL).success());
        takes_over(here, (3, 1), INTERVAL * 3 + skew(100), start(), kill, start);

        let _smoltcp = start();
        assert!(worse.terminate().success());
        let start = || {
            let vrrpd = first.vrrpd(&configuration(250));
            until_served(&client, 1);
            vrrpd
        };
        let better = start();
        let since = Instant::now();
        throughout(INTERVAL * 5, "a Backup sends nothing from the virtual MAC address", || {
            lan.wire().sent_from(3, VIRTUAL_MAC).last().is_none_or(|at| *at < since)
        });
        let terminate = |vrrpd: Vrrpd| assert!(vrrpd.terminate().success());
        takes_over(here, (1, 3), skew(200), better, terminate, start);
        let kill = |vrrpd: Vrrpd| assert!(!vrrpd.kill().success());
        takes_over(here, (1, 3), INTERVAL * 3 + skew(200), start(), kill, start);
        let neighbours = client.ip("neighbour show 192.0.2.100");
        assert!(neighbours.contains("00:00:5e:00:01:33"), "{neighbours}");
    });
}
