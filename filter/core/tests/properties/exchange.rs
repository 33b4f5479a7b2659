//! Exchanges under random operations: the rules are checked by the host at every step.

use proptest::prelude::*;

use crate::gateway::{Gateway, Intent};
use crate::issuers::{FLAWS, Flaw};
use crate::operations::{self, call};
use crate::world::{self, KNOWLEDGE, Options, PEER, START, Signer, TOOLS};

proptest! {
    #![proptest_config(crate::cases(96))]

    #[test]
    fn no_sequence_of_operations_breaks_a_rule(data in prop::collection::vec(any::<u8>(), 0..400)) {
        operations::run(&data);
    }

    /// The host panics where an assertion is sent twice; here the flaws come in every order.
    #[test]
    fn a_failed_call_never_sends_an_assertion_again(
        flaws in prop::collection::vec(prop::sample::select(FLAWS.to_vec()), 0..12),
        pauses in prop::collection::vec(0..200u64, 12),
    ) {
        let mut gateway = Gateway::new(Options { headers_first: false, inline_keys: false });
        let token = world::token(KNOWLEDGE, "at+jwt", &world::inbound_claims(1, START, 1), Signer::Own);
        let credential = format!("Bearer {token}");
        let headers: [(&[u8], &[u8]); 5] = [
            (b":method", b"POST"),
            (b":path", b"/tools"),
            (b":authority", b"gateway.example"),
            (b"content-type", b"application/json"),
            (b"authorization", credential.as_bytes()),
        ];
        gateway.tick();
        while gateway.calls() > 0 {
            gateway.answer(0, |issuers, call, now| issuers.answer(call, Flaw::None, now));
        }
        for (flaw, pause) in flaws.into_iter().zip(pauses) {
            let sub = "user-1@example".to_owned();
            let intent = Intent { sound: true, sub, resource: Some(TOOLS), expires_at: START + 900, operation: None };
            let id = gateway.request(&headers, Some(PEER), false, intent);
            gateway.body(id, Some(call("once", TOOLS).to_string().as_bytes()), Some("once"));
            gateway.tick();
            gateway.answer(0, |issuers, call, now| issuers.answer(call, flaw, now));
            gateway.answer(0, |issuers, call, now| issuers.answer(call, flaw, now));
            gateway.now += pause;
            gateway.tick();
        }
        gateway.finish();
    }
}
