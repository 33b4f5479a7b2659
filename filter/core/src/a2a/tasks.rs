//! Tasks that serve only whom they were given to, without a store: [`crate::bound`] for the ids of tasks and of their contexts.
//!
//! Inward, every place of a request that names a task or a context holds a bound id of this very holder, and goes on as the agent's own id.
//! The places are known because all others are refused: members and parameters that no version of the protocol has there, methods that list
//! tasks, report on them to elsewhere, or are not the protocol's (a configuration with both does not load). Headers that name another's request or stream do not go on.
//! What a holder is for includes the tenant that the request names (`target`), because agents may count the tasks of each anew.
//!
//! The `messageId` of a message goes on bound, and comes back as the client wrote it. Agents may know by it a message that comes again,
//! and answer with the task that it began: another's, if the id went on as it came. A holder's own retries stay the same.
//!
//! Outward, an id is bound only where nobody else can be its holder. An agent that does not check whose a task is says what its request leads it to;
//! so what a caller could name decides what an answer may give out:
//!
//! - A request about a task gives out that task and no other. References in its history are the agent's words and stay as they are.
//! - A message that goes on with a task gives out that task, and those it refers to.
//! - A message that names no task begins one. The first id that the answer says of itself is that one; a second is not given out.
//!   A list of references begins nothing, nor does a message that the answer tells again, in its history or its status.
//!   The new task's id in one that stands before it goes on as the agent wrote it: nothing is held until it is known.
//! - There are agents that go on with the task of a context. So contexts are bound as tasks are: a caller that could name another's context
//!   would be given the task in it. A context that was made up by a client is refused therefore, as A2A 1.0 §3.4.1 lets an agent do.
//! - A list of tasks would give everybody's to whoever asks, so there is none.
//! - A part of an answer is none: it may begin within what the caller wrote, and read as what the agent says. None is asked for, and none passes.
//!
//! An id that is not given out goes on as the agent wrote it. That gives nobody anything, because no unbound id passes inward, and so nothing
//! outward has to fail: errors, statuses other than 2xx, media that are no JSON, malformed documents, ids that are no text or too long to be bound.
//! Only what is encoded though it was asked not to be is refused, because all that follows would fail without a word of why.
//!
//! Absent: ids in `metadata`, in parts and in artifacts, which mean what their writers agreed on; what a task does at the agent;
//! and agents that know a request that comes again by anything but its `messageId`.

mod events;
mod handout;
mod places;
mod scanner;
mod target;

use core::ops::Range;

use super::Bound;
use crate::bound::{Holder, Kind};
use crate::delegation::policy::AuthorizedDelegation;
use crate::json::{self, span};
use crate::limits::{JSON_DEPTH_MAX, REFERENCED_TASKS_MAX};
use crate::operation::{BodyEdit, Operation};
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::rpc::RpcCall;

pub(crate) use handout::Handout;
pub(crate) use target::{InPath, Tenancy};

use events::Events;
use handout::Known;
use scanner::{Passage, Scanner};

/// What of an action's request names tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Nothing.
    Nothing,
    /// It is about one task.
    Task,
    /// A message may.
    Message,
    /// It cannot be said, or the answer would give out what is somebody else's.
    Unbindable,
}

/// What the tasks of a resource are bound with.
#[derive(Clone, Debug)]
pub(crate) struct TaskSecret {
    secret: Redacted<String>,
    resource: String,
}

/// Members of requests that name nothing, or that are judged by themselves.
const IN_CALL: [&str; 4] = ["jsonrpc", "id", "method", "params"];
const IN_MESSAGE_REQUEST: [&str; 4] = ["message", "configuration", "metadata", "tenant"];
const IN_TASK_REQUEST: [&str; 4] = ["id", "historyLength", "metadata", "tenant"];
const BESIDE_PATH: [&str; 2] = ["metadata", "tenant"];
const IN_MESSAGE: [&str; 10] = [
    "kind",
    "messageId",
    "contextId",
    "taskId",
    "role",
    "parts",
    "content",
    "metadata",
    "extensions",
    "referenceTaskIds",
];

impl TaskSecret {
    pub(crate) fn new(secret: Redacted<String>, resource: &str) -> Self {
        Self { secret, resource: resource.to_owned() }
    }

    fn holder(&self, delegation: &AuthorizedDelegation, tenant: Option<String>) -> Holder {
        Holder::new(&self.secret, &self.resource, delegation).in_tenant(tenant)
    }

