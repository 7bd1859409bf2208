//! Every keyword that keepalived knows around VRRP, by block, and what becomes of it here.

use super::lower::Root;
use super::lower::global::{self, Globals};
use super::lower::instance::{self, Authentication, InstanceDraft};
use super::lower::script::{self, ScriptDraft};
use super::parser::Statement;
use super::report::Report;
use super::values::unique;

/// The keywords of one kind of block that is read into a `T`.
pub(super) struct Grammar<T: 'static> {
    /// The block, as messages name it.
    block: &'static str,
    /// Acted upon.
    understood: &'static [Keyword<T>],
    /// Change neither packets nor addresses nor the election: named once, then forgotten.
    harmless: &'static [&'static str],
    /// Ask for what is always so here: named once.
    granted: &'static [&'static str],
    /// Sections for other programs: skipped whole, with a notice each.
    skipped: &'static [&'static str],
    /// Would change packets, addresses or the election: an error.
    unsupported: &'static [&'static str],
}

struct Keyword<T> {
    name: &'static str,
    repeats: bool,
    read: fn(&mut T, &Statement, &mut Report),
}

/// May stand once in its block.
const fn once<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: false, read }
}

/// May stand in its block any number of times.
const fn many<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: true, read }
}

pub(super) static ROOT: Grammar<Root> = Grammar {
    block: "the top level",
    understood: &[
        many("global_defs", |root, s, r| GLOBAL_DEFS.read(s.block(r), &mut root.globals, r)),
        many("vrrp_script", |root, s, r| root.scripts.extend(ScriptDraft::read(s, r))),
        many("vrrp_instance", |root, s, r| root.instances.extend(InstanceDraft::read(s, r))),
    ],
    harmless: &["child_wait_time", "instance", "process_names", "use_pid_dir"],
    granted: &[],
    skipped: &["virtual_server", "virtual_server_group", "SSL"],
    unsupported: &[
        "bfd_instance",
        "garp_group",
        "interface_up_down_delays",
        "linkbeat_interfaces",
        "linkbeat_use_polling",
        "net_namespace",
        "static_ipaddress",
        "static_routes",
        "static_rules",
        "track_file",
        "track_group",
        "track_process",
        "vrrp_sync_group",
        "vrrp_track_file",
        "vrrp_track_process",
    ],
};

