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
use super::knowledge_agent::KnowledgeAgentSettings;
use super::mcp_server::McpServerSettings;
use super::mcp_server::tools::{FETCH_CONTRACT_PDF, QUERY_KNOWLEDGE_BASE};
use super::orchestrator::OrchestratorSettings;
use super::token_check::TokenRule;
use super::world::{World, streamward};

/// The knowledge agent's path at the gateway and behind it.
pub const KNOWLEDGE_PATH: &str = "/agents/knowledge";
/// The MCP server's path at the gateway and behind it.
pub const AURORADB_PATH: &str = "/auroradb/mcp";

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
            knowledge_server: self.authorization_server(self.named_issuer(streamward::RAS_KNOWLEDGE)?)?,
            knowledge_resource: streamward::KNOWLEDGE_RESOURCE.to_owned(),
            knowledge_scope: streamward::EXECUTE.to_owned(),
            knowledge_agent: self.through_gateway(KNOWLEDGE_PATH),
            spelling: Spelling::V03,
        })
    }

    /// What the knowledge agent is told.
    pub fn knowledge_agent_settings(&self) -> Result<KnowledgeAgentSettings, Lacking> {
        let issuer = self.named_issuer(streamward::RAS_KNOWLEDGE)?;
        Ok(KnowledgeAgentSettings {
            listen: loopback(self.ports.knowledge_agent),
            path: KNOWLEDGE_PATH.to_owned(),
            accept: rule(issuer, streamward::KNOWLEDGE_RESOURCE),
            scope: streamward::EXECUTE.to_owned(),
            jwks: self.at(issuer, issuer.jwks_uri())?,
            identity: self.tls_identity(streamward::KNOWLEDGE_AGENT)?,
            mcp_server: self.through_gateway(AURORADB_PATH),
        })
    }

    /// What the MCP server is told.
    pub fn mcp_server_settings(&self) -> Result<McpServerSettings, Lacking> {
        let issuer = self.named_issuer(streamward::RAS_AURORADB)?;
        let scopes = [QUERY_KNOWLEDGE_BASE, FETCH_CONTRACT_PDF];
        Ok(McpServerSettings {
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
