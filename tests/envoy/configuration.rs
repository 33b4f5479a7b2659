//! A configuration with a mistake stops Envoy where it is loaded, and the message says which member and why.

use std::collections::BTreeMap;

use actgate::dev::world::World;
use actgate::envoy::Binary;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, launch, new_world, work_dir};
use serde_json::{Value, json};

use crate::client::assert_serves;

/// What Envoy says of the world's configuration after `edit`.
fn complaint(world: &World, edit: impl FnOnce(&mut Value)) -> String {
    let mut document = world.filter_config(Default::default());
    edit(&mut document);
    let launch = launch(world, &document, &Options::default(), 9).expect("the bootstrap is complete");
    let binary = Binary::from_env().unwrap_or_else(|error| panic!("{error}"));
    match launch.validate(&binary, work_dir(world)) {
        Ok(()) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_mistake_stops_envoy_and_names_the_member() {
    let world = new_world();
    type Edit = fn(&mut Value);
    let mistakes: [(&str, Edit); 3] = [
        ("resources[1].accept.audiences: ", |document| document["resources"][1]["accept"]["audiences"] = json!("x")),
        ("resources[1].accept.presenter: ", |document| {
            document["resources"][1]["accept"].as_object_mut().expect("an object").remove("presenter");
        }),
        ("allow_on_headers_stop_iteration: ", |document| {
            document.as_object_mut().expect("an object").remove("allow_on_headers_stop_iteration");
        }),
    ];
    for (path, edit) in mistakes {
        let said = complaint(&world, edit);
        assert!(said.contains(&format!("actgate configuration: {path}")), "wanted {path}: {said}");
        assert!(said.contains("Unable to create Wasm plugin actgate"), "{said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}

#[test]
fn a_missing_variable_is_named() {
    let world = new_world();
    let said = complaint(&world, |document| {
        let agents = document["agents"].as_object_mut().expect("an object");
        for agent in agents.values_mut() {
            if let Some(key) = agent.pointer_mut("/credential/private_key_jwt/key") {
                *key = json!({"env": "NOT_SET_ANYWHERE"});
            }
        }
    });
    assert!(said.contains("NOT_SET_ANYWHERE"), "{said}");
    assert!(said.contains(".credential.private_key_jwt.key"), "{said}");
}

#[test]
fn warnings_are_logged_and_envoy_serves() {
    let world = new_world();
    let mut document = world.filter_config(Default::default());
    document["resources"][1]["accept"]["caller"] = json!("audience_only");
    let gateway = EnvoyGateway::start(world, &document, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let logs = gateway.envoy.logs();
    let warned = logs.lines().any(|line| {
        line.contains("[warning][wasm]") && line.contains("actgate configuration: ") && line.contains("audience_only")
    });
    assert!(warned, "{logs}");
    assert_serves(&gateway, "warned");
}

/// Whether a real Envoy with the world's configuration, its keys written out, says after `edit` that something is read from the environment.
fn says_that_the_environment_stays(edit: impl FnOnce(&mut Value)) -> bool {
    let world = new_world();
    let mut document = world.filter_config(Default::default());
    let environment: BTreeMap<String, String> = world.environment().into_iter().collect();
    for agent in document["agents"].as_object_mut().expect("an object").values_mut() {
        if let Some(key) = agent.pointer_mut("/credential/private_key_jwt/key") {
            *key = json!({"insecure_inline": environment[key["env"].as_str().expect("a variable")]});
        }
    }
    edit(&mut document);
    let gateway = EnvoyGateway::start(world, &document, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let logs = gateway.envoy.logs();
    assert!(logs.contains("actgate: the host verifies"), "{logs}");
    logs.lines().any(|line| line.contains("keys and secrets in environment variables are those of the process"))
}

#[test]
fn whatever_is_read_from_the_environment_is_told_to_stay() {
    assert!(!says_that_the_environment_stays(|_| {}));
    // No key of an agent's: a secret that only resources and workers use.
    assert!(says_that_the_environment_stays(|document| {
        document["resources"][1]["mcp"]["session_secret"] = json!({"env": "CORP_KNOWLEDGE_KEY"});
    }));
}
