//! Resolves lines for some hosts only (`@ID`) and definitions (`$NAME=`), before anything else is read.
//!
//! The result is a text of its own. The report knows the place in the file of each stretch of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use crate::vrrpd::keepalived::text::lexer::is_space;
use crate::vrrpd::report::{Piece, Report, Span};

/// Definitions that are put in, and octets of lines that they are put into, before they are taken for an endless circle.
const MAX_USES: usize = 4096;
const MAX_WORK: usize = 1 << 22;

/// The definitions and conditions that hold for all files of a configuration.
pub(crate) struct Definitions {
    /// The id of this host.
    id: String,
    values: BTreeMap<String, String>,
    /// The number that was put in so far, and the length of the lines that they were put into.
    uses: usize,
    work: usize,
    /// The ids that lines ask for, and where the first such line is.
    asked: BTreeSet<String>,
    first_asked: Option<Span>,
}

impl Definitions {
    pub(crate) const fn new(id: String) -> Self {
        Self { id, values: BTreeMap::new(), uses: 0, work: 0, asked: BTreeSet::new(), first_asked: None }
    }

    /// Says so where the file has lines for hosts of some names, and none of them is this one's.
    pub(crate) fn check_id(&self, report: &mut Report) {
        let Some(first) = self.first_asked.filter(|_| !self.asked.contains(&self.id)) else { return };
        let asked: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        let message = format!("no line is for this host, `{}`; there are lines for {}", self.id, asked.join(", "));
        report.of_file(first.source, |report| {
            report.aside(first, message).with_help("`vrrpd --id NAME` reads the file as the host of that name");
        });
    }

    /// Returns the value of a name; `folder` is the folder of the file.
    fn value(&self, name: &str, folder: &str) -> Option<String> {
        match name {
            "_INSTANCE" => Some(self.id.clone()),
            "_PWD" => Some(folder.to_owned()),
            "_HASH" => Some("#".to_owned()),
            "_BANG" => Some("!".to_owned()),
            _ => self.values.get(name).cloned(),
        }
    }
}

/// A stretch of a line.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    from: Origin,
}

/// The place in the file that a stretch comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// It is written in the file, from this octet on.
    File(usize),
    /// A definition was put in here.
    Use(Range<usize>),
}

/// One file on its way.
pub(crate) struct Expansion<'a> {
    source: usize,
    folder: &'a str,
    /// The text that is not read yet.
    rest: &'a str,
    at: usize,
    /// Lines out of a definition of several, before the rest of the file.
    pending: VecDeque<Vec<Part>>,
    /// The result.
    text: String,
    pieces: Vec<Piece>,
    changed: bool,
}

impl<'a> Expansion<'a> {
    pub(crate) fn new(source: usize, text: &'a str, folder: &'a str) -> Self {
        let (pending, pieces) = (VecDeque::new(), Vec::new());
        Self { source, folder, rest: text, at: 0, pending, text: String::new(), pieces, changed: false }
    }

    /// Goes on to the next line that begins with one of these words. Returns where it begins in what comes out so far.
    pub(crate) fn until_line_of(
        &mut self,
        words: &[&str],
        definitions: &mut Definitions,
        report: &mut Report,
    ) -> Option<Range<usize>> {
        loop {
            let line = match self.pending.pop_front() {
                Some(line) => line,
                None => vec![self.next_line()?],
            };
            let start = self.text.len();
            self.line(line, definitions, report);
            let line = self.text.get(start..).unwrap_or_default();
            let first = line.trim_start_matches(is_space).split(|c: char| is_space(c) || c == '\n').next();
            if first.is_some_and(|first| words.contains(&first)) {
                return Some(start..self.text.len());
            }
        }
    }

    /// Returns the result so far, if it differs from the text of the file.
    pub(crate) fn so_far(&self) -> Option<(&str, &[Piece])> {
        self.changed.then_some((self.text.as_str(), self.pieces.as_slice()))
    }

