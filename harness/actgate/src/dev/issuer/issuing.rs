//! The last step of every grant: claims are signed and answered with.
//!
//! Guaranteed: an issuer nobody asked to misbehave signs the claims as they are.

use serde_json::{Map, Value, json};

use super::Issuer;
use super::http::{HttpResponse, UnixSeconds};
use super::misbehaviour::{Endpoint, Misbehaviour};
use super::oauth::{TYP_ID_JAG, TYP_TRANSACTION_TOKEN};
use crate::dev::keys::SigningKey;
use crate::dev::mint::{self, broken};

/// What `long-lived` means, in seconds.
const TEN_YEARS: u64 = 315_360_000;

/// A grant about to become a token response.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) typ: Option<String>,
    pub(crate) claims: Map<String, Value>,
    /// The response without its token.
    pub(crate) body: Map<String, Value>,
}

impl Issuer {
    /// Marks which misbehaviours apply to this request, and counts them down.
    pub(crate) fn begin_breaks(&mut self, endpoint: Endpoint) -> Vec<Misbehaviour> {
        for entry in &mut self.breaks {
            entry.in_force = entry.endpoint == endpoint && entry.times != Some(0);
            if entry.in_force {
                entry.times = entry.times.map(|times| times - 1);
            }
        }
        self.breaks.iter().filter(|entry| entry.in_force).map(|entry| entry.how.clone()).collect()
    }

    pub(super) fn is_broken(&self, how: &Misbehaviour) -> bool {
        self.breaks.iter().any(|entry| entry.endpoint == Endpoint::Token && entry.how == *how && entry.in_force)
    }

    /// Signs the grant and answers with it, as honestly as it is told to be.
    pub(crate) fn respond(&mut self, now: UnixSeconds, mut issued: Issued) -> HttpResponse {
        let grant = issued.typ.clone().filter(|typ| [TYP_ID_JAG, TYP_TRANSACTION_TOKEN].contains(&typ.as_str()));
        self.bind(&mut issued);
        self.spoil_claims(now, &mut issued);
        let token = self.sign(&issued);
        let token = match grant.as_ref().and_then(|typ| self.last_grants.get(typ)) {
            Some(last) if self.is_broken(&Misbehaviour::ReuseJag) => last.clone(),
            Some(_) | None => token,
        };
        let handed_in = self.handed_in.take().filter(|_| self.is_broken(&Misbehaviour::GiveBack));
        let actor = self.actor_handed_in.take().filter(|_| self.is_broken(&Misbehaviour::GiveBackActor));
        let token = handed_in.or(actor).unwrap_or(token);
        if let Some(typ) = grant {
            self.last_grants.insert(typ, token.clone());
        }
        issued.body.insert("access_token".to_owned(), json!(token));
        for (pointer, value) in self.said(Endpoint::Token, member) {
            say(&mut issued.body, pointer, value);
        }
        self.rotate_nonce(HttpResponse::json(200, &Value::Object(issued.body)))
    }

    fn spoil_claims(&self, now: UnixSeconds, issued: &mut Issued) {
        let mut put = |name: &str, value: Value| issued.claims.insert(name.to_owned(), value);
        if self.is_broken(&Misbehaviour::WrongAud) {
            put("aud", json!("https://elsewhere.example"));
        }
        if self.is_broken(&Misbehaviour::WrongIss) {
            put("iss", json!("https://elsewhere.example"));
        }
        if self.is_broken(&Misbehaviour::LongLived) {
            put("exp", json!(now.plus(TEN_YEARS).0));
        }
        if self.is_broken(&Misbehaviour::Expired) {
            put("iat", json!(now.0.saturating_sub(3610)));
            put("exp", json!(now.0.saturating_sub(10)));
        }
        if self.is_broken(&Misbehaviour::SwapSub) {
            self.swap_subject(&mut issued.claims);
        }
        if self.is_broken(&Misbehaviour::DropAct)
            && let Some(Value::Object(act)) = issued.claims.get_mut("act")
        {
            act.remove("act");
        }
        if self.is_broken(&Misbehaviour::Widen) {
            widen(issued);
        }
        for (pointer, value) in self.said(Endpoint::Token, |how| match how {
            Misbehaviour::Claim(pointer, value) => Some((pointer, value)),
            _ => None,
        }) {
            say(&mut issued.claims, pointer, value);
        }
        if self.is_broken(&Misbehaviour::WrongTyp) {
            issued.typ = Some("dpop+jwt".to_owned());
        }
        if self.is_broken(&Misbehaviour::NoExpiresIn) {
            issued.body.remove("expires_in");
        }
    }

