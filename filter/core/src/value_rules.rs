//! Rules on the values a request carries: members of a JSON document, parameters of a query or a path.
//!
//! A rule names a place and says what may stand there; every part of it must hold.
//! Doubt refuses: a value of another type, a member spelt in another case beside or instead of the named one, a pointer that leads into an array.
//! Only what rules name is looked at.

use serde_json::{Map, Number, Value};

use crate::json::Wanted;
use crate::jwt::Claims;
use crate::percent::decoded;
use crate::spelling::alike;

/// What a value is, in the words of JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `string`
    String,
    /// `number`
    Number,
    /// `integer`: without fraction and exponent, which not every reader takes for a whole number.
    Integer,
    /// `boolean`
    Boolean,
}

impl ValueType {
    fn is_of(self, found: &Value) -> bool {
        match self {
            Self::String => found.is_string(),
            Self::Number => found.is_number(),
            Self::Integer => found.as_number().is_some_and(|number| number.as_i128().is_some()),
            Self::Boolean => found.is_boolean(),
        }
    }
}

/// What one value must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Whether it must be there.
    pub required: bool,
    /// It must not be there, null included.
    pub absent: bool,
    /// It is of this type.
    pub value_type: Option<ValueType>,
    /// It is one of these: texts, numbers, booleans or null.
    pub one_of: Option<Vec<Value>>,
    /// It is a number not below this.
    pub min: Option<Number>,
    /// It is a number not above this.
    pub max: Option<Number>,
    /// It is a text of at least so many characters.
    pub length_min: Option<usize>,
    /// It is a text of at most so many characters.
    pub length_max: Option<usize>,
    /// It is a text that begins so, and takes no step back with `..`.
    pub prefix: Option<String>,
    /// It is the text of that claim of the caller's token (RFC 6901 pointer).
    pub equals_claim: Option<String>,
}

impl Rule {
    /// Whether the rule says anything about a value that is there.
    #[must_use]
    pub fn constrains(&self) -> bool {
        self.absent
            || self.value_type.is_some()
            || self.one_of.is_some()
            || self.min.is_some()
            || self.max.is_some()
            || self.length_min.is_some()
            || self.length_max.is_some()
            || self.prefix.is_some()
            || self.equals_claim.is_some()
    }

    /// Whether `found` may stand there.
    pub(crate) fn holds(&self, found: Option<&Value>, claims: &Claims) -> bool {
        let Some(found) = found else {
            return !self.required;
        };
        let length = || found.as_str().map(|text| text.chars().count());
        !self.absent
            && self.value_type.is_none_or(|wanted| wanted.is_of(found))
            && self.one_of.as_ref().is_none_or(|values| values.iter().any(|value| equal(value, found)))
            && self.min.as_ref().is_none_or(|min| at_most(Some(min), found.as_number()))
            && self.max.as_ref().is_none_or(|max| at_most(found.as_number(), Some(max)))
            && self.length_min.is_none_or(|min| length().is_some_and(|length| length >= min))
            && self.length_max.is_none_or(|max| length().is_some_and(|length| length <= max))
            && self.prefix.as_ref().is_none_or(|prefix| found.as_str().is_some_and(|text| begins(text, prefix)))
            && self.equals_claim.as_ref().is_none_or(|pointer| {
                let claim = claims.pointer(pointer).and_then(Value::as_str);
                claim.is_some() && found.as_str() == claim
            })
    }

    /// As [`Self::holds`] for a value that came as text, as in a path or a query: a number is one written as JSON writes it.
    pub(crate) fn holds_for_text(&self, found: Option<&str>, claims: &Claims) -> bool {
        let number = matches!(self.value_type, Some(ValueType::Number | ValueType::Integer));
        let boolean = self.value_type == Some(ValueType::Boolean);
        let typed = number || boolean || self.min.is_some() || self.max.is_some();
        let one_of_others = self.one_of.as_ref().is_some_and(|values| !values.iter().all(Value::is_string));
        let as_text = || self.holds(found.map(Value::from).as_ref(), claims);
        if !typed && !one_of_others {
            return as_text();
        }
        let read = |text: &str| match text.parse::<Number>() {
            Ok(number) if number.to_string() == text => Value::Number(number),
            Ok(_) | Err(_) => match text {
                "true" if boolean || one_of_others => Value::Bool(true),
                "false" if boolean || one_of_others => Value::Bool(false),
                text => Value::from(text),
            },
        };
        // A list of texts and of others may mean either.
        self.holds(found.map(read).as_ref(), claims) || (!typed && as_text())
    }
}

