//! The other end of every callout: an honest answer, or one with a single flaw.

use std::collections::{BTreeMap, BTreeSet};

use actgate_core::flight::Callout;
use serde_json::{Value, json};

use crate::world::{self, AGENT, IDP, OPAQUE, RESOURCE_SERVER, Signer};

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    NoAnswer,
    Unavailable,
    TimedOut,
    Refused,
    ClientRefused,
    Html,
    Cut,
    OtherHuman,
    OtherAudience,
    TwoAudiences,
    WiderScope,
    NarrowerScope,
    ActorMissing,
    ActorSwapped,
    ChainCut,
    ChainGrown,
    ChainRewritten,
    OtherClient,
    OtherProfile,
    Expired,
    LivesLong,
    OtherTyp,
    Forged,
    Unpublished,
    Replayed,
    OtherKeys,
}

/// All of them; the honest answer comes often.
pub const FLAWS: [Flaw; 32] = [
    Flaw::None,
    Flaw::NoAnswer,
    Flaw::Unavailable,
    Flaw::TimedOut,
    Flaw::Refused,
    Flaw::ClientRefused,
    Flaw::Html,
    Flaw::Cut,
    Flaw::OtherHuman,
    Flaw::OtherAudience,
    Flaw::TwoAudiences,
    Flaw::WiderScope,
    Flaw::NarrowerScope,
    Flaw::ActorMissing,
    Flaw::ActorSwapped,
    Flaw::ChainCut,
    Flaw::ChainGrown,
    Flaw::ChainRewritten,
    Flaw::OtherClient,
    Flaw::OtherProfile,
    Flaw::Expired,
    Flaw::LivesLong,
    Flaw::OtherTyp,
    Flaw::Forged,
    Flaw::Unpublished,
    Flaw::Replayed,
    Flaw::OtherKeys,
    Flaw::None,
    Flaw::None,
    Flaw::None,
    Flaw::None,
    Flaw::None,
];

/// A call on its way.
#[derive(Debug)]
pub struct Call {
    /// Whose it is.
    pub flight: actgate_core::flight::FlightId,
    /// `:authority` and `:path`.
    pub target: String,
    /// The form it carries.
    pub form: BTreeMap<String, String>,
}

impl Call {
    /// Reads a callout as its receiver does.
    pub fn of(callout: &Callout) -> Self {
        let header = |name: &str| {
            callout.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str()).to_owned()
        };
        let form = callout.body.expose().split('&').filter_map(|pair| pair.split_once('='));
        Self {
            flight: callout.flight,
            target: format!("https://{}{}", header(":authority"), header(":path")),
            form: form.map(|(name, value)| (decoded(name), decoded(value))).collect(),
        }
    }

    fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = core::str::from_utf8(&digits).unwrap_or("00");
                bytes.push(u8::from_str_radix(digits, 16).unwrap_or(0));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a token that was handed out is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The human.
    pub sub: String,
    /// The protected server.
    pub resource: String,
    /// The scopes, in order.
    pub scopes: BTreeSet<String>,
    /// When it ends.
    pub expires_at: u64,
}

/// An answer, or none.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Absent where nothing answered.
    pub status: Option<u16>,
    /// `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status: Some(status), content_type: "application/json", body: body.to_string().into_bytes() }
    }

    fn status(status: Option<u16>) -> Self {
        Self { status, content_type: "text/plain", body: b"upstream".to_vec() }
    }
}

/// Everybody who is called.
#[derive(Debug, Default)]
pub struct Issuers {
    /// The tokens that may go upstream, with what they are good for.
    pub grants: BTreeMap<String, Grant>,
    last_id_jag: Option<String>,
    issued: u64,
}

impl Issuers {
    /// Answers `call`, honestly but for `flaw`.
    pub fn answer(&mut self, call: &Call, flaw: Flaw, now: u64) -> Answer {
        match flaw {
            Flaw::NoAnswer => return Answer::status(None),
            Flaw::Unavailable => return Answer::status(Some(503)),
            Flaw::TimedOut => return Answer::status(Some(504)),
            Flaw::Refused => return Answer::json(400, &json!({ "error": "invalid_grant" })),
            Flaw::ClientRefused => return Answer::json(401, &json!({ "error": "invalid_client" })),
            _ => {}
        }
        let mut answer = if let Some(issuer) = call.target.strip_suffix("/keys") {
            let keys = if flaw == Flaw::OtherKeys { world::other_key_set() } else { world::key_set(issuer) };
            Answer::json(200, &keys)
        } else if call.field("assertion").is_empty() {
            self.id_jag(call, flaw, now)
        } else {
            self.access_token(call, flaw, now)
        };
        match flaw {
            Flaw::Html => answer.content_type = "text/html",
            Flaw::Cut => answer.body.truncate(answer.body.len() / 2),
            _ => {}
        }
        answer
    }

