//! What the host calls first.

use crate::root::Root;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|context_id| Box::new(Root::new(context_id)));
}}
