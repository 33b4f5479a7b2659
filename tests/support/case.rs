//! A case as data: one attack, or one thing that must work.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::UpstreamAnswer;

/// One named case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Named after the attack or the behaviour; unique.
    pub id: String,
    /// What somebody tries, in one sentence.
    pub attack: String,
    /// The rule that decides it.
    pub spec: String,
    /// Misbehaviour of issuers while the case runs, by issuer.
    #[serde(default)]
    pub issuers: BTreeMap<String, Vec<String>>,
    /// Changes to the filter's configuration, in order; resources are addressed by index.
    #[serde(default)]
    pub config: Vec<Edit>,
    /// Part of the error with which the configuration must be refused; nothing is sent then.
    pub load_error: Option<String>,
    /// What is sent, in order.
    pub steps: Vec<Step>,
}

/// One replacement in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// JSON pointer.
    pub at: String,
    /// The new value; null removes. `{"jwk": "<key>"}` with members to set becomes the public key of that name, see [`crate::token::key`].
    pub set: Value,
}

/// One request and what must come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How the token is made.
    #[serde(default)]
    pub token: TokenRecipe,
    /// What differs from the good request.
    #[serde(default)]
    pub request: RequestRecipe,
    /// How the JWT-SVID differs from the good one, where one comes along in `x-spiffe-jwt-svid`.
    pub svid: Option<TokenRecipe>,
    /// How the DPoP proof is made, where there is one.
    pub dpop: Option<ProofRecipe>,
    /// Misbehaviour of issuers from this step on, by issuer.
    #[serde(default)]
    pub issuers: BTreeMap<String, Vec<String>>,
    /// True where all misbehaviour ends before this step.
    #[serde(default)]
    pub behave: bool,
    /// How often it is sent; what is wanted is wanted of the last time.
    #[serde(default = "once")]
    pub times: usize,
    /// Seconds to let pass before it.
    #[serde(default)]
    pub after_seconds: u64,
    /// What the upstream answers.
    #[serde(default = "ok")]
    pub upstream: u16,
    /// What else the upstream answers.
    #[serde(default)]
    pub upstream_answer: Option<UpstreamAnswer>,
    /// `allowed`, `metadata`, or the code of the refusal.
    pub want: String,
    /// The status, where the code alone does not say it.
    pub status: Option<u16>,
    /// Where the resource observes: what it would have been, and the caller's own credential goes on.
    pub observed: Option<String>,
    /// What the record must say, by JSON pointer; null for a member that must be absent.
    #[serde(default)]
    pub record: BTreeMap<String, Value>,
    /// Claims that the upstream's token must have, by JSON pointer.
    #[serde(default)]
    pub upstream_claims: BTreeMap<String, Value>,
    /// Claims that the upstream's transaction token must have, by JSON pointer.
    #[serde(default)]
    pub upstream_transaction: BTreeMap<String, Value>,
    /// Claims that the gateway's own proof must have beside the upstream's token, by JSON pointer; null for one that must be absent.
    #[serde(default)]
    pub upstream_proof: BTreeMap<String, Value>,
    /// True where the inbound token is meant to reach the upstream.
    #[serde(default)]
    pub passes_through: bool,
    /// Headers that must not have reached the upstream.
    #[serde(default)]
    pub upstream_lacks: Vec<String>,
    /// What a header must say that reached the upstream; null for one that must not have.
    #[serde(default)]
    pub upstream_headers: BTreeMap<String, Option<String>>,
    /// What the body must have that reached the upstream, by JSON pointer; null for a member that must be null or absent.
    #[serde(default)]
    pub upstream_body: BTreeMap<String, Value>,
    /// The body that must have reached the upstream, byte for byte.
    pub upstream_raw_body: Option<String>,
    /// Texts that must be in the answer.
    #[serde(default)]
    pub answer_has: Vec<String>,
    /// Texts that must not be in the answer.
    #[serde(default)]
    pub answer_lacks: Vec<String>,
    /// The whole answer.
    pub answer: Option<String>,
    /// The earlier step whose upstream credential this one must share.
    pub same_credential_as: Option<usize>,
    /// The earlier step whose upstream credential this one must not share.
    pub other_credential_than: Option<usize>,
    /// What the gateway's own reply must have, by JSON pointer; null for a member that must be null or absent.
    #[serde(default)]
    pub reply: BTreeMap<String, Value>,
    /// What a header of the gateway's own reply must contain; null for one that must be absent.
    #[serde(default)]
    pub reply_headers: BTreeMap<String, Option<String>>,
}

