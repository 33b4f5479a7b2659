//! Lineage: what an authorization server returned, held against what was asked of it.
//!
//! A signature only says who issued a token. Here it is shown that the token is for the same human, carried by the acting agent,
//! over the inbound chain unchanged, for the resource asked for, with no scope more and no longer life than sane.
//! The human is compared within namespaces that configuration names: nothing is guessed.

use serde_json::Value;

use crate::config::{Acquisition, Grant, IssuedChain, Kind, SameSubject, ScopeSet};
use crate::delegation::binding::Confirmation;
use crate::delegation::chain::{Actor, ActorChain};
use crate::exchange::request::ExchangeRequest;
use crate::exchange::transaction;
use crate::jwt::{Claims, VerifiedJwt};
use crate::limits::ACTORS_MAX;
use crate::profile::Profiles;

/// What is wrong with a returned token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineageError {
    /// The acting agent is not the outermost actor.
    Actor,
    /// For somebody else, or for more than the resource asked for.
    Audience,
    /// Tied to another key than the gateway's, or to none where it must be.
    Binding,
    /// The chain beneath the acting agent is not the inbound chain.
    Chain,
    /// Issued to another client.
    Client,
    /// Lives longer than configured, or not at all.
    Lifetime,
    /// A claim of the wrong type, or a missing one.
    Malformed,
    /// Names another resource.
    Resource,
    /// More scope than was asked for.
    Scope,
    /// Another human.
    Subject,
    /// The subject became another kind of entity.
    SubjectProfile,
    /// Not the kind of token that was asked for.
    TokenType,
    /// Not signed by a known key of the server that was asked.
    Unverified,
}

impl LineageError {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Actor => "lineage_actor",
            Self::Audience => "lineage_audience",
            Self::Binding => "lineage_binding",
            Self::Chain => "lineage_chain",
            Self::Client => "lineage_client",
            Self::Lifetime => "lineage_lifetime",
            Self::Malformed => "lineage_malformed",
            Self::Resource => "lineage_resource",
            Self::Scope => "lineage_scope",
            Self::Subject => "lineage_subject",
            Self::SubjectProfile => "lineage_subject_profile",
            Self::TokenType => "lineage_token_type",
            Self::Unverified => "lineage_unverified",
        }
    }
}

/// Says that the grant is the one asked for.
#[derive(Debug)]
pub(crate) struct LineageOfGrant(());

/// Says that the access token is the one asked for.
#[derive(Debug)]
pub(crate) struct LineageOfAccessToken(());

/// Checks the grant of hop 7. Its signature, issuer, type, audience and times were verified before.
pub(crate) fn of_grant(
    token: &VerifiedJwt,
    request: &ExchangeRequest,
    grant: &Grant,
) -> Result<LineageOfGrant, LineageError> {
    let claims = token.claims();
    let exchange = &request.exchange;
    // ID-JAG: `aud` is "a string, or an array of exactly one": the resource's authorization server.
    only_audience(claims, &exchange.server.issuer)?;
    let client = claims.client_id().map_err(|_| LineageError::Malformed)?;
    let here = request.client_id();
    let at_idp = request.agent.client_id(&grant.idp.name);
    let same_client = match &exchange.kind {
        // Identity chaining has no claim for the client; one that is there names the agent, at either server.
        Kind::IdentityChaining(_) => client.is_none_or(|client| client == here || client == at_idp),
        Kind::IdJag(_) | Kind::TokenExchange(_) | Kind::ClientCredentials { .. } | Kind::TransactionToken(_) => {
            client == Some(here)
        }
    };
    if !same_client {
        return Err(LineageError::Client);
    }
    // A grant need not be tied to a key; one that is, is spent with a proof of that key.
    tied_to_our_key(claims, exchange, Tie::MayBeAbsent)?;
    same_resource(claims, exchange)?;
    same_human(claims, request, &grant.same_subject)?;
    same_profile(claims, &request.subject_profiles)?;
    same_chain(claims, request)?;
    no_wider(claims, &request.scopes)?;
    Ok(LineageOfGrant(()))
}

