use core::cell::Cell;

use serde_json::{Value, json};

use super::super::sample::Issuer;
use super::*;
use crate::signatures::InGuest;

const NOW: u64 = 1_800_000_000;

/// [`InGuest`], counting.
#[derive(Default)]
struct Counting(Cell<usize>);

impl Signatures for Counting {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool {
        self.0.set(self.0.get().saturating_add(1));
        InGuest.verify(key, algorithm, jwt)
    }
}

/// One verification, good unless changed.
struct Case {
    header: Value,
    claims: Value,
    keys: KeySet,
    typ: AcceptedTyp,
    algorithms: Algorithms,
    lifetime_max: Option<Seconds>,
    clock_skew: Seconds,
    now: u64,
}

impl Case {
    fn good() -> Self {
        Self {
            header: json!({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}),
            claims: json!({
                "iss": "https://idp.example", "aud": "https://api.example", "sub": "u1",
                "iat": 1_799_999_990, "exp": 1_800_000_010,
            }),
            keys: Issuer::of(Algorithm::Es256).key_set("k1"),
            typ: AcceptedTyp::only("at+jwt"),
            algorithms: Algorithms::all(),
            lifetime_max: None,
            clock_skew: Seconds::ZERO,
            now: NOW,
        }
    }

    fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.as_object_mut().unwrap().insert(name.to_owned(), value);
        self
    }

    fn without_claim(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn header(mut self, header: Value) -> Self {
        self.header = header;
        self
    }

    fn keys(mut self, keys: &[Value]) -> Self {
        self.keys = KeySet::from_values(keys).unwrap();
        self
    }

    /// The outcome for a token signed by that issuer, and how many signatures were checked.
    fn run(&self, issuer: &Issuer) -> (Result<VerifiedJwt, JwtError>, usize) {
        let token = issuer.token(&self.header.to_string(), &self.claims.to_string());
        let jwt = UnverifiedJwt::parse(&token).unwrap();
        let rules = TokenRules {
            issuer: "https://idp.example",
            audience: "https://api.example",
            typ: &self.typ,
            algorithms: &self.algorithms,
            clock_skew: self.clock_skew,
            lifetime_max: self.lifetime_max,
        };
        let crypto = Counting::default();
        let result = verify(&jwt, &self.keys, &rules, UnixSeconds::new(self.now), &crypto);
        (result, crypto.0.get())
    }

    #[track_caller]
    fn check(&self, want: Result<(), JwtError>) {
        let (result, signatures) = self.run(&Issuer::of(Algorithm::Es256));
        assert_eq!(result.map(|_| ()), want);
        let paid_for = want.is_ok() || want == Err(JwtError::Signature);
        assert_eq!(signatures > 0, paid_for, "cryptography comes last");
    }
}

#[test]
fn a_good_token_is_verified_and_says_by_what() {
    let (verified, signatures) = Case::good().run(&Issuer::of(Algorithm::Es256));
    let verified = verified.unwrap();
    assert_eq!(signatures, 1);
    assert_eq!(verified.issuer(), "https://idp.example");
    assert_eq!(verified.claims().subject(), Ok("u1"));
    assert_eq!(verified.expires_at(), UnixSeconds::new(1_800_000_010));
    assert_eq!(verified.header().kid(), Some("k1"));
    assert!(Case::good().keys.contains_thumbprint(&verified.key_thumbprint()));
    let debug = format!("{verified:?}");
    assert!(!debug.contains("u1"), "{debug}");
}

#[test]
fn every_algorithm_is_verified() {
    for algorithm in Algorithm::ALL {
        let issuer = Issuer::of(algorithm);
        let case = Case::good()
            .header(json!({"alg": algorithm.name(), "typ": "at+jwt", "kid": "k1"}))
            .keys(&[issuer.jwk(json!({"kid": "k1"}))]);
        let (verified, _) = case.run(&issuer);
        assert_eq!(verified.map(|jwt| jwt.header().algorithm()), Ok(algorithm));
    }
    // RFC 9864 §2.2.
    let issuer = Issuer::of(Algorithm::EdDsa);
    let case = Case::good()
        .header(json!({"alg": "Ed25519", "typ": "at+jwt", "kid": "k1"}))
        .keys(&[issuer.jwk(json!({"kid": "k1"}))]);
    assert!(case.run(&issuer).0.is_ok());
}

#[test]
fn the_issuer_is_the_exact_text() {
    for iss in ["https://idp.example/", "HTTPS://idp.example", "https://idp.example.evil"] {
        Case::good().claim("iss", json!(iss)).check(Err(JwtError::IssuerMismatch));
    }
    Case::good().without_claim("iss").check(Err(missing("iss")));
}

