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

/// The blocks of JSON in a document, each with the word in the comment right before it, empty where there is none.
pub fn blocks(document: &str) -> Vec<(String, String)> {
    let mut before = "";
    let mut blocks = Vec::new();
    for (at, part) in document.split("```json\n").enumerate() {
        if at > 0 {
            let comment = before.trim_end().lines().last().unwrap_or_default();
            let mark = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")).unwrap_or_default();
            let block = part.split_once("\n```").map_or(part, |(block, _)| block);
            blocks.push((mark.to_owned(), block.to_owned()));
        }
        before = part;
    }
    blocks
}

/// Those that a comment of that word stands before, in order.
pub fn marked(document: &str, mark: &str) -> Vec<String> {
    blocks(document).into_iter().filter(|(word, _)| word == mark).map(|(_, block)| block).collect()
}

/// Every configuration that is shipped, in the documents or beside them, with the place it is from; the first of the README first.
///
/// # Panics
/// There is none, or one cannot be read.
pub fn configurations() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for document in ["README.md", "envoy-config/README.md"] {
        found.extend(marked(&read(document), "configuration").into_iter().map(|block| (document.to_owned(), block)));
    }
    assert!(found.iter().any(|(document, _)| document == "README.md"), "the README shows no configuration");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|kind| kind == "json") {
            let text = std::fs::read_to_string(&path).expect("a file");
            found.push((path.display().to_string(), text));
        }
    }
    found
}
