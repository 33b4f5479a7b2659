//! The host's functions, each returning a result.
//!
//! The SDK's own wrappers panic on an unexpected status and on bytes that are not UTF-8, and a panic kills the worker's VM;
//! so every call but one goes through here. The exception is the HTTP callout, whose token only the SDK can register.
//! This is the only file with `unsafe` code: declarations of imports, and taking over memory that the host filled.
#![expect(unsafe_code, reason = "the boundary to the host")]

use actgate_core::sharing::{SharedData, Versioned};

/// The host refused a call; the number is proxy-wasm's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u32);

/// proxy-wasm ABI 0.2.1: header maps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Map {
    RequestHeaders,
    ResponseHeaders,
    ResponseTrailers,
    CalloutResponseHeaders,
}

impl Map {
    const fn number(self) -> u32 {
        match self {
            Self::RequestHeaders => 0,
            Self::ResponseHeaders => 2,
            Self::ResponseTrailers => 3,
            Self::CalloutResponseHeaders => 6,
        }
    }
}

/// proxy-wasm ABI 0.2.1: buffers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Buffer {
    RequestBody,
    ResponseBody,
    CalloutResponseBody,
    PluginConfiguration,
}

impl Buffer {
    const fn number(self) -> u32 {
        match self {
            Self::RequestBody => 0,
            Self::ResponseBody => 1,
            Self::CalloutResponseBody => 4,
            Self::PluginConfiguration => 7,
        }
    }
}

/// proxy-wasm ABI 0.2.1: log levels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    const fn number(self) -> u32 {
        match self {
            Self::Info => 2,
            Self::Warn => 3,
            Self::Error => 4,
        }
    }
}

mod import {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(out: *mut u64) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub(super) fn proxy_set_effective_context(context: u32) -> u32;
        pub(super) fn proxy_continue_stream(stream: u32) -> u32;
        pub(super) fn proxy_close_stream(stream: u32) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            size_max: usize,
            out: *mut *mut u8,
            out_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_set_buffer_bytes(
            buffer: u32,
            start: usize,
            size: usize,
            bytes: *const u8,
            bytes_size: usize,
        ) -> u32;
        pub(super) fn proxy_get_header_map_pairs(map: u32, out: *mut *mut u8, out_size: *mut usize) -> u32;
        pub(super) fn proxy_get_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            out: *mut *mut u8,
            out_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            out: *mut *mut u8,
            out_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            out: *mut *mut u8,
            out_size: *mut usize,
            version: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            version: u32,
        ) -> u32;
        pub(super) fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize)
        -> u32;
        pub(super) fn proxy_call_foreign_function(
            name: *const u8,
            name_size: usize,
            arguments: *const u8,
            arguments_size: usize,
            out: *mut *mut u8,
            out_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, out: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub(super) fn random_get(out: *mut u8, size: usize) -> i32;
    }
}

const fn checked(status: u32) -> Result<(), Refused> {
    match status {
        0 => Ok(()),
        other => Err(Refused(other)),
    }
}

