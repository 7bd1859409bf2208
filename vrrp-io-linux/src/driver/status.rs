//! The status of the routers, as an operator and the management models ask for it.

use std::time::SystemTime;

use vrrp_core::{Cause, Instant, Role, VirtualRouter};

use super::now::Now;
use super::state::{Driver, RunningRouter};
use crate::clock;
use crate::status::{AddressStatus, DriverStatus, LeaseStatus, RouterStatus};
use crate::virtual_ip::VirtualIp;

impl Driver {
    /// Returns how everything stands now.
    pub(super) fn status(&self) -> DriverStatus {
        let now = Now { monotonic: clock::now(), wall: SystemTime::now() };
        let status = |running: &RunningRouter| Some(self.router_status(self.set.get(running.id)?, running, &now));
        DriverStatus {
            routers: self.routers.iter().filter_map(status).collect(),
            global: *self.set.stats(),
            events_lost: self.reporter.lost(),
            news_not_understood: self.monitor.malformed(),
            advertisement_lateness: self.punctuality.lateness.clone(),
            takeovers: self.punctuality.takeovers.clone(),
            strangers: self.strangers(&now),
        }
    }

    fn router_status(&self, router: &VirtualRouter, running: &RunningRouter, now: &Now) -> RouterStatus {
        let id = running.id;
        let status = router.status();
        // A router that is not started yet has entered no state.
        let entered = Some(status.since).filter(|_| status.cause != Cause::New);
        RouterStatus {
            id,
            name: running.router.name.clone(),
            interface: running.router.interface.clone(),
            family: router.config().family(),
            vrid: router.config().vrid(),
            role: status.role,
            priority: status.priority,
            configured_priority: router.config().priority(),
            master: status.master,
            master_priority: status.master_priority,
            since: entered.map(|at| now.wall(at)),
            in_state_for: entered.map(|at| now.ago(at)),
            cause: status.cause,
            why: self.cause(id, &status.cause),
            drain: router.drain_status(),
            faults: self.faults(id, router.faults()),
            trackers: self.trackers(id),
            interface_changes: self.interface_changes(id, now.monotonic),
            other_master: self.other_master(id, now.monotonic),
            addresses: self.address_statuses(router, running),
            up_since: status.up_since.map(|at| now.wall(at)),
            up_for: status.up_since.map(|at| now.ago(at)),
            last_event: status.last_event,
            new_master_reason: status.new_master_reason,
            last_advertisement_from: status.last_adv_source,
            master_down_interval: status.master_down_interval,
            skew_time: status.skew_time,
            stats: *router.stats(),
            lease: self.lease(router, running, now.monotonic),
            source: status.source,
            timers: now.left(&status.timers),
            heard: running.notes.heard(now),
            ignored: running.notes.ignored(now),
            not_sent: running.notes.last_not_sent(now),
        }
    }

    /// Returns how long a Master's addresses last, and how much of that is left; `None` if they last for ever.
    fn lease(&self, router: &VirtualRouter, running: &RunningRouter, now: Instant) -> Option<LeaseStatus> {
        let lifetime = running.router.lifetime().filter(|_| router.role() == Role::Master)?;
        let (_, renewed) = self.leases.moments(running.id)?;
        Some(LeaseStatus { lifetime, left: lifetime.saturating_sub(now.since(renewed)) })
    }

    fn address_statuses(&self, router: &VirtualRouter, running: &RunningRouter) -> Vec<AddressStatus> {
        let status = |virtual_ip: &VirtualIp| AddressStatus {
            virtual_ip: virtual_ip.clone(),
            installed: router.is_installed(virtual_ip.address),
            host: self.on_host(running.id, virtual_ip.address),
            obstacle: self.why_not(running.id, virtual_ip.address),
        };
        running.router.addresses.iter().map(status).collect()
    }
}
