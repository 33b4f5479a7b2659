//! Which ids of one answer are given to whoever asked: bound, so that they may be named again.

use super::places::Place;
use crate::bound::{Holder, Kind};

/// Ids of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    /// Those that the request named, as the agent knows them.
    named: Vec<String>,
    new: New,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum New {
    /// The request was about what it named, and nothing else.
    None,
    /// The request may have begun something, and the answer has not said what.
    Awaited,
    Is(String),
}

impl Given {
    fn may(&mut self, id: &str, of_answer: bool) -> bool {
        if self.named.iter().any(|named| named == id) {
            return true;
        }
        match &self.new {
            New::Is(new) => new == id,
            New::Awaited if of_answer => {
                self.new = New::Is(id.to_owned());
                true
            }
            New::None | New::Awaited => false,
        }
    }
}

/// What one answer may give out, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Handout {
    holder: Holder,
    root: Place,
    tasks: Given,
    contexts: Given,
}

impl Handout {
    /// For a request about the task `id`. It names no context; the one its task is in is new to this answer.
    pub(super) fn of_task(holder: Holder, id: String) -> Self {
        let tasks = Given { named: vec![id], new: New::None };
        Self { holder, root: Place::Result, tasks, contexts: Given { named: Vec::new(), new: New::Awaited } }
    }

    /// For a message, which may go on with a task, refer to some, and be said in a context.
    pub(super) fn of_message(
        holder: Holder,
        task: Option<String>,
        references: Vec<String>,
        context: Option<String>,
    ) -> Self {
        let new = |named: &Option<String>| if named.is_some() { New::None } else { New::Awaited };
        let (new_task, new_context) = (new(&task), new(&context));
        let tasks = Given { named: task.into_iter().chain(references).collect(), new: new_task };
        let contexts = Given { named: context.into_iter().collect(), new: new_context };
        Self { holder, root: Place::Result, tasks, contexts }
    }

    /// The same where the answer stands in a JSON-RPC message.
    pub(super) fn in_message(self) -> Self {
        Self { root: Place::Message, ..self }
    }

    pub(super) const fn root(&self) -> Place {
        self.root
    }

    /// What stands for `id`, if it is given out; `of_answer` where it is said of what the answer is about.
    pub(super) fn bind(&mut self, kind: Kind, id: &str, of_answer: bool) -> Option<String> {
        let given = match kind {
            Kind::Task => &mut self.tasks,
            Kind::Context => &mut self.contexts,
            Kind::Session => return None,
        };
        // Protobuf's JSON writes nothing as an empty text.
        (!id.is_empty() && given.may(id, of_answer)).then(|| self.holder.bind(kind, id.as_bytes())).flatten()
    }
}
