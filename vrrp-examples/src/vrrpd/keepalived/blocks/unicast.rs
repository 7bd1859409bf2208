//! The lines of `unicast_peer`.

use crate::vrrpd::config::Peer;
use crate::vrrpd::keepalived::blocks::values::{At, host_only, number};
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::{Report, Span};

/// A peer as written.
pub(crate) struct PeerDraft {
    pub(crate) peer: Peer,
    pub(crate) span: Span,
}

const SYNTAX: &str = "IP [min_ttl 0-255], one on a line";

/// Reads a line of `unicast_peer`.
pub(crate) fn peer(entry: &Statement, report: &mut Report) -> Option<PeerDraft> {
    let address = host_only(&entry.keyword, report)?;
    let mut min_ttl = 0;
    let mut words = entry.values.iter();
    while let Some(option) = words.next() {
        let name = option.text.as_str();
        if !matches!(name, "min_ttl" | "max_ttl") {
            report
                .error(option.span, format!("`{name}` is unexpected after a peer"))
                .with_expected(SYNTAX)
                .with_nearest(name, ["min_ttl", "max_ttl"]);
            return None;
        }
        let Some(value) = words.next() else {
            report.error(option.span, format!("`{name}` has no value")).with_expected(SYNTAX);
            return None;
        };
        let ttl: At<u8> = number(value, 0..=255, report)?;
        match name {
            "min_ttl" => min_ttl = ttl.value,
            _ if ttl.value == 255 => {}
            _ => {
                report
                    .error(option.span, "`max_ttl` is not supported: a sender that is near enough can use any TTL")
                    .with_expected(SYNTAX);
            }
        }
    }
    Some(PeerDraft { peer: Peer { address, min_ttl }, span: entry.keyword.span })
}
