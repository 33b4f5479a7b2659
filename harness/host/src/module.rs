//! A compiled module. Compiling is dear (seconds per megabyte of wasm when this crate is a debug build), running it is not,
//! so each distinct module is compiled once per process, and a [`Module`] is a cheap handle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine};

/// A compiled proxy-wasm module. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Module {
    digest: [u8; 32],
    compiled: wasmtime::Module,
}

/// The module could not be read or compiled.
#[derive(Debug)]
pub struct ModuleError(String);

impl std::fmt::Display for ModuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ModuleError {}

/// Compiled code by the digest of its source. Holds no state of any run.
static COMPILED: Mutex<BTreeMap<[u8; 32], wasmtime::Module>> = Mutex::new(BTreeMap::new());
static ENGINE: OnceLock<Engine> = OnceLock::new();

impl Module {
    /// Reads and compiles a `.wasm` file.
    ///
    /// # Errors
    /// The file cannot be read, or is not a module.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModuleError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|e| ModuleError(format!("{}: {e}", path.display())))?;
        Self::from_bytes(&bytes)
    }

    /// Compiles a module's bytes.
    ///
    /// # Errors
    /// The bytes are not a module.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModuleError> {
        let digest = Sha256::digest(bytes).into();
        // Held while compiling, so that tests starting together compile a module once.
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.get(&digest) {
            return Ok(Self { digest, compiled: known.clone() });
        }
        let module = wasmtime::Module::new(engine()?, bytes).map_err(|e| ModuleError(format!("{e:#}")))?;
        compiled.insert(digest, module.clone());
        Ok(Self { digest, compiled: module })
    }

    pub(crate) fn compiled(&self) -> &wasmtime::Module {
        &self.compiled
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

/// One configuration for all, so that the same call always burns the same fuel.
fn engine() -> Result<&'static Engine, ModuleError> {
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).map_err(|e| ModuleError(format!("{e:#}")))?;
    Ok(ENGINE.get_or_init(|| engine))
}
