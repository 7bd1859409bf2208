//! A configuration written down as it was understood: every default in its place, nothing included, and global what
//! concerns the process alone.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::vrrpd::config::{
    Announce, Check, Command, Daemon, Fifo, Fixed, InitialValue, Instance, InterfaceDelay, Mark, NOTHING_IS_SET,
    Notify, Options, Prefix, Probe, Protocol, Route, Rule, SyncGroup, Track, TrackWeight, User,
};
use crate::vrrpd::keepalived::blocks::check;
use crate::vrrpd::keepalived::blocks::track::Kind;
use crate::vrrpd::keepalived::text::written::written as word;
use vrrp_core::{AdvertInterval, Family, Profile, Version, Weight};
use vrrp_io_linux::VirtualIp;
use vrrp_io_linux::checks::{self as native, Arguments, Process};

/// Returns the configuration of a keepalived.conf as one that says all that it means. Read again it gives the same, but for
/// passwords: they are not printed.
#[must_use]
pub fn print(daemon: &Daemon) -> String {
    let texts: Vec<String> = texts(daemon).map(|(_, text)| text).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { NOTHING_IS_SET.to_owned() } else { texts.join("\n") }
}

/// The subject of a block of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject<'a> {
    /// `global_defs`.
    Globals,
    /// A `vrrp_script`, by its name.
    Script(&'a str),
    /// A `vrrp_instance`, by its name.
    Instance(&'a str),
    /// A `vrrp_sync_group`, by its name.
    Group(&'a str),
}

/// One setting, or one line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The keyword, or that of the list.
    pub keyword: String,
    /// The value after it, with its unit.
    pub value: String,
    /// True if there may be several of it.
    pub in_list: bool,
}

/// The lists outside of all blocks. Their lines are global.
pub(crate) const LISTS: [&str; 4] = ["interface_up_down_delays", "static_ipaddress", "static_routes", "static_rules"];

/// All settings of a configuration but passwords, by what they are about: the lines of [`print()`], and what a keepalived.conf has
/// no words for.
pub fn settings(daemon: &Daemon) -> impl Iterator<Item = (Subject<'_>, Vec<Setting>)> {
    let gaps = [Family::Ipv4, Family::Ipv6].map(|family| gap(family, daemon));
    texts(daemon).map(move |(subject, text)| {
        let mut settings = read(&text);
        settings.extend(native_settings(subject, daemon, gaps));
        (subject, settings)
    })
}

/// Returns the settings that only the native format has, under their names there. `gaps` are those of IPv4 and IPv6.
fn native_settings(subject: Subject<'_>, daemon: &Daemon, [ipv4, ipv6]: [Duration; 2]) -> Vec<Setting> {
    let setting = |keyword: &str, value: String| Setting { keyword: keyword.to_owned(), value, in_list: false };
    let time = |keyword, time: Duration| setting(keyword, format!("{} s", seconds(time)));
    match subject {
        Subject::Globals => {
            let Options { no_lease, notify_timeout, stop_timeout } = daemon.options;
            let mut settings = vec![setting("lease", on(!no_lease).to_owned())];
            settings.extend(notify_timeout.map(|limit| time("notify_timeout", limit)));
            settings.extend(stop_timeout.map(|limit| time("stop_timeout", limit)));
            let further = daemon.fifos.iter().skip(FIFOS.len());
            settings.extend(further.map(|Fifo { path, script }| {
                let script = script.as_ref().map(|script| format!(" {}", with_user(script))).unwrap_or_default();
                let value = format!("{}{script}", word(&path.to_string_lossy()));
                Setting { in_list: true, ..setting("fifo", value) }
            }));
            settings
        }
        Subject::Instance(name) => {
            let instance = daemon.instances.iter().find(|instance| instance.name == name);
            let of_all = |family| if family == Family::Ipv4 { ipv4 } else { ipv6 };
            let own = instance.filter(|instance| instance.announce.gap != of_all(instance.family));
            own.map(|instance| time("announce.gap", instance.announce.gap)).into_iter().collect()
        }
        Subject::Script(_) | Subject::Group(_) => Vec::new(),
    }
}

fn texts(daemon: &Daemon) -> impl Iterator<Item = (Subject<'_>, String)> {
    let macs = daemon.instances.iter().filter_map(|instance| instance.virtual_mac.as_ref());
    let macvlans: BTreeSet<&str> = macs.map(|mac| mac.interface.as_str()).collect();
    let written = |write: &dyn Fn(&mut Printer)| {
        let mut out = Printer::default();
        write(&mut out);
        out.text
    };
    let globals = (Subject::Globals, written(&|out| out.globals(daemon)));
    let scripts =
        daemon.checks.iter().map(move |it| (Subject::Script(&it.name), written(&|out| out.check(it, daemon))));
    let instances = daemon.instances.iter().map(move |instance| {
        (Subject::Instance(&instance.name), written(&|out| out.instance(instance, daemon, &macvlans)))
    });
    let groups = daemon.sync_groups.iter();
    let groups = groups.map(move |group| (Subject::Group(&group.name), written(&|out| out.group(group, daemon))));
    std::iter::once(globals).chain(scripts).chain(instances).chain(groups)
}

/// Reads what was printed of one block.
fn read(text: &str) -> Vec<Setting> {
    /// Keywords with a time in seconds.
    const TIMES: [&str; 12] = [
        "fork_delay",
        "terminate_delay",
        "vrrp_startup_delay",
        "vrrp_garp_interval",
        "vrrp_gna_interval",
        "interval",
        "timeout",
        "advert_int",
        "preempt_delay",
        "garp_master_delay",
        "garp_master_refresh",
        "garp_lower_prio_delay",
    ];
    let (mut list, mut is_list) = (None, false);
    let mut settings = Vec::new();
    for line in text.lines() {
        let depth = (line.len() - line.trim_start().len()) / INDENT;
        let (keyword, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim_start(), ""));
        let setting = |keyword: &str, value: &str| Setting {
            keyword: keyword.to_owned(),
            value: value.to_owned(),
            in_list: false,
        };
        match (depth, keyword, rest, &list) {
            (0, _, "{", _) => {
                is_list = LISTS.contains(&keyword);
                list = is_list.then(|| keyword.to_owned());
            }
            (0, ..) | (_, "}", ..) | (_, "#", ..) => {}
            (1, _, _, Some(list)) if is_list => {
                settings.push(Setting { in_list: true, ..setting(list, line.trim_start()) });
            }
            (1, _, "{", _) => list = Some(keyword.to_owned()),
            (1, "nopreempt" | "no_accept", ..) => {
                settings.push(setting(keyword.trim_start_matches("no").trim_start_matches('_'), "off"));
            }
            (1, _, "", _) => settings.push(setting(keyword, "on")),
            (1, ..) if TIMES.contains(&keyword) => settings.push(setting(keyword, &format!("{rest} s"))),
            (1, ..) => settings.push(setting(keyword, rest)),
            // All on one line.
            (_, _, _, Some(list)) if list == "group" => settings.push(setting(list, line.trim_start())),
            (_, _, _, Some(list)) => settings.push(Setting { in_list: true, ..setting(list, line.trim_start()) }),
            (_, _, _, None) => {}
        }
    }
    settings
}

