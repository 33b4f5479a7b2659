//! Transaction tokens (draft-ietf-oauth-transaction-tokens): what one must say, to be the one asked for.
//!
//! A transaction token is no credential: it tells services behind the gateway for whom, for what and on whose request a transaction runs.
//! One is asked for each request, never kept, and never taken from a caller.

use crate::config::TransactionToken;
use crate::digest::sha256;
use crate::exchange::lineage::{LineageError, no_wider, only_audience, same_chain, same_human, same_profile};
use crate::exchange::request::ExchangeRequest;
use crate::jwt::{Claims, VerifiedJwt};
use crate::request::hex;

/// The header that carries it; `Authorization` must not.
pub(crate) const HEADER: &str = "txn-token";

/// What tells one returned token from another: the same claims twice are one transaction passed off as two, however they are signed.
pub(crate) fn name_of(token: &str) -> String {
    let claims = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    format!("txn {}", hex(&sha256(claims.as_bytes())))
}

/// Checks the claims of a returned token. Its signature, issuer, `typ` and times were verified before.
pub(super) fn check(
    token: &VerifiedJwt,
    request: &ExchangeRequest,
    asked: &TransactionToken,
) -> Result<(), LineageError> {
    let claims = token.claims();
    // "aud": the trust domain, and nobody else.
    only_audience(claims, &request.exchange.resource)?;
    required(claims, "txn")?;
    required(claims, "sub")?;
    // One text, whatever access tokens of this server look like.
    required(claims, "scope")?;
    let workload = required(claims, "req_wl")?;
    let asking = match &asked.requesting_workload {
        Some(configured) => workload == configured,
        None => workload == request.client_id() || request.agent.spiffe_id.as_deref() == Some(workload),
    };
    if !asking {
        return Err(LineageError::Client);
    }
    same_human(claims, request, &request.exchange.same_subject)?;
    if claims.pointer("/sub_profile").is_some() {
        same_profile(claims, &request.subject_profiles)?;
    }
    same_chain(claims, request)?;
    no_wider(claims, &request.scopes)
}

fn required<'c>(claims: &'c Claims, name: &'static str) -> Result<&'c str, LineageError> {
    claims.text(name).ok().flatten().ok_or(LineageError::Malformed)
}
