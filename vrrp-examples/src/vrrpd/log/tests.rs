use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::id::TABLE;
use super::{Id, Level, line};

/// Returns the table of `docs/log.md`.
fn table() -> String {
    let mut text = "| id | level | fields | what it tells | what to do |\n|---|---|---|---|---|\n".to_owned();
    for (id, meaning, advice) in TABLE {
        let levels: Vec<_> = id.levels().iter().map(|level| level.name()).collect();
        let fields: Vec<_> = id.fields().iter().map(|field| format!("`{field}`")).collect();
        let (levels, fields) = (levels.join(", "), fields.join(" "));
        writeln!(text, "| `{}` | {levels} | {fields} | {meaning} | {advice} |", id.name()).unwrap();
    }
    text
}

#[test]
fn the_page_has_every_id_and_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/log.md");
    let page = fs::read_to_string(&path).unwrap();
    let at = page.find("| id |").unwrap();
    if std::env::var_os("VRRP_BLESS").is_some() {
        fs::write(&path, page[..at].to_owned() + &table()).unwrap();
    }
    let written: Vec<&str> = page[at..].lines().collect();
    assert_eq!(written, table().lines().collect::<Vec<_>>(), "VRRP_BLESS=1 writes the table of docs/log.md anew");
}

#[test]
fn ids_are_kebab_case_and_each_is_there_once() {
    let names: BTreeSet<&str> = TABLE.iter().map(|(id, ..)| id.name()).collect();
    assert_eq!(names.len(), TABLE.len());
    for name in names {
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|it| it.is_ascii_lowercase());
        assert!(name.split('-').all(is_word), "{name}");
    }
    for (id, meaning, advice) in TABLE {
        assert!(!id.levels().is_empty() && !meaning.contains('|') && !advice.contains('|'), "{id:?}");
    }
}

/// `RUST_LOG` and libraries apart, nothing goes round the ids.
#[test]
fn no_line_of_vrrpd_goes_without_an_id() {
    fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vrrpd");
    let sources = sources(&folder);
    assert!(sources.len() > 100);
    // What becomes a script speaks on the script's stderr.
    let script = folder.join("exec/limits.rs");
    for path in sources.iter().filter(|path| {
        !path.starts_with(folder.join("log"))
            && !path.ends_with("tests.rs")
            && !path.ends_with("testing.rs")
            && **path != script
    }) {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for round in ["tracing::", "eprintln!", "eprint!", "io::stderr().write"] {
            assert!(!text.contains(round), "{}: {round}", path.display());
        }
    }
}

#[test]
fn a_line_says_what_it_is_of_whom_and_with_what() {
    let (name, why) = ("squid", "exit status 1");
    let line = line!(CheckFailed, router = "vr1", check = name, reason = why, "check {name} failed: {}", why);
    assert_eq!((line.id, line.level, line.router.as_deref()), (Id::CheckFailed, Level::Warning, Some("vr1")));
    assert_eq!(line.message, "check squid failed: exit status 1");
    assert_eq!(line.fields["reason"], why);
    let line = line!(CheckFailed, router = None, "no field").at(Level::Error);
    assert_eq!((line.level, line.router, line.fields.len()), (Level::Error, None, 0));
    // `line!(CheckFailed, chek = name, "...")` is refused when it is compiled.
    const { assert!(Id::CheckFailed.has("check") && !Id::CheckFailed.has("chek") && !Id::CheckFailed.has("reaso")) };
}
