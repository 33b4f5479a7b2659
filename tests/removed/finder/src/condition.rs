//! Conditions that decide whether there is a refusal, taken apart: each part that refuses by itself is a check.

use std::collections::{BTreeMap, BTreeSet};

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, ExprBinary, ExprLit, ExprMethodCall, Lit, Pat, Stmt, UnOp};

use crate::source::{Source, range};

/// Which value of a condition leads to the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It refuses where it is true.
    WhereTrue,
    /// It refuses where it is false.
    WhereFalse,
}

impl Refused {
    fn opposite(self) -> Self {
        match self {
            Self::WhereTrue => Self::WhereFalse,
            Self::WhereFalse => Self::WhereTrue,
        }
    }
}

/// What conditions of a function lean on.
#[derive(Debug, Default)]
pub struct Surroundings<'a> {
    /// Its variables that are used once, with what they are set to.
    pub locals: BTreeMap<String, &'a Expr>,
    /// Functions whose answer decides, by name.
    pub asked: BTreeSet<(String, Refused)>,
}

/// The parts of `condition` each of which refuses by itself.
pub fn parts<'e>(
    condition: &'e Expr,
    refused: Refused,
    around: &mut Surroundings<'e>,
    found: &mut Vec<(&'e Expr, Refused)>,
) {
    match condition {
        Expr::Paren(inner) => parts(&inner.expr, refused, around, found),
        Expr::Unary(inner) if matches!(inner.op, UnOp::Not(_)) => {
            parts(&inner.expr, refused.opposite(), around, found);
        }
        Expr::Binary(ExprBinary { op: BinOp::Or(_), left, right, .. }) if refused == Refused::WhereTrue => {
            parts(left, refused, around, found);
            parts(right, refused, around, found);
        }
        Expr::Binary(ExprBinary { op: BinOp::And(_), left, right, .. }) if refused == Refused::WhereFalse => {
            parts(left, refused, around, found);
            parts(right, refused, around, found);
        }
        Expr::Path(path) => match path.path.get_ident().and_then(|name| around.locals.remove(&name.to_string())) {
            Some(set_to) => parts(set_to, refused, around, found),
            None => found.push((condition, refused)),
        },
        Expr::Block(inner) => match inner.block.stmts.last() {
            Some(Stmt::Expr(tail, None)) => parts(tail, refused, around, found),
            _ => found.push((condition, refused)),
        },
        Expr::Match(inner) => inner.arms.iter().for_each(|arm| parts(&arm.body, refused, around, found)),
        Expr::If(inner) if inner.else_branch.is_some() => {
            let (tails, other) = (inner.then_branch.stmts.last(), inner.else_branch.as_ref());
            if let (Some(Stmt::Expr(tail, None)), Some((_, other))) = (tails, other) {
                parts(tail, refused, around, found);
                parts(other, refused, around, found);
            }
        }
        // What refuses never is no check.
        Expr::Lit(literal) if is(literal, refused.opposite()) => {}
        Expr::MethodCall(call) if asks_each(call, refused) => match call.args.first() {
            Some(Expr::Closure(closure)) => parts(&closure.body, refused, around, found),
            _ => found.push((condition, refused)),
        },
        Expr::Call(call) => {
            around.asked.extend(crate::refusal::name_of(&call.func).map(|name| (name, refused)));
            found.push((condition, refused));
        }
        Expr::MethodCall(call) => {
            around.asked.insert((call.method.to_string(), refused));
            found.push((condition, refused));
        }
        _ => found.push((condition, refused)),
    }
}

/// Whether a literal is the value that refuses.
pub fn is(literal: &ExprLit, refused: Refused) -> bool {
    matches!(&literal.lit, Lit::Bool(value) if value.value == (refused == Refused::WhereTrue))
}

/// Calls that refuse only where what they are given refuses of one of the values.
fn asks_each(call: &ExprMethodCall, refused: Refused) -> bool {
    let names: &[&str] = match refused {
        Refused::WhereTrue => &["is_some_and", "any"],
        Refused::WhereFalse => &["is_none_or", "all"],
    };
    names.contains(&call.method.to_string().as_str())
}

/// Whether a condition also gives names to what it matches.
pub fn has_let(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(inner) => has_let(&inner.left) || has_let(&inner.right),
        Expr::Paren(inner) => has_let(&inner.expr),
        _ => false,
    }
}

/// Makes the parts of a condition checks of their own.
pub fn mark(source: &mut Source, numbers: &mut u32, function: &str, parts: Vec<(&Expr, Refused)>) {
    for (part, refused) in parts {
        let place = range(part.span());
        *numbers += 1;
        let word = match refused {
            Refused::WhereTrue => "refuses",
            Refused::WhereFalse => "passes",
        };
        source.edits.around(&place, format!("::removed::{word}({numbers}, "), ")");
        source.found(*numbers, function, &place);
    }
}

/// The variables of a block that are set once, without a pattern, and used once.
pub fn locals(block: &Block) -> BTreeMap<String, &Expr> {
    let mut finder = Locals::default();
    finder.visit_block(block);
    let used_once = |name: &String| finder.uses.get(name) == Some(&1);
    finder
        .set
        .into_iter()
        .filter(|(name, set_to)| used_once(name) && set_to.is_some())
        .filter_map(|(name, set_to)| Some((name, set_to?)))
        .collect()
}

#[derive(Default)]
struct Locals<'a> {
    set: BTreeMap<String, Option<&'a Expr>>,
    uses: BTreeMap<String, usize>,
}

impl<'a> Visit<'a> for Locals<'a> {
    fn visit_local(&mut self, local: &'a syn::Local) {
        if let (Pat::Ident(name), Some(init)) = (&local.pat, &local.init) {
            let plain = init.diverge.is_none() && !matches!(*init.expr, Expr::Closure(_));
            let again = self.set.contains_key(&name.ident.to_string());
            self.set.insert(name.ident.to_string(), (plain && !again).then_some(&*init.expr));
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        if let Some(name) = path.path.get_ident() {
            *self.uses.entry(name.to_string()).or_default() += 1;
        }
        visit::visit_expr_path(self, path);
    }
}
