//! The least that the parts of a takeover can cost: the same system calls, and nothing else.

use std::hint::spin_loop;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, MsgFlags, sendto};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use vrrp_core::wire::gratuitous_arp;

use crate::Result;
use crate::network::Network;
use crate::report::Report;

const INTERFACE: &str = "eth0";
const VRRP: i32 = 112;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// An advertisement of one address.
const ADVERTISEMENT: usize = 12;
/// As many requests as one netlink message carries at most.
const CHUNK: usize = 64;
const ANNOUNCEMENTS: usize = 5;
/// How much earlier a timer is set for whoever spins the rest.
const EARLY: Duration = Duration::from_micros(300);

/// Measures them on the first host of a pair.
pub(crate) fn measure(network: &Network, report: &mut Report) -> Result<()> {
    let host = network.hosts.first().ok_or("there is no such host")?;
    let measured = host.namespace.run(|| {
        let floors = Floors::open()?;
        Ok([
            ("send of an advertisement (raw socket)", floors.advertise(2000)?),
            ("send of a gratuitous ARP (packet socket)", floors.announce(2000)?),
            ("RTM_NEWADDR, request to acknowledgement", floors.install_each(255)?),
            ("the same, then one gratuitous ARP", floors.install_and_announce(255)?),
            ("255 RTM_NEWADDR, 64 a message", floors.install_all(255, 5)?),
            ("1,000 RTM_NEWADDR, 64 a message", floors.install_all(1000, 5)?),
            ("takeover of 255: first to last one's first ARP", floors.take_over(255, 5)?),
            ("takeover of 1,000 addresses: first to last one's first ARP", floors.take_over(1000, 5)?),
            ("timerfd: how late", timer(300, Duration::ZERO)?),
            ("timerfd 0.3 ms early, then spinning: how late", timer(300, EARLY)?),
            ("fork and exec of a program that does nothing", programs(50)?),
        ])
    });
    for (what, micros) in measured? {
        report.floor(what, micros);
    }
    Ok(())
}

struct Floors {
    ifindex: u32,
    raw: Socket,
    group: SockAddr,
    packets: Socket,
    link: LinkAddr,
    netlink: netlink_sys::Socket,
}

