//! Time that moves only when told, and the timers that wait for it.

use std::time::Duration;

/// An instant of the emulated clock, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Instant {
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Wall clock and monotonic clock in one: both advance together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    pub(crate) now: Instant,
    pub(crate) started: Instant,
}

impl Clock {
    pub(crate) fn at(unix_nanos: u64) -> Self {
        Self { now: Instant(unix_nanos), started: Instant(unix_nanos) }
    }

    pub(crate) fn monotonic_nanos(&self) -> u64 {
        // Any non-zero origin: a guest must not take the monotonic clock for time since the epoch.
        1_000_000_000 + (self.now.0 - self.started.0)
    }
}
