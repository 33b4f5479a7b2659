//! From an OpenAPI 3 document, in JSON or YAML, to the operations of a REST resource.
//!
//! Guaranteed: every operation of the document is in the result, so that no template is taken for another that was left out;
//! what cannot be said in a configuration is an error that names its place, and all of them come at once.
//! Of alternative security requirements the one with the fewest scopes is taken, the first of several, and each such choice is told.
//! So is each keyword of a schema that no rule can say.
//! Absent on purpose: rules on bodies, and references out of the document.

mod schema;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The methods that a configuration knows; OpenAPI's `trace` is not among them.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// References within one value: a document that needs more goes in a circle.
const REFERENCES_MAX: usize = 8;

/// Schemas that hold together of one parameter, by `allOf` and references: a document that needs more goes in a circle.
const SCHEMAS_MAX: usize = 32;

/// What became of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What stands under `rest` in a resource.
    pub rest: Value,
    /// What was chosen, and what is left to the reader.
    pub notes: Vec<String>,
}

/// Reads `document`; an operation that declares no scopes gets `default_scopes`.
///
/// # Errors
/// Everything that cannot be expressed, each with its place.
pub fn openapi(document: &str, default_scopes: &[String]) -> Result<Imported, Vec<String>> {
    let document = read(document).map_err(|error| vec![error])?;
    if !document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")) {
        return Err(vec!["openapi: not a version 3 document".to_owned()]);
    }
    let mut reader = Reader { document: &document, default_scopes, notes: Vec::new(), errors: Vec::new() };
    let operations = reader.operations();
    if let Some(path) = server_path(&document) {
        reader.notes.push(format!("servers: the path {path} of the first server belongs to match.path_prefix"));
    }
    if operations.is_empty() && reader.errors.is_empty() {
        reader.errors.push("paths: no operation".to_owned());
    }
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    Ok(Imported { rest: json!({ "operations": operations }), notes: reader.notes })
}

/// JSON is YAML too, but its own reader says better where it is wrong.
fn read(document: &str) -> Result<Value, String> {
    if document.trim_start().starts_with('{') {
        return serde_json::from_str(document).map_err(|error| format!("not JSON: {error}"));
    }
    // OpenAPI 3.1 §4.3: YAML 1.2 by the JSON schema's rules, in which `on` is a text.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(document, options).map_err(|error| format!("neither JSON nor YAML: {error}"))
}

struct Reader<'d> {
    document: &'d Value,
    default_scopes: &'d [String],
    notes: Vec<String>,
    errors: Vec<String>,
}