impl Floors {
    fn open() -> io::Result<Self> {
        let ifindex = nix::net::if_::if_nametoindex(INTERFACE)?;
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(VRRP)))?;
        raw.bind_device(Some(INTERFACE.as_bytes()))?;
        raw.set_multicast_loop_v4(false)?;
        // It receives nothing.
        let packets = Socket::new(Domain::PACKET, Type::RAW, None)?;
        let mut links = getifaddrs()?.filter(|entry| entry.interface_name == INTERFACE);
        let link = links.find_map(|entry| entry.address?.as_link_addr().copied());
        let link = link.ok_or_else(|| io::Error::other("eth0 has no link-layer address"))?;
        let mut netlink = netlink_sys::Socket::new(NETLINK_ROUTE)?;
        netlink.bind_auto()?;
        netlink.set_cap_ack(true)?;
        Ok(Self { ifindex, raw, group: SockAddr::from(std::net::SocketAddrV4::new(GROUP, 0)), packets, link, netlink })
    }

    fn advertise(&self, count: usize) -> io::Result<Vec<f64>> {
        let message = [0x31; ADVERTISEMENT];
        timed(count, |_| self.raw.send_to(&message, &self.group).map(drop))
    }

    fn announce(&self, count: usize) -> io::Result<Vec<f64>> {
        timed(count, |n| self.send_arp(address(n % 255)))
    }

    fn install_each(&self, count: usize) -> io::Result<Vec<f64>> {
        let micros = timed(count, |n| self.ask(n..n + 1, true))?;
        self.clear(count)?;
        Ok(micros)
    }

    fn install_and_announce(&self, count: usize) -> io::Result<Vec<f64>> {
        let micros = timed(count, |n| {
            self.ask(n..n + 1, true)?;
            self.send_arp(address(n))
        })?;
        self.clear(count)?;
        Ok(micros)
    }

    fn install_all(&self, count: usize, rounds: usize) -> io::Result<Vec<f64>> {
        let mut micros = Vec::new();
        for _ in 0..rounds {
            micros.extend(timed(1, |_| self.in_chunks(count, |_| Ok(())))?);
            self.clear(count)?;
        }
        Ok(micros)
    }

    /// From the first one's first announcement to the last one's first, each announced five times.
    fn take_over(&self, count: usize, rounds: usize) -> io::Result<Vec<f64>> {
        let mut micros = Vec::new();
        for _ in 0..rounds {
            let (mut first, mut last) = (None, Instant::now());
            self.in_chunks(count, |n| {
                first.get_or_insert_with(Instant::now);
                last = Instant::now();
                (0..ANNOUNCEMENTS).try_for_each(|_| self.send_arp(address(n)))
            })?;
            micros.push(last.duration_since(first.unwrap_or(last)).as_secs_f64() * 1e6);
            self.clear(count)?;
        }
        Ok(micros)
    }

    fn in_chunks(&self, count: usize, mut installed: impl FnMut(usize) -> io::Result<()>) -> io::Result<()> {
        for start in (0..count).step_by(CHUNK) {
            let chunk = start..(start + CHUNK).min(count);
            self.ask(chunk.clone(), true)?;
            chunk.into_iter().try_for_each(&mut installed)?;
        }
        Ok(())
    }

    fn clear(&self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|n| self.ask(n..n + 1, false))
    }

    /// Has addresses installed or removed by one message, and reads the acknowledgements.
    fn ask(&self, addresses: std::ops::Range<usize>, install: bool) -> io::Result<()> {
        let wanted = addresses.len();
        let message: Vec<u8> = addresses.flat_map(|n| self.request(n, install)).collect();
        self.netlink.send(&message, 0)?;
        let (mut answered, mut buffer) = (0, Vec::with_capacity(1 << 16));
        while answered < wanted {
            buffer.clear();
            self.netlink.recv(&mut buffer, 0)?;
            // Each acknowledgement is a datagram of its own; an error has its number behind the header.
            match buffer.get(16..20) {
                Some([0, 0, 0, 0]) => answered += 1,
                other => return Err(io::Error::other(format!("the kernel refuses an address: {other:?}"))),
            }
        }
        Ok(())
    }

    fn request(&self, n: usize, install: bool) -> Vec<u8> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = 32;
        message.header.index = self.ifindex;
        message.attributes =
            vec![AddressAttribute::Local(address(n).into()), AddressAttribute::Address(address(n).into())];
        let (message, flags) = if install {
            (RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
        } else {
            (RouteNetlinkMessage::DelAddress(message), 0)
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len().next_multiple_of(4)];
        message.serialize(&mut bytes);
        bytes
    }

    fn send_arp(&self, address: Ipv4Addr) -> io::Result<()> {
        let frame = gratuitous_arp([2, 0, 0, 0, 0, 1], address);
        Ok(sendto(self.packets.as_raw_fd(), &frame, &self.link, MsgFlags::empty()).map(drop)?)
    }
}

fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(10, 250, 0, 1)) + n as u32)
}

/// Returns how long each run of `work` takes, in microseconds.
fn timed(count: usize, mut work: impl FnMut(usize) -> io::Result<()>) -> io::Result<Vec<f64>> {
    (0..count)
        .map(|n| {
            let start = Instant::now();
            work(n).map(|()| start.elapsed().as_secs_f64() * 1e6)
        })
        .collect()
}

/// Returns how late a wait ends that a timer is to end `early`, the rest of it spun.
fn timer(count: usize, early: Duration) -> io::Result<Vec<f64>> {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty())?;
    let now = || clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map(Duration::from);
    let mut micros = Vec::new();
    for _ in 0..count {
        let due = now()? + Duration::from_millis(3);
        timer.set(Expiration::OneShot(TimeSpec::from_duration(due - early)), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        timer.wait()?;
        while now()? < due {
            spin_loop();
        }
        micros.push((now()? - due).as_secs_f64() * 1e6);
    }
    Ok(micros)
}

fn programs(count: usize) -> io::Result<Vec<f64>> {
    timed(count, |_| {
        sleep(Duration::from_millis(1));
        std::process::Command::new("true").status().map(drop)
    })
}
