//! A router without any heap: the state machine of vrrp-core and its packets.
#![no_std]
#![no_main]

use core::net::IpAddr;

use cortex_m_rt::entry;
use vrrp_core::fsm::{Effects, Event, Params, State};
use vrrp_core::wire::{AddressList, ChecksumForm, Frame, Message, gratuitous_arp, igmp_v3_report};
use vrrp_core::{AnnouncePolicy, Contest, Criteria, Family, Instant, Priority, RxPacket, Version};
use vrrp_firmware::settings::{ADDRESS, INTERVAL, PRIORITY, PROFILE, VIRTUAL_ADDRESSES, VRID};
use vrrp_firmware::{Board, MAX_FRAME, QUEUE, Station, stack};

#[entry]
fn main() -> ! {
    match Board::start() {
        Some(board) => run(Router::new(board)),
        None => panic!("the board has been started before"),
    }
}

/// One virtual router, and the board that it runs on.
struct Router {
    params: Params,
    policy: AnnouncePolicy,
    contest: Contest,
    state: State,
    addresses: [IpAddr; VIRTUAL_ADDRESSES.len()],
    board: Board,
    station: Station,
    out: [u8; MAX_FRAME],
}

fn run(mut router: Router) -> ! {
    let mut frame = [0; MAX_FRAME];
    let now = router.board.clock.now();
    router.board.console.line(
        now,
        format_args!("router {} heap 0 allocations 0", size_of::<(Params, AnnouncePolicy, Contest, State)>()),
    );
    let report = igmp_v3_report(router.board.ethernet.mac(), ADDRESS, Family::GROUP_V4);
    router.board.ethernet.send(&report);
    router.step(now, Event::Startup);
    loop {
        router.board.wait(router.contest.deadline(&router.state));
        // Received packets count before the deadline does. Only as many as can have waited: a flood must not keep a Master silent.
        for _ in 0..QUEUE {
            let Some(frame) = router.board.ethernet.receive(&mut frame) else { break };
            match RxPacket::from_frame(frame) {
                Some(packet) => router.hear(packet),
                None => router.answer(frame),
            }
        }
        // Means nothing before the deadline.
        let now = router.board.clock.now();
        router.step(now, Event::Timer);
    }
}

impl Router {
    fn new(board: Board) -> Self {
        let station = Station::new(board.ethernet.mac(), ADDRESS, VRID.virtual_mac(Family::Ipv4));
        Self {
            params: Params::new(PROFILE, PRIORITY, INTERVAL, IpAddr::V4(ADDRESS)),
            policy: AnnouncePolicy::default(),
            contest: Contest::default(),
            state: State::Initialize,
            addresses: VIRTUAL_ADDRESSES.map(IpAddr::V4),
            board,
            station,
            out: [0; MAX_FRAME],
        }
    }

    /// Checks an advertisement; one that is not accepted changes nothing.
    fn hear(&mut self, packet: RxPacket<'_>) {
        let Ok(addresses) = AddressList::new(&self.addresses) else { return };
        let now = self.board.clock.now();
        match Criteria::new(&self.params, VRID, addresses).check(&packet) {
            Ok(accepted) => self.step(now, Event::Advert(accepted.advert())),
            Err(reason) => self.board.console.remark(now, format_args!("ignored: {reason}")),
        }
    }

    fn answer(&mut self, frame: &[u8]) {
        if let Some(len) = self.station.answer(frame, &mut self.out) {
            self.board.ethernet.send(&self.out[..len]);
        }
    }

    /// Decides, and does what follows, in its order.
    fn step(&mut self, now: Instant, event: Event) {
        let before = self.state.role();
        let reaction = self.contest.step(&self.params, &self.policy, &mut self.state, now, event);
        for effect in reaction.effects.in_order() {
            match effect {
                Effects::RELEASE => self.advertise(None),
                Effects::REMOVE => VIRTUAL_ADDRESSES.into_iter().for_each(|address| self.station.remove(address)),
                Effects::ADVERTISE => self.advertise(Some(self.params.priority)),
                Effects::INSTALL => VIRTUAL_ADDRESSES.into_iter().for_each(|address| {
                    self.station.add(address);
                }),
                // An answer that is allowed is `ADVERTISE`, no yield advertisement is asked for, and the others ask for nothing.
                _ => {}
            }
        }
        for _ in 0..reaction.announce {
            for address in VIRTUAL_ADDRESSES {
                self.board.ethernet.send(&gratuitous_arp(VRID.virtual_mac(Family::Ipv4), address));
            }
        }
        let role = self.state.role();
        if role != before {
            let (used, of) = stack();
            self.board.console.line(now, format_args!("{before} -> {role}; stack {used} of {of}"));
        }
    }

    fn advertise(&mut self, priority: Option<Priority>) {
        let Ok(addresses) = AddressList::new(&self.addresses) else { return };
        let message = Message {
            version: Version::V3,
            vrid: VRID,
            priority,
            interval: INTERVAL,
            password: None,
            addresses,
            // Most other makes send this form, and some insist on it.
            checksum: ChecksumForm::PseudoHeader,
        };
        let frame = Frame::multicast(VRID.virtual_mac(Family::Ipv4), self.params.primary);
        if let Ok(len) = frame.write(&mut self.out, |endpoints, octets| message.write(endpoints, octets)) {
            self.board.ethernet.send(&self.out[..len]);
        }
    }
}
