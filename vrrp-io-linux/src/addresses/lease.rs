//! The renewal of a Master's addresses: after its advertisements, a few at a time, and never by one that is silent.
//!
//! The kernel has each address with the lifetime that [`Config::lease`](vrrp_core::Config::lease) gives. A renewal costs it
//! some 5 us, and wakes everybody on the host who follows its addresses: so there is none while the last one is young. With
//! thousands of addresses on one interface it costs more, and they last longer ([`least_lifetime`]).

use std::collections::VecDeque;
use std::time::Duration;

use vrrp_core::{AddressRequest, Instant, RouterId};

use crate::by_router::ByRouter;
use crate::router::Router;

/// The number of addresses of one interface that can be renewed in time, whatever their lease.
const MANY: usize = 1000;
/// With more of them a renewal takes the kernel up to 0.25 ms: these fit into a second of a lifetime, and leave it most of its
/// time.
const PER_SECOND: usize = 100;

/// Returns how long addresses have to last at least where there are so many on one interface.
pub(crate) fn least_lifetime(addresses: usize) -> Duration {
    let seconds = if addresses > MANY { addresses / PER_SECOND } else { 0 };
    Duration::from_secs(seconds as u64)
}

/// One lease for each router.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: ByRouter<Lease>,
    /// Routers with addresses to renew, each at most once: those that say so.
    due: VecDeque<RouterId>,
}

#[derive(Debug)]
struct Lease {
    /// `None`: addresses stay until they are removed.
    lifetime: Option<Duration>,
    /// The number of addresses.
    count: usize,
    /// The last advertisement that went out.
    advertised: Instant,
    /// The moment at which the last round of renewals began.
    renewed: Instant,
    /// Addresses from here on are still to be renewed in this round.
    next: usize,
    is_due: bool,
    /// The addresses were installed for another time: the next advertisement renews them.
    outdated: bool,
    /// The last advertisement could not be sent.
    silent: bool,
    /// The addresses that expired while nothing could be sent.
    withheld: Vec<AddressRequest>,
}

impl Leases {
    pub(crate) fn add(&mut self, id: RouterId, router: &Router) {
        let count = router.config.addresses().len();
        let lease = Lease {
            lifetime: router.lifetime(),
            count,
            advertised: Instant::ZERO,
            renewed: Instant::ZERO,
            next: count,
            is_due: false,
            outdated: false,
            silent: false,
            withheld: Vec::new(),
        };
        self.leases.insert(id, lease);
    }

    /// Returns when a router last advertised, and when its addresses were last renewed.
    pub(crate) fn moments(&self, id: RouterId) -> Option<(Instant, Instant)> {
        self.leases.get(id).map(|lease| (lease.advertised, lease.renewed))
    }

    /// Goes on with the lease that a router had in another process. Its addresses are renewed after the next advertisement, and
    /// at once where the last one is young: who knows whether that process came to it.
    pub(crate) fn resume(&mut self, id: RouterId, advertised: Instant, renewed: Instant) {
        if let Some(lease) = self.leases.get_mut(id) {
            (lease.advertised, lease.renewed, lease.outdated) = (advertised, renewed, true);
            (lease.next, lease.is_due) = (0, true);
            self.due.push_back(id);
        }
    }

    pub(crate) fn remove(&mut self, id: RouterId) {
        self.leases.remove(id);
        self.due.retain(|due| *due != id);
    }

    /// A router has other addresses, or these last for another time. A round of renewals that was begun begins anew: they may
    /// have changed places.
    pub(crate) fn reconfigure(&mut self, id: RouterId, router: &Router) {
        let Some(lease) = self.leases.get_mut(id) else { return };
        let addresses = router.config.addresses();
        let idle = lease.next >= lease.count;
        lease.count = addresses.len();
        lease.next = if idle { lease.count } else { 0 };
        lease.outdated |= lease.lifetime != router.lifetime();
        lease.lifetime = router.lifetime();
        lease.withheld.retain(|request| addresses.contains(&request.address));
    }

