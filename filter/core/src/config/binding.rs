//! What identifiers are bound with to whom they were given to.

use crate::config::error::{ConfigError, Path};
use crate::config::{raw, secret};
use crate::limits::BINDING_SECRET_BYTES_MIN;
use crate::redacted::Redacted;

/// Checks the secret; `what` is bound with it, in the words of errors.
pub(super) fn check_secret(
    path: &Path<'_>,
    raw: &raw::Secret,
    what: &str,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Redacted<String>, ConfigError> {
    const SECRET: secret::Wanted =
        secret::Wanted { name: "secret", inline: "SECRET", content: "a secret", short: "secret" };
    let (secret, source) = secret::check(path, Some(raw), &SECRET, env, warnings)?;
    if secret.expose().len() < BINDING_SECRET_BYTES_MIN {
        return Err(path.field(source).wrong(
            "found a short one",
            format!("at least {BINDING_SECRET_BYTES_MIN} bytes of randomness"),
            format!("whoever guesses it takes over {what}: `openssl rand -hex 32` makes one"),
        ));
    }
    Ok(secret)
}
