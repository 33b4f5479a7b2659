//! What of a record leaves the filter: a line of the log and entries of filter state, as far as the configuration wants them.

use std::borrow::Cow;

use super::who::Told;
use super::{Outcome, Record};
use crate::config::{Logged, Recorded, StateEntry};
use crate::rejection::Rejection;

/// A record as it is written.
#[derive(Debug)]
pub struct Written<'r> {
    /// One line of JSON, after the prefix that was asked for; none where the configuration wants none.
    pub line: Option<String>,
    /// What filter state shows under `wasm.<key>`.
    pub state: Vec<(&'static str, Cow<'r, str>)>,
}

impl Record {
    /// The record as it is written: a line of JSON after `prefix`, and what filter state shows.
    pub fn written(&self, prefix: &str, recorded: &Recorded) -> Written<'_> {
        let has_line = self.has_line(recorded.log);
        let names_somebody = has_line || recorded.state.iter().any(|entry| entry.is_of_somebody());
        let told = if names_somebody { self.delegation.told() } else { Told::default() };
        let mut state = Vec::with_capacity(recorded.state.len());
        state.extend(recorded.state.iter().filter_map(|entry| Some((entry.property(), self.shown(*entry, &told)?))));
        Written { line: has_line.then(|| self.line(prefix, &told)), state }
    }

    /// What is refused, what is observed and what an observed rule found has a line whatever is wanted.
    fn has_line(&self, log: Logged) -> bool {
        match (&self.outcome, log) {
            (_, Logged::All) | (Outcome::Undecided | Outcome::Refused(_) | Outcome::Observed { .. }, _) => true,
            (Outcome::Allowed { .. } | Outcome::Told, Logged::Refused) => !self.would_refuse.is_empty(),
        }
    }

    fn shown<'r>(&'r self, entry: StateEntry, told: &Told<'r>) -> Option<Cow<'r, str>> {
        let text = match entry {
            StateEntry::Txn => Some(self.txn.as_str()),
            StateEntry::Code => Some(self.code()),
            StateEntry::Decision => Some(self.decision()),
            StateEntry::Resource => self.resource(),
            StateEntry::Would => self.would(),
            StateEntry::Tool => self.operation.as_deref(),
            StateEntry::Subject => told.subject,
            StateEntry::Actor => told.actor,
            StateEntry::Agent => told.agent,
            StateEntry::Chain => return told.chain.clone(),
        };
        text.map(Cow::Borrowed)
    }

    /// What a request that its resource observes would have got.
    pub(super) fn would(&self) -> Option<&'static str> {
        match &self.outcome {
            Outcome::Observed { would, .. } => Some(would.map_or("allowed", Rejection::code)),
            Outcome::Undecided | Outcome::Allowed { .. } | Outcome::Refused(_) | Outcome::Told => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Source;
    use crate::request::TransactionId;

    fn record() -> Record {
        let members = json!({"subject": "human", "actor": "orchestrator", "agent": "knowledge"});
        let mut record = Record::of_members(&TransactionId::new([0xa5; 16]), &members);
        record.operation("query");
        record
    }

    fn allowed() -> Record {
        record().allowed(Source::Cached, None, None)
    }

    fn refused() -> Recorded {
        Recorded { log: Logged::Refused, ..Recorded::default() }
    }

    fn state(record: &Record, entries: &[StateEntry]) -> Vec<(&'static str, String)> {
        let recorded = Recorded { state: entries.to_vec(), ..Recorded::default() };
        let written = record.written("", &recorded);
        written.state.into_iter().map(|(name, text)| (name, text.into_owned())).collect()
    }

    #[test]
    fn filter_state_shows_what_is_wanted_and_nothing_else() {
        assert_eq!(state(&allowed(), &[]), []);
        let some = [StateEntry::Decision, StateEntry::Subject, StateEntry::Would];
        let wanted = [("actgate.decision", "allow".to_owned()), ("actgate.subject", "human".to_owned())];
        assert_eq!(state(&allowed(), &some), wanted);
        let all = state(&allowed(), &Recorded::default().state);
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let wanted = ["txn", "code", "decision", "tool", "subject", "actor", "agent"];
        assert_eq!(names, wanted.map(|name| format!("actgate.{name}")));
    }

    #[test]
    fn only_what_was_allowed_and_nothing_found_fault_with_can_do_without_a_line() {
        let line = |record: &Record, recorded: &Recorded| record.written("decision ", recorded).line;
        let all = Recorded::default();
        assert!(line(&allowed(), &all).is_some_and(|line| line.starts_with("decision {\"txn\":\"a5a5")));
        assert_eq!(line(&allowed(), &refused()), None);
        assert_eq!(line(&record().told(), &refused()), None);
        let mut observed = record();
        observed.would_refuse(&[Rejection::ScopeMissing]);
        for record in [observed.allowed(Source::Cached, None, None), record().refused(Rejection::BodyInvalid), record()]
        {
            assert_eq!(line(&record, &refused()), line(&record, &all));
            assert!(line(&record, &refused()).is_some());
        }
    }
}
