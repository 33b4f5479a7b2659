//! Who acts for whom, as far as it is known: kept as it was verified, and read where it is written.
//!
//! What was authorised may be asked for again and again, so that is written once, for all requests that share it ([`Identity`]).

use core::fmt;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::Line;
use crate::config::Agent;
use crate::delegation::chain::{Actor, ActorChain};
use crate::delegation::workload::{Mark, Workload};
use crate::jwt::Claims;
use crate::limits::{ACTORS_MAX, IDENTITY_BYTES_MAX};
use crate::profile::Profiles;

/// Who acts for whom. Copies are shared.
#[derive(Debug, Clone)]
pub(super) enum Delegation {
    Unknown,
    /// What a verified token says.
    Verified(Claims),
    /// An agent that is known without a token, and by what.
    Known(Arc<Agent>, &'static str),
    /// What was authorised.
    Authorized(Arc<Identity>),
    #[cfg(test)]
    Told(Arc<Map<String, Value>>),
}

impl Delegation {
    pub(super) fn known(workload: &Workload) -> Self {
        Self::Known(Arc::clone(workload.agent()), workload.mark().word())
    }

    /// What records and filter state say of it.
    pub(super) fn told(&self) -> Told<'_> {
        match self {
            Self::Authorized(identity) => identity.told(),
            Self::Unknown | Self::Verified(_) | Self::Known(..) => Told::of(self.who()),
            #[cfg(test)]
            Self::Told(_) => Told::of(self.who()),
        }
    }

    pub(super) fn who(&self) -> Who<'_> {
        match self {
            Self::Unknown => Who::default(),
            Self::Verified(claims) => {
                // An `act` that is no chain names nobody.
                let has_chain = claims.chain(ACTORS_MAX).is_ok_and(|chain| chain.is_some());
                Who::of(claims, has_chain)
            }
            Self::Known(agent, known_by) => {
                Who { subject: Some(&agent.id), agent: Some(&agent.id), known_by: Some(known_by), ..Who::default() }
            }
            Self::Authorized(identity) => identity.who(),
            #[cfg(test)]
            Self::Told(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                let chain = members.get("chain").and_then(Value::as_array);
                Who {
                    actor: text("actor"),
                    agent: text("agent"),
                    chain: chain.map(|chain| chain.iter().filter_map(Value::as_str).collect()),
                    issuer: text("issuer"),
                    jti: text("jti"),
                    subject: text("subject"),
                    ..Who::default()
                }
            }
        }
    }
}

/// Who acts for whom as it was authorised: nothing of it changes from one request to the next.
pub(crate) struct Identity {
    claims: Claims,
    profiles: Profiles,
    chain: Option<Arc<ActorChain>>,
    agent: Arc<Agent>,
    known_by: Option<&'static str>,
    texts: OnceLock<Option<Texts>>,
}

/// What is written of it, as far as it is worth keeping.
struct Texts {
    members: Box<str>,
    chain: Option<Box<str>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("agent", &self.agent.id).finish_non_exhaustive()
    }
}

impl Identity {
    /// Of claims whose `act` is that chain; `mark` is what an agent without a token is known by.
    pub(crate) fn new(
        claims: &Claims,
        profiles: &Profiles,
        chain: Option<&Arc<ActorChain>>,
        agent: &Arc<Agent>,
        mark: Option<&Mark>,
    ) -> Self {
        Self {
            claims: claims.clone(),
            profiles: profiles.clone(),
            chain: chain.cloned(),
            agent: Arc::clone(agent),
            known_by: mark.map(Mark::word),
            texts: OnceLock::new(),
        }
    }

    fn actor(&self) -> Option<&str> {
        // Without a token it acts for itself.
        if self.known_by.is_some() {
            return Some(&self.agent.id);
        }
        self.chain.as_ref().map(|chain| chain.current().actor().sub())
    }

    fn who(&self) -> Who<'_> {
        Who {
            actor: self.actor(),
            agent: Some(&self.agent.id),
            agent_name: Some(&self.agent.name),
            chain: self.chain.as_ref().map(|chain| chain.iter().map(Actor::sub).collect()),
            known_by: self.known_by,
            subject_profile: Some(self.profiles.iter().collect::<Vec<_>>().join(" ")),
            ..Who::of(&self.claims, false)
        }
    }

    fn told(&self) -> Told<'_> {
        let Some(texts) = self.texts.get_or_init(|| Texts::of(Told::of(self.who()))) else {
            return Told::of(self.who());
        };
        Told {
            actor: self.actor(),
            agent: Some(&self.agent.id),
            chain: texts.chain.as_deref().map(Cow::Borrowed),
            members: Cow::Borrowed(&texts.members),
            subject: self.claims.subject().ok(),
        }
    }
}

impl Texts {
    /// None for what is too long to be kept.
    fn of(told: Told<'_>) -> Option<Self> {
        let bytes = told.members.len().saturating_add(told.chain.as_ref().map_or(0, |chain| chain.len()));
        let texts = Self {
            members: told.members.into_owned().into_boxed_str(),
            chain: told.chain.map(|chain| chain.into_owned().into_boxed_str()),
        };
        (bytes <= IDENTITY_BYTES_MAX).then_some(texts)
    }
}

