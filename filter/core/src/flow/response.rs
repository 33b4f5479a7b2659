//! The upstream's answer to a forwarded request.
//!
//! A 401 for a token that the gateway exchanged is not the caller's to solve: the token is dropped,
//! the upstream's challenge stays here, and the caller gets an error that says to try again.
//! Where the upstream refuses fresh tokens too, the error says how long no more are asked for.
//! A 403 is the upstream's policy and drops nothing; nor does a 401 that only asks for a nonce in the gateway's proof.
//!
//! A body is looked at as [`ResponsePlan::reading`] says, and then nothing of it passes undecided: every piece is let through, replaced or refused.
//! First it is read for what it is (a list, tasks), then what goes on of it is searched for what the gateway put on the request (`echoing`).

mod echoing;
mod verdict;

use crate::a2a::tasks::{Handout, TaskAnswer};
use crate::bound::Kind;
use crate::exchange::answer::is_json;
use crate::exchange::transaction;
use crate::flow::arrival::has_json_suffix;
use crate::limits::LIST_ANSWER_BYTES_MAX;
use crate::mcp::EventFilter;
use crate::mcp::listing::{Listing, Shown, Unreadable};
use crate::plugin::Plugin;
use crate::record::{Event, Record};
use crate::rejection::Rejection;
use crate::session::SESSION_ID;
use crate::step::{RefusalContext, Reply, ResponsePlan, TRANSACTION_HEADER};
use crate::time::UnixSeconds;

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// Its status, where the host knows one.
    pub status: Option<u16>,
    /// Every header, names in lower case; may be left empty where [`ResponsePlan::reads_head`] is false.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// True where no body follows.
    pub end_of_stream: bool,
}

/// What becomes of the head of an answer.
#[derive(Debug)]
#[must_use]
pub enum ResponseStep {
    /// It goes to the caller, edited as the plan says.
    Pass,
    /// It is edited and held until its body is decided.
    Hold,
    /// This goes to the caller in its place.
    Reply(Box<Reply>),
}

/// What becomes of a piece of a body.
#[derive(Debug)]
#[must_use]
pub enum BodyStep {
    /// It goes on as it came.
    Pass,
    /// It goes on as these bytes, possibly none.
    Replace(Vec<u8>),
    /// The head is gone already: these bytes end the answer and no other byte of the upstream follows.
    Withdraw {
        /// An error in the caller's terms.
        bytes: Vec<u8>,
        /// The decision.
        record: Box<Record>,
    },
    /// This goes to the caller in place of the whole answer, whose head is still held.
    Reply(Box<Reply>),
}

pub(crate) use echoing::Echoing;

/// How the body of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Not at all.
    Not,
    /// Held until it is complete, and refused past so many bytes.
    Whole {
        /// In bytes.
        limit: usize,
    },
    /// Piece by piece, none held back by the host.
    Pieces,
}

/// Where the reading of an answer's body stands.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nobody looks at it.
    Unread,
    /// It will be a list, and its head has not come.
    Awaited(Box<Listing>),
    /// A list in one JSON document; whether its head is held.
    Document(Box<Listing>, bool),
    /// A list somewhere in an event stream.
    Stream(Box<EventFilter>),
    /// It may give out tasks, and its head has not come.
    TasksAwaited(Box<Handout>),
    /// It passes with the ids of tasks in it bound.
    Tasks(Box<TaskAnswer>),
    /// It was refused after its head had gone: nothing more of it passes, and a stream is to be ended.
    Ended { stream: bool },
}

impl Answer {
    /// A stream that would stay open, and silent for ever.
    pub(crate) const fn is_muted_stream(&self) -> bool {
        matches!(self, Self::Ended { stream: true })
    }

    /// What is awaited of a request that asks for a list, or for tasks.
    pub(crate) fn to(listing: Option<Listing>, tasks: Option<Box<Handout>>) -> Self {
        match (listing, tasks) {
            (Some(listing), _) => Self::Awaited(Box::new(listing)),
            (None, Some(handout)) => Self::TasksAwaited(handout),
            (None, None) => Self::Unread,
        }
    }
}

/// What only the upstream's own bytes could be told from, or a copy of them.
const OF_THE_BYTES: [&str; 7] =
    ["content-length", "content-digest", "repr-digest", "digest", "content-md5", "etag", "accept-ranges"];

