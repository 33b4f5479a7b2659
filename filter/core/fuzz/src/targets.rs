//! The targets by name: what each fuzzer is given, and what a find is replayed with.

pub use crate::answers::list_answers;
pub use crate::metadata::metadata;
pub use crate::parsers::{configuration, json_rpc, jwks, jwt, mcp_headers, token_response};
pub use crate::tasks::task_answers;

/// See [`crate::operations`].
pub fn operations(data: &[u8]) {
    let _ = crate::operations::run(data);
}

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const ALL: [(&str, Target); 10] = [
    ("jwt", jwt),
    ("jwks", jwks),
    ("token_response", token_response),
    ("configuration", configuration),
    ("json_rpc", json_rpc),
    ("mcp_headers", mcp_headers),
    ("list_answers", list_answers),
    ("task_answers", task_answers),
    ("metadata", metadata),
    ("operations", operations),
];
