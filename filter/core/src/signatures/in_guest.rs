//! Verification by jwt-simple's keys, inside the module.
//!
//! The keys are jwt-simple's, parsed and checked by it; the check itself is asked of the primitive inside the key.
//! `verify_token` is passed by on purpose: it goes on to read the claims by its own rules, reads a clock for them,
//! and so reports a good signature as bad when `exp` has a fraction, `typ` is not a JWT's or a claim has a type it does not expect.
//!
//! ECDSA signatures are accepted in both of their forms, `s` and `n − s` (RFC 7518 §3.4 does not choose one).
//! Hence one token has several valid texts: nothing may be revoked, or counted as used, by the text or digest of a token.

use jwt_simple::algorithms::RSAPublicKey;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use superboring::error::ErrorStack;
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Public};
use superboring::rsa::{Padding, Rsa};
use superboring::sign::{RsaPssSaltlen, Verifier};

use super::Signatures;
use crate::algorithm::Algorithm;
use crate::digest::{sha256, sha384};
use crate::jwks::PublicKey;
use crate::jwks::key::Material;
use crate::jwt::UnverifiedJwt;

/// Verification in the guest, for every algorithm and on every host.
#[derive(Clone, Copy, Debug, Default)]
pub struct InGuest;

impl Signatures for InGuest {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool {
        signed(key.material(), algorithm, jwt.signing_input().as_bytes(), jwt.signature())
    }
}

/// Whether `signature` over `input` was made by `key` with `algorithm`.
pub(super) fn signed(key: &Material, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
    let rsa =
        |key: &RSAPublicKey, digest, padding| rsa(key.as_ref(), digest, padding, input, signature).unwrap_or(false);
    match (algorithm, key) {
        (Algorithm::Rs256, Material::Rsa(key)) => rsa(key, MessageDigest::sha256(), Padding::PKCS1),
        (Algorithm::Rs384, Material::Rsa(key)) => rsa(key, MessageDigest::sha384(), Padding::PKCS1),
        (Algorithm::Rs512, Material::Rsa(key)) => rsa(key, MessageDigest::sha512(), Padding::PKCS1),
        (Algorithm::Ps256, Material::Rsa(key)) => rsa(key, MessageDigest::sha256(), Padding::PKCS1_PSS),
        (Algorithm::Es256, Material::P256(key)) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.as_ref().verify_prehash(&sha256(input), &signature).is_ok()),
        (Algorithm::Es384, Material::P384(key)) => p384::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.as_ref().verify_prehash(&sha384(input), &signature).is_ok()),
        (Algorithm::EdDsa, Material::Ed25519(key)) => ed25519_compact::Signature::from_slice(signature)
            .is_ok_and(|signature| key.as_ref().verify(input, &signature).is_ok()),
        // A key of another type, which `PublicKey::fits` excludes.
        (_, Material::Rsa(_) | Material::P256(_) | Material::P384(_) | Material::Ed25519(_)) => false,
    }
}

fn rsa(
    key: &Rsa<Public>,
    digest: MessageDigest,
    padding: Padding,
    input: &[u8],
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    let key = PKey::from_rsa(key.clone())?;
    let mut verifier = Verifier::new(digest, &key)?;
    verifier.set_rsa_padding(padding)?;
    // RFC 7518 §3.5: "The size of the salt value is the same size as the hash function output."
    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
    verifier.update(input)?;
    verifier.verify(signature)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod rfc7520;

#[cfg(test)]
#[expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]
mod wycheproof;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base64url;
    use crate::jwt::sample::Issuer;

    /// Checks a compact JWS whose payload need not be JSON.
    fn check(jwk: serde_json::Value, algorithm: Algorithm, jws: &str, want: bool) {
        let key = PublicKey::from_jwk(&jwk).unwrap();
        let (input, signature) = jws.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        assert_eq!(signed(key.material(), algorithm, input.as_bytes(), &signature), want, "{jws}");
    }

    fn rfc7515_a2_jwk() -> serde_json::Value {
        json!({"kty": "RSA", "e": "AQAB", "n": concat!(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp",
            "-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOW",
            "vG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs",
            "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k",
            "G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2",
            "PAcDTW9gb54h4FRWyuXpoQ")})
    }

    const RFC7515_A2_JWS: &str = concat!(
        "eyJhbGciOiJSUzI1NiJ9",
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7",
        "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4",
        "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K",
        "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv",
        "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB",
        "p0igcN_IoypGlUPQGe77Rw"
    );

    const RFC7515_A3_JWS: &str = concat!(
        "eyJhbGciOiJFUzI1NiJ9",
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA",
        "pmWQxfKTUJqPP3-Kg6NU1Q"
    );

    fn rfc7515_a3_jwk() -> serde_json::Value {
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    #[test]
    fn the_examples_of_rfc_7515_and_rfc_8037() {
        check(rfc7515_a2_jwk(), Algorithm::Rs256, RFC7515_A2_JWS, true);
        check(rfc7515_a3_jwk(), Algorithm::Es256, RFC7515_A3_JWS, true);
        check(
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
             09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            true,
        );
    }

    #[test]
    fn one_changed_byte_is_noticed() {
        let changed = |jws: &str| jws.replacen(".eyJpc3MiOiJqb2Ui", ".eyJpc3MiOiJqb2Uj", 1);
        check(rfc7515_a2_jwk(), Algorithm::Rs256, &changed(RFC7515_A2_JWS), false);
        check(rfc7515_a3_jwk(), Algorithm::Es256, &changed(RFC7515_A3_JWS), false);
    }

    /// Every algorithm against every other: a signature is good for its own key and its own algorithm only.
    #[test]
    fn a_signature_is_good_for_one_key_and_one_algorithm() {
        let input = b"signing input";
        for signer in Algorithm::ALL {
            let issuer = Issuer::of(signer);
            let signature = issuer.signing_key.sign(input).unwrap();
            for algorithm in Algorithm::ALL {
                for other in Algorithm::ALL {
                    // All RSA algorithms share one key here, so that only the algorithm tells them apart.
                    let key = Issuer::of(other).unbound_key();
                    let own_key = key.thumbprint() == issuer.unbound_key().thumbprint();
                    let want = own_key && algorithm == signer;
                    let got = signed(key.material(), algorithm, input, &signature);
                    assert_eq!(got, want, "{signer:?} read as {algorithm:?} with a key of {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_cut_extended_or_zero_signature_is_bad() {
        for algorithm in Algorithm::ALL {
            let issuer = Issuer::of(algorithm);
            let key = issuer.unbound_key();
            let good = issuer.signing_key.sign(b"input").unwrap();
            let mut cut = good.clone();
            cut.pop();
            let zero = vec![0; good.len()];
            for bad in [cut, [good.as_slice(), &[0]].concat(), [&[0], good.as_slice()].concat(), zero, Vec::new()] {
                assert!(!signed(key.material(), algorithm, b"input", &bad), "{algorithm:?}");
            }
            assert!(signed(key.material(), algorithm, b"input", &good), "{algorithm:?}");
        }
    }

    /// What the module's doc warns of.
    #[test]
    fn ecdsa_has_two_signatures_for_one() {
        let issuer = Issuer::of(Algorithm::Es256);
        let good = issuer.signing_key.sign(b"input").unwrap();
        let (r, s) = p256::ecdsa::Signature::from_slice(&good).unwrap().split_scalars();
        let other = p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap().to_vec();
        assert_ne!(good, other);
        assert!(signed(issuer.unbound_key().material(), Algorithm::Es256, b"input", &other));
    }
}
