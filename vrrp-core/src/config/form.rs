//! A configuration as it is written down. What is read goes through every check that a configuration made in code goes through.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::{Config, ConfigError, Peers, SendChecksum};
use crate::announce::AnnouncePolicy;
use crate::dialect::Profile;
use crate::health::Tracker;
use crate::types::{AdvertInterval, Family, Password, Priority, UnicastPeer, Vrid};

/// Every setting, by its name. The password is among them.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    profile: Profile,
    vrid: Vrid,
    family: Family,
    priority: Priority,
    interval: AdvertInterval,
    preempt: bool,
    preempt_hold: Duration,
    addresses: Vec<IpAddr>,
    excluded: Vec<IpAddr>,
    password: Option<[u8; 8]>,
    peers: Option<Vec<UnicastPeer>>,
    answer_lower: bool,
    owner_listens: bool,
    yield_advertisement: bool,
    strict_list: bool,
    checksum: SendChecksum,
    exact_checksum: bool,
    learned_interval_cap: Option<AdvertInterval>,
    also_version2: bool,
    lease: bool,
    announce: AnnouncePolicy,
    trackers: Vec<Tracker>,
}

impl From<Config> for Form {
    fn from(config: Config) -> Self {
        let excluded = config.excluded().to_vec();
        // Without `..`: nothing is to be forgotten.
        let Config {
            profile,
            vrid,
            family,
            priority,
            interval,
            preempt,
            preempt_hold,
            mut addresses,
            advertised,
            sorted: _,
            password,
            peers,
            answer_lower,
            owner_listens,
            yield_advertisement,
            strict_list,
            checksum,
            exact_checksum,
            learned_interval_cap,
            also_version2,
            lease,
            announce,
            trackers,
        } = config;
        addresses.truncate(advertised.into());
        Self {
            profile,
            vrid,
            family,
            priority,
            interval,
            preempt,
            preempt_hold,
            addresses,
            excluded,
            password: password.map(|password| *password.octets()),
            peers: match peers {
                Peers::Multicast => None,
                Peers::Unicast(peers) => Some(peers),
            },
            answer_lower,
            owner_listens,
            yield_advertisement,
            strict_list,
            checksum,
            exact_checksum,
            learned_interval_cap,
            also_version2,
            lease,
            announce,
            trackers,
        }
    }
}

impl TryFrom<Form> for Config {
    type Error = ConfigError;

    fn try_from(form: Form) -> Result<Self, ConfigError> {
        let mut config = match &*form.addresses {
            [] => Self::without_addresses(form.profile, form.family, form.vrid)?,
            [first, ..] if Family::of(*first) != form.family => return Err(ConfigError::OtherFamily(*first)),
            addresses => Self::new(form.profile, form.vrid, addresses)?,
        }
        .with_priority(form.priority)
        .with_interval(form.interval)?
        .with_preempt(form.preempt, form.preempt_hold)
        .with_excluded(&form.excluded)?
        .with_answer_lower(form.answer_lower)
        .with_owner_listens(form.owner_listens)
        .with_yield_advertisement(form.yield_advertisement)
        .with_strict_list(form.strict_list)
        .with_checksum(form.checksum)
        .with_exact_checksum(form.exact_checksum)
        .with_learned_interval_cap(form.learned_interval_cap)
        .with_also_version2(form.also_version2)?
        .with_lease(form.lease)
        .with_announce(form.announce);
        if let Some(octets) = form.password {
            config = config.with_password(Password::from_octets(octets))?;
        }
        if let Some(peers) = &form.peers {
            config = config.with_unicast_peers(peers)?;
        }
        for tracker in form.trackers {
            config.add_tracker(tracker)?;
        }
        Ok(config)
    }
}
