//! Secrets and tokens that cannot be printed by accident.
//!
//! `Debug` prints `[redacted]`; there is no `Display` and no `Serialize`.
//! There is no `PartialEq` either: comparing secrets with `==` leaks by timing how much of them agrees.
//! [`Redacted::expose`] is the one way out, so that every use can be found by its name.

use core::fmt;

use serde::{Deserialize, Deserializer};

/// A value that is kept out of logs, errors and dumps.
#[derive(Clone, Default)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Takes the value in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the place that needs it on the wire or in a computation.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, given up by its wrapper.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Redacted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let secret = Redacted::new("correct horse".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(secret.expose(), "correct horse");
        assert_eq!(secret.into_exposed(), "correct horse");
    }

    #[test]
    fn serde_wraps_at_once() {
        let secret: Redacted<String> = serde_json::from_str("\"key\"").unwrap();
        assert_eq!(secret.expose(), "key");
    }
}
