//! A second decision about chains and lineage, written from the specifications alone: recursive, slow, and sharing no code with the core.
//!
//! It reads claims as plain JSON, after signature, issuer and header were verified.
//! It answers yes or no; which of several faults is named first is the core's own affair.
//! Bounds of length are not repeated here, so generated claims must stay small.

use std::collections::BTreeSet;

use serde_json::Value;

/// An agent of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Registered {
    /// Its identifier.
    pub id: &'static str,
    /// Whether it may act at all.
    pub active: bool,
    /// What kind of entity it is.
    pub profile: &'static str,
}

/// What a resource asks of an inbound chain.
#[derive(Debug, Clone, Copy)]
pub struct ChainRules<'a> {
    /// The registry.
    pub agents: &'a [Registered],
    /// The namespaces in which identifiers of the registry are meant.
    pub issuers: &'a [&'a str],
    /// The agent that will act next, in nobody's namespace in particular.
    pub acting: &'a str,
    /// The longest chain.
    pub actors_max: usize,
    /// The kinds that the current actor may be.
    pub actor_profiles: &'a [&'a str],
    /// The kinds that the subject may be.
    pub subject_profiles: &'a [&'a str],
}

/// RFC 8693 §4.1, OAuth actor profile, entity profiles: whether this chain may act for this subject.
pub fn chain_is_acceptable(claims: &Value, rules: &ChainRules<'_>) -> bool {
    let Some(subject) = text(&claims["sub"]) else {
        return false;
    };
    let human = profiles(&claims["sub_profile"]);
    let Some(human) = human else {
        return false;
    };
    // "uid" names the same human in another namespace.
    let other_name = claims.get("uid");
    if other_name.is_some_and(|name| text(name).is_none()) {
        return false;
    }
    let subjects = [Some(subject), other_name.and_then(text)];
    is_within(&human, rules.subject_profiles)
        && well_formed(&claims["act"])
        && depth(&claims["act"]) <= rules.actors_max
        && !repeats(&claims["act"])
        && !closes_a_circle(&claims["act"], rules.acting)
        && nobody_is(&claims["act"], &subjects)
        && current_may_act(&claims["act"], rules)
        && priors_are_in_order(&claims["act"]["act"], rules)
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
}

/// Entity profiles: space-delimited, without regard to case or order, duplicates ignored.
fn profiles(value: &Value) -> Option<BTreeSet<String>> {
    let list: Vec<&str> = value.as_str()?.split(' ').collect();
    let grammar =
        |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    list.iter().all(grammar).then(|| list.iter().map(|word| word.to_ascii_lowercase()).collect())
}

/// "Several values take the most restrictive policy."
fn is_within(profiles: &BTreeSet<String>, accepted: &[&str]) -> bool {
    profiles.iter().all(|profile| accepted.contains(&profile.as_str()))
}

/// RFC 8693 §4.1: `act` is an object that identifies the actor, and a nested `act` is one of the same kind.
fn well_formed(act: &Value) -> bool {
    let Some(members) = act.as_object() else {
        return false;
    };
    let some_text = |name: &str| members.get(name).and_then(text).is_some();
    some_text("sub")
        && (!members.contains_key("iss") || some_text("iss"))
        && (!members.contains_key("sub_profile") || profiles(&act["sub_profile"]).is_some())
        && (!members.contains_key("act") || well_formed(&act["act"]))
}

fn depth(act: &Value) -> usize {
    if act.is_object() { 1 + depth(&act["act"]) } else { 0 }
}

/// An actor is the pair of its namespace and its identifier; a namespace that is not written may be any.
fn is_among(actor: &Value, chain: &Value) -> bool {
    let apart = actor.get("iss").is_some() && chain.get("iss").is_some() && actor["iss"] != chain["iss"];
    chain.is_object() && ((actor["sub"] == chain["sub"] && !apart) || is_among(actor, &chain["act"]))
}

/// The acting agent comes on top, unless it is there already; nowhere else may it be.
fn closes_a_circle(act: &Value, acting: &str) -> bool {
    act["sub"] != acting && is_among(&serde_json::json!({ "sub": acting }), act)
}