    /// An advertisement of a Master has gone out. One that takes over, with nothing `installed` yet, has its addresses
    /// installed with their full lifetime; those of others are due when a quarter of it is over. Returns what is to be
    /// put back now.
    pub(crate) fn advertised(&mut self, id: RouterId, now: Instant, installed: bool) -> Vec<AddressRequest> {
        let Some(lease) = self.leases.get_mut(id) else { return Vec::new() };
        (lease.silent, lease.advertised) = (false, now);
        let Some(lifetime) = lease.lifetime else { return Vec::new() };
        let idle = lease.next >= lease.count;
        if !installed {
            (lease.renewed, lease.next) = (now, lease.count);
        } else if lease.outdated || (idle && now.since(lease.renewed) >= lifetime / 4) {
            (lease.renewed, lease.next) = (now, 0);
        }
        lease.outdated = false;
        if lease.next < lease.count && !std::mem::replace(&mut lease.is_due, true) {
            self.due.push_back(id);
        }
        std::mem::take(&mut lease.withheld)
    }

    /// An advertisement of a Master could not be sent.
    pub(crate) fn silenced(&mut self, id: RouterId) {
        if let Some(lease) = self.leases.get_mut(id) {
            lease.silent = true;
        }
    }

    /// Tells whether the last advertisement could not be sent.
    pub(crate) fn is_silent(&self, id: RouterId) -> bool {
        self.leases.get(id).is_some_and(|lease| lease.silent)
    }

    /// Tells whether nobody else can think that the Master is gone: its last advertisement went out, or one shortly before.
    pub(crate) fn is_heard(&self, id: RouterId, now: Instant) -> bool {
        self.leases.get(id).is_none_or(|lease| !lease.silent || lease.is_young(now))
    }

    /// The next addresses to renew: whose, and which of them. `at_most` so many; `None` when that is 0.
    pub(crate) fn next(&mut self, now: Instant, at_most: usize) -> Option<(RouterId, std::ops::Range<usize>)> {
        while let Some(id) = self.due.front().copied().filter(|_| at_most > 0) {
            match self.leases.get_mut(id) {
                // What is renewed late expires late: the rest of a round that was held up waits for an advertisement.
                Some(lease) if lease.next < lease.count && lease.is_young(now) => {
                    let first = lease.next;
                    lease.next = lease.count.min(first + at_most);
                    return Some((id, first..lease.next));
                }
                lease => {
                    lease.into_iter().for_each(|lease| lease.is_due = false);
                    self.due.pop_front();
                }
            }
        }
        None
    }

    /// Tells whether there is something to renew.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Tells whether missing addresses may be put back: an advertisement went out so recently that nobody else has them.
    pub(crate) fn holds(&self, id: RouterId, now: Instant) -> bool {
        let lease = self.leases.get(id);
        lease.is_none_or(|lease| lease.lifetime.is_none_or(|lifetime| now.since(lease.advertised) <= lifetime))
    }

    /// Remembers an address that may not be put back before an advertisement has gone out.
    pub(crate) fn withhold(&mut self, id: RouterId, request: AddressRequest) {
        if let Some(lease) = self.leases.get_mut(id) {
            lease.withheld.retain(|other| other.address != request.address);
            lease.withheld.push(request);
        }
    }

    /// Tells whether an address that is gone may have expired, rather than been removed.
    pub(crate) fn may_have_expired(&self, id: RouterId, now: Instant) -> bool {
        let lease = self.leases.get(id);
        lease.is_some_and(|lease| lease.lifetime.is_some_and(|lifetime| now.since(lease.renewed) + EARLY >= lifetime))
    }
}

/// The kernel may be that early.
const EARLY: Duration = Duration::from_millis(50);

impl Lease {
    fn is_young(&self, now: Instant) -> bool {
        self.lifetime.is_some_and(|lifetime| now.since(self.advertised) <= lifetime / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use vrrp_core::{Action, Config, Input, InterfaceId, Profile, RouterSet, Vrid};

    const CHUNK: usize = 8;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(1_000_000_000_000 + millis * 1_000_000)
    }

    /// Routers with 20 addresses each and an interval of 1 s, so a lifetime of 2 s.
    fn leases(lease: bool) -> (Leases, [RouterId; 2]) {
        let addresses: Vec<IpAddr> = (1..=20).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &addresses).unwrap().with_lease(lease);
        let mut set = RouterSet::new();
        let ids = [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap());
        let router = Router::new("eth0", config);
        let mut leases = Leases::default();
        ids.iter().for_each(|id| leases.add(*id, &router));
        (leases, ids)
    }

