//! The words of the management models, RFC 6527 and RFC 8347, for what the core says in its own.
//!
//! How an embedder comes by each notification:
//!
//! | notification | source |
//! |---|---|
//! | new Master (STAT-50) | [`Action::StateChanged`](crate::Action::StateChanged) to Master: [`Cause::new_master_reason`], [`Status::master`](crate::Status::master) |
//! | protocol error (STAT-51) | a [`Discard`] with a [`protocol_error`](Discard::protocol_error) |
//! | virtual router error (STAT-52) | a [`Discard`] with a [`virtual_router_error`](Discard::virtual_router_error); where a mismatch is only counted, the counter |
//! | authentication failure of version 2 (STAT-53) | a [`Discard`] with an [`auth_error`](Discard::auth_error) |
//! | any change of state, addresses wanted or not (STAT-54) | [`Action`](crate::Action) |
//! | a second owner, an equal priority, our own address (STAT-54) | [`Stats::owner_conflict`](crate::Stats::owner_conflict), [`equal_priority`](crate::Stats::equal_priority), [`duplicate_address`](crate::Stats::duplicate_address) |
//!
//! Nothing here limits rates: who reports does (RX-21).

use crate::cause::Cause;
use crate::config::Config;
use crate::health::Fault;
use crate::receive::Discard;
use crate::types::Version;
use crate::wire::ParseError;

/// The reason why a router last became Master: vrrpv3StatisticsNewMasterReason, and new-master-reason (STAT-30,
/// AMB-15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NewMasterReason {
    /// Never Master.
    #[default]
    NotMaster = 0,
    /// Our priority was higher: started as owner, or the Master released.
    Priority = 1,
    /// The previous Master was preempted.
    Preempted = 2,
    /// The previous Master fell silent, or there was none.
    MasterNoResponse = 3,
}

/// The event behind a change of state: last-event (STAT-34).
///
/// The models know less than [`Cause`] does. What they have no word for is the nearest: a tracker's fault is a shutdown
/// and its recovery a startup, a release that nobody better followed is a timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LastEvent {
    /// Nothing has happened yet.
    #[default]
    None,
    /// Began to take part.
    Startup,
    /// Stopped taking part.
    Shutdown,
    /// Another router is better: a higher priority, or an equal one and a greater address.
    HigherPriorityBackup,
    /// Master_Down_Timer ran out.
    MasterTimeout,
    /// The interface came up.
    InterfaceUp,
    /// The interface went down.
    InterfaceDown,
    /// The interface lost the address to send from.
    NoPrimaryIpAddress,
    /// The interface got an address to send from.
    PrimaryIpAddress,
    /// The host could not hold a virtual address.
    NoVirtualIpAddresses,
    /// The virtual addresses are tried again.
    VirtualIpAddresses,
    /// A lower Master was watched for the preempt hold time, and preempted.
    PreemptHoldTimeout,
    /// A lower Master was preempted.
    LowerPriorityMaster,
    /// The owner preempted another router.
    OwnerPreempt,
}

/// A fault of a packet that does not belong to a router yet: vrrpv3StatisticsProtoErrReason, whose 0 is `None` here, and
/// vrrp-error-global (STAT-31, STAT-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// TTL or hop limit too low.
    IpTtl = 1,
    /// Version not spoken here.
    Version = 2,
    /// Wrong checksum.
    Checksum = 3,
    /// No such virtual router here.
    Vrid = 4,
}

/// A fault of a packet for one router: vrrp-error-virtual-router (STAT-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VirtualRouterError {
    /// Another address list.
    AddressList,
    /// Another interval.
    Interval,
    /// Wrong length.
    PacketLength,
}

/// The reason why authentication failed: vrrpTrapAuthErrorType of RFC 2787 (STAT-35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthError {
    /// The type does not exist.
    InvalidAuthType = 1,
    /// The type exists and is not ours.
    AuthTypeMismatch = 2,
    /// Wrong password.
    AuthFailure = 3,
}

