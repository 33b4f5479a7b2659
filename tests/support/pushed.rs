//! A listener, its certificate and one towards a server in files that Envoy watches, to be written anew while it runs.
//!
//! Envoy reads a file anew when another is moved over it, so that it never sees half of one.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use actgate::dev::certs::CertificateFiles;
use actgate::dev::world::World;
use serde_json::Value;

use crate::envoy_gateway::{EnvoyGateway, Options, bootstrap, work_dir};

/// How long Envoy may take to take a file or turn it down.
const TAKEN_MAX: Duration = Duration::from_secs(20);

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const UPSTREAM_TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

fn folder(world: &World) -> PathBuf {
    work_dir(world).with_file_name("pushed")
}

/// The bootstrap without its listener, which goes into a file beside it, as its certificate does.
///
/// `client` is the cluster that shows a client certificate, and the first one.
pub(crate) fn split(
    world: &World,
    text: &str,
    client: Option<&(&'static str, CertificateFiles)>,
) -> Result<String, String> {
    let dir = folder(world);
    fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let port = port.map_err(|error| error.to_string())?.port();
    fs::write(dir.join("port"), port.to_string()).map_err(|error| error.to_string())?;
    let files = world.certificates.as_ref().ok_or("no certificates")?;
    write(world, "sds.yaml", &secret("gateway", &files.gateway))?;
    let shown = client.map(|(cluster, files)| show(world, text, cluster, files)).transpose()?;
    let text = shown.as_deref().unwrap_or(text);
    let (before, listener, after) = parts(text)?;
    write(world, "lds.yaml", &listener_file(world, listener)?)?;
    let lds = dir.join("lds.yaml").display().to_string();
    Ok(format!(
        "node: {{id: gateway, cluster: gateway}}\ndynamic_resources:\n  \
         lds_config: {{resource_api_version: V3, path_config_source: {{path: \"{lds}\"}}}}\n{before}{after}"
    ))
}

const CLIENT_SECRET: &str = "client-sds.yaml";

/// The bootstrap with TLS towards `cluster`, and with a certificate from a file there. Connections last for a second, as none
/// changes its certificate.
fn show(world: &World, text: &str, cluster: &str, files: &CertificateFiles) -> Result<String, String> {
    const LASTS: &str = "common_http_protocol_options: {idle_timeout: 30s";
    write(world, CLIENT_SECRET, &secret("client", files))?;
    let authority = &world.certificates.as_ref().ok_or("no certificates")?.authority;
    let (before, rest) = text.split_once(&format!("      cluster_name: {cluster}\n")).ok_or("no such cluster")?;
    let at = rest.find("port_value: ").and_then(|at| Some(at + rest.get(at..)?.find('\n')? + 1)).ok_or("no address")?;
    let (address, after) = rest.split_at(at);
    let lasting = before.rfind(LASTS).ok_or("no connection options")? + LASTS.len();
    let (before, options) = before.split_at(lasting);
    Ok(format!(
        "{before}, max_connection_duration: 1s{options}      cluster_name: {cluster}\n{address}    transport_socket:\n      \
         name: envoy.transport_sockets.tls\n      typed_config:\n        \"@type\": {UPSTREAM_TLS}\n        sni: localhost\n        \
         common_tls_context:\n          tls_certificate_sds_secret_configs:\n          - name: client\n            sds_config: \
         {{resource_api_version: V3, path_config_source: {{path: \"{}\"}}}}\n          validation_context:\n            \
         trusted_ca: {{filename: \"{}\"}}\n            match_typed_subject_alt_names:\n            \
         - {{san_type: DNS, matcher: {{exact: localhost}}}}\n{after}",
        folder(world).join(CLIENT_SECRET).display(),
        authority.display()
    ))
}

fn parts(text: &str) -> Result<(&str, &str, &str), String> {
    let (before, rest) = text.split_once("  listeners:\n").ok_or("no listeners")?;
    let at = rest.find("  clusters:\n").ok_or("no clusters")?;
    let (listener, after) = rest.split_at(at);
    Ok((before, listener, after))
}

fn listener_file(world: &World, listener: &str) -> Result<String, String> {
    let dir = folder(world);
    let port = fs::read_to_string(dir.join("port")).map_err(|error| error.to_string())?;
    let files = &world.certificates.as_ref().ok_or("no certificates")?.gateway;
    let given = format!(
        "            tls_certificates:\n            - certificate_chain: {{filename: \"{}\"}}\n              \
         private_key: {{filename: \"{}\"}}\n",
        files.certificate.display(),
        files.key.display()
    );
    let held = format!(
        "            tls_certificate_sds_secret_configs:\n            - name: gateway\n              sds_config: \
         {{resource_api_version: V3, path_config_source: {{path: \"{}\"}}}}\n",
        dir.join("sds.yaml").display()
    );
    if !listener.contains(&given) {
        return Err("the listener has its certificate elsewhere".to_owned());
    }
    let listener = listener
        .replace(&given, &held)
        .replace("port_value: 0}}", &format!("port_value: {port}}}}}"))
        .replacen("  - name: gateway\n", &format!("  - \"@type\": {LISTENER}\n    name: gateway\n"), 1);
    Ok(format!("resources:\n{listener}"))
}

fn secret(name: &str, files: &CertificateFiles) -> String {
    format!(
        "resources:\n- \"@type\": {SECRET}\n  name: {name}\n  tls_certificate:\n    certificate_chain: {{filename: \"{}\"}}\n    \
         private_key: {{filename: \"{}\"}}\n",
        files.certificate.display(),
        files.key.display()
    )
}

fn write(world: &World, name: &str, text: &str) -> Result<(), String> {
    let dir = folder(world);
    let (new, place) = (dir.join(format!("{name}.new")), dir.join(name));
    fs::write(&new, text).and_then(|()| fs::rename(&new, &place)).map_err(|error| error.to_string())
}

impl EnvoyGateway {
    /// Gives Envoy another configuration of the filter, and waits until it serves by it or has turned it down; true where it took it.
    pub fn push(&self, document: &Value, options: &Options) -> bool {
        let text = bootstrap(&self.world, document, options, options.behind.unwrap_or_else(|| self.upstream.port()));
        let text = text.expect("the bootstrap is complete");
        let listener = parts(&text).and_then(|(_, listener, _)| listener_file(&self.world, listener));
        let counted = ["listener_manager.lds.update_success", "listener_manager.lds.update_rejected"];
        let counts = || counted.map(|name| self.envoy.stat(name).ok().flatten().unwrap_or_default());
        let before = counts();
        write(&self.world, "lds.yaml", &listener.expect("a listener")).expect("a writable folder");
        let deadline = Instant::now() + TAKEN_MAX;
        loop {
            let now = counts();
            if now != before {
                return now[1] == before[1];
            }
            assert!(Instant::now() < deadline, "the listener was not looked at\n{}", self.envoy.logs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same, and asks it by new connections from now on: an old one is served by the old configuration until it is drained.
    pub fn turn_to(&mut self, document: &Value, options: &Options) -> bool {
        self.connections.clear();
        self.push(document, options)
    }

    /// Gives Envoy another certificate for its listener.
    pub fn push_certificate(&self, files: &CertificateFiles) {
        write(&self.world, "sds.yaml", &secret("gateway", files)).expect("a writable folder");
    }

    /// Gives Envoy another certificate towards the server that asks for one.
    pub fn push_client_certificate(&self, files: &CertificateFiles) {
        write(&self.world, CLIENT_SECRET, &secret("client", files)).expect("a writable folder");
    }
}
