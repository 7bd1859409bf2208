//! The DNS of the LAN: one name, `proxy-serv`, whose addresses come in rotation; and the question a client asks it.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::UdpSocket;

use super::Error;
use super::netlink::Station;
use super::topology::{DNS, HostId};

const PORT: u16 = 53;
const HEADER: usize = 12;
/// The only question of the lab: the addresses (type A, class IN) of `proxy-serv`.
const QUESTION: &[u8] = b"\x0aproxy-serv\x00\x00\x01\x00\x01";
/// An answer up to its address: the name by reference, type A, class IN, no caching, four octets.
const ANSWER: [u8; 12] = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4];

/// Starts answering on the LAN.
pub(super) fn start(lan: &Station) -> Result<(), Error> {
    let bind = || {
        let socket = std::net::UdpSocket::bind((DNS, PORT))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let socket = lan
        .namespace
        .run(bind)
        .and_then(UdpSocket::from_std)
        .map_err(|error| Error::new("starting the DNS server on the LAN", error))?;
    tokio::spawn(async move {
        let mut addresses = HostId::ALL.map(HostId::vip);
        let mut buffer = [0_u8; 512];
        loop {
            let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
            if let Some(answer) = buffer.get(..length).and_then(|query| answer(query, &addresses)) {
                addresses.rotate_left(1);
                // A lost answer is the client's to ask again for.
                let _ = socket.send_to(&answer, client).await;
            }
        }
    });
    Ok(())
}

/// Asks for the addresses of `proxy-serv`, in the order in which they came.
pub(super) async fn resolve(id: u16) -> io::Result<Vec<Ipv4Addr>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect((DNS, PORT)).await?;
    let mut query = vec![0; HEADER];
    query.splice(..6, id.to_be_bytes().into_iter().chain([0x01, 0x00, 0, 1]));
    query.extend_from_slice(QUESTION);
    socket.send(&query).await?;
    let mut buffer = [0_u8; 512];
    let length = socket.recv(&mut buffer).await?;
    let answers = buffer.get(..length).and_then(|answer| answer.strip_prefix(&id.to_be_bytes()));
    let records = answers.and_then(|answer| answer.get(HEADER - 2 + QUESTION.len()..)).unwrap_or_default();
    Ok(records.chunks_exact(16).filter_map(|record| record.get(12..16)?.try_into().ok()).map(address).collect())
}

fn address(octets: [u8; 4]) -> Ipv4Addr {
    octets.into()
}

/// The answer to a query, if it is the one question that this server knows.
fn answer(query: &[u8], addresses: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let (id, question) = (query.get(..2)?, query.get(HEADER..)?);
    if !question.starts_with(QUESTION) {
        return None;
    }
    let count = u8::try_from(addresses.len()).ok()?;
    let mut message = id.to_vec();
    message.extend_from_slice(&[0x85, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    message.extend_from_slice(QUESTION);
    for address in addresses {
        message.extend_from_slice(&ANSWER);
        message.extend_from_slice(&address.octets());
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_name_is_known() {
        let query = [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], QUESTION].concat();
        let answered = answer(&query, &HostId::ALL.map(HostId::vip)).unwrap();
        assert_eq!(answered.len(), HEADER + QUESTION.len() + 2 * 16);
        assert_eq!(answered[..2], [0x12, 0x34]);
        assert_eq!(answered[answered.len() - 4..], [192, 168, 2, 102]);
        let mut other = query.clone();
        other[13] = b'q';
        assert_eq!(answer(&other, &[]), None);
        assert!((0..query.len()).all(|length| answer(&query[..length], &[]).is_none()));
    }
}
