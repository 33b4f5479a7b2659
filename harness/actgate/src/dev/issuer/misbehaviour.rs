//! Lies and failures on demand, so that a client's checks have something to catch.
//!
//! Guaranteed: an issuer nobody asked to misbehave does not.
//! Absent on purpose: combinations that hide each other; the first replacement wins.
//!
//! As a word: `[keys:]name[=number][*times]`, for example `widen`, `slow=3000`, `keys:status=500*2`.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Issuer;
use super::http::{HttpResponse, UnixSeconds};
use super::oauth::TYP_ID_JAG;
use crate::dev::keys::SigningKey;
use crate::dev::mint::{self, broken};

/// An endpoint of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The token endpoint.
    Token,
    /// The JWKS.
    Keys,
    /// The authorization endpoint.
    Authorize,
    /// The metadata document.
    Metadata,
}

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// More scope than was asked for.
    Widen,
    /// The chain loses everything below the current actor.
    DropAct,
    /// The token is about another human.
    SwapSub,
    /// The identity provider hands out the ID-JAG before this one again.
    ReuseJag,
    /// The token is for someone else.
    WrongAud,
    /// The token names another issuer.
    WrongIss,
    /// The token is of another kind.
    WrongTyp,
    /// The token has expired already.
    Expired,
    /// The token lives for ten years.
    LongLived,
    /// The signature is by a key the JWKS does not list.
    UnknownKey,
    /// The signature is wrong under a `kid` that the JWKS does list.
    BadSignature,
    /// The token is not a JWT.
    Opaque,
    /// The answer does not say how long the token lives.
    NoExpiresIn,
    /// An honest answer, this many milliseconds late.
    Slow(u64),
    /// A failure of the server or of something before it.
    Status(u16),
    /// 200 with bytes that are no JSON.
    Garbage,
    /// 200 with this many MiB of JSON.
    Huge(u64),
    /// An honest body under `text/html`.
    WrongContentType,
    /// 200 and nothing.
    Empty,
    /// 302 to a host that is not ours.
    Redirect,
    /// An honest body with a member name given twice.
    DuplicateKeys,
    /// An honest body with a member nested a thousand deep.
    DeepNesting,
    /// This OAuth error, with status 400 (401 for `invalid_client`).
    Error(&'static str),
}

/// The OAuth errors that can be ordered by name.
const ERRORS: [&str; 5] = [
    "invalid_grant",
    "invalid_client",
    "access_denied",
    "interaction_required",
    "insufficient_user_authentication",
];

const PLAIN: [(&str, Misbehaviour); 17] = [
    ("widen", Misbehaviour::Widen),
    ("drop-act", Misbehaviour::DropAct),
    ("swap-sub", Misbehaviour::SwapSub),
    ("reuse-jag", Misbehaviour::ReuseJag),
    ("wrong-aud", Misbehaviour::WrongAud),
    ("wrong-iss", Misbehaviour::WrongIss),
    ("wrong-typ", Misbehaviour::WrongTyp),
    ("expired", Misbehaviour::Expired),
    ("long-lived", Misbehaviour::LongLived),
    ("unknown-key", Misbehaviour::UnknownKey),
    ("bad-signature", Misbehaviour::BadSignature),
    ("opaque", Misbehaviour::Opaque),
    ("no-expires-in", Misbehaviour::NoExpiresIn),
    ("garbage", Misbehaviour::Garbage),
    ("wrong-content-type", Misbehaviour::WrongContentType),
    ("empty", Misbehaviour::Empty),
    ("redirect", Misbehaviour::Redirect),
];

const MANGLED: [(&str, Misbehaviour); 2] = [
    ("duplicate-keys", Misbehaviour::DuplicateKeys),
    ("deep-nesting", Misbehaviour::DeepNesting),
];

impl Misbehaviour {
    /// Every word, for usage texts.
    pub fn words() -> Vec<&'static str> {
        let plain = PLAIN.iter().chain(&MANGLED).map(|(word, _)| *word);
        plain
            .chain(ERRORS)
            .chain(["slow=MS", "status=CODE", "huge=MIB"])
            .collect()
    }
}

