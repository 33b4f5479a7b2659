//! Both authorization servers of an exchange at one port: call 7 gives an identity assertion, call 8 an access token for it.
//!
//! It checks nothing and takes exactly the time it was told, so that what is measured beyond that is the gateway's.
//! `GET /asked` says how often each grant was asked for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::http1::{Answer, Request};
use crate::tokens::Key;

pub(crate) struct Idp {
    key: Key,
    takes: Duration,
    exchanges: AtomicU64,
    grants: AtomicU64,
    issued: AtomicU64,
    longest: Mutex<Duration>,
}

impl Idp {
    pub(crate) fn new(pem_file: &str, millis: u64) -> Self {
        Self {
            key: Key::read("ES256", pem_file),
            takes: Duration::from_millis(millis),
            exchanges: AtomicU64::new(0),
            grants: AtomicU64::new(0),
            issued: AtomicU64::new(0),
            longest: Mutex::new(Duration::ZERO),
        }
    }

    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let began = Instant::now();
        if request.target == "/asked" {
            let longest = *self.longest.lock().expect("no holder panics");
            let body = json!({
                "exchanges": self.exchanges.load(Ordering::Relaxed), "grants": self.grants.load(Ordering::Relaxed),
                "longest_ms": longest.as_secs_f64() * 1e3,
            });
            return Answer::json(200, body.to_string().into_bytes());
        }
        let form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let body = if value("grant_type").ends_with(":token-exchange") {
            self.exchanges.fetch_add(1, Ordering::Relaxed);
            self.identity_assertion(&claims(value("subject_token")), &claims(value("client_assertion")), &value)
        } else {
            self.grants.fetch_add(1, Ordering::Relaxed);
            self.access_token(&claims(value("assertion")))
        };
        let left = self.takes.saturating_sub(began.elapsed());
        std::thread::sleep(left);
        let took = began.elapsed();
        let mut longest = self.longest.lock().expect("no holder panics");
        *longest = took.max(*longest);
        Answer::json(200, body.to_string().into_bytes())
    }

    fn identity_assertion<'a>(&self, subject: &Value, client: &Value, value: &impl Fn(&str) -> &'a str) -> Value {
        let agent = &client["sub"];
        let claims = json!({
            "iss": "https://idp.bench.example", "sub": subject["sub"], "sub_profile": subject["sub_profile"],
            "aud": value("audience"), "client_id": agent, "resource": value("resource"), "scope": value("scope"),
            "act": { "sub": agent, "sub_profile": "ai_agent", "act": subject["act"] },
        });
        json!({
            "access_token": self.sign("oauth-id-jag+jwt", claims), "token_type": "N_A", "expires_in": 300,
            "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag", "scope": value("scope"),
        })
    }

    fn access_token(&self, assertion: &Value) -> Value {
        let claims = json!({
            "iss": "https://tool.bench.example", "sub": assertion["sub"], "sub_profile": assertion["sub_profile"],
            "aud": assertion["resource"], "client_id": assertion["client_id"], "scope": assertion["scope"],
            "act": assertion["act"],
        });
        json!({
            "access_token": self.sign("at+jwt", claims), "token_type": "Bearer", "expires_in": 300,
            "scope": assertion["scope"],
        })
    }

    fn sign(&self, typ: &str, mut claims: Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 300);
        claims["jti"] = json!(format!("{now}.{}", self.issued.fetch_add(1, Ordering::Relaxed)));
        self.key.jws("idp", typ, &claims)
    }
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