/// Runs a call that makes the host allocate memory in this VM and name it in `out`.
fn filled(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Refused> {
    let mut data: *mut u8 = core::ptr::null_mut();
    let mut size: usize = 0;
    checked(call(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host obtained `data` from the SDK's `proxy_on_memory_allocate`, which forgets a `Vec<u8>` of exactly this capacity,
    // filled all `size` bytes of it, and keeps no reference.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

pub(crate) fn log(level: Level, text: &str) {
    // SAFETY: the host reads `text` during the call only. A log that is refused has nowhere to be reported.
    let _ = unsafe { import::proxy_log(level.number(), text.as_ptr(), text.len()) };
}

pub(crate) fn unix_nanos() -> Result<u64, Refused> {
    let mut nanos: u64 = 0;
    // SAFETY: the host writes eight bytes into `nanos` during the call.
    checked(unsafe { import::proxy_get_current_time_nanoseconds(&raw mut nanos) })?;
    Ok(nanos)
}

/// Sixteen bytes from the host's secure source.
pub(crate) fn random() -> Result<[u8; 16], Refused> {
    let mut bytes = [0; 16];
    // SAFETY: the host writes sixteen bytes into `bytes` during the call.
    match unsafe { import::random_get(bytes.as_mut_ptr(), bytes.len()) } {
        0 => Ok(bytes),
        _errno => Err(Refused(u32::MAX)),
    }
}

pub(crate) fn set_tick_millis(period: u32) -> Result<(), Refused> {
    // SAFETY: no memory is passed.
    checked(unsafe { import::proxy_set_tick_period_milliseconds(period) })
}

/// Makes the following calls act on `context`; refused where it is gone.
pub(crate) fn set_effective_context(context: u32) -> Result<(), Refused> {
    // SAFETY: no memory is passed.
    checked(unsafe { import::proxy_set_effective_context(context) })
}

/// Resets the answer of the effective stream: the caller sees it break off.
pub(crate) fn reset_response() -> Result<(), Refused> {
    // SAFETY: no memory is passed.
    checked(unsafe { import::proxy_close_stream(1) })
}

pub(crate) fn resume_request() -> Result<(), Refused> {
    // SAFETY: no memory is passed.
    checked(unsafe { import::proxy_continue_stream(0) })
}

/// At most `size_max` bytes from the start of `buffer`.
pub(crate) fn buffer(buffer: Buffer, size_max: usize) -> Result<Vec<u8>, Refused> {
    // SAFETY: `filled` says what becomes of the two pointers.
    filled(|out, size| unsafe { import::proxy_get_buffer_bytes(buffer.number(), 0, size_max, out, size) })
}

/// Puts `bytes` in place of the first `size` bytes of `buffer`. The host cannot replace a piece from the middle, and never mends a length header.
pub(crate) fn replace_start(buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), Refused> {
    // SAFETY: the host reads `bytes` during the call only.
    checked(unsafe { import::proxy_set_buffer_bytes(buffer.number(), 0, size, bytes.as_ptr(), bytes.len()) })
}

/// All pairs of `map` in the host's serialized form; see [`pairs`].
pub(crate) fn header_map(map: Map) -> Result<Vec<u8>, Refused> {
    // SAFETY: `filled` says what becomes of the two pointers.
    filled(|out, size| unsafe { import::proxy_get_header_map_pairs(map.number(), out, size) })
}

/// The first value of one header.
pub(crate) fn header(map: Map, name: &str) -> Result<Vec<u8>, Refused> {
    // SAFETY: the host reads `name` during the call only; `filled` says what becomes of the two pointers.
    filled(|out, size| unsafe {
        import::proxy_get_header_map_value(map.number(), name.as_ptr(), name.len(), out, size)
    })
}

pub(crate) fn replace_header(map: Map, name: &str, value: &str) -> Result<(), Refused> {
    // SAFETY: the host reads both texts during the call only.
    checked(unsafe {
        import::proxy_replace_header_map_value(map.number(), name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

pub(crate) fn remove_header(map: Map, name: &str) -> Result<(), Refused> {
    // SAFETY: the host reads `name` during the call only.
    checked(unsafe { import::proxy_remove_header_map_value(map.number(), name.as_ptr(), name.len()) })
}

/// The value of the property at `path`, whose parts a zero byte joins, as the ABI wants it.
pub(crate) fn property(path: &str) -> Result<Vec<u8>, Refused> {
    // SAFETY: the host reads `path` during the call only; `filled` says what becomes of the two pointers.
    filled(|out, size| unsafe { import::proxy_get_property(path.as_ptr(), path.len(), out, size) })
}

pub(crate) fn set_property(name: &str, value: &str) -> Result<(), Refused> {
    // SAFETY: the host reads both texts during the call only.
    checked(unsafe { import::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// What all VMs with this one's `vm_id` see, and nothing else keeps others from.
pub(crate) struct HostData;

impl SharedData for HostData {
    fn get(&self, name: &str) -> Option<Versioned> {
        let mut version: u32 = 0;
        // SAFETY: the host reads `name` and writes four bytes into `version` during the call; `filled` says what becomes of the two pointers.
        let bytes = filled(|out, size| unsafe {
            import::proxy_get_shared_data(name.as_ptr(), name.len(), out, size, &raw mut version)
        });
        bytes.ok().map(|bytes| Versioned { bytes, version })
    }

    fn set(&self, name: &str, bytes: &[u8], version: u32) -> bool {
        // SAFETY: the host reads both during the call only.
        let status =
            unsafe { import::proxy_set_shared_data(name.as_ptr(), name.len(), bytes.as_ptr(), bytes.len(), version) };
        checked(status).is_ok()
    }
}

pub(crate) fn call_foreign_function(name: &str, arguments: &[u8]) -> Result<Vec<u8>, Refused> {
    // SAFETY: the host reads `name` and `arguments` during the call only; `filled` says what becomes of the two pointers.
    filled(|out, size| unsafe {
        import::proxy_call_foreign_function(name.as_ptr(), name.len(), arguments.as_ptr(), arguments.len(), out, size)
    })
}

pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(), Refused> {
    let headers = serialize(headers)?;
    // SAFETY: the host reads all four during the call only. gRPC status -1 means none.
    checked(unsafe {
        import::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// Defines a counter; the same name gives another number each time, so numbers are to be kept.
pub(crate) fn define_counter(name: &str) -> Result<u32, Refused> {
    let mut metric: u32 = 0;
    // SAFETY: the host reads `name` and writes four bytes into `metric` during the call.
    checked(unsafe { import::proxy_define_metric(0, name.as_ptr(), name.len(), &raw mut metric) })?;
    Ok(metric)
}

pub(crate) fn increment(metric: u32, by: i64) -> Result<(), Refused> {
    // SAFETY: no memory is passed.
    checked(unsafe { import::proxy_increment_metric(metric, by) })
}

/// Reads the serialized form of a header map: a count, the sizes of all names and values, then each text with a closing zero byte.
///
/// `None` where the host's numbers do not fit its bytes.
pub(crate) fn pairs(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let (count, mut sizes) = take_size(bytes)?;
    let (_, mut data) = sizes.split_at_checked(count.checked_mul(8)?)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (name_size, rest) = take_size(sizes)?;
        let (value_size, rest) = take_size(rest)?;
        sizes = rest;
        let (name, rest) = take_text(data, name_size)?;
        let (value, rest) = take_text(rest, value_size)?;
        data = rest;
        pairs.push((name, value));
    }
    Some(pairs)
}

fn take_size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*size)).ok()?, rest))
}

fn take_text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    let (_zero, rest) = rest.split_first()?;
    Some((text, rest))
}

fn serialize(pairs: &[(&str, &str)]) -> Result<Vec<u8>, Refused> {
    let size = |number: usize| u32::try_from(number).map(u32::to_le_bytes).map_err(|_| Refused(u32::MAX));
    let mut bytes = size(pairs.len())?.to_vec();
    for (name, value) in pairs {
        bytes.extend_from_slice(&size(name.len())?);
        bytes.extend_from_slice(&size(value.len())?);
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    Ok(bytes)
}
