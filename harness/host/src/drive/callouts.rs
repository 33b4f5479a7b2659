//! Ends of callouts, delivered to the root context that owns them.

use crate::abi::Export;
use crate::callout::{Answer, CalloutId, Delivery, NotPending};
use crate::envoy::Envoy;
use crate::vm::Action;

/// `BrokenConnection`, what `proxy_get_status` says after a reset.
const BROKEN_CONNECTION: u32 = 11;

impl Envoy {
    pub(crate) fn end_callout(&mut self, id: CalloutId, answer: Answer) -> Result<(), NotPending> {
        let now = self.world.clock.now;
        match answer {
            Answer::Pending => {
                return self.world.callouts.pending.get(&id).map(|_| ()).ok_or(NotPending::AlreadyEnded);
            }
            Answer::After(delay, later) => {
                if !self.world.callouts.pending.contains_key(&id) {
                    return Err(NotPending::AlreadyEnded);
                }
                self.world.callouts.on_the_way.insert((now.after(delay), id), *later);
                return Ok(());
            }
            _ => {}
        }
        let callout = self.world.callouts.remove(id).ok_or(NotPending::AlreadyEnded)?;
        let body_max = self.world.profile.callout_body_max;
        let vm = self.vm_mut(callout.vm).filter(|vm| vm.failure.is_none()).ok_or(NotPending::VmGone)?;
        let data = vm.store.data_mut();
        data.call_tokens.remove(&callout.token);
        data.after.push_back(Action::ForgetCall { root: callout.root });
        let mut counts = [callout.token, 0, 0, 0];
        match Delivery::of(answer, body_max) {
            Some(delivery) => {
                let sizes = [delivery.headers.len(), delivery.body.len(), delivery.trailers.len()];
                for (count, size) in counts.iter_mut().skip(1).zip(sizes) {
                    *count = u32::try_from(size).unwrap_or(u32::MAX);
                }
                data.call_answers.insert(callout.root, delivery);
            }
            None => data.call_status = (BROKEN_CONNECTION, "reset"),
        }
        match callout.request {
            Some(stream) => self.call_for(stream, callout.vm, callout.root, Export::HttpCallResponse, &counts),
            None => self.call(callout.vm, callout.root, Export::HttpCallResponse, &counts),
        };
        self.run_actions(callout.vm);
        Ok(())
    }
}