    fn id_jag(&mut self, call: &Call, flaw: Flaw, now: u64) -> Answer {
        let inbound = world::claims_of(call.field("subject_token"));
        // OAuth actor profile: the same presenter continues the chain, another one is put on top of it.
        let act = if inbound["act"]["sub"] == AGENT {
            inbound["act"].clone()
        } else {
            json!({ "sub": AGENT, "sub_profile": "ai_agent", "act": inbound["act"] })
        };
        let claims = json!({
            "iss": IDP, "sub": inbound["uid"], "email": inbound["sub"], "aud": call.field("audience"),
            "resource": call.field("resource"), "client_id": AGENT, "scope": call.field("scope"),
            "iat": now, "exp": now + 300, "jti": self.jti(), "sub_profile": inbound["sub_profile"],
            "act": act,
        });
        let fresh = flawed(IDP, "oauth-id-jag+jwt", claims, flaw, now);
        let token = match (flaw, &self.last_id_jag) {
            (Flaw::Replayed, Some(last)) => last.clone(),
            _ => fresh,
        };
        self.last_id_jag = Some(token.clone());
        Answer::json(
            200,
            &json!({
                // As one large identity provider has it; the profile's own examples say N_A.
                "access_token": token, "token_type": "Bearer", "expires_in": 300,
                "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            }),
        )
    }

    fn access_token(&mut self, call: &Call, flaw: Flaw, now: u64) -> Answer {
        let assertion = world::claims_of(call.field("assertion"));
        let resource = assertion["resource"].as_str().unwrap_or_default().to_owned();
        let scope = call.field("scope").to_owned();
        let claims = json!({
            "iss": RESOURCE_SERVER, "sub": assertion["email"], "uid": assertion["sub"], "aud": resource,
            "cid": AGENT, "scp": scope.split(' ').collect::<Vec<_>>(), "iat": now, "exp": now + 600,
            "jti": self.jti(), "sub_profile": assertion["sub_profile"], "act": assertion["act"],
        });
        let opaque = resource == OPAQUE;
        let (token, said) = if opaque {
            let said = match flaw {
                Flaw::WiderScope => format!("{scope} tools:admin"),
                Flaw::NarrowerScope => "tools:nothing".to_owned(),
                _ => scope.clone(),
            };
            (format!("opaque-{}", self.jti()), said)
        } else {
            (flawed(RESOURCE_SERVER, "at+jwt", claims, flaw, now), scope.clone())
        };
        let expires_in = if flaw == Flaw::LivesLong { 100_000 } else { 600 };
        let sound = match flaw {
            Flaw::None | Flaw::OtherKeys | Flaw::Replayed => true,
            Flaw::LivesLong | Flaw::WiderScope | Flaw::NarrowerScope | Flaw::Html | Flaw::Cut => false,
            // An opaque token has no claims that could be wrong.
            _ => opaque,
        };
        if sound {
            let sub = assertion["email"].as_str().unwrap_or_default().to_owned();
            let scopes = scope.split(' ').map(str::to_owned).collect();
            self.grants.insert(token.clone(), Grant { sub, resource, scopes, expires_at: now + 600 });
        }
        Answer::json(
            200,
            &json!({ "access_token": token, "token_type": "Bearer", "expires_in": expires_in, "scope": said }),
        )
    }

    fn jti(&mut self) -> String {
        self.issued += 1;
        format!("J{}", self.issued)
    }
}

/// A token of those claims, but for the flaw.
fn flawed(issuer: &str, typ: &str, mut claims: Value, flaw: Flaw, now: u64) -> String {
    let mut signer = Signer::Own;
    let mut typ = typ;
    match flaw {
        Flaw::OtherHuman => {
            claims["sub"] = json!("somebody@example");
            claims["email"] = json!("somebody@example");
        }
        Flaw::OtherAudience => claims["aud"] = json!("https://elsewhere.example"),
        Flaw::TwoAudiences => claims["aud"] = json!([claims["aud"], "https://elsewhere.example"]),
        Flaw::WiderScope => widen(&mut claims),
        Flaw::NarrowerScope => {
            let name = if claims["scp"].is_null() { "scope" } else { "scp" };
            claims[name] = json!("tools:nothing");
        }
        Flaw::ActorMissing => claims["act"] = claims["act"]["act"].take(),
        Flaw::ActorSwapped => claims["act"]["sub"] = json!(world::CALLER),
        Flaw::ChainCut => claims["act"]["act"] = claims["act"]["act"]["act"].take(),
        Flaw::ChainGrown => claims["act"]["act"]["act"]["act"] = json!({ "sub": "extra" }),
        Flaw::ChainRewritten => claims["act"]["act"]["note"] = json!(1),
        Flaw::OtherClient => {
            let name = if claims["cid"].is_null() { "client_id" } else { "cid" };
            claims[name] = json!(world::CALLER);
        }
        Flaw::OtherProfile => claims["sub_profile"] = json!("service"),
        Flaw::Expired => claims["exp"] = json!(now.saturating_sub(31)),
        Flaw::LivesLong => claims["exp"] = json!(now + 100_000),
        Flaw::OtherTyp => typ = "logout+jwt",
        Flaw::Forged => signer = Signer::Forged,
        Flaw::Unpublished => signer = Signer::Unpublished,
        _ => {}
    }
    world::token(issuer, typ, &claims, signer)
}

fn widen(claims: &mut Value) {
    if let Some(list) = claims["scp"].as_array_mut() {
        list.push(json!("tools:admin"));
    } else {
        claims["scope"] = json!(format!("{} tools:admin", claims["scope"].as_str().unwrap_or_default()));
    }
}
