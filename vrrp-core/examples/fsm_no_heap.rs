//! A router that needs no heap: `Criteria` checks, `Contest` and the state machine decide, `wire` writes. It takes over, and
//! yields to a better router.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use vrrp_core::fsm::{Effects, Event, Params, State};
use vrrp_core::wire::{AddressList, ChecksumForm, Endpoints, Message, RxPacket, TTL, gratuitous_arp};
use vrrp_core::{AdvertInterval, AnnouncePolicy, Contest, Criteria, Family, Instant, Priority, Profile, Version, Vrid};

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);

fn main() -> Result<(), Box<dyn Error>> {
    let (vrid, addresses) = (Vrid::new(51)?, [IpAddr::V4(VIP)]);
    let params = Params::new(Profile::Rfc9568, Priority::DEFAULT, AdvertInterval::DEFAULT, IpAddr::V4(OWN));
    let message = Message {
        version: Version::V3,
        vrid,
        priority: Some(params.priority),
        interval: params.interval,
        password: None,
        addresses: AddressList::new(&addresses)?,
        checksum: ChecksumForm::Message,
    };
    // The advertisement of a better router, as it comes from the link.
    let endpoints = Endpoints::V4 { source: Ipv4Addr::new(192, 0, 2, 12), destination: Family::GROUP_V4 };
    let mut octets = [0; 64];
    let len = Message { priority: Some(Priority::new(200)?), ..message }.write(endpoints, &mut octets)?;
    let heard = RxPacket { endpoints, ttl: TTL, payload: &octets[..len] };

    let (criteria, policy) = (Criteria::new(&params, vrid, message.addresses), AnnouncePolicy::default());
    let (mut contest, mut state, mut now) = (Contest::default(), State::Initialize, Instant::ZERO);
    for event in [Event::Startup, Event::Timer, Event::Timer, Event::Advert(criteria.check(&heard)?.advert())] {
        if event == Event::Timer {
            // Nobody is heard until the deadline: first that of a Backup, then that of a Master.
            now = contest.deadline(&state).unwrap_or(now);
        }
        let reaction = contest.step(&params, &policy, &mut state, now, event);
        println!("{now:?}: {}", state.role());
        for effect in reaction.effects.in_order() {
            match effect {
                Effects::ADVERTISE => {
                    let (mut out, to) = ([0; 64], Endpoints::V4 { source: OWN, destination: Family::GROUP_V4 });
                    println!("  send {} octets", message.write(to, &mut out)?);
                }
                Effects::INSTALL => println!("  set {VIP} on the interface"),
                Effects::REMOVE => println!("  take {VIP} from the interface"),
                other => println!("  {other:?}"),
            }
        }
        for _ in 0..reaction.announce {
            println!("  send {} octets", gratuitous_arp(vrid.virtual_mac(Family::Ipv4), VIP).len());
        }
    }
    Ok(())
}
