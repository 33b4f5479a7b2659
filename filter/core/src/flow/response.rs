//! The upstream's answer to a forwarded request.
//!
//! A 401 for a token that the gateway exchanged is not the caller's to solve: the token is dropped,
//! the upstream's challenge stays here, and the caller gets an error that says to try again.
//! A 403 is the upstream's policy and drops nothing.
//!
//! A body is looked at only where [`ResponsePlan::reads_body`] says so, and then nothing of it passes undecided:
//! every piece is let through, replaced or refused. All others are never held.

use crate::plugin::Plugin;
use crate::record::{Event, Record};
use crate::rejection::Rejection;
use crate::step::{Reply, ResponsePlan, TRANSACTION_HEADER};

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// Its status, where the host knows one.
    pub status: Option<u16>,
    /// Every header, names in lower case; may be left empty where [`ResponsePlan::reads_body`] is false.
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
    /// It goes on as these bytes, and this is to be told.
    Replace {
        /// All of what goes on, possibly nothing.
        bytes: Vec<u8>,
        /// What was done to it.
        event: Option<Event>,
    },
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
}

impl ResponsePlan {
    /// Whether the answer's head and body are looked at, and how.
    pub fn reading(&self) -> Reading {
        match self.answer {
            Answer::Unread => Reading::Not,
        }
    }

    /// Whether [`ResponseHead::headers`] must be filled in.
    pub fn reads_body(&self) -> bool {
        self.reading() != Reading::Not
    }

    /// Takes the head of the upstream's answer.
    pub fn handle_response_headers(&mut self, plugin: &mut Plugin, head: &ResponseHead<'_>) -> ResponseStep {
        if let Some(key) = self.exchanged
            && head.status == Some(401)
        {
            plugin.issued.drop_key(key);
            return ResponseStep::Reply(Box::new(self.refusal.clone().reply(Rejection::UpstreamRefusedToken)));
        }
        match self.answer {
            Answer::Unread => ResponseStep::Pass,
        }
    }

    /// Takes a piece of the body, or all of it, as [`Self::reading`] says; `complete` with the last.
    pub fn handle_response_body(&mut self, _piece: &[u8], _complete: bool) -> BodyStep {
        match self.answer {
            Answer::Unread => BodyStep::Pass,
        }
    }

    /// The body grew past the limit of [`Reading::Whole`].
    pub fn handle_response_too_large(&mut self) -> BodyStep {
        match self.answer {
            Answer::Unread => BodyStep::Pass,
        }
    }

    /// Headers of the upstream that are not for the caller: challenges concern a token it never sees.
    pub fn response_headers_to_remove(&self) -> impl Iterator<Item = &'static str> {
        let challenges: &[&str] = match self.exchanged {
            Some(_) => &["www-authenticate", "proxy-authenticate"],
            None => &[],
        };
        challenges.iter().copied()
    }

    /// Headers that go to the caller in place of whatever the upstream put there: the transaction it may ask about.
    pub fn response_headers_to_set(&self) -> [(&'static str, &str); 1] {
        [(TRANSACTION_HEADER, self.refusal.txn.as_str())]
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use crate::flow::Lease;
    use crate::record::Record;
    use crate::request::TransactionId;
    use crate::step::{RefusalContext, ResponsePlan, Shape};

    #[test]
    fn an_answer_that_passes_names_its_transaction() {
        let txn = TransactionId::new([0xa5; 16]);
        let refusal = RefusalContext {
            record: Record::new(&txn),
            txn,
            shape: Shape::Rpc,
            rpc_id: None,
            scopes_needed: String::new(),
            dpop: None,
            sign_in_needed: String::new(),
            allow: String::new(),
            metadata_url: None,
            observing: None,
        };
        let plan = ResponsePlan { exchanged: None, refusal, answer: Answer::Unread, lease: Lease::default() };
        assert_eq!(plan.response_headers_to_set(), [("x-actgate-txn", "a5".repeat(16).as_str())]);
    }
}
