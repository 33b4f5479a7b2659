//! The rest of the mesh: every other call of the blueprint, each with the token that its back end saw.
//!
//! Guaranteed: each question is asked at the chat application like the first, and goes to its agent by A2A through the gateway.
//! What is printed of a token is what the back end says it was shown, and it must be for this one call.

use serde_json::{Value, json};

use super::audit;
use super::check::{Checks, Failure};
use super::mesh::Mesh;
use super::screen::{Screen, name_of};
use crate::dev::agent::bearer::Token;
use crate::dev::agent::client::Client;
use crate::dev::agent::hop::Hop;
use crate::dev::agent::mcp;
use crate::dev::mcp_server::tools::{FETCH_CONTRACT_PDF, GET_PAYMENT_HISTORY, QUERY_KNOWLEDGE_BASE};
use crate::dev::mint;
use crate::dev::settings::AURORADB_PATH;
use crate::dev::workflow_gateway::{CREATE_EXPENSE_CLAIM, READ_INCIDENTS};
use crate::dev::world::branches::{CRM, EXPENSES, INCIDENTS, PAYMENTS, WORKFLOW};
use crate::dev::world::streamward;

/// A question, and the call that it must become.
struct Case {
    question: &'static str,
    agent: &'static str,
    execute: &'static str,
    back_end: &'static str,
    /// Tool or operation.
    call: &'static str,
    audience: &'static str,
    scope: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        question: "Has Northwind paid its invoices?",
        agent: CRM.agent,
        execute: CRM.execute,
        back_end: CRM.back_end,
        call: GET_PAYMENT_HISTORY,
        audience: CRM.resource,
        scope: PAYMENTS,
    },
    Case {
        question: "Show me MSA-2041, please.",
        agent: streamward::KNOWLEDGE_AGENT,
        execute: streamward::EXECUTE,
        back_end: "mcp-server",
        call: FETCH_CONTRACT_PDF,
        audience: streamward::AURORADB_RESOURCE,
        scope: streamward::READ,
    },
    Case {
        question: "Which incident tickets are open?",
        agent: WORKFLOW.agent,
        execute: WORKFLOW.execute,
        back_end: WORKFLOW.back_end,
        call: READ_INCIDENTS,
        audience: WORKFLOW.resource,
        scope: INCIDENTS,
    },
    Case {
        question: "Claim 42 euros for the taxi to Northwind.",
        agent: WORKFLOW.agent,
        execute: WORKFLOW.execute,
        back_end: WORKFLOW.back_end,
        call: CREATE_EXPENSE_CLAIM,
        audience: WORKFLOW.resource,
        scope: EXPENSES,
    },
];

/// Asks every question, and then calls what no agent may.
pub(super) async fn show(mesh: &Mesh, screen: &Screen, checks: &mut Checks) -> Result<(), Failure> {
    screen.heading("The rest of the mesh");
    screen.line("The orchestrator hands each question to its agent, and each call reaches its back end with a token of its own.");
    let mut tokens = Vec::new();
    for case in &CASES {
        tokens.push(ask(mesh, screen, checks, case).await?);
    }
    let mut ids: Vec<String> = tokens.iter().map(|claims| claims["jti"].to_string()).collect();
    ids.sort();
    ids.dedup();
    checks.same("different tokens", &json!(ids.len()), &json!(CASES.len()))?;
    outside(mesh, screen, checks).await
}

