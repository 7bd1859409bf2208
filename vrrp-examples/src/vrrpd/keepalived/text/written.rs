//! A word as it is written into a file.

use crate::vrrpd::keepalived::text::lexer::{self, Token};
use crate::vrrpd::keepalived::text::secrets;
use crate::vrrpd::report::Report;

/// Returns a word as the lexer takes it: bare where that is possible.
pub(crate) fn written(text: &str) -> String {
    let mut report = Report::new(secrets::printable);
    let source = report.add_source(String::new(), text);
    match lexer::tokens(source, &mut report).as_slice() {
        [(Token::Word(word), _)] if word == text => text.to_owned(),
        _ => format!("\"{text}\""),
    }
}
