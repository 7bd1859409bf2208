//! Sockets that lead to what is looked at.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::deadline::Deadline;
use super::outcome::Failure;
use super::probe::Origin;

const OPEN: &str = "open a socket";

/// The target of a look and its origin, for people.
pub(super) struct Way<'a, T>(pub(super) T, pub(super) &'a Origin);

impl<T: fmt::Display> fmt::Display for Way<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(target, Origin { address, interface }) = self;
        write!(f, "{target}")?;
        if let Some(address) = address {
            write!(f, " from {address}")?;
        }
        if let Some(interface) = interface {
            write!(f, " through {interface}")?;
        }
        Ok(())
    }
}

pub(super) async fn tcp(target: SocketAddr, origin: &Origin, deadline: Deadline) -> Result<TcpStream, Failure> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(|why| Failure::new(OPEN, why))?;
    if let Some(interface) = &origin.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(|why| bind_device(interface, why))?;
    }
    if let Some(address) = origin.address {
        socket.bind(SocketAddr::new(address, 0)).map_err(|why| bind(address, why))?;
    }
    deadline.step("connect", socket.connect(target)).await
}

pub(super) fn udp(target: SocketAddr, origin: &Origin) -> Result<UdpSocket, Failure> {
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM.nonblocking(), Some(Protocol::UDP));
    let socket = socket.map_err(|why| Failure::new(OPEN, why))?;
    place(&socket, target.ip(), origin)?;
    socket.connect(&target.into()).map_err(|why| Failure::new("reach it", why))?;
    UdpSocket::from_std(socket.into()).map_err(|why| Failure::new(OPEN, why))
}

/// Opens a socket for echo requests: one for everybody where the host has these (`net.ipv4.ping_group_range`), else a raw one.
/// Returns whether it is raw.
pub(super) fn ping(target: IpAddr, origin: &Origin) -> Result<(Socket, bool), Failure> {
    let (domain, protocol) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let open = |kind: Type| Socket::new(domain, kind.nonblocking(), Some(protocol));
    let (socket, raw) = match open(Type::DGRAM) {
        Ok(socket) => (socket, false),
        Err(_) => (open(Type::RAW).map_err(|why| Failure::new(OPEN, why))?, true),
    };
    place(&socket, target, origin)?;
    socket.connect(&SocketAddr::new(target, 0).into()).map_err(|why| Failure::new("reach it", why))?;
    Ok((socket, raw))
}

fn place(socket: &Socket, target: IpAddr, Origin { address, interface }: &Origin) -> Result<(), Failure> {
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(|why| bind_device(interface, why))?;
    }
    let any = match target {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let address = address.unwrap_or(any);
    socket.bind(&SocketAddr::new(address, 0).into()).map_err(|why| bind(address, why))
}

fn bind_device(interface: &str, why: std::io::Error) -> Failure {
    Failure::new(format!("go through {interface}"), why)
}

fn bind(address: IpAddr, why: std::io::Error) -> Failure {
    Failure::new(format!("come from {address}"), why)
}
