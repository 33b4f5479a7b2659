//! Keys that are fetched anew while a request waits for its body.

use super::*;

/// A worker that fetches the keys of its one server every ten seconds.
fn plugin() -> Plugin {
    let pass_through = json!({"exchange": {"pass_through": {"audience": "https://e.example/agent"}}, "a2a": {"methods": {"message/send": {}}}});
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "cluster": "as",
            "jwks": {"uri": "https://as.example/keys", "refresh": "10s"}}},
        "agents": {"agent": agent()},
        "resources": [resource("a2a", &pass_through)],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    Plugin::new(Config::from_json(document.to_string().as_bytes(), &env).unwrap())
}

fn fetch(plugin: &mut Plugin, now: u64, key: Algorithm) {
    let calls = at(plugin, now, |plugin, ambient| plugin.handle_tick(ambient)).calls;
    let [call] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    let keys = json!({"keys": [Issuer::of(key).jwk(json!({"kid": "k"}))]}).to_string();
    let answer = CalloutAnswer::response(200, Some(b"application/json"), keys.as_bytes());
    let step = at(plugin, now, |plugin, ambient| plugin.handle_answer(call.flight, answer, ambient));
    assert!(step.calls.is_empty() && step.landings.is_empty());
}

#[test]
fn a_token_whose_key_is_withdrawn_while_its_body_comes_is_not_released() {
    for (key, want) in [(Algorithm::Es256, "allowed"), (Algorithm::Es384, "token_unknown_kid")] {
        let mut plugin = plugin();
        fetch(&mut plugin, NOW, Algorithm::Es256);
        let step = headers(&mut plugin, 1, "/a2a", &token(&json!({})));
        assert_eq!(code(&step), "reads");
        fetch(&mut plugin, NOW + 10, key);
        let step = body(&mut plugin, NOW + 10, step, "message/send", &json!({}));
        assert_eq!(code(&step), want, "{key:?}");
    }
}
