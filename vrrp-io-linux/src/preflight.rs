//! Checks before a start: whether an interface can carry the protocol, and whether the privileges suffice.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NlasIterator, parse_u32};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkHeader, LinkLayerType, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage, address::AddressMessage};
use netlink_sys::Socket;
use vrrp_core::{Family, Peers, Version};

use crate::error::StartError;
use crate::kernel::netlink::message::{DATAGRAM_MAX, answers, messages, open, request};
use crate::router::Router;
use crate::suitability::{Concern, Unsuitable};
use crate::virtual_ip::IPV6_MTU;
use crate::virtual_ip::VirtualIp;

const RECEIVE_BUFFER: usize = 1 << 16;
const LINK_HEADER_LEN: usize = 16;
const IFLA_MASTER: u16 = 10;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INET6_CONF: u16 = 2;
/// Its place among the settings of IPv6 (`linux/ipv6.h`).
const DEVCONF_DISABLE_IPV6: usize = 26;

/// The findings about one router before it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Preflight {
    /// The reason why it can never work here; [`start`](crate::start) refuses it then.
    pub unsuitable: Option<Unsuitable>,
    /// The problems that it can live with.
    pub concerns: Vec<Concern>,
}

/// Asks the kernel about the interfaces of routers, in the network namespace of the calling thread. Needs no privilege.
/// The answers are in the order of the routers.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn preflight<'a>(routers: impl IntoIterator<Item = &'a Router>) -> io::Result<Vec<Preflight>> {
    Examiner::new()?.examine(routers)
}

/// Asks the kernel as [`preflight`] does, always in the network namespace of the thread that made it.
pub(crate) struct Examiner {
    socket: Socket,
}

impl Examiner {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { socket: connect()? })
    }

    pub(crate) fn examine<'a>(&mut self, routers: impl IntoIterator<Item = &'a Router>) -> io::Result<Vec<Preflight>> {
        // Messages that an earlier question left unread are no answer to this one.
        while self.socket.recv(&mut Vec::with_capacity(DATAGRAM_MAX), libc::MSG_DONTWAIT).is_ok() {}
        let mut links = Links::new(&self.socket);
        let judged = routers.into_iter().map(|router| Ok(judge(router, links.by_name(&router.interface)?)));
        judged.collect()
    }

    /// Examines routers that are to run: one that never can is an error.
    pub(crate) fn examine_fit<'a>(
        &mut self,
        routers: impl IntoIterator<Item = &'a Router>,
    ) -> Result<Vec<Preflight>, StartError> {
        let routers: Vec<&Router> = routers.into_iter().collect();
        let os = |error| StartError::Os { what: "cannot ask for interfaces (netlink)", error };
        let found = self.examine(routers.iter().copied()).map_err(os)?;
        for (router, found) in routers.iter().zip(&found) {
            if let Some(why) = &found.unsuitable {
                return Err(StartError::Unsuitable { name: router.name.clone(), why: why.clone() });
            }
        }
        Ok(found)
    }
}

impl fmt::Debug for Examiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Examiner").finish_non_exhaustive()
    }
}

/// Finds out whether this process may set addresses: asks for one on no link, which is refused for one reason or another.
///
/// # Errors
/// That it may not, or that the kernel cannot be asked.
pub(crate) fn may_set_addresses() -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    let refusal = match ask(
        &connect()?,
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
        |datagram| answers(datagram).next(),
    )? {
        Some((_, errno)) => errno,
        None => return Ok(()),
    };
    match refusal {
        libc::EPERM | libc::EACCES => Err(io::Error::from_raw_os_error(refusal)),
        _ => Ok(()),
    }
}

/// The facts that rtnetlink tells about an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interface {
    name: String,
    mtu: u32,
    ethernet: bool,
    loopback: bool,
    multicast: bool,
    point_to_point: bool,
    ipv6_disabled: bool,
    /// The bridge, bond or team that it is a port of: what it is, and its name.
    port_of: Option<(String, String)>,
}

