//! The project's own documents, and the examples in them.

use std::path::Path;

/// The file at that path of the project.
///
/// # Panics
/// It cannot be read.
pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of JSON in a document that a comment of that word stands before, in order.
pub fn marked(document: &str, mark: &str) -> Vec<String> {
    let opening = format!("<!-- {mark} -->\n```json\n");
    let blocks = document.split(&opening).skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}
