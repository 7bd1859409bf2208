//! Any history: nothing panics, a rejected packet changes nothing, what is installed follows the state.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use vrrp_core::wire::Endpoints;
use vrrp_core::{Action, Config, Drain, Input, Instant, Priority, Profile, Role, RxPacket, VirtualRouter, Vrid};

const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 251);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

pub fn run(history: &[u8]) {
    let addresses = [1, 2, 3].map(|n| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)));
    let Some((first, mut rest)) = history.split_first() else { return };
    let config = Config::new(Profile::Rfc2338, Vrid::new(1).unwrap(), &addresses).unwrap();
    let mut router = VirtualRouter::new(config.with_priority(Priority::from_wire(*first).unwrap_or_default()));
    let mut now = Instant::ZERO;
    let mut held = BTreeSet::new();
    while let [operation, argument, tail @ ..] = rest {
        rest = tail;
        now = now + Duration::from_millis(u64::from(*argument) * 20);
        match operation % 8 {
            0 => router.handle(now, Input::Startup),
            1 => router.handle(now, Input::Shutdown),
            2 => router.handle(now, Input::PrimaryAddress((argument % 4 != 0).then_some(OURS.into()))),
            3 => router.handle(now, Input::InterfaceUp(argument % 4 != 0)),
            4 => now = router.deadline().unwrap_or(now).max(now),
            5 | 6 => {
                let (payload, tail) = rest.split_at(rest.len().min(usize::from(*argument)));
                rest = tail;
                let source = Ipv4Addr::new(192, 0, 2, *operation);
                let endpoints = Endpoints::V4 { source, destination: GROUP };
                let before = (*router.state(), router.deadline(), router.status());
                if router.handle_packet(now, RxPacket { endpoints, ttl: 255, payload }).is_err() {
                    assert_eq!(before, (*router.state(), router.deadline(), router.status()));
                }
            }
            _ => match argument % 4 {
                0 => {
                    let priority = Priority::from_wire(*argument).unwrap_or_default();
                    router.handle(now, Input::Drain(Drain { priority, ..Drain::default() }));
                }
                1 => router.handle(now, Input::Undrain),
                2 => router.set_priority(now, Priority::from_wire(*argument).unwrap_or_default()),
                _ => {}
            },
        }
        router.handle(now, Input::Timeout);
        let mut confirmed = Vec::new();
        while let Some(action) = router.poll_action() {
            match action {
                Action::InstallAddress(request) => {
                    held.insert(request.address);
                    confirmed.push(request);
                }
                Action::RemoveAddress(request) => {
                    held.remove(&request.address);
                }
                _ => {}
            }
        }
        assert_eq!(held.len(), if router.role() == Role::Master { addresses.len() } else { 0 });
        confirmed.into_iter().for_each(|request| router.handle(now, Input::AddressInstalled(request)));
        while router.poll_action().is_some() {}
        assert!(router.deadline().is_none_or(|at| at > now));
    }
}
