//! What the requests of a resource say, and which of them are allowed.
//!
//! What is not listed is refused: no mapping, no call.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::scope::ScopeSet;

/// The protocol of a resource, with its policy.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Model Context Protocol.
    Mcp(McpPolicy),
    /// Agent2Agent protocol.
    A2a(A2aPolicy),
}

/// Which MCP requests are allowed.
#[derive(Clone, Debug)]
pub struct McpPolicy {
    /// The tools that may be called, by name.
    pub tools: BTreeMap<String, Tool>,
    /// The other methods that may be called; never `tools/call`.
    pub methods: BTreeSet<String>,
    /// What those other methods need; empty only where there are none.
    pub method_scopes: ScopeSet,
    /// What a request needs whose tool is not known when its headers must go.
    pub resource_wide_scopes: Option<ScopeSet>,
}

/// What one tool needs.
#[derive(Clone, Debug)]
pub struct Tool {
    /// The scopes a call needs; never empty.
    pub scopes: ScopeSet,
    /// What must hold beyond scopes, in the order of the document, each at most once.
    pub demands: Vec<Demand>,
    /// How often an exchanged token may be used again: 0 exchanges for every call, `None` leaves it to the token's lifetime.
    pub reuse_max: Option<u32>,
}

/// What must hold beyond scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// The subject is a human.
    Human,
    /// The human has consented.
    Consent,
    /// Somebody has approved this very call.
    Approval,
}

/// Which A2A requests are allowed.
#[derive(Clone, Debug)]
pub struct A2aPolicy {
    /// The methods that may be called, by name.
    pub methods: BTreeMap<String, A2aMethod>,
}

/// What one A2A method needs.
#[derive(Clone, Debug)]
pub struct A2aMethod {
    /// What must hold beyond scopes, in the order of the document, each at most once.
    pub demands: Vec<Demand>,
}
