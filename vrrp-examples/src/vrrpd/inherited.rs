//! Variables and descriptors that vrrpd inherits, does not need, and does not pass on to scripts.

use std::fs;

use nix::sys::signal::SigSet;
use nix::unistd::close;

/// Unblocks signals. A parent that waits for signals may have blocked them, and then vrrpd would not even stop.
pub(super) fn unblock() {
    // Emptying the mask cannot fail.
    let _ = SigSet::empty().thread_set_mask();
}

/// Call it first: while there is one thread, and no descriptor of ours but 0, 1 and 2.
///
/// `resumes`: the program before has blocked all signals until they are [caught](unblock) again.
pub(super) fn give_up(resumes: bool) {
    if !resumes {
        unblock();
    }
    // The descriptor of the list itself is among them: it is closed by then.
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let descriptors: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in descriptors.into_iter().filter(|descriptor| *descriptor > 2) {
        let _ = close(descriptor);
    }
}
