//! The errors that keep a lab or a benchmark from running at all.

use std::io;

use nix::errno::Errno;

/// A task, and the reason why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step failed.
    #[error("{doing}: {source}")]
    Step {
        /// The step.
        doing: String,
        /// The reason.
        source: io::Error,
    },
    /// A netlink request failed.
    #[error("{doing}: {source}")]
    Netlink {
        /// The step.
        doing: String,
        /// The reason.
        source: rtnetlink::Error,
    },
    /// The kernel lets this user make no namespaces.
    #[error(
        "the kernel refuses this user a user namespace ({0}): run as root, or allow it with \
         `sysctl user.max_user_namespaces=15000` (Debian before 11: `sysctl kernel.unprivileged_userns_clone=1`; \
         Ubuntu from 23.10: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; \
         in a container: start it with --privileged)"
    )]
    NamespacesRefused(Errno),
    /// The command line asks for what is not there.
    #[error("{0}")]
    Usage(String),
    /// The lab did not reach the state that every check starts from.
    #[error("{0}")]
    NotSteady(String),
}

impl Error {
    /// Makes the error of a failed step, `doing`.
    pub fn new(doing: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Step { doing: doing.into(), source: source.into() }
    }

    pub(crate) fn netlink(doing: impl Into<String>, source: rtnetlink::Error) -> Self {
        Self::Netlink { doing: doing.into(), source }
    }

    pub(crate) fn namespaces_refused(errno: Errno) -> Self {
        Self::NamespacesRefused(errno)
    }
}
