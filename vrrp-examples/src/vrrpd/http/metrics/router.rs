//! The metrics of each router.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};
use vrrp_core::wire::ParseError;
use vrrp_core::{Discard, Role, Stats};
use vrrp_io_linux::{HeardFrom, RouterStatus};

use super::process;
use crate::vrrpd::control::snapshot::Snapshot;

/// A counter of a router.
type Count = fn(&Stats) -> u64;

/// The possible faults of an advertisement: each with its name and its counter.
pub(super) const REASONS: [(&str, Count); 13] = [
    ("address-list", |it| it.address_list_errors),
    ("authentication-failed", |it| it.auth_failures),
    ("authentication-type-mismatch", |it| it.auth_type_mismatch),
    ("authentication-type-unknown", |it| it.invalid_auth_type),
    ("checksum", |it| it.checksum_errors),
    ("duplicate-address", |it| it.duplicate_address),
    ("interval", |it| it.interval_errors),
    ("length", |it| it.packet_length_errors),
    ("owner-conflict", |it| it.owner_conflict),
    ("source", |it| it.source_errors),
    ("ttl", |it| it.ttl_errors),
    ("type", |it| it.invalid_type_rcvd),
    ("version", |it| it.version_errors),
];

/// Returns the numbers of RFC 6527 (vrrpOperationsState).
pub(super) const fn state(router: &RouterStatus) -> Option<f64> {
    Some(match router.role {
        Role::Initialize => 1.0,
        Role::Backup => 2.0,
        Role::Master => 3.0,
    })
}

pub(super) fn info(snapshot: &Snapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    for router in &snapshot.driver.routers {
        let (family, vrid) = (router.family.to_string(), router.vrid.get().to_string());
        let labels = [("router", &router.name), ("interface", &router.interface), ("family", &family), ("vrid", &vrid)];
        metric.encode_info(&labels.map(|(name, value)| (name, value.as_str())))?;
    }
    Ok(())
}

pub(super) fn master(snapshot: &Snapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    for router in &snapshot.driver.routers {
        if let Some(address) = router.master {
            metric.encode_info(&[("router", router.name.as_str()), ("address", &address.to_string())])?;
        }
    }
    Ok(())
}

pub(super) fn gauges(
    snapshot: &Snapshot,
    mut metric: MetricEncoder<'_>,
    value: fn(&RouterStatus) -> Option<f64>,
) -> fmt::Result {
    for router in &snapshot.driver.routers {
        if let Some(value) = value(router) {
            metric.encode_family(&[("router", router.name.as_str())])?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

pub(super) fn counters(snapshot: &Snapshot, mut metric: MetricEncoder<'_>, value: Count) -> fmt::Result {
    for router in &snapshot.driver.routers {
        let labels = [("router", router.name.as_str())];
        metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value(&router.stats), None)?;
    }
    Ok(())
}

pub(super) fn errors(snapshot: &Snapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    for router in &snapshot.driver.routers {
        for (reason, value) in REASONS {
            let labels = [("router", router.name.as_str()), ("reason", reason)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value(&router.stats), None)?;
        }
    }
    Ok(())
}

pub(super) fn peer_priorities(snapshot: &Snapshot, metric: MetricEncoder<'_>) -> fmt::Result {
    peer_gauges(snapshot, metric, |heard| heard.priority.map_or(0.0, |priority| priority.get().into()))
}

pub(super) fn peer_moments(snapshot: &Snapshot, metric: MetricEncoder<'_>) -> fmt::Result {
    peer_gauges(snapshot, metric, |heard| process::unix(heard.at))
}

fn peer_gauges(snapshot: &Snapshot, mut metric: MetricEncoder<'_>, value: fn(&HeardFrom) -> f64) -> fmt::Result {
    for router in &snapshot.driver.routers {
        for heard in &router.heard {
            let labels = [("router", router.name.as_str()), ("peer", &heard.source.to_string())];
            metric.encode_family(&labels)?.encode_gauge(&value(heard))?;
        }
    }
    Ok(())
}

pub(super) fn peer_received(snapshot: &Snapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    for router in &snapshot.driver.routers {
        for heard in &router.heard {
            let labels = [("router", router.name.as_str()), ("peer", &heard.source.to_string())];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&heard.count, None)?;
        }
    }
    Ok(())
}

/// Writes the counters of ignored advertisements of each peer. Each reason is counted and forgotten by itself, so their sum would
/// fall now and then.
pub(super) fn peer_ignored(snapshot: &Snapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    for router in &snapshot.driver.routers {
        let mut counts = BTreeMap::new();
        for ignored in &router.ignored {
            let count: &mut u64 = counts.entry((ignored.source, why_ignored(&ignored.reason))).or_default();
            *count = count.wrapping_add(ignored.count);
        }
        for ((peer, reason), count) in counts {
            let labels = [("router", router.name.as_str()), ("peer", &peer.to_string()), ("reason", reason)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
        }
    }
    Ok(())
}

/// Returns the name of a reason, another one for each that is counted by itself.
const fn why_ignored(reason: &Discard) -> &'static str {
    match reason {
        Discard::NotStarted => "not-started",
        Discard::Destination(_) => "destination",
        Discard::NotAPeer(_) => "not-a-peer",
        Discard::Ttl { .. } => "ttl",
        Discard::Parse(ParseError::TooShort { .. }) => "too-short",
        Discard::Parse(ParseError::TooLong { .. }) => "too-long",
        Discard::Parse(ParseError::Version { .. }) => "version",
        Discard::Parse(ParseError::Carp { .. }) => "carp",
        Discard::Parse(ParseError::Type { .. }) => "type",
        Discard::Parse(ParseError::Md5) => "md5",
        Discard::Parse(ParseError::Checksum { .. }) => "checksum",
        Discard::ChecksumForm { .. } => "checksum-form",
        Discard::Vrid(_) => "vrid",
        Discard::Owner { .. } => "owner-conflict",
        Discard::AuthTypeUnknown(_) => "authentication-type-unknown",
        Discard::AuthTypeMismatch { .. } => "authentication-type-mismatch",
        Discard::AuthFailure => "authentication-failed",
        Discard::NoAddress => "no-address",
        Discard::NotLinkLocal(_) => "not-link-local",
        Discard::ZeroInterval => "interval-zero",
        Discard::AddressList => "address-list",
        Discard::OtherCluster => "other-cluster",
        Discard::Interval { .. } => "interval",
        Discard::OwnSource(_) => "own-source",
        Discard::Source(_) => "source",
        Discard::Version2Shadowed(_) => "version-2-shadowed",
        _ => "other",
    }
}
