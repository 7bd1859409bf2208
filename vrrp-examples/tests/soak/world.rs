//! What the two hosts are told, and how that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const MOST_ROUTERS: usize = 8;
const MOST_ADDRESSES: u8 = 4;

/// Numbers that follow from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number from 0 to one less than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// All that is configured.
#[derive(Clone)]
pub(crate) struct World {
    /// By their ids.
    routers: BTreeMap<u8, Router>,
    /// Whether the first two routers are a sync group; they have one leader always.
    grouped: bool,
    /// How often the check runs, in seconds.
    interval: u64,
    /// Whether the blocks stand in the file the other way round.
    backwards: bool,
}

#[derive(Clone)]
struct Router {
    /// The host whose router has the higher priority.
    leader: usize,
    higher: u8,
    addresses: BTreeSet<u8>,
    checked: bool,
    told: bool,
    routed: bool,
}

impl World {
    /// The one that every part begins and ends with.
    pub(crate) fn first() -> Self {
        let routers = (1..=4).map(|id| (id, Router::new(usize::from(id > 2)))).collect();
        Self { routers, grouped: false, interval: 1, backwards: false }
    }

    /// Each address with its router.
    pub(crate) fn addresses(&self) -> Vec<(u8, String)> {
        let of_router = |(id, router): (&u8, &Router)| {
            let id = *id;
            router.addresses.iter().map(move |n| (id, format!("192.0.2.{}", 40 + 10 * id + n))).collect::<Vec<_>>()
        };
        self.routers.iter().flat_map(of_router).collect()
    }

    pub(crate) fn leader(&self, router: u8) -> usize {
        self.routers[&router].leader
    }

    /// Another one, and the routers whose Master may be another or none for a moment.
    pub(crate) fn changed(&self, dice: &mut Dice) -> (Self, BTreeSet<u8>) {
        let mut world = self.clone();
        let mut concerned = BTreeSet::new();
        for _ in 0..=dice.below(3) {
            world.change(dice, &mut concerned);
        }
        (world, concerned)
    }

    fn change(&mut self, dice: &mut Dice, concerned: &mut BTreeSet<u8>) {
        let ids: Vec<u8> = self.routers.keys().copied().collect();
        let id = ids[dice.below(ids.len() as u64) as usize];
        let Some(router) = self.routers.get_mut(&id) else { return };
        match dice.below(12) {
            0 => {
                let free = (1..).find(|id| !ids.contains(id)).unwrap_or_default();
                if ids.len() < MOST_ROUTERS && free > 2 {
                    self.routers.insert(free, Router::new(dice.below(2) as usize));
                    concerned.insert(free);
                }
            }
            1 if id > 2 && ids.len() > 3 => {
                self.routers.remove(&id);
                concerned.insert(id);
            }
            // An address that comes has no holder for a moment, one that goes has none any more.
            2 | 3 => {
                let n = dice.below(MOST_ADDRESSES.into()) as u8;
                if !router.addresses.remove(&n) || router.addresses.is_empty() {
                    router.addresses.insert(n);
                }
            }
            4 => {
                let both = if id <= 2 { vec![1, 2] } else { vec![id] };
                for id in both {
                    if let Some(router) = self.routers.get_mut(&id) {
                        router.leader = 1 - router.leader;
                        concerned.insert(id);
                    }
                }
            }
            5 => router.checked = !router.checked,
            6 => router.told = !router.told,
            7 => router.routed = !router.routed,
            8 => router.higher = 150 + dice.below(100) as u8,
            9 => self.grouped = !self.grouped,
            10 => self.interval = 1 + dice.below(3),
            _ => self.backwards = !self.backwards,
        }
    }

    /// Returns what one of the hosts, 0 or 1, is told.
    pub(crate) fn configuration(&self, host: usize) -> String {
        let check = format!("vrrp_script chk {{\n script $D/check\n interval {}\n}}\n", self.interval);
        let mut blocks = vec![check];
        blocks.extend(self.routers.iter().map(|(id, router)| router.block(*id, host)));
        if self.grouped {
            blocks.push("vrrp_sync_group VG {\n group {\n VI_1\n VI_2\n }\n notify $D/told\n}\n".to_owned());
        }
        if self.backwards {
            blocks.reverse();
        }
        blocks.concat()
    }
}

impl Router {
    fn new(leader: usize) -> Self {
        let addresses = [0, 1].into();
        // A route from the beginning: the socket for routes stays open from the first one on.
        Self { leader, higher: 200, addresses, checked: true, told: false, routed: true }
    }

    fn block(&self, id: u8, host: usize) -> String {
        let priority = if host == self.leader { self.higher } else { 100 };
        let mut text = format!(
            "vrrp_instance VI_{id} {{\n interface eth0\n virtual_router_id {id}\n priority {priority}\n version 3\n advert_int 0.3\n virtual_ipaddress {{\n"
        );
        // Writing to a String cannot fail.
        for n in &self.addresses {
            let _ = writeln!(text, "192.0.2.{}/24", 40 + 10 * id + n);
        }
        text += "}\n";
        if self.checked {
            text += "track_script {\n chk\n}\n";
        }
        if self.told {
            text += "notify $D/told\n";
        }
        if self.routed {
            let _ = writeln!(text, "virtual_routes {{\n 198.51.100.{id}/32 via 192.0.2.254\n}}");
        }
        text + "}\n"
    }
}
