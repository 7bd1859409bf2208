//! Something that a schedule looks at.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use super::outcome::Outcome;
use super::watchers::Watchers;

/// Something that [`Checks`](super::Checks) can look at on a schedule. A [`Probe`](super::Probe) is one; a program may have its own.
pub trait Target: Clone + PartialEq + Send + Sync + 'static {
    /// The knowledge that a look leaves for the next one.
    type Memory: Send;

    /// Returns the memory of a check that has not looked yet.
    fn memory(&self, watchers: &Watchers) -> Self::Memory;

    /// Looks once, for at most `timeout`. The next look waits until nothing remains of this one.
    fn look(&self, memory: &mut Self::Memory, timeout: Duration) -> impl Future<Output = (Outcome, Remains)> + Send;

    /// Waits until there may be something new, so that a look before the next interval is worth it. By default this never happens.
    /// To drop the future loses nothing.
    fn woken(&self, memory: &mut Self::Memory) -> impl Future<Output = ()> + Send {
        let _ = memory;
        pending()
    }

    /// Returns how long it must pass, and how long it must fail, before that is a verdict. By default not at all.
    fn delays(&self) -> (Duration, Duration) {
        (Duration::ZERO, Duration::ZERO)
    }
}

/// The rest of a look whose outcome is known.
pub struct Remains(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Remains {
    /// Holds nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Holds something that is gone when this future ends. To drop it is to let go of it.
    #[must_use]
    pub fn until(gone: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(gone)))
    }

    pub(super) async fn gone(self) {
        if let Some(gone) = self.0 {
            gone.await;
        }
    }
}

impl fmt::Debug for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remains({})", if self.0.is_some() { ".." } else { "" })
    }
}
