//! `vrrp_track_process`: processes of a program.

use std::time::Duration;

use crate::vrrpd::keepalived::blocks::keywords::TRACK_PROCESS;
use crate::vrrpd::keepalived::blocks::script::CheckDraft;
use crate::vrrpd::keepalived::blocks::track::Kind;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::{Report, Span};
use vrrp_io_linux::checks::{Arguments, Process};

/// The lines about processes, as written.
#[derive(Default)]
pub(crate) struct ProcessDraft {
    pub(crate) program: Option<String>,
    arguments: Vec<String>,
    pub(crate) matching: Option<Matching>,
    pub(crate) full_command: Option<Span>,
    pub(crate) quorum: Option<At<u32>>,
    pub(crate) quorum_max: Option<At<u32>>,
    pub(crate) delay_up: Option<Duration>,
    pub(crate) delay_down: Option<Duration>,
}

/// `param_match`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matching {
    Initial,
    Partial,
}

/// Longest delay, in microseconds.
const MAX_DELAY: u64 = 3_600_000_000;

/// Reads a whole block.
pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<CheckDraft> {
    let (name, body) = statement.named_block("the name of the process in `track_process`", report)?;
    let mut draft = CheckDraft::new(name, Kind::Process);
    TRACK_PROCESS.read(Some(body), &mut draft, report);
    draft.require(&TRACK_PROCESS, body, "process", "`process` with the name of a program", report);
    Some(draft)
}

impl ProcessDraft {
    /// `process`: the program and its arguments.
    pub(crate) fn program(&mut self, statement: &Statement, report: &mut Report) {
        statement.no_block(report);
        match statement.values.split_first() {
            Some((program, arguments)) if !program.text.is_empty() => {
                self.program = Some(program.text.clone());
                self.arguments = arguments.iter().map(|word| word.text.clone()).collect();
            }
            _ => {
                report
                    .error(statement.keyword.span, "`process` names no program")
                    .with_expected("PROGRAM [ARGUMENT]...");
            }
        }
    }

    pub(crate) fn matching(statement: &Statement, report: &mut Report) -> Option<Matching> {
        let word = statement.value("initial or partial", report)?;
        match word.text.as_str() {
            "initial" => Some(Matching::Initial),
            "partial" => Some(Matching::Partial),
            other => {
                report
                    .error(word.span, format!("`{other}` is not a way to compare arguments"))
                    .with_expected("initial or partial")
                    .with_nearest(other, ["initial", "partial"]);
                None
            }
        }
    }

    /// Reads a delay of at most an hour.
    pub(crate) fn delay(statement: &Statement, report: &mut Report) -> Option<Duration> {
        statement.seconds(0..=MAX_DELAY, report).map(|delay| delay.value)
    }

    /// Arguments are looked for in the command line, and so is the program then.
    pub(crate) fn meaning(self, report: &mut Report) -> Option<Process> {
        let arguments = match (self.matching, self.arguments.is_empty()) {
            (None, true) => None,
            (None, false) => Some(Arguments::Exact(self.arguments)),
            // That there are none is what is asked for.
            (Some(_), true) => Some(Arguments::Exact(Vec::new())),
            (Some(Matching::Partial), false) => Some(Arguments::Initial(self.arguments)),
            (Some(Matching::Initial), false) => Some(Arguments::Partial(self.arguments)),
        };
        let most = self.quorum_max.map(|most| most.value);
        let least = match (self.quorum, most) {
            (Some(least), _) => least.value,
            (None, Some(most)) => most.min(1),
            (None, None) => 1,
        };
        if let Some(most) = self.quorum_max.filter(|most| most.value < least) {
            report
                .error(most.span, format!("no number of processes is at most {} and at least {least}", most.value))
                .with_expected("a `quorum_max` that is not below `quorum`");
        }
        Some(Process {
            program: self.program?,
            full_command: self.full_command.is_some() || arguments.is_some(),
            arguments,
            least,
            most,
            delay_up: self.delay_up.unwrap_or_default(),
            delay_down: self.delay_down.unwrap_or_default(),
        })
    }
}
