//! The tools, as the SDK serves them.
//!
//! Guaranteed: a tool runs only for a `Caller` the admission put beside the request, and checks its
//! own scope again, so that what is authorized is what is run.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ResourceContents, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

use super::admission::Caller;
use crate::dev::store::{Row, Store, pdf};

/// Searches the articles.
pub const QUERY_KNOWLEDGE_BASE: &str = "query_knowledge_base";
/// Fetches one contract.
pub const FETCH_CONTRACT_PDF: &str = "fetch_unstructured_contract_pdf";

/// Tells what a customer paid.
pub const GET_PAYMENT_HISTORY: &str = "get_customer_payment_history";

/// Which server this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// The knowledge base.
    AuroraDb,
    /// The billing system.
    Erp,
}

/// The longest argument a tool reads, in bytes.
const ARGUMENT_BYTES_MAX: usize = 4096;

/// The server side of the tools.
#[derive(Clone, Debug)]
pub struct Tools {
    catalogue: Catalogue,
    store: Arc<Store>,
}

impl Tools {
    /// Tools over this store.
    pub fn new(catalogue: Catalogue, store: Arc<Store>) -> Self {
        Self { catalogue, store }
    }

    fn payments(&self, caller: &Caller, customer: &str) -> CallToolResult {
        let payments = self.store.payments(caller.reader(), customer);
        let shown: Vec<String> = payments.iter().map(|row| format!("[{}] {}", row.id, row.text)).collect();
        let text = if shown.is_empty() { format!("No payments of {customer}.") } else { shown.join("\n") };
        let rows: Vec<Value> = payments.into_iter().map(row_json).collect();
        result(vec![ContentBlock::text(text)], json!({ "rows": rows, "seen": seen(caller) }))
    }

    fn query(&self, caller: &Caller, query: &str) -> CallToolResult {
        let rows = self.store.query(caller.reader(), query);
        let shown: Vec<String> = rows.iter().map(|row| format!("[{}] {}\n{}", row.id, row.title, row.text)).collect();
        let text = if shown.is_empty() { "No article answers this.".to_owned() } else { shown.join("\n\n") };
        let rows: Vec<Value> = rows.into_iter().map(row_json).collect();
        result(vec![ContentBlock::text(text)], json!({ "rows": rows, "seen": seen(caller) }))
    }

    fn fetch(&self, caller: &Caller, id: &str) -> CallToolResult {
        let Some(row) = self.store.contract(caller.reader(), id) else {
            let mut missing = CallToolResult::error(vec![ContentBlock::text(format!("No document {id}."))]);
            missing.structured_content = Some(json!({ "rows": [], "seen": seen(caller) }));
            return missing;
        };
        let file = STANDARD.encode(pdf::one_page(&row.text));
        let file = ResourceContents::blob(file, format!("contract:{id}")).with_mime_type("application/pdf");
        let content = vec![ContentBlock::text(row.text.clone()), ContentBlock::resource(file)];
        result(content, json!({ "rows": [row_json(row)], "seen": seen(caller) }))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(self.catalogue.name(), env!("CARGO_PKG_VERSION")))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.catalogue.tools().into_iter().find(|tool| tool.name == name)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.catalogue.tools()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let parts = context.extensions.get::<Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
        let caller = caller.ok_or_else(|| ErrorData::internal_error("the request was not admitted", None))?;
        if self.get_tool(&call.name).is_none() {
            return Err(ErrorData::invalid_params(format!("unknown tool {}", call.name), None));
        }
        if !caller.may_run(&call.name) {
            return Err(ErrorData::invalid_request("insufficient_scope", None));
        }
        let arguments = call.arguments.unwrap_or_default();
        let result = match call.name.as_ref() {
            QUERY_KNOWLEDGE_BASE => self.query(caller, text(&arguments, "query")?),
            GET_PAYMENT_HISTORY => self.payments(caller, text(&arguments, "customer")?),
            _ => self.fetch(caller, text(&arguments, "document_id")?),
        };
        Ok(result.into())
    }
}

impl Catalogue {
    fn name(self) -> &'static str {
        match self {
            Self::AuroraDb => "aurora-db",
            Self::Erp => "erp",
        }
    }

    fn tools(self) -> Vec<Tool> {
        match self {
            Self::AuroraDb => vec![
                tool(
                    QUERY_KNOWLEDGE_BASE,
                    "Searches the corporate knowledge base and returns the articles the human behind the request may read.",
                    "query",
                    "The question, in plain words.",
                ),
                tool(
                    FETCH_CONTRACT_PDF,
                    "Fetches one contract as PDF, with its text.",
                    "document_id",
                    "The document id, such as MSA-2041.",
                ),
            ],
            Self::Erp => vec![tool(
                GET_PAYMENT_HISTORY,
                "Tells what a customer paid, and when.",
                "customer",
                "The customer's name, such as Northwind.",
            )],
        }
    }
}

fn tool(name: &'static str, description: &'static str, argument: &str, meaning: &str) -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { argument: { "type": "string", "description": meaning } },
        "required": [argument],
        "additionalProperties": false,
    });
    let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    Tool::new(Cow::Borrowed(name), Cow::Borrowed(description), schema)
}

fn text<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    let value = arguments.get(name).and_then(Value::as_str);
    let value = value.filter(|value| value.len() <= ARGUMENT_BYTES_MAX && arguments.len() == 1);
    value.ok_or_else(|| ErrorData::invalid_params(format!("exactly one argument, {name}, a short string"), None))
}

fn result(content: Vec<ContentBlock>, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::success(content);
    result.structured_content = Some(structured);
    result
}

fn row_json(row: &Row) -> Value {
    json!({ "id": row.id, "title": row.title, "text": row.text })
}

/// Whom the server believes it serves.
fn seen(caller: &Caller) -> Value {
    match caller {
        Caller::Governed { token, .. } => json!({
            "checked": true,
            "human": token.subject(),
            "agent": token.actors().first(),
            "chain": token.actors(),
            "scope": token.scopes(),
            "claims": token.claims(),
        }),
        Caller::Ungoverned => json!({ "checked": false, "human": null, "agent": null, "chain": [], "scope": [] }),
    }
}
