//! Frames in and out.

use crate::chip::Register;

/// Longest frame, without its check sequence.
pub const MAX_FRAME: usize = 1514;
/// Most frames that wait in the controller.
pub const QUEUE: usize = 31;

/// Octets of a frame's header.
const HEADER: usize = 14;
/// Octets that the controller counts in addition: the length itself, and the check sequence.
const LENGTH_AND_CHECK: usize = 2 + 4;
/// A frame has come.
const RECEIVED: u32 = 1;

/// The Ethernet controller: two queues of 2,048 octets, and one register to them.
pub struct Ethernet {
    mac: [u8; 6],
}

impl Ethernet {
    /// Opens the controller.
    pub(crate) fn new() -> Self {
        // Every group and every address: it has a filter for one address, and a Master has two. No frame with an error.
        Register::MAC_INTERRUPT_MASK.write(0);
        Register::MAC_RECEIVE.write(RESET_QUEUE);
        Register::MAC_RECEIVE.write(1 | 1 << 1 | 1 << 2 | 1 << 3);
        // It fills up short frames, adds the check sequence, and sends while it receives.
        Register::MAC_TRANSMIT.write(1 | 1 << 1 | 1 << 2 | 1 << 4);
        Register::MAC_INTERRUPTS.write(0x7f);
        let [[a, b, c, _], [d, e, f, _]] = [Register::USER_0, Register::USER_1].map(|half| half.read().to_le_bytes());
        Self { mac: [a, b, c, d, e, f] }
    }

    /// The MAC address that the board was given.
    #[must_use]
    pub const fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Tells whether a frame waits.
    #[must_use]
    pub(crate) fn has_frame(&self) -> bool {
        Register::MAC_PACKETS.read() & 0x3f != 0
    }

    /// Has the next frame interrupt the processor's sleep.
    pub(crate) fn wake_me(&self) {
        Register::MAC_INTERRUPTS.write(RECEIVED);
        Register::MAC_INTERRUPT_MASK.write(RECEIVED);
    }

    /// Reads the frame that has waited longest.
    pub fn receive<'a>(&mut self, buffer: &'a mut [u8; MAX_FRAME]) -> Option<&'a [u8]> {
        if !self.has_frame() {
            return None;
        }
        // The length, and the first two octets.
        let [low, high, first, second] = Register::MAC_DATA.read().to_le_bytes();
        let counted = usize::from(u16::from_le_bytes([low, high]));
        let [to_first, to_second, rest @ ..] = buffer;
        (*to_first, *to_second) = (first, second);
        let mut rest = rest.chunks_mut(4);
        for _ in 1..counted.div_ceil(4) {
            let word = Register::MAC_DATA.read().to_le_bytes();
            rest.next().unwrap_or_default().iter_mut().zip(word).for_each(|(to, octet)| *to = octet);
        }
        // One that is longer than the buffer is none of ours.
        buffer.get(..counted.checked_sub(LENGTH_AND_CHECK)?)
    }

    /// Sends a frame; returns when the controller has all of it. One that is too short or too long is not sent.
    pub fn send(&mut self, frame: &[u8]) {
        let (Some(payload), Some((start, rest))) = (frame.len().checked_sub(HEADER), frame.split_first_chunk::<2>())
        else {
            return;
        };
        if frame.len() > MAX_FRAME {
            return;
        }
        // The last one has left.
        while Register::MAC_REQUEST.read() & 1 != 0 {}
        Register::MAC_DATA.write(payload as u32 | u32::from(u16::from_le_bytes(*start)) << 16);
        for octets in rest.chunks(4) {
            let mut word = [0; 4];
            word.iter_mut().zip(octets).for_each(|(to, octet)| *to = *octet);
            Register::MAC_DATA.write(u32::from_le_bytes(word));
        }
        Register::MAC_REQUEST.write(1);
    }
}

const RESET_QUEUE: u32 = 1 << 4;
