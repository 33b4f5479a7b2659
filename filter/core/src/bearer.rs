//! The one credential of a request: `Authorization: Bearer <token>` (RFC 6750 §2.1), or `DPoP <token>` (RFC 9449 §7.1) where that is taken.
//!
//! Exactly one, or the request is refused: two `Authorization` headers, two joined by the host with a comma, or a token in the query,
//! however its name is escaped there.
//! Nothing here looks inside the token.

use crate::rejection::Rejection;
use crate::request::RequestHead;
use crate::words;

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Whoever holds it may use it.
    Bearer,
    /// With a proof of the key it is tied to.
    Dpop,
}

/// Reads the token out of the only `Authorization` header.
///
/// # Errors
///
/// [`Rejection::CredentialMissing`] without the header, [`Rejection::CredentialRepeated`] with several
/// (Envoy joins duplicates with a comma, which no bearer token contains),
/// [`Rejection::CredentialMalformed`] for any other scheme or spacing.
pub(crate) fn read<'a>(head: &RequestHead<'a>, takes_dpop: bool) -> Result<(Scheme, &'a str), Rejection> {
    let mut values = head.all("authorization");
    let Some(value) = values.next() else {
        return Err(Rejection::CredentialMissing);
    };
    if values.next().is_some() {
        return Err(Rejection::CredentialRepeated);
    }
    let parted = value.iter().position(|byte| *byte == b' ').and_then(|at| value.split_at_checked(at));
    let (scheme, rest) = parted.unwrap_or((value, &[]));
    let token = rest.get(1..).unwrap_or_default();
    // One look at a token that has neither.
    let is_parted = words::are_parted(token);
    if (is_parted && token.contains(&b',')) || scheme.contains(&b',') {
        return Err(Rejection::CredentialRepeated);
    }
    if in_query(head) {
        // RFC 6750 §2: clients MUST NOT use more than one method to transmit the token.
        return Err(Rejection::CredentialRepeated);
    }
    // RFC 9110 §11.1: the scheme is case-insensitive. One space: a second one would begin the token.
    let scheme = if scheme.eq_ignore_ascii_case(b"bearer") {
        Scheme::Bearer
    } else if takes_dpop && scheme.eq_ignore_ascii_case(b"dpop") {
        Scheme::Dpop
    } else {
        return Err(Rejection::CredentialMalformed);
    };
    if token.is_empty() || is_parted {
        return Err(Rejection::CredentialMalformed);
    }
    core::str::from_utf8(token).map(|token| (scheme, token)).map_err(|_| Rejection::CredentialMalformed)
}

/// Whether the only credential is a token by the scheme for those that are tied to a key.
pub(crate) fn is_dpop(head: &RequestHead<'_>) -> bool {
    // No other can be one, and most are others.
    let begins = |value: &[u8]| value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop "));
    head.all("authorization").next().is_some_and(begins) && matches!(read(head, true), Ok((Scheme::Dpop, _)))
}

/// True where a token stands in the query.
pub(crate) fn in_query(head: &RequestHead<'_>) -> bool {
    let Some(path) = head.all(":path").next() else {
        return false;
    };
    let mut parts = path.splitn(2, |byte| *byte == b'?');
    let _ = parts.next();
    parts.next().is_some_and(|query| {
        query.split(|byte| matches!(byte, b'&' | b';')).any(|pair| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            unescaped(name).eq_ignore_ascii_case(b"access_token")
        })
    })
}