/// Says what comes of a router on what is there.
fn judge(router: &Router, interface: Option<&Interface>) -> Preflight {
    let name = || router.interface.clone();
    let Some(interface) = interface else {
        return Preflight { unsuitable: None, concerns: vec![Concern::Missing { interface: name() }] };
    };
    let multicast = matches!(router.config.peers(), Peers::Multicast);
    let unsuitable = if interface.name != router.interface {
        Some(Unsuitable::AlternativeName { interface: name(), name: interface.name.clone() })
    } else if interface.loopback {
        Some(Unsuitable::Loopback { interface: name() })
    } else if let Some((kind, master)) = &interface.port_of {
        Some(Unsuitable::Port { interface: name(), kind: kind.clone(), master: master.clone() })
    } else if multicast && !interface.multicast {
        Some(Unsuitable::NoMulticast { interface: name(), point_to_point: interface.point_to_point })
    } else if router.macvlan.is_some() && !interface.ethernet {
        Some(Unsuitable::NoMac { interface: name() })
    } else {
        None
    };
    let (mtu, packet) = (interface.mtu, packet_len(router));
    let mut concerns = Vec::new();
    if has_ipv6(router) && interface.ipv6_disabled {
        concerns.push(Concern::Ipv6Disabled { interface: name() });
    }
    if has_ipv6(router) && mtu < IPV6_MTU {
        concerns.push(Concern::MtuForIpv6 { interface: name(), mtu });
    } else if packet > mtu as usize {
        concerns.push(Concern::Fragments { interface: name(), mtu, packet });
    }
    Preflight { unsuitable, concerns }
}

/// Tells whether a router needs IPv6 on its interface: to speak, or for an address that is to be there.
fn has_ipv6(router: &Router) -> bool {
    let here = |virtual_ip: &&VirtualIp| virtual_ip.address.is_ipv6() && router.device(virtual_ip) == router.interface;
    router.config.family() == Family::Ipv6 || router.addresses.iter().any(|virtual_ip| here(&virtual_ip))
}

/// Octets of the largest packet that a router sends: an advertisement with its IP header.
fn packet_len(router: &Router) -> usize {
    let config = &router.config;
    let ip = match config.family() {
        Family::Ipv4 => 20,
        Family::Ipv6 => 40,
    };
    let version2 = config.profile().version() == Version::V2 || config.also_version2();
    let authentication = if version2 { 8 } else { 0 };
    ip + 8 + usize::from(config.advertised().count()) * config.family().address_len() + authentication
}

/// Asks for links, each once.
struct Links<'a> {
    socket: &'a Socket,
    known: BTreeMap<String, Option<Interface>>,
}

impl<'a> Links<'a> {
    fn new(socket: &'a Socket) -> Self {
        Self { socket, known: BTreeMap::new() }
    }

    /// `None`: there is no such link.
    fn by_name(&mut self, name: &str) -> io::Result<Option<&Interface>> {
        if !self.known.contains_key(name) {
            let found = self.look(LinkAttribute::IfName(name.to_owned()))?;
            self.known.insert(name.to_owned(), found);
        }
        Ok(self.known.get(name).and_then(Option::as_ref))
    }

    fn look(&self, name: LinkAttribute) -> io::Result<Option<Interface>> {
        let Some(Facts { mut interface, master, kind }) = self.get(vec![name], 0)? else { return Ok(None) };
        // An interface that is enslaved in another way, as to a VRF, gets its packets itself.
        if let (Some(master), Some(kind @ ("bridge" | "bond" | "team"))) = (master, kind.as_deref()) {
            let name = self.get(Vec::new(), master)?.map(|facts| facts.interface.name);
            interface.port_of = Some((kind.to_owned(), name.unwrap_or_else(|| format!("of index {master}"))));
        }
        Ok(Some(interface))
    }

    fn get(&self, attributes: Vec<LinkAttribute>, index: u32) -> io::Result<Option<Facts>> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = attributes;
        ask(self.socket, RouteNetlinkMessage::GetLink(message), 0, |datagram| {
            let is_link = |message_type| message_type == libc::RTM_NEWLINK;
            let found = messages(datagram).flatten().find(|(header, _)| is_link(header.message_type));
            found.and_then(|(_, payload)| facts(payload))
        })
    }
}

