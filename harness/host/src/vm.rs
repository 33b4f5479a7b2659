//! One instance of a module: its store, its exports, and the host's memory of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use wasmtime::{Instance, Linker, Memory, ResourceLimiter, Store, Trap, TypedFunc, Val};

use crate::abi::{Direction, Export};
use crate::callout::{CalloutId, Delivery};
use crate::clock::Instant;
use crate::imports;
use crate::log::{Level, LogLine, Thread};
use crate::metrics::MetricIds;
use crate::module::Module;
use crate::plugin::{Plugin, VmKey};
use crate::request::RequestId;
use crate::stream::Reply;
use crate::world::World;

/// Index of a VM among all the host ever made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VmId(pub(crate) usize);

/// What a context id stands for inside a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextKind {
    Vm,
    Root { plugin: usize },
    Stream { root: u32, request: RequestId, filter: usize },
}

/// Work a host call leaves for after the VM has returned.
#[derive(Debug)]
pub(crate) enum Action {
    Continue(RequestId, usize, Direction),
    LocalReply(RequestId, Reply),
    Reset(RequestId),
    ForgetCall { root: u32 },
    DeleteRoot(u32),
}

#[derive(Debug)]
pub(crate) struct Ticker {
    pub(crate) period: Duration,
    pub(crate) due: Instant,
    /// Order among timers that are due together.
    pub(crate) order: u64,
}

/// A property declared by a root context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) readonly: bool,
}

/// Host state of one VM, reachable from its imports.
pub(crate) struct VmData {
    pub(crate) world: Box<World>,
    pub(crate) id: VmId,
    pub(crate) thread: Thread,
    pub(crate) plugin_name: String,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) contexts: BTreeMap<u32, ContextKind>,
    next_context: u32,
    pub(crate) current: u32,
    pub(crate) effective: u32,
    /// `_initialize` runs: most host calls trap.
    pub(crate) initializing: bool,
    /// Functions of the host that were called so far, those of WASI left out.
    pub(crate) host_calls: u64,
    /// The plugin being started or configured: its configuration can be read only meanwhile.
    pub(crate) configuring: Option<usize>,
    pub(crate) stop_next: bool,
    pub(crate) after: VecDeque<Action>,
    pub(crate) call_answers: BTreeMap<u32, Delivery>,
    pub(crate) call_tokens: BTreeMap<u32, CalloutId>,
    pub(crate) last_token: u32,
    pub(crate) call_status: (u32, &'static str),
    pub(crate) metric_ids: MetricIds,
    pub(crate) tickers: BTreeMap<u32, Ticker>,
    pub(crate) declared: BTreeMap<(u32, String), Declared>,
    pub(crate) pending_done: BTreeSet<u32>,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    pub(crate) memory_max: usize,
}

impl VmData {
    /// The context host calls act on: the effective one if it still lives.
    pub(crate) fn context(&self) -> (u32, ContextKind) {
        if self.effective != 0
            && let Some(kind) = self.contexts.get(&self.effective)
        {
            return (self.effective, *kind);
        }
        (self.current, self.contexts.get(&self.current).copied().unwrap_or(ContextKind::Vm))
    }

    /// The root context behind a context; itself for a root.
    pub(crate) fn root_of(&self, context: (u32, ContextKind)) -> u32 {
        match context.1 {
            ContextKind::Stream { root, .. } => root,
            ContextKind::Root { .. } | ContextKind::Vm => context.0,
        }
    }

    pub(crate) fn root_of_id(&self, context: u32) -> u32 {
        self.contexts.get(&context).map_or(0, |kind| self.root_of((context, *kind)))
    }

    pub(crate) fn new_context(&mut self, kind: ContextKind) -> u32 {
        self.next_context += 1;
        self.contexts.insert(self.next_context, kind);
        self.next_context
    }

    pub(crate) fn log(&mut self, level: Level, message: &[u8], from_host: bool) {
        if level < self.world.log_level {
            return;
        }
        let (_, context) = self.context();
        let plugin = match context {
            ContextKind::Root { plugin } => Some(plugin),
            ContextKind::Stream { request, filter, .. } => {
                self.world.streams.get(&request).and_then(|s| s.filters.get(filter)).map(|f| f.plugin)
            }
            ContextKind::Vm => None,
        };
        let plugin = plugin.and_then(|p| self.world.plugins.get(p)).map_or(&self.plugin_name, |p| &p.name).clone();
        let message = String::from_utf8_lossy(message).into_owned();
        let at = self.world.clock.now;
        self.world.logs.push(LogLine { at, level, plugin, thread: self.thread, message, from_host });
    }
}

