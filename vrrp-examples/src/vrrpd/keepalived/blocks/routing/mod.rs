//! `virtual_routes` and `virtual_rules`: the words of ip-route(8) and ip-rule(8) that keepalived documents.

pub(crate) mod route;
pub(crate) mod rule;
mod words;
