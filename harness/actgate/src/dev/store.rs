//! The knowledge base behind the MCP server: articles, contracts, and who may read which.
//!
//! Guaranteed: `Reader::Human` sees the rows of that human's departments and those for everyone, and a
//! human the directory does not know sees nothing.
//! `Reader::ServiceAccount` sees every row: it is what a database grants a caller it cannot tell apart.

pub mod pdf;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most rows a query returns.
pub const ROWS_MAX: usize = 5;

/// Rows of this department are for every human in the directory.
const EVERYONE: &str = "everyone";

/// A match in the title counts as much as this many in the text.
const TITLE_WEIGHT: usize = 3;

/// Words too common to tell rows apart.
const STOP_WORDS: [&str; 19] = [
    "the", "and", "for", "are", "what", "our", "with", "from", "about", "how", "who", "when", "does", "can", "which",
    "tell", "this", "that", "all",
];

/// On whose behalf the store is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader<'a> {
    /// A human, by login.
    Human(&'a str),
    /// Nobody in particular.
    ServiceAccount,
}

/// One article or contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The document id.
    pub id: String,
    /// The title.
    pub title: String,
    /// Whose rows these are.
    pub departments: Vec<String>,
    /// The whole text.
    pub text: String,
}

/// The embedded knowledge base.
#[derive(Clone, Debug)]
pub struct Store {
    articles: Vec<Row>,
    contracts: Vec<Row>,
    payments: Vec<Row>,
    /// Login to departments.
    directory: BTreeMap<String, Vec<String>>,
}

impl Store {
    /// The store that ships with the development world.
    pub fn embedded() -> serde_json::Result<Self> {
        Ok(Self {
            articles: serde_json::from_str(include_str!("store/articles.json"))?,
            contracts: serde_json::from_str(include_str!("store/contracts.json"))?,
            payments: serde_json::from_str(include_str!("store/payments.json"))?,
            directory: serde_json::from_str(include_str!("store/directory.json"))?,
        })
    }

    /// The articles that answer `query` best, as far as `reader` may see them.
    pub fn query(&self, reader: Reader<'_>, query: &str) -> Vec<&Row> {
        let terms = terms(query);
        let visible = self.articles.iter().filter(|row| self.may_read(reader, row));
        let mut scored: Vec<(usize, &Row)> = visible.map(|row| (score(row, &terms), row)).collect();
        scored.retain(|(score, _)| *score > 0);
        scored.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.id.cmp(&b.id)));
        scored.into_iter().map(|(_, row)| row).take(ROWS_MAX).collect()
    }

    /// A contract, when it exists and `reader` may see it; the two cases look alike from outside.
    pub fn contract(&self, reader: Reader<'_>, id: &str) -> Option<&Row> {
        self.contracts.iter().find(|row| row.id == id && self.may_read(reader, row))
    }

    /// The payments of the customer with this name, as far as `reader` may see them.
    pub fn payments(&self, reader: Reader<'_>, customer: &str) -> Vec<&Row> {
        self.payments.iter().filter(|row| row.title == customer && self.may_read(reader, row)).collect()
    }

    fn may_read(&self, reader: Reader<'_>, row: &Row) -> bool {
        match reader {
            Reader::ServiceAccount => true,
            Reader::Human(login) => self.directory.get(login).is_some_and(|departments| {
                row.departments.iter().any(|owner| owner == EVERYONE || departments.contains(owner))
            }),
        }
    }
}

fn terms(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| word.len() > 2 && !STOP_WORDS.contains(&word.as_str())).collect()
}

fn score(row: &Row, wanted: &[String]) -> usize {
    let hits = |text: &str| {
        let present = terms(text);
        wanted.iter().filter(|term| present.contains(term)).count()
    };
    TITLE_WEIGHT * hits(&row.title) + hits(&row.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELLER: Reader<'_> = Reader::Human("demouser@streamward.com");
    const LAWYER: Reader<'_> = Reader::Human("seconduser@streamward.com");
    const STRANGER: Reader<'_> = Reader::Human("stranger@streamward.com");

    fn ids<'a>(rows: &[&'a Row]) -> Vec<&'a str> {
        rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn two_humans_get_different_rows_for_one_question() {
        let store = Store::embedded().expect("the embedded store parses");
        let question = "What are the terms of our support contracts and the contract renewal?";
        assert_eq!(ids(&store.query(SELLER, question)), ["KB-0107"]);
        assert_eq!(ids(&store.query(LAWYER, question)), ["KB-0107", "KB-0311"]);
        assert!(store.query(STRANGER, question).is_empty());
    }

    #[test]
    fn a_service_account_sees_what_no_human_here_may() {
        let store = Store::embedded().expect("the embedded store parses");
        assert_eq!(ids(&store.query(Reader::ServiceAccount, "engineering salary bands")), ["KB-0304"]);
        for reader in [SELLER, LAWYER, STRANGER] {
            assert!(store.query(reader, "engineering salary bands").is_empty(), "{reader:?}");
        }
    }

    #[test]
    fn rows_for_everyone_are_for_everyone_in_the_directory() {
        let store = Store::embedded().expect("the embedded store parses");
        for reader in [SELLER, LAWYER] {
            assert_eq!(ids(&store.query(reader, "lost laptop")), ["KB-0218"], "{reader:?}");
        }
        assert!(store.query(STRANGER, "lost laptop").is_empty());
    }

    #[test]
    fn a_contract_one_may_not_see_does_not_exist() {
        let store = Store::embedded().expect("the embedded store parses");
        assert!(store.contract(SELLER, "MSA-2041").is_some());
        assert!(store.contract(LAWYER, "MSA-1877").is_some());
        assert_eq!(store.contract(SELLER, "MSA-1877"), None);
        assert_eq!(store.contract(SELLER, "MSA-0000"), None);
    }

    #[test]
    fn payments_are_for_whom_the_customer_belongs_to() {
        let store = Store::embedded().expect("the embedded store parses");
        assert_eq!(ids(&store.payments(SELLER, "Northwind")), ["PAY-9001", "PAY-9002"]);
        assert!(store.payments(STRANGER, "Northwind").is_empty());
        assert!(store.payments(SELLER, "North").is_empty());
    }

    #[test]
    fn a_question_of_common_words_matches_nothing() {
        let store = Store::embedded().expect("the embedded store parses");
        assert!(store.query(Reader::ServiceAccount, "what about all of the").is_empty());
    }
}
