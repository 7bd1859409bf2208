//! The ledger beside a kernel that is a list, whose news come when a test lets them.

use std::collections::VecDeque;

use vrrp_core::{Action, Config, Input, InterfaceId, Priority, Profile, RouterSet, Vrid};

use super::*;

const ETH0: u32 = 2;
const ETH1: u32 = 3;
const V4: &str = "192.0.2.100/24";
const V6: &str = "fe80::100/64";

/// A model of the kernel.
#[derive(Default)]
struct Machine {
    addresses: Vec<(u32, HostAddress)>,
    done: VecDeque<Done>,
    news: VecDeque<(u32, HostAddress, bool)>,
    renewed: usize,
    removals: usize,
    /// The error with which it answers every request, if any.
    refuses: Option<i32>,
    /// It does nothing before it is let.
    busy: bool,
    queued: Vec<Ask>,
}

/// The part of it that the monitor shows.
struct Shown {
    addresses: Vec<(u32, HostAddress)>,
    names: Vec<(&'static str, u32)>,
    down: bool,
}

/// The state of a router's request, as a naive reader of the requests and the answers sees it.
#[derive(Clone, Copy)]
struct Known {
    request: AddressRequest,
    link: u32,
    told: Told,
}

#[derive(Clone, Copy, PartialEq)]
enum Told {
    Nothing,
    Installed { foreign: bool },
    Lost,
}

struct Bench {
    holdings: Holdings,
    machine: Machine,
    shown: Shown,
    /// One router for each id, whose requests are made by a core.
    set: RouterSet,
    ids: Vec<RouterId>,
    known: Vec<Option<Known>>,
    /// Every request that was ever made.
    requests: Vec<AddressRequest>,
    story: Vec<String>,
    now: Instant,
}

fn host_address(text: &str, usage: Use, marked: bool) -> HostAddress {
    let VirtualIp { address, prefix_len, .. } = text.parse().unwrap();
    HostAddress {
        address,
        prefix_len,
        peer: address,
        scope: 0,
        label: None,
        broadcast: None,
        secondary: false,
        usage,
        marked,
    }
}

fn same(one: &HostAddress, other: &HostAddress) -> bool {
    one.address == other.address && (one.address.is_ipv6() || one.prefix_len == other.prefix_len)
}

impl Machine {
    fn add(&mut self, ifindex: u32, address: HostAddress) -> bool {
        let there = self.addresses.iter().any(|(link, there)| *link == ifindex && same(there, &address));
        if !there {
            self.addresses.push((ifindex, address.clone()));
            self.news.push_back((ifindex, address, true));
        }
        !there
    }

    fn delete(&mut self, ifindex: u32, address: IpAddr, prefix_len: u8) -> bool {
        let is = |(link, there): &(u32, HostAddress)| {
            *link == ifindex && there.address == address && there.prefix_len == prefix_len
        };
        let Some(at) = self.addresses.iter().position(is) else { return false };
        let (_, gone) = self.addresses.remove(at);
        self.news.push_back((ifindex, gone, false));
        true
    }

    fn answer(&mut self, ticket: u64, outcome: RequestOutcome) {
        self.done.push_back(Done { ticket, result: Ok(outcome) });
    }
}

impl Machine {
    fn carry_out(&mut self, asks: impl IntoIterator<Item = Ask>) {
        self.queued.extend(asks);
        if !self.busy {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for ask in std::mem::take(&mut self.queued) {
            self.removals += usize::from(matches!(ask, Ask::Remove { .. }));
            match (ask, self.refuses) {
                (Ask::Install { ticket, .. } | Ask::Remove { ticket, .. }, Some(error)) => {
                    self.done.push_back(Done { ticket, result: Err(io::Error::from_raw_os_error(error)) });
                }
                (Ask::Install { ifindex, virtual_ip, ticket, .. }, None) => {
                    let installed = self.add(ifindex, host_address(&virtual_ip.to_string(), Use::Usable, true));
                    self.answer(
                        ticket,
                        if installed { RequestOutcome::Installed } else { RequestOutcome::AlreadyThere },
                    );
                }
                (Ask::Renew { .. }, _) => self.renewed += 1,
                (Ask::Remove { ifindex, address, prefix_len, ticket }, None) => {
                    let removed = self.delete(ifindex, address, prefix_len);
                    self.answer(ticket, if removed { RequestOutcome::Removed } else { RequestOutcome::NotThere });
                }
            }
        }
    }
}

impl Host for Shown {
    fn at(&self, ifindex: u32, address: IpAddr) -> impl Iterator<Item = &HostAddress> {
        let is = move |(link, there): &&(u32, HostAddress)| *link == ifindex && there.address == address;
        self.addresses.iter().filter(is).map(|(_, there)| there)
    }

    fn index(&self, name: &str) -> Option<u32> {
        self.names.iter().find(|(known, _)| *known == name).map(|(_, link)| *link)
    }

    fn is_up(&self, _: u32) -> bool {
        !self.down
    }
}

impl Bench {
    /// Routers with one address each, at these priorities.
    fn new(virtual_ip: &str, priorities: &[u8]) -> Self {
        let virtual_ip: VirtualIp = virtual_ip.parse().unwrap();
        let mut set = RouterSet::new();
        let router = |(vrid, priority): (u8, &u8)| {
            let config = Config::new(Profile::Rfc9568Errata, Vrid::new(vrid).unwrap(), &[virtual_ip.address]).unwrap();
            let config = config.with_priority(Priority::new(*priority).unwrap());
            Router::new("eth0", config).with_address(virtual_ip.clone()).unwrap()
        };
        let routers: Vec<Router> = (1..).zip(priorities).map(router).collect();
        let ids: Vec<RouterId> =
            routers.iter().map(|router| set.insert(InterfaceId(0), router.config.clone()).unwrap()).collect();
        let mut holdings = Holdings::default();
        ids.iter().zip(&routers).for_each(|(id, router)| holdings.add(*id, router));
        Self {
            holdings,
            machine: Machine::default(),
            shown: Shown { addresses: Vec::new(), names: vec![("eth0", ETH0), ("eth1", ETH1)], down: false },
            set,
            known: vec![None; ids.len()],
            requests: Vec::new(),
            ids,
            story: Vec::new(),
            now: Instant::from_nanos(1_000_000_000_000),
        }
    }

    /// The request of a core that has just become Master.
    fn request(&mut self, router: usize) -> AddressRequest {
        let (id, virtual_ip) = (self.ids[router], self.virtual_ip().address);
        let source: IpAddr = if virtual_ip.is_ipv4() { [192, 0, 2, 1].into() } else { "fe80::1".parse().unwrap() };
        self.set.handle(self.now, id, Input::Shutdown);
        while self.set.poll_action().is_some() {}
        for input in [Input::PrimaryAddress(Some(source)), Input::Startup] {
            self.set.handle(self.now, id, input);
        }
        while self.set.get(id).unwrap().role() != vrrp_core::Role::Master {
            let (at, due) = self.set.deadline().unwrap();
            self.now = self.now.max(at);
            self.set.handle(self.now, due, Input::Timeout);
        }
        let requests = std::iter::from_fn(|| self.set.poll_action());
        let wanted = requests.filter_map(|(of, action)| match action {
            Action::InstallAddress(request) if of == id => Some(request),
            _ => None,
        });
        let wanted = wanted.last().unwrap();
        self.requests.push(wanted);
        wanted
    }

