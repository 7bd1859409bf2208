//! The one configuration model of the daemon; every file format lowers to it.

mod routing;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Family, Password, Priority, Profile, Version, Vrid, Weight};
use vrrp_io_linux::{Scheduling, Scope, VirtualIp};

pub use routing::{Mark, Prefix, Route, RouteKind, Rule};

/// The scopes of addresses that have a name, in every file format.
pub const SCOPES: [(&str, Scope); 5] = [
    ("global", Scope::Global),
    ("site", Scope::Site),
    ("link", Scope::Link),
    ("host", Scope::Host),
    ("nowhere", Scope::Other(255)),
];

/// Returns the document that a version follows, by the letter of it or not.
#[must_use]
pub const fn profile(version: Version, strict: bool) -> Profile {
    match (version, strict) {
        (Version::V2, false) => Profile::Rfc2338,
        (Version::V2, true) => Profile::Rfc3768,
        (Version::V3, false) => Profile::Rfc9568,
        (Version::V3, true) => Profile::Rfc9568Errata,
    }
}

/// The text of a configuration that sets nothing, in both formats: an empty one would be refused.
pub(crate) const NOTHING_IS_SET: &str = "# no virtual router is configured\n";

/// Everything one daemon runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Daemon {
    /// Health checks, each run once however many instances track it.
    pub checks: Vec<Check>,
    /// The virtual routers.
    pub instances: Vec<Instance>,
    /// Virtual routers that are Master, Backup or in fault together.
    pub sync_groups: Vec<SyncGroup>,
    /// The scheduling of the thread that they run on.
    pub scheduling: Scheduling,
    /// Addresses, routes and rules that are there as long as the daemon runs, whoever is Master.
    pub fixed: Fixed,
    /// The time that the routers wait after the start before they take part.
    pub startup_delay: Duration,
    /// Named pipes that take a line for each change.
    pub fifos: Vec<Fifo>,
    /// The FIFOs are told every state again after a reload.
    pub fifo_states_on_reload: bool,
    /// The time for which the state of an interface has to last before it counts; others count at once.
    pub interface_delays: Vec<InterfaceDelay>,
    /// The numbers that files are to hold at the start, by the names of the checks that read them.
    pub initial_values: Vec<(String, InitialValue)>,
    /// The options of the daemon itself.
    pub options: Options,
}

/// The options of the daemon itself. What the command line says counts first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Addresses stay on the host when nobody renews them.
    pub no_lease: bool,
    /// The time that a notify script may take while no newer state waits; zero: as long as it likes.
    pub notify_timeout: Option<Duration>,
    /// The time that the scripts of a stop may take for each router and group; zero: as long as they like.
    pub stop_timeout: Option<Duration>,
}

/// Addresses, routes and rules that belong to no router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// Each names its device.
    pub addresses: Vec<VirtualIp>,
    /// In the order of their installation.
    pub routes: Vec<Route>,
    /// Rules that choose routing tables.
    pub rules: Vec<Rule>,
}

/// A named pipe that takes a line for each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    /// The path at which it is, or is made.
    pub path: PathBuf,
    /// Its reader, started with the daemon, with the path as its last argument.
    pub script: Option<Command>,
}

/// The time for which the state of an interface has to last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceDelay {
    /// Its name.
    pub interface: String,
    /// Before it counts as up.
    pub up: Duration,
    /// Before it counts as down.
    pub down: Duration,
}

impl Daemon {
    /// Every command that it may run: first those of checks, then those that tell of changes.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        let notify = self.instances.iter().map(|instance| &instance.notify);
        let notify = notify.chain(self.sync_groups.iter().map(|group| &group.notify));
        let told = notify.flat_map(|notify| {
            let Notify { master, backup, fault, stop, lower_priority, any, priority_changes: _ } = notify;
            [master, backup, fault, stop, lower_priority, any].into_iter().flatten()
        });
        let of_fifos = self.fifos.iter().filter_map(|fifo| fifo.script.as_ref());
        self.checks.iter().filter_map(Check::command).chain(told).chain(of_fifos)
    }
}

/// Virtual routers that are Master together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// Its name in the configuration.
    pub name: String,
    /// Names of its instances; never empty, and no instance is in two groups.
    pub members: Vec<String>,
    /// Interfaces that each member tracks in addition to its own.
    pub track_interfaces: Vec<Track>,
    /// Checks that each member tracks in addition to its own. Each names one of [`Daemon::checks`].
    pub track_checks: Vec<Track>,
    /// Scripts to run when the state of the whole changes.
    pub notify: Notify,
}

/// A command line, already split into words; the first is the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; never empty.
    pub words: Vec<String>,
    /// User (and group) to run as; `None`: the daemon's own.
    pub user: Option<User>,
    /// True if the script is refused when root would run it and others can change it.
    pub secure: bool,
}

/// The user that a script runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User name or number.
    pub user: String,
    /// Group name or number; `None`: the user's primary group.
    pub group: Option<String>,
}

/// A health check that runs on a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name in the configuration.
    pub name: String,
    /// The target.
    pub probe: Probe,
    /// Time from one start to the next.
    pub interval: Duration,
    /// A run that takes longer counts as failed; a script is killed with all its children.
    pub timeout: Duration,
    /// Successes in a row until it passes again.
    pub rise: NonZeroU32,
    /// Failures in a row until it fails.
    pub fall: NonZeroU32,
    /// Weight where the tracking instance names none.
    pub weight: TrackWeight,
}

