//! Asks another server for a byte, and lets the request pass if it is even.

use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel};

mod entry {
    use super::HttpAuthRandom;

    proxy_wasm::main! {{
        proxy_wasm::set_http_context(|_, _| Box::new(HttpAuthRandom));
    }}
}

#[derive(Debug)]
struct HttpAuthRandom;

fn log(text: &str) {
    let _ = proxy_wasm::hostcalls::log(LogLevel::Info, text);
}

impl HttpContext for HttpAuthRandom {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let headers = vec![(":method", "GET"), (":path", "/bytes/1"), (":authority", "httpbin.example")];
        match self.dispatch_http_call("httpbin", headers, None, vec![], Duration::from_secs(1)) {
            Ok(_) => Action::Pause,
            Err(status) => {
                log(&format!("not dispatched: {status:?}"));
                self.send_http_response(500, vec![], None);
                Action::Pause
            }
        }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header("powered-by", Some("proxy-wasm"));
        Action::Continue
    }
}

impl Context for HttpAuthRandom {
    fn on_http_call_response(&mut self, _: u32, headers: usize, size: usize, _: usize) {
        // A call that was reset has no headers, and asking for one would trap.
        let status = if headers == 0 { None } else { self.get_http_call_response_header(":status") };
        let byte = self.get_http_call_response_body(0, size).and_then(|body| body.first().copied());
        if status.as_deref() == Some("200") && byte.is_some_and(|byte| byte % 2 == 0) {
            log("access granted.");
            self.resume_http_request();
            return;
        }
        log(&format!("access forbidden: {status:?}, {size} bytes."));
        self.send_http_response(403, vec![("powered-by", "proxy-wasm")], Some(b"Access forbidden.\n"));
    }
}
