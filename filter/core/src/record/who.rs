//! Who acts for whom, as far as it is known: kept as it was verified, and read where it is written.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::Agent;
use crate::delegation::policy::{AuthorizedDelegation, Basis};
use crate::delegation::workload::Workload;
use crate::jwt::Claims;
use crate::limits::ACTORS_MAX;
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
    Authorized {
        claims: Claims,
        profiles: Profiles,
        agent: Arc<Agent>,
        has_chain: bool,
        known_by: Option<&'static str>,
    },
    #[cfg(test)]
    Told(Arc<Map<String, Value>>),
}

impl Delegation {
    pub(super) fn known(workload: &Workload) -> Self {
        Self::Known(Arc::clone(workload.agent()), workload.mark().word())
    }

    pub(super) fn authorized(delegation: &AuthorizedDelegation) -> Self {
        Self::Authorized {
            claims: delegation.claims().clone(),
            profiles: delegation.subject_profiles().clone(),
            agent: Arc::clone(delegation.agent()),
            has_chain: delegation.chain().is_some(),
            known_by: match delegation.basis() {
                Basis::Workload(mark) => Some(mark.word()),
                Basis::Key(_) | Basis::Told(_) => None,
            },
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
            Self::Authorized { claims, profiles, agent, has_chain, known_by } => {
                let who = Who::of(claims, *has_chain);
                Who {
                    // Without a token it acts for itself.
                    actor: if known_by.is_some() { Some(&agent.id) } else { who.actor },
                    agent: Some(&agent.id),
                    agent_name: Some(&agent.name),
                    known_by: *known_by,
                    subject_profile: Some(profiles.iter().collect::<Vec<_>>().join(" ")),
                    ..who
                }
            }
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

/// The members of a record that say it.
#[derive(Debug, Default)]
pub(super) struct Who<'r> {
    pub(super) actor: Option<&'r str>,
    pub(super) agent: Option<&'r str>,
    agent_name: Option<&'r str>,
    pub(super) chain: Option<Vec<&'r str>>,
    pub(super) issuer: Option<&'r str>,
    pub(super) jti: Option<&'r str>,
    known_by: Option<&'r str>,
    pub(super) subject: Option<&'r str>,
    subject_profile: Option<String>,
}

/// What a member of a record holds.
pub(super) enum Said<'r> {
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
    pub(super) fn members(self) -> impl Iterator<Item = (&'static str, Said<'r>)> {
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
