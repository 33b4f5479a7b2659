//! The credential of a request, whatever it is.

use proptest::prelude::*;

use crate::gateway::{Gateway, Intent};
use crate::world::{Options, PEER, START, TOOLS};

fn refused(values: &[Vec<u8>], headers_first: bool) -> usize {
    let mut gateway = Gateway::new(Options { headers_first, inline_keys: true });
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"POST"),
        (b":path", b"/tools"),
        (b":authority", b"gateway.example"),
        (b"content-type", b"application/json"),
    ];
    headers.extend(values.iter().map(|value| (b"authorization".as_slice(), value.as_slice())));
    let intent = Intent { sound: false, sub: String::new(), resource: Some(TOOLS), expires_at: START, operation: None };
    gateway.request(&headers, Some(PEER), false, intent);
    gateway.refused.len()
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn any_bytes_as_a_credential_are_answered(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..3),
        headers_first: bool,
    ) {
        prop_assert_eq!(refused(&values, headers_first), 1);
    }

    #[test]
    fn anything_that_looks_like_a_token_is_answered(
        token in "[Bb]earer [A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,5}",
        headers_first: bool,
    ) {
        prop_assert_eq!(refused(&[token.into_bytes()], headers_first), 1);
    }
}