/// A misbehaviour at an endpoint, for a number of requests or until further notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Where.
    pub endpoint: Endpoint,
    /// What.
    pub how: Misbehaviour,
    /// For how many requests; none means until told otherwise.
    pub times: Option<u32>,
    /// Whether the request being answered is one of them.
    pub(crate) in_force: bool,
}

impl Break {
    /// Until further notice.
    pub fn at(endpoint: Endpoint, how: Misbehaviour) -> Self {
        Self {
            endpoint,
            how,
            times: None,
            in_force: false,
        }
    }

    /// At the token endpoint, until further notice.
    pub fn token(how: Misbehaviour) -> Self {
        Self::at(Endpoint::Token, how)
    }

    /// For so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// A word that names no misbehaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBreak(String);

impl fmt::Display for UnknownBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no misbehaviour; known are {}",
            self.0,
            Misbehaviour::words().join(", ")
        )
    }
}

impl std::error::Error for UnknownBreak {}

impl FromStr for Break {
    type Err = UnknownBreak;

    fn from_str(text: &str) -> Result<Self, UnknownBreak> {
        let unknown = || UnknownBreak(text.to_owned());
        let (endpoint, rest) = match text.split_once(':') {
            Some(("keys", rest)) => (Endpoint::Keys, rest),
            Some(("metadata", rest)) => (Endpoint::Metadata, rest),
            Some(("token", rest)) => (Endpoint::Token, rest),
            Some(_) => return Err(unknown()),
            None => (Endpoint::Token, text),
        };
        let (rest, times) = match rest.split_once('*') {
            Some((rest, times)) => (rest, Some(times.parse().map_err(|_| unknown())?)),
            None => (rest, None),
        };
        let how = word(rest).ok_or_else(unknown)?;
        Ok(Self {
            endpoint,
            how,
            times,
            in_force: false,
        })
    }
}

fn word(text: &str) -> Option<Misbehaviour> {
    if let Some((name, number)) = text.split_once('=') {
        return match name {
            "slow" => number.parse().ok().map(Misbehaviour::Slow),
            "status" => number.parse().ok().map(Misbehaviour::Status),
            "huge" => number.parse().ok().map(Misbehaviour::Huge),
            _ => None,
        };
    }
    let error = ERRORS
        .into_iter()
        .find(|known| *known == text)
        .map(Misbehaviour::Error);
    error.or_else(|| {
        PLAIN
            .iter()
            .chain(&MANGLED)
            .find(|(known, _)| *known == text)
            .map(|(_, how)| *how)
    })
}

/// The answer that is given instead of an honest one.
pub(crate) fn replacement(broken: &[Misbehaviour]) -> Option<HttpResponse> {
    broken.iter().find_map(|how| match how {
        Misbehaviour::Status(status) => {
            Some(HttpResponse::text(*status, "text/plain", "out of order"))
        }
        Misbehaviour::Garbage => Some(HttpResponse::text(
            200,
            "application/json",
            b"\xff{not json".to_vec(),
        )),
        Misbehaviour::Huge(mib) => Some(huge(*mib)),
        Misbehaviour::Empty => Some(HttpResponse {
            status: 200,
            ..HttpResponse::default()
        }),
        Misbehaviour::Redirect => {
            let response = HttpResponse {
                status: 302,
                ..HttpResponse::default()
            };
            Some(response.with("location", "https://elsewhere.example/token"))
        }
        Misbehaviour::Error(error) => Some(oauth_error(error)),
        Misbehaviour::Widen
        | Misbehaviour::DropAct
        | Misbehaviour::SwapSub
        | Misbehaviour::ReuseJag
        | Misbehaviour::WrongAud
        | Misbehaviour::WrongIss
        | Misbehaviour::WrongTyp
        | Misbehaviour::Expired
        | Misbehaviour::LongLived
        | Misbehaviour::UnknownKey
        | Misbehaviour::BadSignature
        | Misbehaviour::Opaque
        | Misbehaviour::NoExpiresIn
        | Misbehaviour::Slow(_)
        | Misbehaviour::WrongContentType
        | Misbehaviour::DuplicateKeys
        | Misbehaviour::DeepNesting => None,
    })
}

fn huge(mib: u64) -> HttpResponse {
    let length = usize::try_from(mib).unwrap_or(1).saturating_mul(1 << 20);
    let body = [
        br#"{"access_token":""#.to_vec(),
        vec![b'a'; length],
        br#""}"#.to_vec(),
    ]
    .concat();
    HttpResponse::text(200, "application/json", body)
}

