//! The certificate that Envoy shows to a token endpoint (RFC 8705 §2): the filter never sees it, and it changes by SDS without a lost request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actgate::dev::certs::CertificateFiles;
use actgate::dev::loopback::Loopback;
use actgate::dev::world::streamward::{KNOWLEDGE_AGENT, RAS_AURORADB};
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::tls_client;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::client::{assert_no_trap, code, connect, exchange, good_request, token, wait_for};

/// Terminates TLS in front of a token endpoint, lets nobody in without a certificate, and notes with which one each request came.
/// It lives as long as the test process.
#[derive(Clone, Default)]
struct Front {
    port: u16,
    shown: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<AtomicUsize>,
}

type Line = StreamOwned<ServerConnection, TcpStream>;

impl Front {
    fn start(authority: &Path, own: &CertificateFiles, behind: u16) -> Self {
        let front = Self::default();
        let (config, shared) = (Arc::new(server_config(authority, own)), front.clone());
        let server = Loopback::start(move |connection| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            // Whoever leaves, or shows no certificate, ends it.
            let _ = shared.serve(StreamOwned::new(session, connection), behind);
        });
        Self { port: server.expect("a port").for_good(), ..front }
    }

    fn serve(&self, line: Line, behind: u16) -> std::io::Result<()> {
        let mut line = BufReader::new(line);
        let mut issuer = BufReader::new(TcpStream::connect(("127.0.0.1", behind))?);
        let mut is_first = true;
        loop {
            let request = message(&mut line)?;
            let certificate = line.get_ref().conn.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec()));
            self.shown.lock().expect("no holder panics").push(certificate.expect("nobody gets here without one"));
            self.connections.fetch_add(usize::from(std::mem::take(&mut is_first)), Ordering::Relaxed);
            issuer.get_mut().write_all(&request)?;
            let answer = message(&mut issuer)?;
            line.get_mut().write_all(&answer)?;
            line.get_mut().flush()?;
        }
    }

    /// With which certificate the requests since the last call came, in order.
    fn take_shown(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.shown.lock().expect("no holder panics"))
    }
}

/// A request or an answer with a body of known length.
fn message<R: std::io::Read>(reader: &mut BufReader<R>) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut size) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(line.as_bytes());
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            size = value.trim().parse().unwrap_or_default();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; size];
    reader.read_exact(&mut body)?;
    bytes.extend(body);
    Ok(bytes)
}

fn server_config(authority: &Path, own: &CertificateFiles) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).expect("a file") {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&own.certificate).expect("a file").collect();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(chain.expect("certificates"), PrivateKeyDer::from_pem_file(&own.key).expect("a key"))
        .expect("a certificate and its key")
}

fn der(files: &CertificateFiles) -> Vec<u8> {
    CertificateDer::from_pem_file(&files.certificate).expect("a certificate").to_vec()
}

/// Calls one after the other on two connections, each with an exchange of its own, while `change` happens; all of them are answered well.
fn under_load(gateway: &EnvoyGateway, round: &str, change: impl FnOnce()) -> usize {
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..2 {
            let (done, sent) = (&done, &sent);
            scope.spawn(move || {
                let mut connection = connect(gateway);
                while !done.load(Ordering::Relaxed) {
                    let jti = format!("{round}-{client}-{}", sent.fetch_add(1, Ordering::Relaxed));
                    let answer = tls_client::exchange(&mut connection, &good_request(&token(&gateway.world, &jti)));
                    let answer = answer.unwrap_or_else(|error| panic!("{jti}: {error}\n{}", gateway.envoy.logs()));
                    assert_eq!(code(&answer), "status 200", "{jti}: {answer:?}\n{}", gateway.envoy.logs());
                }
            });
        }
        change();
        done.store(true, Ordering::Relaxed);
    });
    while gateway.upstream.take().is_some() {}
    sent.load(Ordering::Relaxed)
}

#[test]
fn the_certificate_towards_a_token_endpoint_changes_under_load() {
    let world = new_world();
    let files = world.certificates.clone().expect("a written world");
    let (first, next) = (&files.agents[KNOWLEDGE_AGENT], &files.stranger);
    let front = Front::start(&files.authority, &files.gateway, world.issuer_port(RAS_AURORADB).expect("a port"));
    let mut document = world.filter_config(Default::default());
    document["agents"][KNOWLEDGE_AGENT]["credential"]["tls_client_auth"] = json!(["auroradb"]);
    let options = Options {
        pushed: Some(Duration::from_secs(3)),
        client_certificate: Some(("ras-auroradb", first.clone())),
        further: vec![("RAS_AURORADB_PORT", front.port.to_string())],
        ..Options::default()
    };
    let gateway = EnvoyGateway::start(world, &document, &options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(code(&exchange(&gateway, &good_request(&token(&gateway.world, "first")))), "status 200");
    let shown = front.take_shown();
    assert!(!shown.is_empty() && shown.iter().all(|shown| *shown == der(first)), "{} requests", shown.len());

    let calls = under_load(&gateway, "changing", || {
        std::thread::sleep(Duration::from_millis(500));
        gateway.push_client_certificate(next);
        wait_for(&gateway, "the other certificate", |_| {
            front.shown.lock().expect("no holder panics").last() == Some(&der(next))
        });
        std::thread::sleep(Duration::from_millis(1500));
    });
    let shown = front.take_shown();
    let of = |files: &CertificateFiles| shown.iter().filter(|shown| **shown == der(files)).count();
    println!(
        "{calls} calls; {} with the first certificate, then {} with the next, on {} connections",
        of(first),
        of(next),
        front.connections.load(Ordering::Relaxed)
    );
    assert!(of(first) > 5 && of(next) > 5 && of(first) + of(next) == shown.len() && calls > 20);
    // No connection from before is left.
    assert_eq!(code(&exchange(&gateway, &good_request(&token(&gateway.world, "last")))), "status 200");
    assert!(front.take_shown().iter().all(|shown| *shown == der(next)));
    let logs = gateway.envoy.logs();
    assert!(!logs.contains("no_grant"), "{logs}");
    assert_no_trap(&gateway);
}
