//! Somebody on the network who sends packets in the name of a router.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use vrrp_core::wire::{AddressList, ChecksumForm, Endpoints, Message};
use vrrp_core::{AdvertInterval, Priority, Version, Vrid};

use crate::Result;
use crate::configuration::Router;

const VRRP: i32 = 112;
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The second host's own address on its first interface.
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 2);
/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(1);

/// What is forged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Forged {
    /// An advertisement of priority 1.
    Lower,
    /// The last advertisement of a Master that leaves: priority 0.
    Release,
}

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lower => "forged lower",
            Self::Release => "forged release",
        })
    }
}

/// Sends one packet again and again.
#[derive(Debug)]
pub(crate) struct Forger {
    message: Vec<u8>,
}

impl Forger {
    /// One that knows everything of the router.
    pub(crate) fn new(router: &Router, forged: Forged) -> Result<Self> {
        let message = Message {
            version: Version::V3,
            vrid: Vrid::new(router.vrid)?,
            priority: match forged {
                Forged::Lower => Some(Priority::new(1)?),
                Forged::Release => None,
            },
            interval: AdvertInterval::from_centis(1)?,
            password: None,
            addresses: AddressList::new(&router.addresses)?,
            // keepalived knows no other one.
            checksum: ChecksumForm::PseudoHeader,
        };
        let mut octets = vec![0; message.len()];
        message.write(Endpoints::V4 { source: SOURCE, destination: GROUP }, &mut octets)?;
        Ok(Self { message: octets })
    }

    /// Sends `rate` packets a second for so long, or as many as the kernel takes; tells how many. Runs on the host that it
    /// sends from.
    pub(crate) fn send(&self, rate: u32, time: Duration) -> io::Result<u64> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(VRRP)))?;
        socket.bind(&SockAddr::from(SocketAddrV4::new(SOURCE, 0)))?;
        socket.set_multicast_if_v4(&SOURCE)?;
        socket.set_multicast_ttl_v4(255)?;
        socket.set_multicast_loop_v4(false)?;
        socket.connect(&SockAddr::from(SocketAddrV4::new(GROUP, 0)))?;
        let (began, mut sent) = (Instant::now(), 0);
        loop {
            let elapsed = began.elapsed();
            if elapsed >= time {
                return Ok(sent);
            }
            if sent as f64 >= elapsed.as_secs_f64() * f64::from(rate) {
                sleep(PAUSE);
                continue;
            }
            match socket.send(&self.message) {
                Ok(_) => sent += 1,
                // The queue of the interface is full.
                Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
    }
}
