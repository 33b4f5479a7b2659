//! The vectors that a real Envoy can be asked, asked of a real Envoy, and compared with the core's answers.
//!
//! Vectors that edit the configuration or move time are left to the core and the emulated host.

use actgate::dev::world::World;
use actgate_tests::case::{self, Case};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::run;

/// What the shipped bootstrap refuses before the filter sees it: no certificate, no proper request line, a name that is read in two ways.
/// The answer to HEAD has no body either, so it carries no code.
const REFUSED_BY_ENVOY: [&str; 19] = [
    "a2a-version-under-another-spelling",
    "cache-needs-the-caller-again",
    "caller-dpop-header-without-binding",
    "caller-header-instead-of-certificate",
    "caller-hop-5-none",
    "caller-without-certificate",
    "client-headers-under-underscores",
    "method-connect",
    "method-lower-case-post",
    "path-asterisk",
    "path-encoded-nul",
    "path-encoded-slash",
    "path-fragment",
    "path-no-slash",
    "path-not-ascii",
    "method-head",
    "session-id-under-another-spelling",
    "rest-head-not-mapped",
    "rest-method-lower-case",
];

/// What Envoy brings into its one proper form before the filter sees it: the filter then judges that form, and the upstream gets it.
const TIDIED_BY_ENVOY: [&str; 14] = [
    "credential-empty-second",
    "credential-leading-space",
    "credential-trailing-space",
    "host-trailing-dot",
    "path-absolute",
    "path-backslash",
    "path-dot",
    "path-dot-dot",
    "path-dot-dot-parameter",
    "path-empty-segment",
    "path-encoded-dot",
    "path-encoded-letter",
    "path-leading-double-slash",
    "rest-path-double-dot-parameter",
];

fn cases() -> Vec<Case> {
    // One Envoy runs them all, and has had its keys before the first: a failing key endpoint is tried elsewhere.
    let fails_at_keys = |case: &Case| case.issuers.values().flatten().any(|word| word.starts_with("keys:"));
    let asked =
        |case: &Case| case.config.is_empty() && case.load_error.is_none() && case.is_quick() && !fails_at_keys(case);
    let tidied = |case: &Case| TIDIED_BY_ENVOY.contains(&case.id.as_str());
    case::all().into_iter().filter(|case| asked(case) && !tidied(case)).collect()
}

/// True where a claim is a time next to now: minted in one second and judged in the next, it may be on the other side of its bound.
fn is_timed(case: &Case) -> bool {
    case.steps.iter().any(|step| step.token.claims.values().any(|value| value.get("now").is_some()))
}

/// Asserts that Envoy itself turned the request away, and that it reached nobody.
fn refused_by_envoy(world: &World, case: &Case, envoy: &mut EnvoyGateway) -> Result<(), String> {
    match run::run(world, case, envoy) {
        Err(error) if error.contains("got status ") && error.ends_with("upstream: None }") => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(format!("{}: Envoy let it through to the filter", case.id)),
    }
}

fn compare(world: &World, case: &Case, envoy: &mut EnvoyGateway) -> Result<(), String> {
    if REFUSED_BY_ENVOY.contains(&case.id.as_str()) {
        return refused_by_envoy(world, case, envoy);
    }
    let seen = run::run(world, case, envoy)?;
    let document = world.filter_config(Default::default());
    let mut core = CoreGateway::new(world, &document, actgate::dev::issuer::http::UnixSeconds::from_system_clock().0)?;
    let wanted = run::run(world, case, &mut core)?;
    for (step, (seen, wanted)) in seen.iter().zip(&wanted).enumerate() {
        if (seen.status, seen.code()) != (wanted.status, wanted.code()) {
            return Err(format!(
                "{} step {step}: Envoy {} {}, core {} {}",
                case.id,
                seen.status,
                seen.code(),
                wanted.status,
                wanted.code()
            ));
        }
    }
    Ok(())
}

#[test]
fn vectors_hold_in_envoy_and_agree_with_the_core() {
    let world = new_world();
    let document = world.filter_config(Default::default());
    let mut envoy = EnvoyGateway::start(world.clone(), &document, &Options::default()).unwrap();
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        let compared = match compare(&world, case, &mut envoy) {
            Err(_) if is_timed(case) => compare(&world, case, &mut envoy),
            compared => compared,
        };
        if let Err(error) = compared {
            wrong.push(error);
        }
    }
    println!("{} vectors in Envoy", cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
