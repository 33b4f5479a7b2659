//! The other agents of the mesh: who they are, what they reach, and who issues their tokens.
//!
//! Guaranteed: each agent and each of its back ends has an authorization server of its own, and no agent is connected to another's back end.
//! Absent on purpose: the knowledge agent and its database, which are in `streamward` and in every world.

use super::{Agent, World, client_key, streamward};
use crate::dev::issuer::config::{
    AssertionAudience, Client, Connection, DelegationLink, IssuerConfig, RasPolicy, ResourcePolicy, Role,
};
use crate::dev::keys::{Algorithm, PublicJwk, SigningKey};

/// An authorization server of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Name, process and cluster.
    pub name: &'static str,
    /// Issuer identifier.
    pub issuer: &'static str,
}

/// One agent and its back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The agent's process and cluster.
    pub process: &'static str,
    /// The agent's client id.
    pub agent: &'static str,
    /// The agent's name.
    pub name: &'static str,
    /// The agent's resource identifier.
    pub agent_resource: &'static str,
    /// The scope to call the agent.
    pub execute: &'static str,
    /// Who issues tokens for the agent.
    pub agent_server: Server,
    /// The agent's path at the gateway and behind it.
    pub agent_path: &'static str,
    /// The agent's workload identity.
    pub spiffe_id: &'static str,
    /// The variable that holds the agent's key in the filter's VM.
    pub key_variable: &'static str,
    /// The back end's process and cluster.
    pub back_end: &'static str,
    /// The back end's resource identifier.
    pub resource: &'static str,
    /// The back end's scopes, all of which the agent may ask for.
    pub scopes: &'static [&'static str],
    /// Who issues tokens for the back end.
    pub server: Server,
    /// The back end's path at the gateway and behind it.
    pub path: &'static str,
}

/// Scope to read customers' payments.
pub const PAYMENTS: &str = "ERP:payments.read";
/// Scope to read incident tickets.
pub const INCIDENTS: &str = "ServiceNow:read";
/// Scope to file expense claims.
pub const EXPENSES: &str = "Workday:expense";

/// The CRM agent and the ERP MCP server.
pub const CRM: Branch = Branch {
    process: "crm-agent",
    agent: "wlpcrm4agntforce0R1d7",
    name: "Agentforce-CRM-Agent",
    agent_resource: "https://streamward.com/corp/crm",
    execute: "Agentforce-CRM-Agent:execute",
    agent_server: Server { name: "ras-crm", issuer: "https://streamward.okta.example/oauth2/aus2" },
    agent_path: "/agents/crm",
    spiffe_id: "spiffe://streamward.com/ns/agents/sa/agentforce-crm",
    key_variable: "AGENTFORCE_CRM_KEY",
    back_end: "erp-server",
    resource: "https://streamward.com/erp/mcp",
    scopes: &[PAYMENTS],
    server: Server { name: "ras-erp", issuer: "https://streamward.okta.example/oauth2/aus3" },
    path: "/erp/mcp",
};

/// The workflow agent and the OpenAPI gateway to ServiceNow and Workday.
pub const WORKFLOW: Branch = Branch {
    process: "workflow-agent",
    agent: "wlpworkfl0wc0pil0t1d7",
    name: "Copilot-Workflow-Agent",
    agent_resource: "https://streamward.com/corp/workflow",
    execute: "Copilot-Workflow-Agent:execute",
    agent_server: Server { name: "ras-workflow", issuer: "https://streamward.okta.example/oauth2/aus4" },
    agent_path: "/agents/workflow",
    spiffe_id: "spiffe://streamward.com/ns/agents/sa/copilot-workflow",
    key_variable: "COPILOT_WORKFLOW_KEY",
    back_end: "workflow-gateway",
    resource: "https://streamward.com/workflow",
    scopes: &[INCIDENTS, EXPENSES],
    server: Server { name: "ras-openapi", issuer: "https://streamward.okta.example/oauth2/aus5" },
    path: "/workflow",
};

/// Both.
pub const BRANCHES: [Branch; 2] = [CRM, WORKFLOW];

impl Branch {
    /// Its authorization servers.
    pub const fn servers(&self) -> [Server; 2] {
        [self.agent_server, self.server]
    }

    fn registration(&self) -> Agent {
        Agent {
            id: self.agent.to_owned(),
            name: self.name.to_owned(),
            owner: "agents@streamward.com".to_owned(),
            profile: "ai_agent".to_owned(),
            resource: Some(self.agent_resource.to_owned()),
            spiffe_id: Some(self.spiffe_id.to_owned()),
            key_variable: Some(self.key_variable.to_owned()),
        }
    }

