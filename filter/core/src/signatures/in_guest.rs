//! Verification by jwt-simple's keys, inside the module.
//!
//! The keys are jwt-simple's, parsed and checked by it; the check itself is asked of the primitive inside the key.
//! `verify_token` is passed by on purpose: it goes on to read the claims by its own rules, reads a clock for them,
//! and so reports a good signature as bad when `exp` has a fraction, `typ` is not a JWT's or a claim has a type it does not expect.
//!
//! ECDSA signatures are accepted in both of their forms, `s` and `n − s` (RFC 7518 §3.4 does not choose one).
//! Hence one token has several valid texts: nothing may be revoked, or counted as used, by the text or digest of a token.

use ed25519_compact::Signature as Ed25519Signature;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
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
        let (input, signature) = (jwt.signing_input().as_bytes(), jwt.signature());
        match (algorithm, key.material()) {
            (Algorithm::Rs256, Material::Rsa(key)) => {
                rsa(key.as_ref(), MessageDigest::sha256(), Padding::PKCS1, input, signature)
            }
            (Algorithm::Rs384, Material::Rsa(key)) => {
                rsa(key.as_ref(), MessageDigest::sha384(), Padding::PKCS1, input, signature)
            }
            (Algorithm::Rs512, Material::Rsa(key)) => {
                rsa(key.as_ref(), MessageDigest::sha512(), Padding::PKCS1, input, signature)
            }
            (Algorithm::Ps256, Material::Rsa(key)) => {
                rsa(key.as_ref(), MessageDigest::sha256(), Padding::PKCS1_PSS, input, signature)
            }
            (Algorithm::Es256, Material::P256(key)) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.as_ref().verify_prehash(&sha256(input), &signature).is_ok()),
            (Algorithm::Es384, Material::P384(key)) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.as_ref().verify_prehash(&sha384(input), &signature).is_ok()),
            (Algorithm::EdDsa, Material::Ed25519(key)) => Ed25519Signature::from_slice(signature)
                .is_ok_and(|signature| key.as_ref().verify(input, &signature).is_ok()),
            // A key of another type: the pair cannot come from `PublicKey::fits`.
            (
                _,
                Material::Rsa(_) | Material::P256(_) | Material::P384(_) | Material::Ed25519(_),
            ) => false,
        }
    }
}

fn rsa(key: &Rsa<Public>, digest: MessageDigest, padding: Padding, input: &[u8], signature: &[u8]) -> bool {
    let verified = || {
        let key = PKey::from_rsa(key.clone())?;
        let mut verifier = Verifier::new(digest, &key)?;
        verifier.set_rsa_padding(padding)?;
        // RFC 7518 §3.5: "The size of the salt value is the same size as the hash function output."
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        verifier.update(input)?;
        verifier.verify(signature)
    };
    verified().unwrap_or(false)
}