impl NewMasterReason {
    /// Returns the enumeration's name in RFC 8347.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotMaster => "not-master",
            Self::Priority => "priority",
            Self::Preempted => "preempted",
            Self::MasterNoResponse => "no-response",
        }
    }
}

impl LastEvent {
    /// Returns the identity's name in RFC 8347.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "vrrp-event-none",
            Self::Startup => "vrrp-event-startup",
            Self::Shutdown => "vrrp-event-shutdown",
            Self::HigherPriorityBackup => "vrrp-event-higher-priority-backup",
            Self::MasterTimeout => "vrrp-event-master-timeout",
            Self::InterfaceUp => "vrrp-event-interface-up",
            Self::InterfaceDown => "vrrp-event-interface-down",
            Self::NoPrimaryIpAddress => "vrrp-event-no-primary-ip-address",
            Self::PrimaryIpAddress => "vrrp-event-primary-ip-address",
            Self::NoVirtualIpAddresses => "vrrp-event-no-virtual-ip-addresses",
            Self::VirtualIpAddresses => "vrrp-event-virtual-ip-addresses",
            Self::PreemptHoldTimeout => "vrrp-event-preempt-hold-timeout",
            Self::LowerPriorityMaster => "vrrp-event-lower-priority-master",
            Self::OwnerPreempt => "vrrp-event-owner-preempt",
        }
    }
}

impl ProtocolError {
    /// Returns the identity's name in RFC 8347.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpTtl => "ip-ttl-error",
            Self::Version => "version-error",
            Self::Checksum => "checksum-error",
            Self::Vrid => "vrid-error",
        }
    }
}

impl VirtualRouterError {
    /// Returns the identity's name in RFC 8347.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddressList => "address-list-error",
            Self::Interval => "interval-error",
            Self::PacketLength => "packet-length-error",
        }
    }
}

impl AuthError {
    /// Returns the enumeration's name in RFC 2787.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidAuthType => "invalidAuthType",
            Self::AuthTypeMismatch => "authTypeMismatch",
            Self::AuthFailure => "authFailure",
        }
    }
}

impl Cause {
    /// Returns the models' reason, for a cause that led to Master; [`NewMasterReason::NotMaster`] for every other.
    #[must_use]
    pub const fn new_master_reason(&self) -> NewMasterReason {
        match self {
            Self::OwnerStartup | Self::Recovered(_) | Self::MasterReleased { .. } | Self::Lapsed { .. } => {
                NewMasterReason::Priority
            }
            Self::Preempted { .. } => NewMasterReason::Preempted,
            Self::MasterDown { .. } => NewMasterReason::MasterNoResponse,
            _ => NewMasterReason::NotMaster,
        }
    }

    /// Returns the models' event, for a router of this configuration.
    #[must_use]
    pub fn last_event(&self, config: &Config) -> LastEvent {
        match self {
            Self::New => LastEvent::None,
            Self::Startup | Self::OwnerStartup | Self::OwnerNoMore | Self::Lapsed { .. } => LastEvent::Startup,
            Self::Shutdown => LastEvent::Shutdown,
            Self::HigherPriority { .. }
            | Self::HigherAddress { .. }
            | Self::GroupYielded(_)
            | Self::HandedOver { .. } => LastEvent::HigherPriorityBackup,
            Self::MasterDown { .. } | Self::MasterReleased { .. } => LastEvent::MasterTimeout,
            Self::Preempted { .. } if config.priority().is_owner() => LastEvent::OwnerPreempt,
            // Nobody but an owner preempts before the hold is over.
            Self::Preempted { .. } if !config.preempt_hold().is_zero() => LastEvent::PreemptHoldTimeout,
            Self::Preempted { .. } => LastEvent::LowerPriorityMaster,
            Self::Fault(Fault::InterfaceDown) => LastEvent::InterfaceDown,
            Self::Fault(Fault::NoPrimaryAddress) => LastEvent::NoPrimaryIpAddress,
            Self::Fault(Fault::NotInstalled(_)) => LastEvent::NoVirtualIpAddresses,
            Self::Fault(_) => LastEvent::Shutdown,
            Self::Recovered(Fault::InterfaceDown) => LastEvent::InterfaceUp,
            Self::Recovered(Fault::NoPrimaryAddress) => LastEvent::PrimaryIpAddress,
            Self::Recovered(Fault::NotInstalled(_)) => LastEvent::VirtualIpAddresses,
            Self::Recovered(_) => LastEvent::Startup,
        }
    }
}