/// Checks the token that the upstream gets. Its signature, issuer, type and times were verified before.
pub(crate) fn of_access_token(
    token: &VerifiedJwt,
    request: &ExchangeRequest,
) -> Result<LineageOfAccessToken, LineageError> {
    let claims = token.claims();
    if let Kind::TransactionToken(asked) = &request.exchange.kind {
        return transaction::check(token, request, asked).map(LineageOfAccessToken);
    }
    only_audience(claims, &request.exchange.resource)?;
    tied_to_our_key(claims, &request.exchange, Tie::Needed)?;
    let client = claims.client_id().map_err(|_| LineageError::Malformed)?;
    if client.is_some_and(|client| client != request.client_id()) {
        return Err(LineageError::Client);
    }
    match &request.exchange.kind {
        Kind::IdJag(_) | Kind::IdentityChaining(_) | Kind::TokenExchange(_) | Kind::TransactionToken(_) => {
            same_human(claims, request, &request.exchange.same_subject)?;
            same_profile(claims, &request.subject_profiles)?;
        }
        Kind::ClientCredentials { subject } => {
            // RFC 9068 §2.2: `client_id` is required, and without it nothing says whose token this is.
            client.ok_or(LineageError::Client)?;
            the_agent_itself(claims, request, subject.as_deref())?;
        }
    }
    same_chain(claims, request)?;
    no_wider(claims, &request.scopes)?;
    Ok(LineageOfAccessToken(()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    Needed,
    MayBeAbsent,
}

/// RFC 9449 §6.1: `cnf.jkt` is the thumbprint of the key that was proven when the token was asked for.
fn tied_to_our_key(claims: &Claims, exchange: &Acquisition, tie: Tie) -> Result<(), LineageError> {
    let Some(dpop) = &exchange.dpop else {
        return Ok(());
    };
    let bound = Confirmation::of(claims).map_err(|_| LineageError::Binding)?;
    match bound.key {
        Some(key) if key == dpop.thumbprint => Ok(()),
        None if tie == Tie::MayBeAbsent => Ok(()),
        Some(_) | None => Err(LineageError::Binding),
    }
}

/// RFC 9068 §2.2: with no resource owner, `sub` "SHOULD correspond to an identifier the authorization server uses to indicate the client application".
fn the_agent_itself(claims: &Claims, request: &ExchangeRequest, subject: Option<&str>) -> Result<(), LineageError> {
    let wanted = subject.unwrap_or_else(|| request.client_id());
    if claims.subject().map_err(|_| LineageError::Malformed)? != wanted {
        return Err(LineageError::Subject);
    }
    match claims.text("sub_profile").map_err(|_| LineageError::Malformed)?.map(Profiles::parse) {
        Some(Ok(profiles)) if profiles.all_in(&request.agent.profiles) => Ok(()),
        Some(_) => Err(LineageError::SubjectProfile),
        None => Ok(()),
    }
}

pub(super) fn only_audience(claims: &Claims, wanted: &str) -> Result<(), LineageError> {
    let audiences = claims.audiences().map_err(|_| LineageError::Malformed)?;
    let mut audiences = audiences.iter();
    if audiences.next().is_some_and(|audience| *audience == wanted) && audiences.next().is_none() {
        Ok(())
    } else {
        Err(LineageError::Audience)
    }
}

/// ID-JAG: `resource` may be absent, one URI, or an array; every one of them must be the one asked for.
fn same_resource(claims: &Claims, exchange: &Acquisition) -> Result<(), LineageError> {
    let same = match claims.pointer("/resource") {
        None => true,
        Some(Value::String(resource)) => *resource == exchange.resource,
        Some(Value::Array(resources)) => {
            !resources.is_empty()
                && resources.iter().all(|resource| resource.as_str() == Some(exchange.resource.as_str()))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
    };
    if same { Ok(()) } else { Err(LineageError::Resource) }
}

pub(super) fn same_human(
    claims: &Claims,
    request: &ExchangeRequest,
    pairs: &[SameSubject],
) -> Result<(), LineageError> {
    let same = |pair: &SameSubject| {
        let inbound = request.inbound_text(&pair.inbound);
        let issued = claims.pointer(&pair.issued).and_then(Value::as_str);
        inbound.is_some() && inbound == issued
    };
    if !pairs.is_empty() && pairs.iter().all(same) { Ok(()) } else { Err(LineageError::Subject) }
}

pub(super) fn same_profile(claims: &Claims, inbound: &Profiles) -> Result<(), LineageError> {
    let text = claims.text("sub_profile").map_err(|_| LineageError::Malformed)?;
    // What was unclassified may stay so, where the resource let it in; nothing becomes it on the way.
    match text.map_or_else(|| Ok(Profiles::unclassified()), Profiles::parse) {
        Ok(profiles) if profiles == *inbound => Ok(()),
        Ok(_) | Err(_) => Err(LineageError::SubjectProfile),
    }
}

pub(super) fn same_chain(claims: &Claims, request: &ExchangeRequest) -> Result<(), LineageError> {
    let exchange = &request.exchange;
    match (exchange.chain, claims.act(), &request.inbound_chain) {
        (IssuedChain::AgentAdded, Some(act), _) => agent_on_top(&read_chain(act)?, request),
        (IssuedChain::AsInbound, Some(act), Some(inbound)) if read_chain(act)? == *inbound => Ok(()),
        (IssuedChain::AsInbound, None, None) | (IssuedChain::Nobody, None, _) => Ok(()),
        (IssuedChain::AgentAdded | IssuedChain::AsInbound | IssuedChain::Nobody, _, _) => Err(LineageError::Chain),
    }
}

fn read_chain(act: &Value) -> Result<ActorChain, LineageError> {
    ActorChain::parse(act, ACTORS_MAX.saturating_add(1)).map_err(|_| LineageError::Chain)
}

fn agent_on_top(returned: &ActorChain, request: &ExchangeRequest) -> Result<(), LineageError> {
    let (wanted, exchange) = (&request.chain, &request.exchange);
    let actor = returned.current().actor();
    let acting = wanted.current().actor();
    // An actor is the pair of `iss` and `sub`: the acting agent is known to the servers asked, and an equal name elsewhere is somebody else.
    let at_home = |iss: &str| match request.agent.issuer.as_deref() {
        Some(registered) => iss == registered,
        None => exchange.servers().any(|server| server.issuer == iss) || acting.iss() == Some(iss),
    };
    let elsewhere = actor.iss().is_some_and(|iss| !at_home(iss));
    let unclassified = actor.profiles().is_none() && request.unclassified_actors;
    let as_registered = unclassified || actor.profiles() == acting.profiles();
    if elsewhere || actor.sub() != acting.sub() || !as_registered {
        return Err(LineageError::Actor);
    }
    let beneath: Vec<&Actor> = returned.iter().skip(1).collect();
    let inbound: Vec<&Actor> = wanted.iter().skip(1).collect();
    // OAuth actor profile: inner actors "MUST NOT be rewritten"; every member is compared.
    if beneath == inbound { Ok(()) } else { Err(LineageError::Chain) }
}

pub(super) fn no_wider(claims: &Claims, asked: &ScopeSet) -> Result<(), LineageError> {
    // RFC 9396 §9: rights beside the scopes. None was asked for.
    let asked_for = match claims.value("authorization_details") {
        None => true,
        Some(details) => details.as_array().is_some_and(Vec::is_empty),
    };
    if !asked_for {
        return Err(LineageError::Scope);
    }
    let granted = claims.scopes().map_err(|_| LineageError::Malformed)?;
    if granted.iter().all(|scope| asked.contains(scope)) { Ok(()) } else { Err(LineageError::Scope) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn the_only_audience_is_the_one_asked_for() {
        let check = |audience: Value, want: Result<(), LineageError>| {
            let claims = Claims::told(Map::from_iter([("aud".to_owned(), audience)]));
            assert_eq!(only_audience(&claims, "https://tool.example"), want, "{claims:?}");
        };
        check(json!("https://tool.example"), Ok(()));
        check(json!(["https://tool.example"]), Ok(()));
        for other in [
            json!("https://other.example"),
            json!(["https://other.example"]),
            json!("https://tool.example/"),
            json!(["https://tool.example", "https://other.example"]),
            json!(["https://other.example", "https://tool.example"]),
            json!(["https://tool.example", "https://tool.example"]),
        ] {
            check(other, Err(LineageError::Audience));
        }
        check(json!([7]), Err(LineageError::Malformed));
    }
}
