//! The functions a module may import, and the restricted stubs of those it may not call.

mod buffers;
mod calls;
mod control;
mod headers;
mod shared;
mod stats;
mod wasi;

use wasmtime::{Caller, Linker};

use crate::abi::Status;
use crate::memory::{Fault, HostResult};
use crate::plugin::Plugin;
use crate::vm::VmData;

/// `env` calls a module may make while it initialises; any other traps.
const WHILE_INITIALIZING: [&str; 1] = ["proxy_log"];

/// Registers `env.$name`, guarded: a restricted call answers `InternalFailure` and does nothing.
macro_rules! host_call {
    ($linker:ident, $plugin:ident, $name:literal, $function:path, $($arg:ident: $kind:ty),*) => {{
        let allowed = $plugin.allows($name);
        $linker.func_wrap("env", $name, move |mut host: Host<'_>, $($arg: $kind),*| -> wasmtime::Result<u32> {
            match $crate::imports::admit(&mut host, $name, allowed)? {
                Some(refusal) => Ok(refusal),
                None => $crate::imports::word($function(&mut host, $($arg),*)),
            }
        })?;
    }};
}
use host_call;

pub(crate) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    control::link(linker, plugin)?;
    headers::link(linker, plugin)?;
    buffers::link(linker, plugin)?;
    calls::link(linker, plugin)?;
    shared::link(linker, plugin)?;
    stats::link(linker, plugin)?;
    wasi::link(linker, plugin)
}

/// `Some` is the status a refused call returns at once.
fn admit(host: &mut Caller<'_, VmData>, name: &str, allowed: bool) -> wasmtime::Result<Option<u32>> {
    host.data_mut().host_calls += 1;
    if host.data().initializing && !WHILE_INITIALIZING.contains(&name) {
        return Err(wasmtime::format_err!("restricted_callback: env.{name} during initialisation"));
    }
    if allowed {
        return Ok(None);
    }
    let text = format!("Attempted call to restricted proxy-wasm capability: {name}");
    host.data_mut().log(crate::log::Level::Error, text.as_bytes(), true);
    Ok(Some(Status::InternalFailure.word()))
}

/// The word a host call returns, or the trap it ends in.
fn word(result: HostResult) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(Status::Ok.word()),
        Err(Fault::Status(status)) => Ok(status.word()),
        Err(Fault::Trap(trap)) => Err(trap),
    }
}
