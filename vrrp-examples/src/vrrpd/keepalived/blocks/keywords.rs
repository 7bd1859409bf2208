//! Every keyword that keepalived knows around VRRP, by block, and what becomes of it here.

use crate::vrrpd::config::Probe;
use crate::vrrpd::keepalived::blocks::address;
use crate::vrrpd::keepalived::blocks::check;
use crate::vrrpd::keepalived::blocks::delays;
use crate::vrrpd::keepalived::blocks::fifo;
use crate::vrrpd::keepalived::blocks::file;
use crate::vrrpd::keepalived::blocks::global::{self, Globals};
use crate::vrrpd::keepalived::blocks::grammar::{Grammar, Kind, first, many, once};
use crate::vrrpd::keepalived::blocks::group::GroupDraft;
use crate::vrrpd::keepalived::blocks::instance::{self, Authentication, InstanceDraft};
use crate::vrrpd::keepalived::blocks::load_balancer;
use crate::vrrpd::keepalived::blocks::process::{self, ProcessDraft};
use crate::vrrpd::keepalived::blocks::root::Root;
use crate::vrrpd::keepalived::blocks::routing::{route, rule};
use crate::vrrpd::keepalived::blocks::script::{self, CheckDraft};
use crate::vrrpd::keepalived::blocks::switches;
use crate::vrrpd::keepalived::blocks::track::Kind as Tracked;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::blocks::vmac::VmacDraft;

/// The reasons why whole families of keywords have no effect. Each is used after a colon, or as a help.
const LOAD_BALANCER: &str = "vrrpd is not a load balancer (LVS) and does not check real servers";
const MAIL: &str = "vrrpd sends no mail; a `notify` script can";
const SNMP: &str = "vrrpd has neither SNMP nor D-Bus; `vrrpctl status --json` shows its state";
const PROCESS: &str = "vrrpd is one process, without a pid file, and is always called vrrpd";
const STOP_SCRIPTS: &str = "it does not set how long stop scripts may take";
const DUMP: &str = "vrrpd writes no such file; `vrrpctl status --json` shows its state";
const NO_COPY: &str = "vrrpd keeps no copy of its configuration";
const RELOAD: &str = "only `vrrpctl reload` and SIGHUP make vrrpd read its configuration again";
const REMOVED: &str = "for an instance that a reload removes, vrrpd runs `notify_stop` and writes STOP to the FIFOs";
const BUFFERS: &str = "vrrpd sets the sizes of its buffers itself";
const BFD: &str = "vrrpd has no BFD, so a failure there would have no effect; a `vrrp_script` can watch the same";
const STATIC: &str = "a router cannot be tied to a static address; a `vrrp_script` can watch it";
const PACING: &str = "the pauses between announcements are those of `vrrp_garp_interval` and `vrrp_gna_interval`, for every interface alike";
const LINKBEAT: &str = "vrrpd follows what the kernel says of an interface, and polls no driver";
const NAMESPACE: &str = "vrrpd runs in the network namespace that it is started in, as by `ip netns exec NAME`";
const VMACS_OF_ADDRESSES: &str =
    "vrrpd gives no single address a virtual MAC address; `use_vmac` is for all addresses of an instance";
const DOWN_TIMER: &str = "here a Master counts as gone after three intervals, as the RFCs say";
const EXTRA_IF: &str =
    "addresses on other interfaces are announced as all are: when they are set, and with `garp_master_refresh`";

/// The greatest weights of scripts, of processes, and of files: what a file says is multiplied by its weight.
const MAX_WEIGHT: i64 = 253;
const MAX_PROCESS_WEIGHT: i64 = 254;
const MAX_FILE_WEIGHT: i64 = i16::MAX as i64;

