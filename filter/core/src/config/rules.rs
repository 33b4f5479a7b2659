//! Who may act for whom at a resource, beyond what a chain may look like: actors, pairs, sign-in, entitlements, claims.
//!
//! Every rule narrows: a resource without one is open to whoever passed the checks before, and no rule makes up for a check that failed.
//! There is no language here: a rule is a pointer and values, so evaluating one cannot fail in any other way than by refusing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::agent::Agents;
use crate::config::error::{ConfigError, Path, alternatives};
use crate::config::{duration, raw, text};
use crate::limits::{
    ACR_VALUES_MAX, AUTHENTICATION_AGE_SECONDS_MAX, CLAIM_RULE_VALUES_MAX, CLAIM_RULES_MAX, CLAIM_TEXT_BYTES_MAX,
    CONFIG_TEXT_BYTES_MAX, NAMES_PER_LIST_MAX, PAIRS_MAX,
};
use crate::time::Seconds;

/// The rules of one resource.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Whether actors name the namespace of their identifier.
    pub actor_issuer: ActorIssuer,
    /// Whose client the token must have been issued to.
    pub client: ClientRule,
    /// The current actors that are allowed, by id; `None` for every registered one.
    pub current_actors: Option<BTreeSet<String>>,
    /// Who may be served by whom; `None` for everybody by everybody.
    pub pairs: Option<Pairs>,
    /// How the human must have signed in.
    pub authentication: Authentication,
    /// Where the token says what its subject may do; what a call needs must be there.
    pub entitlements: Option<String>,
    /// What claims must say.
    pub claims: Vec<ClaimRule>,
}

/// Whether actors name the namespace of their identifier (`act.iss`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActorIssuer {
    /// They may.
    #[default]
    Optional,
    /// Each of them must.
    Required,
    /// None of them may.
    Forbidden,
}

/// Whose client the token must have been issued to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientRule {
    /// Anybody's.
    #[default]
    Any,
    /// The current actor's, by the client identifier it has at the server of the token.
    CurrentActor,
}

/// Who may be served by whom.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// Where the token names the groups of its subject.
    pub groups_claim: Option<String>,
    /// Any one of them is enough.
    pub allowed: Vec<Pair>,
}

/// Some subjects, and the current actors that may serve them.
#[derive(Clone, Debug)]
pub struct Pair {
    /// By `sub`.
    pub subjects: BTreeSet<String>,
    /// By a group they are in.
    pub groups: BTreeSet<String>,
    /// By id.
    pub actors: BTreeSet<String>,
}

/// How the human must have signed in (RFC 9470).
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// How long ago at most, by `auth_time`.
    pub age_max: Option<Seconds>,
    /// With one of these `acr`; `None` for any or none.
    pub acr_values: Option<BTreeSet<String>>,
}

impl Authentication {
    /// The parameters of a challenge that says what is wanted (RFC 9470 §3); empty where nothing is.
    #[must_use]
    pub fn challenge(&self) -> String {
        let mut parameters = String::new();
        if let Some(values) = &self.acr_values {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            parameters.push_str(&format!(", acr_values=\"{}\"", values.join(" ")));
        }
        if let Some(age) = self.age_max {
            parameters.push_str(&format!(", max_age=\"{}\"", age.get()));
        }
        parameters
    }
}

/// What one claim must say.
#[derive(Clone, Debug)]
pub struct ClaimRule {
    /// JSON pointer into the verified claims.
    pub at: String,
    /// What must be there.
    pub must: Must,
}

/// What must be at the place of a claim.
#[derive(Clone, Debug)]
pub enum Must {
    /// One of these values, of the same JSON type.
    Equal(Vec<Value>),
    /// A list with this value in it.
    Contain(Value),
    /// Nothing.
    BeAbsent,
}

/// Checks the rules of a resource.
pub(super) fn check(path: &Path<'_>, raw: &raw::Accept, agents: &Agents) -> Result<Rules, ConfigError> {
    let delegation_path = path.field("delegation");
    let delegation = raw.delegation.as_ref();
    let authentication = check_authentication(&path.field("authentication"), raw.authentication.as_ref())?;
    let entitlements = match raw.entitlements.as_deref() {
        None => None,
        Some(pointer) => Some(text::pointer(&path.field("entitlements"), Some(pointer))?),
    };
    let claims = check_claims(&path.field("claims"), raw.claims.as_deref().unwrap_or_default())?;
    let mut rules = Rules { authentication, entitlements, claims, ..Rules::default() };
    if let Some(raw) = delegation {
        check_delegation(&delegation_path, raw, agents, &mut rules)?;
    }
    Ok(rules)
}

