//! The verdict on a configuration before anything runs: all findings, and one line that sums up.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::vrrpd::config::Daemon;
use crate::vrrpd::control::refused::ConfigFinding;
use crate::vrrpd::log::{self, Level, Line, line};
use crate::vrrpd::report::diagnostics::{Code, Diagnostic, Severity};
use crate::vrrpd::report::rendering::Colours;

/// The version of the JSON object: another one means that something is gone, or means something else.
const VERSION: u32 = 1;

/// The number of things that run, that do not run, and that were found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    virtual_routers: usize,
    checks: usize,
    /// Blocks that are skipped, by their keyword.
    skipped: BTreeMap<String, usize>,
    errors: usize,
    warnings: usize,
    notices: usize,
    #[serde(skip)]
    scripts_only: bool,
}

impl Summary {
    /// Sums up; `daemon`: what the file asks for, if that is known.
    pub(super) fn new(daemon: Option<&Daemon>, found: &[Diagnostic]) -> Self {
        let count = |severity| found.iter().filter(|found| found.severity == severity).count();
        let mut skipped = BTreeMap::new();
        for keyword in
            found.iter().filter(|found| found.code == Code::Skipped).filter_map(|found| found.keyword.clone())
        {
            *skipped.entry(keyword).or_default() += 1;
        }
        Self {
            virtual_routers: daemon.map_or(0, |daemon| daemon.instances.len()),
            checks: daemon.map_or(0, |daemon| daemon.checks.len()),
            skipped,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notices: count(Severity::Notice),
            scripts_only: daemon.is_none_or(|daemon| daemon.checks.iter().all(|check| check.command().is_some())),
        }
    }

    /// Returns true if it would run.
    pub(super) const fn runs(&self) -> bool {
        self.errors == 0
    }

    /// Tells what runs, and what nobody does: `1 virtual router and 2 scripts; 2 virtual_server blocks are served by nobody`.
    pub(super) fn what(&self) -> String {
        self.runners() + &self.unserved()
    }

    /// Returns the last line of a check.
    pub(super) fn line(&self, config: &Path) -> String {
        let config = config.display();
        let found = self.found();
        if !self.runs() {
            return format!("{config} would not run: {found}");
        }
        let with = if found.is_empty() { found } else { format!(", with {found}") };
        format!("{config}: {} would run{with}{}", self.runners(), self.unserved())
    }

    fn runners(&self) -> String {
        let checks = if self.scripts_only { "script" } else { "check" };
        format!("{} and {}", plural(self.virtual_routers, "virtual router"), plural(self.checks, checks))
    }

    fn found(&self) -> String {
        let counts = [(self.errors, "error"), (self.warnings, "warning"), (self.notices, "notice")];
        let parts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| plural(*count, what)).collect();
        match parts.as_slice() {
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => parts.concat(),
        }
    }

    /// Returns a phrase about the load balancer's work that is not done: an address of it may be taken all the same.
    fn unserved(&self) -> String {
        match self.skipped.get("virtual_server") {
            None => String::new(),
            Some(1) => "; 1 virtual_server block is served by nobody".to_owned(),
            Some(many) => format!("; {many} virtual_server blocks are served by nobody"),
        }
    }
}

/// The output of `vrrpd --check --json`, described in `docs/check.md`.
#[derive(Serialize)]
struct Verdict<'a> {
    version: u32,
    config: String,
    runs: bool,
    findings: Vec<ConfigFinding>,
    summary: &'a Summary,
    text: String,
}

/// Says all of it as one JSON object.
pub(super) fn json(config: &Path, found: &[Diagnostic], summary: &Summary) -> String {
    let verdict = Verdict {
        version: VERSION,
        config: config.display().to_string(),
        runs: summary.runs(),
        findings: found.iter().map(ConfigFinding::from).collect(),
        summary,
        text: summary.line(config),
    };
    serde_json::to_string(&verdict).unwrap_or_default() + "\n"
}

/// Says each finding, with an empty line behind it where people read it.
pub(super) fn say(found: &[Diagnostic]) {
    let colours = Colours::of_stderr();
    for finding in found {
        let text = if log::is_for_people() { finding.shown(colours) + "\n" } else { finding.shown(Colours::None) };
        log::say(line(finding, &text));
    }
}

/// Returns a finding as a line of the log, in these words.
pub(super) fn line(found: &Diagnostic, text: &str) -> Line {
    let level = if found.severity == Severity::Error { Level::Error } else { Level::Warning };
    let Diagnostic { code, file, line, column, .. } = found;
    line!(Configuration, code = code.name(), file = file, line = line, column = column, "{text}").at(level)
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::keepalived::parse_str;

    const TEXT: &str = "global_defs {\nrouter_id x\n}\nvrrp_instance a {\ninterface e\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.1 }\n}\n";

    #[test]
    fn the_last_line_says_what_runs_and_what_nobody_serves() {
        let of = |text: &str| {
            let loaded = parse_str("t", text).unwrap();
            Summary::new(Some(&loaded.daemon), &loaded.notices).line(Path::new("t"))
        };
        assert_eq!(of(TEXT), "t: 1 virtual router and 0 scripts would run, with 1 notice");
        let server = "virtual_server 192.0.2.1 80 {\nlb_algo rr\n}\n";
        assert_eq!(
            of(&format!("{TEXT}{server}{server}")),
            "t: 1 virtual router and 0 scripts would run, with 3 notices; 2 virtual_server blocks are served by nobody"
        );
        let found = parse_str("t", &format!("{TEXT}{server}ab\n")).unwrap_err().0;
        let summary = Summary::new(None, &found);
        assert_eq!(summary.line(Path::new("t")), "t would not run: 1 error and 2 notices");
        assert!(!summary.runs());
    }

    #[test]
    fn the_object_has_every_finding_with_its_place_and_kind() {
        let found = parse_str("t", &format!("{TEXT}virtual_sever x {{\n}}\n")).unwrap_err().0;
        let text = json(Path::new("t"), &found, &Summary::new(None, &found));
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&object["version"], &object["runs"]), (&1.into(), &false.into()));
        let first = &object["findings"][0];
        assert_eq!(
            (&first["code"], &first["line"], &first["column"]),
            (&"unknown-keyword".into(), &9.into(), &1.into())
        );
        assert_eq!(first["help"], "did you mean `virtual_server`?");
        let second = &object["findings"][1];
        assert_eq!((&second["code"], &second["keyword"]), (&"ignored".into(), &"router_id".into()));
        assert_eq!(object["summary"]["errors"], 1);
        assert_eq!(object["text"], "t would not run: 1 error and 1 notice");
    }
}
