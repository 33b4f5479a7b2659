//! The decision who may act for whom at a resource.
//!
//! It reads the token's top-level claims and the current actor, as RFC 8693 §4.1 allows; prior actors can only narrow.
//! [`AuthorizedDelegation`] is the proof that everything below was checked, and no exchange starts without one.

use std::sync::Arc;

use crate::config::observe::Rule;
use crate::config::workloads::SERVICE;
use crate::config::{
    Accept, Agent, AgentStatus, Agents, AuthorizationServer, Config, DelegationRules, Presenter, ScopeSet, Verdict,
};
use crate::delegation::behind::Behind;
use crate::delegation::caller::{CallerEvidence, Sender};
use crate::delegation::chain::{Actor, ActorChain};
use crate::delegation::inbound::Inbound;
use crate::delegation::permission::Permission;
use crate::delegation::rules::{self, Facts};
use crate::delegation::workload::{Mark, Workload};
use crate::exchange::kept_keys::KeptKeys;
use crate::jwt::Claims;
use crate::limits::NUMERIC_DATE_SECONDS_MAX;
use crate::observed::Watched;
use crate::profile::{Profiles, UNCLASSIFIED};
use crate::record::Identity;
use crate::rejection::Rejection;
use crate::revocation::Revocations;
use crate::time::UnixSeconds;

/// Who asks, for whom, and as which agent: verified, in form, and allowed by the resource.
#[derive(Debug)]
pub struct AuthorizedDelegation {
    claims: Claims,
    subject: String,
    subject_profiles: Profiles,
    chain: Option<Arc<ActorChain>>,
    agent: Arc<Agent>,
    caller: CallerEvidence,
    permission: Permission,
    unclassified_actors: bool,
    authentication_ends: Option<UnixSeconds>,
    expires_at: UnixSeconds,
    basis: Basis,
    behind: Arc<Behind>,
    identity: Arc<Identity>,
    token_digest: [u8; 32],
    exchange_keys: KeptKeys,
}

/// What stands behind a delegation, and must go on standing while the request waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Basis {
    /// A key of the token's issuer, by its thumbprint: a key withdrawn later withdraws this too.
    Key([u8; 32]),
    /// The word of its server, and since when it is relied on.
    Told(UnixSeconds),
    /// No token: the agent itself.
    Workload(Mark),
}

impl AuthorizedDelegation {
    /// Applies `accept` to a verified token; what observed rules refuse is noted in `watched` and not done.
    ///
    /// # Errors
    ///
    /// The first check that fails, in the order: identifiers, what is withdrawn, scopes, subject and client, chain, actors, agent, caller, rules.
    pub fn authorize(
        token: &Inbound<'_>,
        accept: &Accept,
        (config, revocations): (&Config, &Revocations),
        sender: Sender<'_>,
        now: UnixSeconds,
        watched: &mut Watched,
    ) -> Result<Self, Rejection> {
        let claims = token.claims;
        // RFC 9068 §2.2: a token always has a subject. The other two are only recorded, but must not be overlooked either.
        let subject = claims.subject().map_err(Rejection::Token)?;
        let _ = claims.client_id().map_err(Rejection::Token)?;
        let _ = claims.jti().map_err(Rejection::Token)?;
        let (server, _) = accept.issuer(token.issuer).ok_or(Rejection::Internal("verified for an issuer not taken"))?;
        revocations.refuse_token(claims, now)?;
        let keys = sender.keys();
        revocations.refuse_keys(&keys, now)?;
        check_scopes(claims, accept)?;
        let subject_profiles = subject_profiles(claims, accept)?;
        check_parties_stand(claims, (subject, &subject_profiles), server, &config.agents)?;
        let chain = chain(claims, &accept.delegation)?;
        if let Some(chain) = &chain {
            check_actors(chain, (claims, subject), accept, config, watched)?;
        }
        let agent = acting_agent(accept, &config.agents, chain.as_deref())?;
        let behind = Behind::token(claims, &agent, keys);
        revocations.refuse_actors(&behind, now)?;
        let caller = CallerEvidence::of(&agent, accept.caller, sender)?;
        // Only a proven caller is told what the rules say.
        let current = chain.as_ref().and_then(|chain| config.agents.by_id(chain.current().actor().sub()));
        let facts = Facts { claims, subject, current: current.map(Arc::as_ref), server, now };
        rules::judge(&accept.rules, facts, watched)?;
        let age_max = accept.rules.authentication.age_max.filter(|_| !watched.observes(Rule::Authentication));
        let identity = Identity::new(claims, &subject_profiles, chain.as_ref(), &agent, None);
        let delegation = Self {
            permission: Permission::of(claims, accept.rules.entitlements.as_deref(), &agent),
            unclassified_actors: accept.delegation.actor_profiles.contains(UNCLASSIFIED),
            authentication_ends: rules::authentication_ends(age_max, facts)?,
            claims: claims.clone(),
            subject: subject.to_owned(),
            subject_profiles,
            chain,
            agent,
            caller,
            expires_at: token.expires_at,
            basis: token.basis.clone(),
            behind: Arc::new(behind),
            identity: Arc::new(identity),
            token_digest: token.digest,
            exchange_keys: KeptKeys::default(),
        };
        // An agent further down its own chain would close a circle with this very step.
        if accept.delegation.repeated_actors == Verdict::Refuse && delegation.issues_a_repetition() {
            return Err(Rejection::ChainRepeatsActor);
        }
        Ok(delegation)
    }

