//! Holds `docs/requirements.md` to the sources: each requirement names the code that keeps it and the test that proves it,
//! or says why there is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

const MAP: &str = "docs/requirements.md";
/// The same for readers of the documentation of vrrp-core: what is asked, and by which section.
const CHAPTER: &str = "vrrp-core/src/guide/requirements.md";
const CHAPTER_HEAD: &str = "\
The requirements that identifiers such as `FSM-B-07` in this documentation and in the sources name.

They come from RFC 2338, 3768, 5798 and 9568 with its verified errata, and for management from RFC 2787, 6527 and 8347.
`docs/requirements.md` of the repository has the same rows with the code that keeps each, and the test that proves it.
";

/// Every identifier there is.
const IDS: &[(&str, &[RangeInclusive<u8>])] = &[
    ("PKT", &[1..=16, 20..=25]),
    ("IP", &[1..=13]),
    ("AUTH", &[1..=6]),
    ("RX", &[1..=16, 20..=28]),
    ("TMR", &[1..=14]),
    ("FSM-I", &[1..=5]),
    ("FSM-B", &[1..=12]),
    ("FSM-A", &[1..=11]),
    ("OWN", &[1..=6]),
    ("PRE", &[1..=3]),
    ("ARP", &[1..=5]),
    ("GARP", &[1..=4]),
    ("V6", &[1..=11]),
    ("FWD", &[1..=2]),
    ("ACC", &[1..=2]),
    ("ICMP", &[1..=1]),
    ("OPS", &[1..=1]),
    ("INT", &[1..=11]),
    ("STAT", &[1..=19, 30..=35, 40..=46, 50..=54]),
    ("SEC", &[1..=12]),
    ("EXT", &[1..=13]),
    ("AMB", &[1..=32]),
];

/// What may stand where a place in the code would, each with its reason. `TODO` may not.
const EXCUSES: [&str; 4] = ["kernel: ", "advice: ", "fact: ", "out of scope: "];

/// The innermost sections of the RFCs of VRRP.
const SECTIONS: &[(&str, &str)] = &[
    (
        "2338",
        "1.1 1.2 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2 5.1 5.2.1 5.2.2 5.2.3 5.2.4 5.3.1 5.3.2 5.3.3 5.3.4 5.3.5 5.3.6.1 5.3.6.2 \
         5.3.6.3 5.3.7 5.3.8 5.3.9 5.3.10 6.1.1 6.1.2 6.2 6.3 6.4.1 6.4.2 6.4.3 7.1 7.2 7.3 8.1 8.2 8.3 9.1 9.2 10.1 10.2 \
         10.3 11 12 13 14",
    ),
    (
        "3768",
        "1.1 1.2 1.3 2.1 2.2 2.3 2.4 3 4.1 4.2 5.1 5.2.1 5.2.2 5.2.3 5.2.4 5.3.1 5.3.2 5.3.3 5.3.4 5.3.5 5.3.6.1 5.3.6.2 \
         5.3.6.3 5.3.7 5.3.8 5.3.9 5.3.10 6.1 6.2 6.3 6.4.1 6.4.2 6.4.3 7.1 7.2 7.3 8.1 8.2 8.3 8.4 9.1 9.2 9.3 10 11 12.1 \
         12.2 13 14 15",
    ),
    (
        "5798",
        "1.1 1.2 1.3 1.4 1.5 1.6 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2 5.1.1.1 5.1.1.2 5.1.1.3 5.1.1.4 5.1.2.1 5.1.2.2 5.1.2.3 \
         5.1.2.4 5.2.1 5.2.2 5.2.3 5.2.4 5.2.5 5.2.6 5.2.7 5.2.8 5.2.9 6.1 6.2 6.3 6.4.1 6.4.2 6.4.3 7.1 7.2 7.3 7.4 8.1.1 \
         8.1.2 8.1.3 8.2.1 8.2.2 8.2.3 8.3.1 8.3.2 8.4.1 8.4.2 8.4.3.1 8.4.3.2 9 10 11 12.1 12.2",
    ),
    (
        "9568",
        "1.1 1.2 1.3 1.4 1.5 1.6 1.7 2.1 2.2 2.3 2.4 2.5 3 4.1 4.2 5.1.1.1 5.1.1.2 5.1.1.3 5.1.1.4 5.1.2.1 5.1.2.2 5.1.2.3 \
         5.1.2.4 5.2.1 5.2.2 5.2.3 5.2.4 5.2.5 5.2.6 5.2.7 5.2.8 5.2.9 6.1 6.2 6.3 6.4.1 6.4.2 6.4.3 7.1 7.2 7.3 7.4 8.1.1 \
         8.1.2 8.1.3 8.2.1 8.2.2 8.2.3 8.2.4 8.3.1 8.3.2 8.4.1 8.4.2.1.1 8.4.2.1.2 9 10 11",
    ),
];

