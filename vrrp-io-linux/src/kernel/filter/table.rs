//! The table itself, by the program `nft`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};

use vrrp_core::Family;

use super::watch::Guarded;
use crate::router::Router;
use crate::suspended::SuspendedFilter;

/// The program by its name, and by its path for a service whose `PATH` does not have it.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];
/// The beginning of the names of all tables.
const PREFIX: &str = "vrrp_";
const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

/// The table that is wanted, and the routers that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WantedTable {
    /// The name of the table; there is none where nothing is closed.
    pub(super) name: Option<String>,
    pub(super) closed: BTreeSet<IpAddr>,
    /// The names of tables that are named after one of the routers, and all addresses: they show what a dead run left.
    pub(super) names: BTreeSet<String>,
    pub(super) addresses: BTreeSet<IpAddr>,
}

/// The table that is there.
#[derive(Debug, Default)]
pub(super) struct Table {
    wanted: WantedTable,
    /// The words of `nft` for what is no address.
    frame: Option<String>,
}

impl From<SuspendedFilter> for WantedTable {
    fn from(SuspendedFilter { name, closed, names, addresses }: SuspendedFilter) -> Self {
        Self { name, closed, names, addresses }
    }
}

impl WantedTable {
    /// Tells whether all its routers are among those of another.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.names.is_subset(&other.names) && self.addresses.is_subset(&other.addresses)
    }
}

impl Table {
    /// One that is there already.
    pub(super) const fn made(wanted: WantedTable) -> Self {
        Self { wanted, frame: None }
    }

    /// Returns the commands that make the whole table, in the place of one that has its name.
    fn anew(wanted: &WantedTable) -> String {
        wanted.name.as_ref().map_or_else(String::new, |name| removal(name) + &rules(name, &wanted.closed))
    }

    /// Another name: first the one table, then not the other, so that nothing is open between them.
    fn rename(wanted: &WantedTable, old: &str, leftovers: &str) -> io::Result<()> {
        nft(&(leftovers.to_owned() + &Self::anew(wanted)))?;
        nft(&removal(old)).inspect_err(|_| {
            // There are two of them, or one as before.
            let _ = wanted.name.as_ref().map(|name| nft(&removal(name)));
        })
    }
}

impl Guarded for Table {
    type Wanted = WantedTable;

    fn name(&self) -> Option<&str> {
        self.wanted.name.as_deref()
    }

    fn is_whole(&mut self) -> bool {
        let Some(name) = &self.wanted.name else { return true };
        list(name).is_ok_and(|listing| {
            let (addresses, frame) = look(&listing);
            addresses == self.wanted.closed && self.frame.as_ref() == Some(&frame)
        })
    }

    fn make(&mut self) -> io::Result<()> {
        nft(&Self::anew(&self.wanted))
    }

    /// It looks as it did before; or as it did one failure ago, for there may be another `nft` by now.
    fn confirm(&mut self) -> io::Result<()> {
        let Some(name) = &self.wanted.name else { return Ok(()) };
        let (addresses, frame) = look(&list(name)?);
        let is_known = self.frame.as_ref().is_none_or(|known| *known == frame) && addresses == self.wanted.closed;
        self.frame = Some(frame);
        if is_known { Ok(()) } else { Err(io::Error::other("somebody changed it again at once")) }
    }

    fn change(&mut self, wanted: WantedTable, is_whole: bool) -> io::Result<()> {
        let before = &self.wanted;
        let leftovers = match wanted.is_within(before) {
            true => Ok(String::new()),
            false => leftovers(&wanted, before.name.as_deref()),
        };
        match (&before.name, &wanted.name) {
            // Without nft nobody can have made one.
            (None, None) => drop(leftovers.and_then(|leftovers| nft(&leftovers))),
            (None, Some(_)) => nft(&(leftovers? + &Self::anew(&wanted)))?,
            (Some(name), None) => nft(&(leftovers? + &removal(name)))?,
            (Some(old), Some(new)) if old != new => {
                // It shows its name.
                Self::rename(&wanted, old, &leftovers?)?;
                self.frame = None;
            }
            (Some(name), Some(_)) => {
                let leftovers = leftovers?;
                let anew = || nft(&(leftovers.clone() + &Self::anew(&wanted)));
                let difference = difference(name, &before.closed, &wanted.closed);
                match is_whole {
                    true => nft(&(leftovers.clone() + &difference)).or_else(|_| anew())?,
                    false => anew()?,
                }
            }
        }
        self.wanted = wanted;
        Ok(())
    }
}