pub(super) static GLOBAL_DEFS: Grammar<Globals> = Grammar {
    block: "global_defs",
    understood: &[
        once("script_user", |g, s, r| g.user = script::user(s, r)),
        once("vrrp_garp_master_delay", |g, s, r| g.garp.delay = global::seconds(s, r)),
        once("vrrp_garp_master_repeat", |g, s, r| g.garp.repeat = global::repeat_not_zero(s, r)),
        once("vrrp_garp_master_refresh", |g, s, r| g.garp.refresh = global::seconds(s, r)),
        once("vrrp_garp_master_refresh_repeat", |g, s, r| g.garp.refresh_repeat = global::repeat_not_zero(s, r)),
        once("vrrp_garp_lower_prio_delay", |g, s, r| g.garp.lower_prio_delay = global::seconds(s, r)),
        once("vrrp_garp_lower_prio_repeat", |g, s, r| g.garp.lower_prio_repeat = global::repeat(s, r)),
        once("vrrp_garp_interval", |_, s, r| global::no_pacing(s, r)),
        once("vrrp_gna_interval", |_, s, r| global::no_pacing(s, r)),
        once("vrrp_version", |_, s, r| global::version_2(s, r)),
    ],
    harmless: &[
        "bfd_cpu_affinity",
        "bfd_no_swap",
        "bfd_priority",
        "bfd_process_name",
        "bfd_rlimit_rttime",
        "bfd_rt_priority",
        "checker_cpu_affinity",
        "checker_log_all_failures",
        "checker_no_swap",
        "checker_priority",
        "checker_process_name",
        "checker_rlimit_rttime",
        "checker_rt_priority",
        "child_wait_time",
        "config_save_dir",
        "data_use_instance",
        "dbus_service_name",
        "email_faults",
        "enable_dbus",
        "enable_script_security",
        "enable_snmp_checker",
        "enable_snmp_rfc",
        "enable_snmp_rfcv2",
        "enable_snmp_rfcv3",
        "enable_snmp_vrrp",
        "enable_traps",
        "include_check",
        "instance",
        "json_version",
        "log_unknown_vrids",
        "lvs_flush",
        "lvs_flush_on_stop",
        "lvs_netlink_cmd_rcv_bufs",
        "lvs_netlink_cmd_rcv_bufs_force",
        "lvs_netlink_monitor_rcv_bufs",
        "lvs_netlink_monitor_rcv_bufs_force",
        "lvs_notify_fifo",
        "lvs_notify_fifo_script",
        "lvs_process_name",
        "lvs_sync_daemon",
        "lvs_timeouts",
        "max_auto_priority",
        "min_auto_priority_delay",
        "net_namespace_ipvs",
        "nftables_ipvs",
        "nftables_ipvs_priority",
        "nftables_ipvs_start_fwmark",
        "no_checker_emails",
        "no_email_faults",
        "notification_email",
        "notification_email_from",
        "process_monitor_rcv_bufs",
        "process_monitor_rcv_bufs_force",
        "process_name",
        "process_names",
        "random_seed",
        "reload_check_config",
        "reload_file",
        "reload_repeat",
        "reload_time_file",
        "router_id",
        "rs_init_notifies",
        "smtp_alert",
        "smtp_alert_checker",
        "smtp_alert_vrrp",
        "smtp_connect_timeout",
        "smtp_helo_name",
        "smtp_server",
        "snmp_socket",
        "state_dump_file",
        "stats_dump_file",
        "json_dump_file",
        "tmp_config_directory",
        "umask",
        "use_pid_dir",
        "use_symlink_paths",
        "vrrp_cpu_affinity",
        "vrrp_netlink_cmd_rcv_bufs",
        "vrrp_netlink_cmd_rcv_bufs_force",
        "vrrp_netlink_monitor_rcv_bufs",
        "vrrp_netlink_monitor_rcv_bufs_force",
        "vrrp_no_swap",
        "vrrp_priority",
        "vrrp_process_name",
        "vrrp_rlimit_rttime",
        "vrrp_rt_priority",
        "vrrp_rx_bufs_multiplier",
        "vrrp_rx_bufs_policy",
        // Rules of a firewall for `no_accept` and virtual MACs, which are errors themselves.
        "nftables",
        "nftables_counters",
        "nftables_ifindex",
        "nftables_priority",
        "vrrp_ipsets",
        "vrrp_iptables",
    ],
    granted: &["vrrp_check_unicast_src", "vrrp_skip_check_adv_addr"],
    skipped: &[],
    unsupported: &[
        "default_interface",
        "disable_local_igmp",
        "dynamic_interfaces",
        "fifo_write_vrrp_states_on_reload",
        "iproute_etc_dir",
        "iproute_usr_dir",
        "linkbeat_use_polling",
        "namespace_with_ipsets",
        "net_namespace",
        "notify_fifo",
        "notify_fifo_script",
        "set_supplementary_groups",
        "shutdown_script",
        "shutdown_script_timeout",
        "startup_script",
        "startup_script_timeout",
        "v3_checksum_as_v2",
        "vmac_addr_prefix",
        "vmac_prefix",
        "vrrp_delay_after_boot",
        "vrrp_down_timer_adverts",
        "vrrp_garp_extra_if",
        "vrrp_higher_prio_send_advert",
        "vrrp_lower_prio_no_advert",
        "vrrp_mcast_group4",
        "vrrp_mcast_group6",
        "vrrp_min_garp",
        "vrrp_notify_fifo",
        "vrrp_notify_fifo_script",
        "vrrp_notify_priority_changes",
        "vrrp_owner_ignore_adverts",
        "vrrp_startup_delay",
        "vrrp_strict",
    ],
};