pub(crate) static ROOT: Grammar<Root> = Grammar {
    block: "the top level",
    secret: false,
    understood: &[
        many("global_defs", |root, s, r| GLOBAL_DEFS.read(s.block(r), &mut root.globals, r)),
        many("vrrp_script", |root, s, r| root.checks.extend(CheckDraft::read(s, r))),
        many("vrrp_track_file", |root, s, r| root.checks.extend(file::read(s, r))),
        many("track_file", |root, s, r| root.checks.extend(file::read(s, r))),
        many("vrrp_track_process", |root, s, r| root.checks.extend(process::read(s, r))),
        many("track_process", |root, s, r| root.checks.extend(process::read(s, r))),
        many("vrrp_instance", |root, s, r| root.instances.extend(InstanceDraft::read(s, r))),
        many("vrrp_sync_group", |root, s, r| root.groups.extend(GroupDraft::read(s, r))),
        many("static_ipaddress", |root, s, r| root.addresses.extend(address::read(s.entries(r), r))),
        many("static_routes", |root, s, r| root.routes.extend(s.entries(r).iter().filter_map(|it| route::read(it, r)))),
        many("static_rules", |root, s, r| root.rules.extend(s.entries(r).iter().filter_map(|it| rule::read(it, r)))),
        many("interface_up_down_delays", |root, s, r| root.delays.extend(delays::read(s, r))),
    ],
    ignored: &[
        Kind { words: &["instance", "process_names", "use_pid_dir"], why: PROCESS },
        Kind { words: &["child_wait_time"], why: STOP_SCRIPTS },
    ],
    granted: &[],
    skipped: &["local_address_group", "virtual_server", "virtual_server_group", "SSL"],
    unsupported: &[
        Kind { words: &["bfd_instance"], why: BFD },
        Kind { words: &["track_group"], why: STATIC },
        Kind { words: &["garp_group"], why: PACING },
        Kind { words: &["linkbeat_interfaces", "linkbeat_use_polling"], why: LINKBEAT },
        Kind { words: &["net_namespace"], why: NAMESPACE },
    ],
    all,
};

