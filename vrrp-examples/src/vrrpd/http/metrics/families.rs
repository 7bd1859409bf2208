//! The metrics that exist.

use std::fmt;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit as PrometheusUnit;
use vrrp_io_linux::Histogram;
use vrrp_io_linux::checks::Reading;

use super::{process, router};
use crate::vrrpd::control::snapshot::{CheckState, Snapshot};

/// Metrics of one name.
pub(super) struct Family {
    /// The name without what follows from unit and kind.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) labels: &'static [&'static str],
    /// One sentence with its point.
    pub(super) help: &'static str,
    pub(super) series: fn(&Snapshot, MetricEncoder<'_>) -> fmt::Result,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Seconds,
    Bytes,
}

impl Family {
    /// Returns the name as it is asked for.
    pub(super) fn full_name(&self) -> String {
        let unit = self.unit.prometheus().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        let kind = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{kind}", self.name)
    }
}

impl Kind {
    pub(super) const fn prometheus(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
            Self::Info => MetricType::Info,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

impl Unit {
    pub(super) const fn prometheus(self) -> Option<&'static PrometheusUnit> {
        match self {
            Self::None => None,
            Self::Seconds => Some(&PrometheusUnit::Seconds),
            Self::Bytes => Some(&PrometheusUnit::Bytes),
        }
    }
}

/// A gauge of each router; `None`: it has none now.
macro_rules! gauge {
    ($name:literal, $unit:ident, $help:literal, $value:expr) => {
        Family {
            name: $name,
            kind: Kind::Gauge,
            unit: Unit::$unit,
            labels: &["router"],
            help: $help,
            series: |snapshot, metric| router::gauges(snapshot, metric, $value),
        }
    };
}

/// A counter of each router.
macro_rules! counter {
    ($name:literal, $help:literal, $value:expr) => {
        Family {
            name: $name,
            kind: Kind::Counter,
            unit: Unit::None,
            labels: &["router"],
            help: $help,
            series: |snapshot, metric| router::counters(snapshot, metric, $value),
        }
    };
}

/// A metric with one sample.
macro_rules! single {
    ($name:literal, $kind:ident, $unit:ident, $help:literal, $series:expr) => {
        Family { name: $name, kind: Kind::$kind, unit: Unit::$unit, labels: &[], help: $help, series: $series }
    };
}

/// All of them, as the table in `docs/metrics.md` has them.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "vrrp_router",
        kind: Kind::Info,
        unit: Unit::None,
        labels: &["router", "interface", "family", "vrid"],
        help: "The interface, family and virtual router id of a router.",
        series: router::info,
    },
    gauge!("vrrp_router_state", None, "State as RFC 6527 numbers it: 1 Initialize, 2 Backup, 3 Master.", router::state),
    gauge!("vrrp_router_faults", None, "Number of things that keep the router out of the election.", |it| Some(
        it.faults.len() as f64
    )),
    gauge!("vrrp_router_priority", None, "Priority in use, after tracking.", |it| Some(it.priority.get().into())),
    gauge!("vrrp_router_configured_priority", None, "Priority in the configuration.", |it| Some(
        it.configured_priority.get().into()
    )),
    gauge!(
        "vrrp_router_since_timestamp",
        Seconds,
        "Time at which the state was entered, in seconds since 1970.",
        |it| it.since.map(process::unix)
    ),
    gauge!(
        "vrrp_router_up_since_timestamp",
        Seconds,
        "Time at which the router last began to take part, in seconds since 1970.",
        |it| it.up_since.map(process::unix)
    ),
    gauge!("vrrp_router_drained", None, "1 where the router is drained, else 0.", |it| Some(f64::from(
        it.drain.is_some()
    ))),
    gauge!("vrrp_router_other_master", None, "1 where the router is Master and hears another Master, else 0.", |it| {
        Some(f64::from(it.other_master.is_some()))
    }),
    gauge!("vrrp_router_addresses", None, "Number of virtual addresses in the configuration.", |it| Some(
        it.addresses.len() as f64
    )),
    gauge!(
        "vrrp_router_addresses_installed",
        None,
        "Number of them that the kernel confirmed to a Master.",
        |it| Some(it.addresses.iter().filter(|address| address.installed).count() as f64)
    ),
    gauge!(
        "vrrp_router_lease",
        Seconds,
        "Time that a Master's addresses last from each renewal; absent without a lease.",
        |it| it.lease.map(|lease| lease.lifetime.as_secs_f64())
    ),
    gauge!(
        "vrrp_router_lease_left",
        Seconds,
        "Time that a Master's addresses last from now; absent without a lease.",
        |it| it.lease.map(|lease| lease.left.as_secs_f64())
    ),
    gauge!("vrrp_master_down_interval", Seconds, "Master_Down_Interval: how long a Backup waits for a Master.", |it| {
        Some(it.master_down_interval.as_secs_f64())
    }),
    gauge!("vrrp_skew_time", Seconds, "Skew_Time: the part of it that follows from the priority.", |it| Some(
        it.skew_time.as_secs_f64()
    )),
    gauge!("vrrp_master_priority", None, "Priority that the Master advertises, where one is known.", |it| it
        .master_priority
        .map(|priority| priority.get().into())),
    Family {
        name: "vrrp_master",
        kind: Kind::Info,
        unit: Unit::None,
        labels: &["router", "address"],
        help: "The Master, by its own address, where one is known.",
        series: router::master,
    },
    Family {
        name: "vrrp_peer_priority",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["router", "peer"],
        help: "Priority of the last advertisement accepted from a peer; 0: a release.",
        series: router::peer_priorities,
    },
    Family {
        name: "vrrp_peer_heard_timestamp",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &["router", "peer"],
        help: "Time of that advertisement, in seconds since 1970.",
        series: router::peer_moments,
    },
    Family {
        name: "vrrp_peer_advertisements_received",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["router", "peer"],
        help: "Advertisements accepted from a peer, of those last heard.",
        series: router::peer_received,
    },
    Family {
        name: "vrrp_peer_advertisements_ignored",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["router", "peer", "reason"],
        help: "Advertisements of a peer that were ignored with the present configuration, by the reason, of those last heard.",
        series: router::peer_ignored,
    },
    counter!("vrrp_become_master", "Number of times that the router became Master.", |it| it.master_transitions),
    counter!("vrrp_advertisements_received", "Advertisements that passed the checks of the packet itself.", |it| it
        .advert_rcvd),
    counter!("vrrp_advertisements_sent", "Advertisements sent, releases included.", |it| it.advert_sent),
    counter!("vrrp_priority_zero_received", "Releases received.", |it| it.prio_zero_rcvd),
    counter!("vrrp_priority_zero_sent", "Releases sent.", |it| it.prio_zero_sent),
    counter!("vrrp_equal_priority_received", "Advertisements accepted that had this router's own priority.", |it| it
        .equal_priority),
    counter!("vrrp_send_errors", "Advertisements that could not be sent.", |it| it.tx_errors),
    counter!(
        "vrrp_advertisements_withheld",
        "Advertisements held back because the kernel had not confirmed an address.",
        |it| it.unconfirmed_suppressed
    ),
    Family {
        name: "vrrp_advertisement_errors",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["router", "reason"],
        help: "Advertisements with something wrong, discarded or not, by what was wrong.",
        series: router::errors,
    },
    single!(
        "vrrp_checksum_errors",
        Counter,
        None,
        "Packets with a wrong checksum, over all routers.",
        |snapshot, metric| { count(metric, snapshot.driver.global.checksum_errors) }
    ),
    single!(
        "vrrp_version_errors",
        Counter,
        None,
        "Packets with a wrong version, over all routers.",
        |snapshot, metric| { count(metric, snapshot.driver.global.version_errors) }
    ),
    single!(
        "vrrp_vrid_errors",
        Counter,
        None,
        "Advertisements for a virtual router id that nobody here has.",
        |snapshot, metric| { count(metric, snapshot.driver.global.vrid_errors) }
    ),
    single!(
        "vrrp_ip_ttl_errors",
        Counter,
        None,
        "Packets with a TTL or hop limit that is too low, over all routers.",
        |snapshot, metric| { count(metric, snapshot.driver.global.ttl_errors) }
    ),
    single!(
        "vrrp_packet_length_errors",
        Counter,
        None,
        "Packets with a wrong length, over all routers.",
        |snapshot, metric| { count(metric, snapshot.driver.global.packet_length_errors) }
    ),
    single!(
        "vrrp_advertisement_lateness",
        Histogram,
        Seconds,
        "Delay of advertisements: from the moment at which their timer ran out until they were sent.",
        |snapshot, metric| histogram(metric, &snapshot.driver.advertisement_lateness)
    ),
    single!(
        "vrrp_takeover",
        Histogram,
        Seconds,
        "Duration of takeovers: from the end of Master_Down_Interval, or the release heard, to the last address confirmed.",
        |snapshot, metric| histogram(metric, &snapshot.driver.takeovers)
    ),
    Family {
        name: "vrrp_check_known",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["check", "kind"],
        help: "1 where a check has had a result, 0 where it has had none yet.",
        series: |snapshot, metric| checks(snapshot, metric, |check| Some(f64::from(check.verdict.is_some()))),
    },
    Family {
        name: "vrrp_check_passing",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["check", "kind"],
        help: "1 where a check passes, 0 where it fails; absent before its first result.",
        series: |snapshot, metric| {
            checks(snapshot, metric, |it| it.verdict.map(|it| f64::from(it != Reading::Failing)))
        },
    },
    Family {
        name: "vrrp_check_value",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["check", "kind"],
        help: "The number that a check says, where it says one.",
        series: |snapshot, metric| checks(snapshot, metric, value),
    },
    single!(
        "vrrpd_events_lost",
        Counter,
        None,
        "Events that their readers lost because they did not read in time.",
        |snapshot, metric| { count(metric, snapshot.driver.events_lost) }
    ),
    single!(
        "vrrpd_news_not_understood",
        Counter,
        None,
        "Messages of the kernel about links and addresses that were not understood.",
        |snapshot, metric| count(metric, snapshot.driver.news_not_understood)
    ),
    Family {
        name: "vrrpd_build",
        kind: Kind::Info,
        unit: Unit::None,
        labels: &["version"],
        help: "The version of vrrpd that runs.",
        series: |_, mut metric| metric.encode_info(&[("version", env!("CARGO_PKG_VERSION"))]),
    },
    single!(
        "process_start_time",
        Gauge,
        Seconds,
        "Time at which the process started, in seconds since 1970.",
        |_, mut metric| { process::start().map_or(Ok(()), |at| metric.encode_gauge(&at)) }
    ),
    single!("process_resident_memory", Gauge, Bytes, "Memory that the process has in use.", |_, mut metric| {
        process::memory().map_or(Ok(()), |octets| metric.encode_gauge(&octets))
    }),
];

fn count(mut metric: MetricEncoder<'_>, count: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, u64, u64>(&count, None)
}

fn histogram(mut metric: MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let step = |(bound, count): (Option<std::time::Duration>, u64)| {
        (bound.map_or(f64::INFINITY, |it| it.as_secs_f64()), count)
    };
    let steps: Vec<(f64, u64)> = histogram.steps().map(step).collect();
    metric.encode_histogram::<NoLabelSet>(histogram.sum().as_secs_f64(), histogram.count(), &steps, None)
}

fn checks(snapshot: &Snapshot, mut metric: MetricEncoder<'_>, value: fn(&CheckState) -> Option<f64>) -> fmt::Result {
    for check in &snapshot.checks {
        if let Some(value) = value(check) {
            metric.encode_family(&[("check", check.name.as_str()), ("kind", check.kind)])?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

const fn value(check: &CheckState) -> Option<f64> {
    match check.verdict {
        Some(Reading::Value(value)) => Some(value as f64),
        _ => None,
    }
}
