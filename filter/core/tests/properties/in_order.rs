//! A call of a tool in which everything is in order but its token, perhaps.

use crate::gateway::{Gateway, Intent};
use crate::operations::call;
use crate::world::{PEER, START, TOOLS};

/// Sends it, headers and body, and lets the gateway begin what it needs.
pub fn send(gateway: &mut Gateway, token: &str, sub: &str, tool: &'static str) {
    let credential = format!("Bearer {token}");
    let headers: [(&[u8], &[u8]); 5] = [
        (b":method", b"POST"),
        (b":path", b"/tools"),
        (b":authority", b"gateway.example"),
        (b"content-type", b"application/json"),
        (b"authorization", credential.as_bytes()),
    ];
    let (sub, expires_at) = (sub.to_owned(), START + 900);
    let intent = Intent { sound: true, sub, resource: Some(TOOLS), expires_at, operation: None };
    let id = gateway.request(&headers, Some(PEER), false, intent);
    gateway.body(id, Some(call(tool, TOOLS).to_string().as_bytes()), Some(tool));
    gateway.tick();
}
