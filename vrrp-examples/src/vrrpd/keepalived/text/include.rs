//! `include`: which files a line names, and the guard against loops.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::vrrpd::keepalived::text::expansion::{Definitions, Expansion};
use crate::vrrpd::keepalived::text::lexer::{INCLUDES, is_space};
use crate::vrrpd::keepalived::text::parser::{Body, Line, MAX_DEPTH, parse};
use crate::vrrpd::keepalived::text::statement::{Block, Statement, Word};
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::{Report, Span};

/// The files that are being read, outermost first: as they were named, and by their canonical path.
pub(crate) struct Files {
    /// Returns true for a keyword of any block.
    is_keyword: fn(&str) -> bool,
    reading: Vec<(PathBuf, PathBuf)>,
    definitions: Definitions,
    /// The statements of `include` lines, by source and place. Each file was read at its turn, because it may define something.
    included: BTreeMap<(usize, usize), Vec<Statement>>,
}

impl Files {
    /// `id`: what this host is called in lines for some hosts only.
    pub(crate) fn new(is_keyword: fn(&str) -> bool, id: &str) -> Self {
        let definitions = Definitions::new(id.to_owned());
        Self { is_keyword, reading: Vec::new(), definitions, included: BTreeMap::new() }
    }

    /// Reads the outermost file.
    pub(crate) fn load(&mut self, path: &Path, report: &mut Report) -> Vec<Statement> {
        match self.read(path, report) {
            Ok(statements) => {
                self.definitions.check_id(report);
                statements
            }
            Err(why) => {
                report.file_error(path.display().to_string(), format!("cannot be read: {why}"));
                Vec::new()
            }
        }
    }

    /// Takes in a text, which `report` calls `name`.
    pub(crate) fn take_text(&mut self, name: &str, text: &str, report: &mut Report) -> Vec<Statement> {
        let source = report.add_source(name.to_owned(), text);
        self.resolve(source, report);
        let lines = parse(source, self.is_keyword, report);
        self.expand(lines, report)
    }

    /// Resolves conditions and definitions, and reads what is included on the way: it may define something too.
    fn resolve(&mut self, source: usize, report: &mut Report) {
        let text = report.text(source);
        let folder = self.reading.last().and_then(|(_, file)| file.parent());
        let folder = folder.unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let mut expansion = Expansion::new(source, &text, &folder);
        while let Some(line) = expansion.until_line_of(&INCLUDES, &mut self.definitions, report) {
            if let Some((text, pieces)) = expansion.so_far() {
                report.set_text(source, text, pieces);
            }
            let start = line.start;
            let line = report.slice(Span { source, start, end: line.end }).to_owned();
            let mut words = words(&line).map(|(at, text)| Word {
                span: Span { source, start: start + at, end: start + at + text.len() },
                text: text.to_owned(),
            });
            let Some(keyword) = words.next() else { continue };
            let values: Vec<Word> = words.collect();
            let statements = self.include(&keyword, &values, report);
            self.included.insert((source, keyword.span.start), statements);
        }
        if let Some((text, pieces)) = expansion.so_far() {
            report.set_text(source, text, pieces);
        }
    }

    /// Puts what the `include` lines name in their place.
    fn expand(&mut self, lines: Vec<Line>, report: &mut Report) -> Vec<Statement> {
        let mut statements = Vec::with_capacity(lines.len());
        for line in lines {
            match line {
                Line::Include { keyword, values } => {
                    let read = self.included.remove(&(keyword.span.source, keyword.span.start));
                    statements.extend(read.unwrap_or_else(|| self.include(&keyword, &values, report)));
                }
                Line::Statement { keyword, values, block } => {
                    let block = block.map(|Body { open, lines }| Block { open, body: self.expand(lines, report) });
                    statements.push(Statement { keyword, values, block });
                }
            }
        }
        statements
    }

    /// Reads the files that an `include` line names, relative to the folder of its own file.
    fn include(&mut self, keyword: &Word, values: &[Word], report: &mut Report) -> Vec<Statement> {
        let [pattern] = values else {
            report.error(keyword.span, "`include` takes one file name").with_expected("include FILE");
            return Vec::new();
        };
        let Some(base) = self.reading.last().and_then(|(file, _)| file.parent()) else {
            report
                .error(keyword.span, "`include` in a text that is not a file")
                .with_expected("a file to be relative to");
            return Vec::new();
        };
        let paths: Vec<PathBuf> =
            alternatives(&pattern.text).iter().flat_map(|pattern| expand(base, pattern)).collect();
        if paths.is_empty() {
            report.notice(pattern.span, "no file matches this pattern; nothing is included");
        }
        let mut statements = Vec::new();
        for path in paths {
            match self.read(&path, report) {
                Ok(read) => statements.extend(read),
                Err(why) => {
                    let file = path.display();
                    report
                        .error(pattern.span, format!("{file} cannot be included: {why}"))
                        .with_code(Code::File)
                        .with_expected(
                            "the name of a readable file, relative to this one, or a pattern that may match none",
                        );
                }
            }
        }
        statements
    }

