//! One Envoy for each variant: the same listener, route and upstream, and only the filters in front differ.

use std::path::Path;

use actgate::envoy::{Binary, Launch, LogLevel, RunningEnvoy};
use serde_json::{Value, json};

use crate::peer;

/// What stands around a proxy under test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) upstream: u16,
    pub(crate) idp: u16,
    pub(crate) authz_http: u16,
    pub(crate) authz_grpc: u16,
}

/// An Envoy that is measured.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) envoy: RunningEnvoy,
    pub(crate) port: u16,
}

impl Proxy {
    /// Starts an Envoy with these filters in front of the router.
    pub(crate) fn start(name: &'static str, filters: Vec<Value>, ports: Ports, workers: u32, folder: &Path) -> Self {
        let binary = Binary::from_env().expect("ACTGATE_ENVOY names an Envoy: run `make bench`");
        let launch = Launch::new(bootstrap(filters, ports).to_string())
            .concurrency(workers)
            .log_level(LogLevel::Warning)
            .component_log_level("wasm", LogLevel::Warning);
        let envoy = launch.start(&binary, folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        if workers == 1 {
            peer::pin(envoy.pid(), peer::PROXY_CPU);
        }
        let port = envoy.listener("bench").expect("the listener").port();
        Self { name, envoy, port }
    }
}

fn bootstrap(mut filters: Vec<Value>, ports: Ports) -> Value {
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", json!({})),
    }));
    json!({
        "admin": { "address": address("127.0.0.1", 0) },
        "static_resources": {
            "listeners": [{
                "name": "bench",
                "address": address("127.0.0.1", 0),
                "per_connection_buffer_limit_bytes": 4 << 20,
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": typed(
                        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        json!({
                            "stat_prefix": "bench",
                            "http_filters": filters,
                            "route_config": { "virtual_hosts": [{
                                "name": "bench", "domains": ["*"],
                                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }],
                            }] },
                        }),
                    ),
                }] }],
            }],
            "clusters": [
                cluster("upstream", ports.upstream, false),
                cluster("idp", ports.idp, false),
                cluster("authz-http", ports.authz_http, false),
                cluster("authz-grpc", ports.authz_grpc, true),
            ],
        },
    })
}

fn typed(name: &str, mut message: Value) -> Value {
    message["@type"] = json!(format!("type.googleapis.com/{name}"));
    message
}

fn address(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

fn cluster(name: &str, port: u16, http2: bool) -> Value {
    let protocol = if http2 { "http2_protocol_options" } else { "http_protocol_options" };
    json!({
        "name": name, "type": "STATIC", "connect_timeout": "2s",
        "circuit_breakers": { "thresholds": [{ "max_connections": 4096, "max_pending_requests": 65536, "max_requests": 65536 }] },
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            json!({ "explicit_http_config": { protocol: {} } }),
        ) },
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": address("127.0.0.1", port) } },
        ] }] },
    })
}

/// A proxy-wasm filter.
pub(crate) fn wasm(name: &str, module: &str, configuration: &str) -> Value {
    json!({
        "name": "envoy.filters.http.wasm",
        "typed_config": typed("envoy.extensions.filters.http.wasm.v3.Wasm", json!({ "config": {
            "name": name, "root_id": name,
            "vm_config": {
                "vm_id": name, "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": module } },
            },
            "configuration": typed("google.protobuf.StringValue", json!({ "value": configuration })),
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": true,
        } })),
    })
}

/// Envoy's own check of tokens, with or without its cache of verified ones.
pub(crate) fn jwt_authn(jwks: &Value, cached: bool) -> Value {
    let mut provider = json!({
        "issuer": "https://issuer.bench.example",
        "audiences": ["https://agent.bench.example"],
        "local_jwks": { "inline_string": jwks.to_string() },
        "forward": true,
    });
    if cached {
        // Its default holds 100 tokens; both caches may hold all that a benchmark sends.
        provider["jwt_cache_config"] = json!({ "jwt_cache_size": 16384, "jwt_max_token_size": 4096 });
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": typed("envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", json!({
            "providers": { "issuer": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "issuer" } }],
        })),
    })
}

/// Envoy asks the external authorizer by gRPC.
pub(crate) fn ext_authz_grpc() -> Value {
    ext_authz(json!({ "grpc_service": { "envoy_grpc": { "cluster_name": "authz-grpc" }, "timeout": "2s" } }))
}

/// Envoy asks the external authorizer by HTTP.
pub(crate) fn ext_authz_http() -> Value {
    ext_authz(json!({ "http_service": {
        "server_uri": { "uri": "http://authz.bench.example", "cluster": "authz-http", "timeout": "2s" },
        "authorization_response": { "allowed_upstream_headers": { "patterns": [{ "exact": "authorization" }] } },
    } }))
}

fn ext_authz(mut service: Value) -> Value {
    service["transport_api_version"] = json!("V3");
    json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": typed("envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", service),
    })
}

/// Envoy's own reading of MCP, and a rule that lets one tool be called.
pub(crate) fn mcp_and_rbac(tool: &str) -> Vec<Value> {
    let word = |path: &[&str], value: &str| {
        let path: Vec<Value> = path.iter().map(|key| json!({ "key": key })).collect();
        json!({ "metadata": {
            "filter": "envoy.filters.http.mcp", "path": path,
            "value": { "string_match": { "exact": value } },
        } })
    };
    vec![
        json!({
            "name": "envoy.filters.http.mcp",
            "typed_config": typed("envoy.extensions.filters.http.mcp.v3.Mcp", json!({
                "traffic_mode": "REJECT_NO_MCP", "max_request_body_size": 4 << 20,
            })),
        }),
        json!({
            "name": "envoy.filters.http.rbac",
            "typed_config": typed("envoy.extensions.filters.http.rbac.v3.RBAC", json!({ "rules": {
                "action": "ALLOW",
                "policies": { "tool": {
                    "permissions": [{ "and_rules": { "rules": [
                        word(&["method"], "tools/call"), word(&["params", "name"], tool),
                    ] } }],
                    "principals": [{ "any": true }],
                } },
            } })),
        }),
    ]
}
