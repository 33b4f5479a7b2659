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

/// What `actgate import` makes of the OpenAPI document in `file`, and what it notes.
fn imported(file: &Path) -> (Value, String) {
    let imported = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["import".as_ref(), "openapi".as_ref(), file.as_os_str()])
        .output()
        .expect("it runs");
    assert!(imported.status.success(), "{imported:?}");
    (serde_json::from_slice(&imported.stdout).expect("JSON"), String::from_utf8_lossy(&imported.stderr).into_owned())
}

/// Asserts that the module accepts `rest` as a resource's.
fn is_accepted(name: &str, rest: Value) {
    let world = World::in_memory(Ports::default());
    let mut document = world.filter_config(Default::default());
    let resource = document["resources"][1].as_object_mut().expect("a resource");
    resource.remove("mcp");
    resource.insert("rest".to_owned(), rest);
    let output = check(name, &document, &world.environment());
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_imported_interface_is_accepted_by_the_module() {
    let openapi = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dev/workflow_gateway/openapi.json");
    let (rest, notes) = imported(&openapi);
    assert!(notes.contains("match.path_prefix"), "{notes}");
    is_accepted("imported", rest);
}

/// An interface with every keyword that a rule says, and others.
const INTERFACE: &str = "
openapi: 3.1.0
security: [{ o: [read] }]
paths:
  /orders/{id}/{kind}:
    get:
      operationId: orders
      parameters:
      - { name: id, in: path, required: true, schema: { type: integer, exclusiveMinimum: 0, format: int64 } }
      - { name: kind, in: path, required: true, schema: { $ref: '#/components/schemas/kind' } }
      - { name: limit, in: query, schema: { type: integer, minimum: 1, exclusiveMaximum: 51, default: 10 } }
      - { name: weight, in: query, schema: { type: number, minimum: 0.5, maximum: 5 } }
      - { name: open, in: query, required: true, schema: { type: [boolean, 'null'] } }
      - { name: text, in: query, schema: { type: string, minLength: 2, maxLength: 20, pattern: '^a' } }
      - { name: only, in: query, schema: { const: x, enum: [x, y] } }
      - { name: tags, in: query, schema: { type: array, items: { type: string } } }
      - { name: both, in: query, schema: { allOf: [{ $ref: '#/components/schemas/kind' }, { maxLength: 5 }] } }
components:
  schemas:
    kind: { type: string, enum: [new, old], description: a kind }
";

#[test]
fn every_rule_that_a_schema_implies_is_accepted_by_the_module() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interface.yaml");
    std::fs::write(&file, INTERFACE).expect("a file");
    let (rest, notes) = imported(&file);
    let operation = &rest["operations"]["orders"];
    let kind = json!({ "enum": ["new", "old"] });
    assert_eq!(operation["path_rules"], json!({ "id": { "type": "integer", "min": 1 }, "kind": kind }));
    assert_eq!(
        operation["query"],
        json!({
            "limit": { "type": "integer", "min": 1, "max": 50, "required": false },
            "weight": { "type": "number", "min": 0.5, "max": 5, "required": false },
            "open": { "type": "boolean" },
            "text": { "min_length": 2, "max_length": 20, "required": false },
            "only": { "const": "x", "required": false },
            "tags": {},
            "both": { "enum": ["new", "old"], "max_length": 5, "required": false },
        })
    );
    for left_out in ["id: no rule says format,", "text: no rule says pattern,", "tags: no rule says items, type,"] {
        assert!(notes.contains(&format!("paths./orders/{{id}}/{{kind}}.get.parameters.{left_out}")), "{notes}");
    }
    assert_eq!(notes.lines().count(), 3, "{notes}");
    is_accepted("interface", rest);
}
