//! The chip, an LM3S6965: its registers, its interrupts, its memory. All `unsafe` code is here.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SYST};
use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug;

/// Frequency of the processor, and of the counter that the clock reads.
pub(crate) const HERTZ: u32 = 50_000_000;
/// How often the clock ticks in a second.
pub(crate) const TICKS: u32 = 1_000;

/// A register of a peripheral.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    // System control.
    const RAW_INTERRUPTS: Self = Self(0x400f_e050);
    const RUN_MODE_CLOCK: Self = Self(0x400f_e060);
    const CLOCKS_1: Self = Self(0x400f_e104);
    const CLOCKS_2: Self = Self(0x400f_e108);
    /// The first three octets of the MAC address that the board was given.
    pub(crate) const USER_0: Self = Self(0x400f_e1e0);
    /// The other three.
    pub(crate) const USER_1: Self = Self(0x400f_e1e4);

    // The first serial port, and the pins that it shares with port A.
    const PORT_A_FUNCTION: Self = Self(0x4000_4420);
    const PORT_A_DIGITAL: Self = Self(0x4000_451c);
    pub(crate) const UART_DATA: Self = Self(0x4000_c000);
    pub(crate) const UART_FLAGS: Self = Self(0x4000_c018);
    pub(crate) const UART_DIVISOR: Self = Self(0x4000_c024);
    pub(crate) const UART_FRACTION: Self = Self(0x4000_c028);
    pub(crate) const UART_LINE: Self = Self(0x4000_c02c);
    pub(crate) const UART_CONTROL: Self = Self(0x4000_c030);

    // The Ethernet controller.
    pub(crate) const MAC_INTERRUPTS: Self = Self(0x4004_8000);
    pub(crate) const MAC_INTERRUPT_MASK: Self = Self(0x4004_8004);
    pub(crate) const MAC_RECEIVE: Self = Self(0x4004_8008);
    pub(crate) const MAC_TRANSMIT: Self = Self(0x4004_800c);
    pub(crate) const MAC_DATA: Self = Self(0x4004_8010);
    pub(crate) const MAC_PACKETS: Self = Self(0x4004_8034);
    pub(crate) const MAC_REQUEST: Self = Self(0x4004_8038);

    pub(crate) fn read(self) -> u32 {
        // SAFETY: the address is one of the constants above: a register of this chip, aligned, and there at all times.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above. No register here makes the chip write to memory: it has no DMA.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

/// Number of the Ethernet controller's interrupt.
#[derive(Clone, Copy)]
struct Ethernet;

const ETHERNET: u16 = 42;

// SAFETY: the number is the one that the data sheet gives.
unsafe impl cortex_m::interrupt::InterruptNumber for Ethernet {
    fn number(self) -> u16 {
        ETHERNET
    }
}

static TICKED: AtomicU32 = AtomicU32::new(0);

/// Starts the clocks of processor and peripherals, and the interrupts.
pub(crate) fn start(mut counter: SYST) {
    run_at_full_speed();
    // UART 0; ports A and F, Ethernet controller and its transceiver.
    Register::CLOCKS_1.write(Register::CLOCKS_1.read() | 1);
    Register::CLOCKS_2.write(Register::CLOCKS_2.read() | 1 | 1 << 5 | 1 << 28 | 1 << 30);
    // A peripheral may be used three cycles after its clock was started.
    cortex_m::asm::delay(3);
    Register::PORT_A_FUNCTION.write(0b11);
    Register::PORT_A_DIGITAL.write(0b11);

    counter.set_clock_source(SystClkSource::Core);
    counter.set_reload(HERTZ / TICKS - 1);
    counter.clear_current();
    counter.enable_interrupt();
    counter.enable_counter();
    // SAFETY: no critical section of this program is one by masking this interrupt.
    unsafe { NVIC::unmask(Ethernet) }
}

/// 200 MHz of the PLL by 4, in the order that the data sheet asks for.
fn run_at_full_speed() {
    const BYPASS: u32 = 1 << 11;
    const POWER_DOWN: u32 = 1 << 13;
    const DIVIDE: u32 = 1 << 22;
    const CRYSTAL_OF_8_MHZ: u32 = 0xe << 6;
    const BY_4: u32 = 3 << 23;
    const LOCKED: u32 = 1 << 6;
    Register::RUN_MODE_CLOCK.write(Register::RUN_MODE_CLOCK.read() & !DIVIDE | BYPASS | POWER_DOWN);
    Register::RUN_MODE_CLOCK.write(BY_4 | DIVIDE | BYPASS | CRYSTAL_OF_8_MHZ);
    while Register::RAW_INTERRUPTS.read() & LOCKED == 0 {}
    Register::RUN_MODE_CLOCK.write(BY_4 | DIVIDE | CRYSTAL_OF_8_MHZ);
}

/// Returns how many ticks there have been, and how many cycles of the one that has begun.
pub(crate) fn ticks() -> (u32, u32) {
    loop {
        let ticks = TICKED.load(Ordering::Relaxed);
        let cycles = HERTZ / TICKS - 1 - SYST::get_current();
        if TICKED.load(Ordering::Relaxed) == ticks {
            return (ticks, cycles);
        }
    }
}

/// Sleeps until the next interrupt, a tick or a frame, if `may` still allows it when nothing can interrupt any more.
///
/// A pending interrupt ends the sleep although it is masked; it is served afterwards. So none is missed in between.
pub(crate) fn sleep_if(may: impl FnOnce() -> bool) {
    cortex_m::interrupt::free(|_| {
        if may() {
            cortex_m::asm::wfi();
        }
    });
}

/// Returns how many octets of the stack have been used at most, of how many.
///
/// Before `main` all of it was painted with one value.
#[must_use]
pub fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, bottom) = (&raw const _stack_start as usize, &raw const _stack_end as usize);
    // SAFETY: every word between the two is memory and aligned.
    let painted = |at: &usize| unsafe { (*at as *const u32).read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE;
    let unused = (bottom..top).step_by(4).take_while(painted).count() * 4;
    (top - bottom - unused, top - bottom)
}

