//! What one operation needs: scopes, people, agents.

use std::collections::BTreeSet;

use crate::config::agent::Agents;
use crate::config::error::{ConfigError, Path};
use crate::config::protocol::{Demand, check_demands};
use crate::config::scope::ScopeSet;
use crate::config::text;
use crate::limits::{CALLERS_MAX, CLAIM_TEXT_BYTES_MAX};

/// What one operation needs. Everything here can only refuse.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The scopes a call needs, and no more than which the exchanged token gets.
    pub scopes: ScopeSet,
    /// What must hold beyond scopes, in the order of the document, each at most once.
    pub demands: Vec<Demand>,
    /// How often an exchanged token may be used again: 0 exchanges for every call, `None` leaves it to the token's lifetime.
    pub reuse_max: Option<u32>,
    /// Whom it may be called for, by `sub`; `None` for everybody the resource accepts.
    pub subjects: Option<BTreeSet<String>>,
    /// Who may be the current actor, by `sub`; `None` for every actor the resource accepts. Prior actors are never asked.
    pub actors: Option<BTreeSet<String>>,
}

/// The members of an operation as written; each kind of operation has some more of its own.
pub(super) struct Written<'a> {
    pub(super) scopes: Option<&'a [String]>,
    pub(super) demands: Option<&'a [String]>,
    pub(super) max_reuse: Option<u64>,
    pub(super) subjects: Option<&'a [String]>,
    pub(super) actors: Option<&'a [String]>,
}

/// Checks what the operation at `path` needs.
pub(super) fn check(path: &Path<'_>, written: &Written<'_>, agents: &Agents) -> Result<Needs, ConfigError> {
    let scopes = text::some_scopes(&path.field("scopes"), written.scopes, "say what a call needs")?;
    check_of(path, scopes, written, agents)
}

/// The same where the scopes were read already.
pub(super) fn check_of(
    path: &Path<'_>,
    scopes: ScopeSet,
    written: &Written<'_>,
    agents: &Agents,
) -> Result<Needs, ConfigError> {
    let actors = people(&path.field("actors"), written.actors)?;
    for (at, actor) in written.actors.unwrap_or_default().iter().enumerate() {
        if agents.by_id(actor).is_none() {
            let path = path.field("actors");
            return Err(path.index(at).found(
                actor,
                "the id of an agent",
                "an actor that is not registered is refused anyway",
            ));
        }
    }
    Ok(Needs {
        scopes,
        demands: check_demands(&path.field("demands"), written.demands)?,
        reuse_max: check_reuse(&path.field("max_reuse"), written.max_reuse)?,
        subjects: people(&path.field("subjects"), written.subjects)?,
        actors,
    })
}

fn people(path: &Path<'_>, values: Option<&[String]>) -> Result<Option<BTreeSet<String>>, ConfigError> {
    let Some(values) = values else {
        return Ok(None);
    };
    if values.is_empty() {
        return Err(path.wrong("empty", "at least one", "nobody could call it: leave the operation out instead"));
    }
    text::at_most(path, values.len(), CALLERS_MAX, "entries")?;
    let mut known = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        let path = path.index(at);
        text::text(&path, value, CLAIM_TEXT_BYTES_MAX)?;
        text::once(&path, value, &mut known)?;
    }
    Ok(Some(known))
}

fn check_reuse(path: &Path<'_>, value: Option<u64>) -> Result<Option<u32>, ConfigError> {
    let Some(value) = value else {
        return Ok(None);
    };
    u32::try_from(value).map(Some).map_err(|_| {
        path.wrong(
            format!("found {value}"),
            format!("at most {}", u32::MAX),
            "leave it out to use a token as long as it lives",
        )
    })
}