type Id = (&'static str, u8);

fn name((family, number): Id) -> String {
    format!("{family}-{number:02}")
}

fn ids() -> impl Iterator<Item = Id> {
    IDS.iter().flat_map(|(family, ranges)| ranges.iter().cloned().flatten().map(|number| (*family, number)))
}

#[test]
fn every_requirement_is_kept_and_proven_or_excused() {
    let problems = problems(&read(&root().join(MAP)));
    assert!(problems.is_empty(), "{MAP}:\n{}", problems.join("\n"));
}

#[test]
fn no_source_cites_what_is_no_requirement() {
    let known: BTreeSet<Id> = ids().collect();
    let files = sources(&root());
    assert!(files.len() > 100, "{files:?}");
    for file in files {
        let unknown: Vec<String> = cited(&read(&file)).into_iter().filter(|id| !known.contains(id)).map(name).collect();
        assert!(unknown.is_empty(), "{} cites {unknown:?}", file.display());
    }
}

#[test]
fn every_section_that_is_named_or_linked_exists() {
    let files = sources(&root());
    let all: Vec<(PathBuf, String)> =
        files.iter().flat_map(|file| sections(&read(file)).into_iter().map(|named| (file.clone(), named))).collect();
    assert!(all.len() > 60, "{all:?}");
    let wrong: Vec<_> = all.iter().filter(|(_, named)| exists(named) == Some(false)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_section_that_does_not_exist_is_named() {
    let text = "rfc/rfc9568#section-6.4.3) RFC 3768 section 6.4. RFC 9568 section 6.5, RFC 826 section 7";
    assert_eq!(sections(text), ["9568 6.4.3", "3768 6.4", "9568 6.5", "826 7"]);
    let found: Vec<_> = sections(text).iter().map(|named| exists(named)).collect();
    assert_eq!(found, [Some(true), Some(true), Some(false), None]);
}

#[test]
fn the_chapter_of_the_guide_has_the_same_requirements() {
    let chapter = chapter(&read(&root().join(MAP)));
    if std::env::var_os("VRRP_BLESS").is_some() {
        fs::write(root().join(CHAPTER), &chapter).unwrap();
    }
    assert!(
        read(&root().join(CHAPTER)) == chapter,
        "{CHAPTER} is not what {MAP} says: run the tests with VRRP_BLESS=1"
    );
    let sections = chapter.split("\n# ").skip(1);
    let without: Vec<&str> =
        sections.filter(|section| !section.contains("rfc-editor.org") && !section.contains("project")).collect();
    assert_eq!(without, [""; 0], "each says where its requirements come from");
}

#[test]
fn what_is_wrong_with_a_row_is_named() {
    let file = "vrrp-examples/tests/requirements.rs";
    let code = "`vrrp-core/src/fsm.rs: step`";
    let proof = "`vrrp-core/tests/protocol/fsm_table.rs: the_state_machine_does_what_its_one_row_says`";
    for (kept, proven, expected) in [
        (code, proof, None),
        ("out of scope: nobody wants it", "–", None),
        ("out of scope: ", "–", Some("without a reason")),
        ("TODO: somebody else's", "–", Some("is still to do")),
        ("", proof, Some("names no place")),
        (code, "–", Some("names no place")),
        ("`vrrp-core/src/nowhere.rs: step`", proof, Some("there is no vrrp-core/src/nowhere.rs")),
        ("`vrrp-core/src/fsm.rs: ste`", proof, Some("has no `ste`")),
        (code, "`vrrp-core/tests/protocol/fsm_table.rs: rows`", Some("has no test `rows`")),
        ("`vrrp-core/src/time.rs: Instant`", &format!("`{file}: what_is_wrong_with_a_row_is_named`"), Some("cites it")),
    ] {
        let found = problems(&format!("| {} | a | {kept} | {proven} |\n", ["FSM-I", "02"].join("-")));
        let found: Vec<_> = found.iter().filter(|problem| !problem.ends_with("has no row")).collect();
        match expected {
            None => assert_eq!(found, [""; 0], "{kept} {proven}"),
            Some(text) => assert!(found.len() == 1 && found[0].contains(text), "{kept} {proven}: {found:?}"),
        }
    }
    let twice = "| PKT-01 | a | fact: b | – |\n".repeat(2);
    assert!(problems(&twice).contains(&"PKT-01 has 2 rows".to_owned()));
    assert_eq!(
        cited("RX-02 to RX-04, (FSM-B-07), AMB-99; XRX-01 RX-011 RX-1"),
        [("RX", 2), ("RX", 3), ("RX", 4), ("FSM-B", 7), ("AMB", 99),].into()
    );
}

/// Returns each section of an RFC that a text links to or names, as `9568 6.4.3`: links first.
fn sections(text: &str) -> Vec<String> {
    let after = |head: &'static str, link: &'static str| {
        text.match_indices(head).filter_map(move |(at, _)| {
            let (rfc, rest) = text[at + head.len()..].split_once(link)?;
            let is_number = !rfc.is_empty() && rfc.len() < 5 && rfc.bytes().all(|digit| digit.is_ascii_digit());
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            (is_number && end > 0).then(|| format!("{rfc} {}", rest[..end].trim_end_matches('.')))
        })
    };
    after("rfc/rfc", "#section-").chain(after("RFC ", " section ")).collect()
}

/// Returns whether a section exists; `None` for an RFC that is not about VRRP.
fn exists(named: &str) -> Option<bool> {
    let (rfc, section) = named.split_once(' ')?;
    let (_, innermost) = SECTIONS.iter().find(|(known, _)| *known == rfc)?;
    Some(
        innermost
            .split(' ')
            .any(|known| known.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))),
    )
}

/// Returns the map without its last two columns.
fn chapter(map: &str) -> String {
    let rows = map.find("\n## ").map_or("", |start| &map[start..]);
    let line = |line: &str| match line.split(" | ").collect::<Vec<_>>()[..] {
        [id, asks, _, _] => format!("{id} | {asks} |\n"),
        _ if line.starts_with("|---") => "|---|---|\n".to_owned(),
        _ => format!("{}\n", line.strip_prefix('#').unwrap_or(line)),
    };
    CHAPTER_HEAD.to_owned() + &rows.lines().map(line).collect::<String>()
}

/// Everything that is wrong with a map.
fn problems(map: &str) -> Vec<String> {
    let rows: Vec<Vec<&str>> = map.lines().filter_map(cells).collect();
    let known: BTreeSet<String> = ids().map(name).collect();
    let unknown = rows.iter().filter(|row| !known.contains(row[0])).map(|row| format!("{} is no identifier", row[0]));
    let missing = ids().filter_map(|id| {
        let id = name(id);
        match rows.iter().filter(|row| row[0] == id).count() {
            0 => Some(format!("{id} has no row")),
            1 => None,
            more => Some(format!("{id} has {more} rows")),
        }
    });
    let wrong = rows.iter().flat_map(|row| check(row).err().map(|why| format!("{}: {why}", row[0])));
    unknown.chain(missing).chain(wrong).collect()
}

/// The cells of a row whose first one may be an identifier.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Vec<&str> = inner.split(" | ").map(str::trim).collect();
    (cells[0] != "id").then_some(cells)
}

