//! The examples do what the pages about them say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::env;
use std::path::Path;
use std::process::{Command, Output};

/// Runs an example; returns what it prints.
fn output(example: &str) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    // With the features of the whole workspace, and as from a shell, so that nothing is built again.
    cargo.args(["build", "--quiet", "--offline", "--workspace", "--example", example, "--target-dir"]).arg(target);
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR") {
        cargo.env_remove(name);
    }
    successful(&mut cargo);
    let output = successful(&mut Command::new(target.join("debug/examples").join(example)));
    String::from_utf8(output.stdout).unwrap()
}

fn successful(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn two_routers_print_what_the_guide_says() {
    let printed = output("two_routers");
    assert!(include_str!("../src/guide/start_here.md").contains(&format!("```text\n{printed}```\n")), "{printed}");
}

#[test]
fn the_router_without_a_heap_takes_over_and_yields() {
    let printed = output("fsm_no_heap");
    let states: Vec<&str> = printed.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(states, ["0ns: Backup", "3.609375s: Master", "4.609375s: Master", "4.609375s: Backup"]);
    let order = ["send 12 octets", "set 192.0.2.1", "send 42 octets", "send 12 octets", "take 192.0.2.1"];
    let places = order.iter().scan(0, |from, text| {
        *from += printed.get(*from..)?.find(text)? + text.len();
        Some(*from)
    });
    assert_eq!(places.count(), order.len(), "{printed}");
}