/// Returns the gap between announcements of a family: the greatest. In a keepalived.conf all instances of it have the same.
fn gap(family: Family, daemon: &Daemon) -> Duration {
    let instances = daemon.instances.iter().filter(|instance| instance.family == family);
    instances.map(|instance| instance.announce.gap).max().unwrap_or_default()
}

/// The keywords of the FIFOs that a keepalived.conf can have.
const FIFOS: [&str; 2] = ["vrrp_notify_fifo", "notify_fifo"];

const INDENT: usize = 4;

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = INDENT * self.depth);
    }

    fn block(&mut self, head: impl Display, body: impl FnOnce(&mut Self)) {
        self.line(format_args!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    /// Returns a block with a line for each item, if there is one.
    fn list<T>(&mut self, head: &str, items: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            self.block(head, |out| items.for_each(|item| out.line(line(item))));
        }
    }

    fn globals(&mut self, daemon: &Daemon) {
        let Daemon { scheduling, .. } = daemon;
        let gap = |family| Some(gap(family, daemon)).filter(|gap| !gap.is_zero());
        let lines = [
            Some(daemon.startup_delay)
                .filter(|it| !it.is_zero())
                .map(|it| format!("vrrp_startup_delay {}", seconds(it))),
            gap(Family::Ipv4).map(|gap| format!("vrrp_garp_interval {}", seconds(gap))),
            gap(Family::Ipv6).map(|gap| format!("vrrp_gna_interval {}", seconds(gap))),
            daemon.commands().any(|command| command.secure).then(|| "enable_script_security".to_owned()),
            scheduling.real_time().map(|priority| format!("vrrp_rt_priority {priority}")),
            scheduling.real_time_limit().map(|limit| format!("vrrp_rlimit_rttime {}", limit.as_micros())),
            scheduling.nice().map(|nice| format!("vrrp_priority {nice}")),
            scheduling.locked_memory().then(|| "vrrp_no_swap".to_owned()),
        ];
        let mut lines: Vec<String> = lines.into_iter().flatten().collect();
        for (keyword, fifo) in FIFOS.into_iter().zip(&daemon.fifos) {
            lines.push(format!("{keyword} {}", word(&fifo.path.to_string_lossy())));
            lines.extend(fifo.script.as_ref().map(|script| format!("{keyword}_script {}", with_user(script))));
        }
        lines.extend(daemon.fifo_states_on_reload.then(|| "fifo_write_vrrp_states_on_reload".to_owned()));
        self.list("global_defs", lines, |line| line);
        let Fixed { addresses, routes, rules } = &daemon.fixed;
        self.list("static_ipaddress", addresses, address);
        self.list("static_routes", routes, fixed_route);
        self.list("static_rules", rules, rule);
        self.list("interface_up_down_delays", &daemon.interface_delays, |InterfaceDelay { interface, up, down }| {
            format!("{} {} {}", word(interface), seconds(*down), seconds(*up))
        });
    }

    fn check(&mut self, check: &Check, daemon: &Daemon) {
        self.block(format_args!("{} {}", Kind::of(check).block(), word(&check.name)), |out| {
            match &check.probe {
                Probe::Script(command) => {
                    out.line(format_args!("script {}", command_line(&command.words)));
                    if let Some(User { user, group }) = &command.user {
                        let group = group.as_ref().map(|group| format!(" {}", word(group))).unwrap_or_default();
                        out.line(format_args!("user {}{group}", word(user)));
                    }
                }
                Probe::Value(path) => {
                    out.line(format_args!("file {}", word(&path.to_string_lossy())));
                    let mut initial = daemon.initial_values.iter().filter(|(name, _)| *name == check.name);
                    if let Some((_, InitialValue { value, overwrite })) = initial.next() {
                        out.line(format_args!("init_file {value}{}", if *overwrite { " overwrite" } else { "" }));
                    }
                }
                Probe::Native(native::Probe::Process(process)) if Kind::of(check) == Kind::Process => {
                    out.process(process);
                }
                Probe::Native(probe) => out.line(format_args!("check {}", check::shown(probe))),
            }
            if Kind::of(check) == Kind::Script {
                out.line(format_args!("interval {}", seconds(check.interval)));
                out.line(format_args!("timeout {}", seconds(check.timeout)));
                out.line(format_args!("rise {}", check.rise));
                out.line(format_args!("fall {}", check.fall));
            }
            out.line(weight(check.weight));
        });
    }

    fn process(&mut self, process: &Process) {
        let (arguments, matching) = match &process.arguments {
            None => (&[][..], None),
            Some(Arguments::Exact(arguments)) => (arguments.as_slice(), arguments.is_empty().then_some("partial")),
            Some(Arguments::Initial(arguments)) => (arguments.as_slice(), Some("partial")),
            Some(Arguments::Partial(arguments)) => (arguments.as_slice(), Some("initial")),
        };
        let words: Vec<String> = std::iter::once(&process.program).chain(arguments).map(|text| word(text)).collect();
        self.line(format_args!("process {}", words.join(" ")));
        if let Some(matching) = matching {
            self.line(format_args!("param_match {matching}"));
        } else if process.arguments.is_none() && process.full_command {
            self.line("full_command");
        }
        if process.least > 0 {
            self.line(format_args!("quorum {}", process.least));
        }
        if let Some(most) = process.most {
            self.line(format_args!("quorum_max {most}"));
        }
        self.line(format_args!("fork_delay {}", seconds(process.delay_up)));
        self.line(format_args!("terminate_delay {}", seconds(process.delay_down)));
    }

    /// Writes a list for each kind of checks.
    fn tracked_checks(&mut self, tracks: &[Track], daemon: &Daemon) {
        let kind = |track: &Track| daemon.checks.iter().find(|check| check.name == track.name).map(Kind::of);
        for wanted in [Kind::Script, Kind::File, Kind::Process] {
            let of_kind = tracks.iter().filter(|track| kind(track).unwrap_or(Kind::Script) == wanted);
            self.list(wanted.track(), of_kind, |track| tracked(track, default_weight(track, daemon)));
        }
    }

    fn instance(&mut self, instance: &Instance, daemon: &Daemon, macvlans: &BTreeSet<&str>) {
        self.block(format_args!("vrrp_instance {}", word(&instance.name)), |out| {
            out.line(format_args!("interface {}", word(&instance.interface)));
            if !instance.track_own_interface {
                out.line("dont_track_primary");
            }
            out.line(format_args!("virtual_router_id {}", instance.vrid.get()));
            out.line(format_args!("priority {}", instance.priority.get()));
            out.line(format_args!("advert_int {}", seconds(AdvertInterval::duration(instance.interval))));
            out.protocol(&instance.protocol, instance);
            match instance.preempt {
                true => out.line("preempt"),
                false => out.line("nopreempt"),
            }
            if !instance.preempt_delay.is_zero() {
                out.line(format_args!("preempt_delay {}", seconds(instance.preempt_delay)));
            }
            if instance.password.is_some() {
                out.line("# authentication with a password, which is not printed");
            }
            if let Some(source) = instance.source {
                let keyword = if instance.unicast.is_some() { "unicast_src_ip" } else { "mcast_src_ip" };
                out.line(format_args!("{keyword} {source}"));
            }
            if let Some(unicast) = &instance.unicast {
                out.line(format_args!("unicast_ttl {}", unicast.ttl));
                out.list("unicast_peer", &unicast.peers, |peer| format!("{} min_ttl {}", peer.address, peer.min_ttl));
            }
            if let Some(mac) = &instance.virtual_mac {
                let address =
                    mac.address.map(|[a, b, c, d, e, f]| format!(" {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"));
                out.line(format_args!("use_vmac name {}{}", word(&mac.interface), address.unwrap_or_default()));
                if mac.transmit_base {
                    out.line("vmac_xmit_base");
                }
            }
            if instance.addresses.is_empty() {
                out.line("no_virtual_ipaddress");
                if instance.family == Family::Ipv6 {
                    out.line("native_ipv6");
                }
            }
            let address = |virtual_ip: &VirtualIp| of_instance(virtual_ip, instance, macvlans);
            out.list("virtual_ipaddress", &instance.addresses, address);
            out.list("virtual_ipaddress_excluded", &instance.excluded, address);
            out.list("virtual_routes", &instance.routes, |found| route(found, &instance.track_interfaces));
            out.list("virtual_rules", &instance.rules, rule);
            let interfaces = named_interfaces(instance, macvlans);
            out.list("track_interface", interfaces, |track| tracked(track, TrackWeight::default()));
            out.tracked_checks(&instance.track_checks, daemon);
            out.notify(&instance.notify);
            out.announce(&instance.announce);
        });
    }

    fn protocol(&mut self, protocol: &Protocol, instance: &Instance) {
        let (version, owner) = (protocol.profile.version(), instance.priority.is_owner());
        let strict = matches!(protocol.profile, Profile::Rfc3768 | Profile::Rfc9568Errata);
        let ipv4 = instance.family == Family::Ipv4;
        self.line(if version == Version::V2 { "version 2" } else { "version 3" });
        self.line(format_args!("strict_mode {}", on(strict)));
        match (owner, protocol.accept) {
            // It cannot be otherwise.
            (true, _) => {}
            (false, true) => self.line("accept"),
            (false, false) => self.line("no_accept"),
        }
        self.line(format_args!("lower_prio_no_advert {}", on(!protocol.answer_lower)));
        self.line(format_args!("higher_prio_send_advert {}", on(protocol.yield_advertisement)));
        if owner {
            self.line(format_args!("owner_ignore_adverts {}", on(!protocol.owner_listens)));
        }
        if strict {
            self.line(format_args!("skip_check_adv_addr {}", on(!protocol.strict_list)));
        }
        if (version == Version::V3 && ipv4) || !protocol.pseudo_header {
            self.line(format_args!("v3_checksum_as_v2 {}", on(!protocol.pseudo_header)));
        }
    }

    fn group(&mut self, group: &SyncGroup, daemon: &Daemon) {
        self.block(format_args!("vrrp_sync_group {}", word(&group.name)), |out| {
            // On one line: a name may be a keyword, and that it is where a line begins.
            let names: Vec<String> = group.members.iter().map(|name| word(name)).collect();
            out.list("group", [names.join(" ")], |names| names);
            out.line("sync_group_tracking_weight");
            out.list("track_interface", &group.track_interfaces, |track| tracked(track, TrackWeight::default()));
            out.tracked_checks(&group.track_checks, daemon);
            out.notify(&group.notify);
        });
    }

    fn notify(&mut self, Notify { master, backup, fault, stop, lower_priority, any, priority_changes }: &Notify) {
        for (keyword, command) in [
            ("notify_master", master),
            ("notify_backup", backup),
            ("notify_fault", fault),
            ("notify_stop", stop),
            ("notify_master_rx_lower_pri", lower_priority),
            ("notify", any),
        ] {
            if let Some(command) = command {
                self.line(format_args!("{keyword} {}", with_user(command)));
            }
        }
        if *priority_changes {
            self.line("notify_priority_changes on");
        }
    }

    /// 0 is never.
    fn announce(&mut self, announce: &Announce) {
        let or_never = |time: Option<Duration>| seconds(time.unwrap_or_default());
        self.line(format_args!("garp_master_repeat {}", announce.repeat));
        self.line(format_args!("garp_master_delay {}", or_never(announce.delay)));
        self.line(format_args!("garp_master_refresh {}", or_never(announce.refresh)));
        self.line(format_args!("garp_master_refresh_repeat {}", announce.refresh_repeat));
        self.line(format_args!("garp_lower_prio_repeat {}", announce.lower_prio_repeat));
        self.line(format_args!("garp_lower_prio_delay {}", or_never(announce.lower_prio_delay)));
    }
}

