//! The figures, side by side.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::daemon::{Kind, Programs, VRRPD};

/// Heads a [`Summary`].
const COLUMN: &str = "median     p95    n";

/// What one thing came to, time after time.
#[derive(Debug)]
struct Row {
    what: String,
    unit: &'static str,
    /// Of each kind of daemon, in their order.
    values: [Vec<f64>; Kind::ALL.len()],
}

/// What was measured and is not printed yet, and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    floors: Vec<(String, Vec<f64>)>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, kind: Kind, what: &str, unit: &'static str, value: f64) {
        let at = self.rows.iter().position(|row| row.what == what).unwrap_or(self.rows.len());
        if at == self.rows.len() {
            self.rows.push(Row { what: what.to_owned(), unit, values: Default::default() });
        }
        if let Some(values) = self.rows.get_mut(at).and_then(|row| row.values.get_mut(kind as usize)) {
            values.push(value);
        }
    }

    /// The least that something can cost, in microseconds.
    pub(crate) fn floor(&mut self, what: &str, micros: Vec<f64>) {
        self.floors.push((what.to_owned(), micros));
    }

    /// Keeps what went wrong for the end, and says it at once.
    pub(crate) fn note(&mut self, what: &str, result: Result<()>) {
        if let Err(error) = result {
            eprintln!("{what}: {error}");
            self.failures.push(format!("{what}: {error}"));
        }
    }

    /// Prints what was measured since it was last called: who interrupts a long run keeps what is done.
    pub(crate) fn print(&mut self) {
        let (rows, floors) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.floors));
        // The others beside vrrpd: the third one only where it ran.
        let ran = |kind: Kind| rows.iter().any(|row| row.values.get(kind as usize).is_some_and(|its| !its.is_empty()));
        let others: &[Kind] = if ran(Kind::Other) { &[Kind::Keepalived, Kind::Other] } else { &[Kind::Keepalived] };
        if !rows.is_empty() {
            let names: String = others.iter().map(|kind| format!(" {:>25} {:>6}", kind.to_string(), "")).collect();
            println!("\n{:66} {:>25}{names}", "", VRRPD);
            let heads: String = others.iter().map(|_| format!(" {COLUMN:>25} {:>6}", "ratio")).collect();
            println!("{:66} {COLUMN:>25}{heads}", "");
        }
        for Row { what, unit, values } in rows {
            let summaries = values.each_ref().map(|values| Summary::of(values));
            let of = |kind: Kind| summaries.get(kind as usize).copied().flatten();
            let text = |summary: Option<Summary>| summary.map_or("-".to_owned(), |it| it.to_string());
            let ours = of(Kind::Vrrpd);
            print!("{:66} {:>25}", format!("{what} [{unit}]"), text(ours));
            for theirs in others.iter().map(|kind| of(*kind)) {
                let comparable = ours.zip(theirs).filter(|(_, theirs)| theirs.median > 0.0);
                let ratio = comparable.map_or(String::new(), |(a, b)| format!("{:.2}", a.median / b.median));
                print!(" {:>25} {ratio:>6}", text(theirs));
            }
            println!();
        }
        if !floors.is_empty() {
            println!("\n{:66} {COLUMN:>25}", "the least that it can cost [us]");
        }
        for (what, micros) in floors {
            let summary = Summary::of(&micros).map_or("-".to_owned(), |summary| summary.to_string());
            println!("{what:66} {summary:>25}");
        }
    }

    /// Says once more what went wrong; whether nothing did.
    pub(crate) fn conclude(&self) -> bool {
        for failure in &self.failures {
            println!("\n{failure}");
        }
        self.failures.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Summary {
    median: f64,
    p95: f64,
    count: usize,
}

impl Summary {
    /// The middle value (of an even number: the mean of the middle two), and the least value that 95 % do not exceed.
    fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let median = (values.get(count.checked_sub(1)? / 2)? + values.get(count / 2)?) / 2.0;
        let p95 = *values.get((count * 95).div_ceil(100) - 1)?;
        Some(Self { median, p95, count })
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>9.3} {:>9.3} {:>4}", self.median, self.p95, self.count)
    }
}

/// On what this was measured.
pub(crate) fn print_machine(programs: &Programs) {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = cpus.lines().filter(|line| line.starts_with("model name")).collect();
    let model = models.first().and_then(|line| line.split_once(": ")).map_or("unknown", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("processor: {model}, {cores} cores");
    println!("kernel: {}", kernel.trim());
    for kind in Kind::ALL {
        if let Some(command) = programs.command(kind) {
            println!("{kind}: {}", version(command));
        }
    }
}

fn version(mut command: Command) -> String {
    match command.arg("--version").output() {
        // keepalived says it on stderr.
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
        }
        Err(error) => format!("does not run: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_values_in_order() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(Summary::of(&values), Some(Summary { median: 10.5, p95: 19.0, count: 20 }));
        assert_eq!(Summary::of(&[3.0, 1.0, 2.0]), Some(Summary { median: 2.0, p95: 3.0, count: 3 }));
        assert_eq!(Summary::of(&[]), None);
    }
}
