//! Follows the host's links and addresses.

use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use netlink_sys::Socket;
use socket2::SockRef;
use tokio::io::unix::AsyncFd;
use vrrp_core::Instant;

use super::message::{DATAGRAM_MAX, open};
use super::mirror::{HostAddress, HostChange, Link, Mirror};
use super::resync::Resync;
use crate::clock::{self, Alarm};
use crate::sys;

/// Enough for thousands of changes at once.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The kernel answers a dump within milliseconds. One that it does not answer must not hang the start.
const FIRST_DUMP_LIMIT: Duration = Duration::from_secs(2);
/// From one dump to the next at least: where changes come faster than they are read, each dump ends in an overrun.
const DUMP_PAUSE: Duration = Duration::from_millis(100);

/// Keeps a mirror of the links and addresses, and tells what changes.
#[derive(Debug)]
pub(crate) struct Monitor {
    socket: AsyncFd<Socket>,
    buffer: Vec<u8>,
    resync: Resync,
    dumped: Instant,
    pause: Alarm,
}

impl Monitor {
    /// Subscribes, then reads everything: the mirror is complete. Blocks for that, a few seconds at most. Needs a
    /// running tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_receive_buffer(RECEIVE_BUFFER)
    }

    fn with_receive_buffer(bytes: usize) -> io::Result<Self> {
        let (socket, port) = open(bytes)?;
        for group in [libc::RTNLGRP_LINK, libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR] {
            socket.add_membership(group)?;
        }
        SockRef::from(&socket).set_read_timeout(Some(FIRST_DUMP_LIMIT))?;
        let mut monitor = Self {
            socket: sys::watch(socket)?,
            buffer: Vec::with_capacity(DATAGRAM_MAX),
            resync: Resync::new(port),
            dumped: Instant::ZERO,
            pause: Alarm::new()?,
        };
        monitor.first_dump()?;
        Ok(monitor)
    }

    /// The link of this name.
    pub(crate) fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.mirror().link_by_name(name)
    }

    /// The link of this index.
    pub(crate) fn link(&self, ifindex: u32) -> Option<&Link> {
        self.mirror().link(ifindex)
    }

    /// All links.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.mirror().links()
    }

    /// The macvlans above a link.
    pub(crate) fn macvlans(&self, below: u32) -> impl Iterator<Item = &Link> {
        self.links().filter(move |link| link.macvlan_on == Some(below))
    }

    /// The addresses of a link, in the kernel's order; none for a link that is not there.
    pub(crate) fn addresses(&self, ifindex: u32) -> impl Iterator<Item = &HostAddress> {
        self.mirror().addresses(ifindex)
    }

    /// Everything that a link has of an address.
    pub(crate) fn at(&self, ifindex: u32, address: IpAddr) -> impl Iterator<Item = &HostAddress> {
        self.mirror().at(ifindex, address)
    }

    /// An address wherever a link has it.
    pub(crate) fn everywhere(&self, address: IpAddr) -> impl Iterator<Item = &HostAddress> {
        self.links().flat_map(move |link| self.at(link.index, address))
    }

    /// Tells whether any link has this address, ready for use.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.mirror().has_address(address)
    }

    /// Tells whether any link has this address, and no virtual router installed it.
    pub(crate) fn has_real_address(&self, address: IpAddr) -> bool {
        self.mirror().has_real_address(address)
    }

    /// Returns how many messages of the kernel were not understood.
    pub(crate) fn malformed(&self) -> u64 {
        self.resync.malformed()
    }

    /// The next change. Losing news is no error: everything is read again, and the differences are the changes.
    pub(crate) fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<HostChange> {
        loop {
            if let Some(change) = self.resync.next_change() {
                return Poll::Ready(change);
            }
            if self.resync.wants_dump() {
                ready!(self.poll_pause(cx));
                self.resync.start_dump();
            }
            if self.ask().is_err() {
                self.resync.lose();
            }
            let mut guard = match ready!(self.socket.poll_read_ready(cx)) {
                Ok(guard) => guard,
                // The runtime is going down.
                Err(_) => return Poll::Pending,
            };
            self.buffer.clear();
            match guard.try_io(|socket| socket.get_ref().recv(&mut self.buffer, libc::MSG_DONTWAIT)) {
                Ok(Ok(_)) => self.resync.read(&self.buffer),
                // An overrun.
                Ok(Err(_)) => self.resync.lose(),
                Err(_would_block) => self.resync.drained(),
            }
        }
    }

    fn mirror(&self) -> &Mirror {
        self.resync.mirror()
    }

    fn first_dump(&mut self) -> io::Result<()> {
        let end = clock::now() + FIRST_DUMP_LIMIT;
        while !self.resync.follows() {
            if clock::now() > end {
                let text = format!("the kernel did not finish a dump of links and addresses in {FIRST_DUMP_LIMIT:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            if self.resync.wants_dump() {
                self.resync.start_dump();
            }
            self.ask()?;
            let wait = if self.resync.dumps() { 0 } else { libc::MSG_DONTWAIT };
            self.buffer.clear();
            match self.socket.get_ref().recv(&mut self.buffer, wait) {
                Ok(_) => self.resync.read(&self.buffer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.resync.drained(),
                Err(_) => self.resync.lose(),
            }
        }
        while self.resync.next_change().is_some() {}
        Ok(())
    }

    /// Ready when it is time for another dump.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.dumped + DUMP_PAUSE;
        if clock::now() < due && self.pause.arm(Some(due)).is_ok() {
            // An alarm that fails is no reason to stay blind.
            let _ = ready!(self.pause.poll_fired(cx));
        }
        self.dumped = clock::now();
        Poll::Ready(())
    }

    /// Sends what the mirror asks the kernel.
    fn ask(&mut self) -> io::Result<()> {
        match self.resync.take_request() {
            Some(request) => self.socket.get_ref().send(&request, 0).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::IpAddr;

    use super::*;
    use crate::kernel::netlink::requests::Requests;
    use crate::testing::{ifindex, in_namespace, ip, run, wire};
    use crate::virtual_ip::VirtualIp;

    async fn change(monitor: &mut Monitor) -> HostChange {
        poll_fn(|cx| monitor.poll_change(cx)).await
    }

    /// Follows the changes until `there` is the case.
    async fn until(monitor: &mut Monitor, there: impl Fn(&Monitor) -> bool) {
        while !there(monitor) {
            change(monitor).await;
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_there_is_known_from_the_start() {
        in_namespace(|| {
            wire("v0", "v1");
            ip("link set v0 address 02:00:00:00:00:01 mtu 1400");
            ip("address add 192.0.2.1/24 dev v0");
            run(async {
                let monitor = Monitor::new().unwrap();
                let link = monitor.link_by_name("v0").unwrap();
                let mac = Some([2, 0, 0, 0, 0, 1]);
                let expected = Link {
                    index: ifindex("v0"),
                    name: "v0".into(),
                    up: true,
                    admin_up: true,
                    mac,
                    mtu: 1400,
                    macvlan_on: None,
                };
                assert_eq!(*link, expected);
                assert_eq!(monitor.link(link.index), Some(link));
                assert!(monitor.addresses(link.index).any(|host| host.address == address("192.0.2.1")));
                assert_eq!(monitor.link_by_name("lo").unwrap().mac, None);
                assert_eq!(monitor.link_by_name("v2"), None);
                assert_eq!(monitor.malformed(), 0);
            });
        });
    }

    #[test]
    fn addresses_come_and_go() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                for address in [address("192.0.2.1"), address("2001:db8::1")] {
                    ip(&format!("address add {address} dev v0"));
                    while change(&mut monitor).await != (HostChange::AddressAdded { ifindex: index, address }) {}
                    assert!(monitor.addresses(index).any(|host| host.address == address));
                    ip(&format!("address del {address} dev v0"));
                    while change(&mut monitor).await != (HostChange::AddressRemoved { ifindex: index, address }) {}
                    assert!(!monitor.addresses(index).any(|host| host.address == address));
                }
            });
        });
    }

    #[test]
    fn addresses_are_in_the_kernels_order() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                for add in [
                    "2001:db8::1/64 nodad",
                    "192.0.2.1/24",
                    "192.0.2.2/24",
                    "198.51.100.1/24",
                    "203.0.113.1/24 scope link",
                    "10.0.0.1 peer 10.0.0.2/32",
                    "10.0.0.1 peer 10.0.0.3/32",
                    "2001:db8::2/64 nodad",
                    "192.0.2.3/24",
                ] {
                    ip(&format!("address add {add} dev v0"));
                }
                until(&mut monitor, |monitor| monitor.mirror() == Monitor::new().unwrap().mirror()).await;
                assert!(monitor.addresses(index).count() >= 9);
            });
        });
    }

    #[test]
    fn a_secondary_that_takes_over_is_seen_as_primary() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            crate::kernel::sysctl::promote_secondaries("v0").unwrap();
            for add in ["192.0.2.1/24", "198.51.100.1/24", "192.0.2.2/24", "198.51.100.2/24"] {
                ip(&format!("address add {add} dev v0"));
            }
            run(async {
                let mut monitor = Monitor::new().unwrap();
                let secondary = |monitor: &Monitor| {
                    monitor.addresses(index).find(|host| host.address == address("198.51.100.2")).unwrap().secondary
                };
                assert!(secondary(&monitor));
                ip("address del 198.51.100.1/24 dev v0");
                until(&mut monitor, |monitor| !secondary(monitor)).await;
                assert_eq!(monitor.mirror(), Monitor::new().unwrap().mirror(), "it moves before the other secondary");
            });
        });
    }

    #[test]
    fn a_link_without_carrier_is_not_up() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                let up = |monitor: &Monitor| monitor.link(index).unwrap().up;
                assert!(up(&monitor));
                for interface in ["v0", "v1"] {
                    ip(&format!("link set {interface} down"));
                    until(&mut monitor, |monitor| !up(monitor)).await;
                    ip(&format!("link set {interface} up"));
                    until(&mut monitor, up).await;
                }
            });
        });
    }

    #[test]
    fn a_new_mac_address_is_told_and_nothing_else_is() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                ip("link set v0 mtu 1400");
                until(&mut monitor, |monitor| monitor.link(index).is_some_and(|link| link.mtu == 1400)).await;
                ip("link set v0 address 02:00:00:00:00:09");
                let mut seen = vec![change(&mut monitor).await];
                while seen.last() != Some(&HostChange::LinkAddress { index }) {
                    seen.push(change(&mut monitor).await);
                }
                assert!(seen.contains(&HostChange::Link { index }), "{seen:?}");
                assert_eq!(monitor.link(index).unwrap().mac, Some([2, 0, 0, 0, 0, 9]));
                ip("link set v0 mtu 1300");
                ip("link set v1 mtu 1300");
                while change(&mut monitor).await != (HostChange::Link { index: ifindex("v1") }) {}
                ip("link set v0 mtu 1350");
                assert_eq!(change(&mut monitor).await, HostChange::Link { index });
            });
        });
    }

    #[test]
    fn a_link_can_be_renamed_and_replaced() {
        in_namespace(|| {
            wire("v0", "v1");
            let first = ifindex("v0");
            ip("address add 192.0.2.1/24 dev v0");
            run(async {
                let mut monitor = Monitor::new().unwrap();
                ip("link set v0 down");
                ip("link set v0 name v9");
                until(&mut monitor, |monitor| monitor.link_by_name("v9").is_some()).await;
                assert_eq!(monitor.link_by_name("v0"), None);
                assert_eq!(monitor.link(first).unwrap().name, "v9");
                ip("link set v9 name v0");
                until(&mut monitor, |monitor| monitor.link_by_name("v0").is_some()).await;

                ip("link del v0");
                let mut removed = false;
                while monitor.link(first).is_some() {
                    let change = change(&mut monitor).await;
                    removed |= matches!(change, HostChange::AddressRemoved { ifindex, .. } if ifindex == first);
                }
                assert!(removed);
                assert_eq!(monitor.addresses(first).count(), 0);
                assert_eq!(monitor.link_by_name("v0"), None);

                wire("v0", "v1");
                let second = ifindex("v0");
                assert_ne!(first, second);
                until(&mut monitor, |monitor| monitor.link_by_name("v0").is_some_and(|link| link.up)).await;
                assert_eq!(monitor.link_by_name("v0").unwrap().index, second);
            });
        });
    }

    /// Installs and removes addresses, far more news than the monitor's socket holds.
    async fn churn(index: u32) {
        let mut requests = Requests::new().unwrap();
        let virtual_ips: Vec<VirtualIp> =
            (0..1000).map(|n| format!("10.0.{}.{}/32", n / 250, n % 250).parse().unwrap()).collect();
        for virtual_ip in &virtual_ips {
            requests.install(index, virtual_ip, None, 0);
        }
        for virtual_ip in virtual_ips.iter().skip(1).step_by(2) {
            requests.remove(index, virtual_ip, 0);
            requests.install(index, virtual_ip, None, 0);
        }
        for virtual_ip in virtual_ips.iter().step_by(4) {
            requests.remove(index, virtual_ip, 0);
        }
        for _ in 0..2250 {
            requests.flush();
            requests.next_done().unwrap().result.unwrap();
        }
    }

    #[test]
    fn after_an_overrun_the_mirror_is_right_again() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            ip("address add 192.0.2.1/24 dev v0");
            run(async {
                let mut monitor = Monitor::with_receive_buffer(8 << 10).unwrap();
                churn(index).await;
                ip("address del 192.0.2.1/24 dev v0");
                ip("link add v2 type veth peer name v3");

                let mut seen = Vec::new();
                loop {
                    match change(&mut monitor).await {
                        HostChange::Resynced => break,
                        change => seen.push(change),
                    }
                }
                // An overrun during the dump would have had it start again, so this is what is the case now.
                assert_eq!(monitor.mirror(), Monitor::new().unwrap().mirror());
                assert_eq!(monitor.addresses(index).filter(|host| host.marked).count(), 750);
                let gone = HostChange::AddressRemoved { ifindex: index, address: address("192.0.2.1") };
                assert!(seen.contains(&gone));
                let there = HostChange::AddressAdded { ifindex: index, address: address("10.0.0.1") };
                assert!(seen.contains(&there));
                assert!(seen.contains(&HostChange::Link { index: ifindex("v2") }));

                // It goes on following.
                ip("address add 192.0.2.9/24 dev v0");
                let added = HostChange::AddressAdded { ifindex: index, address: address("192.0.2.9") };
                while change(&mut monitor).await != added {}
            });
        });
    }

    #[test]
    fn changes_during_a_dump_count() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            run(async {
                let mut monitor = Monitor::with_receive_buffer(8 << 10).unwrap();
                // Overrun after overrun, while the monitor reads: dumps and news mix in every way.
                for _ in 0..5 {
                    let churn = churn(index);
                    tokio::pin!(churn);
                    loop {
                        tokio::select! {
                            () = &mut churn => break,
                            _ = change(&mut monitor) => {}
                        }
                    }
                    ip("address flush dev v0");
                    ip("address add 192.0.2.1/24 dev v0");
                }
                until(&mut monitor, |monitor| monitor.mirror() == Monitor::new().unwrap().mirror()).await;
            });
        });
    }
}
