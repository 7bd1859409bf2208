//! The Master once all is well: one, the right one, with its addresses, and known to its neighbours.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::records::{Instance, Member, name};
use crate::fsm::Role;
use crate::sim::host::RunningRouter;
use crate::sim::network::HostId;
use crate::sim::relations::{groups_can_settle, preempts};
use crate::sim::world::World;

impl Instance {
    /// Tells whether two compatible Masters hear each other.
    pub(super) fn contested(&self, world: &World) -> bool {
        let is_master = |member: &&Member| world.role(member.host, member.router) == Role::Master;
        let both_ways = |a: HostId, b: HostId| {
            world.network.hears(self.lan, a, b)
                && world.network.hears(self.lan, b, a)
                && world.is_up(a, self.lan)
                && world.is_up(b, self.lan)
        };
        self.compatible
            && self.members.iter().filter(is_master).any(|one| {
                self.members.iter().filter(is_master).any(|two| one.host != two.host && both_ways(one.host, two.host))
            })
    }

    /// Checks that packets of neighbours to the addresses of a Master reach it.
    pub(super) fn is_known(&self, world: &World) -> Result<(), String> {
        let Some(parts) = world.parts(self.lan).filter(|_| self.compatible) else { return Ok(()) };
        // A Master that yields without a word leaves the neighbours beside it as they are, unless the MAC address stays the same.
        let running = |member: &Member| world.hosts.get(member.host.index())?.running(member.router);
        let all = |tells: &dyn Fn(&RunningRouter) -> bool| self.members.iter().filter_map(running).all(tells);
        let speaks = |running: &RunningRouter| {
            running.config.announce().contest_repeat > 0 && running.config.yield_advertisement()
        };
        if !all(&|running| running.virtual_mac) && !all(&speaks) {
            return Ok(());
        }
        // An owner that listens to nobody never learns that there was another Master.
        let listens = |member: &Member| {
            let router = world.router(member.host, member.router);
            router.is_some_and(|router| {
                let deaf = router.priority().is_owner() && !router.config().owner_listens();
                router.role() == Role::Master && !deaf
            })
        };
        for master in self.members.iter().filter(|member| listens(member)) {
            let part = parts.iter().find(|part| part.contains(&master.host)).into_iter().flatten();
            for beside in part.filter(|_| world.is_up(master.host, self.lan)) {
                let held = world.held(master.host, master.router).iter();
                for address in held.filter(|address| world.neighbours.is_promised(self.lan, **address)) {
                    let to = world.delivers_to(self.lan, *beside, *address);
                    if to.is_some_and(|to| to != master.host) {
                        return Err(format!(
                            "{} serves {address}, but the neighbour beside host {} sends to {to:?}",
                            name(master.host, master.router),
                            beside.index()
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks that nothing can change any more. Returns false if that cannot be said.
    pub(super) fn settled(&self, world: &World) -> Result<bool, String> {
        if !self.compatible {
            return Ok(true);
        }
        if self.grouped && !groups_can_settle(world) {
            return Ok(false);
        }
        let Some(parts) = world.parts(self.lan) else { return Ok(false) };
        for part in parts {
            let mut routers = Vec::new();
            for member in self.members.iter().filter(|member| part.contains(&member.host)) {
                match world.router(member.host, member.router) {
                    Some(router) if router.role() != Role::Initialize => routers.push((member, router)),
                    _ => {}
                }
            }
            let mut masters = routers.iter().filter(|(_, router)| router.role() == Role::Master);
            let (one, two) = (masters.next(), masters.next());
            let Some((master, best)) = one else {
                match routers.first() {
                    Some((member, _)) => {
                        return Err(format!(
                            "{} and those that it hears have no Master",
                            name(member.host, member.router)
                        ));
                    }
                    None => continue,
                }
            };
            if two.is_some() {
                return Err(format!("virtual router {} has two Masters", self.vrid));
            }
            let better = routers.iter().find(|(member, router)| {
                router.priority() > best.priority() && preempts(world, member.host, member.router)
            });
            // An owner stays, and so does who is preempted by nobody.
            let whole = |member: &Member| {
                let host = world.hosts.get(member.host.index());
                host.is_some_and(|host| host.can_set_all(member.router))
            };
            let serves_more = routers.iter().find(|(member, router)| {
                let able = whole(member) && router.missing().next().is_none();
                able && router.priority().get() > 32 && preempts(world, member.host, member.router)
            });
            let lacks = !whole(master) && best.missing().next().is_some() && !best.priority().is_owner();
            if let (Some((able, _)), true, false) = (serves_more, lacks, self.grouped) {
                return Err(format!(
                    "{} is Master without all of its addresses, and {} could set them",
                    name(master.host, master.router),
                    name(able.host, able.router)
                ));
            }
            let served = |address: &&IpAddr| {
                let host = world.hosts.get(master.host.index());
                let asked_again = best.missing().any(|missing| missing == **address);
                asked_again || host.is_some_and(|host| host.kernel.held(master.router).contains(*address))
            };
            if let Some(address) = best.config().addresses().iter().find(|address| !served(address)) {
                return Err(format!("{} does not serve {address}, nor says so", name(master.host, master.router)));
            }
            if let Some((better, _)) = better {
                return Err(format!(
                    "{} is Master, but {} is better",
                    name(master.host, master.router),
                    name(better.host, better.router)
                ));
            }
        }
        Ok(true)
    }
}
