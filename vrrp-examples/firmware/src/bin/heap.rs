//! A router with a heap of which nothing is taken after the start: all of vrrp-core but its `std`.
#![no_std]
#![no_main]

use core::net::IpAddr;

use cortex_m_rt::entry;
use vrrp_core::wire::{Frame, RxPacket, gratuitous_arp, igmp_v3_report};
use vrrp_core::{Action, Config, ConfigError, Family, Input, SendChecksum, VirtualRouter};
use vrrp_firmware::settings::{ADDRESS, INTERVAL, PRIORITY, PROFILE, VIRTUAL_ADDRESSES, VRID};
use vrrp_firmware::{Board, MAX_FRAME, QUEUE, Station, heap, stack};

#[entry]
fn main() -> ! {
    match (Board::start(), configuration()) {
        (Some(board), Ok(config)) => run(board, VirtualRouter::new(config)),
        (_, Err(error)) => panic!("{error}"),
        (None, _) => panic!("the board has been started before"),
    }
}

fn configuration() -> Result<Config, ConfigError> {
    let config = Config::new(PROFILE, VRID, &VIRTUAL_ADDRESSES.map(IpAddr::V4))?.with_priority(PRIORITY);
    // Most other makes send this form, and some insist on it.
    config.with_checksum(SendChecksum::PseudoHeader).with_interval(INTERVAL)
}

fn run(mut board: Board, mut router: VirtualRouter) -> ! {
    let mac = board.ethernet.mac();
    let mut station = Station::new(mac, ADDRESS, router.config().virtual_mac());
    let mut frame = [0; MAX_FRAME];
    let mut out = [0; MAX_FRAME];
    let (octets, allocations) = heap::seal();
    let now = board.clock.now();
    board.console.line(now, format_args!("router {} heap {octets} allocations {allocations}", size_of_val(&router)));

    // For switches that snoop; most pass on what goes to 224.0.0.0/24 in any case.
    board.ethernet.send(&igmp_v3_report(mac, ADDRESS, Family::GROUP_V4));
    router.handle(now, Input::PrimaryAddress(Some(IpAddr::V4(ADDRESS))));
    router.handle(now, Input::Startup);
    loop {
        carry_out(&mut router, &mut board, &mut station, &mut out);
        board.wait(router.deadline());
        // Received packets count before the deadline does. Only as many as can have waited: a flood must not keep a Master silent.
        for _ in 0..QUEUE {
            let Some(frame) = board.ethernet.receive(&mut frame) else { break };
            if let Some(packet) = RxPacket::from_frame(frame) {
                let now = board.clock.now();
                if let Err(reason) = router.handle_packet(now, packet) {
                    board.console.remark(now, format_args!("ignored: {reason}"));
                }
                carry_out(&mut router, &mut board, &mut station, &mut out);
            } else if let Some(len) = station.answer(frame, &mut out) {
                board.ethernet.send(&out[..len]);
            }
        }
        // Means nothing before the deadline.
        router.handle(board.clock.now(), Input::Timeout);
    }
}

/// Does what the router asks for, in its order.
fn carry_out(router: &mut VirtualRouter, board: &mut Board, station: &mut Station, out: &mut [u8; MAX_FRAME]) {
    while let Some(action) = router.poll_action() {
        match action {
            Action::SendAdvertisement(kind) => {
                let frame = Frame::multicast(router.config().virtual_mac(), IpAddr::V4(ADDRESS));
                if let Ok(len) = frame.write(out, |endpoints, octets| router.encode(kind, endpoints, octets)) {
                    board.ethernet.send(&out[..len]);
                }
            }
            Action::InstallAddress(request) => {
                let done = matches!(request.address, IpAddr::V4(address) if station.add(address));
                let answer = if done { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
                router.handle(board.clock.now(), answer);
            }
            Action::RemoveAddress(request) => {
                if let IpAddr::V4(address) = request.address {
                    station.remove(address);
                }
            }
            Action::AnnounceAddress { request, count } => {
                if let IpAddr::V4(address) = request.address {
                    let frame = gratuitous_arp(router.config().virtual_mac(), address);
                    (0..count).for_each(|_| board.ethernet.send(&frame));
                }
            }
            Action::StateChanged(change) => {
                let (now, cause) = (board.clock.now(), change.cause.describe(router.config()));
                let (used, of) = stack();
                board
                    .console
                    .line(now, format_args!("{} -> {}: {cause}; stack {used} of {of}", change.from, change.to));
            }
            Action::FaultsChanged
            | Action::LowerPriorityHeard { .. }
            | Action::NobodyTookOver
            | Action::PriorityChanged { .. } => {
                let now = board.clock.now();
                board.console.line(now, format_args!("{action:?}"));
            }
        }
    }
}
