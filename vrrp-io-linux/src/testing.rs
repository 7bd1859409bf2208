//! Network namespaces for tests, without privileges.
//!
//! Depends on nothing of this crate, so that the tests of another one can include it:
//! `#[path = "../../vrrp-io-linux/src/testing.rs"] mod testing;`
#![allow(dead_code, reason = "not every place that includes this uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::any::type_name;
use std::env;
use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::process::{Command, Output};
use std::time::Duration;

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "VRRP_TEST_INSIDE_NAMESPACE";
/// Set where nothing may be skipped.
const NO_SKIP: &str = "VRRP_NO_SKIP";
/// The exit status of libtest when a test fails.
const TEST_FAILED: i32 = 101;

/// Runs the body of a test in a fresh network namespace. Call it directly in the test function, with a closure.
///
/// A process with several threads cannot enter a new user namespace, and a test binary has several. So this runs the
/// test binary once more, under `unshare` and for this one test only; there the closure is called. The closure's type
/// names the test.
pub(crate) fn in_namespace<F: FnOnce()>(test: F) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    let closure = type_name::<F>();
    let name = closure.split_once("::").and_then(|(_crate, path)| path.strip_suffix("::{{closure}}"));
    let name = name.unwrap_or_else(|| panic!("`{closure}` is no closure of a test function"));

    if let Some(program) = missing(&["ip", "unshare"]) {
        return skip(name, &format!("{program} is not installed"));
    }
    // Root may have network namespaces where user namespaces are forbidden.
    let mut refusals = String::new();
    for how in [&["--user", "--map-current-user", "--keep-caps", "--net"][..], &["--net"]] {
        let output = run_inside(how, name);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(0) if out.contains("1 passed") => return print!("{out}"),
            Some(0) => panic!("{name} did not run in its namespace:\n{out}{err}"),
            Some(TEST_FAILED) => panic!("{name} failed in its namespace:\n{out}{err}"),
            None => panic!("{name} was killed in its namespace ({}):\n{out}{err}", output.status),
            _ => refusals.push_str(&err),
        }
    }
    skip(name, &format!("no network namespace: {}", refusals.trim()));
}

/// Names a test that cannot run here, past libtest's capture; a failure where nothing may be skipped.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(env::var_os(NO_SKIP).is_none(), "{test} cannot run here, and {NO_SKIP} is set: {why}");
    // A closed stderr has no reader to tell.
    let _ = writeln!(io::stderr(), "SKIPPED: {test}: {why}");
}

/// The first of `programs` that is not installed.
pub(crate) fn missing<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = |program: &str| {
        env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|dir| dir.join(program).is_file())
    };
    programs.iter().copied().find(|program| !installed(program))
}

fn run_inside(how: &[&str], name: &str) -> Output {
    let this = env::current_exe().unwrap();
    Command::new("unshare")
        .args(how)
        .arg("--")
        .arg(this)
        .args(["--exact", name, "--nocapture", "--include-ignored", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap_or_else(|error| panic!("cannot run unshare (package util-linux): {error}"))
}

/// Runs a future on a fresh runtime; panics when it takes 20 seconds.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await }).expect("took too long")
}

/// Runs `ip` with the words of `arguments`; returns what it printed.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("ip (package iproute2)");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes two Ethernet interfaces with a wire between them, both up.
///
/// Both ends are in one namespace, so each must accept packets from an address that is local.
pub(crate) fn wire(a: &str, b: &str) {
    ip(&format!("link add {a} type veth peer name {b}"));
    for interface in [a, b] {
        for (key, value) in [("accept_local", "1"), ("rp_filter", "0")] {
            fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/{key}"), value).unwrap();
        }
        ip(&format!("link set {interface} up"));
    }
}

/// The index of an interface.
pub(crate) fn ifindex(name: &str) -> u32 {
    let line = ip(&format!("-oneline link show dev {name}"));
    line.split_once(':').and_then(|(index, _)| index.parse().ok()).unwrap_or_else(|| panic!("no index in {line}"))
}
