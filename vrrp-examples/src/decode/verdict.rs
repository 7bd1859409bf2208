//! The verdict of a receiver on an advertisement: the core is asked, and no rule is written here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_core::wire::{Dump, Endpoints};
use vrrp_core::{
    AdvertInterval, Config, ConfigError, Discard, Family, Input, Instant, Profile, RxPacket, Version, VirtualRouter,
    Vrid,
};

/// Hands the packet to a router with defaults: multicast, no password, not the owner. What it cannot know, it agrees
/// with: id and interval. A list of other addresses is counted by default, not refused, so any will do.
pub(super) fn verdict(
    version: Version,
    endpoints: Endpoints,
    ttl: u8,
    authenticated: bool,
    payload: &[u8],
) -> Result<(), Verdict> {
    if authenticated {
        return Err(Verdict::Authenticated);
    }
    let dump = Dump::new(payload, endpoints, ttl);
    let now = Instant::ZERO;
    let mut router = VirtualRouter::new(receiver(version, endpoints.family(), &dump)?);
    router.handle(now, Input::PrimaryAddress(Some(own_address(endpoints))));
    router.handle(now, Input::Startup);
    router.handle_packet(now, RxPacket { endpoints, ttl, payload })?;
    Ok(())
}

/// The reason why it is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Verdict {
    #[error(transparent)]
    Discard(#[from] Discard),
    /// No router of protocol 112 gets it from its kernel.
    #[error("in an IP Authentication Header (AH), which is not supported: turn it off on the other router")]
    Authenticated,
    /// Cannot be: the receiver is made to fit.
    #[error("no receiver can be made for it: {0}")]
    Receiver(#[from] ConfigError),
}

fn receiver(version: Version, family: Family, dump: &Dump<'_>) -> Result<Config, ConfigError> {
    let profile = match (version, family) {
        (Version::V2, Family::Ipv4) => Profile::Rfc3768,
        // Version 2 does not exist over IPv6, so it has no receiver.
        (Version::V2, Family::Ipv6) | (Version::V3, _) => Profile::Rfc9568Errata,
    };
    let vrid = dump.vrid().and_then(|vrid| Vrid::new(vrid).ok()).unwrap_or(Vrid::MIN);
    let address = match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    };
    let interval = dump.interval_centis().and_then(|centis| AdvertInterval::from_centis(centis).ok());
    Config::new(profile, vrid, &[address])?.with_interval(interval.unwrap_or_default())
}

/// Returns an address that is not the sender's.
fn own_address(endpoints: Endpoints) -> IpAddr {
    let [first, second]: [IpAddr; 2] = match endpoints.family() {
        Family::Ipv4 => [Ipv4Addr::new(192, 0, 2, 2).into(), Ipv4Addr::new(192, 0, 2, 3).into()],
        Family::Ipv6 => {
            [Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2).into(), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 3).into()]
        }
    };
    if endpoints.source() == first { second } else { first }
}