    fn virtual_ip(&self) -> VirtualIp {
        self.holdings.routers.values().next().unwrap().holdings[0].virtual_ip.clone()
    }

    /// The ledger says what the naive reader says.
    fn check(&self) {
        let Bench { holdings, shown, .. } = self;
        let address = self.virtual_ip().address;
        assert!(holdings.is_virtual(address) && !holdings.is_virtual([192, 0, 2, 1].into()));
        assert_eq!(holdings.is_owned(address), holdings.routers.values().any(|account| account.holdings[0].owned));
        let queued = self.machine.queued.iter().filter(|ask| !matches!(ask, Ask::Renew { .. }));
        assert_eq!(holdings.is_settled(), self.machine.done.is_empty() && queued.count() == 0);
        assert_eq!(holdings.any_left(), self.ids.iter().any(|id| holdings.left(*id).is_some()));
        let mut awaited = BTreeSet::new();
        for (id, known) in self.ids.iter().zip(&self.known) {
            for request in &self.requests {
                assert_eq!(holdings.wants(*id, *request), known.is_some_and(|it| it.request == *request));
            }
            let serves = known.filter(|it| matches!(it.told, Told::Installed { .. }));
            let requests = |of: Option<Known>| of.map(|it| it.request).into_iter().collect::<Vec<_>>();
            assert_eq!(holdings.serves_on(*id, address), serves.map(|it| it.link));
            assert_eq!(holdings.served(*id), requests(serves));
            assert_eq!((holdings.wanted_on(*id, "eth0"), holdings.wanted_on(*id, "eth1")), (requests(*known), vec![]));
            let moved = known.filter(|it| shown.index("eth0").is_some_and(|link| link != it.link));
            assert_eq!(holdings.misplaced(shown, *id), requests(moved));
            let renewed = holdings.renewals(std::iter::once((*id, 0..1))).map(|(link, ..)| link).collect::<Vec<u32>>();
            match known.map(|it| (it.told, it.link)) {
                Some((Told::Installed { foreign: false }, link)) => assert_eq!(renewed, [link]),
                None => assert_eq!(renewed, [] as [u32; 0]),
                Some(_) => {}
            }
            awaited.extend(known.filter(|_| serves.is_none()).map(|it| (it.link, it.told == Told::Nothing)));
        }
        // One that is lost before its installation is answered may be waited for again.
        let mut least = awaited.iter().filter(|(_, nothing)| *nothing && holdings.is_settled());
        let waits: BTreeSet<u32> = holdings.awaited().into_iter().map(|(link, _)| link).collect();
        assert!(least.all(|(link, _)| waits.contains(link)));
        assert!(waits.iter().all(|link| awaited.iter().any(|(there, _)| there == link)));
        for (id, known) in self.ids.iter().zip(&self.known) {
            let wanted = known.is_some() || self.known.iter().flatten().any(|it| it.link == ETH0);
            if wanted || holdings.is_owned(address) || holdings.left(*id).is_some() {
                assert_eq!(holdings.strays(shown, (*id, address), (ETH0, false)), []);
            }
        }
        for link in [ETH0, ETH1] {
            let ours = |prefix_len| holdings.is_ours(link, address, prefix_len);
            assert_eq!(holdings.is_any_ours(link, address), (0..=128).any(ours));
            let wanted = self.known.iter().flatten().any(|it| it.link == link);
            let expected = match shown.shown(link, address) {
                None => OnHost::Absent,
                Some(HostAddress { usage: Use::Tentative, .. }) => OnHost::Tentative,
                Some(HostAddress { usage: Use::Duplicate, .. }) => OnHost::Duplicate,
                Some(there) => OnHost::Here { ours: wanted && ours(there.prefix_len) },
            };
            assert_eq!(holdings.on_host(shown, link, address), expected);
        }
    }

    fn tell(&mut self, router: RouterId, answer: Answer) {
        let known = &mut self.known[router.index()];
        match &answer {
            Answer::Installed { request, foreign, prefix_len } => {
                let known = known.as_mut().unwrap();
                assert_eq!(known.request, *request);
                known.told = Told::Installed { foreign: *foreign };
                assert_eq!(self.holdings.is_ours(known.link, request.address, *prefix_len), !foreign);
            }
            Answer::Failed { request, .. } => assert_eq!(known.take().unwrap().request, *request),
            Answer::Removed { .. } | Answer::Stuck(_) | Answer::Outdated { .. } => {}
        }
        let text = match answer {
            Answer::Installed { foreign, prefix_len, .. } => {
                format!("{} installed /{prefix_len}{}", router.index(), if foreign { " foreign" } else { "" })
            }
            Answer::Outdated { .. } => format!("{} outdated", router.index()),
            Answer::Failed { error, .. } => format!("{} failed: {error}", router.index()),
            Answer::Removed { ifindex, prefix_len } => format!("{} removed /{prefix_len} {ifindex}", router.index()),
            Answer::Stuck(error) => format!("{} stuck: {error}", router.index()),
        };
        self.story.push(text);
    }

    fn go(&mut self, Consequences { asks, answer }: Consequences) {
        self.machine.carry_out(asks);
        if let Some((id, _, answer)) = answer {
            self.tell(id, answer);
        }
    }

    fn answers(&mut self) {
        while !self.machine.done.is_empty() {
            self.next_answer();
        }
    }

    fn install(&mut self, router: usize) -> AddressRequest {
        let request = self.request(router);
        self.install_again(router, request);
        request
    }

    fn install_again(&mut self, router: usize, request: AddressRequest) {
        self.ask_for(router, request);
        self.answers();
    }

    /// Asks as [`install_again`](Self::install_again) does, but the answer is yet to come.
    fn ask_for(&mut self, router: usize, request: AddressRequest) {
        let link = self.shown.index("eth0").unwrap();
        self.known[router] = Some(Known { request, link, told: Told::Nothing });
        let step = self.holdings.install(&self.shown, self.ids[router], request, link);
        self.go(step);
        self.check();
    }

    fn remove(&mut self, router: usize) {
        self.ask_to_remove(router);
        self.answers();
    }

    /// Asks as [`remove`](Self::remove) does, but the answer is yet to come.
    fn ask_to_remove(&mut self, router: usize) {
        self.known[router] = None;
        self.machine.carry_out(self.holdings.remove(&self.shown, self.ids[router], self.virtual_ip().address));
        self.check();
    }

    /// The kernel has done what it was asked, and its answers are lost.
    fn lose_answers(&mut self) {
        for done in &mut self.machine.done {
            done.result = Err(io::Error::from_raw_os_error(libc::ENOBUFS));
        }
        // What follows from that is asked, and not yet answered.
        for done in std::mem::take(&mut self.machine.done) {
            let step = self.holdings.answer(&self.shown, done);
            self.go(step);
        }
    }

    /// Lets the monitor see everything that happened; what was lost by somebody else is put back if `put_back`.
    fn news(&mut self, put_back: bool) {
        while self.next_news(put_back) {}
    }

