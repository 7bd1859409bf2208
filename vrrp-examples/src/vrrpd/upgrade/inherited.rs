//! The state that the program before has left for this one.

use std::env;
use std::fs;

use super::document::Document;
use super::handing_over;
use super::names::{NAME, VARIABLE};

/// The first descriptor that a service manager passes.
const FIRST: u32 = 3;

/// A document that was handed over, not read yet.
#[derive(Debug)]
pub(in crate::vrrpd) struct Inherited {
    text: Result<String, String>,
    /// A service manager has it still.
    stored: bool,
}

impl Inherited {
    /// Takes it in. Call it before any descriptor is closed.
    pub(in crate::vrrpd) fn take() -> Option<Self> {
        let given = env::var(VARIABLE).ok();
        let stored = given.is_none();
        let number = match given {
            Some(given) => given.parse().ok(),
            None => stored_descriptor(),
        }?;
        let path = format!("/proc/self/fd/{number}");
        let is_it =
            fs::read_link(&path).is_ok_and(|link| link.to_string_lossy().starts_with(&format!("/memfd:{NAME}")));
        if !is_it {
            return None;
        }
        // By its path it is opened anew, and read from its beginning.
        let text = fs::read_to_string(&path).map_err(|why| format!("it cannot be read: {why}"));
        Some(Self { text, stored })
    }

    /// Reads it.
    ///
    /// # Errors
    /// Why it cannot be used, as a sentence.
    pub(in crate::vrrpd) fn read(self) -> Result<Document, String> {
        if self.stored {
            handing_over::forget();
        }
        Document::read(&self.text?)
    }
}

/// `sd_listen_fds_with_names(3)`.
fn stored_descriptor() -> Option<u32> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID")? != std::process::id() {
        return None;
    }
    let count = number("LISTEN_FDS")?;
    let names = env::var("LISTEN_FDNAMES").ok()?;
    let place = names.split(':').position(|name| name == NAME)?;
    u32::try_from(place).ok().filter(|place| *place < count).and_then(|place| FIRST.checked_add(place))
}
