//! What a file consists of.

use crate::vrrpd::report::Span;

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// One line, with the block that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) keyword: Word,
    pub(crate) values: Vec<Word>,
    pub(crate) block: Option<Block>,
}

/// What stands between two braces.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The opening brace.
    pub(crate) open: Span,
    pub(crate) body: Vec<Statement>,
}
