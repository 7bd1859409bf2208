//! The schedule of announcements.

use std::time::Duration;

use crate::vrrpd::config::Announce;
use crate::vrrpd::native::defaults;
use crate::vrrpd::native::section::Section;
use crate::vrrpd::report::Report;

/// Reads the table of a router; a time of zero is never.
pub(crate) fn read(section: &Section<'_>, strict: bool, report: &mut Report) -> Announce {
    let default = defaults::announce(strict);
    let Some(section) = section.table("announce", report) else { return default };
    let mut count = |name, default| section.whole(name, report).map_or(default, |count| count.value);
    let repeat = count("repeat", default.repeat);
    let refresh_repeat = count("refresh_repeat", default.refresh_repeat);
    let lower_prio_repeat = count("lower_prio_repeat", default.lower_prio_repeat);
    let mut time = |name, default: Option<Duration>| {
        let written = section.time(name, report).map(|time| time.value);
        written.or(default).filter(|time| !time.is_zero())
    };
    Announce {
        repeat,
        delay: time("delay", default.delay),
        refresh: time("refresh", default.refresh),
        refresh_repeat,
        lower_prio_repeat,
        lower_prio_delay: time("lower_prio_delay", default.lower_prio_delay),
        gap: time("gap", Some(default.gap)).unwrap_or_default(),
    }
}
