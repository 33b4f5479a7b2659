//! The functions of a file that take part: those of no test and of no loading of configuration.

use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, ItemImpl, ItemMod, Signature};

use crate::refusal::returned;

/// A function.
#[derive(Debug)]
pub struct Function<'a> {
    /// Its name, after its type where it has one.
    pub name: String,
    /// Its last name.
    pub short: String,
    /// What it returns, without white space.
    pub returns: String,
    /// What it does.
    pub block: &'a Block,
}

/// All of a file.
pub fn of(file: &syn::File) -> Vec<Function<'_>> {
    let mut finder = Finder::default();
    finder.visit_file(file);
    finder.found
}

#[derive(Default)]
struct Finder<'a> {
    of_type: Option<String>,
    found: Vec<Function<'a>>,
}

/// What reads the configuration answers with these: a document that does not load is no request that is refused.
const OF_LOADING: [&str; 6] =
    ["ConfigError>", "ShapeError>", "A::Error>", "D::Error>", "SigningKeyError>", "UrlError>"];

impl<'a> Finder<'a> {
    fn note(&mut self, signature: &Signature, block: &'a Block) {
        let returns = returned(&signature.output);
        // A constant function cannot ask a switch.
        if signature.constness.is_some() || OF_LOADING.iter().any(|error| returns.ends_with(error)) {
            return;
        }
        let short = signature.ident.to_string();
        let name = self.of_type.as_ref().map_or_else(|| short.clone(), |of| format!("{of}::{short}"));
        self.found.push(Function { name, short, returns, block });
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    use syn::spanned::Spanned as _;
    attributes.iter().any(|attribute| attribute.span().source_text().is_some_and(|text| text.contains("test")))
}

impl<'a> Visit<'a> for Finder<'a> {
    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, block: &'a ItemImpl) {
        use syn::spanned::Spanned as _;
        let told = block.trait_.as_ref().is_some_and(|(_, path, _)| {
            path.segments.last().is_some_and(|last| last.ident == "Debug" || last.ident == "Display")
        });
        if told || is_for_tests(&block.attrs) {
            return;
        }
        let name = block.self_ty.span().source_text().unwrap_or_default();
        self.of_type = Some(name.split('<').next().unwrap_or_default().to_owned());
        visit::visit_item_impl(self, block);
        self.of_type = None;
    }

    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        if !is_for_tests(&function.attrs) {
            self.note(&function.sig, &function.block);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            self.note(&function.sig, &function.block);
        }
    }
}
