//! The interfaces that routers run on, each with the one socket for each family that its routers share.
//!
//! The number of a port is what the core calls an interface. It stays as long as the port is there.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use vrrp_core::wire::Endpoints;
use vrrp_core::{Family, Instant, Vrid};

use crate::claims::{self, Claim, PortVrids, Refusal, Wish};
use crate::clock;
use crate::kernel::netlink::mirror::Link;
use crate::packets::link_layer::{Framing, LinkLayer, Mac};
use crate::packets::needs::{Needs, PortChanges};
use crate::packets::socket::datagram::Datagram;
use crate::packets::socket::{Heard, VrrpSocket};

/// All ports, by number. The number of one that is gone is given to the next that comes.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    slots: Vec<Option<Port>>,
    /// The one that was last asked for a packet.
    asked: usize,
}

/// One interface and family. It is known by name: it may come and go, with another index each time.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) family: Family,
    pub(crate) ifindex: Option<u32>,
    mtu: u32,
    /// Something happened to the interface: its membership in the group may be gone.
    pub(crate) doubtful: bool,
    /// The needs of the routers here.
    pub(crate) needs: Needs,
    /// Keeps other processes away from them, for as long as the interface is there.
    claim: Option<Arc<Claim>>,
    /// Another process has one of them.
    pub(crate) refused: Option<Taken>,
    /// Everything that came before was read, or was more than one may wait for.
    pub(crate) drained_at: Instant,
    socket: Option<VrrpSocket>,
    /// The moment at which the socket was last seen empty: nothing in it is older.
    empty_at: Instant,
}

/// A virtual router that another process runs here.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) vrid: Vrid,
    /// The process, as a phrase.
    pub(crate) by: String,
}

/// A packet that was taken from a socket.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// An advertisement, and when it arrived.
    At(Instant, Datagram),
    /// Nothing that concerns a router.
    Noise,
}

impl Ports {
    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Port> {
        self.slots.get(number)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Port> {
        self.slots.get_mut(number)?.as_mut()
    }

    /// Returns all ports with their numbers, in the order of these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Port)> {
        (0..).zip(&self.slots).filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    /// Returns the numbers of those that are there now.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.iter().map(|(number, _)| number).collect()
    }

    /// Takes in a port, and returns its number: the lowest that is free.
    pub(crate) fn add(&mut self, port: Port) -> usize {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        match self.slots.get_mut(free) {
            Some(slot) => *slot = Some(port),
            None => self.slots.push(Some(port)),
        }
        free
    }

    /// Returns what has to be claimed before these ports have these needs. One whose interface is missing claims when that
    /// appears, and one that was refused goes on waiting.
    pub(crate) fn plan<'a>(
        &self,
        needs: impl IntoIterator<Item = (usize, Needs)>,
        link: impl Fn(&str) -> Option<&'a Link>,
    ) -> PortChanges {
        let mut plan = PortChanges::default();
        for (number, needs) in needs {
            let Some(port) = self.get(number) else { continue };
            let link = link(&port.name).filter(|_| port.refused.is_none());
            plan.push(number, needs, link.and_then(|link| port.wish(link.index, needs)));
        }
        plan
    }

    /// Closes a port: its socket, its membership and its claim go.
    pub(crate) fn remove(&mut self, number: usize) {
        if let Some(slot) = self.slots.get_mut(number) {
            *slot = None;
        }
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
    }

    /// Polls all ports for the next packet. They take turns: a flood on one interface does not keep the others from being heard.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        now: Instant,
    ) -> Poll<(usize, io::Result<Arrival>)> {
        for _ in 0..self.slots.len() {
            self.asked = (self.asked + 1) % self.slots.len();
            let Some(Some(port)) = self.slots.get_mut(self.asked) else { continue };
            if let Poll::Ready(arrival) = port.poll_recv(cx, buf, now) {
                return Poll::Ready((self.asked, arrival));
            }
        }
        Poll::Pending
    }
}

impl Port {
    pub(crate) fn new(name: String, family: Family) -> Self {
        let (drained_at, empty_at) = (Instant::ZERO, Instant::ZERO);
        Self {
            name,
            family,
            ifindex: None,
            mtu: 0,
            doubtful: false,
            needs: Needs::default(),
            claim: None,
            refused: None,
            drained_at,
            socket: None,
            empty_at,
        }
    }