/// Named after one of its routers: no two of a host have interface, id and family in common.
pub(super) fn name_after(router: &Router) -> String {
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
fn leftovers(wanted: &WantedTable, own: Option<&str>) -> io::Result<String> {
    let tables = run(&["list", "tables", "inet"], "")?;
    let there =
        tables.lines().filter_map(|line| line.strip_prefix("table inet ").filter(|name| name.starts_with(PREFIX)));
    let mut removals = String::new();
    for name in there.filter(|name| Some(*name) != own) {
        let is_ours = wanted.names.contains(name) || {
            let content = list(name)?;
            let mut words = words(&content).filter_map(|word| word.parse::<IpAddr>().ok());
            words.any(|address| wanted.addresses.contains(&address))
        };
        if is_ours {
            removals += &removal(name);
        }
    }
    Ok(removals)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\t', '\n']).filter(|word| !word.is_empty())
}

/// Goes through whether or not there is such a table.
pub(super) fn removal(table: &str) -> String {
    format!("add table inet {table}\ndelete table inet {table}\n")
}

/// Returns a table that drops packets to these addresses (ACC-01, AMB-14). They are not forwarded either, because the addresses are
/// the host's own (FWD-02). Both families have a set, which may be empty: so other addresses need no other rules.
fn rules(table: &str, closed: &BTreeSet<IpAddr>) -> String {
    let mut sets = String::new();
    for family in FAMILIES {
        let set = set(family);
        let elements = elements(closed.iter(), family).map(|list| format!("elements = {list}\n")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(sets, "set {set} {{\ntype {set}_addr\n{elements}}}");
    }
    // A neighbour solicitation may go to the address itself (V6-09); for IPv4 that is ARP, which does not come here.
    format!(
        "table inet {table} {{\n{sets}chain input {{\ntype filter hook input priority filter; policy accept;\n\
         icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept\n\
         ip daddr @ipv4 drop\nip6 daddr @ipv6 drop\n}}\n}}\n"
    )
}

/// Changes the addresses in a table: of those that stay nothing is touched.
fn difference(table: &str, before: &BTreeSet<IpAddr>, after: &BTreeSet<IpAddr>) -> String {
    let mut commands = String::new();
    for family in FAMILIES {
        for (verb, addresses) in [("add", after.difference(before)), ("delete", before.difference(after))] {
            if let Some(list) = elements(addresses, family) {
                let _ = writeln!(commands, "{verb} element inet {table} {} {list}", set(family));
            }
        }
    }
    commands
}

fn set(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

/// The addresses of a family as a list, if there are any.
fn elements<'a>(addresses: impl Iterator<Item = &'a IpAddr>, family: Family) -> Option<String> {
    let list: Vec<String> =
        addresses.filter(|address| Family::of(**address) == family).map(ToString::to_string).collect();
    (!list.is_empty()).then(|| format!("{{ {} }}", list.join(", ")))
}

/// Splits the listing of a table by `nft` into the addresses in its sets, and all the rest.
fn look(listing: &str) -> (BTreeSet<IpAddr>, String) {
    let (mut addresses, mut frame, mut rest) = (BTreeSet::new(), String::new(), listing);
    while let Some((before, behind)) = rest.split_once("elements = {") {
        let (inside, behind) = behind.split_once('}').unwrap_or((behind, ""));
        frame += before.trim_end();
        for word in words(inside) {
            match word.parse() {
                Ok(address) => drop(addresses.insert(address)),
                Err(_) => frame += word,
            }
        }
        rest = behind;
    }
    (addresses, frame + rest)
}

/// Returns how `nft` shows a table.
fn list(table: &str) -> io::Result<String> {
    run(&["list", "table", "inet", table], "")
}

/// Carries out all of `commands`, or none.
pub(super) fn nft(commands: &str) -> io::Result<()> {
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
    use super::*;

    fn addresses(list: &[&str]) -> BTreeSet<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn of_addresses_that_stay_nothing_is_touched() {
        let before = addresses(&["192.0.2.1", "192.0.2.2", "fe80::1"]);
        let after = addresses(&["192.0.2.2", "192.0.2.3", "192.0.2.4", "fe80::1"]);
        let expected = "add element inet t ipv4 { 192.0.2.3, 192.0.2.4 }\ndelete element inet t ipv4 { 192.0.2.1 }\n";
        assert_eq!(difference("t", &before, &after), expected);
        assert_eq!(difference("t", &after, &after), "");
    }

    #[test]
    fn addresses_are_told_from_all_the_rest() {
        let empty = "table inet t {\n\tset ipv4 {\n\t\ttype ipv4_addr\n\t}\n}\n";
        let filled = "table inet t {\n\tset ipv4 {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1, 192.0.2.2,\n\t\t\t     192.0.2.3 }\n\t}\n}\n";
        assert_eq!(look(empty), (addresses(&[]), empty.to_owned()));
        assert_eq!(look(filled), (addresses(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]), empty.to_owned()));
        // What was put there besides addresses is not overlooked.
        for other in
            [filled.replace("192.0.2.2", "192.0.2.2 timeout 1s"), filled.replace("\t}\n}", "\t\tcounter\n\t}\n}")]
        {
            assert_ne!(look(&other).1, empty);
        }
        for text in ["", "elements = {", "elements = { 1", "}"] {
            assert_eq!(look(text).0, addresses(&[]));
        }
    }
}
