//! Text to words, braces and line ends, by keepalived's rules.

use super::report::{Report, Span};

/// What a line is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
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
/// only commands know escapes, and they are split by [`super::command`].
pub(super) fn tokens(source: usize, report: &mut Report) -> Vec<(Token, Span)> {
    let text = report.text(source);
    let mut lexer = Lexer { text: &text, source, at: 0, tokens: Vec::new() };
    lexer.run(report);
    lexer.tokens
}

/// What separates words.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

struct Lexer<'a> {
    text: &'a str,
    source: usize,
    at: usize,
    tokens: Vec<(Token, Span)>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self, report: &mut Report) {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => self.push(Token::Newline, 1),
                '{' => self.push(Token::Open, 1),
                '}' => self.push(Token::Close, 1),
                '#' | '!' => self.at += self.rest_of_line().len(),
                '"' => self.quoted(report),
                c if is_space(c) => self.at += 1,
                _ => self.word(report),
            }
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
                    .error(self.span(1), "this quote is not closed")
                    .with_expected("another `\"` before the end of the line");
                line.len()
            }
        };
        let inner = line.get(1..close.map_or(len, |(close, _)| close)).unwrap_or_default();
        self.word_of(inner, len, report);
    }

    fn word(&mut self, report: &mut Report) {
        let line = self.rest_of_line();
        let mut len = 0;
        while let Some(c) = line.get(len..).and_then(|rest| rest.chars().next()) {
            if is_space(c) || matches!(c, '{' | '}' | '"' | '#' | '!') {
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
        self.word_of(word, len, report);
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
                    "keepalived's releases disagree whether a backslash keeps this from being a comment",
                )
                .with_expected("a word in double quotes")
                .with_help(quote);
        } else {
            report
                .notice(self.span(1), "a comment starts here, inside a word; the word ends before it")
                .with_help(quote);
        }
    }

    fn word_of(&mut self, word: &str, len: usize, report: &mut Report) {
        // Bytes that are no UTF-8 were replaced when the file was read; in a comment they do no harm.
        if word.contains(|c: char| c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t')) {
            report
                .error(self.span(len), "this word holds a control character or bytes that are no UTF-8")
                .with_expected("printable text in UTF-8");
        }
        self.push(Token::Word(word.to_owned()), len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> (String, usize) {
        let mut report = Report::default();
        let source = report.add_source("t".to_owned(), text);
        let show = |(token, span): (Token, Span)| match token {
            Token::Word(word) => {
                assert!(text[span.start..span.end].contains(&word), "{span:?}");
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
            ("a \"b\nc", "[a][b];[c]", 1),
            ("a \u{fffd} # \u{fffd}", "[a][\u{fffd}]", 1),
        ] {
            assert_eq!(lex(text), (expected.to_owned(), findings), "{text:?}");
        }
    }
}
