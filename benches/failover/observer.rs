//! Sees what the hosts send, at their ports of the switch, with the kernel's time stamps.
//!
//! It reads now and then, and is never woken by a frame: who is measured shall have the processors.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use nix::{getsockopt_impl, libc, sockopt_impl};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use vrrp_examples::testbed::tap::{self, Tap};

use crate::Result;
use crate::network::Network;

sockopt_impl!(
    /// How many frames the socket got, and how many it had no room for, since this was last asked.
    PacketStatistics, GetOnly, libc::SOL_PACKET, libc::PACKET_STATISTICS, libc::tpacket_stats
);

/// From one look to the next.
const POLL: Duration = Duration::from_millis(5);
const RECEIVE_BUFFER: usize = 256 << 20;
const ETHERTYPE_IPV6: u32 = 0x86dd;
const ETHERTYPE_ARP: u32 = 0x0806;
const VRRP: u8 = 112;

/// What a host sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Advert { interface: u32, vrid: u8, priority: u8 },
    Announcement(Ipv4Addr),
}

impl Said {
    const fn at(interface: u32, said: tap::Said) -> Self {
        match said {
            tap::Said::Advert { vrid, priority } => Self::Advert { interface, vrid, priority },
            tap::Said::Announcement(address) => Self::Announcement(address),
        }
    }
}

/// Something that a host sent, and when the switch received it: since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) host: usize,
    pub(crate) said: Said,
}

impl Seen {
    pub(crate) fn is_advert_of(&self, host: usize) -> bool {
        self.host == host && matches!(self.said, Said::Advert { .. })
    }
}

/// Records what the hosts send, from its opening on.
#[derive(Debug)]
pub(crate) struct Observer {
    tap: Tap,
    ports: Vec<(u32, usize)>,
    seen: Vec<Seen>,
}

impl Observer {
    /// At every port.
    pub(crate) fn open(network: &Network) -> Result<Self> {
        Self::open_at(network, network.ports.clone())
    }

    /// At the ports of one host.
    pub(crate) fn open_for(network: &Network, host: usize) -> Result<Self> {
        Self::open_at(network, network.ports.iter().filter(|(_, its)| *its == host).copied().collect())
    }

    fn open_at(network: &Network, ports: Vec<(u32, usize)>) -> Result<Self> {
        let filter = filter(&ports)?;
        let open = || -> io::Result<Tap> {
            let everything = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), Some(everything))?;
            socket.attach_filter(&filter)?;
            if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
                setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
            }
            Tap::over(socket.into())
        };
        let tap = network.switch.namespace.run(open).map_err(|error| format!("opening the observer: {error}"))?;
        // The kernel begins to stamp a moment after it was asked to; what came before the filter may be anything.
        sleep(Duration::from_millis(50));
        let mut observer = Self { tap, ports, seen: Vec::new() };
        observer.look()?;
        observer.seen.clear();
        getsockopt(&observer.tap, PacketStatistics)?;
        Ok(observer)
    }

    /// Returns where the record stands; later events are `since` here.
    pub(crate) fn mark(&mut self) -> Result<usize> {
        self.look()?;
        Ok(self.seen.len())
    }

    pub(crate) fn since(&self, mark: usize) -> &[Seen] {
        self.seen.get(mark..).unwrap_or_default()
    }

    /// Waits until `found` finds something in what was seen since `mark`.
    pub(crate) fn wait<T>(
        &mut self,
        mark: usize,
        patience: Duration,
        what: &str,
        mut found: impl FnMut(&[Seen]) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            let late = Instant::now() > deadline;
            self.look()?;
            if let Some(found) = found(self.since(mark)) {
                return Ok(found);
            }
            if late {
                return Err(format!("{what}: not seen within {patience:?}").into());
            }
            sleep(POLL);
        }
    }

    /// Waits until for some `time` the host has advertised all of `routers` routers, and the other one none.
    pub(crate) fn steady(&mut self, host: usize, routers: usize, time: Duration, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let mark = self.mark()?;
            sleep(time);
            self.look()?;
            let adverts = self.since(mark).iter().filter_map(|seen| match seen.said {
                Said::Advert { interface, vrid, priority } if priority > 0 => Some((seen.host, (interface, vrid))),
                _ => None,
            });
            let (ours, others): (Vec<_>, Vec<_>) = adverts.partition(|(by, _)| *by == host);
            let ours: BTreeSet<_> = ours.into_iter().map(|(_, router)| router).collect();
            if ours.len() == routers && others.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let (ours, others) = (ours.len(), others.len());
                return Err(format!(
                    "not steady after {patience:?}: host {host} advertises {ours} of {routers} routers, \
                     the other one sent {others} advertisements"
                )
                .into());
            }
        }
    }

    /// Fails when the observer had no room for a frame: then what it saw proves nothing.
    pub(crate) fn check(&self) -> Result<()> {
        let statistics = getsockopt(&self.tap, PacketStatistics)?;
        match statistics.tp_drops {
            0 => Ok(()),
            lost => Err(format!("INVALID: the observer lost {lost} of {} frames", statistics.tp_packets).into()),
        }
    }

    /// Takes in what has come.
    fn look(&mut self) -> Result<()> {
        let mut buffer = [0_u8; 64];
        loop {
            let frame = match self.tap.next(&mut buffer) {
                Ok(frame) => frame,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let from = self.ports.iter().find(|(index, _)| *index == frame.port);
            let (Some((interface, host)), Some(at)) = (from, frame.stamp) else { continue };
            if let Some(said) = tap::Said::read(frame.octets) {
                self.seen.push(Seen { at, host: *host, said: Said::at(*interface, said) });
            }
        }
    }
}

/// Passes the first octets of VRRP and of ARP from these ports, but nothing that the switch sends.
fn filter(ports: &[(u32, usize)]) -> Result<Vec<SockFilter>> {
    let ancillary = |what| (libc::SKF_AD_OFF + what) as u32;
    let load = |size: u32, offset| SockFilter::new((libc::BPF_LD | size | libc::BPF_ABS) as u16, 0, 0, offset);
    let equal = |k, yes, no| SockFilter::new((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, yes, no, k);
    let give = |octets| SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, octets);
    let mut filter = vec![load(libc::BPF_W, ancillary(libc::SKF_AD_IFINDEX))];
    for (later, (port, _)) in ports.iter().enumerate() {
        // Over the other ports, and what refuses the rest.
        filter.push(equal(*port, u8::try_from(ports.len() - later)?, 0));
    }
    filter.extend([
        give(0),
        load(libc::BPF_W, ancillary(libc::SKF_AD_PKTTYPE)),
        equal(u32::from(libc::PACKET_OUTGOING), 8, 0),
        load(libc::BPF_H, 12),
        equal(ETHERTYPE_ARP, 5, 0),
        equal(ETHERTYPE_IPV6, 2, 0),
        load(libc::BPF_B, 23),
        equal(u32::from(VRRP), 2, 3),
        load(libc::BPF_B, 20),
        equal(u32::from(VRRP), 0, 1),
        give(64),
        give(0),
    ]);
    Ok(filter)
}