pub(super) static SCRIPT: Grammar<ScriptDraft> = Grammar {
    block: "vrrp_script",
    understood: &[
        once("script", |d, s, r| d.command = script::only_command(s, r)),
        once("interval", |d, s, r| d.interval = script::period(s, r)),
        once("timeout", |d, s, r| d.timeout = script::period(s, r)),
        once("weight", |d, s, r| d.weight = script::weight(s, r)),
        once("rise", |d, s, r| d.rise = script::count(s, r)),
        once("fall", |d, s, r| d.fall = script::count(s, r)),
        once("user", |d, s, r| d.user = script::user(s, r)),
    ],
    // keepalived itself overwrites it before the first result.
    harmless: &["init_fail"],
    granted: &[],
    skipped: &[],
    unsupported: &[],
};

pub(super) static INSTANCE: Grammar<InstanceDraft> = Grammar {
    block: "vrrp_instance",
    understood: &[
        once("state", |d, s, r| d.initial = instance::initial(s, r)),
        once("interface", |d, s, r| d.interface = instance::interface(s, r)),
        once("virtual_router_id", |d, s, r| d.vrid = s.number(1..=255, r)),
        once("priority", |d, s, r| d.priority = s.number(1..=255, r)),
        once("advert_int", |d, s, r| d.interval = s.seconds(10_000..=255_000_000, r)),
        once("version", |_, s, r| global::version_2(s, r)),
        once("nopreempt", |d, s, r| d.nopreempt = Some(s.flag(r))),
        once("preempt", |d, s, r| d.preempt = Some(s.flag(r))),
        once("preempt_delay", |d, s, r| d.preempt_delay = s.seconds(0..=1_000_000_000, r)),
        once("authentication", |d, s, r| d.authentication = Authentication::read(s, r)),
        once("unicast_src_ip", |d, s, r| d.source = instance::source(s, r)),
        many("unicast_peer", InstanceDraft::peers),
        many("virtual_ipaddress", InstanceDraft::addresses),
        many("virtual_ipaddress_excluded", InstanceDraft::excluded),
        many("track_interface", InstanceDraft::track_interfaces),
        many("track_script", InstanceDraft::track_scripts),
        once("notify", |d, s, r| d.notify.any = script::command(s, r)),
        once("notify_master", |d, s, r| d.notify.master = script::command(s, r)),
        once("notify_backup", |d, s, r| d.notify.backup = script::command(s, r)),
        once("notify_fault", |d, s, r| d.notify.fault = script::command(s, r)),
        once("notify_stop", |d, s, r| d.notify.stop = script::command(s, r)),
        once("garp_master_delay", |d, s, r| d.garp.delay = global::seconds(s, r)),
        once("garp_master_repeat", |d, s, r| d.garp.repeat = global::repeat_not_zero(s, r)),
        once("garp_master_refresh", |d, s, r| d.garp.refresh = global::seconds(s, r)),
        once("garp_master_refresh_repeat", |d, s, r| d.garp.refresh_repeat = global::repeat_not_zero(s, r)),
        once("garp_lower_prio_delay", |d, s, r| d.garp.lower_prio_delay = global::seconds(s, r)),
        once("garp_lower_prio_repeat", |d, s, r| d.garp.lower_prio_repeat = global::repeat(s, r)),
    ],
    harmless: &["debug", "kernel_rx_buf_size", "lvs_sync_daemon_interface", "smtp_alert"],
    granted: &["accept", "check_unicast_src", "skip_check_adv_addr", "unicast_fault_no_peer"],
    skipped: &[],
    unsupported: &[
        "auth_hmac",
        "dont_track_primary",
        "down_timer_adverts",
        "garp_extra_if",
        "higher_prio_send_advert",
        "linkbeat_use_polling",
        "lower_prio_no_advert",
        "mcast_dst_ip",
        "mcast_src_ip",
        "native_ipv6",
        "no_accept",
        "no_virtual_ipaddress",
        "notify_deleted",
        "notify_master_rx_lower_pri",
        "notify_priority_changes",
        "old_unicast_checksum",
        "owner_ignore_adverts",
        "promote_secondaries",
        "strict_mode",
        "timer_expired_backup",
        "track_bfd",
        "track_file",
        "track_process",
        "track_src_ip",
        "unicast_ttl",
        "use_ipvlan",
        "use_vmac",
        "use_vmac_addr",
        "v3_checksum_as_v2",
        "virtual_routes",
        "virtual_rules",
        "vmac_xmit_base",
        "vrf",
    ],
};