fn repeats(act: &Value) -> bool {
    act.is_object() && (is_among(act, &act["act"]) || repeats(&act["act"]))
}

fn nobody_is(act: &Value, subjects: &[Option<&str>]) -> bool {
    !act.is_object() || (!subjects.contains(&act["sub"].as_str()) && nobody_is(&act["act"], subjects))
}

fn registered<'a>(act: &Value, rules: &ChainRules<'a>) -> Option<&'a Registered> {
    if act.get("iss").is_some_and(|iss| !rules.issuers.iter().any(|known| iss == known)) {
        return None;
    }
    rules.agents.iter().find(|agent| act["sub"] == agent.id)
}

fn calls_itself(act: &Value, agent: &Registered) -> bool {
    profiles(&act["sub_profile"]).is_some_and(|own| is_within(&own, &[agent.profile]))
}

/// "Only the token's top-level claims and the party identified as the current actor" are for access decisions.
fn current_may_act(act: &Value, rules: &ChainRules<'_>) -> bool {
    registered(act, rules).is_some_and(|agent| {
        let accepted = profiles(&act["sub_profile"]).is_some_and(|own| is_within(&own, rules.actor_profiles));
        agent.active && calls_itself(act, agent) && accepted
    })
}

/// Prior actors "are informational only": they can be refused here, and grant nothing.
fn priors_are_in_order(act: &Value, rules: &ChainRules<'_>) -> bool {
    !act.is_object()
        || (registered(act, rules).is_some_and(|agent| agent.active && calls_itself(act, agent))
            && priors_are_in_order(&act["act"], rules))
}

/// What was asked of an authorization server.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The claims of the inbound token.
    pub inbound: &'a Value,
    /// The acting agent.
    pub agent: &'a str,
    /// The namespaces in which it may be named.
    pub issuers: &'a [&'a str],
    /// What kind of entity it is.
    pub agent_profile: &'a str,
    /// Whom the token must be for.
    pub audience: &'a str,
    /// The protected server, where the token names one.
    pub resource: Option<&'a str>,
    /// The scopes that were asked for.
    pub scopes: &'a [&'a str],
    /// Claims that name the same human: inbound, issued.
    pub same_subject: &'a [(&'a str, &'a str)],
    /// The longest life in seconds.
    pub lifetime_max: u64,
    /// How far the clocks may differ.
    pub skew: u64,
    /// The time.
    pub now: u64,
    /// True for an identity assertion: its client and its identifier are required, its scope may be narrower than asked, it may end within the skew.
    pub is_assertion: bool,
}

/// RFC 7519 §4.1, RFC 8693 §4, RFC 9068 §2.2, ID-JAG: whether what came back is what was asked for, and no more.
pub fn lineage_holds(claims: &Value, asked: &Asked<'_>) -> bool {
    audience_is_only(&claims["aud"], asked.audience)
        && times_hold(claims, asked)
        && client_is(claims, asked)
        && resource_is(claims, asked)
        && identifier_holds(claims, asked)
        && asked.same_subject.iter().all(|(inbound, issued)| {
            let inbound = asked.inbound.pointer(inbound).and_then(Value::as_str);
            inbound.is_some() && claims.pointer(issued).and_then(Value::as_str) == inbound
        })
        && text(&claims["sub_profile"]).is_some()
        && profiles(&claims["sub_profile"]) == profiles(&asked.inbound["sub_profile"])
        && scopes_hold(claims, asked)
        && no_other_rights(claims)
        && chain_holds(&claims["act"], asked)
}

/// RFC 9396 §9: rights beside the scopes, of which none were asked for.
fn no_other_rights(claims: &Value) -> bool {
    claims.get("authorization_details").is_none_or(|details| details.as_array().is_some_and(Vec::is_empty))
}

fn audience_is_only(aud: &Value, wanted: &str) -> bool {
    aud == wanted || aud.as_array().is_some_and(|list| list.len() == 1 && list[0] == wanted)
}

