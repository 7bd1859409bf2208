//! Accept mode off: a packet filter drops what is sent to the virtual addresses (ACC-01, ACC-02, AMB-14).
//! Forwarded it is not anyway: the addresses are the host's own (FWD-02).
//!
//! It drops always, as a Backup too, where the addresses are not on the host anyway. So it is made once, before any
//! address is installed, and nothing of it is left for a takeover to do. When the process is killed it stays, as the
//! addresses do; the next start replaces it.
//!
//! One table for all: every packet that the host receives passes every chain, and of those the kernel has room for 1,024.
//! When somebody removes or changes it, it is made anew (`watch`).

mod watch;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::task::{Context, Poll};

use vrrp_core::Family;

use crate::router::Router;
use watch::{Guarded, Watch};

pub(crate) use watch::News;

/// Where it is when it is not on the path of a service.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];
/// How the names of all tables begin.
const PREFIX: &str = "vrrp_";

/// The table with the addresses of all routers that accept nothing, where there are any.
#[derive(Debug)]
pub(crate) struct Filter {
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    name: String,
    /// The position of the router that it is named after.
    router: usize,
    watch: Watch,
}

/// What makes the table, and how `nft` shows it.
#[derive(Debug)]
struct Table {
    name: String,
    rules: String,
    listing: Option<String>,
}

impl Filter {
    /// Makes the table, where any router accepts nothing, which no owner does (OWN-03). Removes what a dead run may have
    /// left.
    pub(crate) fn install<'a>(routers: impl Iterator<Item = &'a Router>) -> io::Result<Self> {
        let routers: Vec<&Router> = routers.collect();
        let is_closed = |router: &&Router| !router.accept && !router.config.priority().is_owner();
        let closed: Vec<&Router> = routers.iter().filter(|router| is_closed(router)).copied().collect();
        let Some((router, first)) = routers.iter().enumerate().find(|(_, router)| is_closed(router)) else {
            // Without nft nobody can have made one.
            let _ = leftovers(&routers).and_then(|leftovers| nft(&leftovers));
            return Ok(Self { kept: None });
        };
        let name = table(first);
        let rules = rules(&name, &closed);
        nft(&(leftovers(&routers)? + &rules))?;
        let watch = Watch::start(Table { name: name.clone(), rules, listing: None }).inspect_err(|_| {
            // The start fails anyway.
            let _ = nft(&removal(&name));
        })?;
        Ok(Self { kept: Some(Kept { name, router, watch }) })
    }

    /// What became of the table after somebody removed or changed it.
    pub(crate) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        self.kept.as_mut().map_or(Poll::Pending, |kept| kept.watch.poll_news(cx))
    }

    /// The table's name, and the position of the router that it is named after.
    pub(crate) fn table(&self) -> Option<(&str, usize)> {
        self.kept.as_ref().map(|kept| (kept.name.as_str(), kept.router))
    }

    /// Removes the table. The addresses must be gone by then.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        self.kept.take().map_or(Ok(()), |Kept { name, watch, .. }| {
            drop(watch);
            nft(&removal(&name))
        })
    }
}

impl Guarded for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_whole(&mut self) -> bool {
        list(&self.name).is_ok_and(|listing| self.listing.as_ref() == Some(&listing))
    }

    fn make(&mut self) -> io::Result<()> {
        nft(&(removal(&self.name) + &self.rules))
    }

    /// It looks as it did before; or as it did one failure ago, for there may be another `nft` by now.
    fn confirm(&mut self) -> io::Result<()> {
        let listing = list(&self.name)?;
        let is_known = self.listing.as_ref().is_none_or(|known| *known == listing);
        self.listing = Some(listing);
        if is_known { Ok(()) } else { Err(io::Error::other("somebody changed it again at once")) }
    }
}

/// Named after one of its routers: no two of a host have interface, id and family in common.
fn table(router: &Router) -> String {
    let interface = router.interface.bytes().map(|octet| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' => char::from(octet).to_string(),
        _ => format!("_{octet:02x}"),
    });
    let family = match router.config.family() {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    };
    format!("{PREFIX}{}_{}_{family}", interface.collect::<String>(), router.config.vrid())
}

/// Removes the tables that a dead run made: named after one of these routers, or with one of their addresses.
fn leftovers(routers: &[&Router]) -> io::Result<String> {
    let tables = run(&["list", "tables", "inet"], "")?;
    let there =
        tables.lines().filter_map(|line| line.strip_prefix("table inet ").filter(|name| name.starts_with(PREFIX)));
    let names: BTreeSet<String> = routers.iter().map(|router| table(router)).collect();
    let addresses: BTreeSet<IpAddr> = addresses(routers).collect();
    let mut removals = String::new();
    for name in there {
        let is_ours = names.contains(name) || {
            let content = list(name)?;
            let mut words = content.split([' ', ',', '\t', '\n']).filter_map(|word| word.parse::<IpAddr>().ok());
            words.any(|address| addresses.contains(&address))
        };
        if is_ours {
            removals += &removal(name);
        }
    }
    Ok(removals)
}

