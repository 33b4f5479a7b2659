//! The demo as people run it: it holds on a real Envoy, and every misbehaving issuer is caught by the check made for it.
//!
//! `make test` says where the filter and Envoy are; without that these tests fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A run takes a few seconds; compiling the module on a busy machine is the longest part of it.
const RUN_MAX: Duration = Duration::from_secs(90);
/// How long one that is told to end may take for it.
const END_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// What is wrong, and the code of the check that is made for it.
const LIES: [(&str, &str); 5] = [
    ("widen", "lineage_scope"),
    ("drop-act", "lineage_chain"),
    ("swap-sub", "lineage_subject"),
    ("reuse-jag", "grant_replayed"),
    ("wrong-aud", "lineage_audience"),
];

struct Ended {
    status: Option<i32>,
    text: String,
}

fn program(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty());
    PathBuf::from(path.unwrap_or_else(|| panic!("{variable} is not set; run this by `make test`")))
}

/// A child with its output in a file.
fn start(name: &str, words: &[&str]) -> (Child, PathBuf) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
    fs::create_dir_all(&dir).expect("the build directory can be written");
    let path = dir.join(format!("{name}.txt"));
    let output = File::create(&path).expect("the build directory can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_actgate"));
    command.args(words).arg("--wasm").arg(program("ACTGATE_WASM")).arg("--envoy").arg(program("ACTGATE_ENVOY"));
    command.stdin(Stdio::null()).stderr(output.try_clone().expect("a second handle")).stdout(output);
    (command.spawn().expect("it starts"), path)
}

fn ended(mut child: Child, output: &Path) -> Ended {
    let deadline = Instant::now() + RUN_MAX;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status.code();
        }
        if Instant::now() > deadline {
            // Asked to, it takes its own children with it.
            terminate(&child);
            thread::sleep(END_MAX);
            let _ = child.kill();
            panic!("still running after {RUN_MAX:?}:\n{}", fs::read_to_string(output).unwrap_or_default());
        }
        thread::sleep(POLL);
    };
    let left = std::env::temp_dir().join(format!("actgate-demo-{}", child.id()));
    assert!(!left.exists(), "the run's keys are still in {}", left.display());
    let text = fs::read_to_string(output).expect("the output is there");
    // Every JWT begins with the encoding of an opening brace and a quote.
    assert!(!text.contains("eyJ") && !text.contains("PRIVATE KEY"), "a secret was printed:\n{text}");
    assert!(!text.contains('\u{1b}'), "colours reached a file:\n{text}");
    Ended { status, text }
}

fn terminate(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("an id");
    // The child is not waited for yet, so the id is still its own.
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
}

#[test]
fn the_demo_holds_on_a_real_envoy() {
    let (child, output) = start("good", &["demo"]);
    let Ended { status, text } = ended(child, &output);
    assert_eq!(status, Some(0), "{text}");
    let told = [
        "Hop 1 ",
        "Hop 2 ",
        "Hop 3 ",
        "Hop 4 ",
        "Hop 5 ",
        "Hop 6 ",
        "Hop 7 ",
        "Hop 8 ",
        "chain     Corp-Knowledge-Agent ⟵ orchestrator ⟵ chat app",
        "token_issuer_missing ",
        "actor_unregistered ",
        "scope_forbidden ",
        "token_lifetime_too_long ",
        "delegation_required ",
        "human_required ",
        "\"code\":\"human_required\"",
        "Agentforce-CRM-Agent → get_customer_payment_history → ERP MCP server",
        "scp [\"ERP:payments.read\"]   act Agentforce-CRM-Agent ⟵ orchestrator ⟵ chat app",
        "Corp-Knowledge-Agent → fetch_unstructured_contract_pdf → Aurora DB MCP server",
        "Copilot-Workflow-Agent → read_latest_incident_tickets → OpenAPI gateway",
        "scp [\"ServiceNow:read\"]",
        "Copilot-Workflow-Agent → create_workday_expense_claim → OpenAPI gateway",
        "scp [\"Workday:expense\"]",
        "tool_not_mapped",
        "token_issuer_mismatch",
        "All of it held",
    ];
    let mut rest = text.as_str();
    for part in told {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not told in its place:\n{text}")).1;
    }
}

#[test]
fn every_misbehaving_issuer_is_caught_by_the_check_made_for_it() {
    for (lie, check) in LIES {
        let (child, output) = start(lie, &["demo", "--break", lie]);
        let Ended { status, text } = ended(child, &output);
        assert_eq!(status, Some(1), "{lie}: {text}");
        assert!(text.contains(&format!("BREAK={lie} was caught by {check}.")), "{lie}: {text}");
        assert!(!text.contains("All of it held"), "{lie}: {text}");
    }
}

#[test]
fn a_word_that_breaks_nothing_is_refused() {
    let (child, output) = start("unknown", &["demo", "--break", "nothing"]);
    let Ended { status, text } = ended(child, &output);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("\"nothing\" is not one of widen, drop-act"), "{text}");
}

#[test]
fn what_is_left_up_ends_with_a_signal() {
    let (child, output) = start("run", &["run"]);
    let deadline = Instant::now() + RUN_MAX;
    while !fs::read_to_string(&output).is_ok_and(|text| text.contains("ctrl-c")) {
        assert!(Instant::now() < deadline, "nothing to type is told");
        thread::sleep(POLL);
    }
    terminate(&child);
    let Ended { status, text } = ended(child, &output);
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(text.matches("curl -s").count(), 6, "{text}");
}
