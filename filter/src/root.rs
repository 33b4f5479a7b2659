//! The root context: configuration, the tick, and the answers to its calls.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use actgate_core::algorithm::Algorithm;
use actgate_core::config::Config;
use actgate_core::limits::CONFIG_BYTES_MAX;
use actgate_core::plugin::Plugin;
use actgate_core::signatures::Native;

use crate::host::{self, Buffer, HostData, Level};
use crate::newest::{self, PluginName};
use crate::stream::Stream;
use crate::worker::{Worker, unix_seconds};

pub(crate) struct Root {
    worker: Rc<Worker>,
}

impl Root {
    pub(crate) fn new(context_id: u32) -> Self {
        Self { worker: Worker::new(context_id) }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        newest::forget(self.worker.root);
    }
}

/// Finds out which signatures the host computes, and says so once.
fn try_host(config: &Config) -> Native {
    if config.reads_environment {
        let said = "actgate: keys and secrets in environment variables are those of the process: they change when it is started anew";
        host::log(Level::Info, said);
    }
    let native =
        Native::probed(|name, arguments| host::call_foreign_function(name, arguments).ok(), config.signing_keys());
    host::log(
        Level::Info,
        &format!(
            "actgate: the host verifies {} and signs {}; all else is computed in the filter",
            names(native.verifies()),
            names(native.signs()),
        ),
    );
    native
}

fn names(algorithms: &[Algorithm]) -> String {
    if algorithms.is_empty() {
        return "nothing".to_owned();
    }
    algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" ")
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, header_count: usize, body_size: usize, _trailers: usize) {
        self.worker.answered(token, header_count, body_size);
    }
}

impl RootContext for Root {
    /// The same document gives the same answer on every VM: nothing random, nothing from the network.
    fn on_configure(&mut self, size: usize) -> bool {
        let Ok(document) = host::buffer(Buffer::PluginConfiguration, size.min(CONFIG_BYTES_MAX.saturating_add(1)))
        else {
            host::log(Level::Error, "actgate configuration: the host did not hand it over");
            return false;
        };
        let loaded = Config::from_json(&document, &|name| std::env::var(name).ok());
        // Without a clock nothing can be observed for a time, so everything is enforced.
        let loaded = match unix_seconds() {
            Some(now) => loaded.and_then(|config| config.loaded_at(now)),
            None => loaded,
        };
        match loaded {
            Ok(config) => {
                for warning in &config.warnings {
                    host::log(Level::Warn, &format!("actgate configuration: {warning}"));
                }
                let native = try_host(&config);
                let mut plugin = Plugin::new(config);
                if !plugin.share(&HostData) {
                    host::log(Level::Warn, "actgate: the host keeps no shared data, so each worker works for itself");
                }
                let name = PluginName::shown();
                if name.is_none() {
                    let said = "actgate: the host does not name its plugins, so what a later configuration withdraws ends nothing that began before it";
                    host::log(Level::Warn, said);
                }
                let served = self.worker.serve(plugin, native, name);
                // The first tick fetches keys; the worker sets its own pace from then on.
                served && host::set_tick_millis(1).is_ok()
            }
            Err(error) => {
                host::log(Level::Error, &format!("actgate configuration: {error}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(step) = self.worker.handle(|plugin, ambient| plugin.handle_tick(ambient)) {
            self.worker.perform_root(step);
        }
        self.worker.end_overdue();
        self.worker.end_revoked();
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, Rc::clone(&self.worker))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
