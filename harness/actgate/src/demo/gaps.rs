//! The blueprint's four gaps: tokens that are right in all but one property.
//!
//! Guaranteed: every one is signed by the key of the issuer whose tokens the gateway accepts, so it is not the signature that fails.
//! Each is sent to the gateway and to the same Envoy without the filter, by the same agent with the same certificate.

use serde_json::{Value, json};

use super::audit;
use super::check::{Checks, Failure};
use super::journey::QUESTION;
use super::mesh::Mesh;
use super::screen::Screen;
use crate::dev::agent::bearer::Token;
use crate::dev::agent::client::{Client, Reply, Target};
use crate::dev::agent::mcp;
use crate::dev::agent::oauth::{TOKEN_EXCHANGE, fresh_secret};
use crate::dev::keys::SigningKey;
use crate::dev::mcp_server::tools::{FETCH_CONTRACT_PDF, QUERY_KNOWLEDGE_BASE};
use crate::dev::mint;
use crate::dev::world::streamward;

const TEN_YEARS: u64 = 315_360_000;

/// A call, and what becomes of it.
struct Case {
    gap: Option<&'static str>,
    what: &'static str,
    tool: &'static str,
    /// The one property that differs from the good token.
    change: fn(&mut Value),
    /// Status and code; none for the good ones.
    refused: Option<(u16, &'static str)>,
}

const CASES: [Case; 8] = [
    Case { gap: None, what: "the good token", tool: QUERY_KNOWLEDGE_BASE, change: |_| {}, refused: None },
    Case {
        gap: Some("1  shadow AI"),
        what: "no iss",
        tool: QUERY_KNOWLEDGE_BASE,
        change: |claims| remove(claims, "iss"),
        refused: Some((401, "token_issuer_missing")),
    },
    Case {
        gap: None,
        what: "act.sub: an unregistered agent",
        tool: QUERY_KNOWLEDGE_BASE,
        change: |claims| claims["act"]["sub"] = json!("wlpshadow00000000001d7"),
        refused: Some((403, "actor_unregistered")),
    },
    Case {
        gap: Some("2  over-privilege"),
        what: "scp: the database as well",
        tool: QUERY_KNOWLEDGE_BASE,
        change: |claims| claims["scp"] = json!([streamward::EXECUTE, streamward::WRITE]),
        refused: Some((401, "scope_forbidden")),
    },
    Case {
        gap: None,
        what: "exp: ten years after iat",
        tool: QUERY_KNOWLEDGE_BASE,
        change: |claims| claims["exp"] = json!(claims["iat"].as_u64().unwrap_or_default() + TEN_YEARS),
        refused: Some((401, "token_lifetime_too_long")),
    },
    Case {
        gap: Some("3  impersonation"),
        what: "no act",
        tool: QUERY_KNOWLEDGE_BASE,
        change: |claims| remove(claims, "act"),
        refused: Some((401, "delegation_required")),
    },
    Case {
        gap: Some("4  no governance: a contract"),
        what: "the good token",
        tool: FETCH_CONTRACT_PDF,
        change: |_| {},
        refused: None,
    },
    Case {
        gap: None,
        what: "sub_profile: service, not user",
        tool: FETCH_CONTRACT_PDF,
        change: |claims| claims["sub_profile"] = json!("service"),
        refused: Some((403, "human_required")),
    },
];

fn remove(claims: &mut Value, name: &str) {
    if let Some(members) = claims.as_object_mut() {
        members.remove(name);
    }
}

/// Calls the tool with each token, on the gateway and without the filter. `good` are the claims of a token that passed.
pub(super) async fn show(mesh: &Mesh, screen: &Screen, checks: &mut Checks, good: &Value) -> Result<(), Failure> {
    screen.heading("The four gaps");
    screen
        .line("The agent calls the tool with tokens that its authorization server signed, each wrong in one property.");
    screen.line("The same call goes to the same Envoy without the filter, and on to a server that trusts the network.");
    screen.line("");
    screen.columns("", "with actgate", "without the filter");
    let key = mesh.world.issuer_keys(streamward::RAS_KNOWLEDGE).into_iter().next();
    let key = key.ok_or_else(|| Failure::setup("the issuer has no key"))?;
    let identity = mesh.world.tls_identity(streamward::KNOWLEDGE_AGENT).map_err(Failure::setup)?;
    let agent = Client::with_identity(&identity).map_err(Failure::setup)?;
    let (seen, asked) = (mesh.tool_records().len(), exchanges(mesh).await?);
    let mut good = good.clone();
    // Another token than the one exchanged before, so that this one is exchanged too.
    good["jti"] = json!(format!("AT.{}", fresh_secret()));
    for case in &CASES {
        Call { mesh, screen, case, agent: &agent }.make(checks, &key, &good).await?;
    }
    let allowed = CASES.iter().filter(|case| case.refused.is_none()).count();
    let (seen, asked) = (mesh.tool_records().len() - seen, exchanges(mesh).await? - asked);
    screen.line("");
    screen.line(&format!(
        "{} refused: the identity provider was not asked about them, and the tool heard of none.",
        CASES.len() - allowed
    ));
    checks.same("calls that reached the tool", &json!(seen), &json!(allowed))?;
    checks.same("exchanges for all of them", &json!(asked), &json!(1))
}

async fn exchanges(mesh: &Mesh) -> Result<usize, Failure> {
    let entries = mesh.ledger(streamward::IDP).await?;
    Ok(entries.iter().filter(|entry| entry["grant"] == TOKEN_EXCHANGE).count())
}

struct Call<'a> {
    mesh: &'a Mesh,
    screen: &'a Screen,
    case: &'a Case,
    agent: &'a Client,
}