    /// Judges a JSON-RPC call.
    ///
    /// # Errors
    ///
    /// [`Rejection::TaskUnknown`], [`Rejection::ContextUnknown`], or [`Rejection::BodyInvalid`] where a task could be named where nobody looks.
    pub(super) fn judge_call(
        &self,
        names: Names,
        (tenancy, call): (&Tenancy, &RpcCall<'_>),
        delegation: &AuthorizedDelegation,
        operation: &mut Operation,
    ) -> Result<(), Rejection> {
        only(call.text, span::whole(call.text), &IN_CALL)?;
        let at = call.params_at.clone().unwrap_or(0..0);
        let holder = self.holder(delegation, tenancy.decided(call.text, at.clone())?);
        let mut edits = Vec::new();
        let handout = match names {
            Names::Nothing => return Ok(()),
            Names::Unbindable => return Err(Rejection::MethodNotMapped),
            Names::Message => message(holder, call.text, at, &mut edits)?,
            Names::Task => {
                only(call.text, at.clone(), &IN_TASK_REQUEST)?;
                let at = span::member(call.text, at, "id").ok_or(Rejection::BodyInvalid)?;
                let id = unbound(&holder, Kind::Task, call.text, at, &mut edits)?.ok_or(Rejection::BodyInvalid)?;
                Handout::of_task(holder, id)
            }
        };
        operation.edit.body = BodyEdit::texts_at(call.text, edits)?;
        operation.hands_out(handout.in_message());
        Ok(())
    }

    /// Judges an action of the HTTP+JSON binding; `body` is none while it has not come.
    ///
    /// # Errors
    ///
    /// As [`Self::judge_call`].
    pub(super) fn judge_http(
        &self,
        bound: &Bound,
        body: Option<&[u8]>,
        delegation: &AuthorizedDelegation,
        operation: &mut Operation,
    ) -> Result<(), Rejection> {
        let text = match body {
            None => None,
            // Clients of 0.3 write a request that says nothing as `null`.
            Some(b"" | b"null") if bound.names != Names::Message => Some(""),
            Some(body) => {
                json::parse_outline(body, JSON_DEPTH_MAX, 1).map_err(|_| Rejection::BodyInvalid)?;
                Some(core::str::from_utf8(body).map_err(|_| Rejection::BodyInvalid)?)
            }
        };
        let at = span::whole(text.unwrap_or_default());
        let tenant = match text {
            None if bound.has_body => bound.tenancy.presumed(),
            None => bound.tenancy.decided("", 0..0)?,
            Some(text) => bound.tenancy.decided(text, at.clone())?,
        };
        let holder = self.holder(delegation, tenant);
        match (bound.names, &bound.in_path) {
            (Names::Nothing, _) => Ok(()),
            (Names::Unbindable, _) => Err(Rejection::MethodNotMapped),
            (Names::Task, None) => Err(Rejection::Internal("a task that no path names")),
            (Names::Task, Some(task)) => {
                only(text.unwrap_or_default(), at, &BESIDE_PATH)?;
                let id = known(&holder, Kind::Task, &task.shown).ok_or(Rejection::TaskUnknown)?;
                let target = task.with(&id.id).ok_or(Rejection::TaskUnknown)?;
                operation.edit.headers.push((":path", target));
                operation.hands_out(Handout::of_task(holder, id));
                Ok(())
            }
            (Names::Message, _) => {
                operation.edit.forget_length();
                operation.edit.ask_for_plain();
                if let Some(text) = text {
                    let mut edits = Vec::new();
                    let handout = message(holder, text, at, &mut edits)?;
                    operation.edit.body = BodyEdit::texts_at(text, edits)?;
                    operation.hands_out(handout);
                }
                Ok(())
            }
        }
    }
}

type Edits = Vec<(Range<usize>, String)>;

/// Reads the request at `at` that sends a message.
fn message(holder: Holder, text: &str, at: Range<usize>, edits: &mut Edits) -> Result<Handout, Rejection> {
    only(text, at.clone(), &IN_MESSAGE_REQUEST)?;
    let at = span::member(text, at, "message").unwrap_or(0..0);
    only(text, at.clone(), &IN_MESSAGE)?;
    let mut of = |kind, name| match span::member(text, at.clone(), name) {
        Some(at) => unbound(&holder, kind, text, at, edits),
        None => Ok(None),
    };
    let (task, context) = (of(Kind::Task, "taskId")?, of(Kind::Context, "contextId")?);
    let mut references = Vec::new();
    if let Some(at) =
        span::member(text, at.clone(), "referenceTaskIds").filter(|at| text.get(at.clone()) != Some("null"))
    {
        if text.as_bytes().get(at.start) != Some(&b'[') {
            return Err(Rejection::BodyInvalid);
        }
        for at in span::elements(text, at) {
            let id = unbound(&holder, Kind::Task, text, at, edits)?.ok_or(Rejection::BodyInvalid)?;
            references.push(id);
            if references.len() > REFERENCED_TASKS_MAX {
                return Err(Rejection::BodyInvalid);
            }
        }
    }
    let sent = sent(&holder, text, at, edits)?;
    Ok(Handout::of_message(holder, task, references, context).sent_as(sent))
}

/// Refuses what is no object, and one with a member that is not `known`: somebody could read a task there.
fn only(text: &str, at: Range<usize>, known: &[&str]) -> Result<(), Rejection> {
    // What is not there names nothing.
    if at.is_empty() {
        return Ok(());
    }
    let is_object = text.as_bytes().get(at.start) == Some(&b'{');
    if is_object && span::members(text, at).all(|member| known.contains(&member.name.as_ref())) {
        Ok(())
    } else {
        Err(Rejection::BodyInvalid)
    }
}

/// The agent's own id for what is shown at `at`; none where that is null or empty.
fn unbound(
    holder: &Holder,
    kind: Kind,
    text: &str,
    at: Range<usize>,
    edits: &mut Edits,
) -> Result<Option<Known>, Rejection> {
    let quoted = text.get(at.clone()).ok_or(Rejection::BodyInvalid)?;
    if quoted == "null" {
        return Ok(None);
    }
    let shown = span::text_at(quoted).ok_or(Rejection::BodyInvalid)?;
    // Protobuf's JSON may write nothing as an empty text.
    if shown.is_empty() {
        return Ok(None);
    }
    let unknown = if kind == Kind::Context { Rejection::ContextUnknown } else { Rejection::TaskUnknown };
    let known = known(holder, kind, &shown).ok_or(unknown)?;
    edits.push((at, known.id.clone()));
    Ok(Some(known))
}

/// What the client knows as `shown`, if it was given to this holder.
fn known(holder: &Holder, kind: Kind, shown: &str) -> Option<Known> {
    let id = holder.unbind(kind, shown)?;
    Some(Known { id, shown: Some(shown.to_owned()) })
}

/// Binds the id of the message at `at`, which its client made up; none where there is no message.
///
/// A2A 1.0 §3.3.1 lets agents know a message that comes again by its id, and answer with the task that it began.
fn sent(holder: &Holder, text: &str, at: Range<usize>, edits: &mut Edits) -> Result<Option<Known>, Rejection> {
    if at.is_empty() {
        return Ok(None);
    }
    let at = span::member(text, at, "messageId").ok_or(Rejection::BodyInvalid)?;
    let shown = text.get(at.clone()).and_then(span::text_at).ok_or(Rejection::BodyInvalid)?;
    let id = holder.bind(Kind::Message, shown.as_bytes()).ok_or(Rejection::BodyInvalid)?;
    edits.push((at, id.clone()));
    Ok(Some(Known { id, shown: Some(shown.into_owned()) }))
}

/// An answer on its way past, whose ids are bound.
#[derive(Debug)]
pub(crate) struct TaskAnswer {
    handout: Handout,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Document(Scanner),
    Events(Events),
}

impl TaskAnswer {
    pub(crate) fn document(handout: Handout) -> Self {
        Self { form: Form::Document(Scanner::new(handout.root())), handout }
    }

    pub(crate) fn events(handout: Handout) -> Self {
        Self { form: Form::Events(Events::new(handout.root())), handout }
    }

    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.form, Form::Events(_))
    }

    /// What goes on in place of `piece`; `None` where it goes on as it came. `complete` with the last.
    pub(crate) fn read(&mut self, piece: &[u8], complete: bool) -> Option<Vec<u8>> {
        let mut passage = Passage::new(piece);
        match &mut self.form {
            Form::Document(scanner) => {
                scanner.read(&mut passage, 0..piece.len(), &mut self.handout);
                scanner.pause(&mut passage, piece.len());
                if complete {
                    scanner.give_up(&mut passage, piece.len());
                }
            }
            Form::Events(events) => {
                events.read(&mut passage, piece, &mut self.handout);
                if complete {
                    events.give_up(&mut passage, piece.len());
                }
            }
        }
        passage.finish()
    }
}

#[cfg(test)]
mod tests;