impl std::fmt::Debug for VmData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VmData").field("id", &self.id).field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl ResourceLimiter for VmData {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.memory_max && maximum.is_none_or(|m| desired <= m))
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|m| desired <= m))
    }
}

/// Why a VM is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A trap in a callback: a panic, an endless loop out of fuel, memory run short.
    Trap(String),
    /// Out of fuel: in Envoy nothing would have stopped this call.
    OutOfFuel,
    /// `proxy_on_vm_start` returned false.
    StartFailed,
    /// `proxy_on_configure` returned false.
    ConfigureFailed,
    /// A test broke it.
    Injected,
}

impl Failure {
    /// Whether a reload policy reacts to it.
    pub(crate) fn is_runtime_error(&self) -> bool {
        matches!(self, Self::Trap(_) | Self::OutOfFuel | Self::Injected)
    }
}

/// Limits the harness puts on every VM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) fuel_per_call: u64,
    pub(crate) memory: usize,
}

#[derive(Debug)]
pub(crate) struct Vm {
    pub(crate) store: Store<VmData>,
    exports: BTreeMap<Export, wasmtime::Func>,
    pub(crate) roots: BTreeMap<Vec<u8>, u32>,
    pub(crate) failure: Option<Failure>,
    pub(crate) key: VmKey,
    pub(crate) limits: Limits,
    /// The next call traps at once.
    pub(crate) trap_next: bool,
    pub(crate) fuel: u64,
    pub(crate) largest_call: u64,
}

/// A call into the VM that came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned {
    /// What the callback returned; 0 after a trap.
    pub(crate) value: u32,
    /// The callback sent a local reply: what it returned no longer counts.
    pub(crate) stopped: bool,
    pub(crate) fuel: u64,
}

impl Vm {
    /// Links, instantiates and initialises. The error is Envoy's wording where it has one.
    pub(crate) fn start(
        id: VmId,
        plugin: &Plugin,
        thread: Thread,
        key: VmKey,
        limits: Limits,
        world: &mut Box<World>,
    ) -> Result<Self, String> {
        let module = plugin.module.compiled();
        check_abi(&plugin.module)?;
        let mut linker = Linker::new(module.engine());
        imports::link(&mut linker, plugin).map_err(|e| format!("{e:#}"))?;
        let mut store = Store::new(module.engine(), VmData::new(id, plugin, thread, limits));
        for import in module.imports() {
            if linker.get_by_import(&mut store, &import).is_none() {
                return Err(format!(
                    "Failed to load Wasm module due to a missing import: {}.{}",
                    import.module(),
                    import.name()
                ));
            }
        }
        store.limiter(|data| data);
        let fuel = |store: &mut Store<VmData>| store.set_fuel(limits.fuel_per_call);
        fuel(&mut store).map_err(|e| e.to_string())?;
        std::mem::swap(world, &mut store.data_mut().world);
        let instance = linker.instantiate(&mut store, module).map_err(|e| format!("{e:#}"));
        let started = instance.and_then(|instance| {
            let exports = find_exports(&mut store, instance, plugin)?;
            initialize(&mut store, instance)?;
            Ok(exports)
        });
        std::mem::swap(world, &mut store.data_mut().world);
        Ok(Self {
            exports: started?,
            store,
            roots: BTreeMap::new(),
            failure: None,
            key,
            limits,
            trap_next: false,
            fuel: 0,
            largest_call: 0,
        })
    }

    pub(crate) fn has(&self, export: Export) -> bool {
        self.exports.contains_key(&export)
    }