const fn on(is: bool) -> &'static str {
    if is { "on" } else { "off" }
}

fn seconds(time: Duration) -> String {
    let micros = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    micros.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns a command with its user.
fn with_user(Command { words, user, .. }: &Command) -> String {
    let names = user.iter().flat_map(|user| [Some(&user.user), user.group.as_ref()]).flatten();
    let names: String = names.map(|name| format!(" \"{}\"", escaped(name, "\\"))).collect();
    format!("{}{names}", command_line(words))
}

/// Returns a command as one word in double quotes, in which its own words are split once more.
fn command_line(words: &[String]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| match escaped(word, "\\\\") {
            escaped if escaped.is_empty() || escaped.contains(' ') => format!("'{escaped}'"),
            escaped => escaped,
        })
        .collect();
    format!("\"{}\"", words.join(" "))
}

/// Writes each character that would end a word, begin an escape or be refused as octal digits after `escape`.
fn escaped(text: &str, escape: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' | '$' | '~' => {}
            // They would be taken for a space, and for nothing.
            '\u{a0}' | '\u{ad}' => {}
            c if c.is_control() => {}
            c => {
                out.push(c);
                continue;
            }
        }
        let _ = write!(out, "{escape}{:03o}", u32::from(c));
    }
    out
}

fn address(virtual_ip: &VirtualIp) -> String {
    let mut line = virtual_ip.to_string();
    option(&mut line, "brd", virtual_ip.broadcast);
    option(&mut line, "dev", virtual_ip.device.as_deref().map(word));
    option(&mut line, "scope", Some(virtual_ip.scope.number()).filter(|scope| *scope != 0));
    option(&mut line, "label", virtual_ip.label.as_deref().map(word));
    if virtual_ip.no_prefix_route {
        line += " noprefixroute";
    }
    line
}

