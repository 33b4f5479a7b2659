//! One question on its way from the human to the tool: every hop printed and held against what it must be.

use serde_json::{Value, json};

use super::audit;
use super::check::{Checks, Failure};
use super::mesh::Mesh;
use super::screen::{Screen, name_of};
use crate::dev::agent::hop::Hop;
use crate::dev::agent::oauth::{JWT_BEARER, TOKEN_EXCHANGE};
use crate::dev::mcp_server::tools::QUERY_KNOWLEDGE_BASE;
use crate::dev::world::streamward;

/// What the human asks.
pub(super) const QUESTION: &str = "When does the Northwind support contract renew?";

/// The way of one question.
pub(super) struct Journey<'a> {
    mesh: &'a Mesh,
    screen: &'a Screen,
    checks: &'a mut Checks,
    trace: Vec<Hop>,
    answer: Value,
}

/// Walks hops 1 to 8 and on to the tool. Returns the claims of the token that the agent was called with.
pub(super) async fn walk(mesh: &Mesh, screen: &Screen, checks: &mut Checks) -> Result<Value, Failure> {
    let answer = mesh.ask(streamward::DEMO_USER, QUESTION).await?.json();
    let trace = serde_json::from_value(answer["trace"].clone()).map_err(Failure::setup)?;
    let mut journey = Journey { mesh, screen, checks, trace, answer };
    journey.sign_in()?;
    let task_token = journey.delegate()?;
    journey.agent_call(&task_token).await?;
    let txn = journey.tool_call(&task_token)?;
    let grant = journey.grant(&txn).await?;
    journey.arrival(&txn, &grant).await?;
    Ok(task_token)
}

/// The claims of the token that the agent is called with, of a question asked for that purpose.
pub(super) async fn task_token(mesh: &Mesh, checks: &mut Checks) -> Result<Value, Failure> {
    let answer = mesh.ask(streamward::DEMO_USER, QUESTION).await?.json();
    checks.same("the question is answered", &answer["failure"], &Value::Null)?;
    let trace: Vec<Hop> = serde_json::from_value(answer["trace"].clone()).map_err(Failure::setup)?;
    let hop = trace.into_iter().find(|hop| hop.hop == 4);
    checks.some("hop 4 was made", hop).map(|hop| hop.received["access_token"]["claims"].clone())
}

