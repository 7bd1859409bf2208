//! From statements to drafts: what each line says.

pub(super) mod address;
pub(super) mod global;
pub(super) mod grammar;
pub(super) mod group;
pub(super) mod instance;
pub(super) mod keywords;
pub(super) mod routing;
pub(super) mod script;
pub(super) mod track;
pub(super) mod values;