impl<'d> Reader<'d> {
    fn operations(&mut self) -> Map<String, Value> {
        let mut operations = Map::new();
        for (path, item) in self.document["paths"].as_object().into_iter().flatten() {
            let Some(item) = self.resolved(item, &format!("paths.{path}")) else { continue };
            if let Err(why) = check_template(path) {
                self.errors.push(format!("paths.{path}: {why}"));
            }
            if item.get("trace").is_some() {
                self.errors.push(format!("paths.{path}.trace: TRACE cannot be allowed"));
            }
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let place = format!("paths.{path}.{method}");
                let Some(name) = operation["operationId"].as_str() else {
                    self.errors.push(format!("{place}: no operationId, by which the configuration names it"));
                    continue;
                };
                let configured = self.operation(&place, path, method, &item["parameters"], operation);
                if operations.insert(name.to_owned(), configured).is_some() {
                    self.errors.push(format!("{place}: {name} is the operationId of another operation"));
                }
            }
        }
        operations
    }

    fn operation(&mut self, place: &str, path: &str, method: &str, shared: &'d Value, operation: &'d Value) -> Value {
        let mut configured = json!({ "method": method.to_ascii_uppercase(), "path": path });
        configured["scopes"] = json!(self.scopes(place, operation));
        let mut query = Map::new();
        let mut path_rules = Map::new();
        for (name, parameter) in self.parameters(place, shared, &operation["parameters"]) {
            let required = parameter["required"] == true;
            let place = format!("{place}.parameters.{name}");
            let mut rule = match parameter["in"].as_str() {
                Some("query" | "path") => self.rule(&place, parameter),
                _ => Map::new(),
            };
            match parameter["in"].as_str() {
                Some("query") => {
                    // A rule asks for its value unless it says otherwise; without one, only a needed parameter is asked for.
                    if rule.is_empty() == required {
                        rule.insert("required".to_owned(), json!(required));
                    }
                    query.insert(name, Value::Object(rule));
                }
                Some("path") if !rule.is_empty() => {
                    path_rules.insert(name, Value::Object(rule));
                }
                // Headers and cookies go on as they came; whatever else there may be is not in path or query.
                Some(_) | None => {}
            }
        }
        if method == "post" && self.takes_a_form(place, &operation["requestBody"]) {
            self.notes.push(format!(
                "{place}: its body may be a form, so a server that reads _method there would run another method"
            ));
            configured["forms"] = json!("allow");
        }
        for (member, rules) in [("query", query), ("path_rules", path_rules)] {
            if !rules.is_empty() {
                configured[member] = Value::Object(rules);
            }
        }
        configured
    }

    /// Whether a body may be of a type that the filter refuses unless it is told otherwise.
    fn takes_a_form(&mut self, place: &str, body: &'d Value) -> bool {
        let body = self.resolved(body, &format!("{place}.requestBody"));
        let types = body.and_then(|body| body["content"].as_object()).into_iter().flat_map(Map::keys);
        types
            .map(|name| name.to_ascii_lowercase())
            .any(|name| name.starts_with("multipart/") || name.starts_with("application/x-www-form-urlencoded"))
    }

    /// What a rule can say of a parameter; what it cannot is told.
    fn rule(&mut self, place: &str, parameter: &'d Value) -> Map<String, Value> {
        let schema = self.together(&format!("{place}.schema"), &parameter["schema"]);
        let spreads = schema.get("type").is_some_and(|kind| kind == "object") && parameter["explode"] != false;
        match parameter["style"].as_str() {
            Some("deepObject") => self.errors.push(format!("{place}: an object in brackets has no fixed names")),
            // OpenAPI 3.0 §4.7.12: in a query, `form` and spread out unless it says otherwise.
            None | Some("form") if spreads && parameter["in"] == "query" => {
                self.errors.push(format!(
                    "{place}: an object is spread into parameters of its members: declare each as a parameter"
                ));
            }
            _ => {}
        }
        let mut said = schema::said(&schema);
        said.left_out.extend(parameter.get("content").map(|_| "content".to_owned()));
        if !said.left_out.is_empty() {
            let left_out: Vec<String> = said.left_out.into_iter().collect();
            self.notes
                .push(format!("{place}: no rule says {}, so the server alone looks at that", left_out.join(", ")));
        }
        said.rule
    }

    /// The keywords of a schema and of those that hold beside it, by reference and `allOf`.
    fn together(&mut self, place: &str, schema: &'d Value) -> Map<String, Value> {
        let mut keywords: Map<String, Value> = Map::new();
        let mut twice: BTreeSet<&String> = BTreeSet::new();
        let mut open = vec![schema];
        for _schema in 0..SCHEMAS_MAX {
            let Some(schema) = open.pop() else {
                twice.into_iter().filter(|keyword| !schema::narrows_nothing(keyword)).for_each(|keyword| {
                    self.notes.push(format!("{place}: {keyword} is said twice, and the rule has only one of them"));
                });
                return keywords;
            };
            if schema.get("$ref").is_some() {
                open.extend(self.resolved(schema, place));
            }
            open.extend(schema["allOf"].as_array().into_iter().flatten());
            let own = schema.as_object().into_iter().flatten();
            for (keyword, value) in own.filter(|(keyword, _)| !matches!(keyword.as_str(), "$ref" | "allOf")) {
                if keywords.get(keyword).is_some_and(|known| known != value) {
                    twice.insert(keyword);
                } else {
                    keywords.insert(keyword.clone(), value.clone());
                }
            }
        }
        self.errors.push(format!("{place}: more than {SCHEMAS_MAX} schemas that hold together"));
        keywords
    }

    /// The parameters of path item and operation by name and place; the operation's own come last and win.
    fn parameters(&mut self, place: &str, shared: &'d Value, own: &'d Value) -> Vec<(String, &'d Value)> {
        let mut parameters: BTreeMap<(String, String), &'d Value> = BTreeMap::new();
        let all = shared.as_array().into_iter().flatten().chain(own.as_array().into_iter().flatten());
        for parameter in all {
            let Some(parameter) = self.resolved(parameter, &format!("{place}.parameters")) else { continue };
            let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
            parameters.insert((text("name"), text("in")), parameter);
        }
        parameters.into_iter().map(|((name, _), parameter)| (name, parameter)).collect()
    }

    /// The scopes of the requirement that asks for the fewest.
    fn scopes(&mut self, place: &str, operation: &Value) -> Vec<String> {
        let security = operation.get("security").unwrap_or(&self.document["security"]);
        let alternatives: Vec<Vec<String>> =
            security.as_array().into_iter().flatten().map(scopes_of_requirement).collect();
        let with_scopes: Vec<&Vec<String>> = alternatives.iter().filter(|scopes| !scopes.is_empty()).collect();
        let Some(fewest) = with_scopes.iter().min_by_key(|scopes| scopes.len()) else {
            if self.default_scopes.is_empty() {
                self.errors
                    .push(format!("{place}: declares no scopes, and a token of any scope is too much: use --scope"));
            }
            return self.default_scopes.to_vec();
        };
        if alternatives.len() > 1 {
            let count = alternatives.len();
            self.notes.push(format!("{place}: {count} alternative security requirements, taken: {}", fewest.join(" ")));
        }
        (*fewest).clone()
    }

    /// What a local reference leads to.
    fn resolved(&mut self, value: &'d Value, place: &str) -> Option<&'d Value> {
        let mut value = value;
        for _reference in 0..REFERENCES_MAX {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
            match reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer)) {
                Some(found) => value = found,
                None => {
                    self.errors.push(format!("{place}: {reference} leads nowhere in this document"));
                    return None;
                }
            }
        }
        self.errors.push(format!("{place}: more than {REFERENCES_MAX} references in a row"));
        None
    }
}

