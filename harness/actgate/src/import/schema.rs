//! From a schema to what a rule says of one value that comes as text, in a path or a query.
//!
//! Guaranteed: each keyword that narrows what the value may be is in the rule, or is told as left out.
//! Absent on purpose: lists and objects, which no rule is about.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Keywords that narrow nothing for a value that comes as text: it cannot be null either.
const ANNOTATIONS: [&str; 12] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
    "externalDocs",
    "$comment",
    "nullable",
];

/// Most values that a rule lists.
const VALUES_MAX: usize = 256;

/// What became of the keywords of a schema.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What stands under the parameter's name.
    pub(super) rule: Map<String, Value>,
    /// The keywords that no rule says, or not in full.
    pub(super) left_out: BTreeSet<String>,
}

/// Whether a keyword is about people, tools or other ways in which a value could come.
pub(super) fn narrows_nothing(keyword: &str) -> bool {
    ANNOTATIONS.contains(&keyword) || keyword.starts_with("x-")
}

/// What a rule says of the keywords in `schema`, which stand together.
pub(super) fn said(schema: &Map<String, Value>) -> Said {
    let kind = schema.get("type").map(type_of);
    let numeric = match kind {
        Some(kind) => matches!(kind, Some("integer" | "number")),
        None => {
            ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].iter().any(|word| schema.contains_key(*word))
        }
    };
    let mut said = Said::default();
    for (keyword, value) in schema {
        match keyword.as_str() {
            "type" => said.say_type(kind.flatten()),
            "const" | "enum" => said.say_values(schema, keyword, value),
            "minimum" | "exclusiveMinimum" if numeric => said.say_bound(&LOWEST, schema),
            "maximum" | "exclusiveMaximum" if numeric => said.say_bound(&HIGHEST, schema),
            // JSON Schema validation §6: about numbers alone, and about texts alone.
            "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {}
            "minLength" | "maxLength" if numeric => {}
            "minLength" if value.as_u64() == Some(0) => {}
            "minLength" if value.is_u64() => said.say("min_length", value.clone()),
            "maxLength" if value.is_u64() => said.say("max_length", value.clone()),
            annotation if narrows_nothing(annotation) => {}
            _ => said.leave_out(keyword),
        }
    }
    said
}

/// The one type that a value has which is not null.
fn type_of(value: &Value) -> Option<&str> {
    match value {
        Value::Array(types) => match types.iter().filter(|name| **name != "null").collect::<Vec<_>>().as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        value => value.as_str(),
    }
}

/// One end of a range, in the words of both sides.
struct End {
    inclusive: &'static str,
    exclusive: &'static str,
    ours: &'static str,
    /// From the bound that is excluded to the next whole number.
    step: i64,
}

const LOWEST: End = End { inclusive: "minimum", exclusive: "exclusiveMinimum", ours: "min", step: 1 };
const HIGHEST: End = End { inclusive: "maximum", exclusive: "exclusiveMaximum", ours: "max", step: -1 };

impl Said {
    fn say(&mut self, member: &str, value: Value) {
        self.rule.insert(member.to_owned(), value);
    }

    fn leave_out(&mut self, keyword: &str) {
        self.left_out.insert(keyword.to_owned());
    }

    fn say_type(&mut self, kind: Option<&str>) {
        match kind {
            Some(kind @ ("integer" | "number" | "boolean")) => self.say("type", json!(kind)),
            // Whatever comes is a text.
            Some("string") => {}
            _ => self.leave_out("type"),
        }
    }

    fn say_values(&mut self, schema: &Map<String, Value>, keyword: &str, value: &Value) {
        let values = value.as_array().filter(|_| keyword == "enum").map_or(std::slice::from_ref(value), Vec::as_slice);
        // A rule has one of the two, and the one value is the narrower.
        if keyword == "enum" && schema.get("const").is_some_and(|only| values.contains(only)) {
            return;
        }
        let scalars = values.iter().all(|value| !value.is_array() && !value.is_object());
        if scalars && (1..=VALUES_MAX).contains(&values.len()) && !(keyword == "enum" && schema.contains_key("const")) {
            self.say(keyword, value.clone());
        } else {
            self.leave_out(keyword);
        }
    }

