//! Two routers and the LAN between them, in virtual time: prints who is Master, and why. The better one goes, and comes back.

use std::collections::VecDeque;
use std::error::Error;
use std::net::IpAddr;

use vrrp_core::wire::{Endpoints, TTL};
use vrrp_core::{Action, Config, Input, Instant, Priority, Profile, RxPacket, VirtualRouter, Vrid};

type Lan = VecDeque<(Endpoints, Vec<u8>)>;

fn main() -> Result<(), Box<dyn Error>> {
    let [start, off, on, end] = [0, 10, 20, 30].map(|seconds| Instant::from_nanos(seconds * 1_000_000_000));
    let mut routers = vec![router(start, 11, 200)?, router(start, 12, 100)?];
    run(&mut routers, start, off)?;
    println!("{off:?}: 192.0.2.11 loses its power");
    routers.remove(0);
    run(&mut routers, off, on)?;
    println!("{on:?}: 192.0.2.11 has power again");
    routers.push(router(on, 11, 200)?);
    run(&mut routers, on, end)
}

fn run(routers: &mut [VirtualRouter], mut now: Instant, end: Instant) -> Result<(), Box<dyn Error>> {
    let mut lan = Lan::new();
    while now < end {
        // Carry out what is to be done, and deliver what was sent, until nothing is left.
        routers.iter_mut().try_for_each(|router| carry_out(router, now, &mut lan))?;
        if let Some((endpoints, octets)) = lan.pop_front() {
            for router in routers.iter_mut().filter(|router| router.source() != Some(endpoints.source())) {
                if let Err(why) = router.handle_packet(now, RxPacket { endpoints, ttl: TTL, payload: &octets }) {
                    println!("{now:?}: ignored a packet of {}: {why}", endpoints.source());
                }
            }
        } else {
            // Then go to the next deadline. To a router whose own has not come this means nothing.
            now = routers.iter().filter_map(VirtualRouter::deadline).min().unwrap_or(end).min(end);
            routers.iter_mut().for_each(|router| router.handle(now, Input::Timeout));
        }
    }
    Ok(())
}

fn router(now: Instant, host: u8, priority: u8) -> Result<VirtualRouter, Box<dyn Error>> {
    let config = Config::new(Profile::Rfc9568, Vrid::new(51)?, &[IpAddr::from([192, 0, 2, 1])])?;
    let mut router = VirtualRouter::new(config.with_priority(Priority::new(priority)?));
    router.handle(now, Input::PrimaryAddress(Some(IpAddr::from([192, 0, 2, host]))));
    router.handle(now, Input::Startup);
    Ok(router)
}

fn carry_out(router: &mut VirtualRouter, now: Instant, lan: &mut Lan) -> Result<(), Box<dyn Error>> {
    let own = router.source().ok_or("no address to send from")?;
    while let Some(action) = router.poll_action() {
        match action {
            Action::SendAdvertisement(kind) => {
                let (endpoints, mut octets) = (Endpoints::to_group(own), [0; 1500]);
                let len = router.encode(kind, endpoints, &mut octets)?;
                lan.push_back((endpoints, octets[..len].to_vec()));
            }
            // This host never refuses an address.
            Action::InstallAddress(request) => router.handle(now, Input::AddressInstalled(request)),
            Action::StateChanged(it) => println!("{now:?}: {own} is {}: {}", it.to, it.cause.describe(router.config())),
            _ => {}
        }
    }
    Ok(())
}
