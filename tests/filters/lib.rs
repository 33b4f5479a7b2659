//! Three filters after the examples of the proxy-wasm Rust SDK, each in the file of its name.
//!
//! They do what those examples do, so that the harness is shown to run filters it was not written for.
