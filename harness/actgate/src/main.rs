//! The command line of actgate.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use actgate::check::{self, Verdict};
use actgate::demo::{self, Lie, Programs};
use actgate::dev::agent::serve;
use actgate::dev::issuer::server;
use actgate::dev::world::World;
use actgate::dev::{frontend, mcp_server, orchestrator, tool_agent, workflow_gateway};
use actgate::import;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: actgate demo --wasm FILE --envoy FILE [--break <widen|drop-act|swap-sub|reuse-jag|wrong-aud>]
       actgate run --wasm FILE --envoy FILE
       actgate check --wasm FILE CONFIGURATION
       actgate import openapi FILE [--scope SCOPE]...
       actgate dev <idp|ras-knowledge|ras-auroradb|ras-crm|ras-erp|ras-workflow|ras-openapi> --world FILE [--break WORD]...
       actgate dev <frontend|orchestrator|knowledge-agent|crm-agent|workflow-agent> --world FILE
       actgate dev <mcp-server|erp-server|workflow-gateway> --world FILE [--ungoverned]
";

/// The usual exit status for a command line that makes no sense.
const USAGE_STATUS: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["dev", name, options @ ..] => Options::parse(options).and_then(|options| dev(name, &options)),
        ["demo", options @ ..] => demo(options),
        ["run", options @ ..] => run(options),
        ["check", "--wasm", wasm, configuration] => check(wasm, configuration),
        ["import", "openapi", file, options @ ..] => import_openapi(file, options),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(USAGE_STATUS);
        }
    };
    outcome.map_or_else(
        |error| {
            eprintln!("actgate: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// `--world FILE`, what an issuer shall do wrong from the start, and whether the MCP server checks.
struct Options {
    world: PathBuf,
    breaks: Vec<String>,
    ungoverned: bool,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let (mut world, mut breaks, mut ungoverned) = (None, Vec::new(), false);
        let mut words = words.iter();
        while let Some(option) = words.next() {
            if *option == "--ungoverned" {
                ungoverned = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
            match *option {
                "--world" => world = Some(PathBuf::from(value)),
                "--break" => breaks.push((*value).to_owned()),
                _ => return Err(format!("unknown option {option}").into()),
            }
        }
        Ok(Self { world: world.ok_or("--world FILE is missing")?, breaks, ungoverned })
    }
}

/// What the module says of a configuration; the variables it names are taken from the environment.
fn check(wasm: &str, configuration: &str) -> Outcome {
    let document = std::fs::read(configuration).map_err(|error| format!("{configuration}: {error}"))?;
    match check::check(wasm.as_ref(), &document, std::env::vars())? {
        Verdict::Accepted(warnings) => {
            warnings.iter().for_each(|warning| println!("warning: {warning}"));
            println!("{configuration}: accepted");
            Ok(())
        }
        Verdict::Refused(reasons) => Err(format!("{configuration}: refused: {}", reasons.join("; ")).into()),
    }
}

/// An OpenAPI document as what stands under `rest` in a resource; what is left to the reader goes to standard error.
fn import_openapi(file: &str, options: &[&str]) -> Outcome {
    let document = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let mut scopes = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match (*option, options.next()) {
            ("--scope", Some(scope)) => scopes.push((*scope).to_owned()),
            ("--scope", None) => return Err("--scope needs a value".into()),
            (other, _) => return Err(format!("unknown option {other}").into()),
        }
    }
    let imported = import::openapi(&document, &scopes).map_err(|errors| format!("{file}: {}", errors.join("; ")))?;
    imported.notes.iter().for_each(|note| eprintln!("note: {note}"));
    println!("{:#}", imported.rest);
    Ok(())
}

/// The main job from start to end.
fn demo(words: &[&str]) -> Outcome {
    let (programs, lie) = programs(words)?;
    until_told(async { Ok(demo::demo(&programs, lie).await?) }, || Err("ended from outside".into()))
}

/// The mesh of the main job, until it is told to end.
fn run(words: &[&str]) -> Outcome {
    match programs(words)? {
        (programs, None) => until_told(async { Ok(demo::run(&programs).await?) }, || Ok(())),
        (_, Some(_)) => Err("--break is for the demo".into()),
    }
}

/// Runs to the end or to a signal; then the future is dropped, and every process it started ends.
fn until_told(work: impl Future<Output = Outcome>, told: impl Fn() -> Outcome) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            outcome = work => outcome,
            _ = terminated.recv() => told(),
            _ = interrupted.recv() => told(),
        }
    })
}

/// `--wasm FILE --envoy FILE [--break WORD]`.
fn programs(words: &[&str]) -> Result<(Programs, Option<Lie>), Box<dyn std::error::Error>> {
    let (mut wasm, mut envoy, mut lie) = (None, None, None);
    let mut words = words.iter();
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        match *option {
            "--wasm" => wasm = Some(PathBuf::from(value)),
            "--envoy" => envoy = Some(PathBuf::from(value)),
            "--break" => lie = Some(value.parse()?),
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    let programs =
        Programs { wasm: wasm.ok_or("--wasm FILE is missing")?, envoy: envoy.ok_or("--envoy FILE is missing")? };
    Ok((programs, lie))
}

/// One process of the development world; it runs until it is told to end or its input closes.
fn dev(name: &str, options: &Options) -> Outcome {
    let world = World::load(&options.world)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let (Some(mut issuer), Some(port)) = (world.issuer(name), world.issuer_port(name)) {
        for word in &options.breaks {
            issuer.misbehave(word.parse()?);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        return Ok(runtime.block_on(async {
            let listener = serve::announce(serve::LISTENING, address).await?;
            serve::until_told(server::serve(server::shared(issuer), listener)).await
        })?);
    }
    let served = match name {
        "frontend" => runtime.block_on(frontend::run(world.frontend_settings()?)),
        "orchestrator" => runtime.block_on(orchestrator::run(world.orchestrator_settings()?)),
        "knowledge-agent" => runtime.block_on(tool_agent::run(world.knowledge_agent_settings()?)),
        "crm-agent" => runtime.block_on(tool_agent::run(world.crm_agent_settings()?)),
        "workflow-agent" => runtime.block_on(tool_agent::run(world.workflow_agent_settings()?)),
        "erp-server" => runtime.block_on(mcp_server::run(world.erp_server_settings()?)),
        "workflow-gateway" => runtime.block_on(workflow_gateway::run(world.workflow_gateway_settings()?)),
        "mcp-server" => {
            let mut settings = world.mcp_server_settings()?;
            settings.ungoverned = options.ungoverned;
            if options.ungoverned {
                // It stands beside the one that checks, whose port the world document names.
                settings.listen.set_port(0);
            }
            runtime.block_on(mcp_server::run(settings))
        }
        _ => return Err(format!("no process is called {name:?}").into()),
    };
    Ok(served?)
}
