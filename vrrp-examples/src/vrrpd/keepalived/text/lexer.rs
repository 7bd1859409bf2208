//! Text to words, braces and line ends, by keepalived's rules.

use crate::vrrpd::keepalived::text::look_alikes::{self, Likeness};
use crate::vrrpd::report::{Report, Span};

/// Plain `include` and its stricter forms; all are strict here.
pub(crate) const INCLUDES: [&str; 6] = ["include", "includer", "includem", "includew", "includeb", "includea"];

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word, or what stood between double quotes.
    Word(String),
    /// `{`
    Open,
    /// `}`
    Close,
    /// End of a line.
    Newline,
}

/// Splits one source into tokens.
///
/// Comments and braces count anywhere outside double quotes, also in the middle of a word. Nothing is unescaped here:
/// only commands know escapes, and they are split by [`crate::vrrpd::keepalived::text::command`].
pub(crate) fn tokens(source: usize, report: &mut Report) -> Vec<(Token, Span)> {
    let text = report.text(source);
    let mut lexer = Lexer { text: &text, source, at: 0, tokens: Vec::new(), told: Vec::new() };
    lexer.run(report);
    lexer.tokens
}

/// Returns true if a character separates words.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

struct Lexer<'a> {
    text: &'a str,
    source: usize,
    at: usize,
    tokens: Vec<(Token, Span)>,
    /// Characters that were complained about: each once in a source.
    told: Vec<char>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self, report: &mut Report) {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => self.push(Token::Newline, 1),
                '{' if self.is_pattern() => self.word(report),
                '{' => self.push(Token::Open, 1),
                '}' => self.push(Token::Close, 1),
                '#' | '!' => self.comment(report),
                '"' => self.quoted(report),
                '\r' if self.is_line_end() => {
                    self.complain(c, self.at, report);
                    self.push(Token::Newline, 1);
                }
                c if is_space(c) => self.at += 1,
                c => self.other(c, report),
            }
        }
    }

    /// Reports a character that is not ASCII. It may look like any of the others.
    fn other(&mut self, c: char, report: &mut Report) {
        let (at, len) = (self.at, c.len_utf8());
        match look_alikes::likeness(c) {
            Some(Likeness::LineEnd) => self.push(Token::Newline, len),
            Some(Likeness::Space | Likeness::Nothing) => self.at += len,
            Some(Likeness::Quote) => self.quoted_oddly(c, report),
            Some(Likeness::Sign('{')) => self.push(Token::Open, len),
            Some(Likeness::Sign('}')) => self.push(Token::Close, len),
            _ => return self.word(report),
        }
        self.complain(c, at, report);
    }

    /// Says what a character is and what was probably meant, once for each kind in a source.
    fn complain(&mut self, c: char, at: usize, report: &mut Report) {
        if self.told.contains(&c) {
            return;
        }
        self.told.push(c);
        let name = look_alikes::name(c);
        let (message, meant) = match look_alikes::likeness(c) {
            Some(Likeness::Space) => (format!("{name}, which is not a space"), "a space".to_owned()),
            Some(Likeness::Nothing) => (format!("{name}, which cannot be seen"), "no such character".to_owned()),
            Some(Likeness::Quote) => (format!("{name}, which is not `\"`"), "`\"`".to_owned()),
            Some(Likeness::Sign(like) | Likeness::Letter(like)) => {
                (format!("{name}, which is not `{like}`"), format!("`{like}`"))
            }
            Some(Likeness::LineEnd) => (format!("{name}, which does not end a line"), END_OF_LINE.to_owned()),
            None if c == '\r' => (format!("{name}, which does not end a line alone"), END_OF_LINE.to_owned()),
            None if c == char::REPLACEMENT_CHARACTER => {
                ("octets that are not UTF-8".to_owned(), "text in UTF-8".to_owned())
            }
            None => (format!("{name}, which cannot be printed"), "no such character".to_owned()),
        };
        let count = self.text.matches(c).count();
        let help = match (c, look_alikes::likeness(c)) {
            ('\r', _) => "`sed -i 's/\\r/\\n/g' FILE` makes the ends of all lines those of Unix".to_owned(),
            (char::REPLACEMENT_CHARACTER, _) => {
                "save the file as UTF-8; `iconv -f ISO-8859-1 -t UTF-8` converts what most old editors write".to_owned()
            }
            (_, Some(Likeness::Nothing) | None) => "delete it; if that is hard, type the whole line again".to_owned(),
            _ => "replace it; it often comes with text that was copied from a web page or a document".to_owned(),
        };
        let more = if count > 1 { format!("; it is in this file {count} times") } else { String::new() };
        report
            .syntax(Span { source: self.source, start: at, end: at + c.len_utf8() }, message)
            .with_expected(meant)
            .with_help(help + &more);
    }

    /// Returns true if a carriage return is where a line was meant to end. Before the end of a line it is one of Windows.
    fn is_line_end(&self) -> bool {
        !self.rest_of_line().chars().all(is_space)
    }

    /// Returns true if braces from here on belong to the file names of an `include` line: `{a,b}.conf` are two.
    fn is_pattern(&self) -> bool {
        let line = self.tokens.rsplit(|(token, _)| *token == Token::Newline).next().unwrap_or_default();
        let is_include = matches!(line, [(Token::Word(first), _), ..] if INCLUDES.contains(&first.as_str()));
        is_include && self.rest_of_line().contains('}')
    }

    fn comment(&mut self, report: &mut Report) {
        let line = self.rest_of_line();
        // In a file of an old Macintosh all that follows would be a comment.
        match line.trim_end_matches(is_space).find('\r') {
            Some(end) => {
                self.complain('\r', self.at + end, report);
                self.at += end;
            }
            None => self.at += line.len(),
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn rest_of_line(&self) -> &'a str {
        self.rest().split('\n').next().unwrap_or_default()
    }

    fn span(&self, len: usize) -> Span {
        Span { source: self.source, start: self.at, end: self.at + len }
    }

    fn push(&mut self, token: Token, len: usize) {
        self.tokens.push((token, self.span(len)));
        self.at += len;
    }

    fn quoted(&mut self, report: &mut Report) {
        let line = self.rest_of_line();
        let mut escaped = false;
        let close = line.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let len = match close {
            Some((close, _)) => close + 1,
            None => {
                report
                    .syntax(self.span(1), "this quote is not closed")
                    .with_expected("another `\"` before the end of the line");
                // Not the carriage return of Windows.
                line.trim_end_matches('\r').len()
            }
        };
        let inner = line.get(1..close.map_or(len, |(close, _)| close)).unwrap_or_default();
        self.word_of(inner, len, report);
    }

    /// Reports a word between quotation marks that are not keepalived's.
    fn quoted_oddly(&mut self, open: char, report: &mut Report) {
        let line = self.rest_of_line();
        let is_quote = |c: char| c == '"' || look_alikes::likeness(c) == Some(Likeness::Quote);
        let inside = line.get(open.len_utf8()..).unwrap_or_default();
        let (inner, close) = match inside.find(is_quote) {
            Some(end) => {
                (inside.get(..end).unwrap_or_default(), inside.get(end..).and_then(|rest| rest.chars().next()))
            }
            None => (inside, None),
        };
        let len = open.len_utf8() + inner.len() + close.map_or(0, char::len_utf8);
        self.word_of(inner, len, report);
    }

    fn word(&mut self, report: &mut Report) {
        let (line, is_pattern) = (self.rest_of_line(), self.is_pattern());
        let mut len = 0;
        while let Some(c) = line.get(len..).and_then(|rest| rest.chars().next()) {
            if is_space(c) || matches!(c, '"' | '#' | '!') || (matches!(c, '{' | '}') && !is_pattern) {
                break;
            }
            if let Some(
                Likeness::LineEnd | Likeness::Space | Likeness::Quote | Likeness::Sign('{') | Likeness::Sign('}'),
            ) = look_alikes::likeness(c)
            {
                break;
            }
            // The braces of `${NAME}` belong to the word.
            let rest = line.get(len..).unwrap_or_default();
            len += match rest.starts_with("${").then(|| rest.find('}')).flatten() {
                Some(close) => close + 1,
                None => c.len_utf8(),
            };
        }
        let word = line.get(..len).unwrap_or_default();
        let (at, letters) = (self.at, self.may_be_latin(word));
        let plain: String = word
            .char_indices()
            .filter_map(|(offset, c)| {
                let meant = match look_alikes::likeness(c) {
                    Some(Likeness::Nothing) => None,
                    Some(Likeness::Sign(like)) => Some(like),
                    Some(Likeness::Letter(like)) if letters => Some(like),
                    _ => return Some(c),
                };
                self.complain(c, at + offset, report);
                meant
            })
            .collect();
        self.word_of(&plain, len, report);
        if self.rest().starts_with(['#', '!']) {
            self.comment_in_word(word.ends_with('\\'), report);
        }
    }

    fn comment_in_word(&self, escaped: bool, report: &mut Report) {
        let quote = "double quotes around the word keep the character";
        if escaped {
            report
                .error(
                    self.span(1),
                    "releases of keepalived disagree on whether a backslash keeps this from being a comment",
                )
                .with_expected("a word in double quotes")
                .with_help(quote);
        } else {
            report
                .notice(self.span(1), "a comment starts here, inside a word; the word ends before it")
                .with_help(quote);
        }
    }

    /// Returns true if a word must be meant as ASCII: it has Latin letters, and the rest looks like ASCII. A password may have any.
    fn may_be_latin(&self, word: &str) -> bool {
        let is_password = matches!(self.tokens.last(), Some((Token::Word(before), _)) if before == "auth_pass");
        let fits = |c: char| c.is_ascii() || look_alikes::likeness(c).is_some();
        !is_password && word.chars().all(fits) && word.contains(|c: char| c.is_ascii_alphabetic())
    }

    fn word_of(&mut self, word: &str, len: usize, report: &mut Report) {
        // Octets that are not UTF-8 were replaced when the file was read; in a comment they do no harm.
        let is_odd = |c: char| match look_alikes::likeness(c) {
            Some(Likeness::Space | Likeness::Nothing | Likeness::LineEnd) => true,
            _ => c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t'),
        };
        let stretch = self.text.get(self.at..self.at + len).unwrap_or_default();
        for (offset, c) in stretch.char_indices().filter(|(_, c)| is_odd(*c)) {
            self.complain(c, self.at + offset, report);
        }
        self.push(Token::Word(word.to_owned()), len);
    }
}

