//! The standing example: Streamward's people, agents, resources and rights.
//!
//! Guaranteed: two humans with different rights; the second may call the agent but not the database.
//! Absent on purpose: keys and ports, which belong to a run.

use std::collections::BTreeMap;

use super::Agent;
use crate::dev::issuer::config::{
    AssertionAudience, Client, Connection, DelegationLink, IdpPolicy, IssuerConfig, RasPolicy, ResourcePolicy, Role,
    User,
};
use crate::dev::keys::PublicJwk;

/// The host name of the gateway.
pub const GATEWAY_HOST: &str = "gateway.streamward.com";

/// Name and cluster of the identity provider.
pub const IDP: &str = "idp";
/// Name and cluster of the knowledge agent's authorization server.
pub const RAS_KNOWLEDGE: &str = "ras-knowledge";
/// Name and cluster of the Aurora DB authorization server.
pub const RAS_AURORADB: &str = "ras-auroradb";

/// Issuer identifier of the identity provider.
pub const IDP_ISSUER: &str = "https://streamward.okta.example";
/// Issuer identifier of the knowledge agent's authorization server.
pub const RAS_KNOWLEDGE_ISSUER: &str = "https://streamward.okta.example/oauth2/aus0";
/// Issuer identifier of the Aurora DB authorization server.
pub const RAS_AURORADB_ISSUER: &str = "https://streamward.okta.example/oauth2/aus1";

/// Client id of the chat application.
pub const CHAT_APP: &str = "0oarbboyj0J3R67xy1d7";
/// Client id of the orchestrator agent.
pub const ORCHESTRATOR: &str = "wlps2fwpkzi3raviM1d7";
/// Client id of the knowledge agent.
pub const KNOWLEDGE_AGENT: &str = "wlpzantde10QGRrpF1d7";

/// Resource identifier of the orchestrator.
pub const ORCHESTRATOR_RESOURCE: &str = "https://streamward.com/orchestrator";
/// Resource identifier of the knowledge agent.
pub const KNOWLEDGE_RESOURCE: &str = "https://streamward.com/corp/knowledge";
/// What the services behind the gateway are together: the audience of transaction tokens.
pub const TRUST_DOMAIN: &str = "https://services.streamward.com";
/// Resource identifier of the Aurora DB MCP server.
pub const AURORADB_RESOURCE: &str = "https://streamward.com/auroradb/mcp";

/// Scope to call the knowledge agent.
pub const EXECUTE: &str = "Corp-Knowledge-Agent:execute";
/// Scope to read the database.
pub const READ: &str = "Aurora-DB:read";
/// Scope to write to the database: a right of the first human, never of the agent.
pub const WRITE: &str = "Aurora-DB:write";

/// The first human.
pub const DEMO_USER: &str = "demouser@streamward.com";
/// Directory id of the first human.
pub const DEMO_USER_ID: &str = "00u1rsjejbueuQNhB1d7";
/// The second human, without rights at the database.
pub const SECOND_USER: &str = "seconduser@streamward.com";
/// Directory id of the second human.
pub const SECOND_USER_ID: &str = "00u2k7dmwxqarTVpC1d7";

/// Where the chat application takes its authorization codes.
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// The SPIFFE trust domain of the agents.
pub const SPIFFE_TRUST_DOMAIN: &str = "streamward.com";
/// Name of the key that signs the agents' JWT-SVIDs.
pub const SVID_KEY: &str = "spire";

/// The variable that holds the knowledge agent's key in the filter's VM.
pub const KNOWLEDGE_KEY_VARIABLE: &str = "CORP_KNOWLEDGE_KEY";

/// The token that says at the identity provider that the knowledge agent acts; an example, so it may be known.
pub const KNOWLEDGE_ACTOR_TOKEN: &str = "opaque-actor-token-of-the-knowledge-agent";

/// The knowledge agent's client secret, with everything in it that an encoding can spoil; an example, so it may be known.
pub const KNOWLEDGE_SECRET: &str = "opaque-secret p+w/%:=&";

