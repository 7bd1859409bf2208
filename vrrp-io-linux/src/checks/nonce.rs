//! Numbers that nobody else guesses.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Returns another number each time, which those outside the process do not foresee.
pub(super) fn nonce() -> u64 {
    static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    SECRET.hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
}
