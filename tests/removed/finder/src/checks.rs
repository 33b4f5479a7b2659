//! The checks of one function, by the shapes in which a refusal is written.

use std::collections::BTreeSet;
use std::ops::Range;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Arm, Expr, ExprIf, ExprMatch, ExprMethodCall, Local, Pat, Stmt};

use crate::condition::{Refused, Surroundings, has_let, locals, mark, parts};
use crate::functions::Function;
use crate::refusal::{binds, block_refuses, refuses, takes_refusal};
use crate::source::{Source, range};

/// No value could be made up that the code would go on with.
pub const NO_VALUE: &str = "without the value the code cannot go on";

/// Finds the checks of `function`, and returns which functions its conditions ask.
pub fn find(function: &Function<'_>, source: &mut Source, numbers: &mut u32) -> BTreeSet<(String, Refused)> {
    let around = Surroundings { locals: locals(function.block), asked: BTreeSet::new() };
    let unit = function.returns.starts_with("Result<(),");
    let tail = tail_of(function.block);
    let mut finder = Checks { name: &function.name, unit, tail, source, numbers, around, deep: 0 };
    if unit && let Some(tail @ (Expr::Call(_) | Expr::MethodCall(_))) = tail {
        finder.call_at_the_end(tail);
    }
    finder.visit_block(function.block);
    finder.around.asked
}

/// What a block comes to.
pub fn tail_of(block: &syn::Block) -> Option<&Expr> {
    match block.stmts.last() {
        Some(Stmt::Expr(tail, None)) => Some(tail),
        _ => None,
    }
}

struct Checks<'a, 's> {
    name: &'a str,
    unit: bool,
    tail: Option<&'a Expr>,
    source: &'s mut Source,
    numbers: &'s mut u32,
    around: Surroundings<'a>,
    /// How many closures around.
    deep: usize,
}

impl<'a> Checks<'a, '_> {
    fn number(&mut self) -> u32 {
        *self.numbers += 1;
        *self.numbers
    }

    fn condition(&mut self, condition: &'a Expr, refused: Refused) {
        let mut found = Vec::new();
        parts(condition, refused, &mut self.around, &mut found);
        mark(self.source, self.numbers, self.name, found);
    }

    /// A function that is called last, for nothing but its refusal.
    fn call_at_the_end(&mut self, call: &Expr) {
        if !refuses(call) && !is_ok(call) {
            let (number, place) = (self.number(), range(call.span()));
            self.source.edits.around(&place, format!("::removed::done({number}, "), ")");
            self.source.found(number, self.name, &place);
        }
    }

    /// A refusal in place of which nothing could be: only whether it is reached can be said.
    fn fixed(&mut self, refusal: &Expr, whole: &Range<usize>) {
        let number = self.number();
        self.source.edits.around(&range(refusal.span()), format!("{{ ::removed::fixed({number}); "), " }");
        self.source.found_fixed(number, self.name, whole, NO_VALUE);
    }

    /// The same where the refusal is a block's, which begins there.
    fn fixed_before(&mut self, begins: Option<usize>, whole: &Range<usize>) {
        let Some(begins) = begins else { return };
        let number = self.number();
        self.source.edits.around(&(begins..begins), format!("::removed::fixed({number}); "), "");
        self.source.found_fixed(number, self.name, whole, NO_VALUE);
    }

    /// A refusal where a value is missing.
    fn missing(&mut self, value: &Expr, whole: &Range<usize>) {
        let number = self.number();
        self.source.edits.around(&range(value.span()), format!("::removed::given!({number}, "), ")");
        self.source.found(number, self.name, whole);
        self.source.stands_in();
    }

    fn arm(&mut self, arms: &'a [Arm], at: usize, is_tail: bool) {
        let arm = &arms[at];
        if takes_refusal(&arm.pat) {
            return;
        }
        if let Some((_, guard)) = &arm.guard {
            if !has_let(guard) {
                self.condition(guard, Refused::WhereTrue);
            }
            return;
        }
        let place = arm.pat.span().byte_range().start..range(arm.body.span()).end;
        let other = arms.iter().find(|other| {
            !refuses(&other.body) && other.guard.is_none() && !binds(&other.pat) && !takes_refusal(&other.pat)
        });
        let instead = match other {
            Some(other) => Some(self.source.text[range(other.body.span())].to_owned()),
            None if self.unit && self.deep == 0 && matches!(&*arm.body, Expr::Return(_)) => {
                Some("return Ok(())".to_owned())
            }
            None if self.unit && self.deep == 0 && is_tail => Some("Ok(())".to_owned()),
            None => None,
        };
        let Some(instead) = instead else {
            self.fixed(&arm.body, &place);
            return;
        };
        let number = self.number();
        let before = format!("if ::removed::stands({number}) {{ ");
        self.source.edits.around(&range(arm.body.span()), before, format!(" }} else {{ {instead} }}"));
        self.source.found(number, self.name, &place);
        self.source.stands_in();
    }
}

fn is_ok(call: &Expr) -> bool {
    matches!(call, Expr::Call(call) if crate::refusal::name_of(&call.func).as_deref() == Some("Ok"))
}