    /// What was ordered to be said, word for word, in the order of the orders.
    pub(super) fn said(
        &self,
        endpoint: Endpoint,
        which: impl Fn(&Misbehaviour) -> Option<(&String, &Value)>,
    ) -> Vec<(&String, &Value)> {
        let in_force = self.breaks.iter().filter(|entry| entry.endpoint == endpoint && entry.in_force);
        in_force.filter_map(|entry| which(&entry.how)).collect()
    }

    /// The metadata, as honest as it is told to be.
    pub(super) fn told_metadata(&self) -> HttpResponse {
        let mut document = self.metadata();
        if let Value::Object(members) = &mut document {
            for (pointer, value) in self.said(Endpoint::Metadata, member) {
                say(members, pointer, value);
            }
        }
        HttpResponse::text(200, "application/json", document.to_string())
    }

    fn swap_subject(&self, claims: &mut Map<String, Value>) {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let other = self.config.users.iter().find(|user| user.id != subject && user.email != subject);
        let Some(other) = other else { return };
        let by_id = claims.contains_key("email");
        claims.insert("sub".to_owned(), json!(if by_id { &other.id } else { &other.email }));
        if by_id {
            claims.insert("email".to_owned(), json!(other.email));
        } else {
            claims.insert("uid".to_owned(), json!(other.id));
        }
    }

    fn sign(&mut self, issued: &Issued) -> String {
        if self.is_broken(&Misbehaviour::Opaque) {
            return self.entropy.id("opaque-");
        }
        let header = json!({ "typ": issued.typ });
        let claims = Value::Object(issued.claims.clone());
        if self.is_broken(&Misbehaviour::UnknownKey) {
            let algorithm = self.keys.signer().algorithm();
            let key = self.unknown_key.get_or_insert_with(|| SigningKey::generate(algorithm, "unknown"));
            return mint::jws(key, &header, &claims);
        }
        let token = mint::jws(self.keys.signer(), &header, &claims);
        if self.is_broken(&Misbehaviour::BadSignature) { broken::bad_signature(&token) } else { token }
    }
}

fn member(how: &Misbehaviour) -> Option<(&String, &Value)> {
    match how {
        Misbehaviour::Member(pointer, value) => Some((pointer, value)),
        _ => None,
    }
}

/// Sets a member by JSON pointer; one whose place is not there is let be.
pub(super) fn say(members: &mut Map<String, Value>, pointer: &str, value: &Value) {
    let mut path: Vec<&str> = pointer.split('/').skip(1).collect();
    let Some(last) = path.pop() else { return };
    let place = path.into_iter().try_fold(members, |members, name| members.get_mut(name)?.as_object_mut());
    match place {
        Some(members) if value.is_null() => drop(members.remove(last)),
        Some(members) => drop(members.insert(last.to_owned(), value.clone())),
        None => {}
    }
}

/// Adds the write scope of the first granted scope's family.
fn widen(issued: &mut Issued) {
    if let Some(Value::Array(scopes)) = issued.claims.get_mut("scp") {
        let more = more_than(scopes.first().and_then(Value::as_str).unwrap_or_default());
        scopes.push(json!(more));
    }
    for members in [&mut issued.claims, &mut issued.body] {
        if let Some(Value::String(scope)) = members.get_mut("scope") {
            let more = more_than(scope.split(' ').next().unwrap_or_default());
            *scope = format!("{scope} {more}");
        }
    }
}

fn more_than(scope: &str) -> String {
    let family = scope.split_once(':').map_or(scope, |(family, _)| family);
    format!("{family}:write")
}