/// Returns an address. It ends in `no_track` if its interface is not tracked.
fn of_instance(virtual_ip: &VirtualIp, instance: &Instance, macvlans: &BTreeSet<&str>) -> String {
    let other =
        virtual_ip.device.as_deref().filter(|device| *device != instance.interface && !macvlans.contains(device));
    let untracked = other.is_some_and(|device| !instance.track_interfaces.contains(&by_device(device)));
    if untracked { address(virtual_ip) + " no_track" } else { address(virtual_ip) }
}

fn route(route: &Route, tracks: &[Track]) -> String {
    let is_tracked = |device: &String| tracks.contains(&by_device(device));
    let untracked = if route.device.as_ref().is_some_and(is_tracked) { "" } else { " no_track" };
    fixed_route(route) + untracked
}

fn fixed_route(route: &Route) -> String {
    let mut line = format!("{} {}", route.kind.name(), prefix(&route.destination));
    option(&mut line, "via", route.via);
    option(&mut line, "dev", route.device.as_deref().map(word));
    option(&mut line, "src", route.source);
    option(&mut line, "table", Some(route.table));
    option(&mut line, "metric", route.metric);
    option(&mut line, "scope", route.scope);
    option(&mut line, "mtu", route.mtu);
    if route.onlink {
        line += " onlink";
    }
    line
}

