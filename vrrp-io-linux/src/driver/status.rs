//! How the routers stand, as an operator and the management models ask for it.

use std::time::{Duration, SystemTime};

use vrrp_core::{Cause, Instant, VirtualRouter};

use super::state::{Driver, Hosted};
use crate::clock;
use crate::status::{AddressStatus, DriverStatus, RouterStatus};
use crate::virtual_ip::VirtualIp;

/// One moment, by both clocks.
struct Now {
    monotonic: Instant,
    wall: SystemTime,
}

impl Driver {
    /// Returns how everything stands now.
    pub(super) fn status(&self) -> DriverStatus {
        let now = Now { monotonic: clock::now(), wall: SystemTime::now() };
        let status = |hosted: &Hosted| Some(self.router_status(self.set.get(hosted.id)?, hosted, &now));
        DriverStatus {
            routers: self.routers.iter().filter_map(status).collect(),
            global: *self.set.stats(),
            events_lost: self.reporter.lost(),
            news_not_understood: self.monitor.malformed(),
        }
    }

    fn router_status(&self, router: &VirtualRouter, hosted: &Hosted, now: &Now) -> RouterStatus {
        let id = hosted.id;
        let status = router.status();
        // What is not started yet is in no state that it has entered.
        let entered = Some(status.since).filter(|_| status.cause != Cause::New);
        RouterStatus {
            id,
            name: hosted.router.name.clone(),
            interface: hosted.router.interface.clone(),
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
            addresses: self.address_statuses(router, hosted),
            up_since: status.up_since.map(|at| now.wall(at)),
            up_for: status.up_since.map(|at| now.ago(at)),
            last_event: status.last_event,
            new_master_reason: status.new_master_reason,
            last_advertisement_from: status.last_adv_source,
            master_down_interval: status.master_down_interval,
            skew_time: status.skew_time,
            stats: *router.stats(),
        }
    }

    fn address_statuses(&self, router: &VirtualRouter, hosted: &Hosted) -> Vec<AddressStatus> {
        let status = |vip: &VirtualIp| AddressStatus {
            vip: vip.clone(),
            installed: router.is_installed(vip.address),
            host: self.on_host(hosted.id, vip.address),
            obstacle: self.why_not(hosted.id, vip.address),
        };
        hosted.router.addresses.iter().map(status).collect()
    }
}

impl Now {
    fn ago(&self, at: Instant) -> Duration {
        self.monotonic.since(at)
    }

    fn wall(&self, at: Instant) -> SystemTime {
        self.wall.checked_sub(self.ago(at)).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}
