//! The nested `act` claim as a flat, bounded list, current actor first.
//!
//! Holding an [`ActorChain`] says: at least one link, every link an object with a non-empty `sub`, no deeper than the resource allows.
//! It says nothing about whether those actors may act.

use serde_json::{Map, Value};

use crate::limits::ACTOR_ID_BYTES_MAX;
use crate::profile::Profiles;
use crate::rejection::Rejection;
use crate::words;

/// One `act` object as it stands.
type Link = Map<String, Value>;

/// One acting party.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor {
    sub: String,
    iss: Option<String>,
    profiles: Option<Profiles>,
    members: Map<String, Value>,
}

impl Actor {
    /// An actor known by configuration rather than read from a token: what the gateway's own exchange must put on top.
    pub fn known(sub: &str, profiles: &Profiles) -> Self {
        Self { sub: sub.to_owned(), iss: None, profiles: Some(profiles.clone()), members: Map::new() }
    }

    /// The identifier, unique in the namespace of the token's issuer or of [`Self::iss`].
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The namespace of the identifier where the token names one.
    pub fn iss(&self) -> Option<&str> {
        self.iss.as_deref()
    }

    /// What kind of entity it says it is; `None` where it does not say.
    pub fn profiles(&self) -> Option<&Profiles> {
        self.profiles.as_ref()
    }

    /// Equality of identity: the pair of namespace and identifier.
    ///
    /// A namespace that is not written may be the one that is, so leaving it out makes nobody another one.
    pub fn is(&self, other: &Self) -> bool {
        let apart = self.iss.is_some() && other.iss.is_some() && self.iss != other.iss;
        self.sub == other.sub && !apart
    }

    fn parse(link: &Link) -> Result<(Self, Option<&Link>), Rejection> {
        let inner = match link.get("act") {
            None => None,
            Some(Value::Object(inner)) => Some(inner),
            Some(_) => return Err(Rejection::ChainMalformed),
        };
        let sub = match link.get("sub") {
            Some(Value::String(sub)) if is_identifier(sub) => sub.clone(),
            Some(_) | None => return Err(Rejection::ChainMalformed),
        };
        let iss = match link.get("iss") {
            None => None,
            Some(Value::String(iss)) if is_identifier(iss) => Some(iss.clone()),
            Some(_) => return Err(Rejection::ChainMalformed),
        };
        let profiles = match link.get("sub_profile") {
            None => None,
            Some(Value::String(text)) => Some(Profiles::parse(text).map_err(|_| Rejection::ChainMalformed)?),
            Some(_) => return Err(Rejection::ChainMalformed),
        };
        let others = link.iter().filter(|(name, _)| !matches!(name.as_str(), "act" | "sub" | "iss" | "sub_profile"));
        let members = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        let actor = Self { sub, iss, profiles, members };
        Ok((actor, inner))
    }
}

/// As every other claim: a line break would let an actor write into access logs.
fn is_identifier(text: &str) -> bool {
    // Without looking each letter up: identifiers are ASCII for the most part.
    let visible = || words::visible(text.as_bytes());
    !text.is_empty() && text.len() <= ACTOR_ID_BYTES_MAX && (visible() || !text.chars().any(char::is_control))
}

/// Who acts, outermost first. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorChain {
    current: Actor,
    prior: Vec<Actor>,
}

impl ActorChain {
    /// Walks `act` from the outside in, by a loop: nesting costs no stack.
    ///
    /// # Errors
    ///
    /// [`Rejection::ChainTooLong`] past `actors_max`: the chain is refused, never cut.
    /// [`Rejection::ChainMalformed`] for any link that is not an object with a text `sub`.
    pub fn parse(act: &Value, actors_max: usize) -> Result<Self, Rejection> {
        let Value::Object(outermost) = act else {
            return Err(Rejection::ChainMalformed);
        };
        let (current, mut next) = Actor::parse(outermost)?;
        let mut prior = Vec::new();
        while let Some(link) = next {
            if prior.len().saturating_add(1) >= actors_max {
                return Err(Rejection::ChainTooLong);
            }
            let (actor, inner) = Actor::parse(link)?;
            prior.push(actor);
            next = inner;
        }
        if actors_max == 0 {
            return Err(Rejection::ChainTooLong);
        }
        Ok(Self { current, prior })
    }

    /// The chain that an exchange by `actor` must return: `actor` on top, this chain unchanged beneath.
    #[must_use]
    pub fn beneath(inbound: Option<&Self>, actor: Actor) -> Self {
        let prior = inbound.map_or_else(Vec::new, |chain| chain.iter().cloned().collect());
        Self { current: actor, prior }
    }

