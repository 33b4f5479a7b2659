//! The query of a REST request, read so that no server reads another one.
//!
//! Names and values are decoded once, as forms are (`application/x-www-form-urlencoded`).
//! Refused: what is not UTF-8 or not properly escaped, control characters, an empty name, `;` which some servers take for `&`,
//! and more parameters than anybody sends.

use crate::limits::QUERY_PARAMETERS_MAX;
use crate::percent::decoded;
use crate::spelling;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The value has a `+`, which is a space to some servers and itself to others.
    pub(crate) has_plus: bool,
}

/// The parameters of `query` in order; `None` where it has more than one reading.
pub(crate) fn parse(query: &str) -> Option<Vec<Parameter>> {
    if query.is_empty() {
        return Some(Vec::new());
    }
    if !query.is_ascii() || query.bytes().any(|byte| byte == b';' || byte == b'#' || byte <= b' ' || byte == 0x7f) {
        return None;
    }
    let mut parameters = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name.contains('+') || parameters.len() >= QUERY_PARAMETERS_MAX {
            return None;
        }
        let has_plus = value.contains('+');
        let (name, value) = (decoded(name)?, decoded(&value.replace('+', " "))?);
        if name.is_empty() {
            return None;
        }
        parameters.push(Parameter { name, value, has_plus });
    }
    Some(parameters)
}

/// One text for all spellings that some server takes for the same parameter, but for joints.
///
/// Case is nothing to ASP.NET; PHP makes `_` of `.`, of a space and of a `[` that nothing closes, and an array `a` of `a[b]`.
pub(crate) fn folded(name: &str) -> String {
    let name = name.trim_start();
    let array = name.split_once('[').filter(|(_, rest)| rest.contains(']'));
    let name = spelling::folded(array.map_or(name, |(name, _)| name));
    name.replace(['.', ' ', '['], "_")
}

/// The same with no joints: what two parameters have in common that some server takes for one.
pub(crate) fn letters(name: &str) -> String {
    spelling::letters(folded(name).chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<Vec<(String, String)>> {
        let parameters = parse(query)?;
        Some(parameters.into_iter().map(|parameter| (parameter.name, parameter.value)).collect())
    }

    #[test]
    fn names_and_values_are_decoded_once() {
        let one = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(read(""), Some(Vec::new()));
        assert_eq!(read("a=b"), one("a", "b"));
        assert_eq!(read("a"), one("a", ""));
        assert_eq!(read("%61=%2541"), one("a", "%41"));
        assert_eq!(read("a=b+c"), one("a", "b c"));
        assert_eq!(read("a=b=c"), one("a", "b=c"));
        assert_eq!(read("a=%C3%A9"), one("a", "\u{e9}"));
        assert_eq!(read("filter[x]=1"), one("filter[x]", "1"));
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for query in [
            "a=1;b=2", "a=%", "a=%4", "a=%zz", "a=%+1", "=1", "&a=1", "a=1&", "a=1&&b=2", "a=%00", "a=%0a", "a=%ff",
            "a=%c0%af", "a b=1", "a+b=1", "a=\u{e9}", "a=1#b",
        ] {
            assert_eq!(read(query), None, "{query}");
        }
    }

    #[test]
    fn as_many_parameters_as_the_bound() {
        let query = |count: usize| vec!["a=1"; count].join("&");
        assert!(parse(&query(QUERY_PARAMETERS_MAX)).is_some());
        assert!(parse(&query(QUERY_PARAMETERS_MAX + 1)).is_none());
    }

    #[test]
    fn spellings_of_one_name_fold_to_one_text() {
        for name in
            ["userId", "USERID", "userid[]", "userid[a][b]", " userid", "user_id", "user-Id", "user.id", "user[id"]
        {
            assert_eq!(letters(name), "userid", "{name}");
        }
        for name in ["_method", "_Method", ".method", " _method[]", "[method"] {
            assert_eq!(folded(name), "_method", "{name}");
        }
        assert_ne!(folded("method"), "_method");
        assert_ne!(letters("user"), letters("users"));
    }
}
