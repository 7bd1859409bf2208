//! The meaning of `global_defs`: the schedule of announcements, and the process.

use std::time::Duration;

use vrrp_io_linux::Scheduling;

use crate::vrrpd::config::{Announce, Fifo};
use crate::vrrpd::keepalived::blocks::fifo::FifoDraft;
use crate::vrrpd::keepalived::blocks::global::{Garp, Globals, Process};
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::lower::script::with_globals;
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness;

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

impl Globals {
    /// Returns the FIFOs and their readers.
    pub(crate) fn fifos(&self, report: &mut Report) -> Vec<Fifo> {
        let paths =
            self.fifos.iter().filter_map(|fifo| fifo.path.as_ref()).map(|path| (path.value.as_path(), path.span));
        soundness::fifos(paths, report);
        let mut fifos = Vec::new();
        for FifoDraft { path, script } in &self.fifos {
            match (path, script) {
                (Some(path), script) => {
                    let script = script.as_ref().map(|(command, _)| with_globals(command.clone(), self));
                    fifos.push(Fifo { path: path.value.clone(), script });
                }
                (None, Some((_, span))) if !report.failed() => {
                    report.notice(*span, "this script has no FIFO to read, so it is not run");
                }
                (None, _) => {}
            }
        }
        fifos
    }
}

impl Garp {
    /// Returns the schedule of an instance. Its defaults about lower priorities are the global values, not its own.
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
            gap: default.gap,
        }
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
