//! The bounds on how long anything may take: what `docs/convergence.md` proves.

use core::time::Duration;

use super::records::Records;
use crate::config::Config;
use crate::sim::world::World;

impl Records {
    /// Returns how long two Masters that hear each other may both be Master: an interval until the better one speaks,
    /// the time that a host takes to confirm its addresses, and the way.
    pub(super) fn overlap(&self, world: &World) -> Duration {
        let talk = self.facts.longest_interval + world.slowest_install() + world.network.longest();
        self.stretched(talk + self.muted(world))
    }

    /// Returns how long after the last disturbance there is exactly one Master, the right one. See
    /// `docs/convergence.md`.
    pub(super) fn convergence(&self, world: &World) -> Duration {
        let interval = self.facts.longest_interval;
        // The longest Skew_Time, of priority 1; and who took over too often waits for an interval more.
        let down = 4 * interval + interval.max(Duration::from_secs(1));
        let talk = interval + world.slowest_install() + world.network.longest();
        let group =
            if self.instances.iter().any(|instance| instance.grouped) { down + interval } else { Duration::ZERO };
        // Nothing is decided before the last call is over.
        let call = self.facts.longest_call;
        self.stretched(2 * down + self.facts.longest_hold + 2 * talk + group + call + self.muted(world))
    }

    /// Returns how long announcements may be put off: the round at the end of a contest, which three intervals of
    /// silence end, or at the end of a holdoff.
    pub(super) fn put_off(&self, world: &World) -> Duration {
        let configs = world.hosts().flat_map(|host| world.routers(host).map(move |(router, _)| (host, router)));
        let holdoffs =
            configs.filter_map(|(host, router)| Some(world.config(host, router)?.announce().contest_holdoff));
        let longest = holdoffs.max().unwrap_or_default();
        self.stretched(Duration::from_secs(1) + longest + 4 * self.facts.longest_interval)
    }

    /// Returns how long a router of version 2 is not heard by those of both versions, because somebody forged version 3
    /// in its name.
    fn muted(&self, world: &World) -> Duration {
        let mut configs =
            world.hosts().flat_map(|host| world.routers(host).filter_map(move |(id, _)| world.config(host, id)));
        match configs.any(Config::also_version2) {
            true => 4 * world.longest_forged,
            false => Duration::ZERO,
        }
    }

    /// By the slowest clock.
    fn stretched(&self, span: Duration) -> Duration {
        span + span * self.facts.drift / 500_000 + Duration::from_nanos(10)
    }
}

/// A span by the fastest clock.
pub(super) fn shortened(nanos: i64, drift: u32) -> i64 {
    nanos - nanos / 500_000 * i64::from(drift)
}
