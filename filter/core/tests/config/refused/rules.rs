//! Rules on who may act for whom.

use actgate_core::limits::{
    ACR_VALUES_MAX, AUTHENTICATION_AGE_SECONDS_MAX, CLAIM_RULE_VALUES_MAX, CLAIM_RULES_MAX, NAMES_PER_LIST_MAX,
    PAIRS_MAX,
};
use serde_json::{Value, json};

use super::check;
use crate::document::{Edit, message};

type Make = Box<dyn Fn(usize) -> Value>;

const NOTHING_BY_AN_EMPTY_LIST: &str = "nothing is allowed by an empty list";

#[test]
fn actors_and_pairs() {
    check(&[
        (
            &[Edit::Set("/resources/0/accept/delegation/current_actors", json!(["wlp9"]))],
            "resources[0].accept.delegation.current_actors: found \"wlp9\"; want ids of agents such as \"0oa\", \"wlp1\" or \"wlp2\": an actor that is not registered is refused",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/current_actors", json!([]))],
            &format!(
                "resources[0].accept.delegation.current_actors: empty; want the ids of agents: {NOTHING_BY_AN_EMPTY_LIST}"
            ),
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/current_actors", json!(["wlp1", "wlp1"]))],
            "resources[0].accept.delegation.current_actors[1]: found \"wlp1\"; want each value once: it stands in this list already",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/pairs", json!([]))],
            "resources[0].accept.delegation.pairs: empty; want at least one {\"subjects\" or \"groups\": [...], \"actors\": [...]}: say which current actors may serve whom",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/pairs", json!([{ "actors": ["wlp1"] }]))],
            "resources[0].accept.delegation.pairs[0]: found neither \"subjects\" nor \"groups\"; want one of them: say which current actors may serve whom",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/pairs", json!([{ "subjects": ["a"] }]))],
            &format!(
                "resources[0].accept.delegation.pairs[0].actors: missing; want the ids of agents: {NOTHING_BY_AN_EMPTY_LIST}"
            ),
        ),
        (
            &[Edit::Set(
                "/resources/0/accept/delegation/pairs",
                json!([{ "subjects": [], "groups": ["g"], "actors": ["wlp1"] }]),
            )],
            &format!("resources[0].accept.delegation.pairs[0].subjects: empty; want names: {NOTHING_BY_AN_EMPTY_LIST}"),
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/pairs", json!([{ "groups": ["g"], "actors": ["wlp1"] }]))],
            "resources[0].accept.delegation.groups: missing; want a JSON pointer such as \"/groups\": resources[0].accept.delegation.pairs[0] names groups",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/groups", json!("/groups"))],
            "resources[0].accept.delegation.pairs: missing; want at least one {\"subjects\" or \"groups\": [...], \"actors\": [...]}: the groups of a subject are read for this table only",
        ),
        (
            &[
                Edit::Set("/resources/0/accept/delegation/current_actors", json!(["wlp1"])),
                Edit::Set("/resources/0/accept/delegation/required", json!(false)),
            ],
            "resources[0].accept.delegation.required: found false; want true: current_actors is about the current actor",
        ),
        (
            &[
                Edit::Set("/resources/0/accept/delegation/client", json!("current_actor")),
                Edit::Set("/resources/0/accept/delegation/required", json!(false)),
            ],
            "resources[0].accept.delegation.required: found false; want true: client is about the current actor",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/client", json!("subject"))],
            "resources[0].accept.delegation.client: found \"subject\"; want \"any\" or \"current_actor\": whose client the token must have been issued to",
        ),
        (
            &[Edit::Set("/resources/0/accept/delegation/actor_issuer", json!(true))],
            "resources[0].accept.delegation.actor_issuer: found a boolean; want a string: this member has one type only",
        ),
    ]);
}

#[test]
fn sign_in_and_entitlements() {
    check(&[
        (
            &[Edit::Set("/resources/0/accept/authentication", json!({}))],
            "resources[0].accept.authentication: empty; want \"max_age\" or \"acr_values\": say how the human must have signed in",
        ),
        (
            &[Edit::Set("/resources/0/accept/authentication", json!({ "max_age": "721h" }))],
            "resources[0].accept.authentication.max_age: found \"721h\"; want whole seconds from \"1s\" to \"720h\", such as \"30s\": how long ago the human may have signed in, by `auth_time`",
        ),
        (
            &[Edit::Set("/resources/0/accept/authentication", json!({ "acr_values": [] }))],
            "resources[0].accept.authentication.acr_values: empty; want at least one `acr` value: no sign-in would be enough",
        ),
        (
            &[Edit::Set("/resources/0/accept/authentication", json!({ "acr_values": ["a b"] }))],
            "resources[0].accept.authentication.acr_values[0]: found \"a b\"; want visible ASCII without spaces, `\"` and `\\`: RFC 9470 §3: a list by spaces",
        ),
        (
            &[Edit::Set("/resources/0/accept/authentication", json!({ "acr_values": ["a\"b"] }))],
            "resources[0].accept.authentication.acr_values[0]: found \"a\\\"b\"; want visible ASCII without spaces, `\"` and `\\`: RFC 9470 §3: a list by spaces",
        ),
        (
            &[Edit::Set("/resources/0/accept/entitlements", json!("entitlements"))],
            "resources[0].accept.entitlements: found \"entitlements\"; want a JSON pointer such as \"/sub\": it begins with `/`, and writes `~` as `~0` and `/` within a name as `~1` (RFC 6901)",
        ),
    ]);
}

