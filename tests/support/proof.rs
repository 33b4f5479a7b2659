//! Making the DPoP proof of a step: the good one, with one thing changed; and checking what the gateway proves to an upstream.

use std::collections::BTreeSet;

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::mint;
use actgate::dev::proof::{self, Wanted};
use actgate::dev::world::World;
use actgate_core::base64url;
use actgate_core::digest::sha256;
use actgate_core::jwks::PublicKey;
use serde_json::{Value, json};

use crate::case::ProofRecipe;
use crate::gateway::{Observation, Request, Seen};
use crate::token;

/// The key that proofs are made with where nothing else is said.
const KEY: &str = "ES256/7";

/// The RFC 7638 thumbprint of the key of that name, in base64url.
pub fn thumbprint(world: &World, key: &str) -> String {
    let jwk = token::key(world, key).public_jwk().to_json();
    let key = PublicKey::from_jwk(&jwk).expect("a public key");
    base64url::encode(key.thumbprint()).expect("base64url")
}

/// What a proof is made for, and what came before it.
pub struct Around<'a> {
    /// The world whose keys are named.
    pub world: &'a World,
    /// The time it is made.
    pub now: UnixSeconds,
    /// The case and the step, so that no identifier comes twice.
    pub name: String,
    /// The access token beside it.
    pub token: &'a str,
    /// The proofs of the steps before.
    pub earlier: &'a [Option<String>],
    /// What came of the steps before.
    pub seen: &'a [Observation],
}

/// The proof of `recipe` for `request`.
pub fn make(recipe: &ProofRecipe, request: &Request, around: &Around<'_>) -> String {
    if let Some(step) = recipe.again {
        return earlier(around, step);
    }
    if let Some(verbatim) = &recipe.verbatim {
        return verbatim.clone();
    }
    let key = token::key(around.world, recipe.key.as_deref().unwrap_or(KEY));
    let shown = recipe.jwk.as_ref().map_or_else(|| key.clone(), |name| token::key(around.world, name));
    let mut jwk = bare(&shown.public_jwk().to_json());
    for (name, value) in &recipe.jwk_members {
        jwk[name.as_str()] = value.clone();
    }
    let mut header = json!({"typ": "dpop+jwt", "jwk": jwk, "kid": null});
    for (name, value) in &recipe.header {
        header[name.as_str()] = value.clone();
    }
    let proof = mint::jws(&key, &header, &claims(recipe, request, around));
    match recipe.broken.as_deref() {
        None => proof,
        Some("bad_signature") => mint::broken::bad_signature(&proof),
        Some(other) => panic!("no broken form is called {other}"),
    }
}

fn earlier(around: &Around<'_>, step: usize) -> String {
    around.earlier.get(step).cloned().flatten().expect("an earlier proof")
}

/// The members of the key itself; `kid`, `use` and `alg` are the issuer's business.
fn bare(jwk: &Value) -> Value {
    let members = ["kty", "crv", "x", "y", "n", "e"];
    jwk.as_object().expect("a key").iter().filter(|(name, _)| members.contains(&name.as_str())).fold(
        json!({}),
        |mut bare, (name, value)| {
            bare[name.as_str()] = value.clone();
            bare
        },
    )
}

fn claims(recipe: &ProofRecipe, request: &Request, around: &Around<'_>) -> Value {
    let path = request.path.split('?').next().unwrap_or_default();
    let hashed = recipe.ath_of.as_deref().unwrap_or(around.token);
    let mut claims = json!({
        "jti": around.name, "htm": request.method, "iat": around.now.0,
        "htu": format!("https://{}{path}", request.host),
        "ath": base64url::encode(&sha256(hashed.as_bytes())),
    });
    if let Some(step) = recipe.nonce_of {
        let headers = &around.seen[step].headers;
        let nonce = headers.iter().find(|(name, _)| name == "dpop-nonce").map(|(_, value)| value);
        claims["nonce"] = json!(nonce.expect("a nonce"));
    }
    for (name, value) in &recipe.claims {
        token::set(&mut claims, name, value);
    }
    token::resolve_times(&mut claims, around.now);
    claims
}

/// Where upstreams that want proofs think they are, in every vector.
const UPSTREAM: &str = "https://upstream.example";

/// Checks the proof beside a token that is tied to a key, as an upstream does that shares no code with the gateway; `used` are the proofs before.
/// A bearer token has no proof beside it.
pub fn check_upstream(
    seen: &Seen,
    request: &Request,
    now: UnixSeconds,
    used: &mut BTreeSet<String>,
) -> Result<Option<Value>, String> {
    let (credentials, proofs) = (seen.all("authorization"), seen.all("dpop"));
    let Some(token) = credentials.first().and_then(|value| value.strip_prefix("DPoP ")) else {
        return if proofs.is_empty() { Ok(None) } else { Err(format!("a proof beside {credentials:?}")) };
    };
    let [text] = proofs.as_slice() else {
        return Err(format!("{} proofs reached the upstream", proofs.len()));
    };
    let url = format!("{UPSTREAM}{}", request.path.split('?').next().unwrap_or_default());
    let wanted = Wanted { method: &request.method, url: &url, token: Some(token), now };
    let shown = proof::check(text, wanted).map_err(|wrong| format!("upstream: {wrong}"))?;
    if !used.insert(shown.jti.clone()) {
        return Err("a proof was sent twice".to_owned());
    }
    let tied_to = mint::claims_of(token)["cnf"]["jkt"].clone();
    if !tied_to.is_null() && tied_to != shown.thumbprint {
        return Err(format!("the token is tied to {tied_to} and the proof is of {}", shown.thumbprint));
    }
    Ok(Some(mint::claims_of(text)))
}
