//! `global_defs`, and what instances have in common with it.

use std::time::Duration;

use crate::vrrpd::config::User;
use crate::vrrpd::keepalived::blocks::fifo::FifoDraft;
use crate::vrrpd::keepalived::blocks::switches::Switches;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness;
use vrrp_core::Family;
use vrrp_io_linux::Scheduling;

/// Defaults for every script and instance.
#[derive(Default)]
pub(crate) struct Globals {
    pub(crate) user: Option<User>,
    /// Root runs nothing that others can change.
    pub(crate) script_security: bool,
    pub(crate) garp: Garp,
    pub(crate) gaps: Gaps,
    pub(crate) startup_delay: Duration,
    pub(crate) default_interface: Option<At<String>>,
    /// `vrrp_notify_fifo` and `notify_fifo`.
    pub(crate) fifos: [FifoDraft; 2],
    pub(crate) fifo_states_on_reload: bool,
    pub(crate) priority_changes: Option<At<bool>>,
    pub(crate) switches: Switches,
    pub(crate) process: Process,
}

/// The settings of the process.
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) real_time: Option<At<u8>>,
    pub(crate) real_time_limit: Option<At<u32>>,
    pub(crate) nice: Option<At<i8>>,
    pub(crate) no_swap: bool,
}

/// `vrrp_rlimit_rttime`, in microseconds.
pub(crate) fn real_time_limit(statement: &Statement, report: &mut Report) -> Option<At<u32>> {
    let micros: At<u32> = statement.number(1..=i64::from(u32::MAX), report)?;
    let (limit, least) = (Duration::from_micros(micros.value.into()), Scheduling::LEAST_REAL_TIME_LIMIT);
    let written = ("vrrp_rlimit_rttime", &*least.as_micros().to_string());
    soundness::real_time_limit(limit, written, micros.span, report);
    Some(micros)
}

/// Longest pause between two announcements, in microseconds. The last of many would come too late to be of use.
const MAX_GAP: u64 = 10_000_000;

/// The settings of gratuitous ARP at one level. A time of zero means never.
#[derive(Clone, Copy, Default)]
pub(crate) struct Garp {
    pub(crate) repeat: Option<At<u8>>,
    pub(crate) delay: Option<At<Duration>>,
    pub(crate) refresh: Option<At<Duration>>,
    pub(crate) refresh_repeat: Option<At<u8>>,
    pub(crate) lower_prio_repeat: Option<At<u8>>,
    pub(crate) lower_prio_delay: Option<At<Duration>>,
}

/// The pauses between two announcements on one interface.
#[derive(Default)]
pub(crate) struct Gaps {
    /// The time between two gratuitous ARP.
    pub(crate) ipv4: Option<At<Duration>>,
    /// The time between two neighbour advertisements.
    pub(crate) ipv6: Option<At<Duration>>,
}

/// Whole seconds of a gratuitous ARP schedule, at most a day.
pub(crate) fn seconds(statement: &Statement, report: &mut Report) -> Option<At<Duration>> {
    let seconds: At<u32> = statement.number(0..=86_400, report)?;
    Some(At { value: Duration::from_secs(seconds.value.into()), span: seconds.span })
}

/// Reads the number of announcements.
pub(crate) fn repeat(statement: &Statement, report: &mut Report) -> Option<At<u8>> {
    statement.number(0..=255, report)
}

/// Reads a number of announcements that cannot be zero: keepalived then sends one.
pub(crate) fn repeat_not_zero(statement: &Statement, report: &mut Report) -> Option<At<u8>> {
    let repeat: At<u8> = statement.number(0..=255, report)?;
    if repeat.value == 0 {
        report.notice(repeat.span, format!("`{}` is at least 1; 1 is used", statement.keyword.text));
    }
    Some(At { value: repeat.value.max(1), ..repeat })
}

/// Checks the multicast group, for all or for one instance: there is one for each family, and no choice.
pub(crate) fn group(statement: &Statement, report: &mut Report) {
    const GROUPS: [Family; 2] = [Family::Ipv4, Family::Ipv6];
    let Some(word) = statement.value("the IP address of a group", report) else { return };
    if GROUPS.iter().any(|family| word.text.parse() == Ok(family.group())) {
        report.notice_once("the group", word.span, "this has no effect: it is the default multicast group");
        return;
    }
    report
        .error(word.span, "another multicast group than that of VRRP is not supported")
        .with_expected("224.0.0.18 for IPv4, ff02::12 for IPv6, or no such line")
        .with_help("vrrpd sends to these only, and the routers of another group would not hear it");
}

/// Reads the pause between two announcements on one interface.
pub(crate) fn gap(statement: &Statement, report: &mut Report) -> Option<At<Duration>> {
    statement.seconds(0..=MAX_GAP, report)
}
