//! The reasons why the daemon does not do what a client asks: in words, and for programs.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, nearest_first};

/// The largest number of existing names in a sentence.
const NAMES: usize = 8;

/// The reason why something was refused. It changed nothing, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refused {
    /// The line is not a request.
    NotARequest {
        /// The reason.
        why: String,
    },
    /// The version of the protocol is another.
    Version {
        /// The version that the daemon speaks.
        supported: u64,
        /// The version that was asked for.
        asked: u64,
    },
    /// No verb of this release.
    UnknownVerb {
        /// The verb of the request.
        verb: String,
        /// The verbs that exist.
        known: Vec<String>,
    },
    /// No virtual router has this name.
    NoSuchRouter {
        /// The name in the request.
        name: String,
        /// The names that exist, the nearest first.
        known: Vec<String>,
    },
    /// No check has this name.
    NoSuchCheck {
        /// The name in the request.
        name: String,
        /// The names that exist, the nearest first.
        known: Vec<String>,
    },
    /// The configuration would not run.
    InvalidConfiguration {
        /// The file.
        file: String,
        /// All findings with their places, notices and warnings too.
        diagnostics: Vec<ConfigFinding>,
        /// The same for people, with excerpts.
        text: String,
    },
    /// Something else has to end first.
    Busy {
        /// The reason, as in `a reload is under way`.
        with: String,
    },
    /// It is not possible for the router or check of the request.
    Impossible {
        /// The reason, and what to do.
        why: String,
    },
    /// It was begun and did not come to its end: what is now, `vrrpctl status` says.
    Failed {
        /// The reason.
        why: String,
    },
    /// The daemon is about to stop.
    Stopping,
    /// A reason of a newer release.
    #[serde(other)]
    Other,
}

/// One thing that is to be said about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFinding {
    /// `error`, `warning` or `notice`.
    pub severity: String,
    /// The kind of the finding: a word that stays the same when the message changes (`docs/check.md`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The file.
    pub file: String,
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// In characters, from 1; 0 where the file as a whole is meant.
    pub column: usize,
    /// The keyword that is not acted upon, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
    /// The sentence that says what is wrong.
    pub message: String,
    /// The value that was expected instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Advice how to correct it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Refused {
    /// Refuses a configuration for what was found in it.
    #[must_use]
    pub fn invalid(file: &Path, diagnostics: &Diagnostics) -> Self {
        Self::InvalidConfiguration {
            file: file.display().to_string(),
            diagnostics: diagnostics.0.iter().map(ConfigFinding::from).collect(),
            text: diagnostics.to_string(),
        }
    }
}

impl From<&Diagnostic> for ConfigFinding {
    fn from(diagnostic: &Diagnostic) -> Self {
        let Diagnostic { severity, code, keyword, file, line, column, message, expected, help, .. } = diagnostic;
        Self {
            severity: severity.name().to_owned(),
            code: code.name().to_owned(),
            keyword: keyword.clone(),
            file: file.clone(),
            line: *line,
            column: *column,
            message: message.clone(),
            expected: expected.clone(),
            help: help.clone(),
        }
    }
}

impl fmt::Display for ConfigFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: {}", self.severity, self.message)
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARequest { why } => f.write_str(why),
            Self::Version { supported, asked } => {
                write!(f, "version {asked} of the control protocol is not supported; expected version {supported}")
            }
            Self::UnknownVerb { verb, known } => write!(f, "unknown verb {verb:?}; known: {}", known.join(", ")),
            Self::NoSuchRouter { name, known } => unknown(f, "virtual router", name, known),
            Self::NoSuchCheck { name, known } => unknown(f, "check", name, known),
            Self::InvalidConfiguration { file, text, .. } => {
                write!(f, "{text}\n\n{file} would not run: nothing was changed")
            }
            Self::Busy { with } => write!(f, "{with}; try again when it has ended"),
            Self::Impossible { why } | Self::Failed { why } => f.write_str(why),
            Self::Stopping => f.write_str("vrrpd is about to stop"),
            Self::Other => f.write_str("for a reason that this release does not know"),
        }
    }
}

fn unknown(f: &mut fmt::Formatter<'_>, what: &str, name: &str, known: &[String]) -> fmt::Result {
    write!(f, "no {what} is called {name:?}; ")?;
    match (known.split_at_checked(NAMES), known) {
        (_, []) => f.write_str("there is none"),
        (Some((first, rest)), _) if !rest.is_empty() => {
            write!(f, "there are {} and {} more", first.join(", "), rest.len())
        }
        (_, [only]) => write!(f, "there is only {only}"),
        (_, all) => write!(f, "there are {}", all.join(", ")),
    }
}

/// Returns the place of `name`, or all that are known, the nearest first.
pub(super) fn find(name: &str, known: &[&str]) -> Result<usize, Vec<String>> {
    let place = known.iter().position(|known| *known == name);
    place.ok_or_else(|| nearest_first(name, known).into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn no_such(known: &[&str]) -> String {
        let known = known.iter().map(|&name| name.to_owned()).collect();
        Refused::NoSuchRouter { name: "x".to_owned(), known }.to_string()
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_exist() {
        assert_eq!(no_such(&[]), "no virtual router is called \"x\"; there is none");
        assert_eq!(no_such(&["a"]), "no virtual router is called \"x\"; there is only a");
        assert_eq!(no_such(&["b", "a"]), "no virtual router is called \"x\"; there are b, a");
        let many: Vec<String> = (0..255).map(|n| format!("r{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(
            no_such(&many).ends_with("there are r0, r1, r2, r3, r4, r5, r6, r7 and 247 more"),
            "{}",
            no_such(&many)
        );
        assert!(no_such(&many[..8]).ends_with("r6, r7"));
    }

    #[test]
    fn a_broken_configuration_is_refused_with_each_place_in_it() {
        let error =
            crate::vrrpd::keepalived::parse_str("vrrpd.conf", "vrrp_instance a {\n  prority 100\n}\n").unwrap_err();
        let refused = Refused::invalid(Path::new("/etc/vrrpd/vrrpd.conf"), &error);
        let Refused::InvalidConfiguration { diagnostics, .. } = &refused else { panic!("{refused:?}") };
        let typo = diagnostics.iter().find(|finding| finding.line == 2).expect("the misspelt line");
        assert_eq!((typo.severity.as_str(), typo.file.as_str(), typo.column), ("error", "vrrpd.conf", 3));
        let text = refused.to_string();
        assert!(text.starts_with("vrrpd.conf:") && text.contains("vrrpd.conf:2:3: error: "), "{text}");
        assert!(text.ends_with("\n\n/etc/vrrpd/vrrpd.conf would not run: nothing was changed"), "{text}");
        let again: Refused = serde_json::from_value(serde_json::to_value(&refused).unwrap()).unwrap();
        assert_eq!(again, refused);
    }

    #[test]
    fn a_reason_of_a_newer_release_is_read() {
        let newer = json!({"kind": "out-of-tea", "cups": 0});
        assert_eq!(serde_json::from_value::<Refused>(newer).unwrap(), Refused::Other);
        assert_eq!(serde_json::to_value(Refused::Stopping).unwrap(), json!({"kind": "stopping"}));
    }
}
