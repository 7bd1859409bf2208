//! The meaning of the rules of all instances together.

use crate::vrrpd::keepalived::blocks::routing::rule::RuleDraft;
use crate::vrrpd::report::Report;
use vrrp_core::Family;

/// The first of the priorities that keepalived gives, downwards.
const FIRST_PRIORITY: u32 = 16384;

/// Gives each rule without a priority the next one of its family, as keepalived does.
pub(crate) fn number<'a>(drafts: impl Iterator<Item = &'a mut RuleDraft>, report: &mut Report) {
    let (mut ipv4, mut ipv6) = (FIRST_PRIORITY, FIRST_PRIORITY);
    for draft in drafts {
        let Some(span) = draft.unnumbered else { continue };
        let next = match draft.rule.family {
            Family::Ipv4 => &mut ipv4,
            Family::Ipv6 => &mut ipv6,
        };
        report.notice(span, format!("this rule has no priority; {next} is used, as in keepalived"));
        draft.rule.priority = *next;
        *next = next.saturating_sub(1);
    }
}
