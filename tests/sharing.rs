//! Every vector once more, run against the core with shared data: honest, damaged, moved and forgetful.
//!
//! What stands in shared data may cost a call or save one, and changes no answer.

use actgate::dev::world::{Ports, World};
use actgate_tests::case::{self, Case};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::run;
use actgate_tests::store::{Manner, Store};
use serde_json::{Value, json};

/// 2026-11-24T00:00:00Z, as for all vectors.
const NOW: u64 = 1_795_478_400;

fn answers(world: &World, base: &Value, case: &Case, manner: Option<Manner>) -> Result<Vec<String>, String> {
    let mut document = run::configuration(world, case, base);
    if manner.is_some() {
        document["sharing"] = json!({"secret": {"insecure_inline": "0123456789abcdef0123456789abcdef"}});
    }
    let mut gateway = match manner {
        None => CoreGateway::new(world, &document, NOW)?,
        Some(manner) => CoreGateway::sharing(world, &document, NOW, Box::new(Store::new(manner)))?,
    };
    let seen = run::run(world, case, &mut gateway)?;
    Ok(seen.iter().map(|seen| format!("{} {}", seen.status, seen.code())).collect())
}

#[test]
fn no_vector_is_answered_otherwise_whatever_stands_in_shared_data() {
    let world = World::in_memory(Ports::default());
    let base = world.filter_config(Default::default());
    let mut wrong = Vec::new();
    let wicked = [Manner::Damaged, Manner::Moved, Manner::Forgetful].into_iter().cycle();
    for (case, wicked) in case::all().iter().filter(|case| case.load_error.is_none()).zip(wicked) {
        let wanted = answers(&world, &base, case, None);
        for manner in [Manner::Honest, wicked] {
            let seen = answers(&world, &base, case, Some(manner));
            if seen != wanted {
                wrong.push(format!("{} {manner:?}: {seen:?}, and without sharing {wanted:?}", case.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