fn check(row: &[&str]) -> Result<(), String> {
    let [id, asks, kept, proven] = row else { return Err(format!("has {} cells instead of 4", row.len())) };
    if asks.is_empty() {
        return Err("does not say what is asked".into());
    }
    if let Some(rest) = kept.strip_prefix("TODO") {
        return Err(format!("is still to do{rest}"));
    }
    let excuse = EXCUSES.iter().find(|excuse| kept.starts_with(excuse.trim_end()));
    if excuse.is_some_and(|excuse| kept.len() <= excuse.len()) {
        return Err("stands without a reason".into());
    }
    let mut files = Vec::new();
    if excuse.is_none() {
        for (file, symbol) in places(kept)? {
            let text = existing(file)?;
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            if !code.flat_map(words).any(|word| word == symbol) {
                return Err(format!("{file} has no `{symbol}`"));
            }
            files.push(text);
        }
    }
    if excuse.is_none() || *proven != "–" {
        for (file, test) in places(proven)? {
            let text = existing(file)?;
            if !is_test(&text, test) {
                return Err(format!("{file} has no test `{test}`"));
            }
            files.push(text);
        }
    }
    if excuse.is_none() && !files.iter().any(|text| cited(text).into_iter().any(|cited| name(cited) == *id)) {
        return Err("none of its files cites it".into());
    }
    Ok(())
}

