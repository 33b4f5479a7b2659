//! Every vector, run through the shipped module in the emulated Envoy and compared with the core's answer; and all that the module
//! logs at trace level and counts, and all that agents are answered, searched for secrets after each.

use actgate::dev::world::{Ports, World};
use actgate_tests::agreement::agree;
use actgate_tests::case;
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::gateway::Gateway as _;
use actgate_tests::harness_gateway::HarnessGateway;
use actgate_tests::run;
use actgate_tests::secrets::Secrets;
use actgate_tests::watched::Watched;
use envoy_harness::{Thread, profile};
use serde_json::json;

/// 2026-11-24T00:00:00Z: vectors do not depend on the day they are run.
const NOW: u64 = 1_795_478_400;

/// Where a whole proxy differs from the core alone, and rightly.
const DIFFERENT: [(&str, &str); 6] = [
    ("credential-empty-second", "Envoy leaves an empty second value out when it joins, so there is one credential"),
    ("idp-at-the-time-out", "an answer at the very moment of its time-out is a tie that each side decides for itself"),
    ("jwks-recovers", "the main thread fetches too, and the failures that were ordered by number are its"),
    ("method-head", "an answer to HEAD has no body to read the code from"),
    ("rest-head-not-mapped", "an answer to HEAD has no body to read the code from"),
    ("ras-at-the-time-out", "an answer at the very moment of its time-out is a tie that each side decides for itself"),
];

#[test]
fn every_vector_holds_in_the_module_and_agrees_with_the_core() {
    let world = World::in_memory(Ports::default());
    let base = world.filter_config(Default::default());
    let mut cases = case::all();
    for (id, _) in DIFFERENT {
        assert!(cases.iter().any(|case| case.id == id), "{id} is no vector");
    }
    cases.retain(|case| DIFFERENT.iter().all(|(id, _)| case.id != *id));
    let wrong: Vec<String> = std::thread::scope(|scope| {
        // Two halves on two threads: the host has no globals.
        let (even, odd): (Vec<_>, Vec<_>) = cases.iter().enumerate().partition(|(at, _)| at % 2 == 0);
        let halves = [even, odd].map(|half| {
            let (world, base) = (&world, &base);
            scope.spawn(move || {
                half.into_iter().filter_map(|(_, case)| disagreement(world, base, case)).collect::<Vec<String>>()
            })
        });
        halves.into_iter().flat_map(|half| half.join().expect("a half")).collect()
    });
    println!("{} vectors in the emulated Envoy", cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn disagreement(world: &World, base: &serde_json::Value, case: &case::Case) -> Option<String> {
    let document = run::configuration(world, case, base);
    let mut secrets = Secrets::of(world, &document);
    let emulated = HarnessGateway::start(world, &document, profile::V1_40, 1, NOW);
    if case.load_error.is_some() {
        return match emulated {
            Ok(_) => Some(format!("{}: the module loads it", case.id)),
            Err(error) => secrets.are_in(&error).then(|| format!("{}: a secret in {error}", case.id)),
        };
    }
    let compared = || {
        let mut core = CoreGateway::new(world, &document, NOW)?;
        let wanted = run::run(world, case, &mut core)?;
        let mut searched = Watched::new(emulated?, |emulated: &mut HarnessGateway, request| {
            let observation = emulated.send(request);
            secrets.learn(request, &observation);
            observation
        });
        let seen = run::run(world, case, &mut searched);
        let emulated = searched.into_inner();
        let log = emulated.envoy.log_text();
        agree(&case.id, &seen.map_err(|error| format!("{error}\n{log}"))?, &wanted)?;
        let said = [log, format!("{:?}", emulated.envoy.metrics())];
        let said = said.iter().map(String::as_str).filter(|text| secrets.are_in(text)).chain(secrets.told());
        said.map(|text| Err(format!("{}: a secret in {text}", case.id))).next().unwrap_or(Ok(()))
    };
    compared().err()
}

/// A host may restrict what a module calls. What must not pass does not pass either where nothing can be said in its place.
#[test]
fn what_cannot_be_refused_in_words_does_not_pass() {
    let world = World::in_memory(Ports::default());
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == "stream-many-lists").expect("the vector");
    let document = run::configuration(&world, case, &world.filter_config(Default::default()));
    let refused = ["proxy_set_buffer_bytes", "proxy_send_local_response", "proxy_close_stream"];
    for refused in [&refused[..1], &refused[..2], &refused] {
        let gateway = HarnessGateway::start_restricted(&world, &document, profile::V1_40, 1, NOW, refused);
        let mut gateway = gateway.unwrap_or_else(|error| panic!("{error}"));
        let _ = run::run(&world, case, &mut gateway);
        let log = gateway.envoy.log_text();
        assert!(log.contains("Attempted call to restricted"), "{refused:?}: {log}");
        let passed = gateway.last_answer();
        assert!(!String::from_utf8_lossy(&passed).contains("drop_table"), "{refused:?}: {passed:?}");
    }
}

/// Whatever of the host's a decision needs: without it there is none, and nothing passes.
#[test]
fn a_host_that_refuses_what_is_needed_gets_nothing_let_through() {
    let world = World::in_memory(Ports::default());
    let document = world.filter_config(Default::default());
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == "blueprint-request").expect("the vector");
    let header_edits =
        ["proxy_add_header_map_value", "proxy_remove_header_map_value", "proxy_replace_header_map_value"];
    for refused in [
        &header_edits[..],
        &["proxy_get_current_time_nanoseconds"],
        &["random_get"],
        &["proxy_get_header_map_pairs"],
        &["proxy_get_property"],
        &["proxy_get_buffer_bytes"],
        &["proxy_http_call"],
    ] {
        // One that does not load is one that lets nothing through.
        let gateway = HarnessGateway::start_restricted(&world, &document, profile::V1_40, 1, NOW, refused);
        let Ok(mut gateway) = gateway else { continue };
        let seen = run::run(&world, case, &mut gateway);
        let wrong = seen.expect_err(&format!("{refused:?}: it was let through"));
        assert!(wrong.contains("upstream: None"), "{refused:?}: {wrong}");
        let log = gateway.envoy.log_text();
        assert!(!log.contains("unreachable"), "{refused:?}: {log}");
    }
}

