//! What can go wrong with an Envoy process.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::template::TemplateError;

/// Why an Envoy could not be started or asked.
#[derive(Debug)]
pub enum EnvoyError {
    /// The admin interface did not answer as it should; what was asked, and what was wrong.
    Admin(String),
    /// It ended while it was starting.
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// What it had to say about it.
        log: String,
    },
    /// A file could not be used, or the program not be run.
    Io {
        /// The file or program.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// `ACTGATE_ENVOY` does not say where Envoy is.
    NoBinary,
    /// It was not ready in time.
    NotReady {
        /// How long it was given.
        after: Duration,
        /// What it had to say until then.
        log: String,
    },
    /// The bootstrap could not be filled in.
    Template(TemplateError),
}

impl fmt::Display for EnvoyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin(what) => write!(f, "envoy's admin interface: {what}"),
            Self::Exited { status, log } => write!(f, "envoy ended at start-up ({status}):\n{log}"),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NoBinary => f.write_str(
                "ACTGATE_ENVOY is not set to the path of an Envoy; run this by `make test`, which installs one",
            ),
            Self::NotReady { after, log } => write!(f, "envoy was not ready after {after:?}:\n{log}"),
            Self::Template(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EnvoyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Template(error) => Some(error),
            Self::Admin(_) | Self::Exited { .. } | Self::NoBinary | Self::NotReady { .. } => None,
        }
    }
}

impl From<TemplateError> for EnvoyError {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

impl EnvoyError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// The most lines of a log that an error repeats.
const LINES_MAX: usize = 40;

/// The lines of Envoy's log that say why it would not go on; its last lines where none does.
pub(super) fn complaints(log: &str) -> String {
    let complains =
        |line: &&str| line.contains("][error]") || line.contains("][critical]") || line.contains("][warning][wasm]");
    let mut lines: Vec<&str> = log.lines().filter(complains).collect();
    if lines.is_empty() {
        lines = log.lines().collect();
    }
    lines.drain(..lines.len().saturating_sub(LINES_MAX));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn complaints_are_found_among_the_chatter() {
        let log = "[t][1][info][main] starting\n[t][1][error][wasm] wasm log actgate: `resources[0].match` is missing\n\
                   [t][1][critical][main] error initializing\n[t][1][info][main] exiting";
        let want = "[t][1][error][wasm] wasm log actgate: `resources[0].match` is missing\n[t][1][critical][main] error initializing";
        assert_eq!(complaints(log), want);
        assert_eq!(complaints("one\ntwo\n"), "one\ntwo");
    }
}