    fn client(&self, key: PublicJwk) -> Client {
        client(self.name, Some(self.agent_resource), key)
    }

    /// Whom the first human may be served with: all of it. The second human may call the agent and no more.
    fn issuers(&self, users: &IssuerConfig, keys: &dyn Fn(&str) -> PublicJwk) -> [IssuerConfig; 2] {
        let server = |server: Server, (id, client): (&str, Client), resource: &str, rights: Vec<(&str, Vec<&str>)>| {
            let owned = |scopes: Vec<&str>| scopes.into_iter().map(str::to_owned).collect();
            let rights = rights.into_iter().map(|(user, scopes)| (user.to_owned(), owned(scopes)));
            let policy = ResourcePolicy { user_scopes: rights.collect(), ..ResourcePolicy::default() };
            IssuerConfig {
                name: server.name.to_owned(),
                issuer: server.issuer.to_owned(),
                client_assertion_audience: AssertionAudience::TokenEndpoint,
                access_token_typ: Some("at+jwt".to_owned()),
                clients: [(id.to_owned(), client)].into(),
                users: users.users.clone(),
                trust_domain: None,
                role: Role::ResourceServer(RasPolicy {
                    identity_provider: streamward::IDP_ISSUER.to_owned(),
                    resources: [(resource.to_owned(), policy)].into(),
                }),
            }
        };
        let orchestrator =
            client("Orchestrator", Some(streamward::ORCHESTRATOR_RESOURCE), keys(streamward::ORCHESTRATOR));
        let may_call = |user| (user, vec![self.execute]);
        [
            server(
                self.agent_server,
                (streamward::ORCHESTRATOR, orchestrator),
                self.agent_resource,
                vec![may_call(streamward::DEMO_USER_ID), may_call(streamward::SECOND_USER_ID)],
            ),
            server(
                self.server,
                (self.agent, self.client(keys(self.agent))),
                self.resource,
                vec![(streamward::DEMO_USER_ID, self.scopes.to_vec())],
            ),
        ]
    }
}

fn client(name: &str, resource: Option<&str>, key: PublicJwk) -> Client {
    Client {
        name: name.to_owned(),
        profile: "ai_agent".to_owned(),
        active: true,
        keys: vec![key],
        redirect_uris: Vec::new(),
        resource: resource.map(str::to_owned),
        secret: None,
        has_certificate: false,
        actor_token: None,
        spiffe_id: None,
    }
}

/// The keys that the branches need beside those of every world, by name.
pub(super) fn keys() -> Vec<(String, SigningKey)> {
    let issuers = BRANCHES.iter().flat_map(Branch::servers).flat_map(|server| {
        (0..super::KEYS_PER_ISSUER).map(move |at| (format!("{}/{at}", server.name), format!("{}-{at}", server.name)))
    });
    let clients = BRANCHES.iter().map(|branch| (client_key(branch.agent), "k1".to_owned()));
    issuers.chain(clients).map(|(name, kid)| (name, SigningKey::generate(Algorithm::Es256, &kid))).collect()
}

/// Registers the branches everywhere they must be known.
pub(super) fn join(world: &mut World) {
    let keyring = world.keyring.clone();
    let key_of = |client: &str| keyring[&client_key(client)].public_jwk();
    let mut new = Vec::new();
    for branch in &BRANCHES {
        world.agents.push(branch.registration());
        let Some(idp) = world.issuers.iter_mut().find(|issuer| issuer.name == streamward::IDP) else { continue };
        new.extend(branch.issuers(idp, &key_of));
        idp.clients.insert(branch.agent.to_owned(), branch.client(key_of(branch.agent)));
        let Role::IdentityProvider(policy) = &mut idp.role else { continue };
        for (server, resource) in [(branch.agent_server, branch.agent_resource), (branch.server, branch.resource)] {
            policy.resource_servers.insert(server.issuer.to_owned(), vec![resource.to_owned()]);
        }
        let connection = |client: &str, server: Server, resource: &str, scopes: &[&str]| Connection {
            client: client.to_owned(),
            audience: server.issuer.to_owned(),
            resource: resource.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            client_id_at_audience: None,
        };
        let orchestrator = streamward::ORCHESTRATOR;
        policy.connections.extend([
            connection(orchestrator, branch.agent_server, branch.agent_resource, &[branch.execute]),
            connection(branch.agent, branch.server, branch.resource, branch.scopes),
        ]);
        policy.delegation_links.push(DelegationLink { from: orchestrator.to_owned(), to: branch.agent.to_owned() });
    }
    world.issuers.extend(new);
}
