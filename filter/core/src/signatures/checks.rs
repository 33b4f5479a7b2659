//! How many bad signatures a peer may have checked: a flood of them is no lever against others.
//!
//! Only a check that failed is paid for, so whoever presents good tokens never meets this. Proofs by a sender's own key are paid for alike,
//! and a good one makes nobody known: anybody has a key.
//! Each peer has a bucket of its own. All peers that never presented a good token share a second one, so that many new addresses
//! together get no more than a share of the worker; a peer that is known by a good token does not draw on it.
//! Peers with a certificate share one among themselves: whoever has none cannot keep a new agent out.
//! A peer is its client certificate's first URI SAN, or else its address. Both tables are bounded.

use core::cell::{Cell, RefCell};

use crate::algorithm::Algorithm;
use crate::digest::sha256;
use crate::jwks::PublicKey;
use crate::jwt::UnverifiedJwt;
use crate::limits::{
    BAD_SIGNATURES_BURST, BAD_SIGNATURES_PER_SECOND, KNOWN_PEERS_MAX, STRANGERS_BAD_SIGNATURES_BURST,
    STRANGERS_BAD_SIGNATURES_PER_SECOND, SUSPECT_PEERS_MAX,
};
use crate::segmented::{Room, Segmented};
use crate::signatures::Signatures;
use crate::time::UnixSeconds;

/// A peer by the digest of its name: names may be 2 KiB long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer {
    name: [u8; 32],
    is_certified: bool,
}

impl Peer {
    /// By what is known of it: the SAN of its certificate, or else the address it calls from, without the port.
    pub(crate) fn of(uri_san: Option<&str>, address: Option<&str>) -> Self {
        let name = match (uri_san, address) {
            (Some(san), _) => format!("san {san}"),
            (None, Some(address)) => {
                format!("address {}", address.rsplit_once(':').map_or(address, |(host, _port)| host))
            }
            (None, None) => "unknown".to_owned(),
        };
        Self { name: sha256(name.as_bytes()), is_certified: uri_san.is_some() }
    }
}

/// What is left to spend, refilled by the second.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    at: UnixSeconds,
}

impl Bucket {
    const fn full(burst: u32, now: UnixSeconds) -> Self {
        Self { left: burst, at: now }
    }

    fn refill(&mut self, burst: u32, per_second: u32, now: UnixSeconds) {
        // A clock that was set back refills nothing and begins to count anew.
        let passed = now.since(self.at).map_or(0, |seconds| u32::try_from(seconds.get()).unwrap_or(u32::MAX));
        self.left = self.left.saturating_add(passed.saturating_mul(per_second)).min(burst);
        self.at = now;
    }
}

/// The books of one worker.
#[derive(Debug)]
pub(crate) struct SignatureChecks {
    suspects: Segmented<Peer, Bucket>,
    known: Segmented<Peer, ()>,
    certified_strangers: Bucket,
    strangers: Bucket,
}

impl Default for SignatureChecks {
    fn default() -> Self {
        let room = |entries| Room { entries, bytes: entries };
        let strangers = Bucket::full(STRANGERS_BAD_SIGNATURES_BURST, UnixSeconds::new(0));
        Self {
            suspects: Segmented::new(room(SUSPECT_PEERS_MAX)),
            known: Segmented::new(room(KNOWN_PEERS_MAX)),
            certified_strangers: strangers,
            strangers,
        }
    }
}

impl SignatureChecks {
    /// Whether another signature of this peer's may be checked now.
    pub(crate) fn may_check(&mut self, peer: Peer, now: UnixSeconds) -> bool {
        if let Some(shared) = self.shared_by_strangers(peer) {
            shared.refill(STRANGERS_BAD_SIGNATURES_BURST, STRANGERS_BAD_SIGNATURES_PER_SECOND, now);
            if shared.left == 0 {
                return false;
            }
        }
        let Some(bucket) = self.suspects.touch(peer) else {
            return true;
        };
        bucket.refill(BAD_SIGNATURES_BURST, BAD_SIGNATURES_PER_SECOND, now);
        bucket.left > 0
    }

    /// A signature of this peer's was bad.
    pub(crate) fn was_bad(&mut self, peer: Peer, now: UnixSeconds) {
        if let Some(shared) = self.shared_by_strangers(peer) {
            shared.left = shared.left.saturating_sub(1);
        }
        if let Some(bucket) = self.suspects.touch(peer) {
            bucket.left = bucket.left.saturating_sub(1);
            return;
        }
        let mut bucket = Bucket::full(BAD_SIGNATURES_BURST, now);
        bucket.left = bucket.left.saturating_sub(1);
        self.suspects.insert(peer, bucket, 1);
    }

