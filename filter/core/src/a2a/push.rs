//! Where an agent is told to report to: a URL of the caller's choice, which the agent will call from inside (A2A 1.0 §13).
//!
//! Every spelling that some reader takes for such a URL is found, and each must lie beneath a configured one.
//! Doubt refuses: a member of another type, a name in another case, a configuration without a URL.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::config::{Endpoint, PathPrefix, Scheme};
use crate::json::{self, Wanted};
use crate::limits::JSON_DEPTH_MAX;
use crate::rejection::Rejection;
use crate::routing::plain_path;
use crate::rpc::RpcCall;
use crate::spelling::{PROTOTYPE, letters};

/// A URL beneath which notifications may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTarget {
    scheme: Scheme,
    authority: String,
    path: PathPrefix,
}

impl PushTarget {
    /// Reads a URL without query; `None` for any other text.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let endpoint = Endpoint::parse(url).ok()?;
        let path = PathPrefix::parse(&endpoint.path)?;
        Some(Self { scheme: endpoint.scheme, authority: endpoint.authority.to_ascii_lowercase(), path })
    }

    /// Whether `url` is this one or lies beneath it.
    fn covers(&self, url: &str) -> bool {
        let Ok(endpoint) = Endpoint::parse(url) else { return false };
        let same_place = endpoint.scheme == self.scheme && endpoint.authority.eq_ignore_ascii_case(&self.authority);
        same_place && plain_path(&endpoint.path).is_ok_and(|path| self.path.matches(path))
    }
}

/// What of a request may name such a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushes {
    /// Nothing.
    Never,
    /// The configuration inside of a message, if it is there.
    Inline,
    /// The request is about nothing else.
    Whole,
}

/// Names of the objects between a request and the URL, in every version and both spellings of its JSON.
const CONFIGURATIONS: [&str; 8] = [
    "pushNotificationConfig",
    "push_notification_config",
    "pushNotification",
    "push_notification",
    "taskPushNotificationConfig",
    "task_push_notification_config",
    "config",
    "configuration",
];

/// How many of them may stand one in another.
const LEVELS: usize = 3;

/// Where the parameters of a request stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Parameters<'b> {
    /// They are the body.
    Body(&'b [u8]),
    /// In `params` of a JSON-RPC message.
    Params(&'b RpcCall<'b>),
}

/// What of the parameters is looked at.
static WANTED: LazyLock<Arc<Wanted>> = LazyLock::new(|| {
    // Deeper than that a name is enough: it may be anything.
    (0..=LEVELS).fold(Arc::default(), |inside, level| {
        let mut wanted = Wanted::noticing(PUSH);
        wanted.add(["url"]);
        for name in CONFIGURATIONS {
            if level == 0 {
                wanted.add_name(&[], name);
            } else {
                wanted.add_with(name, &inside);
            }
        }
        Arc::new(wanted)
    })
});

/// What the names of all that is about pushing have in them.
const PUSH: [u8; 4] = *b"push";

impl Parameters<'_> {
    /// What of them is looked at; none where there are none.
    fn read(self) -> Result<Option<Map<String, Value>>, Rejection> {
        let document = match self {
            Self::Body(body) => json::parse_wanted(body, JSON_DEPTH_MAX, &WANTED),
            Self::Params(call) => match &call.params_at {
                None => return Ok(None),
                Some(at) => json::wanted_at(call.text, at.start, &WANTED),
            },
        };
        match document {
            Ok(Value::Object(parameters)) => Ok(Some(parameters)),
            Ok(_) | Err(_) => Err(Rejection::BodyInvalid),
        }
    }
}

/// Refuses a request that would have an agent report to anywhere else.
///
/// # Errors
///
/// [`Rejection::PushUrlRefused`], [`Rejection::BodyInvalid`] for what is no JSON object.
pub(crate) fn check(parameters: Parameters<'_>, pushes: Pushes, targets: &[PushTarget]) -> Result<(), Rejection> {
    if pushes == Pushes::Never {
        return Ok(());
    }
    let found = match parameters.read()? {
        Some(parameters) => urls(&parameters, pushes == Pushes::Whole, LEVELS, targets)?,
        None => 0,
    };
    if pushes == Pushes::Whole && found == 0 { Err(Rejection::PushUrlRefused) } else { Ok(()) }
}

