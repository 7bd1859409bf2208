//! The state of this host: files of /proc, its addresses. Nothing is sent and nothing is changed.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use caps::{CapSet, Capability};
use nix::ifaddrs::getifaddrs;
use nix::unistd::{User, geteuid};

use super::filter::Rule;
use crate::vrrpd::config::Daemon;

/// A MAC address.
pub(crate) type Mac = [u8; 6];

/// All that was seen of this host and of its links.
#[derive(Debug, Default)]
pub struct Host {
    /// Every address, with the name of its interface.
    pub(crate) addresses: Vec<(String, IpAddr)>,
    /// The MAC address of every interface.
    pub(crate) macs: Vec<(String, Mac)>,
    /// Numbers of sysctl for IPv4 that count for an interface.
    pub(crate) settings: BTreeMap<(String, &'static str), u32>,
    /// The kernel's table of neighbours.
    pub(crate) neighbours: Vec<Neighbour>,
    /// Capabilities that this process needs and does not have, and for what.
    pub(crate) lacks: Vec<(String, &'static str)>,
    /// Rules of the packet filter that keep advertisements from this host or from the wire.
    pub(crate) rules: Vec<Rule>,
    /// The reason why these rules are not known, if they are not.
    pub(crate) rules_unknown: Option<String>,
    /// Advertisements that came while the links were listened to.
    pub(crate) overheard: Vec<Overheard>,
    /// ARP messages that came meanwhile, with the addresses that their senders claim.
    pub(crate) claims: Vec<Claim>,
    /// Answers to the probe.
    pub(crate) answers: Vec<Claim>,
    /// The time from the beginning of this until the routers were asked for their roles.
    pub(crate) took: Duration,
}

/// A neighbour on an IPv4 link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) address: IpAddr,
    pub(crate) interface: String,
    /// None where it was asked for and did not answer.
    pub(crate) mac: Option<Mac>,
}

/// An advertisement that came to any interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overheard {
    pub(crate) interface: String,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) vrid: u8,
    pub(crate) addresses: Vec<IpAddr>,
}

/// Somebody on a link says that it has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) interface: String,
    pub(crate) address: IpAddr,
    pub(crate) mac: Mac,
}

impl Host {
    /// Looks at this host. What cannot be read counts as not seen.
    pub(crate) fn look(daemon: &Daemon) -> Self {
        let mut host = Self { neighbours: neighbours(), lacks: lacks(daemon), ..Self::default() };
        for it in getifaddrs().into_iter().flatten() {
            let Some(address) = it.address else { continue };
            if let Some(mac) = address.as_link_addr().and_then(nix::sys::socket::LinkAddr::addr) {
                host.macs.push((it.interface_name.clone(), mac));
            }
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
            let v6 = address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip()));
            host.addresses.extend(v4.or(v6).map(|address| (it.interface_name.clone(), address)));
        }
        for (interface, _) in &host.macs {
            for key in ["promote_secondaries", "rp_filter"] {
                if let Some(value) = effective(interface, key) {
                    host.settings.insert((interface.clone(), key), value);
                }
            }
        }
        host
    }

    /// Returns the owners of a MAC address that the kernel knows, without `but`.
    pub(crate) fn who_is(&self, mac: Mac, but: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
        self.neighbours.iter().find(|it| it.mac == Some(mac) && !but(it.address)).map(|it| it.address)
    }

    /// Returns a number that counts for an interface.
    pub(crate) fn setting(&self, interface: &str, key: &'static str) -> Option<u32> {
        self.settings.get(&(interface.to_owned(), key)).copied()
    }
}

/// Returns a setting of IPv4 of which the larger number counts: that of the interface, or that of all.
fn effective(interface: &str, key: &str) -> Option<u32> {
    let read = |interface: &str| -> Option<u32> {
        fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{interface}/{key}")).ok()?.trim().parse().ok()
    };
    Some(read(interface)?.max(read("all")?))
}

fn neighbours() -> Vec<Neighbour> {
    fs::read_to_string("/proc/net/arp").unwrap_or_default().lines().skip(1).filter_map(neighbour).collect()
}

/// Reads a line of /proc/net/arp: address, type, flags, MAC address, mask, device.
fn neighbour(line: &str) -> Option<Neighbour> {
    const COMPLETE: u32 = 2;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [address, _, flags, mac, _, interface] = words[..] else { return None };
    let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
    let mac = (flags & COMPLETE != 0).then(|| parse_mac(mac)).flatten();
    Some(Neighbour { address: address.parse().ok()?, interface: interface.to_owned(), mac })
}

fn parse_mac(text: &str) -> Option<Mac> {
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect::<Option<Vec<u8>>>()?;
    octets.try_into().ok()
}

/// Returns a MAC address as everybody writes it.
pub(crate) fn mac_text([a, b, c, d, e, f]: Mac) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// Returns the capabilities that this process needs and does not have, each with its purpose.
fn lacks(daemon: &Daemon) -> Vec<(String, &'static str)> {
    let is_missing = |capability| caps::has_cap(None, CapSet::Effective, capability).is_ok_and(|has| !has);
    let is_other = |user: &str| {
        let id = user.parse().ok().or_else(|| Some(User::from_name(user).ok()??.uid.as_raw()));
        id.is_some_and(|id| id != geteuid().as_raw())
    };
    let switches = daemon.commands().filter_map(|command| command.user.as_ref()).any(|user| is_other(&user.user));
    let lacking = [
        (Capability::CAP_NET_RAW, is_missing(Capability::CAP_NET_RAW), "to send and hear advertisements"),
        (Capability::CAP_NET_ADMIN, is_missing(Capability::CAP_NET_ADMIN), "to set and remove addresses"),
        (
            Capability::CAP_SYS_NICE,
            daemon.scheduling.real_time().is_some() && !is_real_time(),
            "for the real-time priority that is configured",
        ),
        (
            Capability::CAP_IPC_LOCK,
            daemon.scheduling.locked_memory() && !has_locked_memory(),
            "to keep its memory out of swap, as it is configured",
        ),
        (
            Capability::CAP_SETUID,
            switches && is_missing(Capability::CAP_SETUID),
            "to run scripts as the user that is configured",
        ),
    ];
    lacking.into_iter().filter(|(_, lacks, _)| *lacks).map(|(it, _, what)| (it.to_string(), what)).collect()
}

/// Returns true if a thread of this process runs by SCHED_RR, or if that cannot be read.
fn is_real_time() -> bool {
    const ROUND_ROBIN: &str = "2";
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return true };
    threads.flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // Behind the name, which may hold anything, the policy is the 39th field (proc(5)).
        let policy = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(38));
        policy == Some(ROUND_ROBIN)
    })
}

/// Returns true if any memory of this process is locked.
fn has_locked_memory() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    locked.is_none_or(|locked| !locked.trim().starts_with("0 "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_that_did_not_answer_has_no_mac_address() {
        let line =
            |flags: &str, mac: &str| format!("192.0.2.12       0x1         {flags}         {mac}     *        eth0");
        let there = neighbour(&line("0x2", "02:00:00:00:00:0c")).unwrap();
        assert_eq!((there.mac.map(mac_text), there.interface.as_str()), (Some("02:00:00:00:00:0c".to_owned()), "eth0"));
        assert_eq!(neighbour(&line("0x0", "00:00:00:00:00:00")).unwrap().mac, None);
        assert_eq!(neighbour("IP address HW type"), None);
    }
}