const END_OF_LINE: &str = "a line feed, or a carriage return and a line feed";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::keepalived::text::secrets;

    fn lex(text: &str) -> (String, usize) {
        let mut report = Report::new(secrets::printable);
        let source = report.add_source("t".to_owned(), text);
        let show = |(token, span): (Token, Span)| match token {
            Token::Word(word) => {
                assert!(text[span.start..span.end].contains(&word) || !text.is_ascii(), "{span:?}");
                format!("[{word}]")
            }
            Token::Open => "{".to_owned(),
            Token::Close => "}".to_owned(),
            Token::Newline => ";".to_owned(),
        };
        let shown = tokens(source, &mut report).into_iter().map(show).collect();
        (shown, report.take_found().len())
    }

    #[test]
    fn braces_comments_and_quotes_as_keepalived_takes_them() {
        for (text, expected, findings) in [
            ("track_interface { eth1 }", "[track_interface]{[eth1]}", 0),
            ("vrrp_instance VI{\r\n}", "[vrrp_instance][VI]{;}", 0),
            ("a # b { \"\n! c\nd", "[a];;[d]", 0),
            ("auth_pass ab#cd", "[auth_pass][ab]", 1),
            ("auth_pass ab\\#cd", "[auth_pass][ab\\]", 1),
            ("auth_pass \"ab#cd\"", "[auth_pass][ab#cd]", 0),
            ("a \"\" b\"c {d\"e", "[a][][b][c {d][e]", 0),
            ("script \"x \\\"a # b\\\" c\" # d", "[script][x \\\"a # b\\\" c]", 0),
            ("a ${X}b ${Y", "[a][${X}b][$]{[Y]", 0),
            ("include /x/{a,b*}.conf\nz {", "[include][/x/{a,b*}.conf];[z]{", 0),
            ("include {a,b}\ninclude {\n}", "[include][{a,b}];[include]{;}", 0),
            ("a \"b\nc", "[a][b];[c]", 1),
            ("a \"b\r\nc", "[a][b];[c]", 1),
            ("a \rb\r\n# c\rd\r\r\n", "[a];[b];;[d];", 1),
            ("a\u{a0}b\u{a0}\u{200b}c\u{200b}", "[a][b][c]", 2),
            ("\u{201c}a b\u{201d}\u{ff5b}p\u{430}ss\u{2013}\u{ff11}", "[a b]{[pass-1]", 5),
            ("\u{43f}\u{430}\u{440} auth_pass p\u{430}ss", "[\u{43f}\u{430}\u{440}][auth_pass][p\u{430}ss]", 0),
            ("a \u{fffd} # \u{fffd}", "[a][\u{fffd}]", 1),
        ] {
            assert_eq!(lex(text), (expected.to_owned(), findings), "{text:?}");
        }
    }
}
