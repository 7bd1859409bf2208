//! The changes that scripts are told of.

use std::fmt;

/// The state that an instance or group has entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyState {
    /// Became Master.
    Master,
    /// Became Backup.
    Backup,
    /// Entered a fault.
    Fault,
    /// The daemon stops.
    Stop,
    /// Is Master still, and has heard a Master of a lower priority.
    LowerPriority,
}

impl fmt::Display for NotifyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::LowerPriority => "MASTER_RX_LOWER_PRI",
        })
    }
}

/// The subject of changes that scripts are told about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An instance, by its name.
    Instance(String),
    /// A sync group, by its name.
    Group(String),
}

impl Subject {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => "INSTANCE",
            Self::Group(_) => "GROUP",
        }
    }

    pub(super) fn name(&self) -> &str {
        let (Self::Instance(name) | Self::Group(name)) = self;
        name
    }

    /// Returns the virtual router, if the subject is one.
    pub(super) fn router(&self) -> Option<&str> {
        match self {
            Self::Instance(name) => Some(name),
            Self::Group(_) => None,
        }
    }
}

/// A state entered, with the priority at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) state: NotifyState,
    pub(super) priority: u8,
}