    /// Returns the next line of the file with its end; a definition with all its lines.
    fn next_line(&mut self) -> Option<Part> {
        let mut lines = self.rest.split_inclusive('\n');
        let mut line = lines.next()?;
        let mut len = line.len();
        if is_definition(code(line)) {
            while code(line).ends_with('\\') {
                let Some(more) = lines.next() else { break };
                len += more.len();
                line = more;
            }
        }
        let (whole, rest) = self.rest.split_at_checked(len)?;
        let part = Part { text: whole.to_owned(), from: Origin::File(self.at) };
        self.rest = rest;
        self.at += len;
        Some(part)
    }

    /// Puts out a line, or takes in what it defines.
    fn line(&mut self, line: Vec<Part>, definitions: &mut Definitions, report: &mut Report) {
        let Some(line) = self.for_this_host(line, definitions) else { return };
        let text = concat(&line);
        if let Some((name, value)) = definition(&text) {
            self.changed = true;
            definitions.values.insert(name.to_owned(), value);
            self.put(&[Part { text: "\n".to_owned(), from: origin(&line) }]);
            return;
        }
        let Some((place, value)) = self.first_use(&text, &line, definitions, report) else { return self.put(&line) };
        self.changed = true;
        definitions.uses += 1;
        let range = self.range_of(&line, place.clone());
        let (mut replaced, rest) = split(line, place.start);
        let (_, after) = split(rest, place.len());
        definitions.work += text.len();
        if definitions.uses > MAX_USES || definitions.work > MAX_WORK {
            let span = Span { source: self.source, start: range.start, end: range.end };
            report.of_file(self.source, |report| {
                report
                    .syntax(span, "definitions that use each other without end")
                    .with_expected("a definition of text");
            });
            // The lines after it are read unchanged.
            definitions.values.clear();
            self.pending.clear();
            self.put(&[Part { text: "\n".to_owned(), from: Origin::Use(range) }]);
            return;
        }
        for part in [Part { text: value, from: Origin::Use(range) }].into_iter().chain(after) {
            match replaced.last_mut() {
                Some(Part { text, from: Origin::Use(last) }) if matches!(&part.from, Origin::Use(next) if last == next) =>
                {
                    text.push_str(&part.text);
                }
                _ => replaced.push(part),
            }
        }
        // What was put in may be of several lines, and may have uses of its own.
        for line in lines(replaced).into_iter().rev() {
            self.pending.push_front(line);
        }
    }

    /// Returns the line without its condition; nothing, if it is for others.
    fn for_this_host(&mut self, line: Vec<Part>, definitions: &mut Definitions) -> Option<Vec<Part>> {
        let text = concat(&line);
        let lead = text.len() - text.trim_start_matches(is_space).len();
        let word = text.get(lead..).unwrap_or_default();
        let word = word.split(|c: char| is_space(c) || c == '\n').next().unwrap_or_default();
        let Some(id) = word.strip_prefix('@') else { return Some(line) };
        self.changed = true;
        let (not, id) = id.strip_prefix('^').map_or((false, id), |id| (true, id));
        if !not && !id.is_empty() {
            let range = self.range_of(&line, lead..lead + word.len());
            let span = Span { source: self.source, start: range.start, end: range.end };
            definitions.asked.insert(id.to_owned());
            definitions.first_asked.get_or_insert(span);
        }
        if (id == definitions.id) == not {
            self.put(&[Part { text: "\n".to_owned(), from: origin(&line) }]);
            return None;
        }
        Some(split(line, lead + word.len()).1)
    }

    /// Returns the first name in a line that has a value, with that.
    fn first_use(
        &self,
        text: &str,
        line: &[Part],
        definitions: &Definitions,
        report: &mut Report,
    ) -> Option<(Range<usize>, String)> {
        let code = code(text);
        for (start, _) in code.match_indices('$') {
            let Some((name, len)) = name_at(code.get(start..).unwrap_or_default()) else { continue };
            let Some(value) = definitions.value(name, self.folder) else { continue };
            let place = start..start + len;
            if matches!(name, "_HASH" | "_BANG") && !is_quoted(code.get(..start).unwrap_or_default()) {
                let range = self.range_of(line, place);
                let span = Span { source: self.source, start: range.start, end: range.end };
                report.of_file(self.source, |report| {
                    report
                        .error(span, format!("`${{{name}}}` outside double quotes is not supported"))
                        .with_expected(format!("the whole word in double quotes, where `{value}` begins no comment"));
                });
                continue;
            }
            return Some((place, value));
        }
        None
    }

