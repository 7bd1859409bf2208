//! An ICMP echo request.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Instant;

use etherparse::icmpv4::TYPE_ECHO_REPLY;
use etherparse::icmpv6::{TYPE_ECHO_REPLY as TYPE_ECHO_REPLY_V6, TYPE_ECHO_REQUEST as TYPE_ECHO_REQUEST_V6};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type};
use socket2::Socket;
use tokio::io::Interest;

use super::deadline::Deadline;
use super::dial;
use super::nonce::nonce;
use super::outcome::Failure;
use super::probe::Ping;
use crate::sys;

const HEADER: usize = 8;

pub(super) async fn ping(ping: &Ping, deadline: Deadline) -> Result<String, Failure> {
    let (socket, raw) = dial::ping(ping.target, &ping.origin)?;
    let socket = sys::watch(socket).map_err(|why| Failure::new("open a socket", why))?;
    // By this an answer is known: the kernel may choose the identifier.
    let token = nonce().to_be_bytes();
    let packet = request(ping.target, token);
    let began = Instant::now();
    socket.get_ref().send(&packet).map_err(|why| Failure::new("request", why))?;
    let answered = async {
        loop {
            let mut buffer = [0; 512];
            // Under a flood this lets others have their turn.
            let receive = |socket: &Socket| sys::receive(socket.as_fd(), &mut buffer);
            let received = socket.async_io(Interest::READABLE, receive).await?;
            let octets = buffer.get(..received.len).unwrap_or_default();
            if is_answer(ping.target, raw, octets, token) {
                return io::Result::Ok(());
            }
        }
    };
    deadline.step("answer", answered).await?;
    Ok(format!("answered in {:.1} ms", began.elapsed().as_secs_f64() * 1000.0))
}

fn request(target: IpAddr, token: [u8; 8]) -> Vec<u8> {
    let [a, b, c, d, ..] = token;
    let echo = IcmpEchoHeader { id: u16::from_be_bytes([a, b]), seq: u16::from_be_bytes([c, d]) };
    match target {
        IpAddr::V4(_) => {
            let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &token);
            [&header.to_bytes()[..], &token].concat()
        }
        // The kernel adds the checksum.
        IpAddr::V6(_) => [&[TYPE_ECHO_REQUEST_V6, 0, 0, 0][..], &echo.to_bytes(), &token].concat(),
    }
}

/// Tells whether it is the answer to the request with this token, and not the request itself, which a raw socket hears on a
/// loopback too.
fn is_answer(target: IpAddr, raw: bool, octets: &[u8], token: [u8; 8]) -> bool {
    let (kind, skip) = match target {
        // A raw one has the IP header.
        IpAddr::V4(_) if raw => (TYPE_ECHO_REPLY, usize::from(octets.first().unwrap_or(&0) & 0xf) * 4),
        IpAddr::V4(_) => (TYPE_ECHO_REPLY, 0),
        IpAddr::V6(_) => (TYPE_ECHO_REPLY_V6, 0),
    };
    let octets = octets.get(skip..).unwrap_or_default();
    octets.first() == Some(&kind) && octets.get(HEADER..) == Some(&token)
}