fn oauth_error(error: &str) -> HttpResponse {
    let mut body = json!({ "error": error, "error_description": "as ordered" });
    match error {
        "interaction_required" => {
            body["interaction_uri"] = json!("https://streamward.okta.example/interact/1");
            body["interval"] = json!(5);
            body["expires_in"] = json!(600);
        }
        "insufficient_user_authentication" => body["max_age"] = json!(60),
        _ => {}
    }
    HttpResponse::json(if error == "invalid_client" { 401 } else { 400 }, &body)
}

/// Spoils an answer that was honest so far.
pub(crate) fn mangle(broken: &[Misbehaviour], response: &mut HttpResponse) {
    for how in broken {
        match how {
            Misbehaviour::Slow(delay) => response.delay_ms = *delay,
            Misbehaviour::WrongContentType => {
                response.headers.retain(|(name, _)| name != "content-type");
                response
                    .headers
                    .push(("content-type".to_owned(), "text/html".to_owned()));
            }
            Misbehaviour::DuplicateKeys => prepend_member(response, &duplicate(response)),
            Misbehaviour::DeepNesting => {
                prepend_member(
                    response,
                    &format!("\"deep\":{}{}", "[".repeat(1000), "]".repeat(1000)),
                );
            }
            _ => {}
        }
    }
}

/// A first member of the same name and another value: whoever keeps the last one notices nothing.
fn duplicate(response: &HttpResponse) -> String {
    let body = response.body_json();
    let name = if body.get("keys").is_some() {
        "keys"
    } else {
        "access_token"
    };
    format!("\"{name}\":\"other\"")
}

fn prepend_member(response: &mut HttpResponse, member: &str) {
    if response.body.first() == Some(&b'{') {
        let rest = response.body.split_off(1);
        let comma = if rest.first() == Some(&b'}') { "" } else { "," };
        response.body.extend_from_slice(member.as_bytes());
        response.body.extend_from_slice(comma.as_bytes());
        response.body.extend_from_slice(&rest);
    }
}

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
        self.breaks
            .iter()
            .filter(|entry| entry.in_force)
            .map(|entry| entry.how)
            .collect()
    }

    /// Signs the grant and answers with it, as honestly as it is told to be.
    pub(crate) fn respond(&mut self, now: UnixSeconds, mut issued: Issued) -> HttpResponse {
        let is_id_jag = issued.typ.as_deref() == Some(TYP_ID_JAG);
        self.spoil_claims(now, &mut issued);
        let token = self.sign(&issued);
        let token = match self.last_id_jag.clone() {
            Some(last) if is_id_jag && self.is_broken(&Misbehaviour::ReuseJag) => last,
            Some(_) | None => token,
        };
        if is_id_jag {
            self.last_id_jag = Some(token.clone());
        }
        issued.body.insert("access_token".to_owned(), json!(token));
        HttpResponse::json(200, &Value::Object(issued.body))
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
            put("exp", json!(now.0 + 315_360_000));
        }
        if self.is_broken(&Misbehaviour::Expired) {
            put("iat", json!(now.0 - 3610));
            put("exp", json!(now.0 - 10));
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
        if self.is_broken(&Misbehaviour::WrongTyp) {
            issued.typ = Some("dpop+jwt".to_owned());
        }
        if self.is_broken(&Misbehaviour::NoExpiresIn) {
            issued.body.remove("expires_in");
        }
    }

    fn swap_subject(&self, claims: &mut Map<String, Value>) {
        let subject = claims
            .get("sub")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let other = self
            .config
            .users
            .iter()
            .find(|user| user.id != subject && user.email != subject);
        let Some(other) = other else { return };
        let by_id = claims.contains_key("email");
        claims.insert(
            "sub".to_owned(),
            json!(if by_id { &other.id } else { &other.email }),
        );
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
            let key = self
                .unknown_key
                .get_or_insert_with(|| SigningKey::generate(algorithm, "unknown"));
            return mint::jws(key, &header, &claims);
        }
        let token = mint::jws(self.keys.signer(), &header, &claims);
        if self.is_broken(&Misbehaviour::BadSignature) {
            broken::bad_signature(&token)
        } else {
            token
        }
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