/// What a chain of calls begins its last link with.
fn conditions_beneath(mut receiver: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    while let Expr::MethodCall(call) = receiver {
        match (call.method.to_string().as_str(), call.args.first()) {
            ("filter", Some(Expr::Closure(closure))) => found.push(&*closure.body),
            ("then_some" | "then", _) => found.push(&*call.receiver),
            _ => {}
        }
        receiver = &call.receiver;
    }
    found
}

impl<'a> Visit<'a> for Checks<'a, '_> {
    fn visit_item(&mut self, _: &'a syn::Item) {}

    fn visit_expr_closure(&mut self, closure: &'a syn::ExprClosure) {
        self.deep += 1;
        visit::visit_expr_closure(self, closure);
        self.deep -= 1;
    }

    fn visit_expr_if(&mut self, check: &'a ExprIf) {
        let otherwise = check.else_branch.as_ref().is_some_and(|(_, other)| refuses(other));
        let place = range(check.cond.span());
        match (block_refuses(&check.then_branch), otherwise) {
            (true, false) if has_let(&check.cond) => {
                let number = self.number();
                self.source.edits.around(&place, "", format!(" && ::removed::stands({number})"));
                self.source.found(number, self.name, &place);
            }
            (true, false) => self.condition(&check.cond, Refused::WhereTrue),
            (false, true) if has_let(&check.cond) => {
                if let Some((_, otherwise)) = &check.else_branch
                    && let Expr::Block(otherwise) = &**otherwise
                {
                    let inner = otherwise.block.stmts.first().map(|first| range(first.span()).start);
                    self.fixed_before(inner, &place);
                }
            }
            (false, true) => self.condition(&check.cond, Refused::WhereFalse),
            (true, true) | (false, false) => {}
        }
        visit::visit_expr_if(self, check);
    }

    fn visit_expr_match(&mut self, check: &'a ExprMatch) {
        let refusing: Vec<bool> = check.arms.iter().map(|arm| refuses(&arm.body)).collect();
        if refusing.contains(&true) && refusing.contains(&false) {
            let is_tail = self.tail.is_some_and(|tail| std::ptr::eq(tail, tail_match(tail, check)));
            for (at, arm) in check.arms.iter().enumerate() {
                if refusing[at] {
                    self.arm(&check.arms, at, is_tail);
                } else if let Some((_, guard)) = &arm.guard
                    && !has_let(guard)
                    && refusing[at..].contains(&true)
                {
                    self.condition(guard, Refused::WhereFalse);
                }
            }
        }
        visit::visit_expr_match(self, check);
    }

    fn visit_local(&mut self, local: &'a Local) {
        if let Some(init) = &local.init
            && let Some((_, otherwise)) = &init.diverge
            && refuses(otherwise)
        {
            let place = range(local.span());
            match &local.pat {
                Pat::TupleStruct(pattern) if pattern.path.segments.last().is_some_and(|last| last.ident == "Some") => {
                    self.missing(&init.expr, &place);
                }
                _ => {
                    if let Expr::Block(otherwise) = &**otherwise {
                        let inner = otherwise.block.stmts.first().map(|first| range(first.span()).start);
                        self.fixed_before(inner, &place);
                    }
                }
            }
        }
        visit::visit_local(self, local);
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Expr(Expr::Try(tried), Some(_)) = statement {
            let (number, place) = (self.number(), range(tried.expr.span()));
            self.source.edits.around(&place, format!("::removed::done({number}, "), ")");
            self.source.found(number, self.name, &place);
            if let Expr::MethodCall(call) = &*tried.expr {
                // What is refused there is refused here, and once is enough.
                self.visit_expr(&call.receiver);
                return;
            }
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        let name = call.method.to_string();
        match (name.as_str(), call.args.first()) {
            ("ok_or" | "ok_or_else", Some(_)) => {
                for condition in conditions_beneath(&call.receiver) {
                    self.condition(condition, Refused::WhereFalse);
                }
                self.missing(&call.receiver, &range(call.span()));
            }
            ("then_some", Some(reason)) if refuses(reason) => self.condition(&call.receiver, Refused::WhereTrue),
            ("map_err", Some(Expr::Closure(closure)))
                if matches!(closure.inputs.first(), Some(Pat::Wild(_))) && refuses(&closure.body) =>
            {
                let whole = range(call.span());
                let number = self.number();
                let receiver = range(call.receiver.span());
                self.source.edits.around(&receiver, format!("::removed::given!({number}, ("), ").ok()).ok_or_else(|| ");
                let body = range(closure.body.span());
                self.source.edits.cut(receiver.end..body.start);
                self.source.found(number, self.name, &whole);
                self.source.translates();
            }
            _ => {}
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// `check` where it is all that `tail` is.
fn tail_match<'a>(tail: &'a Expr, check: &'a ExprMatch) -> *const Expr {
    match tail {
        Expr::Match(inner) if std::ptr::eq(inner, check) => tail,
        _ => std::ptr::null(),
    }
}