pub(crate) static GLOBAL_DEFS: Grammar<Globals> = Grammar {
    block: "global_defs",
    secret: false,
    understood: &[
        once("script_user", |g, s, r| g.user = script::user(s, r)),
        once("enable_script_security", |g, s, r| {
            s.flag(r);
            g.script_security = true;
        }),
        once("vrrp_garp_master_delay", |g, s, r| g.garp.delay = global::seconds(s, r)),
        once("vrrp_garp_master_repeat", |g, s, r| g.garp.repeat = global::repeat_not_zero(s, r)),
        once("vrrp_garp_master_refresh", |g, s, r| g.garp.refresh = global::seconds(s, r)),
        once("vrrp_garp_master_refresh_repeat", |g, s, r| g.garp.refresh_repeat = global::repeat_not_zero(s, r)),
        once("vrrp_garp_lower_prio_delay", |g, s, r| g.garp.lower_prio_delay = global::seconds(s, r)),
        once("vrrp_garp_lower_prio_repeat", |g, s, r| g.garp.lower_prio_repeat = global::repeat(s, r)),
        once("vrrp_garp_interval", |g, s, r| g.gaps.ipv4 = global::gap(s, r)),
        once("vrrp_gna_interval", |g, s, r| g.gaps.ipv6 = global::gap(s, r)),
        once("vrrp_version", |g, s, r| g.switches.version = switches::version(s, r)),
        once("vrrp_strict", |g, s, r| g.switches.strict = s.switch(r)),
        once("v3_checksum_as_v2", |g, s, r| g.switches.checksum_as_v2 = Some(At { value: true, span: s.flag(r) })),
        once("vrrp_mcast_group4", |_, s, r| global::group(s, r)),
        once("vrrp_mcast_group6", |_, s, r| global::group(s, r)),
        once("vrrp_lower_prio_no_advert", |g, s, r| g.switches.lower_prio_no_advert = s.switch(r)),
        once("vrrp_higher_prio_send_advert", |g, s, r| g.switches.higher_prio_send_advert = s.switch(r)),
        once("vrrp_owner_ignore_adverts", |g, s, r| g.switches.owner_ignore_adverts = s.switch(r)),
        once("vrrp_skip_check_adv_addr", |g, s, r| g.switches.skip_check_adv_addr = s.switch(r)),
        once("vrrp_rt_priority", |g, s, r| g.process.real_time = s.number(1..=99, r)),
        once("vrrp_rlimit_rttime", |g, s, r| g.process.real_time_limit = global::real_time_limit(s, r)),
        once("vrrp_rlimit_rtime", |g, s, r| g.process.real_time_limit = global::real_time_limit(s, r)),
        once("vrrp_priority", |g, s, r| g.process.nice = s.number(-20..=19, r)),
        once("vrrp_startup_delay", |g, s, r| {
            g.startup_delay = s.seconds(0..=1_000_000_000, r).map_or(g.startup_delay, |delay| delay.value);
        }),
        once("default_interface", |g, s, r| g.default_interface = instance::interface(s, r)),
        once("vrrp_notify_fifo", |g, s, r| g.fifos[0].path = fifo::path(s, r)),
        once("vrrp_notify_fifo_script", |g, s, r| g.fifos[0].script = fifo::script(s, r)),
        once("notify_fifo", |g, s, r| g.fifos[1].path = fifo::path(s, r)),
        once("notify_fifo_script", |g, s, r| g.fifos[1].script = fifo::script(s, r)),
        once("fifo_write_vrrp_states_on_reload", |g, s, r| {
            s.flag(r);
            g.fifo_states_on_reload = true;
        }),
        once("vrrp_notify_priority_changes", |g, s, r| g.priority_changes = s.switch(r)),
        once("vrrp_no_swap", |g, s, r| {
            s.flag(r);
            g.process.no_swap = true;
        }),
    ],
    ignored: &[
        Kind {
            words: &[
                "bfd_cpu_affinity",
                "bfd_no_swap",
                "bfd_priority",
                "bfd_process_name",
                "bfd_rlimit_rtime",
                "bfd_rlimit_rttime",
                "bfd_rt_priority",
            ],
            why: "vrrpd has no BFD",
        },
        Kind {
            words: &[
                "checker_cpu_affinity",
                "checker_log_all_failures",
                "checker_no_swap",
                "checker_priority",
                "checker_process_name",
                "checker_rlimit_rtime",
                "checker_rlimit_rttime",
                "checker_rt_priority",
                "lvs_flush",
                "lvs_flush_on_stop",
                "lvs_flush_onstop",
                "lvs_netlink_cmd_rcv_bufs",
                "lvs_netlink_cmd_rcv_bufs_force",
                "lvs_netlink_monitor_rcv_bufs",
                "lvs_netlink_monitor_rcv_bufs_force",
                "lvs_notify_fifo",
                "lvs_notify_fifo_script",
                "lvs_process_name",
                "lvs_sync_daemon",
                "lvs_timeouts",
                "net_namespace_ipvs",
                "nftables_ipvs",
                "nftables_ipvs_priority",
                "nftables_ipvs_start_fwmark",
                "rs_init_notifies",
            ],
            why: LOAD_BALANCER,
        },
        Kind {
            words: &[
                "email_faults",
                "no_checker_emails",
                "no_email_faults",
                "notification_email",
                "notification_email_from",
                "smtp_alert",
                "smtp_alert_checker",
                "smtp_alert_vrrp",
                "smtp_connect_timeout",
                "smtp_helo_name",
                "smtp_server",
            ],
            why: MAIL,
        },
        Kind { words: &["router_id"], why: "it names this host in mails and in SNMP, and vrrpd has neither" },
        Kind {
            words: &["lvs_id"],
            why: "it is an old name of `router_id`, which names this host in mails and in SNMP, and vrrpd has neither",
        },
        Kind {
            words: &[
                "dbus_no_interface_name",
                "dbus_service_name",
                "enable_dbus",
                "enable_snmp_checker",
                "enable_snmp_keepalived",
                "enable_snmp_rfc",
                "enable_snmp_rfcv2",
                "enable_snmp_rfcv3",
                "enable_snmp_vrrp",
                "enable_traps",
                "snmp_rs_stats_update_interval",
                "snmp_socket",
                "snmp_vs_stats_update_interval",
            ],
            why: SNMP,
        },
        Kind {
            words: &["data_use_instance", "json_dump_file", "json_version", "state_dump_file", "stats_dump_file"],
            why: DUMP,
        },
        Kind {
            words: &["instance", "process_name", "process_names", "use_pid_dir", "vrrp_process_name"],
            why: PROCESS,
        },
        Kind { words: &["child_wait_time"], why: STOP_SCRIPTS },
        Kind { words: &["config_save_dir", "tmp_config_directory"], why: NO_COPY },
        Kind { words: &["reload_file", "reload_repeat", "reload_time_file"], why: RELOAD },
        Kind {
            words: &[
                "process_monitor_rcv_bufs",
                "process_monitor_rcv_bufs_force",
                "vrrp_netlink_cmd_rcv_bufs",
                "vrrp_netlink_cmd_rcv_bufs_force",
                "vrrp_netlink_monitor_rcv_bufs",
                "vrrp_netlink_monitor_rcv_bufs_force",
                "vrrp_rx_bufs_multiplier",
                "vrrp_rx_bufs_policy",
            ],
            why: BUFFERS,
        },
        Kind {
            words: &[
                "nftables",
                "nftables_counters",
                "nftables_ifindex",
                "nftables_priority",
                "vrrp_ipsets",
                "vrrp_iptables",
            ],
            why: "`no_accept` is always enforced by a table of nftables that vrrpd makes itself",
        },
        Kind { words: &["use_symlink_paths"], why: "vrrpd runs a script by its path as it is written" },
        Kind {
            words: &["include_check"],
            why: "an `include` of a file that cannot be read is always an error, and a pattern that matches no file never is",
        },
        Kind {
            words: &["log_unknown_vrids"],
            why: "packets with a virtual router id that no instance has are not logged",
        },
        Kind {
            words: &["max_auto_priority", "min_auto_priority_delay"],
            why: "vrrpd does not change its scheduling while it runs; `vrrp_rt_priority` sets it at the start",
        },
        Kind { words: &["random_seed"], why: "vrrpd needs no random numbers" },
        Kind { words: &["umask"], why: "vrrpd keeps the umask that it was started with" },
        Kind {
            words: &["vrrp_cpu_affinity"],
            why: "vrrpd runs on the processors that it was started on, as with taskset or `CPUAffinity=` of systemd",
        },
        Kind {
            words: &["iproute_etc_dir", "iproute_usr_dir"],
            why: "vrrpd does not read the names of routing tables; a route or rule that uses one is an error",
        },
    ],
    granted: &["dynamic_interfaces", "reload_check_config", "vrrp_check_unicast_src"],
    skipped: &[],
    unsupported: &[
        Kind {
            words: &["disable_local_igmp"],
            why: "vrrpd leaves it to the kernel which groups it reports; the sysctl net.ipv4.igmp_link_local_mcast_reports can be set to 0",
        },
        Kind { words: &["linkbeat_use_polling"], why: LINKBEAT },
        Kind { words: &["namespace_with_ipsets", "net_namespace"], why: NAMESPACE },
        Kind {
            words: &["set_supplementary_groups"],
            why: "a script of vrrpd runs with one group only: its own, or that of its user",
        },
        Kind {
            words: &["shutdown_script", "shutdown_script_timeout", "startup_script", "startup_script_timeout"],
            why: "the script would not be run; a unit of systemd can run it, with `ExecStartPre=` or `ExecStopPost=`",
        },
        Kind { words: &["vmac_addr_prefix"], why: VMACS_OF_ADDRESSES },
        Kind {
            words: &["vmac_prefix"],
            why: "the interface of a virtual MAC address is called `vrrp.VRID`, unless `use_vmac NAME` names it",
        },
        Kind {
            words: &["vrrp_delay_after_boot"],
            why: "the routers would take part in the election at once, where keepalived waits; `vrrp_startup_delay` counts from the start of the daemon",
        },
        Kind { words: &["vrrp_down_timer_adverts"], why: DOWN_TIMER },
        Kind { words: &["vrrp_garp_extra_if", "vrrp_vmac_garp_intvl"], why: EXTRA_IF },
        Kind {
            words: &["vrrp_min_garp"],
            why: "`vrrp_garp_master_repeat 1` and `vrrp_garp_master_delay 0` say the same",
        },
    ],
    all,
};