/// Of one type and of one value; `1` is not `1.0`, which not every reader takes for a whole number.
fn equal(wanted: &Value, found: &Value) -> bool {
    let scalar = !found.is_object() && !found.is_array();
    scalar && wanted == found
}

fn at_most(lower: Option<&Number>, upper: Option<&Number>) -> bool {
    let (Some(lower), Some(upper)) = (lower, upper) else {
        return false;
    };
    match (lower.as_i128(), upper.as_i128()) {
        (Some(lower), Some(upper)) => lower <= upper,
        _ => lower.as_f64().zip(upper.as_f64()).is_some_and(|(lower, upper)| lower <= upper),
    }
}

fn begins(text: &str, prefix: &str) -> bool {
    let steps_back = text.split(['/', '\\']).any(|segment| segment == "..");
    // A prefix that ends with a slash is the beginning of a path.
    let path = prefix.ends_with('/');
    text.strip_prefix(prefix).is_some_and(|rest| !steps_back && (!path || stays_inside(rest)))
}

/// Whether a path stays beneath where it begins, however often it is unescaped.
pub(crate) fn stays_inside(rest: &str) -> bool {
    if rest.contains('\\') || rest.chars().any(char::is_control) {
        return false;
    }
    let lower = rest.to_ascii_lowercase();
    // What is escaped twice is read once by some and twice by others.
    if ["%2f", "%5c", "%25"].iter().any(|escaped| lower.contains(escaped)) {
        return false;
    }
    // Some readers drop spaces at the end of a segment, and make dots of what is no UTF-8 or no escape.
    let leads_away = |segment: String| segment.starts_with('.') && segment.trim_end_matches([' ', '.']).is_empty();
    rest.split(['/', '?', '#', ';']).all(|segment| decoded(segment).is_some_and(|segment| !leads_away(segment)))
}

/// A pointer (RFC 6901) to a member of nested objects, by the names that lead there; never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberPointer(Vec<String>);

impl MemberPointer {
    /// Reads a pointer; `None` where it is none, or the one to the whole document.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let names = text.strip_prefix('/')?.split('/').map(|name| {
            let tildes_escape = name.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
            tildes_escape.then(|| name.replace("~1", "/").replace("~0", "~"))
        });
        names.collect::<Option<Vec<String>>>().map(Self)
    }

    /// Whether some reader takes the two for one member, or a member on the way to one for one on the way to the other, and they are not the same.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let mut names = self.0.iter().zip(&other.0);
        names.find(|(one, other)| one != other).is_some_and(|(one, other)| alike(one, other))
    }

    /// Whether the two differ in spelling alone.
    #[must_use]
    pub fn is_spelling_of(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(one, other)| alike(one, other))
    }

    /// The names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl core::fmt::Display for MemberPointer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|name| write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

/// Rules on the members of a JSON document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberRules {
    rules: Vec<(MemberPointer, Rule)>,
    wanted: Wanted,
}

impl MemberRules {
    /// The rules, each with its place.
    pub(crate) fn new(rules: Vec<(MemberPointer, Rule)>) -> Self {
        Self::beside(rules, Wanted::default())
    }

    /// The same, where the document itself must not have the member `misleading`, in any case: it changes what the request is.
    pub(crate) fn without(misleading: &'static str, rules: Vec<(MemberPointer, Rule)>) -> Self {
        Self::beside(rules, Wanted::misled_by(misleading))
    }