    /// Returns the place in the file of a stretch of a line.
    fn range_of(&self, line: &[Part], place: Range<usize>) -> Range<usize> {
        let mut at = 0;
        let mut found: Option<Range<usize>> = None;
        for Part { text, from } in line {
            let (start, end) = (place.start.max(at), place.end.min(at + text.len()));
            if start < end {
                let here = match from {
                    Origin::File(first) => first + start - at..first + end - at,
                    Origin::Use(range) => range.clone(),
                };
                found = Some(found.map_or(here.clone(), |found| found.start..here.end.max(found.end)));
            }
            at += text.len();
        }
        found.unwrap_or(self.at..self.at)
    }

    fn put(&mut self, line: &[Part]) {
        for Part { text, from } in line {
            let (file, is_use) = match from {
                Origin::File(at) => (*at..at + text.len(), false),
                Origin::Use(range) => (range.clone(), true),
            };
            self.pieces.push(Piece { at: self.text.len(), file, is_use });
            self.text.push_str(text);
        }
    }
}

/// Returns a line without its comment and the blanks before that.
fn code(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '#' | '!' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    line.get(..end).unwrap_or_default().trim_end_matches(|c: char| is_space(c) || c == '\n')
}

/// Returns true if a text ends inside double quotes.
fn is_quoted(before: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in before.chars() {
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    quoted
}

/// Returns the name after a dollar sign, and the length of both: `${NAME}`, or `$NAME` before a blank or the end.
fn name_at(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    if let Some(rest) = rest.strip_prefix('{') {
        let name = rest.get(..rest.find('}')?)?;
        return is_name(name).then_some((name, name.len() + 3));
    }
    let name = rest.get(..rest.find(|c: char| !is_name_character(c)).unwrap_or(rest.len()))?;
    let after = rest.get(name.len()..)?;
    let ends = after.is_empty() || after.starts_with(|c: char| is_space(c) || c == '\n');
    (is_name(name) && ends).then_some((name, name.len() + 1))
}

const fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_character) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns true if a line, perhaps behind a condition, defines something.
fn is_definition(line: &str) -> bool {
    let line = line.trim_start_matches(is_space);
    let line = match line.strip_prefix('@') {
        Some(condition) => condition.split_once(is_space).map_or("", |(_, line)| line.trim_start_matches(is_space)),
        None => line,
    };
    definition(line).is_some()
}

/// Returns the definition of a line: the name, and the value with its lines.
fn definition(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.trim_start_matches(is_space).strip_prefix('$')?.split_once('=')?;
    if !is_name(name) || name.starts_with('_') {
        return None;
    }
    let lines = value.lines().map(|line| {
        let line = code(line);
        line.strip_suffix('\\').unwrap_or(line).trim_end_matches(is_space)
    });
    Some((name, lines.collect::<Vec<_>>().join("\n").trim_matches(|c: char| is_space(c) || c == '\n').to_owned()))
}

fn concat(line: &[Part]) -> String {
    line.iter().map(|part| part.text.as_str()).collect()
}

/// Returns where a line comes from, as a whole.
fn origin(line: &[Part]) -> Origin {
    line.first().map_or(Origin::File(0), |part| part.from.clone())
}

