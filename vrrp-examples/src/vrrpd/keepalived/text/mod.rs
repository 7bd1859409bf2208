//! From octets to statements.

pub(crate) mod command;
pub(crate) mod include;
pub(crate) mod lexer;
pub(crate) mod look_alikes;
pub(crate) mod parser;
