//! What the head of an answer says of the token that was sent, and of the proof beside it.

use crate::dpop::{Round, ServerNonce, Towards};
use crate::exchange::refused::Whose;
use crate::flow::{Lease, ResponseHead};
use crate::plugin::Plugin;
use crate::rejection::Rejection;
use crate::step::Sent;
use crate::time::{Seconds, UnixSeconds};

/// The header by which servers give nonces (RFC 9449 §8.2, §9).
pub(super) const NONCE: &str = "dpop-nonce";

/// # Errors
///
/// The refusal in place of the answer, and how long to wait before the next try: the token was refused, or a nonce is wanted in the proof.
pub(super) fn judge(
    plugin: &mut Plugin,
    (sent, lease): (&Sent, &Lease),
    head: &ResponseHead<'_>,
    now: UnixSeconds,
) -> Result<(), (Rejection, Seconds)> {
    let (resource, agent) = (sent.resource.name.as_str(), sent.agent.id.as_str());
    if let Some(round) = sent.proven {
        judge_proof(plugin, Towards { resource, agent }, round, head, now)?;
    }
    let whose = || Whose::of(resource, lease.behind());
    match head.status {
        Some(401) => {
            plugin.issued.drop_token(sent.key, &sent.token);
            plugin.sharing.withdraw(sent.key, &sent.token);
            if sent.is_fresh {
                plugin.refused.refused(whose(), &sent.token, now);
            }
            let wait = plugin.refused.wait(whose, now).unwrap_or(Seconds::new(1));
            Err((Rejection::UpstreamRefusedToken, wait))
        }
        Some(200..=499) => {
            plugin.refused.taken(whose);
            Ok(())
        }
        // Who fails may not have looked at the token.
        Some(_) | None => Ok(()),
    }
}

/// Takes the nonce for the next proof. The request itself cannot be sent again from here: its body is gone.
fn judge_proof(
    plugin: &mut Plugin,
    towards: Towards<'_>,
    round: Round,
    head: &ResponseHead<'_>,
    now: UnixSeconds,
) -> Result<(), (Rejection, Seconds)> {
    let mut given = head.headers.iter().filter(|(name, _)| *name == NONCE.as_bytes());
    if let (Some((_, nonce)), None) = (given.next(), given.next())
        && let Some(nonce) = ServerNonce::read(nonce)
    {
        plugin.given_nonces.upstream_gave(towards, nonce);
    }
    match head.status {
        Some(401) if wants_nonce(head) => {
            let wait = plugin.given_nonces.challenged(towards, round, now).unwrap_or(Seconds::new(1));
            Err((Rejection::UpstreamWantsNonce, wait))
        }
        Some(401) => Ok(()),
        Some(200..=499) => {
            plugin.given_nonces.taken(towards);
            Ok(())
        }
        Some(_) | None => Ok(()),
    }
}

/// RFC 9449 §9: `WWW-Authenticate: DPoP error="use_dpop_nonce"`, among whatever other challenges there are.
fn wants_nonce(head: &ResponseHead<'_>) -> bool {
    let values = head.headers.iter().filter(|(name, _)| *name == b"www-authenticate");
    values.into_iter().any(|(_, value)| core::str::from_utf8(value).is_ok_and(challenges_for_nonce))
}

/// RFC 9110 §11.6.1: challenges and their parameters are parted by commas alike, so a part with a blank before its `=` begins another scheme.
fn challenges_for_nonce(value: &str) -> bool {
    let mut is_dpop = false;
    for part in parts(value) {
        let part = part.trim();
        let name = part.split('=').next().unwrap_or_default().trim_end();
        let parameter = match name.split_once([' ', '\t']) {
            Some((scheme, _)) => {
                is_dpop = scheme.eq_ignore_ascii_case("dpop");
                part.split_once([' ', '\t']).map_or("", |(_, rest)| rest)
            }
            None if !part.contains('=') => {
                is_dpop = part.eq_ignore_ascii_case("dpop");
                ""
            }
            None => part,
        };
        if let Some((name, value)) = parameter.split_once('=')
            && is_dpop
            && name.trim().eq_ignore_ascii_case("error")
            && value.trim().trim_matches('"') == "use_dpop_nonce"
        {
            return true;
        }
    }
    false
}

/// What commas part, those in quotes left alone.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let (mut in_quotes, mut escaped) = (false, false);
    value.split(move |letter| {
        if escaped {
            escaped = false;
            return false;
        }
        match letter {
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            ',' => return !in_quotes,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_for_a_nonce_is_found_among_challenges() {
        for value in [
            r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof""#,
            r#"DPoP error=use_dpop_nonce"#,
            r#"dpop algs="ES256 PS256", error="use_dpop_nonce""#,
            r#"Bearer realm="a, b", DPoP algs="ES256" , error = "use_dpop_nonce""#,
            r#"Negotiate, DPoP realm="x\", y", error="use_dpop_nonce""#,
        ] {
            assert!(challenges_for_nonce(value), "{value}");
        }
    }

    #[test]
    fn nothing_else_is_a_wish_for_a_nonce() {
        for value in [
            "",
            "DPoP",
            r#"Bearer error="use_dpop_nonce""#,
            r#"DPoP error="invalid_token", Bearer error="use_dpop_nonce""#,
            r#"DPoP error="invalid_dpop_proof", error_description="not use_dpop_nonce""#,
            r#"DPoP error_description="x, error=use_dpop_nonce""#,
            r#"DPoP, Bearer realm="x", error="use_dpop_nonce""#,
        ] {
            assert!(!challenges_for_nonce(value), "{value}");
        }
    }
}
