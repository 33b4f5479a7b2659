//! A real Envoy process: a bootstrap filled in, started, asked, read and ended.
//!
//! Guaranteed: a started Envoy answers on its admin interface before it is handed over, sees no environment but the one given,
//! writes to files of its own, and is ended with the value that stands for it.
//! One that refuses its configuration is an error that carries what it said about it.
//! Absent on purpose: finding Envoy. Its path is given, and nothing is looked for on `PATH`.

mod admin;
mod error;
mod process;
pub mod scenario;
mod template;

pub use error::EnvoyError;
pub use process::{Binary, Launch, LogLevel, RunningEnvoy};
pub use template::{Template, TemplateError};