pub(crate) static SCRIPT: Grammar<CheckDraft> = Grammar {
    block: "vrrp_script",
    secret: false,
    understood: &[
        once("script", |d, s, r| d.probe = script::only_command(s, r).map(Probe::Script)),
        once("check", |d, s, r| d.probe = check::read(s, r).map(Probe::Native)),
        once("interval", |d, s, r| d.interval = script::period(s, r)),
        once("timeout", |d, s, r| d.timeout = script::period(s, r)),
        once("weight", |d, s, r| d.weight = script::weight(s, MAX_WEIGHT, r)),
        once("rise", |d, s, r| d.rise = script::count(s, r)),
        once("fall", |d, s, r| d.fall = script::count(s, r)),
        once("user", |d, s, r| d.user = script::user(s, r).map(|value| At { value, span: s.keyword.span })),
    ],
    ignored: &[Kind {
        words: &["init_fail"],
        why: "until its first result a script without a weight keeps its instances out, and one with a weight changes nothing",
    }],
    granted: &[],
    skipped: &[],
    unsupported: &[],
    all,
};

pub(crate) static TRACK_FILE: Grammar<CheckDraft> = Grammar {
    block: "track_file",
    secret: false,
    understood: &[
        once("file", |d, s, r| d.probe = file::path(s, r)),
        once("weight", |d, s, r| d.weight = script::weight(s, MAX_FILE_WEIGHT, r)),
        once("init_file", |d, s, r| d.initial = file::initial(s, r)),
    ],
    ignored: &[],
    granted: &[],
    skipped: &[],
    unsupported: &[],
    all,
};

