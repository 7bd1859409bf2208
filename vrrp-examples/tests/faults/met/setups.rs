//! Wrong set-ups, and what `vrrpd --check` and the start say of each: `setups.txt`, for people to read.
//!
//! `VRRP_UPDATE=1 cargo test -p vrrp-examples --test faults setups` writes that file anew; read the difference.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::program;
use crate::common::testing::{missing, skip};

const SAID: &str = "tests/faults/setups.txt";
const VRRPD: &str = env!("CARGO_BIN_EXE_vrrpd");
/// A router that runs a check.
const CHECKED: &str = "vrrp_script chk {\n    script \"$D/check\"\n}\n\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 1\n    virtual_ipaddress { 192.0.2.100/24 }\n    track_script { chk }\n}\n";
const WIRE: &str = "ip link add eth0 type veth peer name far; ip addr add 192.0.2.1/24 dev eth0; ip link set far up; ip link set eth0 up";

/// One wrong set-up.
struct Setup {
    /// What is wrong.
    what: &'static str,
    configuration: Vec<u8>,
    /// Makes what there is in the folder that the configuration calls `$D`.
    files: fn(&Path),
    /// Shell commands on the host, before vrrpd.
    host: &'static str,
    /// More arguments.
    arguments: &'static [&'static str],
}

impl Setup {
    fn new(what: &'static str, configuration: impl Into<Vec<u8>>, files: fn(&Path)) -> Self {
        Self { what, configuration: configuration.into(), files, host: WIRE, arguments: &[] }
    }

