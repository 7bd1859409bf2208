//! Every table and key that the file may hold.

use crate::vrrpd::native::shape::Default::{Is, Required};
use crate::vrrpd::native::shape::{Default, Key, Kind, Shape};
use crate::vrrpd::soundness::MAX_VALIDITY;

const MILLISECOND: u64 = 1_000;
const DAY: u64 = 86_400_000_000;
/// keepalived takes so many microseconds for a delay of preemption.
const PREEMPT_DELAY: u64 = 1_000_000_000;
const EVERY: Kind = Kind::Time(MILLISECOND, DAY);
/// A weight. It is multiplied by the value of a file, so this may be more than a priority can change.
const WEIGHT: Kind = Kind::Whole(-(i16::MAX as i64), i16::MAX as i64);
const SPAN: Kind = Kind::Time(0, DAY);

const fn key(name: &'static str, kind: Kind, default: Default, about: &'static str, keepalived: &'static str) -> Key {
    Key { name, kind, default, about, keepalived }
}

/// The file.
pub(crate) static FILE: Shape = Shape {
    name: "of the file",
    about: "Settings of the daemon as a whole. They come before the first table.",
    keys: &[
        key(
            "lease",
            Kind::Flag,
            Is("true"),
            "True: addresses expire when this process is killed or hangs. `--no-lease` overrides it.",
            "",
        ),
        key(
            "notify_timeout",
            SPAN,
            Is("\"60s\""),
            "The time that a notify script may take while no newer state waits; \"0s\": no limit. `--notify-timeout` overrides it.",
            "",
        ),
        key(
            "stop_timeout",
            SPAN,
            Is("\"5s\""),
            "The time that the scripts of a stop may take for each router and group; \"0s\": no limit. `--stop-timeout` overrides it.",
            "",
        ),
        key(
            "startup_delay",
            SPAN,
            Is("\"0s\""),
            "The time after the start before the routers take part.",
            "vrrp_startup_delay",
        ),
        key(
            "process",
            Kind::Table(&PROCESS),
            Is("an ordinary process"),
            "Scheduling of the thread of the routers.",
            "",
        ),
        key("scripts", Kind::Table(&SCRIPTS), Is("no user, not secure"), "Settings for all scripts.", ""),
        key(
            "interface",
            Kind::Named(&INTERFACE),
            Is("none"),
            "Interfaces whose changes count after a delay.",
            "interface_up_down_delays",
        ),
        key(
            "fixed",
            Kind::Table(&FIXED),
            Is("nothing"),
            "Addresses, routes and rules that are there as long as the daemon runs.",
            "",
        ),
        key(
            "fifo",
            Kind::List(&Kind::Table(&FIFO)),
            Is("none"),
            "Named pipes that take a line for each change.",
            "notify_fifo vrrp_notify_fifo",
        ),
        key(
            "fifo_states_on_reload",
            Kind::Flag,
            Is("false"),
            "True: every state is written to the named pipes again after a reload.",
            "fifo_write_vrrp_states_on_reload",
        ),
        key(
            "check",
            Kind::Checks,
            Is("none"),
            "Health checks, by name.",
            "vrrp_script vrrp_track_file vrrp_track_process track_file",
        ),
        key("router", Kind::Named(&ROUTER), Is("there must be one"), "Virtual routers, by name.", "vrrp_instance"),
        key(
            "group",
            Kind::Named(&GROUP),
            Is("none"),
            "Routers that are Master together or not at all, by name.",
            "vrrp_sync_group",
        ),
    ],
};

