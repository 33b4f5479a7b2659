use serde_json::json;

use super::*;

fn claims(claims: &Value) -> Claims {
    Claims::parse(claims.to_string().as_bytes()).unwrap()
}

#[test]
fn text_is_text() {
    let check = |value: Value, want: Result<Option<&str>, ClaimFault>| {
        let claims = claims(&json!({"sub": value}));
        assert_eq!(claims.text("sub"), want.map_err(|fault| fault.of("sub")), "{value}");
    };
    check(json!("00u1"), Ok(Some("00u1")));
    check(json!("Zoë 😀"), Ok(Some("Zoë 😀")));
    check(json!(""), Err(ClaimFault::Empty));
    for other in [json!(null), json!(7), json!(true), json!(["a"]), json!({"a": 1})] {
        check(other, Err(ClaimFault::WrongType));
    }
    for control in ["a\nb", "a\0", "\u{7f}", "\u{85}"] {
        check(json!(control), Err(ClaimFault::Character));
    }
    let longest = "a".repeat(CLAIM_TEXT_BYTES_MAX);
    check(json!(longest), Ok(Some(&longest)));
    check(json!(format!("{longest}a")), Err(ClaimFault::TooLong));
    assert_eq!(claims(&json!({})).text("sub"), Ok(None));
    assert_eq!(claims(&json!({})).subject(), Err(ClaimFault::Missing.of("sub")));
    assert_eq!(claims(&json!({"iss": 1})).issuer(), Err(ClaimFault::WrongType.of("iss")));
}

#[test]
fn jti_is_text_where_there_is_one() {
    assert_eq!(claims(&json!({"jti": "t1"})).jti(), Ok(Some("t1")));
    assert_eq!(claims(&json!({})).jti(), Ok(None));
    assert_eq!(claims(&json!({"jti": 7})).jti(), Err(ClaimFault::WrongType.of("jti")));
}

#[test]
fn aud_is_one_text_or_several() {
    let check = |value: Value, want: Result<Vec<&str>, ClaimFault>| {
        let claims = claims(&json!({"aud": value}));
        assert_eq!(claims.audiences(), want.map_err(|fault| fault.of("aud")), "{value}");
    };
    check(json!("a"), Ok(vec!["a"]));
    check(json!(["a", "b"]), Ok(vec!["a", "b"]));
    check(json!([]), Err(ClaimFault::Empty));
    check(json!(""), Err(ClaimFault::Empty));
    check(json!(["a", ""]), Err(ClaimFault::Empty));
    check(json!(["a", 7]), Err(ClaimFault::WrongType));
    check(json!([["a"]]), Err(ClaimFault::WrongType));
    check(json!({"a": "a"}), Err(ClaimFault::WrongType));
    check(json!(null), Err(ClaimFault::WrongType));
    check(json!(vec!["a"; AUDIENCES_MAX]), Ok(vec!["a"; AUDIENCES_MAX]));
    check(json!(vec!["a"; AUDIENCES_MAX.saturating_add(1)]), Err(ClaimFault::TooMany));
    assert_eq!(claims(&json!({})).audiences(), Err(ClaimFault::Missing.of("aud")));
}

#[test]
fn scopes_come_from_either_claim_but_never_from_two_stories() {
    let check = |value: Value, want: Result<&[&str], JwtError>| {
        let scopes = claims(&value).scopes();
        let got = scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>());
        assert_eq!(got.map_err(|error| *error), want.map(<[_]>::to_vec), "{value}");
    };
    check(json!({}), Ok(&[]));
    check(json!({"scope": ""}), Ok(&[]));
    check(json!({"scp": []}), Ok(&[]));
    check(json!({"scope": "b a"}), Ok(&["a", "b"]));
    check(json!({"scp": ["b", "a", "b"]}), Ok(&["a", "b"]));
    check(json!({"scp": "b a"}), Ok(&["a", "b"]));
    check(json!({"scp": ["b", "a"], "scope": "a b"}), Ok(&["a", "b"]));
    for (scp, scope) in [(json!(["a", "b"]), "a"), (json!([]), "a"), (json!(["a"]), ""), (json!(["A"]), "a")] {
        check(json!({"scp": scp, "scope": scope}), Err(ClaimFault::Conflict.of("scope")));
    }
    check(json!({"scope": ["a"]}), Err(ClaimFault::WrongType.of("scope")));
    check(json!({"scope": null}), Err(ClaimFault::WrongType.of("scope")));
    check(json!({"scp": 7}), Err(ClaimFault::WrongType.of("scp")));
    check(json!({"scp": ["a", 7]}), Err(ClaimFault::WrongType.of("scp")));
    check(json!({"scp": ["a b"]}), Err(ClaimFault::Character.of("scp")));
    check(json!({"scp": ["a", ""]}), Err(ClaimFault::Empty.of("scp")));
    for other in ["a\"b", "a\\b", "a\tb", "é", "a\u{7f}"] {
        check(json!({"scope": other}), Err(ClaimFault::Character.of("scope")));
    }
    for spaces in [" ", "a ", " a", "a  b"] {
        check(json!({"scope": spaces}), Err(ClaimFault::Empty.of("scope")));
    }
}

