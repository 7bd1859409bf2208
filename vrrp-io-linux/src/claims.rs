//! One interface, family and virtual router id belongs to one process of a network namespace: two would take each other's
//! addresses away, and each would release what the other has.
//!
//! A claim is an abstract Unix socket that listens. Its name is known in its network namespace alone, says which ids of which
//! interface are claimed, and goes with its process, however that ends. `/proc` lists them all.
//!
//! A name cannot change: for other ids there is another claim, made before the first one goes.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use socket2::{Domain, SockAddr, Socket, Type};
use vrrp_core::{Family, Vrid};

use crate::sys;

const PREFIX: &str = "vrrp-claim:";
/// Held while somebody looks and claims, so that of two at once not both are refused.
const LOCK: &str = "vrrp-claim-lock";
/// It is held for less.
const LOCK_LIMIT: Duration = Duration::from_millis(20);
/// The number of times that the names of others are read.
const LOOKS: usize = 2;
/// The time from one try to the next while a claim is in the way.
const PAUSE: Duration = Duration::from_millis(10);
/// Names that somebody took who cannot run a router are walked around.
const VARIANTS: u8 = 8;
/// Connections that nobody accepts: each is a look of somebody who was refused.
const BACKLOG: i32 = 4096;
/// The user as which a user of another user namespace appears.
const UNMAPPED_USER: u32 = 65534;
const CAP_NET_RAW: u64 = 1 << 13;

/// A set of virtual router ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vrids([u64; 4]);

/// Everything that one process runs on one interface in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortVrids {
    pub(crate) ifindex: u32,
    pub(crate) family: Family,
    pub(crate) vrids: Vrids,
}

/// Something that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) wanted: PortVrids,
    /// The claim in whose place the new one comes: what that has is ours, whoever else says so.
    pub(crate) held: Option<Arc<Claim>>,
}

/// Keeps others away for as long as it lives.
#[derive(Debug)]
pub(crate) struct Claim {
    wanted: PortVrids,
    name: String,
    _listener: Socket,
}

/// A claim that is being made.
struct NewClaim {
    position: usize,
    name: String,
    new: Vrids,
}

/// The reason why there is no claim.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Another process has one of the ids.
    Taken {
        /// The position of that id among the wanted ones.
        position: usize,
        vrid: Vrid,
        /// The process that has it, as a phrase.
        by: String,
    },
    Os(io::Error),
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Taken { vrid, by, .. } => Self::new(
                io::ErrorKind::AddrInUse,
                format!("virtual router {vrid} is already run by {by}: stop that one, or take another id"),
            ),
            Refusal::Os(error) => error,
        }
    }
}

impl Vrids {
    pub(crate) fn insert(&mut self, vrid: Vrid) {
        if let Some(word) = self.0.get_mut(usize::from(vrid.get() / 64)) {
            *word |= 1 << (vrid.get() % 64);
        }
    }

    /// Tells whether it has all of the others.
    pub(crate) fn has_all(self, others: Self) -> bool {
        others.without(self).first().is_none()
    }

    fn without(self, others: Self) -> Self {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = others.0;
        Self([a & !e, b & !f, c & !g, d & !h])
    }

    fn first(self) -> Option<Vrid> {
        self.common(self)
    }

    /// The first id that both have.
    fn common(self, other: Self) -> Option<Vrid> {
        let words = (0..).zip(self.0.iter().zip(other.0).map(|(ours, theirs)| ours & theirs));
        let (number, word) = words.into_iter().find(|(_, word)| *word != 0)?;
        let vrid: u32 = number * 64 + word.trailing_zeros();
        Vrid::new(u8::try_from(vrid).ok()?).ok()
    }
}

impl fmt::Display for PortVrids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            Family::Ipv4 => 4,
            Family::Ipv6 => 6,
        };
        write!(f, "{PREFIX}{}:{family}:", self.ifindex)?;
        self.vrids.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

impl Wish {
    /// Returns the ids that nobody may have yet.
    fn new_vrids(&self) -> Vrids {
        let held = self.held.as_ref().filter(|held| held.wanted.place() == self.wanted.place());
        held.map_or(self.wanted.vrids, |held| self.wanted.vrids.without(held.wanted.vrids))
    }
}

impl From<PortVrids> for Wish {
    fn from(wanted: PortVrids) -> Self {
        Self { wanted, held: None }
    }
}