    fn next_news(&mut self, put_back: bool) -> bool {
        let Some((link, address, added)) = self.machine.news.pop_front() else { return false };
        let ip = address.address;
        if added {
            self.shown.addresses.push((link, address));
            self.appeared(link, ip);
        } else {
            self.shown.addresses.retain(|(of, there)| !(*of == link && *there == address));
            let lost = self.holdings.vanished(&self.shown, link, ip);
            for (id, _) in &lost {
                self.story.push(format!("{} lost", id.index()));
                self.known[id.index()].as_mut().unwrap().told = Told::Lost;
            }
            self.check();
            for (id, request) in lost.into_iter().filter(|_| put_back) {
                self.install_again(id.index(), request);
            }
        }
        true
    }

    fn appeared(&mut self, link: u32, address: IpAddr) {
        for (id, answer) in self.holdings.appeared(&self.shown, link, address) {
            self.tell(id, answer);
        }
        self.check();
    }

    fn strays(&mut self, router: usize, link: u32, needed: bool) -> usize {
        let it = (self.ids[router], self.virtual_ip().address);
        let strays = self.holdings.strays(&self.shown, it, (link, false));
        if strays.is_empty() {
            return 0;
        }
        let asks = self.holdings.remove_strays(it, link, &strays, self.now, needed);
        let gone = asks.len();
        self.machine.carry_out(asks);
        self.answers();
        gone
    }

    fn add(&mut self, link: u32, text: &str, usage: Use) {
        self.machine.add(link, host_address(text, usage, false));
        self.news(false);
    }

    /// Shows it on another link.
    fn add_unasked(&mut self, link: u32) {
        let virtual_ip = self.virtual_ip();
        self.shown.addresses.push((link, host_address(&virtual_ip.to_string(), Use::Usable, false)));
        self.appeared(link, virtual_ip.address);
    }

    fn next_answer(&mut self) {
        if let Some(done) = self.machine.done.pop_front() {
            let step = self.holdings.answer(&self.shown, done);
            self.go(step);
            self.check();
        }
    }

    /// Lets a busy kernel do what is queued, and its answers come: no news overtake them.
    fn flush(&mut self) {
        self.machine.flush();
        self.answers();
    }

    /// Lets everything come that is to come.
    fn calm(&mut self) {
        while !(self.machine.queued.is_empty() && self.machine.news.is_empty()) {
            self.flush();
            self.next_news(true);
        }
    }

    fn by_hand(&mut self, link: u32) {
        let (_, there) = self.machine.addresses.iter().find(|(of, _)| *of == link).unwrap().clone();
        assert!(self.machine.delete(link, there.address, there.prefix_len));
        self.news(true);
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    fn prefixes(&self) -> Vec<u8> {
        self.machine.addresses.iter().map(|(_, there)| there.prefix_len).collect()
    }

    fn links(&self) -> Vec<u32> {
        self.machine.addresses.iter().map(|(link, _)| *link).collect()
    }
}

#[test]
fn what_somebody_removes_is_missed_and_what_we_remove_is_not() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        for _ in 0..3 {
            bench.install(0);
            bench.news(true);
            assert_eq!(bench.told().len(), 1, "{virtual_ip}");
            bench.by_hand(ETH0);
            let told = bench.told();
            assert!(
                told.len() == 2 && told[0] == "0 lost" && told[1].starts_with("0 installed"),
                "{virtual_ip}: {told:?}"
            );
            bench.remove(0);
            // Master again before the news of it.
            bench.install(0);
            bench.news(true);
            let told = bench.told();
            assert!(told.len() == 2 && told[0].starts_with("0 removed"), "{virtual_ip}: {told:?}");
            assert_eq!(bench.links(), [ETH0]);
            bench.remove(0);
            bench.news(true);
            bench.told();
            assert_eq!((bench.links(), bench.holdings.records.len()), (vec![], 0));
        }
    }
}

#[test]
fn a_link_is_known_by_its_index_whatever_it_is_called() {
    let mut bench = Bench::new(V4, &[100]);
    bench.install(0);
    bench.news(true);
    // eth0 is renamed: its router is at fault and lets the address go.
    bench.shown.names = vec![("old", ETH0)];
    bench.remove(0);
    bench.news(true);
    assert_eq!(bench.told(), ["0 installed /24", "0 removed /24 2"]);
    bench.shown.names = vec![("eth0", ETH0)];
    bench.install(0);
    bench.news(true);
    bench.by_hand(ETH0);
    assert_eq!(bench.told(), ["0 installed /24", "0 lost", "0 installed /24"]);

    // Two links change their names: what is wanted on eth0 is not on the link that is called so now.
    bench.shown.names = vec![("eth1", ETH0), ("eth0", ETH1)];
    let moved = bench.holdings.misplaced(&bench.shown, bench.ids[0]);
    assert_eq!(moved.len(), 1);
    bench.remove(0);
    bench.install_again(0, moved[0]);
    bench.news(true);
    assert_eq!(
        (bench.told(), bench.links()),
        (vec!["0 removed /24 2".to_owned(), "0 installed /24".to_owned()], vec![ETH1])
    );
    assert!(bench.holdings.misplaced(&bench.shown, bench.ids[0]).is_empty());
}

#[test]
fn a_removal_on_one_link_blinds_nobody_on_another() {
    let mut bench = Bench::new(V4, &[100]);
    bench.add(ETH1, V4, Use::Usable);
    assert_eq!(bench.strays(0, ETH1, false), 1);
    bench.install(0);
    // The news of the sweep come last.
    let swept = bench.machine.news.iter().position(|(link, _, _)| *link == ETH1).unwrap();
    let swept = bench.machine.news.remove(swept).unwrap();
    bench.news(true);
    bench.by_hand(ETH0);
    assert_eq!(bench.told(), ["0 installed /24", "0 lost", "0 installed /24"]);
    bench.machine.news.push_back(swept);
    bench.news(true);
    assert_eq!(bench.told(), [] as [&str; 0]);
}

#[test]
fn an_address_stays_as_long_as_one_of_two_routers_wants_it() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100, 90]);
        bench.install(0);
        bench.install(1);
        bench.news(true);
        assert_eq!(bench.told().len(), 2, "{virtual_ip}: both have it");
        bench.by_hand(ETH0);
        let told = bench.told();
        assert_eq!(
            told.iter().filter(|line| line.contains("lost")).count(),
            2,
            "{virtual_ip}: both are told: {told:?}"
        );
        assert_eq!(told.iter().filter(|line| line.contains("installed")).count(), 2, "{virtual_ip}: {told:?}");
        bench.remove(0);
        bench.news(true);
        assert_eq!(
            (bench.told().len(), bench.links(), bench.strays(0, ETH0, false)),
            (0, vec![ETH0], 0),
            "{virtual_ip}"
        );
        assert!(bench.machine.renewed > 0, "it lasts as long as the other one's lease says");
        assert_eq!(bench.holdings.serves_on(bench.ids[1], bench.virtual_ip().address), Some(ETH0));
        assert_eq!(bench.holdings.serves_on(bench.ids[0], bench.virtual_ip().address), None);
        bench.remove(1);
        bench.news(true);
        assert_eq!((bench.told().len(), bench.links()), (1, vec![]), "{virtual_ip}");
    }
}

