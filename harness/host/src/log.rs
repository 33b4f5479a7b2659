//! Log lines as Envoy would write them, with who wrote them and when.

use crate::clock::Instant;

/// The level of a log line. The numbers are the ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Level {
    pub(crate) fn from_word(word: u32) -> Option<Self> {
        Some(match word {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return None,
        })
    }
}

/// Which of the N+2 instances of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thread {
    /// Started and configured to validate the configuration, then thrown away.
    Canary,
    /// The main thread's: gets ticks and callout answers, never a stream.
    Main,
    /// A worker's, by its index.
    Worker(usize),
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When, on the emulated clock.
    pub at: Instant,
    /// How loud.
    pub level: Level,
    /// The name of the plugin whose VM wrote it.
    pub plugin: String,
    /// The instance that wrote it.
    pub thread: Thread,
    /// The text. Bytes that are not UTF-8 are replaced.
    pub message: String,
    /// Whether the host wrote it rather than the module.
    pub from_host: bool,
}