impl Claim {
    /// Returns the ids that it keeps others away from, and where.
    pub(crate) fn wanted(&self) -> PortVrids {
        self.wanted
    }
}

impl PortVrids {
    /// Reads a name back, with or without the number of its variant.
    fn read(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.split(':');
        let ifindex = parts.next()?.parse().ok()?;
        let family = match parts.next()? {
            "4" => Family::Ipv4,
            "6" => Family::Ipv6,
            _ => return None,
        };
        let hex = parts.next()?;
        let mut vrids = Vrids::default();
        for (number, word) in vrids.0.iter_mut().enumerate() {
            *word = u64::from_str_radix(hex.get(number * 16..(number + 1) * 16)?, 16).ok()?;
        }
        Some(Self { ifindex, family, vrids })
    }
}

/// Claims all that is wanted, or nothing. What stands in the way may take as long as `patience` to go: a process that was just
/// killed is not gone at once.
pub(crate) fn claim(wishes: &[Wish], patience: Duration) -> Result<Vec<Claim>, Refusal> {
    let start = Instant::now();
    loop {
        match claim_now(wishes) {
            Err(Refusal::Taken { .. }) if start.elapsed() < patience => thread::sleep(PAUSE),
            claimed => return claimed,
        }
    }
}

fn claim_now(wishes: &[Wish]) -> Result<Vec<Claim>, Refusal> {
    if wishes.is_empty() {
        return Ok(Vec::new());
    }
    // A reader of the names holds the lock too: no claim takes the place of another one meanwhile.
    let _lock = lock();
    // First all names are taken, then those of others are read: of two that claim at once at least one sees the other.
    let mut claims = Vec::with_capacity(wishes.len());
    let mut ours = HashMap::new();
    for (position, wish) in wishes.iter().enumerate() {
        let claim = listen(position, wish)?;
        ours.insert(wish.wanted.place(), NewClaim { position, name: claim.name.clone(), new: wish.new_vrids() });
        claims.push(claim);
    }
    // Whoever could not wait for the lock may have put one claim in the place of another while the names were read, so that
    // neither was seen: the new one is seen the second time.
    for _ in 0..LOOKS {
        look(&ours)?;
    }
    Ok(claims)
}

/// Looks for somebody else who has what is new.
fn look(ours: &HashMap<(u32, bool), NewClaim>) -> Result<(), Refusal> {
    // Names that others gave their sockets may be any octets.
    let list = fs::read("/proc/thread-self/net/unix").map_err(Refusal::Os)?;
    for line in String::from_utf8_lossy(&list).lines() {
        let Some(name) = line.split_whitespace().nth(7).and_then(|path| path.strip_prefix('@')) else { continue };
        let Some(theirs) = PortVrids::read(name) else { continue };
        let Some(ours) = ours.get(&theirs.place()).filter(|ours| ours.name != name) else { continue };
        let Some(vrid) = ours.new.common(theirs.vrids) else { continue };
        if let Some(by) = holder(name) {
            return Err(Refusal::Taken { position: ours.position, vrid, by });
        }
    }
    Ok(())
}

impl PortVrids {
    fn place(&self) -> (u32, bool) {
        (self.ifindex, self.family == Family::Ipv6)
    }
}

fn lock() -> Option<Socket> {
    let start = Instant::now();
    loop {
        match bound(LOCK) {
            // Whoever holds it for longer keeps nobody from claiming.
            Err(_) if start.elapsed() < LOCK_LIMIT => thread::sleep(Duration::from_millis(1)),
            bound => return bound.ok(),
        }
    }
}

fn listen(position: usize, wish: &Wish) -> Result<Claim, Refusal> {
    let wanted = wish.wanted;
    let mut name = wanted.to_string();
    let plain = name.len();
    for variant in 0..=VARIANTS {
        name.truncate(plain);
        if variant > 0 {
            // Writing to a string does not fail.
            let _ = write!(name, ":{variant}");
        }
        match bound(&name) {
            Ok(socket) => {
                socket.listen(BACKLOG).map_err(Refusal::Os)?;
                return Ok(Claim { wanted, name, _listener: socket });
            }
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(Refusal::Os(error)),
            Err(_) => {}
        }
        let Some(vrid) = wish.new_vrids().first() else { continue };
        if let Some(by) = holder(&name) {
            return Err(Refusal::Taken { position, vrid, by });
        }
    }
    Err(Refusal::Os(io::ErrorKind::AddrInUse.into()))
}