fn check_delegation(
    path: &Path<'_>,
    raw: &raw::Delegation,
    agents: &Agents,
    rules: &mut Rules,
) -> Result<(), ConfigError> {
    rules.actor_issuer = text::word(
        &path.field("actor_issuer"),
        raw.actor_issuer.as_deref(),
        Some(ActorIssuer::Optional),
        &[
            ("optional", ActorIssuer::Optional),
            ("required", ActorIssuer::Required),
            ("forbidden", ActorIssuer::Forbidden),
        ],
        "whether each actor names the namespace of its identifier",
    )?;
    rules.client = text::word(
        &path.field("client"),
        raw.client.as_deref(),
        Some(ClientRule::Any),
        &[("any", ClientRule::Any), ("current_actor", ClientRule::CurrentActor)],
        "whose client the token must have been issued to",
    )?;
    rules.current_actors = raw
        .current_actors
        .as_deref()
        .map(|ids| check_actors(&path.field("current_actors"), Some(ids), agents))
        .transpose()?;
    rules.pairs = check_pairs(path, raw, agents)?;
    let about_the_actor = [
        ("client", rules.client == ClientRule::CurrentActor),
        ("current_actors", rules.current_actors.is_some()),
        ("pairs", rules.pairs.is_some()),
    ];
    match about_the_actor.iter().find(|(_, set)| *set) {
        // Without a chain there is no current actor, and the rule would say nothing.
        Some((field, _)) if raw.required == Some(false) => {
            Err(path.field("required").wrong("found false", "true", format!("{field} is about the current actor")))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_actors(path: &Path<'_>, ids: Option<&[String]>, agents: &Agents) -> Result<BTreeSet<String>, ConfigError> {
    let ids = names(path, ids, "the ids of agents")?;
    match ids.iter().find(|id| agents.by_id(id).is_none()) {
        None => Ok(ids),
        Some(id) => {
            let known = alternatives(agents.iter().map(|agent| agent.id.as_str()).take(8));
            Err(path.found(id, format!("ids of agents such as {known}"), "an actor that is not registered is refused"))
        }
    }
}

/// A list that names something.
fn names(path: &Path<'_>, values: Option<&[String]>, want: &str) -> Result<BTreeSet<String>, ConfigError> {
    const ADVICE: &str = "nothing is allowed by an empty list";
    let values = values.ok_or_else(|| path.missing(want, ADVICE))?;
    if values.is_empty() {
        return Err(path.wrong("empty", want, ADVICE));
    }
    text::at_most(path, values.len(), NAMES_PER_LIST_MAX, "names")?;
    let mut seen = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        let value = text::text(&path, value, CLAIM_TEXT_BYTES_MAX)?;
        text::once(&path, &value, &mut seen)?;
    }
    Ok(seen)
}

fn check_pairs(path: &Path<'_>, raw: &raw::Delegation, agents: &Agents) -> Result<Option<Pairs>, ConfigError> {
    const WANT: &str = "at least one {\"subjects\" or \"groups\": [...], \"actors\": [...]}";
    const ADVICE: &str = "say which current actors may serve whom";
    let groups = path.field("groups");
    let groups_claim = raw.groups.as_deref().map(|pointer| text::pointer(&groups, Some(pointer))).transpose()?;
    let pairs_path = path.field("pairs");
    let Some(pairs) = raw.pairs.as_deref() else {
        return match groups_claim {
            None => Ok(None),
            Some(_) => Err(pairs_path.missing(WANT, "the groups of a subject are read for this table only")),
        };
    };
    if pairs.is_empty() {
        return Err(pairs_path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(&pairs_path, pairs.len(), PAIRS_MAX, "pairs")?;
    let mut allowed = Vec::new();
    for (at, raw) in pairs.iter().enumerate() {
        let path = pairs_path.index(at);
        let some = |field: &str, values: Option<&[String]>| {
            values.map_or_else(|| Ok(BTreeSet::new()), |values| names(&path.field(field), Some(values), "names"))
        };
        let pair = Pair {
            subjects: some("subjects", raw.subjects.as_deref())?,
            groups: some("groups", raw.groups.as_deref())?,
            actors: check_actors(&path.field("actors"), raw.actors.as_deref(), agents)?,
        };
        if pair.subjects.is_empty() && pair.groups.is_empty() {
            return Err(path.wrong("found neither \"subjects\" nor \"groups\"", "one of them", ADVICE));
        }
        if !pair.groups.is_empty() && groups_claim.is_none() {
            return Err(groups.missing("a JSON pointer such as \"/groups\"", format!("{path} names groups")));
        }
        allowed.push(pair);
    }
    Ok(Some(Pairs { groups_claim, allowed }))
}

fn check_authentication(path: &Path<'_>, raw: Option<&raw::Authentication>) -> Result<Authentication, ConfigError> {
    const ADVICE: &str = "how long ago the human may have signed in, by `auth_time`";
    let Some(raw) = raw else {
        return Ok(Authentication::default());
    };
    let age_max = raw
        .max_age
        .as_deref()
        .map(|value| duration::seconds(&path.field("max_age"), value, 1..=AUTHENTICATION_AGE_SECONDS_MAX, ADVICE))
        .transpose()?;
    let acr_path = path.field("acr_values");
    let acr_values = raw.acr_values.as_deref().map(|values| check_acr_values(&acr_path, values)).transpose()?;
    if age_max.is_none() && acr_values.is_none() {
        return Err(path.wrong("empty", "\"max_age\" or \"acr_values\"", "say how the human must have signed in"));
    }
    Ok(Authentication { age_max, acr_values })
}

/// They go into a challenge as they are, separated by spaces.
fn check_acr_values(path: &Path<'_>, values: &[String]) -> Result<BTreeSet<String>, ConfigError> {
    const WANT: &str = "at least one `acr` value";
    let plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if values.is_empty() {
        return Err(path.wrong("empty", WANT, "no sign-in would be enough"));
    }
    text::at_most(path, values.len(), ACR_VALUES_MAX, "values")?;
    let mut seen = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        let value = text::text(&path, value, CONFIG_TEXT_BYTES_MAX)?;
        if !plain(&value) {
            return Err(path.found(
                &value,
                "visible ASCII without spaces, `\"` and `\\`",
                "RFC 9470 §3: a list by spaces",
            ));
        }
        text::once(&path, &value, &mut seen)?;
    }
    Ok(seen)
}

fn check_claims(path: &Path<'_>, rules: &[raw::ClaimRule]) -> Result<Vec<ClaimRule>, ConfigError> {
    text::at_most(path, rules.len(), CLAIM_RULES_MAX, "rules")?;
    rules.iter().enumerate().map(|(at, raw)| check_claim(&path.index(at), raw)).collect()
}

fn check_claim(path: &Path<'_>, raw: &raw::ClaimRule) -> Result<ClaimRule, ConfigError> {
    const WANT: &str = "exactly one of \"const\", \"enum\", \"contains\" and \"absent\"";
    const ADVICE: &str = "a rule says one thing about one claim";
    let at = text::pointer(&path.field("at"), raw.at.as_deref())?;
    let must = match (&raw.r#const, &raw.r#enum, &raw.contains, raw.absent) {
        (Some(value), None, None, None) => Must::Equal(vec![scalar(&path.field("const"), value)?]),
        (None, Some(values), None, None) => Must::Equal(scalars(&path.field("enum"), values)?),
        (None, None, Some(value), None) => Must::Contain(scalar(&path.field("contains"), value)?),
        (None, None, None, Some(true)) => Must::BeAbsent,
        (None, None, None, Some(false)) => {
            return Err(path.field("absent").wrong("found false", "true, or nothing", "a claim may be there anyway"));
        }
        (None, None, None, None) => return Err(path.wrong("found none", WANT, ADVICE)),
        _ => return Err(path.wrong("found several", WANT, ADVICE)),
    };
    // RFC 8693 §4.1: prior actors are informational. A rule that demands one would let history allow something.
    let in_history = at.starts_with("/act/act/") || at == "/act/act";
    if in_history && !matches!(must, Must::BeAbsent) {
        return Err(path.field("at").found(
            &at,
            "a claim outside the prior actors, or \"absent\"",
            "those that acted before can get a request refused and never allowed",
        ));
    }
    Ok(ClaimRule { at, must })
}

fn scalars(path: &Path<'_>, values: &[Value]) -> Result<Vec<Value>, ConfigError> {
    if values.is_empty() {
        return Err(path.wrong("empty", "at least one value", "no token could be accepted"));
    }
    text::at_most(path, values.len(), CLAIM_RULE_VALUES_MAX, "values")?;
    values.iter().enumerate().map(|(at, value)| scalar(&path.index(at), value)).collect()
}

/// What two parsers agree to be equal: no lists, no objects, no fractions.
fn scalar(path: &Path<'_>, value: &Value) -> Result<Value, ConfigError> {
    match value {
        Value::String(value) => text::text(path, value, CLAIM_TEXT_BYTES_MAX).map(Value::String),
        Value::Bool(_) => Ok(value.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(value.clone()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(path.wrong("found something else", "a text, a whole number, true or false", "compared exactly"))
        }
    }
}