/// Asks one question. Returns the claims of the token that the back end saw.
async fn ask(mesh: &Mesh, screen: &Screen, checks: &mut Checks, case: &Case) -> Result<Value, Failure> {
    let whose = |what: &str| format!("{}: {what}", case.call);
    let answer = mesh.ask(streamward::DEMO_USER, case.question).await?.json();
    if let Some(failure) = answer.get("failure") {
        screen.bad(&failure.to_string());
    }
    checks.same(&whose("the question is answered"), &answer["failure"], &Value::Null)?;
    let trace: Vec<Hop> = serde_json::from_value(answer["trace"].clone()).map_err(Failure::setup)?;
    let hop = |number: u8| trace.iter().rev().find(|hop| hop.hop == number);

    let delegated = checks.some(&whose("hop 4 was made"), hop(4))?;
    let delegated = &delegated.received["access_token"]["claims"];
    checks.same(&whose("the agent's token, scp"), &delegated["scp"], &json!([case.execute]))?;
    for number in [5, 6] {
        let call = checks.some(&whose(&format!("hop {number} was made")), hop(number))?;
        let sent = &call.sent["bearer"]["claims"]["jti"];
        checks.same(&whose(&format!("hop {number}: the token of hop 4")), sent, &delegated["jti"])?;
        let txn = checks.some(&whose("the gateway's transaction id"), call.txn.clone())?;
        let decision = audit::decision(&mesh.envoy, &txn).await;
        let decision = checks.some(&whose(&format!("hop {number}: a decision on record")), decision)?;
        checks.same(&whose(&format!("hop {number}: decision")), &decision["decision"], &json!("allow"))?;
    }

    let seen = mesh.records(case.back_end).pop();
    let seen = checks.some(&whose("the back end saw it"), seen)?;
    let token = seen["token"]["claims"].clone();
    let chain = json!([case.agent, streamward::ORCHESTRATOR, streamward::CHAT_APP]);
    checks.same(&whose("what was called"), &seen["tool"], &json!(case.call))?;
    checks.same(&whose("decision of the back end"), &seen["decision"], &json!("accepted"))?;
    checks.same(&whose("aud"), &token["aud"], &json!(case.audience))?;
    checks.same(&whose("scp"), &token["scp"], &json!([case.scope]))?;
    checks.same(&whose("cid"), &token["cid"], &json!(case.agent))?;
    checks.same(&whose("the human"), &seen["human"], &json!(streamward::DEMO_USER))?;
    checks.same(&whose("the chain"), &seen["chain"], &chain)?;

    screen.line("");
    screen.line(&format!("“{}”", case.question));
    screen.fact("call", &format!("{} → {} → {}", name_of(case.agent), case.call, name_of(case.audience)));
    let names: Vec<&str> = chain.as_array().into_iter().flatten().filter_map(Value::as_str).map(name_of).collect();
    screen.fact("token", &format!("scp {}   act {}", token["scp"], names.join(" ⟵ ")));
    Ok(token)
}

/// The CRM agent, with a good token of its own, tries what it has no business with.
async fn outside(mesh: &Mesh, screen: &Screen, checks: &mut Checks) -> Result<(), Failure> {
    let answer = mesh.ask(streamward::DEMO_USER, "Has Northwind paid?").await?.json();
    let trace: Vec<Hop> = serde_json::from_value(answer["trace"].clone()).map_err(Failure::setup)?;
    let hop = checks.some("hop 4 was made", trace.into_iter().find(|hop| hop.hop == 4))?;
    let key = mesh.world.issuer_keys(CRM.agent_server.name).into_iter().next();
    let key = key.ok_or_else(|| Failure::setup("the issuer has no key"))?;
    let token = Token::new(mint::access_token(&key, &hop.received["access_token"]["claims"]));
    let identity = mesh.world.tls_identity(CRM.agent).map_err(Failure::setup)?;
    let agent = Client::with_identity(&identity).map_err(Failure::setup)?;

    screen.line("");
    screen.line(&format!("{} tries what is not its own, with the good token it was called with:", CRM.name));
    let sums = || [CRM.back_end, "mcp-server", WORKFLOW.back_end].map(|name| mesh.records(name).len());
    let before = sums();
    for (path, tool, status, code) in [
        (CRM.path, "post_ledger_entry", 403, "tool_not_mapped"),
        (AURORADB_PATH, QUERY_KNOWLEDGE_BASE, 401, "token_issuer_mismatch"),
        (WORKFLOW.path, READ_INCIDENTS, 401, "token_issuer_mismatch"),
    ] {
        let request = mcp::tool_call(tool, &json!({}));
        let target = mesh.world.through_gateway(path);
        let reply = mcp::send(&agent, &target, Some(&token), &request).await.map_err(Failure::setup)?;
        let body = reply.json();
        let found = body.pointer("/error/data/code").or_else(|| body.get("code")).cloned().unwrap_or_default();
        let told = format!("{} {}", reply.status, found.as_str().unwrap_or_default());
        screen.row(&format!("   {path} {tool}"), &told, false, "");
        checks.same(&format!("{tool}: status"), &json!(reply.status), &json!(status))?;
        checks.same(&format!("{tool}: code"), &found, &json!(code))?;
    }
    checks.same("calls that reached a back end", &json!(sums()), &json!(before))
}
