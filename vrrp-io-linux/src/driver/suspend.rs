//! Ending without a word: everything stays on the host as it is, and is written down for the process that follows.

use std::time::Duration;

use vrrp_core::{Instant, Role};

use super::command::Reply;
use super::state::{Driver, RunningRouter};
use crate::clock;
use crate::kernel::filter::Filter;
use crate::suspended::{Suspended, SuspendedRouter};

/// The next process takes some hundredths of a second to start: so long nothing should be to do.
const ROOM: Duration = Duration::from_millis(85);
/// The time to wait for such a moment: with intervals of half a second it comes, with many short ones it may not.
const PATIENCE: Duration = Duration::from_millis(500);

/// Somebody wants to go on in another process.
#[derive(Debug)]
pub(super) struct Suspension {
    reply: Reply<Suspended>,
    /// Then it is done at the next moment that is possible.
    latest: Instant,
}

impl Suspension {
    pub(super) fn new(reply: Reply<Suspended>) -> Self {
        Self { reply, latest: clock::now() + PATIENCE }
    }

    pub(super) fn latest(&self) -> Instant {
        self.latest
    }
}

/// The last word of a driver: what is written down, and who waits for it.
pub(super) type End = (Reply<Suspended>, Suspended);

impl Driver {
    /// Tells whether it is time: nothing is being changed, and as a rule nothing is left to do, and the next deadline is not near.
    pub(super) fn may_suspend(&self, suspension: &Suspension) -> bool {
        let now = clock::now();
        let roomy = self.set.deadline().is_none_or(|(at, _)| at >= now + ROOM);
        let idle = !self.leases.is_due() && !self.has_work();
        self.is_unchanging() && ((roomy && idle) || now >= suspension.latest)
    }

    /// Finishes what is in flight, and lets go of everything but of what is on the host. `Err`: not now.
    pub(super) fn suspend(mut self, suspension: Suspension) -> Result<End, Box<(Self, Suspension)>> {
        self.follow_orders();
        self.carry_out_requests();
        self.follow_orders();
        let Some(routers) = self.routers.iter().map(|running| self.write_down(running)).collect::<Option<Vec<_>>>()
        else {
            return Err(Box::new((self, suspension)));
        };
        self.reporter.deliver();
        let suspended = Suspended {
            routers,
            stats: *self.set.stats(),
            ours: self.holdings.all_ours(),
            filter: self.filter.as_ref().map(Filter::suspended),
            settings: self.macvlans.settings(),
        };
        // Macvlans that are being lowered are down before another process may raise them.
        self.macvlans.rest();
        Ok((suspension.reply, suspended))
    }

    fn write_down(&self, running: &RunningRouter) -> Option<SuspendedRouter> {
        let RunningRouter { id, router, .. } = running;
        let core = self.set.get(*id)?;
        let (advertised, renewed) = self.leases.moments(*id)?;
        let is_master = core.role() == Role::Master;
        let serves = core.requests().filter(|_| is_master).filter_map(|request| {
            let virtual_ip = self.holdings.get(*id, request.address)?.virtual_ip.clone();
            Some((virtual_ip, self.holdings.serves_on(*id, request.address)?))
        });
        Some(SuspendedRouter {
            id: *id,
            interface: router.interface.clone(),
            family: router.config.family(),
            vrid: router.config.vrid(),
            core: core.suspend()?,
            unannounced: self.announcements.left(*id),
            serves: serves.collect(),
            advertised,
            renewed,
            macvlan: self.macvlans.suspended(*id),
        })
    }
}
