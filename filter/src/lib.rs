//! The proxy-wasm adapter of actgate.
