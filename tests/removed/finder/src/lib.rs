//! Finds every check of the core that refuses, and writes a copy of the core in which each can be taken out by its number.
//!
//! A check is a place where a refusal is made: a condition that leads to it, an arm of a `match`, a missing value, a call made for nothing but
//! its refusal. Of a condition, each part that refuses by itself is a check of its own, and so are those of a function that a condition asks.
//! What loads a configuration is left out: it refuses documents, not requests.

use std::collections::{BTreeMap, BTreeSet};

pub mod checks;
pub mod condition;
pub mod core;
pub mod edits;
pub mod functions;
pub mod refusal;
pub mod site;
pub mod source;

use condition::{Refused, Surroundings, locals, mark, parts};
use site::Site;
use source::Source;

/// A file's new text, by its name.
pub type Texts = BTreeMap<String, String>;

/// Finds the checks of all these files, and returns them with the changed files.
///
/// # Errors
///
/// The name of a file that is not Rust, and why.
pub fn rewrite(files: &Texts) -> Result<(Vec<Site>, Texts), String> {
    let mut parsed = BTreeMap::new();
    for (name, text) in files {
        parsed.insert(name, syn::parse_file(text).map_err(|error| format!("{name}: {error}"))?);
    }
    let functions: BTreeMap<&String, Vec<functions::Function<'_>>> =
        parsed.iter().map(|(name, file)| (*name, functions::of(file))).collect();
    let mut sources: BTreeMap<&String, Source> =
        files.iter().map(|(name, text)| (name, Source::new(name.clone(), text.clone()))).collect();
    let (mut numbers, mut asked) = (0, BTreeSet::new());
    for (name, all) in &functions {
        let source = sources.get_mut(name).expect("each file has a source");
        for function in all {
            asked.extend(checks::find(function, source, &mut numbers));
        }
    }
    ask(&functions, &mut sources, &mut numbers, asked);
    let mut sites = Vec::new();
    let mut texts = Texts::new();
    for (name, mut source) in sources {
        source.sites.sort_by_key(|(at, _)| *at);
        sites.extend(source.sites.into_iter().map(|(_, site)| site));
        texts.insert(name.clone(), source.edits.apply(&source.text));
    }
    Ok((sites, texts))
}

/// Names that are for the most part those of the standard library.
const OF_ANYTHING: [&str; 4] = ["contains", "is_empty", "matches", "starts_with"];

/// Takes apart the functions that conditions ask, and those that these ask. Which of several of one name is asked is not known here.
fn ask<'n>(
    functions: &BTreeMap<&'n String, Vec<functions::Function<'_>>>,
    sources: &mut BTreeMap<&'n String, Source>,
    numbers: &mut u32,
    mut asked: BTreeSet<(String, Refused)>,
) {
    let mut done: BTreeSet<String> = OF_ANYTHING.map(str::to_owned).into();
    while let Some((name, refused)) = asked.pop_first() {
        if !done.insert(name.clone()) {
            continue;
        }
        for (file, all) in functions {
            for function in all.iter().filter(|function| function.short == name && function.returns == "bool") {
                let mut around = Surroundings { locals: locals(function.block), asked: BTreeSet::new() };
                let found = parts_of(function, refused, &mut around);
                // One part alone is what its caller asks already.
                if found.len() > 1 {
                    mark(sources.get_mut(file).expect("each file has a source"), numbers, &function.name, found);
                }
                asked.extend(around.asked);
            }
        }
    }
}

/// The parts of what a function answers: what it comes to, and where it returns the refusing answer early.
fn parts_of<'f>(
    function: &functions::Function<'f>,
    refused: Refused,
    around: &mut Surroundings<'f>,
) -> Vec<(&'f syn::Expr, Refused)> {
    let mut found = Vec::new();
    for statement in &function.block.stmts {
        if let syn::Stmt::Expr(syn::Expr::If(early), _) = statement
            && let [syn::Stmt::Expr(syn::Expr::Return(returned), _)] = early.then_branch.stmts.as_slice()
            && matches!(returned.expr.as_deref(), Some(syn::Expr::Lit(answer)) if condition::is(answer, refused))
            && !condition::has_let(&early.cond)
        {
            parts(&early.cond, Refused::WhereTrue, around, &mut found);
        }
    }
    if let Some(tail) = checks::tail_of(function.block) {
        parts(tail, refused, around, &mut found);
    }
    found
}
