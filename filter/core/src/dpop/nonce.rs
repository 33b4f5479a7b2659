//! Nonces that the gateway hands out for proofs (RFC 9449 §9), so that none can be made ahead of time.
//!
//! A nonce is a keyed digest of the time it began in, with a secret that all workers and proxies of a fleet share: nothing is stored, and each knows the others'.

use crate::base64url;
use crate::limits::DPOP_NONCE_SECONDS;
use crate::redacted::Redacted;
use crate::time::UnixSeconds;

/// The nonce to hand out now.
pub(crate) fn current(secret: &Redacted<String>, now: UnixSeconds) -> Option<String> {
    of(secret, slot(now)?)
}

/// Whether `shown` is the nonce of now or the one before it.
pub(crate) fn is_current(secret: &Redacted<String>, shown: &str, now: UnixSeconds) -> bool {
    let Some(slot) = slot(now) else {
        return false;
    };
    // Both are public once handed out, so their comparison need not hide its length.
    [Some(slot), slot.checked_sub(1)].into_iter().flatten().any(|slot| of(secret, slot).as_deref() == Some(shown))
}

fn slot(now: UnixSeconds) -> Option<u64> {
    now.get().checked_div(DPOP_NONCE_SECONDS)
}

fn of(secret: &Redacted<String>, slot: u64) -> Option<String> {
    let input = [b"actgate dpop nonce ".as_slice(), &slot.to_be_bytes()].concat();
    base64url::encode(&hmac_sha256::HMAC::mac(input, secret.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds)
    }

    #[test]
    fn a_nonce_serves_for_its_time_and_the_next() {
        let secret = Redacted::new("secret".to_owned());
        let began = DPOP_NONCE_SECONDS.saturating_mul(1000);
        let nonce = current(&secret, at(began)).unwrap_or_default();
        assert_eq!(nonce.len(), 43);
        let last = began.saturating_add(DPOP_NONCE_SECONDS.saturating_mul(2)).saturating_sub(1);
        for (now, want) in
            [(began, true), (last, true), (last.saturating_add(1), false), (began.saturating_sub(1), false)]
        {
            assert_eq!(is_current(&secret, &nonce, at(now)), want, "{now}");
        }
        assert!(!is_current(&Redacted::new("other".to_owned()), &nonce, at(began)));
        assert!(!is_current(&secret, "", at(began)));
    }
}