pub(crate) static TRACK_PROCESS: Grammar<CheckDraft> = Grammar {
    block: "vrrp_track_process",
    secret: false,
    understood: &[
        once("process", |d, s, r| d.process.program(s, r)),
        once("param_match", |d, s, r| d.process.matching = ProcessDraft::matching(s, r)),
        once("full_command", |d, s, r| d.process.full_command = Some(s.flag(r))),
        once("quorum", |d, s, r| d.process.quorum = s.number(1..=65_535, r)),
        once("quorum_max", |d, s, r| d.process.quorum_max = s.number(0..=65_535, r)),
        once("fork_delay", |d, s, r| d.process.delay_up = ProcessDraft::delay(s, r)),
        once("terminate_delay", |d, s, r| d.process.delay_down = ProcessDraft::delay(s, r)),
        once("delay", |d, s, r| {
            let delay = ProcessDraft::delay(s, r);
            (d.process.delay_up, d.process.delay_down) = (delay, delay);
        }),
        once("weight", |d, s, r| d.weight = script::weight(s, MAX_PROCESS_WEIGHT, r)),
    ],
    ignored: &[],
    granted: &[],
    skipped: &[],
    unsupported: &[],
    all,
};

pub(crate) static INSTANCE: Grammar<InstanceDraft> = Grammar {
    block: "vrrp_instance",
    secret: false,
    understood: &[
        once("state", |d, s, r| d.initial = instance::initial(s, r)),
        once("interface", |d, s, r| d.interface = instance::interface(s, r)),
        once("virtual_router_id", |d, s, r| d.vrid = s.number(1..=255, r)),
        once("priority", |d, s, r| d.priority = s.number(1..=255, r)),
        once("advert_int", |d, s, r| d.interval = s.seconds(10_000..=255_000_000, r)),
        once("version", |d, s, r| d.switches.version = switches::version(s, r)),
        once("native_ipv6", |d, s, r| d.native_ipv6 = Some(s.flag(r))),
        once("strict_mode", |d, s, r| d.switches.strict = s.switch(r)),
        once("accept", |d, s, r| d.accept = Some(s.flag(r))),
        once("no_accept", |d, s, r| d.no_accept = Some(s.flag(r))),
        once("v3_checksum_as_v2", |d, s, r| d.switches.checksum_as_v2 = s.switch(r)),
        once("lower_prio_no_advert", |d, s, r| d.switches.lower_prio_no_advert = s.switch(r)),
        once("higher_prio_send_advert", |d, s, r| d.switches.higher_prio_send_advert = s.switch(r)),
        once("owner_ignore_adverts", |d, s, r| d.switches.owner_ignore_adverts = s.switch(r)),
        once("skip_check_adv_addr", |d, s, r| d.switches.skip_check_adv_addr = s.switch(r)),
        once("nopreempt", |d, s, r| d.nopreempt = Some(s.flag(r))),
        once("preempt", |d, s, r| d.preempt = Some(s.flag(r))),
        once("preempt_delay", |d, s, r| d.preempt_delay = s.seconds(0..=1_000_000_000, r)),
        once("authentication", |d, s, r| d.authentication = Authentication::read(s, r)),
        once("mcast_src_ip", |d, s, r| d.mcast_source = s.host(r)),
        once("mcast_dst_ip", |_, s, r| global::group(s, r)),
        once("unicast_src_ip", |d, s, r| d.unicast_source = s.host(r)),
        once("unicast_ttl", |d, s, r| d.unicast_ttl = s.number(1..=255, r)),
        once("unicast_fault_no_peer", |d, s, r| d.never_to_group = Some(s.flag(r))),
        many("unicast_peer", InstanceDraft::peers),
        many("virtual_ipaddress", InstanceDraft::addresses),
        many("virtual_ipaddress_excluded", InstanceDraft::excluded),
        once("use_vmac", |d, s, r| d.vmac = VmacDraft::read(s, r)),
        once("no_virtual_ipaddress", |d, s, r| d.no_addresses = Some(s.flag(r))),
        once("dont_track_primary", |d, s, r| d.untracked_interface = Some(s.flag(r))),
        once("vmac_xmit_base", |d, s, r| d.vmac_xmit_base = Some(s.flag(r))),
        many("virtual_routes", InstanceDraft::routes),
        many("virtual_rules", InstanceDraft::rules),
        many("track_interface", InstanceDraft::track_interfaces),
        many("track_script", |d, s, r| d.track_checks(Tracked::Script, s, r)),
        many("track_file", |d, s, r| d.track_checks(Tracked::File, s, r)),
        many("track_process", |d, s, r| d.track_checks(Tracked::Process, s, r)),
        first("notify", |d, s, r| d.notify.any = script::command(s, r)),
        first("notify_master", |d, s, r| d.notify.master = script::command(s, r)),
        first("notify_backup", |d, s, r| d.notify.backup = script::command(s, r)),
        first("notify_fault", |d, s, r| d.notify.fault = script::command(s, r)),
        first("notify_stop", |d, s, r| d.notify.stop = script::command(s, r)),
        first("notify_master_rx_lower_pri", |d, s, r| d.notify.lower_priority = script::command(s, r)),
        once("notify_priority_changes", |d, s, r| d.priority_changes = s.switch(r)),
        once("garp_master_delay", |d, s, r| d.garp.delay = global::seconds(s, r)),
        once("garp_master_repeat", |d, s, r| d.garp.repeat = global::repeat_not_zero(s, r)),
        once("garp_master_refresh", |d, s, r| d.garp.refresh = global::seconds(s, r)),
        once("garp_master_refresh_repeat", |d, s, r| d.garp.refresh_repeat = global::repeat_not_zero(s, r)),
        once("garp_lower_prio_delay", |d, s, r| d.garp.lower_prio_delay = global::seconds(s, r)),
        once("garp_lower_prio_repeat", |d, s, r| d.garp.lower_prio_repeat = global::repeat(s, r)),
    ],
    ignored: &[
        Kind { words: &["kernel_rx_buf_size"], why: BUFFERS },
        Kind { words: &["lvs_sync_daemon_inteface", "lvs_sync_daemon_interface"], why: LOAD_BALANCER },
        Kind { words: &["smtp_alert"], why: MAIL },
        Kind { words: &["debug"], why: "the environment variable RUST_LOG sets what is logged" },
        Kind { words: &["notify_deleted"], why: REMOVED },
    ],
    granted: &["check_unicast_src", "promote_secondaries", "track_src_ip"],
    skipped: &[],
    unsupported: &[
        Kind {
            words: &["auth_hmac"],
            why: "the advertisements would have no HMAC, and routers that expect one would drop them",
        },
        Kind { words: &["down_timer_adverts"], why: DOWN_TIMER },
        Kind { words: &["garp_extra_if", "vmac_garp_intvl"], why: EXTRA_IF },
        Kind { words: &["linkbeat_use_polling"], why: LINKBEAT },
        Kind {
            words: &["old_unicast_checksum"],
            why: "vrrpd does not send the checksum that keepalived had before 1.3.7, and routers that expect it would drop its packets",
        },
        Kind {
            words: &["timer_expired_backup"],
            why: "a Master that hung always begins anew after a silence longer than its lease",
        },
        Kind { words: &["track_bfd"], why: BFD },
        Kind { words: &["use_ipvlan"], why: "vrrpd makes macvlans only; `use_vmac` asks for one" },
        Kind { words: &["use_vmac_addr"], why: VMACS_OF_ADDRESSES },
        Kind {
            words: &["vrf"],
            why: "vrrpd puts no interface into a VRF: this belongs in the host's network configuration",
        },
    ],
    all,
};

