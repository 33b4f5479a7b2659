//! Requests in progress that must end: refused or reset from the root, each through its own context.

use actgate_core::record::Event;
use actgate_core::request::StreamId;
use actgate_core::step::ResponsePlan;

use crate::host;
use crate::report;
use crate::worker::{Stage, Worker};

impl Worker {
    /// Ends what has gone on for long enough; looks once a second, however often the root ticks.
    pub(crate) fn end_overdue(&self) {
        let Some(now) = self.handle(|_, ambient| ambient.now) else {
            return;
        };
        if self.looked.replace(now.get()) != now.get() {
            self.end_streams(|plan| plan.handle_time(now));
        }
    }

    /// Ends what the newest configuration of this plugin withdraws, once for each that comes.
    ///
    /// What waits is refused in the words that a new request would get; an answer on its way breaks off.
    pub(crate) fn end_revoked(&self) {
        if !self.unsearched.get() {
            return;
        }
        let Some((revocations, now)) = self.handle(|plugin, ambient| (plugin.revocations(), ambient.now)) else {
            return;
        };
        self.unsearched.set(false);
        let found = self.undecided(
            |reading| reading.find_revocation(&revocations, now),
            |waiting| waiting.find_revocation(&revocations, now),
        );
        for (stream, revocation) in found {
            self.refuse_undecided_with(
                stream,
                |reading| reading.handle_revocation(revocation),
                |flight, waiting| {
                    self.with_plugin(|plugin| plugin.handle_stream_gone(flight, StreamId(stream)));
                    waiting.handle_revocation(revocation)
                },
            );
        }
        self.end_streams(|plan| plan.handle_revocations(&revocations, now));
    }

    /// Ends every request in progress that `ending` names.
    ///
    /// An answer that has begun cannot be refused any more. It breaks off, so that the caller does not take it for complete.
    pub(crate) fn end_streams(&self, ending: impl Fn(&ResponsePlan) -> Option<Event>) {
        for (stream, event) in self.in_progress(ending) {
            // A stream that is gone is passed by: acting on would act on another one.
            if host::set_effective_context(stream).is_err() {
                drop(self.take(stream));
                continue;
            }
            report::event(self, &event);
            self.put(stream, Stage::Stopped);
            if host::reset_response().is_err() {
                host::log(host::Level::Error, "actgate: the host does not end a stream");
            }
        }
        let _ = host::set_effective_context(self.root);
    }
}