/// What is written of who acts for whom: the members of a record as JSON, and the texts of filter state.
#[derive(Default)]
pub(super) struct Told<'r> {
    pub(super) actor: Option<&'r str>,
    pub(super) agent: Option<&'r str>,
    pub(super) chain: Option<Cow<'r, str>>,
    /// Without the braces around them.
    pub(super) members: Cow<'r, str>,
    pub(super) subject: Option<&'r str>,
}

impl<'r> Told<'r> {
    fn of(who: Who<'r>) -> Self {
        let (actor, agent, subject) = (who.actor, who.agent, who.subject);
        let chain = who.chain.as_ref().map(|chain| Cow::Owned(chain.join(" ")));
        let mut line = Line::default();
        for (name, said) in who.members() {
            match said {
                Said::Text(text) => line.text(name, &text),
                Said::List(texts) => line.list(name, texts),
            }
        }
        Self { actor, agent, chain, members: Cow::Owned(line.text), subject }
    }
}

/// The members of a record that say it.
#[derive(Debug, Default)]
pub(super) struct Who<'r> {
    pub(super) actor: Option<&'r str>,
    pub(super) agent: Option<&'r str>,
    agent_name: Option<&'r str>,
    chain: Option<Vec<&'r str>>,
    issuer: Option<&'r str>,
    jti: Option<&'r str>,
    known_by: Option<&'r str>,
    pub(super) subject: Option<&'r str>,
    subject_profile: Option<String>,
}

/// What a member of a record holds.
enum Said<'r> {
    Text(Cow<'r, str>),
    List(Vec<&'r str>),
}

impl<'r> Who<'r> {
    fn of(claims: &'r Claims, has_chain: bool) -> Self {
        let text = |claim| claims.text(claim).ok().flatten();
        let chain = has_chain.then(|| subjects(claims));
        Self {
            actor: chain.as_ref().and_then(|chain| chain.first().copied()),
            chain,
            issuer: text("iss"),
            jti: text("jti"),
            subject: text("sub"),
            ..Self::default()
        }
    }

    /// The members that are known, by name in alphabetical order.
    fn members(self) -> impl Iterator<Item = (&'static str, Said<'r>)> {
        let text = |text: &'r str| Said::Text(Cow::Borrowed(text));
        let members = [
            ("actor", self.actor.map(text)),
            ("agent", self.agent.map(text)),
            ("agent_name", self.agent_name.map(text)),
            ("chain", self.chain.map(Said::List)),
            ("issuer", self.issuer.map(text)),
            ("jti", self.jti.map(text)),
            ("known_by", self.known_by.map(text)),
            ("subject", self.subject.map(text)),
            ("subject_profile", self.subject_profile.map(|text| Said::Text(Cow::Owned(text)))),
        ];
        members.into_iter().filter_map(|(name, said)| Some((name, said?)))
    }

    /// The same as an object.
    pub(super) fn into_object(self) -> Map<String, Value> {
        let value = |said| match said {
            Said::Text(text) => Value::from(text.into_owned()),
            Said::List(texts) => Value::from(texts),
        };
        self.members().map(|(name, said)| (name.to_owned(), value(said))).collect()
    }
}

/// The actors of a chain that was read before, outermost first.
fn subjects(claims: &Claims) -> Vec<&str> {
    core::iter::successors(claims.act(), |link| link.get("act")).filter_map(|link| link.get("sub")?.as_str()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::sample::{agent, claims};

    /// Of an agent with a name of that length.
    fn identity(name: usize) -> Identity {
        let act = json!({"sub": "a", "act": {"sub": "b"}});
        let claims = claims(&json!({"iss": "https://idp", "sub": "ann", "jti": "7", "act": act}));
        let chain = claims.chain(ACTORS_MAX).unwrap();
        let agent = Agent { name: "n".repeat(name), ..agent("acting") };
        Identity::new(&claims, &Profiles::unclassified(), chain.as_ref(), &Arc::new(agent), None)
    }

    fn is_kept(identity: &Identity) -> bool {
        identity.texts.get().unwrap().is_some()
    }

    #[test]
    fn what_is_written_once_is_what_would_be_written_each_time() {
        let identity = identity(1);
        for _round in 0..2 {
            let told = identity.told();
            assert_eq!((told.actor, told.agent, told.subject), (Some("a"), Some("acting"), Some("ann")));
            assert_eq!(told.chain.as_deref(), Some("a b"));
            assert_eq!(
                told.members,
                r#""actor":"a","agent":"acting","agent_name":"n","chain":["a","b"],"issuer":"https://idp","jti":"7","subject":"ann","subject_profile":"unclassified""#
            );
        }
        assert!(is_kept(&identity));
    }

    #[test]
    fn texts_are_kept_at_the_bound_and_written_anew_one_past() {
        let told_bytes = |told: Told<'_>| told.members.len() + told.chain.unwrap().len();
        let longest = IDENTITY_BYTES_MAX - told_bytes(identity(0).told());
        for (name, kept) in [(longest, true), (longest + 1, false)] {
            let identity = identity(name);
            assert_eq!(told_bytes(identity.told()), IDENTITY_BYTES_MAX + usize::from(!kept));
            assert_eq!(is_kept(&identity), kept);
        }
    }
}
