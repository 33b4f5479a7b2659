//! Logging, time, timers, contexts, streams and properties.

use std::time::Duration;

use wasmtime::Linker;

use super::host_call;
use crate::abi::{Direction, Status};
use crate::foreign;
use crate::log::Level;
use crate::memory::{GuestMemory, Host, HostResult};
use crate::pairs;
use crate::plugin::Plugin;
use crate::properties;
use crate::stream::Reply;
use crate::vm::{Action, ContextKind, Ticker, VmData};

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    host_call!(linker, plugin, "proxy_log", log, level: u32, at: u32, size: u32);
    host_call!(linker, plugin, "proxy_get_log_level", get_log_level, level_at: u32);
    host_call!(linker, plugin, "proxy_get_current_time_nanoseconds", get_time, time_at: u32);
    host_call!(linker, plugin, "proxy_set_tick_period_milliseconds", set_tick_period, period: u32);
    host_call!(linker, plugin, "proxy_set_effective_context", set_effective_context, context: u32);
    host_call!(linker, plugin, "proxy_done", done,);
    host_call!(linker, plugin, "proxy_get_status", get_status, code_at: u32, text_at: u32, size_at: u32);
    host_call!(linker, plugin, "proxy_continue_stream", continue_stream, kind: u32);
    host_call!(linker, plugin, "proxy_close_stream", close_stream, kind: u32);
    host_call!(linker, plugin, "proxy_send_local_response", send_local_response,
        status: u32, details: u32, details_size: u32, body: u32, body_size: u32,
        headers: u32, headers_size: u32, grpc: i32);
    host_call!(linker, plugin, "proxy_get_property", get_property,
        path: u32, path_size: u32, value_at: u32, size_at: u32);
    host_call!(linker, plugin, "proxy_set_property", set_property,
        path: u32, path_size: u32, value: u32, value_size: u32);
    host_call!(linker, plugin, "proxy_call_foreign_function", call_foreign_function,
        name: u32, name_size: u32, args: u32, args_size: u32, result_at: u32, size_at: u32);
    Ok(())
}

fn log(host: &mut Host<'_>, level: u32, at: u32, size: u32) -> HostResult {
    let level = Level::from_word(level).ok_or(Status::BadArgument)?;
    let message = host.read(at, size)?;
    host.data_mut().log(level, &message, false);
    Ok(())
}

fn get_log_level(host: &mut Host<'_>, level_at: u32) -> HostResult {
    let level = host.data().world.log_level as u32;
    host.write_word(level_at, level)
}

fn get_time(host: &mut Host<'_>, time_at: u32) -> HostResult {
    let now = host.data().world.clock.now.0;
    host.write(time_at, &now.to_le_bytes())
}

/// From a stream's callback the period is its root's. Setting it starts the period anew.
fn set_tick_period(host: &mut Host<'_>, period: u32) -> HostResult {
    let data = host.data_mut();
    let root = data.root_of(data.context());
    if period == 0 {
        data.tickers.remove(&root);
        return Ok(());
    }
    let period = Duration::from_millis(period.into());
    data.world.last_timer += 1;
    let ticker = Ticker { period, due: data.world.clock.now.after(period), order: data.world.last_timer };
    data.tickers.insert(root, ticker);
    Ok(())
}

fn set_effective_context(host: &mut Host<'_>, context: u32) -> HostResult {
    let data = host.data_mut();
    if !data.contexts.contains_key(&context) {
        return Err(Status::BadArgument.into());
    }
    data.effective = context;
    Ok(())
}

fn done(host: &mut Host<'_>) -> HostResult {
    let data = host.data_mut();
    let (context, _) = data.context();
    if !data.pending_done.remove(&context) {
        return Err(Status::NotFound.into());
    }
    data.after.push_back(Action::DeleteRoot(context));
    Ok(())
}

fn get_status(host: &mut Host<'_>, code_at: u32, text_at: u32, size_at: u32) -> HostResult {
    let (code, text) = host.data().call_status;
    host.write_word(code_at, code)?;
    host.give(text.as_bytes(), text_at, size_at)
}

/// The resumption waits until the VM returns; the request's headers are out of reach at once.
fn continue_stream(host: &mut Host<'_>, kind: u32) -> HostResult {
    let direction = match kind {
        0 => Direction::Request,
        1 => Direction::Response,
        2 => return Ok(()),
        3 => return Err(Status::Unimplemented.into()),
        _ => return Err(Status::BadArgument.into()),
    };
    let data = host.data_mut();
    if let (_, ContextKind::Stream { request, filter, .. }) = data.context() {
        data.after.push_back(Action::Continue(request, filter, direction));
        let stream = data.world.streams.get_mut(&request);
        if let Some(filter) = stream.and_then(|s| s.filters.get_mut(filter)) {
            filter.request.headers_open = false;
            filter.request.data_open = false;
            filter.request.trailers_open = false;
            filter.lane(direction).buffering = false;
        }
    }
    Ok(())
}

fn close_stream(host: &mut Host<'_>, kind: u32) -> HostResult {
    if kind > 3 {
        return Err(Status::BadArgument.into());
    }
    let data = host.data_mut();
    if let (0 | 1, (_, ContextKind::Stream { request, .. })) = (kind, data.context()) {
        if let Some(stream) = data.world.streams.get_mut(&request) {
            stream.details.get_or_insert_with(|| "wasm_close_stream".to_owned());
        }
        data.after.push_back(Action::Reset(request));
    }
    Ok(())
}

/// Sent after the VM returns. From a root context nothing is sent, and the answer is still `Ok`.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn send_local_response(
    host: &mut Host<'_>,
    status: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc: i32,
) -> HostResult {
    let details = host.read(details, details_size)?;
    let body = host.read(body, body_size)?;
    let headers = pairs::decode(&host.read(headers, headers_size)?);
    let data = host.data_mut();
    if let (_, ContextKind::Stream { request, .. }) = data.context() {
        let details = String::from_utf8_lossy(&details).replace(|c: char| c.is_ascii_whitespace(), "_");
        let grpc_status = u32::try_from(grpc).ok().filter(|code| *code <= 16);
        let status = u16::try_from(status).unwrap_or(500);
        data.after.push_back(Action::LocalReply(request, Reply { status, headers, body, grpc_status, details }));
    }
    data.stop_next = true;
    Ok(())
}

fn get_property(host: &mut Host<'_>, path: u32, path_size: u32, value_at: u32, size_at: u32) -> HostResult {
    let path = host.read(path, path_size)?;
    let value = properties::get(host.data(), &path)?;
    host.give(&value, value_at, size_at)
}

fn set_property(host: &mut Host<'_>, path: u32, path_size: u32, value: u32, value_size: u32) -> HostResult {
    let path = host.read(path, path_size)?;
    let value = host.read(value, value_size)?;
    Ok(properties::set(host.data_mut(), &path, value)?)
}

fn call_foreign_function(
    host: &mut Host<'_>,
    name: u32,
    name_size: u32,
    args: u32,
    args_size: u32,
    result_at: u32,
    size_at: u32,
) -> HostResult {
    let name = host.read(name, name_size)?;
    let args = host.read(args, args_size)?;
    let result = foreign::call(host.data_mut(), &name, &args)?;
    host.give(&result, result_at, size_at)
}
