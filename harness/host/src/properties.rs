//! Properties: what `proxy_get_property` finds under a path, in Envoy's encodings.
//!
//! Integers are 8 bytes little-endian, booleans one byte, times nanoseconds since the epoch.
//! What comes from the request's headers is there only while the filter can reach the headers.

use crate::abi::Status;
use crate::header_map::HeaderMap;
use crate::pairs;
use crate::stream::{Filter, FilterStateValue, Stream};
use crate::vm::{ContextKind, VmData};

/// A value before it is encoded.
enum Value {
    Text(Vec<u8>),
    Int(i64),
    Uint(u64),
    Bool(bool),
    Map(Vec<pairs::Pair>),
}

impl Value {
    fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().to_vec())
    }

    fn encode(self, as_text: bool) -> Vec<u8> {
        match self {
            Self::Text(bytes) => bytes,
            Self::Int(number) if as_text => number.to_string().into_bytes(),
            Self::Uint(number) if as_text => number.to_string().into_bytes(),
            Self::Bool(truth) if as_text => truth.to_string().into_bytes(),
            Self::Int(number) => number.to_le_bytes().to_vec(),
            Self::Uint(number) => number.to_le_bytes().to_vec(),
            Self::Bool(truth) => vec![truth.into()],
            Self::Map(fields) => pairs::encode(fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice()))),
        }
    }
}

pub(crate) fn get(data: &VmData, path: &[u8]) -> Result<Vec<u8>, Status> {
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    if path.is_empty() {
        return Err(Status::SerializationFailure);
    }
    let path: Vec<String> =
        path.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let (context, kind) = data.context();
    let stream = match kind {
        ContextKind::Stream { request, filter, .. } => {
            data.world.streams.get(&request).and_then(|stream| Some((stream, stream.filters.get(filter)?)))
        }
        ContextKind::Root { .. } | ContextKind::Vm => None,
    };
    if let Some((stream, _)) = stream
        && let Some(given) = stream.properties.get(&path)
    {
        return given.clone().ok_or(Status::NotFound);
    }
    let plugin = match (data.contexts.get(&data.root_of((context, kind))), stream) {
        (_, Some((_, filter))) => data.world.plugins.get(filter.plugin),
        (Some(ContextKind::Root { plugin }), None) => data.world.plugins.get(*plugin),
        _ => None,
    };
    let value = match parts.as_slice() {
        ["plugin_name"] => plugin.map(|p| Value::text(&p.name)),
        ["plugin_root_id"] => plugin.map(|p| Value::text(&p.root_id)),
        ["plugin_vm_id"] => Some(Value::text(&data.vm_id)),
        _ => match stream {
            Some((stream, filter)) => of_stream(data, stream, filter, &parts)?,
            None => None,
        },
    };
    value.map(|v| v.encode(data.world.profile.properties_as_text)).ok_or(Status::NotFound)
}

fn of_stream(data: &VmData, stream: &Stream, filter: &Filter, path: &[&str]) -> Result<Option<Value>, Status> {
    Ok(match path {
        ["request" | "response" | "connection" | "source" | "destination" | "upstream" | "filter_state" | "xds"] => {
            return Err(Status::SerializationFailure);
        }
        ["metadata"] => Some(Value::Text(Vec::new())),
        ["request", rest @ ..] => request(data, stream, filter, rest),
        ["response", rest @ ..] => response(stream, filter, rest),
        ["connection", field] => connection(data, stream, field),
        ["source", field] => address(stream.connection.source.as_deref(), field),
        ["destination", field] => address(stream.connection.destination.as_deref(), field),
        ["connection_id"] => stream.connection.id.map(Value::Uint),
        ["filter_state", key] => stream.filter_state.get(*key).map(|v| Value::text(&v.bytes)),
        // A bare name is what a filter stored with `proxy_set_property`.
        [name] => stream.filter_state.get(&format!("wasm.{name}")).map(|v| Value::text(&v.bytes)),
        _ => None,
    })
}