impl Check {
    /// Returns the command that it runs, if it is a script.
    #[must_use]
    pub const fn command(&self) -> Option<&Command> {
        match &self.probe {
            Probe::Script(command) => Some(command),
            Probe::Native(_) | Probe::Value(_) => None,
        }
    }
}

/// The target of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// The exit status of a program.
    Script(Command),
    /// Something that this process looks at itself.
    Native(vrrp_io_linux::checks::Probe),
    /// The number that a file begins with.
    Value(PathBuf),
}

/// The number that a file of [`Probe::Value`] is to hold at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitialValue {
    /// The number.
    pub value: i32,
    /// It is written though the file is there.
    pub overwrite: bool,
}

impl Probe {
    /// Returns the word for what kind it is.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Script(_) => "script",
            Self::Native(probe) => probe.kind(),
            Self::Value(_) => "value",
        }
    }
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
    /// The effect of its failure.
    pub weight: TrackWeight,
}

/// Unicast instead of multicast (EXT-01, EXT-02).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unicast {
    /// The only routers spoken and listened to; never empty.
    pub peers: Vec<Peer>,
    /// TTL or hop limit of the packets sent to the peers.
    pub ttl: u8,
}

/// Another router, spoken to by unicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Least TTL or hop limit accepted from it; 0: any.
    pub min_ttl: u8,
}

/// A MAC address of the virtual router's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualMac {
    /// Name of the interface that has it; no other instance has the same.
    pub interface: String,
    /// The MAC address; `None`: that of the virtual router id.
    pub address: Option<[u8; 6]>,
    /// True if advertisements are sent from the MAC address of the interface below.
    pub transmit_base: bool,
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
    /// The script for hearing a Master of a lower priority while Master.
    pub lower_priority: Option<Command>,
    /// On every change, with the arguments INSTANCE, name, state, priority.
    pub any: Option<Command>,
    /// The FIFOs are told of changes of the priority too.
    pub priority_changes: bool,
}

impl Notify {
    /// Changes every command that there is.
    #[must_use]
    pub fn map(self, change: impl Fn(Command) -> Command) -> Self {
        let Self { master, backup, fault, stop, lower_priority, any, priority_changes } = self;
        let commands = [master, backup, fault, stop, lower_priority, any];
        let [master, backup, fault, stop, lower_priority, any] = commands.map(|command| command.map(&change));
        Self { master, backup, fault, stop, lower_priority, any, priority_changes }
    }
}

/// The times at which addresses are announced to the neighbours (gratuitous ARP).
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
    /// Least time between two announcements on one interface.
    pub gap: Duration,
}

impl Default for Announce {
    /// keepalived's defaults.
    fn default() -> Self {
        let delay = Some(Duration::from_secs(5));
        Self {
            repeat: 5,
            delay,
            refresh: None,
            refresh_repeat: 1,
            lower_prio_repeat: 5,
            lower_prio_delay: delay,
            gap: Duration::ZERO,
        }
    }
}

/// The choices of an instance where the documents of the protocol differ or leave one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The document to follow.
    pub profile: Profile,
    /// True if a Master accepts packets to virtual addresses that it does not own.
    pub accept: bool,
    /// True if a Master answers an advertisement of a lower priority at once.
    pub answer_lower: bool,
    /// True if a Master that yields advertises once more.
    pub yield_advertisement: bool,
    /// True if the owner of the addresses hears other routers.
    pub owner_listens: bool,
    /// True if version 2 drops an advertisement with other addresses.
    pub strict_list: bool,
    /// True if the checksum that version 3 sends over IPv4 includes a pseudo-header.
    pub pseudo_header: bool,
}

/// One virtual router.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its name in the configuration.
    pub name: String,
    /// Interface that VRRP runs on.
    pub interface: String,
    /// The instance is in fault while that is down.
    pub track_own_interface: bool,
    /// The family of its advertisements, and of `addresses`.
    pub family: Family,
    /// Virtual router id.
    pub vrid: Vrid,
    /// Version and variant of the protocol.
    pub protocol: Protocol,
    /// Configured priority.
    pub priority: Priority,
    /// Advertisement interval.
    pub interval: AdvertInterval,
    /// True if a router of a higher priority takes over from a Master of a lower one.
    pub preempt: bool,
    /// The time to watch a worse Master before taking over from it.
    pub preempt_delay: Duration,
    /// Simple text password of version 2.
    pub password: Option<Password>,
    /// Source of the advertisements; `None`: the interface's primary address.
    pub source: Option<IpAddr>,
    /// Unicast instead of multicast.
    pub unicast: Option<Unicast>,
    /// A MAC address of its own; `None`: the interface's.
    pub virtual_mac: Option<VirtualMac>,
    /// Virtual addresses that are advertised; there may be none.
    pub addresses: Vec<VirtualIp>,
    /// Further addresses that come and go with them, unadvertised.
    pub excluded: Vec<VirtualIp>,
    /// Routes that come and go with the addresses, in the order of their installation.
    pub routes: Vec<Route>,
    /// Rules that choose routing tables, and come and go with the addresses.
    pub rules: Vec<Rule>,
    /// Tracked interfaces, in addition to `interface` and those of the group.
    pub track_interfaces: Vec<Track>,
    /// Tracked checks, in addition to those of the group. Each names one of [`Daemon::checks`].
    pub track_checks: Vec<Track>,
    /// Scripts to run on a change of state.
    pub notify: Notify,
    /// Gratuitous ARP schedule.
    pub announce: Announce,
}