impl ResponsePlan {
    /// Whether the answer's head and body are looked at, and how.
    pub fn reading(&self) -> Reading {
        match self.answer {
            Answer::Unread if !self.echoing.reads_body() => Reading::Not,
            Answer::Awaited(_) | Answer::Document(..) => Reading::Whole { limit: LIST_ANSWER_BYTES_MAX },
            Answer::Unread | Answer::Stream(_) | Answer::TasksAwaited(_) | Answer::Tasks(_) | Answer::Ended { .. } => {
                Reading::Pieces
            }
        }
    }

    /// Whether [`ResponseHead::headers`] must be filled in.
    pub fn reads_head(&self) -> bool {
        self.changes_length() || self.has_credential() || self.session.is_some()
    }

    /// Whether a proof of the gateway's own went along.
    fn has_proof(&self) -> bool {
        self.exchanged.as_ref().is_some_and(|sent| sent.proven.is_some())
    }

    /// Whether the body is read for what it is, so that other bytes may go on in its place.
    const fn changes_length(&self) -> bool {
        !matches!(self.answer, Answer::Unread)
    }

    /// A body that was held after its headers is known now, and may ask for a list or for tasks.
    ///
    /// # Errors
    ///
    /// [`Rejection::UpstreamAnswerRefused`] where the answer has begun already, so that nobody looked at it.
    pub(crate) fn await_answer(&mut self, context: &RefusalContext, answer: Answer) -> Result<(), Rejection> {
        self.refusal.clone_from(context);
        if matches!(answer, Answer::Unread) {
            return Ok(());
        }
        if self.begun {
            return Err(Rejection::UpstreamAnswerRefused);
        }
        self.answer = answer;
        Ok(())
    }

    /// Takes the head of the upstream's answer.
    pub fn handle_response_headers(
        &mut self,
        plugin: &mut Plugin,
        now: UnixSeconds,
        head: &ResponseHead<'_>,
    ) -> ResponseStep {
        self.begun = true;
        if let Some(sent) = &self.exchanged
            && let Err((rejection, wait)) = verdict::judge(plugin, (sent, &self.lease), head, now)
        {
            return ResponseStep::Reply(Box::new(self.refusal_until(rejection, wait)));
        }
        if let Err(rejection) = self.find_echoes(head).and_then(|()| self.bind_session(head)) {
            return ResponseStep::Reply(Box::new(self.refusal(rejection)));
        }
        match core::mem::replace(&mut self.answer, Answer::Unread) {
            Answer::Awaited(listing) => self.begin_list(*listing, plugin.config().hold_headers, head),
            Answer::TasksAwaited(handout) => self.begin_tasks(*handout, head),
            other @ (Answer::Unread
            | Answer::Document(..)
            | Answer::Stream(_)
            | Answer::Tasks(_)
            | Answer::Ended { .. }) => {
                self.answer = other;
                ResponseStep::Pass
            }
        }
    }

    /// Binds the session that the server names; one that no client could name again begins nothing.
    fn bind_session(&mut self, head: &ResponseHead<'_>) -> Result<(), Rejection> {
        let Some(session) = &mut self.session else { return Ok(()) };
        if head.headers.is_empty() {
            return Err(Rejection::UpstreamAnswerRefused);
        }
        let mut named = head.headers.iter().filter(|(name, _)| *name == SESSION_ID.as_bytes());
        match (named.next(), named.next()) {
            (None, _) => Ok(()),
            (Some((_, id)), None) => {
                session.bound = Some(session.holder.bind(Kind::Session, id).ok_or(Rejection::UpstreamAnswerRefused)?);
                Ok(())
            }
            (Some(_), Some(_)) => Err(Rejection::UpstreamAnswerRefused),
        }
    }

    fn begin_list(&mut self, listing: Listing, may_hold: bool, head: &ResponseHead<'_>) -> ResponseStep {
        if head.end_of_stream {
            return ResponseStep::Pass;
        }
        // RFC 9110 §15.3.7: a part is not the list, and nobody asked for one.
        if head.status == Some(206) {
            return ResponseStep::Reply(Box::new(self.refusal(Rejection::UpstreamAnswerRefused)));
        }
        let media = media(head, is_json);
        // An error page of somebody between here and the upstream is no list.
        let fine = head.status.is_some_and(|status| (200..300).contains(&status));
        if media == Some(Media::Other) && !fine {
            return ResponseStep::Pass;
        }
        match media {
            Some(Media::Json) => {
                self.answer = Answer::Document(Box::new(listing), may_hold);
                if may_hold { ResponseStep::Hold } else { ResponseStep::Pass }
            }
            Some(Media::Events) => {
                self.answer = Answer::Stream(Box::new(EventFilter::new(listing)));
                ResponseStep::Pass
            }
            Some(Media::Other) | None => ResponseStep::Reply(Box::new(self.refusal(Rejection::UpstreamAnswerRefused))),
        }
    }

