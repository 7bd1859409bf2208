//! Tokens to statements: a keyword, its values, perhaps a block. Knows no keyword but those that begin a new section.

use super::include::Files;
use super::lexer::{self, Token};
use super::report::{Report, Span};

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
}

/// One line, with the block that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) keyword: Word,
    pub(super) values: Vec<Word>,
    pub(super) block: Option<Block>,
}

/// What stands between two braces.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The opening brace.
    pub(super) open: Span,
    pub(super) body: Vec<Statement>,
}

/// Blocks within blocks, and files within files, go no deeper.
pub(super) const MAX_DEPTH: usize = 16;

/// Keywords that stand only outside every block: inside one, its closing brace is missing.
const SECTIONS: [&str; 5] = ["global_defs", "vrrp_script", "vrrp_instance", "vrrp_sync_group", "virtual_server"];

/// Parses one source and all that it includes. Every finding goes to `report`; what could be read comes back.
pub(super) fn parse(source: usize, files: &mut Files, report: &mut Report) -> Vec<Statement> {
    let mut parser = Parser { words: Vec::new(), open: Vec::new(), body: Vec::new() };
    let mut tokens = lexer::tokens(source, report).into_iter().peekable();
    while let Some((token, span)) = tokens.next() {
        match token {
            Token::Word(text) => parser.words.push(Word { text, span }),
            Token::Open if parser.open.len() == MAX_DEPTH => {
                report.error(span, format!("blocks nest deeper than {MAX_DEPTH}")).with_expected("`}`");
                return parser.body;
            }
            Token::Open => parser.open(span, report),
            Token::Close => parser.close(span, files, report),
            Token::Newline => {
                while tokens.next_if(|(token, _)| *token == Token::Newline).is_some() {}
                // An opening brace may stand on a line of its own.
                if !matches!(tokens.peek(), Some((Token::Open, _))) {
                    parser.end_line(files, report);
                }
            }
        }
    }
    parser.end_line(files, report);
    parser.close_all(|_, _| "the end of the file".to_owned(), report);
    parser.body
}

struct Parser {
    /// The line so far.
    words: Vec<Word>,
    /// The blocks that are open, each with what stood outside it so far.
    open: Vec<(Vec<Word>, Span, Vec<Statement>)>,
    /// The innermost block so far.
    body: Vec<Statement>,
}

impl Parser {
    fn end_line(&mut self, files: &mut Files, report: &mut Report) {
        let words = std::mem::take(&mut self.words);
        self.expect_section(&words, report);
        match words.split_first() {
            _ if refuse_preprocessing(&words, report) => {}
            Some((keyword, values)) if Files::is_include(&keyword.text) => {
                self.body.extend(files.include(keyword, values, report));
            }
            _ => self.finish(words, None),
        }
    }

    fn open(&mut self, brace: Span, report: &mut Report) {
        let mut words = std::mem::take(&mut self.words);
        self.expect_section(&words, report);
        if words.is_empty() {
            report.error(brace, "a block without a keyword").with_expected("a keyword before `{`");
        } else if refuse_preprocessing(&words, report) {
            words.clear();
        }
        self.open.push((words, brace, std::mem::take(&mut self.body)));
    }

    fn close(&mut self, brace: Span, files: &mut Files, report: &mut Report) {
        self.end_line(files, report);
        match self.open.pop() {
            Some(open) => self.leave(open),
            None => {
                report
                    .error(brace, "this `}` closes nothing")
                    .with_expected("as many `}` as `{`")
                    .with_help("braces in a value belong into double quotes");
            }
        }
    }

    /// A new section inside a block means that a brace is missing: says so once and carries on outside.
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

    fn close_all(&mut self, before: impl Fn(Span, &Report) -> String, report: &mut Report) {
        while let Some(open) = self.open.pop() {
            let expected = format!("`}}` before {}", before(open.1, report));
            report.error(open.1, "this `{` is not closed").with_expected(expected);
            self.leave(open);
        }
    }

    fn leave(&mut self, (words, open, outside): (Vec<Word>, Span, Vec<Statement>)) {
        let body = std::mem::replace(&mut self.body, outside);
        self.finish(words, Some(Block { open, body }));
    }

    fn finish(&mut self, words: Vec<Word>, block: Option<Block>) {
        let mut words = words.into_iter();
        if let Some(keyword) = words.next() {
            self.body.push(Statement { keyword, values: words.collect(), block });
        }
    }
}

/// keepalived's lines for some hosts only, definitions and repetitions are not understood: none passes as text.
/// Returns whether the keyword itself is one.
fn refuse_preprocessing(words: &[Word], report: &mut Report) -> bool {
    let refused = |index: usize, text: &str| {
        if index == 0 && text.starts_with('@') {
            Some("lines for one configuration id only (`@id`)")
        } else if index == 0 && text.starts_with('$') {
            Some("definitions (`$NAME=`)")
        } else if text.contains("$_") || text.contains("${_") {
            Some("keepalived's built-in definitions (`${_NAME}`)")
        } else if text.contains("~SEQ") || text.contains("~LST") {
            Some("repetitions (`~SEQ`, `~LST`)")
        } else {
            None
        }
    };
    let mut keyword = false;
    for (index, word) in words.iter().enumerate() {
        if let Some(what) = refused(index, &word.text) {
            report.error(word.span, format!("{what} are not supported")).with_expected("the line written out");
            keyword |= index == 0;
        }
    }
    keyword
}
