//! Which A2A requests are allowed, in every spelling and binding of the protocol.
//!
//! What is not listed is refused. A method is one action however it is spelt, so its two names cannot say two things.

use std::collections::BTreeMap;

use crate::a2a::push::PushTarget;
use crate::a2a::tasks::TaskSecret;
use crate::a2a::{Routes, action_of, can_be_bound};
use crate::config::error::{ConfigError, Path, quoted};
use crate::config::protocol::{Demand, check_demands};
use crate::config::scope::ScopeSet;
use crate::config::{binding, raw, text};
use crate::limits::{CONFIG_TEXT_BYTES_MAX, METHODS_PER_RESOURCE_MAX, PUSH_TARGETS_MAX};

/// Which A2A requests are allowed.
#[derive(Clone, Debug)]
pub struct A2aPolicy {
    /// The methods that may be called, by their name in 1.0; methods that the protocol does not define by their own.
    pub methods: BTreeMap<String, A2aMethod>,
    /// Where an agent may be told to report to.
    pub push_targets: Vec<PushTarget>,
    /// Whether everybody may read the agent's card.
    pub card_is_public: bool,
    /// What binds tasks to whom they were given to; `None` leaves that to the agent.
    pub(crate) tasks: Option<TaskSecret>,
    pub(crate) routes: Routes,
}

/// What one A2A method needs.
#[derive(Clone, Debug, PartialEq)]
pub struct A2aMethod {
    /// The scopes a call needs besides those of the resource.
    pub scopes: ScopeSet,
    /// What must hold beyond scopes, in the order of the document, each at most once.
    pub demands: Vec<Demand>,
}

/// Checks the policy of the resource `name` at `path`.
pub(super) fn check(
    path: &Path<'_>,
    raw: &raw::A2a,
    name: &str,
    env: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<A2aPolicy, ConfigError> {
    let secret = path.field("task_secret");
    let secret = raw.task_secret.as_ref().map(|raw| binding::check_secret(&secret, raw, "tasks", env, warnings));
    let secret = secret.transpose()?;
    if secret.is_some() {
        check_can_be_bound(path, raw)?;
    }
    Ok(A2aPolicy {
        tasks: secret.map(|secret| TaskSecret::new(secret, name)),
        methods: check_methods(&path.field("methods"), raw.methods.as_ref())?,
        push_targets: check_push_targets(
            &path.field("push_notification_urls"),
            raw.push_notification_urls.as_deref().unwrap_or_default(),
        )?,
        card_is_public: text::word(
            &path.field("agent_card"),
            raw.agent_card.as_deref(),
            Some(false),
            &[("refuse", false), ("public", true)],
            "who may read /.well-known/agent-card.json",
        )?,
        routes: Routes::new(),
    })
}

/// What would give tasks to somebody else, or name them where nobody looks, is not to stand beside a secret that promises otherwise.
fn check_can_be_bound(path: &Path<'_>, raw: &raw::A2a) -> Result<(), ConfigError> {
    const ADVICE: &str = "with \"task_secret\", what lists tasks, reports on them to elsewhere or is not the protocol's would go around it";
    for name in raw.methods.iter().flat_map(BTreeMap::keys) {
        if !can_be_bound(name) {
            let want = "methods that send a message, are about one task, or ask for the agent's card";
            return Err(path.field("methods").key(name).wrong(
                "found a method whose tasks cannot be bound",
                want,
                ADVICE,
            ));
        }
    }
    if raw.push_notification_urls.as_ref().is_some_and(|urls| !urls.is_empty()) {
        return Err(path.field("push_notification_urls").wrong("found some", "none", ADVICE));
    }
    Ok(())
}

fn check_methods(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, raw::A2aMethod>>,
) -> Result<BTreeMap<String, A2aMethod>, ConfigError> {
    const WANT: &str = "at least one method such as \"message/send\"";
    const ADVICE: &str = "what is not listed is refused";
    let raw = raw.ok_or_else(|| path.missing(WANT, ADVICE))?;
    if raw.is_empty() {
        return Err(path.wrong("empty", WANT, ADVICE));
    }
    text::at_most(path, raw.len(), METHODS_PER_RESOURCE_MAX, "methods")?;
    let mut methods: BTreeMap<String, A2aMethod> = BTreeMap::new();
    for (name, raw) in raw {
        let path = path.key(name);
        text::text(&path, name, CONFIG_TEXT_BYTES_MAX)?;
        let method = A2aMethod {
            scopes: text::scopes(&path.field("scopes"), raw.scopes.as_deref().unwrap_or_default())?,
            demands: check_demands(&path.field("demands"), raw.demands.as_deref())?,
        };
        let action = action_of(name);
        if methods.get(action).is_some_and(|other| *other != method) {
            let want = format!("the same as under the other name of {}", quoted(action));
            return Err(path.wrong("found something else", want, "both names are one action; one of them is enough"));
        }
        methods.insert(action.to_owned(), method);
    }
    Ok(methods)
}

fn check_push_targets(path: &Path<'_>, values: &[String]) -> Result<Vec<PushTarget>, ConfigError> {
    text::at_most(path, values.len(), PUSH_TARGETS_MAX, "URLs")?;
    let checked = values.iter().enumerate().map(|(at, value)| {
        PushTarget::parse(value).ok_or_else(|| {
            path.index(at).found(
                value,
                "a URL such as \"https://hooks.example.com/a2a\", without query",
                "an agent may be told to report to it and to what lies beneath, in whole segments",
            )
        })
    });
    checked.collect()
}
