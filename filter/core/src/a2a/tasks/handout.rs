//! Which ids of one answer are given to whoever asked: bound, so that they may be named again.

use super::places::Place;
use crate::bound::{Holder, Kind};

/// An id, made once however often an answer repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// As the agent knows it.
    pub(super) id: String,
    /// As the client does; none where a client could not name it.
    pub(super) shown: Option<String>,
}

/// Ids of one kind. There are at most as many as a request may name, and one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    /// Those that the request named.
    named: Vec<Known>,
    new: New,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum New {
    /// The request was about what it named, and nothing else.
    None,
    /// The request may have begun something, and the answer has not said what.
    Awaited,
    Is(Known),
}

impl Given {
    /// What stands for `id`, if it is given out, or is from now on.
    fn shown(&mut self, id: &str, of_answer: bool, bind: impl FnOnce() -> Option<String>) -> Option<&str> {
        let is_named = self.named.iter().any(|known| known.id == id);
        if !is_named && of_answer && self.new == New::Awaited {
            self.new = New::Is(Known { id: id.to_owned(), shown: bind() });
        }
        let new = match &self.new {
            New::Is(known) => Some(known),
            New::None | New::Awaited => None,
        };
        self.named.iter().chain(new).find(|known| known.id == id)?.shown.as_deref()
    }
}

/// What one answer may give out, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Handout {
    holder: Holder,
    root: Place,
    tasks: Given,
    contexts: Given,
    /// The message that was sent, by the id that the agent was told.
    sent: Option<Known>,
}

impl Handout {
    /// For a request about the task `id`. It names no context; the one its task is in is new to this answer.
    pub(super) fn of_task(holder: Holder, id: Known) -> Self {
        let tasks = Given { named: vec![id], new: New::None };
        let contexts = Given { named: Vec::new(), new: New::Awaited };
        Self { holder, root: Place::Result, tasks, contexts, sent: None }
    }

    /// For a message, which may go on with a task, refer to some, and be said in a context.
    pub(super) fn of_message(
        holder: Holder,
        task: Option<Known>,
        references: Vec<Known>,
        context: Option<Known>,
    ) -> Self {
        let new = |named: &Option<Known>| if named.is_some() { New::None } else { New::Awaited };
        let (new_task, new_context) = (new(&task), new(&context));
        let tasks = Given { named: task.into_iter().chain(references).collect(), new: new_task };
        let contexts = Given { named: context.into_iter().collect(), new: new_context };
        Self { holder, root: Place::Result, tasks, contexts, sent: None }
    }

    /// The same where `message` was sent.
    pub(super) fn sent_as(self, message: Option<Known>) -> Self {
        Self { sent: message, ..self }
    }

    /// The same where the answer stands in a JSON-RPC message.
    pub(super) fn in_message(self) -> Self {
        Self { root: Place::Message, ..self }
    }

    pub(super) const fn root(&self) -> Place {
        self.root
    }

    /// What the client gets in place of the agent's `id`, if not that: of what is given out what is bound, of the client's own messages its own.
    /// `of_answer` where the id is said of what the answer is about.
    pub(super) fn shown(&mut self, kind: Kind, id: &str, of_answer: bool) -> Option<String> {
        let given = match kind {
            // Protobuf's JSON writes nothing as an empty text.
            _ if id.is_empty() => return None,
            Kind::Task => &mut self.tasks,
            Kind::Context => &mut self.contexts,
            Kind::Message => {
                return match &self.sent {
                    Some(sent) if sent.id == id => sent.shown.clone(),
                    Some(_) | None => self.holder.unbind(Kind::Message, id),
                };
            }
            Kind::Session => return None,
        };
        let holder = &self.holder;
        given.shown(id, of_answer, || holder.bind(kind, id.as_bytes())).map(str::to_owned)
    }
}
