//! A place on the LAN where a router of some make runs, dies and returns.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use vrrp_core::Family;

use crate::case::Case;
use crate::common::{Host, Lan, address};
use crate::{frr, keepalived, ours};

/// Who made the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Ours,
    Keepalived,
    Frr,
}

/// A running router.
pub(crate) trait Speaker {
    /// Waits until it says that it is Backup.
    fn until_backup(&mut self);
    /// Returns what it found wrong with the packets of others, and with its own work.
    fn complaints(&mut self) -> Vec<String>;
    /// Ends it at once, so that it can say and undo nothing.
    fn kill(self: Box<Self>);
    /// Asks it to stop, and waits until it has.
    fn stop(self: Box<Self>);
}

/// A host, and how the router there is configured.
pub(crate) struct Seat {
    pub(crate) case: &'static Case,
    pub(crate) make: Make,
    pub(crate) host: Host,
    number: u8,
    pub(crate) priority: u8,
    pub(crate) preempt: bool,
    /// For the files of the router.
    pub(crate) dir: PathBuf,
}

/// The seats are at 192.0.2.11 and 192.0.2.12: who has the higher one wins a tie.
const NUMBERS: u8 = 11 + 12;

impl Make {
    /// Returns what must be installed.
    pub(crate) const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Ours => &[],
            Self::Keepalived => &["keepalived"],
            Self::Frr => &[frr::ZEBRA, frr::VRRPD],
        }
    }
}

impl Seat {
    pub(crate) fn new(case: &'static Case, files: &str, lan: &Lan, number: u8, make: Make, priority: u8) -> Self {
        let host = lan.host(number);
        if case.family == Family::Ipv6 {
            // The order of the addresses that the kernel makes is left to chance.
            host.ip("link set eth0 down addrgenmode none");
            host.ip("link set eth0 up");
            host.ip(&format!("address add fe80::{number}/64 dev eth0 nodad"));
            host.ip(&format!("address add 2001:db8::{number}/64 dev eth0 nodad"));
        }
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("interop").join(case.name).join(files);
        let dir = dir.join(format!("{make:?}{number}"));
        // What an earlier run left is of no use, and may not be there.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let seat = Self { case, make, host, number, priority, preempt: true, dir };
        if make == Make::Frr {
            frr::prepare(&seat);
        }
        seat
    }

    pub(crate) fn start(&self) -> Box<dyn Speaker> {
        match self.make {
            Make::Ours => Box::new(ours::start(self)),
            Make::Keepalived => Box::new(keepalived::start(self)),
            Make::Frr => Box::new(frr::start(self)),
        }
    }

    /// Returns where its advertisements come from.
    pub(crate) fn source(&self) -> IpAddr {
        self.address_of(self.number)
    }

    /// The other router of a unicast pair.
    pub(crate) fn peer(&self) -> IpAddr {
        self.address_of(NUMBERS - self.number)
    }

    /// Returns how much later than others it is heard as Master.
    ///
    /// FRR brings its macvlan up when it takes over. It learns of the IPv6 addresses there too late for its first
    /// advertisement, which it cannot send then.
    pub(crate) fn hesitation(&self) -> Duration {
        match (self.make, self.case.family) {
            (Make::Frr, Family::Ipv6) => self.case.interval(),
            _ => Duration::ZERO,
        }
    }

    fn address_of(&self, number: u8) -> IpAddr {
        match (self.case.family, self.case.unicast) {
            (Family::Ipv4, _) => address(&format!("192.0.2.{number}")),
            (Family::Ipv6, false) => address(&format!("fe80::{number}")),
            (Family::Ipv6, true) => address(&format!("2001:db8::{number}")),
        }
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.join(file), text).unwrap();
    }
}
