//! From strict JSON to the raw structs, with errors that name the member and never its value.
//!
//! serde's own messages quote their input, which may be a key put in the wrong place; a [`ShapeError`] knows kinds only.
//! `null` is a value of no type wanted here: to leave a member out, leave it out.

use core::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::config::error::{ConfigError, Path, alternatives};

/// Reads the raw form of the value at `path`.
pub(super) fn read<'de, T: serde::Deserialize<'de>>(value: &'de Value, path: &Path<'_>) -> Result<T, ConfigError> {
    T::deserialize(Node(value)).map_err(|error| error.beneath(path))
}

/// What is wrong with the shape of a document, and where.
#[derive(Debug)]
struct ShapeError {
    /// From the member outwards.
    steps: Vec<Step>,
    fault: Fault,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
}

#[derive(Debug)]
enum Fault {
    Kind { found: &'static str, want: &'static str },
    Missing,
    Unknown { known: &'static [&'static str] },
    Unusable,
}

impl ShapeError {
    const fn new(fault: Fault) -> Self {
        Self { steps: Vec::new(), fault }
    }

    fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Walks the steps inwards; there are at most as many as the document is deep.
    fn beneath(mut self, path: &Path<'_>) -> ConfigError {
        match self.steps.pop() {
            Some(Step::Member(name)) => self.beneath(&path.key(&name)),
            Some(Step::Element(at)) => self.beneath(&path.index(at)),
            None => self.fault.at(path),
        }
    }
}

impl Fault {
    fn at(self, path: &Path<'_>) -> ConfigError {
        match self {
            Self::Kind { found, want } => path.wrong(format!("found {found}"), want, "this member has one type only"),
            Self::Missing => path.missing("a value", "this member must be present"),
            Self::Unknown { known } => {
                path.wrong("unknown", alternatives(known.iter().copied()), "correct the name, or remove the member")
            }
            Self::Unusable => path.wrong("found something unusable", "another value", "see the reference"),
        }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong shape")
    }
}

impl core::error::Error for ShapeError {}

impl Error for ShapeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(Fault::Unusable)
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::new(Fault::Unusable)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Fault::Unknown { known: expected }).within(Step::Member(field.to_owned()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::Missing).within(Step::Member(field.to_owned()))
    }
}

struct Node<'de>(&'de Value);

impl Node<'_> {
    fn wanted(&self, want: &'static str) -> ShapeError {
        let found = match self.0 {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        ShapeError::new(Fault::Kind { found, want })
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, Some(value)) => visitor.visit_f64(value),
                (None, None, None) => Err(self.wanted("a number")),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(elements) => visitor.visit_seq(Elements(elements.iter().enumerate())),
            Value::Object(members) => visitor.visit_map(Members { rest: members.iter(), next: None }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.0.is_boolean() { self.deserialize_any(visitor) } else { Err(self.wanted("true or false")) }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.0.is_u64() { self.deserialize_any(visitor) } else { Err(self.wanted("a whole number")) }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.0.is_string() { self.deserialize_any(visitor) } else { Err(self.wanted("a string")) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.0.is_array() { self.deserialize_any(visitor) } else { Err(self.wanted("an array")) }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        if self.0.is_object() { self.deserialize_any(visitor) } else { Err(self.wanted("an object")) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str bytes byte_buf
        unit unit_struct newtype_struct tuple tuple_struct enum identifier ignored_any
    }
}

struct Elements<'de>(core::iter::Enumerate<core::slice::Iter<'de, Value>>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ShapeError> {
        let Some((at, value)) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(Node(value)).map(Some).map_err(|error| error.within(Step::Element(at)))
    }
}

struct Members<'de> {
    rest: serde_json::map::Iter<'de>,
    next: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ShapeError> {
        self.next = self.rest.next().map(|(name, value)| (name.as_str(), value));
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, ShapeError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ShapeError> {
        let Some((name, value)) = self.next.take() else {
            return Err(ShapeError::new(Fault::Unusable));
        };
        seed.deserialize(Node(value)).map_err(|error| error.within(Step::Member(name.to_owned())))
    }
}
