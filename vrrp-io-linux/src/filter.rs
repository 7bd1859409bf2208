//! Accept mode off: a packet filter drops what is sent to the virtual addresses (ACC-01, ACC-02, AMB-14).
//! Forwarded it is not anyway: the addresses are the host's own (FWD-02).
//!
//! It drops always, as a Backup too, where the addresses are not on the host anyway. So it is made once, before any
//! address is installed, and nothing of it is left for a takeover to do. When the process is killed it stays, as the
//! addresses do; the next start replaces it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use vrrp_core::Family;

use crate::Router;

/// Where it is when it is not on the path of a service.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];

/// The tables of the routers that accept nothing.
#[derive(Debug)]
pub(crate) struct Filter {
    tables: Vec<String>,
}

impl Filter {
    /// Makes a table for each router that accepts nothing, which no owner is (OWN-03), and removes what a dead run may have
    /// left of the others.
    pub(crate) fn install<'a>(routers: impl Iterator<Item = &'a Router>) -> io::Result<Self> {
        let (accepting, closed): (Vec<&Router>, Vec<&Router>) =
            routers.partition(|router| router.accept || router.config.priority().is_owner());
        let there = match tables() {
            // Without nft nobody can have made one.
            Err(_) if closed.is_empty() => return Ok(Self { tables: Vec::new() }),
            there => there?,
        };
        // Of thousands, nearly always none is there.
        let leftovers = accepting.iter().chain(&closed).map(|router| table(router)).filter(|name| there.contains(name));
        let removals = leftovers.map(|name| removal(&name));
        let commands: String = removals.chain(closed.iter().map(|router| rules(router))).collect();
        match nft(&commands) {
            Err(error) if !closed.is_empty() => Err(error),
            _ => Ok(Self { tables: closed.into_iter().map(table).collect() }),
        }
    }

    /// Removes the tables. The addresses must be gone by then.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        if self.tables.is_empty() {
            return Ok(());
        }
        nft(&self.tables.drain(..).map(|table| removal(&table)).collect::<String>())
    }
}

/// One router's table: no two routers of a host have interface, id and family in common.
fn table(router: &Router) -> String {
    let interface = router.interface.bytes().map(|octet| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' => char::from(octet).to_string(),
        _ => format!("_{octet:02x}"),
    });
    let family = match router.config.family() {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    };
    format!("vrrp_{}_{}_{family}", interface.collect::<String>(), router.config.vrid())
}

/// Goes through whether or not there is such a table.
fn removal(table: &str) -> String {
    format!("add table inet {table}\ndelete table inet {table}\n")
}

fn rules(router: &Router) -> String {
    let table = table(router);
    let drops = [Family::Ipv4, Family::Ipv6].map(|family| {
        let addresses = router.addresses.iter().map(|vip| vip.address).filter(|address| Family::of(*address) == family);
        let addresses: Vec<String> = addresses.map(|address| address.to_string()).collect();
        let ip = if family == Family::Ipv4 { "ip" } else { "ip6" };
        if addresses.is_empty() { String::new() } else { format!("{ip} daddr {{ {} }} drop\n", addresses.join(", ")) }
    });
    // Who asks for a neighbour may ask the address itself (V6-09); for IPv4 that is ARP, which does not come here.
    format!(
        "table inet {table} {{\nchain input {{\ntype filter hook input priority filter; policy accept;\n\
         icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept\n{}}}\n}}\n",
        drops.concat()
    )
}

/// The tables that are there.
fn tables() -> io::Result<BTreeSet<String>> {
    let list = run(&["list", "tables", "inet"], "")?;
    Ok(list.lines().filter_map(|line| line.strip_prefix("table inet ").map(str::to_owned)).collect())
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
    fn only_who_must_not_accept_gets_a_table_and_leftovers_go() {
        if missing(&["nft"]).is_some() {
            return skip("only_who_must_not_accept_gets_a_table_and_leftovers_go", "nft is not installed");
        }
        in_namespace(|| {
            let v4 = router("eth-0", "192.0.2.100", 100);
            let v6 = router("eth-0", "fe80::100", 100);
            let owner = router("eth1", "192.0.2.1", 255);
            let mut filter = Filter::install([&v4, &v6, &owner].into_iter()).unwrap();
            let all = ruleset();
            assert!(
                all.contains("table inet vrrp_eth_2d0_51_ipv4") && all.contains("ip daddr 192.0.2.100 drop"),
                "{all}"
            );
            assert!(
                all.contains("table inet vrrp_eth_2d0_51_ipv6") && all.contains("ip6 daddr fe80::100 drop"),
                "{all}"
            );
            assert_eq!(all.matches("table").count(), 2, "{all}");

            // Killed, and started once more as it was.
            let mut again = Filter::install([&v4, &v6, &owner].into_iter()).unwrap();
            assert_eq!(ruleset(), all);
            // Killed, and started once more with accept mode on.
            let open = Filter::install([&v4.with_accept_mode(true)].into_iter()).unwrap();
            assert_eq!(open.tables.len(), 0);
            assert_eq!(ruleset().matches("table").count(), 1);

            filter.remove().unwrap();
            again.remove().unwrap();
            assert_eq!(ruleset(), "");
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