pub(crate) static PROCESS: Shape = Shape {
    name: "[process]",
    about: "Scheduling of the thread that the routers run on.",
    keys: &[
        key(
            "real_time_priority",
            Kind::Whole(1, 99),
            Is("not real-time"),
            "Its priority among the real-time threads (SCHED_RR).",
            "vrrp_rt_priority",
        ),
        key(
            "real_time_limit",
            Kind::Time(1, u32::MAX as u64),
            Is("\"2s\""),
            "The processor time that it may use without a pause. After that the kernel ends the process.",
            "vrrp_rlimit_rttime",
        ),
        key("nice", Kind::Whole(-20, 19), Is("as it is started"), "Its nice value.", "vrrp_priority"),
        key(
            "lock_memory",
            Kind::Flag,
            Is("false"),
            "True: the memory of the process is kept out of swap.",
            "vrrp_no_swap",
        ),
    ],
};

pub(crate) static SCRIPTS: Shape = Shape {
    name: "[scripts]",
    about: "Settings for every script that has none of its own.",
    keys: &[
        key("user", Kind::Text, Is("the daemon's own"), "The user that scripts run as.", "script_user"),
        key("group", Kind::Text, Is("the user's own"), "The group that scripts run as.", ""),
        key(
            "secure",
            Kind::Flag,
            Is("false"),
            "True: a script is refused if root would run it and others can change it.",
            "enable_script_security",
        ),
    ],
};

pub(crate) static INTERFACE: Shape = Shape {
    name: "[interface.NAME]",
    about: "The time that a new state of an interface must last before it counts.",
    keys: &[
        key("up_delay", SPAN, Is("\"0s\""), "Before it counts as up.", ""),
        key("down_delay", SPAN, Is("\"0s\""), "Before it counts as down.", ""),
    ],
};

pub(crate) static FIXED: Shape = Shape {
    name: "[fixed]",
    about: "Addresses, routes and rules that are there as long as the daemon runs, whoever is Master.",
    keys: &[
        key(
            "addresses",
            Kind::List(&Kind::Short(&Kind::Prefixed, &ADDRESS)),
            Is("[]"),
            "Each needs its `device`.",
            "static_ipaddress",
        ),
        key(
            "routes",
            Kind::List(&Kind::Table(&ROUTE)),
            Is("[]"),
            "In the order of their installation.",
            "static_routes",
        ),
        key("rules", Kind::List(&Kind::Table(&RULE)), Is("[]"), "Rules that choose routing tables.", "static_rules"),
    ],
};

pub(crate) static FIFO: Shape = Shape {
    name: "[[fifo]]",
    about: "A named pipe that takes a line for each change, as keepalived writes it.",
    keys: &[
        key("path", Kind::Path, Required, "Its path. It is made if it does not exist.", ""),
        key(
            "script",
            Kind::Command,
            Is("none"),
            "Its reader, started with the daemon, with the path as its last argument.",
            "notify_fifo_script vrrp_notify_fifo_script",
        ),
    ],
};

pub(crate) static COMMAND: Shape = Shape {
    name: "{ command, user, group }",
    about: "A script with a user of its own.",
    keys: &[
        key(
            "command",
            Kind::CommandLine,
            Required,
            "The program and its arguments: a text is split at spaces, a list is taken as it is.",
            "",
        ),
        key("user", Kind::Text, Is("that of [scripts]"), "The user that it runs as.", ""),
        key("group", Kind::Text, Is("the user's own"), "The group that it runs as.", ""),
    ],
};

