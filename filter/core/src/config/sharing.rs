//! What the workers of one proxy share with one another, and the secret that keeps others out of it.

use crate::config::error::{ConfigError, Path};
use crate::config::{raw, secret};
use crate::limits::SHARING_SECRET_BYTES_MIN;
use crate::redacted::Redacted;

/// Checks the secret; without the member nothing is shared.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&raw::Sharing>,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Option<Redacted<String>>, ConfigError> {
    const SECRET: secret::Wanted =
        secret::Wanted { name: "secret", inline: "SECRET", content: "a secret", short: "secret" };
    let Some(raw) = raw else {
        return Ok(None);
    };
    let path = path.field("secret");
    let (secret, _place) = secret::check(&path, raw.secret.as_ref(), &SECRET, env, warnings)?;
    if secret.expose().len() < SHARING_SECRET_BYTES_MIN {
        return Err(path.wrong(
            "found a short one",
            format!("at least {SHARING_SECRET_BYTES_MIN} bytes of randomness"),
            "whoever guesses it reads and writes what the workers share: `openssl rand -hex 32` makes one",
        ));
    }
    Ok(Some(secret))
}