/// Goes through whether or not there is such a table.
fn removal(table: &str) -> String {
    format!("add table inet {table}\ndelete table inet {table}\n")
}

fn rules(table: &str, closed: &[&Router]) -> String {
    let (mut sets, mut drops) = (String::new(), String::new());
    for (family, set, ip) in [(Family::Ipv4, "ipv4", "ip"), (Family::Ipv6, "ipv6", "ip6")] {
        let addresses: BTreeSet<IpAddr> = addresses(closed).filter(|address| Family::of(*address) == family).collect();
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        if !addresses.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(sets, "set {set} {{\ntype {set}_addr\nelements = {{ {} }}\n}}", addresses.join(", "));
            let _ = writeln!(drops, "{ip} daddr @{set} drop");
        }
    }
    // Who asks for a neighbour may ask the address itself (V6-09); for IPv4 that is ARP, which does not come here.
    format!(
        "table inet {table} {{\n{sets}chain input {{\ntype filter hook input priority filter; policy accept;\n\
         icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept\n{drops}}}\n}}\n"
    )
}

fn addresses(routers: &[&Router]) -> impl Iterator<Item = IpAddr> {
    routers.iter().flat_map(|router| router.addresses.iter().map(|vip| vip.address))
}

/// How `nft` shows a table.
fn list(table: &str) -> io::Result<String> {
    run(&["list", "table", "inet", table], "")
}

/// Carries out all of `commands`, or none.
fn nft(commands: &str) -> io::Result<()> {
    if commands.is_empty() { Ok(()) } else { run(&["-f", "-"], commands).map(drop) }
}

fn run(arguments: &[&str], commands: &str) -> io::Result<String> {
    let spawn = |program| {
        let mut nft = Command::new(program);
        nft.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let [named, elsewhere] = PROGRAMS;
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let mut nft = match spawn(named) {
        Err(error) if missing(&error) => spawn(elsewhere),
        spawned => spawned,
    }
    .map_err(|error| match missing(&error) {
        true => io::Error::new(error.kind(), "there is no nft; install nftables, or turn accept mode on"),
        false => io::Error::new(error.kind(), format!("cannot run nft: {error}")),
    })?;
    let written = nft.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(commands.as_bytes()));
    let output = nft.wait_with_output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let first = text.lines().next().unwrap_or("it gave no reason");
        return Err(io::Error::other(format!("nft failed ({}): {first}", output.status)));
    }
    written.map(|()| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use vrrp_core::{Config, Priority, Profile, Vrid};

    use super::*;
    use crate::testing::{in_namespace, missing, skip};

    fn router(interface: &str, address: &str, priority: u8) -> Router {
        let config = Config::new(Profile::Rfc9568Errata, Vrid::new(51).unwrap(), &[address.parse().unwrap()]).unwrap();
        Router::new(interface, config.with_priority(Priority::new(priority).unwrap()))
    }

    fn ruleset() -> String {
        let output = Command::new("/usr/sbin/nft").args(["list", "ruleset"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn only_who_must_not_accept_is_in_the_table_and_leftovers_go() {
        if missing(&["nft"]).is_some() {
            return skip("only_who_must_not_accept_is_in_the_table_and_leftovers_go", "nft is not installed");
        }
        in_namespace(|| {
            let v4 = router("eth-0", "192.0.2.100", 100);
            let v6 = router("eth-0", "fe80::100", 100);
            let owner = router("eth1", "192.0.2.1", 255);
            // Somebody else's, though it looks like one of ours.
            nft("table inet vrrp_eth9_1_ipv4 { set ipv4 { type ipv4_addr; elements = { 192.0.2.9 }\n}\n}\n").unwrap();
            let others = ruleset();

            let filter = Filter::install([&owner, &v4, &v6].into_iter()).unwrap();
            let all = ruleset();
            for part in
                ["table inet vrrp_eth_2d0_51_ipv4", "{ 192.0.2.100 }", "{ fe80::100 }", "@ipv4 drop", "@ipv6 drop"]
            {
                assert!(all.contains(part), "{all}");
            }
            assert!(!all.contains("192.0.2.1 ") && all.matches("table").count() == 2, "{all}");

            // Killed, and started once more as it was.
            drop(filter);
            assert_eq!(ruleset(), all);
            let again = Filter::install([&owner, &v4, &v6].into_iter()).unwrap();
            assert_eq!(ruleset(), all);
            // Killed, and started once more: without the router that the table is named after, and the other one accepts.
            drop(again);
            let open = Filter::install([&owner, &v6.clone().with_accept_mode(true)].into_iter()).unwrap();
            assert!(open.kept.is_none());
            assert_eq!(ruleset(), others);

            let mut last = Filter::install([&owner, &v4, &v6].into_iter()).unwrap();
            last.remove().unwrap();
            assert_eq!(ruleset(), others);
        });
    }

    #[test]
    fn what_nft_says_is_passed_on() {
        if missing(&["nft"]).is_some() {
            return skip("what_nft_says_is_passed_on", "nft is not installed");
        }
        in_namespace(|| {
            let error = nft("no such command\n").unwrap_err();
            assert!(error.to_string().contains("syntax error"), "{error}");
        });
    }
}
