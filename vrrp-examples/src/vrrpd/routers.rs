//! Makes routers of the daemon's configuration.
//!
//! The configuration says all that keepalived leaves open, and a router's defaults are the RFC's. So no default is used here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{AnnouncePolicy, Config, ConfigError, SendChecksum, Tracker, TrackerId, UnicastPeer, Weight};
use vrrp_io_linux::{MacAddress, MacAddressError, Router, RouterError, VirtualIp, VirtualMac};

use crate::vrrpd::config::{self, Announce, Daemon, Instance, InterfaceDelay, SyncGroup, Track};

/// Least time between two rounds of announcements while another Master is heard, where none is configured.
const CONTEST_HOLDOFF: Duration = Duration::from_secs(5);

/// The fault that keeps every router out until `vrrp_startup_delay` is over. No check has this name.
pub(super) const STARTUP: &str = "\0start";

/// A configuration and what is made of it.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) daemon: Daemon,
    /// One for each instance, in their order.
    pub(super) routers: Vec<Router>,
    /// The users of each script, by its name.
    pub(super) script_users: ScriptUsers,
}

/// Instances that track a script, by the name of that.
pub(super) type ScriptUsers = BTreeMap<String, Vec<ScriptUser>>;

/// An instance that tracks a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScriptUser {
    /// Its name.
    pub(super) instance: String,
    pub(super) tracker: TrackerId,
}

/// A request of an instance that no router can fulfil.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrepareError {
    #[error("vrrp_instance {instance}: {error}")]
    Config { instance: String, error: ConfigError },
    #[error("vrrp_instance {instance}: there is no vrrp_script {script}")]
    NoScript { instance: String, script: String },
    #[error("vrrp_instance {instance}: {error}")]
    Mac { instance: String, error: MacAddressError },
    #[error(transparent)]
    Router(#[from] RouterError),
}

impl Prepared {
    /// `lease`: whether addresses expire when nobody renews them.
    pub(super) fn new(daemon: Daemon, lease: bool) -> Result<Self, PrepareError> {
        let mut script_users = daemon.checks.iter().map(|script| (script.name.clone(), Vec::new())).collect();
        let instances = daemon.instances.iter();
        let routers = instances.map(|instance| prepare(&daemon, instance, lease, &mut script_users));
        Ok(Self { routers: routers.collect::<Result<_, _>>()?, daemon, script_users })
    }
}

fn prepare(
    daemon: &Daemon,
    instance: &Instance,
    lease: bool,
    script_users: &mut ScriptUsers,
) -> Result<Router, PrepareError> {
    let error = |error| PrepareError::Config { instance: instance.name.clone(), error };
    let mut config = config(instance).map_err(error)?.with_lease(lease);
    let group = daemon.sync_groups.iter().find(|group| group.members.contains(&instance.name)).cloned();
    let of_group = |list: fn(&SyncGroup) -> &Vec<Track>| group.iter().flat_map(list);
    let tracked = with_group(&instance.track_interfaces, of_group(|group| &group.track_interfaces));
    let mut interfaces = Vec::new();
    for track in tracked.filter(|track| track.name != instance.interface) {
        let id = config.add_tracker(tracker(track, format!("interface {}", track.name))).map_err(error)?;
        interfaces.push((id, track.name.clone()));
    }
    for track in with_group(&instance.track_checks, of_group(|group| &group.track_checks)) {
        let id = config.add_tracker(tracker(track, check_name(&track.name))).map_err(error)?;
        let no_script = || PrepareError::NoScript { instance: instance.name.clone(), script: track.name.clone() };
        let users = script_users.get_mut(&track.name).ok_or_else(no_script)?;
        users.push(ScriptUser { instance: instance.name.clone(), tracker: id });
    }
    if !daemon.startup_delay.is_zero() {
        let (name, weight) = ("the delay after the start".to_owned(), Weight::Fault);
        let id = config.add_tracker(Tracker { name, weight, reverse: false }).map_err(error)?;
        let users = script_users.entry(STARTUP.to_owned()).or_default();
        users.push(ScriptUser { instance: instance.name.clone(), tracker: id });
    }
    let mut router = router(instance, config)?;
    if let Some(group) = &group {
        router = router.with_sync_group(&group.name);
    }
    router =
        router.with_own_interface_tracked(instance.track_own_interface).with_announcement_gap(instance.announce.gap);
    let mut watched = vec![instance.interface.clone()];
    for (id, interface) in interfaces {
        watched.push(interface.clone());
        router = router.with_tracked_interface(id, interface);
    }
    for InterfaceDelay { interface, up, down } in &daemon.interface_delays {
        if watched.contains(interface) {
            router = router.with_interface_delays(interface, *up, *down);
        }
    }
    Ok(router)
}

