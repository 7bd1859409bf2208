//! What the fuzz targets do with their input. `cargo test` replays the corpus through the same functions
//! (`vrrp-examples/tests/corpus.rs`).

pub mod capture;
pub mod control;
pub mod datagram;
pub mod keepalived_conf;
#[path = "../../vrrp-core/tests/model/mod.rs"]
pub mod model;
mod packet;
pub mod parse;
pub mod round_trip;
pub mod router;
pub mod vrrpd_toml;

/// A target and the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("capture", capture::run),
    ("control", control::run),
    ("datagram", datagram::run),
    ("keepalived_conf", keepalived_conf::run),
    ("model", model::compare),
    ("netlink", vrrp_io_linux::fuzzing::netlink),
    ("parse", parse::run),
    ("round_trip", round_trip::run),
    ("router", router::run),
    ("vrrpd_toml", vrrpd_toml::run),
];
