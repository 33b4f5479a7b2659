//! A2A (0.3 and 1.0.1, JSON-RPC binding) as far as a decision needs it: which method is called.
//!
//! Both spellings of a method are names of their own here; the resource maps each it allows, and everything else is refused.

use crate::config::{A2aPolicy, ScopeSet};
use crate::delegation::policy::AuthorizedDelegation;
use crate::operation::{Operation, check_demands};
use crate::rejection::Rejection;
use crate::rpc::RpcCall;

/// Judges a parsed call.
///
/// # Errors
///
/// [`Rejection::MethodNotMapped`], or the unmet demand of the method.
pub(crate) fn judge(
    policy: &A2aPolicy,
    call: &RpcCall<'_>,
    delegation: &AuthorizedDelegation,
) -> Result<Operation, Rejection> {
    let method = policy.methods.get(&call.method).ok_or(Rejection::MethodNotMapped)?;
    check_demands(&method.demands, delegation)?;
    Ok(Operation::new(&call.method, ScopeSet::default()))
}
