use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::config::Config;
use crate::jwks::KeyUse;
use crate::jwt::sample::{Issuer, private_pem};
use crate::signatures::InGuest;

const NOW: u64 = 1_800_000_000;
const AGENT: &str = "spiffe://example.org/agent";

fn bundle(issuer: &Issuer, kid: &str) -> KeySet {
    KeySet::published_for(KeyUse::Svids, &[issuer.jwk(json!({"kid": kid, "use": "jwt-svid"}))]).unwrap()
}

/// A trust domain by its configuration.
fn domain() -> Arc<AuthorizationServer> {
    let key = |members| Issuer::of(Algorithm::Es256).jwk(members);
    let document = json!({
        "allow_on_headers_stop_iteration": true,
        "authorization_servers": {"as": {"issuer": "https://as.example", "jwks": {"keys": [key(json!({}))]}}},
        "trust_domains": {"example.org": {"jwks": {"keys": [key(json!({"kid": "k", "use": "jwt-svid"}))]}, "clock_skew": "5s"}},
        "agents": {"agent": {"name": "Agent", "status": "active", "resource": "here", "spiffe_id": AGENT}},
        "resources": [{
            "name": "a2a", "match": {"hosts": ["e.example"], "path_prefix": "/"},
            "accept": {"authorization_server": "as", "audience": "here", "presenter": "audience_agent", "required_scopes": ["use"],
                "max_lifetime": "1h", "subject_profiles": ["user"], "delegation": {"required": false, "max_actors": 4}},
            "exchange": {"pass_through": {"audience": "here"}}, "a2a": {"methods": {"message/send": {}}},
        }],
    });
    let env = |_: &str| Some(private_pem(Algorithm::Es256));
    let config = Config::from_json(document.to_string().as_bytes(), &env).unwrap();
    Arc::clone(config.trust_domain_of(AGENT).unwrap())
}

/// One worker that takes JWT-SVIDs of one agent.
struct Place {
    known: KnownSvids,
    keys: KeySet,
    domain: Arc<AuthorizationServer>,
    spiffe_id: &'static str,
    audience: &'static str,
    lifetime_max: u64,
}

impl Place {
    fn new() -> Self {
        let keys = bundle(&Issuer::of(Algorithm::Es256), "k");
        let (known, domain) = (KnownSvids::default(), domain());
        Self { known, keys, domain, spiffe_id: AGENT, audience: "there", lifetime_max: 600 }
    }

    /// As the flow does it; the second value says whether it was known.
    fn take(&mut self, token: &str, now: u64) -> (Result<Arc<VerifiedSvid>, SvidError>, bool) {
        let rules = SvidRules {
            spiffe_id: self.spiffe_id,
            domain: &self.domain,
            audience: self.audience,
            lifetime_max: Seconds::new(self.lifetime_max),
        };
        let now = UnixSeconds::new(now);
        if let Some(svid) = self.known.find(token, &self.keys, &rules, now) {
            return (Ok(svid), true);
        }
        let verified = UnverifiedJwt::parse(token)
            .map_err(SvidError::Token)
            .and_then(|jwt| verify(&jwt, &self.keys, &rules, now, &InGuest));
        (verified.map(|svid| self.known.keep(svid, Peer::of(None, None))), false)
    }

    fn refuses(&mut self, token: &str, now: u64) -> Option<SvidError> {
        self.take(token, now).0.err()
    }
}

fn svid_with(header: &Value, more: &Value) -> String {
    let mut claims = json!({"sub": AGENT, "aud": ["there"], "iat": NOW, "exp": NOW + 300});
    let members = claims.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    Issuer::of(Algorithm::Es256).token(&header.to_string(), &claims.to_string())
}

fn svid(more: &Value) -> String {
    svid_with(&json!({"alg": "ES256", "kid": "k"}), more)
}

#[test]
fn it_needs_no_issuer_and_may_say_what_it_is() {
    let mut place = Place::new();
    for header in [
        json!({"alg": "ES256", "kid": "k"}),
        json!({"alg": "ES256", "kid": "k", "typ": "JWT"}),
        json!({"alg": "ES256", "kid": "k", "typ": "JOSE"}),
        // One key alone can have made it.
        json!({"alg": "ES256"}),
    ] {
        let (taken, _) = place.take(&svid_with(&header, &json!({})), NOW);
        assert_eq!(taken.unwrap().spiffe_id(), AGENT, "{header}");
    }
    assert_eq!(place.refuses(&svid(&json!({"iss": "https://spire.example", "aud": "there"})), NOW), None);
    for typ in ["at+jwt", "dpop+jwt", "wit+jwt", "absent"] {
        let token = svid_with(&json!({"alg": "ES256", "kid": "k", "typ": typ}), &json!({}));
        assert_eq!(place.refuses(&token, NOW), Some(SvidError::Token(JwtError::TypNotAccepted)), "{typ}");
    }
}

