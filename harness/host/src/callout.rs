//! HTTP calls a filter makes: what was asked, and how it can be answered.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Instant;
use crate::header_map::HeaderMap;
use crate::log::Thread;
use crate::request::RequestId;
use crate::vm::VmId;

/// Names one callout for the life of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalloutId(pub(crate) u64);

/// An HTTP call a filter has dispatched.
#[derive(Clone, Debug)]
pub struct Callout {
    /// Its name.
    pub id: CalloutId,
    /// The plugin that made it.
    pub plugin: String,
    /// The instance that made it; the answer returns there.
    pub thread: Thread,
    /// The stream in whose callback it was made, if it was a stream's.
    pub request: Option<RequestId>,
    /// The cluster.
    pub cluster: String,
    /// Headers as the filter gave them, plus `content-length` when there is a body.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: HeaderMap,
    /// How long Envoy waits before it answers 504 itself; `None` is for ever.
    pub timeout: Option<Duration>,
    /// When it was dispatched.
    pub at: Instant,
    pub(crate) vm: VmId,
    pub(crate) root: u32,
    pub(crate) token: u32,
}

impl Callout {
    /// `:path` as text.
    #[must_use]
    pub fn path(&self) -> &str {
        self.headers.text(":path").unwrap_or_default()
    }

    /// `:method` as text.
    #[must_use]
    pub fn method(&self) -> &str {
        self.headers.text(":method").unwrap_or_default()
    }

    /// The body as text, with bytes that are not UTF-8 replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How a callout ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The upstream answers.
    Response {
        /// The status.
        status: u16,
        /// Headers besides `:status`.
        headers: HeaderMap,
        /// The body.
        body: Vec<u8>,
        /// The trailers.
        trailers: HeaderMap,
    },
    /// The stream was reset, at once or in the middle of the body: `(token, 0, 0, 0)`.
    Reset,
    /// The body broke off: Envoy resets, and none of what came is shown.
    Truncated,
    /// The timeout: `:status 504`, "upstream request timeout".
    Timeout,
    /// No connection: `:status 503`, "upstream connect error …".
    ConnectFailure,
    /// The connection was closed instead of an answer: `:status 503`, "upstream connect error …".
    Closed,
    /// The answer comes later, unless the timeout is sooner.
    After(Duration, Box<Answer>),
    /// Nothing for now: the callout stays pending.
    Pending,
}

impl Answer {
    /// A response without trailers.
    #[must_use]
    pub fn response(status: u16, headers: impl Into<HeaderMap>, body: impl Into<Vec<u8>>) -> Self {
        Self::Response { status, headers: headers.into(), body: body.into(), trailers: HeaderMap::new() }
    }

    /// A JSON response.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::response(status, [("content-type", "application/json")], body)
    }

    /// The same answer, so much later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::After(delay, Box::new(self))
    }
}

/// Why an answer went nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPending {
    /// Answered, timed out, or never made. Envoy delivers one answer and drops the rest.
    AlreadyEnded,
    /// The VM that made it has trapped or was thrown away: nobody hears the answer.
    VmGone,
}

impl std::fmt::Display for NotPending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AlreadyEnded => "the callout has already ended",
            Self::VmGone => "the VM that made the callout is gone",
        })
    }
}

impl std::error::Error for NotPending {}

/// What a callback finds when a callout ends: nothing at all after a reset.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

const CONNECT_FAILURE: &str = "upstream connect error or disconnect/reset before headers. reset reason: \
     remote connection failure, transport failure reason: delayed connect error: Connection refused";

const CLOSED: &str = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

impl Delivery {
    /// `None` is a reset: `(token, 0, 0, 0)`.
    pub(crate) fn of(answer: Answer, body_max: usize) -> Option<Self> {
        match answer {
            Answer::Response { status, headers, body, trailers } if body.len() <= body_max => {
                let mut all = HeaderMap::new();
                all.add(":status", status.to_string());
                headers.iter().for_each(|(name, value)| all.add(name, value));
                Some(Self { headers: all, body, trailers })
            }
            Answer::Timeout => Some(Self::by_envoy(504, "upstream request timeout")),
            Answer::ConnectFailure => Some(Self::by_envoy(503, CONNECT_FAILURE)),
            Answer::Closed => Some(Self::by_envoy(503, CLOSED)),
            Answer::Response { .. } | Answer::Reset | Answer::Truncated | Answer::After(..) | Answer::Pending => None,
        }
    }

    fn by_envoy(status: u16, body: &str) -> Self {
        let headers = HeaderMap::from([
            (":status", status.to_string()),
            ("content-length", body.len().to_string()),
            ("content-type", "text/plain".to_owned()),
        ]);
        Self { headers, body: body.as_bytes().to_vec(), trailers: HeaderMap::new() }
    }
}

/// Every callout that has not ended, and the answers on their way.
#[derive(Debug, Default)]
pub(crate) struct Callouts {
    pub(crate) pending: BTreeMap<CalloutId, Callout>,
    pub(crate) on_the_way: BTreeMap<(Instant, CalloutId), Answer>,
    pub(crate) unseen: Vec<CalloutId>,
    last: u64,
}

impl Callouts {
    pub(crate) fn next_id(&mut self) -> CalloutId {
        self.last += 1;
        CalloutId(self.last)
    }

    pub(crate) fn insert(&mut self, callout: Callout) {
        self.unseen.push(callout.id);
        self.pending.insert(callout.id, callout);
    }

    pub(crate) fn waiting_for(&self, cluster: &str) -> usize {
        self.pending.values().filter(|c| c.cluster == cluster).count()
    }

    pub(crate) fn remove(&mut self, id: CalloutId) -> Option<Callout> {
        self.on_the_way.retain(|(_, other), _| *other != id);
        self.pending.remove(&id)
    }

    /// The earliest answer or timeout there is.
    pub(crate) fn next_due(&self) -> Option<(Instant, CalloutId, Answer)> {
        let answer = self.on_the_way.first_key_value().map(|((at, id), a)| (*at, *id, a.clone()));
        let timeout = self
            .pending
            .values()
            .filter_map(|c| Some((c.at.after(c.timeout?), c.id, Answer::Timeout)))
            .min_by_key(|(at, id, _)| (*at, *id));
        match (answer, timeout) {
            (Some(answer), Some(timeout)) if timeout.0 <= answer.0 => Some(timeout),
            (Some(answer), _) => Some(answer),
            (None, timeout) => timeout,
        }
    }
}
