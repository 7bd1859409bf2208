//! A query for the hosts that answer for addresses: it collects every answer of the link, where a check takes the first.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::Socket;
use tokio::time::{Instant, timeout_at};

use super::neighbour::{self, Mac};
use crate::sys;

/// Asks who has these addresses on the link of an interface, once for each, and collects every answer of other hosts for as long
/// as `patience`. For IPv4 these are ARP probes (RFC 5227): they come from no address, so no neighbour learns anything from
/// them. For IPv6 they are neighbour solicitations. It never answers for this host itself.
///
/// # Errors
/// There is no such interface, it has no MAC addresses, or the system refuses; CAP_NET_RAW is needed.
pub async fn who_has(interface: &str, addresses: &[IpAddr], patience: Duration) -> io::Result<Vec<(IpAddr, [u8; 6])>> {
    let until = Instant::now() + patience;
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().copied().partition(IpAddr::is_ipv4);
    let name = interface.to_owned();
    let link = tokio::task::spawn_blocking(move || neighbour::link(&name, Ipv4Addr::UNSPECIFIED.into()));
    let link = link.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
    let arp = if v4.is_empty() { None } else { Some(neighbour::arp_socket(link)?) };
    let icmp = if v6.is_empty() { None } else { Some(neighbour::icmp_socket(link)?) };
    for address in addresses {
        match (address, &arp, &icmp) {
            (IpAddr::V4(target), Some(arp), _) => neighbour::request(arp, link, Ipv4Addr::UNSPECIFIED, *target)?,
            (IpAddr::V6(target), _, Some(icmp)) => neighbour::solicit_once(icmp, link, *target)?,
            _ => {}
        }
    }
    let (by_arp, by_icmp) = tokio::join!(collect(arp, &v4, until), collect(icmp, &v6, until));
    let mut answers = by_arp?;
    answers.extend(by_icmp?);
    answers.sort_unstable();
    answers.dedup();
    Ok(answers)
}

/// Returns what comes in until then; nothing where there is no socket.
async fn collect(socket: Option<Socket>, targets: &[IpAddr], until: Instant) -> io::Result<Vec<(IpAddr, Mac)>> {
    let Some(socket) = socket.map(sys::watch).transpose()? else { return Ok(Vec::new()) };
    let mut answers = Vec::new();
    while let Ok(ready) = timeout_at(until, socket.readable()).await {
        let mut buffer = [0; 512];
        let Ok(received) = ready?.try_io(|socket| sys::receive(socket.get_ref().as_fd(), &mut buffer)) else {
            continue;
        };
        let received = received?;
        let Some(octets) = buffer.get(..received.len) else { continue };
        // What was forwarded is nobody's neighbour (RFC 4861 section 7.1.2).
        if received.hop_limit.is_some_and(|hops| hops != 255) {
            continue;
        }
        let said = targets.iter().filter_map(|target| Some((*target, neighbour::answer(octets, *target)?)));
        answers.extend(said);
    }
    Ok(answers)
}