#[test]
fn what_is_there_without_use_does_not_pass_for_installed() {
    for usage in [Use::Duplicate, Use::Tentative] {
        let mut bench = Bench::new(V6, &[100]);
        bench.add(ETH0, "fe80::100/128", usage);
        bench.install(0);
        assert_eq!(bench.told(), [] as [&str; 0], "{usage:?}");
        bench.news(true);
        assert_eq!(bench.told(), ["0 installed /64"], "{usage:?}");
        assert!(bench.machine.addresses.iter().all(|(_, there)| there.is_usable() && there.marked), "{usage:?}");
    }
    // Not shown yet when it is asked for.
    let mut bench = Bench::new(V6, &[100]);
    bench.machine.addresses.push((ETH0, host_address(V6, Use::Duplicate, false)));
    let request = bench.request(0);
    bench.ask_for(0, request);
    bench.shown.addresses.clone_from(&bench.machine.addresses);
    bench.answers();
    bench.news(true);
    assert_eq!(bench.told(), ["0 installed /64"]);
    assert!(bench.machine.addresses.iter().all(|(_, there)| there.is_usable()));
}

#[test]
fn an_owner_waits_for_its_address_and_fails_with_a_duplicate() {
    let mut bench = Bench::new(V6, &[255]);
    bench.add(ETH0, V6, Use::Tentative);
    bench.install(0);
    assert_eq!(bench.told(), [] as [&str; 0]);
    bench.shown.addresses[0].1.usage = Use::Usable;
    let (ip, id) = (bench.virtual_ip().address, bench.ids[0]);
    bench.appeared(ETH0, ip);
    assert_eq!(bench.told(), ["0 installed /64 foreign"]);
    bench.remove(0);
    assert_eq!((bench.links(), bench.strays(0, ETH0, false)), (vec![ETH0], 0), "the owner's stays");
    bench.shown.addresses[0].1.usage = Use::Duplicate;
    bench.install(0);
    let told = bench.told();
    assert!(told.len() == 1 && told[0].starts_with("0 failed") && told[0].contains("duplicate"), "{told:?}");
    assert_eq!(bench.holdings.on_host(&bench.shown, ETH0, ip), OnHost::Duplicate);
    assert_eq!(bench.holdings.serves_on(id, bench.virtual_ip().address), None);
}

#[test]
fn what_is_here_though_nobody_is_master_goes_but_not_for_ever() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        for _ in 0..3 {
            bench.add(ETH0, virtual_ip, Use::Usable);
            assert_eq!(bench.strays(0, ETH0, false), 1, "{virtual_ip}");
            // While the news of its removal are to come, it is none.
            assert_eq!(bench.strays(0, ETH0, false), 0, "{virtual_ip}");
            bench.news(true);
            assert_eq!((bench.links(), bench.told().len()), (vec![], 0), "{virtual_ip}");
        }
        bench.add(ETH0, virtual_ip, Use::Usable);
        assert_eq!((bench.strays(0, ETH0, false), bench.links()), (0, vec![ETH0]), "{virtual_ip}");
        assert_eq!(
            bench.holdings.left(bench.ids[0]).map(|(_, link, left)| (link, left)),
            Some((ETH0, Left::Contested))
        );
        bench.by_hand(ETH0);
        assert!(bench.holdings.left(bench.ids[0]).is_none());
        bench.now = bench.now + Duration::from_secs(10);
        bench.add(ETH0, virtual_ip, Use::Usable);
        assert_eq!(bench.strays(0, ETH0, false), 1, "{virtual_ip}");
    }
}

#[test]
fn what_the_host_needs_stays_and_what_an_earlier_run_marked_does_not() {
    let mut bench = Bench::new(V4, &[100]);
    bench.add(ETH0, V4, Use::Usable);
    assert_eq!((bench.strays(0, ETH0, true), bench.links()), (0, vec![ETH0]));
    assert_eq!(bench.holdings.left(bench.ids[0]).map(|(_, _, left)| left), Some(Left::Needed));
    bench.remove(0);
    assert_eq!(bench.links(), [ETH0]);
    let mut bench = Bench::new(V4, &[100]);
    bench.machine.add(ETH0, host_address(V4, Use::Usable, true));
    bench.news(true);
    assert_eq!((bench.strays(0, ETH0, true), bench.links()), (1, vec![]));
}

#[test]
fn one_that_is_not_the_owner_takes_over_what_is_there_and_removes_it() {
    for text in [V4, "192.0.2.100/32"] {
        let mut bench = Bench::new(V4, &[100]);
        bench.add(ETH0, text, Use::Usable);
        bench.install(0);
        bench.news(true);
        assert_eq!(bench.told(), ["0 installed /24"]);
        // Somebody sets it once more, otherwise.
        bench.add(ETH0, "192.0.2.100/25", Use::Usable);
        bench.remove(0);
        bench.news(true);
        assert_eq!((bench.told().len(), bench.links()), (2, vec![]));
    }
}

#[test]
fn what_is_put_back_again_and_again_is_given_up() {
    let mut bench = Bench::new(V4, &[100]);
    let (id, address) = (bench.ids[0], bench.virtual_ip().address);
    assert_eq!([0; 4].map(|_| bench.holdings.may_put_back(id, address, bench.now)), [true, true, true, false]);
    bench.now = bench.now + Duration::from_millis(9_999);
    assert!(!bench.holdings.may_put_back(id, address, bench.now));
    bench.now = bench.now + Duration::from_millis(1);
    assert!(bench.holdings.may_put_back(id, address, bench.now));
}

#[test]
fn after_a_gap_in_the_news_what_is_wanted_and_not_there_is_missing() {
    let mut bench = Bench::new(V6, &[100]);
    bench.install(0);
    assert_eq!(bench.holdings.awaited().len(), 1);
    // The news are lost; the address is there.
    bench.machine.news.clear();
    bench.shown.addresses.clone_from(&bench.machine.addresses);
    assert!(bench.holdings.missing(&bench.shown).is_empty());
    for (link, ip) in bench.holdings.awaited() {
        bench.appeared(link, ip);
    }
    assert_eq!(bench.told(), ["0 installed /64"]);
    bench.shown.addresses.clear();
    assert_eq!(bench.holdings.missing(&bench.shown).len(), 1);
}

#[test]
fn a_late_answer_to_a_request_that_was_cancelled_leaves_nothing_behind() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        let request = bench.request(0);
        bench.ask_for(0, request);
        bench.ask_to_remove(0);
        assert!(!bench.holdings.is_settled(), "{virtual_ip}");
        bench.answers();
        bench.news(true);
        let told = bench.told();
        assert!(told.len() == 1 && told[0].starts_with("0 removed"), "{virtual_ip}: {told:?}");
        assert_eq!((bench.links(), bench.holdings.records.len()), (vec![], 0), "{virtual_ip}");
    }
}

#[test]
fn a_late_answer_to_a_request_that_was_cancelled_is_none_to_the_next() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        let request = bench.request(0);
        bench.ask_for(0, request);
        bench.ask_to_remove(0);
        let next = bench.request(0);
        assert_ne!(request, next);
        bench.ask_for(0, next);
        let late = bench.machine.done.pop_front().unwrap();
        let step = bench.holdings.answer(&bench.shown, late);
        bench.go(step);
        assert_eq!(
            (bench.told().len(), bench.machine.done.len()),
            (0, 1),
            "{virtual_ip}: nothing is told, nothing is asked"
        );
        bench.answers();
        bench.news(true);
        let told = bench.told();
        assert!(told.len() == 1 && told[0].starts_with("0 installed"), "{virtual_ip}: {told:?}");
        assert_eq!(bench.links(), [ETH0], "{virtual_ip}");
    }
}

