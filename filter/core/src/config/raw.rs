//! The document as written: its members and their types, nothing more.
//!
//! Every struct refuses members it does not know.
//! Every member is optional here, so that the checks can say why one is needed where it is missing.

mod exchange;
mod one_or_many;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::redacted::Redacted;

pub(super) use exchange::{
    ActorToken, ClientCredentials, DpopKey, Exchange, IdJag, IdentityChaining, Inject, Lineage, LineageOf,
    LineageOfChaining, LineageOfToken, LineageOfTransaction, PassThrough, TokenExchange, TransactionToken,
};
pub(super) use one_or_many::OneOrMany;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) allow_on_headers_stop_iteration: Option<bool>,
    pub(super) authorization_servers: Option<BTreeMap<String, Server>>,
    pub(super) agents: Option<BTreeMap<String, Agent>>,
    pub(super) resources: Option<Vec<Resource>>,
    pub(super) revoked: Option<Vec<Revoked>>,
    pub(super) api_key_header: Option<String>,
    pub(super) sharing: Option<Sharing>,
    pub(super) record: Option<Recorded>,
    pub(super) trust_domains: Option<BTreeMap<String, TrustDomain>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoked {
    pub(super) authorization_server: Option<String>,
    pub(super) jti: Option<String>,
    pub(super) sub: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) api_key_sha256: Option<String>,
    pub(super) dpop_key: Option<String>,
    pub(super) certificate_sha256: Option<String>,
    pub(super) issued_before: Option<u64>,
    pub(super) until: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) filter_state: Option<Vec<String>>,
    pub(super) log: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sharing {
    pub(super) secret: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) issuer: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) introspection_endpoint: Option<String>,
    pub(super) jwks: Option<Jwks>,
    pub(super) cluster: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) client_assertion_audience: Option<String>,
    pub(super) algorithms: Option<Vec<String>>,
    pub(super) typ: Option<Vec<String>>,
    pub(super) clock_skew: Option<String>,
    pub(super) discovery: Option<Discovery>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustDomain {
    pub(super) jwks: Option<Jwks>,
    pub(super) cluster: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) algorithms: Option<Vec<String>>,
    pub(super) clock_skew: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discovery {
    pub(super) document: Option<String>,
    pub(super) refresh: Option<String>,
    pub(super) max_stale: Option<String>,
    pub(super) authorities: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jwks {
    pub(super) uri: Option<String>,
    pub(super) refresh: Option<String>,
    pub(super) max_stale: Option<String>,
    pub(super) keys: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) name: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) status: Option<String>,
    pub(super) profiles: Option<Vec<String>>,
    pub(super) resource: Option<String>,
    pub(super) spiffe_id: Option<String>,
    pub(super) dpop_keys: Option<Vec<String>>,
    pub(super) api_key_sha256: Option<Vec<String>>,
    pub(super) client_ids: Option<BTreeMap<String, String>>,
    pub(super) credential: Option<Credential>,
    pub(super) issuer: Option<String>,
    pub(super) ceiling: Option<Ceiling>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ceiling {
    pub(super) scopes: Option<Vec<String>>,
    pub(super) resources: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    pub(super) private_key_jwt: Option<OneOrMany<PrivateKeyJwt>>,
    pub(super) client_secret_basic: Option<BTreeMap<String, OneOrMany<Secret>>>,
    pub(super) client_secret_post: Option<BTreeMap<String, OneOrMany<Secret>>>,
    pub(super) tls_client_auth: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrivateKeyJwt {
    pub(super) alg: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) x5t_s256: Option<String>,
    pub(super) not_before: Option<u64>,
    pub(super) key: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) env: Option<String>,
    pub(super) insecure_inline: Option<Redacted<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) name: Option<String>,
    pub(super) r#match: Option<Match>,
    pub(super) accept: Option<Accept>,
    pub(super) exchange: Option<Exchange>,
    pub(super) mcp: Option<Mcp>,
    pub(super) a2a: Option<A2a>,
    pub(super) rest: Option<Rest>,
    pub(super) max_body: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) streams: Option<Streams>,
    pub(super) strip_cookies: Option<bool>,
    pub(super) observe: Option<Observe>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Observe {
    pub(super) until: Option<String>,
    pub(super) rules: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Streams {
    pub(super) max_duration: Option<String>,
    pub(super) end_with_token: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    pub(super) hosts: Option<Vec<String>>,
    pub(super) path_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) resource: Option<String>,
    pub(super) scopes_supported: Option<Vec<String>>,
    pub(super) authorization_servers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    pub(super) authorization_server: Option<String>,
    pub(super) origins: Option<Vec<String>>,
    pub(super) other_issuers: Option<Vec<OtherIssuer>>,
    pub(super) audience: Option<String>,
    pub(super) presenter: Option<String>,
    pub(super) caller: Option<Value>,
    pub(super) dpop: Option<Dpop>,
    pub(super) workloads: Option<Workloads>,
    pub(super) introspection: Option<Introspection>,
    pub(super) required_scopes: Option<Vec<String>>,
    pub(super) forbidden_scopes: Option<Vec<String>>,
    pub(super) max_lifetime: Option<String>,
    pub(super) subject_profiles: Option<Vec<String>>,
    pub(super) delegation: Option<Delegation>,
    pub(super) authentication: Option<Authentication>,
    pub(super) entitlements: Option<String>,
    pub(super) claims: Option<Vec<ClaimRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authentication {
    pub(super) max_age: Option<String>,
    pub(super) acr_values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimRule {
    pub(super) at: Option<String>,
    pub(super) r#const: Option<Value>,
    pub(super) r#enum: Option<Vec<Value>>,
    pub(super) contains: Option<Value>,
    pub(super) absent: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtherIssuer {
    pub(super) authorization_server: Option<String>,
    pub(super) audience: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Introspection {
    pub(super) client: Option<String>,
    pub(super) cache: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Workloads {
    pub(super) agents: Option<Vec<String>>,
    pub(super) by: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dpop {
    pub(super) origin: Option<String>,
    pub(super) algorithms: Option<Vec<String>>,
    pub(super) max_age: Option<String>,
    pub(super) nonce_secret: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delegation {
    pub(super) required: Option<bool>,
    pub(super) max_actors: Option<u64>,
    pub(super) actor_profiles: Option<Vec<String>>,
    pub(super) unregistered_prior_actors: Option<String>,
    pub(super) repeated_actors: Option<String>,
    pub(super) actor_issuer: Option<String>,
    pub(super) client: Option<String>,
    pub(super) current_actors: Option<Vec<String>>,
    pub(super) groups: Option<String>,
    pub(super) pairs: Option<Vec<Pair>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    pub(super) subjects: Option<Vec<String>>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) actors: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mcp {
    pub(super) tools: Option<BTreeMap<String, Tool>>,
    pub(super) prompts: Option<BTreeMap<String, Prompt>>,
    pub(super) resources: Option<BTreeMap<String, McpResource>>,
    pub(super) methods: Option<Vec<String>>,
    pub(super) method_scopes: Option<Vec<String>>,
    pub(super) session: Option<Vec<String>>,
    pub(super) session_secret: Option<Secret>,
    pub(super) refusals: Option<String>,
    pub(super) resource_wide_scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    pub(super) scopes: Option<Vec<String>>,
    pub(super) demands: Option<Vec<String>>,
    pub(super) max_reuse: Option<u64>,
    pub(super) subjects: Option<Vec<String>>,
    pub(super) actors: Option<Vec<String>>,
    pub(super) arguments: Option<BTreeMap<String, Rule>>,
    pub(super) mirrored: Option<BTreeMap<String, String>>,
    pub(super) client_input: Option<String>,
    pub(super) upstream_name: Option<String>,
    pub(super) description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prompt {
    pub(super) scopes: Option<Vec<String>>,
    pub(super) demands: Option<Vec<String>>,
    pub(super) max_reuse: Option<u64>,
    pub(super) subjects: Option<Vec<String>>,
    pub(super) actors: Option<Vec<String>>,
    pub(super) arguments: Option<BTreeMap<String, Rule>>,
    pub(super) mirrored: Option<BTreeMap<String, String>>,
    pub(super) client_input: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct McpResource {
    pub(super) scopes: Option<Vec<String>>,
    pub(super) demands: Option<Vec<String>>,
    pub(super) max_reuse: Option<u64>,
    pub(super) subjects: Option<Vec<String>>,
    pub(super) actors: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct A2a {
    pub(super) methods: Option<BTreeMap<String, A2aMethod>>,
    pub(super) push_notification_urls: Option<Vec<String>>,
    pub(super) task_secret: Option<Secret>,
    pub(super) agent_card: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct A2aMethod {
    pub(super) scopes: Option<Vec<String>>,
    pub(super) demands: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rest {
    pub(super) operations: Option<BTreeMap<String, RestOperation>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestOperation {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) refused: Option<bool>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) demands: Option<Vec<String>>,
    pub(super) max_reuse: Option<u64>,
    pub(super) subjects: Option<Vec<String>>,
    pub(super) actors: Option<Vec<String>>,
    pub(super) path_rules: Option<BTreeMap<String, Rule>>,
    pub(super) query: Option<BTreeMap<String, Rule>>,
    pub(super) body_rules: Option<BTreeMap<String, Rule>>,
    pub(super) forms: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) r#type: Option<String>,
    pub(super) r#const: Option<Value>,
    pub(super) r#enum: Option<Vec<Value>>,
    pub(super) min: Option<Value>,
    pub(super) max: Option<Value>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) prefix: Option<String>,
    pub(super) equals_claim: Option<String>,
    pub(super) absent: Option<bool>,
    pub(super) required: Option<bool>,
}
