//! The services of a host for its addresses on an Ethernet: it answers ARP and ping. A Master does that for the virtual addresses
//! too, with the virtual MAC address (RFC 9568 sections 6.4.3 and 8.1.2).

use core::net::Ipv4Addr;

use vrrp_core::wire;

use crate::MAX_FRAME;

/// The board on its link.
pub struct Station {
    mac: [u8; 6],
    address: Ipv4Addr,
    virtual_mac: [u8; 6],
    /// The addresses of `VIRTUAL_ADDRESSES` that it serves.
    served: [Option<Ipv4Addr>; MOST],
}

/// Most virtual addresses that it can serve.
const MOST: usize = crate::settings::VIRTUAL_ADDRESSES.len();

impl Station {
    /// A station with an address of its own, and no virtual one yet.
    #[must_use]
    pub const fn new(mac: [u8; 6], address: Ipv4Addr, virtual_mac: [u8; 6]) -> Self {
        Self { mac, address, virtual_mac, served: [None; MOST] }
    }

    /// Serves a virtual address from now on; returns whether it has room for it.
    pub fn add(&mut self, address: Ipv4Addr) -> bool {
        if self.serves(address) {
            return true;
        }
        match self.served.iter_mut().find(|served| served.is_none()) {
            Some(free) => {
                *free = Some(address);
                true
            }
            None => false,
        }
    }

    /// Serves it no more.
    pub fn remove(&mut self, address: Ipv4Addr) {
        self.served.iter_mut().filter(|served| **served == Some(address)).for_each(|served| *served = None);
    }

    /// Writes the answer to a frame, if there is one; returns its length.
    pub fn answer(&self, frame: &[u8], out: &mut [u8; MAX_FRAME]) -> Option<usize> {
        let to = *frame.first_chunk::<6>()?;
        // The controller hears everything. What is sent to the virtual MAC address is the Master's (FSM-B-02).
        let is_master = self.served.iter().any(Option::is_some);
        if to != self.mac && !(is_master && to == self.virtual_mac) && !is_group(to) {
            return None;
        }
        let reply = wire::arp_reply(frame, self.virtual_mac, |address| self.serves(address))
            .or_else(|| wire::arp_reply(frame, self.mac, |address| address == self.address));
        match reply {
            Some(reply) => {
                out.first_chunk_mut().map(|front| *front = reply)?;
                Some(reply.len())
            }
            None => self.echo(frame, out),
        }
    }

    /// Writes the answer to an ICMP echo request (RFC 792): the same octets, back.
    fn echo(&self, frame: &[u8], out: &mut [u8; MAX_FRAME]) -> Option<usize> {
        const IP: usize = 14;
        const ICMP: usize = IP + 20;
        const REQUEST: u8 = 8;
        const TTL: u8 = 64;
        let out = out.get_mut(..frame.len())?;
        out.copy_from_slice(frame);
        let (headers, rest) = out.split_first_chunk_mut::<ICMP>()?;
        let [
            _,
            _,
            _,
            _,
            _,
            _,
            from @ ..,
            0x08,
            0x00,
            0x45,
            _,
            _,
            _,
            _,
            _,
            flags,
            offset,
            _,
            1,
            _,
            _,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
        ] = *headers
        else {
            return None;
        };
        let (source, destination) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
        let is_whole = u16::from_be_bytes([flags, offset]) & 0x3fff == 0;
        if !is_whole || is_group(from) || source.is_multicast() || source.is_broadcast() || source.is_unspecified() {
            return None;
        }
        let mac = match destination {
            own if own == self.address => self.mac,
            served if self.serves(served) => self.virtual_mac,
            _ => return None,
        };
        let [REQUEST, 0, sum @ ..] = rest.first_chunk_mut::<4>()? else { return None };
        let (high, low) = (u16::from(REQUEST) << 8, 0);
        *sum = adjusted(u16::from_be_bytes(*sum), high, low).to_be_bytes();
        rest[0] = 0;

        headers[..6].copy_from_slice(&from);
        headers[6..12].copy_from_slice(&mac);
        let word = |headers: &[u8; ICMP], at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
        let (before, sum) = (word(headers, IP + 8), word(headers, IP + 10));
        headers[IP + 8] = TTL;
        let sum = adjusted(sum, before, word(headers, IP + 8));
        headers[IP + 10..IP + 12].copy_from_slice(&sum.to_be_bytes());
        headers[IP + 12..IP + 16].copy_from_slice(&destination.octets());
        headers[IP + 16..].copy_from_slice(&source.octets());
        Some(frame.len())
    }

    fn serves(&self, address: Ipv4Addr) -> bool {
        self.served.contains(&Some(address))
    }
}

const fn is_group([first, ..]: [u8; 6]) -> bool {
    first & 1 == 1
}

/// Returns the checksum after one word of what it covers became another (RFC 1624 equation 3).
const fn adjusted(sum: u16, before: u16, after: u16) -> u16 {
    let sum = !sum as u32 + !before as u32 + after as u32;
    let sum = (sum >> 16) + (sum & 0xffff);
    !((sum >> 16) + (sum & 0xffff)) as u16
}
