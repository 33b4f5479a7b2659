//! What an authorization server returns, against a second decision: any edit that widens, shortens or swaps is refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::value;
use crate::gateway::Gateway;
use crate::in_order;
use crate::issuers::{Answer, Flaw};
use crate::reference::{Asked, lineage_holds};
use crate::world::{self, AGENT, IDP, KNOWLEDGE, Options, RESOURCE_SERVER, START, Signer, TOOLS};

/// A claim and what it becomes; nothing for gone.
type Edit = (&'static str, Option<Value>);

const PLACES: [&str; 23] = [
    "/sub",
    "/email",
    "/uid",
    "/aud",
    "/resource",
    "/cid",
    "/client_id",
    "/scope",
    "/scp",
    "/exp",
    "/iat",
    "/nbf",
    "/sub_profile",
    "/act",
    "/act/sub",
    "/act/sub_profile",
    "/act/act",
    "/act/act/sub",
    "/act/act/act",
    "/act/act/note",
    "/act/iss",
    "/act/act/iss",
    "/authorization_details",
];

fn edit() -> impl Strategy<Value = Edit> {
    let new = prop_oneof![
        4 => prop::sample::select(vec![
            json!("user-1@example"), json!("User-1@example"), json!("uid-1"), json!("somebody"), json!("agent-1"),
            json!("agent-2"), json!(TOOLS), json!([TOOLS]), json!([TOOLS, TOOLS]), json!([TOOLS, "x"]), json!([]), json!([{ "type": "x" }]),
            json!(IDP), json!("https://elsewhere.example"), json!("a\u{1f}"),
            json!(RESOURCE_SERVER), json!([RESOURCE_SERVER]), json!("tools:read"), json!(["tools:read"]),
            json!("tools:read tools:admin"), json!(["tools:read", "tools:admin"]), json!("tools:read tools:read"),
            json!(" tools:read"), json!(""), json!("user"), json!("USER"), json!("user user"), json!("user service"),
            json!("ai_agent"), json!("AI_AGENT"), json!("ai_agent service"), json!(null), json!(START),
            json!(START + 29), json!(START + 30), json!(START + 31), json!(START + 1), json!(START - 30),
            json!(START - 29), json!(START + 600), json!(START + 3600), json!(START + 3601), json!(START + 7200),
            json!(START as f64 + 600.9), json!("1795478400"),
            json!({ "sub": "agent-1", "sub_profile": "ai_agent" }),
            json!({ "sub": "agent-2", "sub_profile": "AI_AGENT", "act": { "sub": "app", "sub_profile": "web_app" } }),
            json!({ "sub": "app", "sub_profile": "web_app" }), json!({ "sub": "app", "sub_profile": "web_app", "act": {} }),
        ]),
        1 => value(),
    ];
    (prop::sample::select(PLACES.to_vec()), prop_oneof![5 => new.prop_map(Some), 1 => Just(None)])
}

fn apply(claims: &mut Value, edits: &[Edit]) {
    for (place, new) in edits {
        let (above, name) = place.rsplit_once('/').unwrap();
        if let Some(Value::Object(members)) = claims.pointer_mut(above) {
            match new {
                Some(new) => members.insert((*name).to_owned(), new.clone()),
                None => members.remove(name),
            };
        }
    }
}

/// Runs one exchange in which the answer of that number is edited; says whether the request was let through, and the edited claims.
fn run(second: bool, edits: &[Edit]) -> (bool, Value) {
    let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
    let inbound = world::token(KNOWLEDGE, "at+jwt", &world::inbound_claims(1, START, 1), Signer::Own);
    in_order::send(&mut gateway, &inbound, "user-1@example", "query");
    let mut edited = Value::Null;
    for number in 0..2 {
        gateway.answer(0, |issuers, call, now| {
            let honest = issuers.answer(call, Flaw::None, now);
            if (number == 1) != second {
                return honest;
            }
            let mut body: Value = serde_json::from_slice(&honest.body).unwrap();
            let token = body["access_token"].as_str().unwrap().to_owned();
            edited = world::claims_of(&token);
            apply(&mut edited, edits);
            let (issuer, typ) = if second { (RESOURCE_SERVER, "at+jwt") } else { (IDP, "oauth-id-jag+jwt") };
            let new = world::token(issuer, typ, &edited, Signer::Own);
            if let Some(grant) = issuers.grants.get(&token).cloned() {
                issuers.grants.insert(new.clone(), grant);
            }
            body["access_token"] = json!(new);
            Answer::json(200, &body)
        });
        if number == 0 && !second {
            // Whether the assertion is accepted shows in its being spent at once.
            return (gateway.calls() == 1, edited);
        }
    }
    (gateway.forwarded == 1, edited)
}

fn asked(inbound: &Value, second: bool) -> Asked<'_> {
    Asked {
        inbound,
        agent: AGENT,
        issuers: &[IDP, RESOURCE_SERVER],
        agent_profile: "ai_agent",
        audience: if second { TOOLS } else { RESOURCE_SERVER },
        resource: (!second).then_some(TOOLS),
        scopes: &["tools:read"],
        same_subject: if second { &[("/sub", "/sub")] } else { &[("/sub", "/email"), ("/uid", "/sub")] },
        lifetime_max: if second { 3600 } else { 900 },
        skew: 30,
        now: START,
        is_assertion: !second,
    }
}

#[test]
fn what_is_not_edited_is_let_through() {
    assert!(run(false, &[]).0 && run(true, &[]).0);
}

proptest! {
    #![proptest_config(crate::cases(1024))]

    #[test]
    fn a_returned_token_is_used_where_the_specifications_allow(
        second: bool,
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let (used, claims) = run(second, &edits);
        let inbound = world::inbound_claims(1, START, 1);
        prop_assert_eq!(used, lineage_holds(&claims, &asked(&inbound, second)), "{}", claims);
    }
}
