//! What a request is for: one tool, one method, and the scopes that takes.
//!
//! An [`Operation`] exists only for what the resource maps; everything else is refused by default.

use crate::config::{Demand, ScopeSet};
use crate::delegation::policy::AuthorizedDelegation;
use crate::rejection::Rejection;

/// A mapped operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    /// For records: the tool's or the method's name.
    pub(crate) label: String,
    /// What the exchanged token must carry, and no more.
    pub(crate) scopes: ScopeSet,
    /// How often one exchanged token may be used again; `None` for as long as it lives.
    pub(crate) reuse_max: Option<u32>,
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
