//! How long an answer may go on.
//!
//! A stream outlives the decision that opened it. Without a word here it lasts as long as its two ends and Envoy's own time-outs let it.

use crate::config::error::{ConfigError, Path};
use crate::config::{duration, raw};
use crate::limits::STREAM_SECONDS_MAX;
use crate::time::Seconds;

/// What ends an answer that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamRules {
    /// How long after its release a request may be answered.
    pub duration_max: Option<Seconds>,
    /// Whether it ends with the token that opened it.
    pub end_with_token: bool,
}

/// Checks the rules of a resource.
pub(super) fn check(path: &Path<'_>, raw: Option<&raw::Streams>) -> Result<StreamRules, ConfigError> {
    const ADVICE: &str = "how long an answer may go on before it is cut";
    let Some(raw) = raw else {
        return Ok(StreamRules::default());
    };
    let field = path.field("max_duration");
    let read = |value: &str| duration::seconds(&field, value, 1..=STREAM_SECONDS_MAX, ADVICE);
    let rules = StreamRules {
        duration_max: raw.max_duration.as_deref().map(read).transpose()?,
        end_with_token: raw.end_with_token.unwrap_or(false),
    };
    if rules == StreamRules::default() {
        return Err(path.wrong(
            "found nothing that ends a stream",
            "\"max_duration\", or \"end_with_token\": true",
            ADVICE,
        ));
    }
    Ok(rules)
}
