//! Which vectors reach a check, and which of them fail without it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use actgate::dev::world::{Ports, World};
use actgate_removed_finder::site::Site;
use actgate_tests::case::{self, Case};
use actgate_tests::core_gateway::CoreGateway;
use actgate_tests::gateway::{Gateway as _, Request};
use actgate_tests::run;
use actgate_tests::watched::Watched;
use serde_json::Value;

/// 2026-11-24T00:00:00Z: vectors do not depend on the day they are run.
const NOW: u64 = 1_795_478_400;

/// What stands for the code of a configuration that must not load.
const LOAD_ERROR: &str = "load_error";

/// What was seen of one check.
#[derive(Debug, Default)]
pub struct Tried {
    /// The vectors that reach it.
    pub reached: BTreeSet<String>,
    /// True where it has no value to go on with without it.
    pub needed: bool,
    /// True where a request is never done without it.
    pub endless: bool,
    /// The codes of the refusals that it was the last to make.
    pub made: BTreeMap<String, BTreeSet<String>>,
    /// The vectors that fail without it, by the code that they want.
    pub failed: BTreeMap<String, BTreeSet<String>>,
}

/// What came of one vector.
struct Outcome {
    reached: BTreeSet<u32>,
    needed: BTreeSet<u32>,
    made: Vec<(u32, String)>,
    endless: bool,
    /// The code that was wanted where it went wrong.
    wrong: Option<String>,
}

fn attempt(world: &World, base: &Value, case: &Case, without: Option<u32>) -> Outcome {
    removed::remove(without);
    let mut made = Vec::new();
    let wrong = catch_unwind(AssertUnwindSafe(|| {
        let document = run::configuration(world, case, base);
        let gateway = CoreGateway::new(world, &document, NOW);
        match (gateway, &case.load_error) {
            (Ok(inner), None) => {
                // Which check refused last, each time that a request was refused.
                let mut gateway = Watched::new(inner, |inner: &mut CoreGateway, request: &Request| {
                    removed::begin();
                    let observation = inner.send(request);
                    let code = observation.code();
                    if let Some(check) = removed::last().filter(|_| code != "allowed" && code != "metadata") {
                        made.push((check, code));
                    }
                    observation
                });
                run::run_until_wrong(world, case, &mut gateway).err().map(|wrong| code_of(case, wrong.step))
            }
            (Err(error), Some(part)) if error.contains(part.as_str()) => None,
            (Ok(_), Some(_)) | (Err(_), _) => Some(LOAD_ERROR.to_owned()),
        }
    }));
    // A guest that traps serves nobody, and says nothing of what was wanted.
    let wrong = wrong.unwrap_or_else(|_| Some(code_of(case, case.steps.len().saturating_sub(1))));
    Outcome { reached: removed::reached(), needed: removed::needed(), made, endless: removed::was_endless(), wrong }
}

fn code_of(case: &Case, step: usize) -> String {
    case.steps.get(step).map_or(LOAD_ERROR, |step| step.observed.as_ref().unwrap_or(&step.want)).to_owned()
}

/// Tries every check, on as many threads as there are processors.
///
/// # Errors
///
/// Where vectors fail though nothing was taken out, or where nothing can be.
pub fn all(sites: &[Site]) -> Result<BTreeMap<u32, Tried>, String> {
    let cases = case::all();
    let mut tried: BTreeMap<u32, Tried> = BTreeMap::new();
    let whole = side_by_side(&cases.iter().map(|case| (case, None)).collect::<Vec<_>>());
    let wrong: Vec<&str> =
        whole.iter().filter(|(_, _, outcome)| outcome.wrong.is_some()).map(|(case, ..)| case.id.as_str()).collect();
    if !wrong.is_empty() {
        return Err(format!("with every check in place these fail: {wrong:?}; next: mend them"));
    }
    for (case, _, outcome) in whole {
        for check in &outcome.reached {
            tried.entry(*check).or_default().reached.insert(case.id.clone());
        }
        for check in outcome.needed {
            tried.entry(check).or_default().needed = true;
        }
        for (check, code) in outcome.made {
            tried.entry(check).or_default().made.entry(code).or_default().insert(case.id.clone());
        }
    }
    if tried.is_empty() {
        return Err("no check says that it is reached; next: run harness/setup/removed.sh, which builds this with a core that says so".to_owned());
    }
    let by_id: BTreeMap<&str, &Case> = cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let switched = sites.iter().filter(|site| site.why_not.is_none());
    let trials: Vec<(&Case, Option<u32>)> = switched
        .filter_map(|site| Some((site.number, tried.get(&site.number).filter(|tried| !tried.needed)?)))
        .flat_map(|(number, tried)| tried.reached.iter().map(move |id| (number, id)))
        .map(|(number, id)| (by_id[id.as_str()], Some(number)))
        .collect();
    println!("{} vectors, {} runs without a check", cases.len(), trials.len());
    for (case, without, outcome) in side_by_side(&trials) {
        if let (Some(check), Some(code)) = (without, outcome.wrong) {
            let tried = tried.entry(check).or_default();
            tried.endless |= outcome.endless;
            tried.failed.entry(code).or_default().insert(case.id.clone());
        }
    }
    Ok(tried)
}

fn side_by_side<'c>(trials: &[(&'c Case, Option<u32>)]) -> Vec<(&'c Case, Option<u32>, Outcome)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(trials.iter());
    let done = Mutex::new(Vec::with_capacity(trials.len()));
    let endless = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let world = World::in_memory(Ports::default());
                let base = world.filter_config(Default::default());
                loop {
                    let next = left.lock().expect("no thread panics here").next();
                    let Some((case, without)) = next else { return };
                    // Seen once, it need not be waited for again.
                    if without.is_some_and(|check| endless.lock().expect("no thread panics here").contains(&check)) {
                        continue;
                    }
                    let outcome = attempt(&world, &base, case, *without);
                    if outcome.endless {
                        endless.lock().expect("no thread panics here").extend(*without);
                    }
                    done.lock().expect("no thread panics here").push((*case, *without, outcome));
                }
            });
        }
    });
    done.into_inner().expect("no thread panics here")
}
