//! Who asks for an operation, held against what the operation needs.
//!
//! Everything here can only refuse. Rules that are observed refuse nothing and are noted ([`crate::observed`]).

use std::sync::Arc;

use crate::config::observe::Rule;
use crate::config::{Demand, Needs, ScopeSet};
use crate::delegation::policy::AuthorizedDelegation;
use crate::jwt::Claims;
use crate::observed::Watched;
use crate::rejection::Rejection;

/// A delegation that asks for an operation.
pub(crate) struct Asker<'a> {
    delegation: &'a Arc<AuthorizedDelegation>,
    watched: &'a mut Watched,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(delegation: &'a Arc<AuthorizedDelegation>, watched: &'a mut Watched) -> Self {
        Self { delegation, watched }
    }

    pub(crate) fn delegation(&self) -> &'a Arc<AuthorizedDelegation> {
        self.delegation
    }

    /// What the rules of its resource are that refuse nothing.
    pub(crate) fn watched(&self) -> &Watched {
        self.watched
    }

    /// The verified claims, for rules that compare with one.
    pub(crate) fn claims(&self) -> &'a Claims {
        self.delegation.claims()
    }

    /// Refuses an operation whose needs beyond scopes are not met.
    ///
    /// # Errors
    ///
    /// The need that is not met, in the order: subject, actor, demands.
    pub(crate) fn meets(&mut self, needs: &Needs) -> Result<(), Rejection> {
        let subject = self.delegation.subject();
        let named = needs.subjects.as_ref().is_none_or(|subjects| subjects.contains(subject));
        self.watched.hold(Rule::Subjects, named.then_some(()).ok_or(Rejection::SubjectNotAllowed))?;
        // RFC 8693 §4.1: of the actors, only the current one counts.
        let actor = self.delegation.current_actor();
        let named = needs.actors.as_ref().is_none_or(|actors| actor.is_some_and(|actor| actors.contains(actor)));
        self.watched.hold(Rule::Actors, named.then_some(()).ok_or(Rejection::ActorNotAllowed))?;
        check_demands(&needs.demands, self.delegation)
    }

    /// Refuses scopes that the subject is not entitled to or the agent's ceiling does not allow.
    ///
    /// # Errors
    ///
    /// Whose limit it is.
    pub(crate) fn may_ask_for(&mut self, scopes: &ScopeSet) -> Result<(), Rejection> {
        self.delegation.permission().covers(scopes, self.watched)
    }

    /// What is left of `scopes` where the call is not known yet and they are asked for on suspicion.
    ///
    /// # Errors
    ///
    /// As [`Self::may_ask_for`] where nothing is left.
    pub(crate) fn cut(&mut self, scopes: &ScopeSet) -> Result<ScopeSet, Rejection> {
        self.delegation.permission().cut(scopes, self.watched)
    }

    /// Refuses values that break a rule on arguments.
    ///
    /// # Errors
    ///
    /// [`Rejection::ArgumentRefused`].
    pub(crate) fn argues(&mut self, kept: bool) -> Result<(), Rejection> {
        self.watched.hold(Rule::Arguments, kept.then_some(()).ok_or(Rejection::ArgumentRefused))
    }
}

/// Refuses an operation whose demands the delegation does not meet.
///
/// Consent and approval cannot be shown yet by any token, so a tool that demands them is refused with that word rather than called without.
pub(crate) fn check_demands(demands: &[Demand], delegation: &AuthorizedDelegation) -> Result<(), Rejection> {
    demands.iter().try_for_each(|demand| match demand {
        Demand::Human if delegation.subject_profiles().iter().eq(["user"]) => Ok(()),
        Demand::Human => Err(Rejection::HumanRequired),
        Demand::Consent => Err(Rejection::ConsentRequired),
        Demand::Approval => Err(Rejection::ApprovalRequired),
    })
}