    /// An answer that gives out nothing passes; so does one in which nobody could find a task.
    fn begin_tasks(&mut self, handout: Handout, head: &ResponseHead<'_>) -> ResponseStep {
        let is_part = head.status == Some(206) || head.headers.iter().any(|(name, _)| *name == b"content-range");
        // RFC 9110 §14: nobody asked for a part, and one may begin within what a caller wrote.
        if is_part && !head.end_of_stream {
            return ResponseStep::Reply(Box::new(self.refusal(Rejection::UpstreamAnswerRefused)));
        }
        if head.end_of_stream || !head.status.is_some_and(|status| (200..300).contains(&status)) {
            return ResponseStep::Pass;
        }
        self.answer = match media(head, |content_type| is_json(content_type) || has_json_suffix(content_type)) {
            Some(Media::Json) => Answer::Tasks(Box::new(TaskAnswer::document(handout))),
            Some(Media::Events) => Answer::Tasks(Box::new(TaskAnswer::events(handout))),
            Some(Media::Other) => Answer::Unread,
            // Every task in it would be of no use, and nobody would know why.
            None => return ResponseStep::Reply(Box::new(self.refusal(Rejection::UpstreamAnswerRefused))),
        };
        ResponseStep::Pass
    }

    /// Takes a piece of the body, or all of it, as [`Self::reading`] says; `complete` with the last.
    pub fn handle_response_body(&mut self, piece: &[u8], complete: bool) -> BodyStep {
        let step = self.read_answer(piece, complete);
        self.without_echoes(step, piece, complete)
    }

    fn read_answer(&mut self, piece: &[u8], complete: bool) -> BodyStep {
        match &mut self.answer {
            Answer::Unread => BodyStep::Pass,
            Answer::Document(listing, _) => match listing.show(piece) {
                Ok(mut shown) => match shown.message.take() {
                    Some(message) => self.replace(message.into_bytes(), &shown),
                    None => BodyStep::Pass,
                },
                Err(Unreadable) => self.withdraw(),
            },
            Answer::Stream(events) => {
                let passed = events.read(piece);
                let step = self.replace(passed.bytes, &passed.shown);
                if passed.broken { self.withdraw_after(step) } else { step }
            }
            Answer::Tasks(tasks) => match tasks.read(piece, complete) {
                Some(bytes) => BodyStep::Replace(bytes),
                None => BodyStep::Pass,
            },
            // A body without a head cannot be, and what was withdrawn stays so.
            Answer::Awaited(_) | Answer::TasksAwaited(_) | Answer::Ended { .. } => BodyStep::Replace(Vec::new()),
        }
    }

    /// The body grew past the limit of [`Reading::Whole`].
    pub fn handle_response_too_large(&mut self) -> BodyStep {
        let step = self.withdraw();
        self.without_echoes(step, &[], true)
    }

    fn replace(&mut self, bytes: Vec<u8>, shown: &Shown) -> BodyStep {
        // One request is for one list: what an upstream sends beside it must not fill the log.
        let tell = shown.withheld > 0 && !core::mem::replace(&mut self.told_withheld, shown.withheld > 0);
        self.untold.extend(tell.then(|| Event::withheld(&self.refusal.record, shown.withheld, &shown.names)));
        BodyStep::Replace(bytes)
    }

    /// The same as [`Self::withdraw`] after what was good before it.
    fn withdraw_after(&mut self, good: BodyStep) -> BodyStep {
        match (good, self.withdraw()) {
            (BodyStep::Replace(good), BodyStep::Withdraw { bytes, record }) => {
                BodyStep::Withdraw { bytes: [good, bytes].concat(), record }
            }
            (_, other) => other,
        }
    }