#[test]
fn news_of_an_address_may_come_before_the_answer() {
    let mut bench = Bench::new(V4, &[100]);
    let request = bench.request(0);
    bench.ask_for(0, request);
    bench.news(true);
    assert_eq!(bench.told(), [] as [&str; 0], "the kernel has not said whose it is");
    bench.answers();
    assert_eq!(bench.told(), ["0 installed /24"]);
    // It is gone again before its removal is answered.
    bench.ask_to_remove(0);
    bench.news(true);
    bench.answers();
    assert_eq!(bench.told(), ["0 removed /24 2"]);
    assert_eq!(bench.holdings.records.len(), 0, "nothing is waited for");
}

#[test]
fn an_answer_that_is_lost_once_is_asked_for_again_and_one_that_is_lost_twice_is_a_failure() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        let request = bench.request(0);
        bench.ask_for(0, request);
        bench.lose_answers();
        // News come before the answer to the second request.
        bench.news(true);
        assert_eq!(bench.told(), [] as [&str; 0], "{virtual_ip}");
        bench.answers();
        let told = bench.told();
        assert!(
            told.len() == 1 && told[0].starts_with("0 installed") && !told[0].contains("foreign"),
            "{virtual_ip}: {told:?}"
        );
        bench.remove(0);
        bench.news(true);
        assert_eq!((bench.told().len(), bench.links()), (1, vec![]), "{virtual_ip}: what may be ours is removed");

        let request = bench.request(0);
        bench.ask_for(0, request);
        bench.lose_answers();
        bench.lose_answers();
        let told = bench.told();
        assert!(told.len() == 1 && told[0].starts_with("0 failed: cannot install it"), "{virtual_ip}: {told:?}");
        assert!(!bench.holdings.wants(bench.ids[0], request) && bench.holdings.is_settled(), "{virtual_ip}");
        // It is there all the same.
        assert_eq!(bench.links(), [ETH0], "{virtual_ip}");
        bench.remove(0);
        bench.news(true);
        assert_eq!((bench.links(), bench.holdings.records.len()), (vec![], 0), "{virtual_ip}");
    }
}

#[test]
fn an_address_that_expires_while_it_is_removed_hides_no_later_loss() {
    for virtual_ip in [V4, V6] {
        // When the news of that come: before the removal is asked for, before its answer, after it, after the next takeover.
        for news_at in 0..4 {
            let mut bench = Bench::new(virtual_ip, &[100]);
            bench.install(0);
            bench.news(true);
            let (_, there) = bench.machine.addresses[0].clone();
            assert!(bench.machine.delete(ETH0, there.address, there.prefix_len), "it expires");
            let news = |bench: &mut Bench, now| {
                if news_at == now {
                    bench.news(false);
                }
            };
            news(&mut bench, 0);
            bench.ask_to_remove(0);
            news(&mut bench, 1);
            bench.answers();
            news(&mut bench, 2);
            bench.install(0);
            bench.news(false);
            let told = bench.told();
            let lost = told.iter().filter(|line| *line == "0 lost").count();
            assert_eq!(lost, usize::from(news_at == 0), "{virtual_ip} {news_at}: {told:?}");
            assert_eq!(
                bench.holdings.serves_on(bench.ids[0], bench.virtual_ip().address),
                Some(ETH0),
                "{virtual_ip} {news_at}"
            );
            bench.by_hand(ETH0);
            let told = bench.told();
            assert_eq!(told.first().map(String::as_str), Some("0 lost"), "{virtual_ip} {news_at}: {told:?}");
        }
    }
}

#[test]
fn an_owner_serves_with_what_is_there_and_neither_removes_nor_renews_it() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[255]);
        bench.add(ETH0, virtual_ip, Use::Usable);
        for _ in 0..2 {
            bench.install(0);
            let told = bench.told();
            assert!(told.len() == 1 && told[0].ends_with(" foreign"), "{virtual_ip}: {told:?}");
            assert_eq!(bench.holdings.renewals(std::iter::once((bench.ids[0], 0..1))).count(), 0, "{virtual_ip}");
            bench.ask_to_remove(0);
            assert!(bench.machine.done.is_empty() && bench.machine.renewed == 0, "{virtual_ip}: nothing is asked");
            assert_eq!(bench.links(), [ETH0], "{virtual_ip}");
        }
    }
    // What a router that is not the owner has taken over lasts as long as the router says.
    let mut bench = Bench::new(V4, &[100]);
    bench.add(ETH0, V4, Use::Usable);
    bench.install(0);
    assert_eq!(bench.holdings.renewals(std::iter::once((bench.ids[0], 0..1))).count(), 1);
}

#[test]
fn of_what_is_on_another_link_the_sweep_takes_what_a_dead_run_left() {
    let mut bench = Bench::new(V6, &[100]);
    bench.machine.add(ETH1, host_address(V6, Use::Usable, true));
    bench.add(ETH0, "fe80::100/128", Use::Usable);
    let it = (bench.ids[0], bench.virtual_ip().address);
    let marked = |bench: &Bench, link| bench.holdings.strays(&bench.shown, it, (link, true));
    assert_eq!(marked(&bench, ETH0), [], "others may have it there");
    let left = marked(&bench, ETH1);
    assert_eq!(left, [Stray { prefix_len: 64, marked: true }]);
    let asks = bench.holdings.remove_strays(it, ETH1, &left, bench.now, false);
    assert!(matches!(asks[..], [Ask::Remove { ifindex: ETH1, prefix_len: 64, .. }]), "{asks:?}");
    bench.machine.carry_out(asks);
    bench.answers();
    assert_eq!(marked(&bench, ETH1), [], "it is going");
    bench.news(true);
    assert_eq!((bench.told().len(), bench.links()), (0, vec![ETH0]), "nobody had it, so nobody is told");
    // What its owner has is no stray, whoever marked it.
    let mut bench = Bench::new(V4, &[255]);
    bench.machine.add(ETH0, host_address(V4, Use::Usable, true));
    bench.news(true);
    assert_eq!((bench.strays(0, ETH0, false), bench.links()), (0, vec![ETH0]));
}

#[test]
fn what_is_there_with_another_prefix_goes_first_and_once() {
    let mut bench = Bench::new(V4, &[100]);
    bench.add(ETH0, "192.0.2.100/25", Use::Usable);
    bench.install(0);
    assert_eq!((bench.prefixes(), bench.machine.removals), (vec![24], 1));
    // The news are yet to come: /25 is shown all the while.
    bench.remove(0);
    assert_eq!((bench.prefixes(), bench.machine.removals), (vec![], 2));
    bench.remove(0);
    bench.install(0);
    assert_eq!((bench.prefixes(), bench.machine.removals), (vec![24], 2));
    bench.news(true);
    assert_eq!(bench.told(), ["0 installed /24", "0 removed /24 2", "0 installed /24"]);
    // Known before or not, the next one goes too.
    bench.remove(0);
    bench.news(true);
    bench.add(ETH0, V4, Use::Usable);
    assert_eq!(bench.strays(0, ETH0, false), 1);
    bench.news(true);
    bench.add(ETH0, "192.0.2.100/25", Use::Usable);
    bench.install(0);
    assert_eq!(bench.prefixes(), [24]);
}

