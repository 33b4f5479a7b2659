//! The vectors that a real Envoy can be asked, asked of a real Envoy, and compared with the core's answers.
//!
//! Vectors that edit the configuration or move time are left to the core and the emulated host.

use actgate::dev::world::World;
use actgate_tests::case::{self, Case};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::envoy_gateway::{EnvoyGateway, Options, new_world};
use actgate_tests::run;

fn cases() -> Vec<Case> {
    case::all().into_iter().filter(|case| case.config.is_empty() && case.is_quick()).collect()
}

fn compare(world: &World, case: &Case, envoy: &mut EnvoyGateway) -> Result<(), String> {
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
        if let Err(error) = compare(&world, case, &mut envoy) {
            wrong.push(error);
        }
    }
    println!("{} vectors in Envoy", cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}\n{}", wrong.len(), cases.len(), wrong.join("\n"), envoy.envoy.logs());
}
