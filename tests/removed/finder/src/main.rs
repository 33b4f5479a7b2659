//! usage: `actgate-removed-finder ROOT TREE`: writes the core of the project at ROOT, changed, into its copy at TREE, and the checks into `TREE/checks.json`.

use std::fs;
use std::path::PathBuf;

use actgate_removed_finder::{core, rewrite};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [root, tree] = arguments.as_slice() else { return Err("usage: actgate-removed-finder ROOT TREE".into()) };
    let (judged, others) = core::sources(root)?;
    let (sites, changed) = rewrite(&judged)?;
    for (name, text) in changed.iter().chain(&others) {
        let path = tree.join(name);
        // What is not touched need not be built again.
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            fs::create_dir_all(path.parent().ok_or("a file is in a folder")?)?;
            fs::write(path, text)?;
        }
    }
    fs::write(tree.join("checks.json"), serde_json::to_vec_pretty(&sites)?)?;
    println!("{} checks", sites.len());
    Ok(())
}
