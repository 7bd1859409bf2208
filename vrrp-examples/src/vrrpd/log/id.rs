//! Every kind of line that the log has, by an id that stays the same when the words change. `docs/log.md` is this table.

use super::level::Level::{self, Debug, Error, Info, Warning};

macro_rules! ids {
    ($($id:ident = $name:literal, $levels:expr, [$($field:literal)*], $meaning:literal, $advice:literal;)*) => {
        /// The kind of a line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Id {
            $($id,)*
        }

        impl Id {
            /// Returns its name.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }

            /// Returns the levels that its lines have; the first where nobody says otherwise.
            pub(super) const fn levels(self) -> &'static [Level] {
                match self {
                    $(Self::$id => &$levels,)*
                }
            }

            /// Returns the fields of its lines for programs, in addition to those of every line.
            pub(super) const fn fields(self) -> &'static [&'static str] {
                match self {
                    $(Self::$id => &[$($field),*],)*
                }
            }
        }

        /// The rows of the table in `docs/log.md`.
        #[cfg(test)]
        pub(super) const TABLE: &[(Id, &str, &str)] = &[$((Id::$id, $meaning, $advice),)*];
    };
}

impl Id {
    /// Returns true if its lines have this field.
    pub(crate) const fn has(self, field: &str) -> bool {
        let (fields, mut at) = (self.fields(), 0);
        while at < fields.len() {
            if same(fields[at], field) {
                return true;
            }
            at += 1;
        }
        false
    }
}