fn ok() -> u16 {
    200
}

fn once() -> usize {
    1
}

/// How a token differs from the good one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecipe {
    /// Whether there is one at all; `none` sends no credential.
    pub presented: Option<String>,
    /// Claims to set; null removes. `now`-relative times are written as `{"now": seconds}`.
    #[serde(default)]
    pub claims: BTreeMap<String, Value>,
    /// All claims, instead of the good ones.
    pub all_claims: Option<Value>,
    /// Header members to set; null removes.
    #[serde(default)]
    pub header: BTreeMap<String, Value>,
    /// Whose key signs: an issuer's name, or `stranger`.
    pub signed_by: Option<String>,
    /// One of the broken forms, applied last.
    pub broken: Option<String>,
    /// True for an opaque token with those claims, which only its server can read.
    #[serde(default)]
    pub opaque: bool,
    /// The bytes of the claims, verbatim.
    pub raw_claims: Option<String>,
    /// The bytes of the header, verbatim.
    pub raw_header: Option<String>,
    /// True for a token minted when the case began, however long ago that is.
    #[serde(default)]
    pub minted_at_start: bool,
    /// The whole token, verbatim.
    pub verbatim: Option<String>,
    /// The token of that earlier step, byte for byte.
    pub again: Option<usize>,
    /// A chain of so many actors: the orchestrator on top, all different.
    pub actors: Option<usize>,
    /// The token is padded to exactly so many bytes.
    pub bytes: Option<usize>,
}

/// How a DPoP proof differs from the good one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProofRecipe {
    /// The key that signs.
    pub key: Option<String>,
    /// The key whose public part stands in the header, where it is another.
    pub jwk: Option<String>,
    /// Members to set in that key.
    pub jwk_members: BTreeMap<String, Value>,
    /// Header members to set; null removes.
    pub header: BTreeMap<String, Value>,
    /// Claims to set; null removes.
    pub claims: BTreeMap<String, Value>,
    /// The text whose digest is `ath`, where it is not the token.
    pub ath_of: Option<String>,
    /// The earlier step whose reply brought the nonce.
    pub nonce_of: Option<usize>,
    /// One of the broken forms, applied last.
    pub broken: Option<String>,
    /// The whole proof, verbatim.
    pub verbatim: Option<String>,
    /// The proof of that earlier step, byte for byte.
    pub again: Option<usize>,
}

/// How a request differs from the good one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRecipe {
    /// HTTP method.
    pub method: Option<String>,
    /// Path with query.
    pub path: Option<String>,
    /// Host.
    pub host: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The whole `authorization` values, `{token}` standing for the token.
    pub authorization: Option<Vec<String>>,
    /// `content-type`; null sends none.
    #[serde(default = "json")]
    pub content_type: Option<String>,
    /// A JSON body.
    pub body: Option<Value>,
    /// A body verbatim.
    pub raw_body: Option<String>,
    /// A body of so many bytes: a good call with padding.
    pub body_bytes: Option<usize>,
    /// A body of exactly these bytes, in hexadecimal.
    pub body_hex: Option<String>,
    /// A good call whose arguments are nested so deep, the message itself counted.
    pub body_depth: Option<usize>,
    /// True for no body at all.
    #[serde(default)]
    pub no_body: bool,
    /// Whose certificate: an agent's id, `stranger`, `none`; by default the knowledge agent's.
    pub peer: Option<String>,
}

impl Default for RequestRecipe {
    fn default() -> Self {
        Self {
            method: None,
            path: None,
            host: None,
            headers: Vec::new(),
            authorization: None,
            content_type: json(),
            body: None,
            raw_body: None,
            body_bytes: None,
            body_hex: None,
            body_depth: None,
            no_body: false,
            peer: None,
        }
    }
}

fn json() -> Option<String> {
    Some("application/json".to_owned())
}

/// Reads a file of cases.
pub fn parse(document: &str) -> Result<Vec<Case>, serde_json::Error> {
    serde_json::from_str(document)
}

/// Every case of `tests/vectors`, in the order of the file names.
pub fn all() -> Vec<Case> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of vectors")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
        if file.file_stem().is_some_and(|name| name == "pitfalls") {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a file of vectors");
        cases.extend(parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
    cases
}

impl Case {
    /// True where no time has to pass in it.
    pub fn is_quick(&self) -> bool {
        let slow = |word: &String| word.contains("slow");
        self.steps.iter().all(|step| step.after_seconds == 0) && !self.issuers.values().flatten().any(slow)
    }
}
