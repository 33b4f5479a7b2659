//! Starting server scripts, running client scripts, and reading what they tell.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::mint;
use actgate::dev::world::streamward;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::token::good_claims;
use serde_json::{Value, json};

/// How long one client script may take.
const RUN_MAX: Duration = Duration::from_secs(60);

/// Where the SDKs are installed, with today's scripts beside them.
fn home() -> PathBuf {
    let home = std::env::var_os("ACTGATE_INTEROP").map(PathBuf::from).expect("ACTGATE_INTEROP: run `make interop`");
    assert!(home.join("node_modules").is_dir(), "the SDKs are not installed: run `make interop`");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    for entry in std::fs::read_dir(source).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|kind| kind == "mjs" || kind == "py") {
            let text = std::fs::read(&path).expect("a script");
            let copy = home.join(path.file_name().expect("a name"));
            // Tests of one run copy the same: a script that another test reads is never half written.
            if std::fs::read(&copy).ok().as_ref() != Some(&text) {
                let draft = copy.with_extension(format!("{:?}.part", std::thread::current().id()));
                std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &copy)).expect("a copy");
            }
        }
    }
    home
}

fn node(arguments: &[&str]) -> Command {
    program("node", arguments)
}

/// A client script in the language that its name says: `client-python-1.py` runs where `python-1.txt` is installed.
fn client(script: &str, options: &str) -> Command {
    match script.strip_prefix("client-").and_then(|name| name.strip_suffix(".py")) {
        Some(environment) => program(&format!("{environment}/bin/python"), &[script, options]),
        None => node(&[script, options]),
    }
}

fn program(program: &str, arguments: &[&str]) -> Command {
    let home = home();
    let mut command = Command::new(home.join(program));
    command.args(arguments).current_dir(&home).env("PORT", "0").stdout(Stdio::piped()).stdin(Stdio::piped());
    command
}

/// A server script, its port, and what it told before it listened.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) told: Value,
}

impl Server {
    /// Runs Node with `arguments` until this value goes.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = node(arguments).stderr(Stdio::null()).spawn().expect("node runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut told = json!({});
        for line in lines.by_ref().map_while(Result::ok) {
            if let Ok(Value::Object(members)) = serde_json::from_str(&line) {
                told.as_object_mut().expect("an object").extend(members);
            }
            if told.get("listening").is_some() {
                break;
            }
        }
        let port = told["listening"].as_u64().and_then(|port| u16::try_from(port).ok());
        // A pipe that nobody reads would stop the server one day.
        std::thread::spawn(move || for _ in lines {});
        Self { child, port: port.unwrap_or_else(|| panic!("{arguments:?} does not listen")), told }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway in front of `server`, which knows the tools' route as `path`.
pub(crate) fn gateway(server: &Server, path: Option<&'static str>, edit: impl FnOnce(&mut Value)) -> EnvoyGateway {
    gateway_of(server, Options { prefix_rewrite: path, ..Options::default() }, edit)
}

/// The same as `options` have it.
pub(crate) fn gateway_of(server: &Server, options: Options, edit: impl FnOnce(&mut Value)) -> EnvoyGateway {
    let world = new_world();
    let mut document = world.filter_config(Default::default());
    document["allow_on_headers_stop_iteration"] = json!(options.bootstrap == "envoy.yaml");
    edit(&mut document);
    let options = Options { behind: Some(server.port), ..options };
    EnvoyGateway::start(world, &document, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// An access token of the world's for its knowledge agent, known by `jti`.
pub(crate) fn token(gateway: &EnvoyGateway, jti: &str) -> String {
    token_with(gateway, jti, |_| {})
}

/// The same with claims that are changed by `edit`.
fn token_with(gateway: &EnvoyGateway, jti: &str, edit: impl FnOnce(&mut Value)) -> String {
    let keys = gateway.world.issuer_keys(streamward::RAS_KNOWLEDGE);
    let mut claims = good_claims(UnixSeconds::from_system_clock(), jti);
    edit(&mut claims);
    mint::access_token(keys.first().expect("a key"), &claims)
}

/// A client script that calls as `agent`.
pub(crate) struct Client<'a> {
    pub(crate) script: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) path: &'a str,
    pub(crate) mode: Value,
}

/// What a script told, by step.
#[derive(Debug)]
pub(crate) struct Steps(BTreeMap<String, Value>);

impl Client<'_> {
    /// Runs the script to its end.
    pub(crate) fn run(&self, gateway: &EnvoyGateway) -> Steps {
        self.run_with(gateway, |_| {})
    }

    /// The same with a token whose claims are changed by `edit`.
    pub(crate) fn run_with(&self, gateway: &EnvoyGateway, edit: impl FnOnce(&mut Value)) -> Steps {
        let world = &gateway.world;
        let files = world.certificates.as_ref().expect("a written world");
        let agent = &files.agents[self.agent];
        let options = json!({
            "host": world.gateway_host, "port": gateway.address().port(), "path": self.path, "mode": self.mode,
            "token": token_with(gateway, self.script, edit),
            "authority": files.authority, "certificate": agent.certificate, "key": agent.key,
        });
        let mut child = client(self.script, &options.to_string()).spawn().expect("the client runs: `make interop`");
        let deadline = Instant::now() + RUN_MAX;
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let reader = std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()).collect::<Vec<_>>()
        });
        while child.try_wait().expect("a child").is_none() {
            if Instant::now() > deadline {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let lines = reader.join().expect("no panic");
        let steps =
            lines.into_iter().map(|line| (line["step"].as_str().unwrap_or_default().to_owned(), line)).collect();
        let steps = Steps(steps);
        // Shown where the test fails: what the gateway decided, next to what the client saw.
        for line in gateway.envoy.logs().lines().filter(|line| line.contains("actgate decision")) {
            println!("{line}");
        }
        assert!(
            steps.0.contains_key("http"),
            "{} did not come to its end: {steps:#?}\n{}",
            self.script,
            gateway.envoy.logs()
        );
        steps
    }
}

impl Steps {
    fn line(&self, step: &str) -> &Value {
        self.0.get(step).unwrap_or_else(|| panic!("no step {step}: {:#?}", self.0))
    }

    /// What a step that succeeded saw.
    pub(crate) fn seen(&self, step: &str) -> &Value {
        let line = self.line(step);
        assert_eq!(line["ok"], true, "{step}: {line}\n{:#?}", self.0);
        &line["seen"]
    }

    /// Asserts that a step succeeded and saw this.
    pub(crate) fn saw(&self, step: &str, want: &Value) {
        assert_eq!(self.seen(step), want, "{step}");
    }

    /// Asserts that a step failed with words that contain `part`.
    pub(crate) fn failed(&self, step: &str, part: &str) {
        let line = self.line(step);
        assert!(line["ok"] == false && line.to_string().contains(part), "{step} should fail with {part}: {line}");
    }
}
