//! The attribute `#[test]` for tests that run inside wasm32, under Node.
//!
//! A crate root that says
//! `#[cfg(all(test, target_arch = "wasm32", target_os = "unknown"))] #[macro_use(test)] extern crate actgate_wasm32_tests;`
//! gives every `#[test]` of that crate to `wasm-bindgen-test`: names from `#[macro_use]` come before the prelude's.
//! So a test is written once and cannot be forgotten on the target that matters.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use wasm_bindgen_test::wasm_bindgen_test as test;
