//! The crate needs no `std`: a `no_std` library with a panic handler of its own links it, for a target that is here.
//!
//! Were `std` linked by anything, its panic handler and ours would be two, which the compiler refuses; `sneaks_in` shows
//! that it does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a firmware does with the crate when it has no heap.
const BARE: &str = r#"
use vrrp_core::fsm::{Event, Params, State};
use vrrp_core::wire::{self, Frame, Message};
use vrrp_core::{AnnouncePolicy, Contest, Criteria, Instant, RxPacket};

#[unsafe(no_mangle)]
pub extern "C" fn entry(params: &Params, message: &Message<'_>, octets: &[u8; 64]) -> bool {
    let (policy, mut contest, mut state) = (AnnouncePolicy::default(), Contest::default(), State::Initialize);
    let _ = contest.step(params, &policy, &mut state, Instant::ZERO, Event::Startup);
    let criteria = Criteria::new(params, message.vrid, message.addresses);
    let mac = message.vrid.virtual_mac(message.addresses.family());
    if wire::arp_reply(octets, mac, |_| true).is_some() || wire::solicited_na(octets, mac, |_| true).is_some() {
        return true;
    }
    let Some(Ok(accepted)) = RxPacket::from_frame(octets).map(|rx| criteria.check(&rx)) else { return false };
    let reaction = contest.step(params, &policy, &mut state, Instant::ZERO, Event::Advert(accepted.advert()));
    let mut out = [0; 1514];
    let frame = Frame::multicast(mac, params.primary);
    let len = frame.write(&mut out, |endpoints, octets| message.write(endpoints, octets));
    len.is_ok() && reaction.effects.in_order().count() > 0 && contest.deadline(&state).is_some()
}
"#;

/// And with one.
const ALLOC: &str = r#"
extern crate alloc;
use core::alloc::{GlobalAlloc, Layout};
use vrrp_core::{Config, Input, Instant, InterfaceId, RouterSet};

struct Nothing;

// SAFETY: to have no memory is always allowed.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Nothing = Nothing;

#[unsafe(no_mangle)]
pub extern "C" fn entry(config: &Config) -> bool {
    let mut set = RouterSet::new();
    let Ok(id) = set.insert(InterfaceId(1), config.clone()) else { return false };
    set.handle(Instant::ZERO, id, Input::Startup);
    set.poll_action().is_some()
}
"#;

const HEAD: &str = r#"#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
"#;

/// Builds the library in a workspace of its own; outputs are kept for the next run.
fn build(name: &str, features: &str, source: &str) -> Output {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tmp = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let directory = tmp.join("no_std").join(name);
    fs::create_dir_all(directory.join("src")).unwrap();
    let manifest = format!(
        r#"[package]
name = "{name}"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["staticlib"]

[dependencies.vrrp-core]
path = {core:?}
default-features = false
features = [{features}]

[profile.dev]
panic = "abort"

[workspace]
"#
    );
    fs::write(directory.join("Cargo.toml"), manifest).unwrap();
    fs::write(directory.join("src/lib.rs"), format!("{HEAD}{source}")).unwrap();
    // The same versions as here: nothing is downloaded.
    let lock = core.parent().unwrap().join("Cargo.lock");
    if lock.exists() {
        fs::copy(lock, directory.join("Cargo.lock")).unwrap();
    }
    Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--target-dir"])
        .arg(tmp.join("no_std/target"))
        .current_dir(&directory)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn without_any_feature_neither_std_nor_a_heap_is_needed() {
    let output = build("bare", "", BARE);
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn with_alloc_std_is_not_needed() {
    let output = build("heap", r#""alloc""#, ALLOC);
    assert!(output.status.success(), "{}", errors(&output));
}

/// The proof can fail.
#[test]
fn std_would_be_noticed() {
    let output = build("sneaks_in", "", &format!("extern crate std;\n{BARE}"));
    assert!(!output.status.success());
    assert!(errors(&output).contains("panic_impl"), "{}", errors(&output));
}
