//! Time as the core knows it: numbers handed in, never read from a clock.
//!
//! Each type is one unit, so that a duration cannot be passed where an instant is wanted, nor milliseconds where seconds are.
//! All arithmetic saturates or is checked; nothing here wraps.

/// A moment: whole seconds since 1970-01-01T00:00:00Z, ignoring leap seconds (RFC 7519 §2 `NumericDate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The moment that many seconds after the epoch.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The number of seconds since the epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This moment moved later, or the last representable one.
    #[must_use]
    pub const fn saturating_add(self, duration: Seconds) -> Self {
        Self(self.0.saturating_add(duration.0))
    }

    /// This moment moved earlier, or the epoch.
    #[must_use]
    pub const fn saturating_sub(self, duration: Seconds) -> Self {
        Self(self.0.saturating_sub(duration.0))
    }

    /// How long after `earlier` this moment is, or `None` when it is before it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Seconds> {
        match self.0.checked_sub(earlier.0) {
            Some(seconds) => Some(Seconds(seconds)),
            None => None,
        }
    }
}

/// A duration in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u64);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration of that many seconds.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A duration in milliseconds, in the width in which proxy-wasm takes a callout's timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(u32);

impl Millis {
    /// A duration of that many milliseconds.
    #[must_use]
    pub const fn new(millis: u32) -> Self {
        Self(millis)
    }

    /// The number of milliseconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let last = UnixSeconds::new(u64::MAX);
        assert_eq!(last.saturating_add(Seconds::new(1)), last);
        assert_eq!(UnixSeconds::new(1).saturating_sub(Seconds::new(2)), UnixSeconds::new(0));
    }

    #[test]
    fn since_is_none_when_the_other_moment_is_later() {
        let (early, late) = (UnixSeconds::new(10), UnixSeconds::new(15));
        assert_eq!(late.since(early), Some(Seconds::new(5)));
        assert_eq!(early.since(early), Some(Seconds::ZERO));
        assert_eq!(early.since(late), None);
    }
}
