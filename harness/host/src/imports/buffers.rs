//! Bodies and configurations as buffers.

use wasmtime::Linker;

use super::host_call;
use crate::abi::{BufferKind, Direction, Status};
use crate::memory::{GuestMemory, Host, HostResult};
use crate::plugin::Plugin;
use crate::vm::{ContextKind, VmData};

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    host_call!(linker, plugin, "proxy_get_buffer_bytes", get_bytes,
        kind: u32, start: u32, length: u32, data_at: u32, size_at: u32);
    host_call!(linker, plugin, "proxy_get_buffer_status", get_status, kind: u32, size_at: u32, flags_at: u32);
    host_call!(linker, plugin, "proxy_set_buffer_bytes", set_bytes,
        kind: u32, start: u32, length: u32, bytes: u32, size: u32);
    Ok(())
}

/// A body in reach: the buffer when the filter asked for buffering, else the chunk in its hands.
fn body(data: &mut VmData, direction: Direction) -> Option<&mut Vec<u8>> {
    let (_, ContextKind::Stream { request, filter, .. }) = data.context() else { return None };
    let stream = data.world.streams.get_mut(&request)?;
    let lane = stream.filters.get_mut(filter)?.lane(direction);
    if lane.buffering {
        return stream.flow(direction).buffered.as_mut();
    }
    let lane = stream.filters.get_mut(filter)?.lane(direction);
    lane.data_open.then_some(&mut lane.data)
}

fn contents(data: &mut VmData, kind: BufferKind) -> Result<Vec<u8>, Status> {
    match kind {
        BufferKind::RequestBody => Ok(body(data, Direction::Request).cloned().unwrap_or_default()),
        BufferKind::ResponseBody => Ok(body(data, Direction::Response).cloned().unwrap_or_default()),
        BufferKind::CallBody => {
            let root = data.root_of(data.context());
            data.call_answers.get(&root).map(|a| a.body.clone()).ok_or(Status::NotFound)
        }
        BufferKind::VmConfiguration => Ok(data.vm_configuration.clone()),
        BufferKind::PluginConfiguration => {
            let plugin = data.configuring.and_then(|p| data.world.plugins.get(p));
            plugin.map(|p| p.configuration.clone()).ok_or(Status::NotFound)
        }
        BufferKind::CallData | BufferKind::Downstream | BufferKind::Upstream | BufferKind::Grpc => Ok(Vec::new()),
    }
}

fn get_bytes(host: &mut Host<'_>, kind: u32, start: u32, length: u32, data_at: u32, size_at: u32) -> HostResult {
    let kind = BufferKind::from_word(kind).ok_or(Status::BadArgument)?;
    let contents = contents(host.data_mut(), kind)?;
    let (start, length) = (start as usize, length as usize);
    let end = contents.len().min(start + length);
    let slice = contents.get(start..end).unwrap_or_default();
    if slice.is_empty() {
        return Ok(());
    }
    host.give(slice, data_at, size_at)
}

fn get_status(host: &mut Host<'_>, kind: u32, size_at: u32, flags_at: u32) -> HostResult {
    let kind = BufferKind::from_word(kind).ok_or(Status::BadArgument)?;
    let size = contents(host.data_mut(), kind)?.len();
    host.write_word(size_at, u32::try_from(size).unwrap_or(u32::MAX))?;
    host.write_word(flags_at, 0)
}

/// From 0 the first `length` bytes are replaced; at or past the end the bytes are appended;
/// anywhere else is refused.
fn set_bytes(host: &mut Host<'_>, kind: u32, start: u32, length: u32, bytes: u32, size: u32) -> HostResult {
    let kind = BufferKind::from_word(kind).ok_or(Status::BadArgument)?;
    let bytes = host.read(bytes, size)?;
    let direction = match kind {
        BufferKind::RequestBody => Direction::Request,
        BufferKind::ResponseBody => Direction::Response,
        BufferKind::PluginConfiguration if host.data().configuring.is_none() => return Err(Status::NotFound.into()),
        _ => return Err(Status::BadArgument.into()),
    };
    let buffer = body(host.data_mut(), direction).ok_or(Status::BadArgument)?;
    if start == 0 {
        buffer.splice(..buffer.len().min(length as usize), bytes);
    } else if start as usize >= buffer.len() {
        buffer.extend(bytes);
    } else {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}
