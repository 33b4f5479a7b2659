//! Requests without a token: what they show in its place, and who may act by it.
//!
//! Exactly one credential: an API key beside a token, or a token in the query, is refused whatever the resource takes.

use crate::bearer;
use crate::config::{Config, Resource};
use crate::delegation::caller::Sender;
use crate::delegation::policy::AuthorizedDelegation;
use crate::delegation::workload::Workload;
use crate::digest::sha256;
use crate::limits::{API_KEY_BYTES_MAX, API_KEY_BYTES_MIN};
use crate::observed::Watched;
use crate::plugin::Plugin;
use crate::record::Record;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead};

/// What a request shows that has no token, owned, so that it can wait. Of a key only the digest is kept.
#[derive(Debug)]
pub(super) struct Bare {
    key: Option<[u8; 32]>,
    uri_san: Option<String>,
    certificate_sha256: Option<[u8; 32]>,
}

impl Bare {
    /// What there is in place of a token; none where there is one, or where this resource needs one.
    pub(super) fn read(
        config: &Config,
        resource: &Resource,
        head: &RequestHead<'_>,
    ) -> Result<Option<Self>, Rejection> {
        let key = read_key(config.api_key_header.as_deref(), head)?;
        if head.all("authorization").next().is_some() {
            return if key.is_some() { Err(Rejection::CredentialRepeated) } else { Ok(None) };
        }
        if resource.accept.workloads.is_none() {
            return Ok(None);
        }
        if bearer::in_query(head) {
            return Err(Rejection::CredentialRepeated);
        }
        let (uri_san, certificate_sha256) = (head.peer.uri_san.map(str::to_owned), head.peer.certificate_sha256);
        Ok(Some(Self { key, uri_san, certificate_sha256 }))
    }

    /// Decides who may act with nothing but this.
    pub(super) fn decide(
        &self,
        plugin: &Plugin,
        resource: &Resource,
        ambient: &Ambient<'_>,
        record: &mut Record,
        watched: &mut Watched,
    ) -> Result<AuthorizedDelegation, Rejection> {
        let accept = &resource.accept;
        let workloads = accept.workloads.as_ref().ok_or(Rejection::CredentialMissing)?;
        let sender = Sender { uri_san: self.uri_san.as_deref(), certificate: self.certificate_sha256, key: None };
        let workload = Workload::know(workloads, &plugin.config().agents, self.key, sender)?;
        record.known(&workload);
        AuthorizedDelegation::of_workload(workload, accept, &plugin.revocations, ambient.now, watched)
    }
}

/// The digest of the only API key.
fn read_key(name: Option<&str>, head: &RequestHead<'_>) -> Result<Option<[u8; 32]>, Rejection> {
    let Some(name) = name else {
        return Ok(None);
    };
    let mut values = head.all(name);
    let Some(key) = values.next() else {
        return Ok(None);
    };
    // A host may join what was sent twice.
    if values.next().is_some() || key.contains(&b',') {
        return Err(Rejection::CredentialRepeated);
    }
    let fits = (API_KEY_BYTES_MIN..=API_KEY_BYTES_MAX).contains(&key.len());
    if !fits || !key.iter().all(u8::is_ascii_graphic) {
        return Err(Rejection::CredentialMalformed);
    }
    Ok(Some(sha256(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Headers, Peer, StreamId};

    #[track_caller]
    fn check(keys: &[&[u8]], want: Result<Option<[u8; 32]>, Rejection>) {
        let headers: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (b"x-agent-key".as_slice(), *key)).collect();
        let head = RequestHead {
            stream: StreamId(1),
            headers: Headers::of(&headers),
            peer: Peer::default(),
            end_of_stream: true,
        };
        assert_eq!(read_key(Some("x-agent-key"), &head), want);
        assert_eq!(read_key(None, &head), Ok(None));
    }

    #[test]
    fn a_key_is_one_and_of_a_length_that_cannot_be_guessed() {
        check(&[], Ok(None));
        for (bytes, fits) in [
            (API_KEY_BYTES_MIN - 1, false),
            (API_KEY_BYTES_MIN, true),
            (API_KEY_BYTES_MAX, true),
            (API_KEY_BYTES_MAX + 1, false),
        ] {
            let key = vec![b'k'; bytes];
            check(&[&key], if fits { Ok(Some(sha256(&key))) } else { Err(Rejection::CredentialMalformed) });
        }
        let key = [b'k'; API_KEY_BYTES_MIN];
        check(&[&key, &key], Err(Rejection::CredentialRepeated));
        check(&[&key, b""], Err(Rejection::CredentialRepeated));
        check(&[&[&key[..], b",", &key[..]].concat()], Err(Rejection::CredentialRepeated));
        check(&[b""], Err(Rejection::CredentialMalformed));
        check(&[&[&key[..], b" "].concat()], Err(Rejection::CredentialMalformed));
        check(&[&[&key[..], b"\xff"].concat()], Err(Rejection::CredentialMalformed));
    }
}
