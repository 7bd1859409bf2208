//! The state that one process hands to the next one, so that nobody on the link notices.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vrrp_core::{Family, GlobalStats, Instant, RouterId, Vrid};

use crate::router::Router;
use crate::virtual_ip::VirtualIp;

/// Routers that were [suspended](crate::Vrrp::suspend): everything that [`start_from`](crate::start_from) needs to go on with
/// them. Nothing of their configuration is in it.
///
/// With the feature `serde` it can be written down, for a process that follows on the same host, in the same network namespace and
/// since the same boot. A field that is unknown is an error, so that whoever has another version of this crate notices.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Suspended {
    pub(crate) routers: Vec<SuspendedRouter>,
    pub(crate) stats: GlobalStats,
    /// The addresses on the host that were set by us, or taken over.
    pub(crate) ours: Vec<SuspendedAddress>,
    pub(crate) filter: Option<SuspendedFilter>,
    /// Settings of interfaces below macvlans, as they were before: interface, key, value.
    pub(crate) settings: Vec<(String, String, String)>,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct SuspendedRouter {
    pub(crate) id: RouterId,
    pub(crate) interface: String,
    pub(crate) family: Family,
    pub(crate) vrid: Vrid,
    pub(crate) core: vrrp_core::Suspended,
    /// The addresses that it serves, as they were to be set, and on which link each.
    pub(crate) serves: Vec<(VirtualIp, u32)>,
    /// The addresses that are still to be announced, and how often.
    pub(crate) unannounced: Vec<(IpAddr, u8)>,
    /// Its last advertisement that went out, and when its addresses were last renewed.
    pub(crate) advertised: Instant,
    pub(crate) renewed: Instant,
    pub(crate) macvlan: Option<SuspendedMacvlan>,
}

/// An address on a link.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct SuspendedAddress {
    pub(crate) ifindex: u32,
    pub(crate) address: IpAddr,
    pub(crate) prefix_len: u8,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct SuspendedMacvlan {
    pub(crate) ifindex: u32,
    /// True if it was made by us.
    pub(crate) made: bool,
    pub(crate) raised: bool,
}

/// The table of the packet filter.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct SuspendedFilter {
    /// There is none where nothing is closed.
    pub(crate) name: Option<String>,
    pub(crate) closed: BTreeSet<IpAddr>,
    pub(crate) names: BTreeSet<String>,
    pub(crate) addresses: BTreeSet<IpAddr>,
}

impl Suspended {
    /// Takes out what is known of a router.
    pub(crate) fn take(&mut self, router: &Router) -> Option<SuspendedRouter> {
        let is_it = |known: &SuspendedRouter| {
            known.interface == router.interface
                && (known.family, known.vrid) == (router.config.family(), router.config.vrid())
        };
        let place = self.routers.iter().position(is_it)?;
        Some(self.routers.swap_remove(place))
    }
}
