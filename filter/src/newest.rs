//! What the roots of one plugin in one VM tell each other: what the newest configuration among them withdraws.
//!
//! Envoy gives a changed configuration a root of its own, in the same VM, and lets the old one serve on. Only this list goes from one to the
//! other: no key, no token, nothing of a request. Each root that lives has one list here, and takes it along when it goes, so a configuration
//! that the host took back, or never put to work, withdraws nothing any more.
//!
//! Roots are of one plugin where the host shows the same name and the same root id for them; several plugins may share a VM.

use core::cell::RefCell;
use std::sync::Arc;

use actgate_core::config::Revoked;

use crate::host;

/// By what the host tells plugins apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginName {
    name: Vec<u8>,
    root_id: Vec<u8>,
}

impl PluginName {
    /// Of the plugin whose root is the effective context; none on a host that names no plugins.
    pub(crate) fn shown() -> Option<Self> {
        let property = |name| host::property(name).ok();
        Some(Self { name: property("plugin_name")?, root_id: property("plugin_root_id")? })
    }
}

struct List {
    plugin: PluginName,
    root: u32,
    revoked: Arc<Revoked>,
}

thread_local! {
    /// In the order in which they came into force.
    static LISTS: RefCell<Vec<List>> = const { RefCell::new(Vec::new()) };
}

fn with_lists<T>(use_them: impl FnOnce(&mut Vec<List>) -> T) -> Option<T> {
    LISTS.try_with(|lists| lists.try_borrow_mut().ok().map(|mut lists| use_them(&mut lists))).ok().flatten()
}

/// Tells what the configuration that came into force at `root` withdraws.
pub(crate) fn tell(plugin: PluginName, root: u32, revoked: Arc<Revoked>) {
    with_lists(|lists| {
        lists.retain(|list| list.root != root);
        lists.push(List { plugin, root, revoked });
    });
}

/// The newest list of that plugin.
pub(crate) fn newest(plugin: &PluginName) -> Option<Arc<Revoked>> {
    with_lists(|lists| lists.iter().rfind(|list| list.plugin == *plugin).map(|list| Arc::clone(&list.revoked)))?
}

/// `root` is gone.
pub(crate) fn forget(root: u32) {
    with_lists(|lists| lists.retain(|list| list.root != root));
}
