//! What scripts are told about.

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
}

impl fmt::Display for NotifyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
        })
    }
}

/// A state entered, with the priority at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) state: NotifyState,
    pub(super) priority: u8,
}
