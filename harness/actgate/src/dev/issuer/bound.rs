//! Tokens tied to a key (RFC 9449 §5 and §8): the proof beside a token request, and the nonce that this server wants in it.
//!
//! Guaranteed: what is issued to whoever proves a key is tied to that key, a proof is used once, and a nonce serves one success.
//! Absent on purpose: a duty to prove anything. Whoever proves nothing gets a bearer token, as long as no nonce is demanded.

use serde_json::json;

use super::Issuer;
use super::http::{HttpRequest, HttpResponse, UnixSeconds};
use super::issuing::Issued;
use super::misbehaviour::Misbehaviour;
use super::oauth::{Refusal, TYP_TRANSACTION_TOKEN};
use crate::dev::proof::{self, Wanted};

/// What a token request proves, while it is answered.
#[derive(Debug, Default)]
pub(crate) struct Proving {
    /// The thumbprint of the key.
    pub(crate) key: Option<String>,
    /// The nonce that the next proof must have.
    nonce: Option<String>,
}

impl Issuer {
    /// Reads the proof of a token request; an answer in place of all others where it lacks the nonce of now.
    pub(crate) fn take_proof(
        &mut self,
        now: UnixSeconds,
        request: &HttpRequest,
    ) -> Result<Result<(), HttpResponse>, Refusal> {
        self.proving.key = None;
        let Some(text) = request.header("dpop") else {
            return Ok(Ok(()));
        };
        let url = self.config.token_endpoint();
        let wanted = Wanted { method: "POST", url: &url, token: None, now };
        let proof = proof::check(text, wanted).map_err(Refusal::proof)?;
        if let Some(nonce) = self.ordered_nonce() {
            return Ok(Err(wants(&nonce)));
        }
        if self.is_broken(&Misbehaviour::DemandNonce)
            && (self.proving.nonce.is_none() || proof.nonce != self.proving.nonce)
        {
            return Ok(Err(wants(&self.next_nonce())));
        }
        if !self.proofs.first_use(now, &proof.jti, now.plus(300)) {
            return Err(Refusal::proof("proof was used before"));
        }
        self.proving.key = Some(proof.thumbprint);
        Ok(Ok(()))
    }

    /// A nonce that was ordered word for word, or another one each time.
    fn ordered_nonce(&mut self) -> Option<String> {
        if self.is_broken(&Misbehaviour::InsistOnNonce) {
            return Some(self.next_nonce());
        }
        self.breaks.iter().filter(|entry| entry.in_force).find_map(|entry| match &entry.how {
            Misbehaviour::Nonce(text) => Some(text.clone()),
            _ => None,
        })
    }

    fn next_nonce(&mut self) -> String {
        let nonce = self.entropy.id("nonce-");
        self.proving.nonce = Some(nonce.clone());
        nonce
    }

    /// Ties what is issued to the proven key.
    pub(crate) fn bind(&mut self, issued: &mut Issued) {
        let Some(key) = self.proving.key.as_ref().filter(|_| issued.typ.as_deref() != Some(TYP_TRANSACTION_TOKEN))
        else {
            return;
        };
        issued.claims.insert("cnf".to_owned(), json!({ "jkt": key }));
        if issued.body.get("token_type").is_some_and(|kind| kind == "Bearer") {
            issued.body.insert("token_type".to_owned(), json!("DPoP"));
        }
    }

    /// RFC 9449 §8.2: a new nonce with a success, where nonces are demanded.
    pub(crate) fn rotate_nonce(&mut self, response: HttpResponse) -> HttpResponse {
        if self.proving.key.is_none() || !self.is_broken(&Misbehaviour::DemandNonce) {
            return response;
        }
        let nonce = self.next_nonce();
        response.with("dpop-nonce", &nonce)
    }
}

fn wants(nonce: &str) -> HttpResponse {
    HttpResponse::json(400, &json!({ "error": "use_dpop_nonce" })).with("dpop-nonce", nonce)
}