#[test]
fn an_owner_serves_with_its_real_address_whatever_the_prefix_and_what_an_earlier_run_left_goes() {
    for (virtual_ip, other) in [(V4, "192.0.2.100/25"), (V6, "fe80::100/128")] {
        let mut bench = Bench::new(virtual_ip, &[255]);
        bench.add(ETH0, other, Use::Usable);
        bench.install(0);
        let told = bench.told();
        assert!(told.len() == 1 && told[0].ends_with(" foreign") && bench.links().len() == 1, "{virtual_ip}: {told:?}");
        let mut bench = Bench::new(virtual_ip, &[255]);
        bench.machine.add(ETH0, host_address(other, Use::Usable, true));
        bench.news(true);
        bench.install(0);
        bench.news(true);
        let told = bench.told();
        assert!(told.len() == 1 && !told[0].ends_with(" foreign"), "{virtual_ip}: {told:?}");
        assert_eq!(bench.prefixes(), [bench.virtual_ip().prefix_len], "{virtual_ip}");
    }
}

#[test]
fn an_address_that_the_kernel_refuses_is_told_at_once_and_is_not_ours() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        bench.machine.refuses = Some(libc::EPERM);
        let request = bench.request(0);
        bench.ask_for(0, request);
        bench.next_answer();
        let told = bench.told();
        assert!(told.len() == 1 && told[0].starts_with("0 failed: cannot install it"), "{virtual_ip}: {told:?}");
        assert_eq!((bench.machine.done.len(), bench.holdings.records.len()), (0, 0), "{virtual_ip}");
    }
}

#[test]
fn a_removal_that_fails_is_told_whoever_asked_for_it_and_is_tried_again() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        bench.install(0);
        bench.news(true);
        bench.told();
        bench.machine.refuses = Some(libc::EPERM);
        bench.remove(0);
        let told = bench.told();
        assert!(told.len() == 1 && told[0].starts_with("0 stuck"), "{virtual_ip}: {told:?}");
        // No news are waited for that will never come.
        bench.machine.refuses = None;
        bench.install(0);
        bench.by_hand(ETH0);
        assert!(bench.told().contains(&"0 lost".to_owned()), "{virtual_ip}");
        bench.remove(0);
        bench.news(true);
        assert_eq!((bench.links(), bench.holdings.records.len()), (vec![], 0), "{virtual_ip}");
        bench.told();
        bench.add(ETH0, virtual_ip, Use::Usable);
        bench.machine.refuses = Some(libc::EPERM);
        bench.strays(0, ETH0, false);
        assert!(bench.told()[0].starts_with("0 stuck"), "{virtual_ip}");
        // It is on record as ours, on whatever link.
        bench.machine.refuses = None;
        bench.remove(0);
        assert_eq!(bench.links(), [] as [u32; 0], "{virtual_ip}");
    }
}

#[test]
fn on_a_link_that_is_not_the_routers_own_any_more_only_ours_goes() {
    let mut bench = Bench::new(V4, &[100, 90]);
    bench.install(0);
    bench.news(true);
    bench.add(ETH0, "192.0.2.100/25", Use::Usable);
    bench.add(ETH1, "192.0.2.100/26", Use::Usable);
    bench.shown.names = vec![("eth1", ETH0), ("eth0", ETH1)];
    bench.told();
    // Another router wants it on the link that has the name now: that keeps nothing on this one.
    bench.install(1);
    bench.news(true);
    bench.remove(0);
    bench.news(true);
    assert_eq!(bench.told(), ["1 installed /24", "0 removed /24 2"]);
    assert_eq!((bench.links(), bench.prefixes()), (vec![ETH0, ETH1], vec![25, 24]));
    bench.remove(1);
    bench.news(true);
    assert_eq!((bench.links(), bench.prefixes()), (vec![ETH0], vec![25]));
}

#[test]
fn what_one_router_owns_another_one_leaves_where_it_is() {
    let mut bench = Bench::new(V4, &[100, 255]);
    bench.add(ETH0, "192.0.2.100/25", Use::Usable);
    bench.remove(0);
    assert_eq!((bench.links(), bench.strays(0, ETH0, false), bench.machine.removals), (vec![ETH0], 0, 0));
}

#[test]
fn what_is_needed_is_considered_again_on_its_link_and_what_comes_back_is_not() {
    let mut bench = Bench::new(V4, &[100]);
    let left = |bench: &Bench| {
        bench.holdings.left(bench.ids[0]).map(|(virtual_ip, link, left)| (virtual_ip.prefix_len, link, left))
    };
    bench.add(ETH0, V4, Use::Usable);
    bench.add(ETH1, V4, Use::Usable);
    bench.strays(0, ETH0, true);
    bench.holdings.reconsider_needed(ETH1);
    assert_eq!(left(&bench), Some((24, ETH0, Left::Needed)));
    bench.by_hand(ETH1);
    assert_eq!(left(&bench), Some((24, ETH0, Left::Needed)), "it went from another link");
    bench.holdings.reconsider_needed(ETH0);
    assert_eq!(left(&bench), None);
    for _ in 0..4 {
        bench.add(ETH0, V4, Use::Usable);
        bench.strays(0, ETH0, false);
        bench.news(true);
    }
    bench.holdings.reconsider_needed(ETH0);
    assert_eq!(left(&bench), Some((24, ETH0, Left::Contested)));
}

#[test]
fn what_is_lost_is_told_once_and_not_renewed() {
    for virtual_ip in [V4, V6] {
        let mut bench = Bench::new(virtual_ip, &[100]);
        bench.install(0);
        bench.news(true);
        bench.told();
        for _ in 0..2 {
            let VirtualIp { address, prefix_len, .. } = bench.virtual_ip();
            assert!(bench.machine.delete(ETH0, address, prefix_len));
            bench.news(false);
            let renewed = bench.holdings.renewals(std::iter::once((bench.ids[0], 0..1))).count();
            assert_eq!((renewed, bench.holdings.awaited().len()), (0, 0), "{virtual_ip}");
            bench.add(ETH0, virtual_ip, Use::Usable);
        }
        assert_eq!(bench.told(), ["0 lost"], "{virtual_ip}");
    }
}

#[test]
fn a_gap_in_the_news_hides_no_later_loss_and_on_a_link_that_is_down_nothing_is_missing() {
    let mut bench = Bench::new(V4, &[100]);
    for _ in 0..2 {
        bench.install(0);
        bench.remove(0);
    }
    bench.install(0);
    // All of this went unseen.
    bench.machine.news.clear();
    bench.shown.down = true;
    assert!(bench.holdings.missing(&bench.shown).is_empty());
    bench.shown.down = false;
    bench.shown.addresses.clone_from(&bench.machine.addresses);
    assert!(bench.holdings.missing(&bench.shown).is_empty());
    bench.told();
    bench.by_hand(ETH0);
    assert_eq!(bench.told(), ["0 lost", "0 installed /24"]);
}

#[test]
fn news_of_what_was_there_before_are_none_of_what_was_asked_for() {
    let mut bench = Bench::new(V6, &[100]);
    bench.install(0);
    bench.remove(0);
    bench.install(0);
    assert_eq!(bench.told(), ["0 removed /64 2"]);
    // It came, it went: what serves is what comes now.
    for told in [&[][..], &[], &["0 installed /64"]] {
        assert!(bench.next_news(true));
        assert_eq!(bench.told(), told);
    }
    // What an owner or another host set, and removed just before.
    for (priority, before) in [(100, "fe80::100/128"), (100, V6), (255, V6)] {
        let mut bench = Bench::new(V6, &[priority]);
        bench.install(0);
        bench.shown.addresses.push((ETH0, host_address(before, Use::Duplicate, false)));
        bench.appeared(ETH0, bench.virtual_ip().address);
        assert_eq!(bench.told(), [] as [&str; 0], "{priority} {before}");
        bench.shown.addresses.clear();
        // On another link it is another one.
        bench.add_unasked(ETH1);
        assert_eq!(bench.told(), [] as [&str; 0], "{priority} {before}");
        bench.news(true);
        assert_eq!(bench.told(), ["0 installed /64"], "{priority} {before}");
    }
}

