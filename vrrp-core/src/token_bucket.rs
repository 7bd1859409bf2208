//! A bound on reactions: whoever keeps to a rate always gets one, a flood does not.

use core::time::Duration;

use crate::time::Instant;

/// One token each period, `BURST` at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct TokenBucket<const BURST: u8> {
    tokens: u8,
    filled_at: Instant,
}

impl<const BURST: u8> TokenBucket<BURST> {
    pub(crate) const fn full() -> Self {
        Self { tokens: BURST, filled_at: Instant::ZERO }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Instant, period: Duration) -> bool {
        let granted = self.has(now, period);
        self.tokens = self.tokens.saturating_sub(1);
        granted
    }

    /// Tells whether there is a token.
    pub(crate) fn has(&mut self, now: Instant, period: Duration) -> bool {
        let period = period.as_nanos().max(1);
        let earned = now.since(self.filled_at).as_nanos() / period;
        if earned >= u128::from(BURST) {
            (self.tokens, self.filled_at) = (BURST, now);
        } else if let (Ok(earned), Ok(span)) = (u8::try_from(earned), u64::try_from(earned * period)) {
            self.tokens = self.tokens.saturating_add(earned).min(BURST);
            self.filled_at = self.filled_at + Duration::from_nanos(span);
        }
        self.tokens > 0
    }

    /// Returns when it was last used or filled.
    pub(crate) const fn filled_at(&self) -> Instant {
        self.filled_at
    }
}

impl<const BURST: u8> Default for TokenBucket<BURST> {
    fn default() -> Self {
        Self::full()
    }
}