    /// Follows the interface: opens a socket when it appears, closes it when it goes.
    pub(crate) fn on_link_change(&mut self, link: Option<&Link>) -> io::Result<()> {
        let ifindex = link.map(|link| link.index);
        if ifindex != self.ifindex {
            (self.ifindex, self.socket, self.claim, self.refused) = (ifindex, None, None, None);
        }
        self.mtu = link.map_or(0, |link| link.mtu);
        let Some(ifindex) = ifindex else { return Ok(()) };
        let claimed = self.claim(ifindex, self.needs);
        self.refused = match &claimed {
            Err(Refusal::Taken { vrid, by, .. }) => Some(Taken { vrid: *vrid, by: by.clone() }),
            _ => None,
        };
        claimed?;
        let multicast = self.needs.multicast;
        let socket = match &mut self.socket {
            Some(socket) => {
                self.doubtful = multicast;
                socket
            }
            empty => {
                self.empty_at = clock::now();
                empty.insert(VrrpSocket::open(&self.name, ifindex, self.mtu, self.family, multicast)?)
            }
        };
        socket.set_mtu(self.mtu)?;
        socket.set_multicast(multicast)?;
        if multicast { socket.join() } else { Ok(()) }
    }

    /// Takes over what the routers here need from now on, with what was [claimed](PortChanges::claim) for that. The socket
    /// [follows](Self::follow).
    ///
    /// # Errors
    /// The interface is another one by now, and somebody else has one of the routers there: nothing was changed.
    pub(crate) fn change(&mut self, needs: Needs, claim: Option<Arc<Claim>>) -> Result<(), Refusal> {
        if let Some(claim) = claim {
            let ifindex = *self.ifindex.get_or_insert(claim.wanted().ifindex);
            if claim.wanted() == self.wanted(ifindex, needs) {
                self.claim = Some(claim);
            }
        }
        // One that was refused waits for all that it needs.
        if let (Some(ifindex), None) = (self.ifindex, &self.refused) {
            self.claim(ifindex, needs)?;
        }
        self.needs = needs;
        Ok(())
    }

    /// Claims what is needed, unless it is claimed already.
    fn claim(&mut self, ifindex: u32, needs: Needs) -> Result<(), Refusal> {
        let Some(wish) = self.wish(ifindex, needs) else { return Ok(()) };
        match claims::claim(&[wish], Duration::ZERO) {
            Ok(claims) => self.claim = claims.into_iter().next().map(Arc::new),
            // For less than what is claimed the kernel had no room: it is tried again.
            Err(Refusal::Os(_)) if self.has_claimed(needs) => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    fn has_claimed(&self, needs: Needs) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.wanted().vrids.has_all(needs.vrids))
    }

    /// Returns the claim to make on the interface of this index for these needs, if one is missing.
    fn wish(&self, ifindex: u32, needs: Needs) -> Option<Wish> {
        let wanted = self.wanted(ifindex, needs);
        let is_claimed = self.claim.as_ref().is_some_and(|claim| claim.wanted() == wanted);
        (!is_claimed).then(|| Wish { wanted, held: self.claim.clone() })
    }

    fn wanted(&self, ifindex: u32, needs: Needs) -> PortVrids {
        PortVrids { ifindex, family: self.family, vrids: needs.vrids }
    }

    /// Follows the interface for the first time.
    pub(crate) fn open(&mut self, link: &Link) -> io::Result<()> {
        match self.on_link_change(Some(link)) {
            // A link without IPv6, for now: it is told, and tried again, when the driver follows it.
            Err(_) if self.socket.is_some() => Ok(()),
            followed => followed,
        }
    }

    /// Joins the group again if the interface is not among its `members`.
    pub(crate) fn verify(&mut self, members: &BTreeSet<u32>) -> io::Result<()> {
        self.doubtful = false;
        match (&mut self.socket, self.ifindex) {
            (Some(socket), Some(ifindex)) if self.needs.multicast && !members.contains(&ifindex) => socket.rejoin(),
            _ => Ok(()),
        }
    }

