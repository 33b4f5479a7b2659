//! WASI preview 1 as Envoy has it: output goes to the log, time and randomness are the host's, the
//! environment is the plugin's, and there are no files, sockets or arguments.

use wasmtime::{Linker, Val};

use crate::log::Level;
use crate::memory::{Fault, GuestMemory, Host};
use crate::plugin::Plugin;
use crate::vm::VmData;

const SUCCESS: u32 = 0;
const BAD_FD: u32 = 8;
const BAD_ADDRESS: u32 = 21;
const INVALID: u32 = 28;
const NOT_IMPLEMENTED: u32 = 52;
const NOT_SUPPORTED: u32 = 58;
const NOT_CAPABLE: u32 = 76;

/// Envoy refuses more randomness than this at once.
const RANDOM_BYTES_MAX: u32 = 64 * 1024;

/// Calls a module may import, and that Envoy does not implement.
const STUBS: [&str; 24] = [
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_fdstat_set_rights",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_pwrite",
    "fd_renumber",
    "fd_sync",
    "fd_tell",
    "path_create_directory",
    "path_filestat_set_times",
    "path_link",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "proc_raise",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

type Errno = Result<(), u32>;

/// Registers a function under both names of WASI preview 1.
macro_rules! wasi {
    ($linker:ident, $plugin:ident, $name:literal, $function:expr, $($arg:ident: $kind:ty),*) => {{
        for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
            let allowed = $plugin.allows($name);
            $linker.func_wrap(module, $name, move |mut host: Host<'_>, $($arg: $kind),*| -> u32 {
                if !allowed {
                    return NOT_CAPABLE;
                }
                let function = $function;
                match function(&mut host, $($arg),*) {
                    Ok(()) => SUCCESS,
                    Err(errno) => errno,
                }
            })?;
        }
    }};
}

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    wasi!(linker, plugin, "fd_write", fd_write, fd: u32, vectors: u32, count: u32, written_at: u32);
    wasi!(linker, plugin, "clock_time_get", clock_time_get, clock: u32, _precision: u64, time_at: u32);
    wasi!(linker, plugin, "random_get", random_get, at: u32, size: u32);
    wasi!(linker, plugin, "environ_sizes_get", environ_sizes_get, count_at: u32, size_at: u32);
    wasi!(linker, plugin, "environ_get", environ_get, list_at: u32, text_at: u32);
    wasi!(linker, plugin, "args_sizes_get", args_sizes_get, count_at: u32, size_at: u32);
    wasi!(linker, plugin, "args_get", |_: &mut Host<'_>, _, _| -> Errno { Ok(()) }, _list: u32, _text: u32);
    wasi!(linker, plugin, "sched_yield", |_: &mut Host<'_>| -> Errno { Ok(()) },);
    wasi!(linker, plugin, "fd_seek", |_: &mut Host<'_>, _, _, _, _| -> Errno { Ok(()) },
        _fd: u32, _offset: i64, _whence: u32, _at: u32);
    wasi!(linker, plugin, "fd_close", |_: &mut Host<'_>, _| -> Errno { Ok(()) }, _fd: u32);
    wasi!(linker, plugin, "fd_fdstat_get", fd_fdstat_get, fd: u32, stat_at: u32);
    wasi!(linker, plugin, "fd_fdstat_set_flags", absent2, _fd: u32, _flags: u32);
    wasi!(linker, plugin, "fd_prestat_get", |_: &mut Host<'_>, _, _| -> Errno { Err(BAD_FD) }, _fd: u32, _at: u32);
    wasi!(linker, plugin, "fd_prestat_dir_name", |_: &mut Host<'_>, _, _, _| -> Errno { Err(BAD_FD) },
        _fd: u32, _at: u32, _size: u32);
    wasi!(linker, plugin, "clock_res_get", absent2, _clock: u32, _at: u32);
    wasi!(linker, plugin, "fd_filestat_get", absent2, _fd: u32, _at: u32);
    wasi!(linker, plugin, "fd_read", absent4, _fd: u32, _vectors: u32, _count: u32, _read_at: u32);
    wasi!(linker, plugin, "poll_oneoff", absent4, _in: u32, _out: u32, _count: u32, _events_at: u32);
    wasi!(linker, plugin, "fd_readdir", |_: &mut Host<'_>, _, _, _, _, _| -> Errno { Err(NOT_IMPLEMENTED) },
        _fd: u32, _at: u32, _size: u32, _cookie: u64, _used_at: u32);
    wasi!(linker, plugin, "path_filestat_get", |_: &mut Host<'_>, _, _, _, _, _| -> Errno { Err(NOT_IMPLEMENTED) },
        _fd: u32, _flags: u32, _path: u32, _size: u32, _at: u32);
    wasi!(linker, plugin, "path_open", path_open,
        _fd: u32, _flags: u32, _path: u32, _size: u32, _open: u32, _rights: u64, _inherit: u64, _fdflags: u32,
        _at: u32);
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        // Envoy's returns; what follows it in a real program is a trap.
        linker.func_wrap(module, "proc_exit", |_: Host<'_>, _code: u32| {})?;
    }
    link_stubs(linker, plugin)
}

/// The stubs the module imports, with whatever parameters it gives them.
fn link_stubs(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    for import in plugin.module.compiled().imports() {
        let wasi = ["wasi_snapshot_preview1", "wasi_unstable"].contains(&import.module());
        if let (true, true, Some(kind)) = (wasi, STUBS.contains(&import.name()), import.ty().func()) {
            linker.func_new(import.module(), import.name(), kind.clone(), |_, _, results| {
                if let Some(result) = results.first_mut() {
                    *result = Val::I32(NOT_IMPLEMENTED.cast_signed());
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn absent2(_: &mut Host<'_>, _: u32, _: u32) -> Errno {
    Err(NOT_IMPLEMENTED)
}

fn absent4(_: &mut Host<'_>, _: u32, _: u32, _: u32, _: u32) -> Errno {
    Err(NOT_IMPLEMENTED)
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn path_open(_: &mut Host<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u64, _: u64, _: u32, _: u32) -> Errno {
    Err(44)
}

fn address(_: Fault) -> u32 {
    BAD_ADDRESS
}

fn fd_write(host: &mut Host<'_>, fd: u32, vectors: u32, count: u32, written_at: u32) -> Errno {
    let level = match fd {
        1 => Level::Info,
        2 => Level::Error,
        _ => return Err(BAD_FD),
    };
    let mut text = Vec::new();
    for index in 0..count {
        let vector = host.read(vectors.wrapping_add(index.wrapping_mul(8)), 8).map_err(address)?;
        let word = |at: usize| vector.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        text.extend(host.read(word(0), word(4)).map_err(address)?);
    }
    let written = u32::try_from(text.len()).unwrap_or(u32::MAX);
    if !text.is_empty() {
        host.data_mut().log(level, text.strip_suffix(b"\n").unwrap_or(&text), false);
    }
    host.write_word(written_at, written).map_err(address)
}

fn clock_time_get(host: &mut Host<'_>, clock: u32, _precision: u64, time_at: u32) -> Errno {
    let now = match clock {
        0 => host.data().world.clock.now.0,
        1 => host.data().world.clock.monotonic_nanos(),
        _ => return Err(NOT_SUPPORTED),
    };
    host.write(time_at, &now.to_le_bytes()).map_err(address)
}

fn random_get(host: &mut Host<'_>, at: u32, size: u32) -> Errno {
    if size > RANDOM_BYTES_MAX {
        return Err(INVALID);
    }
    let mut bytes = vec![0; size as usize];
    host.data_mut().world.random.fill(&mut bytes);
    host.write(at, &bytes).map_err(address)
}

fn environment(host: &Host<'_>) -> Vec<Vec<u8>> {
    host.data().environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn environ_sizes_get(host: &mut Host<'_>, count_at: u32, size_at: u32) -> Errno {
    let entries = environment(host);
    let size: usize = entries.iter().map(Vec::len).sum();
    host.write_word(count_at, u32::try_from(entries.len()).unwrap_or(u32::MAX)).map_err(address)?;
    host.write_word(size_at, u32::try_from(size).unwrap_or(u32::MAX)).map_err(address)
}

fn environ_get(host: &mut Host<'_>, list_at: u32, text_at: u32) -> Errno {
    let (mut list_at, mut text_at) = (list_at, text_at);
    for entry in environment(host) {
        host.write_word(list_at, text_at).map_err(address)?;
        host.write(text_at, &entry).map_err(address)?;
        list_at = list_at.wrapping_add(4);
        text_at = text_at.wrapping_add(u32::try_from(entry.len()).unwrap_or(u32::MAX));
    }
    Ok(())
}

fn args_sizes_get(host: &mut Host<'_>, count_at: u32, size_at: u32) -> Errno {
    host.write_word(count_at, 0).map_err(address)?;
    host.write_word(size_at, 0).map_err(address)
}

fn fd_fdstat_get(host: &mut Host<'_>, fd: u32, stat_at: u32) -> Errno {
    if fd != 1 && fd != 2 {
        return Err(BAD_FD);
    }
    // 24 bytes: no type, no flags, the right to write.
    let mut stat = [0; 24];
    stat[8] = 64;
    host.write(stat_at, &stat).map_err(address)
}