pub(crate) static ROUTER: Shape = Shape {
    name: "[router.NAME]",
    about: "A virtual router.",
    keys: &[
        key("interface", Kind::Interface, Required, "The interface that VRRP runs on.", "interface default_interface"),
        key("vrid", Kind::Whole(1, 255), Required, "The virtual router id.", "virtual_router_id router_id id"),
        key(
            "addresses",
            Kind::List(&Kind::Short(&Kind::Prefixed, &ADDRESS)),
            Is("[]"),
            "Virtual addresses that are advertised, of one family.",
            "virtual_ipaddress virtual_address vip",
        ),
        key(
            "excluded",
            Kind::List(&Kind::Short(&Kind::Prefixed, &ADDRESS)),
            Is("[]"),
            "Further addresses that come and go with them, unadvertised, of any family.",
            "virtual_ipaddress_excluded",
        ),
        key(
            "family",
            Kind::Choice(&["ipv4", "ipv6"]),
            Is("that of the first address, or \"ipv4\""),
            "The family of the advertisements.",
            "native_ipv6",
        ),
        key(
            "priority",
            Kind::Whole(1, 255),
            Is("100"),
            "The router with the highest one is Master. 255 is for a host that owns the addresses.",
            "priority state",
        ),
        key(
            "interval",
            Kind::Time(10 * MILLISECOND, 255_000_000),
            Is("\"1s\""),
            "Time between two advertisements: whole seconds in version 2, hundredths and at most \"40.95s\" in version 3.",
            "advert_int",
        ),
        key("version", Kind::Whole(2, 3), Is("2, and 3 for IPv6"), "Version of VRRP.", "vrrp_version version"),
        key(
            "strict",
            Kind::Flag,
            Is("false"),
            "True: all extensions of the RFC of this version are off. A Master that does not own its addresses does not accept packets to them.",
            "vrrp_strict strict_mode",
        ),
        key(
            "accept",
            Kind::Flag,
            Is("true, and false with `strict`"),
            "True: a Master accepts packets to addresses that it does not own. An owner always does.",
            "accept no_accept",
        ),
        key(
            "answer_lower",
            Kind::Flag,
            Is("true, and false with `strict`"),
            "True: a Master answers an advertisement of a lower priority at once.",
            "lower_prio_no_advert vrrp_lower_prio_no_advert",
        ),
        key(
            "yield_advertisement",
            Kind::Flag,
            Is("true, and false with `strict`"),
            "True: a Master that yields advertises once more.",
            "higher_prio_send_advert vrrp_higher_prio_send_advert",
        ),
        key(
            "owner_listens",
            Kind::Flag,
            Is("true, and false with `strict`"),
            "True: a router of priority 255 hears other routers.",
            "owner_ignore_adverts vrrp_owner_ignore_adverts",
        ),
        key(
            "strict_list",
            Kind::Flag,
            Is("false, and true with `strict`"),
            "True: version 2 drops an advertisement with other addresses.",
            "skip_check_adv_addr vrrp_skip_check_adv_addr",
        ),
        key(
            "pseudo_header",
            Kind::Flag,
            Is("true"),
            "True: the checksum that version 3 sends over IPv4 includes a pseudo-header.",
            "v3_checksum_as_v2",
        ),
        key(
            "preempt",
            Kind::Flag,
            Is("true"),
            "True: a router of a higher priority takes over from a Master of a lower one.",
            "nopreempt",
        ),
        key(
            "preempt_delay",
            Kind::Time(0, PREEMPT_DELAY),
            Is("\"0s\""),
            "The time that a router watches a Master of a lower priority before it takes over.",
            "",
        ),
        key(
            "password",
            Kind::Password,
            Is("none"),
            "Simple text password of version 2: 1 to 8 octets.",
            "authentication auth_pass",
        ),
        key(
            "source",
            Kind::Host,
            Is("the primary address of the interface"),
            "Source of the advertisements.",
            "mcast_src_ip unicast_src_ip",
        ),
        key(
            "unicast",
            Kind::Table(&UNICAST),
            Is("multicast"),
            "Unicast to listed routers instead of multicast.",
            "unicast_peer",
        ),
        key(
            "virtual_mac",
            Kind::Table(&VIRTUAL_MAC),
            Is("that of the interface"),
            "A MAC address of the router's own.",
            "use_vmac vmac_xmit_base",
        ),
        key(
            "routes",
            Kind::List(&Kind::Table(&ROUTE)),
            Is("[]"),
            "Routes that come and go with the addresses, in the order of their installation.",
            "virtual_routes",
        ),
        key(
            "rules",
            Kind::List(&Kind::Table(&RULE)),
            Is("[]"),
            "Rules that choose routing tables, and come and go with the addresses.",
            "virtual_rules",
        ),
        key(
            "track_own_interface",
            Kind::Flag,
            Is("true"),
            "True: the router is in fault while its interface is down.",
            "dont_track_primary",
        ),
        key(
            "track_interfaces",
            Kind::List(&Kind::Short(&Kind::Interface, &TRACK)),
            Is("[]"),
            "Further interfaces. The devices of addresses and routes are tracked without being named.",
            "track_interface",
        ),
        key(
            "track_checks",
            Kind::List(&Kind::Short(&Kind::Text, &TRACK)),
            Is("[]"),
            "Checks, by their names.",
            "track_script track_file track_process",
        ),
        key(
            "notify",
            Kind::Table(&NOTIFY),
            Is("none"),
            "Scripts to run on a change of state.",
            "notify_master notify_backup notify_fault notify_stop notify_master_rx_lower_pri",
        ),
        key(
            "announce",
            Kind::Table(&ANNOUNCE),
            Is("keepalived's schedule"),
            "When and how often the addresses are announced to the neighbours (gratuitous ARP, neighbour advertisements).",
            "garp_master_delay garp_master_repeat garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat garp_interval gna_interval",
        ),
    ],
};