    /// Applies `accept` to an agent that is known without a token; what observed rules refuse is noted in `watched` and not done.
    ///
    /// # Errors
    ///
    /// The first check that fails, in the order: agent, what is withdrawn, subject, rules.
    pub(crate) fn of_workload(
        workload: Workload,
        accept: &Accept,
        revocations: &Revocations,
        now: UnixSeconds,
        watched: &mut Watched,
    ) -> Result<Self, Rejection> {
        let (token_digest, keys) = (workload.digest(), workload.keys());
        let caller = CallerEvidence::of_workload(&workload.mark);
        let Workload { agent, mark, .. } = workload;
        if agent.status != AgentStatus::Active {
            return Err(Rejection::AgentInactive);
        }
        revocations.refuse_keys(&keys, now)?;
        let claims = Claims::of_workload(&agent.id, SERVICE);
        let behind = Behind::workload(&claims, &agent, keys, now);
        revocations.refuse_actors(&behind, now)?;
        let subject_profiles = Profiles::new([SERVICE]).map_err(|_| Rejection::Internal("no profile of a service"))?;
        if !subject_profiles.all_in(&accept.subject_profiles) {
            return Err(Rejection::SubjectProfileRefused);
        }
        let (current, server) = (Some(agent.as_ref()), accept.server.as_ref());
        let facts = Facts { claims: &claims, subject: &agent.id, current, server, now };
        rules::judge(&accept.rules, facts, watched)?;
        let identity = Identity::new(&claims, &subject_profiles, None, &agent, Some(&mark));
        Ok(Self {
            permission: Permission::of(&claims, accept.rules.entitlements.as_deref(), &agent),
            unclassified_actors: false,
            authentication_ends: None,
            claims,
            subject: agent.id.clone(),
            subject_profiles,
            chain: None,
            agent,
            caller,
            // There is no token that could end.
            expires_at: UnixSeconds::new(NUMERIC_DATE_SECONDS_MAX),
            basis: Basis::Workload(mark),
            behind: Arc::new(behind),
            identity: Arc::new(identity),
            token_digest,
            exchange_keys: KeptKeys::default(),
        })
    }

    /// Whether it would be authorised again at `now`, by a token that holds and with all rules enforced: all that time or a list can change.
    pub(crate) fn stands_at(&self, accept: &Accept, revocations: &Revocations, now: UnixSeconds) -> bool {
        revocations.refuse(&self.behind, now).is_ok() && self.sign_in_stands(accept, now)
    }

    fn sign_in_stands(&self, accept: &Accept, now: UnixSeconds) -> bool {
        if accept.rules.authentication.age_max.is_none() {
            return true;
        }
        let issuer = self.claims.issuer().ok().and_then(|issuer| accept.issuer(issuer));
        issuer.is_some_and(|(server, _)| {
            let facts = Facts { claims: &self.claims, subject: &self.subject, current: None, server, now };
            rules::authentication(&accept.rules, facts).is_ok()
        })
    }

    /// The verified claims of the inbound token; of an agent without one, what the gateway says of it.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The top-level `sub`: the human, or the service that acts for itself.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What kind of entity the subject is.
    pub fn subject_profiles(&self) -> &Profiles {
        &self.subject_profiles
    }

    /// The inbound chain; `None` only where the resource does not require delegation.
    pub fn chain(&self) -> Option<&ActorChain> {
        self.chain.as_deref()
    }

    /// The registered agent on whose behalf the gateway exchanges.
    pub fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// What shows that this agent is calling.
    pub fn caller(&self) -> &CallerEvidence {
        &self.caller
    }

    /// What may be asked for.
    pub(crate) fn permission(&self) -> &Permission {
        &self.permission
    }

    /// Whether an actor may leave out what it is.
    pub(crate) fn unclassified_actors(&self) -> bool {
        self.unclassified_actors
    }

    /// When the sign-in becomes too old for the resource; `None` where that does not matter.
    pub(crate) fn authentication_ends(&self) -> Option<UnixSeconds> {
        self.authentication_ends
    }