fn rule(rule: &Rule) -> String {
    let mut line = match rule.family {
        Family::Ipv4 => "inet".to_owned(),
        Family::Ipv6 => "inet6".to_owned(),
    };
    if rule.invert {
        line += " not";
    }
    option(&mut line, "from", rule.from.as_ref().map(prefix));
    option(&mut line, "to", rule.to.as_ref().map(prefix));
    option(&mut line, "iif", rule.input.as_deref().map(word));
    option(&mut line, "oif", rule.output.as_deref().map(word));
    option(
        &mut line,
        "fwmark",
        rule.mark.map(|Mark { value, mask }| match mask {
            Some(mask) => format!("{value:#x}/{mask:#x}"),
            None => format!("{value:#x}"),
        }),
    );
    option(&mut line, "priority", Some(rule.priority));
    option(&mut line, "table", Some(rule.table));
    line
}

/// With its family, which `default` does not tell.
fn prefix(Prefix { address, length }: &Prefix) -> String {
    format!("{address}/{length}")
}

fn option(line: &mut String, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        let _ = write!(line, " {name} {value}");
    }
}

fn weight(TrackWeight { weight, reverse }: TrackWeight) -> String {
    let number = match weight {
        Weight::Fault => 0,
        Weight::Adjust(weight) => weight.get(),
    };
    format!("weight {number} {}", if reverse { "reverse" } else { "noreverse" })
}

