//! The scripts of the house: with `pipefail`, a reader that leaves its pipe early makes a success a failure, by chance.

use std::fs;
use std::path::{Path, PathBuf};

/// Readers that end before what they read does. `grep PATTERN >/dev/null` reads to the end, and so does `sed -n 1p`.
const EARLY: [&str; 3] = ["grep -q", "grep -m", "head -"];

/// Returns each line of a script in which a pipe is left early, with its place.
pub(crate) fn pipes_left_early(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in scripts(root) {
        let text = fs::read_to_string(&file).unwrap();
        found.extend(left_early(&text).map(|(number, line)| format!("{}:{number}: {line}", file.display())));
    }
    found
}

/// The same of one script, with the numbers of its lines.
pub(crate) fn left_early(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_early = |command: &str| EARLY.iter().any(|early| command.trim_start().starts_with(early));
    let leaves = move |line: &str| line.replace("||", ";").split('|').skip(1).any(is_early);
    text.lines().zip(1..).filter(move |(line, _)| leaves(line)).map(|(line, number)| (number, line.trim()))
}

/// Returns the scripts that look at every command of a pipe.
pub(crate) fn scripts(root: &Path) -> Vec<PathBuf> {
    let folders = [".ci", "fuzz", "vrrp-core/planted-bugs", "vrrp-examples/tests/faults"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let is_script = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("pipefail"));
    files.filter(is_script).collect()
}