impl Discard {
    /// Returns the models' reason, for what is wrong before it is any router's.
    #[must_use]
    pub const fn protocol_error(&self) -> Option<ProtocolError> {
        match self {
            Self::Ttl { .. } => Some(ProtocolError::IpTtl),
            Self::Parse(ParseError::Version { .. } | ParseError::Carp { expected: Version::V3 }) => {
                Some(ProtocolError::Version)
            }
            Self::Parse(ParseError::Checksum { .. }) | Self::ChecksumForm { .. } => Some(ProtocolError::Checksum),
            Self::Vrid(_) => Some(ProtocolError::Vrid),
            _ => None,
        }
    }

    /// Returns the models' reason, for what is wrong for one router.
    #[must_use]
    pub const fn virtual_router_error(&self) -> Option<VirtualRouterError> {
        match self {
            Self::NoAddress | Self::NotLinkLocal(_) | Self::AddressList => Some(VirtualRouterError::AddressList),
            Self::ZeroInterval | Self::Interval { .. } => Some(VirtualRouterError::Interval),
            Self::Parse(
                ParseError::TooShort { .. } | ParseError::TooLong { .. } | ParseError::Carp { expected: Version::V2 },
            ) => Some(VirtualRouterError::PacketLength),
            _ => None,
        }
    }

    /// Returns the reason of RFC 2787, for what fails authentication.
    #[must_use]
    pub const fn auth_error(&self) -> Option<AuthError> {
        match self {
            Self::AuthTypeUnknown(_) | Self::Parse(ParseError::Md5) => Some(AuthError::InvalidAuthType),
            Self::AuthTypeMismatch { .. } => Some(AuthError::AuthTypeMismatch),
            Self::AuthFailure => Some(AuthError::AuthFailure),
            _ => None,
        }
    }
}

/// By the models' names.
#[cfg(feature = "serde")]
mod names {
    use core::fmt;

    use serde::de::{self, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{AuthError, LastEvent, NewMasterReason, ProtocolError, VirtualRouterError};

    macro_rules! by_name {
        ($($name:ident: $($variant:ident)*;)*) => {
            $(impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    const ALL: &[(&str, $name)] = &[$(($name::$variant.as_str(), $name::$variant)),*];
                    deserializer.deserialize_str(Named(ALL))
                }
            })*
        };
    }
    by_name! {
        NewMasterReason: NotMaster Priority Preempted MasterNoResponse;
        LastEvent: None Startup Shutdown HigherPriorityBackup MasterTimeout InterfaceUp InterfaceDown NoPrimaryIpAddress
            PrimaryIpAddress NoVirtualIpAddresses VirtualIpAddresses PreemptHoldTimeout LowerPriorityMaster OwnerPreempt;
        ProtocolError: IpTtl Version Checksum Vrid;
        VirtualRouterError: AddressList Interval PacketLength;
        AuthError: InvalidAuthType AuthTypeMismatch AuthFailure;
    }

    /// Values by their names.
    struct Named<T: 'static>(&'static [(&'static str, T)]);

    impl<T: Copy> Visitor<'_> for Named<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one of")?;
            self.0.iter().try_for_each(|(name, _)| write!(f, " {name}"))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            let found = self.0.iter().find(|(name, _)| *name == text);
            found.map(|(_, value)| *value).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
}
