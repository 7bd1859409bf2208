//! The counters.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrrp_core::Priority;
use vrrp_io_linux::{DriverStatus, RouterStatus};

use crate::vrrpd::control::snapshot::Snapshot;
use crate::vrrpd::control::status::{self, Since};

/// Counters by name.
pub(super) type Counters = BTreeMap<String, u64>;

/// All counters, and the values of the management models beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Version of the daemon.
    pub version: String,
    /// The time at which it was taken: RFC 3339, UTC.
    pub time: String,
    /// Over all virtual routers, and of packets that were for none of them.
    pub global: Counters,
    /// The counters of each virtual router, as configured.
    pub routers: Vec<RouterStatistics>,
}

/// The counters of one virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RouterStatistics {
    /// Its name in the configuration.
    pub router: String,
    /// Interface that VRRP runs on.
    pub interface: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// Virtual router id.
    pub vrid: u8,
    /// `Master`, `Backup`, `Fault` or `Initialize`.
    pub state: String,
    /// Priority in use.
    pub priority: u8,
    /// The moment since which it takes part in the election (STAT-43).
    pub up_datetime: Option<Since>,
    /// The event behind its state (STAT-34).
    pub last_event: String,
    /// The reason why it last became Master (STAT-30).
    pub new_master_reason: String,
    /// Master_Down_Interval in seconds (STAT-44).
    pub master_down_interval: f64,
    /// Skew_Time in seconds (STAT-44).
    pub skew_time: f64,
    /// Other routers that it hears.
    pub peers: Vec<Peer>,
    /// Its counters.
    pub counters: Counters,
}

/// Another router, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Peer {
    /// Its own address.
    pub address: IpAddr,
    /// The priority that it advertises, where it is known.
    pub priority: Option<u8>,
    /// True if it is the Master, as far as this router knows.
    pub master: bool,
    /// True if it says that it is Master too, while this router is.
    pub other_master: bool,
    /// True if it sent the last advertisement that passed every check (STAT-42).
    pub last_adv_source: bool,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, priority, master, other_master, last_adv_source } = self;
        write!(f, "{address}")?;
        if let Some(priority) = priority {
            write!(f, ", priority {priority}")?;
        }
        let what =
            [(master, ", Master"), (other_master, ", Master too"), (last_adv_source, ", sent the last advertisement")];
        what.iter().filter(|(is, _)| **is).try_for_each(|(_, what)| f.write_str(what))
    }
}

/// The name of each counter of a router: RFC 8347's, else RFC 2787's, else one of the same form (STAT-19).
const ROUTER: [(&str, &str); 24] = [
    ("master_transitions", "master-transitions"),
    ("advert_rcvd", "advertisement-rcvd"),
    ("advert_sent", "advertisement-sent"),
    ("interval_errors", "interval-errors"),
    ("prio_zero_rcvd", "priority-zero-pkts-rcvd"),
    ("prio_zero_sent", "priority-zero-pkts-sent"),
    ("invalid_type_rcvd", "invalid-type-pkts-rcvd"),
    ("address_list_errors", "address-list-errors"),
    ("packet_length_errors", "packet-length-errors"),
    ("auth_failures", "auth-failures"),
    ("invalid_auth_type", "invalid-auth-type"),
    ("auth_type_mismatch", "auth-type-mismatch"),
    ("checksum_errors", "checksum-errors"),
    ("version_errors", "version-errors"),
    ("ttl_errors", "ip-ttl-errors"),
    ("source_errors", "source-errors"),
    ("owner_conflict", "owner-conflicts"),
    ("duplicate_address", "duplicate-addresses"),
    ("equal_priority", "equal-priorities"),
    ("checksum_message", "checksums-of-message"),
    ("checksum_pseudo_header", "checksums-with-pseudo-header"),
    ("answers_suppressed", "answers-held-back"),
    ("unconfirmed_suppressed", "unconfirmed-held-back"),
    ("tx_errors", "send-errors"),
];

/// The same over all routers.
const GLOBAL: [(&str, &str); 5] = [
    ("checksum_errors", "checksum-errors"),
    ("version_errors", "version-errors"),
    ("vrid_errors", "vrid-errors"),
    ("ttl_errors", "ip-ttl-errors"),
    ("packet_length_errors", "packet-length-errors"),
];

pub(super) fn statistics(daemon: &Snapshot) -> Statistics {
    let DriverStatus { routers, global, events_lost, news_not_understood, .. } = &daemon.driver;
    let mut global = counters(global, &GLOBAL);
    global.insert("events-lost".to_owned(), *events_lost);
    global.insert("news-not-understood".to_owned(), *news_not_understood);
    let router = |router: &RouterStatus| RouterStatistics {
        router: router.name.clone(),
        interface: router.interface.clone(),
        family: router.family.to_string(),
        vrid: router.vrid.get(),
        state: status::state(router),
        priority: router.priority.get(),
        up_datetime: router.up_for.map(|ago| Since::new(ago, daemon.taken_at)),
        last_event: router.last_event.as_str().to_owned(),
        new_master_reason: router.new_master_reason.as_str().to_owned(),
        master_down_interval: router.master_down_interval.as_secs_f64(),
        skew_time: router.skew_time.as_secs_f64(),
        peers: peers(router),
        counters: counters(&router.stats, &ROUTER),
    };
    Statistics {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: humantime::format_rfc3339_micros(daemon.taken_at).to_string(),
        global,
        routers: routers.iter().map(router).collect(),
    }
}

/// Returns the counters of the core under these names. One that is newer than the table keeps its own, with hyphens.
fn counters(stats: &impl Serialize, names: &[(&str, &str)]) -> Counters {
    let Ok(Value::Object(stats)) = serde_json::to_value(stats) else { return Counters::new() };
    let named = |(name, value): (String, Value)| {
        let known = names.iter().find(|(core, _)| *core == name).map(|(_, known)| (*known).to_owned());
        Some((known.unwrap_or_else(|| name.replace('_', "-")), value.as_u64()?))
    };
    stats.into_iter().filter_map(named).collect()
}

fn peers(router: &RouterStatus) -> Vec<Peer> {
    let master = router.master.filter(|_| router.role != vrrp_core::Role::Master);
    let other = router.other_master.as_ref();
    let last = router.last_advertisement_from;
    let mut addresses: Vec<IpAddr> = [master, other.map(|other| other.address), last].into_iter().flatten().collect();
    addresses.sort_unstable();
    addresses.dedup();
    let peer = |address: IpAddr| {
        let (is_master, other) = (master == Some(address), other.filter(|other| other.address == address));
        let priority = other.map(|other| other.priority).or(router.master_priority.filter(|_| is_master));
        Peer {
            address,
            priority: priority.map(Priority::get),
            master: is_master,
            other_master: other.is_some(),
            last_adv_source: last == Some(address),
        }
    };
    addresses.into_iter().map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_the_core_has_a_name_of_the_models() {
        let names = |stats: Value, table: &[(&str, &str)]| {
            let core: Vec<String> = stats.as_object().unwrap().keys().cloned().collect();
            let mut table: Vec<&str> = table.iter().map(|(core, _)| *core).collect();
            table.sort_unstable();
            assert_eq!(core, table);
        };
        names(serde_json::to_value(vrrp_core::Stats::default()).unwrap(), &ROUTER);
        names(serde_json::to_value(vrrp_core::GlobalStats::default()).unwrap(), &GLOBAL);
    }
}
