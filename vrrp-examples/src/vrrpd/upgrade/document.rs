//! The state that is handed over, in a format with a version.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use vrrp_io_linux::Suspended;
use vrrp_io_linux::checks::Reading;

use crate::vrrpd::config::{self, Probe};
use crate::vrrpd::control::snapshot::ByHand;

/// Another number where the meaning of anything changes. Where a field comes or goes the reader notices by itself.
const FORMAT: u64 = 1;
/// An older one is not used: others may have taken over, and the kernel may have removed what has expired.
const FRESH: Duration = Duration::from_secs(10);

/// Everything that runs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::vrrpd) struct Document {
    format: u64,
    /// The version that wrote it, for people.
    pub(in crate::vrrpd) version: String,
    /// The host and its start, for which its moments and numbers mean something.
    place: Place,
    /// The moment at which it was written, on the monotonic clock.
    written: Duration,
    pub(in crate::vrrpd) routers: Suspended,
    pub(in crate::vrrpd) checks: Vec<Check>,
    pub(in crate::vrrpd) by_hand: Vec<ByHand>,
}

/// A check that has a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::vrrpd) struct Check {
    pub(in crate::vrrpd) name: String,
    /// Another command is another check.
    command: String,
    passed: bool,
    /// The number, where it finds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<i32>,
    pub(in crate::vrrpd) reason: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    boot: String,
    network: String,
}

impl Document {
    /// Writes down what runs, now and here.
    pub(in crate::vrrpd) fn new(routers: Suspended, checks: Vec<Check>, by_hand: Vec<ByHand>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, place: Place::here(), written: now(), routers, checks, by_hand }
    }

    /// Reads one.
    ///
    /// # Errors
    /// Why it cannot be used, as a sentence.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|why| format!("it is damaged: {why}"))?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(FORMAT) {
            let found = format.map_or_else(|| "unknown".to_owned(), |format| format.to_string());
            return Err(format!("its format is {found}, this release understands {FORMAT}"));
        }
        // Parsed from the text, so that an error has its line.
        let document: Self =
            serde_json::from_str(text).map_err(|why| format!("this release does not understand it: {why}"))?;
        if document.place != Place::here() {
            return Err("it comes from another boot or network namespace".to_owned());
        }
        let age = now().checked_sub(document.written).unwrap_or(Duration::MAX);
        if age > FRESH {
            return Err(format!("it is {} s old", age.as_secs()));
        }
        Ok(document)
    }

    pub(super) fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl Check {
    pub(in crate::vrrpd) fn new(check: &config::Check, reading: Reading, reason: String) -> Self {
        let value = match reading {
            Reading::Value(value) => Some(value),
            Reading::Passing | Reading::Failing => None,
        };
        let (name, command) = (check.name.clone(), command(&check.probe));
        Self { name, command, passed: reading != Reading::Failing, value, reason }
    }

    /// Tells whether it is this one.
    pub(in crate::vrrpd) fn is(&self, name: &str, probe: &Probe) -> bool {
        self.name == name && self.command == command(probe)
    }

    /// Returns its verdict.
    pub(in crate::vrrpd) const fn reading(&self) -> Reading {
        match (self.passed, self.value) {
            (true, Some(value)) => Reading::Value(value),
            (true, None) => Reading::Passing,
            (false, _) => Reading::Failing,
        }
    }
}

fn command(probe: &Probe) -> String {
    format!("{probe:?}")
}

impl Place {
    fn here() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let network = fs::read_link("/proc/self/ns/net").map(|link| link.display().to_string()).unwrap_or_default();
        Self { boot, network }
    }
}

fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::vrrpd::config::TrackWeight;

    fn written() -> serde_json::Value {
        let routers: Suspended = serde_json::from_value(serde_json::json!({
            "routers": [], "stats": {}, "ours": [], "filter": null, "settings": []
        }))
        .unwrap();
        serde_json::from_str(&Document::new(routers, Vec::new(), Vec::new()).text().unwrap()).unwrap()
    }

    fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = written();
        change(&mut value);
        Document::read(&value.to_string()).unwrap_err()
    }

    #[test]
    fn a_check_is_known_again_by_its_name_and_what_it_looks_at() {
        let probe = Probe::Value("/run/load".into());
        let check = config::Check {
            name: "load".to_owned(),
            probe: probe.clone(),
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            rise: NonZeroU32::MIN,
            fall: NonZeroU32::MIN,
            weight: TrackWeight::default(),
        };
        for reading in [Reading::Value(-3), Reading::Passing, Reading::Failing] {
            let written = serde_json::to_string(&Check::new(&check, reading, "why".to_owned())).unwrap();
            let read: Check = serde_json::from_str(&written).unwrap();
            assert_eq!((read.reading(), read.reason.as_str()), (reading, "why"));
            assert!(read.is("load", &probe) && !read.is("other", &probe));
            assert!(!read.is("load", &Probe::Value("/run/other".into())));
        }
    }

    #[test]
    fn what_was_written_here_just_now_is_read_and_nothing_else() {
        assert_eq!(Document::read(&written().to_string()).unwrap().version, env!("CARGO_PKG_VERSION"));
        assert_eq!(refused(|it| it["format"] = 2.into()), "its format is 2, this release understands 1");
        assert_eq!(refused(|it| it["format"] = "1".into()), "its format is unknown, this release understands 1");
        assert!(refused(|it| it["new"] = 1.into()).starts_with("this release does not understand it: unknown field"));
        assert!(refused(|it| it["routers"]["new"] = 1.into()).contains("unknown field"));
        assert!(refused(|it| drop(it.as_object_mut().unwrap().remove("checks"))).contains("missing field"));
        assert!(refused(|it| it["place"]["boot"] = "x".into()).contains("another boot"));
        assert_eq!(refused(|it| it["written"]["secs"] = 0.into()).split(' ').next_back(), Some("old"));
        assert!(refused(|it| it["written"]["secs"] = u64::MAX.into()).contains(" old"));
        for text in ["", "{}", "[]", "\0", "{\"format\":1"] {
            assert!(Document::read(text).is_err(), "{text}");
        }
    }
}
