//! A whole configuration, as it is written.

use crate::vrrpd::config::InterfaceDelay;
use crate::vrrpd::keepalived::blocks::address::AddressDraft;
use crate::vrrpd::keepalived::blocks::global::Globals;
use crate::vrrpd::keepalived::blocks::group::GroupDraft;
use crate::vrrpd::keepalived::blocks::instance::InstanceDraft;
use crate::vrrpd::keepalived::blocks::keywords::ROOT;
use crate::vrrpd::keepalived::blocks::routing::route::RouteDraft;
use crate::vrrpd::keepalived::blocks::routing::rule::RuleDraft;
use crate::vrrpd::keepalived::blocks::script::CheckDraft;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::Report;

/// Everything read, before the sections are brought together. So they may be in any order.
#[derive(Default)]
pub(crate) struct Root {
    pub(crate) globals: Globals,
    pub(crate) checks: Vec<CheckDraft>,
    pub(crate) instances: Vec<InstanceDraft>,
    pub(crate) groups: Vec<GroupDraft>,
    pub(crate) delays: Vec<At<InterfaceDelay>>,
    pub(crate) addresses: Vec<AddressDraft>,
    pub(crate) routes: Vec<RouteDraft>,
    pub(crate) rules: Vec<RuleDraft>,
}

impl Root {
    pub(crate) fn read(statements: &[Statement], report: &mut Report) -> Self {
        let mut root = Self::default();
        ROOT.read(Some(statements), &mut root, report);
        root
    }
}