/// The bytes that a form parser makes of `name`: `access%5Ftoken` is `access_token` to it.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escaped = after.split_first_chunk::<2>().filter(|_| *byte == b'%');
        let decoded = escaped.and_then(|(digits, after)| {
            let digits =
                core::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        match decoded {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => bytes.push(*byte),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Headers, Peer, StreamId};

    fn check(values: &[&[u8]], path: &[u8], want: Result<&str, Rejection>) {
        let mut headers: Vec<(&[u8], &[u8])> = vec![(b":path", path)];
        headers.extend(values.iter().map(|value| (b"authorization".as_slice(), *value)));
        let head = RequestHead {
            stream: StreamId(1),
            headers: Headers::of(&headers),
            peer: Peer::default(),
            end_of_stream: true,
        };
        assert_eq!(read(&head, false), want.map(|token| (Scheme::Bearer, token)), "{values:?}");
    }

    #[test]
    fn exactly_one_bearer_credential() {
        check(&[b"Bearer abc"], b"/", Ok("abc"));
        check(&[b"bEARER abc"], b"/", Ok("abc"));
        check(&[], b"/", Err(Rejection::CredentialMissing));
        check(&[b"Bearer a", b"Bearer b"], b"/", Err(Rejection::CredentialRepeated));
        for joined in
            [b"Bearer a,Bearer b".as_slice(), b",", b"Bearer,", b"Bearer ,", b"Bearer a ,", b"a,b c", b"Bearer \xff,"]
        {
            check(&[joined], b"/", Err(Rejection::CredentialRepeated));
        }
        check(&[b"Bearer a"], b"/?x=1&access_token=b", Err(Rejection::CredentialRepeated));
        check(&[b"Bearer a"], b"/?access_token", Err(Rejection::CredentialRepeated));
        for query in ["access%5Ftoken=b", "x;access_token=b", "%61ccess_token=b", "ACCESS_TOKEN=b", "access%5ftoken"] {
            check(&[b"Bearer a"], format!("/?{query}").as_bytes(), Err(Rejection::CredentialRepeated));
        }
        for query in ["access%token=b", "access%5", "access%+5token", "x=access_token", "a%"] {
            check(&[b"Bearer a"], format!("/?{query}").as_bytes(), Ok("a"));
        }
        check(&[b"Bearer a"], b"/?my_access_token=b", Ok("a"));
        for malformed in [
            b"Bearer".as_slice(),
            b"Bearer ",
            b"Bearer  a",
            b"Bearer a b",
            b" Bearer a",
            b"Bearer\ta",
            b"Basic abc",
            b"DPoP abc",
            b"",
            b"Bearer \xff",
            b"\xff abc",
            b"Bearer\xff abc",
            b" ",
        ] {
            check(&[malformed], b"/", Err(Rejection::CredentialMalformed));
        }
    }
    #[test]
    fn another_scheme_is_taken_where_it_is_meant() {
        let check = |value: &str, want| {
            let headers: [(&[u8], &[u8]); 2] = [(b":path", b"/"), (b"authorization", value.as_bytes())];
            let head = RequestHead {
                stream: StreamId(1),
                headers: Headers::of(&headers),
                peer: Peer::default(),
                end_of_stream: true,
            };
            assert_eq!(read(&head, true), want, "{value}");
        };
        check("DPoP abc", Ok((Scheme::Dpop, "abc")));
        check("dpop abc", Ok((Scheme::Dpop, "abc")));
        check("Bearer abc", Ok((Scheme::Bearer, "abc")));
        for malformed in ["DPoP", "DPoP ", "DPoP  abc", "DPoP a b", "DPoP\tabc", "Basic abc", "DPoPs abc"] {
            check(malformed, Err(Rejection::CredentialMalformed));
        }
        check("DPoP abc, Bearer abc", Err(Rejection::CredentialRepeated));
        let is_dpop = |value: &str| {
            let headers: [(&[u8], &[u8]); 2] = [(b":path", b"/"), (b"authorization", value.as_bytes())];
            is_dpop(&RequestHead {
                stream: StreamId(1),
                headers: Headers::of(&headers),
                peer: Peer::default(),
                end_of_stream: true,
            })
        };
        for (value, want) in
            [("DPoP abc", true), ("dpop a", true), ("DPoP ", false), ("DPoP a b", false), ("DPoP a,b", false)]
        {
            assert_eq!(is_dpop(value), want, "{value}");
        }
        assert!(!is_dpop("Bearer abc") && !is_dpop("DPoPs abc") && !is_dpop("DPoP"));
    }
}