fn tracked(track: &Track, default: TrackWeight) -> String {
    match track.weight == default {
        true => word(&track.name),
        false => format!("{} {}", word(&track.name), weight(track.weight)),
    }
}

fn default_weight(track: &Track, daemon: &Daemon) -> TrackWeight {
    daemon.checks.iter().find(|script| script.name == track.name).map(|script| script.weight).unwrap_or_default()
}

fn by_device(device: &str) -> Track {
    Track { name: device.to_owned(), weight: TrackWeight::default() }
}

/// Returns the tracked interfaces without those at the end that are tracked unnamed, for an address or a route.
fn named_interfaces<'a>(instance: &'a Instance, macvlans: &BTreeSet<&str>) -> &'a [Track] {
    let of_addresses =
        instance.addresses.iter().chain(&instance.excluded).filter_map(|virtual_ip| virtual_ip.device.as_deref());
    let of_routes = instance.routes.iter().filter_map(|route| route.device.as_deref());
    let devices: BTreeSet<&str> = of_addresses
        .chain(of_routes)
        .filter(|device| instance.track_interfaces.contains(&by_device(device)))
        .filter(|device| *device != instance.interface && !macvlans.contains(device))
        .collect();
    let tracks = &instance.track_interfaces;
    let ends_unnamed = |named: &usize| {
        let (named, unnamed) = tracks.split_at(*named);
        let rest = devices.iter().filter(|device| !named.iter().any(|track| track.name == **device));
        rest.map(|device| by_device(device)).eq(unnamed.iter().cloned())
    };
    let named = (0..=tracks.len()).find(ends_unnamed).unwrap_or(tracks.len());
    tracks.get(..named).unwrap_or_default()
}
