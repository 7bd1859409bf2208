//! The one configuration model of the daemon; every file format lowers to it.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Password, Priority, Vrid, Weight};
use vrrp_io_linux::VirtualIp;

/// Everything one daemon runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Daemon {
    /// Health checks, each run once however many instances track it.
    pub scripts: Vec<Script>,
    /// The virtual routers.
    pub instances: Vec<Instance>,
}

/// A command line, already split into words; the first is the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; never empty.
    pub words: Vec<String>,
    /// User (and group) to run as; `None`: the daemon's own.
    pub user: Option<User>,
}

/// Whom a script runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User name or number.
    pub user: String,
    /// Group name or number; `None`: the user's primary group.
    pub group: Option<String>,
}

/// A health check that runs on a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Its name in the configuration.
    pub name: String,
    /// What to run.
    pub command: Command,
    /// Time from one start to the next.
    pub interval: Duration,
    /// A run that takes longer is killed with all its children and counts as failed.
    pub timeout: Duration,
    /// Successes in a row until it passes again.
    pub rise: NonZeroU32,
    /// Failures in a row until it fails.
    pub fall: NonZeroU32,
    /// Weight where the tracking instance names none.
    pub weight: TrackWeight,
}

/// A weight and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackWeight {
    /// Fault, or a change of priority.
    pub weight: Weight,
    /// Turned round: failing counts as passing.
    pub reverse: bool,
}

impl Default for TrackWeight {
    fn default() -> Self {
        Self { weight: Weight::Fault, reverse: false }
    }
}

/// Something an instance tracks, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Name of the interface or of the script.
    pub name: String,
    /// What its failing does.
    pub weight: TrackWeight,
}

/// Unicast instead of multicast (EXT-01, EXT-02).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unicast {
    /// The only routers spoken and listened to; never empty.
    pub peers: Vec<IpAddr>,
}

/// Scripts to run on a change of state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// On becoming Master.
    pub master: Option<Command>,
    /// On becoming Backup.
    pub backup: Option<Command>,
    /// On entering a fault.
    pub fault: Option<Command>,
    /// On the daemon's stop.
    pub stop: Option<Command>,
    /// On every change, with the arguments INSTANCE, name, state, priority.
    pub any: Option<Command>,
}

/// When and how often addresses are announced to the neighbours (gratuitous ARP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce {
    /// Announcements at once on becoming Master, 1 or more.
    pub repeat: u8,
    /// Time to a second round of `repeat`; `None`: no second round.
    pub delay: Option<Duration>,
    /// Period of further rounds while Master; `None`: none.
    pub refresh: Option<Duration>,
    /// Announcements in each further round.
    pub refresh_repeat: u8,
    /// Announcements when another, lower Master was heard.
    pub lower_prio_repeat: u8,
    /// Time to a second round of those; `None`: no second round.
    pub lower_prio_delay: Option<Duration>,
}

impl Default for Announce {
    /// keepalived's defaults.
    fn default() -> Self {
        let delay = Some(Duration::from_secs(5));
        Self { repeat: 5, delay, refresh: None, refresh_repeat: 1, lower_prio_repeat: 5, lower_prio_delay: delay }
    }
}

/// One virtual router.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its name in the configuration.
    pub name: String,
    /// Interface that VRRP runs on.
    pub interface: String,
    /// Virtual router id.
    pub vrid: Vrid,
    /// Configured priority.
    pub priority: Priority,
    /// Advertisement interval.
    pub interval: AdvertInterval,
    /// Whether a better router takes over from a worse one that is Master.
    pub preempt: bool,
    /// How long to watch a worse Master before taking over from it.
    pub preempt_delay: Duration,
    /// Simple text password of version 2.
    pub password: Option<Password>,
    /// Source of the advertisements; `None`: the interface's primary address.
    pub source: Option<IpAddr>,
    /// Unicast instead of multicast.
    pub unicast: Option<Unicast>,
    /// Virtual addresses that are advertised; never empty.
    pub addresses: Vec<VirtualIp>,
    /// Further addresses that come and go with them, unadvertised.
    pub excluded: Vec<VirtualIp>,
    /// Tracked interfaces, besides `interface` itself.
    pub track_interfaces: Vec<Track>,
    /// Tracked scripts; each names one of [`Daemon::scripts`].
    pub track_scripts: Vec<Track>,
    /// Scripts to run on a change of state.
    pub notify: Notify,
    /// Gratuitous ARP schedule.
    pub announce: Announce,
}
