//! Rules that refuse nothing yet: they are evaluated as always, and what they would refuse is noted in place of being done.
//!
//! Which rules can be observed is [`Rule`]; whatever is none of them is enforced, and stands in no way of being noted.

use std::collections::BTreeSet;

use crate::config::Resource;
use crate::config::observe::Rule;
use crate::rejection::Rejection;
use crate::time::UnixSeconds;

/// The rules of a resource that are observed at a moment, and what they found of one request.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    rules: BTreeSet<Rule>,
    found: Vec<Rejection>,
}

impl Watched {
    /// Those of `resource` at `now`, which found nothing so far.
    pub(crate) fn of(resource: &Resource, now: UnixSeconds) -> Self {
        let rules = resource.observe.as_ref().map(|observe| observe.of_rules(now)).unwrap_or_default();
        Self { rules, found: Vec::new() }
    }

    /// Whether every rule is enforced.
    pub(crate) fn observes_nothing(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether `rule` refuses nothing.
    pub(crate) fn observes(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }

    /// What `rule` said; where it is observed that is consent, and a refusal is noted.
    ///
    /// # Errors
    ///
    /// The refusal of a rule that is enforced.
    pub(crate) fn hold(&mut self, rule: Rule, verdict: Result<(), Rejection>) -> Result<(), Rejection> {
        match verdict {
            Err(rejection) if self.observes(rule) => {
                // Several rules of one kind say it once.
                if !self.found.contains(&rejection) {
                    self.found.push(rejection);
                }
                Ok(())
            }
            verdict => verdict,
        }
    }

    /// What was noted, in the order of the checks.
    pub(crate) fn found(&self) -> &[Rejection] {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observed_rule_consents_and_notes_and_another_refuses() {
        let mut watched = Watched { rules: BTreeSet::from([Rule::Pairs]), found: Vec::new() };
        let refusal = Err(Rejection::PairNotAccepted);
        assert_eq!(watched.hold(Rule::Pairs, Ok(())), Ok(()));
        assert_eq!(watched.found(), []);
        assert_eq!((watched.hold(Rule::Pairs, refusal), watched.hold(Rule::Pairs, refusal)), (Ok(()), Ok(())));
        assert_eq!(watched.hold(Rule::Claims, Err(Rejection::ClaimNotAccepted)), Err(Rejection::ClaimNotAccepted));
        assert_eq!(watched.found(), [Rejection::PairNotAccepted]);
    }
}
