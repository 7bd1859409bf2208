//! The kernel's news of routes, rules, and what these depend on.

use std::io;

use rtnetlink::packet_core::{NLM_F_REPLACE, NetlinkBuffer};
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use super::item::MARK;

const GROUPS: [libc::c_uint; 7] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_IPV4_IFADDR,
    libc::RTNLGRP_IPV6_IFADDR,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_ROUTE,
    libc::RTNLGRP_IPV4_RULE,
    libc::RTNLGRP_IPV6_RULE,
];

/// The kernel fills datagrams to 32 KiB at most.
const DATAGRAM_MAX: usize = 1 << 16;
/// The offset of the protocol in the kernel's message about a route (`rtmsg`).
const PROTOCOL_OFFSET: usize = 5;

/// The meaning of a piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Something of ours may be gone. The kernel drops IPv4 routes with their address or interface without a word.
    Loss,
    /// Something that could not be set may be possible now.
    Chance,
    /// Nothing to us.
    Nothing,
}

/// A socket that hears it all.
pub(super) struct Listener {
    socket: TokioSocket,
    datagram: Vec<u8>,
}

impl Listener {
    /// Needs a running tokio runtime.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        for group in GROUPS {
            socket.socket_mut().add_membership(group)?;
        }
        // Other processes cannot send to a connected socket.
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, datagram: Vec::with_capacity(DATAGRAM_MAX) })
    }

    /// Waits for the next datagram. One that was lost may have told of anything.
    pub(super) async fn next(&mut self) -> News {
        self.datagram.clear();
        match self.socket.recv(&mut self.datagram).await {
            Ok(()) => read(&self.datagram),
            // An overrun. Where it is another error there is at least nothing to be lost by looking.
            Err(_) => News::Loss,
        }
    }
}

/// Returns the meaning of all messages of a datagram together.
fn read(datagram: &[u8]) -> News {
    let (mut rest, mut all) = (datagram, News::Nothing);
    while let Ok(message) = NetlinkBuffer::new_checked(rest) {
        all = match (all, meaning(message.message_type(), message.flags(), message.payload())) {
            (News::Loss, _) | (_, News::Loss) => News::Loss,
            (News::Chance, _) | (_, News::Chance) => News::Chance,
            (News::Nothing, News::Nothing) => News::Nothing,
        };
        let end = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(end..).unwrap_or_default();
    }
    all
}

fn meaning(message_type: u16, flags: u16, payload: &[u8]) -> News {
    let ours = payload.get(PROTOCOL_OFFSET).is_some_and(|protocol| RouteProtocol::from(*protocol) == MARK);
    match message_type {
        libc::RTM_DELROUTE if ours => News::Loss,
        // Of a route that was replaced nothing else is said.
        libc::RTM_NEWROUTE if flags & NLM_F_REPLACE != 0 => News::Loss,
        libc::RTM_DELRULE | libc::RTM_DELADDR | libc::RTM_NEWLINK | libc::RTM_DELLINK => News::Loss,
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE | libc::RTM_NEWADDR => News::Chance,
        _ => News::Nothing,
    }
}

#[cfg(test)]
#[path = "../../../../vrrp-io-linux/src/testing.rs"]
mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{in_namespace, ip, run, wire};
    use super::*;

    #[test]
    fn news_that_were_lost_may_have_told_of_a_loss() {
        in_namespace(|| {
            wire("v0", "v1");
            // Of the links themselves there is to be no news any more.
            while ip("-brief link show").matches(" UP ").count() < 2 {}
            let routes: String =
                (0..4000).map(|n| format!("route add 10.0.{}.{}/32 dev v0\n", n / 250, n % 250)).collect();
            let file = std::env::temp_dir().join(format!("routes-{}", std::process::id()));
            std::fs::write(&file, routes).unwrap();
            run(async {
                let mut listener = Listener::open().unwrap();
                ip(&format!("-batch {}", file.display()));
                assert_eq!(listener.next().await, News::Loss);
                // After that each piece says what it is.
                assert_eq!(listener.next().await, News::Chance);
            });
            std::fs::remove_file(&file).unwrap();
        });
    }

    fn message(message_type: u16, flags: u16, protocol: u8) -> Vec<u8> {
        let mut octets = 28_u32.to_ne_bytes().to_vec();
        octets.extend([message_type.to_ne_bytes(), flags.to_ne_bytes()].concat());
        octets.extend([0; 8]);
        octets.extend([2, 24, 0, 0, 254, protocol, 0, 1, 0, 0, 0, 0]);
        octets
    }

    #[test]
    fn the_loss_of_a_route_of_ours_and_of_what_it_depends_on_is_told_from_other_news() {
        let (ours, theirs) = (112, 3);
        for (message_type, flags, protocol, expected) in [
            (libc::RTM_DELROUTE, 0, ours, News::Loss),
            (libc::RTM_DELROUTE, 0, theirs, News::Chance),
            (libc::RTM_NEWROUTE, 0, theirs, News::Chance),
            (libc::RTM_NEWROUTE, NLM_F_REPLACE, theirs, News::Loss),
            (libc::RTM_DELRULE, 0, 0, News::Loss),
            (libc::RTM_DELADDR, 0, 0, News::Loss),
            (libc::RTM_NEWADDR, 0, 0, News::Chance),
            (libc::RTM_NEWLINK, 0, 0, News::Loss),
            (libc::RTM_NEWNEIGH, 0, 0, News::Nothing),
        ] {
            assert_eq!(read(&message(message_type, flags, protocol)), expected, "{message_type} {flags} {protocol}");
        }
        let both = [message(libc::RTM_DELROUTE, 0, ours), message(libc::RTM_NEWADDR, 0, 0)].concat();
        assert_eq!(read(&both), News::Loss, "the first counts too");
    }

    #[test]
    fn no_octets_make_it_panic() {
        let whole = [message(libc::RTM_NEWADDR, 0, 0), message(libc::RTM_DELROUTE, 0, 112)].concat();
        for len in 0..whole.len() {
            read(&whole[..len]);
            for octet in [0, 3, 16, 17, 0xff] {
                let mut changed = whole.clone();
                changed[len] = octet;
                read(&changed);
            }
        }
    }
}
