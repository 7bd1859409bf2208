//! The packet filter of this host, as the program `nft` shows it.

use std::io;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vrrp_core::Family;

use crate::vrrpd::config::Daemon;

/// The program by its name, and by its path for a service whose `PATH` does not have it.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];
/// The time that it may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest answer: that of thousands of rules is shorter.
const OCTETS_MAX: u64 = 4 << 20;

/// A rule of nftables that drops VRRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its chain, with the table.
    pub(crate) chain: String,
    /// `ingress`, `output` and so on.
    pub(crate) hook: String,
    pub(crate) text: String,
    /// The interfaces that it is for; none: all.
    pub(crate) interfaces: Vec<String>,
    /// The family that it is for; none: both.
    pub(crate) family: Option<Family>,
    /// True if some advertisements may pass: the rule has a further condition, or another one accepts them before it.
    pub(crate) has_exceptions: bool,
}

impl Rule {
    /// Tells whether it drops all advertisements of a router of the daemon.
    pub(crate) fn concerns(&self, daemon: &Daemon) -> bool {
        // Multicast from a virtual MAC address leaves as frames, past the rules for the output of the IP layer.
        let is_for_ip = matches!(self.hook.as_str(), "output" | "postrouting");
        let is_for = |interface: &str| {
            self.interfaces.is_empty() || self.interfaces.iter().any(|pattern| matches(pattern, interface))
        };
        !self.has_exceptions
            && daemon.instances.iter().any(|instance| {
                let leaves_as_frame =
                    instance.virtual_mac.as_ref().is_some_and(|it| !it.transmit_base) && instance.unicast.is_none();
                self.family.is_none_or(|family| family == instance.family)
                    && is_for(&instance.interface)
                    && !(is_for_ip && leaves_as_frame)
            })
    }
}

/// Returns true if an interface has this name, of which the end may be left open.
fn matches(pattern: &str, interface: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == interface, |begin| interface.starts_with(begin))
}

/// Returns the rules of nftables that drop VRRP where that matters, or says why they are not known. Call it from the main thread.
///
/// `nft` needs the capabilities that other threads of the runtime may have given up. To start it may hang, so it has a
/// thread of its own.
pub(super) async fn rules() -> Result<Vec<Rule>, String> {
    let (reply, listed) = oneshot::channel();
    let ask = move || {
        let listing = Builder::new_current_thread().enable_all().build().and_then(|runtime| runtime.block_on(list()));
        // Nobody may be waiting any more.
        drop(reply.send(listing));
    };
    thread::Builder::new().name("nft".to_owned()).spawn(ask).map_err(|error| error.to_string())?;
    let listing = timeout(PATIENCE, listed).await.map_err(|_| too_late().to_string())?;
    let listing = listing.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok(dropping(&listing))
}

/// Returns what `nft` lists, without the contents of sets.
async fn list() -> io::Result<String> {
    let mut nft = start()?;
    let (stdout, stderr) = (nft.stdout.take(), nft.stderr.take());
    let ended = async { tokio::join!(read(stdout), read(stderr), nft.wait()) };
    let (text, said, status) = timeout(PATIENCE, ended).await.map_err(|_| too_late())?;
    let (text, said, status) = (text?, said?, status?);
    if u64::try_from(text.len()).is_ok_and(|len| len >= OCTETS_MAX) {
        return Err(io::Error::other("nft lists more rules than are read here"));
    }
    if !status.success() {
        let first = said.lines().next().unwrap_or("it gave no reason");
        return Err(io::Error::other(format!("nft failed ({status}): {first}")));
    }
    Ok(text)
}

