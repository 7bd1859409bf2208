//! Reads tracked interfaces and checks, with their weights.

use std::num::NonZeroI16;

use vrrp_core::Weight;

use crate::vrrpd::config::{Check, Track, TrackWeight};
use crate::vrrpd::native::section::{Section, interface, mismatch, text};
use crate::vrrpd::native::shape::Kind;
use crate::vrrpd::native::tables::TRACK;
use crate::vrrpd::native::tree::{At, Node, Value, Word};
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness;

/// Reads the `weight` and `reverse` of a table.
pub(crate) fn weight(section: &Section<'_>, default: TrackWeight, report: &mut Report) -> TrackWeight {
    let weight = section
        .whole("weight", report)
        .map(|weight: At<i16>| NonZeroI16::new(weight.value).map_or(Weight::Fault, Weight::Adjust));
    let reverse = section.flag("reverse", report).map(|reverse| reverse.value);
    TrackWeight { weight: weight.unwrap_or(default.weight), reverse: reverse.unwrap_or(default.reverse) }
}

/// Reads the list of tracked interfaces.
pub(crate) fn interfaces(section: &Section<'_>, report: &mut Report) -> Vec<At<Track>> {
    let list = section.list("track_interfaces", report).iter();
    let tracks: Vec<At<Track>> = list
        .filter_map(|node| {
            let (name, table) = name(node, report)?;
            // The name is read once more, as that of an interface.
            let named = table.as_ref().map_or(Some(node), |table| table.node("name"))?;
            interface(named, report)?;
            let default = TrackWeight::default();
            let weight = table.map_or(default, |table| weight(&table, default, report));
            Some(At { value: Track { name: name.value, weight }, span: name.span })
        })
        .collect();
    once(&tracks, report);
    tracks
}

/// Reads the list of tracked checks. Each must be one of `checks`; `written` are all of the file, right or wrong.
pub(crate) fn checks(
    section: &Section<'_>,
    (checks, written): (&[Check], &[(Word, Node)]),
    report: &mut Report,
) -> Vec<At<Track>> {
    let list = section.list("track_checks", report).iter();
    let tracks: Vec<At<Track>> = list
        .filter_map(|node| {
            let (name, table) = name(node, report)?;
            let Some(check) = checks.iter().find(|check| check.name == name.value) else {
                // What is wrong with a check was told.
                if !written.iter().any(|(written, _)| written.value == name.value) {
                    report
                        .error(name.span, format!("no check is called `{}`", name.value))
                        .with_expected("the name of a table [check.NAME]")
                        .with_nearest(&name.value, written.iter().map(|(name, _)| name.value.as_str()));
                }
                return None;
            };
            let weight = table.map_or(check.weight, |table| weight(&table, check.weight, report));
            Some(At { value: Track { name: name.value, weight }, span: name.span })
        })
        .collect();
    once(&tracks, report);
    tracks
}

fn once(tracks: &[At<Track>], report: &mut Report) {
    soundness::tracked_once(tracks.iter().map(|track| (&track.value.name, track.span)), report);
}

fn name<'a>(node: &'a Node, report: &mut Report) -> Option<(At<String>, Option<Section<'a>>)> {
    if let Value::Text(name) = &node.value {
        return Some((At { value: name.clone(), span: node.span }, None));
    }
    if !matches!(node.value, Value::Table(_)) {
        mismatch(node, Kind::Short(&Kind::Text, &TRACK).expected(), report);
        return None;
    }
    let section = Section::read(node, node.span, &[&TRACK], report)?;
    let name = text(section.node("name")?, "a name in quotes", report)?;
    Some((name, Some(section)))
}
