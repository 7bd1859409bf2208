//! `vrrp-decode` beside tshark, on captures of every peer and of our own packets, whole and cut.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;

mod arbitrary;
mod capture;
mod cut;
mod gzip;
mod live;
mod program;
mod tshark;
mod tunnel;
mod verdict;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use vrrp_examples::decode::{self, Format};

/// The lines about a capture.
fn lines(capture: &[u8]) -> Vec<Value> {
    let mut out = Vec::new();
    decode::decode(capture, &mut out, Format::Json).unwrap();
    parse(&out)
}

fn parse(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The committed captures of other routers: a few packets of each.
fn peers() -> Vec<PathBuf> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/captures");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 9, "{files:?}");
    files
}