impl Journey<'_> {
    /// The record of a hop; the last where it took more than one request.
    fn hop(&mut self, number: u8) -> Result<Hop, Failure> {
        let found = self.trace.iter().rev().find(|hop| hop.hop == number).cloned();
        self.checks.some(&format!("hop {number} was made"), found)
    }

    fn succeeded(&mut self, hop: &Hop) -> Result<(), Failure> {
        if hop.status != 200 {
            self.screen.bad(&format!("{} {}", hop.status, hop.received));
        }
        self.checks.same(&format!("status of hop {}", hop.hop), &json!(hop.status), &json!(200))
    }

    fn holds(&mut self, what: &str, found: &Value, expected: &Value) -> Result<(), Failure> {
        self.checks.same(what, found, expected)
    }

    /// Hops 1 and 2.
    fn sign_in(&mut self) -> Result<(), Failure> {
        let hop = self.hop(1)?;
        self.screen.hop("Hop 1", "chat app", "identity provider", "the human signs in; the app redeems the code");
        self.succeeded(&hop)?;
        let claims = &hop.received["user_token"]["claims"];
        self.screen.claims(claims);
        self.holds("hop 1: sub", &claims["sub"], &json!(streamward::DEMO_USER))?;
        self.holds("hop 1: aud", &claims["aud"], &json!(streamward::IDP_ISSUER))?;

        let hop = self.hop(2)?;
        self.screen.hop("Hop 2", "chat app", "orchestrator", &format!("“{QUESTION}”"));
        self.screen.note("with the token of hop 1");
        self.holds("hop 2: the token of hop 1", &hop.sent["bearer"]["claims"]["jti"], &claims["jti"])
    }

    /// Hops 3 and 4.
    fn delegate(&mut self) -> Result<Value, Failure> {
        let chain = json!({
            "sub": streamward::ORCHESTRATOR, "sub_profile": "ai_agent",
            "act": { "sub": streamward::CHAT_APP, "sub_profile": "web_app" },
        });
        let hop = self.hop(3)?;
        let what = "token exchange: the human's token for an ID-JAG, meant for one agent";
        self.screen.hop("Hop 3", "orchestrator", "identity provider", what);
        self.succeeded(&hop)?;
        let id_jag = &hop.received["id_jag"]["claims"];
        self.screen.claims(id_jag);
        self.holds("hop 3: aud", &id_jag["aud"], &json!(streamward::RAS_KNOWLEDGE_ISSUER))?;
        self.holds("hop 3: scope", &id_jag["scope"], &json!(streamward::EXECUTE))?;
        self.holds("hop 3: act", &id_jag["act"], &chain)?;

        let hop = self.hop(4)?;
        let what = "the ID-JAG for an access token that this agent alone accepts";
        self.screen.hop("Hop 4", "orchestrator", "the agent's authorization server", what);
        self.succeeded(&hop)?;
        let claims = hop.received["access_token"]["claims"].clone();
        self.screen.claims(&claims);
        self.holds("hop 4: aud", &claims["aud"], &json!(streamward::KNOWLEDGE_RESOURCE))?;
        self.holds("hop 4: cid", &claims["cid"], &json!(streamward::ORCHESTRATOR))?;
        self.holds("hop 4: scp", &claims["scp"], &json!([streamward::EXECUTE]))?;
        self.holds("hop 4: act", &claims["act"], &chain)?;
        Ok(claims)
    }

    /// Hop 5.
    async fn agent_call(&mut self, task_token: &Value) -> Result<(), Failure> {
        let hop = self.hop(5)?;
        let what = "A2A message/send over mutual TLS";
        self.screen.hop("Hop 5", "orchestrator", "gateway → Corp-Knowledge-Agent", what);
        self.succeeded(&hop)?;
        self.screen.note("with the token of hop 4");
        self.holds("hop 5: the token of hop 4", &hop.sent["bearer"]["claims"]["jti"], &task_token["jti"])?;
        let txn = self.checks.some("hop 5: the gateway's transaction id", hop.txn)?;
        let decision = audit::decision(&self.mesh.envoy, &txn).await;
        let decision = self.checks.some("hop 5: a decision on record", decision)?;
        self.screen.fact("record", &format!("{} by the gateway, txn {txn}", decision["decision"]).replace('"', ""));
        self.holds("hop 5: decision", &decision["decision"], &json!("allow"))
    }

    /// Hop 6, as far as the agent sees it. Returns the transaction id.
    fn tool_call(&mut self, task_token: &Value) -> Result<String, Failure> {
        let hop = self.hop(6)?;
        let what = format!("MCP tools/call {QUERY_KNOWLEDGE_BASE} over mutual TLS");
        self.screen.hop("Hop 6", "Corp-Knowledge-Agent", "gateway", &what);
        self.screen.note("with the token of hop 4: the agent has no other, and none for the database");
        self.holds("hop 6: the token of hop 4", &hop.sent["bearer"]["claims"]["jti"], &task_token["jti"])?;
        self.checks.some("hop 6: the gateway's transaction id", hop.txn)
    }

    /// Hops 7 and 8, which nobody but the gateway and the issuers take part in.
    async fn grant(&mut self, txn: &str) -> Result<Value, Failure> {
        let id_jag = self.issued(streamward::IDP, TOKEN_EXCHANGE).await?;
        let what = "token exchange as the agent: the token of hop 4 for an ID-JAG, for what this tool needs";
        self.screen.hop("Hop 7", "gateway", "identity provider", what);
        self.screen.claims(&id_jag);
        let token = self.issued(streamward::RAS_AURORADB, JWT_BEARER).await?;
        let what = "the ID-JAG, with the agent's signature, for the token the tool will see";
        self.screen.hop("Hop 8", "gateway", "the database's authorization server", what);
        self.screen.claims(&token);

        let event = audit::grant(&self.mesh.envoy, txn).await;
        let event = self.checks.some("hops 7 and 8 on record", event)?;
        let code = event.get("code").unwrap_or(&event["event"]);
        if code == "grant" {
            self.screen.fact("record", &format!("grant by the gateway, txn {txn}"));
        } else {
            self.screen.record("record  ", "actgate event", &event);
        }
        self.holds("hop 8: what came back is what was asked for", code, &json!("grant"))?;
        self.holds("hop 7: the ID-JAG of the record", &event["id_jag_jti"], &id_jag["jti"])?;
        self.holds("hop 7: outermost actor", &id_jag["act"]["sub"], &json!(streamward::KNOWLEDGE_AGENT))?;
        self.holds("hop 7: scope", &id_jag["scope"], &json!(streamward::READ))?;
        self.holds("hop 8: the token of the record", &event["issued_jti"], &token["jti"])?;
        Ok(token)
    }

    /// What an issuer gave the gateway last.
    async fn issued(&mut self, issuer: &str, grant: &str) -> Result<Value, Failure> {
        let entries = self.mesh.ledger(issuer).await?;
        let ours = |entry: &&Value| entry["client"] == streamward::KNOWLEDGE_AGENT && entry["grant"] == grant;
        let claims = entries.iter().rev().find(ours).map(|entry| entry["issued"].clone());
        self.checks.some(&format!("{issuer} issued a token"), claims.filter(Value::is_object))
    }

    /// What the tool finally saw.
    async fn arrival(&mut self, txn: &str, token: &Value) -> Result<(), Failure> {
        let hop = self.hop(6)?;
        self.succeeded(&hop)?;
        let records = self.mesh.tool_records();
        self.holds("the tool was called once", &json!(records.len()), &json!(1))?;
        let seen = records.into_iter().next().unwrap_or_default();
        self.screen.hop("", "gateway", "Aurora DB MCP server", "the request, with the token of hop 8 and no other");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value, joint: &str| {
            let items: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            items.into_iter().map(name_of).collect::<Vec<_>>().join(joint)
        };
        self.screen.fact("human", &text(&seen["human"]));
        self.screen.fact("agent", name_of(&text(&seen["agent"])));
        self.screen.fact("chain", &list(&seen["chain"], " ⟵ "));
        self.screen.fact("scope", &list(&seen["scope"], " "));
        self.screen.fact("txn", &text(&seen["txn"]));
        let decision = audit::decision(&self.mesh.envoy, txn).await;
        let decision = self.checks.some("hop 6: a decision on record", decision)?;
        self.screen.record("record  ", "actgate decision", &decision);
        let answer = text(&self.answer["answer"]);
        self.screen.fact("answer", answer.lines().next().unwrap_or_default());

        let chain = json!([streamward::KNOWLEDGE_AGENT, streamward::ORCHESTRATOR, streamward::CHAT_APP]);
        self.holds("the tool saw the human", &seen["human"], &json!(streamward::DEMO_USER))?;
        self.holds("the tool saw the agent", &seen["agent"], &json!(streamward::KNOWLEDGE_AGENT))?;
        self.holds("the tool saw the chain", &seen["chain"], &chain)?;
        self.holds("the tool saw the scope", &seen["scope"], &json!([streamward::READ]))?;
        self.holds("the tool saw the token of hop 8", &seen["token"]["claims"], token)?;
        self.holds("the tool saw the transaction id", &seen["txn"], &json!(txn))?;
        self.holds("hop 6: decision", &decision["decision"], &json!("allow"))?;
        self.holds("hop 6: the human on record", &decision["subject"], &json!(streamward::DEMO_USER))
    }
}
