//! A copy of the kernel's links and addresses.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Names the interface for as long as it exists.
    pub(crate) index: u32,
    /// Can change, and can come back with another index.
    pub(crate) name: String,
    /// Administratively up, with carrier.
    pub(crate) up: bool,
    /// Administratively up, with carrier or without.
    pub(crate) admin_up: bool,
    /// `None`: not Ethernet, nothing to announce there.
    pub(crate) mac: Option<[u8; 6]>,
    /// Largest packet, in octets.
    pub(crate) mtu: u32,
    /// The link that it is a macvlan of.
    pub(crate) macvlan_on: Option<u32>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostAddress {
    /// The address itself.
    pub(crate) address: IpAddr,
    /// Prefix length.
    pub(crate) prefix_len: u8,
    /// The far end of a point-to-point address; otherwise the address again.
    pub(crate) peer: IpAddr,
    /// Scope number of the kernel: 0 is global, 253 link.
    pub(crate) scope: u8,
    /// IPv4 label; the interface's name unless another was given.
    pub(crate) label: Option<String>,
    /// Broadcast address.
    pub(crate) broadcast: Option<Ipv4Addr>,
    /// An earlier IPv4 address is in the same subnet.
    pub(crate) secondary: bool,
    /// Its usability.
    pub(crate) usage: Use,
    /// A virtual router installed it: it carries [`MARK`](super::message::MARK).
    pub(crate) marked: bool,
}

/// The usability of an address. An IPv4 address is always usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Packets to and from it pass.
    Usable,
    /// IPv6: not known to be unique yet.
    Tentative,
    /// IPv6: somebody else on the link has it (`dadfailed`). It is there, and nothing passes.
    Duplicate,
}

impl HostAddress {
    /// Tells whether packets to and from it pass.
    pub(crate) fn is_usable(&self) -> bool {
        self.usage == Use::Usable
    }
}

/// A change of the mirror. The mirror already shows it, and may show later changes too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostChange {
    /// A link appeared, changed or, if the mirror no longer has it, disappeared.
    Link {
        /// Its index.
        index: u32,
    },
    /// A link that was there before, and is still, has another MAC address. `Link` comes first.
    LinkAddress {
        /// Its index.
        index: u32,
    },
    /// An address appeared, or something about it changed.
    AddressAdded {
        /// The link.
        ifindex: u32,
        /// The address.
        address: IpAddr,
    },
    /// An address disappeared.
    AddressRemoved {
        /// The link.
        ifindex: u32,
        /// The address.
        address: IpAddr,
    },
    /// News had been lost; all that differed has been reported now.
    Resynced,
}

/// A piece of news, or of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There is this link.
    Link(Link),
    /// The link of this index is gone.
    LinkGone(u32),
    /// The link of this index has this address.
    Address(u32, HostAddress),
    /// It has it no more.
    AddressGone(u32, HostAddress),
}

/// The properties that identify a link, or an address of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Link(u32),
    Address { ifindex: u32, address: IpAddr, prefix_len: u8, peer: IpAddr },
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mirror {
    links: BTreeMap<u32, Link>,
    /// The index of each name.
    indexes: HashMap<String, u32>,
    addresses: BTreeMap<u32, Vec<HostAddress>>,
    /// The number of times that a link has an address; with several prefixes, more than once.
    counts: HashMap<(u32, IpAddr), usize>,
}

impl Mirror {
    pub(super) fn link(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    pub(super) fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.link(*self.indexes.get(name)?)
    }

    /// In the kernel's order: the first global IPv4 address is the one it prefers as a source.
    pub(super) fn addresses(&self, ifindex: u32) -> impl Iterator<Item = &HostAddress> {
        self.addresses.get(&ifindex).into_iter().flatten()
    }

    /// Everything that a link has of an address.
    pub(super) fn at(&self, ifindex: u32, address: IpAddr) -> impl Iterator<Item = &HostAddress> {
        let count = self.counts.get(&(ifindex, address)).copied().unwrap_or_default();
        // Of thousands on a link, one that is not there is not looked for.
        self.addresses(ifindex).filter(move |there| there.address == address).take(count)
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.values().flatten().any(|there| there.address == address && there.is_usable())
    }

    /// Tells whether any link has this address, and no virtual router installed it.
    pub(super) fn has_real_address(&self, address: IpAddr) -> bool {
        self.addresses.values().flatten().any(|there| there.address == address && !there.marked)
    }

    /// Takes over one piece of news; what it changes is appended to `changes`.
    pub(super) fn apply(&mut self, news: News, changes: &mut VecDeque<HostChange>) {
        match news {
            News::Link(link) => {
                let index = link.index;
                let before = self.links.get(&index);
                if before != Some(&link) {
                    let moved = has_moved(before, &link);
                    self.set_link(link);
                    changes.push_back(HostChange::Link { index });
                    changes.extend(moved.then_some(HostChange::LinkAddress { index }));
                }
            }
            News::LinkGone(index) => {
                // The link first: what was on it is missed for that reason.
                if self.remove_link(index) {
                    changes.push_back(HostChange::Link { index });
                }
                for HostAddress { address, .. } in self.addresses.remove(&index).unwrap_or_default() {
                    self.counts.remove(&(index, address));
                    changes.push_back(HostChange::AddressRemoved { ifindex: index, address });
                }
            }
            News::Address(ifindex, address) => {
                let list = self.addresses.entry(ifindex).or_default();
                let ip = address.address;
                let len = list.len();
                if upsert(list, address) {
                    *self.counts.entry((ifindex, ip)).or_default() += list.len() - len;
                    changes.push_back(HostChange::AddressAdded { ifindex, address: ip });
                }
            }
            News::AddressGone(ifindex, address) => {
                let list = self.addresses.entry(ifindex).or_default();
                let key = address.key(ifindex);
                let len = list.len();
                list.retain(|other| other.key(ifindex) != key);
                let left = list.iter().filter(|other| other.address == address.address).count();
                match left {
                    0 => self.counts.remove(&(ifindex, address.address)),
                    left => self.counts.insert((ifindex, address.address), left),
                };
                // The kernel tells of an IPv6 address a moment after it took it: if at all, when it goes at once.
                if list.len() < len || address.address.is_ipv6() {
                    changes.push_back(HostChange::AddressRemoved { ifindex, address: address.address });
                }
                if list.is_empty() {
                    self.addresses.remove(&ifindex);
                }
            }
        }
    }

