//! The output of the lab: progress while it runs, the table at the end, the same as JSON.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::measure::{Moments, median};
use super::topology::HostId;
use crate::testbed::netlink::{Address, Link};

/// The result of one run of one check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) check: &'static str,
    pub(super) title: &'static str,
    pub(super) expected: String,
    /// The time from the last advertisement of the old Master to the first of the new.
    pub(super) takeover_ms: Option<f64>,
    pub(super) minimum_ms: f64,
    pub(super) past_minimum_ms: Option<f64>,
    /// The outage of the client that knows this address alone; absent if it did not end.
    pub(super) outage_ms: Option<f64>,
    pub(super) lost: usize,
    /// The time from the mending until the owner holds its address again.
    pub(super) returned_ms: Option<f64>,
    pub(super) outage_on_return_ms: Option<f64>,
    pub(super) lost_on_return: usize,
    pub(super) lost_by_name: usize,
    /// The time for which an address was on both hosts, from the failure to the mending.
    pub(super) both_after_failure_ms: f64,
    /// The same from the mending on.
    pub(super) both_on_return_ms: f64,
    /// The holders of each address, in order.
    pub(super) holders: [String; 2],
    #[serde(skip)]
    pub(super) moments: Moments,
    /// Worth telling, and no failure.
    pub(super) findings: Vec<String>,
    /// The reasons why the check failed; it passed if there is none.
    pub(super) failures: Vec<String>,
}

impl Outcome {
    pub(super) fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Prints one line of progress with the time since the first.
pub(super) fn progress(line: fmt::Arguments<'_>) {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    eprintln!("[{:6.1} s] {line}", elapsed.as_secs_f64());
}

/// Returns a duration in milliseconds.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Prints the interface and its addresses, in the manner of `ip address show`.
pub(super) fn print_addresses(host: HostId, interface: &str, link: &Link, addresses: &[Address]) {
    let state = match (link.up, link.carrier) {
        (true, true) => "UP,LOWER_UP",
        (true, false) => "NO-CARRIER,UP",
        (false, _) => "DOWN",
    };
    eprintln!("    {host}: {interface}: <{state}> link/ether {}", mac_text(&link.mac));
    for Address { address, prefix_len, label, secondary } in addresses {
        let secondary = if *secondary { " secondary" } else { "" };
        eprintln!("    {host}:     inet {address}/{prefix_len}{secondary} {label}");
    }
}

fn mac_text(mac: &[u8]) -> String {
    mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Prints the table: a row for each check, with medians if it ran several times; then all that is not as it should be.
pub(super) fn print_table(outcomes: &[Outcome]) {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    let mut done: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !done.contains(&outcome.check) {
            done.push(outcome.check);
            rows.push(row(&outcomes.iter().filter(|other| other.check == outcome.check).collect::<Vec<_>>()));
        }
    }
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    });
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    println!();
    println!("Times in milliseconds. Takeover: from the last advertisement of the old Master to the first of the new.");
    println!("On both: the longest that an address was on both hosts, after the failure / on the way back.");
    println!(
        "Lost: requests to the one address, at takeover + on return / requests by name. On .101, on .102: who held it."
    );
    for outcome in outcomes {
        for finding in &outcome.findings {
            println!("({}) finding: {finding}", outcome.check);
        }
        for failure in &outcome.failures {
            println!("({}) FAILED: {failure}", outcome.check);
        }
    }
}

const COLUMNS: usize = 13;
const HEADINGS: [&str; COLUMNS] = [
    "", "check", "expected", "takeover", "minimum", "past it", "outage", "back", "lost", "on both", "on .101",
    "on .102", "verdict",
];

fn row(runs: &[&Outcome]) -> [String; COLUMNS] {
    let Some(first) = runs.first() else { return Default::default() };
    let of = |pick: fn(&Outcome) -> Option<f64>, digits: usize| {
        median(runs.iter().filter_map(|run| pick(run))).map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let most = |pick: fn(&Outcome) -> usize| runs.iter().map(|run| pick(run)).max().unwrap_or_default();
    let longest = |pick: fn(&Outcome) -> f64| runs.iter().map(|run| pick(run)).fold(0.0, f64::max);
    let passed = runs.iter().filter(|run| run.passed()).count();
    let verdict = if passed == runs.len() { "passed" } else { "FAILED" };
    [
        format!("({})", first.check),
        first.title.to_owned(),
        first.expected.clone(),
        of(|run| run.takeover_ms, 2),
        format!("{:.2}", first.minimum_ms),
        of(|run| run.past_minimum_ms, 2),
        of(|run| run.outage_ms, 0),
        of(|run| run.returned_ms, 0),
        format!("{}+{}/{}", most(|run| run.lost), most(|run| run.lost_on_return), most(|run| run.lost_by_name)),
        format!("{:.1}/{:.1}", longest(|run| run.both_after_failure_ms), longest(|run| run.both_on_return_ms)),
        first.holders[0].clone(),
        first.holders[1].clone(),
        if runs.len() > 1 { format!("{verdict} {passed}/{}", runs.len()) } else { verdict.to_owned() },
    ]
}
