//! An external authorizer as somebody would write it instead of a filter: it looks the token up in its cache of exchanged tokens,
//! and tells Envoy which one to send on.
//!
//! What a first sight would cost (the two calls) is left out: every measured request finds its token in the cache.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::http1;

/// Exchanged tokens by inbound `authorization`.
#[derive(Clone, Default)]
struct Exchanged(Arc<Mutex<HashMap<Vec<u8>, Arc<str>>>>);

impl Exchanged {
    /// A token as long as a real one.
    fn token(&self, inbound: &[u8]) -> Arc<str> {
        let mut tokens = self.0.lock().expect("no holder panics");
        if let Some(token) = tokens.get(inbound) {
            return Arc::clone(token);
        }
        let token: Arc<str> = format!("Bearer exchanged.{:0>700}.{}", tokens.len(), "s".repeat(86)).into();
        tokens.insert(inbound.to_vec(), Arc::clone(&token));
        token
    }
}

/// Envoy's HTTP form: a copy of the request's headers in, the headers to set out.
pub(crate) fn http(listener: TcpListener) {
    let exchanged = Exchanged::default();
    http1::serve(listener, move |request| match request.header("authorization") {
        Some(inbound) => http1::Answer {
            status: 200,
            headers: vec![("authorization", exchanged.token(inbound.as_bytes()).to_string())],
            body: Vec::new(),
        },
        None => http1::Answer { status: 401, headers: Vec::new(), body: Vec::new() },
    });
}

/// `envoy.service.auth.v3.Authorization/Check`, the few fields that are needed read and written by hand.
pub(crate) fn grpc(listener: TcpListener) {
    listener.set_nonblocking(true).expect("a listener");
    let exchanged = Exchanged::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                while let Ok((connection, _)) = listener.accept().await {
                    let _ = connection.set_nodelay(true);
                    tokio::task::spawn_local(converse(connection, exchanged.clone()));
                }
            })
            .await;
    });
}

async fn converse(connection: tokio::net::TcpStream, exchanged: Exchanged) {
    let Ok(mut connection) = h2::server::handshake(connection).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::task::spawn_local(check(request, respond, exchanged.clone()));
    }
}

async fn check(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    exchanged: Exchanged,
) -> Option<()> {
    let mut body = request.into_body();
    let mut message = BytesMut::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        message.extend_from_slice(&chunk);
    }
    let inbound = authorization(message.get(5..)?);
    let answer = inbound.map_or_else(denied, |inbound| allowed(&exchanged.token(inbound)));
    let head = http::Response::builder().header("content-type", "application/grpc").body(()).ok()?;
    let mut stream = respond.send_response(head, false).ok()?;
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(answer.len()).ok()?);
    frame.extend_from_slice(&answer);
    stream.send_data(frame.freeze(), false).ok()?;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    stream.send_trailers(trailers).ok()
}

/// `CheckRequest.attributes(1).request(4).http(2).headers(3)`, a map entry with key 1 and value 2.
fn authorization(message: &[u8]) -> Option<&[u8]> {
    let http = field(field(field(message, 1)?, 4)?, 2)?;
    fields(http).filter(|(number, _)| *number == 3).find_map(|(_, entry)| {
        let is_it = field(entry, 1)? == b"authorization";
        if is_it { field(entry, 2) } else { None }
    })
}

fn field(message: &[u8], wanted: u64) -> Option<&[u8]> {
    fields(message).find(|(number, _)| *number == wanted).map(|(_, value)| value)
}

/// The length-delimited fields of a protobuf message; others are passed over.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut message)?;
            match tag & 7 {
                0 => {
                    varint(&mut message)?;
                }
                1 => message = message.get(8..)?,
                2 => {
                    let size = usize::try_from(varint(&mut message)?).ok()?;
                    let value = message.get(..size)?;
                    message = message.get(size..)?;
                    return Some((tag >> 3, value));
                }
                5 => message = message.get(4..)?,
                _ => return None,
            }
        }
    })
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// `CheckResponse{status(1): {}, ok_response(3): {headers(2): {header(1): {key(1), value(2)}, append(2): {value(1): false}}}}`.
fn allowed(token: &str) -> Vec<u8> {
    let header = [message(1, b"authorization"), message(2, token.as_bytes())].concat();
    let option = [message(1, &header), message(2, &[])].concat();
    [message(1, &[]), message(3, &message(2, &option))].concat()
}

/// `CheckResponse{status(1): {code(1): 16}}`: unauthenticated.
fn denied() -> Vec<u8> {
    message(1, &[0x08, 16])
}

fn message(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut size = value.len();
    while size >= 0x80 {
        bytes.push(u8::try_from(size & 0x7f).expect("seven bits") | 0x80);
        size >>= 7;
    }
    bytes.push(u8::try_from(size).expect("seven bits"));
    bytes.extend_from_slice(value);
    bytes
}