fn start() -> io::Result<Child> {
    let spawn = |program| {
        let mut nft = Command::new(program);
        nft.args(["-t", "list", "ruleset"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        nft.kill_on_drop(true).spawn()
    };
    let [named, elsewhere] = PROGRAMS;
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let started = spawn(named).or_else(|error| if is_missing(&error) { spawn(elsewhere) } else { Err(error) });
    started.map_err(|error| match is_missing(&error) {
        true => io::Error::new(error.kind(), "there is no nft"),
        false => io::Error::new(error.kind(), format!("cannot run nft: {error}")),
    })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut octets = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(OCTETS_MAX).read_to_end(&mut octets).await?;
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

fn too_late() -> io::Error {
    io::Error::other(format!("nft did not answer within {} s", PATIENCE.as_secs()))
}

/// Finds the rules that drop VRRP in what `nft list ruleset` prints. Advertisements are heard in front of the IP layer, so rules
/// for its input do not matter; those of ingress do, and those for what goes out.
fn dropping(ruleset: &str) -> Vec<Rule> {
    const HOOKS: [&str; 4] = ["ingress", "egress", "output", "postrouting"];
    let (mut table, mut chain, mut place, mut passes, mut found) = ("", "", None, false, Vec::new());
    for line in ruleset.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.trim_end_matches(" {");
        } else if let Some(name) = line.strip_prefix("chain ") {
            (chain, place, passes) = (name.trim_end_matches(" {"), None, false);
        } else if let Some((_, rest)) = line.split_once(" hook ") {
            let all = words(rest);
            place = all.first().copied().filter(|hook| HOOKS.contains(hook)).map(|hook| (hook, devices(&all)));
        } else if let Some((hook, devices)) = &place {
            let Some(read) = Read::of(&words(line)) else { continue };
            if !read.drops {
                passes = true;
                continue;
            }
            let interfaces = if read.interfaces.is_empty() { devices } else { &read.interfaces };
            found.push(Rule {
                chain: format!("{table} {chain}"),
                hook: (*hook).to_owned(),
                text: line.to_owned(),
                interfaces: interfaces.iter().map(|it| (*it).to_owned()).collect(),
                family: read.family.or(match table.split(' ').next() {
                    Some("ip") => Some(Family::Ipv4),
                    Some("ip6") => Some(Family::Ipv6),
                    _ => None,
                }),
                has_exceptions: read.has_conditions || passes,
            });
        }
    }
    found
}

/// Returns the words of a line: a text in quotes is one.
fn words(line: &str) -> Vec<&str> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty()).collect(),
        _ => vec![part],
    });
    words.collect()
}

/// Returns the devices of a chain.
fn devices<'a>(words: &[&'a str]) -> Vec<&'a str> {
    match words {
        [_, "device", rest @ ..] | [_, "devices", "=", rest @ ..] => value(rest).0,
        _ => Vec::new(),
    }
}

/// Splits words into a value, which may be a set, and the rest.
fn value<'a, 'b>(words: &'b [&'a str]) -> (Vec<&'a str>, &'b [&'a str]) {
    match words {
        ["{", set @ ..] => {
            let len = set.iter().position(|word| *word == "}").unwrap_or(set.len());
            (set.iter().take(len).copied().collect(), set.get(len + 1..).unwrap_or_default())
        }
        [one, rest @ ..] => (vec![one], rest),
        [] => (Vec::new(), words),
    }
}

/// A rule about VRRP, as far as it is understood.
#[derive(Debug, Default)]
struct Read<'a> {
    /// True if it drops what it is about, false if that goes another way.
    drops: bool,
    interfaces: Vec<&'a str>,
    family: Option<Family>,
    /// True if it has a condition besides.
    has_conditions: bool,
}