    /// When the inbound token ends.
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// What it rests on.
    pub(crate) fn basis(&self) -> &Basis {
        &self.basis
    }

    /// What its entitlements take, in bytes, estimated.
    pub(super) fn entitlements_bytes(&self) -> usize {
        self.permission.own_bytes()
    }

    /// Everybody and everything behind it that can be withdrawn.
    pub(crate) const fn behind(&self) -> &Arc<Behind> {
        &self.behind
    }

    /// What records say of it.
    pub(crate) const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Who acts now: the outermost actor, or the agent that came without a token.
    pub(crate) fn current_actor(&self) -> Option<&str> {
        match self.basis {
            Basis::Workload(_) => Some(&self.agent.id),
            Basis::Key(_) | Basis::Told(_) => self.chain.as_ref().map(|chain| chain.current().actor().sub()),
        }
    }

    /// What it may without asking anybody: what the token says, or where there is none what the registry says.
    pub(crate) fn scopes(&self) -> Result<ScopeSet, Rejection> {
        match self.basis {
            Basis::Workload(_) => Ok(self.agent.scopes.clone().unwrap_or_default()),
            Basis::Key(_) | Basis::Told(_) => self.claims.scopes().map_err(Rejection::Token),
        }
    }

    /// The SHA-256 digest of the inbound token, which stands for it where requests are told apart.
    pub fn token_digest(&self) -> &[u8; 32] {
        &self.token_digest
    }

    /// What it was exchanged under last.
    pub(crate) const fn exchange_keys(&self) -> &KeptKeys {
        &self.exchange_keys
    }

    /// Whether some actor stands twice in [`Self::chain_to_issue`], which is not built for it.
    fn issues_a_repetition(&self) -> bool {
        let Some(chain) = &self.chain else {
            return false;
        };
        // The agent names no namespace, so an equal name in any may be its own.
        let on_top = chain.current().actor().sub() != self.agent.id;
        chain.repeats() || (on_top && chain.iter().any(|actor| actor.sub() == self.agent.id))
    }

    /// The chain a token issued to the acting agent must carry.
    ///
    /// OAuth actor profile: the same presenter continues the chain, another one is put on top of it.
    pub fn chain_to_issue(&self) -> ActorChain {
        match &self.chain {
            Some(chain) if chain.current().actor().sub() == self.agent.id => chain.as_ref().clone(),
            Some(_) | None => {
                let actor = Actor::known(&self.agent.id, &self.agent.profiles);
                ActorChain::beneath(self.chain.as_deref(), actor)
            }
        }
    }
}

fn check_scopes(claims: &Claims, accept: &Accept) -> Result<(), Rejection> {
    let scopes = claims.scopes().map_err(Rejection::Token)?;
    if scopes.iter().any(|scope| accept.forbidden_scopes.iter().any(|pattern| pattern.matches(scope))) {
        return Err(Rejection::ScopeForbidden);
    }
    if accept.required_scopes.iter().all(|needed| scopes.contains(needed)) {
        Ok(())
    } else {
        Err(Rejection::ScopeMissing)
    }
}

/// Entity profiles: several values take the most restrictive policy, so every one of them must be accepted;
/// an absent value is unclassified and takes the restrictive branch.
fn subject_profiles(claims: &Claims, accept: &Accept) -> Result<Profiles, Rejection> {
    let text = claims.text("sub_profile").map_err(Rejection::Token)?;
    let profiles = text.map_or_else(|| Ok(Profiles::unclassified()), Profiles::parse);
    let profiles = profiles.map_err(|_| Rejection::SubjectProfileRefused)?;
    if profiles.all_in(&accept.subject_profiles) { Ok(profiles) } else { Err(Rejection::SubjectProfileRefused) }
}

/// A subject that is a registered agent, and no human of the same name, acts through others only while it may act itself,
/// and so does whoever obtained the token: under their ids and under the names they have as clients of that server.
fn check_parties_stand(
    claims: &Claims,
    (subject, profiles): (&str, &Profiles),
    server: &AuthorizationServer,
    agents: &Agents,
) -> Result<(), Rejection> {
    let client = claims.client_id().map_err(Rejection::Token)?;
    let client = client.and_then(|client| agents.client(&server.name, client));
    let subject = Some(subject).filter(|_| !profiles.contains("user"));
    let subject = subject.map(|subject| [agents.by_id(subject), agents.by_client_id(&server.name, subject)]);
    let mut parties = client.into_iter().chain(subject.into_iter().flatten().flatten());
    if parties.all(|agent| agent.status == AgentStatus::Active) { Ok(()) } else { Err(Rejection::ActorInactive) }
}

fn chain(claims: &Claims, rules: &DelegationRules) -> Result<Option<Arc<ActorChain>>, Rejection> {
    match claims.chain(rules.actors_max)? {
        None if rules.required => Err(Rejection::DelegationRequired),
        chain => Ok(chain),
    }
}

