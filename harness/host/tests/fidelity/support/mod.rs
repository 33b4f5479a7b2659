//! Guests written as text: WebAssembly with a prelude of imports and helpers, and `@{…}` for strings.

use envoy_harness::{Builder, Envoy, Module, Plugin, profile};

const PRELUDE: &str = include_str!("prelude.wat");

/// Compiles callbacks written in WebAssembly text on top of the prelude.
///
/// `@{text}` stands for the pointer and the length of that text, as two constants.
pub fn guest(callbacks: &str) -> Module {
    Module::from_bytes(&guest_bytes(callbacks)).expect("valid module")
}

/// The same module as bytes, for another host.
pub fn guest_bytes(callbacks: &str) -> Vec<u8> {
    let (mut code, mut data, mut at) = (String::new(), String::new(), 4096);
    let mut rest = callbacks;
    while let Some((before, after)) = rest.split_once("@{") {
        let (text, after) = after.split_once('}').expect("a closing brace");
        code.push_str(before);
        code.push_str(&format!("(i32.const {at}) (i32.const {})", text.len()));
        let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        data.push_str(&format!("(data (i32.const {at}) \"{bytes}\")\n"));
        at += text.len();
        rest = after;
    }
    code.push_str(rest);
    let module = format!("(module {PRELUDE}\n{data}\n{code})");
    wat::parse_str(&module).expect("valid text")
}

/// A host of the newest version with that guest as its one plugin, `p`, and a cluster `idp`.
pub fn envoy(callbacks: &str) -> Envoy {
    build(Plugin::new("p", &guest(callbacks)))
}

/// The same with a plugin of the caller's making.
pub fn build(plugin: Plugin) -> Envoy {
    builder(plugin).start().expect("the plugin starts")
}

pub fn builder(plugin: Plugin) -> Builder {
    Envoy::builder(profile::V1_40).plugin(plugin).cluster("idp")
}

/// What the guest said on the workers, in order.
pub fn said(envoy: &Envoy) -> Vec<String> {
    let on_worker = |line: &&envoy_harness::LogLine| matches!(line.thread, envoy_harness::Thread::Worker(_));
    envoy.logs().iter().filter(on_worker).filter(|l| !l.from_host).map(|l| l.message.clone()).collect()
}

/// What was said since the last time this was asked.
pub struct Ear(usize);

impl Ear {
    pub fn new(envoy: &Envoy) -> Self {
        Self(said(envoy).len())
    }

    pub fn heard(&mut self, envoy: &Envoy) -> Vec<String> {
        let all = said(envoy);
        let new = all[self.0..].to_vec();
        self.0 = all.len();
        new
    }
}
