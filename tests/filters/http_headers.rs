//! Logs the headers of requests and responses, and answers `/hello` itself.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel};

mod entry {
    use super::{HttpHeaders, LogLevel};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Trace);
        proxy_wasm::set_http_context(|_, _| Box::new(HttpHeaders));
    }}
}

#[derive(Debug)]
struct HttpHeaders;

impl HttpHeaders {
    fn log(&self, direction: &str, headers: Vec<(String, String)>) {
        for (name, value) in headers {
            log(LogLevel::Info, &format!("{direction} {name}: {value}"));
        }
    }
}

fn log(level: LogLevel, text: &str) {
    let _ = proxy_wasm::hostcalls::log(level, text);
}

impl Context for HttpHeaders {}

impl HttpContext for HttpHeaders {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.log("->", self.get_http_request_headers());
        if self.get_http_request_header(":path").as_deref() == Some("/hello") {
            let headers = vec![("hello", "World"), ("powered-by", "proxy-wasm")];
            self.send_http_response(200, headers, Some(b"Hello, World!\n"));
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.log("<-", self.get_http_response_headers());
        Action::Continue
    }

    fn on_log(&mut self) {
        log(LogLevel::Info, "completed.");
    }
}