    /// The same, where the members that the pointers lead to must not be mistaken for others either.
    pub(crate) fn unmistaken<'p>(mut self, pointers: impl Iterator<Item = &'p MemberPointer>) -> Self {
        pointers.for_each(|pointer| self.wanted.add(pointer.names()));
        self
    }

    fn beside(rules: Vec<(MemberPointer, Rule)>, mut wanted: Wanted) -> Self {
        for (pointer, _) in &rules {
            wanted.add(pointer.names());
        }
        Self { rules, wanted }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What must be kept of the document for `Self::hold`.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whether every rule holds of the document, or of what [`crate::json::parse_wanted`] kept of it.
    pub(crate) fn hold(&self, document: &Map<String, Value>, claims: &Claims) -> bool {
        !has_look_alikes(document, &self.wanted)
            && self.rules.iter().all(|(pointer, rule)| match find(document, pointer) {
                Ok(found) => rule.holds(found, claims),
                Err(Astray) => false,
            })
    }
}

/// A pointer that leads through something that is no object: what stands at its end is not known.
struct Astray;

fn find<'d>(document: &'d Map<String, Value>, pointer: &MemberPointer) -> Result<Option<&'d Value>, Astray> {
    let mut inside = document;
    let mut names = pointer.names().peekable();
    while let Some(name) = names.next() {
        let Some(found) = inside.get(name) else {
            return Ok(None);
        };
        match (names.peek(), found) {
            (None, found) => return Ok(Some(found)),
            (Some(_), Value::Object(object)) => inside = object,
            // Nothing is there, said aloud.
            (Some(_), Value::Null) => return Ok(None),
            (Some(_), _) => return Err(Astray),
        }
    }
    Err(Astray)
}

