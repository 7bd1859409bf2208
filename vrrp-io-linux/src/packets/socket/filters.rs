//! Filters for the sockets of an interface, as programs of classic BPF: the kernel hands over nothing else, because it would wake
//! the driver.

use etherparse::IpNumber;
use socket2::SockFilter;
use vrrp_core::Family;

use super::{ipv4, ipv6};

// linux/bpf_common.h
const LOAD_LENGTH: u16 = 0x80;
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_OCTET: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ABOVE: u16 = 0x25;
const JUMP_IF_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;

/// The offset at which the kernel says whom a frame was sent to (`SKF_AD_OFF + SKF_AD_PKTTYPE`).
const FRAME_KIND: u32 = 0xffff_f004;
/// The last of the kinds that are for this host: to itself, to all, to a group. Then come frames to others and our own.
const TO_A_GROUP: u32 = 2;
const WHOLE: u32 = u32::MAX;

/// A program under construction. What does not meet a condition is dropped.
struct Program(Vec<SockFilter>);

impl Program {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn then(mut self, code: u16, value: u32) -> Self {
        self.0.push(SockFilter::new(code, 0, 0, value));
        self
    }

    /// Goes on only where the comparison of what was loaded holds.
    fn only_if(mut self, comparison: u16, value: u32) -> Self {
        self.0.push(SockFilter::new(comparison, 1, 0, value));
        self.then(RETURN, 0)
    }

    fn unless(mut self, comparison: u16, value: u32) -> Self {
        self.0.push(SockFilter::new(comparison, 0, 1, value));
        self.then(RETURN, 0)
    }

    /// Lets all conditions of `alternative` decide if the comparison holds, else those that follow.
    fn branch(mut self, comparison: u16, value: u32, alternative: Self) -> Self {
        let skipped = u8::try_from(alternative.0.len()).unwrap_or(u8::MAX);
        self.0.push(SockFilter::new(comparison, 0, skipped, value));
        self.0.extend(alternative.0);
        self
    }

    fn accept(self) -> Self {
        self.then(RETURN, WHOLE)
    }

    fn drop_all(self) -> Self {
        self.then(RETURN, 0)
    }
}

/// Returns the filter of a packet socket that gets packets from their IP header on: whole packets of protocol 112 to
/// the group, if `multicast`, or to some host. Of protocol 51, an authentication header, those to the IPv4 group.
/// Nothing that went out, nothing for other hosts.
pub(super) fn advertisements(family: Family, multicast: bool) -> Vec<SockFilter> {
    let vrrp = u32::from(IpNumber::VRRP.0);
    let program = Program::new().then(LOAD_WORD, FRAME_KIND).unless(JUMP_IF_ABOVE, TO_A_GROUP);
    let program = match family {
        Family::Ipv4 => {
            let authentication = u32::from(IpNumber::AUTHENTICATION_HEADER.0);
            let to_group = if multicast {
                let plain = Program::new().accept();
                Program::new()
                    .then(LOAD_OCTET, 9)
                    .branch(JUMP_IF_EQUAL, vrrp, plain)
                    .only_if(JUMP_IF_EQUAL, authentication)
                    .accept()
            } else {
                Program::new().drop_all()
            };
            let program = program.then(LOAD_OCTET, 0).then(AND, 0xf0).only_if(JUMP_IF_EQUAL, 0x40);
            // More fragments, or an offset.
            let program = program.then(LOAD_HALF, 6).unless(JUMP_IF_BITS, 0x3fff);
            let program = program.then(LOAD_WORD, 16).branch(JUMP_IF_EQUAL, ipv4::GROUP.to_bits(), to_group);
            // Other groups, and broadcast.
            let program = program.unless(JUMP_IF_ABOVE, 0xdfff_ffff);
            program.then(LOAD_OCTET, 9).only_if(JUMP_IF_EQUAL, vrrp).accept()
        }
        Family::Ipv6 => {
            let program = program.then(LOAD_OCTET, 0).then(AND, 0xf0).only_if(JUMP_IF_EQUAL, 0x60);
            let program = program.then(LOAD_OCTET, 6).only_if(JUMP_IF_EQUAL, vrrp);
            let to_group = if multicast {
                let words = ipv6::GROUP.to_bits().to_be_bytes();
                let words =
                    words.chunks_exact(4).map(|word| word.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet)));
                let compare = |program: Program, (at, word)| program.then(LOAD_WORD, at).only_if(JUMP_IF_EQUAL, word);
                (24..).step_by(4).zip(words).fold(Program::new(), compare).accept()
            } else {
                Program::new().drop_all()
            };
            program.then(LOAD_OCTET, 24).branch(JUMP_IF_EQUAL, 0xff, to_group).accept()
        }
    };
    program.0
}

/// Returns the filter of a raw socket: only what is longer than `octets`. What came in fragments is among that.
pub(super) fn longer_than(octets: u32) -> Vec<SockFilter> {
    Program::new().then(LOAD_LENGTH, 0).only_if(JUMP_IF_ABOVE, octets).accept().0
}
