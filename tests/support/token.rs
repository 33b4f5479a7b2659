//! Making the token of a step: the good one, with one thing changed.

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::issuer::introspection::opaque_token;
use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::dev::mint;
use actgate::dev::world::{World, streamward};
use actgate_core::base64url;
use serde_json::{Value, json};

use crate::case::TokenRecipe;
use crate::{peer, proof};

/// The claims of T3 as the knowledge agent's authorization server issues them at `now`.
pub fn good_claims(now: UnixSeconds, case: &str) -> Value {
    json!({
        "iss": streamward::RAS_KNOWLEDGE_ISSUER,
        "sub": streamward::DEMO_USER,
        "uid": streamward::DEMO_USER_ID,
        "aud": streamward::KNOWLEDGE_RESOURCE,
        "cid": streamward::ORCHESTRATOR,
        "scp": [streamward::EXECUTE],
        "iat": now.0,
        "exp": now.0 + 3600,
        "jti": format!("AT.{case}"),
        "sub_profile": "user",
        "act": {
            "sub": streamward::ORCHESTRATOR, "sub_profile": "ai_agent",
            "act": { "sub": streamward::CHAT_APP, "sub_profile": "web_app" }
        }
    })
}

/// A key by name: an issuer (the key it signs with), `<issuer>/<number>` (one that stands by), `<algorithm>/<number>` (nobody's),
/// or `stranger` (another one each time).
pub fn key(world: &World, name: &str) -> SigningKey {
    if name == "stranger" {
        return SigningKey::generate(Algorithm::Es256, "stranger");
    }
    if let Some(key) = world.key(name).or(world.key(&format!("{name}/0"))) {
        return key.clone();
    }
    let (algorithm, slot) = name.split_once('/').unwrap_or_else(|| panic!("no key is called {name}"));
    let algorithm = Algorithm::parse(algorithm).unwrap_or_else(|| panic!("no algorithm is called {algorithm}"));
    SigningKey::shared(algorithm, slot.parse().expect("a number"), name)
}

/// The token of `recipe`; none where no credential is presented.
///
/// `case` makes its identifier unique, so that no case finds what another left in a cache.
/// `earlier` are the tokens of the steps before.
pub fn make(
    world: &World,
    now: UnixSeconds,
    case: &str,
    recipe: &TokenRecipe,
    earlier: &[Option<String>],
) -> Option<String> {
    let good = Good { claims: good_claims(now, case), typ: "at+jwt", signer: streamward::RAS_KNOWLEDGE };
    make_of(world, now, recipe, earlier, good)
}

/// The JWT-SVID of `recipe`: by default the knowledge agent's, for the identity provider.
pub fn make_svid(
    world: &World,
    now: UnixSeconds,
    case: &str,
    recipe: &TokenRecipe,
    earlier: &[Option<String>],
) -> Option<String> {
    let mut claims = mint::svid_claims(&peer::uri_san(world, streamward::KNOWLEDGE_AGENT), streamward::IDP_ISSUER, now);
    claims["jti"] = json!(format!("SVID.{case}"));
    make_of(world, now, recipe, earlier, Good { claims, typ: "JWT", signer: streamward::SVID_KEY })
}

/// What a recipe changes.
struct Good {
    claims: Value,
    typ: &'static str,
    signer: &'static str,
}

fn make_of(
    world: &World,
    now: UnixSeconds,
    recipe: &TokenRecipe,
    earlier: &[Option<String>],
    good: Good,
) -> Option<String> {
    if recipe.presented.as_deref() == Some("none") {
        return None;
    }
    if let Some(step) = recipe.again {
        return earlier.get(step).expect("an earlier step").clone();
    }
    if let Some(verbatim) = &recipe.verbatim {
        return Some(verbatim.clone());
    }
    let mut claims = recipe.all_claims.clone().unwrap_or(good.claims);
    if let Some(actors) = recipe.actors {
        claims["act"] = chain_of(actors);
    }
    for (name, value) in &recipe.claims {
        set(&mut claims, name, value);
    }
    resolve_times(&mut claims, now);
    resolve_keys(world, &mut claims);
    if recipe.opaque {
        return Some(opaque_token(&claims));
    }
    let mut header = json!({ "typ": good.typ });
    for (name, value) in &recipe.header {
        header[name.as_str()] = value.clone();
    }
    let key = &key(world, recipe.signed_by.as_deref().unwrap_or(good.signer));
    if let Some(bytes) = recipe.bytes {
        return Some(padded_to(bytes, key, header, claims));
    }
    let token = match (&recipe.raw_header, &recipe.raw_claims) {
        (None, None) => mint::jws(key, &header, &claims),
        (raw_header, raw_claims) => {
            let good = mint::header_of(&mint::jws(key, &header, &claims)).to_string();
            let header = raw_header.as_ref().map_or(good, |raw| raw.replace("{kid}", key.kid()));
            let claims = raw_claims.as_ref().map_or_else(|| claims.to_string(), |raw| with_times(raw, now));
            mint::signed_bytes(key, header.as_bytes(), claims.as_bytes())
        }
    };
    Some(match recipe.broken.as_deref() {
        None => token,
        Some(form) => broken(form, key, &claims, &token),
    })
}

