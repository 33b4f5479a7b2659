//! SPIFFE IDs (SPIFFE-ID §2): `spiffe://`, a trust domain, and the path of a workload, each in the characters that it may have.

use crate::limits::URL_BYTES_MAX;

/// The trust domain of a workload's SPIFFE ID; `None` for what is none.
pub(crate) fn trust_domain(id: &str) -> Option<&str> {
    let path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let whole = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(path_byte);
    let (domain, workload) = id.strip_prefix("spiffe://")?.split_once('/')?;
    let fits = id.len() <= URL_BYTES_MAX && is_trust_domain(domain);
    (fits && workload.split('/').all(whole)).then_some(domain)
}

/// Whether a trust domain may have that name.
pub(crate) fn is_trust_domain(name: &str) -> bool {
    let domain_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    !name.is_empty() && name.bytes().all(domain_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_trust_domain() {
        for id in
            ["spiffe://example.org/a", "spiffe://example.org/ns/agents/sa/corp-knowledge", "spiffe://example.org/A._-1"]
        {
            assert_eq!(trust_domain(id), Some("example.org"), "{id}");
        }
        for other in [
            "",
            "spiffe://",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///a",
            "spiffe://example.org//a",
            "spiffe://example.org/a/",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/./a",
            "spiffe://Example.org/a",
            "spiffe://example.org:80/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a%2fb",
            "https://example.org/a",
            "SPIFFE://example.org/a",
        ] {
            assert_eq!(trust_domain(other), None, "{other}");
        }
    }

    #[test]
    fn the_length_of_an_id_is_bounded() {
        let longest = format!("spiffe://d/{}", "a".repeat(URL_BYTES_MAX.saturating_sub(11)));
        assert_eq!(trust_domain(&longest), Some("d"));
        assert_eq!(trust_domain(&format!("{longest}a")), None);
    }
}