#[test]
fn what_is_of_no_use_a_second_time_is_a_failure() {
    // Not shown yet when it is asked for.
    let ask = |priority| {
        let mut bench = Bench::new(V6, &[priority]);
        bench.machine.addresses.push((ETH0, host_address(V6, Use::Duplicate, false)));
        let request = bench.request(0);
        bench.ask_for(0, request);
        bench.shown.addresses.clone_from(&bench.machine.addresses);
        bench
    };
    let mut bench = ask(100);
    let first = bench.machine.done.pop_front().unwrap();
    let step = bench.holdings.answer(&bench.shown, first);
    bench.go(step);
    assert_eq!(bench.machine.done.len(), 2, "it is made anew");
    // Somebody has set it again, and it is a duplicate again.
    bench.machine.done[1].result = Ok(RequestOutcome::AlreadyThere);
    bench.answers();
    let told = bench.told();
    assert!(told.len() == 1 && told[0].starts_with("0 failed") && told[0].contains("duplicate"), "{told:?}");
    // An owner's own is not made anew.
    let mut bench = ask(255);
    bench.answers();
    let told = bench.told();
    assert!(told.len() == 1 && told[0].starts_with("0 failed") && bench.machine.removals == 0, "{told:?}");
}

/// Routers, a kernel and somebody else, in any order.
#[test]
fn whatever_happens_in_whatever_order_the_ledger_knows_what_is_there() {
    for seed in 0..200 {
        let (virtual_ip, others) = [(V4, ["192.0.2.100/25", V4]), (V6, ["fe80::100/128", V6])][seed % 2];
        let priorities = [&[100][..], &[100, 90], &[100, 90, 80], &[255]][seed / 2 % 4];
        let mut bench = Bench::new(virtual_ip, priorities);
        bench.machine.busy = true;
        let mut state = seed as u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..60 {
            let router = random(priorities.len());
            match random(10) {
                0 | 1 => {
                    let request = bench.request(router);
                    bench.ask_for(router, request);
                }
                2 => bench.ask_to_remove(router),
                3 | 4 => bench.flush(),
                5 | 6 => {
                    bench.next_news(true);
                }
                7 => {
                    bench.machine.add(ETH0, host_address(others[random(2)], Use::Usable, false));
                }
                8 if random(2) == 0 => {
                    let there = bench.machine.addresses.iter().find(|(link, _)| *link == ETH0).cloned();
                    there.map(|(link, it)| bench.machine.delete(link, it.address, it.prefix_len));
                }
                9 if random(4) == 0 => {
                    bench.machine.flush();
                    bench.lose_answers();
                }
                _ => {}
            }
        }
        bench.calm();
        for (router, known) in bench.known.clone().into_iter().enumerate() {
            let served = bench.holdings.serves_on(bench.ids[router], bench.virtual_ip().address).is_some();
            assert_eq!(served, known.is_some(), "{seed}: {router} serves with what it wants");
            assert!(!served || !bench.links().is_empty(), "{seed}: it is there");
        }
        (0..priorities.len()).for_each(|router| bench.remove(router));
        bench.calm();
        assert!(bench.holdings.records.values().all(|record| record.removals_unseen == 0), "{seed}: no news are due");
        let owned = priorities == [255];
        assert!(owned || bench.links().is_empty(), "{seed}: nothing is left");
    }
}

/// Two Masters whose addresses change at any moment, with the core that asks for them.
struct Pair {
    holdings: Holdings,
    machine: Machine,
    shown: Shown,
    set: RouterSet,
    ids: [RouterId; 2],
    now: Instant,
}

/// Every address that a router of a pair may have, with what may change of each.
fn some_addresses(random: &mut impl FnMut(usize) -> usize) -> Vec<VirtualIp> {
    let mut virtual_ips = Vec::new();
    let (first, count) = (random(5), 1 + random(4));
    for n in (0..count).map(|n| (first + n) % 5) {
        let device = [None, Some("eth1".to_owned())][random(4) / 3].clone();
        let label = [None, Some("eth0:1".to_owned())][random(4) / 3].clone().filter(|_| device.is_none());
        let address = IpAddr::from([192, 0, 2, 100 + n as u8]);
        virtual_ips.push(VirtualIp { prefix_len: [24, 32][random(4) / 3], device, label, ..VirtualIp::from(address) });
    }
    virtual_ips
}

fn pair_router(vrid: u8, virtual_ips: &[VirtualIp]) -> Router {
    let addresses: Vec<IpAddr> = virtual_ips.iter().map(|virtual_ip| virtual_ip.address).collect();
    let config = Config::new(Profile::Rfc3768, Vrid::new(vrid).unwrap(), &addresses).unwrap();
    virtual_ips
        .iter()
        .fold(Router::new("eth0", config), |router, virtual_ip| router.with_address(virtual_ip.clone()).unwrap())
}

impl Pair {
    fn new(first: &Router, second: &Router) -> Self {
        let mut set = RouterSet::new();
        let mut holdings = Holdings::default();
        let now = Instant::from_nanos(1_000_000_000_000);
        let ids = [first, second].map(|router| {
            let id = set.insert(InterfaceId(0), router.config.clone()).unwrap();
            holdings.add(id, router);
            set.handle(now, id, Input::PrimaryAddress(Some([192, 0, 2, 1].into())));
            set.handle(now, id, Input::Startup);
            id
        });
        let machine = Machine { busy: true, ..Machine::default() };
        let shown = Shown { addresses: Vec::new(), names: vec![("eth0", ETH0), ("eth1", ETH1)], down: false };
        let mut pair = Self { holdings, machine, shown, set, ids, now };
        while ids.iter().any(|id| pair.set.get(*id).unwrap().role() != vrrp_core::Role::Master) {
            let (at, _) = pair.set.deadline().unwrap();
            pair.now = pair.now.max(at);
            pair.set.handle_timeout(pair.now);
        }
        pair.follow_orders();
        pair
    }

    fn follow_orders(&mut self) {
        while let Some((id, action)) = self.set.poll_action() {
            match action {
                Action::InstallAddress(request) => self.install(id, request),
                Action::RemoveAddress(request) => {
                    self.machine.carry_out(self.holdings.remove(&self.shown, id, request.address));
                }
                _ => {}
            }
        }
    }

    fn install(&mut self, id: RouterId, request: AddressRequest) {
        let device = &self.holdings.get(id, request.address).unwrap().device;
        let link = self.shown.index(device).unwrap();
        let Consequences { asks, answer } = self.holdings.install(&self.shown, id, request, link);
        assert!(answer.is_none());
        self.machine.carry_out(asks);
    }

