//! An emulated Envoy that runs proxy-wasm modules in wasmtime.
