//! What held before a wait must hold after it: the token, the sign-in, the key that signed, what a server said, and that nothing of it is withdrawn.

use crate::config::Accept;
use crate::delegation::actor_token::ProvenActor;
use crate::delegation::policy::{AuthorizedDelegation, Basis};
use crate::exchange::cache::IssuedToken;
use crate::flow::admission::Arrived;
use crate::flow::authorization::Admitted;
use crate::introspection::Parties;
use crate::jwt::JwtError;
use crate::limits::INTROSPECTION_STANDS_SECONDS;
use crate::plugin::Plugin;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::time::{Seconds, UnixSeconds};

/// The wait may have been long: what held before it must hold now.
pub(super) fn still_admitted(admitted: &Admitted, plugin: &Plugin, ambient: &Ambient<'_>) -> Result<(), Rejection> {
    let Arrived { resource, shown, .. } = &admitted.arrived;
    still_stands(&admitted.delegation, &resource.accept, shown.token(), plugin, ambient)?;
    actor_still_stands(admitted.actor.as_ref(), &admitted.delegation, plugin, ambient.now)
}

/// And so must what a token of its own says of who acts.
pub(super) fn actor_still_stands(
    actor: Option<&ProvenActor>,
    delegation: &AuthorizedDelegation,
    plugin: &Plugin,
    now: UnixSeconds,
) -> Result<(), Rejection> {
    let against = (&plugin.keys, &plugin.revocations);
    actor.map_or(Ok(()), |actor| actor.still_stands(delegation.agent(), against, now))
}

pub(super) fn still_stands(
    delegation: &AuthorizedDelegation,
    accept: &Accept,
    token: Option<&Redacted<String>>,
    plugin: &Plugin,
    ambient: &Ambient<'_>,
) -> Result<(), Rejection> {
    still_valid(delegation, accept, token, plugin, ambient)?;
    // What is withdrawn may be so by another configuration than the one that admitted it.
    plugin.revocations.refuse(delegation.behind(), ambient.now)
}

fn still_valid(
    delegation: &AuthorizedDelegation,
    accept: &Accept,
    token: Option<&Redacted<String>>,
    plugin: &Plugin,
    ambient: &Ambient<'_>,
) -> Result<(), Rejection> {
    let basis = delegation.basis();
    if let Basis::Workload(_) = basis {
        return Ok(());
    }
    let issuer = delegation.claims().issuer().map_err(Rejection::Token)?;
    let (server, _) = accept.issuer(issuer).ok_or(Rejection::Internal("admitted for an issuer not taken"))?;
    let ends = delegation.expires_at().saturating_add(server.clock_skew);
    if ambient.now >= ends {
        return Err(Rejection::Token(JwtError::Expired));
    }
    if delegation.authentication_ends().is_some_and(|ends| ambient.now >= ends) {
        return Err(Rejection::AuthenticationTooOld);
    }
    match basis {
        Basis::Key(thumbprint) if !plugin.keys.still_trusts(server, thumbprint, ambient.now) => {
            Err(Rejection::Token(JwtError::UnknownKid))
        }
        Basis::Told(since) if still_active(accept, token, plugin, *since, ambient.now) => Ok(()),
        Basis::Told(_) => Err(Rejection::TokenInactive),
        Basis::Key(_) | Basis::Workload(_) => Ok(()),
    }
}

/// Nobody learnt anything else of an opaque token meanwhile, and it is not long ago.
fn still_active(
    accept: &Accept,
    token: Option<&Redacted<String>>,
    plugin: &Plugin,
    since: UnixSeconds,
    now: UnixSeconds,
) -> bool {
    let (Some(introspection), Some(token)) = (&accept.introspection, token) else {
        return false;
    };
    let parties = Parties::of(&accept.server, introspection);
    !plugin.introspected.is_inactive(&parties, token.expose(), now)
        && now < since.saturating_add(Seconds::new(INTROSPECTION_STANDS_SECONDS))
}

pub(super) fn still_holds(
    admitted: &Admitted,
    plugin: &Plugin,
    ambient: &Ambient<'_>,
    issued: &IssuedToken,
) -> Result<(), Rejection> {
    still_admitted(admitted, plugin, ambient)?;
    if ambient.now >= issued.expires_at {
        return Err(Rejection::AuthorizationServerAnswerInvalid);
    }
    Ok(())
}
