//! Tokens to lines: a keyword, its values, perhaps a block. Keywords matter here only where a brace is missing.
//!
//! Nothing else is looked at: what an `include` names is read by whoever takes the lines.

use std::collections::BTreeSet;

use crate::vrrpd::keepalived::text::lexer::{self, INCLUDES, Token};
use crate::vrrpd::keepalived::text::statement::Word;
use crate::vrrpd::report::{Report, Span};

/// One line.
pub(crate) enum Line {
    /// A statement, with the block that belongs to it.
    Statement { keyword: Word, values: Vec<Word>, block: Option<Body> },
    /// A place for other files.
    Include { keyword: Word, values: Vec<Word> },
}

/// The lines between two braces.
pub(crate) struct Body {
    /// The opening brace.
    pub(crate) open: Span,
    pub(crate) lines: Vec<Line>,
}

/// Blocks within blocks, and files within files, go no deeper.
pub(crate) const MAX_DEPTH: usize = 16;

/// Keywords that may only be outside of every block. Inside one, its closing brace is missing.
const SECTIONS: [&str; 14] = [
    "bfd_instance",
    "garp_group",
    "global_defs",
    "interface_up_down_delays",
    "static_ipaddress",
    "static_routes",
    "static_rules",
    "track_group",
    "virtual_server",
    "vrrp_instance",
    "vrrp_script",
    "vrrp_sync_group",
    "vrrp_track_file",
    "vrrp_track_process",
];

/// Blocks inside sections, in addition to [`LISTS`]. Those of the load balancer, which are skipped whole, are among them.
const INNER_BLOCKS: [&str; 11] = [
    "virtual_server_group",
    "real_server",
    "BFD_CHECK",
    "DNS_CHECK",
    "FILE_CHECK",
    "HTTP_GET",
    "MISC_CHECK",
    "PING_CHECK",
    "SMTP_CHECK",
    "SSL_GET",
    "TCP_CHECK",
];

/// Blocks that are lists: they contain no block.
const LISTS: [&str; 13] = [
    "authentication",
    "group",
    "notification_email",
    "track_bfd",
    "track_file",
    "track_interface",
    "track_process",
    "track_script",
    "unicast_peer",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "virtual_routes",
    "virtual_rules",
];

/// Lists in which a line begins with an address and not with a keyword.
const ADDRESS_LISTS: [&str; 4] =
    ["notification_email", "unicast_peer", "virtual_ipaddress", "virtual_ipaddress_excluded"];

/// Tells whether a block belongs to a keyword.
fn begins_block(keyword: &str) -> bool {
    SECTIONS.contains(&keyword) || LISTS.contains(&keyword) || INNER_BLOCKS.contains(&keyword)
}

/// Parses one source. Every finding goes to `report`. Returns the statements that could be read.
///
/// `is_keyword` returns true for a keyword of any block: such a word is not a value.
pub(crate) fn parse(source: usize, is_keyword: fn(&str) -> bool, report: &mut Report) -> Vec<Line> {
    let mut parser = Parser {
        is_keyword,
        words: Vec::new(),
        open: Vec::new(),
        body: Vec::new(),
        missing: Vec::new(),
        continued: false,
    };
    let tokens = lexer::tokens(source, report);
    let missing = missing_braces(&tokens);
    let mut tokens = tokens.into_iter().enumerate().peekable();
    while let Some((mut index, (token, span))) = tokens.next() {
        match token {
            Token::Word(text) => parser.words.push(Word { text, span }),
            Token::Open if parser.open.len() == MAX_DEPTH => {
                report.syntax(span, format!("blocks nest deeper than {MAX_DEPTH}")).with_expected("`}`");
                return parser.body;
            }
            Token::Open => parser.open(span, report),
            Token::Close => parser.close(span, report),
            Token::Newline => {
                while let Some((later, _)) = tokens.next_if(|(_, (token, _))| *token == Token::Newline) {
                    index = later;
                }
                if missing.contains(&index) {
                    parser.open_without_brace(report);
                // An opening brace may be on a line of its own.
                } else if !matches!(tokens.peek(), Some((_, (Token::Open, _)))) {
                    parser.end_line(report);
                }
            }
        }
    }
    parser.end_line(report);
    parser.close_all(|_, _| "the end of the file".to_owned(), report);
    parser.body
}

