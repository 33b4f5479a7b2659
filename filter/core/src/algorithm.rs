//! The signature algorithms the gateway knows, and the sets of them that configuration allows.
//!
//! All are asymmetric: `none` and the `HS*` family have no value here, so no rule can allow them by mistake.
//! Names are compared exactly, as RFC 7515 §4.1.1 has them ("case-sensitive").

use std::collections::BTreeSet;

/// A JWS signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519; Ed448 is not known here.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in the order in which documentation lists them.
    pub const ALL: [Self; 7] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The algorithm of that name; RFC 9864's `Ed25519` is the same as `EdDSA` with that curve.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "RS512" => Some(Self::Rs512),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The name as it is written in a header, and in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A non-empty set of algorithms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(BTreeSet<Algorithm>);

impl Algorithms {
    /// Every algorithm the gateway knows.
    #[must_use]
    pub fn all() -> Self {
        Self(Algorithm::ALL.into_iter().collect())
    }

    /// The set of those algorithms, or `None` for the empty set, which would refuse every token.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Option<Self> {
        let set: BTreeSet<_> = algorithms.into_iter().collect();
        (!set.is_empty()).then_some(Self(set))
    }

    /// Whether that algorithm is in the set.
    #[must_use]
    pub fn contains(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_itself() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
    }

    #[test]
    fn other_names_and_other_cases_are_unknown() {
        for name in [
            "", "none", "None", "NONE", "HS256", "rs256", "Rs256", "es256", "EDDSA", "eddsa", "ed25519", "RS256 ",
            "ES512", "ES256K", "PS384", "Ed448",
        ] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_set_is_never_empty() {
        assert_eq!(Algorithms::new([]), None);
        assert!(Algorithm::ALL.into_iter().all(|each| Algorithms::all().contains(each)));
        let one = Algorithms::new([Algorithm::Es256, Algorithm::Es256]);
        assert!(one.is_some_and(|set| set.iter().eq([Algorithm::Es256]) && !set.contains(Algorithm::EdDsa)));
    }
}