pub(crate) static ADDRESS: Shape = Shape {
    name: "{ address, device, .. }",
    about: "An address with settings of its own.",
    keys: &[
        key(
            "address",
            Kind::Prefixed,
            Required,
            "With the length of its prefix; without one it is a host's: 32 or 128.",
            "",
        ),
        key("device", Kind::Interface, Is("that of the router"), "The interface that carries it.", "dev"),
        key("label", Kind::Text, Is("none"), "A label of IPv4, 1 to 15 octets.", ""),
        key("scope", Kind::Scope, Is("\"global\""), "Its scope.", ""),
        key("broadcast", Kind::Host, Is("none"), "The broadcast address of IPv4; \"+\": all host bits set.", "brd"),
        key("prefix_route", Kind::Flag, Is("true"), "True: the kernel makes a route to its network.", "noprefixroute"),
        key("track", Kind::Flag, Is("true"), "True: its device is tracked.", "no_track"),
    ],
};

pub(crate) static UNICAST: Shape = Shape {
    name: "[router.NAME.unicast]",
    about: "Unicast instead of multicast.",
    keys: &[
        key(
            "peers",
            Kind::List(&Kind::Short(&Kind::Host, &PEER)),
            Required,
            "The routers that advertisements are sent to and accepted from. There are no others.",
            "unicast_peer",
        ),
        key(
            "ttl",
            Kind::Whole(1, 255),
            Is("255, and 64 for IPv6"),
            "TTL or hop limit of packets to them.",
            "unicast_ttl",
        ),
    ],
};

pub(crate) static PEER: Shape = Shape {
    name: "{ address, min_ttl }",
    about: "Another router.",
    keys: &[
        key("address", Kind::Host, Required, "Its address.", ""),
        key("min_ttl", Kind::Whole(0, 255), Is("0: any"), "Least TTL or hop limit accepted from it.", ""),
    ],
};

pub(crate) static VIRTUAL_MAC: Shape = Shape {
    name: "[router.NAME.virtual_mac]",
    about: "A MAC address of the virtual router's own; the table may be empty.",
    keys: &[
        key(
            "interface",
            Kind::Interface,
            Is("\"vrrp.VRID\", and \"vrrp6.VRID\" for IPv6"),
            "The name of the interface that has it.",
            "",
        ),
        key("address", Kind::Mac, Is("that of the virtual router id"), "The MAC address.", ""),
        key(
            "transmit_base",
            Kind::Flag,
            Is("false, and true with `unicast`"),
            "True: advertisements are sent from the MAC address of the interface below.",
            "vmac_xmit_base",
        ),
    ],
};

