//! `global_defs`, and what instances have in common with it.

use std::time::Duration;

use vrrp_io_linux::Scheduling;

use crate::vrrpd::config::{Announce, User};
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::lower::protocol::Switches;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::Report;

/// Microseconds that a real-time thread may use without a pause, at least.
const LEAST_REAL_TIME: u32 = 200_000;

/// Defaults for every script and instance.
#[derive(Default)]
pub(crate) struct Globals {
    pub(crate) user: Option<User>,
    /// Root runs nothing that others can change.
    pub(crate) script_security: bool,
    pub(crate) garp: Garp,
    pub(crate) switches: Switches,
    pub(crate) process: Process,
}

/// What was said about the process.
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) real_time: Option<At<u8>>,
    pub(crate) real_time_limit: Option<At<u32>>,
    pub(crate) nice: Option<At<i8>>,
    pub(crate) no_swap: bool,
}

impl Process {
    pub(crate) fn scheduling(&self) -> Scheduling {
        let mut scheduling = Scheduling::new().with_locked_memory(self.no_swap);
        if let Some(priority) = &self.real_time {
            scheduling = scheduling.with_real_time(priority.value);
        }
        if let Some(micros) = &self.real_time_limit {
            scheduling = scheduling.with_real_time_limit(Duration::from_micros(micros.value.into()));
        }
        if let Some(nice) = &self.nice {
            scheduling = scheduling.with_nice(nice.value);
        }
        scheduling
    }
}

/// `vrrp_rlimit_rttime`, in microseconds.
pub(crate) fn real_time_limit(statement: &Statement, report: &mut Report) -> Option<At<u32>> {
    let micros: At<u32> = statement.number(1..=i64::from(u32::MAX), report)?;
    if micros.value < LEAST_REAL_TIME {
        let text = format!("`vrrp_rlimit_rttime` is at least {LEAST_REAL_TIME} here: a takeover of many takes long");
        report.notice(micros.span, text);
    }
    Some(micros)
}

/// What was said about gratuitous ARP, at one level. A time of zero means never.
#[derive(Clone, Copy, Default)]
pub(crate) struct Garp {
    pub(crate) repeat: Option<At<u8>>,
    pub(crate) delay: Option<At<Duration>>,
    pub(crate) refresh: Option<At<Duration>>,
    pub(crate) refresh_repeat: Option<At<u8>>,
    pub(crate) lower_prio_repeat: Option<At<u8>>,
    pub(crate) lower_prio_delay: Option<At<Duration>>,
}

impl Garp {
    /// The schedule of an instance. What it leaves open about lower priorities follows the global values, not its own.
    pub(crate) fn over(self, global: Self) -> Announce {
        let default = Announce::default();
        let count = |written: Option<At<u8>>, default| written.map_or(default, |repeat| repeat.value);
        let time = |written: Option<At<Duration>>, default: Option<Duration>| {
            written.map(|time| time.value).or(default).filter(|time| !time.is_zero())
        };
        let lower_prio_repeat = self.lower_prio_repeat.or(global.lower_prio_repeat).or(global.repeat);
        let lower_prio_delay = self.lower_prio_delay.or(global.lower_prio_delay).or(global.delay);
        Announce {
            repeat: count(self.repeat.or(global.repeat), default.repeat),
            delay: time(self.delay.or(global.delay), default.delay),
            refresh: time(self.refresh.or(global.refresh), default.refresh),
            refresh_repeat: count(self.refresh_repeat.or(global.refresh_repeat), default.refresh_repeat),
            lower_prio_repeat: count(lower_prio_repeat, default.lower_prio_repeat),
            lower_prio_delay: time(lower_prio_delay, default.lower_prio_delay),
        }
    }
}

/// Whole seconds of a gratuitous ARP schedule, at most a day.
pub(crate) fn seconds(statement: &Statement, report: &mut Report) -> Option<At<Duration>> {
    let seconds: At<u32> = statement.number(0..=86_400, report)?;
    Some(At { value: Duration::from_secs(seconds.value.into()), span: seconds.span })
}

/// How many announcements.
pub(crate) fn repeat(statement: &Statement, report: &mut Report) -> Option<At<u8>> {
    statement.number(0..=255, report)
}

/// How many announcements where none is no choice: keepalived sends one.
pub(crate) fn repeat_not_zero(statement: &Statement, report: &mut Report) -> Option<At<u8>> {
    let repeat: At<u8> = statement.number(0..=255, report)?;
    if repeat.value == 0 {
        report.notice(repeat.span, format!("`{}` is at least 1; 1 is used", statement.keyword.text));
    }
    Some(At { value: repeat.value.max(1), ..repeat })
}

/// Pauses between announcements: only their absence is supported.
pub(crate) fn no_pacing(statement: &Statement, report: &mut Report) {
    let keyword = &statement.keyword.text;
    match statement.seconds(0..=1_000_000, report) {
        Some(pause) if pause.value.is_zero() => {
            report.notice(statement.keyword.span, format!("`{keyword} 0` asks for what is always so here"));
        }
        Some(pause) => {
            report.error(pause.span, format!("`{keyword}` is not supported yet")).with_expected("0, or no such line");
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::report::Span;

    #[test]
    fn lower_priorities_follow_the_global_schedule() {
        fn at<T>(value: T) -> Option<At<T>> {
            Some(At { value, span: Span { source: 0, start: 0, end: 0 } })
        }
        let own = Garp { repeat: at(1), delay: at(Duration::ZERO), ..Garp::default() };
        let announce = own.over(Garp::default());
        assert_eq!((announce.repeat, announce.delay), (1, None));
        assert_eq!((announce.lower_prio_repeat, announce.lower_prio_delay), (5, Some(Duration::from_secs(5))));
        let three = Duration::from_secs(3);
        let global = Garp { repeat: at(2), delay: at(three), ..Garp::default() };
        let announce = own.over(global);
        assert_eq!((announce.lower_prio_repeat, announce.lower_prio_delay), (2, Some(three)));
    }
}