    /// What counted as bad in advance was not.
    pub(crate) fn was_not_bad(&mut self, peer: Peer) {
        if let Some(shared) = self.shared_by_strangers(peer) {
            shared.left = shared.left.saturating_add(1).min(STRANGERS_BAD_SIGNATURES_BURST);
        }
        if let Some(bucket) = self.suspects.touch(peer) {
            bucket.left = bucket.left.saturating_add(1).min(BAD_SIGNATURES_BURST);
        }
    }

    /// The bucket that this peer shares with its like, as long as it is not known.
    fn shared_by_strangers(&mut self, peer: Peer) -> Option<&mut Bucket> {
        match (self.known.peek(&peer), peer.is_certified) {
            (Some(()), _) => None,
            (None, true) => Some(&mut self.certified_strangers),
            (None, false) => Some(&mut self.strangers),
        }
    }

    /// A signature of this peer's was good.
    pub(crate) fn was_good(&mut self, peer: Peer) {
        if self.known.touch(peer).is_none() {
            self.known.insert(peer, (), 1);
        }
    }
}

/// Signatures checked for one peer, as long as it has checks left.
pub(crate) struct Rationed<'a> {
    checks: RefCell<&'a mut SignatureChecks>,
    peer: Peer,
    now: UnixSeconds,
    signatures: &'a dyn Signatures,
    is_own_key: bool,
    spent: Cell<bool>,
    /// Keys that did not make the signature; paid for only where none did.
    failed: Cell<u32>,
}

impl<'a> Rationed<'a> {
    pub(crate) fn new(
        checks: &'a mut SignatureChecks,
        peer: Peer,
        now: UnixSeconds,
        signatures: &'a dyn Signatures,
    ) -> Self {
        Self {
            checks: RefCell::new(checks),
            peer,
            now,
            signatures,
            is_own_key: false,
            spent: Cell::new(false),
            failed: Cell::new(0),
        }
    }

    /// The same for a signature by a key that comes along with it.
    pub(crate) fn of_own_key(
        checks: &'a mut SignatureChecks,
        peer: Peer,
        now: UnixSeconds,
        signatures: &'a dyn Signatures,
    ) -> Self {
        Self { is_own_key: true, ..Self::new(checks, peer, now, signatures) }
    }

    /// Pays for what failed. True where a check was asked for and not made: the answer to it was no, and says nothing about the signature.
    pub(crate) fn settle(self) -> bool {
        let checks = self.checks.into_inner();
        for _ in 0..self.failed.get() {
            checks.was_bad(self.peer, self.now);
        }
        self.spent.get()
    }
}

impl Signatures for Rationed<'_> {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, jwt: &UnverifiedJwt<'_>) -> bool {
        let Ok(mut checks) = self.checks.try_borrow_mut() else {
            return false;
        };
        if !checks.may_check(self.peer, self.now) {
            self.spent.set(true);
            return false;
        }
        let good = self.signatures.verify(key, algorithm, jwt);
        if good {
            // A good token may have been tried with another key of the same name first.
            self.failed.set(0);
            if !self.is_own_key {
                checks.was_good(self.peer);
            }
        } else {
            self.failed.set(self.failed.get().saturating_add(1));
        }
        good
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::sample::Issuer;

    const NOW: u64 = 1_000;

    fn now(after: u64) -> UnixSeconds {
        UnixSeconds::new(NOW + after)
    }

    fn peer(name: &str) -> Peer {
        Peer::of(None, Some(&format!("{name}:1")))
    }

    /// How many bad signatures of that peer are checked when it sends without end.
    fn flood(checks: &mut SignatureChecks, peer: Peer, after: u64) -> u32 {
        let mut checked = 0;
        while checks.may_check(peer, now(after)) {
            checks.was_bad(peer, now(after));
            checked += 1;
        }
        checked
    }

    #[test]
    fn a_peer_spends_its_own_bucket_and_gets_it_back_by_the_second() {
        let mut checks = SignatureChecks::default();
        let (bad, other) = (peer("bad"), peer("other"));
        assert_eq!(flood(&mut checks, bad, 0), BAD_SIGNATURES_BURST);
        assert!(!checks.may_check(bad, now(0)));
        assert!(checks.may_check(other, now(0)));
        assert_eq!(flood(&mut checks, bad, 1), BAD_SIGNATURES_PER_SECOND);
        assert_eq!(flood(&mut checks, bad, 10_000), BAD_SIGNATURES_BURST);
    }

    #[test]
    fn strangers_together_get_one_share_and_known_peers_keep_theirs() {
        let mut checks = SignatureChecks::default();
        let known = peer("known");
        checks.was_good(known);
        let spent: u32 = (0..1000).map(|each| flood(&mut checks, peer(&each.to_string()), 0)).sum();
        assert_eq!(spent, STRANGERS_BAD_SIGNATURES_BURST);
        assert!(!checks.may_check(peer("new"), now(0)));
        assert_eq!(flood(&mut checks, known, 0), BAD_SIGNATURES_BURST);
        let later: u32 = (0..1000).map(|each| flood(&mut checks, peer(&format!("again {each}")), 1)).sum();
        assert_eq!(later, STRANGERS_BAD_SIGNATURES_PER_SECOND);
    }

