//! The peers of an instance, and its source address.

use std::net::IpAddr;

use crate::vrrpd::config::Unicast;
use crate::vrrpd::keepalived::blocks::instance::InstanceDraft;
use crate::vrrpd::keepalived::blocks::unicast::PeerDraft;
use crate::vrrpd::keepalived::blocks::values::{At, unique};
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Family;

/// TTL of unicast where none is configured. For IPv6 keepalived leaves it to the kernel, whose default is this.
const DEFAULT_TTL: u8 = 255;
const DEFAULT_HOP_LIMIT: u8 = 64;

impl InstanceDraft {
    /// Returns the source of its advertisements, by unicast or multicast.
    pub(crate) fn source(&self, report: &mut Report) -> Option<IpAddr> {
        if let (Some(multicast), Some(unicast)) = (self.mcast_source, self.unicast_source) {
            if multicast.value != unicast.value {
                report
                    .error(multicast.span, "`mcast_src_ip` and `unicast_src_ip` name different addresses")
                    .with_expected("one of the two: an instance has one source");
            }
        }
        let source = self.unicast_source.or(self.mcast_source)?;
        self.check_peer_family("source", source, report);
        if self.unicast_peer.is_none() && self.mcast_source.is_none() {
            let message = "`unicast_src_ip` without `unicast_peer`: advertisements go to the multicast group";
            report.notice(source.span, message);
        }
        Some(source.value)
    }

    pub(crate) fn unicast(&self, report: &mut Report) -> Option<Unicast> {
        if let Some(span) = self.never_to_group {
            self.check_never_to_group(span, report);
        }
        if self.unicast_peer.is_none() {
            if let Some(ttl) = self.unicast_ttl {
                // keepalived then sends with a TTL of 0: its packets leave the host no more.
                report
                    .error(ttl.span, "`unicast_ttl` without `unicast_peer`")
                    .with_expected("`unicast_peer`, or no such line: to the group the TTL is always 255");
            }
            return None;
        }
        let keys = self.peers.iter().map(|draft| (draft.peer.address, draft.span));
        unique(keys, report, |peer| format!("the peer {peer} is named twice"), "each peer once");
        let source = self.unicast_source.or(self.mcast_source).map(|source| source.value);
        let (own, others): (Vec<&PeerDraft>, Vec<_>) =
            self.peers.iter().partition(|draft| Some(draft.peer.address) == source);
        for PeerDraft { peer, span } in &others {
            self.check_peer_family("peer", At { value: peer.address, span: *span }, report);
        }
        for PeerDraft { peer, span } in own {
            let is_own = format!("{} is this router's own address", peer.address);
            match others.is_empty() {
                true => report
                    .error(*span, format!("{is_own}, and there is no other peer"))
                    .with_expected("the addresses of the other routers"),
                false => report.notice(*span, format!("{is_own}; nothing is sent to it")),
            };
        }
        let default = match self.family() {
            Family::Ipv4 => DEFAULT_TTL,
            Family::Ipv6 => DEFAULT_HOP_LIMIT,
        };
        let ttl = self.unicast_ttl.map_or(default, |ttl| ttl.value);
        Some(Unicast { peers: others.iter().map(|draft| draft.peer).collect(), ttl })
    }

    /// Refuses an instance that is meant to be of unicast, and would send to the group.
    fn check_never_to_group(&self, span: Span, report: &mut Report) {
        if self.unicast_source.is_some() && self.unicast_peer.is_none() {
            report
                .error(
                    span,
                    "`unicast_fault_no_peer` without `unicast_peer`: advertisements would go to the multicast group",
                )
                .with_code(Code::Conflict)
                .with_expected("`unicast_peer`, or no such line");
        } else {
            let keyword = "unicast_fault_no_peer";
            let message = format!("`{keyword}` has no effect: this instance has peers, or does not use unicast");
            report.ignored_once(keyword, span, message);
        }
    }

    fn check_peer_family(&self, what: &str, address: At<IpAddr>, report: &mut Report) {
        if Family::of(address.value) != self.family() {
            let family = self.family();
            report
                .error(address.span, format!("the {what} {} of a router for {family}", address.value))
                .with_expected(format!("an {family} address, as all of this instance are"));
        }
    }
}