/// Returns all that an instance tracks: its own, and those of its group that it does not track itself.
fn with_group<'a>(own: &'a [Track], group: impl Iterator<Item = &'a Track>) -> impl Iterator<Item = &'a Track> {
    own.iter().chain(group.filter(move |track| !own.contains(track)))
}

fn router(instance: &Instance, config: Config) -> Result<Router, PrepareError> {
    let mut router =
        Router::new(&instance.interface, config).with_name(&instance.name).with_accept_mode(instance.protocol.accept);
    for virtual_ip in instance.addresses.iter().chain(&instance.excluded) {
        router = router.with_address(virtual_ip.clone())?;
    }
    if let Some(source) = instance.source {
        router = router.with_source(source);
    }
    if let Some(unicast) = &instance.unicast {
        router = router.with_unicast_ttl(unicast.ttl);
    }
    if let Some(config::VirtualMac { interface, address, transmit_base }) = &instance.virtual_mac {
        let mut mac = VirtualMac::new().with_name(interface).with_transmit_base(*transmit_base);
        if let Some(address) = *address {
            mac = mac.with_address(
                MacAddress::try_from(address)
                    .map_err(|error| PrepareError::Mac { instance: instance.name.clone(), error })?,
            );
        }
        router = router.with_virtual_mac(mac);
    }
    Ok(router)
}

fn config(instance: &Instance) -> Result<Config, ConfigError> {
    let addresses =
        |virtual_ips: &[VirtualIp]| virtual_ips.iter().map(|virtual_ip| virtual_ip.address).collect::<Vec<IpAddr>>();
    let protocol = &instance.protocol;
    let checksum = if protocol.pseudo_header { SendChecksum::PseudoHeader } else { SendChecksum::Message };
    let config = match instance.addresses.as_slice() {
        [] => Config::without_addresses(protocol.profile, instance.family, instance.vrid)?,
        virtual_ips => Config::new(protocol.profile, instance.vrid, &addresses(virtual_ips))?,
    };
    let mut config = config
        .with_excluded(&addresses(&instance.excluded))?
        .with_priority(instance.priority)
        .with_interval(instance.interval)?
        .with_preempt(instance.preempt, instance.preempt_delay)
        .with_answer_lower(protocol.answer_lower)
        .with_yield_advertisement(protocol.yield_advertisement)
        .with_owner_listens(protocol.owner_listens)
        .with_strict_list(protocol.strict_list)
        .with_checksum(checksum)
        .with_announce(announce(&instance.announce));
    if let Some(password) = instance.password {
        config = config.with_password(password)?;
    }
    if let Some(unicast) = &instance.unicast {
        let peer = |peer: &config::Peer| UnicastPeer { address: peer.address, min_ttl: peer.min_ttl };
        config = config.with_unicast_peers(&unicast.peers.iter().map(peer).collect::<Vec<_>>())?;
    }
    Ok(config)
}

/// Returns the name of a script in the log and the status.
pub(super) fn check_name(script: &str) -> String {
    format!("check {script}")
}

fn tracker(track: &Track, name: String) -> Tracker {
    Tracker { name, weight: track.weight.weight, reverse: track.weight.reverse }
}

fn announce(announce: &Announce) -> AnnouncePolicy {
    AnnouncePolicy {
        repeat: announce.repeat,
        delay: announce.delay,
        refresh: announce.refresh,
        refresh_repeat: announce.refresh_repeat,
        contest_repeat: announce.lower_prio_repeat,
        contest_holdoff: announce.lower_prio_delay.unwrap_or(CONTEST_HOLDOFF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::keepalived::parse_str;

    #[test]
    fn a_member_tracks_what_its_group_does_once() {
        let instance = |name: &str, tracks: &str| {
            format!(
                "vrrp_instance {name} {{\ninterface {name}\nvirtual_router_id 1\nvirtual_ipaddress {{ 192.0.2.1 dev {name} }}\n{tracks}\n}}\n"
            )
        };
        let text = "vrrp_script s {\nscript /bin/s\n}\n".to_owned()
            + &instance("a", "track_script {\ns\n}")
            + &instance("b", "track_script {\ns weight 5\n}")
            + &instance("alone", "")
            + "vrrp_sync_group g {\nglobal_tracking\ngroup { a b }\ntrack_script {\ns\n}\ntrack_interface {\na\nx\n}\n}\n";
        let prepared = Prepared::new(parse_str("t", &text).unwrap().daemon, false).unwrap();
        let users: Vec<&str> = prepared.script_users["s"].iter().map(|user| user.instance.as_str()).collect();
        assert_eq!(users, ["a", "b", "b"], "what a member tracks with another weight counts beside");
        let interfaces = |router: usize| {
            let shown = format!("{:?}", prepared.routers[router]);
            ["interface a", "interface x"].map(|tracker| shown.matches(tracker).count())
        };
        assert_eq!(
            [interfaces(0), interfaces(1), interfaces(2)],
            [[0, 1], [1, 1], [0, 0]],
            "none tracks its own twice"
        );
    }
}
