//! From the world document to what each process is told.
//!
//! Guaranteed: every address is on loopback, and the gateway is reached under its public name.
//! Absent on purpose: defaults. A world without certificates gives no settings.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use super::agent::a2a::Spelling;
use super::agent::client::{Target, TlsIdentity, Transport};
use super::agent::oauth::{AuthorizationServer, OAuthClient};
use super::frontend::FrontendSettings;
use super::issuer::config::IssuerConfig;
use super::mcp_server::McpServerSettings;
use super::mcp_server::tools::{Catalogue, FETCH_CONTRACT_PDF, GET_PAYMENT_HISTORY, QUERY_KNOWLEDGE_BASE};
use super::orchestrator::{Callee, OrchestratorSettings};
use super::token_check::TokenRule;
use super::tool_agent::ToolAgentSettings;
use super::tool_agent::plan::Duty;
use super::workflow_gateway::WorkflowGatewaySettings;
use super::world::branches::{BRANCHES, Branch, CRM, PAYMENTS, WORKFLOW};
use super::world::{World, streamward};

/// The knowledge agent's path at the gateway and behind it.
pub const KNOWLEDGE_PATH: &str = "/agents/knowledge";
/// The MCP server's path at the gateway and behind it.
pub const AURORADB_PATH: &str = "/auroradb/mcp";

/// What prompts for the agents of the branches have in them.
const BRANCH_WORDS: [&[&str]; 2] = [&["paid", "payment", "invoice"], &["incident", "ticket", "euros"]];

/// What a world lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking(String);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the world has no {}", self.0)
    }
}

impl std::error::Error for Lacking {}

impl World {
    /// What the frontend is told.
    pub fn frontend_settings(&self) -> Result<FrontendSettings, Lacking> {
        let identity_provider = self.named_issuer(streamward::IDP)?;
        Ok(FrontendSettings {
            listen: loopback(self.ports.frontend),
            client: self.oauth_client(streamward::CHAT_APP)?,
            identity_provider: self.authorization_server(identity_provider)?,
            authorization_endpoint: self.at(identity_provider, identity_provider.authorization_endpoint())?,
            redirect_uri: streamward::REDIRECT_URI.to_owned(),
            scope: "openid profile email".to_owned(),
            orchestrator: Target {
                url: format!("http://127.0.0.1:{}/tasks", self.ports.orchestrator),
                address: loopback(self.ports.orchestrator),
                transport: Transport::Plain,
            },
        })
    }

    /// What the orchestrator is told.
    pub fn orchestrator_settings(&self) -> Result<OrchestratorSettings, Lacking> {
        let identity_provider = self.named_issuer(streamward::IDP)?;
        Ok(OrchestratorSettings {
            listen: loopback(self.ports.orchestrator),
            client: self.oauth_client(streamward::ORCHESTRATOR)?,
            identity: self.tls_identity(streamward::ORCHESTRATOR)?,
            // A user's token is for the server that issued it.
            accept: rule(identity_provider, &identity_provider.issuer),
            jwks: self.at(identity_provider, identity_provider.jwks_uri())?,
            identity_provider: self.authorization_server(identity_provider)?,
            agents: self.callees()?,
            spelling: Spelling::V03,
        })
    }

    /// The agents of this world; the one for everything else comes last.
    fn callees(&self) -> Result<Vec<Callee>, Lacking> {
        let mut callees = Vec::new();
        for (branch, words) in BRANCHES.iter().zip(BRANCH_WORDS) {
            let Some(server) = self.issuer_config(branch.agent_server.name) else { continue };
            callees.push(Callee {
                name: branch.name,
                words,
                server: self.authorization_server(server)?,
                resource: branch.agent_resource.to_owned(),
                scope: branch.execute.to_owned(),
                target: self.through_gateway(branch.agent_path),
            });
        }
        callees.push(Callee {
            name: "the knowledge agent",
            words: &[],
            server: self.authorization_server(self.named_issuer(streamward::RAS_KNOWLEDGE)?)?,
            resource: streamward::KNOWLEDGE_RESOURCE.to_owned(),
            scope: streamward::EXECUTE.to_owned(),
            target: self.through_gateway(KNOWLEDGE_PATH),
        });
        Ok(callees)
    }

    /// What the knowledge agent is told.
    pub fn knowledge_agent_settings(&self) -> Result<ToolAgentSettings, Lacking> {
        let issuer = self.named_issuer(streamward::RAS_KNOWLEDGE)?;
        Ok(ToolAgentSettings {
            name: "knowledge-agent".to_owned(),
            duty: Duty::Knowledge,
            listen: loopback(self.ports.knowledge_agent),
            path: KNOWLEDGE_PATH.to_owned(),
            accept: rule(issuer, streamward::KNOWLEDGE_RESOURCE),
            scope: streamward::EXECUTE.to_owned(),
            jwks: self.at(issuer, issuer.jwks_uri())?,
            identity: self.tls_identity(streamward::KNOWLEDGE_AGENT)?,
            back_end: self.through_gateway(AURORADB_PATH),
        })
    }

    /// What the CRM agent is told.
    pub fn crm_agent_settings(&self) -> Result<ToolAgentSettings, Lacking> {
        self.branch_agent(&CRM, Duty::Crm, self.ports.branches.agents[0])
    }

