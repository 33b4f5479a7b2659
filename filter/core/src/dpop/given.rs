//! Nonces that servers gave for the gateway's own proofs (RFC 9449 §8 and §9): the latest of each, and no more of them than servers, and than
//! agents at resources. What an upstream answers one agent is kept for that agent: it may be what the agent made it say.
//!
//! An upstream that asks for a nonce whatever it is shown is not asked again and again: after the second challenge in a row there is a wait, which doubles.
//! A challenge counts where the proof that it answers was made after the last one that counted, so that requests in flight together count once.

use std::collections::BTreeMap;

use crate::exchange::refused::backoff;
use crate::flight::CalloutAnswer;
use crate::limits::{DPOP_GIVEN_NONCE_BYTES_MAX, UPSTREAM_BACKOFF_SECONDS_MAX};
use crate::time::{Seconds, UnixSeconds};

/// A nonce as a server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerNonce(String);

impl ServerNonce {
    /// RFC 9449 §8.1: `nonce = 1*NQCHAR`; `None` for anything else and for one that is too long.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        // RFC 6749 appendix A: `NQCHAR = %x21 / %x23-5B / %x5D-7E`.
        let plain = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let fits = (1..=DPOP_GIVEN_NONCE_BYTES_MAX).contains(&value.len()) && value.iter().all(plain);
        if fits { core::str::from_utf8(value).ok().map(|text| Self(text.to_owned())) } else { None }
    }

    /// The nonce as a proof repeats it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many challenges of an upstream had counted when a proof was made for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round(u64);

/// The upstream of which resource, and for which agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Towards<'a> {
    pub(crate) resource: &'a str,
    pub(crate) agent: &'a str,
}

#[derive(Debug, Default)]
struct Upstream {
    nonce: Option<ServerNonce>,
    round: u64,
    in_a_row: u32,
    held_until: Option<UnixSeconds>,
}

/// The nonces of one worker.
#[derive(Debug, Default)]
pub(crate) struct GivenNonces {
    servers: BTreeMap<String, ServerNonce>,
    /// By resource, and by agent there.
    upstreams: BTreeMap<String, BTreeMap<String, Upstream>>,
}

impl GivenNonces {
    /// What the authorization server of that name wants in the next proof.
    pub(crate) fn of_server(&self, server: &str) -> Option<&ServerNonce> {
        self.servers.get(server)
    }

    /// Takes what an answer of that server brought; false where it was nothing.
    pub(crate) fn server_gave(&mut self, server: &str, answer: &CalloutAnswer<'_>) -> bool {
        let Some(nonce) = answer.dpop_nonce().and_then(ServerNonce::read) else {
            return false;
        };
        self.servers.insert(server.to_owned(), nonce);
        true
    }

    fn known(&self, towards: Towards<'_>) -> Option<&Upstream> {
        self.upstreams.get(towards.resource)?.get(towards.agent)
    }

    fn entry(&mut self, towards: Towards<'_>) -> &mut Upstream {
        let of_resource = self.upstreams.entry(towards.resource.to_owned()).or_default();
        of_resource.entry(towards.agent.to_owned()).or_default()
    }

    /// What that upstream wants in the next proof, and which round that is.
    pub(crate) fn of_upstream(&self, towards: Towards<'_>) -> (Option<&ServerNonce>, Round) {
        self.known(towards).map_or((None, Round(0)), |known| (known.nonce.as_ref(), Round(known.round)))
    }

    /// Takes what an answer of that upstream brought.
    pub(crate) fn upstream_gave(&mut self, towards: Towards<'_>, nonce: ServerNonce) {
        self.entry(towards).nonce = Some(nonce);
    }

    /// The upstream asked for a nonce in answer to a proof of that round; says how long nothing more is sent.
    pub(crate) fn challenged(&mut self, towards: Towards<'_>, sent: Round, now: UnixSeconds) -> Option<Seconds> {
        let known = self.entry(towards);
        if Round(known.round) == sent {
            known.round = known.round.saturating_add(1);
            known.in_a_row = known.in_a_row.saturating_add(1);
            known.held_until = Some(now.saturating_add(backoff(known.in_a_row)));
        }
        self.wait(towards, now)
    }

    /// The upstream took a proof.
    pub(crate) fn taken(&mut self, towards: Towards<'_>) {
        let known = self.upstreams.get_mut(towards.resource).and_then(|agents| agents.get_mut(towards.agent));
        if let Some(known) = known {
            known.in_a_row = 0;
            known.held_until = None;
        }
    }

