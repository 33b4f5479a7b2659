//! What the target of a request says of tasks: which one its path names, and which tenant its query.

use core::ops::Range;

use crate::json::span;
use crate::limits::TENANT_BYTES_MAX;
use crate::rejection::Rejection;

/// A task named by a path, and the target around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InPath {
    before: String,
    pub(super) shown: String,
    after: String,
}

impl InPath {
    /// Finds the task in `target`, whose path ends in `beneath`, which matched a template with a task.
    pub(in crate::a2a) fn find(target: &str, path: &str, beneath: &str, shown: &str) -> Option<Self> {
        const TASKS: &str = "/tasks/";
        let within = beneath.find(TASKS)?.checked_add(TASKS.len())?;
        let start = path.len().checked_sub(beneath.len())?.checked_add(within)?;
        let (before, rest) = target.split_at_checked(start)?;
        let after = rest.strip_prefix(shown)?;
        Some(Self { before: before.to_owned(), shown: shown.to_owned(), after: after.to_owned() })
    }

    /// The target with the agent's own id; none where that is not one plain segment, and so would lead to something else than a task.
    pub(super) fn with(&self, id: &str) -> Option<String> {
        let leads_elsewhere = |byte| matches!(byte, b':' | b'/' | b'\\' | b'?' | b'#' | b'%' | b';');
        let is_segment = id != "." && id != ".." && !id.bytes().any(leads_elsewhere);
        is_segment.then(|| [&self.before, id, &self.after].concat())
    }
}

/// Parameters of a query that name no task.
const TENANT: &str = "tenant";
const OTHERS: [&str; 3] = ["historyLength", "A2A-Version", "a2a-version"];

/// Where a request may name the tenant that its task is in, and what the query says.
///
/// It is in one place that agents read it: the query of a GET, and the body of all else. The other may repeat it, and may not name another:
/// an agent that reads only one of them would look where the holder was not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenancy {
    query: Option<String>,
    by_query: bool,
}

impl Tenancy {
    /// Reads the query of `target`, and refuses one in which some reader could find a task: what a path leaves open, servers read there.
    ///
    /// # Errors
    ///
    /// [`Rejection::QueryRefused`], also for a tenant that comes twice, or is written with escapes.
    pub(in crate::a2a) fn read(target: &str, by_query: bool) -> Result<Self, Rejection> {
        let mut tenancy = Self { query: None, by_query };
        let query = target.split_once('?').map_or("", |(_, query)| query);
        // Some servers part a query at semicolons too.
        if query.contains(';') {
            return Err(Rejection::QueryRefused);
        }
        for pair in query.split('&').filter(|_| !query.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                (TENANT, named) if tenancy.query.is_none() && is_plain(named) => tenancy.query = Some(named.to_owned()),
                (name, _) if OTHERS.contains(&name) => {}
                _ => return Err(Rejection::QueryRefused),
            }
        }
        Ok(tenancy)
    }

    /// For the time in which the body, which may repeat it, has not come.
    pub(super) fn presumed(&self) -> Option<String> {
        self.query.clone()
    }

    /// The tenant of a request whose parameters stand at `at` in its body.
    ///
    /// # Errors
    ///
    /// [`Rejection::BodyInvalid`] and [`Rejection::QueryRefused`], for the one that names a tenant and should not.
    pub(super) fn decided(&self, text: &str, at: Range<usize>) -> Result<Option<String>, Rejection> {
        let named = span::member(text, at, TENANT).and_then(|at| text.get(at)).filter(|quoted| *quoted != "null");
        let named = named.map(|quoted| {
            let named = span::text_at(quoted).filter(|named| named.len() <= TENANT_BYTES_MAX);
            named.map(|named| named.into_owned()).ok_or(Rejection::BodyInvalid)
        });
        let (query, body) = (self.query.clone(), named.transpose()?);
        let ((read, repeated), wrong) = if self.by_query {
            ((query, body), Rejection::BodyInvalid)
        } else {
            ((body, query), Rejection::QueryRefused)
        };
        if repeated.is_some() && repeated != read { Err(wrong) } else { Ok(read) }
    }
}

