//! Going on as the program that is on disk, without anybody noticing. `VRRP_UPGRADES` says how often in a row.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::Pid;

use crate::common::{Host, Lan, Vrrpd, in_namespace, program, throughout, until};
use crate::instance;

const VIP: &str = "192.0.2.101";

/// How late an advertisement may be on a machine that has nothing else to do.
const LATE: Duration = Duration::from_millis(50);

/// Returns whether this is the long form, which needs a machine of its own.
fn is_long() -> bool {
    std::env::var_os("VRRP_UPGRADES").is_some()
}

/// Returns the number of upgrades in a row.
fn upgrades() -> usize {
    std::env::var("VRRP_UPGRADES").ok().and_then(|often| often.parse().ok()).unwrap_or(3)
}

fn configuration(priority: u8, interval: &str) -> String {
    let version = "global_defs {\n vrrp_version 3\n}\n".to_owned();
    version + &instance("VI_1", 1, priority, &format!("advert_int {interval}\n accept\n garp_master_delay 0"))
}

/// Returns what `vrrpctl upgrade` printed, which is to succeed; when it has ended the next program answers.
#[track_caller]
fn upgrade(host: &Host, daemon: &Vrrpd) -> String {
    let before = daemon.logged("goes on with");
    let output = host.vrrpctl(&["upgrade"]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}\n{:#?}", daemon.log());
    daemon.until("the next program goes on", || daemon.logged("goes on with") > before && daemon.ask().is_some());
    out
}

/// Starts `vrrpd` by a link in the host's directory, which a test may put another program in the place of.
fn linked(host: &Host, configuration: &str) -> Vrrpd {
    let on_disk = host.path("on-disk");
    symlink(vrrpd(), &on_disk).unwrap();
    let run = format!("shift; exec {} \"$@\"", on_disk.display());
    host.vrrpd_under(&["sh", "-c", &run, "sh"], configuration, &[])
}

fn vrrpd() -> PathBuf {
    program("vrrpd", env!("CARGO_BIN_EXE_vrrpd"))
}

/// Returns what `vrrpctl upgrade` says that is refused.
#[track_caller]
fn refused(host: &Host) -> String {
    let output = host.vrrpctl(&["upgrade"]);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// A client that asks every 2 ms, until it is told to stop; then it says how many of how many were answered.
struct Client {
    ping: std::process::Child,
    said: PathBuf,
}

impl Client {
    fn new(host: &Host) -> Self {
        let (mut ping, said) = (Command::new("ping"), host.path("ping"));
        ping.args(["-i", "0.002", "-W", "1", VIP]).stdout(File::create(&said).unwrap()).stderr(Stdio::null());
        Self { ping: host.spawn(&mut ping), said }
    }

    fn stop(mut self) -> (u32, u32) {
        kill(Pid::from_raw(self.ping.id() as i32), Signal::SIGINT).unwrap();
        self.ping.wait().unwrap();
        let said = std::fs::read_to_string(&self.said).unwrap();
        let number = |line: &str, before: &str| line.split_once(before)?.1.split(' ').next()?.parse::<u32>().ok();
        let answered: BTreeSet<u32> = said.lines().filter_map(|line| number(line, "icmp_seq=")).collect();
        let asked = said.lines().find(|line| line.contains("transmitted")).and_then(|line| line.split(' ').next());
        let asked: u32 = asked.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        // The answer to the last one may be on its way still.
        let asked = asked - u32::from(!answered.contains(&asked));
        (asked, answered.len() as u32)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.ping.kill();
        let _ = self.ping.wait();
    }
}

#[test]
fn nobody_notices_upgrades_of_a_master_that_advertises_each_second() {
    in_namespace(|| upgrade_in_a_row("1", Duration::from_secs(1)));
}

#[test]
fn nobody_notices_upgrades_of_a_master_that_advertises_ten_times_a_second() {
    in_namespace(|| upgrade_in_a_row("0.1", Duration::from_millis(100)));
}

fn upgrade_in_a_row(interval: &str, span: Duration) {
    let lan = Lan::new();
    let [master, backup, client] = [1, 2, 3].map(|number| lan.host(number));
    let daemon = master.vrrpd(&configuration(200, interval));
    daemon.until_is("VI_1", "Master");
    let other = backup.vrrpd(&configuration(100, interval));
    other.until_is("VI_1", "Backup");
    until("the client's neighbour is known", || client.reaches(VIP));
    // Where something else has the processor nobody can keep time.
    let late = if is_long() { LATE } else { span };
    let mut tries = 0;
    let (changes, announced, pid, transitions, asked, answered) = loop {
        tries += 1;
        thread::sleep(span * 4);
        let (changes, announced) = (other.logged(" -> "), lan.wire().announcements(1, VIP).len());
        let (from, pings) = (Instant::now(), Client::new(&client));
        let (pid, transitions) = (daemon.pid(), daemon.json("VI_1")["counters"]["master_transitions"].clone());
        for _ in 0..upgrades() {
            assert!(upgrade(&master, &daemon).contains("goes on"));
            assert!(upgrade(&backup, &other).contains("goes on"));
            thread::sleep(span / 3);
        }
        thread::sleep(span * 4);
        let (asked, answered) = pings.stop();
        let adverts = lan.wire().adverts(1);
        assert!(adverts.iter().all(|advert| advert.priority == 200), "never a release");
        let times: Vec<Instant> = adverts.iter().map(|advert| advert.at).filter(|at| *at >= from).collect();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        let (largest, least) = (gaps.clone().max().unwrap(), gaps.min().unwrap());
        let report =
            format!("every {interval} s, {} upgrades: {least:?} to {largest:?}, {answered} of {asked}", upgrades());
        eprintln!("{report}");
        let _ = std::env::var_os("VRRP_UPGRADE_REPORT").map(|path| std::fs::write(path, report));
        if largest <= span + late {
            break (changes, announced, pid, transitions, asked, answered);
        }
        assert!(tries < 3, "an advertisement is late or missing: {largest:?}");
        daemon.until_is("VI_1", "Master");
        other.until_is("VI_1", "Backup");
    };
    assert_eq!(asked, answered, "requests were lost");
    assert_eq!(lan.wire().announcements(1, VIP).len(), announced, "nothing is announced again");
    assert_eq!(other.logged(" -> "), changes, "no transition at the peer");
    assert_eq!((daemon.pid(), &daemon.json("VI_1")["counters"]["master_transitions"]), (pid, &transitions));
    assert_eq!(daemon.terminate().code(), Some(0));
    assert!(!master.has(VIP), "it was still its own");
    other.until_is("VI_1", "Master");
}

#[test]
fn a_program_that_would_not_go_on_changes_nothing() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = linked(&host, &configuration(200, "0.1"));
        daemon.until_is("VI_1", "Master");
        let on_disk = host.path("on-disk");
        let vrrpd = vrrpd().display().to_string();

        host.script("on-disk", "echo 'what is vrrp_version?' >&2; exit 78");
        assert!(refused(&host).contains("what is vrrp_version?"));
        std::fs::remove_file(&on_disk).unwrap();
        assert!(refused(&host).contains("cannot run "));
        symlink(&vrrpd, &on_disk).unwrap();
        host.reconfigure("vrrp_instance {");
        assert!(refused(&host).contains("error"));
        host.reconfigure(&configuration(200, "0.1"));
        assert_eq!(daemon.logged("goes on"), 0);

        // It is gone when it is needed.
        host.script("on-disk", &format!("case $* in *--check*) rm $D/on-disk;; esac; exec {vrrpd} \"$@\""));
        assert!(host.vrrpctl(&["upgrade"]).status.success());
        daemon.until_logged("this process goes on");
        daemon.until_logged("goes on with 1 virtual router");
        daemon.until("it answers", || daemon.ask().is_some());
        assert!(daemon.is("VI_1", "Master") && host.has(VIP));
        assert_eq!(daemon.logged(" -> "), 2, "{:#?}", daemon.log());

        // One that knows nothing of all this.
        host.script("on-disk", &format!("unset VRRPD_STATE_FD; exec {vrrpd} \"$@\""));
        assert!(host.vrrpctl(&["upgrade"]).status.success());
        daemon.until_logged("an earlier run left 192.0.2.101/24 on eth0, removing it");
        daemon.until("it is Master again", || daemon.ask().is_some() && daemon.is("VI_1", "Master"));
        assert_eq!(daemon.terminate().code(), Some(0));
    });
}