pub(crate) static ROUTE: Shape = Shape {
    name: "{ to, via, device, .. }",
    about: "A route, in the terms of ip-route(8).",
    keys: &[
        key("to", Kind::Network, Required, "The destination; \"default\" is 0.0.0.0/0, and \"::/0\" that of IPv6.", ""),
        key(
            "kind",
            Kind::Choice(&["unicast", "blackhole", "unreachable", "prohibit", "throw"]),
            Is("\"unicast\""),
            "The treatment of packets.",
            "",
        ),
        key("via", Kind::Host, Is("on the link"), "The next router.", "gw"),
        key("device", Kind::Interface, Is("where `via` is"), "Where to send.", "dev oif"),
        key("source", Kind::Host, Is("the kernel's choice"), "Preferred source address.", "src"),
        key("table", Kind::TableNumber, Is("\"main\""), "Its table.", ""),
        key("metric", Kind::Whole(0, u32::MAX as i64), Is("the kernel's"), "Its metric.", "priority preference"),
        key("scope", Kind::Scope, Is("as `ip route` chooses it"), "Its scope.", ""),
        key("mtu", Kind::Whole(0, u32::MAX as i64), Is("that of the device"), "MTU of the path.", ""),
        key("onlink", Kind::Flag, Is("false"), "True: `via` counts as on the link, whatever the other routes say.", ""),
        key("track", Kind::Flag, Is("true"), "True: its device is tracked.", "no_track"),
    ],
};

pub(crate) static RULE: Shape = Shape {
    name: "{ table, from, .. }",
    about: "A rule that sends packets to a routing table, in the terms of ip-rule(8).",
    keys: &[
        key("table", Kind::TableNumber, Required, "The table.", "lookup"),
        key(
            "priority",
            Kind::Whole(0, u32::MAX as i64),
            Required,
            "Its place among the rules: lower ones first.",
            "preference order",
        ),
        key(
            "family",
            Kind::Choice(&["ipv4", "ipv6"]),
            Is("that of `from` or `to`, or \"ipv4\""),
            "Of the packets.",
            "",
        ),
        key("invert", Kind::Flag, Is("false"), "True: the rule is for packets that do not match.", "not"),
        key("from", Kind::Network, Is("any"), "Source.", ""),
        key("to", Kind::Network, Is("any"), "Destination.", ""),
        key("input", Kind::Interface, Is("any"), "Interface that they came in by.", "iif dev"),
        key("output", Kind::Interface, Is("any"), "Interface that the sender is bound to.", "oif"),
        key("mark", Kind::Mark, Is("any"), "Mark of the packet.", "fwmark"),
    ],
};

pub(crate) static TRACK: Shape = Shape {
    name: "{ name, weight, reverse }",
    about: "An interface or a check, tracked with a weight of its own.",
    keys: &[
        key("name", Kind::Text, Required, "Name of the interface or of the check.", ""),
        key(
            "weight",
            WEIGHT,
            Is("that of the check, or 0"),
            "0: its failure is a fault. Otherwise the weight is added to the priority: a negative one while it fails, a positive one while it passes.",
            "",
        ),
        key(
            "reverse",
            Kind::Flag,
            Is("that of the check, or false"),
            "True: a failure counts as a success, and a success as a failure.",
            "",
        ),
    ],
};

pub(crate) static NOTIFY: Shape = Shape {
    name: "[router.NAME.notify]",
    about: "Scripts to run on a change of state; a group has the same table.",
    keys: &[
        key("master", Kind::Command, Is("none"), "On becoming Master.", "notify_master"),
        key("backup", Kind::Command, Is("none"), "On becoming Backup.", "notify_backup"),
        key("fault", Kind::Command, Is("none"), "On entering a fault.", "notify_fault"),
        key("stop", Kind::Command, Is("none"), "On the daemon's stop.", "notify_stop"),
        key(
            "lower_priority",
            Kind::Command,
            Is("none"),
            "When this router is Master and hears a Master of a lower priority.",
            "notify_master_rx_lower_pri",
        ),
        key(
            "any",
            Kind::Command,
            Is("none"),
            "On every change, with the arguments INSTANCE or GROUP, name, state, priority.",
            "notify",
        ),
        key(
            "priority_changes",
            Kind::Flag,
            Is("false"),
            "True: changes of the priority are written to the named pipes too.",
            "notify_priority_changes vrrp_notify_priority_changes",
        ),
    ],
};

