//! Header and trailer maps, as far as the phase leaves them in reach.
//!
//! A map out of reach is `BadArgument` to single operations and empty to the whole-map getter.

use wasmtime::Linker;

use super::host_call;
use crate::abi::{Direction, MapKind, Status};
use crate::header_map::HeaderMap;
use crate::memory::{GuestMemory, Host, HostResult};
use crate::pairs;
use crate::plugin::Plugin;
use crate::vm::{ContextKind, VmData};

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    host_call!(linker, plugin, "proxy_get_header_map_pairs", get_pairs, kind: u32, pairs_at: u32, size_at: u32);
    host_call!(linker, plugin, "proxy_set_header_map_pairs", set_pairs, kind: u32, pairs: u32, size: u32);
    host_call!(linker, plugin, "proxy_get_header_map_size", get_size, kind: u32, size_at: u32);
    host_call!(linker, plugin, "proxy_get_header_map_value", get_value,
        kind: u32, name: u32, name_size: u32, value_at: u32, size_at: u32);
    host_call!(linker, plugin, "proxy_add_header_map_value", add_value,
        kind: u32, name: u32, name_size: u32, value: u32, value_size: u32);
    host_call!(linker, plugin, "proxy_replace_header_map_value", replace_value,
        kind: u32, name: u32, name_size: u32, value: u32, value_size: u32);
    host_call!(linker, plugin, "proxy_remove_header_map_value", remove_value,
        kind: u32, name: u32, name_size: u32);
    Ok(())
}

fn side(kind: MapKind) -> Option<(Direction, bool)> {
    match kind {
        MapKind::RequestHeaders => Some((Direction::Request, false)),
        MapKind::RequestTrailers => Some((Direction::Request, true)),
        MapKind::ResponseHeaders => Some((Direction::Response, false)),
        MapKind::ResponseTrailers => Some((Direction::Response, true)),
        _ => None,
    }
}

/// The map to read, and whether the access log is being written.
fn readable(data: &VmData, kind: MapKind) -> (Option<&HeaderMap>, bool) {
    let context = data.context();
    let answer = data.call_answers.get(&data.root_of(context));
    match kind {
        MapKind::CallHeaders => return (answer.map(|a| &a.headers), false),
        MapKind::CallTrailers => return (answer.map(|a| &a.trailers).filter(|t| !t.is_empty()), false),
        _ => {}
    }
    let (Some((direction, trailers)), ContextKind::Stream { request, filter, .. }) = (side(kind), context.1) else {
        return (None, false);
    };
    let Some(stream) = data.world.streams.get(&request) else { return (None, false) };
    let Some(filter) = stream.filters.get(filter) else { return (None, false) };
    let (lane, flow) = (filter.lane_ref(direction), stream.flow_ref(direction));
    let map = if trailers { &flow.trailers } else { &flow.headers };
    let open = match (filter.logging, trailers) {
        (true, _) => kind != MapKind::RequestTrailers,
        (false, true) => lane.trailers_open,
        (false, false) => lane.headers_open,
    };
    (map.as_ref().filter(|_| open), filter.logging)
}

/// The map to write. Trailers come into being when they are written at the end of the body.
fn writable(data: &mut VmData, kind: MapKind) -> Result<&mut HeaderMap, Status> {
    let (Some((direction, trailers)), (_, ContextKind::Stream { request, filter, .. })) = (side(kind), data.context())
    else {
        return Err(Status::BadArgument);
    };
    let stream = data.world.streams.get_mut(&request).ok_or(Status::BadArgument)?;
    let has_trailers = stream.flow_ref(direction).trailers.is_some();
    let lane = stream.filters.get_mut(filter).ok_or(Status::BadArgument)?.lane(direction);
    if trailers {
        if !lane.trailers_open && lane.data_open && lane.end_stream && !has_trailers {
            lane.trailers_open = true;
            stream.flow(direction).trailers = Some(HeaderMap::new());
        } else if !lane.trailers_open {
            return Err(Status::BadArgument);
        }
        return stream.flow(direction).trailers.as_mut().ok_or(Status::BadArgument);
    }
    if !lane.headers_open {
        return Err(Status::BadArgument);
    }
    stream.flow(direction).headers.as_mut().ok_or(Status::BadArgument)
}

fn kind_of(word: u32) -> Result<MapKind, Status> {
    MapKind::from_word(word).ok_or(Status::BadArgument)
}

fn get_pairs(host: &mut Host<'_>, kind: u32, pairs_at: u32, size_at: u32) -> HostResult {
    let (map, _) = readable(host.data(), kind_of(kind)?);
    // An empty map is no bytes at all, not a count of zero.
    let map = map.filter(|m| !m.is_empty());
    let bytes = map.map_or_else(Vec::new, |m| pairs::encode(m.iter().map(|(n, v)| (n.as_bytes(), v))));
    host.give(&bytes, pairs_at, size_at)
}

fn set_pairs(host: &mut Host<'_>, kind: u32, pairs: u32, size: u32) -> HostResult {
    let kind = kind_of(kind)?;
    let bytes = host.read(pairs, size)?;
    let map = writable(host.data_mut(), kind)?;
    map.clear();
    for (name, value) in pairs::decode(&bytes) {
        map.add_bytes(&name, &value);
    }
    Ok(())
}

fn get_size(host: &mut Host<'_>, kind: u32, size_at: u32) -> HostResult {
    let size = writable(host.data_mut(), kind_of(kind)?)?.byte_size();
    host.write_word(size_at, u32::try_from(size).unwrap_or(u32::MAX))
}

fn get_value(host: &mut Host<'_>, kind: u32, name: u32, name_size: u32, value_at: u32, size_at: u32) -> HostResult {
    let kind = kind_of(kind)?;
    let name = host.read(name, name_size)?;
    let (map, logging) = readable(host.data(), kind);
    let absent = if logging { Status::NotFound } else { Status::BadArgument };
    let map = map.ok_or(absent)?;
    let value = map.get(&String::from_utf8_lossy(&name)).ok_or(Status::NotFound)?.to_vec();
    host.give(&value, value_at, size_at)
}

fn add_value(host: &mut Host<'_>, kind: u32, name: u32, name_size: u32, value: u32, value_size: u32) -> HostResult {
    let kind = kind_of(kind)?;
    let name = host.read(name, name_size)?;
    let value = host.read(value, value_size)?;
    writable(host.data_mut(), kind)?.add_bytes(&name, &value);
    Ok(())
}

fn replace_value(host: &mut Host<'_>, kind: u32, name: u32, name_size: u32, value: u32, value_size: u32) -> HostResult {
    let kind = kind_of(kind)?;
    let name = host.read(name, name_size)?;
    let value = host.read(value, value_size)?;
    writable(host.data_mut(), kind)?.set_bytes(&name, &value);
    Ok(())
}

fn remove_value(host: &mut Host<'_>, kind: u32, name: u32, name_size: u32) -> HostResult {
    let kind = kind_of(kind)?;
    let name = host.read(name, name_size)?;
    writable(host.data_mut(), kind)?.remove(&String::from_utf8_lossy(&name));
    Ok(())
}
