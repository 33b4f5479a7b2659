use serde_json::json;

use super::*;
use crate::algorithm::{Algorithm, Algorithms};
use crate::config::{DpopRules, ScopeSet};
use crate::dpop::{Facts, Proof};
use crate::exchange::cache::IssuedToken;
use crate::jwks::PublicKey;
use crate::jwt::UnverifiedJwt;
use crate::jwt::sample::{Issuer, private_pem};
use crate::request::{Headers, Peer, StreamId, TransactionId};
use crate::sharing::NothingShared;
use crate::signatures::{InGuest, SignError, Signatures, SigningKey};
use crate::step::HeaderEdits;
use crate::time::{Seconds, UnixSeconds};

const NOW: u64 = 1_795_478_400;

fn key(algorithm: Algorithm) -> DpopKey {
    let key = SigningKey::from_pem(algorithm, &Redacted::new(private_pem(algorithm))).unwrap();
    let jwk = Value::Object(key.public_jwk().unwrap());
    let header = json!({"typ": "dpop+jwt", "jwk": jwk}).as_object().cloned().unwrap();
    let header = key.protect(header).unwrap();
    let thumbprint = *PublicKey::from_jwk(&jwk).unwrap().thumbprint();
    DpopKey { key, header, thumbprint, origin: "https://upstream.example".to_owned(), proves_grant: false }
}

fn token(key: [u8; 32]) -> IssuedToken {
    let token = Redacted::new("token".to_owned());
    let bound = Bound::new(key, &token);
    IssuedToken {
        token,
        expires_at: UnixSeconds::new(NOW + 60),
        scopes: ScopeSet::default(),
        jti: None,
        bound,
        trace: std::sync::OnceLock::new(),
    }
}

fn with<T>(signatures: &dyn Signatures, event: impl FnOnce(&mut Ambient<'_>) -> T) -> T {
    let mut drawn = 0_u128;
    let mut draw = || {
        drawn = drawn.saturating_add(1);
        drawn.to_be_bytes()
    };
    let now = UnixSeconds::new(NOW);
    event(&mut Ambient { now, draw: &mut draw, signatures, shared: &NothingShared, address: &|| None })
}

fn towards(resource: &str) -> Towards<'_> {
    Towards { resource, agent: "agent" }
}

fn target(path: &str) -> Target {
    let headers: [(&[u8], &[u8]); 2] = [(b":method", b"POST"), (b":path", path.as_bytes())];
    let head =
        RequestHead { stream: StreamId(1), headers: Headers::of(&headers), peer: Peer::default(), end_of_stream: true };
    Target::of(&head).unwrap()
}

/// What this gateway demands of the proofs of others holds of its own, in every algorithm.
#[test]
fn a_proof_of_ours_passes_the_checks_for_those_of_others() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let token = token(key.thumbprint);
        let bound = token.bound.as_ref().unwrap();
        let nonces = GivenNonces::default();
        let proof = with(&InGuest, |ambient| {
            UpstreamProof::make(&key, bound, (towards("r"), &target("/mcp?x=1")), &nonces, ambient).unwrap()
        });
        let rules = DpopRules {
            origin: key.origin.clone(),
            algorithms: Algorithms::new([algorithm]).unwrap(),
            max_age: Seconds::new(1),
            nonce_secret: None,
        };
        let facts = Facts { method: "POST", path: "/mcp", token: "token", token_digest: None };
        let text = proof.text();
        let read = Proof::read(text.expose(), facts, &rules, UnixSeconds::new(NOW)).map_err(|error| error.code());
        let proven = read.unwrap().verify(&InGuest).map_err(|error| error.code()).unwrap();
        assert_eq!(*proven.thumbprint(), key.thumbprint, "{algorithm:?}");
        let (jwt, jwk) = UnverifiedJwt::parse_with_key(text.expose()).unwrap();
        let mut members: Vec<&str> =
            jwk.as_ref().and_then(Value::as_object).unwrap().keys().map(String::as_str).collect();
        members.retain(|name| !["crv", "e", "kty", "n", "x", "y"].contains(name));
        assert!(members.is_empty(), "{members:?}");
        assert_eq!(jwt.header().kid(), None);
    }
}

