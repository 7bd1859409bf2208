//! Holds vrrp-core to the order that `ARCHITECTURE.md` gives: a file uses only what comes before it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of vrrp-core names of the others.
type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn nothing_in_the_core_looks_up() {
    let order = order(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap());
    let uses = uses();
    assert_eq!(order.iter().collect::<BTreeSet<_>>(), uses.keys().collect(), "the table names every file once");
    assert_eq!(wrong(&order, &uses), [""; 0]);
    let reaches = |from: &str, to: &str| uses[from].contains(to);
    assert!(!reaches("fsm", "wire") && !reaches("wire", "config"));
}

#[test]
fn what_looks_up_is_named() {
    let order = ["types", "health", "config"].map(str::to_owned);
    let uses = |health: &str| Uses::from([("health".to_owned(), BTreeSet::from([health.to_owned()]))]);
    assert_eq!(wrong(&order, &uses("types")), [""; 0]);
    assert_eq!(wrong(&order, &uses("config")), ["health uses config, which comes after it"]);
    assert_eq!(wrong(&order, &uses("nothing")), ["health uses nothing, which the table does not have"]);
}

/// The modules in the order in which they are to be read: the rows of the table upwards, each from left to right.
fn order(text: &str) -> Vec<String> {
    let rows = text.lines().skip_while(|line| !line.starts_with("| floor |")).take_while(|line| line.starts_with('|'));
    let names = |row: &str| -> Vec<String> {
        let files = row.split('|').nth(2).unwrap();
        files.split('`').skip(1).step_by(2).map(|file| file.trim_end_matches('/').to_owned()).collect()
    };
    let mut rows: Vec<_> = rows.skip(2).map(names).collect();
    rows.reverse();
    rows.concat()
}

fn wrong(order: &[String], uses: &Uses) -> Vec<String> {
    let place = |name: &String| order.iter().position(|other| other == name);
    let problem = |name: &String, used: &String| match (place(name), place(used)) {
        (_, None) => Some(format!("{name} uses {used}, which the table does not have")),
        (Some(at), Some(before)) if before > at => Some(format!("{name} uses {used}, which comes after it")),
        _ => None,
    };
    uses.iter().flat_map(|(name, used)| used.iter().filter_map(move |used| problem(name, used))).collect()
}

/// Comments and tests may name what they like.
fn uses() -> Uses {
    let source = root().join("vrrp-core/src");
    let mut uses = Uses::new();
    for file in files(&source) {
        let module = file.strip_prefix(&source).unwrap().components().next().unwrap();
        let module = Path::new(&module).file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code =
            text.split("#[cfg(test)]\nmod ").next().unwrap().lines().filter(|line| !line.trim().starts_with("//"));
        let used = uses.entry(module.clone()).or_default();
        for line in code {
            for path in line.split("crate::").skip(1) {
                let name: String = path.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                // What the crate's root re-exports begins with a capital letter, or is a function.
                used.extend(Some(name).filter(|name| !name.is_empty() && *name != module));
            }
        }
    }
    uses
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(directories.iter().flat_map(|directory| self::files(directory))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