    /// A rule's bounds are inclusive: one that is excluded is the next whole number for integers, and left out in part otherwise.
    fn say_bound(&mut self, end: &End, schema: &Map<String, Value>) {
        let number = |keyword: &str| schema.get(keyword).filter(|value| value.is_number()).cloned();
        let integer = schema.get("type").and_then(type_of) == Some("integer");
        // OpenAPI 3.0 has it as a boolean beside the inclusive one, 3.1 as a number of its own.
        let excluded = match schema.get(end.exclusive) {
            Some(Value::Bool(true)) => number(end.inclusive),
            _ => number(end.exclusive),
        };
        let next = excluded.as_ref().and_then(|value| value.as_i64().filter(|_| integer)?.checked_add(end.step));
        let exact = excluded.is_none() || next.is_some();
        let (included, excluded) = (number(end.inclusive), next.map(Value::from).or(excluded));
        let inner = |one: &Value, other: &Value| {
            let distance = one.as_f64().unwrap_or_default() - other.as_f64().unwrap_or_default();
            if end.step > 0 { distance > 0.0 } else { distance < 0.0 }
        };
        match (included, excluded) {
            (Some(included), Some(excluded)) if inner(&included, &excluded) => self.say(end.ours, included),
            (_, Some(excluded)) => {
                self.say(end.ours, excluded);
                if !exact {
                    self.leave_out(end.exclusive);
                }
            }
            (Some(included), None) => self.say(end.ours, included),
            (None, None) if schema.get(end.exclusive) == Some(&Value::Bool(false)) => {}
            (None, None) => self.leave_out(end.inclusive),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyword_is_in_the_rule_or_told() {
        for (schema, rule, left_out) in [
            (json!({ "type": "string" }), json!({}), ""),
            (json!({ "type": "integer" }), json!({ "type": "integer" }), ""),
            (json!({ "type": ["null", "boolean"] }), json!({ "type": "boolean" }), ""),
            (json!({ "type": ["string", "number"] }), json!({}), "type"),
            (json!({ "type": "array", "items": {}, "minItems": 1 }), json!({}), "items minItems type"),
            (
                json!({ "type": "integer", "minimum": 1, "maximum": 5 }),
                json!({ "type": "integer", "min": 1, "max": 5 }),
                "",
            ),
            (json!({ "type": "integer", "exclusiveMinimum": 0 }), json!({ "type": "integer", "min": 1 }), ""),
            (json!({ "type": "integer", "exclusiveMaximum": 10 }), json!({ "type": "integer", "max": 9 }), ""),
            (
                json!({ "type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 10, "exclusiveMaximum": false }),
                json!({ "type": "integer", "min": 1, "max": 10 }),
                "",
            ),
            (
                json!({ "type": "integer", "minimum": 3, "exclusiveMinimum": 0, "maximum": 9, "exclusiveMaximum": 5 }),
                json!({ "type": "integer", "min": 3, "max": 4 }),
                "",
            ),
            (
                json!({ "type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 5 }),
                json!({ "type": "number", "min": 0.5, "max": 5 }),
                "exclusiveMaximum exclusiveMinimum",
            ),
            (
                json!({ "type": "integer", "exclusiveMinimum": i64::MAX }),
                json!({ "type": "integer", "min": i64::MAX }),
                "exclusiveMinimum",
            ),
            (json!({ "type": "number", "minimum": "1" }), json!({ "type": "number" }), "minimum"),
            (json!({ "maximum": 5, "maxLength": 5 }), json!({ "max": 5 }), ""),
            (
                json!({ "type": "string", "maximum": 5, "minLength": 2, "maxLength": 5 }),
                json!({ "min_length": 2, "max_length": 5 }),
                "",
            ),
            (json!({ "minLength": 0, "maxLength": -1 }), json!({}), "maxLength"),
            (json!({ "const": "a", "enum": ["a", "b"] }), json!({ "const": "a" }), ""),
            (json!({ "const": "c", "enum": ["a", "b"] }), json!({ "const": "c" }), "enum"),
            (json!({ "enum": ["a", null, 1] }), json!({ "enum": ["a", null, 1] }), ""),
            (json!({ "enum": ["a", {}] }), json!({}), "enum"),
            (json!({ "enum": [] }), json!({}), "enum"),
            (json!({ "enum": vec![1; 256] }), json!({ "enum": vec![1; 256] }), ""),
            (json!({ "enum": vec![1; 257] }), json!({}), "enum"),
            (
                json!({ "type": "string", "pattern": "^a", "format": "uuid", "oneOf": [{}], "x-of": 1, "default": "a", "nullable": true }),
                json!({}),
                "format oneOf pattern",
            ),
        ] {
            let said = said(schema.as_object().expect("an object"));
            assert_eq!(Value::Object(said.rule), rule, "{schema}");
            assert_eq!(said.left_out.into_iter().collect::<Vec<_>>().join(" "), left_out, "{schema}");
        }
    }
}
