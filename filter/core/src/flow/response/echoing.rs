//! What the gateway put on a request, withdrawn from its answer: the secret, the exchanged token and the transaction token alike.
//!
//! A header or a trailer with one of them in it does not go on, and in a body it is overwritten.
//! An answer that cannot be searched, because it is encoded though it was asked not to be, is refused where a secret went upstream, which outlives
//! every token, and where its status is an error's, which is when upstreams repeat what they got. Another goes on unsearched.

use super::verdict::NONCE;
use super::{BodyStep, ResponseHead, is_encoded};
use crate::echo::Echoes;
use crate::exchange::transaction;
use crate::record::Event;
use crate::rejection::Rejection;
use crate::step::ResponsePlan;

/// What of it has been seen in the answer.
#[derive(Debug, Default)]
pub(crate) struct Echoing {
    echoes: Echoes,
    /// Headers of the answer that do not go on.
    headers: Vec<String>,
    /// A body follows that is searched.
    in_body: bool,
    /// It is on record that one was found there.
    told: bool,
}

impl Echoing {
    /// Headers of the answer that do not go on.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(String::as_str)
    }

    pub(super) const fn reads_body(&self) -> bool {
        self.in_body
    }
}

impl ResponsePlan {
    /// Whether the request went on with something of the gateway's own.
    pub(super) const fn has_credential(&self) -> bool {
        self.exchanged.is_some() || self.injected.is_some() || self.transaction.is_some()
    }

    /// Looks for what the gateway put on the request in the head of the answer, and prepares for its body.
    pub(super) fn find_echoes(&mut self, head: &ResponseHead<'_>) -> Result<(), Rejection> {
        if !self.has_credential() {
            return Ok(());
        }
        // Its challenge is for the gateway, and its words may be about the secret.
        if self.injected.is_some() && head.status == Some(401) {
            return Err(Rejection::UpstreamRefusedSecret);
        }
        // Every answer has a status: a head without one was not read.
        if head.headers.is_empty() {
            return Err(Rejection::UpstreamAnswerRefused);
        }
        let readable = !is_encoded(head);
        let must_be_read = self.injected.is_some() || head.status.is_none_or(|status| status >= 400);
        if must_be_read && !readable && !head.end_of_stream {
            return Err(Rejection::UpstreamAnswerRefused);
        }
        let secrets = self.injected.iter().flat_map(|injection| injection.traces());
        let issued = self.exchanged.iter().map(|sent| &sent.token).chain(&self.transaction);
        let echoes = issued.fold(Echoes::of(secrets), Echoes::and_of);
        self.echoing = Echoing { echoes, in_body: readable && !head.end_of_stream, ..Echoing::default() };
        self.echoing.headers = self.echoing_in(head.headers);
        if !self.echoing.headers.is_empty() {
            self.tell_echo("headers");
        }
        Ok(())
    }

    /// The names of those fields that hold one of them; and of the one in which a secret was sent, whatever it holds.
    fn echoing_in(&self, fields: &[(&[u8], &[u8])]) -> Vec<String> {
        let own = self.injected.as_ref().map(|injection| injection.header().as_bytes());
        let echoes = &self.echoing.echoes;
        let echoing =
            fields.iter().filter(|(name, value)| Some(*name) == own || echoes.stand_in(value) || echoes.stand_in(name));
        let mut names: Vec<String> = echoing.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn tell_echo(&mut self, place: &'static str) {
        self.untold.push(Event::echoed(&self.refusal.record, place));
    }

    /// Overwrites in what goes on of a body what the gateway put on the request; `complete` with the last of it.
    pub(super) fn without_echoes(&mut self, step: BodyStep, piece: &[u8], complete: bool) -> BodyStep {
        if !self.echoing.in_body {
            return step;
        }
        let mut found = false;
        let echoes = &mut self.echoing.echoes;
        let step = match step {
            BodyStep::Pass => echoes.pass(piece, complete, &mut found).map_or(BodyStep::Pass, BodyStep::Replace),
            BodyStep::Replace(bytes) => BodyStep::Replace(echoes.pass(&bytes, complete, &mut found).unwrap_or(bytes)),
            // Nothing follows.
            BodyStep::Withdraw { bytes, record } => {
                BodyStep::Withdraw { bytes: echoes.pass(&bytes, true, &mut found).unwrap_or(bytes), record }
            }
            BodyStep::Reply(_) => step,
        };
        if found && !core::mem::replace(&mut self.echoing.told, true) {
            self.tell_echo("body");
        }
        step
    }

    /// Whether something of the body is held: an answer that ends in trailers then cannot be completed, and must be cut off.
    pub fn is_holding_back(&self) -> bool {
        self.echoing.echoes.hold_back()
    }

    /// Whether there is something that no trailer may hold.
    pub fn searches_trailers(&self) -> bool {
        self.has_credential()
    }

    /// Trailers of the upstream that are not for the caller; asked for where [`Self::searches_trailers`] says so.
    pub fn trailers_to_remove(&mut self, trailers: &[(&[u8], &[u8])]) -> Vec<String> {
        let mut names = self.echoing_in(trailers);
        if !names.is_empty() {
            self.tell_echo("trailers");
        }
        let transaction: &[&str] = if self.transaction.is_some() { &[transaction::HEADER] } else { &[] };
        // The upstream's nonces are for the gateway's proofs.
        let proof: &[&str] = if self.has_proof() { &["www-authenticate", NONCE] } else { &[] };
        let there = |ours: &&&str| trailers.iter().any(|(name, _)| *name == ours.as_bytes());
        names.extend(transaction.iter().chain(proof).filter(there).map(|ours| (*ours).to_owned()));
        names
    }
}
