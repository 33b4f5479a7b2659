//! The shipped `mcp-router.yaml`: two MCP servers behind one endpoint, between two filters.

use std::collections::BTreeMap;

use actgate::dev::issuer::config::{Connection, ResourcePolicy, Role};
use actgate::dev::world::{World, streamward};
use serde_json::json;

use crate::document;
use crate::envoy_gateway::{EnvoyGateway, Options, new_world};

/// What the second server is known as.
pub const ERP_RESOURCE: &str = "https://streamward.com/erp/mcp";
/// What its only tool needs.
pub const ERP_SCOPE: &str = "ERP:payments.read";

/// One more resource at the database's authorization server, and the agent's way to it.
fn with_erp(mut world: World) -> World {
    for issuer in &mut world.issuers {
        match &mut issuer.role {
            Role::IdentityProvider(policy) => {
                let resources = policy.resource_servers.entry(streamward::RAS_AURORADB_ISSUER.to_owned()).or_default();
                resources.push(ERP_RESOURCE.to_owned());
                policy.connections.push(Connection {
                    client: streamward::KNOWLEDGE_AGENT.to_owned(),
                    audience: streamward::RAS_AURORADB_ISSUER.to_owned(),
                    resource: ERP_RESOURCE.to_owned(),
                    scopes: vec![ERP_SCOPE.to_owned()],
                    client_id_at_audience: None,
                });
            }
            Role::ResourceServer(policy) if issuer.name == streamward::RAS_AURORADB => {
                let scopes = vec![ERP_SCOPE.to_owned()];
                let user_scopes = [(streamward::DEMO_USER_ID.to_owned(), scopes)].into();
                let rights = ResourcePolicy { user_scopes, client_scopes: BTreeMap::new() };
                policy.resources.insert(ERP_RESOURCE.to_owned(), rights);
            }
            Role::ResourceServer(_) => {}
        }
    }
    world
}

/// The document of one of the two filters, as it is shipped.
pub fn document(name: &str) -> String {
    document::read(&format!("envoy-config/mcp-router/{name}"))
}

/// The gateway in front of that loopback port, which stands for both servers.
///
/// # Panics
/// It does not start.
pub fn start(behind: u16) -> EnvoyGateway {
    let options = Options {
        bootstrap: "mcp-router.yaml",
        behind: Some(behind),
        further: vec![
            ("ACTGATE_FRONT_JSON", document("front.json")),
            ("ACTGATE_BACK_JSON", document("back.json")),
            ("ERP_SERVER_HOST", "127.0.0.1".to_owned()),
            ("ERP_SERVER_PORT", behind.to_string()),
        ],
        ..Options::default()
    };
    EnvoyGateway::start(with_erp(new_world()), &json!({}), &options).unwrap_or_else(|error| panic!("{error}"))
}
