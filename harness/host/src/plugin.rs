//! One wasm filter's configuration, as Envoy's `PluginConfig` and `VmConfig` hold it.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::module::Module;
use crate::profile::Profile;

/// What happens to requests once the VM has trapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// 503 for ever. Envoy's default.
    #[default]
    FailClosed,
    /// 503 until a new stream finds the back-off over and starts a new VM.
    FailReload,
    /// Requests pass without the filter.
    FailOpen,
}

/// A module and how it is configured.
#[derive(Clone, Debug)]
pub struct Plugin {
    pub(crate) name: String,
    pub(crate) root_id: String,
    pub(crate) vm_id: String,
    pub(crate) module: Module,
    pub(crate) configuration: Vec<u8>,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) reload_backoff: Duration,
    pub(crate) headers_stop_iteration: bool,
    pub(crate) capabilities: Option<BTreeSet<String>>,
}

impl Plugin {
    /// A plugin with that name, its root id the same, everything else Envoy's default.
    #[must_use]
    pub fn new(name: impl Into<String>, module: &Module) -> Self {
        let name = name.into();
        Self {
            root_id: name.clone(),
            name,
            vm_id: String::new(),
            module: module.clone(),
            configuration: Vec::new(),
            vm_configuration: Vec::new(),
            environment: Vec::new(),
            failure_policy: FailurePolicy::default(),
            reload_backoff: Duration::from_secs(1),
            headers_stop_iteration: false,
            capabilities: None,
        }
    }

    /// What `proxy_on_configure` reads.
    #[must_use]
    pub fn configuration(mut self, configuration: impl Into<Vec<u8>>) -> Self {
        self.configuration = configuration.into();
        self
    }

    /// What `proxy_on_vm_start` reads.
    #[must_use]
    pub fn vm_configuration(mut self, configuration: impl Into<Vec<u8>>) -> Self {
        self.vm_configuration = configuration.into();
        self
    }

    /// The namespace of shared data and queues.
    #[must_use]
    pub fn vm_id(mut self, vm_id: impl Into<String>) -> Self {
        self.vm_id = vm_id.into();
        self
    }

    /// The root id.
    #[must_use]
    pub fn root_id(mut self, root_id: impl Into<String>) -> Self {
        self.root_id = root_id.into();
        self
    }

    /// An environment variable the module sees.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// What a trap leads to.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// `reload_config.backoff.base_interval`: Envoy waits between this and one and a half times it.
    #[must_use]
    pub fn reload_backoff(mut self, base: Duration) -> Self {
        self.reload_backoff = base;
        self
    }

    /// Whether `Pause` from the header callbacks leaves the body callbacks running.
    ///
    /// Off, as Envoy has it by default, a pause stops everything until it is resumed.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self, allow: bool) -> Self {
        self.headers_stop_iteration = allow;
        self
    }

    /// Restricts the module to these imports and exports. Without any, nothing is restricted.
    #[must_use]
    pub fn allow_capability(mut self, name: impl Into<String>) -> Self {
        self.capabilities.get_or_insert_default().insert(name.into());
        self
    }

    pub(crate) fn allows(&self, name: &str) -> bool {
        self.capabilities.as_ref().is_none_or(|allowed| allowed.contains(name))
    }

    /// Plugins whose keys agree share one VM.
    pub(crate) fn vm_key(&self, profile: &Profile) -> VmKey {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(self.vm_id.as_bytes());
        part(&self.vm_configuration);
        part(&self.module.digest());
        if profile.environment_in_vm_key {
            for (name, value) in &self.environment {
                part(name.as_bytes());
                part(value.as_bytes());
            }
        }
        for name in self.capabilities.iter().flatten() {
            part(name.as_bytes());
        }
        VmKey(hash.finalize().into())
    }
}

/// Tells VMs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VmKey([u8; 32]);