    /// Reconfigures a router as a driver does.
    fn reconfigure(&mut self, which: usize, router: &Router) {
        let id = self.ids[which];
        self.set.reconfigure(self.now, id, router.config.clone()).unwrap();
        let changed = self.holdings.changed(id, router);
        for request in &changed {
            self.machine.carry_out(self.holdings.remove(&self.shown, id, request.address));
        }
        self.machine.carry_out(self.holdings.readdress(id, router));
        changed.into_iter().for_each(|request| self.install(id, request));
        self.follow_orders();
    }

    fn answers(&mut self) {
        self.machine.flush();
        while let Some(done) = self.machine.done.pop_front() {
            let Consequences { asks, answer } = self.holdings.answer(&self.shown, done);
            self.machine.carry_out(asks);
            match answer {
                Some((id, _, Answer::Installed { request, .. })) => {
                    self.set.handle(self.now, id, Input::AddressInstalled(request));
                }
                Some((id, address, Answer::Outdated { request })) => {
                    self.machine.carry_out(self.holdings.remove(&self.shown, id, address));
                    self.install(id, request);
                }
                _ => {}
            }
            self.follow_orders();
        }
    }

    fn next_news(&mut self) {
        let Some((link, address, added)) = self.machine.news.pop_front() else { return };
        match added {
            true => self.shown.addresses.push((link, address)),
            false => {
                self.shown.addresses.retain(|(of, there)| !(*of == link && *there == address));
                let lost = self.holdings.vanished(&self.shown, link, address.address);
                assert!(lost.is_empty(), "nobody else removes anything: {lost:?}");
            }
        }
    }

    fn calm(&mut self) {
        while !(self.machine.queued.is_empty() && self.machine.news.is_empty() && self.machine.done.is_empty()) {
            self.answers();
            self.next_news();
        }
    }

    fn there(&self) -> BTreeSet<(u32, String)> {
        self.machine.addresses.iter().map(|(link, it)| (*link, format!("{}/{}", it.address, it.prefix_len))).collect()
    }
}

#[test]
fn whatever_addresses_come_go_and_change_the_host_has_those_that_are_configured() {
    for seed in 0..300_u64 {
        let mut state = seed;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        // The second one has some of the first one's, and does not change: its addresses are where they were.
        let still = vec![VirtualIp { prefix_len: 24, ..VirtualIp::from(IpAddr::from([192, 0, 2, 200])) }];
        let mut virtual_ips = some_addresses(&mut random);
        let mut pair = Pair::new(&pair_router(1, &virtual_ips), &pair_router(2, &still));
        for _ in 0..20 {
            match random(4) {
                0 => {
                    virtual_ips = some_addresses(&mut random);
                    pair.reconfigure(0, &pair_router(1, &virtual_ips));
                }
                1 => pair.answers(),
                2 => pair.next_news(),
                _ if pair.holdings.is_settled_for(pair.ids[0]) => pair.holdings.close(pair.ids[0]),
                _ => {}
            }
        }
        pair.calm();
        assert!(pair.holdings.is_settled_for(pair.ids[0]), "{seed}");
        pair.holdings.close(pair.ids[0]);
        let link = |virtual_ip: &VirtualIp| if virtual_ip.device.is_some() { ETH1 } else { ETH0 };
        let wanted = virtual_ips.iter().chain(&still).map(|virtual_ip| (link(virtual_ip), virtual_ip.to_string()));
        assert_eq!(pair.there(), wanted.collect::<BTreeSet<_>>(), "{seed}");
        let router = pair.set.get(pair.ids[0]).unwrap();
        assert_eq!(router.installed(), virtual_ips.len(), "{seed}");
        let serves =
            |virtual_ip: &VirtualIp| pair.holdings.serves_on(pair.ids[0], virtual_ip.address) == Some(link(virtual_ip));
        assert!(virtual_ips.iter().all(serves), "{seed}");
        // A router that goes leaves nothing behind, on the host and in the books.
        pair.set.handle(pair.now, pair.ids[0], Input::Shutdown);
        pair.follow_orders();
        pair.calm();
        pair.holdings.remove_router(pair.ids[0]);
        assert_eq!(pair.there(), still.iter().map(|virtual_ip| (ETH0, virtual_ip.to_string())).collect(), "{seed}");
        assert_eq!((pair.holdings.holders.len(), pair.holdings.records.len()), (1, 1), "{seed}");
    }
}

#[test]
fn what_stays_is_asked_for_nothing_and_what_changes_is_asked_for_once() {
    let virtual_ips: Vec<VirtualIp> = (1..=3).map(|n| VirtualIp::from(IpAddr::from([192, 0, 2, n]))).collect();
    let router = |virtual_ips: &[VirtualIp]| pair_router(1, virtual_ips);
    let mut pair = Pair::new(&router(&virtual_ips), &pair_router(2, &virtual_ips[..1]));
    pair.calm();
    // In another order, and one of them gone.
    pair.reconfigure(0, &router(&[virtual_ips[2].clone(), virtual_ips[1].clone()]));
    let asked = |ask: &Ask| match ask {
        Ask::Remove { address, prefix_len, .. } => format!("-{address}/{prefix_len}"),
        Ask::Install { virtual_ip, .. } => format!("+{virtual_ip}"),
        Ask::Renew { virtual_ip, .. } => format!("={virtual_ip}"),
    };
    assert_eq!(pair.machine.queued.iter().map(asked).collect::<Vec<_>>(), ["=192.0.2.1/32"], "the other router has it");
    pair.calm();
    let other = VirtualIp { prefix_len: 24, ..virtual_ips[1].clone() };
    pair.reconfigure(0, &router(&[other.clone(), virtual_ips[2].clone()]));
    assert_eq!(pair.machine.queued.iter().map(asked).collect::<Vec<_>>(), ["-192.0.2.2/32", "+192.0.2.2/24"]);
    pair.calm();
    // Its lease ends: what is there has no end any more.
    let config = pair_router(1, &[other, virtual_ips[2].clone()]).config.with_lease(false);
    let lasting = [24, 32]
        .iter()
        .zip([2, 3])
        .map(|(prefix_len, n)| VirtualIp { prefix_len: *prefix_len, ..VirtualIp::from(IpAddr::from([192, 0, 2, n])) });
    let lasting =
        lasting.fold(Router::new("eth0", config), |router, virtual_ip| router.with_address(virtual_ip).unwrap());
    pair.machine.busy = true;
    pair.reconfigure(0, &lasting);
    assert_eq!(pair.machine.queued.iter().map(asked).collect::<Vec<_>>(), ["=192.0.2.2/24", "=192.0.2.3/32"]);
}

#[test]
fn an_owner_that_is_none_any_more_keeps_its_hands_off_until_it_is_closed() {
    let mut bench = Bench::new(V4, &[255]);
    let id = bench.ids[0];
    bench.add(ETH0, V4, Use::Usable);
    bench.install(0);
    let config = bench.set.get(id).unwrap().config().clone().with_priority(Priority::new(100).unwrap());
    let router = Router::new("eth0", config).with_address(bench.virtual_ip()).unwrap();
    assert_eq!(bench.holdings.readdress(id, &router), [], "the real address has no lease");
    bench.ask_to_remove(0);
    assert!(bench.machine.queued.is_empty() && bench.machine.removals == 0 && bench.links() == [ETH0]);
    bench.holdings.close(id);
    assert!(!bench.holdings.is_owned(bench.virtual_ip().address));
    assert_eq!(bench.strays(0, ETH0, false), 1);
}
