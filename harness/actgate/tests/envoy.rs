//! The runner against a real Envoy, and the bootstraps of `envoy-config/` in it.
//!
//! `make test` says where Envoy is; without that these tests fail.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use actgate::envoy::{Binary, EnvoyError, Launch, LogLevel, Template};

/// A plugin that does nothing, and one that logs a mistake and refuses to be configured.
fn plugin(accepts: bool) -> Vec<u8> {
    let configure = if accepts {
        "(i32.const 1)"
    } else {
        "(drop (call $log (i32.const 4) (i32.const 16) (i32.const 31))) (i32.const 0)"
    };
    let text = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (memory (export "memory") 2)
            (data (i32.const 16) "`resources[0].match` is missing")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))
            (func (export "proxy_on_context_create") (param i32 i32))
            (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
            (func (export "proxy_on_configure") (param i32 i32) (result i32) {configure}))"#
    );
    wat::parse_str(text).expect("the text is a module")
}

fn binary() -> Binary {
    Binary::from_env().unwrap_or_else(|error| panic!("{error}"))
}

/// A directory for one test.
fn work_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("envoy").join(name);
    fs::create_dir_all(&dir).expect("the build directory can be written");
    dir
}

const ECHO: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: echo
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: echo
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"#;

#[test]
fn an_envoy_serves_until_it_is_dropped() {
    let launch = Launch::new(ECHO).concurrency(2).component_log_level("http", LogLevel::Debug).env("ONE", "1");
    let envoy = launch.start(&binary(), work_dir("serves")).unwrap_or_else(|error| panic!("{error}"));
    let echo = envoy.listener("echo").expect("the listener has an address");

    let mut stream = TcpStream::connect(echo).expect("the listener takes connections");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: echo\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");

    assert_eq!(envoy.stat("http.echo.downstream_rq_2xx").expect("admin answers"), Some(1));
    assert_eq!(envoy.stat("http.echo.no_such_stat").expect("admin answers"), None);
    assert_eq!(envoy.stat("server.concurrency").expect("admin answers"), Some(2));
    assert!(envoy.listener("other").is_err());
    assert!(matches!(envoy.admin_get("/no-such-page"), Err(EnvoyError::Admin(_))));
    assert!(envoy.logs().contains("[debug][http]"), "the component's level is as asked");

    let process = PathBuf::from(format!("/proc/{}", envoy.pid()));
    let environment = fs::read(process.join("environ")).expect("the process is there");
    assert_eq!(environment, b"ONE=1\0", "nothing of this process's environment is handed on");
    drop(envoy);
    assert!(!process.exists(), "the process has ended");
    assert!(TcpStream::connect(echo).is_err());
}

#[test]
fn a_second_run_in_the_same_directory_is_asked_itself() {
    let dir = work_dir("again");
    let first = Launch::new(ECHO).start(&binary(), &dir).unwrap_or_else(|error| panic!("{error}"));
    let pid = first.pid();
    drop(first);
    let second = Launch::new(ECHO).start(&binary(), &dir).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(second.pid(), pid);
    assert!(second.admin_get("/ready").is_ok_and(|state| state == "LIVE\n"));
}