pub(crate) static SYNC_GROUP: Grammar<GroupDraft> = Grammar {
    block: "vrrp_sync_group",
    secret: false,
    understood: &[
        many("group", GroupDraft::group),
        many("track_interface", GroupDraft::track_interfaces),
        many("track_script", |g, s, r| g.track_checks(Tracked::Script, s, r)),
        many("track_file", |g, s, r| g.track_checks(Tracked::File, s, r)),
        many("track_process", |g, s, r| g.track_checks(Tracked::Process, s, r)),
        once("sync_group_tracking_weight", |g, s, r| g.tracking_weight = Some(s.flag(r))),
        once("global_tracking", |g, s, r| g.tracking_weight = Some(s.flag(r))),
        first("notify", |g, s, r| g.notify.any = script::command(s, r)),
        first("notify_master", |g, s, r| g.notify.master = script::command(s, r)),
        first("notify_backup", |g, s, r| g.notify.backup = script::command(s, r)),
        first("notify_fault", |g, s, r| g.notify.fault = script::command(s, r)),
        first("notify_stop", |g, s, r| g.notify.stop = script::command(s, r)),
        once("notify_priority_changes", |g, s, r| g.priority_changes = s.switch(r)),
    ],
    ignored: &[Kind { words: &["smtp_alert"], why: MAIL }],
    granted: &[],
    skipped: &[],
    unsupported: &[Kind { words: &["track_bfd"], why: BFD }],
    all,
};

pub(crate) static AUTHENTICATION: Grammar<Authentication> = Grammar {
    block: "authentication",
    secret: true,
    understood: &[
        once("auth_type", |_, s, r| instance::authentication_type(s, r)),
        once("auth_pass", |a, s, r| a.password = instance::password(s, r)),
    ],
    ignored: &[],
    granted: &[],
    skipped: &[],
    unsupported: &[],
    all,
};

/// Every keyword with the block that it belongs into.
fn all() -> Vec<(&'static str, &'static str)> {
    words().chain(load_balancer::WORDS).collect()
}

/// Returns true if a word is a keyword of any block.
pub(crate) fn is_known(word: &str) -> bool {
    words().any(|(name, _)| name == word)
}

fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROOT.words()
        .chain(GLOBAL_DEFS.words())
        .chain(SCRIPT.words())
        .chain(TRACK_FILE.words())
        .chain(TRACK_PROCESS.words())
        .chain(INSTANCE.words())
        .chain(SYNC_GROUP.words())
        .chain(AUTHENTICATION.words())
}