    fn on(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    fn with(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }
}

/// A file that the script of a check is.
fn check(folder: &Path, text: &str, mode: u32) {
    let path = folder.join("check");
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn instance(lines: &str) -> String {
    format!("vrrp_instance VI_1 {{\n    virtual_router_id 1\n{lines}}}\n")
}

const SH: &str = "#!/bin/sh\nexit 0\n";

fn scripts() -> Vec<Setup> {
    let globals = |lines: &str| format!("global_defs {{\n    {lines}\n}}\n{CHECKED}");
    let command = |script: &str| CHECKED.replace("$D/check", script);
    vec![
        Setup::new("a script that does not exist", CHECKED, |_| {}),
        Setup::new("a script in a folder that does not exist", command("$D/bin/check"), |_| {}),
        Setup::new("a script that is not executable", CHECKED, |d| check(d, SH, 0o644)),
        Setup::new("a script whose interpreter does not exist", CHECKED, |d| check(d, "#!/usr/bin/nosuch\n", 0o755)),
        Setup::new("a script without a #! line", CHECKED, |d| check(d, "exit 0\n", 0o755)),
        Setup::new("a script with Windows line ends", CHECKED, |d| check(d, "#!/bin/sh\r\nexit 0\r\n", 0o755)),
        Setup::new("a script that begins with a byte order mark", CHECKED, |d| {
            check(d, &format!("\u{feff}{SH}"), 0o755)
        }),
        Setup::new("a script that is empty", CHECKED, |d| check(d, "", 0o755)),
        Setup::new("a script that is a folder", CHECKED, |d| fs::create_dir(d.join("check")).unwrap()),
        Setup::new("a script that is a link to nowhere", CHECKED, |d| {
            symlink("/nosuch/check", d.join("check")).unwrap()
        }),
        Setup::new("a script with a relative path", command("./check"), |d| check(d, SH, 0o755)),
        Setup::new("a program that no folder of PATH has", command("nosuchprogram -k check"), |_| {}),
        Setup::new("a user that does not exist", globals("script_user nosuchuser"), |d| check(d, SH, 0o755)),
        Setup::new("a group that does not exist", globals("script_user root nosuchgroup"), |d| check(d, SH, 0o755)),
        Setup::new("a script that its user may not execute", globals("script_user nobody"), |d| check(d, SH, 0o700)),
        Setup::new("a script that its user may not read", globals("script_user nobody"), |d| check(d, SH, 0o711)),
        Setup::new("a command that only a shell understands", command("/bin/true && /bin/false 2>/dev/null"), |_| {}),
        Setup::new(
            "a notify script that does not exist",
            instance(
                "    interface eth0\n    virtual_ipaddress { 192.0.2.100/24 }\n    notify_master \"$D/told MASTER\"\n    notify $D/told\n",
            ),
            |_| {},
        ),
        Setup::new("a script that everybody may write", CHECKED, |d| check(d, SH, 0o777)),
        Setup::new("the same with enable_script_security", globals("enable_script_security"), |d| check(d, SH, 0o777)),
        Setup::new("a script in a folder that everybody may write", command("$D/open/check"), |d| {
            fs::create_dir(d.join("open")).unwrap();
            check(&d.join("open"), SH, 0o755);
            fs::set_permissions(d.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
        }),
        Setup::new("a shell that runs what everybody may write", command("/bin/sh $D/check"), |d| check(d, SH, 0o666)),
    ]
}

fn files() -> Vec<Setup> {
    let good = instance("    interface eth0\n    virtual_ipaddress { 192.0.2.100/24 }\n");
    let octets = |text: &str| text.as_bytes().to_vec();
    vec![
        Setup::new("a configuration that does not exist", "", |d| fs::remove_file(d.join("vrrpd.conf")).unwrap()),
        Setup::new("a configuration that is a folder", "", |d| {
            fs::remove_file(d.join("vrrpd.conf")).unwrap();
            fs::create_dir(d.join("vrrpd.conf")).unwrap();
        }),
        Setup::new("an empty configuration", "", |_| {}),
        Setup::new(
            "a configuration in Latin-1",
            [octets("# f\u{fc}r\n").as_slice(), b"# f\xfcr\n", good.as_bytes()].concat(),
            |_| {},
        ),
        Setup::new("a byte order mark", format!("\u{feff}{good}"), |_| {}),
        Setup::new("a no-break space", good.replace("interface eth0", "interface\u{a0}eth0"), |_| {}),
        Setup::new("a zero-width space", good.replace("interface", "inter\u{200b}face"), |_| {}),
        Setup::new("typographic quotes", CHECKED.replace("\"$D/check\"", "\u{201c}/bin/true\u{201d}"), |_| {}),
        Setup::new("Windows line ends", good.replace('\n', "\r\n"), |_| {}),
        Setup::new("a brace that is not closed", good.replace("}\n}", "\n}"), |_| {}),
        Setup::new("a misspelt keyword", good.replace("virtual_router_id", "virtual_routerid"), |_| {}),
        Setup::new(
            "two routers with one id",
            good.clone() + &good.replace("VI_1", "VI_2").replace(".100", ".101"),
            |_| {},
        ),
        Setup::new("no control socket can be made", good.clone(), |_| {}).with(&["--control", "/nosuch/control"]),
    ]
}

fn hosts() -> Vec<Setup> {
    let on =
        |interface: &str| instance(&format!("    interface {interface}\n    virtual_ipaddress {{ 192.0.2.100/24 }}\n"));
    let v6 = instance("    interface eth0\n    virtual_ipaddress { fe80::100/64 }\n");
    let many: String = (1..=255).map(|n| format!("        10.0.0.{n}\n")).collect();
    let many = instance(&format!("    interface eth0\n    virtual_ipaddress {{\n{many}    }}\n"));
    vec![
        Setup::new("an interface that does not exist", on("eht0"), |_| {}),
        Setup::new("the loopback", on("lo"), |_| {}),
        Setup::new("a port of a bridge", on("far"), |_| {}).on("ip link add br0 type bridge; ip link add eth0 type veth peer name far; ip link set far master br0"),
        Setup::new("an interface without IPv6", v6, |_| {}).on("ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up; echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"),
        Setup::new("advertisements that are larger than the MTU", many, |_| {}).on("ip link add eth0 type veth peer name far; ip addr add 192.0.2.1/24 dev eth0; ip link set far up mtu 600; ip link set eth0 up mtu 600"),
        Setup::new("no capability to switch to a user", format!("global_defs {{\nscript_user nobody\n}}\n{CHECKED}"), |d| check(d, SH, 0o755))
            .on("ip link add eth0 type veth peer name far; set -- setpriv --bounding-set -setuid,-setgid --inh-caps -all \"$@\""),
        Setup::new("no capability", on("eth0"), |_| {}).on("ip link add eth0 type veth peer name far; set -- setpriv --bounding-set -all --inh-caps -all \"$@\""),
    ]
}

#[test]
fn d5_what_is_wrong_with_a_set_up_is_said_before_it_is_needed() {
    if let Some(program) = missing(&["ip", "unshare", "setpriv"]) {
        return skip("setups", &format!("{program} is not installed"));
    }
    let mut said = String::new();
    let setups = [scripts(), files(), hosts()].into_iter().flatten();
    for (number, setup) in setups.enumerate() {
        let folder = Folder::new(number);
        let path = folder.0.join("vrrpd.conf");
        let text = String::from_utf8(setup.configuration.clone());
        let text = text.map(|text| text.replace("$D", folder.0.to_str().unwrap()).into_bytes());
        fs::write(&path, text.unwrap_or(setup.configuration)).unwrap();
        (setup.files)(&folder.0);
        let run = |more: &[&'static str]| {
            let arguments = [setup.arguments, more].concat();
            run(setup.host, &path, &arguments).replace(folder.0.to_str().unwrap(), "$D")
        };
        let (check, start) = (run(&["--check"]), run(&[]));
        let start = if start == check { "the same\n".to_owned() } else { start };
        write!(said, "==== {}: {}\n-- vrrpd --check\n{check}-- vrrpd\n{start}\n", number + 1, setup.what).unwrap();
    }
    if std::env::var_os("VRRP_UPDATE").is_some() {
        return fs::write(SAID, said).unwrap();
    }
    let expected = fs::read_to_string(SAID).unwrap();
    let part = |text: &str| text.split("==== ").map(str::to_owned).collect::<Vec<_>>();
    for (said, expected) in part(&said).iter().zip(part(&expected)) {
        assert_eq!(*said, expected, "\nsaid:\n{said}\nexpected:\n{expected}");
    }
    assert_eq!(said, expected);
}

/// A script that others can change is refused until they cannot, also where that changes while vrrpd runs.
#[test]
fn d7_root_runs_no_script_that_others_can_change_when_it_is_told_so() {
    if let Some(program) = missing(&["ip", "unshare"]) {
        return skip("script security", &format!("{program} is not installed"));
    }
    for (globals, refused) in [("enable_script_security", true), ("", false)] {
        let folder = Folder::new(usize::from(refused) + 100);
        check(&folder.0, "#!/bin/sh\necho ran >>${0%check}ran\n", 0o777);
        let path = folder.0.join("vrrpd.conf");
        let text = format!("global_defs {{\n{globals}\n}}\n{CHECKED}").replace("$D", folder.0.to_str().unwrap());
        fs::write(&path, text).unwrap();
        let mut process = start(WIRE, &path, &[]);
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut next = |text: &str| lines.find(|line| line.contains(text)).unwrap();
        assert!(next("warning: root runs").contains("everybody may write it"));
        let verdict = next("check chk ");
        if refused {
            assert!(verdict.contains("`enable_script_security` is on"), "{verdict}");
            assert!(next("VI_1").contains("Fault"));
            assert!(!folder.0.join("ran").exists());
            fs::set_permissions(folder.0.join("check"), fs::Permissions::from_mode(0o755)).unwrap();
            assert!(next("check chk ").contains("passes"));
        } else {
            assert!(verdict.contains("passes"), "{verdict}");
        }
        assert!(folder.0.join("ran").exists());
        kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(process.wait().unwrap().success());
    }
}

/// The unit is not restarted for ever over a broken configuration, and takes nothing from checks that root has.
#[test]
fn d6_the_unit_lets_root_be_root_and_knows_a_broken_configuration() {
    let unit = fs::read_to_string("systemd/vrrpd.service").unwrap();
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let broken =
        Command::new(program("vrrpd", VRRPD)).args(["--config", "tests/conf/broken/brace-missing.conf"]).output();
    let status = broken.unwrap().status.code().unwrap().to_string();
    assert_eq!((value("RestartPreventExitStatus"), value("Restart")), (Some(&*status), Some("always")));
    let taken: Vec<&str> = value("CapabilityBoundingSet").unwrap().strip_prefix('~').unwrap().split(' ').collect();
    let kept = [
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_IPC_LOCK",
        "CAP_KILL",
        "CAP_NET_ADMIN",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SYS_ADMIN",
        "CAP_SYS_NICE",
        "CAP_SYS_PTRACE",
        "CAP_SYS_RESOURCE",
    ];
    assert!(kept.iter().all(|capability| !taken.contains(capability)), "{taken:?}");
    assert_eq!((value("LimitMEMLOCK"), value("LimitRTPRIO")), (Some("infinity"), Some("99")));
    for forbids in
        ["NoNewPrivileges", "ProtectSystem", "PrivateDevices", "ProtectHome", "PrivateTmp", "RestrictSUIDSGID"]
    {
        assert_eq!(value(forbids), None, "a script may need what {forbids} takes away");
    }
}

/// Runs vrrpd as root on a host of its own.
fn start(host: &str, configuration: &Path, arguments: &[&str]) -> Child {
    // What it is to say and never says ends with it.
    let mut command = Command::new("timeout");
    command.args(["60", "unshare"]).args([
        "--user",
        "--map-root-user",
        "--net",
        "--",
        "sh",
        "-c",
        &format!("{host}\nexec \"$@\""),
        "sh",
    ]);
    command.arg(program("vrrpd", VRRPD)).arg("--config").arg(configuration).args(arguments);
    command.env_remove("RUST_LOG").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Returns what vrrpd says until it ends, or until it has started, and how it ended then.
fn run(host: &str, configuration: &Path, arguments: &[&str]) -> String {
    let mut process = start(host, configuration, arguments);
    let mut said = String::new();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut started = false;
    for line in lines {
        // The log has times.
        let line = [" INFO ", " WARN ", "ERROR "]
            .iter()
            .find_map(|level| Some((level.trim(), line.split_once(level)?.1)))
            .map_or(line.clone(), |(level, rest)| format!("{level} {rest}"));
        started |= line.contains("started with");
        if started {
            break;
        }
        // How many carets there are under the folder's name depends on that.
        let carets = line.trim_start_matches(|c: char| " |".contains(c));
        let is_marks = carets.len() > 12 && carets.chars().all(|c| c == '^');
        let line = if is_marks { line.replace(carets, "^^^^^^^^^^^^") } else { line };
        writeln!(said, "{line}").unwrap();
    }
    if started {
        let _ = kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGTERM);
    }
    let output = process.wait_with_output().unwrap();
    said.push_str(&String::from_utf8(output.stdout).unwrap());
    said.push_str(&if started { "(it starts)\n".to_owned() } else { format!("({})\n", output.status) });
    said
}

/// A folder that is gone when it is dropped, in one that only its owner may write.
struct Folder(PathBuf);

impl Folder {
    fn new(number: usize) -> Self {
        let path = std::env::temp_dir().join(format!("vrrpd-setup-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
