//! How much of each decision is written.

use actgate_core::config::{Logged, Recorded, StateEntry};
use serde_json::{Value, json};

use crate::document::{Edit, edited, message, read};

const WHO: [&str; 4] = ["txn", "subject", "agent", "chain"];

fn recorded(record: Value) -> (Recorded, Vec<String>) {
    let config = read(&edited(&[Edit::Set("/record", record)])).unwrap();
    (config.recorded, config.warnings)
}

#[test]
fn everything_is_written_where_nothing_is_said() {
    let all = read(&edited(&[])).unwrap().recorded;
    assert_eq!((all.state.len(), all.log), (10, Logged::All));
    for record in [json!({}), json!({"log": "all"})] {
        assert_eq!(recorded(record.clone()), (all.clone(), Vec::new()), "{record}");
    }
}

#[test]
fn entries_are_those_that_are_listed_in_the_order_of_old() {
    let (some, warnings) = recorded(json!({"filter_state": ["subject", "would", "txn"]}));
    assert_eq!(some.state, [StateEntry::Txn, StateEntry::Would, StateEntry::Subject]);
    assert_eq!((some.log, warnings), (Logged::All, Vec::new()));
    assert_eq!(recorded(json!({"filter_state": []})).0.state, []);
}

#[test]
fn what_is_allowed_is_on_record_somewhere_or_that_is_said() {
    let warning = "record.log: what is allowed has no line, and filter_state leaves out txn, subject, agent or chain: nothing then says who acted for whom";
    let refused = |entries: &[&str]| recorded(json!({"log": "refused", "filter_state": entries}));
    assert_eq!(refused(&WHO).0.log, Logged::Refused);
    assert_eq!(refused(&WHO).1, Vec::<String>::new());
    assert_eq!(recorded(json!({"log": "refused"})).1, Vec::<String>::new());
    for missing in WHO {
        let others: Vec<&str> = WHO.into_iter().filter(|entry| *entry != missing).collect();
        assert_eq!(refused(&others).1, [warning], "{missing}");
    }
}

#[test]
fn a_mistake_is_named() {
    for (record, want) in [
        (json!([]), "record: found an array; want an object: this member has one type only"),
        (
            json!({"filter_states": []}),
            "record.filter_states: unknown; want \"filter_state\" or \"log\": correct the name, or remove the member",
        ),
        (
            json!({"filter_state": "txn"}),
            "record.filter_state: found a string; want an array: this member has one type only",
        ),
        (
            json!({"filter_state": ["txn", "actgate.code"]}),
            "record.filter_state[1]: found \"actgate.code\"; want \"txn\", \"code\", \"decision\", \"resource\", \"would\", \"tool\", \"subject\", \"actor\", \"agent\" or \"chain\": what filter state shows under `wasm.actgate.`, for access logs and later filters",
        ),
        (
            json!({"filter_state": ["txn", "txn"]}),
            "record.filter_state[1]: found \"txn\"; want each value once: it stands in this list already",
        ),
        (
            json!({"log": "none"}),
            "record.log: found \"none\"; want \"all\" or \"refused\": which decisions have a line",
        ),
    ] {
        assert_eq!(message(&[Edit::Set("/record", record)]), want);
    }
}
