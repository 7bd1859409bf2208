//! From a file to a configuration that would run on this host, with all that there is to say about it.

use std::path::{Path, PathBuf};

use crate::vrrpd::keepalived;
use crate::vrrpd::native;
use crate::vrrpd::preflight;
use crate::vrrpd::report::diagnostics::{Code, Diagnostic, Diagnostics, Severity};
use crate::vrrpd::report::places::{Places, Setting};
use crate::vrrpd::routers::{PrepareError, Prepared};

/// The path of the configuration, and what the command line says about it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// The name of this host in lines for some hosts only.
    pub(super) id: String,
    /// True if addresses expire unless they are renewed.
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
        let names: Vec<String> = loaded.daemon.instances.iter().map(|instance| instance.name.clone()).collect();
        match Prepared::new(loaded.daemon, lease) {
            Ok(prepared) => Ok(Loaded { prepared, notices: loaded.notices, places }),
            Err(why) => {
                let mut found = loaded.notices;
                found.push(self.impossible(&why, &names, &places));
                Err(Diagnostics(found))
            }
        }
    }

    /// Returns the error about settings that no router can have together, at the interface of that router.
    fn impossible(&self, why: &PrepareError, names: &[String], places: &Places) -> Diagnostic {
        let instance = match why {
            PrepareError::Config { instance, .. }
            | PrepareError::NoScript { instance, .. }
            | PrepareError::Mac { instance, .. } => names.iter().position(|name| name == instance),
            PrepareError::Router(_) => None,
        };
        let mut found = match instance {
            Some(at) => places.finding(Severity::Error, (at, Setting::Interface), why.to_string(), None),
            None => Diagnostic::of_file(Severity::Error, self.path.display().to_string(), why.to_string()),
        };
        found.code = Code::Conflict;
        found
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

/// Returns true if a file is in the native format, which its name tells.
pub(super) fn is_native(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_name_tells_the_format_and_either_side_can_do_without_the_lease() {
        let router = "[router.a]\ninterface = \"eth0\"\nvrid = 1\naddresses = [\"192.0.2.1/24\"]\n";
        let directory = std::env::temp_dir().join(format!("vrrpd-reading-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let leases = |name: &str, text: &str, lease: bool| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            let loaded = Source { path, id: "host".to_owned(), lease }.load().map_err(|found| found.to_string())?;
            Ok::<_, String>(format!("{:?}", loaded.prepared.routers[0]).contains("lease: true"))
        };
        assert_eq!(leases("a.toml", router, true), Ok(true));
        assert_eq!(leases("a.TOML", router, false), Ok(false));
        assert_eq!(leases("a.toml", &format!("lease = false\n{router}"), true), Ok(false));
        assert!(leases("a.conf", router, true).unwrap_err().contains("a.conf:1:"), "this is keepalived's language");
        let strict = router.replace("192.0.2.1/24\"]", "2001:db8::1/64\"]\nstrict = true");
        let found = leases("a.toml", &strict, true).unwrap_err();
        assert!(found.contains("a.toml:2:13: error: vrrp_instance a: the first IPv6 address"), "{found}");
        fs::remove_dir_all(&directory).unwrap();
    }
}
