//! The DNS server of the LAN, with one name, `proxy-serv`, whose addresses rotate; and the question of a client.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::UdpSocket;

use super::topology::{DNS, HostId};
use crate::testbed::error::Error;
use crate::testbed::netlink::Station;

const PORT: u16 = 53;
const HEADER: usize = 12;
/// The only question of the lab: the addresses (type A, class IN) of `proxy-serv`.
const QUESTION: &[u8] = b"\x0aproxy-serv\x00\x00\x01\x00\x01";
/// The root label that ends a name, type and class.
const QUESTION_TAIL: usize = 5;
/// The response code for a name that does not exist.
const NAME_ERROR: u8 = 3;
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
        let mut addresses = HostId::ALL.map(HostId::virtual_address);
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
    let octets = records.chunks_exact(16).filter_map(|record| <[u8; 4]>::try_from(record.get(12..)?).ok());
    Ok(octets.map(Ipv4Addr::from).collect())
}

/// Answers a query: with the addresses if it is the one question that this server knows, else with a name error.
fn answer(query: &[u8], addresses: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let (id, question) = (query.get(..2)?, query.get(HEADER..)?);
    let (error, addresses) = if question.starts_with(QUESTION) { (0, addresses) } else { (NAME_ERROR, &[][..]) };
    let end = question.iter().position(|&octet| octet == 0)? + QUESTION_TAIL;
    let count = u8::try_from(addresses.len()).ok()?;
    let mut message = id.to_vec();
    message.extend_from_slice(&[0x85, 0x80 | error, 0, 1, 0, count, 0, 0, 0, 0]);
    message.extend_from_slice(question.get(..end)?);
    for address in addresses {
        message.extend_from_slice(&ANSWER);
        message.extend_from_slice(&address.octets());
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY_HEADER: &[u8] = &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];

    #[test]
    fn the_one_name_has_both_addresses() {
        let query = [QUERY_HEADER, QUESTION].concat();
        let answered = answer(&query, &HostId::ALL.map(HostId::virtual_address)).unwrap();
        assert_eq!(answered.len(), HEADER + QUESTION.len() + 2 * 16);
        assert_eq!((&answered[..4], answered[7]), (&[0x12, 0x34, 0x85, 0x80][..], 2));
        assert_eq!(answered[answered.len() - 4..], [192, 168, 2, 102]);
    }

    #[test]
    fn any_other_name_is_an_error() {
        let query = [QUERY_HEADER, b"\x05other\x00\x00\x01\x00\x01"].concat();
        let answered = answer(&query, &HostId::ALL.map(HostId::virtual_address)).unwrap();
        assert_eq!((answered.len(), answered[3], answered[7]), (query.len(), 0x83, 0));
    }

    #[test]
    fn a_truncated_query_is_not_answered() {
        let query = [QUERY_HEADER, QUESTION].concat();
        assert!((0..query.len()).all(|length| answer(&query[..length], &[]).is_none()));
    }
}
