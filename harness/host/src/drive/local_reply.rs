//! Responses made by Envoy or a filter.

use crate::abi::Direction;
use crate::drive::chain::Entry;
use crate::envoy::Envoy;
use crate::header_map::HeaderMap;
use crate::outcome::Seen;
use crate::request::RequestId;
use crate::stream::{End, Reply};

impl Envoy {
    /// While a filter decodes, the reply waits, and later ones change no more than the details.
    /// Otherwise it goes out at once: through the filters if there is no response yet, past them if
    /// one is on its way, and as a reset if its headers have gone.
    pub(crate) fn send_local_reply(&mut self, id: RequestId, reply: Reply) {
        let Some(stream) = self.stream(id) else { return };
        if stream.end == Some(End::Complete) {
            // Envoy closes the connection with the complete response still unsent.
            stream.end = Some(End::Reset);
            stream.details = Some(reply.details);
            if let Some(seen) = stream.downstream.as_mut() {
                seen.cut_off();
            }
            return;
        }
        if stream.end.is_some() {
            return;
        }
        if stream.decoding > 0 {
            stream.decoder_aborted = true;
        } else if stream.encoding > 0 {
            stream.encoder_aborted = true;
        }
        stream.details = Some(reply.details.clone());
        if stream.downstream.is_some() {
            self.end_stream(id, End::Reset);
        } else if stream.response.headers.is_some() {
            self.send_past_filters(id, &reply);
        } else if stream.decoding > 0 {
            stream.prepared.get_or_insert(reply);
        } else {
            self.send_through_chain(id, &reply);
        }
    }

    pub(crate) fn send_through_chain(&mut self, id: RequestId, reply: &Reply) {
        let Some(stream) = self.stream(id).filter(|s| s.end.is_none()) else { return };
        let (headers, body) = response_of(reply, stream.request.headers.as_ref());
        let bare = body.is_empty();
        stream.replied_locally = true;
        stream.response.headers = Some(headers);
        stream.response.ended = bare;
        self.pass_headers(id, Direction::Response, Entry::First, bare);
        if bare {
            return;
        }
        if let Some(stream) = self.live(id, Direction::Response) {
            stream.response.ended = true;
            self.pass_data(id, Direction::Response, Entry::First, body, true);
        }
    }

    fn send_past_filters(&mut self, id: RequestId, reply: &Reply) {
        let now = self.world.clock.now;
        let Some(stream) = self.stream(id) else { return };
        let (headers, body) = response_of(reply, stream.request.headers.as_ref());
        let mut seen = Seen::begin(headers, now);
        seen.data(&body, now);
        seen.ended_at = Some(now);
        stream.replied_locally = true;
        stream.downstream = Some(seen);
        self.end_stream(id, End::Complete);
    }

    pub(crate) fn too_large(&mut self, id: RequestId, direction: Direction) {
        let reply = match direction {
            Direction::Request => Reply::by_envoy(413, "Payload Too Large", "request_payload_too_large"),
            Direction::Response => Reply::by_envoy(500, "Internal Server Error", "response_payload_too_large"),
        };
        self.send_local_reply(id, reply);
    }
}

/// Envoy's `Utility::sendLocalReply`: the filter's headers first, then what the body calls for.
fn response_of(reply: &Reply, request: Option<&HeaderMap>) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::from([(":status", reply.status.to_string())]);
    for (name, value) in &reply.headers {
        headers.add_bytes(name, value);
    }
    let grpc = request.and_then(|h| h.get("content-type")).is_some_and(|t| t.starts_with(b"application/grpc"));
    if grpc {
        headers.set(":status", "200");
        headers.set("content-type", "application/grpc");
        headers.set("grpc-status", reply.grpc_status.unwrap_or(grpc_status_of(reply.status)).to_string());
        if !reply.body.is_empty() {
            headers.set("grpc-message", percent_encoded(&reply.body));
        }
        headers.remove("content-length");
        return (headers, Vec::new());
    }
    if reply.body.is_empty() {
        headers.remove("content-length");
        headers.remove("content-type");
    } else {
        headers.set("content-length", reply.body.len().to_string());
        if headers.get("content-type").is_none() {
            headers.set("content-type", "text/plain");
        }
    }
    let head = request.and_then(|h| h.get(":method")) == Some(b"HEAD");
    (headers, if head { Vec::new() } else { reply.body.clone() })
}

fn grpc_status_of(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

fn percent_encoded(text: &[u8]) -> String {
    text.iter()
        .map(|byte| match byte {
            b'%' | 0..=0x1f | 0x7f.. => format!("%{byte:02X}"),
            _ => char::from(*byte).to_string(),
        })
        .collect()
}
