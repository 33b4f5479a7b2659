//! What credential goes on, as written.

use serde::Deserialize;

use super::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Exchange {
    pub(in crate::config) id_jag: Option<IdJag>,
    pub(in crate::config) token_exchange: Option<TokenExchange>,
    pub(in crate::config) identity_chaining: Option<IdentityChaining>,
    pub(in crate::config) client_credentials: Option<ClientCredentials>,
    pub(in crate::config) inject: Option<Inject>,
    pub(in crate::config) pass_through: Option<PassThrough>,
    pub(in crate::config) transaction_token: Option<TransactionToken>,
    pub(in crate::config) dpop: Option<DpopKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DpopKey {
    pub(in crate::config) key: Option<Secret>,
    pub(in crate::config) algorithm: Option<String>,
    pub(in crate::config) origin: Option<String>,
    pub(in crate::config) grant: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TransactionToken {
    pub(in crate::config) server: Option<String>,
    pub(in crate::config) audience: Option<String>,
    pub(in crate::config) subject_token_type: Option<String>,
    pub(in crate::config) requesting_workload: Option<String>,
    pub(in crate::config) actor: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
    pub(in crate::config) lineage: Option<LineageOfTransaction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct LineageOfTransaction {
    pub(in crate::config) transaction_token: Option<LineageOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct IdJag {
    pub(in crate::config) idp: Option<String>,
    pub(in crate::config) resource_server: Option<String>,
    pub(in crate::config) resource: Option<String>,
    pub(in crate::config) subject_token_type: Option<String>,
    pub(in crate::config) issued_token: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
    pub(in crate::config) lineage: Option<Lineage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TokenExchange {
    pub(in crate::config) server: Option<String>,
    pub(in crate::config) resource: Option<String>,
    pub(in crate::config) audience: Option<String>,
    pub(in crate::config) subject_token_type: Option<String>,
    pub(in crate::config) requested_token_type: Option<String>,
    pub(in crate::config) actor_token: Option<ActorToken>,
    pub(in crate::config) actor: Option<String>,
    pub(in crate::config) issued_token: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
    pub(in crate::config) lineage: Option<LineageOfToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ActorToken {
    pub(in crate::config) token_type: Option<String>,
    pub(in crate::config) token: Option<Secret>,
    pub(in crate::config) from_header: Option<String>,
    pub(in crate::config) audience: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
    pub(in crate::config) required: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct IdentityChaining {
    pub(in crate::config) idp: Option<String>,
    pub(in crate::config) resource_server: Option<String>,
    pub(in crate::config) resource: Option<String>,
    pub(in crate::config) subject_token_type: Option<String>,
    pub(in crate::config) grant_typ: Option<Vec<String>>,
    pub(in crate::config) actor: Option<String>,
    pub(in crate::config) issued_token: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
    pub(in crate::config) lineage: Option<LineageOfChaining>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ClientCredentials {
    pub(in crate::config) server: Option<String>,
    pub(in crate::config) resource: Option<String>,
    pub(in crate::config) subject: Option<String>,
    pub(in crate::config) issued_token: Option<String>,
    pub(in crate::config) max_lifetime: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct LineageOfToken {
    pub(in crate::config) access_token: Option<LineageOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct LineageOfChaining {
    pub(in crate::config) grant: Option<LineageOf>,
    pub(in crate::config) access_token: Option<LineageOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Lineage {
    pub(in crate::config) id_jag: Option<LineageOf>,
    pub(in crate::config) access_token: Option<LineageOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct LineageOf {
    pub(in crate::config) same_subject: Option<Vec<SameSubject>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SameSubject {
    pub(in crate::config) inbound: Option<String>,
    pub(in crate::config) issued: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct PassThrough {
    pub(in crate::config) audience: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Inject {
    pub(in crate::config) r#as: Option<String>,
    pub(in crate::config) header: Option<String>,
    pub(in crate::config) prefix: Option<String>,
    pub(in crate::config) username: Option<String>,
    pub(in crate::config) secret: Option<Secret>,
}

impl Exchange {
    /// The names of the kinds that are there; a transaction token may stand beside any of them.
    pub(in crate::config) fn kinds(&self) -> Vec<&'static str> {
        let kinds = [
            ("id_jag", self.id_jag.is_some()),
            ("token_exchange", self.token_exchange.is_some()),
            ("identity_chaining", self.identity_chaining.is_some()),
            ("client_credentials", self.client_credentials.is_some()),
            ("inject", self.inject.is_some()),
            ("pass_through", self.pass_through.is_some()),
        ];
        kinds.into_iter().filter_map(|(kind, is_there)| is_there.then_some(kind)).collect()
    }
}