    /// Takes over one piece of a dump, which comes in the kernel's order.
    pub(super) fn append(&mut self, news: News) {
        match news {
            News::Link(link) => self.set_link(link),
            News::Address(ifindex, address) => {
                *self.counts.entry((ifindex, address.address)).or_default() += 1;
                self.addresses.entry(ifindex).or_default().push(address);
            }
            News::LinkGone(_) | News::AddressGone(..) => {}
        }
    }

    /// Becomes `fresh`; every difference is appended to `changes`.
    pub(super) fn replace(&mut self, fresh: Self, changes: &mut VecDeque<HostChange>) {
        let stale = std::mem::replace(self, fresh);
        let (old, new) = (stale.keyed_addresses(), self.keyed_addresses());
        // Links first, as above.
        for index in stale.links.keys().filter(|index| !self.links.contains_key(index)) {
            changes.push_back(HostChange::Link { index: *index });
        }
        for (index, link) in &self.links {
            let before = stale.links.get(index);
            if before != Some(link) {
                changes.push_back(HostChange::Link { index: *index });
                changes.extend(has_moved(before, link).then_some(HostChange::LinkAddress { index: *index }));
            }
        }
        for (ifindex, address) in stale.all_addresses() {
            if !new.contains_key(&address.key(ifindex)) {
                changes.push_back(HostChange::AddressRemoved { ifindex, address: address.address });
            }
        }
        for (ifindex, address) in self.all_addresses() {
            if old.get(&address.key(ifindex)) != Some(&address) {
                changes.push_back(HostChange::AddressAdded { ifindex, address: address.address });
            }
        }
    }

    fn set_link(&mut self, link: Link) {
        self.remove_link(link.index);
        self.indexes.insert(link.name.clone(), link.index);
        self.links.insert(link.index, link);
    }

    fn remove_link(&mut self, index: u32) -> bool {
        let Some(link) = self.links.remove(&index) else { return false };
        // Where news were missed another may have its name by now.
        if self.indexes.get(&link.name) == Some(&index) {
            self.indexes.remove(&link.name);
        }
        true
    }

    pub(super) fn all_addresses(&self) -> impl Iterator<Item = (u32, &HostAddress)> {
        self.addresses.iter().flat_map(|(ifindex, list)| list.iter().map(|address| (*ifindex, address)))
    }

    fn keyed_addresses(&self) -> HashMap<Key, &HostAddress> {
        self.all_addresses().map(|(ifindex, address)| (address.key(ifindex), address)).collect()
    }
}

impl News {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Link(link) => Key::Link(link.index),
            Self::LinkGone(index) => Key::Link(*index),
            Self::Address(ifindex, address) | Self::AddressGone(ifindex, address) => address.key(*ifindex),
        }
    }
}

impl HostAddress {
    pub(super) fn key(&self, ifindex: u32) -> Key {
        Key::Address { ifindex, address: self.address, prefix_len: self.prefix_len, peer: self.peer }
    }
}

/// Tells whether frames to a link go to another MAC address than before.
fn has_moved(before: Option<&Link>, now: &Link) -> bool {
    before.is_some_and(|before| before.mac != now.mac)
}

/// Puts `address` where the kernel has it; true if anything about it is new.
fn upsert(list: &mut Vec<HostAddress>, address: HostAddress) -> bool {
    if let Some(at) = list.iter().position(|other| other.key(0) == address.key(0)) {
        if list.get(at) == Some(&address) {
            return false;
        }
        let known = list.remove(at);
        // Promoted to a primary address it moves; otherwise it stays.
        if known.secondary == address.secondary {
            list.insert(at, address);
            return true;
        }
    }
    // The kernel's order: IPv4 first. There secondaries come last, and among the primaries the narrower scope is first.
    let ipv4 = list.iter().take_while(|other| other.address.is_ipv4()).count();
    let at = match address.address {
        IpAddr::V4(_) if address.secondary => ipv4,
        IpAddr::V4(_) => {
            let before = |other: &HostAddress| !other.secondary && address.scope <= other.scope;
            list.iter().take(ipv4).rposition(before).map_or(0, |last| last + 1)
        }
        // IPv6: wider scope first, and within one scope the latest.
        IpAddr::V6(_) => {
            let after = |other: &HostAddress| other.address.is_ipv6() && address.scope <= other.scope;
            list.iter().position(after).unwrap_or(list.len())
        }
    };
    list.insert(at, address);
    true
}
