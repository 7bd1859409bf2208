//! From a captured frame to the VRRP message in it, through every tunnel on the way.

use super::ip::{Carried, Datagram};
use super::link::Link;
use super::problem::Problem;

/// More tunnels than this, one in another, are a loop or an attack.
const MAX_TUNNELS: usize = 8;

/// The name of an IP authentication header in the layers of a frame.
const AUTHENTICATION_HEADER: &str = "AH";

/// A VRRP message, and what it was wrapped in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) datagram: Datagram<'a>,
    /// Names of the tunnels from the outermost to the innermost, and of the authentication header.
    pub(super) within: Vec<&'static str>,
}

/// Looks for a VRRP message in a frame; `None` when the frame carries something else.
pub(super) fn find(mut link: Link, frame: &[u8]) -> Result<Option<Found<'_>>, Problem> {
    let mut octets = frame;
    let mut within = Vec::new();
    while within.len() <= MAX_TUNNELS {
        let carried = match link.network(octets) {
            Ok(Some(network)) => network.carried(),
            Ok(None) => return Ok(None),
            Err(problem) => Err(problem),
        };
        match carried {
            Ok(Carried::Vrrp(datagram)) => {
                within.extend(datagram.authenticated.then_some(AUTHENTICATION_HEADER));
                return Ok(Some(Found { datagram, within }));
            }
            Ok(Carried::Tunnel(tunnel)) => {
                within.push(tunnel.name);
                (link, octets) = (tunnel.link, tunnel.frame);
            }
            Ok(Carried::Other) => return Ok(None),
            // Of the whole frame, however deep the end was met.
            Err(Problem::Early { .. }) => return Err(Problem::Early { had: frame.len() }),
            Err(problem) => return Err(problem),
        }
    }
    Err(Problem::Depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an IPv4 packet of a protocol from 10.0.0.1 to 10.0.0.2.
    fn ipv4(protocol: u8, rest: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(20 + rest.len()).unwrap().to_be_bytes();
        let header = [0x45, 0, high, low, 0, 0, 0, 0, 255, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [&header[..], rest].concat()
    }

    const MESSAGE: [u8; 8] = [0x31, 1, 100, 0, 0, 100, 0, 0];

    #[test]
    fn tunnels_in_tunnels_are_opened_up_to_a_bound() {
        let mut packet = ipv4(112, &MESSAGE);
        for depth in 0..=MAX_TUNNELS {
            let found = find(Link::Raw, &packet).unwrap().unwrap();
            assert_eq!((found.datagram.payload, found.within), (&MESSAGE[..], vec!["IP in IP"; depth]));
            packet = ipv4(4, &packet);
        }
        assert_eq!(find(Link::Raw, &packet), Err(Problem::Depth));
    }

    #[test]
    fn an_end_that_comes_too_early_is_told_of_the_whole_frame() {
        let packet = ipv4(4, &ipv4(4, &ipv4(112, &MESSAGE)));
        for len in 0..packet.len() {
            let found = find(Link::Raw, &packet[..len]);
            match found {
                Err(Problem::Early { had }) => assert_eq!(had, len),
                // The message is known by its protocol, though nothing of it is there.
                Err(Problem::Cut { .. }) => assert!(len >= 50, "{len}"),
                _ => panic!("{len}: {found:?}"),
            }
        }
    }
}
