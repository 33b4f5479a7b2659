//! The header of a token (RFC 7515 §4), which is the attacker's to write.
//!
//! Read are `alg`, `typ` and `kid`.
//! Refused are the parameters that would change what is verified, or by whose key, if anybody obeyed them: `crit`, `b64`, `jku`, `jwk`, `x5u`, `enc`, `zip`, `cty`.
//! Ignored, as RFC 7515 §4 has it for parameters that are not understood, are all others, `x5c`, `x5t` and `x5t#S256` among them:
//! large issuers send those in good faith beside a `kid`, and no code here could follow them.

use serde_json::{Map, Value};

use super::JwtError;
use crate::algorithm::Algorithm;
use crate::json;
use crate::limits::{KID_BYTES_MAX, TOKEN_JSON_DEPTH_MAX, TYP_BYTES_MAX};

/// What of a header the gateway uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    algorithm: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JwtError> {
        let header = json::parse(bytes, TOKEN_JSON_DEPTH_MAX).map_err(JwtError::HeaderJson)?;
        Self::read(header.as_object().ok_or(JwtError::HeaderNotObject)?)
    }

    /// The same for a header that may carry the key that signed it; what the key says is not looked into.
    pub(super) fn parse_with_key(bytes: &[u8]) -> Result<(Self, Option<Value>), JwtError> {
        let mut header = json::parse(bytes, TOKEN_JSON_DEPTH_MAX).map_err(JwtError::HeaderJson)?;
        let header = header.as_object_mut().ok_or(JwtError::HeaderNotObject)?;
        let key = header.remove("jwk");
        Ok((Self::read(header)?, key))
    }

    fn read(header: &Map<String, Value>) -> Result<Self, JwtError> {
        for (name, error) in REFUSED {
            if header.contains_key(name) {
                return Err(error);
            }
        }
        Ok(Self {
            algorithm: algorithm(header)?,
            typ: text(header, "typ", TYP_BYTES_MAX, JwtError::HeaderTyp)?,
            kid: text(header, "kid", KID_BYTES_MAX, JwtError::HeaderKid)?,
        })
    }

    /// The algorithm the token claims to be signed with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The type the token claims to have, as it was written.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The key the token claims to be signed with.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

/// The parameters that are refused whatever their value, `null` included.
const REFUSED: [(&str, JwtError); 8] = [
    ("crit", JwtError::HeaderCrit),
    ("b64", JwtError::HeaderB64),
    ("jku", JwtError::HeaderKey),
    ("jwk", JwtError::HeaderKey),
    ("x5u", JwtError::HeaderKey),
    ("enc", JwtError::HeaderEncrypted),
    ("zip", JwtError::HeaderEncrypted),
    ("cty", JwtError::HeaderCty),
];

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, JwtError> {
    let name = header.get("alg").and_then(Value::as_str);
    let name = name.ok_or(JwtError::AlgMissing)?;
    match Algorithm::parse(name) {
        Some(algorithm) => Ok(algorithm),
        None if name.eq_ignore_ascii_case("none") => Err(JwtError::AlgNone),
        None if name.starts_with("HS") => Err(JwtError::AlgSymmetric),
        None => Err(JwtError::AlgUnknown),
    }
}

fn text(
    header: &Map<String, Value>,
    name: &str,
    bytes_max: usize,
    error: JwtError,
) -> Result<Option<String>, JwtError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=bytes_max).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonError;

    fn check(header: &str, want: Result<(Algorithm, Option<&str>, Option<&str>), JwtError>) {
        let parsed = Header::parse(header.as_bytes());
        let got =
            parsed.as_ref().map(|header| (header.algorithm(), header.typ(), header.kid())).map_err(|error| *error);
        assert_eq!(got, want, "{header}");
    }

    #[test]
    fn what_is_used_is_read() {
        check(r#"{"alg":"ES256"}"#, Ok((Algorithm::Es256, None, None)));
        check(r#"{"alg":"RS256","typ":"at+jwt","kid":"k1"}"#, Ok((Algorithm::Rs256, Some("at+jwt"), Some("k1"))));
        check(r#"{"alg":"Ed25519"}"#, Ok((Algorithm::EdDsa, None, None)));
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        check(
            r#"{"alg":"ES256","x5c":["a"],"x5t":"b","x5t#S256":"c","iss":"d","nonce":7,"KID":"k","Crit":[]}"#,
            Ok((Algorithm::Es256, None, None)),
        );
    }

    #[test]
    fn only_an_asymmetric_algorithm_is_accepted() {
        check("{}", Err(JwtError::AlgMissing));
        check(r#"{"alg":null}"#, Err(JwtError::AlgMissing));
        check(r#"{"alg":["ES256"]}"#, Err(JwtError::AlgMissing));
        check(r#"{"ALG":"ES256"}"#, Err(JwtError::AlgMissing));
        for name in ["none", "None", "NONE", "nOnE"] {
            check(&format!(r#"{{"alg":"{name}"}}"#), Err(JwtError::AlgNone));
        }
        for name in ["HS256", "HS384", "HS512"] {
            check(&format!(r#"{{"alg":"{name}"}}"#), Err(JwtError::AlgSymmetric));
        }
        for name in ["", "es256", "ES256 ", "ES512", "RSA-OAEP", "none "] {
            check(&format!(r#"{{"alg":"{name}"}}"#), Err(JwtError::AlgUnknown));
        }
    }

    #[test]
    fn what_would_change_the_check_is_refused() {
        for (name, error) in [
            ("crit", JwtError::HeaderCrit),
            ("b64", JwtError::HeaderB64),
            ("jku", JwtError::HeaderKey),
            ("jwk", JwtError::HeaderKey),
            ("x5u", JwtError::HeaderKey),
            ("enc", JwtError::HeaderEncrypted),
            ("zip", JwtError::HeaderEncrypted),
            ("cty", JwtError::HeaderCty),
        ] {
            for value in ["null", "[]", "false", r#""x""#, r#"{"kty":"EC"}"#] {
                check(&format!(r#"{{"alg":"ES256","{name}":{value}}}"#), Err(error));
            }
        }
    }

    #[test]
    fn a_header_is_one_strict_object() {
        check("", Err(JwtError::HeaderJson(JsonError::Syntax)));
        check("[]", Err(JwtError::HeaderNotObject));
        check(r#""ES256""#, Err(JwtError::HeaderNotObject));
        check(r#"{"alg":"none","alg":"ES256"}"#, Err(JwtError::HeaderJson(JsonError::DuplicateName)));
        check(r#"{"alg":"ES256"}{}"#, Err(JwtError::HeaderJson(JsonError::TrailingData)));
    }

    #[test]
    fn kid_and_typ_are_texts_of_bounded_length() {
        for (name, bytes_max, error) in
            [("kid", KID_BYTES_MAX, JwtError::HeaderKid), ("typ", TYP_BYTES_MAX, JwtError::HeaderTyp)]
        {
            let header = |value: &str| format!(r#"{{"alg":"ES256","{name}":{value}}}"#);
            for value in ["null", "7", "[]", r#""""#] {
                check(&header(value), Err(error));
            }
            let text = |bytes: usize| header(&format!("\"{}\"", "k".repeat(bytes)));
            assert!(Header::parse(text(bytes_max).as_bytes()).is_ok());
            check(&text(bytes_max.saturating_add(1)), Err(error));
        }
    }
}