#[test]
fn the_type_is_one_of_those_accepted() {
    let typed = |typ: &str| Case::good().header(json!({"alg": "ES256", "typ": typ, "kid": "k1"}));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        typed(typ).check(Ok(()));
    }
    for typ in ["JWT", "at+jwt;x=1", "oauth-id-jag+jwt", "absent", "text/at+jwt", "application/x/at+jwt"] {
        typed(typ).check(Err(JwtError::TypNotAccepted));
    }
    let untyped = || Case::good().header(json!({"alg": "ES256", "kid": "k1"}));
    untyped().check(Err(JwtError::TypNotAccepted));
    let accepted = AcceptedTyp::new(["absent", "JWT"]).unwrap();
    Case { typ: accepted.clone(), ..untyped() }.check(Ok(()));
    Case { typ: accepted.clone(), ..typed("jwt") }.check(Ok(()));
    Case { typ: accepted, ..typed("absent") }.check(Err(JwtError::TypNotAccepted));
}

#[test]
fn a_list_of_types_is_not_empty_and_has_no_impossible_word() {
    assert_eq!(AcceptedTyp::new([]), None);
    assert_eq!(AcceptedTyp::new(["at+jwt"]), Some(AcceptedTyp::only("application/AT+JWT")));
    assert!(!AcceptedTyp::only("x/at+jwt").accepts(Some("application/x/at+jwt")), "no type has two of them in front");
    let longest = "t".repeat(TYP_BYTES_MAX);
    assert!(AcceptedTyp::new([longest.as_str()]).is_some());
    for word in ["", "at jwt", "é", &format!("{longest}t")] {
        assert_eq!(AcceptedTyp::new(["at+jwt", word]), None, "{word}");
    }
}

#[test]
fn only_listed_algorithms_are_accepted() {
    let others = Algorithm::ALL.into_iter().filter(|each| *each != Algorithm::Es256);
    let algorithms = Algorithms::new(others).unwrap();
    Case { algorithms, ..Case::good() }.check(Err(JwtError::AlgNotAllowed));
    let algorithms = Algorithms::new([Algorithm::Es256]).unwrap();
    Case { algorithms, ..Case::good() }.check(Ok(()));
}

#[test]
fn the_audience_is_among_those_of_the_token() {
    let aud = |value: Value| Case::good().claim("aud", value);
    aud(json!(["https://other.example", "https://api.example"])).check(Ok(()));
    aud(json!("https://api.example/")).check(Err(JwtError::AudienceMismatch));
    aud(json!(["https://other.example"])).check(Err(JwtError::AudienceMismatch));
    aud(json!("https://api.example https://other.example")).check(Err(JwtError::AudienceMismatch));
    Case::good().without_claim("aud").check(Err(missing("aud")));
}

fn missing(claim: &'static str) -> JwtError {
    JwtError::Claim { claim, fault: ClaimFault::Missing }
}

#[test]
fn times_are_exact_to_the_second() {
    let at = |name: &str, value: Value, skew: u64| Case {
        clock_skew: Seconds::new(skew),
        ..Case::good().claim(name, value)
    };
    let second = |offset: i64| json!(NOW.checked_add_signed(offset).unwrap());
    at("exp", second(1), 0).check(Ok(()));
    at("exp", second(0), 0).check(Err(JwtError::Expired));
    at("exp", second(-29), 30).without_claim("iat").check(Ok(()));
    at("exp", second(-30), 30).without_claim("iat").check(Err(JwtError::Expired));
    at("exp", json!(1_800_000_000.9), 0).check(Err(JwtError::Expired));
    at("exp", json!(1_800_000_001.9), 0).check(Ok(()));
    Case::good().without_claim("exp").check(Err(missing("exp")));
    at("nbf", second(0), 0).check(Ok(()));
    at("nbf", second(1), 0).check(Err(JwtError::NotYetValid));
    at("nbf", second(30), 30).check(Ok(()));
    at("nbf", second(31), 30).check(Err(JwtError::NotYetValid));
    at("iat", second(0), 0).check(Ok(()));
    at("iat", second(1), 0).check(Err(JwtError::IssuedInFuture));
    at("iat", second(30), 30).claim("exp", second(40)).check(Ok(()));
    at("iat", second(31), 30).claim("exp", second(40)).check(Err(JwtError::IssuedInFuture));
    at("iat", second(5), 30).claim("exp", second(4)).check(Err(JwtError::ExpiresBeforeIssued));
    at("iat", second(5), 30).claim("exp", second(5)).check(Ok(()));
    Case::good().without_claim("iat").check(Ok(()));
    let fault = ClaimFault::WrongType;
    at("exp", json!("1800000010"), 0).check(Err(JwtError::Claim { claim: "exp", fault }));
    at("nbf", json!(null), 0).check(Err(JwtError::Claim { claim: "nbf", fault }));
}

