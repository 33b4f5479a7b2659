//! Where in an answer ids stand: of tasks, of contexts, and of tasks that are merely referred to. Of 0.3 and 1.0, in both bindings.
//!
//! A place is told by the names on the way to it, never by a name alone: `id` inside of a part or of metadata is somebody else's.
//! `metadata`, parts and artifacts are closed: nothing in them is a place.

use crate::bound::Kind;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A whole JSON-RPC message.
    Message,
    /// What a method answers: a task, a message or an update, bare as in 0.3 or in a member named after its kind as in 1.0.
    Result,
    Task,
    Update,
    Status,
    /// The messages of a task.
    History,
    /// A message of the agent, which is the answer.
    Spoken,
    /// A message of either side that a task tells again.
    Told,
    References,
    TaskId,
    ReferredTaskId,
    ContextId,
    ReferredContextId,
    MessageId,
    /// Nothing in it is a place.
    Closed,
}

/// The longest name that leads anywhere: `referenceTaskIds`.
pub(super) const NAME_BYTES_MAX: usize = 16;

/// How deep containers stand one in another on the longest way: message, result, task, history, a message, its references.
#[cfg(test)]
pub(super) const WAY_MAX: usize = 6;

impl Place {
    /// The value of the member of that name.
    pub(super) fn member(self, name: &[u8]) -> Self {
        match (self, name) {
            (Self::Message, b"result") => Self::Result,
            (Self::Result, b"task") => Self::Task,
            (Self::Result, b"message") => Self::Spoken,
            (Self::Status, b"message") => Self::Told,
            (Self::Result, b"statusUpdate" | b"artifactUpdate") => Self::Update,
            (Self::Result | Self::Task, b"id") | (Self::Result | Self::Update | Self::Spoken, b"taskId") => {
                Self::TaskId
            }
            (Self::Result | Self::Task | Self::Update | Self::Spoken, b"contextId") => Self::ContextId,
            (Self::Told, b"taskId") => Self::ReferredTaskId,
            (Self::Told, b"contextId") => Self::ReferredContextId,
            (Self::Result | Self::Spoken | Self::Told, b"messageId") => Self::MessageId,
            (Self::Result | Self::Task | Self::Update, b"status") => Self::Status,
            (Self::Result | Self::Task, b"history") => Self::History,
            (Self::Result | Self::Spoken | Self::Told, b"referenceTaskIds") => Self::References,
            _ => Self::Closed,
        }
    }

    /// An element of the array.
    pub(super) const fn element(self) -> Self {
        match self {
            Self::History => Self::Told,
            Self::References => Self::ReferredTaskId,
            Self::Message
            | Self::Result
            | Self::Task
            | Self::Update
            | Self::Status
            | Self::Spoken
            | Self::Told
            | Self::TaskId
            | Self::ReferredTaskId
            | Self::ContextId
            | Self::ReferredContextId
            | Self::MessageId
            | Self::Closed => Self::Closed,
        }
    }

    /// Whether places lie in an object that stands here.
    pub(super) const fn opens_object(self) -> bool {
        matches!(
            self,
            Self::Message | Self::Result | Self::Task | Self::Update | Self::Status | Self::Spoken | Self::Told
        )
    }

    /// Whether places lie in an array that stands here.
    pub(super) const fn opens_array(self) -> bool {
        matches!(self, Self::History | Self::References)
    }

    /// What a text that stands here names, and whether it is said of what the answer is about, not merely referred to.
    /// What a task tells again is referred to: its history may be of other tasks, and stand before its own id.
    pub(super) const fn names(self) -> Option<(Kind, bool)> {
        match self {
            Self::TaskId => Some((Kind::Task, true)),
            Self::ReferredTaskId => Some((Kind::Task, false)),
            Self::ContextId => Some((Kind::Context, true)),
            Self::ReferredContextId => Some((Kind::Context, false)),
            Self::MessageId => Some((Kind::Message, false)),
            Self::Message
            | Self::Result
            | Self::Task
            | Self::Update
            | Self::Status
            | Self::History
            | Self::Spoken
            | Self::Told
            | Self::References
            | Self::Closed => None,
        }
    }
}
