//! The services of a microcontroller for a router: frames, a clock, a serial line for messages, sleep. And the services of a host
//! for its addresses: answers to ARP and ping.
//!
//! Two programs use it. `heap` has the whole router of vrrp-core, in memory that is allocated once; `no-heap` has its state machine and
//! its packets.
#![no_std]

mod chip;
mod clock;
mod console;
mod ethernet;
pub mod settings;
mod station;

use core::panic::PanicInfo;

use vrrp_core::Instant;

#[cfg(feature = "heap")]
pub use chip::heap;
pub use chip::stack;
pub use clock::Clock;
pub use console::Console;
pub use ethernet::{Ethernet, MAX_FRAME, QUEUE};
pub use station::Station;

/// All of the board that the programs use.
pub struct Board {
    /// The network.
    pub ethernet: Ethernet,
    /// The time.
    pub clock: Clock,
    /// The serial port.
    pub console: Console,
}

impl Board {
    /// Starts the board; `None` where that has been done before.
    #[must_use]
    pub fn start() -> Option<Self> {
        let processor = cortex_m::Peripherals::take()?;
        chip::start(processor.SYST);
        Some(Self { ethernet: Ethernet::new(), clock: Clock::default(), console: Console::new() })
    }

    /// Returns when there is something to do: a frame, or `deadline`.
    ///
    /// The processor sleeps from tick to tick, and not at all in the last tick before the deadline: so a deadline is met to the
    /// microsecond, and not to the tick.
    pub fn wait(&mut self, deadline: Option<Instant>) {
        const TICK: u64 = 1_000_000;
        while !self.ethernet.has_frame() {
            self.console.send();
            let left = deadline.map_or(u64::MAX, |at| at.as_nanos().saturating_sub(self.clock.now().as_nanos()));
            match left {
                0 => return,
                ..=TICK => {}
                _ => {
                    self.ethernet.wake_me();
                    chip::sleep_if(|| !self.ethernet.has_frame());
                }
            }
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::say_at_once(format_args!("{info}\n"));
    chip::fail()
}