#[test]
fn each_proof_has_an_identifier_of_its_own_and_the_latest_nonce() {
    let key = key(Algorithm::Es256);
    let token = token(key.thumbprint);
    let mut nonces = GivenNonces::default();
    let mut seen = Vec::new();
    with(&InGuest, |ambient| {
        for nonce in [None, Some("n-1"), Some("n-2")] {
            if let Some(nonce) = nonce.and_then(|nonce| ServerNonce::read(nonce.as_bytes())) {
                nonces.upstream_gave(towards("r"), nonce);
            }
            let bound = token.bound.as_ref().unwrap();
            let proof = UpstreamProof::make(&key, bound, (towards("r"), &target("/mcp")), &nonces, ambient).unwrap();
            let text = proof.text();
            let jwt = UnverifiedJwt::parse_with_key(text.expose()).unwrap().0;
            let claims = jwt.claims();
            assert_eq!(claims.text("nonce").unwrap(), nonce);
            seen.push(claims.text("jti").unwrap().map(str::to_owned));
        }
    });
    seen.dedup();
    assert_eq!(seen.len(), 3);
    assert_eq!(nonces.of_upstream(towards("other")).0, None, "another upstream's nonce is its own");
}

#[test]
fn the_target_of_a_call_has_no_query() {
    for (url, want) in [
        ("https://as.example/token", "https://as.example/token"),
        ("https://as.example/token?tenant=1", "https://as.example/token"),
        ("https://as.example?x", "https://as.example"),
    ] {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!(For::token(&endpoint, None).url, want);
    }
}

/// Neither goes on without the other.
#[test]
fn a_token_and_a_proof_that_do_not_belong_together_are_no_credential() {
    let ours = key(Algorithm::Es256);
    let txn = TransactionId::new([0; 16]);
    let tied = token(ours.thumbprint);
    let bound = tied.bound.as_ref().unwrap();
    let nonces = GivenNonces::default();
    let proof = with(&InGuest, |ambient| {
        UpstreamProof::make(&ours, bound, (towards("r"), &target("/mcp")), &nonces, ambient).unwrap()
    });
    let authorize = |token: &IssuedToken, proof| {
        let edits = HeaderEdits::authorize(token, proof, Vec::new(), &txn).map_err(Rejection::code)?;
        Ok::<_, &str>(edits.replacements().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(authorize(&tied, Some(&proof)).unwrap(), ["authorization", "x-actgate-txn", "dpop"]);
    assert_eq!(authorize(&tied, None), Err("internal"));
    assert_eq!(authorize(&token([9; 32]), Some(&proof)), Err("internal"));
    let bearer = IssuedToken { bound: None, ..token([9; 32]) };
    assert_eq!(authorize(&bearer, Some(&proof)), Err("internal"));
    assert_eq!(authorize(&bearer, None).unwrap(), ["authorization", "x-actgate-txn"]);
}

/// A host and a guest that sign nothing.
struct NoHand;

impl Signatures for NoHand {
    fn verify(&self, _key: &PublicKey, _algorithm: Algorithm, _jwt: &UnverifiedJwt<'_>) -> bool {
        false
    }

    fn sign(&self, _key: &SigningKey, _input: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::Signature)
    }
}

#[test]
fn what_cannot_be_signed_is_an_error_and_no_proof() {
    let key = key(Algorithm::Es256);
    let endpoint = Endpoint::parse("https://as.example/token").unwrap();
    let made = with(&NoHand, |ambient| make(&key, For::token(&endpoint, None), ambient));
    assert_eq!(made.err().map(Rejection::code), Some("internal"));
}

#[test]
fn nothing_of_the_key_is_printed() {
    let key = key(Algorithm::Es256);
    let issuer = Issuer::of(Algorithm::Es256);
    let printed = format!("{key:?} {:?}", issuer.signing_key);
    let pem = private_pem(Algorithm::Es256);
    assert!(pem.lines().filter(|line| line.len() > 20 && !line.starts_with('-')).all(|line| !printed.contains(line)));
}