#[test]
fn claims() {
    const ONE: &str =
        "want exactly one of \"const\", \"enum\", \"contains\" and \"absent\": a rule says one thing about one claim";
    const SCALAR: &str = "found something else; want a text, a whole number, true or false: compared exactly";
    let rule = |rule| [Edit::Set("/resources/0/accept/claims", json!([rule]))];
    let history = "a claim outside the prior actors, or \"absent\": those that acted before can get a request refused and never allowed";
    check(&[
        (&rule(json!({ "at": "/a" })), &format!("resources[0].accept.claims[0]: found none; {ONE}")),
        (
            &rule(json!({ "at": "/a", "const": 1, "absent": true })),
            &format!("resources[0].accept.claims[0]: found several; {ONE}"),
        ),
        (
            &rule(json!({ "at": "/a", "absent": false })),
            "resources[0].accept.claims[0].absent: found false; want true, or nothing: a claim may be there anyway",
        ),
        (&rule(json!({ "at": "/a", "const": null })), &format!("resources[0].accept.claims[0].const: {SCALAR}")),
        (&rule(json!({ "at": "/a", "const": 1.5 })), &format!("resources[0].accept.claims[0].const: {SCALAR}")),
        (&rule(json!({ "at": "/a", "enum": ["a", {}] })), &format!("resources[0].accept.claims[0].enum[1]: {SCALAR}")),
        (
            &rule(json!({ "at": "/a", "enum": [] })),
            "resources[0].accept.claims[0].enum: empty; want at least one value: no token could be accepted",
        ),
        (
            &rule(json!({ "at": "/act/act/sub", "const": "wlp1" })),
            &format!("resources[0].accept.claims[0].at: found \"/act/act/sub\"; want {history}"),
        ),
        (
            &rule(json!({ "at": "/act/act", "contains": "wlp1" })),
            &format!("resources[0].accept.claims[0].at: found \"/act/act\"; want {history}"),
        ),
        (&rule(json!({ "at": "/act/act", "absent": true })), "accepted"),
        (&rule(json!({ "at": "/act/actor", "const": "x" })), "accepted"),
    ]);
}

#[test]
fn ceilings_and_namespaces() {
    check(&[
        (
            &[Edit::Set("/agents/wlp2/ceiling", json!({}))],
            "agents.wlp2.ceiling: empty; want \"scopes\" or \"resources\": say what this agent may at most",
        ),
        (
            &[Edit::Set("/agents/wlp2/ceiling", json!({ "scopes": ["Aurora-DB:*"] }))],
            "agents.wlp2.ceiling.scopes[0]: found \"Aurora-DB:*\"; want a scope without `*`: a pattern can only forbid, and has its `*` at the end: see forbidden_scopes",
        ),
        (
            &[Edit::Set("/agents/wlp2/ceiling", json!({ "resources": ["nothing"] }))],
            "agents.wlp2.ceiling.resources: found \"nothing\"; want names of resources such as \"aurora-db\" or \"knowledge\": an agent may act where it is said, by the name of the resource",
        ),
        (
            &[Edit::Set("/agents/wlp2/profiles", json!(["ai_agent", "unclassified"]))],
            "agents.wlp2.profiles: found \"unclassified\"; want what this agent is: whether an actor must say what it is, is for each resource to say: see accept.delegation.actor_profiles",
        ),
        (
            &[Edit::Set("/agents/wlp2/issuer", json!(""))],
            "agents.wlp2.issuer: found \"\"; want a text that is not empty, without control characters and outer spaces: it is compared exactly, so it must be exactly what the other side has",
        ),
    ]);
}

#[test]
fn bounds_hold_at_and_one_past() {
    let texts = |count: usize| (0..count).map(|at| format!("n{at}")).collect::<Vec<_>>();
    let repeated = |value: Value, count: usize| vec![value; count];
    let rule = json!({ "at": "/a", "const": 1 });
    let pair = json!({ "subjects": ["a"], "actors": ["wlp1"] });
    let cases: [(&'static str, Make, usize); 6] = [
        ("/resources/0/accept/claims", Box::new(move |count| json!(repeated(rule.clone(), count))), CLAIM_RULES_MAX),
        (
            "/resources/0/accept/claims",
            Box::new(move |count| json!([{ "at": "/a", "enum": texts(count) }])),
            CLAIM_RULE_VALUES_MAX,
        ),
        (
            "/resources/0/accept/delegation/pairs",
            Box::new(move |count| json!(repeated(pair.clone(), count))),
            PAIRS_MAX,
        ),
        (
            "/resources/0/accept/delegation/pairs",
            Box::new(move |count| json!([{ "subjects": texts(count), "actors": ["wlp1"] }])),
            NAMES_PER_LIST_MAX,
        ),
        (
            "/resources/0/accept/authentication",
            Box::new(move |count| json!({ "acr_values": texts(count) })),
            ACR_VALUES_MAX,
        ),
        (
            "/resources/0/accept/authentication",
            Box::new(|hours| json!({ "max_age": format!("{hours}h") })),
            usize::try_from(AUTHENTICATION_AGE_SECONDS_MAX / 3600).unwrap(),
        ),
    ];
    for (pointer, make, max) in cases {
        assert_eq!(message(&[Edit::Set(pointer, make(max))]), "accepted", "{pointer}");
        assert_ne!(message(&[Edit::Set(pointer, make(max + 1))]), "accepted", "{pointer}");
    }
}
