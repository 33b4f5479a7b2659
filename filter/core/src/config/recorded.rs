//! How much of each decision is written: which entries of filter state, and which decisions as a line of the log.
//!
//! Guaranteed whatever is chosen: a refusal, a request that is observed and whatever an observed rule finds have a line, and all decisions are counted.

use std::collections::BTreeSet;

use crate::config::error::{ConfigError, Path};
use crate::config::{raw, text};

/// What of a decision filter state can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateEntry {
    /// The transaction.
    Txn,
    /// The stable code.
    Code,
    /// `allow`, `deny`, `observe` or `answer`.
    Decision,
    /// The resource.
    Resource,
    /// What a request that is observed would have been refused with.
    Would,
    /// What was called.
    Tool,
    /// For whom.
    Subject,
    /// The outermost actor.
    Actor,
    /// The acting agent.
    Agent,
    /// All actors.
    Chain,
}

impl StateEntry {
    /// All of them by their names, in the order in which they are written.
    const WORDS: [(&'static str, Self); 10] = [
        ("txn", Self::Txn),
        ("code", Self::Code),
        ("decision", Self::Decision),
        ("resource", Self::Resource),
        ("would", Self::Would),
        ("tool", Self::Tool),
        ("subject", Self::Subject),
        ("actor", Self::Actor),
        ("agent", Self::Agent),
        ("chain", Self::Chain),
    ];

    /// Whether it says who acts for whom.
    pub(crate) const fn is_of_somebody(self) -> bool {
        match self {
            Self::Subject | Self::Actor | Self::Agent | Self::Chain => true,
            Self::Txn | Self::Code | Self::Decision | Self::Resource | Self::Would | Self::Tool => false,
        }
    }

    /// What it is called below `wasm.` in the host.
    pub(crate) const fn property(self) -> &'static str {
        match self {
            Self::Txn => "actgate.txn",
            Self::Code => "actgate.code",
            Self::Decision => "actgate.decision",
            Self::Resource => "actgate.resource",
            Self::Would => "actgate.would",
            Self::Tool => "actgate.tool",
            Self::Subject => "actgate.subject",
            Self::Actor => "actgate.actor",
            Self::Agent => "actgate.agent",
            Self::Chain => "actgate.chain",
        }
    }
}

/// Which decisions are written as a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// Every one.
    All,
    /// Not those that let a request pass of which no rule, observed or not, has anything to say.
    Refused,
}

/// How much of each decision is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What filter state shows, in the order in which it is written.
    pub state: Vec<StateEntry>,
    /// Which decisions have a line.
    pub log: Logged,
}

impl Default for Recorded {
    fn default() -> Self {
        Self { state: StateEntry::WORDS.map(|(_, entry)| entry).to_vec(), log: Logged::All }
    }
}

/// Checks what is to be written; without the member everything is.
pub(super) fn check(
    path: &Path<'_>,
    raw: Option<&raw::Recorded>,
    warnings: &mut Vec<String>,
) -> Result<Recorded, ConfigError> {
    const WORDS: [(&str, Logged); 2] = [("all", Logged::All), ("refused", Logged::Refused)];
    let Some(raw) = raw else {
        return Ok(Recorded::default());
    };
    let log_path = path.field("log");
    let log = text::word(&log_path, raw.log.as_deref(), Some(Logged::All), &WORDS, "which decisions have a line")?;
    let state = match &raw.filter_state {
        None => Recorded::default().state,
        Some(names) => check_state(&path.field("filter_state"), names)?,
    };
    let who = [StateEntry::Txn, StateEntry::Subject, StateEntry::Agent, StateEntry::Chain];
    if log == Logged::Refused && !who.iter().all(|entry| state.contains(entry)) {
        warnings.push(format!(
            "{log_path}: what is allowed has no line, and filter_state leaves out txn, subject, agent or chain: nothing then says who acted for whom"
        ));
    }
    Ok(Recorded { state, log })
}

fn check_state(path: &Path<'_>, names: &[String]) -> Result<Vec<StateEntry>, ConfigError> {
    const ADVICE: &str = "what filter state shows under `wasm.actgate.`, for access logs and later filters";
    let (mut seen, mut state) = (BTreeSet::new(), BTreeSet::new());
    for (at, name) in names.iter().enumerate() {
        let path = path.index(at);
        state.insert(text::word(&path, Some(name), None, &StateEntry::WORDS, ADVICE)?);
        text::once(&path, name, &mut seen)?;
    }
    Ok(state.into_iter().collect())
}