#[test]
fn it_is_one_agents_and_for_one_place() {
    let mut place = Place::new();
    for sub in ["spiffe://example.org/agen", "spiffe://example.org/agent/", "spiffe://example.com/agent", "agent"] {
        assert_eq!(place.refuses(&svid(&json!({"sub": sub})), NOW), Some(SvidError::Subject), "{sub}");
    }
    assert!(matches!(place.refuses(&svid(&json!({"sub": null})), NOW), Some(SvidError::Token(JwtError::Claim { .. }))));
    let elsewhere = place.refuses(&svid(&json!({"aud": ["here", "somewhere"]})), NOW);
    assert_eq!(elsewhere, Some(SvidError::Token(JwtError::AudienceMismatch)));
    assert!(matches!(place.refuses(&svid(&json!({"aud": null})), NOW), Some(SvidError::Token(JwtError::Claim { .. }))));
}

#[test]
fn it_ends_without_any_skew_and_begins_with_some() {
    let mut place = Place::new();
    let token = svid(&json!({}));
    assert_eq!(place.refuses(&token, NOW + 299), None);
    assert_eq!(place.refuses(&token, NOW + 300), Some(SvidError::Token(JwtError::Expired)));
    assert_eq!(place.refuses(&token, NOW - 5), None);
    assert_eq!(place.refuses(&token, NOW - 6), Some(SvidError::Token(JwtError::IssuedInFuture)));
    assert_eq!(place.refuses(&svid(&json!({"exp": NOW + 600})), NOW), None);
    let long = svid(&json!({"exp": NOW + 601}));
    assert_eq!(place.refuses(&long, NOW), Some(SvidError::Token(JwtError::LifetimeTooLong)));
    for claim in ["iat", "exp"] {
        let without = svid(&json!({claim: null}));
        assert!(matches!(place.refuses(&without, NOW), Some(SvidError::Token(JwtError::Claim { .. }))), "{claim}");
    }
}

#[test]
fn a_second_time_all_is_checked_but_the_signature() {
    let mut place = Place::new();
    let token = svid(&json!({}));
    assert!(!place.take(&token, NOW).1);
    assert!(place.take(&token, NOW + 299).1);
    assert_eq!(place.refuses(&token, NOW + 300), Some(SvidError::Token(JwtError::Expired)));
    place.spiffe_id = "spiffe://example.org/other";
    assert_eq!(place.refuses(&token, NOW), Some(SvidError::Subject));
    place.spiffe_id = AGENT;
    place.audience = "elsewhere";
    assert_eq!(place.refuses(&token, NOW), Some(SvidError::Token(JwtError::AudienceMismatch)));
    place.audience = "there";
    place.lifetime_max = 299;
    assert_eq!(place.refuses(&token, NOW), Some(SvidError::Token(JwtError::LifetimeTooLong)));
    place.lifetime_max = 300;
    assert!(place.take(&token, NOW).1);
    place.keys = bundle(&Issuer::of(Algorithm::Es256), "other");
    assert_eq!(place.refuses(&token, NOW), Some(SvidError::Token(JwtError::UnknownKid)));
    place.keys = bundle(&Issuer::stranger(), "k");
    assert_eq!(place.refuses(&token, NOW), Some(SvidError::Token(JwtError::Signature)));
}

#[test]
fn another_text_with_the_same_end_is_not_known() {
    let mut place = Place::new();
    let good = svid(&json!({}));
    assert_eq!(place.refuses(&good, NOW), None);
    let forged = svid(&json!({"exp": NOW + 301}));
    let forged = format!("{}.{}", forged.rsplit_once('.').unwrap().0, good.rsplit_once('.').unwrap().1);
    assert_eq!(place.refuses(&forged, NOW), Some(SvidError::Token(JwtError::Signature)));
}

#[test]
fn what_has_ended_is_forgotten_and_nothing_is_printed() {
    let mut place = Place::new();
    let (taken, _) = place.take(&svid(&json!({})), NOW);
    assert!(!format!("{:?}", taken.unwrap()).contains("ey"));
    place.known.prune(UnixSeconds::new(NOW + 299));
    assert_eq!(format!("{:?}", place.known), "KnownSvids(1)");
    place.known.prune(UnixSeconds::new(NOW + 300));
    assert_eq!(format!("{:?}", place.known), "KnownSvids(0)");
}

#[test]
fn there_are_boundedly_many() {
    let mut place = Place::new();
    let (taken, _) = place.take(&svid(&json!({})), NOW);
    let verified = taken.unwrap();
    for each in 0..=KNOWN_SVIDS_MAX {
        let VerifiedSvid { header, claims, spiffe_id, .. } = verified.as_ref();
        let svid = VerifiedSvid {
            token: Redacted::new(format!("{each:016}")),
            header: header.clone(),
            claims: claims.clone(),
            spiffe_id: spiffe_id.clone(),
            expires_at: verified.expires_at,
            key_thumbprint: verified.key_thumbprint,
        };
        place.known.keep(svid, Peer::of(None, None));
    }
    assert!(place.known.svids.len() <= KNOWN_SVIDS_MAX);
}
