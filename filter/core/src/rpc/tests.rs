use proptest::prelude::*;

use super::*;

fn refused(body: &str, want: Rejection) {
    assert_eq!(RpcCall::parse(body.as_bytes()), Err(want), "{body}");
}

#[test]
fn one_request_is_read() {
    let call = RpcCall::parse(br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}"#).unwrap();
    assert_eq!(call.id.as_ref().unwrap().value(), 7);
    assert_eq!(call.method, "tools/call");
    assert_eq!(call.name(), Ok(Some("t".into())));
    assert_eq!(call.uri(), Ok(None));
}

#[test]
fn what_another_parser_could_read_differently_is_refused() {
    for body in [
        "",
        "null",
        "7",
        r#""x""#,
        "{}",
        r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","Method":"n"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","PARAMS":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[{"name":"t"}]}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{},\"param\u{17f}\":{\"name\":\"other\"}}",
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{},"param\u017f":{"name":"other"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[{"b":{"c":1,"c":2}}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m"} {}"#,
        "\u{feff}{}",
    ] {
        refused(body, Rejection::BodyInvalid);
    }
    refused(r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, Rejection::BatchRefused);
}

#[test]
fn a_parameter_spelt_in_another_case_is_refused() {
    let call =
        RpcCall::parse(br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#).unwrap();
    assert_eq!(call.name(), Err(Rejection::BodyInvalid));
}

#[test]
fn bounds_hold_at_and_one_past() {
    let body = |method: usize, id: usize| {
        format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"{}"}}"#, "i".repeat(id), "m".repeat(method))
    };
    assert!(RpcCall::parse(body(RPC_METHOD_BYTES_MAX, RPC_ID_BYTES_MAX).as_bytes()).is_ok());
    refused(&body(RPC_METHOD_BYTES_MAX + 1, 1), Rejection::BodyInvalid);
    refused(&body(1, RPC_ID_BYTES_MAX + 1), Rejection::BodyInvalid);
}

/// What is decided on of a message, told by building the whole document and looking at it.
#[derive(Debug, PartialEq)]
struct Told {
    answer: bool,
    id: Option<Value>,
    method: String,
    name: Result<Option<String>, Rejection>,
    uri: Result<Option<String>, Rejection>,
    /// Whether `ref`, `arguments` and what the client says besides are there, and whether others are taken for them.
    others: Vec<(bool, bool)>,
    version: Option<String>,
}

const OTHERS: [&str; 4] = ["ref", "arguments", "inputResponses", "requestState"];

fn told(message: Option<RpcCall<'_>>) -> Told {
    let Some(call) = message else {
        return Told { answer: true, ..nothing() };
    };
    let params = &call.params;
    let others = [&params.reference, &params.arguments, &params.input_responses, &params.request_state];
    let meta = params.meta.at.clone().and_then(|at| span::member(call.text, at, PROTOCOL_VERSION_META));
    Told {
        answer: false,
        id: call.id.as_ref().map(|id| id.value().clone()),
        method: call.method.clone().into_owned(),
        name: call.name().map(|name| name.map(Cow::into_owned)),
        uri: call.uri().map(|uri| uri.map(Cow::into_owned)),
        others: others.map(|place| (place.at.is_some(), params.refuse_look_alikes(&[place]).is_err())).to_vec(),
        version: meta.and_then(|at| call.text.get(at)).and_then(span::text_at).map(Cow::into_owned),
    }
}

fn nothing() -> Told {
    Told {
        answer: false,
        id: None,
        method: String::new(),
        name: Ok(None),
        uri: Ok(None),
        others: Vec::new(),
        version: None,
    }
}

