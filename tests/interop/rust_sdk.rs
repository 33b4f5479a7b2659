//! MCP: the official Rust SDK as the client, in both eras.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actgate::dev::world::streamward::KNOWLEDGE_AGENT;
use actgate_tests::envoy_gateway::EnvoyGateway;
use actgate_tests::tls_client;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientRequest, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, Request, ServerNotification, SubscriptionFilter,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, PeerRequestOptions, RunningService, ServiceError,
    serve_client_with_lifecycle,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};

use crate::mcp::{NOTE, OLD_METHODS, TOOLS, policy};
use crate::sdk::{Server, gateway, token};

/// How long everything a client does may take.
const RUN_MAX: Duration = Duration::from_secs(60);

/// Hears what the server says meanwhile.
#[derive(Clone, Default)]
struct Listener {
    progress: Arc<Mutex<Vec<f64>>>,
}

impl Listener {
    /// Waits until that much progress was told.
    async fn heard(&self, count: usize) {
        while self.progress.lock().expect("no panic").len() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl ClientHandler for Listener {
    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.progress.lock().expect("no panic").push(params.progress);
    }
}

type Client = RunningService<RoleClient, Listener>;

/// Connects as the agent, with its certificate and a token for it.
async fn connect(gateway: &EnvoyGateway, lifecycle: ClientLifecycleMode) -> Client {
    let files = gateway.world.certificates.as_ref().expect("a written world");
    let tls = tls_client::config(&files.authority, Some(&files.agents[KNOWLEDGE_AGENT])).expect("TLS");
    let (host, address) = (&gateway.world.gateway_host, gateway.address());
    let http = reqwest::Client::builder().use_preconfigured_tls(tls).resolve(host, address).no_proxy();
    let url = format!("https://{host}:{}/auroradb/mcp", address.port());
    let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token(gateway, "rust-sdk"));
    let transport = StreamableHttpClientTransport::with_client(http.build().expect("a client"), config);
    let connected = serve_client_with_lifecycle(Listener::default(), transport, lifecycle).await;
    connected.unwrap_or_else(|error| panic!("{error:#?}\n{}", gateway.envoy.logs()))
}

fn call(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("{arguments}: not an object") };
    CallToolRequestParams::new(tool).with_arguments(arguments)
}

fn said(result: &CallToolResult) -> &str {
    result.content.first().and_then(|block| block.as_text()).map_or("", |text| &text.text)
}

async fn say(client: &Client, tool: &'static str, arguments: Value) -> String {
    let result = client.call_tool(call(tool, arguments)).await;
    said(&result.unwrap_or_else(|error| panic!("{tool}: {error:#?}"))).to_owned()
}

/// Asserts that it was refused with the gateway's word; the SDK shows the body of a 403 as text.
fn refused<T>(outcome: Result<T, ServiceError>, code: &str) {
    let Err(error) = outcome else { panic!("{code}: it was not refused") };
    assert!(format!("{error:?}").contains(code), "{code}: {error:#?}");
}

/// What both eras do alike.
async fn works(client: &Client) {
    let listed: BTreeSet<String> =
        client.list_all_tools().await.expect("tools").into_iter().map(|tool| tool.name.to_string()).collect();
    assert_eq!(listed, TOOLS.map(str::to_owned).into(), "all that is allowed");
    assert_eq!(say(client, "echo", json!({ "message": "grüße" })).await, "grüße");
    let failed = client.call_tool(call("fail", json!({}))).await.expect("an answer");
    assert_eq!(failed.is_error, Some(true));
    assert_eq!(say(client, "count", json!({ "to": 5, "gap": 20 })).await, "counted to 5");
    // The SDK hands each to a task of its own, so they may come late and out of turn.
    client.service().heard(5).await;
    let mut progress = client.service().progress.lock().expect("no panic").clone();
    progress.sort_by(f64::total_cmp);
    assert_eq!(progress, [1.0, 2.0, 3.0, 4.0, 5.0]);
    let note = client.read_resource(ReadResourceRequestParams::new(NOTE)).await.expect("a note");
    assert!(serde_json::to_string(&note).expect("JSON").contains("a note"), "{note:?}");
    refused(client.call_tool(call("unmapped", json!({}))).await, "tool_not_mapped");
    refused(client.list_prompts(None).await, "method_not_mapped");
}

/// Calls off a long call, and sees that the server heard.
async fn cancels(client: &Client) {
    let before = say(client, "cancelled", json!({})).await;
    let request = ClientRequest::CallToolRequest(Request::new(call("count", json!({ "to": 500, "gap": 20 }))));
    let running = client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.expect("sent");
    client.service().heard(6).await;
    running.cancel(Some("enough".to_owned())).await.expect("told");
    while say(client, "cancelled", json!({})).await == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs what a client does to its end, or says what the gateway decided so far.
fn run(gateway: &EnvoyGateway, scenario: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async { tokio::time::timeout(RUN_MAX, scenario).await });
    assert!(ended.is_ok(), "it did not come to its end\n{}", gateway.envoy.logs());
}

#[test]
fn the_rust_sdk_in_the_old_era() {
    let server = Server::start(&["server-v2.mjs"]);
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, NOTE, &OLD_METHODS));
    // One that takes either era asks by `server/discover` first, which is not listed here.
    let either =
        ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::V_2026_07_28], legacy_version: None };
    for lifecycle in [ClientLifecycleMode::Initialize, either] {
        run(&gateway, async {
            let client = connect(&gateway, lifecycle).await;
            let version = client.peer_info().map(|info| info.protocol_version.clone());
            assert_eq!(version, Some(ProtocolVersion::V_2025_11_25));
            works(&client).await;
            cancels(&client).await;
            client.cancel().await.expect("an end");
        });
    }
}

#[test]
fn the_rust_sdk_in_the_new_era() {
    let server = Server::start(&["server-v2.mjs"]);
    let methods = ["server/discover", "tools/list", "subscriptions/listen", "notifications/cancelled"];
    let gateway = gateway(&server, None, |document| policy(document, &TOOLS, NOTE, &methods));
    run(&gateway, async {
        let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
        let client = connect(&gateway, lifecycle).await;
        works(&client).await;
        let wanted = SubscriptionFilter::builder().tools_list_changed().build();
        let mut changes = client.listen(wanted).await.expect("a subscription");
        assert_eq!(changes.acknowledged().tools_list_changed, Some(true));
        assert_eq!(say(&client, "change", json!({})).await, "told");
        let heard = changes.next().await.expect("a notification");
        assert!(matches!(heard, Some(ServerNotification::ToolListChangedNotification(_))), "{heard:?}");
        changes.cancel().await.expect("an end");
        cancels(&client).await;
        client.cancel().await.expect("an end");
    });
}