/// `==`, where it is asked before the program runs.
const fn same(one: &str, other: &str) -> bool {
    let (one, other, mut at) = (one.as_bytes(), other.as_bytes(), 0);
    if one.len() != other.len() {
        return false;
    }
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

ids! {
    // What happens to a router.
    StateChanged = "state-changed", [Info, Warning], ["from" "to" "priority" "why"],
        "The state of a router has changed. A warning: it has a fault, or its lease had run out",
        "If it was not wanted: `why` is the reason, and `vrrpctl status` shows the present state";
    PriorityChanged = "priority-changed", [Info, Warning], ["from" "to" "why"],
        "The priority in use has changed. A warning: a tracker, a missing address or the sync group lowered it",
        "Correct what `why` names";
    FaultsChanged = "faults-changed", [Warning], ["faults"],
        "A router stays in Fault, for other reasons than before", "Correct what `faults` names";
    AddressSet = "address-set", [Info], ["address" "device" "foreign"],
        "The kernel confirmed an address. `foreign`: it was there before, and will stay", "Nothing";
    AddressRemoved = "address-removed", [Info], ["address" "device"], "An address was removed", "Nothing";
    AddressLost = "address-lost", [Warning], ["address" "device"],
        "Somebody removed an address of a Master; it is put back", "Find out who did: another daemon, NetworkManager, a script";
    AddressExpired = "address-expired", [Warning], ["address" "device" "put_back"],
        "An address of a Master expired: the process hung, or no advertisement could be sent",
        "Look for what stopped the process (SIGSTOP, a suspended machine, no processor time)";
    AddressFailed = "address-failed", [Warning], ["address" "device" "error"],
        "An address could not be set or removed", "Correct what the kernel's error names";
    AddressLeftOver = "address-left-over", [Warning], ["address" "device"],
        "An earlier run left an address; it is removed", "Nothing, if it was killed; else find out how it ended";
    AddressStray = "address-stray", [Warning], ["address" "device" "removing"],
        "An address is on this host though its router is not Master", "Find out who sets it, and stop that";
    Announced = "announced", [Info], ["address" "device" "count"],
        "Gratuitous ARP or unsolicited neighbour advertisements were sent", "Nothing";
    AdvertisementIgnored = "advertisement-ignored", [Warning], ["source" "why" "other_master" "held_back"],
        "An advertisement was dropped, and why. `other_master`: both are Master",
        "Configure both routers alike, or stop the foreign one";
    AuthenticationHeader = "authentication-header", [Warning], ["source" "held_back"],
        "An advertisement has an IP authentication header (type 2), which is not supported", "Configure the sender without it";
    OtherAddresses = "other-addresses", [Warning], ["source" "difference" "held_back"],
        "The Master advertises another list of addresses", "Configure the same list on every router";
    OtherMaster = "other-master", [Info, Warning], ["source" "priority" "difference" "held_back"],
        "Another router is Master too, and must yield. A warning: it goes on, or has another list of addresses",
        "If it goes on, it does not hear this router: look at the network and the packet filter of that host";
    LowerPriorityHeard = "lower-priority-heard", [Info], ["source" "priority"],
        "Another Master of a lower priority was heard; its scripts run (`notify_master_rx_lower_pri`)", "See `other-master`";
    ReleasedByOther = "released-by-other", [Info, Warning], ["source" "held_back"],
        "Another router releases the addresses of this Master. A warning: again and again",
        "It was Master too, or somebody forges packets";
    SendFailed = "send-failed", [Warning], ["destination" "error" "held_back"],
        "An advertisement could not be sent", "Correct what the kernel's error names: a link that is down, a packet filter";
    NobodyTookOver = "nobody-took-over", [Warning], [],
        "A drained Master found nobody to take over, and serves on", "Start the other router, or `vrrpctl undrain`";
    EventsLost = "events-lost", [Warning], ["count"],
        "vrrpd did not read its own events in time; `count` are missing", "Look for what took its processor time";
    RouterEvent = "router-event", [Warning], [],
        "Another event of a router", "Do what the line says";

    // The host.
    RealTimeRefused = "real-time-refused", [Warning], ["error"],
        "Real-time scheduling was refused", "Give vrrpd CAP_SYS_NICE, or take `vrrp_rt_priority` out";
    NiceRefused = "nice-refused", [Warning], ["error"],
        "The nice value was refused", "Give vrrpd CAP_SYS_NICE, or take `vrrp_priority` out";
    MemoryNotLocked = "memory-not-locked", [Warning], ["error"],
        "Memory could not be locked", "Give vrrpd CAP_IPC_LOCK, or take `vrrp_no_swap` out";
    InterfaceConcern = "interface-concern", [Warning], [],
        "An interface has a setting that the router cannot use well", "Do what the line says";
    NotOwner = "not-owner", [Warning], ["address"],
        "Priority 255, and an address is not on this host", "Priority 254 or less, unless this host owns the addresses";
    RealAddress = "real-address", [Warning], ["address" "interface"],
        "An owner's address is on the interface below its macvlan too", "Remove it there";
    AlreadyRun = "already-run", [Warning], ["interface" "vrid" "by"],
        "Another process runs the virtual router", "Stop that one, or take another VRID";
    SocketFailed = "socket-failed", [Warning], ["interface" "error"],
        "A socket of an interface could not be opened, or read", "Correct what the kernel's error names";
    NoInterface = "no-interface", [Warning], ["interface"],
        "An interface does not exist; vrrpd waits for it", "Make it, or correct its name";
    Secondaries = "secondaries", [Warning], ["interface" "error"],
        "`promote_secondaries` could not be set: to remove an address may remove others", "`sysctl net.ipv4.conf.IFACE.promote_secondaries=1`";
    NotAnnounced = "not-announced", [Warning], ["address" "device" "error"],
        "An address could not be announced: neighbours may send to the old host", "Correct what the kernel's error names";
    MacvlanNotMade = "macvlan-not-made", [Warning], ["macvlan" "interface" "error"],
        "The macvlan of a virtual MAC address could not be made", "Correct what the kernel's error names";
    MacvlanNotPrepared = "macvlan-not-prepared", [Warning], ["macvlan" "error"],
        "The macvlan could not be set up", "Correct what the kernel's error names";
    MacvlanForeign = "macvlan-foreign", [Warning], ["macvlan" "interface"],
        "Another interface has the name of the macvlan", "Remove that one, or choose another name";
    FilterRestored = "filter-restored", [Warning], ["table" "held_back"],
        "Somebody removed or changed the packet filter of `accept_mode` off; it is made again",
        "Find out who did: perhaps `nft flush ruleset` in the reload of a firewall";
    FilterLost = "filter-lost", [Warning], ["table" "error"],
        "The packet filter was removed or changed, and cannot be made again yet", "Correct what the kernel's error names";
    FilterNotChanged = "filter-not-changed", [Warning], ["error"],
        "The packet filter could not be changed with the routers", "Correct what the kernel's error names; then reload";
    FilterNotRemoved = "filter-not-removed", [Warning], ["error"],
        "The packet filter could not be removed at the end", "`nft delete table`, with the table of the line";

    // Checks.
    CheckPassed = "check-passed", [Info], ["check" "reason"], "A check passes now", "Nothing";
    CheckFailed = "check-failed", [Warning], ["check" "reason"],
        "A check fails now", "Repair what it checks; `vrrpctl check NAME` runs it at once";
    CheckSays = "check-says", [Info], ["check" "value"], "The number of a check has changed", "Nothing";
    CheckNotCounted = "check-not-counted", [Error], ["check" "error"],
        "A verdict did not reach its router", "Report it: this is a fault of vrrpd";
    TrackFileNotWritten = "track-file-not-written", [Warning], ["check" "path" "error"],
        "The first value of a `track_file` could not be written, so its check fails", "Check the file and its folder";

    // The daemon.
    Started = "started", [Info], [], "vrrpd runs; the line has the numbers of routers and scripts", "Nothing";
    GoesOn = "goes-on", [Info], ["from"], "vrrpd goes on from another process, after an upgrade", "Nothing";
    DoesNotGoOn = "does-not-go-on", [Error], ["error"],
        "The state of the process before cannot be used, so this is an ordinary start", "Nothing; addresses may have moved";
    StartDelay = "start-delay", [Info], ["seconds"], "The routers take part later (`vrrp_startup_delay`)", "Nothing";
    StartDelayNotEnded = "start-delay-not-ended", [Error], ["error"],
        "A router did not learn that the delay is over", "Restart vrrpd, and report it";
    Stopping = "stopping", [Info], ["why"], "vrrpd is about to stop; `why` is the reason", "Nothing";
    Stopped = "stopped", [Info], [], "Everything is released", "Nothing";
    Fatal = "fatal", [Error], [], "vrrpd cannot run, or not any more", "Do what the line says";
    Panic = "panic", [Error], [], "A fault of vrrpd itself", "Report it, with the line";
    Upgrading = "upgrading", [Info], ["from" "to"], "The program on disk goes on", "Nothing";
    UpgradeRefused = "upgrade-refused", [Warning], ["why"],
        "The program on disk cannot go on; nothing was changed", "Do what the line says";
    UpgradeFailed = "upgrade-failed", [Error], ["why"],
        "The upgrade failed; this process goes on", "Do what the line says";
    Reloading = "reloading", [Info], ["file"], "The configuration is read again", "Nothing";
    Reloaded = "reloaded", [Info], ["file" "changes"], "The new configuration runs", "Nothing";
    ReloadChange = "reload-change", [Info], [], "One change of a reload", "Nothing";
    ReloadEndedByHand = "reload-ended-by-hand", [Info], [], "A change made by hand ended with the reload", "Make it again if it is still wanted";
    ReloadRefused = "reload-refused", [Error], ["file"],
        "The new configuration would not run; the old one is still used", "Correct the file, and reload";
    ReloadFailed = "reload-failed", [Error], ["file" "why"],
        "The reload failed before its end", "`vrrpctl status`; then reload again";
    Configuration = "configuration", [Warning, Error], ["code" "file" "line" "column"],
        "Something about the configuration. An error: it would not run. `code` is explained in `check.md`", "Do what the line says";
    CommandLine = "command-line", [Error], [], "The command line has an error", "Do what the line says";
    Drained = "drained", [Info], [], "`vrrpctl drain`", "Nothing";
    Undrained = "undrained", [Info], [], "`vrrpctl undrain`", "Nothing";
    RouterStopped = "router-stopped", [Info], [], "`vrrpctl stop`", "Nothing";
    RouterStarted = "router-started", [Info], [], "`vrrpctl start`", "Nothing";
    PriorityByHand = "priority-by-hand", [Info], ["priority" "configured"], "`vrrpctl priority`", "Nothing";
    Recorded = "recorded", [Info], ["path"],
        "An address moved, and nobody had moved it; the file has a recording of it", "Read it with `vrrp-replay`";
    NotRecorded = "not-recorded", [Warning], ["path" "error"],
        "An address moved, and nobody had moved it; the recording could not be written (`--recordings`)", "Check the folder and its owner";
    RecordingsNotRemoved = "recordings-not-removed", [Warning], ["path" "error"],
        "A recording was written, and older ones that are too many could not be removed", "Remove them, and check the folder and its owner";
    Dump = "dump", [Info], [], "A line of a dump, after SIGUSR1 or SIGUSR2", "Nothing";
    DumpHeldBack = "dump-held-back", [Warning], ["signal" "held_back"],
        "The signal for a dump comes too often", "Ask with `vrrpctl status` or `vrrpctl stats`";
    SignalWithoutEffect = "signal-without-effect", [Warning], ["held_back"],
        "A signal has no effect in vrrpd", "Find out who sends it";
    NoReaping = "no-reaping", [Warning], [],
        "vrrpd is process 1 without the right /proc, so dead processes stay", "Mount the /proc of its namespace";
    Reaped = "reaped", [Debug], ["process"], "A process that a script left behind has died", "Nothing";
    ControlSocket = "control-socket", [Warning], ["error"],
        "A connection to the control socket could not be accepted", "Mostly out of file descriptors: raise LimitNOFILE";
    HttpServes = "http-serves", [Info], ["url"], "The page, the metrics and the status are served at `url` (`--http`)", "Nothing";
    HttpFailed = "http-failed", [Error], ["error"],
        "After an upgrade vrrpd cannot listen for HTTP; the routers go on", "Correct what the kernel's error names; then restart vrrpd";
    HttpConnection = "http-connection", [Warning], ["address" "error"],
        "A connection to `--http` could not be accepted", "Mostly out of file descriptors: raise LimitNOFILE";
    ServiceManager = "service-manager", [Warning], ["error"],
        "No message can be sent to the service manager", "Check NOTIFY_SOCKET, and `NotifyAccess=` of the unit";
    LinesLost = "lines-lost", [Warning], ["count"],
        "`count` lines of the log are missing here: nobody read them in time", "Look for who reads stderr slowly, or not at all";
    Library = "library", [Debug, Info, Warning, Error], [],
        "A line of a library, mostly a run of a check (`RUST_LOG=debug`)", "Do what the line says";

    // Scripts and FIFOs.
    NotifyLeftOut = "notify-left-out", [Warning], ["subject" "state" "count"],
        "Scripts are slower than the changes; some were left out", "Make the scripts shorter";
    NotifyFailed = "notify-failed", [Warning], ["subject" "state" "script" "outcome"],
        "A notify script failed", "Read its output at the end of the line";
    NotifyCutOff = "notify-cut-off", [Warning], ["subject" "state" "script" "outcome"],
        "A notify script took too long, and was ended", "Make it shorter, or raise the limit that the line names";
    NotifyLingers = "notify-lingers", [Warning], ["subject" "state" "script"],
        "A process that a script started has not ended; the next script does not wait", "Nothing, if that is intended";
    KillFailed = "kill-failed", [Error], ["error"],
        "A signal could not be sent to a script", "Give vrrpd CAP_KILL where scripts run as other users";
    FifoUnusable = "fifo-unusable", [Warning], ["path" "why"], "Nothing is written to a FIFO", "Do what the line says";
    FifoFull = "fifo-full", [Warning], ["path"],
        "Nobody reads a FIFO: lines are lost from here on. Logged once, until it is read again", "Check its reader";
    FifoReadAgain = "fifo-read-again", [Warning], ["path" "lost"],
        "A FIFO is read again; `lost` lines were lost", "Let its reader read all states again";
    FifoReaderEnded = "fifo-reader-ended", [Warning], ["path" "outcome"],
        "The script that reads a FIFO ended; it is not started again", "Find out why; a reload starts it again";

    // Routes and rules.
    RouteSet = "route-set", [Info], ["item"], "A route or rule was set", "Nothing";
    RouteReplaced = "route-replaced", [Info], ["item"], "A route has been replaced by another one of vrrpd", "Nothing";
    RouteRemoved = "route-removed", [Info], ["item"], "A route or rule was removed", "Nothing";
    RouteGone = "route-gone", [Info], ["item"], "The kernel removed a route or rule with its address or interface", "Nothing";
    RouteLeftOver = "route-left-over", [Warning], ["item"],
        "An earlier run left a route or rule; it is removed", "Nothing, if it was killed; else find out how it ended";
    RouteNotSet = "route-not-set", [Warning], ["item" "error"],
        "A route or rule could not be set. The same error is logged once", "Correct what the kernel's error names";
    RouteNotRemoved = "route-not-removed", [Warning], ["item" "error"],
        "A route or rule could not be removed", "Remove it with `ip route` or `ip rule`";
    RouteLost = "route-lost", [Warning], ["item"],
        "Somebody removed or changed a route or rule; it is put back", "Find out who did";
    RouteFought = "route-fought", [Warning], ["item" "seconds"],
        "Somebody keeps removing or changing a route or rule; it is put back later", "Find out who does, and stop that";
    RoutesUnknown = "routes-unknown", [Warning], ["error"],
        "The kernel does not tell which routes and rules there are", "Correct what the kernel's error names";
    RoutesNotSet = "routes-not-set", [Warning], ["error"],
        "Routes and rules of a new configuration could not be set", "Correct what the kernel's error names; then reload";
    RoutesNotRemoved = "routes-not-removed", [Warning], ["seconds"],
        "The kernel did not remove all routes and rules in time", "Look at `ip route` and `ip rule`";
}
