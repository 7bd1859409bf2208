//! The statements of a file.

use crate::vrrpd::report::Span;

/// A word and its place.
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

impl Statement {
    /// Returns true if it says the same as another one. Two statements with blocks are never the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let texts =
            |statement: &Self| -> Vec<String> { statement.values.iter().map(|word| word.text.clone()).collect() };
        self.block.is_none() && other.block.is_none() && texts(self) == texts(other)
    }
}

/// The statements between two braces.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The opening brace.
    pub(crate) open: Span,
    pub(crate) body: Vec<Statement>,
}