fn broken(form: &str, key: &SigningKey, claims: &Value, token: &str) -> String {
    use mint::broken as form_of;
    match form {
        "alg_none" => form_of::alg_none("none", claims),
        "alg_none_mixed_case" => form_of::alg_none("nOnE", claims),
        "hs256_with_public_key" => form_of::hs256_with_public_key(key, claims),
        "bad_signature" => form_of::bad_signature(token),
        "empty_signature" => form_of::empty_signature(token),
        "der_signature" => form_of::der_signature(token),
        "zero_signature" => form_of::zero_signature(token),
        "non_canonical_base64" => form_of::non_canonical_base64(token).expect("a part with spare bits"),
        "padded" => form_of::padded(token),
        "extra_part" => form_of::extra_part(token),
        "missing_part" => form_of::missing_part(token),
        "unknown_crit" => form_of::unknown_crit(key, claims),
        "embedded_jwk" => form_of::embedded_jwk(&SigningKey::generate(Algorithm::Es256, "attacker"), claims),
        "swapped_claims" => form_of::swapped_claims(token, &forged(claims)),
        "swapped_header" => with_header(token, &json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.kid(), "x": 1 })),
        "encrypted" => format!("{token}.e30.e30"),
        "space_inside" => token.replacen('.', " .", 1),
        "newline_after" => format!("{token}\n"),
        "percent_encoded" => token.replace('.', "%2E"),
        "standard_base64" => format!("{token}+/"),
        "short_signature" => short_signature(token),
        "empty_claims_part" => empty_claims(token),
        "other_half" => other_half(token),
        other => panic!("no broken form is called {other}"),
    }
}

/// The claims an attacker would rather have.
fn forged(claims: &Value) -> Value {
    let mut claims = claims.clone();
    claims["sub"] = json!("admin@streamward.com");
    claims
}

fn with_header(token: &str, header: &Value) -> String {
    let rest = token.split_once('.').map_or("", |(_, rest)| rest);
    format!("{}.{rest}", base64url::encode(header.to_string().as_bytes()).expect("base64url"))
}

fn empty_claims(token: &str) -> String {
    let mut parts = token.split('.');
    let header = parts.next().unwrap_or_default();
    format!("{header}..{}", parts.nth(1).unwrap_or_default())
}

/// Without the last byte.
fn short_signature(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').expect("three parts");
    let mut bytes = base64url::decode(signature).expect("base64url");
    bytes.pop();
    format!("{input}.{}", base64url::encode(&bytes).expect("base64url"))
}

/// The second valid ECDSA signature of the same token: `(r, n - s)`.
fn other_half(token: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (input, signature) = token.rsplit_once('.').expect("three parts");
    let mut bytes = base64url::decode(signature).expect("base64url");
    let mut borrow = 0;
    for (byte, order) in bytes.iter_mut().skip(32).zip(ORDER).rev() {
        let difference = i16::from(order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).expect("a byte");
    }
    format!("{input}.{}", base64url::encode(&bytes).expect("base64url"))
}

/// So many actors, the orchestrator outermost.
fn chain_of(actors: usize) -> Value {
    let prior = (1..actors).rev().fold(Value::Null, |act, at| {
        let mut actor = json!({ "sub": format!("wlpprior{at}"), "sub_profile": "ai_agent" });
        if !act.is_null() {
            actor["act"] = act;
        }
        actor
    });
    let mut outermost = json!({ "sub": streamward::ORCHESTRATOR, "sub_profile": "ai_agent" });
    if !prior.is_null() {
        outermost["act"] = prior;
    }
    outermost
}

/// A claim, and where the arithmetic of base64 needs it a header, of such a length that the token has so many bytes.
fn padded_to(bytes: usize, key: &SigningKey, mut header: Value, mut claims: Value) -> String {
    for spare in 0..3 {
        header["x"] = json!("x".repeat(spare));
        claims["pad"] = json!("");
        let missing = bytes.checked_sub(mint::jws(key, &header, &claims).len()).expect("room for the claims");
        for less in 0..4 {
            claims["pad"] = json!("x".repeat((missing * 3 / 4).saturating_sub(less)));
            let token = mint::jws(key, &header, &claims);
            if token.len() == bytes {
                return token;
            }
        }
    }
    panic!("no token has {bytes} bytes")
}

/// Sets a claim by name, or by pointer where the name begins with a slash.
pub(crate) fn set(claims: &mut Value, name: &str, value: &Value) {
    let pointer = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
    let (parent, member) = pointer.rsplit_once('/').expect("a slash");
    let Some(Value::Object(parent)) = claims.pointer_mut(parent) else {
        panic!("no object at {parent}");
    };
    if value.is_null() {
        parent.remove(member);
    } else {
        parent.insert(member.to_owned(), value.clone());
    }
}

/// `{"now": n}` becomes the number `now + n`.
pub(crate) fn resolve_times(value: &mut Value, now: UnixSeconds) {
    if let Some(offset) =
        value.get("now").and_then(Value::as_i64).filter(|_| value.as_object().is_some_and(|o| o.len() == 1))
    {
        *value = json!(now.0.saturating_add_signed(offset));
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| resolve_times(member, now)),
        Value::Array(items) => items.iter_mut().for_each(|item| resolve_times(item, now)),
        _ => {}
    }
}

/// `{"certificate_of": peer}` becomes the digest of that certificate, `{"thumbprint_of": key}` the thumbprint of that key.
pub(crate) fn resolve_keys(world: &World, value: &mut Value) {
    if let Some(peer) = value.get("certificate_of").and_then(Value::as_str) {
        *value = json!(base64url::encode(&peer::certificate_sha256(world, peer)));
        return;
    }
    if let Some(key) = value.get("thumbprint_of").and_then(Value::as_str) {
        *value = json!(proof::thumbprint(world, key));
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| resolve_keys(world, member)),
        Value::Array(items) => items.iter_mut().for_each(|item| resolve_keys(world, item)),
        _ => {}
    }
}

fn with_times(raw: &str, now: UnixSeconds) -> String {
    raw.replace("{now}", &now.0.to_string()).replace("{later}", &(now.0 + 3600).to_string())
}