/// Nothing can be added to a body whose trailers have come: what is held of it then would be lost, and nobody would know.
#[test]
fn a_body_that_ends_in_the_beginning_of_a_credential_and_in_trailers_is_cut_off() {
    let world = World::in_memory(Ports::default());
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == "echo-secret-200").expect("the vector");
    let document = run::configuration(&world, case, &world.filter_config(Default::default()));
    for (end, cut) in [("opaq", false), ("opaqu", true)] {
        let mut gateway = HarnessGateway::start(&world, &document, profile::V1_40, 1, NOW).expect("it loads");
        let mut case = case.clone();
        let said = case.steps[0].upstream_answer.as_mut().expect("an answer");
        said.pieces = vec![format!("an {end}")];
        said.trailers = vec![("x-sum".to_owned(), "1".to_owned())];
        case.steps[0].answer = None;
        let _ = run::run(&world, &case, &mut gateway);
        let log = gateway.envoy.log_text();
        assert_eq!(log.contains("it is cut off"), cut, "{end}: {log}");
        assert_eq!(gateway.last_answer(), b"an opaq");
        assert_eq!(gateway.was_reset(), cut, "{end}");
    }
}

/// Of an answer whose head cannot be edited nothing passes, because nobody looked at what the caller must not see.
#[test]
fn an_answer_whose_head_cannot_be_edited_does_not_pass() {
    let world = World::in_memory(Ports::default());
    let case = r#"[{"id": "head", "attack": "a challenge that is for the gateway", "spec": "", "steps": [{"want": "allowed", "status": 403,
        "upstream": 403, "upstream_answer": {"headers": [["www-authenticate", "Bearer realm=\"inner\""]], "pieces": []}}]}]"#;
    let case = case::parse(case).expect("a case").remove(0);
    let document = run::configuration(&world, &case, &world.filter_config(Default::default()));
    for (restricted, passes) in [(&[][..], true), (&["proxy_remove_header_map_value"][..], false)] {
        let gateway = HarnessGateway::start_restricted(&world, &document, profile::V1_40, 1, NOW, restricted);
        let mut gateway = gateway.unwrap_or_else(|error| panic!("{error}"));
        let seen = run::run(&world, &case, &mut gateway);
        let log = gateway.envoy.log_text();
        assert_eq!(log.contains("Attempted call to restricted"), !passes, "{log}");
        match seen {
            Ok(seen) => assert!(passes && seen[0].headers.iter().all(|(name, _)| name != "www-authenticate")),
            Err(error) => {
                assert!(!passes && error.contains("got internal") && error.contains("upstream: Some("), "{error}");
                assert!(!error.contains("www-authenticate"), "{error}");
            }
        }
    }
}

/// Filter state has the entries that are wanted; each of them is a call of the host's, and each line of the log another.
#[test]
fn nothing_is_written_that_nobody_wants() {
    const ENTRIES: [&str; 9] = ["txn", "code", "decision", "resource", "tool", "subject", "actor", "agent", "chain"];
    let world = World::in_memory(Ports::default());
    let cases = case::all();
    let case = cases.iter().find(|case| case.id == "blueprint-request").expect("the vector");
    let shown = |record: Option<serde_json::Value>| {
        let mut document = run::configuration(&world, case, &world.filter_config(Default::default()));
        if let Some(record) = record {
            document["record"] = record;
        }
        let mut gateway = HarnessGateway::start(&world, &document, profile::V1_40, 1, NOW).expect("it loads");
        run::run(&world, case, &mut gateway).unwrap_or_else(|error| panic!("{error}"));
        let shown = ENTRIES.into_iter().filter(|name| gateway.filter_state(&format!("actgate.{name}")).is_some());
        let lines = gateway.envoy.log_text().matches("actgate decision ").count();
        (shown.collect::<Vec<_>>(), lines, gateway.envoy.thread_host_calls(Thread::Worker(0)))
    };
    let (entries, lines, calls) = shown(None);
    assert_eq!((entries, lines), (ENTRIES.to_vec(), 1));
    for (record, wanted, lines, fewer) in [
        (json!({"filter_state": []}), &[][..], 1, 9),
        (json!({"filter_state": ["subject", "decision"]}), &["decision", "subject"], 1, 7),
        (json!({"log": "refused"}), &ENTRIES, 0, 1),
        // The load is warned about, which is a call too.
        (json!({"filter_state": [], "log": "refused"}), &[], 0, 9),
    ] {
        assert_eq!(shown(Some(record.clone())), (wanted.to_vec(), lines, calls - fewer), "{record}");
    }
}

/// A host that knows no digests of certificates says by `connection.mtls` that there is one.
#[test]
fn an_agent_is_known_by_its_name_where_the_host_knows_no_digests() {
    let world = World::in_memory(Ports::default());
    let cases = case::all();
    for id in ["blueprint-request", "caller-stranger"] {
        let case = cases.iter().find(|case| case.id == id).expect("the vector");
        let document = run::configuration(&world, case, &world.filter_config(Default::default()));
        let mut gateway = HarnessGateway::start(&world, &document, profile::V1_40, 1, NOW).expect("it loads");
        gateway.knows_digests = false;
        run::run(&world, case, &mut gateway).unwrap_or_else(|error| panic!("{error}"));
    }
}