    /// How long no proof is sent there; `None` where one may be sent now.
    pub(crate) fn wait(&self, towards: Towards<'_>, now: UnixSeconds) -> Option<Seconds> {
        let until = self.known(towards)?.held_until?;
        let left = until.get().checked_sub(now.get()).filter(|left| *left > 0)?;
        // More than the longest wait means that the clock was set back.
        (left <= UPSTREAM_BACKOFF_SECONDS_MAX).then_some(Seconds::new(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: Towards<'_> = Towards { resource: "r", agent: "a" };

    const fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds)
    }

    fn nonce(text: &str) -> Option<ServerNonce> {
        ServerNonce::read(text.as_bytes())
    }

    #[test]
    fn a_nonce_is_bounded_and_of_its_alphabet() {
        assert!(nonce(&"n".repeat(DPOP_GIVEN_NONCE_BYTES_MAX)).is_some());
        assert!(nonce(&"n".repeat(DPOP_GIVEN_NONCE_BYTES_MAX.saturating_add(1))).is_none());
        for byte in 0..=u8::MAX {
            let want = byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
            assert_eq!(ServerNonce::read(&[b'n', byte]).is_some(), want, "{byte:#x}");
        }
        assert!(nonce("").is_none());
    }

    #[test]
    fn what_is_no_nonce_replaces_none() {
        let mut nonces = GivenNonces::default();
        let answer = CalloutAnswer::response(200, None, b"");
        assert!(nonces.server_gave("as", &answer.with_nonce(Some(b"one"))));
        assert!(!nonces.server_gave("as", &answer.with_nonce(Some(b"t\"wo"))));
        assert!(!nonces.server_gave("as", &answer) && !nonces.server_gave("as", &CalloutAnswer::Failed));
        assert_eq!(nonces.of_server("as").map(ServerNonce::as_str), Some("one"));
        assert_eq!(nonces.of_server("other"), None);
        assert!(nonces.server_gave("as", &answer.with_nonce(Some(b"two"))));
        assert_eq!(nonces.of_server("as").map(ServerNonce::as_str), Some("two"));
        assert_eq!(nonces.servers.len(), 1);
    }

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_ends_with_a_proof_that_is_taken() {
        let mut nonces = GivenNonces::default();
        for want in [None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(60), Some(60)] {
            let (_, round) = nonces.of_upstream(R);
            assert_eq!(nonces.challenged(R, round, at(100)).map(Seconds::get), want);
        }
        assert_eq!(nonces.wait(R, at(159)).map(Seconds::get), Some(1));
        assert_eq!(nonces.wait(R, at(160)), None);
        assert_eq!(nonces.wait(R, at(99)), None, "the clock was set back");
        for towards in [Towards { resource: "s", ..R }, Towards { agent: "b", ..R }] {
            assert_eq!(nonces.wait(towards, at(100)), None, "{towards:?}");
        }
        nonces.taken(R);
        assert_eq!(nonces.wait(R, at(100)), None);
        let (_, round) = nonces.of_upstream(R);
        assert_eq!(nonces.challenged(R, round, at(100)), None, "it begins anew");
    }

    #[test]
    fn what_one_agent_is_told_is_not_told_to_another() {
        let mut nonces = GivenNonces::default();
        nonces.upstream_gave(R, nonce("n").unwrap_or_else(|| ServerNonce(String::new())));
        assert_eq!(nonces.of_upstream(R).0.map(ServerNonce::as_str), Some("n"));
        assert_eq!(nonces.of_upstream(Towards { agent: "b", ..R }).0, None);
        assert_eq!(nonces.of_upstream(Towards { resource: "s", ..R }).0, None);
    }

    #[test]
    fn requests_in_flight_together_count_once_and_an_overlap_hides_nothing() {
        let mut nonces = GivenNonces::default();
        let (_, first) = nonces.of_upstream(R);
        for _ in 0..100 {
            assert_eq!(nonces.challenged(R, first, at(100)), None);
        }
        // Two that overlap for ever: each of them is challenged after the other.
        let (_, mut one) = nonces.of_upstream(R);
        let mut waited = None;
        for _ in 0..4 {
            let (_, other) = nonces.of_upstream(R);
            waited = nonces.challenged(R, one, at(100)).or(waited);
            one = nonces.of_upstream(R).1;
            waited = nonces.challenged(R, other, at(100)).or(waited);
        }
        assert!(waited.is_some());
    }
}
