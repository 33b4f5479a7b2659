//! Who is on the line: the client certificate of an agent, in a world with files and in one without.

use actgate::dev::world::World;
use actgate_core::digest::sha256;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The URI SAN that `peer` shows.
pub fn uri_san(world: &World, peer: &str) -> String {
    let known = world.agents.iter().find(|agent| agent.id == peer).and_then(|agent| agent.spiffe_id.clone());
    known.unwrap_or_else(|| format!("spiffe://elsewhere.example/{peer}"))
}

/// SHA-256 of the certificate that `peer` shows; where no certificate was made, a digest of its own all the same.
pub fn certificate_sha256(world: &World, peer: &str) -> [u8; 32] {
    let Some(files) = &world.certificates else {
        return sha256(format!("certificate of {peer}").as_bytes());
    };
    let shown = &files.agents.get(peer).unwrap_or(&files.stranger).certificate;
    sha256(CertificateDer::from_pem_file(shown).expect("a certificate").as_ref())
}
