//! An upstream's answer as data: what a vector wants said, and what a recording says was said.

use serde::{Deserialize, Serialize};

/// What an upstream answers beside its status.
///
/// In headers, trailers and pieces `{credential}` is the token that the upstream got in `authorization`, `{credential:1}` and `{credential:2}` its halves,
/// and `{transaction}` the transaction token that it got.
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
    /// What is said to whoever sent those headers.
    pub fn to(&self, headers: &[(String, String)]) -> Self {
        let sent = |name: &str| headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let credential = sent("authorization").rsplit(' ').next().unwrap_or_default();
        let (first, second) = credential.split_at(credential.len() / 2);
        let said = |text: &String| {
            text.replace("{credential}", credential)
                .replace("{credential:1}", first)
                .replace("{credential:2}", second)
                .replace("{transaction}", sent("txn-token"))
        };
        let fields =
            |fields: &[(String, String)]| fields.iter().map(|(name, text)| (name.clone(), said(text))).collect();
        Self {
            headers: fields(&self.headers),
            trailers: fields(&self.trailers),
            pieces: self.pieces.iter().map(said).collect(),
            ..self.clone()
        }
    }

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
