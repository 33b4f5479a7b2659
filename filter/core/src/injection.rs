//! A secret that goes upstream in place of the caller's credential, and comes back to nobody.
//!
//! Guaranteed: no header or trailer of the answer with the secret in it reaches the caller, as it was sent or encoded for Basic.
//! Absent on purpose: a search of bodies, and of other encodings of the secret.

use crate::redacted::Redacted;

/// What is injected, and what it is known again by.
#[derive(Debug)]
pub struct Injection {
    header: String,
    value: Redacted<String>,
    traces: Vec<Redacted<String>>,
}

impl Injection {
    /// `value` in `header`; any of `traces` in an answer is the secret. Made when the configuration is loaded.
    pub(crate) fn new(header: String, value: Redacted<String>, traces: Vec<Redacted<String>>) -> Self {
        Self { header, value, traces }
    }

    /// The header, its name in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    pub(crate) const fn value(&self) -> &Redacted<String> {
        &self.value
    }

    /// The names of what must not reach the caller: the header itself, and every other with the secret in it.
    pub(crate) fn echoes(&self, headers: &[(&[u8], &[u8])]) -> Vec<String> {
        let told = |value: &[u8]| self.traces.iter().any(|trace| contains(value, trace.expose().as_bytes()));
        let echoing = headers.iter().filter(|(name, value)| *name == self.header.as_bytes() || told(value));
        let mut names: Vec<String> = echoing.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Case counts in a secret; hosts leave it alone in values.
fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_with_the_secret_in_it_is_named_once() {
        let trace = |text: &str| Redacted::new(text.to_owned());
        let injection = Injection::new(
            "x-api-key".to_owned(),
            trace("Token sk-0123456789"),
            vec![trace("sk-0123456789"), trace("dTpzay0w")],
        );
        let headers: [(&[u8], &[u8]); 8] = [
            (b":status", b"200"),
            (b"x-api-key", b"anything"),
            (b"x-echo", b"you sent sk-0123456789!"),
            (b"x-echo", b"and again"),
            (b"x-basic", b"Basic dTpzay0w"),
            (b"set-cookie", b"k=sk-012345678"),
            (b"x-case", b"SK-0123456789"),
            (b"x-empty", b""),
        ];
        assert_eq!(injection.echoes(&headers), ["x-api-key", "x-basic", "x-echo"]);
        assert!(!format!("{injection:?}").contains("sk-"));
    }
}
