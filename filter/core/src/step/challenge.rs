//! The `WWW-Authenticate` of a refusal: what went wrong and what would help, each by the standard that names it.

use super::RefusalContext;
use crate::delegation::actor_token::ActorTokenError;
use crate::rejection::{OauthError, Rejection};

/// RFC 6750 §3. Scope values cannot hold a quote or a backslash, so they need no escaping.
///
/// RFC 9449 §7.1: where both schemes are taken, both are offered, and the fault is told in the one that it was committed in.
pub(super) fn challenge(rejection: Rejection, context: &RefusalContext) -> Option<String> {
    let error = rejection.oauth_error();
    if error == OauthError::NoChallenge {
        return None;
    }
    let dpop_only = context.is_dpop || rejection.is_for_dpop();
    let dpop = context.dpop().filter(|_| dpop_only || rejection.status() == 401);
    let mut challenge = match dpop {
        Some(_) if dpop_only => "DPoP realm=\"actgate\"".to_owned(),
        Some(_) | None => "Bearer realm=\"actgate\"".to_owned(),
    };
    if let Some(word) = error.word() {
        challenge.push_str(", error=\"");
        challenge.push_str(word);
        challenge.push('"');
    }
    // MCP: a client asks for these and no others; where scope is not the matter it must not be told to ask for more.
    let names_scopes = matches!(error, OauthError::InsufficientScope | OauthError::Absent | OauthError::InvalidToken);
    let resource = context.resource.as_deref();
    let scopes = context.scopes_needed.as_ref().or_else(|| Some(&resource?.accept.required_scopes));
    if let Some(scopes) = scopes.filter(|scopes| names_scopes && !scopes.is_empty()) {
        challenge.push_str(", scope=\"");
        challenge.push_str(&scopes.to_parameter());
        challenge.push('"');
    }
    // RFC 9470 §3. Not for an authorization server's own wish, which is about something else.
    if let Some(resource) = resource
        && matches!(rejection, Rejection::AuthenticationTooOld | Rejection::AuthenticationTooWeak)
    {
        challenge.push_str(&resource.accept.rules.authentication.challenge());
    }
    // RFC 9728 §5.1. A configured URL cannot hold a quote or a backslash either.
    if let Some(url) = resource.and_then(|resource| Some(&resource.metadata.as_ref()?.url)) {
        challenge.push_str(", resource_metadata=\"");
        challenge.push_str(url);
        challenge.push('"');
    }
    // RFC 9110 §11.6.1 leaves further parameters open. A header's name needs no escaping.
    if rejection == Rejection::ActorToken(ActorTokenError::Missing)
        && let Some(wanted) = resource.and_then(|resource| resource.exchange.presented_actor())
    {
        challenge.push_str(", actor_token_header=\"");
        challenge.push_str(&wanted.header);
        challenge.push('"');
    }
    if let Some(dpop) = dpop {
        challenge.push_str(if dpop_only { ", algs=\"" } else { ", DPoP algs=\"" });
        challenge.push_str(&dpop.algs());
        challenge.push('"');
    }
    Some(challenge)
}