/// A `NumericDate`, of which whole seconds count.
fn date(claims: &Value, name: &str) -> Result<Option<u64>, ()> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| (0.0..253_402_300_800.0).contains(seconds)).ok_or(())?;
            Ok(Some(seconds.trunc() as u64))
        }
    }
}

fn times_hold(claims: &Value, asked: &Asked<'_>) -> bool {
    let (Ok(Some(exp)), Ok(Some(iat)), Ok(nbf)) = (date(claims, "exp"), date(claims, "iat"), date(claims, "nbf"))
    else {
        return false;
    };
    let end = if asked.is_assertion { exp + asked.skew } else { exp };
    asked.now < end
        && iat <= asked.now + asked.skew
        && nbf.is_none_or(|nbf| nbf <= asked.now + asked.skew)
        && iat <= exp
        && exp - iat <= asked.lifetime_max
}

fn client_is(claims: &Value, asked: &Asked<'_>) -> bool {
    let said: Vec<&Value> = ["client_id", "cid"].iter().filter_map(|name| claims.get(*name)).collect();
    said.iter().all(|client| **client == asked.agent) && !(asked.is_assertion && said.is_empty())
}

fn resource_is(claims: &Value, asked: &Asked<'_>) -> bool {
    match (claims.get("resource"), asked.resource) {
        (Some(Value::Array(list)), Some(wanted)) => !list.is_empty() && list.iter().all(|each| each == wanted),
        (Some(said), Some(wanted)) => said == wanted,
        (None, _) | (_, None) => true,
    }
}

fn identifier_holds(claims: &Value, asked: &Asked<'_>) -> bool {
    !asked.is_assertion || text(&claims["jti"]).is_some()
}

/// RFC 6749 §3.3: `scope-token *( SP scope-token )`.
fn scope_words(value: &Value, list_allowed: bool) -> Option<BTreeSet<String>> {
    let words: Vec<&str> = match value {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => text.split(' ').collect(),
        Value::Array(list) if list_allowed => list.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let token =
        |word: &&str| !word.is_empty() && word.chars().all(|c| matches!(c, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e'));
    words.iter().all(token).then(|| words.iter().map(|word| (*word).to_owned()).collect())
}

/// Never more than was asked for; for use also never less.
fn scopes_hold(claims: &Value, asked: &Asked<'_>) -> bool {
    let wanted: BTreeSet<String> = asked.scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let scope = claims.get("scope").map(|value| scope_words(value, false));
    let scp = claims.get("scp").map(|value| scope_words(value, true));
    let granted = match (scope, scp) {
        (Some(Some(one)), Some(Some(other))) if one == other => one,
        (Some(Some(one)), None) | (None, Some(Some(one))) => one,
        (None, None) => BTreeSet::new(),
        _ => return false,
    };
    granted.is_subset(&wanted) && (asked.is_assertion || granted == wanted)
}

/// The acting agent on top, and everything under it the inbound chain: inner actors "MUST NOT be rewritten".
fn chain_holds(act: &Value, asked: &Asked<'_>) -> bool {
    let agent: BTreeSet<String> = [asked.agent_profile.to_owned()].into();
    well_formed(act)
        && act["sub"] == asked.agent
        && act.get("iss").is_none_or(|iss| asked.issuers.iter().any(|known| iss == known))
        && profiles(&act["sub_profile"]) == Some(agent)
        && same_chain(act.get("act"), asked.inbound.get("act"))
}

fn same_chain(one: Option<&Value>, other: Option<&Value>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    let (Some(a), Some(b)) = (one.as_object(), other.as_object()) else {
        return false;
    };
    let special = ["act", "sub_profile"];
    let rest = |members: &serde_json::Map<String, Value>| {
        let kept = members.iter().filter(|(name, _)| !special.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    rest(a) == rest(b)
        && a.contains_key("sub_profile") == b.contains_key("sub_profile")
        && profiles(&one["sub_profile"]) == profiles(&other["sub_profile"])
        && same_chain(one.get("act"), other.get("act"))
}