fn bound(name: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&address(name)?)?;
    Ok(socket)
}

/// A name that begins with zero is abstract.
fn address(name: &str) -> io::Result<SockAddr> {
    SockAddr::unix(format!("\0{name}"))
}

/// Describes the process that has a claim, as a phrase; `None` if it cannot run routers, or is gone: anybody may take such a name.
fn holder(name: &str) -> Option<String> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).ok()?;
    socket.connect(&address(name).ok()?).ok()?;
    let peer = sys::peer(socket.as_fd()).ok()?;
    let trusted = [0, sys::effective_user(), UNMAPPED_USER].contains(&peer.user);
    if !trusted && !has_raw_sockets(peer.process) {
        return None;
    }
    Some(match peer.process {
        0 => "a process that cannot be seen from here".to_owned(),
        process if u32::try_from(process) == Ok(std::process::id()) => "this process".to_owned(),
        process => {
            let command = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            format!("process {process} ({})", command.trim_end())
        }
    })
}

/// Tells whether some thread of a process may open raw sockets here.
fn has_raw_sockets(process: i32) -> bool {
    let user_namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/user")).ok();
    let ours = user_namespace("self");
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let mut statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let is_capable = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok()).is_some_and(|set| set & CAP_NET_RAW != 0)
    };
    // In a user namespace of their own all are.
    ours.is_some() && ours == user_namespace(&process.to_string()) && statuses.any(is_capable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{in_namespace, ip};

    fn wanted(ifindex: u32, family: Family, vrids: &[u8]) -> PortVrids {
        let mut set = Vrids::default();
        vrids.iter().for_each(|vrid| set.insert(Vrid::new(*vrid).unwrap()));
        PortVrids { ifindex, family, vrids: set }
    }

    fn claim_one(wanted: PortVrids) -> Result<Claim, Refusal> {
        claim(&[wanted.into()], Duration::ZERO).map(|mut claims| claims.remove(0))
    }

    /// Claims something in the place of what is held.
    fn claim_instead(wanted: PortVrids, held: &Arc<Claim>) -> Result<Arc<Claim>, Refusal> {
        let wish = Wish { wanted, held: Some(Arc::clone(held)) };
        claim(&[wish], Duration::ZERO).map(|mut claims| Arc::new(claims.remove(0)))
    }

    #[test]
    fn a_name_is_read_back_and_fits() {
        for vrids in [&[1][..], &[255], &[63, 64, 65, 127, 128, 191, 192], &(1..=255).collect::<Vec<u8>>()] {
            for family in [Family::Ipv4, Family::Ipv6] {
                let wanted = wanted(u32::MAX, family, vrids);
                let name = wanted.to_string();
                assert_eq!(PortVrids::read(&name), Some(wanted));
                assert_eq!(PortVrids::read(&format!("{name}:1")), Some(wanted));
                // sun_path less the zero at its beginning.
                assert!(name.len() + ":8".len() <= 107, "{name}");
            }
        }
        for name in
            ["", "vrrp-claim:", "vrrp-claim:1:4:", "vrrp-claim:1:5:00", "vrrp-claim-lock", "vrrp-claim:x:4:0", "é"]
        {
            assert_eq!(PortVrids::read(name), None, "{name}");
        }
        let common = |a: &[u8], b: &[u8]| {
            wanted(1, Family::Ipv4, a).vrids.common(wanted(1, Family::Ipv4, b).vrids).map(Vrid::get)
        };
        assert_eq!(common(&[1, 64, 255], &[2, 64, 255]), Some(64));
        assert_eq!(common(&[255], &[1, 255]), Some(255));
        assert_eq!(common(&[1, 2], &[3, 255]), None);
    }

    #[test]
    fn an_id_has_one_claim_for_each_interface_family_and_namespace() {
        in_namespace(|| {
            let first = claim_one(wanted(2, Family::Ipv4, &[51, 52])).unwrap();
            // The same ids, one of them, one among others.
            for vrids in [&[51, 52][..], &[52], &[1, 52, 255]] {
                match claim_one(wanted(2, Family::Ipv4, vrids)) {
                    Err(Refusal::Taken { position: 0, vrid, by }) => {
                        assert!(vrids.contains(&vrid.get()) && by == "this process", "{vrid} {by}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            let others = [
                wanted(2, Family::Ipv4, &[53]),
                wanted(2, Family::Ipv6, &[51, 52]),
                wanted(3, Family::Ipv4, &[51, 52]),
            ];
            let others = claim(&others.map(Wish::from), Duration::ZERO).unwrap();
            // All or nothing: what was refused has left nothing behind.
            let mixed = [wanted(9, Family::Ipv4, &[1]), wanted(3, Family::Ipv4, &[52])];
            assert!(matches!(claim(&mixed.map(Wish::from), Duration::ZERO), Err(Refusal::Taken { position: 1, .. })));
            claim_one(mixed[0]).unwrap();
            drop(first);
            let again = claim_one(wanted(2, Family::Ipv4, &[51, 52])).unwrap();
            drop((again, others));
        });
    }

    #[test]
    fn one_that_goes_is_waited_for_and_one_that_hangs_in_the_lock_is_not() {
        in_namespace(|| {
            ip("link set lo up");
            let claimed = claim_one(wanted(2, Family::Ipv4, &[51])).unwrap();
            let goes = thread::spawn(move || {
                thread::sleep(Duration::from_millis(50));
                drop(claimed);
            });
            let _again = claim(&[wanted(2, Family::Ipv4, &[51]).into()], Duration::from_secs(10)).unwrap();
            goes.join().unwrap();
            let _lock = lock().unwrap();
            claim_one(wanted(3, Family::Ipv4, &[51])).unwrap();
        });
    }

    #[test]
    fn ids_come_and_go_and_what_is_held_already_is_no_conflict() {
        in_namespace(|| {
            let v4 = |vrids: &[u8]| wanted(2, Family::Ipv4, vrids);
            let is_taken = |vrid: u8| matches!(claim_one(v4(&[vrid])), Err(Refusal::Taken { .. }));
            let first = Arc::new(claim_one(v4(&[51, 52])).unwrap());
            let _other = claim_one(v4(&[60])).unwrap();
            // One more, of several that are wanted together; what somebody else has leaves the old claim.
            match claim_instead(v4(&[51, 52, 60]), &first) {
                Err(Refusal::Taken { vrid, .. }) => assert_eq!(vrid.get(), 60),
                other => panic!("{other:?}"),
            }
            assert!(is_taken(51) && is_taken(52) && !is_taken(53));
            // The same once more, more, less, none of the first.
            let same = claim_instead(v4(&[51, 52]), &first).unwrap();
            drop(first);
            assert!(is_taken(51) && is_taken(52));
            let more = claim_instead(v4(&[51, 52, 53]), &same).unwrap();
            drop(same);
            assert!(is_taken(51) && is_taken(52) && is_taken(53));
            let less = claim_instead(v4(&[53]), &more).unwrap();
            drop(more);
            assert!(!is_taken(51) && !is_taken(52) && is_taken(53));
            let another = claim_instead(v4(&[51]), &less).unwrap();
            drop(less);
            assert!(is_taken(51) && !is_taken(53));
            // A claim that is held elsewhere is of no help.
            assert!(claim_instead(wanted(2, Family::Ipv6, &[51]), &another).is_ok());
            let elsewhere = Arc::new(claim_one(wanted(3, Family::Ipv4, &[51])).unwrap());
            assert!(matches!(claim_instead(v4(&[51]), &elsewhere), Err(Refusal::Taken { .. })));
        });
    }

    /// Somebody who was refused may still be there for a moment, with any name.
    #[test]
    fn a_claim_that_shrinks_is_never_refused() {
        in_namespace(|| {
            let v4 = |vrids: &[u8]| wanted(2, Family::Ipv4, vrids);
            let held = Arc::new(claim_one(v4(&[51, 52])).unwrap());
            let listens = |wanted: PortVrids| {
                let socket = bound(&wanted.to_string()).unwrap();
                socket.listen(1).unwrap();
                socket
            };
            let _others = [listens(v4(&[51])), listens(v4(&[51, 99]))];
            claim_instead(v4(&[51]), &held).unwrap();
        });
    }

    #[test]
    fn names_that_nobody_listens_at_are_walked_around() {
        in_namespace(|| {
            let wanted = wanted(2, Family::Ipv4, &[51]);
            let _squatter = bound(&wanted.to_string()).unwrap();
            let _claim = claim_one(wanted).unwrap();
            assert!(matches!(claim_one(wanted), Err(Refusal::Taken { .. })));
        });
    }
}
