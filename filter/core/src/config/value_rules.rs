//! Rules on the values of a request: arguments of a tool, parameters and bodies of a REST operation.
//!
//! A rule that says what a value must be also says that it must be there, unless `required` is false.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::config::error::{ConfigError, Path, quoted};
use crate::config::{raw, text};
use crate::limits::{CONFIG_TEXT_BYTES_MAX, POINTER_BYTES_MAX, RULE_VALUES_MAX, RULES_MAX};
use crate::value_rules::{MemberPointer, Rule, ValueType};

/// The types, in the words of JSON Schema.
const TYPES: [(&str, ValueType); 4] = [
    ("string", ValueType::String),
    ("number", ValueType::Number),
    ("integer", ValueType::Integer),
    ("boolean", ValueType::Boolean),
];

/// Checks rules on members of a JSON document, by JSON pointer.
pub(super) fn members(
    path: &Path<'_>,
    raw: Option<&BTreeMap<String, raw::Rule>>,
) -> Result<Vec<(MemberPointer, Rule)>, ConfigError> {
    text::at_most(path, raw.map_or(0, BTreeMap::len), RULES_MAX, "rules")?;
    let mut rules = Vec::new();
    for (pointer, raw) in raw.into_iter().flatten() {
        let path = path.key(pointer);
        let place = MemberPointer::parse(pointer).filter(|_| pointer.len() <= POINTER_BYTES_MAX);
        let place = place.ok_or_else(|| {
            path.found(pointer, "a JSON pointer such as \"/amount\"", "RFC 6901; it names a member of nested objects")
        })?;
        let rule = rule(&path, raw)?;
        if !rule.constrains() && !rule.required {
            return Err(path.wrong(
                "found no rule",
                "at least one, such as \"const\" or \"required\"",
                "a rule that says nothing is a slip",
            ));
        }
        let mistaken = rules.iter().find(|(other, known): &&(MemberPointer, Rule)| {
            other.may_be(&place) && !(other.is_spelling_of(&place) && *known == rule)
        });
        if let Some((other, _)) = mistaken {
            return Err(mistakable(&path, pointer, &other.to_string()));
        }
        rules.push((place, rule));
    }
    Ok(rules)
}

/// Two rules, of which some server would see only one observed.
pub(super) fn mistakable(path: &Path<'_>, name: &str, other: &str) -> ConfigError {
    path.found(
        name,
        format!("a name that no server takes for {}, or the same rule for both", quoted(other)),
        "they differ in case, `_` and `-` only: a server that takes one for the other would not see the value that its rule judged",
    )
}

/// Checks one rule; an empty one lets everything be.
pub(super) fn rule(path: &Path<'_>, raw: &raw::Rule) -> Result<Rule, ConfigError> {
    let rule = Rule {
        required: false,
        absent: raw.absent.unwrap_or(false),
        value_type: value_type(&path.field("type"), raw)?,
        one_of: one_of(path, raw)?,
        min: number(&path.field("min"), raw.min.as_ref())?,
        max: number(&path.field("max"), raw.max.as_ref())?,
        length_min: length(&path.field("min_length"), raw.min_length)?,
        length_max: length(&path.field("max_length"), raw.max_length)?,
        prefix: text_part(&path.field("prefix"), raw.prefix.as_deref())?,
        equals_claim: claim(&path.field("equals_claim"), raw.equals_claim.as_deref())?,
    };
    if raw.absent == Some(true) {
        let alone = Rule { absent: true, ..Rule::default() };
        if rule != alone || raw.required == Some(true) {
            return Err(path.wrong(
                "found \"absent\" beside other rules",
                "one or the other",
                "what is not there has no value",
            ));
        }
        return Ok(rule);
    }
    if raw.absent == Some(false) {
        return Err(path.field("absent").wrong(
            "found false",
            "true, or nothing",
            "\"required\" says that it must be there",
        ));
    }
    let required = raw.required.unwrap_or_else(|| rule.constrains());
    Ok(Rule { required, ..rule })
}

/// A type beside what only values of another type can be would let nothing pass.
fn value_type(path: &Path<'_>, raw: &raw::Rule) -> Result<Option<ValueType>, ConfigError> {
    let Some(word) = raw.r#type.as_deref() else { return Ok(None) };
    let found =
        text::word(path, Some(word), None, &TYPES, "as JSON Schema names them; a list or an object has no rule")?;
    let of_numbers = raw.min.is_some() || raw.max.is_some();
    let of_texts =
        raw.min_length.is_some() || raw.max_length.is_some() || raw.prefix.is_some() || raw.equals_claim.is_some();
    let fits = match found {
        ValueType::String => !of_numbers,
        ValueType::Number | ValueType::Integer => !of_texts,
        ValueType::Boolean => !of_numbers && !of_texts,
    };
    if fits {
        return Ok(Some(found));
    }
    Err(path.found(word, "the type that the other members are about", "no value is both"))
}

fn one_of(path: &Path<'_>, raw: &raw::Rule) -> Result<Option<Vec<Value>>, ConfigError> {
    let (place, values) = match (&raw.r#const, &raw.r#enum) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(path.wrong(
                "found both \"const\" and \"enum\"",
                "one of them",
                "\"const\" is an \"enum\" of one",
            ));
        }
        (Some(value), None) => (path.field("const"), vec![value.clone()]),
        (None, Some(values)) => (path.field("enum"), values.clone()),
    };
    if values.is_empty() {
        return Err(place.wrong("empty", "at least one value", "nothing would be allowed"));
    }
    text::at_most(&place, values.len(), RULE_VALUES_MAX, "values")?;
    if values.iter().any(|value| value.is_object() || value.is_array()) {
        return Err(place.wrong(
            "found an object or an array",
            "texts, numbers, booleans or null",
            "only these are compared",
        ));
    }
    Ok(Some(values))
}

fn number(path: &Path<'_>, value: Option<&Value>) -> Result<Option<Number>, ConfigError> {
    match value {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.clone())),
        Some(_) => Err(path.wrong("found something else", "a number", "it is compared with numbers")),
    }
}

fn length(path: &Path<'_>, value: Option<u64>) -> Result<Option<usize>, ConfigError> {
    value
        .map(usize::try_from)
        .transpose()
        .map_err(|_| path.wrong("found a number that large", "a number of characters", "no text is this long"))
}

/// Unlike a text that is compared whole, the beginning of one may end with a space.
fn text_part(path: &Path<'_>, value: Option<&str>) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    if text::ends_within_host(value) {
        return Err(path.found(
            value,
            "a beginning with the whole host and a `/`",
            "`https://a.example` is the beginning of https://a.example.evil.test too",
        ));
    }
    let plain = !value.is_empty() && value.len() <= CONFIG_TEXT_BYTES_MAX && !value.chars().any(char::is_control);
    if plain {
        return Ok(Some(value.to_owned()));
    }
    Err(path.found(
        value,
        format!("1 to {CONFIG_TEXT_BYTES_MAX} bytes without control characters"),
        "every text begins with the empty one",
    ))
}

fn claim(path: &Path<'_>, value: Option<&str>) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let pointer = MemberPointer::parse(value).filter(|_| value.len() <= POINTER_BYTES_MAX);
    pointer.map(|_| Some(value.to_owned())).ok_or_else(|| {
        path.found(value, "a JSON pointer such as \"/sub\"", "RFC 6901; it names a claim of the caller's token")
    })
}
