//! Access tokens by the thousand: the same delegation again and again, each token with an identifier of its own.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

/// A private key, made for this run.
pub(crate) enum Key {
    Es256(Box<EcdsaKeyPair>),
    Rs256(Box<RsaKeyPair>),
}

impl Key {
    /// Reads unencrypted PKCS#8.
    pub(crate) fn read(algorithm: &str, pem_file: &str) -> Self {
        let pem = std::fs::read_to_string(pem_file).expect("a file with a key");
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).expect("PEM");
        match algorithm {
            "ES256" => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
                Self::Es256(Box::new(pair.expect("a P-256 key")))
            }
            "RS256" => Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(&der).expect("an RSA key"))),
            other => panic!("no key for {other}"),
        }
    }

    /// A compact JWS of these claims.
    pub(crate) fn jws(&self, kid: &str, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": kid, "typ": typ });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(claims));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(self.sign(input.as_bytes())))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair.sign(&random, input).expect("a signature").as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).expect("a signature");
                signature
            }
        }
    }
}

/// Writes `count` tokens for the benchmark's agent, good for an hour.
pub(crate) fn write(algorithm: &str, pem_file: &str, count: usize, file: &str) {
    let key = Key::read(algorithm, pem_file);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).expect("a file to write"));
    for number in 0..count {
        let claims = json!({
            "iss": "https://issuer.bench.example", "sub": "user@bench.example", "sub_profile": "user",
            "aud": "https://agent.bench.example", "client_id": "orchestrator", "scope": "agent:execute",
            "iat": now, "exp": now + 3600, "jti": format!("{now}.{}.{number}", std::process::id()),
            "act": { "sub": "orchestrator", "sub_profile": "ai_agent", "act": { "sub": "chat-app", "sub_profile": "web_app" } },
        });
        writeln!(out, "{}", key.jws("issuer", "at+jwt", &claims)).expect("room for the tokens");
    }
}
