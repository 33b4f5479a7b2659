//! `actgate check`, as a person runs it before a deployment.

use std::path::Path;
use std::process::{Command, Output};

use actgate::dev::world::{Ports, World};
use serde_json::{Value, json};

fn check(name: &str, document: &Value, environment: &[(String, String)]) -> Output {
    let wasm = std::env::var_os("ACTGATE_WASM").expect("ACTGATE_WASM names the module: run `make test`");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&file, document.to_string()).expect("a file");
    Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["check".as_ref(), "--wasm".as_ref(), wasm.as_os_str(), file.as_os_str()])
        .env_clear()
        .envs(environment.iter().cloned())
        .output()
        .expect("it runs")
}

#[test]
fn a_good_document_is_accepted_by_the_module() {
    let world = World::in_memory(Ports::default());
    let output = check("good", &world.filter_config(Default::default()), &world.environment());
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("good.json: accepted\n"), "{output:?}");
}

#[test]
fn a_mistake_is_refused_with_the_name_of_the_field() {
    let world = World::in_memory(Ports::default());
    let mut document = world.filter_config(Default::default());
    document["resources"][0]["accept"]["presenter"] = json!("anybody");
    let output = check("mistake", &document, &world.environment());
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("resources[0].accept.presenter"), "{output:?}");
}

#[test]
fn a_key_that_is_not_in_the_environment_is_named() {
    let world = World::in_memory(Ports::default());
    let output = check("no-key", &world.filter_config(Default::default()), &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("CORP_KNOWLEDGE_KEY"), "{output:?}");
}

#[test]
fn an_imported_interface_is_accepted_by_the_module() {
    let openapi = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dev/workflow_gateway/openapi.json");
    let imported = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["import".as_ref(), "openapi".as_ref(), openapi.as_os_str()])
        .output()
        .expect("it runs");
    assert!(imported.status.success(), "{imported:?}");
    assert!(String::from_utf8_lossy(&imported.stderr).contains("match.path_prefix"), "{imported:?}");
    let world = World::in_memory(Ports::default());
    let mut document = world.filter_config(Default::default());
    let resource = document["resources"][1].as_object_mut().expect("a resource");
    resource.remove("mcp");
    resource.insert("rest".to_owned(), serde_json::from_slice(&imported.stdout).expect("JSON"));
    let output = check("imported", &document, &world.environment());
    assert!(output.status.success(), "{output:?}");
}
