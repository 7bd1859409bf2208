//! The children that are ours to reap. The other ones are orphans, which come to whoever is PID 1 or a subreaper.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

static OWN: Mutex<Own> = Mutex::new(Own { running: BTreeSet::new(), left: BTreeSet::new() });

#[derive(Debug)]
struct Own {
    running: BTreeSet<Pid>,
    /// Killed, and left to tokio to be reaped.
    left: BTreeSet<Pid>,
}

fn own() -> MutexGuard<'static, Own> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that the calling thread has started a child of ours.
pub(super) fn started(child: Pid) {
    own().running.insert(child);
}

/// It has been reaped.
pub(super) fn reaped(child: Pid) {
    own().running.remove(&child);
}

/// Nobody waits for it any more; tokio reaps it.
pub(super) fn left(child: Pid) {
    let mut own = own();
    own.running.remove(&child);
    own.left.insert(child);
}

/// Leaves of `children` those that are not ours.
pub(crate) fn retain_foreign(children: &mut Vec<Pid>) {
    let mut own = own();
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    own.left.retain(|child| !matches!(waitid(Id::Pid(*child), flags), Err(Errno::ECHILD)));
    children.retain(|child| !own.running.contains(child) && !own.left.contains(child));
}