impl Call<'_> {
    async fn make(&self, checks: &mut Checks, key: &SigningKey, good: &Value) -> Result<(), Failure> {
        let case = self.case;
        if let Some(gap) = case.gap {
            self.screen.heading(&format!("  {gap}"));
        }
        let mut claims = good.clone();
        (case.change)(&mut claims);
        let token = Token::new(mint::access_token(key, &claims));
        let with = self.send(&self.mesh.gateway(), &token).await?;
        let without = self.send(&self.mesh.bare(), &token).await?;
        self.screen.row(
            &format!("   {}", case.what),
            &told(&with),
            (with.status == 200) == case.refused.is_none(),
            &told(&without),
        );
        let txn = self.txn(checks, &with)?;
        let decision = audit::decision(&self.mesh.envoy, &txn).await;
        let decision = checks.some(&format!("{}: a decision on record", case.what), decision)?;
        let is_the_record_shown = case.refused.is_some() && case.tool == FETCH_CONTRACT_PDF;
        if is_the_record_shown {
            self.screen.record("   record", "actgate decision", &decision);
        }
        let (status, code) = case.refused.unwrap_or((200, "allowed"));
        let whose = |what: &str| format!("{}, {}: {what}", case.tool, case.what);
        checks.same(&whose("the gateway's record"), &decision["code"], &json!(code))?;
        checks.same(&whose("the gateway's status"), &json!(with.status), &json!(status))?;
        if case.refused.is_some() {
            checks.same(&whose("the gateway's answer"), &json!(code_of(&with)), &json!(code))?;
        }
        checks.same(&whose("status without the filter"), &json!(without.status), &json!(200))?;
        checks.some(&whose("documents without the filter"), rows(&without)).map(drop)
    }

    fn txn(&self, checks: &mut Checks, reply: &Reply) -> Result<String, Failure> {
        let txn = reply.header(crate::dev::agent::hop::TXN_HEADER).map(str::to_owned);
        checks.some("the gateway's transaction id", txn)
    }

    async fn send(&self, target: &Target, token: &Token) -> Result<Reply, Failure> {
        let arguments = match self.case.tool {
            FETCH_CONTRACT_PDF => json!({ "document_id": "MSA-2041" }),
            _ => json!({ "query": QUESTION }),
        };
        let request = mcp::tool_call(self.case.tool, &arguments);
        mcp::send(self.agent, target, Some(token), &request).await.map_err(Failure::setup)
    }
}

fn code_of(reply: &Reply) -> String {
    let code = mcp::response(reply).pointer("/error/data/code").and_then(Value::as_str).map(str::to_owned);
    code.unwrap_or_default()
}

fn rows(reply: &Reply) -> Option<usize> {
    mcp::response(reply).pointer("/result/structuredContent/rows")?.as_array().map(Vec::len)
}

fn told(reply: &Reply) -> String {
    match rows(reply) {
        Some(1) => format!("{}  1 document", reply.status),
        Some(rows) => format!("{}  {rows} documents", reply.status),
        None => format!("{}  {}", reply.status, code_of(reply)),
    }
}