#[test]
fn the_number_of_scopes_is_bounded() {
    let listed = |count: usize| -> Vec<String> { (0..count).map(|each| format!("s{each}")).collect() };
    let past = SCOPES_MAX.saturating_add(1);
    for (scopes, want) in [(listed(SCOPES_MAX), None), (listed(past), Some(ClaimFault::TooMany))] {
        let list = claims(&json!({"scp": scopes})).scopes();
        assert_eq!(list.err(), want.map(|fault| fault.of("scp")));
        let text = claims(&json!({"scope": scopes.join(" ")})).scopes();
        assert_eq!(text.err(), want.map(|fault| fault.of("scope")));
    }
}

#[test]
fn a_date_is_a_number_of_this_age() {
    let check = |value: &str, want: Result<u64, ClaimFault>| {
        let claims = Claims::parse(format!(r#"{{"exp":{value}}}"#).as_bytes()).unwrap();
        let want = want.map(|seconds| Some(UnixSeconds::new(seconds))).map_err(|fault| fault.of("exp"));
        assert_eq!(claims.expires_at(), want, "{value}");
    };
    check("0", Ok(0));
    check("1300819380", Ok(1_300_819_380));
    check("1300819380.0", Ok(1_300_819_380));
    check("1300819380.999", Ok(1_300_819_380));
    check("1.30081938e9", Ok(1_300_819_380));
    check("0.9", Ok(0));
    check("-0.0", Ok(0));
    check("253402300799", Ok(NUMERIC_DATE_SECONDS_MAX));
    check("253402300799.9", Ok(NUMERIC_DATE_SECONDS_MAX));
    for value in [
        "253402300800",
        "2.534023008e11",
        "18446744073709551615",
        "18446744073709551616",
        "1e300",
        "-1",
        "-0.5",
        "-1e300",
    ] {
        check(value, Err(ClaimFault::OutOfRange));
    }
    for value in ["null", "\"1300819380\"", "true", "[1300819380]", "{}"] {
        check(value, Err(ClaimFault::WrongType));
    }
    let none = claims(&json!({}));
    assert_eq!((none.expires_at(), none.issued_at(), none.not_before()), (Ok(None), Ok(None), Ok(None)));
}

#[test]
fn the_client_has_one_name() {
    let check = |value: Value, want: Result<Option<&str>, JwtError>| {
        assert_eq!(claims(&value).client_id(), want, "{value}");
    };
    check(json!({}), Ok(None));
    check(json!({"azp": "c"}), Ok(None));
    check(json!({"client_id": "c"}), Ok(Some("c")));
    check(json!({"cid": "c"}), Ok(Some("c")));
    check(json!({"cid": "c", "client_id": "c"}), Ok(Some("c")));
    check(json!({"cid": "c", "client_id": "d"}), Err(ClaimFault::Conflict.of("client_id")));
    check(json!({"cid": "c", "client_id": 7}), Err(ClaimFault::WrongType.of("client_id")));
    check(json!({"cid": null, "client_id": "c"}), Err(ClaimFault::WrongType.of("cid")));
}

#[test]
fn values_are_reached_by_name_and_by_pointer() {
    let claims = claims(&json!({"act": {"sub": "a"}, "a/b": ["x", {"m~n": "y"}]}));
    assert_eq!(claims.act(), Some(&json!({"sub": "a"})));
    assert_eq!(claims.pointer("/act/sub"), Some(&json!("a")));
    assert_eq!(claims.pointer("/a~1b/1/m~0n"), Some(&json!("y")));
    assert_eq!(claims.pointer("/act/none"), None);
    assert_eq!(claims.value("sub"), None);
}
