//! Exchanges under random operations: the rules are checked by the host at every step.

use proptest::prelude::*;

use crate::gateway::Gateway;
use crate::in_order;
use crate::issuers::{FLAWS, Flaw};
use crate::operations;
use crate::world::{self, KNOWLEDGE, Options, START, Signer};

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
        gateway.tick();
        while gateway.calls() > 0 {
            gateway.answer(0, |issuers, call, now| issuers.answer(call, Flaw::None, now));
        }
        for (flaw, pause) in flaws.into_iter().zip(pauses) {
            in_order::send(&mut gateway, &token, "user-1@example", "once");
            gateway.answer(0, |issuers, call, now| issuers.answer(call, flaw, now));
            gateway.answer(0, |issuers, call, now| issuers.answer(call, flaw, now));
            gateway.now += pause;
            gateway.tick();
        }
        gateway.finish();
    }
}