/// How many URLs were found, each of them allowed. `counts` says whether a `url` of this object is one.
fn urls(object: &Map<String, Value>, counts: bool, levels: usize, targets: &[PushTarget]) -> Result<usize, Rejection> {
    let mut found = 0_usize;
    for (name, value) in object {
        // Whoever copies the object member by member finds there what is looked for here.
        if name == PROTOTYPE {
            return Err(Rejection::PushUrlRefused);
        }
        let bare: String = letters(name.chars()).collect();
        if bare == "url" && counts {
            let allowed =
                value.as_str().is_some_and(|url| name == "url" && targets.iter().any(|target| target.covers(url)));
            if !allowed {
                return Err(Rejection::PushUrlRefused);
            }
            found = found.saturating_add(1);
            continue;
        }
        let about_pushing = bare.contains("push");
        if !about_pushing && bare != "config" && bare != "configuration" {
            continue;
        }
        // Deeper than that nothing was kept, and of a name that is not known neither: it may be anything.
        let Some(levels) = levels.checked_sub(1) else { return Err(Rejection::PushUrlRefused) };
        let known = CONFIGURATIONS.contains(&name.as_str());
        match value {
            Value::Object(inside) if known => {
                let inner = urls(inside, counts || about_pushing, levels, targets)?;
                if about_pushing && inner == 0 {
                    return Err(Rejection::PushUrlRefused);
                }
                found = found.saturating_add(inner);
            }
            Value::Null if known => {}
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                return Err(Rejection::PushUrlRefused);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn targets() -> Vec<PushTarget> {
        vec![PushTarget::parse("https://hooks.example/a2a").unwrap()]
    }

    #[test]
    fn a_url_lies_beneath_a_configured_one_or_nowhere() {
        let covered = |url: &str| targets().iter().any(|target| target.covers(url));
        for url in ["https://hooks.example/a2a", "https://Hooks.example/a2a/t/1?x=1"] {
            assert!(covered(url), "{url}");
        }
        for url in [
            "http://hooks.example/a2a",
            "https://hooks.example/a2ab",
            "https://hooks.example/",
            "https://hooks.example:8443/a2a",
            "https://hooks.example.evil/a2a",
            "https://hooks.example@evil/a2a",
            "https://evil/hooks.example/a2a",
            "https://hooks.example/a2a/../x",
            "https://hooks.example/a2a/%2e%2e/x",
            "https://hooks.example\\@evil/a2a",
            "https://hooks.example/a2a#x",
            "https://hooks.example/a2a//x",
            "",
        ] {
            assert!(!covered(url), "{url}");
        }
        for text in ["https://hooks.example/a?b", "hooks.example", "https://hooks.example/a/", "http://hooks.example/a"]
        {
            assert_eq!(PushTarget::parse(text), None, "{text}");
        }
    }

    #[test]
    fn inline_configurations_are_found_in_every_spelling() {
        let check = |params: &str| {
            let call = params.replacen('{', r#"{"jsonrpc":"2.0","id":1,"method":"m","#, 1);
            let call = RpcCall::parse(call.as_bytes()).unwrap();
            check(Parameters::Params(&call), Pushes::Inline, &targets())
        };
        let good = r#"{"url":"https://hooks.example/a2a/1"}"#;
        for body in [
            r#"{"params":{}}"#.to_owned(),
            r#"{"params":{"message":{"url":"https://evil/"}}}"#.to_owned(),
            r#"{"params":{"configuration":{"blocking":true,"pushNotificationConfig":null}}}"#.to_owned(),
            format!(r#"{{"params":{{"configuration":{{"pushNotificationConfig":{good}}}}}}}"#),
            format!(r#"{{"params":{{"configuration":{{"task_push_notification_config":{good}}}}}}}"#),
        ] {
            assert_eq!(check(&body), Ok(()), "{body}");
        }
        let evil = r#"{"url":"https://evil/"}"#;
        for body in [
            format!(r#"{{"params":{{"configuration":{{"pushNotificationConfig":{evil}}}}}}}"#),
            format!(r#"{{"params":{{"configuration":{{"taskPushNotificationConfig":{evil}}}}}}}"#),
            format!(r#"{{"params":{{"configuration":{{"PushNotificationConfig":{good}}}}}}}"#),
            format!(r#"{{"params":{{"Configuration":{{"pushNotificationConfig":{good}}}}}}}"#),
            format!(r#"{{"params":{{"pushNotificationConfig":{evil}}}}}"#),
            r#"{"params":{"configuration":{"pushNotificationConfig":{"url":["https://hooks.example/a2a"]}}}}"#
                .to_owned(),
            r#"{"params":{"configuration":{"pushNotificationConfig":{"URL":"https://hooks.example/a2a"}}}}"#.to_owned(),
            r#"{"params":{"configuration":{"pushNotificationConfig":{}}}}"#.to_owned(),
            r#"{"params":{"configuration":[{"pushNotificationConfig":{}}]}}"#.to_owned(),
            r#"{"params":{"configuration":{"pushNotifications":{"url":"https://hooks.example/a2a"}}}}"#.to_owned(),
        ] {
            assert_eq!(check(&body), Err(Rejection::PushUrlRefused), "{body}");
        }
    }

    #[test]
    fn a_request_to_report_names_a_url_in_every_version() {
        let check = |body: &str| check(Parameters::Body(body.as_bytes()), Pushes::Whole, &targets());
        for body in [
            r#"{"taskId":"t","url":"https://hooks.example/a2a"}"#,
            r#"{"taskId":"t","pushNotificationConfig":{"url":"https://hooks.example/a2a"}}"#,
            r#"{"config":{"pushNotificationConfig":{"url":"https://hooks.example/a2a"}}}"#,
        ] {
            assert_eq!(check(body), Ok(()), "{body}");
        }
        for body in [
            r#"{"taskId":"t"}"#,
            r#"{"url":"https://evil/"}"#,
            r#"{"url":"https://hooks.example/a2a","pushNotificationConfig":{"url":"https://evil/"}}"#,
            r#"{"url":"https://hooks.example/a2a","Url":"https://evil/"}"#,
            r#"{"config":{"config":{"config":{"config":{"url":"https://hooks.example/a2a"}}}}}"#,
        ] {
            assert_eq!(check(body), Err(Rejection::PushUrlRefused), "{body}");
        }
        assert_eq!(check("[]"), Err(Rejection::BodyInvalid));
    }
}
