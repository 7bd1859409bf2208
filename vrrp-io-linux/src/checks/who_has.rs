//! A query for the hosts that answer for addresses: it collects every answer of the link, where a check takes the first.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use socket2::Socket;

use super::deadline::Deadline;
use super::neighbour::{self, Mac};
use crate::sys;

/// MAC addresses that are returned of one address at most: anybody can forge more.
const ANSWERS: usize = 8;

/// Asks who has these addresses on the link of an interface, once for each, and collects the answers of other hosts for as long
/// as `patience`, up to eight different ones for an address. For IPv4 these are ARP probes (RFC 5227): they come from no address,
/// so no neighbour learns anything from them. For IPv6 they are neighbour solicitations. It never answers for this host itself. It
/// needs a tokio runtime with I/O and time.
///
/// # Errors
/// There is no such interface, it has no MAC address, or the system refuses; CAP_NET_RAW is needed.
pub async fn who_has(interface: &str, addresses: &[IpAddr], patience: Duration) -> io::Result<Vec<(IpAddr, [u8; 6])>> {
    let deadline = Deadline::after(patience);
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().copied().partition(IpAddr::is_ipv4);
    let name = interface.to_owned();
    let link = tokio::task::spawn_blocking(move || neighbour::link(&name, Ipv4Addr::UNSPECIFIED.into()));
    let link = link.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
    let arp = if v4.is_empty() { None } else { Some(neighbour::arp_socket(link)?) };
    let icmp = if v6.is_empty() { None } else { Some(neighbour::icmp_socket(interface, link)?) };
    for address in addresses {
        match (address, &arp, &icmp) {
            (IpAddr::V4(target), Some(arp), _) => neighbour::request(arp, link, Ipv4Addr::UNSPECIFIED, *target)?,
            (IpAddr::V6(target), _, Some(icmp)) => neighbour::solicit_once(icmp, link, *target)?,
            _ => {}
        }
    }
    let (by_arp, by_icmp) = tokio::join!(collect(arp, &v4, deadline), collect(icmp, &v6, deadline));
    let mut answers = by_arp?;
    answers.extend(by_icmp?);
    Ok(answers.into_iter().collect())
}

/// Returns what comes in until then; nothing where there is no socket.
async fn collect(
    socket: Option<Socket>,
    targets: &[IpAddr],
    deadline: Deadline,
) -> io::Result<BTreeSet<(IpAddr, Mac)>> {
    let mut answers = BTreeSet::new();
    let Some(socket) = socket.map(sys::watch).transpose()? else { return Ok(answers) };
    let answer = |octets: &[u8]| targets.iter().find_map(|target| Some((*target, neighbour::answer(octets, *target)?)));
    // One limit for all of it: under a flood each of them would come in time.
    let failure = async {
        loop {
            match neighbour::hear(&socket, answer).await {
                Ok((target, mac)) if answers.range((target, [0; 6])..=(target, [0xff; 6])).count() < ANSWERS => {
                    answers.insert((target, mac));
                }
                Ok(_) => {}
                Err(why) => break why,
            }
        }
    };
    let failed = deadline.within(failure).await;
    failed.map_or(Ok(answers), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    use socket2::{Domain, Type};

    const LONG: Duration = Duration::from_secs(20);

    /// It runs on a thread of its own, for one that never ends could not be stopped.
    fn on_a_runtime<T: Send + 'static>(test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            done.send(runtime.block_on(test())).unwrap();
        });
        result.recv_timeout(LONG).unwrap()
    }

    #[test]
    fn under_a_flood_it_ends_in_time_and_others_have_their_turn() {
        let answers = on_a_runtime(async || {
            // It is readable for ever: each read finds the end of what the other side said.
            let (flooded, other) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
            flooded.set_nonblocking(true).unwrap();
            drop(other);
            let other = tokio::spawn(async {});
            let answers = collect(Some(flooded), &[], Deadline::after(Duration::from_millis(50))).await.unwrap();
            assert!(other.is_finished());
            answers
        });
        assert!(answers.is_empty());
    }

    #[test]
    fn forged_answers_for_one_address_leave_room_for_the_others() {
        let targets = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let answers = on_a_runtime(async move || {
            let (socket, other) = Socket::pair(Domain::UNIX, Type::DGRAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // An ARP reply, from a MAC address and for an IPv4 address.
            let say = |mac: u8, address: u8| {
                let reply = [&[0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, mac, 192, 0, 2, address][..], &[0; 10]].concat();
                other.send(&reply).unwrap();
            };
            (0..9).for_each(|mac| say(mac, 1));
            say(9, 2);
            collect(Some(socket), &targets, Deadline::after(Duration::from_millis(50))).await.unwrap()
        });
        let count = |target| answers.iter().filter(|(of, _)| *of == target).count();
        assert_eq!(targets.map(count), [ANSWERS, 1]);
    }

    #[test]
    fn patience_may_be_as_long_as_a_duration_can_say() {
        assert!(on_a_runtime(async || who_has("no-such-link", &[], Duration::MAX).await).is_err());
    }
}
