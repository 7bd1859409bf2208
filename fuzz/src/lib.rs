//! What the fuzz targets do with their input. `cargo test` replays the corpus through the same functions
//! (`vrrp-examples/tests/corpus.rs`).

pub mod capture;
pub mod control;
pub mod datagram;
#[allow(dead_code, clippy::expect_used, reason = "an example elsewhere")]
#[path = "../../vrrp-core/examples/drain_controller/controller.rs"]
pub mod drain_controller;
pub mod keepalived_conf;
#[path = "../../vrrp-core/tests/model/mod.rs"]
pub mod model;
mod packet;
pub mod parse;
pub mod recording;
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
    ("drain_controller", drain_controller::fuzz),
    ("keepalived_conf", keepalived_conf::run),
    ("model", model::compare),
    ("netlink", vrrp_io_linux::fuzzing::netlink),
    ("parse", parse::run),
    ("recording", recording::run),
    ("round_trip", round_trip::run),
    ("router", router::run),
    ("vrrpd_toml", vrrpd_toml::run),
];
