//! Relations between routers.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::host::{Host, Life};
use super::network::HostId;
use super::world::World;
use crate::config::{Config, Peers};
use crate::types::{RouterId, Version};

/// Tells whether two routers hear each other's advertisements, and understand the same by them.
pub(super) fn are_compatible((one, at): (&Config, IpAddr), (two, other): (&Config, IpAddr)) -> bool {
    let both_owners = one.priority().is_owner() && two.priority().is_owner();
    let same_list = !(one.strict_list() || two.strict_list()) || one.advertised() == two.advertised();
    let (ours, theirs) = (one.advertised().as_slice(), two.advertised().as_slice());
    // EXT-11
    let shared = (ours.is_empty() && theirs.is_empty()) || ours.iter().any(|address| theirs.contains(address));
    let listens = |config: &Config, to: IpAddr| match config.peers() {
        Peers::Multicast => None,
        Peers::Unicast(peers) => Some(peers.iter().any(|peer| peer.address == to)),
    };
    let reached = matches!((listens(one, other), listens(two, at)), (None, None) | (Some(true), Some(true)));
    let in_version2 = |config: &Config| config.profile().version() == Version::V2 || config.also_version2();
    let same_version = one.profile().version() == two.profile().version();
    let learned = same_version && one.profile().version() == Version::V3;
    let by_version = same_version || (in_version2(one) && in_version2(two));
    by_version
        && (learned || one.interval() == two.interval())
        && one.password() == two.password()
        && one.accepted_checksum() == two.accepted_checksum()
        && reached
        && same_list
        && shared
        && !both_owners
        && at != other
}

/// Groups settle where the whole LANs are together, every host has the same groups, and one host is better than another in all
/// of them or in none.
pub(super) fn groups_can_settle(world: &World) -> bool {
    let whole = world.network.lans().all(|lan| world.parts(lan).is_some_and(|parts| parts.len() <= 1));
    let priorities = |host: HostId| {
        world.routers(host).filter_map(move |(router, lan)| {
            Some((lan, world.family_of(host, router)?, world.router(host, router)?.priority()))
        })
    };
    let consistent = world.hosts().all(|one| {
        world.hosts().all(|two| {
            let mut orders = priorities(one).flat_map(|(lan, family, mine)| {
                priorities(two)
                    .filter(move |(theirs, of, _)| (*theirs, *of) == (lan, family))
                    .map(move |(_, _, theirs)| mine.cmp(&theirs))
            });
            let first = orders.next();
            orders.all(|order| Some(order) == first)
        })
    });
    let groups = |host: &Host| {
        let keys = |group: &Vec<RouterId>| {
            let running = group.iter().filter_map(|member| host.running(*member));
            running.map(|it| (it.lan, it.config.family(), it.config.vrid())).collect::<BTreeSet<_>>()
        };
        host.groups().iter().map(keys).collect::<BTreeSet<_>>()
    };
    let mut alive = world.hosts.iter().filter(|host| host.life != Life::Dead).map(groups);
    let first = alive.next();
    whole && consistent && alive.all(|other| Some(other) == first)
}

/// Tells whether a router takes over from a lower Master. A member of a sync group does if all of its members would.
pub(super) fn preempts(world: &World, host: HostId, router: RouterId) -> bool {
    let alone = |router| {
        let router = world.router(host, router);
        router.is_some_and(|router| {
            (router.config().preempt() && router.drain_status().is_none()) || router.priority().is_owner()
        })
    };
    let mut groups = world.hosts.get(host.index()).into_iter().flat_map(|host| host.groups());
    match groups.find(|group| group.contains(&router)) {
        Some(group) => group.iter().all(|member| alone(*member)),
        None => alone(router),
    }
}

/// Tells whether a router is in a sync group.
pub(super) fn is_grouped(world: &World, host: HostId, router: RouterId) -> bool {
    let host = world.hosts.get(host.index());
    host.is_some_and(|host| host.groups().iter().any(|group| group.contains(&router)))
}
