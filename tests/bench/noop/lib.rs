//! A filter that does nothing, for comparison: what any proxy-wasm filter costs.
//!
//! Configured with the word `buffer` it holds each request until its body is whole, and still looks at none of it.

mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(super::Root { buffers: false }));
    }}
}

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

struct Root {
    buffers: bool,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        self.buffers = self.get_plugin_configuration().as_deref() == Some(b"buffer");
        true
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { buffers: self.buffers }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    buffers: bool,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if self.buffers && !end_of_stream { Action::Pause } else { Action::Continue }
    }

    fn on_http_request_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        if self.buffers && !end_of_stream { Action::Pause } else { Action::Continue }
    }
}