#[test]
fn the_lifetime_is_bounded_by_the_rules() {
    let rules = |seconds: u64| Case { lifetime_max: Some(Seconds::new(seconds)), ..Case::good() };
    rules(20).check(Ok(()));
    rules(19).check(Err(JwtError::LifetimeTooLong));
    rules(20).without_claim("iat").check(Err(missing("iat")));
    let skewed = Case { clock_skew: Seconds::new(300), ..rules(19) };
    skewed.check(Err(JwtError::LifetimeTooLong));
}

#[test]
fn the_moments_at_the_ends_of_time_do_not_wrap() {
    let case = Case { clock_skew: Seconds::new(u64::MAX), ..Case::good() };
    case.check(Ok(()));
    Case { now: u64::MAX, ..Case::good() }.check(Err(JwtError::Expired));
    Case { now: 0, ..Case::good() }.check(Err(JwtError::IssuedInFuture));
}

#[test]
fn a_kid_names_keys_of_this_issuer_only() {
    let own = Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k1"}));
    let named = |kid: &str| Case::good().header(json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}));
    named("k2").check(Err(JwtError::UnknownKid));
    named("K1").check(Err(JwtError::UnknownKid));
    // The key is there, under another name and under none.
    let unnamed = Issuer::of(Algorithm::Es256).jwk(json!({}));
    named("k2").keys(&[own, unnamed]).check(Err(JwtError::UnknownKid));
    let rsa = Issuer::of(Algorithm::Rs256).jwk(json!({"kid": "k1"}));
    named("k1").keys(&[rsa]).check(Err(JwtError::KeyMismatch));
}

#[test]
fn a_token_without_kid_needs_the_only_fitting_key() {
    let unnamed = || Case::good().header(json!({"alg": "ES256", "typ": "at+jwt"}));
    let own = Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k1"}));
    let rsa = Issuer::of(Algorithm::Rs256).jwk(json!({"kid": "k2"}));
    let other = Issuer::stranger().jwk(json!({"kid": "k3"}));
    unnamed().keys(&[own.clone(), rsa.clone()]).check(Ok(()));
    unnamed().keys(&[own.clone(), rsa.clone(), other]).check(Err(JwtError::KeyAmbiguous));
    unnamed().keys(&[rsa]).check(Err(JwtError::UnknownKid));
    let es384 = Issuer::of(Algorithm::Es384).jwk(json!({}));
    unnamed().keys(&[own.clone(), es384, own]).check(Ok(()));
}

#[test]
fn a_strangers_signature_is_refused() {
    let (result, signatures) = Case::good().run(&Issuer::stranger());
    assert_eq!((result.map(|_| ()), signatures), (Err(JwtError::Signature), 1));
}

/// An RSA key bound to one algorithm does not verify another of its family.
#[test]
fn a_bound_key_keeps_to_its_algorithm() {
    let issuer = Issuer::of(Algorithm::Rs384);
    let case = |alg: &str| {
        let members = json!({"kid": "k1", "alg": alg});
        Case::good().header(json!({"alg": "RS384", "typ": "at+jwt", "kid": "k1"})).keys(&[issuer.jwk(members)])
    };
    assert!(case("RS384").run(&issuer).0.is_ok());
    let (result, signatures) = case("RS256").run(&issuer);
    assert_eq!((result.map(|_| ()), signatures), (Err(JwtError::KeyMismatch), 0));
}

#[test]
fn the_number_of_signature_checks_is_bounded() {
    let own = Issuer::of(Algorithm::Es256).jwk(json!({"kid": "k1"}));
    let behind = |strangers: usize| {
        let others = (0..strangers).map(|_| Issuer::stranger().jwk(json!({"kid": "k1"})));
        let keys: Vec<Value> = others.chain([own.clone()]).collect();
        let (result, signatures) = Case::good().keys(&keys).run(&Issuer::of(Algorithm::Es256));
        (result.map(|_| ()), signatures)
    };
    assert_eq!(behind(KEY_TRIES_MAX.saturating_sub(1)), (Ok(()), KEY_TRIES_MAX));
    assert_eq!(behind(KEY_TRIES_MAX), (Err(JwtError::KeyTries), KEY_TRIES_MAX));
}

/// What jwt-simple's own reading of claims would refuse although the signature is good.
#[test]
fn the_form_of_claims_does_not_spoil_a_signature() {
    Case::good().claim("exp", json!(1_800_000_010.5)).check(Ok(()));
    Case::good().claim("jti", json!(7)).check(Ok(()));
    Case::good().claim("nonce", json!(["a"])).check(Ok(()));
    let typ = AcceptedTyp::only("txntoken");
    let header = json!({"alg": "ES256", "typ": "txntoken", "kid": "k1", "salt": "%"});
    Case { typ, ..Case::good().header(header) }.check(Ok(()));
}
