//! Accept mode off: a packet filter drops what is sent to the virtual addresses (ACC-01, ACC-02, AMB-14).
//! Forwarded it is not anyway: the addresses are the host's own (FWD-02).
//!
//! It drops always, as a Backup too, where the addresses are not on the host anyway. So it is made before any address is
//! installed, and nothing of it is left for a takeover to do. When the process is killed it stays, as the addresses do; the next
//! start replaces it.
//!
//! One table for all: every packet that the host receives passes every chain, and of those the kernel has room for 1,024.
//! When somebody removes or changes it, it is made anew (`watch`). When routers come and go its addresses change, in one
//! transaction, which touches none of those that stay.

mod table;
mod watch;

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use vrrp_core::RouterId;

use crate::router::Router;
use crate::suspended::SuspendedFilter;
use table::{Table, WantedTable, name_after};
use watch::{Guarded, Said, Watch};

pub(crate) use watch::{Generation, News};

/// The table with the addresses of all routers that accept nothing, where there are any.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// The content of the table.
    has: WantedTable,
    /// The contents that it was asked to have since, in order.
    asked: VecDeque<(Generation, WantedTable)>,
    last: Generation,
    /// The first router that accepts nothing, of those that were last wanted.
    router: Option<RouterId>,
    /// Set if there is a table, or was one asked for.
    watch: Option<Watch<WantedTable>>,
}

impl Filter {
    /// Makes the table, where any router accepts nothing, which no owner does (OWN-03). Removes what a dead run may have
    /// left.
    pub(crate) fn install<'a>(routers: impl Iterator<Item = (RouterId, &'a Router)>) -> io::Result<Self> {
        let (wanted, router) = wanted(routers.map(|(id, router)| (Some(id), router)), None);
        let mut table = Table::default();
        table.change(wanted.clone(), true)?;
        let watch = match wanted.name.is_some() {
            true => Some(Watch::start(table).inspect_err(|_| {
                // The start fails anyway.
                let _ = remove(&wanted);
            })?),
            false => None,
        };
        Ok(Self { has: wanted, router, watch, ..Self::default() })
    }

    /// Goes on with the table that another process has made. Where it is the one that these routers need it is not touched.
    pub(crate) fn resume<'a>(
        routers: impl Iterator<Item = (RouterId, &'a Router)>,
        left: SuspendedFilter,
    ) -> io::Result<Self> {
        let left = WantedTable::from(left);
        let (wanted, router) = wanted(routers.map(|(id, router)| (Some(id), router)), left.name.as_deref());
        let is_it = wanted == left;
        let mut table = Table::made(left);
        if !is_it {
            table.change(wanted.clone(), true)?;
        }
        let watch = wanted.name.is_some().then(|| Watch::start(table)).transpose()?;
        Ok(Self { has: wanted, router, watch, ..Self::default() })
    }

    /// Returns what the table has.
    pub(crate) fn suspended(&self) -> SuspendedFilter {
        let WantedTable { name, closed, names, addresses } = self.has.clone();
        SuspendedFilter { name, closed, names, addresses }
    }

    /// Has the table hold the addresses of these routers, of which some may be yet to come, and no others. Returns what to wait for in the [news](Self::poll_news);
    /// `None` if it holds just these.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(crate) fn change<'a>(
        &mut self,
        routers: impl Iterator<Item = (Option<RouterId>, &'a Router)>,
    ) -> io::Result<Option<Generation>> {
        let latest = self.asked.back().map_or(&self.has, |(_, wanted)| wanted);
        let (wanted, router) = wanted(routers, latest.name.as_deref());
        if wanted.closed == latest.closed && wanted.name == latest.name && wanted.is_within(latest) {
            self.router = router;
            return Ok(self.asked.back().map(|(generation, _)| *generation));
        }
        let watch = match &mut self.watch {
            Some(watch) => watch,
            none => none.insert(Watch::start(Table::default())?),
        };
        self.router = router;
        self.last = self.last.next();
        watch.change(self.last, wanted.clone());
        self.asked.push_back((self.last, wanted));
        Ok(Some(self.last))
    }

    /// Polls for the outcome of a change of the table that was asked for, or that somebody else made.
    pub(crate) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        let Some(watch) = &mut self.watch else { return Poll::Pending };
        let (generation, changed) = match watch.poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Said::News(news))) => return Poll::Ready(news),
            Poll::Ready(Some(Said::Answer(generation, changed))) => (generation, changed),
            // A thread that died said why where it happened.
            Poll::Ready(None) => match self.asked.front() {
                Some((generation, _)) => {
                    (*generation, Err(io::Error::other("the thread of the packet filter is gone")))
                }
                None => return Poll::Pending,
            },
        };
        let asked = self.asked.pop_front();
        let news = match changed {
            Ok(()) => {
                self.has = asked.map(|(_, wanted)| wanted).unwrap_or_default();
                News::Changed(generation)
            }
            Err(error) => News::NotChanged(generation, error),
        };
        if self.asked.is_empty() && self.has.name.is_none() {
            // It waits for nothing but this.
            self.watch = None;
        }
        Poll::Ready(news)
    }

    /// The table's name, and the first of the routers that it is for.
    pub(crate) fn table(&self) -> Option<(&str, RouterId)> {
        Some((self.has.name.as_deref()?, self.router?))
    }

    /// Removes the table. The addresses must be gone by then.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        self.watch = None;
        let asked = std::mem::take(&mut self.asked).into_iter().map(|(_, wanted)| wanted);
        let all: Vec<WantedTable> = std::iter::once(std::mem::take(&mut self.has)).chain(asked).collect();
        all.iter().try_for_each(remove)
    }
}