/// A tenant that is the same to whoever reads it, escapes undone or not.
fn is_plain(tenant: &str) -> bool {
    tenant.len() <= TENANT_BYTES_MAX && !tenant.contains(['%', '+'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Option<String>, Rejection> {
        Tenancy::read(&format!("/agents/a{text}"), true).map(|tenancy| tenancy.query)
    }

    #[test]
    fn a_query_names_a_tenant_and_nothing_that_could_be_a_task() {
        for (text, want) in [
            ("", None),
            ("?", None),
            ("?historyLength=1&A2A-Version=1.0", None),
            ("?tenant=a", Some("a")),
            ("?historyLength=1&tenant=a", Some("a")),
            ("?tenant=", Some("")),
            ("?tenant", Some("")),
        ] {
            assert_eq!(query(text), Ok(want.map(str::to_owned)), "{text}");
        }
        for text in [
            "?id=t",
            "?taskId=t",
            "?historyLength=1;id=t",
            "?tenant=a;id=t",
            "?tenant=a&tenant=b",
            "?tenant=a&tenant=a",
            "?tenant=%61",
            "?tenant=a+b",
            "?Tenant=a",
            "?&",
            "??tenant=a",
        ] {
            assert_eq!(query(text), Err(Rejection::QueryRefused), "{text}");
        }
    }

    #[test]
    fn a_tenant_is_so_long_and_no_longer() {
        let named = |length: usize| "t".repeat(length);
        let body = |length: usize| {
            let text = format!(r#"{{"tenant":"{}"}}"#, named(length));
            Tenancy { query: None, by_query: false }.decided(&text, span::whole(&text))
        };
        let (longest, past) = (TENANT_BYTES_MAX, TENANT_BYTES_MAX + 1);
        assert_eq!(query(&format!("?tenant={}", named(longest))), Ok(Some(named(longest))));
        assert_eq!(query(&format!("?tenant={}", named(past))), Err(Rejection::QueryRefused));
        assert_eq!(body(longest), Ok(Some(named(longest))));
        assert_eq!(body(past), Err(Rejection::BodyInvalid));
    }

    #[test]
    fn a_tenant_is_named_where_agents_read_it() {
        let decided = |by_query: bool, query: Option<&str>, text: &str| {
            Tenancy { query: query.map(str::to_owned), by_query }.decided(text, span::whole(text))
        };
        let a = || Ok(Some("a".to_owned()));
        for (body, query, want) in [
            ("{}", None, Ok(None)),
            ("", None, Ok(None)),
            (r#"{"tenant":null}"#, None, Ok(None)),
            (r#"{"tenant":"a"}"#, None, a()),
            (r#"{"tenant":"\u0061"}"#, Some("a"), a()),
            (r#"{"tenant":""}"#, None, Ok(Some(String::new()))),
            ("{}", Some("a"), Err(Rejection::QueryRefused)),
            (r#"{"tenant":null}"#, Some("a"), Err(Rejection::QueryRefused)),
            (r#"{"tenant":"a"}"#, Some("b"), Err(Rejection::QueryRefused)),
            (r#"{"tenant":"a"}"#, Some(""), Err(Rejection::QueryRefused)),
            (r#"{"tenant":7}"#, None, Err(Rejection::BodyInvalid)),
            (r#"{"tenant":["a"]}"#, Some("a"), Err(Rejection::BodyInvalid)),
        ] {
            assert_eq!(decided(false, query, body), want, "{body} {query:?}");
        }
        for (body, query, want) in [
            ("", Some("a"), a()),
            ("{}", Some("a"), a()),
            (r#"{"tenant":"a"}"#, Some("a"), a()),
            (r#"{"tenant":"a"}"#, None, Err(Rejection::BodyInvalid)),
            (r#"{"tenant":"b"}"#, Some("a"), Err(Rejection::BodyInvalid)),
        ] {
            assert_eq!(decided(true, query, body), want, "{body} {query:?}");
        }
    }

    #[test]
    fn an_id_in_a_path_is_one_segment() {
        let path = "/agents/a/tasks/x:cancel";
        let task = InPath::find(path, path, "/tasks/x:cancel", "x");
        let with = |id: &str| task.as_ref().and_then(|task| task.with(id));
        assert_eq!(with("t.1~-_!$'()*+,=@&").as_deref(), Some("/agents/a/tasks/t.1~-_!$'()*+,=@&:cancel"));
        for id in [".", "..", "t:cancel", "t/x", "../card", "t\\x", "t?id=u", "t#", "t%2fx", "t;x"] {
            assert_eq!(with(id), None, "{id}");
        }
    }
}
