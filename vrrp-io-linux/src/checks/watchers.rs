//! The kernel's news for checks, shared by all of them.

use std::sync::{Arc, OnceLock};

use super::births::Births;
use super::files::Files;
use super::processes::Table;

/// The kernel's news of files and processes, shared by many checks. It ends with the last of its clones.
///
/// [`Checks`](super::Checks) has one.
#[derive(Clone, Debug, Default)]
pub struct Watchers(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// True where somebody waits for news.
    watches: bool,
    files: OnceLock<Option<Files>>,
    births: OnceLock<Births>,
    processes: Table,
}

impl Watchers {
    /// Returns the news for a schedule. A default one watches nothing: it is for single looks.
    pub(super) fn watching() -> Self {
        Self(Arc::new(Shared { watches: true, ..Shared::default() }))
    }

    pub(super) fn watches(&self) -> bool {
        self.0.watches
    }

    /// Returns the source of news of files, if there is one.
    pub(super) fn files(&self) -> Option<&Files> {
        self.0.watches.then(|| self.0.files.get_or_init(Files::new).as_ref()).flatten()
    }

    pub(super) fn births(&self) -> &Births {
        self.0.births.get_or_init(Births::new)
    }

    pub(super) fn processes(&self) -> &Table {
        &self.0.processes
    }
}
