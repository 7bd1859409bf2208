//! Forged advertisements of a host that is not a router: any contents, from any address, as fast as it can.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use vrrp_core::wire::{AddressList, ChecksumForm, Endpoints, Message};
use vrrp_core::{AdvertInterval, Priority, Version, Vrid};

use super::Host;

/// The contents of a forged advertisement. Over IPv6 the source has to be an address of the host that sends it.
#[derive(Clone, Debug)]
pub(crate) struct Forged {
    pub(crate) version: Version,
    pub(crate) vrid: u8,
    /// 0 is the release.
    pub(crate) priority: u8,
    /// In hundredths of a second.
    pub(crate) interval: u16,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) addresses: Vec<IpAddr>,
    /// The part that its checksum covers.
    pub(crate) checksum: ChecksumForm,
}

/// A stream of forged packets, until it is dropped.
pub(crate) struct Flood {
    sent: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forged {
    /// Version 3 over IPv4, at the lowest priority and every hundredth of a second.
    pub(crate) fn new(source: &str, addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let group = if addresses[0].is_ipv4() { "224.0.0.18" } else { "ff02::12" };
        Self {
            version: Version::V3,
            vrid: 1,
            priority: 1,
            interval: 1,
            source: source.parse().unwrap(),
            destination: group.parse().unwrap(),
            ttl: 255,
            addresses,
            checksum: ChecksumForm::Message,
        }
    }

    /// The datagram, over IPv4 with its header.
    fn octets(&self) -> Vec<u8> {
        let endpoints = Endpoints::new(self.source, self.destination).unwrap();
        let message = Message {
            version: self.version,
            vrid: Vrid::new(self.vrid).unwrap(),
            priority: Priority::new(self.priority).ok(),
            interval: AdvertInterval::from_centis(self.interval).unwrap(),
            password: None,
            addresses: AddressList::new(&self.addresses).unwrap(),
            checksum: self.checksum,
        };
        let mut payload = vec![0; message.len()];
        message.write(endpoints, &mut payload).unwrap();
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (self.source, self.destination) else { return payload };
        let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
        // The kernel fills in the checksum.
        let mut datagram = vec![0x45, 0xc0, length[0], length[1], 0, 0, 0, 0, self.ttl, 112, 0, 0];
        datagram.extend(source.octets().into_iter().chain(destination.octets()).chain(payload));
        datagram
    }

    fn socket(&self) -> Socket {
        let protocol = Some(Protocol::from(112));
        let Self { source, ttl, .. } = self;
        if source.is_ipv4() {
            let socket = Socket::new(Domain::IPV4, Type::RAW, protocol).unwrap();
            socket.set_header_included_v4(true).unwrap();
            socket.bind_device(Some(b"eth0")).unwrap();
            return socket;
        }
        let socket = Socket::new(Domain::IPV6, Type::RAW, protocol).unwrap();
        let device = if_nametoindex("eth0").unwrap();
        socket.set_multicast_if_v6(device).unwrap();
        socket.set_multicast_hops_v6(u32::from(*ttl)).unwrap();
        if let IpAddr::V6(source) = source {
            socket.bind(&SocketAddrV6::new(*source, 0, 0, device).into()).unwrap();
        }
        socket
    }
}

impl Host {
    /// Sends each of these once, at once.
    pub(crate) fn forge(&self, forged: &[Forged]) {
        let packets: Vec<_> = forged.iter().map(Packet::of).collect();
        self.run(|| {
            let socket = forged[0].socket();
            packets.iter().for_each(|packet| packet.send(&socket));
        });
    }

    /// Sends these in turn until the flood is dropped, `rate` packets a second; `None`: as fast as it goes.
    pub(crate) fn flood(&self, forged: &[Forged], rate: Option<u32>) -> Flood {
        let packets: Vec<_> = forged.iter().map(Packet::of).collect();
        let socket = self.run(|| forged[0].socket());
        let (sent, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&sent), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            let start = Instant::now();
            for (number, packet) in (0_u32..).zip(packets.iter().cycle()) {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                if let Some(rate) = rate {
                    let due = start + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                packet.send(&socket);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Flood { sent, ended, thread: Some(thread) }
    }
}

impl Flood {
    /// Returns how many packets it has sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Packet {
    octets: Vec<u8>,
    to: SockAddr,
}

impl Packet {
    fn of(forged: &Forged) -> Self {
        Self { octets: forged.octets(), to: SocketAddr::new(forged.destination, 0).into() }
    }

    /// Sends it. A packet that finds no room in a queue is lost, as on any wire.
    fn send(&self, socket: &Socket) {
        let _ = socket.send_to(&self.octets, &self.to);
    }
}
