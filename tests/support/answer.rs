//! An upstream's answer as data: what a vector wants said, and what a recording says was said.

use serde::{Deserialize, Serialize};

/// What an upstream answers beside its status.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamAnswer {
    /// `content-type`; null sends none.
    #[serde(default = "json")]
    pub content_type: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Trailers, in the emulated Envoy; the real one is not asked for them.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    /// The body, piece by piece as it is sent.
    pub pieces: Vec<String>,
    /// How long it waits between two pieces, in milliseconds.
    pub pause_ms: Option<u64>,
    /// A body of so many bytes in place of the last piece's `{padding}`.
    pub padding: Option<usize>,
}

impl UpstreamAnswer {
    /// The pieces as they are sent.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let padding = "x".repeat(self.padding.unwrap_or_default());
        self.pieces.iter().map(|piece| piece.replace("{padding}", &padding).into_bytes()).collect()
    }

    /// All headers.
    pub fn all_headers(&self) -> Vec<(String, String)> {
        let content_type = self.content_type.iter().map(|value| ("content-type".to_owned(), value.clone()));
        content_type.chain(self.headers.iter().cloned()).collect()
    }
}

fn json() -> Option<String> {
    Some("application/json".to_owned())
}