    fn round(leases: &mut Leases, now: Instant) -> Vec<(RouterId, std::ops::Range<usize>)> {
        std::iter::from_fn(|| leases.next(now, CHUNK)).collect()
    }

    #[test]
    fn every_address_is_renewed_once_after_an_advertisement() {
        let (mut leases, [id, other]) = leases(true);
        leases.advertised(id, at(0), true);
        leases.advertised(other, at(0), true);
        let chunks = [0..8, 8..16, 16..20];
        let expected: Vec<_> = [id, other].into_iter().flat_map(|id| chunks.clone().map(|chunk| (id, chunk))).collect();
        assert_eq!(round(&mut leases, at(1)), expected);
        assert!(!leases.is_due());
    }

    #[test]
    fn a_lease_that_goes_on_is_renewed_at_once_where_it_may_be_and_with_the_next_advertisement() {
        for (advertised, at_once) in [(at(0), true), (at(0).before(Duration::from_secs(1)), false)] {
            let (mut leases, [id, _]) = leases(true);
            leases.resume(id, advertised, advertised);
            let all = || [0..8, 8..16, 16..20].map(|chunk| (id, chunk)).to_vec();
            assert_eq!(round(&mut leases, at(10)), if at_once { all() } else { Vec::new() });
            leases.advertised(id, at(100), true);
            assert_eq!(round(&mut leases, at(101)), all(), "whatever the process before came to");
        }
    }

    #[test]
    fn nothing_is_renewed_before_a_quarter_of_the_lifetime_is_over() {
        let (mut leases, [id, _]) = leases(true);
        leases.advertised(id, at(0), true);
        assert_eq!(round(&mut leases, at(0)).len(), 3);
        for (millis, due) in [(100, false), (499, false), (500, true), (900, false), (1_000, true)] {
            leases.advertised(id, at(millis), true);
            assert_eq!(leases.is_due(), due, "{millis} ms");
            round(&mut leases, at(millis));
        }
    }

    #[test]
    fn what_a_takeover_installs_is_fresh() {
        let (mut leases, [id, _]) = leases(true);
        leases.advertised(id, at(0), false);
        leases.advertised(id, at(10), true);
        assert!(!leases.is_due());
        leases.advertised(id, at(1_000), true);
        assert!(leases.is_due());
    }

    #[test]
    fn a_round_that_was_held_up_goes_on_after_the_next_advertisement() {
        let (mut leases, [id, _]) = leases(true);
        leases.advertised(id, at(0), true);
        assert_eq!(leases.next(at(1), 0), None);
        assert_eq!(leases.next(at(1), CHUNK), Some((id, 0..8)));
        assert_eq!(round(&mut leases, at(501)), [], "too late to be renewed for that advertisement");
        leases.advertised(id, at(1_000), true);
        assert_eq!(round(&mut leases, at(1_000)), [(id, 8..16), (id, 16..20)]);
    }

    #[test]
    fn without_a_lease_nothing_is_due_and_everything_may_be_put_back() {
        let (mut leases, [id, _]) = leases(false);
        leases.advertised(id, at(0), true);
        assert!(!leases.is_due() && leases.holds(id, at(1_000_000)) && !leases.may_have_expired(id, at(1_000_000)));
    }

    #[test]
    fn who_could_not_send_is_not_heard_until_it_could() {
        for lease in [true, false] {
            let (mut leases, [id, other]) = leases(lease);
            assert!(leases.is_heard(id, at(0)));
            leases.advertised(id, at(0), true);
            leases.silenced(id);
            assert!(leases.is_silent(id) && leases.is_heard(id, at(500)) == lease && !leases.is_heard(id, at(501)));
            assert!(!leases.is_silent(other) && leases.is_heard(other, at(501)));
            leases.advertised(id, at(2_000), true);
            assert!(!leases.is_silent(id) && leases.is_heard(id, at(9_000)));
        }
    }

