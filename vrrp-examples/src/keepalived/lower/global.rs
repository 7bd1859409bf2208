//! `global_defs`, and what instances have in common with it.

use std::time::Duration;

use crate::config::{Announce, User};
use crate::keepalived::parser::Statement;
use crate::keepalived::report::Report;
use crate::keepalived::values::At;

/// Defaults for every script and instance.
#[derive(Default)]
pub(crate) struct Globals {
    pub(crate) user: Option<User>,
    pub(crate) garp: Garp,
}

/// What was said about gratuitous ARP, at one level. A time of zero means never.
#[derive(Clone, Copy, Default)]
pub(crate) struct Garp {
    pub(crate) repeat: Option<u8>,
    pub(crate) delay: Option<Duration>,
    pub(crate) refresh: Option<Duration>,
    pub(crate) refresh_repeat: Option<u8>,
    pub(crate) lower_prio_repeat: Option<u8>,
    pub(crate) lower_prio_delay: Option<Duration>,
}

impl Garp {
    /// The schedule of an instance. What it leaves open about lower priorities follows the global values, not its own.
    pub(super) fn over(self, global: Self) -> Announce {
        let default = Announce::default();
        let time = |own: Option<Duration>, global: Option<Duration>, default: Option<Duration>| {
            own.or(global).or(default).filter(|time| !time.is_zero())
        };
        Announce {
            repeat: self.repeat.or(global.repeat).unwrap_or(default.repeat),
            delay: time(self.delay, global.delay, default.delay),
            refresh: time(self.refresh, global.refresh, default.refresh),
            refresh_repeat: self.refresh_repeat.or(global.refresh_repeat).unwrap_or(default.refresh_repeat),
            lower_prio_repeat: self
                .lower_prio_repeat
                .or(global.lower_prio_repeat)
                .or(global.repeat)
                .unwrap_or(default.lower_prio_repeat),
            lower_prio_delay: time(
                self.lower_prio_delay,
                global.lower_prio_delay.or(global.delay),
                default.lower_prio_delay,
            ),
        }
    }
}

/// Whole seconds of a gratuitous ARP schedule, at most a day.
pub(crate) fn seconds(statement: &Statement, report: &mut Report) -> Option<Duration> {
    statement.number::<u32>(0..=86_400, report).map(|seconds| Duration::from_secs(seconds.value.into()))
}

/// How many announcements.
pub(crate) fn repeat(statement: &Statement, report: &mut Report) -> Option<u8> {
    statement.number(0..=255, report).map(|repeat| repeat.value)
}

/// How many announcements where none is no choice: keepalived sends one.
pub(crate) fn repeat_not_zero(statement: &Statement, report: &mut Report) -> Option<u8> {
    let repeat: At<u8> = statement.number(0..=255, report)?;
    if repeat.value == 0 {
        report.notice(repeat.span, format!("`{}` is at least 1; 1 is used", statement.keyword.text));
    }
    Some(repeat.value.max(1))
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

/// `version` and `vrrp_version`: 2 until version 3 is there.
pub(crate) fn version_2(statement: &Statement, report: &mut Report) {
    if let Some(version) = statement.number::<u8>(2..=3, report) {
        if version.value == 3 {
            report.error(version.span, "VRRP version 3 is not supported yet").with_expected("2");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_priorities_follow_the_global_schedule() {
        let own = Garp { repeat: Some(1), delay: Some(Duration::ZERO), ..Garp::default() };
        let announce = own.over(Garp::default());
        assert_eq!((announce.repeat, announce.delay), (1, None));
        assert_eq!((announce.lower_prio_repeat, announce.lower_prio_delay), (5, Some(Duration::from_secs(5))));
        let global = Garp { repeat: Some(2), delay: Some(Duration::from_secs(3)), ..Garp::default() };
        let announce = own.over(global);
        assert_eq!((announce.lower_prio_repeat, announce.lower_prio_delay), (2, global.delay));
    }
}
