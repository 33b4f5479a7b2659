//! Lies and failures on demand, so that a client's checks have something to catch.
//!
//! Guaranteed: an issuer nobody asked to misbehave does not.
//! Absent on purpose: combinations that hide each other; the first replacement wins.
//!
//! As a word: `[keys:]name[=number][*times]`, for example `widen`, `slow=3000`, `keys:status=500*2`;
//! or `claim:/pointer=JSON[*times]` for what the token says, `member:/pointer=JSON[*times]` for what the response says, null to leave it out;
//! `metadata:member:/pointer=JSON[*times]` for what the metadata says, `introspection:member:` likewise.

pub(crate) mod answer;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

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
    /// The introspection endpoint.
    Introspection,
    /// The bundle of the trust domain.
    Bundle,
}

/// One way to be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The token says this at that JSON pointer; null takes the member away.
    Claim(String, Value),
    /// The response says this at that JSON pointer; null takes the member away.
    Member(String, Value),
    /// More scope than was asked for.
    Widen,
    /// The chain loses everything below the current actor.
    DropAct,
    /// The token is about another human.
    SwapSub,
    /// The identity provider hands out the ID-JAG, or the transaction token, before this one again.
    ReuseJag,
    /// The token is what was handed in for it: the subject token, or the grant.
    GiveBack,
    /// The token is the actor token that was handed in.
    GiveBackActor,
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
    /// No proof without the nonce of now, and another nonce with each success: the duty of RFC 9449 §8, not a fault.
    DemandNonce,
    /// No proof whatever, and another nonce each time.
    InsistOnNonce,
    /// No proof whatever, and this for a nonce.
    Nonce(String),
    /// This OAuth error, with status 400 (401 for `invalid_client`).
    Error(&'static str),
}

/// The OAuth errors that can be ordered by name.
const ERRORS: [&str; 5] =
    ["invalid_grant", "invalid_client", "access_denied", "interaction_required", "insufficient_user_authentication"];

const PLAIN: [(&str, Misbehaviour); 21] = [
    ("widen", Misbehaviour::Widen),
    ("drop-act", Misbehaviour::DropAct),
    ("swap-sub", Misbehaviour::SwapSub),
    ("reuse-jag", Misbehaviour::ReuseJag),
    ("give-back", Misbehaviour::GiveBack),
    ("give-back-actor", Misbehaviour::GiveBackActor),
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
    ("demand-nonce", Misbehaviour::DemandNonce),
    ("insist-on-nonce", Misbehaviour::InsistOnNonce),
];

const MANGLED: [(&str, Misbehaviour); 2] =
    [("duplicate-keys", Misbehaviour::DuplicateKeys), ("deep-nesting", Misbehaviour::DeepNesting)];

/// How each word that takes a value is written in usage texts, beside an example of it.
pub(super) const WITH_A_VALUE: [(&str, &str); 7] = [
    ("slow=MS", "slow=1"),
    ("status=CODE", "status=503"),
    ("huge=MIB", "huge=1"),
    ("nonce=TEXT", "nonce=x"),
    ("nonce-bytes=N", "nonce-bytes=1"),
    ("claim:/POINTER=JSON", "claim:/sub=\"x\""),
    ("member:/POINTER=JSON", "member:/sub=\"x\""),
];

impl Misbehaviour {
    /// Every word, for usage texts.
    pub fn words() -> Vec<&'static str> {
        let plain = PLAIN.iter().chain(&MANGLED).map(|(word, _)| *word);
        let more = WITH_A_VALUE.iter().map(|(usage, _)| *usage);
        plain.chain(ERRORS).chain(more).collect()
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
        Self { endpoint, how, times: None, in_force: false }
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
        write!(f, "{:?} is no misbehaviour; known are {}", self.0, Misbehaviour::words().join(", "))
    }
}

impl std::error::Error for UnknownBreak {}

impl FromStr for Break {
    type Err = UnknownBreak;

    fn from_str(text: &str) -> Result<Self, UnknownBreak> {
        let unknown = || UnknownBreak(text.to_owned());
        if text.starts_with("claim:/") || text.starts_with("member:/") {
            return said(text).ok_or_else(unknown);
        }
        if let Some(member) = text.strip_prefix("metadata:").filter(|rest| rest.starts_with("member:/")) {
            return said(member).map(|said| Self { endpoint: Endpoint::Metadata, ..said }).ok_or_else(unknown);
        }
        if let Some(member) = text.strip_prefix("introspection:").filter(|rest| rest.starts_with("member:/")) {
            return said(member).map(|said| Self { endpoint: Endpoint::Introspection, ..said }).ok_or_else(unknown);
        }
        let (endpoint, rest) = match text.split_once(':') {
            Some(("keys", rest)) => (Endpoint::Keys, rest),
            Some(("metadata", rest)) => (Endpoint::Metadata, rest),
            Some(("introspection", rest)) => (Endpoint::Introspection, rest),
            Some(("bundle", rest)) => (Endpoint::Bundle, rest),
            Some(("token", rest)) => (Endpoint::Token, rest),
            Some(_) => return Err(unknown()),
            None => (Endpoint::Token, text),
        };
        let (rest, times) = match rest.split_once('*') {
            Some((rest, times)) => (rest, Some(times.parse().map_err(|_| unknown())?)),
            None => (rest, None),
        };
        let how = word(rest).ok_or_else(unknown)?;
        Ok(Self { endpoint, how, times, in_force: false })
    }
}

/// Times come after the last asterisk, if what stands there is a number: JSON may contain asterisks too.
fn said(text: &str) -> Option<Break> {
    let counted = text.rsplit_once('*').and_then(|(rest, times)| Some((rest, times.parse::<u32>().ok()?)));
    let (text, times) = counted.map_or((text, None), |(rest, times)| (rest, Some(times)));
    let (place, value) = text.split_once('=')?;
    let value = serde_json::from_str(value).ok()?;
    let (of, pointer) = place.split_once(':')?;
    let pointer = pointer.to_owned();
    let how = if of == "claim" { Misbehaviour::Claim(pointer, value) } else { Misbehaviour::Member(pointer, value) };
    Some(Break { times, ..Break::token(how) })
}

fn word(text: &str) -> Option<Misbehaviour> {
    if let Some((name, number)) = text.split_once('=') {
        return match name {
            "slow" => number.parse().ok().map(Misbehaviour::Slow),
            "status" => number.parse().ok().map(Misbehaviour::Status),
            "huge" => number.parse().ok().map(Misbehaviour::Huge),
            "nonce" => Some(Misbehaviour::Nonce(number.to_owned())),
            "nonce-bytes" => number.parse().ok().map(|bytes| Misbehaviour::Nonce("n".repeat(bytes))),
            _ => None,
        };
    }
    let error = ERRORS.into_iter().find(|known| *known == text).map(Misbehaviour::Error);
    error.or_else(|| PLAIN.iter().chain(&MANGLED).find(|(known, _)| *known == text).map(|(_, how)| how.clone()))
}