pub(crate) static ANNOUNCE: Shape = Shape {
    name: "[router.NAME.announce]",
    about: "Announcements of the addresses to the neighbours. A time of \"0s\" means never.",
    keys: &[
        key("repeat", Kind::Whole(1, 255), Is("5"), "Announcements at once on becoming Master.", "garp_master_repeat"),
        key("delay", SPAN, Is("\"5s\""), "Time to a second round of them.", "garp_master_delay"),
        key("refresh", SPAN, Is("\"0s\""), "Period of further rounds while Master.", "garp_master_refresh"),
        key(
            "refresh_repeat",
            Kind::Whole(0, 255),
            Is("1"),
            "Announcements in each further round.",
            "garp_master_refresh_repeat",
        ),
        key(
            "lower_prio_repeat",
            Kind::Whole(0, 255),
            Is("5, and 0 with `strict`"),
            "Announcements after another Master, of a lower priority, was heard.",
            "garp_lower_prio_repeat",
        ),
        key(
            "lower_prio_delay",
            SPAN,
            Is("\"5s\", and \"0s\" with `strict`"),
            "Time to a second round of those.",
            "garp_lower_prio_delay",
        ),
        key(
            "gap",
            Kind::Time(0, 1_000_000_000_000),
            Is("\"0s\""),
            "Least time between two announcements on one interface.",
            "garp_interval gna_interval vrrp_garp_interval vrrp_gna_interval",
        ),
    ],
};

pub(crate) static GROUP: Shape = Shape {
    name: "[group.NAME]",
    about: "Routers that are Master together or not at all.",
    keys: &[
        key("members", Kind::Words, Required, "Names of its routers; no router is in two groups.", "group"),
        key(
            "track_interfaces",
            Kind::List(&Kind::Short(&Kind::Interface, &TRACK)),
            Is("[]"),
            "Interfaces that each member tracks in addition to its own.",
            "track_interface",
        ),
        key(
            "track_checks",
            Kind::List(&Kind::Short(&Kind::Text, &TRACK)),
            Is("[]"),
            "Checks that each member tracks in addition to its own.",
            "track_script track_file track_process",
        ),
        key(
            "notify",
            Kind::Table(&NOTIFY),
            Is("none"),
            "Scripts to run when the state of the group changes.",
            "notify_master notify_backup notify_fault notify_stop",
        ),
    ],
};

/// The kinds of checks.
pub(crate) const KINDS: Kind =
    Kind::Choice(&["script", "tcp", "http", "proxy", "tls", "dns", "ping", "neighbour", "file", "process", "value"]);

/// The shape of each kind of check, in the order of [`KINDS`].
pub(crate) static CHECKS: [(&str, &Shape); 11] = [
    ("script", &SCRIPT_CHECK),
    ("tcp", &TCP_CHECK),
    ("http", &HTTP_CHECK),
    ("proxy", &PROXY_CHECK),
    ("tls", &TLS_CHECK),
    ("dns", &DNS_CHECK),
    ("ping", &PING_CHECK),
    ("neighbour", &NEIGHBOUR_CHECK),
    ("file", &FILE_CHECK),
    ("process", &PROCESS_CHECK),
    ("value", &VALUE_CHECK),
];

