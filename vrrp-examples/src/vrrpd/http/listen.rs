//! The sockets on which the server listens.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that the kernel keeps until they are taken.
const BACKLOG: i32 = 256;

/// A socket that browsers and Prometheus connect to.
#[derive(Debug)]
pub struct Listener {
    pub(super) listener: TcpListener,
    /// The address on which it listens.
    pub address: SocketAddr,
}

/// The reason why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error("something listens on {0} already; stop it, or name another address or port with --http")]
    Taken(SocketAddr),
    /// This host does not have the address.
    #[error("cannot listen on {0}: this host has no address {ip}; name one of its own with --http", ip = .0.ip())]
    NotHere(SocketAddr),
    /// The port is for root only.
    #[error("cannot listen on {0}: only root may use port {port}; name one from 1024 on with --http", port = .0.port())]
    Privileged(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}: {why}")]
    System {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        why: io::Error,
    },
}

/// Reads the value of `--http`.
///
/// # Errors
/// It is not an address with a port: the reason, as a sentence.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let expected = || "expected ADDRESS:PORT, like 127.0.0.1:9112 or [::1]:9112".to_owned();
    text.parse().ok().filter(|address: &SocketAddr| address.port() != 0).ok_or_else(expected)
}

impl Listener {
    /// Listens on an address. Needs a tokio runtime.
    ///
    /// # Errors
    /// Where that cannot be.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let listener = socket(address).map_err(|why| match why.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(address),
            io::ErrorKind::AddrNotAvailable => BindError::NotHere(address),
            io::ErrorKind::PermissionDenied => BindError::Privileged(address),
            _ => BindError::System { address, why },
        })?;
        Ok(Self { listener, address })
    }
}

/// Whoever was here before may have left connections that the kernel has not forgotten yet.
fn socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(address("127.0.0.1:9112"), Ok(([127, 0, 0, 1], 9112).into()));
        assert!(address("[::1]:9112").is_ok() && address("0.0.0.0:80").is_ok());
        for wrong in ["", "9112", ":9112", "127.0.0.1", "127.0.0.1:0", "::1:9112x", "localhost:9112", "127.0.0.1:70000"]
        {
            assert!(address(wrong).unwrap_err().contains("127.0.0.1:9112"), "{wrong}");
        }
    }

    #[tokio::test]
    async fn it_is_said_why_it_cannot_listen() {
        let first = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let taken = first.listener.local_addr().unwrap();
        let said = |address| Listener::bind(address).unwrap_err().to_string();
        assert_eq!(
            said(taken),
            format!("something listens on {taken} already; stop it, or name another address or port with --http")
        );
        let not_here = "192.0.2.77:9112".parse().unwrap();
        assert!(said(not_here).contains("this host has no address 192.0.2.77"), "{}", said(not_here));
        drop(first);
        assert!(Listener::bind(taken).is_ok());
    }
}
