//! A resource's rules, evaluated on a verified token for a caller that is proven.
//!
//! Every function here returns nothing but its consent: a rule refuses or has no effect.
//! What a rule needs and does not find is a refusal, a claim of an unexpected type included.

use serde_json::Value;

use crate::config::observe::Rule;
use crate::config::rules::{ActorIssuer, ClaimRule, ClientRule, Must, Pair, Pairs, Rules};
use crate::config::{Agent, AuthorizationServer};
use crate::delegation::chain::{Actor, ActorChain};
use crate::jwt::{ClaimFault, Claims, JwtError};
use crate::limits::GROUPS_MAX;
use crate::observed::Watched;
use crate::rejection::Rejection;
use crate::time::{Seconds, UnixSeconds};

/// What the rules are about.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The verified claims.
    pub(super) claims: &'a Claims,
    /// The top-level `sub`.
    pub(super) subject: &'a str,
    /// The current actor as it is registered; none without a chain.
    pub(super) current: Option<&'a Agent>,
    /// Whose token it is.
    pub(super) server: &'a AuthorizationServer,
    /// The present.
    pub(super) now: UnixSeconds,
}

/// Who acts, for whom, under which claims.
///
/// # Errors
///
/// The first rule that is not kept and not observed, in the order: actor, pair, client, sign-in, claims.
pub(super) fn judge(rules: &Rules, facts: Facts<'_>, watched: &mut Watched) -> Result<(), Rejection> {
    let claims = rules.claims.iter().try_for_each(|rule| claim(rule, facts.claims));
    let verdicts = [
        (Rule::CurrentActors, current_actor(rules, facts)),
        (Rule::Pairs, pair(rules.pairs.as_ref(), facts)),
        (Rule::Client, client(rules.client, facts)),
        (Rule::Authentication, authentication(rules, facts)),
        (Rule::Claims, claims),
    ];
    verdicts.into_iter().try_for_each(|(rule, verdict)| watched.hold(rule, verdict))
}

/// OAuth actor profile: whether actors say in whose namespace their identifier is.
///
/// # Errors
///
/// [`Rejection::ActorIssuerRefused`] for the first actor that is not as the resource wants all of them.
pub(super) fn actor_issuers(rule: ActorIssuer, chain: &ActorChain) -> Result<(), Rejection> {
    let kept = match rule {
        ActorIssuer::Optional => true,
        ActorIssuer::Required => chain.iter().all(|actor| actor.iss().is_some()),
        ActorIssuer::Forbidden => chain.iter().all(|actor| actor.iss().is_none()),
    };
    if kept { Ok(()) } else { Err(Rejection::ActorIssuerRefused) }
}

/// Whether `actor` stands in the namespace that `agent` is registered in.
///
/// Where the registry does not say, every configured server's namespace is one; an actor without a namespace is in all of them.
pub(super) fn in_namespace(actor: &Actor, agent: &Agent, mut servers: impl Iterator<Item = impl AsRef<str>>) -> bool {
    match (actor.iss(), agent.issuer.as_deref()) {
        (None, _) => true,
        (Some(iss), Some(registered)) => iss == registered,
        (Some(iss), None) => servers.any(|server| server.as_ref() == iss),
    }
}

fn current_actor(rules: &Rules, facts: Facts<'_>) -> Result<(), Rejection> {
    let Some(allowed) = &rules.current_actors else {
        return Ok(());
    };
    if facts.current.is_some_and(|agent| allowed.contains(&agent.id)) {
        Ok(())
    } else {
        Err(Rejection::ActorNotAccepted)
    }
}

fn pair(pairs: Option<&Pairs>, facts: Facts<'_>) -> Result<(), Rejection> {
    let Some(pairs) = pairs else {
        return Ok(());
    };
    let groups = pairs.groups_claim.as_deref().map_or_else(Vec::new, |pointer| texts(facts.claims.pointer(pointer)));
    let serves = |pair: &Pair| {
        let for_subject =
            pair.subjects.contains(facts.subject) || groups.iter().any(|group| pair.groups.contains(*group));
        for_subject && facts.current.is_some_and(|agent| pair.actors.contains(&agent.id))
    };
    if pairs.allowed.iter().any(serves) { Ok(()) } else { Err(Rejection::PairNotAccepted) }
}

/// One text, or a list of nothing but texts; anything else names nothing.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Array(values)) if values.len() <= GROUPS_MAX => {
            values.iter().map(Value::as_str).collect::<Option<Vec<&str>>>().unwrap_or_default()
        }
        Some(_) | None => Vec::new(),
    }
}

/// OAuth actor profile: a client identifier is no actor's; where a decision needs them to match, it is by what is registered.
fn client(rule: ClientRule, facts: Facts<'_>) -> Result<(), Rejection> {
    match rule {
        ClientRule::Any => Ok(()),
        ClientRule::CurrentActor => {
            let client = facts.claims.client_id().map_err(Rejection::Token)?;
            let party = facts.claims.text("azp").map_err(Rejection::Token)?;
            let registered = facts.current.map(|agent| agent.client_id(&facts.server.name));
            let same = client.is_some() && client == registered && (party.is_none() || party == registered);
            if same { Ok(()) } else { Err(Rejection::ClientMismatch) }
        }
    }
}

/// RFC 9470: how long ago and how the human signed in, by what the token says of it.
pub(super) fn authentication(rules: &Rules, facts: Facts<'_>) -> Result<(), Rejection> {
    if let Some(accepted) = &rules.authentication.acr_values {
        let acr = facts.claims.text("acr").map_err(Rejection::Token)?;
        if !acr.is_some_and(|acr| accepted.contains(acr)) {
            return Err(Rejection::AuthenticationTooWeak);
        }
    }
    match authentication_ends(rules.authentication.age_max, facts)? {
        Some(ends) if facts.now >= ends => Err(Rejection::AuthenticationTooOld),
        Some(_) | None => Ok(()),
    }
}

/// When the sign-in becomes too old for the resource; `None` where that does not matter.
///
/// # Errors
///
/// [`Rejection::AuthenticationTooOld`] where the token does not say when it was.
pub(super) fn authentication_ends(
    age_max: Option<Seconds>,
    facts: Facts<'_>,
) -> Result<Option<UnixSeconds>, Rejection> {
    let Some(age_max) = age_max else {
        return Ok(None);
    };
    let skew = facts.server.clock_skew;
    let at = facts.claims.date("auth_time").map_err(Rejection::Token)?.ok_or(Rejection::AuthenticationTooOld)?;
    // A sign-in that is yet to come would stay fresh for as long as its issuer likes.
    if at > facts.now.saturating_add(skew) {
        return Err(Rejection::Token(JwtError::Claim { claim: "auth_time", fault: ClaimFault::OutOfRange }));
    }
    Ok(Some(at.saturating_add(age_max).saturating_add(skew)))
}

fn claim(rule: &ClaimRule, claims: &Claims) -> Result<(), Rejection> {
    let kept = match (&rule.must, claims.pointer(&rule.at)) {
        (Must::BeAbsent, value) => value.is_none(),
        (Must::Equal(values), Some(value)) => values.contains(value),
        (Must::Contain(wanted), Some(Value::Array(values))) => values.contains(wanted),
        (Must::Equal(_) | Must::Contain(_), Some(_) | None) => false,
    };
    if kept { Ok(()) } else { Err(Rejection::ClaimNotAccepted) }
}