/// Ends the program with an error: the emulator exits, and a debugger stops.
pub(crate) fn fail() -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}

#[exception]
fn SysTick() {
    TICKED.store(TICKED.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Every other interrupt: there is one.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == ETHERNET as i16 {
        // It has woken the processor. The frame stays where it is, until the program fetches it and asks for the next interrupt.
        Register::MAC_INTERRUPT_MASK.write(0);
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    crate::console::say_at_once(format_args!("hard fault: {frame:?}\n"));
    fail()
}

/// Memory for what is made at the start, and for nothing after that.
#[cfg(feature = "heap")]
pub mod heap {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::UnsafeCell;
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    const SIZE: usize = 512;

    /// Hands out memory, and takes none back.
    #[repr(align(8))]
    struct Heap {
        memory: UnsafeCell<[u8; SIZE]>,
        used: AtomicUsize,
        allocations: AtomicUsize,
        sealed: AtomicBool,
    }

    // SAFETY: each octet of `memory` is handed out once.
    unsafe impl Sync for Heap {}

    #[global_allocator]
    static HEAP: Heap = Heap {
        memory: UnsafeCell::new([0; SIZE]),
        used: AtomicUsize::new(0),
        allocations: AtomicUsize::new(0),
        sealed: AtomicBool::new(false),
    };

    /// Makes every later allocation a panic. Returns how many octets are in use, and by how many allocations.
    pub fn seal() -> (usize, usize) {
        HEAP.sealed.store(true, Ordering::Relaxed);
        (HEAP.used.load(Ordering::Relaxed), HEAP.allocations.load(Ordering::Relaxed))
    }

    // SAFETY: what `alloc` returns is aligned, as long as asked for, inside of `memory`, and was never returned before: `used` only
    // grows, and only this program allocates, not its interrupts.
    unsafe impl GlobalAlloc for Heap {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            assert!(!self.sealed.load(Ordering::Relaxed), "{} octets allocated after the start", layout.size());
            let memory = self.memory.get().cast::<u8>();
            let used = self.used.load(Ordering::Relaxed);
            // SAFETY: `used` is never beyond the end.
            let start = used + unsafe { memory.add(used) }.align_offset(layout.align());
            match start.checked_add(layout.size()) {
                Some(end) if end <= SIZE => {
                    self.used.store(end, Ordering::Relaxed);
                    self.allocations.fetch_add(1, Ordering::Relaxed);
                    // SAFETY: `start` is not beyond `end`, which is not beyond the end of `memory`.
                    unsafe { memory.add(start) }
                }
                _ => core::ptr::null_mut(),
            }
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }
}