    /// Fails closed in whatever form is left: a reply while the head is held, and else an error in the place of the list.
    fn withdraw(&mut self) -> BodyStep {
        let reply = self.refusal(Rejection::UpstreamAnswerRefused);
        let stream = match &self.answer {
            Answer::Stream(_) | Answer::Ended { stream: true } => true,
            Answer::Tasks(tasks) => tasks.is_stream(),
            Answer::Unread
            | Answer::Awaited(_)
            | Answer::Document(..)
            | Answer::TasksAwaited(_)
            | Answer::Ended { .. } => false,
        };
        match core::mem::replace(&mut self.answer, Answer::Ended { stream }) {
            Answer::Unread => {
                self.answer = Answer::Unread;
                BodyStep::Pass
            }
            Answer::Ended { .. } => BodyStep::Replace(Vec::new()),
            Answer::Awaited(_) | Answer::TasksAwaited(_) | Answer::Document(_, true) => {
                BodyStep::Reply(Box::new(reply))
            }
            Answer::Tasks(tasks) if !tasks.is_stream() => {
                BodyStep::Withdraw { bytes: reply.body, record: Box::new(reply.record) }
            }
            Answer::Document(_, false) => BodyStep::Withdraw { bytes: reply.body, record: Box::new(reply.record) },
            Answer::Stream(_) | Answer::Tasks(_) => {
                let bytes = [b"data: ".as_slice(), &reply.body, b"\n\n"].concat();
                BodyStep::Withdraw { bytes, record: Box::new(reply.record) }
            }
        }
    }

    /// Headers of the upstream that are not for the caller: challenges concern a token it never sees.
    pub fn response_headers_to_remove(&self) -> impl Iterator<Item = &str> {
        let own = self.exchanged.is_none() && self.injected.is_none();
        let challenges: &[&str] = if own { &[] } else { &["www-authenticate", "proxy-authenticate"] };
        // What is edited has another length and another digest, and a part of it would be a part of something else.
        let bytes: &[&str] = if self.changes_length() { &OF_THE_BYTES } else { &[] };
        let transaction: &[&str] = if self.transaction.is_some() { &[transaction::HEADER] } else { &[] };
        // The upstream's nonces are for the gateway's proofs.
        let nonce: &[&str] = if self.has_proof() { &[verdict::NONCE] } else { &[] };
        challenges.iter().chain(nonce).chain(transaction).chain(bytes).copied().chain(self.echoing.headers())
    }

    /// Headers that go to the caller in place of whatever the upstream put there, which must not pass: its session.
    pub fn response_headers_to_replace(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.session.iter().filter_map(|session| Some((SESSION_ID, session.bound.as_deref()?)))
    }

    /// The header by which the caller may ask about the transaction. An answer is as good without it, and the record has it.
    pub fn transaction_header(&self) -> (&'static str, &str) {
        (TRANSACTION_HEADER, self.refusal.txn.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

/// What the body is, where `is_json` says what JSON is called; `None` where it could be anything: encoded, or described twice.
fn media(head: &ResponseHead<'_>, is_json: fn(&[u8]) -> bool) -> Option<Media> {
    let all = |name: &'static [u8]| head.headers.iter().filter(move |(key, _)| *key == name).map(|(_, value)| *value);
    let mut types = all(b"content-type");
    let content_type = types.next().unwrap_or_default();
    let encoded = is_encoded(head);
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let media = if is_json(content_type) {
        Media::Json
    } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
        Media::Events
    } else {
        Media::Other
    };
    (types.next().is_none() && (!encoded || media == Media::Other)).then_some(media)
}

/// Whether the body is not what it stands for (RFC 9110 §8.4).
fn is_encoded(head: &ResponseHead<'_>) -> bool {
    let mut encodings = head.headers.iter().filter(|(name, _)| *name == b"content-encoding");
    encodings.any(|(_, encoding)| !encoding.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use crate::flow::Lease;
    use crate::request::TransactionId;
    use crate::step::{RefusalContext, ResponsePlan};
    use crate::time::UnixSeconds;

    #[test]
    fn an_answer_that_passes_names_its_transaction() {
        let refusal = RefusalContext::new(TransactionId::new([0xa5; 16]), UnixSeconds::new(0));
        let plan = ResponsePlan::plain(refusal, Lease::default());
        assert_eq!(plan.response_headers_to_replace().count(), 0);
        assert_eq!(plan.transaction_header(), ("x-actgate-txn", "a5".repeat(16).as_str()));
    }
}
