//! A bound on answers: whoever keeps its own rate always gets one, a flood does not (FSM-A-10).

use core::time::Duration;

use crate::time::Instant;

/// Answers that may leave in one burst.
const BURST: u8 = 4;

/// One token each period, `BURST` at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    tokens: u8,
    filled_at: Instant,
}

impl TokenBucket {
    pub(crate) const fn full() -> Self {
        Self { tokens: BURST, filled_at: Instant::ZERO }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Instant, period: Duration) -> bool {
        let period = period.as_nanos().max(1);
        let earned = now.since(self.filled_at).as_nanos() / period;
        if earned >= u128::from(BURST) {
            (self.tokens, self.filled_at) = (BURST, now);
        } else if let (Ok(earned), Ok(span)) = (u8::try_from(earned), u64::try_from(earned * period)) {
            self.tokens = self.tokens.saturating_add(earned).min(BURST);
            self.filled_at = self.filled_at + Duration::from_nanos(span);
        }
        let granted = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        granted
    }
}
