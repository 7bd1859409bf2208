//! Listens at the proxies' ports of the LAN switch: every advertisement and gratuitous ARP, with the kernel's time stamp.

use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket, sockopt,
};

use super::timeline::{Event, Timeline};
use super::topology::{HostId, Topology};
use crate::testbed::error::Error;

const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
const VRRP: u8 = 112;

/// Starts the observer on a thread of its own; it ends with the process.
pub(super) fn start(topology: &Topology, timeline: &Arc<Timeline>) -> Result<(), Error> {
    let opened = topology.lan.namespace.run(|| {
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(socket)
    });
    let failed = |error: io::Error| Error::new("listening at the switch of the LAN", error);
    let socket = opened.map_err(failed)?;
    let ports = HostId::ALL.map(|host| (topology.port(host), host));
    let timeline = Arc::clone(timeline);
    let observe = move || {
        let mut buffer = [0_u8; 2048];
        loop {
            match receive(&socket, &mut buffer) {
                Ok(Some(seen)) => {
                    let from = ports.iter().find(|(port, _)| *port == seen.port).map(|(_, host)| *host);
                    let frame = buffer.get(..seen.length).unwrap_or_default();
                    if let Some(event) = from.and_then(|host| classify(host, frame)) {
                        timeline.record(seen.at, event);
                    }
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return eprintln!("the observer stopped listening: {error}"),
            }
        }
    };
    thread::Builder::new().name("observer".to_owned()).spawn(observe).map_err(failed)?;
    Ok(())
}

/// A frame that came in at a port of the switch.
struct Seen {
    at: Instant,
    port: u32,
    length: usize,
}

/// Waits for the next frame; `None` for one that the switch itself sends out.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Seen>> {
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
    let Some(link) = message.address.filter(|link| link.pkttype() != nix::libc::PACKET_OUTGOING) else {
        return Ok(None);
    };
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    Ok(Some(Seen { at: instant_of(stamp), port: u32::try_from(link.ifindex()).unwrap_or(0), length: message.bytes }))
}

/// The kernel stamps in wall clock time; only its distance from now carries over.
fn instant_of(stamp: Option<Duration>) -> Instant {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let age = stamp.and_then(|stamp| wall.duration_since(SystemTime::UNIX_EPOCH + stamp).ok());
    now.checked_sub(age.unwrap_or_default()).unwrap_or(now)
}

/// What a frame from `host` says, if it is VRRPv2 over IPv4 or a gratuitous ARP.
fn classify(host: HostId, frame: &[u8]) -> Option<Event> {
    let packet = frame.get(14..)?;
    if frame.get(12..14)? == IPV4 {
        let header_length = usize::from(packet.first()? & 0x0f) * 4;
        let vrrp = packet.get(header_length..).filter(|_| packet.get(9) == Some(&VRRP))?;
        Some(Event::Advert { host, vrid: *vrrp.get(1)?, priority: *vrrp.get(2)? })
    } else if frame.get(12..14)? == ARP {
        let (sender, target): (&[u8; 4], _) = (packet.get(14..18)?.try_into().ok()?, packet.get(24..28)?);
        (sender == target).then(|| Event::Announcement { host, address: Ipv4Addr::from(*sender) })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: [u8; 12] = [0xff; 12];

    #[test]
    fn an_advertisement_is_told_by_its_protocol_even_behind_options() {
        let mut ip = [0_u8; 24];
        (ip[0], ip[9]) = (0x46, VRRP);
        let frame = [&ETHERNET[..], &IPV4, &ip, &[0x21, 7, 200, 1]].concat();
        let expected = Event::Advert { host: HostId::Proxy1, vrid: 7, priority: 200 };
        assert_eq!(classify(HostId::Proxy1, &frame), Some(expected));
        let mut tcp = frame;
        tcp[23] = 6;
        assert_eq!(classify(HostId::Proxy1, &tcp), None);
    }

    #[test]
    fn a_gratuitous_arp_names_the_same_address_twice() {
        let arp =
            |sender: [u8; 4], target: [u8; 4]| [&ETHERNET[..], &ARP, &[0; 14], &sender, &[0; 6], &target].concat();
        let address = Ipv4Addr::new(192, 168, 2, 101);
        let seen = classify(HostId::Proxy2, &arp(address.octets(), address.octets()));
        assert_eq!(seen, Some(Event::Announcement { host: HostId::Proxy2, address }));
        assert_eq!(classify(HostId::Proxy2, &arp(address.octets(), [192, 168, 2, 1])), None);
    }

    #[test]
    fn a_truncated_frame_is_nothing() {
        let whole = [&ETHERNET[..], &ARP, &[0; 28]].concat();
        assert!((0..whole.len()).all(|length| classify(HostId::Proxy1, &whole[..length]).is_none()));
    }
}