pub(super) static AUTHENTICATION: Grammar<Authentication> = Grammar {
    block: "authentication",
    understood: &[
        once("auth_type", |_, s, r| instance::authentication_type(s, r)),
        once("auth_pass", |a, s, r| a.password = instance::password(s, r)),
    ],
    harmless: &[],
    granted: &[],
    skipped: &[],
    unsupported: &[],
};

/// What may follow a virtual address.
pub(super) const ADDRESS_OPTIONS: [&str; 5] = ["brd", "broadcast", "dev", "label", "scope"];

/// What keepalived knows besides.
pub(super) const UNSUPPORTED_ADDRESS_OPTIONS: [&str; 9] =
    ["-nodad", "autojoin", "home", "mngtmpaddr", "no_track", "noprefixroute", "peer", "preferred_lft", "use_vmac"];

impl<T> Grammar<T> {
    /// Reads a block, statement by statement.
    pub(super) fn read(&self, body: Option<&[Statement]>, into: &mut T, report: &mut Report) {
        let mut seen = Vec::new();
        for statement in body.unwrap_or_default() {
            let word = statement.keyword.text.as_str();
            match self.understood.iter().find(|keyword| keyword.name == word) {
                Some(keyword) => {
                    (keyword.read)(into, statement, report);
                    if !keyword.repeats {
                        seen.push((word, statement.keyword.span));
                    }
                }
                None => self.not_understood(statement, report),
            }
        }
        let again = |word: &&str| format!("`{word}` stands twice in {}", self.block);
        unique(seen, report, again, "one of the two");
    }

    fn not_understood(&self, statement: &Statement, report: &mut Report) {
        let (word, span) = (statement.keyword.text.as_str(), statement.keyword.span);
        if self.harmless.contains(&word) {
            let why = "it changes neither packets nor addresses nor the election";
            report.notice_once(word, span, format!("`{word}` is not acted upon; {why}"));
        } else if self.granted.contains(&word) {
            report.notice_once(word, span, format!("`{word}` asks for what is always so here"));
        } else if self.skipped.contains(&word) {
            report.notice(span, format!("`{word}` is no part of VRRP; the whole block is skipped"));
        } else if self.unsupported.contains(&word) {
            report
                .error(span, format!("`{word}` is known to keepalived but not supported here"))
                .with_expected("a configuration without it")
                .with_help("it cannot be ignored: it takes part in packets, addresses or the election");
        } else {
            let names = || self.understood.iter().map(|keyword| keyword.name);
            let error = report.error(span, format!("`{word}` is not a keyword of {}", self.block));
            error.with_nearest(word, names());
            if let Some(home) = home_of(word) {
                error.with_help(format!("`{word}` belongs in {home}"));
            }
            match error.help {
                Some(_) => error.with_expected(format!("a keyword of {}", self.block)),
                None => error.with_expected(format!("one of {}", names().collect::<Vec<_>>().join(", "))),
            };
        }
    }

    fn knows(&self, word: &str) -> Option<&'static str> {
        let understood = self.understood.iter().any(|keyword| keyword.name == word);
        let known = [self.harmless, self.granted, self.skipped, self.unsupported];
        (understood || known.iter().any(|names| names.contains(&word))).then_some(self.block)
    }
}

/// The block that a keyword belongs into.
fn home_of(word: &str) -> Option<&'static str> {
    None.or_else(|| ROOT.knows(word))
        .or_else(|| GLOBAL_DEFS.knows(word))
        .or_else(|| SCRIPT.knows(word))
        .or_else(|| INSTANCE.knows(word))
        .or_else(|| AUTHENTICATION.knows(word))
}