    /// Calls a callback with `context` as the current one. A trap kills the VM.
    pub(crate) fn call(&mut self, world: &mut Box<World>, context: u32, export: Export, args: &[u32]) -> Returned {
        let nothing = Returned { value: 0, stopped: false, fuel: 0 };
        let Some(func) = self.exports.get(&export).copied() else { return nothing };
        if self.failure.is_some() {
            return nothing;
        }
        let fuel = if std::mem::take(&mut self.trap_next) { 0 } else { self.limits.fuel_per_call };
        let injected = fuel == 0;
        let data = self.store.data_mut();
        (data.current, data.effective) = (context, 0);
        std::mem::swap(world, &mut data.world);
        let params: Vec<Val> =
            std::iter::once(context).chain(args.iter().copied()).map(|word| Val::I32(word.cast_signed())).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        let outcome = self.store.set_fuel(fuel).and_then(|()| func.call(&mut self.store, &params, &mut results));
        let burnt = fuel - self.store.get_fuel().unwrap_or(0).min(fuel);
        self.fuel += burnt;
        self.largest_call = self.largest_call.max(burnt);
        if let Err(error) = outcome {
            let failure = if injected { Failure::Injected } else { failure_of(&error) };
            let text = format!("Function: {} failed: {error:#}", export.name());
            self.store.data_mut().log(Level::Error, text.as_bytes(), true);
            self.failure = Some(failure);
        }
        let data = self.store.data_mut();
        std::mem::swap(world, &mut data.world);
        (data.current, data.effective) = (0, 0);
        let value = match results.first() {
            Some(Val::I32(word)) if self.failure.is_none() => word.cast_unsigned(),
            _ => 0,
        };
        Returned { value, stopped: std::mem::take(&mut data.stop_next), fuel: burnt }
    }

    pub(crate) fn memory_bytes(&mut self) -> usize {
        match self.store.data().memory {
            Some(memory) => memory.data_size(&self.store),
            None => 0,
        }
    }
}

impl VmData {
    fn new(id: VmId, plugin: &Plugin, thread: Thread, limits: Limits) -> Self {
        Self {
            world: Box::default(),
            id,
            thread,
            plugin_name: plugin.name.clone(),
            vm_id: plugin.vm_id.clone(),
            vm_configuration: plugin.vm_configuration.clone(),
            environment: plugin.environment.clone(),
            contexts: BTreeMap::from([(0, ContextKind::Vm)]),
            next_context: 0,
            current: 0,
            effective: 0,
            initializing: false,
            host_calls: 0,
            configuring: None,
            stop_next: false,
            after: VecDeque::new(),
            call_answers: BTreeMap::new(),
            call_tokens: BTreeMap::new(),
            last_token: 0,
            call_status: (0, ""),
            metric_ids: MetricIds::default(),
            tickers: BTreeMap::new(),
            declared: BTreeMap::new(),
            pending_done: BTreeSet::new(),
            memory: None,
            allocate: None,
            memory_max: limits.memory,
        }
    }
}

fn check_abi(module: &Module) -> Result<(), String> {
    let known = ["proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1"];
    if module.compiled().exports().any(|e| known.contains(&e.name())) {
        Ok(())
    } else {
        Err("Missing or unknown Proxy-Wasm ABI version".to_owned())
    }
}

fn find_exports(
    store: &mut Store<VmData>,
    instance: Instance,
    plugin: &Plugin,
) -> Result<BTreeMap<Export, wasmtime::Func>, String> {
    let memory = instance.get_memory(&mut *store, "memory");
    let allocate = ["malloc", "proxy_on_memory_allocate"]
        .iter()
        .find_map(|name| instance.get_typed_func::<u32, u32>(&mut *store, name).ok())
        .ok_or("Wasm module is missing malloc function.")?;
    let data = store.data_mut();
    data.memory = memory;
    data.allocate = Some(allocate);
    let allowed = Export::ALL.into_iter().filter(|e| plugin.allows(e.name()));
    Ok(allowed.filter_map(|e| Some((e, instance.get_func(&mut *store, e.name())?))).collect())
}

fn initialize(store: &mut Store<VmData>, instance: Instance) -> Result<(), String> {
    let names = ["_initialize", "_start", "__wasm_call_ctors"];
    let Some(func) = names.iter().find_map(|name| instance.get_typed_func::<(), ()>(&mut *store, name).ok()) else {
        return Ok(());
    };
    store.data_mut().initializing = true;
    let result = func.call(&mut *store, ()).map_err(|e| format!("Failed to initialize Wasm code: {e:#}"));
    store.data_mut().initializing = false;
    result
}

fn failure_of(error: &wasmtime::Error) -> Failure {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Failure::OutOfFuel,
        Some(trap) => Failure::Trap(trap.to_string()),
        None => Failure::Trap(error.root_cause().to_string()),
    }
}

/// The log as it looks to a reader who only wants the text.
pub(crate) fn lines(logs: &[LogLine]) -> String {
    logs.iter().map(|l| format!("{:?} {:?} {}: {}\n", l.level, l.thread, l.plugin, l.message)).collect()
}
