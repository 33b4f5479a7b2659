//! One HTTP stream: the host's callbacks, handed to the core one by one.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use actgate_core::digest::from_hex;
use actgate_core::flow::{AwaitBody, BodyVerdict, CheckBody, handle_request_headers};
use actgate_core::request::{Headers, Peer, RequestHead, StreamId};
use actgate_core::step::ResponsePlan;

use crate::host::{self, Buffer, Map};
use crate::report;
use crate::worker::{Stage, Worker};

pub(crate) struct Stream {
    id: u32,
    worker: Rc<Worker>,
}

impl Stream {
    pub(crate) fn new(id: u32, worker: Rc<Worker>) -> Self {
        Self { id, worker }
    }

    fn request_headers(&self, end_of_stream: bool) -> Action {
        let serialized = host::header_map(Map::RequestHeaders).ok();
        let pairs = serialized.as_deref().and_then(host::pairs);
        let Some(headers) = pairs else {
            return self.unreadable();
        };
        let certificate = Certificate::shown(&self.worker);
        let head = RequestHead {
            stream: StreamId(self.id),
            headers: Headers::of(&headers),
            peer: certificate.as_peer(),
            end_of_stream,
        };
        let step = self.worker.handle(|plugin, ambient| handle_request_headers(plugin, ambient, &head));
        match step {
            Some(step) => self.worker.perform(self.id, step),
            None => self.unreadable(),
        }
    }

    fn unreadable(&self) -> Action {
        self.worker.refuse_undecided(self.id)
    }

    /// More of the body is here; `size` bytes are buffered in all.
    fn request_body(&self, size: usize, complete: bool) -> Action {
        match self.worker.take(self.id) {
            Some(Stage::Reading { limit, then }) => self.read_body(then, limit, size, complete),
            Some(Stage::Checking { limit, then, plan }) => self.check_body((then, plan), limit, size, complete),
            // A body while the headers are held shows that the host holds headers for it, whatever the configuration says.
            // Such a body is released together with its headers, so there would be no later moment to judge it.
            Some(stage @ Stage::Waiting { .. }) if !self.worker.holds_headers() => {
                self.worker.put(self.id, stage);
                self.worker.forget(self.id);
                host::log(host::Level::Error, "actgate: allow_on_headers_stop_iteration is not what it is in the host");
                self.unreadable()
            }
            Some(Stage::Waiting { flight, then, .. }) => {
                self.pause(Stage::Waiting { flight, then, body_complete: complete })
            }
            Some(stage @ Stage::Forwarded(_)) => {
                self.worker.put(self.id, stage);
                Action::Continue
            }
            Some(stage @ (Stage::Replied | Stage::Stopped)) => self.pause(stage),
            None => Action::Pause,
        }
    }

    fn pause(&self, stage: Stage) -> Action {
        self.worker.put(self.id, stage);
        Action::Pause
    }

    /// A body that is waited for, its headers held.
    fn read_body(&self, then: AwaitBody, limit: usize, size: usize, complete: bool) -> Action {
        let step = if size > limit {
            self.worker.handle(|_, ambient| then.handle_too_large(ambient))
        } else if complete {
            let Ok(body) = self.body(size) else {
                return self.unreadable();
            };
            self.worker.handle(|plugin, ambient| then.handle_body(plugin, ambient, &body))
        } else {
            return self.pause(Stage::Reading { limit, then });
        };
        match step {
            Some(step) => self.worker.perform(self.id, step),
            None => self.unreadable(),
        }
    }

    /// A body whose headers are gone.
    fn check_body(
        &self,
        (then, mut plan): (CheckBody, Box<ResponsePlan>),
        limit: usize,
        size: usize,
        complete: bool,
    ) -> Action {
        let (verdict, found) = if size > limit {
            (then.handle_too_large(), None)
        } else if complete {
            let Ok(body) = self.body(size) else {
                return self.unreadable();
            };
            let judged = self.worker.handle(|plugin, ambient| then.handle_body(plugin, ambient, &body, &mut plan));
            let Some(judged) = judged else {
                return self.unreadable();
            };
            judged
        } else {
            return self.pause(Stage::Checking { limit, then, plan });
        };
        if let Some(event) = found {
            report::event(&self.worker, &event);
        }
        match verdict {
            BodyVerdict::Release => {}
            BodyVerdict::Replace(edit) => {
                if host::replace_start(Buffer::RequestBody, edit.take, &edit.put).is_err() {
                    return self.unreadable();
                }
            }
            BodyVerdict::Reply(reply) => return self.worker.reply(self.id, &reply),
        }
        self.worker.put(self.id, Stage::Forwarded(plan));
        Action::Continue
    }

    fn body(&self, size: usize) -> Result<Vec<u8>, host::Refused> {
        if size == 0 {
            return Ok(Vec::new());
        }
        host::buffer(Buffer::RequestBody, size)
    }
}

/// What the host says of the client certificate on this connection.
#[derive(Default)]
struct Certificate {
    uri_san: Option<Vec<u8>>,
    sha256: Option<[u8; 32]>,
}

impl Certificate {
    /// Nothing more is read where the host does not say that the connection has one: whoever shows a certificate shows its digest.
    fn shown(worker: &Worker) -> Self {
        let property = |path| host::property(path).ok().filter(|value| !value.is_empty());
        let digest = property("connection\0sha256_peer_certificate_digest");
        // A host that knows no digests may know names all the same.
        let has_one = || worker.looks_at_names() && property("connection\0mtls").as_deref() == Some(&[1]);
        if digest.is_none() && !has_one() {
            return Self::default();
        }
        Self {
            uri_san: property("connection\0uri_san_peer_certificate"),
            sha256: digest.and_then(|digits| from_hex(&digits)),
        }
    }

    fn as_peer(&self) -> Peer<'_> {
        Peer {
            uri_san: self.uri_san.as_deref().and_then(|uri| core::str::from_utf8(uri).ok()),
            certificate_sha256: self.sha256,
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.request_headers(end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.request_body(size, end_of_stream)
    }

    /// Trailers end a body that did not end by itself.
    ///
    /// Where the headers go first, such a request is refused as if it had no body. Envoy would lose what it held of the body while the headers
    /// waited: the release by the trailers shows it to this filter again, and the upstream would get a credential and an empty body.
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        // The whole buffered body is asked for: the size is not told here.
        let size = if self.worker.holds_headers() { self.buffered() } else { 0 };
        self.request_body(size, true)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.worker.answer_headers(self.id, end_of_stream)
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.worker.answer_body(self.id, size, end_of_stream)
    }

    /// Trailers end an answer that did not end by itself.
    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.worker.answer_trailers(self.id)
    }
}

impl Stream {
    /// Bytes of the body that the host holds, at most one past the limit.
    fn buffered(&self) -> usize {
        let Some(limit) = self.worker.limit(self.id) else {
            return 0;
        };
        host::buffer(Buffer::RequestBody, limit.saturating_add(1)).map_or(0, |body| body.len())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.worker.forget(self.id);
    }
}