    #[test]
    fn strangers_without_a_certificate_do_not_keep_out_those_with_one() {
        let agent = |name: u32| Peer::of(Some(&format!("spiffe://example/{name}")), Some("10.0.0.1:80"));
        let mut checks = SignatureChecks::default();
        (0..1000).for_each(|each| _ = flood(&mut checks, peer(&each.to_string()), 0));
        assert!(!checks.may_check(peer("new"), now(0)));
        assert_eq!(flood(&mut checks, agent(1), 0), BAD_SIGNATURES_BURST);
        let spent: u32 = (2..1000).map(|each| flood(&mut checks, agent(each), 0)).sum();
        assert_eq!(spent, STRANGERS_BAD_SIGNATURES_BURST - BAD_SIGNATURES_BURST);
    }

    #[test]
    fn good_tokens_cost_nothing() {
        let mut checks = SignatureChecks::default();
        for _ in 0..10_000 {
            assert!(checks.may_check(peer("good"), now(0)));
            checks.was_good(peer("good"));
        }
    }

    /// Says yes to every `good`th check.
    struct Every {
        good: u32,
        asked: Cell<u32>,
    }

    impl Signatures for Every {
        fn verify(&self, _: &PublicKey, _: Algorithm, _: &UnverifiedJwt<'_>) -> bool {
            self.asked.set(self.asked.get() + 1);
            self.asked.get().is_multiple_of(self.good)
        }
    }

    /// How many of that many tokens, tried with two keys each, have their signature checked.
    fn tokens_checked(good: u32, tokens: u32) -> u32 {
        let issuer = Issuer::of(Algorithm::Es256);
        let text = issuer.token(&json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"}).to_string(), "{}");
        let (jwt, key) = (UnverifiedJwt::parse(&text).unwrap(), issuer.unbound_key());
        let (mut checks, signatures) = (SignatureChecks::default(), Every { good, asked: Cell::new(0) });
        let mut checked = 0;
        for _ in 0..tokens {
            let rationed = Rationed::new(&mut checks, peer("one"), now(0), &signatures);
            let _ = (0..2).any(|_| rationed.verify(&key, Algorithm::Es256, &jwt));
            checked += u32::from(!rationed.settle());
        }
        checked
    }

    #[test]
    fn a_good_token_does_not_pay_for_the_key_it_was_tried_with_first() {
        assert_eq!(tokens_checked(2, BAD_SIGNATURES_BURST * 3), BAD_SIGNATURES_BURST * 3);
        assert_eq!(tokens_checked(u32::MAX, BAD_SIGNATURES_BURST * 3), BAD_SIGNATURES_BURST / 2);
    }

    #[test]
    fn a_signature_by_ones_own_key_makes_nobody_known() {
        let issuer = Issuer::of(Algorithm::Es256);
        let text = issuer.token(&json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"}).to_string(), "{}");
        let (jwt, key) = (UnverifiedJwt::parse(&text).unwrap(), issuer.unbound_key());
        let signatures = Every { good: 1, asked: Cell::new(0) };
        for (own_key, known) in [(true, 0), (false, 1)] {
            let mut checks = SignatureChecks::default();
            let make = if own_key { Rationed::of_own_key } else { Rationed::new };
            let rationed = make(&mut checks, peer("one"), now(0), &signatures);
            assert!(rationed.verify(&key, Algorithm::Es256, &jwt) && !rationed.settle());
            assert_eq!(checks.known.len(), known);
        }
    }

    #[test]
    fn the_tables_are_bounded() {
        let mut checks = SignatureChecks::default();
        for each in 0..SUSPECT_PEERS_MAX + KNOWN_PEERS_MAX + 1 {
            checks.was_good(peer(&each.to_string()));
            checks.was_bad(peer(&each.to_string()), now(0));
        }
        assert_eq!((checks.suspects.len(), checks.known.len()), (SUSPECT_PEERS_MAX, KNOWN_PEERS_MAX));
    }

    #[test]
    fn a_peer_is_its_certificate_or_its_address_without_the_port() {
        assert_eq!(Peer::of(None, Some("10.0.0.1:80")), Peer::of(None, Some("10.0.0.1:81")));
        assert_eq!(Peer::of(None, Some("[::1]:80")), Peer::of(None, Some("[::1]:81")));
        assert_eq!(Peer::of(Some("spiffe://a"), Some("10.0.0.1:80")), Peer::of(Some("spiffe://a"), None));
        assert_ne!(Peer::of(None, Some("10.0.0.1:80")), Peer::of(None, Some("10.0.0.2:80")));
        assert_ne!(Peer::of(Some("a"), None), Peer::of(None, Some("a")));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut checks = SignatureChecks::default();
        let bad = peer("bad");
        flood(&mut checks, bad, 100);
        assert!(!checks.may_check(bad, now(0)));
    }
}
