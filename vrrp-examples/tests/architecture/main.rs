//! Holds the sources to `ARCHITECTURE.md`: the order inside vrrp-core, the arrows between the rooms of the two other
//! crates, and no circle of files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod page;
mod scripts;
mod sources;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use page::{Floors, Rooms};
use sources::Uses;

#[test]
fn the_page_is_one_page() {
    let page = page();
    assert!(page.lines().count() <= 85 && page.len() <= 8_800, "{} lines, {} octets", page.lines().count(), page.len());
}

#[test]
fn nothing_in_the_core_looks_up() {
    let floors = Floors::read(&page());
    let uses = uses("vrrp-core");
    let modules: BTreeSet<&str> = uses.keys().map(|file| top(file)).filter(|module| *module != "lib").collect();
    assert_eq!(floors.names().collect::<BTreeSet<_>>(), modules, "the table names every file once");
    assert_eq!(floors.wrong(&uses), [""; 0]);
    let reaches = |from: &str, to: &str| {
        uses.iter().any(|(file, used)| top(file) == from && used.iter().any(|file| top(file) == to))
    };
    assert!(!reaches("fsm", "wire") && !reaches("wire", "config"));
}

#[test]
fn the_rooms_of_the_adapter_use_what_the_page_says() {
    assert_eq!(Rooms::read(&page(), "vrrp-io-linux").wrong(&uses("vrrp-io-linux")), [""; 0]);
}

#[test]
fn the_rooms_of_the_programs_use_what_the_page_says() {
    assert_eq!(Rooms::read(&page(), "vrrp-examples").wrong(&uses("vrrp-examples")), [""; 0]);
}

#[test]
fn no_files_form_a_circle() {
    assert_eq!(circles(&uses("vrrp-core")), [""; 0]);
    assert_eq!(circles(&uses("vrrp-io-linux")), [""; 0]);
}

#[test]
fn only_the_blocks_of_keepalived_conf_form_a_circle() {
    let natural = |circle: &String| circle.split(", ").all(|file| file.starts_with("vrrpd/keepalived/blocks"));
    let circles = circles(&uses("vrrp-examples"));
    let others: Vec<_> = circles.iter().filter(|circle| !natural(circle)).collect();
    assert_eq!(others, [""; 0]);
    assert!(circles.len() <= 1, "{circles:#?}");
}

#[test]
fn no_documentation_begins_with_half_a_sentence() {
    for folder in ["vrrp-core/src", "vrrp-io-linux/src", "vrrp-examples/src"] {
        assert_eq!(words::halves(&root().join(folder)), [""; 0]);
    }
}

#[test]
fn the_documentation_of_a_public_function_begins_with_a_verb() {
    for folder in ["vrrp-core/src", "vrrp-io-linux/src"] {
        let found = words::verbless(&root().join(folder));
        // For the fuzz targets alone.
        let public: Vec<_> = found.into_iter().filter(|function| !function.contains("fuzzing.rs")).collect();
        assert_eq!(public, [""; 0]);
    }
}

#[test]
fn no_script_leaves_a_pipe_early() {
    assert!(scripts::scripts(&root()).len() >= 7, "{:?}", scripts::scripts(&root()));
    assert_eq!(scripts::pipes_left_early(&root()), [""; 0]);
}

#[test]
fn a_pipe_that_is_left_early_is_named() {
    let script = "a || head -1 b\nip address | grep -q up\nip address | grep up >/dev/null\ngrep -q up file\n";
    assert_eq!(scripts::left_early(script).map(|(number, _)| number).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_function_without_a_verb_is_named() {
    let text = "impl A {\n    /// Returns it.\n    pub fn a() {}\n    /// The counters.\n    pub fn b() {}\n}\n/// Counters.\npub fn c() {}\n/// It.\nfn d() {}\n";
    assert_eq!(words::verbless_of(text), ["b: The counters.", "c: Counters."]);
}

#[test]
fn half_a_sentence_is_named() {
    let text = "/// What it is.\nfn a() {}\n    /// Returns\n    /// What it is.\n// Who\n//! As ever\n/// Asks.\nfn b() {}\n/// How it asks.\n/// Where.\n";
    let expected = [(1, "/// What it is."), (6, "//! As ever"), (9, "/// How it asks.")];
    assert_eq!(words::halves_of(text).collect::<Vec<_>>(), expected);
}

#[test]
fn what_looks_up_is_named() {
    let page = "| floor | files |\n|---|---|\n| 1 | `config` |\n| 0 | `types` · `health` |\n";
    let floors = Floors::read(page);
    assert_eq!(floors.wrong(&graph(&[("health", "types"), ("config", "health")])), [""; 0]);
    assert_eq!(floors.wrong(&graph(&[("health", "config")])), ["health uses config, which comes after it"]);
    assert_eq!(floors.wrong(&graph(&[("health", "nothing")])), ["health uses nothing, which the table does not have"]);
}

#[test]
fn an_arrow_that_the_page_does_not_have_is_named() {
    let page = "## crate\n\n| room | uses | job |\n|---|---|---|\n| `lib` `handle` | `driver/` | the face |\n| `driver/` | `sys` | the loop |\n| `sys` | | calls |\n";
    let rooms = Rooms::read(page, "crate");
    let right = [("lib", "handle"), ("handle", "driver"), ("driver/host", "sys")];
    assert_eq!(rooms.wrong(&graph(&right)), [""; 0]);
    let wrong = |more| rooms.wrong(&graph(&[&right[..], &[more]].concat()));
    assert_eq!(wrong(("sys", "driver/host")), ["sys uses driver/host: no arrow from `sys` to `driver/`"]);
    assert_eq!(wrong(("sys", "attic")), ["attic stands in no room"]);
    assert_eq!(
        rooms.wrong(&graph(&right[..2])),
        ["`sys` stands for no file", "no file needs the arrow from `driver/` to `sys`"]
    );
    let upward = Rooms::read(&page.replace("| `sys` | |", "| `sys` | `driver/` |"), "crate");
    assert!(upward.wrong(&graph(&right)).contains(&"the arrow from `sys` to `driver/` goes up".to_owned()));
}

#[test]
fn a_circle_is_named_by_its_files() {
    let circle = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("f", "f")];
    assert_eq!(circles(&graph(&circle)), ["a, b, c"]);
}

/// Returns each set of files of which every one leads to every other.
fn circles(uses: &Uses) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|file| (file.as_str(), reached(uses, file))).collect();
    let circle = |file: &str| -> BTreeSet<&str> {
        reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect()
    };
    let circles: BTreeSet<BTreeSet<&str>> =
        uses.keys().map(|file| circle(file)).filter(|circle| circle.len() > 1).collect();
    circles.into_iter().map(|circle| circle.into_iter().collect::<Vec<_>>().join(", ")).collect()
}

/// Returns what a file leads to, over however many others.
fn reached<'a>(uses: &'a Uses, file: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = uses[file].iter().map(String::as_str).collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(uses.get(file).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

/// Returns the first part of a file's name: `router` of `router/slots`.
fn top(file: &str) -> &str {
    file.split('/').next().unwrap()
}

fn uses(name: &str) -> Uses {
    let uses = sources::uses(&root().join(name).join("src"));
    assert!(uses.len() > 10, "few sources of {name} were found");
    uses
}

fn graph(edges: &[(&str, &str)]) -> Uses {
    let mut uses = Uses::new();
    for (from, to) in edges {
        uses.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        uses.entry((*to).to_owned()).or_default();
    }
    uses
}

fn page() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
