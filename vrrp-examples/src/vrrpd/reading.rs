//! From a file to a configuration that would run on this host, with all that there is to say about it.

use std::path::{Path, PathBuf};

use crate::vrrpd::keepalived;
use crate::vrrpd::native;
use crate::vrrpd::preflight;
use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::vrrpd::report::places::Places;
use crate::vrrpd::routers::Prepared;

/// Where the configuration is, and what the command line says about it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// What this host is called in lines for some hosts only.
    pub(super) id: String,
    /// Whether addresses expire when nobody renews them.
    pub(super) lease: bool,
}

/// A configuration that is sound in itself.
pub(super) struct Loaded {
    pub(super) prepared: Prepared,
    /// None is an error.
    pub(super) notices: Vec<Diagnostic>,
    pub(super) places: Places,
}

impl Source {
    /// Reads a file and all that it includes. May block.
    ///
    /// # Errors
    /// Everything found, where something of it is an error.
    pub(super) fn load(&self) -> Result<Loaded, Diagnostics> {
        let (loaded, places) = match is_native(&self.path) {
            true => native::load_with_places(&self.path)?,
            false => keepalived::load_with_places(&self.path, &self.id)?,
        };
        let lease = self.lease && !loaded.daemon.options.no_lease;
        match Prepared::new(loaded.daemon, lease) {
            Ok(prepared) => Ok(Loaded { prepared, notices: loaded.notices, places }),
            Err(why) => {
                let mut found = loaded.notices;
                found.push(Diagnostic::of_file(Severity::Error, self.path.display().to_string(), why.to_string()));
                Err(Diagnostics(found))
            }
        }
    }

    /// Does the same, and looks whether it would run on this host, as a start does. Returns also what there is to say about it.
    ///
    /// # Errors
    /// Everything found, where something of it is an error.
    pub(super) fn read(&self) -> Result<(Prepared, Vec<Diagnostic>), Diagnostics> {
        let Loaded { prepared, mut notices, places } = self.load()?;
        notices.extend(preflight::findings(&prepared.daemon, &prepared.routers, &places, false));
        match notices.iter().any(|found| found.severity == Severity::Error) {
            true => Err(Diagnostics(notices)),
            false => Ok((prepared, notices)),
        }
    }

    /// Returns the same for another file.
    pub(super) fn at(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }
}

/// Whether a file is in the native format: its name says so.
pub(super) fn is_native(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}
