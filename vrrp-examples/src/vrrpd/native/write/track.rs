//! Writes what is tracked.

use std::collections::BTreeSet;

use vrrp_core::Weight;

use crate::vrrpd::config::{Daemon, Instance, Track, TrackWeight};
use crate::vrrpd::native::write::out::{inline, text};

/// Returns a weight as a number.
pub(super) fn weight_number(weight: Weight) -> String {
    match weight {
        Weight::Fault => "0".to_owned(),
        Weight::Adjust(weight) => weight.to_string(),
    }
}

/// Returns tracked interfaces as items of a list.
pub(super) fn interfaces(tracks: &[Track]) -> Vec<String> {
    tracks.iter().map(|track| item(track, TrackWeight::default())).collect()
}

/// Returns tracked checks as items of a list.
pub(super) fn checks(tracks: &[Track], daemon: &Daemon) -> Vec<String> {
    let default = |track: &Track| {
        daemon.checks.iter().find(|check| check.name == track.name).map(|check| check.weight).unwrap_or_default()
    };
    tracks.iter().map(|track| item(track, default(track))).collect()
}

fn item(Track { name, weight }: &Track, default: TrackWeight) -> String {
    if *weight == default {
        return text(name);
    }
    inline([
        ("name", Some(text(name))),
        ("weight", (weight.weight != default.weight).then(|| weight_number(weight.weight))),
        ("reverse", (weight.reverse != default.reverse).then(|| weight.reverse.to_string())),
    ])
}

/// The devices of an instance's addresses and routes.
pub(super) struct Devices<'a> {
    instance: &'a Instance,
    mac_interfaces: &'a BTreeSet<&'a str>,
}

impl<'a> Devices<'a> {
    pub(super) fn new(instance: &'a Instance, mac_interfaces: &'a BTreeSet<&'a str>) -> Self {
        Self { instance, mac_interfaces }
    }

    /// Returns true if the file has to say that a device is not tracked.
    pub(super) fn is_untracked(&self, device: Option<&str>) -> bool {
        device.is_some_and(|device| self.counts(device) && !self.is_tracked(device))
    }

    /// Returns the tracked interfaces without those at the end that are tracked unnamed.
    pub(super) fn named(&self) -> &'a [Track] {
        let Instance { addresses, excluded, routes, track_interfaces: tracks, .. } = self.instance;
        let of_addresses = addresses.iter().chain(excluded).filter_map(|virtual_ip| virtual_ip.device.as_deref());
        let of_routes = routes.iter().filter_map(|route| route.device.as_deref());
        let all = of_addresses.chain(of_routes);
        let devices: BTreeSet<&str> = all.filter(|device| self.counts(device) && self.is_tracked(device)).collect();
        let ends_unnamed = |named: &usize| {
            let (named, unnamed) = tracks.split_at(*named);
            let rest = devices.iter().filter(|device| !named.iter().any(|track| track.name == **device));
            let rest = rest.map(|device| Track { name: (*device).to_owned(), weight: TrackWeight::default() });
            rest.eq(unnamed.iter().cloned())
        };
        let named = (0..=tracks.len()).find(ends_unnamed).unwrap_or(tracks.len());
        tracks.get(..named).unwrap_or_default()
    }

    fn counts(&self, device: &str) -> bool {
        device != self.instance.interface && !self.mac_interfaces.contains(device)
    }

    /// With a weight it is as an interface that carries nothing.
    fn is_tracked(&self, device: &str) -> bool {
        let tracks = &self.instance.track_interfaces;
        tracks.iter().any(|track| track.name == device && track.weight.weight == Weight::Fault)
    }
}