    fn read(&mut self, path: &Path, report: &mut Report) -> Result<Vec<Statement>, String> {
        let canonical = path.canonicalize().map_err(|error| error.to_string())?;
        if self.reading.iter().any(|(_, file)| *file == canonical) {
            return Err("it would include itself for ever".to_owned());
        }
        if self.reading.len() == MAX_DEPTH {
            return Err(format!("files include each other deeper than {MAX_DEPTH}"));
        }
        let bytes = fs::read(&canonical).map_err(|error| error.to_string())?;
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err("it is in UTF-16; save it in UTF-8, or convert it: iconv -f UTF-16 -t UTF-8".to_owned());
        }
        self.reading.push((path.to_owned(), canonical));
        let statements = self.take_text(&path.display().to_string(), &String::from_utf8_lossy(&bytes), report);
        self.reading.pop();
        Ok(statements)
    }
}

/// Returns the words of a line and where they are; what is in double quotes is one.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += line.get(at..)?.find(|c: char| !is_space(c))?;
        let rest = line.get(at..)?;
        let (start, word) = match rest.strip_prefix('"') {
            Some(quoted) => (at + 1, quoted.get(..quoted.find(['"', '\n']).unwrap_or(quoted.len()))?),
            None => (
                at,
                rest.get(..rest.find(|c: char| is_space(c) || matches!(c, '\n' | '#' | '!')).unwrap_or(rest.len()))?,
            ),
        };
        at = start + word.len() + (start - at);
        (!word.is_empty()).then_some((start, word))
    })
}

/// Returns the patterns that `{a,b}` in a pattern means, in their order. Braces that are not in pairs stay as they are.
fn alternatives(pattern: &str) -> Vec<String> {
    const MOST: usize = 256;
    let (mut done, mut open) = (Vec::new(), vec![pattern.to_owned()]);
    while let Some(pattern) = open.pop() {
        match first_pair(&pattern) {
            Some((before, choices, after)) if open.len() + done.len() < MOST => {
                open.extend(choices.iter().rev().map(|choice| format!("{before}{choice}{after}")));
            }
            _ => done.push(pattern),
        }
    }
    done
}

/// Returns the text before the first pair of braces, its choices, and the text after it.
fn first_pair(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let start = pattern.find('{')?;
    let (mut depth, mut from, mut choices) = (0_usize, start + 1, Vec::new());
    for (at, c) in pattern.char_indices().skip_while(|(at, _)| *at < start) {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(pattern.get(from..at)?);
                from = at + 1;
            }
            '}' if depth == 1 => {
                choices.push(pattern.get(from..at)?);
                return Some((pattern.get(..start)?, choices, pattern.get(at + 1..)?));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Returns the file that a name means, even if it does not exist; for a pattern every file that matches, sorted.
fn expand(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let is_pattern = |part: &str| part.contains(['*', '?', '[']);
    if !is_pattern(pattern) {
        return vec![base.join(pattern)];
    }
    let root = if pattern.starts_with('/') { Path::new("/") } else { base };
    let mut paths = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        paths = match is_pattern(part) {
            true => paths.iter().flat_map(|directory| matching(directory, part)).collect(),
            false => paths.iter().map(|directory| directory.join(part)).filter(|path| path.exists()).collect(),
        };
    }
    paths.sort();
    paths
}

fn matching(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern: Vec<char> = pattern.chars().collect();
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| {
            let name: Vec<char> = entry.file_name().to_string_lossy().chars().collect();
            let hidden = name.starts_with(&['.']) && !pattern.starts_with(&['.']);
            !hidden && matches(&pattern, &name)
        })
        .map(|entry| entry.path())
        .collect()
}

/// Matches a name with the shell's `*`, `?` and `[...]`.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=name.len()).any(|skip| matches(rest, name.get(skip..).unwrap_or_default())),
        (['?', rest @ ..], [_, name @ ..]) => matches(rest, name),
        (['[', set @ ..], [c, name @ ..]) => match set.iter().skip(1).position(|c| *c == ']') {
            Some(end) => {
                let (set, rest) = set.split_at(end + 1);
                in_set(set, *c) && matches(rest.get(1..).unwrap_or_default(), name)
            }
            None => *c == '[' && matches(set, name),
        },
        ([p, rest @ ..], [c, name @ ..]) => p == c && matches(rest, name),
        _ => false,
    }
}

fn in_set(set: &[char], c: char) -> bool {
    match set {
        ['!' | '^', set @ ..] => !in_set(set, c),
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&c) || (!rest.is_empty() && in_set(rest, c)),
        [first, rest @ ..] => *first == c || (!rest.is_empty() && in_set(rest, c)),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_several_patterns() {
        for (pattern, expected) in [
            ("a", &["a"][..]),
            ("x/{a,b}.conf", &["x/a.conf", "x/b.conf"]),
            ("{a,b}{1,2}", &["a1", "a2", "b1", "b2"]),
            ("a{b,c{d,e}}", &["ab", "acd", "ace"]),
            ("a}{b", &["a}{b"]),
        ] {
            assert_eq!(alternatives(pattern), expected, "{pattern}");
        }
        assert!(alternatives(&"{a,b}".repeat(100)).len() <= 512);
    }

    #[test]
    fn patterns_match_as_the_shells_do() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a?c*", "abc", true),
            ("a?c", "ac", false),
            ("[0-9]x[!ab]", "7xc", true),
            ("[0-9]x[!ab]", "7xb", false),
            ("[", "[", true),
            ("*a*b", "xaxxb", true),
        ] {
            assert_eq!(matches(&chars(pattern), &chars(name)), expected, "{pattern} {name}");
        }
    }
}