/// The keys of every check.
pub(crate) static ANY_CHECK: Shape = Shape {
    name: "[check.NAME]",
    about: "A check, run once however many routers track it.",
    keys: &[
        key("kind", KINDS, Required, "The kind of check. It decides which other keys there are.", ""),
        key("interval", EVERY, Is("\"1s\""), "Time from one start to the next.", ""),
        key("timeout", EVERY, Is("`interval`"), "A run that takes longer has failed.", ""),
        key("rise", Kind::Whole(1, i32::MAX as i64), Is("1"), "Successes in a row until it passes again.", ""),
        key("fall", Kind::Whole(1, i32::MAX as i64), Is("1"), "Failures in a row until it fails.", ""),
        key(
            "weight",
            WEIGHT,
            Is("0"),
            "The weight, where the router that tracks the check has none. 0: its failure is a fault.",
            "",
        ),
        key("reverse", Kind::Flag, Is("false"), "True: a failure counts as a success, and a success as a failure.", ""),
    ],
};

const SOURCE: Key = key("source", Kind::Host, Is("the kernel's choice"), "Source address of the packets.", "");
const LEAVES_BY: Key =
    key("interface", Kind::Interface, Is("the kernel's choice"), "Interface that the packets leave by.", "");
const STATUS: Key = key("status", Kind::Status, Is("\"200-399\""), "The status that the answer must have.", "");
const HEADER: Key =
    key("header", Kind::Text, Is("any"), "A header that the answer must have, and the text in it: \"Name: text\".", "");
const BODY: Key = key("body", Kind::Text, Is("any"), "A text that must be in the body.", "");
const AUTHORITIES: Key =
    key("authorities", Kind::Path, Is("those of the host"), "A PEM file of the authorities that are trusted.", "");
const VERIFY: Key =
    key("verify", Kind::Flag, Is("true"), "True: the certificate is verified. Its dates are always checked.", "");
const MIN_VALIDITY: Key = key(
    "min_validity",
    Kind::Time(0, MAX_VALIDITY.as_secs() * 1_000_000),
    Is("\"0s\""),
    "The time for which the certificate must still be valid.",
    "",
);

pub(crate) static SCRIPT_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"script\"",
    about: "A program exits with status 0.",
    keys: &[
        key("command", Kind::CommandLine, Required, "The program and its arguments.", "script"),
        key("user", Kind::Text, Is("that of [scripts]"), "The user that it runs as.", ""),
        key("group", Kind::Text, Is("the user's own"), "The group that it runs as.", ""),
    ],
};

pub(crate) static TCP_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"tcp\"",
    about: "A TCP connection can be made.",
    keys: &[key("target", Kind::Socket, Required, "The server.", ""), SOURCE, LEAVES_BY],
};

pub(crate) static HTTP_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"http\"",
    about: "A web server answers a GET request as expected.",
    keys: &[
        key("target", Kind::Socket, Required, "The server.", ""),
        key("path", Kind::Text, Is("\"/\""), "The path, with its query; it begins with `/`.", ""),
        key("host", Kind::Text, Is("the address and port"), "The `Host` header.", ""),
        key("tls", Kind::Table(&TLS_OPTIONS), Is("no TLS"), "How TLS is spoken.", ""),
        STATUS,
        HEADER,
        BODY,
        SOURCE,
        LEAVES_BY,
    ],
};

pub(crate) static TLS_OPTIONS: Shape = Shape {
    name: "[check.NAME.tls]",
    about: "The rules by which a TLS client trusts the server.",
    keys: &[
        key("server_name", Kind::Text, Required, "The server name to ask for. The certificate must be for it.", ""),
        AUTHORITIES,
        VERIFY,
        MIN_VALIDITY,
    ],
};

pub(crate) static PROXY_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"proxy\"",
    about: "A proxy gets a page, or makes a connection, for its clients: one of `get` and `connect`.",
    keys: &[
        key("target", Kind::Socket, Required, "The proxy.", "proxy"),
        key("get", Kind::Text, Is("`connect`"), "The URL of a page, which begins with `http://`.", "url"),
        key("connect", Kind::Text, Is("`get`"), "The HOST:PORT of a connection.", ""),
        STATUS,
        HEADER,
        BODY,
        SOURCE,
        LEAVES_BY,
    ],
};

