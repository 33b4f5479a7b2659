//! HTTP callouts. gRPC is not emulated: its calls fail as they do when no client can be made.

use std::time::Duration;

use wasmtime::Linker;

use super::host_call;
use crate::abi::Status;
use crate::callout::Callout;
use crate::cluster::Cluster;
use crate::header_map::HeaderMap;
use crate::memory::{GuestMemory, Host, HostResult};
use crate::pairs;
use crate::plugin::Plugin;
use crate::vm::{ContextKind, VmData};

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    host_call!(linker, plugin, "proxy_http_call", http_call,
        cluster: u32, cluster_size: u32, headers: u32, headers_size: u32, body: u32, body_size: u32,
        trailers: u32, trailers_size: u32, timeout: i32, token_at: u32);
    host_call!(linker, plugin, "proxy_grpc_call", grpc_call,
        _a: u32, _b: u32, _c: u32, _d: u32, _e: u32, _f: u32, _g: u32, _h: u32, _i: u32, _j: u32, _k: u32, _l: u32);
    host_call!(linker, plugin, "proxy_grpc_stream", grpc_stream,
        _a: u32, _b: u32, _c: u32, _d: u32, _e: u32, _f: u32, _g: u32, _h: u32, _i: u32);
    host_call!(linker, plugin, "proxy_grpc_send", grpc_send, _token: u32, _at: u32, _size: u32, _end: u32);
    host_call!(linker, plugin, "proxy_grpc_cancel", grpc_end, _token: u32);
    host_call!(linker, plugin, "proxy_grpc_close", grpc_end, _token: u32);
    Ok(())
}

fn map(pairs: Vec<pairs::Pair>) -> HeaderMap {
    let mut map = HeaderMap::new();
    pairs.iter().for_each(|(name, value)| map.add_bytes(name, value));
    map
}

/// The call belongs to the root context: it outlives the stream in whose callback it was made.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn http_call(
    host: &mut Host<'_>,
    cluster: u32,
    cluster_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: i32,
    token_at: u32,
) -> HostResult {
    let cluster = String::from_utf8_lossy(&host.read(cluster, cluster_size)?).into_owned();
    let body = host.read(body, body_size)?;
    let mut headers = map(pairs::decode(&host.read(headers, headers_size)?));
    let trailers = map(pairs::decode(&host.read(trailers, trailers_size)?));
    host.write_word(token_at, 0)?;

    let timeout = u64::try_from(timeout).map_err(|_| Status::BadArgument)?;
    let data = host.data_mut();
    let state = data.world.clusters.get(&cluster).copied().unwrap_or(Cluster::Unknown);
    let incomplete = [":path", ":method", ":authority"].iter().any(|name| headers.get(name).is_none());
    if state == Cluster::Unknown || incomplete {
        return Err(Status::BadArgument.into());
    }
    let waiting = data.world.callouts.waiting_for(&cluster);
    if state != Cluster::Healthy || waiting >= data.world.profile.pending_requests_max {
        return Err(Status::InternalFailure.into());
    }
    if !body.is_empty() {
        headers.set("content-length", body.len().to_string());
    }
    let token = dispatch(data, cluster, headers, body, trailers, timeout);
    host.write_word(token_at, token)
}

fn dispatch(
    data: &mut VmData,
    cluster: String,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
    timeout: u64,
) -> u32 {
    let context = data.context();
    let root = data.root_of(context);
    let plugin = match data.contexts.get(&root) {
        Some(ContextKind::Root { plugin }) => data.world.plugins.get(*plugin),
        _ => None,
    };
    let plugin = plugin.map_or_else(|| data.plugin_name.clone(), |p| p.name.clone());
    let request = match context.1 {
        ContextKind::Stream { request, .. } => Some(request),
        ContextKind::Root { .. } | ContextKind::Vm => None,
    };
    data.last_token += 1;
    let (token, id) = (data.last_token, data.world.callouts.next_id());
    data.call_tokens.insert(token, id);
    let (at, thread, vm) = (data.world.clock.now, data.thread, data.id);
    let timeout = (timeout > 0).then(|| Duration::from_millis(timeout));
    data.world.callouts.insert(Callout {
        id,
        plugin,
        thread,
        request,
        cluster,
        headers,
        body,
        trailers,
        timeout,
        at,
        vm,
        root,
        token,
    });
    token
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn grpc_call(
    _: &mut Host<'_>,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> HostResult {
    Err(Status::InternalFailure.into())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn grpc_stream(_: &mut Host<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32) -> HostResult {
    Err(Status::InternalFailure.into())
}

fn grpc_send(_: &mut Host<'_>, _: u32, _: u32, _: u32, _: u32) -> HostResult {
    Err(Status::NotFound.into())
}

fn grpc_end(_: &mut Host<'_>, _: u32) -> HostResult {
    Err(Status::NotFound.into())
}
