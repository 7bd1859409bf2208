//! The meaning of a script.

use std::num::{NonZeroI16, NonZeroU32};
use std::time::Duration;

use crate::vrrpd::config::{Check, Command, InitialValue, Probe, TrackWeight};
use crate::vrrpd::keepalived::blocks::global::Globals;
use crate::vrrpd::keepalived::blocks::script::CheckDraft;
use crate::vrrpd::keepalived::blocks::track::{Kind, WeightDraft};
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Weight;
use vrrp_io_linux::checks as native;

impl CheckDraft {
    /// Returns the check, the place of its name, and the value that its file is given at the start.
    pub(crate) fn meaning(self, globals: &Globals, report: &mut Report) -> (Check, Span, Option<InitialValue>) {
        let native = !matches!(self.probe, Some(Probe::Script(_)));
        if let Some(user) = self.user.as_ref().filter(|_| native && self.probe.is_some()) {
            report.notice(user.span, "`user` has no effect: vrrpd looks at this itself");
        }
        let probe = match (self.kind, self.probe) {
            (Kind::Process, _) => self.process.meaning(report).map(|it| Probe::Native(native::Probe::Process(it))),
            (_, Some(Probe::Script(command))) => {
                let user = self.user.map(|user| user.value);
                Some(Probe::Script(with_globals(Command { user, ..command }, globals)))
            }
            (_, other) => other,
        };
        // What is wrong with it was said.
        let nothing = || Probe::Script(Command { words: Vec::new(), user: None, secure: false });
        let interval = self.interval.unwrap_or(Duration::from_secs(1));
        let check = Check {
            name: self.name.text,
            probe: probe.unwrap_or_else(nothing),
            interval,
            timeout: self.timeout.unwrap_or(interval),
            rise: self.rise.unwrap_or(NonZeroU32::MIN),
            fall: self.fall.unwrap_or(NonZeroU32::MIN),
            weight: WeightDraft::over(self.weight, self.kind.default_weight()),
        };
        (check, self.name.span, self.initial)
    }
}

impl Kind {
    /// Returns the weight where none is written.
    pub(crate) fn default_weight(self) -> TrackWeight {
        const ONE: NonZeroI16 = match NonZeroI16::new(1) {
            Some(one) => one,
            None => NonZeroI16::MAX,
        };
        let weight = match self {
            Self::Interface | Self::Script => Weight::Fault,
            Self::File | Self::Process => Weight::Adjust(ONE),
        };
        TrackWeight { weight, reverse: false }
    }

    /// Returns the kind of block that tracks a check.
    pub(crate) fn of(check: &Check) -> Self {
        match &check.probe {
            Probe::Value(_) => Self::File,
            Probe::Native(native::Probe::Process(_)) if is_plain(check) => Self::Process,
            Probe::Native(_) | Probe::Script(_) => Self::Script,
        }
    }
}

/// Returns true if nothing is said about when it runs.
fn is_plain(check: &Check) -> bool {
    let (second, once) = (Duration::from_secs(1), NonZeroU32::MIN);
    (check.interval, check.timeout, check.rise, check.fall) == (second, second, once, once)
}

/// Returns the command, run as `script_user` if it names no user, and with `enable_script_security`.
pub(crate) fn with_globals(command: Command, globals: &Globals) -> Command {
    let user = command.user.or_else(|| globals.user.clone());
    Command { user, secure: globals.script_security, ..command }
}