fn request(data: &VmData, stream: &Stream, filter: &Filter, path: &[&str]) -> Option<Value> {
    let headers = stream.request.headers.as_ref().filter(|_| filter.logging || filter.request.headers_open);
    match path {
        ["time"] => return Some(Value::Int(stream.started.0.cast_signed())),
        ["protocol"] => return Some(Value::text(&stream.protocol)),
        ["size"] => {
            let declared = headers.and_then(HeaderMap::content_length);
            return Some(Value::Int(declared.unwrap_or(stream.received).cast_signed()));
        }
        ["total_size"] => {
            let head = headers.map_or(0, HeaderMap::byte_size) as u64;
            return Some(Value::Int((stream.received + head).cast_signed()));
        }
        ["duration"] if filter.logging => {
            let nanos = data.world.clock.now.since(stream.started).as_nanos();
            return Some(Value::Int(i64::try_from(nanos).unwrap_or(i64::MAX)));
        }
        _ => {}
    }
    if path == ["headers"] {
        return Some(headers.map_or(Value::Map(Vec::new()), map));
    }
    let headers = headers?;
    let full = headers.get(":path");
    let mut parts = full.unwrap_or_default().splitn(2, |byte| *byte == b'?');
    match path {
        ["headers", name] => joined(headers, name),
        ["path"] => full.map(Value::text),
        ["url_path"] => parts.next().map(Value::text),
        ["query"] => Some(Value::text(parts.nth(1).unwrap_or_default())),
        ["host"] => headers.get(":authority").map(Value::text),
        ["scheme"] => headers.get(":scheme").map(Value::text),
        ["method"] => headers.get(":method").map(Value::text),
        ["referer"] => headers.get("referer").map(Value::text),
        ["useragent"] => headers.get("user-agent").map(Value::text),
        ["id"] => headers.get("x-request-id").map(Value::text),
        _ => None,
    }
}

fn response(stream: &Stream, filter: &Filter, path: &[&str]) -> Option<Value> {
    let sent = stream.downstream.as_ref();
    match path {
        ["code"] => {
            let status = stream.response.headers.as_ref().or(sent.map(|s| &s.headers))?.status()?;
            return Some(Value::Int(status.into()));
        }
        ["code_details"] => {
            let upstream = stream.upstream_answered.then_some("via_upstream");
            return stream.details.as_deref().or(upstream).map(Value::text);
        }
        ["flags"] => return Some(Value::Int(0)),
        ["size"] => return Some(Value::Int(sent.map_or(0, |s| s.body.len() as u64).cast_signed())),
        _ => {}
    }
    let reach = filter.logging || filter.response.headers_open;
    let headers = stream.response.headers.as_ref().filter(|_| reach)?;
    match path {
        ["headers"] => Some(map(headers)),
        ["headers", name] => joined(headers, name),
        _ => None,
    }
}

fn connection(data: &VmData, stream: &Stream, field: &str) -> Option<Value> {
    let connection = &stream.connection;
    let text = |text: &Option<String>| text.as_ref().map(Value::text);
    match field {
        "id" => connection.id.map(Value::Uint),
        "mtls" => Some(Value::Bool(connection.mtls)),
        "tls_version" => text(&connection.tls_version),
        "requested_server_name" => text(&connection.server_name),
        "subject_peer_certificate" => text(&connection.subject),
        "uri_san_peer_certificate" => connection.uri_sans.first().map(Value::text),
        "dns_san_peer_certificate" => connection.dns_sans.first().map(Value::text),
        "sha256_peer_certificate_digest" => text(&connection.certificate_digest),
        "peer_certificate" if data.world.profile.peer_certificate_property => text(&connection.certificate_pem),
        _ => None,
    }
}

fn address(address: Option<&str>, field: &str) -> Option<Value> {
    let address = address?;
    match field {
        "address" => Some(Value::text(address)),
        "port" => Some(Value::Int(address.rsplit_once(':')?.1.parse().ok()?)),
        _ => None,
    }
}

fn map(headers: &HeaderMap) -> Value {
    Value::Map(headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect())
}

fn joined(headers: &HeaderMap, name: &str) -> Option<Value> {
    let values: Vec<&[u8]> = headers.get_all(name).collect();
    (!values.is_empty()).then(|| Value::Text(values.join(b",".as_slice())))
}

/// Stores a filter-state entry `wasm.<path>`.
pub(crate) fn set(data: &mut VmData, path: &[u8], value: Vec<u8>) -> Result<(), Status> {
    let context = data.context();
    let ContextKind::Stream { request, root, .. } = context.1 else { return Err(Status::NotFound) };
    let name = String::from_utf8_lossy(path).into_owned();
    let readonly = data.declared.get(&(root, name.clone())).is_some_and(|d| d.readonly);
    let stream = data.world.streams.get_mut(&request).ok_or(Status::NotFound)?;
    let key = format!("wasm.{name}");
    if stream.filter_state.get(&key).is_some_and(|old| old.readonly) {
        return Err(Status::BadArgument);
    }
    stream.filter_state.insert(key, FilterStateValue { bytes: value, readonly });
    Ok(())
}
