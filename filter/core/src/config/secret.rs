//! Secrets: from the VM's environment, or from the document where that is explicitly called insecure.
//!
//! No error shows any part of one.

use crate::config::error::{ConfigError, Path, quoted};
use crate::config::raw;
use crate::limits::{CONFIG_TEXT_BYTES_MAX, VARIABLE_SHOWN_BYTES_MAX, VARIABLE_WORD_BYTES_MAX};
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
        let variable = if is_told(name) { format!("environment variable {}", quoted(name)) } else { UNTOLD.to_owned() };
        path.wrong(
            format!("{variable} is not set in the VM"),
            wanted.content,
            "add it to vm_config.environment_variables.host_env_keys",
        )
    })
}

/// Stands for the name of a variable that may be the secret itself: `openssl rand -hex 32` prints nothing but letters and digits.
const UNTOLD: &str = "the environment variable of this name (not repeated, as it may be the secret itself)";

/// Whether a variable's name is one by its looks: a few short words in capitals, where a secret is one long word.
fn is_told(name: &str) -> bool {
    name.len() <= VARIABLE_SHOWN_BYTES_MAX
        && name.split('_').all(|word| word.len() <= VARIABLE_WORD_BYTES_MAX)
        && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}
