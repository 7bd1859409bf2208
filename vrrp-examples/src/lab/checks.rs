//! The checks: each breaks one proxy, watches the other take over, mends it, and watches the address come back.

use std::time::Duration;

use super::host::Watch;
use super::measure::{MASTER_DOWN_INTERVAL, SKEW_TIME};
use super::rig::Rig;
use super::topology::{HostId, Interface};
use crate::testbed::error::Error;

/// One way to break a proxy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The administrator sets an interface down.
    Down(Interface),
    /// The cable is pulled out at the switch.
    Unplugged(Interface),
    /// The switch no longer passes anything between the two proxies.
    Cut,
    /// The forward proxy is stopped.
    ProxyStopped,
    /// The forward proxy is stopped: it accepts connections and answers nobody.
    ProxyHung,
    /// The VRRP daemon is stopped in good order.
    Terminated,
    /// The VRRP daemon is killed.
    Killed,
    /// The VRRP daemon is stopped for a while.
    Hung,
}

/// A check of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// The proxy that is broken.
    pub(super) victim: HostId,
    pub(super) fault: Fault,
    pub(super) watch: Watch,
}

const fn check(id: &'static str, title: &'static str, victim: HostId, fault: Fault) -> Check {
    Check { id, title, victim, fault, watch: Watch::Script }
}

/// Every check, in the order of the article.
pub(super) const ALL: [Check; 12] = [
    check("1a", "eth0 of 01 down", HostId::Proxy1, Fault::Down(Interface::Lan)),
    check("1b", "eth0 of 01 without carrier", HostId::Proxy1, Fault::Unplugged(Interface::Lan)),
    check("1c", "VRRP between the hosts cut", HostId::Proxy1, Fault::Cut),
    check("2a", "eth1 of 01 down", HostId::Proxy1, Fault::Down(Interface::Outside)),
    check("2b", "eth1 of 01 without carrier", HostId::Proxy1, Fault::Unplugged(Interface::Outside)),
    check("3", "proxy of 01 stopped", HostId::Proxy1, Fault::ProxyStopped),
    check("4", "VRRP daemon of 01: SIGTERM", HostId::Proxy1, Fault::Terminated),
    check("5", "VRRP daemon of 01: SIGKILL", HostId::Proxy1, Fault::Killed),
    check("6", "both addresses on 01, and back", HostId::Proxy2, Fault::Terminated),
    check("7", "VRRP daemon of 01: SIGSTOP", HostId::Proxy1, Fault::Hung),
    check("8a", "proxy of 01: SIGSTOP, script", HostId::Proxy1, Fault::ProxyHung),
    Check { watch: Watch::Page, ..check("8b", "proxy of 01: SIGSTOP, page", HostId::Proxy1, Fault::ProxyHung) },
];

/// Returns the checks that `--only` names: a number with all that belongs to it, or one alone.
pub(super) fn select(only: &[String]) -> Result<Vec<Check>, Error> {
    if let Some(unknown) = only.iter().find(|wanted| !ALL.iter().any(|check| check.is(wanted))) {
        let known = ALL.map(|check| check.id).join(", ");
        return Err(Error::Usage(format!("--only {unknown}: there is no such check; there are {known}")));
    }
    Ok(ALL.into_iter().filter(|check| only.is_empty() || only.iter().any(|wanted| check.is(wanted))).collect())
}

impl Fault {
    /// Returns true if the Master can announce that it leaves, so that the Backup waits for Skew_Time only.
    pub(super) const fn is_announced(self) -> bool {
        match self {
            Self::Down(Interface::Outside)
            | Self::Unplugged(Interface::Outside)
            | Self::ProxyStopped
            | Self::ProxyHung
            | Self::Terminated => true,
            Self::Down(Interface::Lan) | Self::Unplugged(Interface::Lan) | Self::Cut | Self::Killed | Self::Hung => {
                false
            }
        }
    }

    /// Returns true if nobody is left, for a while at least, who could take the addresses from the host.
    pub(super) const fn leaves_nobody(self) -> bool {
        matches!(self, Self::Killed | Self::Hung)
    }

    /// Returns the least time from the last advertisement of the old Master to the takeover.
    pub(super) const fn minimum(self) -> Duration {
        if self.is_announced() { SKEW_TIME } else { MASTER_DOWN_INTERVAL }
    }

    pub(super) async fn inflict(self, rig: &mut Rig, victim: HostId) -> Result<(), Error> {
        match self {
            Self::Down(interface) => rig.topology.set_up(victim, interface, false).await,
            Self::Unplugged(interface) => rig.topology.set_carrier(victim, interface, false).await,
            Self::Cut => rig.topology.set_cut(true).await,
            Self::ProxyStopped => rig.host_mut(victim).terminate_proxy().await,
            Self::ProxyHung => rig.host_mut(victim).hang_proxy(true),
            Self::Terminated => rig.host_mut(victim).terminate_daemon().await,
            Self::Killed => {
                rig.host_mut(victim).kill_daemon();
                Ok(())
            }
            Self::Hung => rig.host_mut(victim).hang_daemon(true),
        }
    }

    pub(super) async fn mend(self, rig: &mut Rig, victim: HostId) -> Result<(), Error> {
        match self {
            Self::Down(interface) => rig.topology.set_up(victim, interface, true).await,
            Self::Unplugged(interface) => rig.topology.set_carrier(victim, interface, true).await,
            Self::Cut => rig.topology.set_cut(false).await,
            Self::ProxyStopped => rig.start_proxy(victim),
            Self::ProxyHung => rig.host_mut(victim).hang_proxy(false),
            Self::Terminated | Self::Killed => rig.start_daemon(victim),
            Self::Hung => rig.host_mut(victim).hang_daemon(false),
        }
    }
}

impl Check {
    /// Returns true if the daemon cannot find out.
    pub(super) const fn is_unseen(&self) -> bool {
        matches!((self.fault, self.watch), (Fault::ProxyHung, Watch::Script))
    }

    fn is(&self, wanted: &str) -> bool {
        self.id == wanted || self.id.trim_end_matches(|c: char| c.is_ascii_alphabetic()) == wanted
    }
}