pub(crate) static TLS_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"tls\"",
    about: "A server completes a TLS handshake with a certificate that is good for long enough.",
    keys: &[
        key("target", Kind::Socket, Required, "The server.", ""),
        key("server_name", Kind::Text, Required, "The server name to ask for. The certificate must be for it.", ""),
        AUTHORITIES,
        VERIFY,
        MIN_VALIDITY,
        SOURCE,
        LEAVES_BY,
    ],
};

pub(crate) static DNS_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"dns\"",
    about: "A name server answers a question over UDP.",
    keys: &[
        key("target", Kind::Socket, Required, "The name server, with its port, mostly 53.", "server"),
        key("name", Kind::Text, Required, "The name to ask for.", ""),
        key(
            "record",
            Kind::Choice(&["A", "AAAA", "NS", "SOA", "MX", "TXT"]),
            Is("\"A\""),
            "The type of record to ask for.",
            "",
        ),
        key("answer", Kind::Host, Is("any"), "An address that must be among the answers.", ""),
        SOURCE,
        LEAVES_BY,
    ],
};

pub(crate) static PING_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"ping\"",
    about: "A host answers an ICMP echo request.",
    keys: &[key("target", Kind::Host, Required, "The host.", ""), SOURCE, LEAVES_BY],
};

pub(crate) static NEIGHBOUR_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"neighbour\"",
    about: "A host on the link answers an ARP request, or a neighbour solicitation.",
    keys: &[
        key("target", Kind::Host, Required, "The host.", ""),
        key("interface", Kind::Interface, Required, "The link that it is on.", ""),
    ],
};

pub(crate) static FILE_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"file\"",
    about: "A file exists or does not, or contains a text.",
    keys: &[
        key("path", Kind::Path, Required, "Its path.", ""),
        key(
            "expect",
            Kind::Choice(&["present", "absent"]),
            Is("\"present\""),
            "\"present\": the file must exist. \"absent\": it must not.",
            "",
        ),
        key("contains", Kind::Text, Is("any"), "A text that must be in it.", ""),
    ],
};

pub(crate) static PROCESS_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"process\"",
    about: "Enough processes of a program run.",
    keys: &[
        key("program", Kind::Text, Required, "The name of the program, or its path with `full_command`.", "process"),
        key(
            "full_command",
            Kind::Flag,
            Is("false"),
            "True: `program` is the first word of the command line. False: it is the kernel's name, of at most 15 octets.",
            "",
        ),
        key("arguments", Kind::Words, Is("any"), "Arguments that it must have.", "param_match"),
        key(
            "match",
            Kind::Choice(&["exact", "initial", "partial"]),
            Is("\"exact\""),
            "The comparison: these are all arguments, the first ones, or the first ones and the beginning of one.",
            "param_match",
        ),
        key("least", Kind::Whole(0, u32::MAX as i64), Is("1"), "The least number of processes.", "quorum"),
        key("most", Kind::Whole(0, u32::MAX as i64), Is("any"), "The greatest number of processes.", "quorum_max"),
        key(
            "up_delay",
            SPAN,
            Is("\"0s\""),
            "The time for which there must be enough before it counts.",
            "delay fork_delay",
        ),
        key(
            "down_delay",
            SPAN,
            Is("\"0s\""),
            "The time for which there must be too few, or too many, before it counts.",
            "terminate_delay",
        ),
    ],
};

pub(crate) static VALUE_CHECK: Shape = Shape {
    name: "[check.NAME] of kind \"value\"",
    about: "The number at the start of a file, times the weight, is added to the priority.",
    keys: &[
        key("path", Kind::Path, Required, "The file.", "file"),
        key(
            "initial",
            Kind::Whole(i32::MIN as i64, i32::MAX as i64),
            Is("none"),
            "The number to write into it at the start.",
            "init_file",
        ),
        key("overwrite", Kind::Flag, Is("false"), "True: it is written even if the file exists.", ""),
    ],
};