struct Parser {
    is_keyword: fn(&str) -> bool,
    /// The line so far.
    words: Vec<Word>,
    /// The blocks that are open, each with what stood outside it so far.
    open: Vec<(Vec<Word>, Span, Vec<Line>)>,
    /// The innermost block so far.
    body: Vec<Line>,
    /// Opening braces without a closing one before the start of a section.
    missing: Vec<Span>,
    /// The value of a definition goes on.
    continued: bool,
}

impl Parser {
    fn end_line(&mut self, report: &mut Report) {
        let words = std::mem::take(&mut self.words);
        let continued = std::mem::take(&mut self.continued);
        let is_definition = words.first().is_some_and(|word| word.text.starts_with('$'));
        self.continued = (continued || is_definition) && words.last().is_some_and(|word| word.text.ends_with('\\'));
        if continued {
            return;
        }
        self.expect_section(&words, report);
        self.expect_list_end(&words, false, report);
        if !refuse_preprocessing(&words, report) {
            self.finish(words, None);
        }
    }

    fn open(&mut self, brace: Span, report: &mut Report) {
        let mut words = std::mem::take(&mut self.words);
        self.expect_section(&words, report);
        self.expect_list_end(&words, true, report);
        if words.is_empty() {
            report.syntax(brace, "a block without a keyword").with_expected("a keyword before `{`");
        } else if refuse_preprocessing(&words, report) {
            words.clear();
        }
        self.open.push((words, brace, std::mem::take(&mut self.body)));
    }

    /// Reads a block whose opening brace was forgotten: reports it, and goes on as if it were there.
    fn open_without_brace(&mut self, report: &mut Report) {
        let words = std::mem::take(&mut self.words);
        self.expect_section(&words, report);
        let Some(keyword) = words.first() else { return };
        report
            .error(keyword.span, format!("`{}` has no block", keyword.text))
            .with_expected("`{` at the end of this line");
        self.open.push((words.clone(), keyword.span, std::mem::take(&mut self.body)));
    }

    fn close(&mut self, brace: Span, report: &mut Report) {
        self.end_line(report);
        match self.open.pop() {
            Some(open) => self.leave(open),
            None => match self.missing.pop() {
                Some(open) => {
                    let line = report.place(brace, open);
                    report.add_help(
                        open,
                        format!("the `}}` on {line}, which closes nothing, is the one that is missing"),
                    );
                }
                None => {
                    report
                        .syntax(brace, "this `}` closes nothing")
                        .with_expected("as many `}` as `{`")
                        .with_help("braces in a value must be in double quotes");
                }
            },
        }
    }

    /// Ends the block at a new section inside it: a brace is missing. Reports it once and carries on outside.
    fn expect_section(&mut self, words: &[Word], report: &mut Report) {
        if let Some(keyword) = words.first() {
            if SECTIONS.contains(&keyword.text.as_str()) && !self.open.is_empty() {
                self.close_all(
                    |brace, report| format!("`{}` on {}", keyword.text, report.place(keyword.span, brace)),
                    report,
                );
            }
        }
    }

    /// Does the same inside a list, where a block begins, or a keyword is in the place of an address.
    fn expect_list_end(&mut self, words: &[Word], opens: bool, report: &mut Report) {
        let (Some(keyword), Some((list, brace, _))) = (words.first(), self.open.last()) else { return };
        let is_in = |lists: &[&str]| list.first().is_some_and(|list| lists.contains(&list.text.as_str()));
        let ends = (opens && is_in(&LISTS)) || is_in(&ADDRESS_LISTS);
        // A word that is not a keyword may be a password.
        if ends && (self.is_keyword)(&keyword.text) {
            let expected = format!("`}}` before `{}` on {}", keyword.text, report.place(keyword.span, *brace));
            report.syntax(*brace, "this `{` is not closed").with_expected(expected);
            if let Some(open) = self.open.pop() {
                self.leave(open);
            }
        }
    }

    /// Closes every block that is open, and says so.
    fn close_all(&mut self, before: impl Fn(Span, &Report) -> String, report: &mut Report) {
        while let Some(open) = self.open.pop() {
            let expected = format!("`}}` before {}", before(open.1, report));
            report.syntax(open.1, "this `{` is not closed").with_expected(expected);
            self.missing.push(open.1);
            self.leave(open);
        }
    }

