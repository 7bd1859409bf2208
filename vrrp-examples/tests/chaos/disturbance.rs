//! What goes wrong: each disturbance is over when its call returns.

use std::process::Command;
use std::thread;
use std::time::Duration;

use vrrp_core::Version;

use crate::common::{Forged, Host};
use crate::{Cluster, Dice, ROUTERS};

/// One thing that goes wrong, at a host by its place, for so many milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    /// SIGKILL, and a new daemon.
    Kill(usize, u64),
    /// SIGSTOP and SIGCONT.
    Hang(usize, u64),
    /// SIGTERM, and a new daemon.
    Restart(usize, u64),
    LinkDown(usize, u64),
    CableOut(usize, u64),
    /// Below what IPv6 can live with.
    SmallMtu(usize, u64),
    Rename(usize, u64),
    NoIpv6(usize, u64),
    /// The hosts do not hear each other; the client hears all.
    Cut(u64),
    /// So many percent of all frames are lost.
    Loss(u64, u64),
    /// Every virtual address, wherever it is.
    DeleteAddresses,
    /// A virtual address by hand, and away again.
    AddAddresses(usize, u64),
    /// A stranger is better than all.
    ForgeBetter(u64),
    /// A stranger is worse, and speaks often.
    ForgeLower(u64),
    /// A stranger gives away what others have.
    ForgeRelease(u64),
}

impl Disturbance {
    /// What draws one of each kind.
    pub(crate) const KINDS: [fn(&mut Dice) -> Self; 15] = [
        |dice| Self::Kill(dice.host(), time(dice)),
        |dice| Self::Hang(dice.host(), time(dice)),
        |dice| Self::Restart(dice.host(), time(dice)),
        |dice| Self::LinkDown(dice.host(), time(dice)),
        |dice| Self::CableOut(dice.host(), time(dice)),
        |dice| Self::SmallMtu(dice.host(), time(dice)),
        |dice| Self::Rename(dice.host(), time(dice)),
        |dice| Self::NoIpv6(dice.host(), time(dice)),
        |dice| Self::Cut(time(dice)),
        |dice| Self::Loss(20 + dice.below(60), time(dice)),
        |_| Self::DeleteAddresses,
        |dice| Self::AddAddresses(dice.host(), time(dice)),
        |dice| Self::ForgeBetter(1 + dice.below(3)),
        |dice| Self::ForgeLower(time(dice)),
        |dice| Self::ForgeRelease(1 + dice.below(3)),
    ];

    pub(crate) fn inflict(self, cluster: &mut Cluster) {
        match self {
            Self::Kill(at, time) => {
                cluster.daemons[at].kill();
                pause(time);
                cluster.start(at);
            }
            Self::Hang(at, time) => {
                cluster.daemons[at].freeze();
                pause(time);
                cluster.daemons[at].thaw();
            }
            Self::Restart(at, time) => {
                cluster.daemons[at].terminate();
                pause(time);
                cluster.start(at);
            }
            Self::LinkDown(at, time) => both(&cluster.hosts[at], time, "ip link set eth0 down", "ip link set eth0 up"),
            Self::CableOut(at, time) => {
                cluster.hosts[at].set_carrier(false);
                pause(time);
                cluster.hosts[at].set_carrier(true);
            }
            Self::SmallMtu(at, time) => {
                both(&cluster.hosts[at], time, "ip link set eth0 mtu 1200", "ip link set eth0 mtu 1500");
            }
            Self::Rename(at, time) => {
                both(&cluster.hosts[at], time, "ip link set eth0 name lan0", "ip link set lan0 name eth0");
            }
            Self::NoIpv6(at, time) => {
                let host = &cluster.hosts[at];
                host.set("ipv6/conf/eth0/disable_ipv6", "1");
                pause(time);
                host.set("ipv6/conf/eth0/disable_ipv6", "0");
            }
            Self::Cut(time) => {
                let hosts: Vec<&Host> = cluster.hosts.iter().collect();
                cluster.lan.split(&hosts, true);
                pause(time);
                cluster.lan.split(&hosts, false);
            }
            Self::Loss(percent, time) => {
                let rule = format!("numgen random mod 100 < {percent} drop");
                nft(&format!("table bridge loss {{ chain c {{ type filter hook forward priority 0; {rule}; }}; }}"));
                pause(time);
                nft("delete table bridge loss");
            }
            Self::DeleteAddresses => {
                for host in &cluster.hosts {
                    for (name, addresses, _) in ROUTERS {
                        let device = if cluster.virtual_mac { name } else { "eth0" };
                        addresses.iter().for_each(|address| change(host, "delete", address, device));
                    }
                }
            }
            Self::AddAddresses(at, time) => {
                let addresses =
                    || ROUTERS.iter().flat_map(|(name, addresses, _)| addresses.iter().map(move |to| (name, to)));
                let host = &cluster.hosts[at];
                addresses().for_each(|(_, address)| change(host, "add", address, "eth0"));
                pause(time);
                for (name, address) in addresses() {
                    // There a Master that has it at this place lets nobody take it.
                    if cluster.virtual_mac || !cluster.daemons[at].is(name, "Master") {
                        change(host, "delete", address, "eth0");
                    }
                }
            }
            Self::ForgeBetter(times) => forge(cluster, times, 254),
            Self::ForgeLower(time) => {
                let floods = forged(1).map(|forged| cluster.client.flood(&[forged], Some(100)));
                pause(time);
                drop(floods);
            }
            Self::ForgeRelease(times) => forge(cluster, times, 0),
        }
    }
}

/// From a blink to longer than Master_Down_Interval.
fn time(dice: &mut Dice) -> u64 {
    let longest = if dice.below(4) == 0 { 5000 } else { 800 };
    20 + dice.below(longest)
}

fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

fn both(host: &Host, time: u64, away: &str, back: &str) {
    host.sh(away);
    pause(time);
    host.sh(back);
}

/// Whether it succeeds or not: the address may be there, or not.
fn change(host: &Host, verb: &str, address: &str, device: &str) {
    let length = if address.contains(':') { 64 } else { 24 };
    host.output(&format!("ip address {verb} {address}/{length} dev {device}"));
}

/// In the namespace of the test, where the switch is.
fn nft(command: &str) {
    let output = Command::new("nft").arg(command).output().expect("nft (package nftables)");
    assert!(output.status.success(), "nft {command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// One advertisement for each router from the client.
fn forged(priority: u8) -> [Forged; 2] {
    let v4 = Forged::new("192.0.2.4", &["192.0.2.100"]);
    let v6 = Forged::new("fe80::4", &["fe80::100", "2001:db8::100"]);
    [Forged { version: Version::V2, priority, interval: 100, ..v4 }, Forged { priority, vrid: 6, interval: 20, ..v6 }]
}

fn forge(cluster: &Cluster, times: u64, priority: u8) {
    for _ in 0..times {
        forged(priority).into_iter().for_each(|forged| cluster.client.forge(&[forged]));
        pause(100);
    }
}
