//! `cargo bench -p vrrp-benches --bench instructions`: instructions of each step on the path of a packet, counted by
//! valgrind. They do not depend on what else the machine does.
//!
//! Runs itself under valgrind, each case with two numbers of rounds; what the rounds between them took is the figure.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench stops at the first surprise")]

mod cases;

use std::process::Command;

const ROUNDS: [u64; 2] = [1_000, 2_000];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [case, rounds] = &arguments[..] {
        let case = cases::ALL.iter().find(|(name, _)| name == case).unwrap();
        (case.1)(rounds.parse().unwrap());
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        return println!("SKIPPED: needs valgrind");
    }
    for (name, _) in cases::ALL {
        let [few, many] = ROUNDS.map(|rounds| instructions(name, rounds));
        println!("{name:<28} {:>8.1} instructions", (many - few) as f64 / (ROUNDS[1] - ROUNDS[0]) as f64);
    }
}

fn instructions(case: &str, rounds: u64) -> u64 {
    let program = std::env::current_exe().unwrap();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(program).args([case, &rounds.to_string()]).output().unwrap();
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.unwrap_or_else(|| panic!("no count in {report}"))
}
