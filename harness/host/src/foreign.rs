//! Foreign functions: what Envoy registers, version by version.
//!
//! Not emulated: `expr_create`, `expr_evaluate` and `expr_delete` (a CEL machine), which answer
//! `NotFound` as in a build without CEL.

mod protobuf;
mod signature;

use crate::abi::Status;
use crate::stream::FilterStateValue;
use crate::vm::{ContextKind, Declared, VmData};
use protobuf::Message;

/// Filter-state keys that Envoy 1.40 has a factory for. Any other is `NotFound`.
const FILTER_STATE_FACTORIES: [&str; 9] = [
    "envoy.hashable_string",
    "envoy.network.application_protocols",
    "envoy.network.upstream_server_name",
    "envoy.network.upstream_subject_alt_names",
    "envoy.ratelimit.hits_addend",
    "envoy.string",
    "envoy.tcp_proxy.cluster",
    "envoy.tcp_proxy.disable_tunneling",
    "envoy.upstream.dynamic_host",
];

/// Envoy's `uncompress` has no bound; here a bomb ends at this size.
const UNCOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

pub(crate) fn call(data: &mut VmData, name: &[u8], args: &[u8]) -> Result<Vec<u8>, Status> {
    let profile = &data.world.profile;
    if !profile.foreign_functions {
        return Err(Status::NotFound);
    }
    match name {
        b"verify_signature" => signature::verify(&Message::parse(args)?, profile.pem_keys),
        b"sign" if profile.sign => signature::sign(&Message::parse(args)?),
        b"compress" => Ok(miniz_oxide::deflate::compress_to_vec_zlib(args, 6)),
        b"uncompress" => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(args, UNCOMPRESSED_BYTES_MAX)
            .map_err(|_| Status::SerializationFailure),
        b"clear_route_cache" => clear_route_cache(data),
        b"set_envoy_filter_state" => set_filter_state(data, &Message::parse(args)?),
        b"declare_property" => declare_property(data, &Message::parse(args)?),
        _ => Err(Status::NotFound),
    }
}

/// The context a foreign function acts on: 1.36 looks at the current one, which inside a callout's
/// callback is the root.
fn context(data: &VmData) -> (u32, ContextKind) {
    if data.world.profile.foreign_functions_use_effective_context {
        return data.context();
    }
    (data.current, data.contexts.get(&data.current).copied().unwrap_or(ContextKind::Vm))
}

fn clear_route_cache(data: &mut VmData) -> Result<Vec<u8>, Status> {
    if let (_, ContextKind::Stream { request, .. }) = context(data)
        && let Some(stream) = data.world.streams.get_mut(&request)
    {
        stream.route_cache_clears += 1;
    }
    Ok(Vec::new())
}

fn set_filter_state(data: &mut VmData, args: &Message<'_>) -> Result<Vec<u8>, Status> {
    let path = args.text(1)?;
    if !FILTER_STATE_FACTORIES.contains(&path) {
        return Err(Status::NotFound);
    }
    let bytes = args.bytes(2).to_vec();
    if path == "envoy.ratelimit.hits_addend"
        && std::str::from_utf8(&bytes).ok().and_then(|t| t.parse::<u64>().ok()).is_none()
    {
        return Err(Status::BadArgument);
    }
    let (_, ContextKind::Stream { request, .. }) = context(data) else { return Err(Status::NotFound) };
    let stream = data.world.streams.get_mut(&request).ok_or(Status::NotFound)?;
    stream.filter_state.insert(path.to_owned(), FilterStateValue { bytes, readonly: false });
    Ok(Vec::new())
}

/// Declared on the context at hand; only what a root context declared is ever looked up.
fn declare_property(data: &mut VmData, args: &Message<'_>) -> Result<Vec<u8>, Status> {
    let (id, _) = context(data);
    let key = (id, args.text(1)?.to_owned());
    if args.number(3) > 3 || data.declared.contains_key(&key) {
        return Err(Status::BadArgument);
    }
    data.declared.insert(key, Declared { readonly: args.number(2) != 0 });
    Ok(Vec::new())
}