    /// What the workflow agent is told.
    pub fn workflow_agent_settings(&self) -> Result<ToolAgentSettings, Lacking> {
        self.branch_agent(&WORKFLOW, Duty::Workflow, self.ports.branches.agents[1])
    }

    fn branch_agent(&self, branch: &Branch, duty: Duty, port: u16) -> Result<ToolAgentSettings, Lacking> {
        let issuer = self.named_issuer(branch.agent_server.name)?;
        Ok(ToolAgentSettings {
            name: branch.process.to_owned(),
            duty,
            listen: loopback(port),
            path: branch.agent_path.to_owned(),
            accept: rule(issuer, branch.agent_resource),
            scope: branch.execute.to_owned(),
            jwks: self.at(issuer, issuer.jwks_uri())?,
            identity: self.tls_identity(branch.agent)?,
            back_end: self.through_gateway(branch.path),
        })
    }

    /// What the ERP MCP server is told.
    pub fn erp_server_settings(&self) -> Result<McpServerSettings, Lacking> {
        let issuer = self.named_issuer(CRM.server.name)?;
        Ok(McpServerSettings {
            catalogue: Catalogue::Erp,
            listen: loopback(self.ports.branches.back_ends[0]),
            path: CRM.path.to_owned(),
            accept: rule(issuer, CRM.resource),
            jwks: self.at(issuer, issuer.jwks_uri())?,
            tool_scopes: [(GET_PAYMENT_HISTORY.to_owned(), PAYMENTS.to_owned())].into(),
            method_scope: PAYMENTS.to_owned(),
            ..self.mcp_server_settings()?
        })
    }

    /// What the OpenAPI gateway is told.
    pub fn workflow_gateway_settings(&self) -> Result<WorkflowGatewaySettings, Lacking> {
        let issuer = self.named_issuer(WORKFLOW.server.name)?;
        Ok(WorkflowGatewaySettings {
            listen: loopback(self.ports.branches.back_ends[1]),
            path: WORKFLOW.path.to_owned(),
            accept: rule(issuer, WORKFLOW.resource),
            jwks: self.at(issuer, issuer.jwks_uri())?,
        })
    }

    /// What the MCP server is told.
    pub fn mcp_server_settings(&self) -> Result<McpServerSettings, Lacking> {
        let issuer = self.named_issuer(streamward::RAS_AURORADB)?;
        let scopes = [QUERY_KNOWLEDGE_BASE, FETCH_CONTRACT_PDF];
        Ok(McpServerSettings {
            catalogue: Catalogue::AuroraDb,
            listen: loopback(self.ports.mcp_server),
            records_listen: loopback(0),
            path: AURORADB_PATH.to_owned(),
            allowed_hosts: [self.gateway_host.as_str(), "localhost", "127.0.0.1"].map(str::to_owned).to_vec(),
            accept: rule(issuer, streamward::AURORADB_RESOURCE),
            jwks: self.at(issuer, issuer.jwks_uri())?,
            tool_scopes: BTreeMap::from(scopes.map(|tool| (tool.to_owned(), streamward::READ.to_owned()))),
            method_scope: streamward::READ.to_owned(),
            ungoverned: false,
        })
    }

    /// The certificate files of an agent.
    pub fn tls_identity(&self, agent: &str) -> Result<TlsIdentity, Lacking> {
        let certificates = self.certificates.as_ref().ok_or_else(|| Lacking("certificates".to_owned()))?;
        let files = certificates.agents.get(agent).ok_or_else(|| Lacking(format!("certificate of {agent}")))?;
        Ok(TlsIdentity {
            certificate: files.certificate.clone(),
            private_key: files.key.clone(),
            authority: certificates.authority.clone(),
        })
    }

    /// A path at the gateway, over mutual TLS.
    pub fn through_gateway(&self, path: &str) -> Target {
        Target {
            url: format!("https://{}{path}", self.gateway_host),
            address: loopback(self.ports.gateway),
            transport: Transport::MutualTls,
        }
    }

    fn named_issuer(&self, name: &str) -> Result<&IssuerConfig, Lacking> {
        self.issuer_config(name).ok_or_else(|| Lacking(format!("issuer {name}")))
    }

    fn oauth_client(&self, id: &str) -> Result<OAuthClient, Lacking> {
        let key = self.client_key(id).ok_or_else(|| Lacking(format!("key of {id}")))?;
        Ok(OAuthClient::new(id, key.clone()))
    }

    fn authorization_server(&self, issuer: &IssuerConfig) -> Result<AuthorizationServer, Lacking> {
        Ok(AuthorizationServer {
            issuer: issuer.issuer.clone(),
            token_endpoint: self.at(issuer, issuer.token_endpoint())?,
            assertion_audience: issuer.assertion_audience(),
        })
    }

    fn at(&self, issuer: &IssuerConfig, url: String) -> Result<Target, Lacking> {
        let port = self.issuer_port(&issuer.name).ok_or_else(|| Lacking(format!("port of {}", issuer.name)))?;
        Ok(Target { url, address: loopback(port), transport: Transport::Plain })
    }
}

fn rule(issuer: &IssuerConfig, audience: &str) -> TokenRule {
    TokenRule { issuer: issuer.issuer.clone(), audience: audience.to_owned() }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