    #[test]
    fn nothing_is_put_back_for_one_that_is_not_heard() {
        let (mut leases, [id, _]) = leases(true);
        leases.advertised(id, at(0), true);
        assert!(leases.holds(id, at(2_000)) && !leases.holds(id, at(2_001)));
        assert!(!leases.may_have_expired(id, at(1_949)) && leases.may_have_expired(id, at(1_950)));
    }

    #[test]
    fn what_is_withheld_is_put_back_once_when_an_advertisement_has_gone_out_and_by_its_last_request() {
        let (mut leases, [id, other]) = leases(true);
        let mut set = RouterSet::new();
        let addresses: [IpAddr; 2] = [1, 2].map(|n| IpAddr::from([192, 0, 2, n]));
        let config = Config::new(Profile::Rfc9568Errata, Vrid::new(1).unwrap(), &addresses).unwrap();
        let router = set.insert(InterfaceId(0), config).unwrap();
        // A core takes over, twice.
        let mut now = at(0);
        let mut takeover = || {
            set.handle(now, router, Input::Shutdown);
            while set.poll_action().is_some() {}
            for input in [Input::PrimaryAddress(Some([192, 0, 2, 9].into())), Input::Startup] {
                set.handle(now, router, input);
            }
            while set.get(router).unwrap().role() != vrrp_core::Role::Master {
                (now, _) = set.deadline().unwrap();
                set.handle(now, router, Input::Timeout);
            }
            let actions = std::iter::from_fn(|| set.poll_action()).map(|(_, action)| action);
            let requests = actions.filter_map(|action| match action {
                Action::InstallAddress(request) => Some(request),
                _ => None,
            });
            requests.collect::<Vec<AddressRequest>>()
        };
        let (first, second) = (takeover(), takeover());
        assert!(first.len() == 2 && second.len() == 2 && first[0] != second[0]);
        for request in [first[0], first[1], second[0]] {
            leases.withhold(id, request);
        }
        assert_eq!(leases.advertised(other, at(10), true), []);
        assert_eq!(leases.advertised(id, at(10), true), [first[1], second[0]]);
        assert_eq!(leases.advertised(id, at(20), true), []);
    }

    #[test]
    fn a_lease_that_changes_is_renewed_with_the_next_advertisement_and_a_round_begins_anew() {
        let (mut leases, [id, other]) = leases(true);
        let addresses: Vec<IpAddr> = (1..=10).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        let router = |lease| {
            let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &addresses).unwrap().with_lease(lease);
            Router::new("eth0", config)
        };
        leases.advertised(id, at(0), true);
        assert_eq!(leases.next(at(1), CHUNK), Some((id, 0..8)));
        leases.reconfigure(id, &router(true));
        assert_eq!(round(&mut leases, at(1)), [(id, 0..8), (id, 8..10)]);
        leases.advertised(id, at(10), true);
        assert!(!leases.is_due(), "it is as fresh as it was");
        let longer = Router { least_lifetime: Duration::from_secs(9), ..router(true) };
        leases.reconfigure(id, &longer);
        leases.advertised(id, at(20), true);
        assert_eq!(round(&mut leases, at(20)).len(), 2);
        leases.advertised(id, at(30), true);
        assert!(!leases.is_due());
        leases.reconfigure(id, &router(false));
        leases.advertised(id, at(40), true);
        leases.reconfigure(id, &router(true));
        assert!(!leases.is_due() && leases.holds(id, at(40)));
        leases.advertised(id, at(50), true);
        leases.advertised(other, at(50), true);
        leases.remove(id);
        assert_eq!(round(&mut leases, at(50)).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [other; 3]);
    }

    #[test]
    fn thousands_on_one_interface_last_as_long_as_a_round_takes() {
        let least = |addresses| least_lifetime(addresses).as_secs();
        assert_eq!([0, 1, 1_000, 1_100, 5_000, 10_000].map(least), [0, 0, 0, 11, 50, 100]);
    }
}
