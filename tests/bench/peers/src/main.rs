//! The processes around a proxy under test, each on a free port of 127.0.0.1 that it prints as its first line.
//!
//! ```text
//! bench-peers upstream                    answers every request with the same short body
//! bench-peers authz-http | authz-grpc     an external authorizer that answers from a cache of exchanged tokens
//! bench-peers idp PEM MILLIS              token endpoint for both calls of an exchange; takes MILLIS for each
//! bench-peers tokens ALG PEM COUNT FILE   writes so many different access tokens, one a line
//! bench-peers load ...                    sends requests and prints one JSON object; see `load`
//! ```
//!
//! Each server ends when its standard input does, so none outlives the benchmark that started it.

mod authz;
mod http1;
mod idp;
mod load;
mod tokens;

use std::io::Read as _;
use std::net::TcpListener;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["upstream"] => {
            serve(|listener| http1::serve(listener, |_| http1::Answer::json(200, BODY.as_bytes().to_vec())))
        }
        ["authz-http"] => serve(authz::http),
        ["authz-grpc"] => serve(authz::grpc),
        ["idp", pem, millis] => {
            let idp = idp::Idp::new(pem, millis.parse().expect("milliseconds"));
            serve(move |listener| http1::serve(listener, move |request| idp.answer(request)));
        }
        ["tokens", algorithm, pem, count, file] => {
            tokens::write(algorithm, pem, count.parse().expect("a number of tokens"), file);
        }
        ["load", rest @ ..] => load::run(rest),
        _ => {
            eprintln!(
                "usage: bench-peers upstream | authz-http | authz-grpc | idp PEM MILLIS | tokens ALG PEM COUNT FILE | load ..."
            );
            std::process::exit(2);
        }
    }
}

/// What an MCP server answers to a call, short.
const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

fn serve(server: impl FnOnce(TcpListener) + Send + 'static) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    println!("{}", listener.local_addr().expect("a bound address").port());
    std::thread::spawn(move || server(listener));
    let mut rest = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut rest);
}
