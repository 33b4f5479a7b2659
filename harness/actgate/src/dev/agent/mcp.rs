//! The client side of one MCP tool call over Streamable HTTP, revision 2026-07-28.
//!
//! Guaranteed: the routing headers are made from the body they describe.
//! Both kinds of answer are read: one JSON object, or an event stream that ends with it.
//! Absent on purpose: sessions; the revision has none.

use serde_json::{Value, json};

use super::bearer::Token;
use super::client::{CallError, Client, Reply, Target};

/// The revision spoken.
pub const PROTOCOL_VERSION: &str = "2026-07-28";

/// The JSON-RPC request that calls a tool.
pub fn tool_call(tool: &str, arguments: &Value) -> Value {
    request("tools/call", json!({ "name": tool, "arguments": arguments }))
}

/// A request of any method with the members this revision requires.
pub fn request(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": PROTOCOL_VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "actgate-dev", "version": env!("CARGO_PKG_VERSION") },
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// Sends a request; `token` goes out as bearer when there is one.
pub async fn send(http: &Client, target: &Target, token: Option<&Token>, request: &Value) -> Result<Reply, CallError> {
    let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
    let name = request.pointer("/params/name").and_then(Value::as_str);
    let authorization = token.map(Token::authorization);
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", PROTOCOL_VERSION),
        ("mcp-method", method),
    ];
    headers.extend(name.map(|name| ("mcp-name", name)));
    headers.extend(authorization.as_deref().map(|authorization| ("authorization", authorization)));
    http.post(target, &headers, request.to_string().into_bytes()).await
}

/// The JSON-RPC response in an answer, whichever way it was sent.
pub fn response(reply: &Reply) -> Value {
    let is_stream = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    if !is_stream {
        return reply.json();
    }
    let text = String::from_utf8_lossy(&reply.body);
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    // Notifications about the request come first; only the response has a result or an error.
    let mut responses = messages.filter(|message| message.get("result").is_some() || message.get("error").is_some());
    responses.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_found_in_json_and_at_the_end_of_a_stream() {
        let json = Reply { status: 200, body: br#"{"result":{}}"#.to_vec(), ..Reply::default() };
        assert_eq!(response(&json), json!({ "result": {} }));
        let events = "data: {\"method\":\"notifications/progress\"}\n\n: keep-alive\ndata: {\"result\":1}\n\n";
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        let stream = Reply { status: 200, headers, body: events.as_bytes().to_vec() };
        assert_eq!(response(&stream), json!({ "result": 1 }));
    }
}