/// Returns the content that the table is to have for these routers, and the first router that accepts nothing. The table keeps its
/// name for as long as that is the name of one of them: another process may have a router that is gone.
fn wanted<'a>(
    routers: impl Iterator<Item = (Option<RouterId>, &'a Router)>,
    name: Option<&str>,
) -> (WantedTable, Option<RouterId>) {
    let (mut wanted, mut first) = (WantedTable::default(), None);
    for (id, router) in routers {
        let addresses = router.addresses.iter().map(|virtual_ip| virtual_ip.address);
        // Where there are none, nothing needs `nft`.
        if !router.accept && !router.config.priority().is_owner() && !router.addresses.is_empty() {
            first.get_or_insert((id, router));
            wanted.closed.extend(addresses.clone());
        }
        wanted.addresses.extend(addresses);
        wanted.names.insert(name_after(router));
    }
    let kept = name.filter(|name| wanted.names.contains(*name)).map(str::to_owned);
    wanted.name = first.map(|(_, router)| kept.unwrap_or_else(|| name_after(router)));
    (wanted, first.and_then(|(id, _)| id))
}

fn remove(wanted: &WantedTable) -> io::Result<()> {
    wanted.name.as_ref().map_or(Ok(()), |name| table::nft(&table::removal(name)))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::UdpSocket;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::thread;
    use std::time::Duration;

    use vrrp_core::{Config, InterfaceId, Priority, Profile, RouterSet, Vrid};

    use super::table::nft;
    use super::*;
    use crate::testing::{in_namespace, ip, missing, run, skip};

    fn router(interface: &str, address: &str, priority: u8) -> Router {
        numbered(interface, 51, address, priority)
    }

    fn numbered(interface: &str, vrid: u8, address: &str, priority: u8) -> Router {
        let config =
            Config::new(Profile::Rfc9568Errata, Vrid::new(vrid).unwrap(), &[address.parse().unwrap()]).unwrap();
        Router::new(interface, config.with_priority(Priority::new(priority).unwrap()))
    }

    /// Ids for these routers.
    fn known<'a>(routers: &[&'a Router]) -> Vec<(RouterId, &'a Router)> {
        let mut set = RouterSet::new();
        let id = |(n, router): (usize, &&Router)| set.insert(InterfaceId(n as u32), router.config.clone()).unwrap();
        let ids: Vec<RouterId> = routers.iter().enumerate().map(id).collect();
        ids.into_iter().zip(routers.iter().copied()).collect()
    }

    fn install(routers: &[&Router]) -> Filter {
        Filter::install(known(routers).into_iter()).unwrap()
    }

    fn news(filter: &mut Filter) -> News {
        run(async { poll_fn(|cx| filter.poll_news(cx)).await })
    }

    /// Has the table changed, if that takes anything; returns whether it does.
    fn change(filter: &mut Filter, routers: &[&Router]) -> bool {
        let Some(expected) = filter.change(known(routers).into_iter().map(|(id, it)| (Some(id), it))).unwrap() else {
            return false;
        };
        let news = news(filter);
        assert!(matches!(news, News::Changed(generation) if generation == expected), "{news:?}");
        true
    }

    fn ruleset() -> String {
        let output = Command::new("/usr/sbin/nft").args(["list", "ruleset"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn assert_rules(parts: &[&str], absent: &[&str]) {
        let all = ruleset();
        assert!(parts.iter().all(|part| all.contains(part)) && !absent.iter().any(|part| all.contains(part)), "{all}");
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

            let filter = install(&[&owner, &v4, &v6]);
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
            let again = install(&[&owner, &v4, &v6]);
            assert_eq!(ruleset(), all);
            // Killed, and started once more: without the router that the table is named after, and the other one accepts.
            drop(again);
            let open = install(&[&owner, &v6.clone().with_accept_mode(true)]);
            assert!(open.table().is_none() && open.watch.is_none());
            assert_eq!(ruleset(), others);

            let mut last = install(&[&owner, &v4, &v6]);
            last.remove().unwrap();
            assert_eq!(ruleset(), others);
        });
    }

    #[test]
    fn addresses_come_and_go_with_their_routers() {
        if missing(&["nft"]).is_some() {
            return skip("addresses_come_and_go_with_their_routers", "nft is not installed");
        }
        in_namespace(|| {
            let first = numbered("eth0", 51, "192.0.2.100", 100);
            let second = numbered("eth0", 52, "192.0.2.101", 100);
            let third = numbered("eth0", 53, "fe80::103", 100);
            let open = numbered("eth0", 54, "192.0.2.104", 100).with_accept_mode(true);
            // Nobody has one yet.
            let mut filter = install(&[]);
            assert!(!change(&mut filter, &[]) && filter.watch.is_none());
            assert!(change(&mut filter, &[&open]) && filter.watch.is_none() && ruleset().is_empty());
            assert!(change(&mut filter, &[&first, &open]));
            assert_rules(&["table inet vrrp_eth0_51_ipv4", "{ 192.0.2.100 }"], &["192.0.2.104"]);
            assert!(change(&mut filter, &[&third, &first, &second, &open]));
            assert_rules(&["vrrp_eth0_51_ipv4", "{ 192.0.2.100, 192.0.2.101 }", "{ fe80::103 }"], &["vrrp_eth0_53"]);
            assert_eq!(filter.table().unwrap().1, known(&[&third])[0].0);
            // The same in another order, and without one that has nothing to do with it.
            assert!(!change(&mut filter, &[&second, &third, &first]));
            // The name belongs to a router that goes.
            assert!(change(&mut filter, &[&second, &third]));
            assert_rules(
                &["table inet vrrp_eth0_52_ipv4", "{ 192.0.2.101 }", "{ fe80::103 }"],
                &["vrrp_eth0_51", "192.0.2.100"],
            );
            assert!(change(&mut filter, &[&second.clone().with_accept_mode(true), &third]));
            assert_rules(&["table inet vrrp_eth0_52_ipv4", "{ fe80::103 }"], &["192.0.2.101"]);
            // Two at once are carried out one after the other.
            let one = filter.change(known(&[&first]).into_iter().map(|(id, it)| (Some(id), it))).unwrap().unwrap();
            let two = filter.change(std::iter::empty()).unwrap().unwrap();
            assert!(matches!(news(&mut filter), News::Changed(generation) if generation == one) && one < two);
            assert!(matches!(news(&mut filter), News::Changed(generation) if generation == two));
            assert!(ruleset().is_empty() && filter.table().is_none() && filter.watch.is_none());
            // And from the beginning.
            assert!(change(&mut filter, &[&second]));
            filter.remove().unwrap();
            assert!(ruleset().is_empty());
        });
    }

    #[test]
    fn what_a_dead_run_left_of_a_router_that_comes_goes() {
        if missing(&["nft"]).is_some() {
            return skip("what_a_dead_run_left_of_a_router_that_comes_goes", "nft is not installed");
        }
        in_namespace(|| {
            let [first, second, third] = [(51, "192.0.2.100"), (52, "192.0.2.101"), (53, "192.0.2.102")]
                .map(|(vrid, ip)| numbered("eth0", vrid, ip, 100));
            let third = third.with_accept_mode(true);
            let mut filter = install(&[&first]);
            nft("table inet vrrp_eth0_52_ipv4 { }\ntable inet vrrp_eth7_1_ipv4 { set ipv4 { type ipv4_addr; elements = { 192.0.2.102 }\n}\n}\n").unwrap();
            assert!(change(&mut filter, &[&first, &second]));
            assert_rules(&["{ 192.0.2.100, 192.0.2.101 }", "vrrp_eth7_1_ipv4"], &["vrrp_eth0_52_ipv4"]);
            // Though it accepts everything itself.
            assert!(change(&mut filter, &[&first, &second, &third]));
            assert_rules(&["{ 192.0.2.100, 192.0.2.101 }"], &["vrrp_eth7_1_ipv4"]);
        });
    }

    /// Ends a thread, also when the test fails.
    struct End<'a>(&'a AtomicBool);

    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }

    #[test]
    fn at_no_moment_is_an_address_open_that_stays() {
        if missing(&["nft"]).is_some() {
            return skip("at_no_moment_is_an_address_open_that_stays", "nft is not installed");
        }
        in_namespace(|| {
            ip("link set lo up");
            ip("address add 192.0.2.100/32 dev lo");
            let service = UdpSocket::bind("192.0.2.100:0").unwrap();
            service.set_nonblocking(true).unwrap();
            let (to, over) = (service.local_addr().unwrap(), AtomicBool::new(false));
            let stays = numbered("eth0", 51, "192.0.2.100", 100);
            let others: Vec<Router> = (1..20).map(|n| numbered("eth0", n, &format!("198.51.100.{n}"), 100)).collect();
            let mut filter = install(&[&others[0], &stays]);
            let reached = |service: &UdpSocket| std::iter::from_fn(|| service.recv(&mut [0; 9]).ok()).count();
            thread::scope(|scope| {
                let _end = End(&over);
                scope.spawn(|| {
                    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                    while !over.load(SeqCst) {
                        // What is dropped is no error, or one that a firewall makes.
                        let _ = client.send_to(b"request", to);
                    }
                });
                for n in 0..others.len() {
                    // One comes, one goes; and now and then the one with the name of the table.
                    assert!(change(&mut filter, &[&others[n], &stays]) == (n > 0));
                    assert!(change(&mut filter, &[&stays, &others[n], &others[(n + 1) % 19]]));
                }
                assert_eq!(reached(&service), 0);
                filter.remove().unwrap();
                let start = std::time::Instant::now();
                while reached(&service) == 0 {
                    assert!(start.elapsed() < Duration::from_secs(15), "nothing arrives where nothing is closed");
                }
            });
        });
    }

    #[test]
    fn the_guard_knows_our_own_changes_and_restores_what_is_wanted_now() {
        if missing(&["nft"]).is_some() {
            return skip("the_guard_knows_our_own_changes_and_restores_what_is_wanted_now", "nft is not installed");
        }
        in_namespace(|| {
            let [first, second, third] = [(51, "192.0.2.100"), (52, "192.0.2.101"), (53, "192.0.2.102")]
                .map(|(vrid, ip)| numbered("eth0", vrid, ip, 100));
            let mut filter = install(&[&first]);
            assert!(change(&mut filter, &[&first, &second]));
            // Had it been taken for somebody else's, there would be news of that before these.
            thread::sleep(Duration::from_millis(200));
            nft("delete element inet vrrp_eth0_51_ipv4 ipv4 { 192.0.2.101 }\n").unwrap();
            assert!(matches!(news(&mut filter), News::Restored));
            assert_rules(&["{ 192.0.2.100, 192.0.2.101 }"], &[]);
            // Somebody changed it, and before that is noticed we do. The same transaction restores it.
            nft("flush ruleset\n").unwrap();
            assert!(change(&mut filter, &[&first, &second, &third]));
            assert_rules(&["192.0.2.100", "192.0.2.101", "192.0.2.102"], &[]);
            assert!(matches!(news(&mut filter), News::Restored));
            // What it has under another name is guarded too.
            assert!(change(&mut filter, &[&second]));
            nft("flush ruleset\n").unwrap();
            assert!(matches!(news(&mut filter), News::Restored));
            assert_rules(&["table inet vrrp_eth0_52_ipv4", "{ 192.0.2.101 }"], &["192.0.2.100"]);
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
