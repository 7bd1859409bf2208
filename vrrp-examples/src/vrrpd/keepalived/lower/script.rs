//! What a script means.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::vrrpd::config::{Check, Command, Probe, TrackWeight};
use crate::vrrpd::keepalived::blocks::global::Globals;
use crate::vrrpd::keepalived::blocks::script::ScriptDraft;
use crate::vrrpd::keepalived::blocks::track::WeightDraft;
use crate::vrrpd::report::{Report, Span};

impl ScriptDraft {
    pub(crate) fn meaning(self, globals: &Globals, report: &mut Report) -> (Check, Span) {
        if !self.has_command {
            let message = format!("the script `{}` says nothing to run", self.name.text);
            report.error(self.name.span, message).with_expected("a `script` line in its block");
        }
        let command = self.command.unwrap_or(Command { words: Vec::new(), user: None, secure: false });
        let interval = self.interval.unwrap_or(Duration::from_secs(1));
        let script = Check {
            name: self.name.text,
            probe: Probe::Script(with_globals(Command { user: self.user, ..command }, globals)),
            interval,
            timeout: self.timeout.unwrap_or(interval),
            rise: self.rise.unwrap_or(NonZeroU32::MIN),
            fall: self.fall.unwrap_or(NonZeroU32::MIN),
            weight: WeightDraft::over(self.weight, TrackWeight::default()),
        };
        (script, self.name.span)
    }
}

/// The command, run as `script_user` where it names nobody, and as `enable_script_security` has it.
pub(crate) fn with_globals(command: Command, globals: &Globals) -> Command {
    let user = command.user.or_else(|| globals.user.clone());
    Command { user, secure: globals.script_security, ..command }
}