    /// RFC 8693 §4.1: the outermost `act` is the current actor, the only one that access may be decided on.
    pub fn current(&self) -> CurrentActor<'_> {
        CurrentActor(&self.current)
    }

    /// RFC 8693 §4.1: prior actors "are informational only".
    pub fn prior(&self) -> PriorActors<'_> {
        PriorActors(&self.prior)
    }

    /// Every actor, outermost first, for records and for comparison.
    pub fn iter(&self) -> impl Iterator<Item = &Actor> {
        core::iter::once(&self.current).chain(self.prior.iter())
    }

    /// How many actors; at least one.
    pub fn depth(&self) -> usize {
        self.prior.len().saturating_add(1)
    }

    /// True where some actor stands in the chain twice.
    pub fn repeats(&self) -> bool {
        self.iter().enumerate().any(|(at, actor)| self.iter().skip(at.saturating_add(1)).any(|later| later.is(actor)))
    }
}

/// The party that acts now. Policy may grant on it.
#[derive(Debug, Clone, Copy)]
pub struct CurrentActor<'a>(&'a Actor);

impl<'a> CurrentActor<'a> {
    /// The actor.
    pub fn actor(self) -> &'a Actor {
        self.0
    }
}

/// Those that acted before. They can be refused; there is no way to ask them for a right.
#[derive(Debug, Clone, Copy)]
pub struct PriorActors<'a>(&'a [Actor]);

impl PriorActors<'_> {
    /// Applies `refusal` to each and returns the first one.
    ///
    /// # Errors
    ///
    /// What `refusal` returned.
    pub fn refuse_if(self, refusal: impl Fn(&Actor) -> Option<Rejection>) -> Result<(), Rejection> {
        match self.0.iter().find_map(refusal) {
            Some(rejection) => Err(rejection),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use serde_json::json;

    fn nested(depth: usize) -> Value {
        (1..depth).fold(json!({"sub": "a0"}), |act, level| json!({"sub": format!("a{level}"), "act": act}))
    }

    #[test]
    fn the_outermost_actor_is_current() {
        let chain = ActorChain::parse(&nested(3), 4).unwrap();
        assert_eq!(chain.current().actor().sub(), "a2");
        let subs: Vec<&str> = chain.iter().map(Actor::sub).collect();
        assert_eq!(subs, ["a2", "a1", "a0"]);
        assert_eq!(chain.depth(), 3);
    }

    #[test]
    fn depth_holds_at_the_bound_and_not_one_past() {
        for max in 1..6 {
            assert_eq!(ActorChain::parse(&nested(max), max).unwrap().depth(), max);
            assert_eq!(ActorChain::parse(&nested(max + 1), max), Err(Rejection::ChainTooLong));
        }
        assert_eq!(ActorChain::parse(&nested(1), 0), Err(Rejection::ChainTooLong));
    }

    #[test]
    fn a_link_of_any_other_shape_is_refused() {
        for act in [
            json!(null),
            json!("agent"),
            json!([]),
            json!([{"sub": "a"}]),
            json!({}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"sub": "a\nb"}),
            json!({"sub": "a", "iss": "b\u{7f}"}),
            json!({"sub": "a", "iss": 7}),
            json!({"sub": "a", "iss": ""}),
            json!({"sub": "a", "sub_profile": ["ai_agent"]}),
            json!({"sub": "a", "act": null}),
            json!({"sub": "a", "act": "b"}),
            json!({"sub": "a", "act": {}}),
            json!({"sub": "a", "act": {"sub": "b", "act": []}}),
            json!({"sub": "x".repeat(ACTOR_ID_BYTES_MAX + 1)}),
        ] {
            assert_eq!(ActorChain::parse(&act, 4), Err(Rejection::ChainMalformed), "{act}");
        }
        let longest = json!({"sub": "x".repeat(ACTOR_ID_BYTES_MAX)});
        assert!(ActorChain::parse(&longest, 4).is_ok());
    }

    #[test]
    fn a_repeated_actor_is_seen_at_any_distance() {
        let repeats = |act: Value| ActorChain::parse(&act, 4).unwrap().repeats();
        assert!(!repeats(nested(4)));
        assert!(repeats(json!({"sub": "a", "act": {"sub": "a"}})));
        assert!(repeats(json!({"sub": "a", "act": {"sub": "b", "act": {"sub": "a"}}})));
        assert!(!repeats(json!({"sub": "a", "iss": "x", "act": {"sub": "a", "iss": "y"}})));
        assert!(repeats(json!({"sub": "a", "iss": "x", "act": {"sub": "a"}})));
        assert!(repeats(json!({"sub": "a", "iss": "x", "act": {"sub": "a", "iss": "x"}})));
    }

    #[test]
    fn the_chain_grows_at_the_top_only() {
        let inbound = ActorChain::parse(&nested(2), 4).unwrap();
        let agent = Actor::known("agent", &Profiles::parse("ai_agent").unwrap());
        let grown = ActorChain::beneath(Some(&inbound), agent.clone());
        assert_eq!(grown.current().actor().sub(), "agent");
        let beneath: Vec<&Actor> = grown.iter().skip(1).collect();
        assert_eq!(beneath, inbound.iter().collect::<Vec<_>>());
        assert_eq!(ActorChain::beneath(None, agent).depth(), 1);
    }
}