/// At moments before and after the next program takes the place of this one.
#[test]
fn a_stop_in_the_middle_of_an_upgrade_is_an_orderly_end() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        for millis in [0, 2, 5, 10, 15, 20, 25, 30, 40, 60] {
            let daemon = host.vrrpd(&configuration(200, "0.1"));
            daemon.until_is("VI_1", "Master");
            assert!(host.vrrpctl(&["upgrade"]).status.success());
            thread::sleep(Duration::from_millis(millis));
            assert_eq!(daemon.terminate().code(), Some(0), "after {millis} ms");
            assert!(!host.has(VIP), "after {millis} ms");
        }
    });
}

#[test]
fn one_that_is_killed_on_the_way_is_followed_by_an_ordinary_takeover_and_never_by_two_holders() {
    in_namespace(|| {
        let lan = Lan::new();
        let [first, second] = [1, 2].map(|number| lan.host(number));
        let other = second.vrrpd(&configuration(100, "1"));
        for round in 0..upgrades().min(20) {
            let daemon = first.vrrpd(&configuration(200, "1"));
            daemon.until("it is Master alone", || daemon.is("VI_1", "Master") && first.has(VIP) && !second.has(VIP));
            let mut vrrpctl = Command::new(program("vrrpctl", env!("CARGO_BIN_EXE_vrrpctl")));
            vrrpctl.arg("upgrade").arg("--control").arg(first.path("control"));
            let mut asking = first.spawn(vrrpctl.stdout(Stdio::null()).stderr(Stdio::null()));
            // A few of each: while the program is asked, while everything is handed over, and after that.
            thread::sleep(Duration::from_millis([7, 45, 61, 72, 80, 88, 97, 110, 140][round % 9]));
            daemon.kill();
            let _ = asking.kill();
            asking.wait().unwrap();
            let start = Instant::now();
            while !second.has(VIP) {
                assert!(start.elapsed() < Duration::from_secs(20), "nobody takes over");
                thread::sleep(Duration::from_millis(5));
            }
            assert!(!first.has(VIP), "two holders");
            other.until_is("VI_1", "Master");
            throughout(Duration::from_millis(200), "one holder", || second.has(VIP) && !first.has(VIP));
        }
    });
}

