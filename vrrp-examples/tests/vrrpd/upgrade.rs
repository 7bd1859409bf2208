//! Going on as the program that is on disk, without anybody noticing. `VRRP_UPGRADES` says how often in a row.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Host, Lan, Vrrpd, in_namespace, until};
use crate::instance;

const VIP: &str = "192.0.2.101";

/// How late an advertisement may be on a machine that has nothing else to do.
const LATE: Duration = Duration::from_millis(50);

/// Whether this is the long form, which needs a machine of its own.
fn is_long() -> bool {
    std::env::var_os("VRRP_UPGRADES").is_some()
}

/// How often in a row.
fn upgrades() -> usize {
    std::env::var("VRRP_UPGRADES").ok().and_then(|often| often.parse().ok()).unwrap_or(3)
}

fn configuration(priority: u8, interval: &str) -> String {
    let version = "global_defs {\n vrrp_version 3\n}\n".to_owned();
    version + &instance("VI_1", 1, priority, &format!("advert_int {interval}\n accept\n garp_master_delay 0"))
}

/// What `vrrpctl upgrade` printed, which is to succeed; when it has ended the next program answers.
#[track_caller]
fn upgrade(host: &Host, daemon: &Vrrpd) -> String {
    let before = daemon.logged("goes on with");
    let output = host.vrrpctl(&["upgrade"]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}\n{:#?}", daemon.log());
    daemon.until("the next program goes on", || daemon.logged("goes on with") > before && daemon.ask().is_some());
    out
}

/// A client that asks every 2 ms, until it is told to stop; then it says how many of how many were answered.
struct Client(std::process::Child);

impl Client {
    fn new(host: &Host) -> Self {
        let mut ping = Command::new("ping");
        ping.args(["-q", "-i", "0.002", "-W", "1", VIP]).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(host.spawn(&mut ping))
    }

    fn stop(mut self) -> (u32, u32) {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGINT).unwrap();
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        let line = said.lines().find(|line| line.contains("transmitted")).unwrap_or_else(|| panic!("{said}"));
        let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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
    thread::sleep(span * 4);
    let (changes, announced) = (other.logged(" -> "), lan.wire().announcements(1, VIP).len());
    let (from, pings) = (Instant::now(), Client::new(&client));
    let (pid, transitions) = (daemon.pid(), daemon.json("VI_1")["counters"]["master_transitions"].clone());
    for _ in 0..upgrades() {
        assert!(upgrade(&master, &daemon).contains("goes on"));
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
    // Where something else has the processor nobody can keep time.
    let late = if is_long() { LATE } else { span };
    assert!(largest <= span + late, "an advertisement is late or missing: {largest:?}");
    assert_eq!(asked, answered, "requests were lost");
    assert_eq!(lan.wire().announcements(1, VIP).len(), announced, "nothing is announced again");
    assert_eq!(other.logged(" -> "), changes, "no transition at the peer");
    assert_eq!((daemon.pid(), &daemon.json("VI_1")["counters"]["master_transitions"]), (pid, &transitions));
    assert_eq!(daemon.terminate().code(), Some(0));
    assert!(!master.has(VIP), "it was still its own");
    other.until_is("VI_1", "Master");
}