/// The facts that one message tells about a link.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    interface: Interface,
    /// The index of the link that it is a port of.
    master: Option<u32>,
    /// The kind of that link.
    kind: Option<String>,
}

/// Reads a message; `None`: it is none about a link.
fn facts(payload: &[u8]) -> Option<Facts> {
    let header = LinkHeader::parse(payload).ok()?;
    let mut interface = Interface {
        name: String::new(),
        mtu: 0,
        ethernet: header.link_layer_type == LinkLayerType::Ether,
        loopback: header.flags.contains(LinkFlags::Loopback),
        multicast: header.flags.contains(LinkFlags::Multicast),
        point_to_point: header.flags.contains(LinkFlags::Pointopoint),
        ipv6_disabled: false,
        port_of: None,
    };
    let (mut master, mut kind) = (None, None);
    for attribute in NlasIterator::new(payload.get(LINK_HEADER_LEN..)?).flatten() {
        match attribute.kind() {
            libc::IFLA_IFNAME => interface.name = text(attribute.value()),
            libc::IFLA_MTU => interface.mtu = parse_u32(attribute.value()).ok()?,
            IFLA_MASTER => master = parse_u32(attribute.value()).ok(),
            libc::IFLA_LINKINFO => {
                let mut info = NlasIterator::new(attribute.value()).flatten();
                kind = info.find(|info| info.kind() == IFLA_INFO_SLAVE_KIND).map(|info| text(info.value()));
            }
            libc::IFLA_AF_SPEC => interface.ipv6_disabled = ipv6_disabled(attribute.value()),
            _ => {}
        }
    }
    Some(Facts { interface, master, kind })
}

