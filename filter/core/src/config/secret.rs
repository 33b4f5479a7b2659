//! Secrets: from the VM's environment, or from the document where that is explicitly called insecure.
//!
//! No error shows any part of one.

use crate::config::error::{ConfigError, Path, quoted};
use crate::config::raw;
use crate::limits::CONFIG_TEXT_BYTES_MAX;
use crate::redacted::Redacted;

/// What a secret is, in the words of errors.
pub(super) struct Wanted {
    /// Such as "private key".
    pub(super) name: &'static str,
    /// What stands for it in an example.
    pub(super) inline: &'static str,
    /// What the variable must hold.
    pub(super) content: &'static str,
    /// Such as "key".
    pub(super) short: &'static str,
}

/// Reads a secret; the second value is the member that it stands in.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&raw::Secret>,
    wanted: &Wanted,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<(Redacted<String>, &'static str), ConfigError> {
    let want = || format!("{{\"env\": NAME}} or {{\"insecure_inline\": {}}}", wanted.inline);
    let advice = || format!("say where the {} comes from", wanted.name);
    let raw = raw.ok_or_else(|| path.missing(want(), advice()))?;
    match (&raw.env, &raw.insecure_inline) {
        (None, None) => Err(path.wrong("empty", want(), advice())),
        (Some(_), Some(_)) => Err(path.wrong("found both \"env\" and \"insecure_inline\"", want(), advice())),
        (Some(name), None) => Ok((look_up(&path.field("env"), name, wanted, env)?, "env")),
        (None, Some(value)) => {
            let path = path.field("insecure_inline");
            let short = wanted.short;
            warnings.push(format!("{path}: everyone who can read Envoy's config_dump has this {short}: use \"env\""));
            Ok((value.clone(), "insecure_inline"))
        }
    }
}

fn look_up(
    path: &Path<'_>,
    name: &str,
    wanted: &Wanted,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Redacted<String>, ConfigError> {
    let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > CONFIG_TEXT_BYTES_MAX || !name.bytes().all(name_byte) {
        // Somebody may have put the secret itself here.
        return Err(path.wrong(
            "found something that is not a variable's name",
            "letters, digits and `_`",
            format!("the {} itself stands in the variable", wanted.short),
        ));
    }
    env(name).map(Redacted::new).ok_or_else(|| {
        path.wrong(
            format!("environment variable {} is not set in the VM", quoted(name)),
            wanted.content,
            "add it to vm_config.environment_variables.host_env_keys",
        )
    })
}