    pub(crate) fn send(&mut self, endpoints: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.send(endpoints, ttl, payload),
            None => Err(self.missing()),
        }
    }

    /// Does what [`send`](Self::send) does, but sends nothing.
    pub(crate) fn probe(&mut self, endpoints: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.probe(endpoints, ttl, payload),
            None => Err(self.missing()),
        }
    }

    /// Sends to a multicast group from a MAC address that need not be the interface's own, to everybody or `to` one router
    /// alone.
    pub(crate) fn send_as(
        &self,
        from: Mac,
        to: Option<Mac>,
        link_layer: &LinkLayer,
        endpoints: Endpoints,
        ttl: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        let ifindex = self.ifindex.ok_or_else(|| self.missing())?;
        link_layer.advertise(&Framing { ifindex, mtu: self.mtu, from, to }, endpoints, ttl, payload)
    }

    fn missing(&self) -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {}", self.name))
    }

    /// Polls for the next packet. If there is none, remembers that the socket was empty at `now` or later.
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8], now: Instant) -> Poll<io::Result<Arrival>> {
        let polled = match &mut self.socket {
            Some(socket) => socket.poll_recv(cx, buf),
            None => return Poll::Pending,
        };
        if polled.is_pending() {
            self.empty_at = now;
        }
        polled.map_ok(|heard| arrival(clock::now(), self.empty_at, heard))
    }

    /// Returns the next packet, if one waits.
    pub(crate) fn try_recv(&mut self, buf: &mut [u8]) -> io::Result<Option<Arrival>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        let received = socket.try_recv(buf)?;
        let now = clock::now();
        if received.is_none() {
            self.empty_at = now;
        }
        Ok(received.map(|heard| arrival(now, self.empty_at, heard)))
    }
}