    fn leave(&mut self, (words, open, outside): (Vec<Word>, Span, Vec<Line>)) {
        let lines = std::mem::replace(&mut self.body, outside);
        self.finish(words, Some(Body { open, lines }));
    }

    fn finish(&mut self, words: Vec<Word>, block: Option<Body>) {
        let mut words = words.into_iter();
        let Some(keyword) = words.next() else { return };
        let values = words.collect();
        self.body.push(match block {
            None if INCLUDES.contains(&keyword.text.as_str()) => Line::Include { keyword, values },
            block => Line::Statement { keyword, values, block },
        });
    }
}

/// Returns the ends of the lines where an opening brace is missing. For each brace of a section that closes nothing, this is
/// the last line before it whose keyword has a block, but none here.
fn missing_braces(tokens: &[(Token, Span)]) -> BTreeSet<usize> {
    let mut missing = BTreeSet::new();
    let (mut candidates, mut depth, mut first) = (Vec::new(), 0_usize, None);
    for (index, (token, _)) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if first.is_none() => {
                first = Some(word.as_str());
                if SECTIONS.contains(&word.as_str()) {
                    candidates.clear();
                    depth = 0;
                }
            }
            Token::Word(_) => {}
            Token::Open => (first, depth) = (None, depth + 1),
            Token::Close => {
                first = None;
                match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => missing.extend(candidates.pop()),
                }
            }
            Token::Newline => {
                let opens = matches!(tokens.get(index + 1), Some((Token::Open | Token::Newline, _)));
                match first {
                    _ if opens => {}
                    Some(word) if begins_block(word) => {
                        candidates.push(index);
                        first = None;
                    }
                    _ => first = None,
                }
            }
        }
    }
    missing
}

/// Refuses the conditions, definitions and repetitions that are left: they are not understood, and none passes as text.
/// Returns true if the keyword itself is one.
fn refuse_preprocessing(words: &[Word], report: &mut Report) -> bool {
    let refused = |index: usize, text: &str| {
        if index == 0 && text.starts_with('@') {
            Some("a second condition (`@id`) on one line is")
        } else if index == 0 && text.starts_with('$') && text.contains('=') {
            Some("a definition (`$NAME=`) without a name of letters, digits and `_` is")
        } else if text.contains("${_HASH}") || text.contains("${_BANG}") {
            // It was told that these belong in double quotes.
            None
        } else if text.contains("$_") || text.contains("${_") {
            Some("of keepalived's own definitions only _INSTANCE, _PWD, _HASH and _BANG are known; this one is")
        } else if text.contains("~SEQ") || text.contains("~LST") {
            Some("a repetition (`~SEQ`, `~LST`) is")
        } else {
            None
        }
    };
    let mut keyword = false;
    for (index, word) in words.iter().enumerate() {
        if let Some(what) = refused(index, &word.text) {
            report.error(word.span, format!("{what} not supported")).with_expected("the line written out");
            keyword |= index == 0;
        }
    }
    keyword
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[Line]) -> String {
        let words = |keyword: &Word, values: &[Word]| {
            let words: Vec<&str> = [keyword].into_iter().chain(values).map(|word| word.text.as_str()).collect();
            words.join(" ")
        };
        let line = |line: &Line| match line {
            Line::Include { keyword, values } => format!("<{}>", words(keyword, values)),
            Line::Statement { keyword, values, block: None } => format!("{};", words(keyword, values)),
            Line::Statement { keyword, values, block: Some(Body { lines, .. }) } => {
                format!("{} {{{}}}", words(keyword, values), shown(lines))
            }
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn an_include_is_a_line_of_its_own_and_nothing_is_read_for_it() {
        let text = "a {\n include /dev/null\n b c\n}\nincludem x y\ninclude {\n d\n}\n$V=1\\\ninclude z\n";
        let mut report = Report::new(|_, line| line.to_owned());
        let source = report.add_source("t".to_owned(), text);
        let lines = parse(source, |_| false, &mut report);
        assert_eq!(shown(&lines), "a {<include /dev/null>b c;}<includem x y>include {d;}");
        assert_eq!(report.add_source("next".to_owned(), ""), source + 1);
    }
}
