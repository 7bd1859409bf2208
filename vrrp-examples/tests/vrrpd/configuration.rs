//! What `--check` accepts would run, and what it refuses does not start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::in_namespace;
use crate::common::testing::{ip, wire};

/// Runs a program with no capability but these; one that does not end by itself ends with status 124.
fn with_capabilities(capabilities: &str, program: &str, arguments: &[&str]) -> Output {
    let sets = ["--ambient-caps", "--inh-caps", "--bounding-set"].into_iter().flat_map(|set| [set, capabilities]);
    Command::new("timeout").args(["20", "setpriv"]).args(sets).arg(program).args(arguments).output().unwrap()
}

fn unprivileged(program: &str, arguments: &[&str]) -> Output {
    with_capabilities("-all", program, arguments)
}

fn vrrpd(arguments: &[&str]) -> (Option<i32>, String, String) {
    vrrpd_with("-all", arguments)
}

fn vrrpd_with(capabilities: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = with_capabilities(capabilities, env!("CARGO_BIN_EXE_vrrpd"), arguments);
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A file that is gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vrrpd-configuration-{}.conf", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_articles_files_pass_without_interface_and_privilege() {
    in_namespace(|| {
        let status = String::from_utf8(unprivileged("cat", &["/proc/self/status"]).stdout).unwrap();
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        for file in ["article/proxy-serv01.conf", "article/proxy-serv02.conf"] {
            let line = format!("{file}: 2 virtual routers and 1 script would run");
            let (code, out, err) = vrrpd(&["--check", "--config", file]);
            assert_eq!((code, out.starts_with(&line)), (Some(0), true), "{out}");
            let missing = "warning: there is no interface eth0; the router waits until there is one";
            // Where there is no Squid, that is said too.
            let said: Vec<&str> =
                err.lines().filter(|line| line.contains(".conf:") && !line.contains("squid")).collect();
            assert_eq!((said.len(), err.matches(missing).count()), (2, 2), "{err}");
        }
        ip("link add eth0 type veth peer name other");
        let (code, _, err) = vrrpd(&["--check", "--config", "article/proxy-serv01.conf"]);
        let said: Vec<&str> = err.lines().filter(|line| line.contains(".conf:") && !line.contains("squid")).collect();
        assert_eq!((code, said), (Some(0), vec![]), "nothing is to be said on a host that has it");
    });
}

#[test]
fn a_broken_file_is_refused_with_its_place_and_does_not_start() {
    in_namespace(|| {
        let mut files = 0;
        for entry in fs::read_dir("tests/conf/broken").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "conf") {
                continue;
            }
            files += 1;
            let file = path.to_str().unwrap();
            let (code, out, err) = vrrpd(&["--check", "--config", file]);
            assert_eq!((code, out.as_str()), (Some(78), ""), "{file}");
            assert!(err.lines().any(|line| names_a_place(line, &path)), "{file}: no place in:\n{err}");
            assert_eq!(vrrpd(&["--config", file]), (code, out, err), "{file}: --check and start differ");
        }
        assert!(files >= 20, "{files} files");
    });
}

