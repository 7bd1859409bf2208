//! From statements to drafts: what each line says.

pub(crate) mod address;
pub(crate) mod global;
pub(crate) mod grammar;
pub(crate) mod group;
pub(crate) mod instance;
pub(crate) mod keywords;
pub(crate) mod routing;
pub(crate) mod script;
pub(crate) mod secrets;
pub(crate) mod track;
pub(crate) mod values;
