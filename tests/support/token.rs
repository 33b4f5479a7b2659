//! Making the token of a step: the good one, with one thing changed.

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::dev::mint;
use actgate::dev::world::{World, streamward};
use serde_json::{Value, json};

use crate::case::TokenRecipe;

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

/// The token of `recipe`; none where no credential is presented.
///
/// `case` makes its identifier unique, so that no case finds what another left in a cache.
pub fn make(world: &World, now: UnixSeconds, case: &str, recipe: &TokenRecipe) -> Option<String> {
    if recipe.presented.as_deref() == Some("none") {
        return None;
    }
    if let Some(verbatim) = &recipe.verbatim {
        return Some(verbatim.clone());
    }
    let mut claims = recipe.all_claims.clone().unwrap_or_else(|| good_claims(now, case));
    for (name, value) in &recipe.claims {
        set(&mut claims, name, value);
    }
    resolve_times(&mut claims, now);
    let mut header = json!({ "typ": "at+jwt" });
    for (name, value) in &recipe.header {
        header[name.as_str()] = value.clone();
    }
    let stranger = SigningKey::generate(Algorithm::Es256, "stranger");
    let keys = match recipe.signed_by.as_deref() {
        Some("stranger") => vec![stranger],
        Some(issuer) => world.issuer_keys(issuer),
        None => world.issuer_keys(streamward::RAS_KNOWLEDGE),
    };
    let key = keys.first().expect("the issuer has keys");
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
        "swapped_claims" => form_of::swapped_claims(token, claims),
        other => panic!("no broken form is called {other}"),
    }
}

/// Sets a claim by name, or by pointer where the name begins with a slash.
fn set(claims: &mut Value, name: &str, value: &Value) {
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
fn resolve_times(value: &mut Value, now: UnixSeconds) {
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

fn with_times(raw: &str, now: UnixSeconds) -> String {
    raw.replace("{now}", &now.0.to_string()).replace("{later}", &(now.0 + 3600).to_string())
}