/// Cuts a line in two.
fn split(line: Vec<Part>, at: usize) -> (Vec<Part>, Vec<Part>) {
    let (mut before, mut after, mut passed) = (Vec::new(), Vec::new(), 0);
    for Part { text, from } in line {
        let cut = at.saturating_sub(passed).min(text.len());
        passed += text.len();
        let (first, second) = text.split_at_checked(cut).unwrap_or((&text, ""));
        let second_from = match &from {
            Origin::File(start) => Origin::File(start + cut),
            Origin::Use(range) => Origin::Use(range.clone()),
        };
        if !first.is_empty() {
            before.push(Part { text: first.to_owned(), from });
        }
        if !second.is_empty() {
            after.push(Part { text: second.to_owned(), from: second_from });
        }
    }
    (before, after)
}

/// Splits parts into lines, each with its end.
fn lines(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let (mut lines, mut rest) = (Vec::new(), parts);
    loop {
        let text = concat(&rest);
        match text.find('\n') {
            Some(end) if end + 1 < text.len() => {
                let (line, after) = split(rest, end + 1);
                lines.push(line);
                rest = after;
            }
            _ => {
                lines.push(rest);
                return lines;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let mut report = Report::new(|_, line| line.to_owned());
        let mut definitions = Definitions::new("me".to_owned());
        let mut expansion = Expansion::new(0, text, "/etc/x");
        while expansion.until_line_of(&[], &mut definitions, &mut report).is_some() {}
        assert!(report.take_found().is_empty());
        expansion.text
    }

    #[test]
    fn lines_for_this_host_stay_and_others_go() {
        for (text, expected) in [
            ("@me a\n@you b\n@^me c\n@^you d\n e\n", " a\n\n\n d\n e\n"),
            ("@me\n@ a\n", "\n\n"),
            ("  @me vrrp_instance A {\n", " vrrp_instance A {\n"),
            ("a @me b", "a @me b"),
        ] {
            assert_eq!(expanded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn definitions_are_put_in_where_the_manual_has_them() {
        for (text, expected) in [
            ("$A=10.2.${B}\n$B=0\n${A}.1/32\n$B=10\n${A}.1/32\n", "\n\n10.2.0.1/32\n\n10.2.10.1/32\n"),
            ("$A=1 # c\np $A\nq x$A y$A.z ${A}z\n", "\np 1\nq x1 y$A.z 1z\n"),
            ("@me $P=240\n@you $P=200\np $P\n", "\n\np 240\n"),
            ("$I=@you\n$I a\n$E=\n$E b\n", "\n\n\n b\n"),
            ("$A=x\ns \"a $A ${A}\" # $A\n", "\ns \"a x x\" # $A\n"),
            ("s ${NONE} $NONE\n", "s ${NONE} $NONE\n"),
            ("$Q=\"a b\"\nn $Q\n", "\nn \"a b\"\n"),
            ("${_INSTANCE} $_PWD \"a${_HASH}b\"\n", "me /etc/x \"a#b\"\n"),
            (
                "$L= \\\n i ${N} { \\\n @me p 1 \\\n @you p 2 \\\n }\n$N=1\n$L\n$N=2\n$L\n",
                "\n\ni 1 {\n p 1\n\n }\n\ni 2 {\n p 1\n\n }\n",
            ),
            (
                "$R= \\\n r ${N} \\\n w\n$V= \\\n v { \\\n $N=1 \\\n $R \\\n $N=2 \\\n $R \\\n }\n$V",
                "\n\nv {\n\n r 1\n w\n\n r 2\n w\n }",
            ),
            ("$A=\\\n a\\\n b\nx ${A} y\n", "\nx a\n b y\n"),
        ] {
            assert_eq!(expanded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_endless_definition_ends() {
        for text in ["$A=${A}\n${A}\n", "$A=${B}\n$B=x${A}\n$A\n", "$A=${B} ${B}\n$B=${A} ${A}\nx $A\n"] {
            let mut report = Report::new(|_, line| line.to_owned());
            report.add_source("t".to_owned(), text);
            let mut definitions = Definitions::new("me".to_owned());
            let mut expansion = Expansion::new(0, text, "");
            while expansion.until_line_of(&[], &mut definitions, &mut report).is_some() {}
            assert_eq!(report.take_found().len(), 1, "{text}");
        }
    }
}