fn told_by_the_whole(body: &[u8]) -> Result<Told, Rejection> {
    let value = json::parse(body, JSON_DEPTH_MAX).map_err(|_| Rejection::BodyInvalid)?;
    let object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err(Rejection::BatchRefused),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(Rejection::BodyInvalid),
    };
    let misled = |object: &Map<String, Value>, by: &[&str]| {
        refuse_look_alikes(object, by).is_err() || object.keys().any(|key| crate::spelling::folded(key) == PROTOTYPE)
    };
    if misled(&object, &MEMBERS) || object.get("jsonrpc") != Some(&Value::from("2.0")) {
        return Err(Rejection::BodyInvalid);
    }
    let id = object.get("id").cloned();
    let id_fits = id
        .as_ref()
        .is_none_or(|id| id.as_str().is_some_and(|id| id.len() <= RPC_ID_BYTES_MAX) || id.is_i64() || id.is_u64());
    let error = |error: &Value| {
        error.get("code").is_some_and(Value::is_i64) && error.get("message").is_some_and(Value::is_string)
    };
    match (object.get("result"), object.get("error")) {
        (None, None) => {}
        (Some(result), None) if result.is_object() && id.is_some() && id_fits && object.len() == 3 => {
            return Ok(Told { answer: true, ..nothing() });
        }
        (None, Some(found)) if error(found) && id.is_some() && id_fits && object.len() == 3 => {
            return Ok(Told { answer: true, ..nothing() });
        }
        _ => return Err(Rejection::BodyInvalid),
    }
    let method = object.get("method").and_then(Value::as_str).unwrap_or_default();
    let params = match object.get("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params.clone(),
        Some(_) => return Err(Rejection::BodyInvalid),
    };
    if !id_fits || method.is_empty() || method.len() > RPC_METHOD_BYTES_MAX {
        return Err(Rejection::BodyInvalid);
    }
    let text = |name: &str| match params.get(name) {
        _ if misled(&params, &[name]) => Err(Rejection::BodyInvalid),
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Rejection::BodyInvalid),
    };
    let version = params.get("_meta").and_then(|meta| meta.get(PROTOCOL_VERSION_META)).and_then(Value::as_str);
    Ok(Told {
        answer: false,
        id,
        method: method.to_owned(),
        name: text("name"),
        uri: text("uri"),
        others: OTHERS.map(|name| (params.contains_key(name), misled(&params, &[name]))).to_vec(),
        version: version.map(str::to_owned),
    })
}

const VALUES: [&str; 22] = [
    "1",
    "-1",
    "-0",
    "1.0",
    "1e2",
    "18446744073709551615",
    "18446744073709551616",
    "\"\"",
    "\"2.0\"",
    "\"2.\\u0030\"",
    "\"t\"",
    "\"a\\nb\"",
    "null",
    "true",
    "[]",
    "[{\"name\":1}]",
    "{}",
    "{\"code\":1,\"message\":\"m\"}",
    "{\"code\":1.5,\"message\":\"m\"}",
    "{\"a\":1,\"a\":2}",
    "{\"io.modelcontextprotocol/protocolVersion\":\"v\"}",
    "{\"name\":\"u\",\"__proto__\":1}",
];

/// A member whose name may be one that counts, in that spelling or another.
fn member(names: &'static [&'static str], value: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    (prop::sample::select(names), 0..8_u8, value).prop_map(|(name, spelling, value)| {
        let name = match spelling {
            0 => name.to_uppercase(),
            1 => name.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect(),
            2 => format!("_{name}"),
            3 => name.replace('s', "\u{17f}"),
            _ => name.to_owned(),
        };
        format!("\"{name}\" :{value}")
    })
}

fn object(members: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec(members, 0..4).prop_map(|members| format!("{{{}}}", members.join(" , ")))
}

fn message() -> impl Strategy<Value = String> {
    const TOP: [&str; 8] = ["jsonrpc", "id", "method", "params", "result", "error", "__proto__", "x"];
    const PARAMS: [&str; 9] =
        ["name", "uri", "ref", "_meta", "arguments", "inputResponses", "requestState", "__proto__", "x"];
    let value = || prop::sample::select(&VALUES).prop_map(str::to_owned).boxed();
    let params = object(member(&PARAMS, value()));
    let begin = prop::sample::select(&[
        "",
        r#""jsonrpc":"2.0""#,
        r#""jsonrpc":"2.0","method":"m""#,
        r#""jsonrpc":"2.0","id":"i","method":"m""#,
        r#""id":7,"jsonrpc":"2.0""#,
    ]);
    let around = prop::sample::select(&[("", ""), ("", ""), ("", ""), (" ", "\n"), ("[", "]"), ("", " 1"), ("", "}")]);
    let members = prop::collection::vec(member(&TOP, value()), 0..3);
    (begin, prop::option::of(params), members, around).prop_map(|(begin, params, others, around)| {
        let params = params.map(|params| format!("\"params\":{params}"));
        let begin = Some(begin.to_owned()).filter(|begin| !begin.is_empty());
        let members: Vec<String> = begin.into_iter().chain(params).chain(others).collect();
        format!("{}{{{}}}{}", around.0, members.join(","), around.1)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_says_what_the_whole_document_says(message in message()) {
        let read = RpcCall::parse_or_answer(message.as_bytes()).map(told);
        prop_assert_eq!(&read, &told_by_the_whole(message.as_bytes()), "{}", message);
        let call = RpcCall::parse(message.as_bytes()).map(|call| told(Some(call)));
        let wanted = match read {
            Ok(Told { answer: true, .. }) => Err(Rejection::BodyInvalid),
            read => read,
        };
        prop_assert_eq!(call, wanted, "{}", message);
    }
}