#[test]
fn checks_routes_and_groups_go_on_and_no_script_is_run_again() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let notify = host.script("told", "echo \"$*\" >>$D/told-of");
        let more = "accept\n garp_master_delay 0\n virtual_routes {\n 203.0.113.0/24 via 192.0.2.9\n }\n track_script {\n chk\n }";
        let text = "vrrp_script chk {\n script \"/usr/bin/test ! -e $D/broken\"\n interval 1\n fall 2\n}\n".to_owned()
            + &instance("VI_1", 1, 200, &format!("{more}\n notify {notify}"))
            + &instance(
                "VI_2",
                2,
                200,
                "use_vmac\n accept\n garp_master_delay 0\n virtual_ipaddress_excluded {\n 2001:db8::7/64\n }",
            )
            + &format!("vrrp_sync_group g {{\n group {{\n VI_1\n VI_2\n }}\n notify {notify}\n}}\n");
        let daemon = host.vrrpd(&text);
        ["VI_1", "VI_2"].iter().for_each(|name| daemon.until_is(name, "Master"));
        until("the scripts have run", || host.lines("told-of").iter().filter(|it| it.contains("MASTER")).count() == 2);
        let route = || host.sh("ip route show 203.0.113.0/24");
        until("the route is there", || !route().is_empty());
        until("all addresses", || host.has(VIP) && host.has("192.0.2.102") && host.has("2001:db8::7"));
        assert!(host.vrrpctl(&["priority", "VI_2", "150"]).status.success());
        let changes = || daemon.logged("Master at") + daemon.logged("Backup at") + daemon.logged("Initialize at");
        let (told, changed, before) = (host.lines("told-of"), changes(), route());
        let monitor = std::fs::File::create(host.path("monitor")).unwrap();
        let mut ip = Command::new("ip");
        ip.args(["monitor", "link", "route"]).stdout(monitor).stderr(Stdio::null());
        let mut monitor = host.spawn(&mut ip);
        for _ in 0..upgrades().min(5) {
            upgrade(&host, &daemon);
            assert!(["VI_1", "VI_2"].iter().all(|name| daemon.is(name, "Master")));
            thread::sleep(Duration::from_millis(1_500));
        }
        monitor.kill().unwrap();
        monitor.wait().unwrap();
        assert_eq!((route(), host.lines("monitor")), (before, Vec::new()), "nothing is touched");
        assert_eq!(host.lines("told-of"), told, "nobody is told");
        assert_eq!((changes(), daemon.logged("set route")), (changed, 1), "{:#?}", daemon.log());
        assert_eq!(daemon.json("VI_2")["priority"], 150);

        std::fs::write(host.path("broken"), "").unwrap();
        ["VI_1", "VI_2"].iter().for_each(|name| daemon.until_is(name, "Fault"));
        until("the route goes", || route().is_empty());
        until("the scripts run", || host.lines("told-of").iter().filter(|it| it.contains("FAULT")).count() == 2);
        assert!(!host.has(VIP) && !host.has("192.0.2.102") && !host.has("2001:db8::7"));
    });
}