/// Reads what the address families say of a link. What is not known is not disabled: where the MTU is too small there is no such
/// setting.
fn ipv6_disabled(families: &[u8]) -> bool {
    let mut families = NlasIterator::new(families).flatten();
    let ipv6 = families.find(|family| i32::from(family.kind()) == libc::AF_INET6);
    ipv6.is_some_and(|ipv6| {
        let settings = NlasIterator::new(ipv6.value()).flatten().find(|it| it.kind() == IFLA_INET6_CONF);
        let disabled = settings.and_then(|all| all.value().chunks_exact(4).nth(DEVCONF_DISABLE_IPV6)?.try_into().ok());
        disabled.is_some_and(|disabled| i32::from_ne_bytes(disabled) != 0)
    })
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

fn connect() -> io::Result<Socket> {
    open(RECEIVE_BUFFER).map(|(socket, _port)| socket)
}

/// Sends one request and reads the answer, which the kernel has given when the call returns.
fn ask<T>(
    socket: &Socket,
    message: RouteNetlinkMessage,
    flags: u16,
    read: impl Fn(&[u8]) -> Option<T>,
) -> io::Result<Option<T>> {
    socket.send(&request(message, flags, 1), 0)?;
    let mut datagram = Vec::with_capacity(DATAGRAM_MAX);
    socket.recv(&mut datagram, libc::MSG_DONTWAIT)?;
    Ok(read(&datagram))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use vrrp_core::{Config, Priority, Profile, UnicastPeer, Vrid};

    use super::*;
    use crate::testing::{in_namespace, ip, run, wire};
    use crate::vmac::VirtualMac;

    fn config(profile: Profile, addresses: &[IpAddr]) -> Config {
        Config::new(profile, Vrid::new(1).unwrap(), addresses).unwrap().with_priority(Priority::DEFAULT)
    }

    fn router(interface: &str) -> Router {
        Router::new(interface, config(Profile::Rfc3768, &["192.0.2.1".parse().unwrap()]))
    }

    fn unicast(interface: &str) -> Router {
        let peer = UnicastPeer { address: "192.0.2.2".parse().unwrap(), min_ttl: 0 };
        let config = config(Profile::Rfc3768, &["192.0.2.1".parse().unwrap()]).with_unicast_peers(&[peer]).unwrap();
        Router::new(interface, config)
    }

    fn refusal(router: &Router) -> Option<String> {
        let found = preflight([router]).unwrap().remove(0);
        found.unsuitable.map(|why| format!("{why}; {}", why.remedy()))
    }

    #[test]
    fn what_can_never_carry_the_protocol_is_found_and_says_what_would() {
        in_namespace(|| {
            wire("v0", "v1");
            wire("v2", "v3");
            ip("link add br0 type bridge");
            ip("link set v1 master br0");
            ip("link set v3 multicast off");
            ip("link property add dev v2 altname long-name");
            ip("tuntap add tun0 mode tun");
            for (router, expected) in [
                (router("v0"), None),
                (router("br0"), None),
                (router("v0").with_virtual_mac(VirtualMac::new()), None),
                (
                    router("lo"),
                    Some(
                        "interface lo is a loopback interface: no other router can be on it; the interface of the LAN",
                    ),
                ),
                (
                    unicast("lo"),
                    Some(
                        "interface lo is a loopback interface: no other router can be on it; the interface of the LAN",
                    ),
                ),
                (router("v1"), Some("interface v1 is a port of the bridge br0, which gets its packets; `br0`")),
                (unicast("v1"), Some("interface v1 is a port of the bridge br0, which gets its packets; `br0`")),
                (
                    router("v3"),
                    Some(
                        "interface v3 carries no multicast; unicast peers, or multicast on it (`ip link set dev v3 multicast on`)",
                    ),
                ),
                (unicast("v3"), None),
                (
                    router("long-name"),
                    Some("long-name is an alternative name of the interface v2, by which it is not found; `v2`"),
                ),
                (router("tun0"), None),
                (
                    router("tun0").with_virtual_mac(VirtualMac::new()),
                    Some(
                        "interface tun0 is not Ethernet and cannot have a virtual MAC address; no virtual MAC address, or an Ethernet interface",
                    ),
                ),
            ] {
                assert_eq!(refusal(&router).as_deref(), expected, "{router:?}");
            }
            ip("link set tun0 multicast off");
            let expected = "interface tun0 is point-to-point and carries no multicast; unicast peers";
            assert_eq!(refusal(&router("tun0")).as_deref(), Some(expected));
            ip("link set v1 nomaster");
            assert_eq!(refusal(&router("v1")), None);
        });
    }

    #[test]
    fn an_interface_that_is_not_there_is_a_concern_and_so_is_an_mtu_that_is_too_small() {
        in_namespace(|| {
            wire("v0", "v1");
            let many: Vec<IpAddr> =
                (1..=84).map(|n| IpAddr::from(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n))).collect();
            let routers = [
                router("v9"),
                Router::new("v0", config(Profile::Rfc9568, &many[..77])),
                Router::new("v0", config(Profile::Rfc9568, &many)),
                router("v0"),
            ];
            let concerns = || -> Vec<Vec<String>> {
                let found = preflight(&routers).unwrap();
                assert!(found.iter().all(|found| found.unsuitable.is_none()));
                found.iter().map(|found| found.concerns.iter().map(ToString::to_string).collect()).collect()
            };
            let missing = vec!["there is no interface v9; the router waits until there is one".to_owned()];
            assert_eq!(concerns(), [missing.clone(), vec![], vec![], vec![]]);
            ip("link set v0 mtu 1280");
            let large = "an advertisement of all addresses takes 1392 octets, more than the MTU of v0, 1280: it is sent in fragments";
            assert_eq!(concerns(), [missing.clone(), vec![], vec![large.to_owned()], vec![]]);
            ip("link set v0 mtu 1279");
            let ipv6 = vec!["IPv6 cannot work on v0: its MTU is 1279, and IPv6 needs 1280".to_owned()];
            assert_eq!(concerns(), [missing, ipv6.clone(), ipv6, vec![]]);

            ip("link set v0 mtu 1500");
            std::fs::write("/proc/sys/net/ipv6/conf/v0/disable_ipv6", "1").unwrap();
            let addresses = [IpAddr::from([192, 0, 2, 1])];
            let excluded =
                config(Profile::Rfc3768, &addresses).with_excluded(&["2001:db8::1".parse().unwrap()]).unwrap();
            let elsewhere = VirtualIp {
                device: Some("v1".to_owned()),
                ..VirtualIp::from(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]))
            };
            let routers = [
                Router::new("v0", config(Profile::Rfc9568, &many[..1])),
                Router::new("v0", excluded.clone()),
                Router::new("v0", excluded).with_address(elsewhere).unwrap(),
                router("v0"),
            ];
            let disabled = vec![Concern::Ipv6Disabled { interface: "v0".to_owned() }];
            let found: Vec<_> = preflight(&routers).unwrap().into_iter().map(|found| found.concerns).collect();
            assert_eq!(found, [disabled.clone(), disabled, vec![], vec![]]);
        });
    }

    #[test]
    fn a_start_refuses_what_can_never_work_and_warns_of_what_it_can_live_with() {
        in_namespace(|| {
            let refused = crate::handle::start([router("v9"), router("lo")]).unwrap_err();
            let expected = "lo/1: interface lo is a loopback interface: no other router can be on it; expected the interface of the LAN";
            assert_eq!(refused.to_string(), expected);

            wire("v0", "v1");
            ip("link set v0 mtu 1300");
            let many: Vec<IpAddr> =
                (1..=90).map(|n| IpAddr::from(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n))).collect();
            let routers = [router("v0"), router("v9"), Router::new("v0", config(Profile::Rfc9568, &many))];
            let warnings = run(async {
                let (vrrp, mut events) = crate::handle::start(routers).unwrap();
                vrrp.stop_all().await.unwrap();
                let mut warnings = Vec::new();
                while let Some(event) = events.recv().await {
                    match &event.kind {
                        // The driver itself says that there is no v9.
                        crate::event::EventKind::Warning(warning) if event.router.index() != 1 => {
                            warnings.push((event.router.index(), warning.to_string()));
                        }
                        _ => {}
                    }
                }
                warnings
            });
            let expected = "an advertisement of all addresses takes 1488 octets, more than the MTU of v0, 1300: it is sent in fragments";
            assert_eq!(warnings, [(2, expected.to_owned())]);
        });
    }

    #[test]
    fn the_packet_is_counted_with_all_that_either_version_adds() {
        let addresses: Vec<IpAddr> = (1..=10).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        let len = |config| packet_len(&Router::new("v0", config));
        assert_eq!(len(config(Profile::Rfc9568, &addresses)), 20 + 8 + 40);
        assert_eq!(len(config(Profile::Rfc3768, &addresses)), 20 + 8 + 40 + 8);
        assert_eq!(len(config(Profile::Rfc9568, &addresses).with_also_version2(true).unwrap()), 20 + 8 + 40 + 8);
    }

    #[test]
    fn no_octets_make_it_panic() {
        let attribute = |kind: u16, value: &[u8]| {
            let mut octets = [(value.len() as u16 + 4).to_ne_bytes(), kind.to_ne_bytes()].concat();
            octets.extend(value);
            octets.resize(octets.len().next_multiple_of(4), 0);
            octets
        };
        let port = attribute(IFLA_INFO_SLAVE_KIND, b"bond\0");
        let mut message = vec![0, 0, 1, 0, 7, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];
        message.extend(attribute(libc::IFLA_IFNAME, b"eth0\0"));
        message.extend(attribute(libc::IFLA_MTU, &1500_u32.to_ne_bytes()));
        message.extend(attribute(IFLA_MASTER, &3_u32.to_ne_bytes()));
        message.extend(attribute(libc::IFLA_LINKINFO, &port));
        let whole = facts(&message).unwrap();
        assert_eq!((whole.interface.name.as_str(), whole.interface.mtu), ("eth0", 1500));
        assert_eq!((whole.master, whole.kind.as_deref()), (Some(3), Some("bond")));
        for len in 0..message.len() {
            facts(&message[..len]);
            for octet in [0, 1, 3, 5, 0xff] {
                let mut changed = message.clone();
                changed[len] = octet;
                facts(&changed);
            }
        }
    }

    #[test]
    fn who_may_set_addresses_is_told_so() {
        in_namespace(|| may_set_addresses().unwrap());
    }
}
