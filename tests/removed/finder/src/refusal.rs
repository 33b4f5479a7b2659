//! What a refusal looks like in the source.

use syn::{Block, Expr, Pat, ReturnType, Stmt};

/// Whether a block comes to nothing but a refusal.
pub fn block_refuses(block: &Block) -> bool {
    matches!(block.stmts.last(), Some(Stmt::Expr(last, _)) if refuses(last))
}

/// Whether an expression comes to nothing but a refusal, returned or as its value.
pub fn refuses(expr: &Expr) -> bool {
    match expr {
        Expr::Return(inner) => inner.expr.as_deref().is_some_and(refuses),
        Expr::Paren(inner) => refuses(&inner.expr),
        Expr::Block(inner) => block_refuses(&inner.block),
        Expr::If(inner) => {
            block_refuses(&inner.then_branch) && inner.else_branch.as_ref().is_some_and(|(_, other)| refuses(other))
        }
        Expr::Match(inner) => inner.arms.iter().all(|arm| refuses(&arm.body)),
        Expr::Path(path) => is_reason(path),
        Expr::MethodCall(call) => is_refusing_name(&call.method.to_string()),
        Expr::Call(call) => match name_of(&call.func).as_deref() {
            Some("Err") => true,
            Some("Ok") => false,
            Some(name) if is_refusing_name(name) => true,
            _ => is_reason_of(&call.func) || call.args.iter().any(refuses),
        },
        _ => false,
    }
}

fn is_refusing_name(name: &str) -> bool {
    ["refuse", "refused", "refusal", "withdraw"].contains(&name)
}

/// The last word of a path.
pub fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn is_reason_of(function: &Expr) -> bool {
    matches!(function, Expr::Path(path) if is_reason(path))
}

/// `Rejection::X` and the variants of the other closed enums of reasons.
fn is_reason(path: &syn::ExprPath) -> bool {
    let segments: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    match segments.as_slice() {
        [.., kind, variant] => {
            let of_a_kind = ["Error", "Fault", "Rejection"].iter().any(|end| kind.ends_with(end));
            of_a_kind && variant.chars().next().is_some_and(char::is_uppercase)
        }
        _ => false,
    }
}

/// Whether a pattern takes on a refusal that something else made.
pub fn takes_refusal(pattern: &Pat) -> bool {
    match pattern {
        Pat::TupleStruct(inner) => inner.path.segments.last().is_some_and(|segment| segment.ident == "Err"),
        Pat::Or(inner) => inner.cases.iter().all(takes_refusal),
        _ => false,
    }
}

/// Whether a pattern gives names to what it matches.
pub fn binds(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(ident) => ident.ident.to_string().chars().next().is_some_and(char::is_lowercase),
        Pat::TupleStruct(inner) => inner.elems.iter().any(binds),
        Pat::Tuple(inner) => inner.elems.iter().any(binds),
        Pat::Struct(inner) => inner.fields.iter().any(|field| binds(&field.pat)),
        Pat::Or(inner) => inner.cases.iter().any(binds),
        Pat::Reference(inner) => binds(&inner.pat),
        Pat::Slice(inner) => inner.elems.iter().any(binds),
        Pat::Paren(inner) => binds(&inner.pat),
        _ => false,
    }
}

/// What a function returns, without white space.
pub fn returned(output: &ReturnType) -> String {
    match output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, kind) => {
            use syn::spanned::Spanned as _;
            kind.span().source_text().unwrap_or_default().split_whitespace().collect()
        }
    }
}
