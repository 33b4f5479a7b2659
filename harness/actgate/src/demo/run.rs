//! The mesh, left up for people: what to type to try it.
//!
//! Guaranteed: the token and the key are in files only their owner can read, and no line printed holds either.

use std::fs;

use serde_json::{Value, json};

use super::check::{Checks, Failure};
use super::journey::{QUESTION, task_token};
use super::mesh::Mesh;
use super::screen::Screen;
use crate::dev::certs::CertificateFiles;
use crate::dev::mcp_server::tools::{FETCH_CONTRACT_PDF, QUERY_KNOWLEDGE_BASE};
use crate::dev::mint;
use crate::dev::settings::AURORADB_PATH;
use crate::dev::world::{streamward, write_secret};

/// Writes what a person needs, and says what to type.
pub(super) async fn explain(mesh: &Mesh, screen: &Screen, checks: &mut Checks) -> Result<(), Failure> {
    let claims = task_token(mesh, checks).await?;
    let key = mesh.world.issuer_keys(streamward::RAS_KNOWLEDGE).into_iter().next();
    let key = key.ok_or_else(|| Failure::setup("the issuer has no key"))?;
    let token = mint::access_token(&key, &claims);
    let certificates = mesh.world.certificates.as_ref().ok_or_else(|| Failure::setup("no certificates"))?;
    let agent = certificates.agents.get(streamward::KNOWLEDGE_AGENT);
    let agent = agent.ok_or_else(|| Failure::setup("the agent has no certificate"))?;
    for (name, identity) in [("agent", agent), ("stranger", &certificates.stranger)] {
        let text = curl_options(mesh, identity, &token);
        write_secret(&mesh.dir().join(format!("{name}.curl")), &text).map_err(Failure::setup)?;
    }
    for (name, request) in [
        ("query", call(QUERY_KNOWLEDGE_BASE, "query", QUESTION)),
        ("contract", call(FETCH_CONTRACT_PDF, "document_id", "MSA-2041")),
        ("question", json!({ "login": streamward::DEMO_USER, "question": QUESTION })),
    ] {
        fs::write(mesh.dir().join(format!("{name}.json")), request.to_string()).map_err(Failure::setup)?;
    }
    let at = |port: u16| format!("https://{}:{port}{AURORADB_PATH}", mesh.world.gateway_host);
    let frontend = mesh.world.ports.frontend;

    screen.heading("What stands where");
    screen.line(&format!("DIR={}", mesh.dir().display()));
    screen.line(&format!("GATEWAY={}", at(mesh.world.ports.gateway)));
    screen.line(&format!("WITHOUT={}", at(mesh.bare_address().port())));
    screen.heading("Ask as a human: the answer, and every hop with its token");
    screen.line(&format!("curl -s http://127.0.0.1:{frontend}/ask -d @$DIR/question.json | python3 -m json.tool"));
    screen.heading("Call a tool as the agent, with the token it was called with, which lives an hour");
    screen.line("curl -si -K $DIR/agent.curl $GATEWAY -d @$DIR/query.json");
    screen.line("curl -si -K $DIR/agent.curl $GATEWAY -d @$DIR/contract.json");
    screen.heading("The same token in another's hands, with the filter and without");
    screen.line("curl -si -K $DIR/stranger.curl $GATEWAY -d @$DIR/query.json");
    screen.line("curl -si -K $DIR/stranger.curl $WITHOUT -d @$DIR/query.json");
    screen.heading("What is on record, and what is counted");
    screen.line("grep -o 'actgate [de].*' $DIR/envoy/envoy.log");
    screen.line(&format!("curl -s 'http://{}/stats?filter=actgate'", mesh.envoy.admin()));
    screen.heading("Everything ends with ctrl-c.");
    Ok(())
}

/// What `curl -K` reads: certificate, key, headers. 2025-06-18 is spoken, which needs no routing headers.
fn curl_options(mesh: &Mesh, identity: &CertificateFiles, token: &str) -> String {
    let world = &mesh.world;
    let resolve = |port: u16| format!("resolve = \"{}:{port}:127.0.0.1\"\n", world.gateway_host);
    let authority = world.certificates.as_ref().map(|certificates| certificates.authority.display().to_string());
    [
        resolve(world.ports.gateway),
        resolve(mesh.bare_address().port()),
        format!("cacert = \"{}\"\n", authority.unwrap_or_default()),
        format!("cert = \"{}\"\n", identity.certificate.display()),
        format!("key = \"{}\"\n", identity.key.display()),
        format!("header = \"authorization: Bearer {token}\"\n"),
        "header = \"content-type: application/json\"\n".to_owned(),
        "header = \"accept: application/json, text/event-stream\"\n".to_owned(),
        "header = \"mcp-protocol-version: 2025-06-18\"\n".to_owned(),
    ]
    .concat()
}

fn call(tool: &str, argument: &str, value: &str) -> Value {
    let params = json!({ "name": tool, "arguments": { argument: value } });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
}
