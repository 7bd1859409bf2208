//! What passes the wire, and what it says of who is Master.

use std::io::IoSliceMut;
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use crate::common::{Frame, LIMIT, ip, within};

const ETH_P_ALL: u16 = 3;
/// `sll_pkttype` of what a bridge's port sends: the same was received on another port.
const OUTGOING: u8 = 4;

/// An advertisement that was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) source: IpAddr,
    pub(crate) release: bool,
}

/// A time without a break in which a router said that it is Master.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reign {
    pub(crate) source: IpAddr,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

/// Everything that enters the switch of the calling thread's namespace, from now on.
pub(crate) struct Watch {
    wire: Arc<Mutex<Wire>>,
    capture: Option<PathBuf>,
}

#[derive(Default)]
struct Wire {
    seen: Vec<Seen>,
    frames: Vec<(SystemTime, Vec<u8>)>,
}

impl Watch {
    /// Opens a watch; what it sees is kept under this name if captures are wanted.
    pub(crate) fn new(name: &str) -> Self {
        let all = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all)).unwrap();
        socket.set_recv_buffer_size(4 << 20).unwrap();
        setsockopt(&socket, ReceiveTimestampns, &true).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let bridge = ip("-oneline link show dev lan").split_once(':').unwrap().0.parse().unwrap();
        let wire = Arc::default();
        let weak = Arc::downgrade(&wire);
        thread::spawn(move || record(&socket, bridge, &weak));
        let capture = env::var_os("VRRP_CAPTURE_DIR").map(|dir| PathBuf::from(dir).join(format!("{name}.pcap")));
        Self { wire, capture }
    }

    /// The advertisements after a moment.
    pub(crate) fn after(&self, moment: Instant) -> Vec<Seen> {
        let wire = self.wire.lock().unwrap();
        wire.seen.iter().filter(|seen| seen.at > moment).copied().collect()
    }

    /// Returns when a router first says after a moment that it is Master; waits for it.
    pub(crate) fn master(&self, source: IpAddr, moment: Instant) -> Instant {
        let mut found = None;
        let mut look = || {
            found = self.after(moment).into_iter().find(|seen| seen.source == source && !seen.release);
            found.is_some()
        };
        assert!(within(LIMIT, &mut look), "{source} did not become Master in {LIMIT:?}");
        found.unwrap().at
    }

    /// Returns when a router first releases the addresses after a moment; waits for it.
    pub(crate) fn release(&self, source: IpAddr, moment: Instant) -> Instant {
        let mut found = None;
        let mut look = || {
            found = self.after(moment).into_iter().find(|seen| seen.source == source && seen.release);
            found.is_some()
        };
        assert!(within(LIMIT, &mut look), "{source} did not release the addresses in {LIMIT:?}");
        found.unwrap().at
    }

    /// Returns when a router last said before a moment that it is Master.
    pub(crate) fn last(&self, source: IpAddr, moment: Instant) -> Instant {
        let wire = self.wire.lock().unwrap();
        let mut seen = wire.seen.iter().rev();
        let last = seen.find(|seen| seen.source == source && seen.at < moment && !seen.release);
        last.unwrap_or_else(|| panic!("{source} never was Master")).at
    }

    /// Returns who said when that it is Master. A silence up to `pause` does not end a reign, a release does.
    pub(crate) fn reigns(&self, pause: Duration) -> Vec<Reign> {
        let mut reigns: Vec<Reign> = Vec::new();
        let mut over = Vec::new();
        for seen in &self.wire.lock().unwrap().seen {
            if seen.release {
                over.push(seen.source);
                continue;
            }
            let current = reigns.iter_mut().rev().find(|reign| reign.source == seen.source);
            let released = over.contains(&seen.source);
            over.retain(|source| *source != seen.source);
            match current {
                Some(reign) if !released && seen.at - reign.to <= pause => reign.to = seen.at,
                _ => reigns.push(Reign { source: seen.source, from: seen.at, to: seen.at }),
            }
        }
        reigns
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(path) = &self.capture {
            // A story that panicked may have poisoned it; what was seen is true all the same.
            let wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
            let written = fs::create_dir_all(path.parent().unwrap()).and_then(|()| fs::write(path, pcap(&wire.frames)));
            assert!(written.is_ok() || thread::panicking(), "{}: {written:?}", path.display());
        }
    }
}

fn record(socket: &Socket, bridge: usize, wire: &Weak<Mutex<Wire>>) {
    let mut octets = vec![0; 2048];
    while wire.strong_count() > 0 {
        let (mut control, mut parts) = (nix::cmsg_space!(TimeSpec), [IoSliceMut::new(&mut octets)]);
        let received = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty());
        let Ok(message) = received else { continue };
        // The moment at which the kernel had it: this thread may come to it later.
        let stamp = message.cmsgs().unwrap().find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(SystemTime::UNIX_EPOCH + Duration::from(stamp)),
            _ => None,
        });
        let (stamp, from, len) = (stamp.unwrap(), message.address.unwrap(), message.bytes);
        // Each frame once: where it comes in.
        if from.pkttype() == OUTGOING || from.ifindex() == bridge {
            continue;
        }
        let at = Instant::now() - stamp.elapsed().unwrap_or_default();
        let Some(wire) = wire.upgrade() else { return };
        let mut wire = wire.lock().unwrap();
        wire.frames.push((stamp, octets[..len].to_vec()));
        if let Frame::Advert(advert) = Frame::from(&octets[..len]) {
            wire.seen.push(Seen { at, source: advert.source, release: advert.priority.is_none() });
        }
    }
}

/// A capture file of Ethernet frames.
fn pcap(frames: &[(SystemTime, Vec<u8>)]) -> Vec<u8> {
    const MAGIC: u32 = 0xa1b2_c3d4;
    const VERSION: u32 = 2 | 4 << 16;
    const LONGEST: u32 = 1 << 16;
    const ETHERNET: u32 = 1;
    let mut file: Vec<u8> = [MAGIC, VERSION, 0, 0, LONGEST, ETHERNET].into_iter().flat_map(u32::to_ne_bytes).collect();
    for (time, frame) in frames {
        let (time, len) = (time.duration_since(SystemTime::UNIX_EPOCH).unwrap(), frame.len() as u32);
        file.extend([time.as_secs() as u32, time.subsec_micros(), len, len].into_iter().flat_map(u32::to_ne_bytes));
        file.extend(frame);
    }
    file
}
