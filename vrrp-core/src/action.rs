//! Inputs and actions: a driver hands the ones in, and is handed the others.

use core::net::IpAddr;

use crate::cause::{PriorityCause, Transition};
use crate::drain::Drain;
use crate::health::Reading;
use crate::types::{Priority, TrackerId};

/// News for a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle each")]
pub enum Input {
    /// Take part from now on, as soon as nothing is at fault.
    Startup,
    /// Take no part from now on.
    Shutdown,
    /// The deadline may have come.
    Timeout,
    /// The router's interface is usable, or not. Nothing can be sent where it is not, so nothing is: a Master that is
    /// back before anybody can have taken over goes on.
    InterfaceUp(bool),
    /// The interface's own address to send from; `None` when it has none.
    PrimaryAddress(Option<IpAddr>),
    /// The present word of a tracker.
    Tracker(TrackerId, Reading),
    /// The host confirmed an address.
    AddressInstalled(AddressRequest),
    /// The host refused an address, or lost it for good.
    AddressFailed(AddressRequest),
    /// The host knows that it cannot set the address at this position of
    /// [`Config::addresses`](crate::Config::addresses), or that the reason is gone: then it is asked for it at once. To be
    /// told on evidence only, such as news of an interface.
    AddressAvailable(usize, bool),
    /// The host is still at work on what it was asked for before: the time in which it has to confirm begins anew.
    Installing,
    /// The interface has another MAC address: the neighbours are to be told.
    LinkAddressChanged,
    /// One of the addresses is on the host although the router is not Master, and cannot be removed; or none is any more.
    Stray(Option<IpAddr>),
    /// Serve from now on only where nobody else does, and hand over what is served. Once more while that lasts: a Master calls once
    /// more.
    Drain(Drain),
    /// Take part as before the [drain](Self::Drain).
    Undrain,
}

/// A task for the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle each")]
pub enum Action {
    /// Send the advertisement that [`VirtualRouter::encode`](crate::VirtualRouter::encode) writes, to the group, or to every
    /// peer where [`VirtualRouter::config_of`](crate::VirtualRouter::config_of) has peers. To send each to all of them is
    /// always right; a [yield advertisement](AdvertKind::Yield) may be sent to fewer.
    SendAdvertisement(AdvertKind),
    /// Give this address to the host, and report how that went. To give it twice is no error.
    InstallAddress(AddressRequest),
    /// Take this address from the host. To take it twice is no error.
    RemoveAddress(AddressRequest),
    /// Tell the neighbours, `count` times in a row, that the address is here.
    AnnounceAddress {
        /// The address.
        #[cfg_attr(feature = "serde", serde(rename = "vip"))]
        request: AddressRequest,
        /// The number of times, at least 1.
        count: u8,
    },
    /// The state changed; for logs and operators (STAT-50, STAT-54). Fetched late it tells of several changes as of one, by the
    /// last: fetch the actions after each input to hear of each.
    StateChanged(Transition),
    /// The priority in use changed; for logs and operators. Fetched late it tells of several changes as of one, by the last;
    /// there and back is none. It comes before the change of state that it may have led to.
    PriorityChanged {
        /// The priority before the change.
        from: Priority,
        /// The priority after the change.
        to: Priority,
        /// The reason.
        by: PriorityCause,
    },
    /// A fault still keeps the router in Initialize, but the [faults](crate::VirtualRouter::faults) are not those that were
    /// there when the state, or this, was last told. What is merely [pending](crate::Fault::is_pending) does not count.
    FaultsChanged,
    /// A Master that was [drained](Input::Drain) called for another one, and none came within the limit. It serves on, at the lower
    /// priority.
    NobodyTookOver,
    /// A Master heard another one that is to yield to it (EXT-13): of lower priority, or of the same and with a lower address. It was not
    /// a release. At most four times in a row, and then once an interval, but not more often than once in a second; fetched late
    /// it tells of the last one. The [yield advertisement](AdvertKind::Yield) of a Master that was preempted counts, at priority 1.
    LowerPriorityHeard {
        /// The other Master.
        from: IpAddr,
        /// Its priority.
        priority: Priority,
    },
}

/// The kind of an advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a driver must know whom to send each to")]
pub enum AdvertKind {
    /// The regular one, at the priority in use.
    Regular,
    /// Priority 0: the addresses are released (FSM-A-01, AMB-26).
    Release,
    /// The same as `Regular`, in version 2; follows each one of a router that [speaks both](crate::Config::with_also_version2) (INT-02).
    RegularVersion2,
    /// The same as `Release`, in version 2.
    ReleaseVersion2,
    /// A Master that yields tells the [`winner`](crate::VirtualRouter::winner), who may never have heard of it. Its priority is
    /// 1, for nobody yields to one that has yielded, and its interval is the winner's, for whoever else may hear it.
    ///
    /// On multicast its IP destination is the group, as that of every other; a router refuses what is sent to its own
    /// address. A driver that knows the winner's MAC address can send the frame there, so that no other router hears it.
    /// Of several unicast peers it goes to the winner alone.
    Yield,
    /// The same as `Yield`, in version 2.
    YieldVersion2,
    /// Priority 0 of a Master that serves on until another one is there ([`Input::Drain`]). It renews the lease, as `Regular` does.
    HandOver,
    /// The same as `HandOver`, in version 2.
    HandOverVersion2,
}

impl AdvertKind {
    /// The same in version 2; `None` if that is what it is.
    pub(crate) const fn in_version2(self) -> Option<Self> {
        match self {
            Self::Regular => Some(Self::RegularVersion2),
            Self::Release => Some(Self::ReleaseVersion2),
            Self::Yield => Some(Self::YieldVersion2),
            Self::HandOver => Some(Self::HandOverVersion2),
            Self::RegularVersion2 | Self::ReleaseVersion2 | Self::YieldVersion2 | Self::HandOverVersion2 => None,
        }
    }

    /// Tells whether it says that this router is Master from now on, or still.
    pub(crate) const fn is_regular(self) -> bool {
        matches!(self, Self::Regular | Self::RegularVersion2)
    }

    /// Tells whether the router that sends it is Master and goes on serving: when it has gone out, the addresses may be renewed.
    /// Any other ends that, and speaks the configuration that the router was Master with.
    #[must_use]
    pub const fn serves_on(self) -> bool {
        match self {
            Self::Regular | Self::RegularVersion2 | Self::HandOver | Self::HandOverVersion2 => true,
            Self::Release | Self::ReleaseVersion2 | Self::Yield | Self::YieldVersion2 => false,
        }
    }

    pub(crate) const fn is_release(self) -> bool {
        matches!(self, Self::Release | Self::ReleaseVersion2)
    }
}

/// One virtual address in one request. Hand it back with the answer: a late answer to a cancelled request is then told
/// from a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct AddressRequest {
    /// The address.
    pub address: IpAddr,
    pub(crate) index: usize,
    pub(crate) ticket: u32,
}

impl AddressRequest {
    /// Returns the position of the address in [`Config::addresses`](crate::Config::addresses); of one that was configured away, the
    /// last it had.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Tells whether both are one request: the position of its address may have changed between them.
    #[must_use]
    pub fn is(&self, other: Self) -> bool {
        self.ticket == other.ticket && self.address == other.address
    }
}