#[test]
fn an_interface_that_can_never_carry_the_protocol_is_refused_with_its_place() {
    let instance = |name: &str, vrid: u8, interface: &str, more: &str| {
        format!(
            "vrrp_instance {name} {{\n    interface {interface}\n    virtual_router_id {vrid}\n    virtual_ipaddress {{ 192.0.2.{vrid} }}\n{more}}}\n"
        )
    };
    in_namespace(|| {
        wire("v0", "v1");
        ip("link add br0 type bridge");
        ip("link set v1 master br0");
        ip("tuntap add tun0 mode tun");
        ip("tuntap add tun1 mode tun");
        ip("link set tun1 multicast off");
        let good =
            instance("good", 1, "v0", "") + &instance("bridge", 2, "br0", "") + &instance("later", 3, "eth7", "");
        let unicast = instance("unicast", 4, "tun1", "    unicast_peer { 192.0.2.99 }\n");
        let bad = instance("port", 11, "v1", "")
            + &instance("loopback", 12, "lo", "")
            + &instance("group", 13, "tun1", "")
            + &instance("mac", 14, "tun0", "    use_vmac\n");
        let file = Scratch::new(&(good.clone() + &unicast + &bad));
        let (code, out, err) = vrrpd(&["--check", "--config", file.path()]);
        assert_eq!((code, out.as_str()), (Some(78), ""), "{err}");
        let said: Vec<&str> = err.lines().filter_map(|line| line.strip_prefix(file.path())).collect();
        let errors = [
            ":23:15: error: interface v1 is a port of the bridge br0, which gets its packets",
            ":28:15: error: interface lo is a loopback interface: no other router can be on it",
            ":33:15: error: interface tun1 is point-to-point and carries no multicast",
            ":41:5: error: interface tun0 is not Ethernet and cannot have a virtual MAC address",
        ];
        let warning = ":12:15: warning: there is no interface eth7; the router waits until there is one";
        let summary = " would not run: 4 errors and 1 warning";
        assert_eq!(said, [&[warning][..], &errors, &[summary]].concat());
        assert_eq!(err.matches("= expected: ").count(), 4, "{err}");
        assert!(err.contains("23 |     interface v1\n   |               ^^\n   |\n   = expected: `br0`"), "{err}");

        // The start says the same of what can never work; of the rest the routers themselves speak.
        let (code, out, err) = vrrpd_with("+all", &["--config", file.path()]);
        assert_eq!((code, out.as_str()), (Some(78), ""), "{err}");
        let said: Vec<&str> = err.lines().filter_map(|line| line.strip_prefix(file.path())).collect();
        assert_eq!(said, [&errors[..], &[" would not run: 4 errors"]].concat());

        let file = Scratch::new(&(good + &unicast));
        let (code, _, err) = vrrpd(&["--check", "--config", file.path()]);
        assert_eq!(code, Some(0), "{err}");
    });
}

#[test]
fn an_advertisement_that_is_larger_than_the_mtu_is_named() {
    let addresses: String = (1..=84).map(|n| format!("fe80::{n:x}\n")).collect();
    let text =
        format!("vrrp_instance large {{\ninterface v0\nvirtual_router_id 1\nvirtual_ipaddress {{\n{addresses}}}\n}}\n");
    in_namespace(|| {
        wire("v0", "v1");
        let file = Scratch::new(&text);
        let check = || vrrpd(&["--check", "--config", file.path()]);
        assert_eq!((check().0, check().2.as_str()), (Some(0), ""));
        for (mtu, expected) in [
            (
                1300,
                "an advertisement of all addresses takes 1392 octets, more than the MTU of v0, 1300: it is sent in fragments",
            ),
            (1200, "IPv6 cannot work on v0: its MTU is 1200, and IPv6 needs 1280"),
        ] {
            ip(&format!("link set v0 mtu {mtu}"));
            let (code, _, err) = check();
            assert_eq!(code, Some(0));
            assert!(err.starts_with(&format!("{}:2:11: warning: {expected}\n", file.path())), "{err}");
        }
    });
}

#[test]
fn a_capability_that_is_missing_is_named_at_the_start() {
    in_namespace(|| {
        wire("v0", "v1");
        let file =
            Scratch::new("vrrp_instance a {\ninterface v0\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.1 }\n}\n");
        for (capabilities, expected) in [
            ("-all,+net_raw", "cannot set addresses (needs CAP_NET_ADMIN): Operation not permitted"),
            ("-all,+net_admin", "cannot open a packet socket (needs CAP_NET_RAW): Operation not permitted"),
        ] {
            let (code, _, err) = vrrpd_with(capabilities, &["--config", file.path()]);
            assert_eq!(code, Some(1), "{err}");
            assert!(err.contains(expected), "{err}");
        }
    });
}

/// `path/file.conf:line:column: error: text`; the file may be one that it includes.
fn names_a_place(line: &str, path: &Path) -> bool {
    let Some((place, text)) = line.split_once(": error: ") else { return false };
    let mut parts = place.rsplitn(3, ':');
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok_and(|n| n > 0));
    number(parts.next()) && number(parts.next()) && parts.next() == path.to_str() && !text.is_empty()
}
