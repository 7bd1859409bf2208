//! The page vrrpd.conf(5): the introduction of `docs/configuration.md`, and every table and key that the reader knows.

use roff::{Inline, Roff, bold, italic, roman};
use vrrp_examples::vrrpd::native::{self, Place, Row, Section};

const DOCS: &str = include_str!("../../docs/configuration.md");

/// Returns the page of a version.
pub(crate) fn page(source: &str) -> String {
    let mut page = Roff::new();
    // No date: it would be that of the build.
    page.control("TH", ["VRRPD.CONF", "5", "\"\"", source, "VRRP"]);
    page.control("SH", ["NAME"]).text([roman("vrrpd.conf - configuration of vrrpd, in TOML")]);
    page.control("SH", ["DESCRIPTION"]);
    introduction(&mut page);
    page.control("SH", ["TABLES", "AND", "KEYS"]);
    native::sections().iter().for_each(|table| section(table, &mut page));
    page.control("SH", ["FILES"]);
    let files = [
        ("/etc/vrrpd/vrrpd.conf", "The configuration of the package, in the language of keepalived.conf."),
        ("/usr/share/doc/vrrpd/vrrp-examples/README.md", "The differences from keepalived, keyword by keyword."),
        ("/usr/share/doc/vrrpd/docs/vrrpd.schema.json", "The JSON schema of the format, for editors."),
    ];
    for (path, about) in files {
        page.control("TP", []).text([italic(path)]).text([roman(about)]);
    }
    page.control("SH", ["SEE", "ALSO"]);
    page.text([roman("vrrpd(8), vrrpctl(1), keepalived.conf(5)")]);
    page.render()
}

/// Writes the text before the tables, of which the documentation has paragraphs, lists and examples.
fn introduction(page: &mut Roff) {
    let text = DOCS.split_once("<!--").map_or(DOCS, |(text, _)| text);
    let mut example = false;
    for line in text.lines().skip_while(|line| line.starts_with('#')) {
        match line {
            _ if line.starts_with("```") => {
                example = !example;
                let requests: &[&str] = if example { &["RS", "nf"] } else { &["fi", "RE"] };
                requests.iter().for_each(|request| _ = page.control(*request, []));
            }
            _ if example => _ = page.text([roman(line)]),
            "" => _ = page.control("PP", []),
            _ => match line.strip_prefix("- ") {
                Some(item) => _ = page.control("IP", ["\\(bu", "2"]).text(words(item)),
                None => _ = page.text(words(line.trim_start())),
            },
        }
    }
}

/// Writes a table.
fn section(section: &Section, page: &mut Roff) {
    let title = match section.place {
        Place::First => "Before the first table".to_owned(),
        Place::Table(name) => name.to_owned(),
        Place::Kind(name, kind) => format!("{name} of kind {}", kind.trim_matches('"')),
    };
    page.control("SS", [title.as_str()]).text(words(section.about));
    section.rows.iter().for_each(|key| row(key, page));
}

/// Writes a key: its meaning, its values, and its name elsewhere.
fn row(row: &Row, page: &mut Roff) {
    page.control("TP", []).text([bold(row.key)]).text(words(row.about));
    let default = row.default.map_or_else(|| "It must be there".to_owned(), |default| format!("Default: {default}"));
    page.control("br", []).text(words(&format!("Value: {}. {default}.", row.value)));
    if !row.keepalived.is_empty() {
        let elsewhere = row.keepalived.replace(' ', ", ");
        page.control("br", []).text([roman("In keepalived.conf: "), italic(elsewhere), roman(".")]);
    }
}

/// Returns a text without Markdown: what was code is bold, of a link its words remain.
fn words(text: &str) -> Vec<Inline> {
    let mut text = text.to_owned();
    while let Some((before, after)) = text.split_once("](") {
        let Some(((start, name), (_, end))) = before.rsplit_once('[').zip(after.split_once(')')) else { break };
        text = format!("{start}{name}{end}");
    }
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) }).collect()
}
