//! From statements to drafts: what each line says.

pub(super) mod address;
pub(super) mod check;
pub(super) mod delays;
pub(super) mod fifo;
pub(super) mod file;
pub(super) mod global;
pub(super) mod grammar;
pub(super) mod group;
pub(super) mod instance;
pub(super) mod keywords;
pub(super) mod load_balancer;
pub(super) mod process;
pub(super) mod root;
pub(super) mod routing;
pub(super) mod script;
pub(super) mod switches;
pub(super) mod track;
pub(super) mod unicast;
pub(super) mod values;
pub(super) mod vmac;
