//! Lines over the serial port, 115,200 baud: 87 microseconds an octet. So what is said waits until there is nothing else to do.

use core::fmt::{self, Arguments, Write};

use vrrp_core::Instant;

use crate::chip::{HERTZ, Register};

const LEN: usize = 1024;
const BAUD: u32 = 115_200;
/// Flag of the port: it takes no octet now.
const FULL: u32 = 1 << 5;

/// The lines that are still to be sent.
pub struct Console {
    octets: [u8; LEN],
    first: usize,
    len: usize,
}

impl Console {
    /// Opens the port.
    #[must_use]
    pub(crate) fn new() -> Self {
        // In 64ths, rounded.
        const DIVISOR: u32 = (HERTZ * 8 / BAUD + 1) / 2;
        Register::UART_CONTROL.write(0);
        Register::UART_DIVISOR.write(DIVISOR / 64);
        Register::UART_FRACTION.write(DIVISOR % 64);
        // Eight bits, no parity, one stop bit; buffers.
        Register::UART_LINE.write(0b0111_0000);
        // On, in both directions.
        Register::UART_CONTROL.write(0x301);
        Self { octets: [0; LEN], first: 0, len: 0 }
    }

    /// Says a line, with the time in milliseconds. One that finds no room is lost.
    pub fn line(&mut self, now: Instant, text: Arguments<'_>) {
        let (micros, before) = (now.as_nanos() / 1_000, self.len);
        if writeln!(self, "{}.{:03} {text}", micros / 1_000, micros % 1_000).is_err() {
            self.len = before;
        }
    }

    /// Says a line if none waits: for what strangers can cause as often as they like.
    pub fn remark(&mut self, now: Instant, text: Arguments<'_>) {
        if self.len == 0 {
            self.line(now, text);
        }
    }

    /// Sends what the port takes now. Returns false while something is left.
    pub(crate) fn send(&mut self) -> bool {
        while self.len > 0 {
            if Register::UART_FLAGS.read() & FULL != 0 {
                return false;
            }
            Register::UART_DATA.write(self.octets.get(self.first).copied().unwrap_or_default().into());
            self.first = (self.first + 1) % LEN;
            self.len -= 1;
        }
        true
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for octet in text.bytes() {
            let end = (self.first + self.len) % LEN;
            match self.octets.get_mut(end) {
                Some(to) if self.len < LEN => *to = octet,
                _ => return Err(fmt::Error),
            }
            self.len += 1;
        }
        Ok(())
    }
}

/// Says something, and waits until the port has taken it: for last words.
pub(crate) fn say_at_once(text: Arguments<'_>) {
    struct AtOnce;
    impl Write for AtOnce {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for octet in text.bytes() {
                while Register::UART_FLAGS.read() & FULL != 0 {}
                Register::UART_DATA.write(octet.into());
            }
            Ok(())
        }
    }
    let _ = AtOnce.write_fmt(text);
}