fn check_actors(
    chain: &ActorChain,
    (claims, subject): (&Claims, &str),
    accept: &Accept,
    config: &Config,
    watched: &mut Watched,
) -> Result<(), Rejection> {
    let rules = &accept.delegation;
    watched.hold(Rule::ActorIssuer, rules::actor_issuers(accept.rules.actor_issuer, chain))?;
    check_subject_does_not_act(chain, claims, subject)?;
    if rules.repeated_actors == Verdict::Refuse && chain.repeats() {
        return Err(Rejection::ChainRepeatsActor);
    }
    check_current(chain.current().actor(), rules, config)?;
    let issuer = claims.issuer().map_err(Rejection::Token)?;
    chain.prior().refuse_if(|actor| refuse_prior(actor, issuer, rules, config))
}

/// The agent that `actor` is registered as.
///
/// OAuth actor profile: an actor is the pair of `iss` and `sub`, so an equal `sub` in anybody else's namespace is somebody else.
fn registered<'c>(actor: &Actor, config: &'c Config) -> Option<&'c Arc<Agent>> {
    let agent = config.agents.by_id(actor.sub())?;
    let servers = config.servers.values().map(|server| server.issuer.as_str());
    rules::in_namespace(actor, agent, servers).then_some(agent)
}

/// Whether `actor` is nothing but what it is registered as. One that does not say what it is, is unclassified:
/// it is accepted where the resource lists that word, and there it says nothing that could differ.
fn is_as_registered(actor: &Actor, registered: &Agent, rules: &DelegationRules) -> bool {
    match actor.profiles() {
        Some(profiles) => profiles.all_in(&registered.profiles),
        None => rules.actor_profiles.contains(UNCLASSIFIED),
    }
}

/// A chain whose actor is the human on top of it hides who acted.
/// The directory identifier (`uid`) names the same human in another namespace.
fn check_subject_does_not_act(chain: &ActorChain, claims: &Claims, subject: &str) -> Result<(), Rejection> {
    let uid = claims.text("uid").map_err(Rejection::Token)?;
    let acts = chain.iter().any(|actor| actor.sub() == subject || Some(actor.sub()) == uid);
    if acts { Err(Rejection::ChainActorIsSubject) } else { Ok(()) }
}

fn check_current(actor: &Actor, rules: &DelegationRules, config: &Config) -> Result<(), Rejection> {
    let registered = registered(actor, config).ok_or(Rejection::ActorUnregistered)?;
    if registered.status != AgentStatus::Active {
        return Err(Rejection::ActorInactive);
    }
    let of_a_kind = actor.profiles().is_none_or(|profiles| profiles.all_in(&rules.actor_profiles));
    let accepted = of_a_kind && is_as_registered(actor, registered, rules);
    if accepted { Ok(()) } else { Err(Rejection::ActorProfileRefused) }
}

fn refuse_prior(actor: &Actor, issuer: &str, rules: &DelegationRules, config: &Config) -> Option<Rejection> {
    match registered(actor, config) {
        None => match rules.unregistered_prior_actors {
            Verdict::Allow => {
                let inactive =
                    as_client(actor, issuer, config).is_some_and(|agent| agent.status != AgentStatus::Active);
                inactive.then_some(Rejection::PriorActorInactive)
            }
            Verdict::Refuse => Some(Rejection::PriorActorUnregistered),
        },
        Some(registered) if registered.status != AgentStatus::Active => Some(Rejection::PriorActorInactive),
        Some(registered) => {
            let consistent = is_as_registered(actor, registered, rules);
            (!consistent).then_some(Rejection::PriorActorProfileRefused)
        }
    }
}

/// The agent that goes by that name as a client in the actor's namespace. It is good for a refusal only: an actor is known by its id.
fn as_client<'c>(actor: &Actor, issuer: &str, config: &'c Config) -> Option<&'c Arc<Agent>> {
    let namespace = actor.iss().unwrap_or(issuer);
    let server = config.servers.values().find(|server| server.issuer == namespace)?;
    config.agents.by_client_id(&server.name, actor.sub())
}

fn acting_agent(accept: &Accept, agents: &Agents, chain: Option<&ActorChain>) -> Result<Arc<Agent>, Rejection> {
    let agent = match accept.presenter {
        Presenter::AudienceAgent => agents.by_audience(&accept.audience),
        Presenter::CurrentActor => chain.and_then(|chain| agents.by_id(chain.current().actor().sub())),
    };
    let agent = agent.ok_or(Rejection::AgentUnknown)?;
    if agent.status == AgentStatus::Active { Ok(Arc::clone(agent)) } else { Err(Rejection::AgentInactive) }
}