impl<'a> Read<'a> {
    /// Reads the words of a rule, if it is about VRRP and ends the way of a packet through its chain.
    fn of(mut words: &[&'a str]) -> Option<Self> {
        let (mut read, mut is_about_vrrp, mut verdict) = (Self::default(), false, None);
        loop {
            words = match words {
                [] => break,
                ["ip", "protocol", rest @ ..]
                | ["ip6", "nexthdr", rest @ ..]
                | ["meta", "l4proto", rest @ ..]
                | ["ip" | "ip6", "daddr", rest @ ..] => {
                    let (values, after) = value(rest);
                    let is_vrrp = values.iter().any(|it| ["vrrp", "112", "224.0.0.18", "ff02::12"].contains(it));
                    is_about_vrrp |= is_vrrp;
                    read.has_conditions |= !is_vrrp;
                    read.family = match words.first() {
                        Some(&"ip") => Some(Family::Ipv4),
                        Some(&"ip6") => Some(Family::Ipv6),
                        _ => read.family,
                    };
                    after
                }
                ["iif" | "iifname" | "oif" | "oifname", rest @ ..] if rest.first() != Some(&"!=") => {
                    let (names, after) = value(rest);
                    read.interfaces.extend(names);
                    after
                }
                ["counter", "packets", _, "bytes", _, rest @ ..] => rest,
                ["log", rest @ ..] | ["prefix" | "level" | "group" | "flags" | "comment", _, rest @ ..] => rest,
                [word @ ("drop" | "reject" | "accept" | "return" | "jump" | "goto"), ..] => {
                    verdict = Some(*word);
                    break;
                }
                [_, rest @ ..] => {
                    read.has_conditions = true;
                    rest
                }
            };
        }
        read.drops = matches!(verdict?, "drop" | "reject");
        is_about_vrrp.then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::keepalived::parse_str;

    #[test]
    fn only_rules_that_keep_advertisements_away_are_named() {
        let ruleset = "table netdev guard {\n\tchain in {\n\t\ttype filter hook ingress device \"eth0\" priority filter; policy accept;\n\t\tip protocol vrrp counter packets 3 bytes 120 drop\n\t\tip protocol icmp drop\n\t}\n}\n\
            table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tip protocol 112 drop\n\t}\n\
            \tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n\t\tip daddr 224.0.0.18 reject with icmp admin-prohibited\n\t\tip protocol vrrp accept\n\t}\n\tchain other {\n\t\tip protocol vrrp drop\n\t}\n}\n";
        let found = dropping(ruleset);
        let found: Vec<_> = found.iter().map(|rule| (rule.chain.as_str(), rule.hook.as_str())).collect();
        assert_eq!(found, [("netdev guard in", "ingress"), ("inet filter output", "output")]);
    }

    /// Returns whether the rules of a chain of the output are told, and whether one is told as what drops everything.
    fn told(chain: &str, rules: &str, lines: &str) -> (bool, bool) {
        let text = format!(
            "vrrp_instance VI {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n192.0.2.100/24\n}}\n{lines}\n}}\n"
        );
        let daemon = parse_str("t", &text).unwrap().daemon;
        let (table, hook) = chain.split_once(": ").unwrap();
        let found = dropping(&format!(
            "table {table} {{\n\tchain c {{\n\t\ttype filter hook {hook} priority filter; policy accept;\n\t\t{}\n\t}}\n}}\n",
            rules.replace('\n', "\n\t\t")
        ));
        (!found.is_empty(), found.iter().any(|rule| rule.concerns(&daemon)))
    }

    #[test]
    fn a_rule_accuses_only_if_it_drops_every_advertisement_of_a_router() {
        let output = |rules: &str| told("inet filter: output", rules, "");
        let (all, some, none) = ((true, true), (true, false), (false, false));
        for (expected, rules) in [
            (all, "ip protocol vrrp drop"),
            (all, "meta l4proto 112 counter packets 1 bytes 40 drop comment \"no more\""),
            (all, "ip protocol vrrp log prefix \"vrrp: \" level debug drop"),
            (all, "ip protocol { esp, vrrp } ip daddr 224.0.0.18 reject"),
            (all, "oifname \"eth0\" ip protocol vrrp drop"),
            (all, "oifname { \"wan0\", \"eth0\" } ip protocol vrrp drop"),
            (all, "oifname \"eth*\" ip protocol vrrp drop"),
            (some, "oifname \"wan0\" ip protocol vrrp drop"),
            (some, "oifname != \"eth0\" ip protocol vrrp drop"),
            (some, "ip saddr 198.51.100.1 ip protocol vrrp drop"),
            (some, "ip daddr != 224.0.0.18 ip protocol vrrp drop"),
            (some, "ip daddr 224.0.0.18 udp dport 53 drop"),
            (some, "ip6 nexthdr 112 drop"),
            (some, "oifname \"eth0\" ip protocol vrrp accept\nip protocol vrrp drop"),
            (none, "ip protocol != vrrp drop"),
            (none, "ip protocol tcp tcp dport 112 drop"),
            (none, "ip protocol vrrp counter packets 1 bytes 40"),
        ] {
            assert_eq!(output(rules), expected, "{rules}");
        }
    }

    #[test]
    fn a_chain_of_another_device_or_family_and_one_behind_the_frames_accuse_nobody() {
        let chain = |chain: &str| told(chain, "meta l4proto vrrp drop", "");
        assert_eq!(chain("netdev t: ingress device \"eth0\""), (true, true));
        assert_eq!(chain("netdev t: ingress devices = { \"wan0\", \"eth0\" }"), (true, true));
        assert_eq!(chain("netdev t: ingress device \"wan0\""), (true, false));
        assert_eq!(chain("ip t: output"), (true, true));
        assert_eq!(chain("ip6 t: output"), (true, false));
        let virtual_mac = |lines: &str| told("ip t: output", "meta l4proto vrrp drop", lines);
        assert_eq!(virtual_mac("use_vmac"), (true, false));
        assert_eq!(virtual_mac("use_vmac\nvmac_xmit_base"), (true, true));
    }
}
