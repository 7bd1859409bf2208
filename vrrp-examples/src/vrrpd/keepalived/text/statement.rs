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

impl Statement {
    /// Whether it says the same as another one. A block is not looked at: it is another one each time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let texts =
            |statement: &Self| -> Vec<String> { statement.values.iter().map(|word| word.text.clone()).collect() };
        self.block.is_none() && other.block.is_none() && texts(self) == texts(other)
    }
}

/// What stands between two braces.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The opening brace.
    pub(crate) open: Span,
    pub(crate) body: Vec<Statement>,
}