/// The kernel stamps packets with the wall clock, which may step. Only the age is taken from the stamp, and no packet is
/// older than the last look into the empty socket.
fn arrival(now: Instant, empty_at: Instant, heard: Heard) -> Arrival {
    match heard {
        Heard::Advertisement(datagram) => {
            let age: Duration = datagram.age.min(now.since(empty_at));
            Arrival::At(now.before(age), datagram)
        }
        Heard::Noise => Arrival::Noise,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::IpAddr;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::sync::mpsc;
    use std::{fs, thread};

    use vrrp_core::{Config, Profile, UnicastPeer, Vrid};

    use super::*;
    use crate::kernel::netlink::monitor::Monitor;
    use crate::packets::socket::datagram::age;
    use crate::packets::socket::membership;
    use crate::router::Router;
    use crate::testing::{ifindex, in_namespace, ip, run, wire};

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns when a packet arrived that lay in the socket for `waited` at most, by a wall clock that says `wall` now.
    fn arrived(waited: Duration, wall: Duration, stamp: Option<Duration>) -> Duration {
        let now = Instant::from_nanos(1_000_000_000_000);
        let endpoints = Endpoints::new([0; 4].into(), [0; 4].into()).unwrap();
        let (mac, authenticated) = (None, false);
        let datagram = Datagram { endpoints, ttl: 255, payload: 0..0, age: age(wall, stamp), mac, authenticated };
        match arrival(now, now.before(waited), Heard::Advertisement(datagram)) {
            Arrival::At(at, _) => now.since(at),
            Arrival::Noise => panic!("an advertisement is none"),
        }
    }

    #[test]
    fn a_port_keeps_its_number_and_that_of_one_that_is_gone_is_given_anew() {
        let mut ports = Ports::default();
        let add = |ports: &mut Ports, name: &str| ports.add(Port::new(name.to_owned(), Family::Ipv4));
        assert_eq!(["eth0", "eth1", "eth2"].map(|name| add(&mut ports, name)), [0, 1, 2]);
        ports.remove(1);
        ports.remove(1);
        ports.remove(7);
        let names = |ports: &Ports| -> Vec<(usize, String)> {
            ports.iter().map(|(number, port)| (number, port.name.clone())).collect()
        };
        assert_eq!(names(&ports), [(0, "eth0".to_owned()), (2, "eth2".to_owned())]);
        assert_eq!((ports.len(), ports.numbers()), (2, vec![0, 2]));
        assert!(ports.get(1).is_none() && ports.get_mut(1).is_none() && ports.get(2).is_some());
        assert_eq!([add(&mut ports, "eth3"), add(&mut ports, "eth4")], [1, 3]);
        for number in 0..4 {
            ports.remove(number);
        }
        assert_eq!((ports.len(), ports.slots.len(), add(&mut ports, "eth5")), (0, 0, 0));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(ports.poll_recv(&mut cx, &mut [], Instant::ZERO).is_pending());
    }

    fn router(family: Family, vrid: u8, unicast: bool) -> Router {
        let [address, peer] = match family {
            Family::Ipv4 => ["192.0.2.100", "192.0.2.2"],
            Family::Ipv6 => ["fe80::100", "fe80::2"],
        };
        let peer = UnicastPeer { address: peer.parse().unwrap(), min_ttl: 255 };
        let config = Config::new(Profile::Rfc9568Errata, Vrid::new(vrid).unwrap(), &[address.parse().unwrap()]);
        let config = config.unwrap();
        Router::new("v0", if unicast { config.with_unicast_peers(&[peer]).unwrap() } else { config })
    }

    fn needs(family: Family, vrids: &[u8], unicast: bool) -> Needs {
        let routers: Vec<Router> = vrids.iter().map(|vrid| router(family, *vrid, unicast)).collect();
        routers.iter().collect()
    }

    /// Two steps, as a driver takes them.
    fn change(ports: &mut Ports, monitor: &Monitor, wanted: &[(usize, Needs)]) -> Result<(), Refusal> {
        let plan = ports.plan(wanted.iter().copied(), |name| monitor.link_by_name(name));
        for (number, needs, claim) in plan.claim(Duration::ZERO)? {
            let port = ports.get_mut(number).unwrap();
            port.change(needs, claim)?;
            port.on_link_change(monitor.link_by_name(&port.name)).unwrap();
        }
        Ok(())
    }

    /// The ends of a wire from v0, with ports on it, to v1.
    struct Wire {
        ports: Ports,
        monitor: Monitor,
        link_layer: LinkLayer,
        family: Family,
    }

    impl Wire {
        /// Sends an advertisement from v1, to the group or to v0 alone.
        fn send(&self, ttl: u8, to_group: bool) {
            let addresses = match self.family {
                Family::Ipv4 => ["192.0.2.1", "192.0.2.2"],
                Family::Ipv6 => ["fe80::1", "fe80::2"],
            };
            let [here, there] = addresses.map(|address| address.parse::<IpAddr>().unwrap());
            let [v0, v1] = ["v0", "v1"].map(|name| self.monitor.link_by_name(name).unwrap());
            let way =
                Framing { ifindex: v1.index, mtu: v1.mtu, from: v1.mac.unwrap(), to: v0.mac.filter(|_| !to_group) };
            let endpoints = Endpoints::new(there, if to_group { self.family.group() } else { here }).unwrap();
            self.link_layer.advertise(&way, endpoints, ttl, b"an advertisement").unwrap();
        }

        /// The TTLs of what is heard on v0 up to the one that `last` has.
        async fn heard(&mut self, last: u8) -> Vec<u8> {
            let (mut buf, mut ttls) = ([0; 2048], Vec::new());
            while ttls.last() != Some(&last) {
                let now = clock::now();
                let (_, arrival) = poll_fn(|cx| self.ports.poll_recv(cx, &mut buf, now)).await;
                if let Arrival::At(_, datagram) = arrival.unwrap() {
                    ttls.push(datagram.ttl);
                }
            }
            ttls
        }

        /// Tells whether the IP layer is in the group, and checks that the card is too, once for each of the two sockets.
        fn is_member(&self) -> bool {
            let group = match self.family {
                Family::Ipv4 => "01005e000012",
                Family::Ipv6 => "333300000012",
            };
            let list = fs::read_to_string("/proc/thread-self/net/dev_mcast").unwrap();
            let users = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let users = users.filter(|words| words[1] == "v0" && words[4] == group).map(|words| words[2].to_owned());
            let is_member = membership::interfaces(self.family).unwrap().contains(&ifindex("v0"));
            assert_eq!(users.collect::<Vec<_>>(), if is_member { &["2"][..] } else { &[] });
            is_member
        }
    }

    fn each_family(test: impl AsyncFn(Wire)) {
        wire("v0", "v1");
        ip("address add 192.0.2.1/24 dev v0");
        ip("address add fe80::1/64 dev v0 nodad");
        for family in [Family::Ipv4, Family::Ipv6] {
            run(async {
                let (monitor, link_layer) = (Monitor::new().unwrap(), LinkLayer::open().unwrap());
                test(Wire { ports: Ports::default(), monitor, link_layer, family }).await;
            });
        }
    }

    #[test]
    fn routers_come_and_go_and_the_socket_stays() {
        in_namespace(|| {
            each_family(async |mut wire| {
                let family = wire.family;
                let v0 = wire.ports.add(Port::new("v0".to_owned(), family));
                let mut last = 0;
                for vrids in [&[51][..], &[51, 52], &[52, 53], &[53]] {
                    // What lay in the socket before is there afterwards.
                    change(&mut wire.ports, &wire.monitor, &[(v0, needs(family, vrids, false))]).unwrap();
                    let heard = if last == 0 { vec![] } else { wire.heard(last).await };
                    assert_eq!(heard, (1..=last).rev().take(2).rev().collect::<Vec<u8>>());
                    wire.send(last + 1, true);
                    wire.send(last + 2, false);
                    last += 2;
                }
                assert_eq!(wire.heard(last).await, [last - 1, last]);
                // The last one goes.
                assert!(wire.is_member());
                wire.ports.remove(v0);
                assert!(!wire.is_member());
                let mut others = Ports::default();
                let port = others.add(Port::new("v0".to_owned(), family));
                change(&mut others, &wire.monitor, &[(port, needs(family, &[53], false))]).unwrap();
            });
        });
    }

    #[test]
    fn the_group_is_joined_when_a_router_needs_it_and_left_behind_the_last() {
        in_namespace(|| {
            each_family(async |mut wire| {
                let family = wire.family;
                let v0 = wire.ports.add(Port::new("v0".to_owned(), family));
                let (alone, group) = (needs(family, &[51], true), needs(family, &[51], false));
                for (wanted, is_member) in [(alone, false), (group, true), (alone, false), (group, true)] {
                    change(&mut wire.ports, &wire.monitor, &[(v0, wanted)]).unwrap();
                    assert_eq!(wire.is_member(), is_member, "{family}");
                    for (ttl, to_group) in [(1, true), (2, false), (3, true), (4, false)] {
                        wire.send(ttl, to_group);
                    }
                    let expected = if is_member { &[1, 2, 3, 4][..] } else { &[2, 4] };
                    assert_eq!(wire.heard(4).await, expected, "{family}");
                }
            });
        });
    }

    #[test]
    fn what_another_process_runs_is_refused_and_leaves_everything_as_it_was() {
        in_namespace(|| {
            each_family(async |mut wire| {
                let (family, monitor) = (wire.family, &wire.monitor);
                let mut others = Ports::default();
                let theirs = others.add(Port::new("v0".to_owned(), family));
                change(&mut others, monitor, &[(theirs, needs(family, &[60], false))]).unwrap();
                // Positions that are no numbers.
                let [gone, v0, v1] = ["v9", "v0", "v1"].map(|name| wire.ports.add(Port::new(name.to_owned(), family)));
                wire.ports.remove(gone);
                let [first, more] = [&[51][..], &[51, 60]].map(|vrids| needs(family, vrids, false));
                change(&mut wire.ports, monitor, &[(v0, first)]).unwrap();
                let is_taken = |refusal: Refusal| matches!(refusal, Refusal::Taken { position, vrid, .. } if (position, vrid.get()) == (v0, 60));
                // All or nothing.
                let both = [(v0, more), (v1, first)];
                assert!(is_taken(change(&mut wire.ports, monitor, &both).unwrap_err()));
                assert_eq!(
                    (wire.ports.get(v0).unwrap().needs, wire.ports.get(v1).unwrap().needs),
                    (first, Needs::default())
                );
                change(&mut others, monitor, &[(theirs, needs(family, &[61], false))]).unwrap();
                // They do not get what stayed ours.
                assert!(change(&mut others, monitor, &[(theirs, needs(family, &[51, 61], false))]).is_err());
                let plan = wire.ports.plan(both, |name| monitor.link_by_name(name));
                let ready = plan.start().await.unwrap().unwrap();
                assert_eq!(ready.len(), 2);
                for (number, needs, claim) in ready {
                    wire.ports.get_mut(number).unwrap().change(needs, claim).unwrap();
                }
                assert!(change(&mut others, monitor, &[(theirs, needs(family, &[60, 61], false))]).is_err());
            });
        });
    }

    /// A look at the claims holds the lock, for which a change waits: what was claimed before is there until then.
    #[test]
    fn whoever_looks_finds_the_claim_of_a_router_that_stays() {
        in_namespace(|| {
            wire("v0", "v1");
            let index = ifindex("v0");
            let sets = [&[51, 52][..], &[51, 53], &[51]].map(|vrids| needs(Family::Ipv4, vrids, false));
            let names =
                sets.map(|Needs { vrids, .. }| PortVrids { ifindex: index, family: Family::Ipv4, vrids }.to_string());
            let ((go, begin), (done, end)) = (mpsc::channel(), mpsc::channel());
            let changing = thread::spawn(move || {
                run(async {
                    let monitor = Monitor::new().unwrap();
                    let mut ports = Ports::default();
                    let v0 = ports.add(Port::new("v0".to_owned(), Family::Ipv4));
                    change(&mut ports, &monitor, &[(v0, sets[2])]).unwrap();
                    done.send(()).unwrap();
                    for (planned, needs) in begin.into_iter().zip(sets.into_iter().cycle()) {
                        match planned {
                            true => change(&mut ports, &monitor, &[(v0, needs)]).unwrap(),
                            false => ports.get_mut(v0).unwrap().change(needs, None).unwrap(),
                        }
                        done.send(()).unwrap();
                    }
                });
            });
            let lock = SocketAddr::from_abstract_name("vrrp-claim-lock").unwrap();
            for planned in [true, true, true, false, false, false] {
                end.recv().unwrap();
                let looking = UnixListener::bind_addr(&lock).unwrap();
                go.send(planned).unwrap();
                // Less than anybody waits for the lock.
                thread::sleep(Duration::from_millis(5));
                let list = fs::read_to_string("/proc/thread-self/net/unix").unwrap();
                assert!(names.iter().any(|name| list.contains(name)), "{list}");
                drop(looking);
            }
            end.recv().unwrap();
            drop(go);
            changing.join().unwrap();
        });
    }

    /// A port whose routers another process has waits with them, and takes in those that come.
    #[test]
    fn a_port_that_was_refused_takes_in_what_comes_and_opens_when_the_refused_one_goes() {
        in_namespace(|| {
            each_family(async |mut wire| {
                let (family, monitor) = (wire.family, &wire.monitor);
                let mut others = Ports::default();
                let theirs = others.add(Port::new("v0".to_owned(), family));
                change(&mut others, monitor, &[(theirs, needs(family, &[60], false))]).unwrap();
                let v0 = wire.ports.add(Port::new("v0".to_owned(), family));
                let port = wire.ports.get_mut(v0).unwrap();
                port.needs = needs(family, &[60], false);
                port.on_link_change(monitor.link_by_name("v0")).unwrap_err();
                let both = needs(family, &[60, 61], false);
                let plan = wire.ports.plan([(v0, both)], |name| monitor.link_by_name(name));
                for (number, needs, claim) in plan.claim(Duration::ZERO).unwrap() {
                    let port = wire.ports.get_mut(number).unwrap();
                    port.change(needs, claim).unwrap();
                    port.on_link_change(monitor.link_by_name("v0")).unwrap_err();
                    assert!(port.refused.as_ref().is_some_and(|taken| taken.vrid.get() == 60));
                }
                change(&mut wire.ports, monitor, &[(v0, needs(family, &[61], false))]).unwrap();
                assert!(wire.ports.get(v0).unwrap().refused.is_none());
                wire.send(1, true);
                assert_eq!(wire.heard(1).await, [1]);
            });
        });
    }

    #[test]
    fn a_clock_that_steps_moves_no_arrival_beyond_what_the_socket_knows() {
        let wall = 1_700_000_000 * SECOND;
        let since = |ago: Duration| Some(wall - ago);
        // A clock that runs as it should.
        assert_eq!(arrived(4 * SECOND, wall, since(3 * SECOND)), 3 * SECOND);
        assert_eq!(arrived(4 * SECOND, wall, None), Duration::ZERO, "no stamp");
        // Set back after the packet came: its stamp lies ahead.
        assert_eq!(arrived(4 * SECOND, wall, Some(wall + 3600 * SECOND)), Duration::ZERO);
        assert_eq!(arrived(4 * SECOND, wall, Some(Duration::MAX)), Duration::ZERO);
        // Set forward: it seems to have come long before anybody looked.
        for ago in [5 * SECOND, 3600 * SECOND, wall] {
            assert_eq!(arrived(4 * SECOND, wall, since(ago)), 4 * SECOND);
        }
        assert_eq!(arrived(Duration::ZERO, wall, since(SECOND)), Duration::ZERO, "the socket was empty just now");
        // To and fro: each packet by itself.
        let jumping = [since(SECOND), Some(wall + SECOND), since(9 * SECOND), since(2 * SECOND)];
        assert_eq!(jumping.map(|stamp| arrived(4 * SECOND, wall, stamp).as_secs()), [1, 0, 4, 2]);
    }
}
