//! Telling the link who has an address now.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use socket2::{Domain, Socket, Type};

use crate::sys;

type Mac = [u8; 6];

const BROADCAST: Mac = [0xff; 6];
const ETHERTYPE_ARP: u16 = 0x0806;
const FRAME_LEN: usize = 42;

/// Sends announcement frames on any interface.
#[derive(Debug)]
pub(crate) struct LinkLayer {
    socket: Socket,
}

impl LinkLayer {
    /// Opens a packet socket that receives nothing.
    pub(crate) fn open() -> io::Result<Self> {
        // Protocol 0 matches no frame.
        Ok(Self { socket: Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)? })
    }

    /// Tells everybody on the link that `mac` has `address`, with one gratuitous ARP request (GARP-01, GARP-02).
    pub(crate) fn announce(&self, ifindex: u32, mac: Mac, address: IpAddr) -> io::Result<()> {
        let IpAddr::V4(address) = address else {
            let text = format!("cannot announce {address}: only IPv4 has ARP");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        };
        let to = sys::link_layer_address(ifindex, ETHERTYPE_ARP, BROADCAST);
        self.socket.send_to(&gratuitous_arp(mac, address), &to).map(drop)
    }
}

/// An ARP request for `address` that asks nothing: whoever hears it learns the sender.
fn gratuitous_arp(mac: Mac, address: Ipv4Addr) -> [u8; FRAME_LEN] {
    const HARDWARE_ETHERNET: [u8; 2] = [0, 1];
    const PROTOCOL_IPV4: [u8; 2] = [8, 0];
    const LENGTHS: [u8; 2] = [6, 4];
    const REQUEST: [u8; 2] = [0, 1];

    let address = address.octets();
    let fields: [&[u8]; 11] = [
        &BROADCAST,
        &mac,
        &ETHERTYPE_ARP.to_be_bytes(),
        &HARDWARE_ETHERNET,
        &PROTOCOL_IPV4,
        &LENGTHS,
        &REQUEST,
        &mac,
        &address,
        // The hardware address asked for: receivers ignore it, RFC 9568 wants the sender's.
        &mac,
        &address,
    ];
    let mut frame = [0; FRAME_LEN];
    for (to, from) in frame.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    frame
}