/// `Name` beside or instead of `name`: a reader that takes one for the other would see what no rule judged.
fn has_look_alikes(object: &Map<String, Value>, wanted: &Wanted) -> bool {
    object.keys().any(|key| wanted.find(key.chars()).misleads())
        || wanted.members().iter().any(|member| match (object.get(&member.name), &member.inside) {
            (Some(Value::Object(object)), Some(inside)) => has_look_alikes(object, inside),
            _ => false,
        })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::parse_wanted;

    fn claims() -> Claims {
        Claims::parse(br#"{"sub":"u1","n":5}"#).unwrap()
    }

    fn holds(rule: &Rule, found: &Value) -> bool {
        rule.holds(Some(found), &claims())
    }

    #[test]
    fn a_value_is_compared_with_its_type() {
        let one_of = |values: &[Value]| Rule { one_of: Some(values.to_vec()), ..Rule::default() };
        let rule = one_of(&[json!("a"), json!(5), json!(true), json!(null)]);
        for good in [json!("a"), json!(5), json!(true), json!(null)] {
            assert!(holds(&rule, &good), "{good}");
        }
        for bad in [json!("A"), json!("5"), json!(5.0), json!(false), json!("true"), json!({}), json!([]), json!("")] {
            assert!(!holds(&rule, &bad), "{bad}");
        }
        assert!(!holds(&one_of(&[json!({})]), &json!({})));
    }

    #[test]
    fn numbers_are_bounded_exactly() {
        let number = |text: &str| text.parse::<Number>().ok();
        let rule = |min: &str, max: &str| Rule { min: number(min), max: number(max), ..Rule::default() };
        for (rule, good, bad) in [
            (
                rule("1", "500"),
                vec!["1", "500", "1.5", "499.99"],
                vec!["0", "501", "0.99", "500.01", "\"5\"", "true", "[5]"],
            ),
            (rule("-0.5", ""), vec!["-0.5", "0", "1e300"], vec!["-0.51", "-1"]),
            (rule("", "9007199254740993"), vec!["9007199254740993"], vec!["9007199254740994", "18446744073709551615"]),
        ] {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            good.iter().for_each(|text| assert!(holds(&rule, &read(text)), "{text}"));
            bad.iter().for_each(|text| assert!(!holds(&rule, &read(text)), "{text}"));
        }
    }

    #[test]
    fn a_type_is_that_of_the_value_as_it_is_written() {
        for (value_type, good, bad) in [
            (ValueType::String, vec!["\"\"", "\"1\""], vec!["1", "true", "null", "[]", "{}"]),
            (ValueType::Number, vec!["1", "-1.5", "1e3"], vec!["\"1\"", "true", "null", "[1]"]),
            (ValueType::Integer, vec!["0", "-3", "18446744073709551615"], vec!["1.0", "1e3", "1.5", "\"1\"", "true"]),
            (ValueType::Boolean, vec!["true", "false"], vec!["\"true\"", "0", "1", "null"]),
        ] {
            let rule = Rule { value_type: Some(value_type), ..Rule::default() };
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            good.iter().for_each(|text| assert!(holds(&rule, &read(text)), "{value_type:?} {text}"));
            bad.iter().for_each(|text| assert!(!holds(&rule, &read(text)), "{value_type:?} {text}"));
        }
    }

    #[test]
    fn texts_are_bounded_by_length_beginning_and_claim() {
        let rule = Rule { length_min: Some(2), ..Rule::default() };
        assert!(holds(&rule, &json!("\u{e9}\u{e9}")) && !holds(&rule, &json!("\u{e9}")) && !holds(&rule, &json!(12)));
        let rule = Rule { length_max: Some(2), ..Rule::default() };
        assert!(holds(&rule, &json!("\u{e9}\u{e9}")) && !holds(&rule, &json!("abc")) && !holds(&rule, &json!(1)));
        let rule = Rule { prefix: Some("/a/".into()), ..Rule::default() };
        for good in ["/a/b..c", "/a/.b", "/a/b. ", "/a/b%20c", "/a/%C3%A9", "/a/ /b", "/a/"] {
            assert!(holds(&rule, &json!(good)), "{good}");
        }
        for bad in [
            json!("/b"),
            json!("/a/../b"),
            json!("/a/x\\..\\b"),
            json!("/a/.."),
            json!(["/a/b"]),
            json!("/a/%2e%2E/b"),
            json!("/a/.%2e"),
            json!("/a/..%2fb"),
            json!("/a/b%5C..%5cc"),
            json!("/a/%252e%252e/b"),
            json!("/a/..;/b"),
            json!("/a/..?b"),
            json!("/a/b\0"),
            json!("/a/b%00"),
            json!("/a/%u002e%u002e/b"),
            json!("/a/%c0%ae%c0%ae/b"),
            json!("/a/%e0%80%ae/b"),
            json!("/a/.. /b"),
            json!("/a/..%20/b"),
            json!("/a/.../b"),
            json!("/a/100%"),
        ] {
            assert!(!holds(&rule, &bad), "{bad}");
        }
        let claim = |pointer: &str| Rule { equals_claim: Some(pointer.into()), ..Rule::default() };
        assert!(holds(&claim("/sub"), &json!("u1")) && !holds(&claim("/sub"), &json!("u2")));
        assert!(!holds(&claim("/n"), &json!(5)) && !holds(&claim("/none"), &json!(null)));
    }

    #[test]
    fn presence_is_a_rule_of_its_own() {
        let claims = claims();
        let absent = Rule { absent: true, ..Rule::default() };
        assert!(absent.holds(None, &claims) && !absent.holds(Some(&Value::Null), &claims));
        let required = Rule { required: true, ..Rule::default() };
        assert!(!required.holds(None, &claims) && required.holds(Some(&Value::Null), &claims));
    }

    #[test]
    fn text_is_a_number_where_a_number_is_wanted_and_written_as_one() {
        let claims = claims();
        let rule = Rule { max: "10".parse().ok(), ..Rule::default() };
        for (text, want) in [("10", true), ("11", false), ("1e1", false), ("010", false), ("+1", false), (" 1", false)]
        {
            assert_eq!(rule.holds_for_text(Some(text), &claims), want, "{text}");
        }
        let rule = Rule { one_of: Some(vec![json!(5), json!("x"), json!(true)]), ..Rule::default() };
        for (text, want) in [("5", true), ("x", true), ("true", true), ("5.0", false), ("y", false), ("false", false)] {
            assert_eq!(rule.holds_for_text(Some(text), &claims), want, "{text}");
        }
        let rule = Rule { one_of: Some(vec![json!("5")]), ..Rule::default() };
        assert!(rule.holds_for_text(Some("5"), &claims));
        for (value_type, good, bad) in [
            (ValueType::String, vec!["", "5", "true"], vec![]),
            (ValueType::Number, vec!["5", "-1.5"], vec!["", "x", "05", "true"]),
            (ValueType::Integer, vec!["5", "-1"], vec!["", "5.0", "5e0", "+5", "true", "export"]),
            (ValueType::Boolean, vec!["true", "false"], vec!["", "True", "1"]),
        ] {
            let rule = Rule { value_type: Some(value_type), ..Rule::default() };
            good.iter().for_each(|text| assert!(rule.holds_for_text(Some(text), &claims), "{value_type:?} {text}"));
            bad.iter().for_each(|text| assert!(!rule.holds_for_text(Some(text), &claims), "{value_type:?} {text}"));
        }
    }

    fn member_rules(rules: &[(&str, Rule)]) -> MemberRules {
        MemberRules::new(rules.iter().map(|(at, rule)| (MemberPointer::parse(at).unwrap(), rule.clone())).collect())
    }

    #[test]
    fn members_are_found_by_name_and_a_look_alike_is_doubt() {
        let amount = Rule { required: true, max: "500".parse().ok(), ..Rule::default() };
        let absent = Rule { absent: true, ..Rule::default() };
        let rules = member_rules(&[("/claim/amount", amount), ("/approver", absent)]);
        for (document, want) in [
            (r#"{"claim":{"amount":500,"x":{"Amount":9}},"other":1}"#, true),
            (r#"{"claim":{"amount":501}}"#, false),
            (r#"{"claim":{}}"#, false),
            (r#"{}"#, false),
            (r#"{"claim":{"amount":5},"approver":null}"#, false),
            (r#"{"claim":{"amount":5},"Approver":"x"}"#, false),
            (r#"{"claim":{"amount":5,"AMOUNT":9}}"#, false),
            (r#"{"claim":{"amount":5},"cLaim":{"amount":9}}"#, false),
            (r#"{"claim":{"amount":5,"a_mount":9}}"#, false),
            (r#"{"claim":{"amount":5},"__proto__":{"approver":"x"}}"#, false),
            (r#"{"claim":{"amount":5,"__proto__":{}}}"#, false),
            (r#"{"claim":{"amount":5},"__pr\u006fto__":{}}"#, false),
            (r#"{"claim":{"amount":5},"proto":{},"x":{"__proto__":1}}"#, true),
            (r#"{"claim":null}"#, false),
            (r#"{"claim":[{"amount":5}]}"#, false),
            (r#"{"claim":{"amount":[5]}}"#, false),
            (r#"{"claim":{"amount":"5"}}"#, false),
        ] {
            let value = parse_wanted(document.as_bytes(), 8, rules.wanted()).unwrap();
            assert_eq!(rules.hold(value.as_object().unwrap(), &claims()), want, "{document}");
        }
    }

    #[test]
    fn an_absent_member_is_not_looked_for_inside_an_array() {
        let rules = member_rules(&[("/a/b", Rule { absent: true, ..Rule::default() })]);
        let hold = |document: &str| {
            let value = parse_wanted(document.as_bytes(), 8, rules.wanted()).unwrap();
            rules.hold(value.as_object().unwrap(), &claims())
        };
        assert!(hold(r#"{"a":{}}"#) && hold("{}") && hold(r#"{"a":null}"#));
        assert!(!hold(r#"{"a":[{"b":1}]}"#) && !hold(r#"{"a":{"b":1}}"#) && !hold(r#"{"a":"b"}"#));
    }

    #[test]
    fn pointers_are_read_by_the_letter() {
        let names =
            |text: &str| MemberPointer::parse(text).map(|pointer| pointer.names().collect::<Vec<_>>().join("|"));
        assert_eq!(names("/a/b").as_deref(), Some("a|b"));
        assert_eq!(names("/a~1b/~0c").as_deref(), Some("a/b|~c"));
        assert_eq!(names("/").as_deref(), Some(""));
        for bad in ["", "a", "/a~", "/a~2"] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }
}
