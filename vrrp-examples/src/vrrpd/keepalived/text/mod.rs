//! From octets to statements.

pub(super) mod command;
pub(super) mod expansion;
pub(super) mod include;
pub(super) mod lexer;
pub(super) mod look_alikes;
pub(super) mod parser;
pub(super) mod secrets;
pub(super) mod statement;
pub(super) mod written;