/// `` `file: symbol`<br>`file: symbol` ``
fn places(cell: &str) -> Result<Vec<(&str, &str)>, String> {
    let place = |text: &'_ str| -> Option<(usize, usize)> {
        let inner = text.strip_prefix('`')?.strip_suffix('`')?;
        inner.find(": ").map(|colon| (1 + colon, 3 + colon))
    };
    cell.split("<br>")
        .map(|text| match place(text) {
            Some((end, start)) => Ok((&text[1..end], &text[start..text.len() - 1])),
            None => Err(format!("`{text}` names no place in a file")),
        })
        .collect()
}

fn existing(file: &str) -> Result<String, String> {
    fs::read_to_string(root().join(file)).map_err(|_| format!("there is no {file}"))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Returns whether `text` has a test of this name: the attribute is right above it, with other ones and comments
/// perhaps.
fn is_test(text: &str, test: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let head = format!("fn {test}(");
    lines.iter().enumerate().any(|(index, line)| {
        line.trim_start_matches("async ").starts_with(&head)
            && lines[..index]
                .iter()
                .rev()
                .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
                .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

/// Every identifier in a text, known or not; `RX-02 to RX-04` is three.
fn cited(text: &str) -> BTreeSet<Id> {
    let mut found = BTreeSet::new();
    let mut previous: Option<(Id, usize)> = None;
    for (dash, _) in text.match_indices('-') {
        let Some(id) = id_around(text, dash) else { continue };
        if let Some((first, end)) = previous {
            if first.0 == id.0 && text[end..].starts_with(&format!(" to {}-", id.0)) {
                found.extend(ids().filter(|(family, number)| *family == id.0 && (first.1..id.1).contains(number)));
            }
        }
        found.insert(id);
        previous = Some((id, dash + 3));
    }
    found
}

/// The identifier whose number begins behind this dash.
fn id_around(text: &str, dash: usize) -> Option<Id> {
    let digits = text.get(dash + 1..dash + 3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let ends = !text[dash + 3..].starts_with(|c: char| c.is_ascii_alphanumeric());
    let family = IDS.iter().map(|(family, _)| *family).find(|family| {
        let before = text[..dash].strip_suffix(family);
        before.is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-'))
    })?;
    ends.then_some((family, digits.parse().ok()?))
}

/// Everything that is written by hand: code, documents, tables.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let skipped = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name == "target" || name.starts_with('.')
    };
    let written = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("rs" | "md" | "csv" | "txt" | "toml")) && *path != this_file()
    };
    let below = directories.into_iter().filter(|path| !skipped(path)).flat_map(|path| sources(&path));
    files.into_iter().filter(written).chain(below).collect()
}

fn this_file() -> PathBuf {
    root().join("vrrp-examples/tests/requirements.rs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