#[test]
fn a_refused_bootstrap_says_what_is_wrong() {
    let broken = ECHO.replace("stat_prefix", "stat_prefixx");
    for refused in [
        Launch::new(&broken).start(&binary(), work_dir("refused")).map(drop),
        Launch::new(&broken).validate(&binary(), work_dir("invalid")),
    ] {
        match refused {
            Err(EnvoyError::Exited { log, .. }) => assert!(log.contains("stat_prefixx"), "{log}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_plugin_that_refuses_its_configuration_is_quoted() {
    let dir = work_dir("quoted");
    let bootstrap = filled("envoy.yaml", &dir, false, true);
    match Launch::new(bootstrap).start(&binary(), &dir) {
        Err(EnvoyError::Exited { log, .. }) => assert!(log.contains("`resources[0].match` is missing"), "{log}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_bootstrap_is_served_by_envoy() {
    for file in ["envoy.yaml", "headers-first.yaml"] {
        for upstream_tls in [true, false] {
            let name = format!("{file}, upstream TLS {upstream_tls}");
            let dir = work_dir(&format!("{file}-{upstream_tls}"));
            let bootstrap = filled(file, &dir, true, upstream_tls);
            assert_eq!(bootstrap.contains("UpstreamTlsContext"), upstream_tls, "{name}");
            let mut launch = Launch::new(bootstrap);
            for key in ["CORP_KNOWLEDGE_KEY", "AGENTFORCE_CRM_KEY", "COPILOT_WORKFLOW_KEY"] {
                launch = launch.env(key, "never logged");
            }
            let envoy = launch.start(&binary(), &dir).unwrap_or_else(|error| panic!("{name}: {error}"));
            envoy.listener("gateway").unwrap_or_else(|error| panic!("{name}: {error}"));
            let log = envoy.logs();
            assert!(!log.contains("][warning]") && !log.contains("eprecated"), "{name}: {log}");
            let dump = envoy.admin_get("/config_dump").expect("admin answers");
            assert!(dump.contains("streamward.okta.example") && !dump.contains("never logged"), "{name}");
        }
    }
}

/// A person who fills in the file reads its head, which must name what is there and nothing else.
#[test]
fn every_placeholder_is_documented() {
    for file in ["envoy.yaml", "headers-first.yaml", "mcp-router.yaml"] {
        let text = config(file);
        let named = |name: &&str| name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let documented: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("#   ")?.split(' ').next()).filter(named).collect();
        let used: BTreeSet<&str> =
            text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        assert_eq!(documented, used, "{file}");
    }
}

fn config(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy-config").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A bootstrap of `envoy-config/` with free ports, throw-away certificates and a plugin that is not the filter.
fn filled(file: &str, dir: &Path, accepts: bool, upstream_tls: bool) -> String {
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let params = rcgen::CertificateParams::new(vec!["gateway.streamward.com".to_owned()]).expect("the name is one");
    let certificate = params.self_signed(&key).expect("a certificate is made");
    let write = |name: &str, contents: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, contents).expect("the directory can be written");
        path.display().to_string()
    };
    let pem = write("certificate.pem", certificate.pem().as_bytes());
    let mut values = vec![
        ("GATEWAY_ADDRESS", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", "0".to_owned()),
        ("GATEWAY_CERTIFICATE", pem.clone()),
        ("GATEWAY_KEY", write("key.pem", key.serialize_pem().as_bytes())),
        ("CLIENT_CA", pem.clone()),
        ("ADMIN_PORT", "0".to_owned()),
        ("ACTGATE_WASM", write("plugin.wasm", &plugin(accepts))),
        ("ACTGATE_JSON", config("actgate.json")),
    ];
    if upstream_tls {
        values.push(("UPSTREAM_CA", pem));
    }
    for (host, port) in [
        ("IDP_HOST", "IDP_PORT"),
        ("RAS_KNOWLEDGE_HOST", "RAS_KNOWLEDGE_PORT"),
        ("RAS_AURORADB_HOST", "RAS_AURORADB_PORT"),
        ("KNOWLEDGE_AGENT_HOST", "KNOWLEDGE_AGENT_PORT"),
        ("MCP_SERVER_HOST", "MCP_SERVER_PORT"),
        ("RAS_CRM_HOST", "RAS_CRM_PORT"),
        ("RAS_ERP_HOST", "RAS_ERP_PORT"),
        ("RAS_WORKFLOW_HOST", "RAS_WORKFLOW_PORT"),
        ("RAS_OPENAPI_HOST", "RAS_OPENAPI_PORT"),
        ("CRM_AGENT_HOST", "CRM_AGENT_PORT"),
        ("ERP_SERVER_HOST", "ERP_SERVER_PORT"),
        ("WORKFLOW_AGENT_HOST", "WORKFLOW_AGENT_PORT"),
        ("WORKFLOW_GATEWAY_HOST", "WORKFLOW_GATEWAY_PORT"),
    ] {
        values.extend([(host, "localhost".to_owned()), (port, "9".to_owned())]);
    }
    let template = Template::new(config(file));
    let template = if upstream_tls { template } else { template.without("upstream-tls").expect("the part is there") };
    template.render(values).unwrap_or_else(|error| panic!("{file}: {error}"))
}