/// All schemes of one requirement are needed together.
fn scopes_of_requirement(requirement: &Value) -> Vec<String> {
    let lists = requirement.as_object().into_iter().flatten().filter_map(|(_, scopes)| scopes.as_array());
    let mut scopes: Vec<String> = lists.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// As the filter reads templates: whole segments, each plain or one parameter, perhaps with a verb.
fn check_template(path: &str) -> Result<(), &'static str> {
    let segments = path.strip_prefix('/').ok_or("does not begin with /")?.split('/');
    for segment in segments {
        let rest = match segment.strip_prefix('{') {
            Some(parameter) => {
                let (_, rest) = parameter.split_once('}').ok_or("a parameter does not end")?;
                if !rest.is_empty() && !rest.starts_with(':') {
                    return Err("a parameter is only part of its segment");
                }
                rest
            }
            None => segment,
        };
        if rest.contains(['{', '}']) {
            return Err("a parameter is only part of its segment");
        }
        if rest.contains(['%', ';', ' ']) {
            return Err("a segment has escapes or parameters, which servers read differently");
        }
    }
    Ok(())
}

fn server_path(document: &Value) -> Option<String> {
    let url = document.pointer("/servers/0/url")?.as_str()?;
    let path = url.split_once("://").map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let path = path.trim_matches('/');
    (!path.is_empty()).then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFLOW: &str = include_str!("dev/workflow_gateway/openapi.json");

    fn errors(document: &Value) -> Vec<String> {
        openapi(&document.to_string(), &[]).expect_err("it cannot be expressed")
    }

    fn with_operation(path: &str, operation: Value) -> Value {
        json!({ "openapi": "3.0.3", "paths": { path: { "get": operation } } })
    }

    #[test]
    fn the_workflow_gateway_becomes_two_operations() {
        let imported = openapi(WORKFLOW, &[]).expect("it can be expressed");
        assert_eq!(
            imported.rest,
            json!({ "operations": {
                "read_latest_incident_tickets": {
                    "method": "GET", "path": "/incidents", "scopes": ["ServiceNow:read"],
                    "query": {
                        "limit": { "type": "integer", "min": 1, "max": 50, "required": false },
                        "state": { "enum": ["open", "resolved"], "required": false },
                    },
                },
                "create_workday_expense_claim": {
                    "method": "POST", "path": "/expense-claims", "scopes": ["Workday:expense"],
                },
            } })
        );
        assert_eq!(imported.notes, ["servers: the path /workflow of the first server belongs to match.path_prefix"]);
    }

    #[test]
    fn yaml_is_read_as_json_is() {
        let yaml = "openapi: 3.0.3\npaths:\n  /a/{id}:\n    get:\n      operationId: a\n      security: [{ o: [s] }]\n      \
                    parameters: [{ name: id, in: path, required: true, schema: { type: string, enum: [on, 'off'] } }]\n";
        let security = json!([{ "o": ["s"] }]);
        let schema = json!({ "type": "string", "enum": ["on", "off"] });
        let parameters = json!([{ "name": "id", "in": "path", "required": true, "schema": schema }]);
        let operation = json!({ "operationId": "a", "security": security, "parameters": parameters });
        let same = with_operation("/a/{id}", operation);
        assert_eq!(openapi(yaml, &[]), openapi(&same.to_string(), &[]));
        assert!(openapi(yaml, &[]).is_ok());
        for broken in ["openapi: [", "openapi: 3.0.3\nopenapi: 3.0.3\n", "- a", ""] {
            assert!(openapi(broken, &[]).is_err(), "{broken}");
        }
    }

    #[test]
    fn of_alternatives_the_one_with_fewest_scopes_is_taken_and_told() {
        let security = json!([{ "a": ["x", "y"] }, { "b": ["z"], "key": [] }, { "c": ["w"] }, {}]);
        let document = with_operation("/a", json!({ "operationId": "a", "security": security }));
        let imported = openapi(&document.to_string(), &[]).expect("it can be expressed");
        assert_eq!(imported.rest["operations"]["a"]["scopes"], json!(["z"]));
        assert_eq!(imported.notes, ["paths./a.get: 4 alternative security requirements, taken: z"]);
    }

    #[test]
    fn parameters_of_the_path_item_are_inherited_and_references_followed() {
        let document = json!({
            "openapi": "3.0.3", "security": [{ "o": ["s"] }],
            "paths": { "/a/{kind}": {
                "parameters": [{ "$ref": "#/components/parameters/kind" }, { "name": "q", "in": "query", "required": true }],
                "get": { "operationId": "a", "parameters": [{ "name": "q", "in": "query", "schema": { "maxLength": 5 } }] },
            } },
            "components": { "parameters": { "kind": { "name": "kind", "in": "path", "required": true, "schema": { "enum": ["x"] } } } },
        });
        let imported = openapi(&document.to_string(), &[]).expect("it can be expressed");
        let operation = &imported.rest["operations"]["a"];
        assert_eq!(operation["path_rules"], json!({ "kind": { "enum": ["x"] } }));
        assert_eq!(operation["query"], json!({ "q": { "max_length": 5, "required": false } }));
    }

    #[test]
    fn a_form_is_allowed_where_it_is_declared() {
        let imported = |method: &str, media: &str| {
            let body = json!({ "content": { "application/json": {}, media: {} } });
            let operation = json!({ "operationId": "a", "security": [{ "o": ["s"] }], "requestBody": body });
            let document = json!({ "openapi": "3.0.3", "paths": { "/a": { method: operation } } });
            let imported = openapi(&document.to_string(), &[]).expect("it can be expressed");
            (imported.rest["operations"]["a"]["forms"].clone(), imported.notes.len())
        };
        assert_eq!(imported("post", "multipart/form-data"), (json!("allow"), 1));
        assert_eq!(imported("post", "application/x-www-form-urlencoded; charset=utf-8"), (json!("allow"), 1));
        assert_eq!(imported("post", "text/plain"), (Value::Null, 0));
        assert_eq!(imported("put", "multipart/form-data"), (Value::Null, 0));
    }

    #[test]
    fn what_no_rule_says_is_told() {
        let schemas = json!({
            "kind": { "type": "string", "enum": ["x"], "pattern": "^x$" },
            "short": { "maxLength": 5, "description": "short" },
        });
        let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let parameters = json!([
            { "name": "both", "in": "query", "schema": { "allOf": [reference("kind"), reference("short")], "maxLength": 4 } },
            { "name": "beside", "in": "query", "schema": { "$ref": "#/components/schemas/short", "minLength": 2, "description": "not so short" } },
            { "name": "json", "in": "query", "content": { "application/json": {} } },
            { "name": "X-Kind", "in": "header", "schema": reference("kind") },
        ]);
        let operation = json!({ "operationId": "a", "security": [{ "o": ["s"] }], "parameters": parameters });
        let mut document = with_operation("/a", operation);
        document["components"] = json!({ "schemas": schemas });
        let imported = openapi(&document.to_string(), &[]).expect("it can be expressed");
        let short = json!({ "min_length": 2, "max_length": 5, "required": false });
        let both = json!({ "enum": ["x"], "max_length": 4, "required": false });
        assert_eq!(imported.rest["operations"]["a"]["query"], json!({ "beside": short, "both": both, "json": {} }));
        assert_eq!(
            imported.notes,
            [
                "paths./a.get.parameters.both.schema: maxLength is said twice, and the rule has only one of them",
                "paths./a.get.parameters.both: no rule says pattern, so the server alone looks at that",
                "paths./a.get.parameters.json: no rule says content, so the server alone looks at that",
            ]
        );
    }

    #[test]
    fn what_cannot_be_expressed_is_named() {
        let good = json!({ "operationId": "a", "security": [{ "o": ["s"] }] });
        let with = |member: &str, value: Value| {
            let mut operation = good.clone();
            operation[member] = value;
            operation
        };
        for (document, want) in [
            (json!({ "swagger": "2.0" }), "openapi: not a version 3 document"),
            (json!({ "openapi": "3.1.0", "paths": {} }), "paths: no operation"),
            (with_operation("/a.{format}", good.clone()), "paths./a.{format}: a parameter is only part of its segment"),
            (with_operation("/a", json!({ "security": [{ "o": ["s"] }] })), "paths./a.get: no operationId"),
            (with_operation("/a", json!({ "operationId": "a" })), "paths./a.get: declares no scopes"),
            (with_operation("/a", json!({ "operationId": "a", "security": [{}] })), "paths./a.get: declares no scopes"),
            (
                with_operation(
                    "/a",
                    with("parameters", json!([{ "name": "f", "in": "query", "style": "deepObject" }])),
                ),
                "paths./a.get.parameters.f: an object in brackets",
            ),
            (
                with_operation(
                    "/a",
                    with("parameters", json!([{ "name": "f", "in": "query", "schema": { "type": "object" } }])),
                ),
                "paths./a.get.parameters.f: an object is spread",
            ),
            (
                with_operation(
                    "/a",
                    with(
                        "parameters",
                        json!([{ "name": "f", "in": "query", "schema": { "allOf": [{ "$ref": "#/paths/~1a/get/parameters/0/schema" }] } }]),
                    ),
                ),
                "paths./a.get.parameters.f.schema: more than 32 schemas",
            ),
            (
                with_operation("/a", with("parameters", json!([{ "$ref": "other.json#/x" }]))),
                "paths./a.get.parameters: other.json#/x leads nowhere",
            ),
            (
                json!({ "openapi": "3.0.0", "paths": { "/a": { "trace": good } } }),
                "paths./a.trace: TRACE cannot be allowed",
            ),
        ] {
            let errors = errors(&document);
            assert!(errors.iter().any(|error| error.starts_with(want)), "{want}: {errors:?}");
        }
    }

    #[test]
    fn scopes_for_operations_that_declare_none_come_from_the_command_line() {
        let document = with_operation("/a", json!({ "operationId": "a" }));
        let imported = openapi(&document.to_string(), &["s".to_owned()]).expect("it can be expressed");
        assert_eq!(imported.rest["operations"]["a"]["scopes"], json!(["s"]));
    }
}
