//! Chains of actors, against a second decision.

use actgate_core::delegation::chain::ActorChain;
use actgate_core::limits::ACTORS_MAX;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::value;
use crate::gateway::Gateway;
use crate::in_order;
use crate::issuers::Flaw;
use crate::reference::{ChainRules, Registered, chain_is_acceptable};
use crate::world::{self, AGENT, IDP, KNOWLEDGE, Options, RESOURCE_SERVER, START, Signer};

const RULES: ChainRules<'static> = ChainRules {
    agents: &[
        Registered { id: "agent-1", active: true, profile: "ai_agent" },
        Registered { id: "agent-2", active: true, profile: "ai_agent" },
        Registered { id: "app", active: true, profile: "web_app" },
        Registered { id: "retired", active: false, profile: "ai_agent" },
    ],
    issuers: &[IDP, KNOWLEDGE, RESOURCE_SERVER],
    acting: AGENT,
    actors_max: 4,
    actor_profiles: &["ai_agent"],
    subject_profiles: &["user"],
};

/// One actor, nearly always well-formed, and the kinds of values that are not.
fn actor() -> impl Strategy<Value = Value> {
    let sub = prop_oneof![
        8 => prop::sample::select(vec!["agent-1", "agent-2", "app", "retired", "stranger", "user-1@example", "uid-1"])
            .prop_map(Value::from),
        1 => value(),
    ];
    let profile = prop_oneof![
        6 => prop::sample::select(vec!["ai_agent", "web_app", "AI_Agent", "ai_agent ai_agent", "ai_agent web_app", "", "x y"])
            .prop_map(|text| Some(Value::from(text))),
        1 => Just(None),
        1 => value().prop_map(Some),
    ];
    let more = prop_oneof![
        6 => Just(None),
        1 => prop::sample::select(vec![IDP, KNOWLEDGE, "https://elsewhere.example", "a\nb"])
            .prop_map(|iss| Some(("iss", Value::from(iss)))),
        1 => prop::sample::select(vec!["iss", "note", "act"]).prop_flat_map(|name| (Just(name), value())).prop_map(Some),
    ];
    (sub, profile, more).prop_map(|(sub, profile, more)| {
        let mut actor = json!({ "sub": sub });
        if let Some(profile) = profile {
            actor["sub_profile"] = profile;
        }
        if let Some((name, value)) = more {
            actor[name] = value;
        }
        actor
    })
}

/// A chain that is right but for a few links.
fn chain() -> impl Strategy<Value = Value> {
    let good = prop::sample::select(vec![
        json!({ "sub": "agent-2", "sub_profile": "ai_agent" }),
        json!({ "sub": "agent-1", "sub_profile": "ai_agent" }),
        json!({ "sub": "app", "sub_profile": "Web_App" }),
    ]);
    prop::collection::vec(prop_oneof![3 => good, 1 => actor()], 1..7).prop_map(|links| {
        links
            .into_iter()
            .reduce(|inner, mut outer| {
                outer["act"] = inner;
                outer
            })
            .unwrap()
    })
}

/// Whether a request with those claims is let through when everything else is in order.
fn is_let_through(claims: &Value) -> bool {
    let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: true });
    let token = world::token(KNOWLEDGE, "at+jwt", claims, Signer::Own);
    in_order::send(&mut gateway, &token, claims["sub"].as_str().unwrap_or_default(), "query");
    for _call in 0..2 {
        gateway.answer(0, |issuers, call, now| issuers.answer(call, Flaw::None, now));
    }
    gateway.finish();
    gateway.forwarded == 1
}

proptest! {
    #![proptest_config(crate::cases(1024))]

    #[test]
    fn a_chain_is_within_its_bound_whatever_it_is(act in value(), max in 0..20usize) {
        if let Ok(chain) = ActorChain::parse(&act, max) {
            prop_assert!((1..=max).contains(&chain.depth()));
        }
    }

    #[test]
    fn a_long_chain_is_refused_and_never_cut(links in 1..40usize, max in 0..=ACTORS_MAX) {
        let act = (1..links).fold(json!({ "sub": "a" }), |act, at| json!({ "sub": format!("a{at}"), "act": act }));
        match ActorChain::parse(&act, max) {
            Ok(chain) => prop_assert!(chain.depth() == links && links <= max && chain.iter().count() == links),
            Err(_) => prop_assert!(links > max),
        }
    }

    #[test]
    fn a_chain_is_accepted_where_the_specifications_accept_it(act in chain(), sub in prop_oneof![
        6 => Just(Some(json!("user-1@example"))),
        1 => prop::sample::select(vec!["agent-2", "", "x\u{7f}"]).prop_map(|text| Some(Value::from(text))),
        1 => Just(None),
    ], profile in prop_oneof![6 => Just("user"), 1 => prop::sample::select(vec!["USER", "user service", "service", ""])]) {
        let mut claims = world::inbound_claims(1, START, 1);
        claims["act"] = act;
        claims["sub_profile"] = json!(profile);
        match sub {
            Some(sub) => claims["sub"] = sub,
            None => { claims.as_object_mut().unwrap().remove("sub"); }
        }
        prop_assert_eq!(is_let_through(&claims), chain_is_acceptable(&claims, &RULES), "{}", claims);
    }
}
