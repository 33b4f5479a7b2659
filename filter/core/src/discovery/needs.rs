//! What configuration wants of a server, and so of its metadata.

use crate::config::{
    Acquisition, AuthorizationServer, ClientAuthentication, Config, Exchange, KeySource, Kind, Location,
};
use crate::exchange::form::{CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE};
use crate::limits::CLIENT_KEYS_MAX;
use crate::time::UnixSeconds;

/// What a metadata document must have, and what it should list.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Somebody asks the server for tokens, at a place that only metadata tells.
    pub(crate) token_endpoint: bool,
    /// Its keys are at a place that only metadata tells.
    pub(crate) jwks_uri: bool,
    /// The grants it is asked with.
    pub(crate) grants: Vec<&'static str>,
    /// How agents authenticate to it.
    pub(crate) methods: Vec<&'static str>,
}

impl Needs {
    /// What `config` wants of `server`.
    pub(crate) fn of(config: &Config, server: &AuthorizationServer) -> Self {
        let mut needs = Self::default();
        for resource in &config.resources {
            let exchanged = match &resource.exchange {
                Exchange::Acquire(acquisition) => Some(acquisition),
                Exchange::PassThrough { .. } | Exchange::Inject(_) | Exchange::Withheld => None,
            };
            for acquisition in exchanged.into_iter().chain(&resource.transaction) {
                grants(acquisition, server).for_each(|grant| note(&mut needs.grants, grant));
            }
        }
        if needs.grants.is_empty() {
            needs.jwks_uri = keys_are_elsewhere(server);
            return needs;
        }
        for credential in config.agents.iter().filter_map(|agent| agent.credential.as_ref()) {
            for method in
                (0..CLIENT_KEYS_MAX).filter_map(|nth| credential.at(&server.name, nth, UnixSeconds::new(u64::MAX)))
            {
                note(&mut needs.methods, word(&method));
            }
        }
        needs.token_endpoint = server.token_endpoint == Some(Location::Discovered);
        needs.jwks_uri = keys_are_elsewhere(server);
        needs
    }
}

fn keys_are_elsewhere(server: &AuthorizationServer) -> bool {
    matches!(&server.keys, KeySource::Remote(remote) if remote.endpoint == Location::Discovered)
}

fn note(words: &mut Vec<&'static str>, word: &'static str) {
    if !words.contains(&word) {
        words.push(word);
    }
}

fn grants(acquisition: &Acquisition, server: &AuthorizationServer) -> impl Iterator<Item = &'static str> {
    let for_grant = acquisition.kind.grant().filter(|grant| grant.idp.name == server.name).map(|_| TOKEN_EXCHANGE);
    let for_token = (acquisition.server.name == server.name).then_some(match &acquisition.kind {
        Kind::IdJag(_) | Kind::IdentityChaining(_) => JWT_BEARER,
        Kind::TokenExchange(_) | Kind::TransactionToken(_) => TOKEN_EXCHANGE,
        Kind::ClientCredentials { .. } => CLIENT_CREDENTIALS,
    });
    for_grant.into_iter().chain(for_token)
}

/// IANA, OAuth Token Endpoint Authentication Methods.
const fn word(method: &ClientAuthentication<'_>) -> &'static str {
    match method {
        ClientAuthentication::PrivateKeyJwt(_) => "private_key_jwt",
        ClientAuthentication::SecretBasic(_) => "client_secret_basic",
        ClientAuthentication::SecretPost(_) => "client_secret_post",
        ClientAuthentication::TlsClientAuth => "tls_client_auth",
    }
}