#[test]
fn a_service_manager_that_keeps_the_state_restarts_without_a_failover() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let path = host.path("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let told = format!("NOTIFY_SOCKET={}", path.display());
        let daemon = host.vrrpd_under(&["env", &told], &configuration(200, "1"), &[]);
        daemon.until_is("VI_1", "Master");
        thread::sleep(Duration::from_secs(1));
        host.sh(&format!("kill -63 {}", daemon.pid()));
        let (state, text) =
            std::iter::from_fn(|| Some(received(&manager))).find_map(|(fd, text)| Some((fd?, text))).unwrap();
        assert!(text.contains("FDSTORE=1") && text.contains("FDNAME=vrrpd-state"), "{text}");
        assert_eq!(daemon.wait().code(), Some(0));
        assert!(host.has(VIP), "it is left as it is");

        let run = format!(
            "exec 3</proc/{}/fd/{state}; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=vrrpd-state {told}; exec \"$@\"",
            std::process::id()
        );
        let next = host.vrrpd_under(&["sh", "-c", &run, "sh"], &configuration(200, "1"), &[]);
        next.until_logged("goes on with");
        assert!(next.is("VI_1", "Master"), "{:#?}", next.log());
        let forgotten = std::iter::from_fn(|| Some(received(&manager).1)).find(|text| text.contains("FDSTOREREMOVE=1"));
        assert!(forgotten.unwrap().contains("FDNAME=vrrpd-state"));
        thread::sleep(Duration::from_secs(2));
        let adverts = lan.wire().adverts(1);
        assert!(adverts.iter().all(|advert| advert.priority == 200));
        assert!(adverts.windows(2).all(|pair| pair[1].at - pair[0].at < Duration::from_secs(3)));
        assert_eq!(next.logged(" -> "), 0);
        next.terminate();

        // Nobody keeps it.
        let alone = host.vrrpd(&configuration(200, "1"));
        alone.until_is("VI_1", "Master");
        host.sh(&format!("kill -63 {}", alone.pid()));
        alone.until_logged("no service manager keeps the running state");
        alone.until("it answers", || alone.ask().is_some());
        assert!(alone.is("VI_1", "Master") && host.has(VIP));
    });
}

/// Returns what a daemon said to the service manager, and a descriptor that came with it.
fn received(manager: &UnixDatagram) -> (Option<i32>, String) {
    let (mut octets, mut space) = ([0; 4096], nix::cmsg_space!(i32));
    let mut into = [std::io::IoSliceMut::new(&mut octets)];
    let message = recvmsg::<()>(manager.as_raw_fd(), &mut into, Some(&mut space), MsgFlags::empty()).unwrap();
    let descriptors = message.cmsgs().unwrap().find_map(|with| match with {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    let len = message.bytes;
    (descriptors, String::from_utf8_lossy(&octets[..len]).into_owned())
}
