//! `cargo bench -p vrrp-benches --bench instructions`: instructions of each step on the path of a packet, counted by
//! valgrind. They do not depend on what else the machine does.
//!
//! Runs itself under valgrind, each case with two numbers of rounds; what the rounds between them took is the figure.
//! Where there is no valgrind it says so; a valgrind that does not count is an error.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench stops at the first surprise")]

mod cases;
mod floor;

use std::process::Command;

use allocation_counter::measure;

const ROUNDS: [u64; 2] = [1_000, 2_000];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [case, rounds] = &arguments[..] {
        let mut case = cases::all().into_iter().find(|known| known.name == *case).unwrap();
        (case.run)(1);
        let rounds = rounds.parse().unwrap();
        let allocations = measure(|| _ = (case.run)(rounds)).count_total;
        assert_eq!(allocations, 0, "{} allocates", case.name);
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        return println!("SKIPPED: needs valgrind");
    }
    for case in cases::all() {
        let [few, many] = ROUNDS.map(|rounds| instructions(&case.name, rounds));
        assert!(many > few, "{}: {many} instructions in {} rounds, {few} in {}", case.name, ROUNDS[1], ROUNDS[0]);
        println!("{:<44} {:>8.1} instructions", case.name, (many - few) as f64 / (ROUNDS[1] - ROUNDS[0]) as f64);
    }
}

fn instructions(case: &str, rounds: u64) -> u64 {
    let program = std::env::current_exe().unwrap();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(program).args([case, &rounds.to_string()]).output().unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.filter(|_| output.status.success()).unwrap_or_else(|| panic!("no count of {case}: {report}"))
}