/// The three authorization servers; `key_of` gives a client's public key.
pub fn issuers(key_of: impl Fn(&str) -> PublicJwk) -> Vec<IssuerConfig> {
    let client = |id: &str| -> (String, Client) {
        let agent = agents().into_iter().find(|agent| agent.id == id).expect("only listed agents are clients");
        let is_chat_app = id == CHAT_APP;
        let registration = Client {
            name: agent.name,
            profile: agent.profile,
            active: true,
            keys: vec![key_of(id)],
            redirect_uris: if is_chat_app { vec![REDIRECT_URI.to_owned()] } else { Vec::new() },
            resource: agent.resource,
            spiffe_id: agent.spiffe_id,
            secret: (id == KNOWLEDGE_AGENT).then(|| KNOWLEDGE_SECRET.to_owned()),
            has_certificate: false,
            actor_token: (id == KNOWLEDGE_AGENT).then(|| KNOWLEDGE_ACTOR_TOKEN.to_owned()),
        };
        (id.to_owned(), registration)
    };
    let server = |name: &str, issuer: &str, clients: &[&str], role| IssuerConfig {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        client_assertion_audience: AssertionAudience::TokenEndpoint,
        access_token_typ: Some("at+jwt".to_owned()),
        clients: clients.iter().map(|id| client(id)).collect(),
        users: users(),
        role,
        trust_domain: None,
    };
    vec![
        server(IDP, IDP_ISSUER, &[CHAT_APP, ORCHESTRATOR, KNOWLEDGE_AGENT], Role::IdentityProvider(idp_policy())),
        server(
            RAS_KNOWLEDGE,
            RAS_KNOWLEDGE_ISSUER,
            &[ORCHESTRATOR, KNOWLEDGE_AGENT],
            governs(KNOWLEDGE_RESOURCE, &[(DEMO_USER_ID, &[EXECUTE]), (SECOND_USER_ID, &[EXECUTE])]),
        ),
        with_certificate(server(
            RAS_AURORADB,
            RAS_AURORADB_ISSUER,
            &[KNOWLEDGE_AGENT],
            governs(AURORADB_RESOURCE, &[(DEMO_USER_ID, &[READ, WRITE])]),
        )),
    ]
}

/// The agent may show a certificate at the database's server.
fn with_certificate(mut server: IssuerConfig) -> IssuerConfig {
    for client in server.clients.values_mut() {
        client.has_certificate = true;
    }
    server
}

fn users() -> Vec<User> {
    [(DEMO_USER_ID, DEMO_USER), (SECOND_USER_ID, SECOND_USER)]
        .map(|(id, email)| User { id: id.to_owned(), email: email.to_owned(), active: true })
        .to_vec()
}

fn idp_policy() -> IdpPolicy {
    let connection = |client: &str, audience: &str, resource: &str, scope: &str| Connection {
        client: client.to_owned(),
        audience: audience.to_owned(),
        resource: resource.to_owned(),
        scopes: vec![scope.to_owned()],
        client_id_at_audience: None,
    };
    let link = |from: &str, to: &str| DelegationLink { from: from.to_owned(), to: to.to_owned() };
    IdpPolicy {
        resource_servers: BTreeMap::from([
            (RAS_KNOWLEDGE_ISSUER.to_owned(), vec![KNOWLEDGE_RESOURCE.to_owned()]),
            (RAS_AURORADB_ISSUER.to_owned(), vec![AURORADB_RESOURCE.to_owned()]),
            (TRUST_DOMAIN.to_owned(), vec![TRUST_DOMAIN.to_owned()]),
        ]),
        connections: vec![
            connection(ORCHESTRATOR, RAS_KNOWLEDGE_ISSUER, KNOWLEDGE_RESOURCE, EXECUTE),
            connection(KNOWLEDGE_AGENT, RAS_AURORADB_ISSUER, AURORADB_RESOURCE, READ),
            connection(KNOWLEDGE_AGENT, TRUST_DOMAIN, TRUST_DOMAIN, READ),
        ],
        delegation_links: vec![link(CHAT_APP, ORCHESTRATOR), link(ORCHESTRATOR, KNOWLEDGE_AGENT)],
        sign_in_scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
    }
}

fn governs(resource: &str, rights: &[(&str, &[&str])]) -> Role {
    let rights = rights
        .iter()
        .map(|(user, scopes)| ((*user).to_owned(), scopes.iter().map(|scope| (*scope).to_owned()).collect()));
    let own =
        if resource == AURORADB_RESOURCE { vec![(KNOWLEDGE_AGENT.to_owned(), vec![READ.to_owned()])] } else { vec![] };
    let policy = ResourcePolicy { user_scopes: rights.collect(), client_scopes: own.into_iter().collect() };
    Role::ResourceServer(RasPolicy {
        identity_provider: IDP_ISSUER.to_owned(),
        resources: BTreeMap::from([(resource.to_owned(), policy)]),
    })
}

/// The registry of agents and applications.
pub fn agents() -> Vec<Agent> {
    let agent = |id: &str, name: &str, profile: &str| Agent {
        id: id.to_owned(),
        name: name.to_owned(),
        owner: "agents@streamward.com".to_owned(),
        profile: profile.to_owned(),
        resource: None,
        spiffe_id: None,
        key_variable: None,
    };
    vec![
        agent(CHAT_APP, "Chat App", "web_app"),
        Agent {
            resource: Some(ORCHESTRATOR_RESOURCE.to_owned()),
            spiffe_id: Some("spiffe://streamward.com/ns/agents/sa/orchestrator".to_owned()),
            ..agent(ORCHESTRATOR, "Orchestrator", "ai_agent")
        },
        Agent {
            resource: Some(KNOWLEDGE_RESOURCE.to_owned()),
            spiffe_id: Some("spiffe://streamward.com/ns/agents/sa/corp-knowledge".to_owned()),
            key_variable: Some(KNOWLEDGE_KEY_VARIABLE.to_owned()),
            ..agent(KNOWLEDGE_AGENT, "Corp-Knowledge-Agent", "ai_agent")
        },
    ]
}
