//! Certificates of a run: a private authority, the gateway's own, one for each agent.
//!
//! Guaranteed: made at run time, keys in files of mode 0600, agents named by a SPIFFE URI and nothing else.
//! Absent on purpose: the authority's key on disk. It signs here and is forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde::{Deserialize, Serialize};

use super::world::{Agent, WorldError, failed, write_secret};

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The certificates of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// The authority every other certificate is signed by.
    pub authority: PathBuf,
    /// Envoy's listener.
    pub gateway: CertificateFiles,
    /// What the listener changes to in the middle of a run.
    pub next_gateway: CertificateFiles,
    /// The agents' client certificates, by agent id.
    pub agents: BTreeMap<String, CertificateFiles>,
    /// A client of the same authority whose SPIFFE id is registered nowhere.
    pub stranger: CertificateFiles,
}

/// Longer than any run, and short enough to be worthless soon.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How far the clocks of two processes may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The SPIFFE id of the stranger.
pub const STRANGER_SPIFFE_ID: &str = "spiffe://streamward.com/ns/agents/sa/stranger";

impl Certificates {
    /// Makes and writes them under `dir`.
    pub(crate) fn generate(dir: &Path, gateway_host: &str, agents: &[Agent]) -> Result<Self, WorldError> {
        let failed = failed(dir);
        let authority = Authority::new().map_err(|error| failed(&error))?;
        let path = dir.join("ca.cert.pem");
        fs::write(&path, &authority.pem).map_err(|error| failed(&error))?;
        let names = [gateway_host, "localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let params = CertificateParams::new(names).map_err(|error| failed(&error))?;
        let gateway = authority.issue(dir, "gateway", params.clone(), ExtendedKeyUsagePurpose::ServerAuth)?;
        let next_gateway = authority.issue(dir, "gateway-next", params, ExtendedKeyUsagePurpose::ServerAuth)?;
        let mut clients = BTreeMap::new();
        for agent in agents {
            if let Some(spiffe_id) = &agent.spiffe_id {
                clients.insert(agent.id.clone(), authority.workload(dir, &agent.id, spiffe_id)?);
            }
        }
        let stranger = authority.workload(dir, "stranger", STRANGER_SPIFFE_ID)?;
        Ok(Self { authority: path, gateway, next_gateway, agents: clients, stranger })
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = short_lived(CertificateParams::new(Vec::new())?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "actgate development authority");
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// A client certificate whose only name is the SPIFFE id (X.509-SVID §2).
    fn workload(&self, dir: &Path, name: &str, spiffe_id: &str) -> Result<CertificateFiles, WorldError> {
        let failed = failed(dir);
        let mut params = CertificateParams::new(Vec::new()).map_err(|error| failed(&error))?;
        let uri = spiffe_id.try_into().map_err(|error: rcgen::Error| failed(&error))?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        self.issue(dir, name, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        dir: &Path,
        name: &str,
        params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<CertificateFiles, WorldError> {
        let failed = failed(dir);
        let mut params = short_lived(params);
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &self.issuer).map_err(|error| failed(&error))?;
        let files = CertificateFiles {
            certificate: dir.join(format!("{name}.cert.pem")),
            key: dir.join(format!("{name}.tls-key.pem")),
        };
        fs::write(&files.certificate, certificate.pem()).map_err(|error| failed(&error))?;
        write_secret(&files.key, &key.serialize_pem())?;
        Ok(files)
    }
}

/// Valid for the run, and without the common name the library would put there.
fn short_lived(mut params: CertificateParams) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + LIFETIME).into();
    params.distinguished_name = DistinguishedName::new();
    params
}
